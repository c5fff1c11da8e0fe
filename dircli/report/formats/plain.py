"""One result in every format: table, JSON, CSV, Markdown and LaTeX, each from the same values."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from dircli.report.formats.json import as_text
from dircli.report.values import detail, legend, mark, metrics_of, number, order, regions_of, score, shown
from dircli.scores.metrics.table import EVERY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex", ".txt": "table"}
BEST, SECOND = 0, 1


def csv_text(result: Mapping[str, Any], decimals: int) -> str:  # noqa: ARG001 - a CSV keeps every digit
    """One row per system and region, full precision, an undefined score empty; intervals where there are any."""
    result = shown(result)
    names = metrics_of(result)
    sd = "groups" in result
    ci = any("ci" in region for system in result["systems"] for region in system["regions"].values())
    bounds = [f"{name}_{end}" for name in names for end in ("low", "high")] if ci else []
    spreads = [f"{name}_sd" for name in names] if sd else []
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["signature", "system", "region", "n", "bins", *names, *bounds, *spreads])
    for system in result["systems"]:
        for region, found in system["regions"].items():
            scores = [found[name] for name in ("n", "bins", *names)]
            ends = [end for name in names for end in found.get("ci", {}).get(name) or (None, None)] if ci else []
            spread = [found["sd"][name] for name in names] if sd else []
            writer.writerow([result["signature"], system["name"], region, *scores, *ends, *spread])
    return text.getvalue()


def markdown(result: Mapping[str, Any], decimals: int) -> str:
    """A table with one row per metric and system, best in bold, and the signature under it."""
    result = shown(result)
    regions = regions_of(result)
    lines = ["| score | system | " + " | ".join(regions) + " |", "| --- | --- |" + " ---: |" * len(regions)]
    lines += _markdown_sizes(result, regions)
    for name in metrics_of(result):
        places = {region: order(result, region, name) for region in regions}
        for system in result["systems"]:
            cells = []
            for region in regions:
                cell = number(score(system, region, name), decimals)
                cell = f"**{cell}**" if places[region].get(system["name"]) == BEST else cell
                cell += mark(result, system, region, name).replace("*", r"\*")
                more = detail(system, region, name, decimals)
                cells.append(f"{cell} ({more.replace('..', ' – ')})" if more else cell)
            lines.append(f"| {EVERY[name].title} | {_plain(system['name'])} | {' | '.join(cells)} |")
    notes = [_plain(line) for line in legend(result)]
    return "\n".join([*lines, "", *(f"{note}  " for note in notes), f"`{result['signature']}`", ""])


def _markdown_sizes(result: Mapping[str, Any], regions: Sequence[str]) -> Iterator[str]:
    """The rows of each region, once where they are those of every system."""
    sizes = [[number(score(system, region, "n")) for region in regions] for system in result["systems"]]
    alike = all(each == sizes[0] for each in sizes)
    for system, cells in zip(result["systems"][:1] if alike else result["systems"], sizes, strict=False):
        yield f"| n | {'' if alike else _plain(system['name']) + ' '}| {' | '.join(cells)} |"


MARKS = re.compile(r"[\\|*`<>\[\]~&]|(?<![^\W_])_|_(?![^\W_])")


def _plain(name: str) -> str:
    """A name as Markdown shows it unchanged; an underscore within a word means nothing there and stays readable."""
    return MARKS.sub(r"\\\g<0>", " ".join(name.split()))


LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)


def latex(result: Mapping[str, Any], decimals: int) -> str:
    """A booktabs table as in the paper: a row per system, regions under each metric, best bold, second underlined."""
    result = shown(result)
    regions, names = regions_of(result), metrics_of(result)
    width = len(regions)
    arrows = {"lower": r" $\downarrow$", "higher": r" $\uparrow$"}
    heads = [
        rf"\multicolumn{{{width}}}{{c}}{{{EVERY[name].title}{arrows.get(EVERY[name].better, '')}}}" for name in names
    ]
    rules = [rf"\cmidrule(lr){{{2 + width * k}-{1 + width * (k + 1)}}}" for k in range(len(names))]
    lines = [
        rf"% {result['signature']}",
        rf"\begin{{tabular}}{{l{'r' * width * len(names)}}}",
        r"\toprule",
        " & ".join(["", *heads]) + r" \\",
        "".join(rules),
        " & ".join(["System", *(region.capitalize() for _ in names for region in regions)]) + r" \\",
        r"\midrule",
        *_latex_rows(result, names, regions, decimals),
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
    return "\n".join(lines)


def _latex_rows(
    result: Mapping[str, Any], names: Sequence[str], regions: Sequence[str], decimals: int
) -> Iterator[str]:
    places = {(name, region): order(result, region, name) for name in names for region in regions}
    for system in result["systems"]:
        cells = [" ".join(system["name"].split()).translate(LATEX)]
        for name in names:
            for region in regions:
                value = score(system, region, name)
                cell = "--" if value is None else number(value, decimals).replace("-", "$-$")
                place = places[name, region].get(system["name"])
                wrap = {BEST: r"\textbf{%s}", SECOND: r"\underline{%s}"}.get(-1 if place is None else place, "%s")
                cells.append(wrap % cell)
        yield " & ".join(cells) + r" \\"


def scores_only(result: Mapping[str, Any], decimals: int) -> str:
    """A line per system: its scores with tabs between, metric by metric, each in the order of the regions."""
    lines = []
    for system in result["systems"]:
        cells = [(score(system, region, name)) for name in metrics_of(result) for region in regions_of(result)]
        lines.append("\t".join("null" if cell is None else number(cell, decimals).replace(",", "") for cell in cells))
    return "\n".join(lines) + "\n"


def json_text(result: Mapping[str, Any], decimals: int) -> str:  # noqa: ARG001 - JSON keeps every digit
    """The result itself."""
    return as_text(result)
