"""A LaTeX table as papers print them, no wider than the column of a two-column page; it needs the package booktabs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dircli.report.values import Cell, legend, rows, shown
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import Result

ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)
ARROWS = {"lower": r" $\downarrow$", "higher": r" $\uparrow$", "nearer zero": "", "neither": ""}
MARKS = {"*": "$^{*}$", "†": r"$^{\dagger}$"}
HEADS = {"medium": "Med.", "interpolation": "Interp.", "extrapolation": "Extrap.", "with-data": "w/ data"}
"""What the paper's tables call the regions, where it is not their names."""
UNDERLINED = 3
"""From so many scores on the second best is underlined; of two it would be the worse one."""
COLUMN = 229.0
"""Points: the column of a two-column page, as `article` has it in 10 pt."""
NAMES = 90.0, 45.0
"""Points that the names of systems may take: at first, and where regions would else have to stand below each other."""
GAP = 3.0
"""Points to each side of a column."""
SMALL, BOLD = 0.8, 1.15
DASH = "\N{EN DASH}"
WIDTHS = (
    dict.fromkeys("ijl.,;:|!'`()[] ", 2.8)
    | dict.fromkeys("frstI/_", 4.0)
    | dict.fromkeys(f"0123456789{DASH}", 5.0)
    | dict.fromkeys("-ABCDEFGHJKLNOPQRSTUVXYZ&<>%@w", 7.8)
    | dict.fromkeys("mMW", 10.3)
)
"""Points of a character in Computer Modern at 10 pt, roundly; a minus is wider than a hyphen."""

Row = tuple[str, list[Cell]]


def render(result: Result, decimals: int) -> str:
    """A row per system: metrics side by side where they fit, else below each other, regions too where they must.

    The best is bold, and of three or more the second underlined; an interval or spread stands under its score.
    """
    result = shown(result)
    by_metric = _spelled({name: list(_rows(result, name, decimals)) for name in result.metrics})
    lines = _beside(result, by_metric) or _stacked(result, by_metric)
    notes = [rf"\par\smallskip{{\footnotesize {_words(line)}\par}}" for line in legend(result)]
    head = [f"% {result.signature}", r"% \usepackage{booktabs}", rf"{{\setlength{{\tabcolsep}}{{{GAP:g}pt}}%"]
    return "\n".join([*head, *lines, *notes, "}", ""])


def _rows(result: Result, metric: str, decimals: int) -> Iterator[Row]:
    for system, cells in rows(result, metric, decimals):
        yield " ".join(system.name.split()), cells


