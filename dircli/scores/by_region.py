"""Scores by shot region: target × prediction × region → numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np

from dircli.arrays import BoolArray, FloatArray, IntArray, TextArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.protocol import ProtocolName, ScoreRule
from dircli.benchmark.regions import OF_DATA, ZERO, masks
from dircli.scores.metrics.sums import RegionSums, Sums, per_bin, pooled
from dircli.scores.metrics.table import METRICS, FromRanks, Mergeable, Metric, Region

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
        return self.target.astype(np.float32).astype(np.float64) if self.rules.single_precision else self.target

    @classmethod
    def of(cls, benchmark: Benchmark, protocol: ProtocolName, target: FloatArray, bin_index: IntArray) -> Reference:
        """Rows of ``benchmark``, (n,) each, with the regions and rules of ``protocol``."""
        regions, rules = benchmark.table.regions[protocol], benchmark.rules.score_rules[protocol]
        train = benchmark.table.counts["train"]
        return cls(target=target, bin_index=bin_index, regions=regions, train=train, rules=rules)

    def at(self, rows: BoolArray) -> Reference:
        """The reference of the rows in the mask ``rows`` (n,) alone."""
        return replace(self, target=self.target[rows], bin_index=self.bin_index[rows])


@dataclass(frozen=True, kw_only=True)
class RegionRows:
    """The rows of a region, (m,), as metrics see them, with the sums of its ``bins``.

    An exact hit counts as ``zero_error`` in GM; ``given`` holds (m,) values under every name that a metric `needs`.
    """

    target: FloatArray
    prediction: FloatArray
    bins: Sums
    zero_error: float = 0.0
    given: Mapping[str, FloatArray] = field(default_factory=dict)

    @cached_property
    def total(self) -> Sums:
        """The sums over all rows."""
        return pooled(self.bins)

    def sums_for(self, metric: Mergeable) -> RegionSums:
        """The sums over the rows, with those of the terms of ``metric``."""
        terms = metric.row_terms(self.target, self.prediction, self.given)
        return RegionSums(self.total, self.bins, terms.sum(axis=1), self.zero_error)

    def from_ranks(self, metric: FromRanks) -> float:
        """The score of the rows."""
        return float(metric.score(self.target, self.prediction))


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
    metrics = [metric.under(reference.rules) for metric in metrics]

    def rows_of(mask: BoolArray) -> RegionRows:
        in_region = mask[reference.bin_index]
        return RegionRows(
            target=target[in_region],
            prediction=prediction[in_region],
            bins=sums.at(mask),
            zero_error=reference.rules.zero_error,
            given={need: values[in_region] for need, values in (given or {}).items()},
        )

    return by_region(reference.regions, reference.train, rows_of, metrics)


class Summed(Region, Protocol):
    """A region whose sums are known, over all rows and by bin."""

    @property
    def total(self) -> Sums:
        """The sums over all rows."""

    @property
    def bins(self) -> Sums:
        """The sums by bin."""


def by_region(
    regions_of_bins: TextArray, train: IntArray, rows_of: Callable[[BoolArray], Summed], metrics: Sequence[Metric]
) -> dict[str, dict[str, Score]]:
    """What `scores` gives, of the rows that ``rows_of`` has in the bins of each mask (B,).

    ``regions_of_bins`` (B,) and ``train`` (B,) are as `Reference` has them.
    """
    regions: dict[str, dict[str, Score]] = {}
    for name, mask in masks(regions_of_bins, train).items():
        rows = rows_of(mask)
        n = int(rows.total.n)
        if name in OF_DATA and not (n and (name == ZERO or ZERO in regions)):
            continue
        regions[name] = {"n": n, "bins": int((rows.bins.n > 0).sum())}
        regions[name] |= {metric.name: _score(metric, rows) for metric in metrics}
    return regions


def _score(metric: Metric, rows: Region) -> Score:
    value = float(metric.of(rows))
    if not math.isfinite(value):
        return None
    return int(value) if metric.count else value
