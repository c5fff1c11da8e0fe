"""Made-up rows of two systems, and what their resamples score when they are written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dircli.scores.metrics.sums import per_bin, pooled
from dircli.scores.uncertainty.reweighted import Rows

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


def rows_of(rows: list[tuple[int, float, float]], zero_error: float = 0.0) -> Rows:
    """Rows of bin, target and prediction; relevance and sigma are made up from them."""
    index, target, prediction = np.array(rows, dtype=float).reshape(-1, 3).T
    given = {"relevance": target % 1, "sigma": 0.5 + prediction % 1}
    return Rows(
        target=target,
        prediction=prediction,
        bin_index=index.astype(np.int64),
        bins=BINS,
        zero_error=zero_error,
        given=given,
    )


def written_out(metric: Metric, rows: Rows, counts: IntArray, mask: BoolArray) -> float:
    """The metric of one set, each row standing in it as often as it counts."""
    own = np.repeat(np.arange(counts.size), counts)
    own = own[mask[rows.bin_index[own]]]
    part = rows.at(own)
    if metric.from_sums is not None:
        bins = per_bin(part.target, part.prediction, part.bin_index, bins=BINS).at(mask)
        return float(metric.from_sums(pooled(bins), bins, rows.zero_error))
    if metric.from_rows is not None:
        return metric.from_rows(part.target, part.prediction)
    if not own.size:
        return float("nan")
    if metric.per_row is not None:
        return float(metric.per_row(part.target, part.prediction).mean())
    assert metric.from_terms is not None
    terms = metric.from_terms.rows(part.target, part.prediction, part.given[metric.needs])
    return float(metric.from_terms.score(own.size, terms.sum(axis=1)))


def made_up(n: int, seed: int = 0) -> tuple[Rows, Rows]:
    """Two systems on the same rows."""
    generator = np.random.default_rng(seed)
    index = generator.integers(0, BINS, n)
    target = index + np.round(generator.random(n), 1)
    first, second = (np.round(target + generator.normal(0, spread, n), 3) for spread in (1, 2))
    return tuple(Rows(target=target, prediction=p, bin_index=index, bins=BINS) for p in (first, second))  # type: ignore[return-value]