def _spelled(by_metric: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows with the intervals of all of them written in one way: a minus beside a dash is hard to read."""
    details = [cell.detail for table in by_metric.values() for _, cells in table for cell in cells]
    between = " to " if any("-" in detail for detail in details) else DASH

    def spelled(cells: list[Cell]) -> list[Cell]:
        return [replace(cell, detail=cell.detail.replace("..", between)) for cell in cells]

    return {name: [(system, spelled(cells)) for system, cells in table] for name, table in by_metric.items()}


def _beside(result: Result, by_metric: dict[str, list[Row]]) -> list[str]:
    """The regions under each metric; nothing where a column of the page is too narrow for that."""
    regions, names = result.regions, [system.name for system in result.systems]
    columns = [width for table in by_metric.values() for width in _columns(table, regions)]
    if _first(names, NAMES[0]) + sum(columns) > COLUMN:
        return []
    width = len(regions)
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{_title(name)}}}" for name in by_metric]
    rules = [rf"\cmidrule(lr){{{2 + width * k}-{1 + width * (k + 1)}}}" for k in range(len(by_metric))]
    joined = [
        (each[0][0], [cell for _, cells in each for cell in cells]) for each in zip(*by_metric.values(), strict=True)
    ]
    counts = [count for table in by_metric.values() for count in _counts(table)]
    body = [line for row in joined for line in _lines(row, counts, NAMES[0])]
    top = [_line("", *heads), "".join(rules), _line("System", *map(_head, regions * len(by_metric)))]
    return _tabular(width * len(by_metric), [*top, r"\midrule", *body])


def _stacked(result: Result, by_metric: dict[str, list[Row]]) -> list[str]:
    """The metrics below each other, and as many regions beside each other as fit."""
    limit, parts = _parts(result, by_metric)
    width, lines = max(map(len, parts)), list[str]()
    for part in parts:
        lines += [r"\midrule"] if lines else []
        lines += [_line("System", *(_head(result.regions[k]) for k in part))]
        for name, table in by_metric.items():
            counts = _counts(table)
            lines += [r"\midrule", rf"\multicolumn{{{1 + len(part)}}}{{@{{}}l@{{}}}}{{{_title(name)}}} \\"]
            for system, cells in table:
                row = system, [cells[k] for k in part]
                lines += _lines(row, [counts[k] for k in part], limit)
    return _tabular(width, lines)


def _parts(result: Result, by_metric: dict[str, list[Row]]) -> tuple[float, list[range]]:
    """The points of the names, and the places of the regions beside each other: the fewest parts that fit."""
    names, regions = [system.name for system in result.systems], result.regions
    columns = [max(widths) for widths in zip(*(_columns(table, regions) for table in by_metric.values()), strict=True)]
    for number in range(1, len(regions) + 1):
        size = -(-len(regions) // number)
        parts = [range(first, min(first + size, len(regions))) for first in range(0, len(regions), size)]
        for limit in NAMES:
            if all(_first(names, limit) + sum(columns[k] for k in part) <= COLUMN for part in parts):
                return limit, parts
    return NAMES[-1], [range(k, k + 1) for k in range(len(regions))]


def _tabular(columns: int, lines: Sequence[str]) -> list[str]:
    begin = rf"\begin{{tabular}}{{@{{}}l{'r' * columns}@{{}}}}"
    return [begin, r"\toprule", *lines, r"\bottomrule", r"\end{tabular}"]


def _line(*cells: str) -> str:
    return " & ".join(cells) + r" \\"


def _lines(row: Row, counts: Sequence[int], limit: float) -> Iterator[str]:
    """The row of a system, and under it intervals or spreads where there are some."""
    name, cells = row
    folded = [_escaped(line) for line in _folded(name, limit)]
    first = r" \\ ".join(folded)
    first = rf"\shortstack[l]{{{first}}}" if folded[1:] else first
    yield _line(first, *(_score(cell, count) for cell, count in zip(cells, counts, strict=True)))
    if any(cell.detail for cell in cells):
        yield _line("", *(rf"\scriptsize {_detail(cell.detail)}" if cell.detail else "" for cell in cells))


def _escaped(line: str) -> str:
    """``line`` as LaTeX shows it: a [ or * that begins it would belong to the end of the row before."""
    return f"{{{line[0]}}}{line[1:].translate(ESCAPED)}" if line.startswith(("[", "*")) else line.translate(ESCAPED)


def _counts(table: Sequence[Row]) -> list[int]:
    """How many systems have a score, by region."""
    return [sum(cell.value is not None for cell in cells) for cells in zip(*(cells for _, cells in table), strict=True)]


def _score(cell: Cell, count: int) -> str:
    score = "--" if cell.value is None else cell.text.replace("-", "$-$")
    if cell.place == 0:
        score = rf"\textbf{{{score}}}"
    elif cell.place == 1 and count >= UNDERLINED:
        score = rf"\underline{{{score}}}"
    return score + (rf"\rlap{{{MARKS[cell.mark]}}}" if cell.mark else "")  # digits stay below digits


def _detail(detail: str) -> str:
    return detail.replace("-", "$-$").replace("± ", r"$\pm$").replace(DASH, "--")


def _words(line: str) -> str:
    start, rest = (MARKS[line[0]], line[1:]) if line[:1] in MARKS else ("", line)
    return start + rest.translate(ESCAPED)


def _title(metric: str) -> str:
    title = re.sub("δ(.)", r"$\\delta_{\1}$", EVERY[metric].title)
    return title + ARROWS[EVERY[metric].better]


def _head(region: str) -> str:
    return HEADS.get(region, region.capitalize())


def _columns(table: Sequence[Row], regions: Sequence[str]) -> list[float]:
    """The points of each region's column with its gaps."""
    widths = [_width(_head(region)) for region in regions]
    for _, cells in table:
        scores = [_width(cell.text) * (BOLD if cell.place == 0 else 1) for cell in cells]
        details = [_width(cell.detail) * SMALL for cell in cells]
        widths = list(map(max, widths, scores, details))
    return [width + 2 * GAP for width in widths]


def _first(names: Sequence[str], limit: float) -> float:
    """The points of the column of names; its gaps and those of the others at the ends of the table cancel out."""
    return max(_width(line) for name in ("System", *names) for line in _folded(name, limit))


def _folded(name: str, limit: float) -> list[str]:
    """``name`` in lines of at most ``limit`` points, parted between its words where that does."""
    lines = [""]
    for word in re.findall(r"[^ _/+-]+[ _/+-]*|[ _/+-]+", " ".join(name.split())):
        for part in [word] if _width(word) <= limit else word:
            lines += [""] if lines[-1] and _width(lines[-1] + part) > limit else []
            lines[-1] += part
    return [line.strip() for line in lines]


def _width(text: str) -> float:
    return sum(WIDTHS.get(letter, 5.6 if letter.isascii() else 10.0) for letter in text)
