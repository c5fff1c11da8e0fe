"""The Poisson bootstrap: how often a row is in a resample hangs on the row and the seed alone, not on other rows.

A bootstrap resample of n rows holds each row a number of times that is binomial, with mean 1 and, for large n, close to
a Poisson number; drawn independently, from Poisson(1), rows need not be seen together (Hanley and MacGibbon 2006,
Creating non-parametric bootstrap samples using Poisson frequencies; Chamandy, Muralidharan, Najmi and Naidu 2012,
Estimating uncertainty for massive data streams). Here the number is a function of the seed, the number of the resample
and the row's id (its number in the file where there are no ids), so that resamples are the same in whatever parts the
rows are read, in whatever order, and whoever reads them. Rows that repeat an id are drawn together.

What it costs: resamples have n rows on average only, give or take √n, and are not drawn within bins, so intervals of a
region with few rows are a little wider than those of the stratified bootstrap, and without a score where too many
resamples leave a region empty. For each row and resample a hash and some 15 products take a few nanoseconds of one
core, and the file is read twice. There is no BCa, which leaves out each row in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.scores.metrics.sums import RegionSums, Sums, overflowing, pooled
from dircli.scores.metrics.table import FromRanks, Mergeable, Metric
from dircli.scores.uncertainty.bootstrap import scored_sets
from dircli.scores.uncertainty.reweighted import (
    Centres,
    ScoredRows,
    SetScorer,
    region_sums,
    sums_of_bins,
    terms_of,
)

SHARES = (24109, 24109, 12057, 4016, 1005, 202, 32, 5, 1)
"""Of 2^16 equally likely numbers, how many stand for 0, 1, … 8: Poisson(1) within 2^-14, with mean and variance 1."""
NUMBERS = np.repeat(np.arange(len(SHARES), dtype=np.uint8), SHARES)
PER_HASH = 4
"""Numbers that one hash of 64 bits gives."""
GOLDEN = 0x9E3779B97F4A7C15
MIXED = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
ROWS = 1 << 13
SETS = 32
"""Rows and resamples that are drawn at once: they fit the cache of a core."""


def mixed(numbers: AnyArray) -> AnyArray:
    """``numbers`` uint64 as others that look random, in place: the finaliser of SplitMix64 (Steele et al. 2014)."""
    scratch = np.empty_like(numbers)
    for shift, factor in MIXED:
        np.right_shift(numbers, np.uint64(shift), out=scratch)
        np.bitwise_xor(numbers, scratch, out=numbers)
        np.multiply(numbers, np.uint64(factor), out=numbers)
    np.right_shift(numbers, np.uint64(31), out=scratch)
    np.bitwise_xor(numbers, scratch, out=numbers)
    return numbers


def keys_of_places(places: IntArray) -> AnyArray:
    """The keys of rows without ids, (n,), from their numbers in the file."""
    return mixed(places.astype(np.uint64))


def weights(keys: AnyArray, *, seed: int, first: int, size: int) -> AnyArray:
    """How often each row is in the resamples from number ``first`` on, (n, ``size``) uint8, from its key (n,) uint64.

    Key and seed are the state of a SplitMix64, whose output number g gives the resamples 4g to 4g + 3.
    """
    start = mixed(np.array([seed], dtype=np.uint64) + np.uint64(GOLDEN))
    states = mixed(keys ^ start)
    groups = np.arange(first // PER_HASH, -(-(first + size) // PER_HASH), dtype=np.uint64) + np.uint64(1)
    hashes = mixed(states[:, None] + (groups * np.uint64(GOLDEN))[None, :])
    drawn: AnyArray = NUMBERS[hashes.astype("<u8", copy=False).view("<u2")]
    begin = first % PER_HASH
    return drawn[:, begin : begin + size]


def resampled(  # noqa: PLR0913 - what is scored, how often and from which seed
    keys: AnyArray,
    systems: Sequence[ScoredRows],
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
    *,
    resamples: int,
    seed: int,
) -> dict[str, FloatArray]:
    """The scores of every resample of rows with these ``keys`` (n,): per region (systems, metrics, resamples)."""
    scorer = SetScorer(systems, regions, metrics)
    ordered = keys[scorer.order]
    return scored_sets(
        scorer, lambda _, first, size, __: weights(ordered, seed=seed, first=first, size=size), resamples, seed, None
    )


@dataclass(frozen=True, kw_only=True)
class Resamples:
    """So many ``resamples`` from ``seed``, with targets and predictions summed about these centres.

    Centres come from the sums of all rows, so that they are the same for each part of them.
    """

    resamples: int
    seed: int
    target: Centres
    prediction: Centres

    @classmethod
    def of(cls, sums: Sums, *, resamples: int, seed: int) -> Resamples:
        """About the means of bins, from the sums (B,) of all rows."""
        total = pooled(sums)
        centres = []
        for name in ("target", "prediction"):
            mean, means = float(getattr(total, f"{name}_mean")), getattr(sums, f"{name}_mean")
            reach = float(np.sqrt(getattr(total, f"{name}_moment")))  # no value is farther from the mean
            centres.append(Centres(mean, np.where(sums.n > 0, means - mean, 0.0), reach))
        return cls(resamples=resamples, seed=seed, target=centres[0], prediction=centres[1])

    @overflowing
    def sums(  # noqa: PLR0913, PLR0917 - the columns of rows
        self,
        target: FloatArray,
        prediction: FloatArray,
        bin_index: IntArray,
        given: Mapping[str, FloatArray],
        keys: AnyArray,
        metrics: Sequence[Metric],
    ) -> FloatArray:
        """What rows, (n,) each, add to the sums of each resample per bin, (B, terms, R)."""
        order = np.argsort(bin_index.astype(np.uint16), kind="stable")
        target, prediction, bin_index, keys = target[order], prediction[order], bin_index[order], keys[order]
        given = {name: values[order] for name, values in given.items()}
        y = target - (self.target.centre + self.target.shift)[bin_index]
        p = prediction - (self.prediction.centre + self.prediction.shift)[bin_index]
        terms, _ = terms_of(target, prediction, given, y, p, metrics)
        bins = self.target.shift.size
        total = np.zeros((bins, len(terms), self.resamples))
        for at in range(0, target.size, ROWS):
            rows = slice(at, min(at + ROWS, target.size))
            first, last = int(bin_index[rows.start]), int(bin_index[rows.stop - 1]) + 1
            starts = np.searchsorted(bin_index[rows], np.arange(first, last + 1))
            for begin in range(0, self.resamples, SETS):
                size = min(SETS, self.resamples - begin)
                counts = weights(keys[rows], seed=self.seed, first=begin, size=size).astype(np.float64)
                part = np.empty((last - first, len(terms), size))
                sums_of_bins(terms[:, rows], counts, starts, out=part)
                total[first:last, :, begin : begin + size] += part
        return total

    @overflowing
    def scores(
        self, sums: FloatArray, regions: Mapping[str, BoolArray], metrics: Sequence[Metric], *, zero_error: float
    ) -> dict[str, FloatArray]:
        """The scores of each resample, (1, metrics, R) per region, from the `sums` of all rows (B, terms, R)."""
        none = np.empty(0)
        _, places = terms_of(none, none, dict.fromkeys({metric.needs for metric in metrics}, none), none, none, metrics)
        found = {}
        for name, mask in regions.items():
            region = SummedSets(sums, mask, places, region_sums(sums, mask, self.target, self.prediction), zero_error)
            found[name] = np.array([[metric.of(region) for metric in metrics]])
        return found


@dataclass(frozen=True)
class SummedSets:
    """Resamples of a region, of which only sums are known: as metrics see them."""

    sums: FloatArray
    mask: BoolArray
    places: Mapping[str, slice]
    total_and_bins: tuple[Sums, Sums]
    zero_error: float

    def sums_for(self, metric: Mergeable) -> RegionSums:
        """The sums over the rows of each resample, with those of the terms of ``metric``."""
        terms = self.sums[:, self.places[metric.name]][self.mask].sum(axis=0)
        return RegionSums(*self.total_and_bins, terms, self.zero_error)

    def from_ranks(self, metric: FromRanks) -> FloatArray:
        """TypeError: there are no rows."""
        raise TypeError(f"{metric.name} cannot be had from sums alone")
