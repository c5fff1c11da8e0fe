"""What every format shows of a result: numbers, the order of systems, intervals and verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dircli.scores.metrics.table import EVERY

if TYPE_CHECKING:
    from dircli.scores.by_region import Score
    from dircli.scores.results import Result, SystemResult

NULL = "–"
MARKS = {"better": "*", "worse": "†"}
LEGEND = (
    "* better than {baseline}, the first file (paired permutation test, Holm-corrected p < 0.05)",
    "† worse than {baseline}",
)


def number(value: Score, decimals: int = 3) -> str:
    """A score as a table shows it: counts with thousands separators, an undefined score as a dash."""
    if value is None:
        return NULL
    return f"{value:,}" if isinstance(value, int) else f"{value:.{decimals}f}"


def shown(result: Result) -> Result:
    """The result with the seeds of one system shown as one, where they were grouped."""
    return replace(result, systems=result.groups) if result.groups else result


def order(result: Result, region: str, name: str) -> dict[str, int]:
    """The place of each system that has this score, 0 for the best; equal scores share one, and one system has none."""
    metric = EVERY[name]
    if len(result.systems) == 1 or metric.better == "neither":
        return {}
    scores = {system.name: system.score(region, name) for system in result.systems}
    badness = {system: metric.badness(value) for system, value in scores.items() if value is not None}
    ranked = sorted(set(badness.values()))
    return {system: ranked.index(value) for system, value in badness.items()}


def detail(system: SystemResult, region: str, name: str, decimals: int) -> str:
    """What stands under or behind a score: its interval, else its spread over seeds, else nothing."""
    scores = system.regions.get(region)
    if scores is None:
        return ""
    if ends := (scores.ci or {}).get(name):
        return f"{ends[0]:.{decimals}f}..{ends[1]:.{decimals}f}"
    spread = (scores.sd or {}).get(name)
    return "" if spread is None else f"± {spread:.{decimals}f}"


def mark(result: Result, system: SystemResult, region: str, name: str) -> str:
    """A star where the system is significantly better than the baseline, a dagger where worse."""
    verdict = result.comparison.verdict(system.name, region, name) if result.comparison else None
    return MARKS[verdict] if verdict else ""


def legend(result: Result) -> list[str]:
    """A line for each mark, where systems were compared."""
    return [line.format(baseline=result.comparison.baseline) for line in LEGEND] if result.comparison else []
