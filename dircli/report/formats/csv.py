"""One row per system and region, for spreadsheets."""

import csv
import io

from dircli.report.values import shown
from dircli.scores.results import Result


def render(result: Result, decimals: int) -> str:  # noqa: ARG001 - CSV keeps every digit
    """Scores in full precision, undefined ones empty; ends of intervals and spreads over seeds, where there are any."""
    result = shown(result)
    names = result.metrics
    regions = [(system.name, region, scores) for system in result.systems for region, scores in system.regions.items()]
    bounded = names if any(scores.ci is not None for *_, scores in regions) else []
    spread = names if result.groups else []
    ends = [f"{name}_{end}" for name in bounded for end in ("low", "high")]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["signature", "system", "region", "n", "bins", *names, *ends, *(f"{name}_sd" for name in spread)])
    for system, region, scores in regions:
        intervals = [end for name in bounded for end in (scores.ci or {}).get(name) or (None, None)]
        spreads = [(scores.sd or {}).get(name) for name in spread]
        values = [scores.score(name) for name in ("n", "bins", *names)]
        writer.writerow([result.signature, system, region, *values, *intervals, *spreads])
    return text.getvalue()
