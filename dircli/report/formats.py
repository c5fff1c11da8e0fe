"""One result in every format: table, JSON, CSV, Markdown and LaTeX, each from the same values."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from dircli.metrics import EVERY
from dircli.report.json import as_text
from dircli.report.tables import NULL, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex", ".txt": "table"}
BEST, SECOND = 0, 1


def regions_of(result: Mapping[str, Any]) -> list[str]:
    """The regions of all systems, in their order."""
    return list(dict.fromkeys(region for system in result["systems"] for region in system["regions"]))


def metrics_of(result: Mapping[str, Any]) -> list[str]:
    """The metrics that were computed, in their order."""
    return [name for name in result["systems"][0]["regions"]["all"] if name in EVERY]


def score(system: Mapping[str, Any], region: str, name: str) -> Any:
    """One score of one system; None where it is undefined or the region has no rows."""
    return system["regions"].get(region, {}).get(name)


def interval(system: Mapping[str, Any], region: str, name: str) -> Any:
    """The interval of one score, (low, high), or None."""
    return system["regions"].get(region, {}).get("ci", {}).get(name)


def order(result: Mapping[str, Any], region: str, name: str) -> dict[str, int]:
    """The place of each system that has this score, 0 for the best; equal scores share one, and one system has none."""
    better = EVERY[name].better
    if len(result["systems"]) == 1 or better == "neither":
        return {}
    keyed = {}
    for system in result["systems"]:
        value = score(system, region, name)
        if value is not None:
            keyed[system["name"]] = -value if better == "higher" else abs(value) if better == "nearer zero" else value
    ranked = sorted(set(keyed.values()))
    return {system: ranked.index(key) for system, key in keyed.items()}


def csv_text(result: Mapping[str, Any], decimals: int) -> str:  # noqa: ARG001 - a CSV keeps every digit
    """One row per system and region, full precision, an undefined score empty; intervals where there are any."""
    names = metrics_of(result)
    ci = any("ci" in region for system in result["systems"] for region in system["regions"].values())
    bounds = [f"{name}_{end}" for name in names for end in ("low", "high")] if ci else []
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["signature", "system", "region", "n", "bins", *names, *bounds])
    for system in result["systems"]:
        for region, found in system["regions"].items():
            scores = [found[name] for name in ("n", "bins", *names)]
            ends = [end for name in names for end in found.get("ci", {}).get(name) or (None, None)] if ci else []
            writer.writerow([result["signature"], system["name"], region, *scores, *ends])
    return text.getvalue()


def markdown(result: Mapping[str, Any], decimals: int) -> str:
    """A table with one row per metric and system, best in bold, and the signature under it."""
    regions = regions_of(result)
    lines = ["| score | system | " + " | ".join(regions) + " |", "| --- | --- |" + " ---: |" * len(regions)]
    lines += _markdown_sizes(result, regions)
    for name in metrics_of(result):
        places = {region: order(result, region, name) for region in regions}
        for system in result["systems"]:
            cells = []
            for region in regions:
                cell = number(score(system, region, name), decimals)
                bounds = interval(system, region, name)
                bold = places[region].get(system["name"]) == BEST
                cell = f"**{cell}**" if bold else cell
                cells.append(cell + (f" ({bounds[0]:.{decimals}f} – {bounds[1]:.{decimals}f})" if bounds else ""))
            lines.append(f"| {EVERY[name].title} | {_plain(system['name'])} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"`{result['signature']}`", ""])


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


__all__ = ["ENDINGS", "NULL", "csv_text", "json_text", "latex", "markdown", "order", "scores_only"]
