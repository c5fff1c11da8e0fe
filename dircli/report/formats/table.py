"""The result for a terminal: narrow tables with regions as columns, as in the paper; or its numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from dircli.report import console
from dircli.report.tables import plain_table
from dircli.report.values import legend, number, rows, shown
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import Result

if TYPE_CHECKING:
    from rich.table import Table


def render(result: Result, decimals: int, *, to_file: bool = False) -> str:
    """The table of scores with its legend and signature under it, as text for the terminal at hand, or for a file."""
    result = shown(result)
    screen = console.of_file() if to_file else console.out()
    parts = [console.fitting(part, screen) for part in fitted(result, screen.width, decimals)]
    with screen.capture() as captured:
        for place, part in enumerate(parts):
            screen.print(*[""] * (place > 0), part, sep="\n")
    return captured.get() + "".join(f"{line}\n" for line in (*legend(result), result.signature))


def scores_only(result: Result, decimals: int) -> str:
    """A line per system: its scores with tabs between, metric by metric, each in the order of the regions."""
    lines = []
    for system in result.systems:
        scores = [system.score(region, name) for name in result.metrics for region in result.regions]
        shown_scores = ("null" if score is None else number(score, decimals).replace(",", "") for score in scores)
        lines.append("\t".join(shown_scores) + "\n")
    return "".join(lines)


def fitted(result: Result, width: int, decimals: int = 3, *, by: str = "system") -> list[Table]:
    """The scores in as many tables as a terminal of ``width`` columns needs, each with some of the regions.

    Where a single region is too wide, its table is left as wide as it is.
    """
    rest, parts = result.regions, []
    screen = console.out()
    screen.width = width
    while rest:
        for take in range(len(rest), 0, -1):
            part = _scores(result, rest[:take], decimals, by=by)
            if console.fits(part, screen):
                break
        parts.append(part)
        rest = rest[take:]
    return parts


def _scores(result: Result, regions: Sequence[str], decimals: int, *, by: str) -> Table:
    """Scores by metric and system, one column per region; an interval or a spread stands under its score.

    The sizes of the regions are shown per system only where they differ. ``by`` heads the column of systems.
    """
    systems = result.systems
    names = [Text(" ".join(system.name.split())) for system in systems]  # as it is: markup is for our own words
    several = len(systems) > 1
    table = plain_table("", *([by] if several else []), *regions, left=1 + several)
    for name in ("n", "bins"):
        sizes = [[number(system.score(region, name)) for region in regions] for system in systems]
        differ = any(counts != sizes[0] for counts in sizes)
        for row, counts in enumerate(sizes if differ else sizes[:1]):
            owner = names[row] if differ else Text()
            table.add_row(name if row == 0 else "", *([owner] if several else []), *counts)
    for name in result.metrics:
        if several:
            table.add_section()
        for row, (_, cells) in enumerate(rows(result, name, decimals, regions)):
            head: list[str | Text] = [EVERY[name].title if row == 0 else "", *([names[row]] if several else [])]
            table.add_row(*head, *(cell.text + cell.mark for cell in cells))
            if any(cell.detail for cell in cells):
                table.add_row(*[""] * len(head), *(cell.detail for cell in cells), style="dim")
    return table
