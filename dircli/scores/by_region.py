"""Scores by shot region: target × prediction × region → numbers, and the signature that says what they compare with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from dircli.benchmark.regions import OF_DATA, ZERO, masks
from dircli.scores.metrics.sums import Sums, per_bin, pooled
from dircli.scores.metrics.table import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dircli.arrays import BoolArray, FloatArray, IntArray, TextArray
    from dircli.benchmark.protocol import ScoreRule

Score: TypeAlias = "int | float | None"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What predictions are scored against: n rows in B bins.

    ``target`` (n,) and ``bin_index`` (n,), in 0..B-1; ``regions`` (B,) holds "many", "medium" or "few", ``train`` (B,)
    the training samples per bin; ``rules`` are the protocol's for this dataset.
    """

    target: FloatArray
    bin_index: IntArray
    regions: TextArray
    train: IntArray
    rules: ScoreRule

    @property
    def scored_target(self) -> FloatArray:
        """The targets as the protocol has them: with single precision, the float32 value of each printed decimal."""
        if self.rules.single_precision:  # as released: targets were stored as float32
            return self.target.astype(np.float32).astype(np.float64)
        return self.target

    def at(self, rows: BoolArray) -> Reference:
        """The reference of the rows in the mask ``rows`` (n,) alone."""
        return replace(self, target=self.target[rows], bin_index=self.bin_index[rows])


def scores(
    reference: Reference,
    prediction: FloatArray,
    *,
    metrics: Iterable[Metric] = tuple(METRICS.values()),
    given: Mapping[str, FloatArray] | None = None,
) -> dict[str, dict[str, Score]]:
    """The scores of ``prediction`` (n,) by region: all, many, medium and few, and zero where it has rows.

    Where zero has rows, interpolation and extrapolation, which divide it, and with-data, all else, follow it. Each
    holds n, the number of its bins that have rows, and every metric; an undefined score is None. ``given`` holds (n,)
    values for each row under every name that a metric `needs`: relevance of its target, and sigma.
    """
    target = reference.scored_target
    sums = per_bin(target, prediction, reference.bin_index, bins=len(reference.train))
    result = {}
    for name, mask in masks(reference.regions, reference.train).items():
        bins = sums.at(mask)
        total = pooled(bins)
        if name in OF_DATA and not (total.n and (name == ZERO or ZERO in result)):
            continue
        rows = mask[reference.bin_index]
        found: dict[str, Score] = {"n": int(total.n), "bins": int((bins.n > 0).sum())}
        for metric in metrics:
            found[metric.name] = _score(
                metric,
                total,
                bins,
                target[rows],
                prediction[rows],
                given[metric.needs][rows] if given and metric.needs else np.empty(0),
                reference.rules.zero_error,
            )
        result[name] = found
    return result


def _score(  # noqa: PLR0913, PLR0917 - one row of the metric table meets one region
    metric: Metric,
    total: Sums,
    bins: Sums,
    target: FloatArray,
    prediction: FloatArray,
    given: FloatArray,
    zero_error: float,
) -> Score:
    if metric.from_sums is not None:
        value = float(metric.from_sums(total, bins, zero_error))
    elif metric.per_row is not None:
        value = float(metric.per_row(target, prediction).mean()) if target.size else math.nan
    elif metric.from_terms is not None:
        totals = metric.from_terms.rows(target, prediction, given).sum(axis=1) if target.size else None
        value = math.nan if totals is None else float(metric.from_terms.score(target.size, totals))
    else:
        assert metric.from_rows is not None  # noqa: S101 - one of them is set in every row of the table
        value = metric.from_rows(target, prediction)
    if not math.isfinite(value):
        return None
    return int(value) if metric.name == "exact" else value
