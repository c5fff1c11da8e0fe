"""What lies behind the scores of one file: both protocols, rows that change region, and signs of a mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.benchmark.protocol import PROTOCOLS
from dircli.datasets.open import open_benchmark
from dircli.scores.by_region import scores
from dircli.scores.from_files import paired

if TYPE_CHECKING:
    from pathlib import Path

    from dircli.arrays import FloatArray
    from dircli.benchmark.benchmark import Benchmark
    from dircli.scores.by_region import Reference
    from dircli.scores.from_files import ScoreOptions

SWAPPED = 0.3
"""How much better the correlation with the targets in file order must be before the ids are doubted."""


def explain(
    path: str, request: ScoreOptions, *, name: str | None, root: Path, bins_file: Path | None
) -> dict[str, Any]:
    """Everything worth knowing about the scores of the file at ``path``.

    ``protocols``: its scores under each. ``moved``: bins whose region differs between the protocols, with their rows.
    ``exact``: exact hits per region, and GM with and without them, by the released protocol. ``warnings``: sentences
    about rounded, constant or impossible predictions, and ids that may stand in the wrong order.
    """
    against = open_benchmark(name, root, bins_file)
    # read once, for the file may be a stream
    found, reference, values = paired(path, against, split=request.split, protocol="released", layout=request.layout)
    regions = against.table.regions
    references = {name: replace(reference, regions=regions[name], rules=against.score_rule(name)) for name in PROTOCOLS}
    return {
        "dataset": against.name,
        "split": request.split,
        "file": found.file,
        "protocols": {name: scores(own, values) for name, own in references.items()},
        "moved": _moved(references["released"], references["paper"], against),
        "exact": _exact(reference, values),
        "warnings": warnings(reference, values, against, in_file_order=found.values),
    }


def _moved(released: Reference, paper: Reference, against: Benchmark) -> list[dict[str, Any]]:
    rows = np.bincount(released.bin_index, minlength=len(released.regions))
    bins = np.flatnonzero((released.regions != paper.regions) & (rows > 0))
    return [
        {
            "bin": int(b),
            "low": float(against.table.bins.low[b]),
            "high": float(against.table.bins.high[b]),
            "train": int(released.train[b]),
            "rows": int(rows[b]),
            "released": str(released.regions[b]),
            "paper": str(paper.regions[b]),
        }
        for b in bins
    ]


def _exact(reference: Reference, values: FloatArray) -> dict[str, dict[str, Any]]:
    """By region: exact hits, GM, and GM of the rows that are none."""
    hit = values == reference.scored_target
    missed = reference.at(~hit)
    with_hits, without = scores(reference, values), scores(missed, values[~hit])
    return {
        region: {"exact": found["exact"], "gm": found["gm"], "gm_without": without.get(region, {}).get("gm")}
        for region, found in with_hits.items()
        if found["exact"]
    }


def warnings(reference: Reference, values: FloatArray, against: Benchmark, *, in_file_order: FloatArray) -> list[str]:
    """Sentences about rounded, constant or impossible predictions, and ids that may stand in the wrong order."""
    found = []
    if values.size > 1 and np.ptp(values) == 0:
        found.append(f"every prediction is {values[0]:g}: correlations are undefined")
    else:
        decimals = next((d for d in range(3) if np.array_equal(np.round(values, d), values)), None)
        if decimals is not None:
            unit = ("whole numbers", "rounded to one decimal", "rounded to two decimals")[decimals]
            found.append(f"all predictions are {unit}: exact hits become likely, and each pulls GM towards 0")
    low, high = against.table.bins.edges[[0, -1]]
    outside = int(((values < low) | (values > high)).sum())
    if outside:
        found.append(f"{outside:,} predictions lie outside the targets' range, {low:g} to {high:g}")
    by_id, by_order = (_correlation(reference.target, each) for each in (values, in_file_order))
    if by_order > by_id + SWAPPED:
        found.append(
            f"in file order the predictions correlate with the targets at {by_order:.2f}, by their ids at {by_id:.2f}: "
            "the ids may stand in the wrong order; try --by-position"
        )
    return found


def _correlation(target: FloatArray, values: FloatArray) -> float:
    """Pearson's correlation, or 0 where it is undefined."""
    if target.size != values.size or target.size < 2 or not np.ptp(target) or not np.ptp(values):  # noqa: PLR2004 - two points
        return 0.0
    return float(np.corrcoef(target, values)[0, 1])
