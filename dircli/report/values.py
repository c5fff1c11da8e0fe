"""What every format shows of a result: its scores with their order, intervals and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dircli.scores.by_region import Score
    from dircli.scores.results import RegionScores, Result, SystemResult

NULL = "–"
WHOLE = 1e16  # from here on a double has no decimals, and is shown as a power of ten
MARKS = {"better": "*", "worse": "†"}
LEGEND = {"better": "* better than {baseline}", "worse": "† worse than {baseline}"}
NO_MARK = "no score is significantly better or worse than that of {baseline}"
TEST = ", the first file (paired permutation test, Holm-corrected p < 0.05)"
BY_FILE = "intervals and tests are of single files: they stand in JSON, or in the table without --seeds"


def number(value: Score, decimals: int = 3) -> str:
    """A score as a table shows it: counts with thousands separators, an undefined score as a dash."""
    if value is None:
        return NULL
    return f"{value:,}" if isinstance(value, int) else _decimal(value, decimals)


def _decimal(value: float, decimals: int) -> str:
    return f"{value:.{decimals}{'e' if abs(value) >= WHOLE else 'f'}}"


def shown(result: Result) -> Result:
    """The result with the seeds of one system shown as one, where they were grouped."""
    return replace(result, systems=result.groups) if result.groups else result


@dataclass(frozen=True)
class Cell:
    """One score as tables show it, with its interval or spread over seeds as ``detail``.

    ``place`` is 0 for the best of several systems, and equal scores share one; None where the metric has no better and
    worse. ``mark`` is a star where the system is significantly better than the baseline, a dagger where worse.
    """

    value: Score
    text: str
    place: int | None
    mark: str
    detail: str


def rows(
    result: Result, metric: str, decimals: int, regions: Sequence[str] = ()
) -> Iterator[tuple[SystemResult, list[Cell]]]:
    """Each system with its scores in ``regions``, by default all."""
    places = {region: _places(result, region, metric) for region in regions or result.regions}
    for system in result.systems:
        cells = []
        for region, place in places.items():
            value = system.score(region, metric)
            verdict = result.comparison.verdict(system.name, region, metric) if result.comparison else None
            detail = _detail(system.regions.get(region), metric, decimals)
            cells.append(
                Cell(value, number(value, decimals), place.get(system.name), MARKS.get(verdict or "", ""), detail)
            )
        yield system, cells


def _places(result: Result, region: str, name: str) -> dict[str, int]:
    """The place of each system that has this score; none of a single system."""
    from dircli.scores.metrics.table import EVERY

    metric = EVERY[name]
    if len(result.systems) == 1 or metric.better == "neither":
        return {}
    scores = {system.name: system.score(region, name) for system in result.systems}
    badness = {system: metric.badness(value) for system, value in scores.items() if value is not None}
    ranked = sorted(set(badness.values()))
    return {system: ranked.index(value) for system, value in badness.items()}


def _detail(scores: RegionScores | None, metric: str, decimals: int) -> str:
    if scores and scores.ci and (ends := scores.ci.get(metric)):
        return "..".join(_decimal(end, decimals) for end in ends)
    spread = scores.sd.get(metric) if scores and scores.sd else None
    return "" if spread is None else f"± {_decimal(spread, decimals)}"


def legend(result: Result) -> list[str]:
    """Where systems were compared, a line for each mark that stands beside a score; the first names the test.

    Where their seeds are shown as one, there are no marks, and a line says so.
    """
    compared = result.comparison
    if result.groups and result.drawn:
        return [BY_FILE]
    if compared is None:
        return []
    places = product((system.name for system in result.systems), result.regions, result.metrics)
    verdicts = {compared.verdict(*place) for place in places}
    first, *rest = [line for verdict, line in LEGEND.items() if verdict in verdicts] or [NO_MARK]
    return [line.format(baseline=compared.baseline) for line in (first + TEST, *rest)]
