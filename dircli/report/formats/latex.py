"""A LaTeX table as the paper prints them; it needs the package booktabs."""

from itertools import chain

from dircli.report.values import rows, shown
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import Result

ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)
ARROWS = {"lower": r" $\downarrow$", "higher": r" $\uparrow$", "nearer zero": "", "neither": ""}
BY_PLACE = {0: r"\textbf{%s}", 1: r"\underline{%s}"}


def render(result: Result, decimals: int) -> str:
    """A row per system, the regions under each metric; the best is bold, the second underlined."""
    result = shown(result)
    width = len(result.regions)
    metrics = [EVERY[name] for name in result.metrics]
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{metric.title}{ARROWS[metric.better]}}}" for metric in metrics]
    rules = [rf"\cmidrule(lr){{{2 + width * k}-{1 + width * (k + 1)}}}" for k in range(len(metrics))]
    lines = [
        rf"% {result.signature}",
        rf"\begin{{tabular}}{{l{'r' * width * len(metrics)}}}",
        r"\toprule",
        " & ".join(["", *heads]) + r" \\",
        "".join(rules),
        " & ".join(["System", *(region.capitalize() for _ in metrics for region in result.regions)]) + r" \\",
        r"\midrule",
    ]
    columns = ([cells for _, cells in rows(result, name, decimals)] for name in result.metrics)
    for system, *by_metric in zip(result.systems, *columns, strict=True):
        row = [" ".join(system.name.split()).translate(ESCAPED)]
        for cell in chain(*by_metric):
            score = "--" if cell.value is None else cell.text.replace("-", "$-$")
            row.append(score if cell.place is None else BY_PLACE.get(cell.place, "%s") % score)
        lines.append(" & ".join(row) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])
