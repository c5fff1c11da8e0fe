"""A Markdown table as GitHub shows it."""

import re

from dircli.report.values import Cell, legend, number, rows, shown
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import Result

SPECIAL = re.compile(r"[\\|*`<>\[\]~&]|(?<![^\W_])_|_(?![^\W_])")


def render(result: Result, decimals: int) -> str:
    """A row per metric and system, best in bold, and the signature under them."""
    result = shown(result)
    lines = [_row("score", "system", *result.regions), "| --- | --- |" + " ---: |" * len(result.regions)]
    sizes = [[number(system.score(region, "n")) for region in result.regions] for system in result.systems]
    if all(cells == sizes[0] for cells in sizes):  # the rows of each region, once where they are those of every system
        lines.append(f"| n | | {' | '.join(sizes[0])} |")
    else:
        lines += [_row("n", plain(each.name), *cells) for each, cells in zip(result.systems, sizes, strict=True)]
    for name in result.metrics:
        for system, cells in rows(result, name, decimals):
            lines.append(_row(EVERY[name].title, plain(system.name), *map(_shown, cells)))
    notes = [f"{plain(line)}  " for line in legend(result)]
    return "\n".join([*lines, "", *notes, f"`{result.signature}`", ""])


def _shown(cell: Cell) -> str:
    score = (f"**{cell.text}**" if cell.place == 0 else cell.text) + cell.mark.replace("*", r"\*")
    return f"{score} ({cell.detail.replace('..', ' – ')})" if cell.detail else score


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def plain(name: str) -> str:
    """A name as Markdown shows it unchanged; an underscore within a word means nothing there and stays readable."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(name.split()))
