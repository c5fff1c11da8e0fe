"""Weighted sets of rows that nobody sees together: their sums over parts of the rows, about centres that parts share.

How often a row is in each set hangs on the row alone, so that sums of parts, and of several files with the same rows,
may be added in any grouping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.scores.metrics.sums import RegionSums, Sums, overflowing, pooled
from dircli.scores.metrics.table import FromRanks, Mergeable, Metric
from dircli.scores.uncertainty.reweighted import Centres, region_sums, sums_of_bins, terms_of

Draw: TypeAlias = Callable[..., AnyArray]
"""``draw(keys, seed=, first=, size=)``: how often rows with these keys are in the sets from ``first`` on, (n, size)."""

ROWS = 1 << 13
AT_ONCE = 32
"""Rows and sets that are drawn at once: they fit the cache of a core."""


@dataclass(frozen=True)
class Located:
    """The ``sums`` (B,) of all rows of a file, and in each bin a value in the middle of its ``predictions``, (B,).

    Means are drawn away by a few predictions far from all others, which a set may be without; then little would be
    left of the moments of the others.
    """

    sums: Sums
    predictions: FloatArray


@dataclass(frozen=True, kw_only=True)
class Sets:
    """The sets from number ``first`` on, so many, drawn from ``seed``; targets and predictions are about these centres.

    Centres come from all rows, so that they are the same for each part of them.
    """

    draw: Draw
    seed: int
    first: int = 0
    number: int
    target: Centres
    prediction: Centres

    @classmethod
    def about(cls, files: Sequence[Located], *, draw: Draw, seed: int, number: int) -> Sets:
        """About what is in the middle of each bin in ``files``, one or more, of which the targets are the same."""
        means = files[0].sums.target_mean
        target = _centres(files, "target", np.where(files[0].sums.n > 0, means, pooled(files[0].sums).target_mean))
        prediction = _centres(files, "prediction", np.median([file.predictions for file in files], axis=0))
        return cls(draw=draw, seed=seed, number=number, target=target, prediction=prediction)

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
        """What rows, (n,) each, add to the sums of each set per bin, (B, terms, sets)."""
        order = np.argsort(bin_index.astype(np.uint16), kind="stable")
        target, prediction, bin_index, keys = target[order], prediction[order], bin_index[order], keys[order]
        given = {name: values[order] for name, values in given.items()}
        y = target - (self.target.centre + self.target.shift)[bin_index]
        p = prediction - (self.prediction.centre + self.prediction.shift)[bin_index]
        terms, _ = terms_of(target, prediction, given, y, p, metrics)
        bins = self.target.shift.size
        total = np.zeros((bins, len(terms), self.number))
        for at in range(0, target.size, ROWS):
            rows = slice(at, min(at + ROWS, target.size))
            first, last = int(bin_index[rows.start]), int(bin_index[rows.stop - 1]) + 1
            starts = np.searchsorted(bin_index[rows], np.arange(first, last + 1))
            for begin in range(0, self.number, AT_ONCE):
                size = min(AT_ONCE, self.number - begin)
                drawn = self.draw(keys[rows], seed=self.seed, first=self.first + begin, size=size)
                part = np.empty((last - first, len(terms), size))
                sums_of_bins(terms[:, rows], drawn.astype(np.float64), starts, out=part)
                total[first:last, :, begin : begin + size] += part
        return total

    @overflowing
    def scores(
        self, sums: FloatArray, regions: Mapping[str, BoolArray], metrics: Sequence[Metric], *, zero_error: float
    ) -> dict[str, FloatArray]:
        """The scores of each set, (metrics, sets) per region, from the `sums` of all rows (B, terms, sets)."""
        _, places = _no_terms(metrics)
        found = {}
        for name, mask in regions.items():
            region = SummedSets(sums, mask, places, region_sums(sums, mask, self.target, self.prediction), zero_error)
            found[name] = np.array([metric.of(region) for metric in metrics])
        return found


def number_of_terms(metrics: Sequence[Metric]) -> int:
    """How many sums there are of each bin and set."""
    terms, _ = _no_terms(metrics)
    return len(terms)


def _no_terms(metrics: Sequence[Metric]) -> tuple[FloatArray, dict[str, slice]]:
    """The terms of no rows, (k, 0), and where a metric's are."""
    none = np.empty(0)
    return terms_of(none, none, dict.fromkeys({metric.needs for metric in metrics}, none), none, none, metrics)


def _centres(files: Sequence[Located], name: str, of_bins: FloatArray) -> Centres:
    """Centres of targets or of predictions at ``of_bins`` (B,)."""
    centre, totals = float(np.median(of_bins)), [pooled(file.sums) for file in files]
    # no value is farther from the mean than the root of the moment
    far = [np.sqrt(getattr(total, f"{name}_moment")) + abs(getattr(total, f"{name}_mean") - centre) for total in totals]
    return Centres(centre, of_bins - centre, float(max(far)))


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
