"""Scores by shot region: target × prediction × region → numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray, TextArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.protocol import ProtocolName, ScoreRule
from dircli.benchmark.regions import OF_DATA, ZERO, masks
from dircli.scores.metrics.blocks import BinSums, SummedRows
from dircli.scores.metrics.sums import RegionSums, Sums, overflowing, pooled
from dircli.scores.metrics.table import METRICS, FromRanks, Mergeable, Metric, places

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


@dataclass(frozen=True)
class RankedRows:
    """Rows as metrics from ranks see them, (n,) each; ``given`` holds what a metric `needs` of each, under its name."""

    target: FloatArray
    prediction: FloatArray
    bin_index: IntArray
    given: Mapping[str, FloatArray] = field(default_factory=dict)

    @cached_property
    def places(self) -> tuple[IntArray, IntArray]:
        """Whole numbers in the order of the targets and of the predictions: rows are sorted once for all regions."""
        return places(self.target), places(self.prediction)

    def of(self, bins: BoolArray, needs: str) -> tuple[AnyArray, ...]:
        """The `places` of the rows in the mask ``bins`` (B,), or their values and those that a metric ``needs``."""
        columns = (self.target, self.prediction, self.given[needs]) if needs else self.places
        if bins.all():
            return columns
        in_bins = bins[self.bin_index]
        return tuple(column[in_bins] for column in columns)


@dataclass(frozen=True)
class SummedRegion:
    """The rows of a region as metrics see them: the sums of its bins, and the rows themselves for metrics from ranks.

    ``mask`` (B,) are its bins; an exact hit counts as ``zero_error`` in GM.
    """

    summed: BinSums
    mask: BoolArray
    zero_error: float
    ranked: RankedRows | None = None

    @cached_property
    def bins(self) -> Sums:
        """The sums of each of its bins."""
        return self.summed.sums.at(self.mask)

    @cached_property
    def total(self) -> Sums:
        """The sums over all rows."""
        return pooled(self.bins)

    def sums_for(self, metric: Mergeable) -> RegionSums:
        """The sums over the rows, with those of the terms of ``metric``."""
        terms = self.summed.terms[metric.name][:, self.mask].sum(axis=1)
        return RegionSums(self.total, self.bins, terms, self.zero_error)

    def from_ranks(self, metric: FromRanks) -> float:
        """The score of the rows; TypeError where only their sums are known."""
        if self.ranked is None:
            raise TypeError(f"{metric.name} cannot be had from sums alone")
        return float(metric.score(*self.ranked.of(self.mask, metric.needs)))


def scores(
    reference: Reference,
    prediction: FloatArray,
    *,
    metrics: Iterable[Metric] = tuple(METRICS.values()),
    given: Mapping[str, FloatArray] | None = None,
) -> dict[str, dict[str, Score]]:
    """The scores of ``prediction`` (n,) by region, as `scores_of_sums` gives them.

    ``given`` holds (n,) values for each row under every name that a metric `needs`: relevance of its target, and sigma.
    """
    summed = SummedRows(len(reference.train), metrics, reference.rules)
    summed.add(reference.target, prediction, reference.bin_index, given)
    ranked = RankedRows(reference.scored_target, prediction, reference.bin_index, given or {})
    return scores_of_sums(summed, reference.regions, reference.train, ranked)


@overflowing
def scores_of_sums(
    summed: SummedRows, regions: TextArray, train: IntArray, ranked: RankedRows | None = None
) -> dict[str, dict[str, Score]]:
    """The scores of rows that have been summed, by region: all, many, medium and few, and zero where it has rows.

    Where zero has rows, interpolation and extrapolation, which divide it, and with-data, all else, follow it. Each
    holds n, the number of its bins that have rows, and every metric; an undefined score is None. ``regions`` (B,) holds
    "many", "medium" or "few", ``train`` (B,) the training samples per bin. Metrics from ranks need rows, ``ranked``.
    """
    total = summed.total()
    scored: dict[str, dict[str, Score]] = {}
    for name, mask in masks(regions, train).items():
        region = SummedRegion(total, mask, summed.rule.zero_error, ranked)
        n = int(region.total.n)
        if name in OF_DATA and not (n and (name == ZERO or ZERO in scored)):
            continue
        scored[name] = {"n": n, "bins": int((region.bins.n > 0).sum())}
        scored[name] |= {metric.name: _score(metric, region) for metric in summed.metrics}
    return scored


def _score(metric: Metric, region: SummedRegion) -> Score:
    value = float(metric.of(region))
    if not math.isfinite(value):
        return None
    return int(value) if metric.count else value
