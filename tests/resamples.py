"""Made-up rows of two systems, and what their resamples score when they are written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.scores.by_region import RankedRows, SummedRegion
from dircli.scores.metrics.blocks import SummedRows
from dircli.scores.uncertainty.reweighted import ScoredRows

if TYPE_CHECKING:
    from dircli.arrays import BoolArray, IntArray
    from dircli.scores.metrics.table import Metric

BINS = 5
REGIONS = {
    "all": np.ones(BINS, bool),
    "many": np.array([1, 1, 0, 0, 0], bool),
    "few": np.array([0, 0, 0, 0, 1], bool),
    "none": np.zeros(BINS, bool),
}


def rows_of(rows: list[tuple[int, float, float]], zero_error: float = 0.0) -> ScoredRows:
    """Rows of bin, target and prediction; relevance and sigma are made up from them."""
    index, target, prediction = np.array(rows, dtype=float).reshape(-1, 3).T
    given = {"relevance": target % 1, "sigma": 0.5 + prediction % 1}
    return ScoredRows(
        target=target,
        prediction=prediction,
        bin_index=index.astype(np.int64),
        bins=BINS,
        zero_error=zero_error,
        given=given,
    )


def written_out(metric: Metric, rows: ScoredRows, counts: IntArray, mask: BoolArray) -> float:
    """The metric of one set, each row standing in it as often as it counts."""
    own = np.repeat(np.arange(counts.size), counts)
    own = own[mask[rows.bin_index[own]]]
    part = rows.at(own)
    return score(metric, part, mask)


def score(metric: Metric, rows: ScoredRows, mask: BoolArray) -> float:
    """The metric of the rows that lie in the bins ``mask``."""
    rule = ScoreRule(thresholds=Thresholds(many=100, few=20), zero_error=rows.zero_error)
    summed = SummedRows(rows.bins, [metric], rule)
    summed.add(rows.target, rows.prediction, rows.bin_index, rows.given)
    ranked = RankedRows(rows.target, rows.prediction, rows.bin_index, rows.given)
    return float(metric.of(SummedRegion(summed.total(), mask, rows.zero_error, ranked)))


def made_up(n: int, seed: int = 0) -> tuple[ScoredRows, ScoredRows]:
    """Two systems on the same rows."""
    generator = np.random.default_rng(seed)
    index = generator.integers(0, BINS, n)
    target = index + np.round(generator.random(n), 1)
    first, second = (np.round(target + generator.normal(0, spread, n), 3) for spread in (1, 2))
    return tuple(ScoredRows(target=target, prediction=p, bin_index=index, bins=BINS) for p in (first, second))  # type: ignore[return-value]
