"""Scores of many weighted sets of the same rows at once: a set is a column of counts, how often each row is in it.

The sums of R sets are matrix products with the counts, (n, R), and ranks are running sums of them along the order of
the predictions. Blocks are small enough for BLAS to stay on one thread, so scores do not depend on the number of cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.scores.metrics.sums import ADDED, RegionSums, Sums, overflowing, pooled
from dircli.scores.metrics.table import FromRanks, Mergeable, Metric, WeightedSets
from dircli.scores.uncertainty.spearman import TargetCells

SINGLE_THREAD = 100_000
NOISE = 1e-12
EPS = float(np.finfo(np.float64).eps)
COMMON = 11
"""The terms that every row has: what the fields of `Sums` are made of."""


@dataclass(frozen=True, kw_only=True)
class ScoredRows:
    """One system's rows: target, prediction and bin, (n,) each, the bin in 0..bins-1.

    An exact hit counts as ``zero_error`` in GM; ``given`` holds (n,) values under every name that a metric `needs`.
    """

    target: FloatArray
    prediction: FloatArray
    bin_index: IntArray
    bins: int
    zero_error: float = 0.0
    given: Mapping[str, FloatArray] = field(default_factory=dict)

    def seen_by(self, metric: Metric) -> list[FloatArray]:
        """The predictions, and what ``metric`` `needs`, (n,) each."""
        return [self.prediction, *([self.given[metric.needs]] if metric.needs else [])]

    def at(self, order: IntArray) -> ScoredRows:
        """These rows in another order, (n,)."""
        columns = {name: getattr(self, name)[order] for name in ("target", "prediction", "bin_index")}
        return replace(self, **columns, given={name: values[order] for name, values in self.given.items()})


class Scratch:
    """Arrays that are used again and again, one per name, so that memory is touched once; not for two threads."""

    def __init__(self) -> None:
        self._arrays: dict[str, AnyArray] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any = np.float64) -> AnyArray:
        """An array of this shape; what is in it is undefined, and changes when the name is asked for again."""
        size = int(np.prod(shape))
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.empty(size, dtype)
        return array[:size].reshape(shape)


class SetScorer:
    """Scores weighted sets of the rows that several systems, of the same targets and bins, have predicted.

    ``regions`` maps a name to the mask (B,) of its bins. Counts are expected in ``order`` (n,), by bin, target,
    predictions and what is given, so that nothing depends on the order of the rows.
    """

    @overflowing
    def __init__(
        self, systems: Sequence[ScoredRows], regions: Mapping[str, BoolArray], metrics: Sequence[Metric]
    ) -> None:
        first = systems[0]
        columns = [column for each in systems for column in each.given.values()] + [each.prediction for each in systems]
        self.order: IntArray = np.lexsort((*columns, first.target, first.bin_index))
        self.shape = (len(systems), len(metrics))
        self.regions = dict(regions)
        self._metrics = list(metrics)
        ordered = [each.at(self.order) for each in systems]
        bin_index = ordered[0].bin_index
        self._cells = TargetCells(ordered[0].target, bin_index)
        self._bins_with_rows = np.unique(bin_index)
        self._systems = [SystemTerms(each, self._metrics) for each in ordered]
        self._rows = {name: np.flatnonzero(mask[bin_index]) for name, mask in regions.items()}
        fast = [(each.weighted, each) for each in metrics if isinstance(each, FromRanks) and each.weighted]
        self._weighted = {
            name: [
                {each.name: weighted(rows, self._cells, *system.seen_by(each)) for weighted, each in fast}
                for system in ordered
            ]
            for name, rows in self._rows.items()
        }

    @overflowing
    def scores(self, counts: AnyArray, scratch: Scratch) -> dict[str, FloatArray]:
        """Each metric of each set, (systems, metrics, R) per region, from how often each row is in it, (n, R)."""
        scores = {name: np.full((*self.shape, counts.shape[1]), np.nan) for name in self.regions}
        n, size = counts.shape
        exact, single = counts, scratch("single", (n + 1, size), np.float32)
        if counts.dtype != np.float64:
            exact = scratch("exact", (n, size))
            np.copyto(exact, counts)
        np.copyto(single[:n], exact, casting="unsafe")
        single[n] = 0
        of_cells = None
        for number, system in enumerate(self._systems):
            sums = system.sums(exact, scratch)
            if of_cells is None:  # where each bin is one cell, the sums have counted it
                one_each = self._bins_with_rows.size == self._cells.starts.size
                of_cells = sums[self._bins_with_rows, 0] if one_each else self._cells.counts(single[:n])
            for name, mask in self.regions.items():
                ranked, for_ranks = self._weighted[name][number], (single, of_cells, scratch)
                region = WeightedRegion(system, sums, mask, self._rows[name], counts, for_ranks, ranked)
                for place, metric in enumerate(self._metrics if region.rows.size else []):
                    scores[name][number, place] = metric.of(region)
        return scores


@dataclass(frozen=True)
class WeightedRegion:
    """Sets of the rows of one region, as metrics see them: ``rows`` are its rows among all, ``mask`` (B,) its bins.

    ``sums`` (B, terms, R) are the system's, ``counts`` (n, R) how often each row is in each set; ``weighted`` holds the
    metrics from ranks that take ``for_ranks``: the counts as float32, those of cells, and scratch.
    """

    system: SystemTerms
    sums: FloatArray
    mask: BoolArray
    rows: IntArray
    counts: AnyArray
    for_ranks: tuple[AnyArray, AnyArray, Scratch]
    weighted: Mapping[str, WeightedSets]

    @cached_property
    def _total_and_bins(self) -> tuple[Sums, Sums]:
        return self.system.region(self.sums, self.mask)

    def sums_for(self, metric: Mergeable) -> RegionSums:
        """The sums over the rows of each set, with those of the terms of ``metric``."""
        terms = self.sums[:, self.system.places[metric.name]][self.mask].sum(axis=0)
        return RegionSums(*self._total_and_bins, terms, self.system.rows.zero_error)

    def from_ranks(self, metric: FromRanks) -> FloatArray:
        """The score of each set, (R,): from its counts where there is a way, else from its rows written out."""
        if metric.weighted:
            return self.weighted[metric.name].scores(*self.for_ranks)
        columns = [self.system.rows.target, *self.system.rows.seen_by(metric)]
        written_out = (np.repeat(self.rows, column.astype(np.int64)) for column in self.counts[self.rows].T)
        return np.array([metric.score(*(column[rows] for column in columns)) for rows in written_out])


def terms_of(  # noqa: PLR0913, PLR0917 - the columns of rows
    target: FloatArray,
    prediction: FloatArray,
    given: Mapping[str, FloatArray],
    y: FloatArray,
    p: FloatArray,
    metrics: Sequence[Metric],
) -> tuple[FloatArray, dict[str, slice]]:
    """The terms of rows, (k, n): those of `Sums`, and those of each metric's own; and where a metric's are.

    ``y`` and ``p`` (n,) are targets and predictions about a centre of each bin.
    """
    error = prediction - target
    missed = error != 0
    log = np.log(np.abs(error), out=np.zeros_like(error), where=missed)
    terms = [np.ones_like(y), ~missed, error, np.abs(error), error**2, log, y, p, y * y, p * p, y * p]
    places: dict[str, slice] = {}
    for metric in metrics:
        if isinstance(metric, Mergeable):
            own = metric.row_terms(target, prediction, given)
            places[metric.name] = slice(len(terms), len(terms) + len(own))
            terms += list(own)
    return np.array(terms, dtype=np.float64), places


def region_sums(sums: FloatArray, mask: BoolArray, target: Centres, prediction: Centres) -> tuple[Sums, Sums]:
    """From the sums of `terms_of` per bin, (B, terms, R), those of a region's rows, (R,), and of each of its bins."""
    *added, y, p, yy, pp, yp = sums[:, :COMMON][mask].swapaxes(0, 1)
    some = np.maximum(added[0], 1)
    bins = Sums(
        **dict(zip(ADDED, added, strict=True)),
        target_mean=np.broadcast_to(target.shift[mask, None], y.shape),
        target_rest=y / some,
        prediction_mean=np.broadcast_to(prediction.shift[mask, None], p.shape),
        prediction_rest=p / some,
        target_moment=_moment(yy, y * y / some),
        prediction_moment=_moment(pp, p * p / some),
        product_moment=yp - y * p / some,
    )
    total = pooled(bins)
    y_moment = target.settled(total.target_moment, total.n)
    p_moment = prediction.settled(total.prediction_moment, total.n)
    settled = replace(total, target_moment=y_moment, prediction_moment=p_moment)

    def about_zero(sums: Sums) -> Sums:
        y, p = sums.target_mean + target.centre, sums.prediction_mean + prediction.centre
        return replace(sums, target_mean=y, prediction_mean=p)

    return about_zero(settled), about_zero(bins)


class SystemTerms:
    """One system's terms per row, in order of the bin: those of `Sums`, and at ``places`` each metric's own."""

    def __init__(self, rows: ScoredRows, metrics: Sequence[Metric]) -> None:
        self.rows = rows
        self._starts = np.searchsorted(rows.bin_index, np.arange(rows.bins + 1))
        self._target, y = _centred(rows.target, rows.bin_index, self._starts)
        self._prediction, p = _centred(rows.prediction, rows.bin_index, self._starts)
        self._terms, self.places = terms_of(rows.target, rows.prediction, rows.given, y, p, metrics)

    def sums(self, counts: FloatArray, scratch: Scratch) -> FloatArray:
        """The sums of each set per bin, (B, terms, R), from float64 ``counts`` (n, R)."""
        sums: FloatArray = scratch("sums", (self.rows.bins, len(self._terms), counts.shape[1]))
        sums_of_bins(self._terms, counts, self._starts, out=sums)
        return sums

    def region(self, sums: FloatArray, mask: BoolArray) -> tuple[Sums, Sums]:
        """From `sums`, those of a region's rows, (R,), and of each of its bins, (B, R)."""
        return region_sums(sums, mask, self._target, self._prediction)


def sums_of_bins(terms: FloatArray, counts: FloatArray, starts: IntArray, *, out: FloatArray) -> None:
    """Into ``out`` (B, k, R), the sums per bin of ``terms`` (k, n) times ``counts`` (n, R).

    Rows are in order of the bin, those of each from ``starts`` (B + 1,) on.
    """
    step = max(1, SINGLE_THREAD // (len(terms) * counts.shape[1]))
    for of_bin, start, stop in zip(out, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        first = min(start + step, stop)
        np.matmul(terms[:, start:first], counts[start:first], out=of_bin)
        for at in range(start + step, stop, step):
            own = slice(at, min(at + step, stop))
            np.add(of_bin, terms[:, own] @ counts[own], out=of_bin)


def _moment(square: FloatArray, of_mean: FloatArray) -> FloatArray:
    """A centred moment, 0 where it is no more than what rounding leaves of equal values."""
    moment = square - of_mean
    return np.where(moment > NOISE * square, moment, 0.0)


@dataclass(frozen=True)
class Centres:
    """What values are taken about: ``centre`` and the ``shift`` (B,) of each bin from it.

    ``reach`` is the largest distance of a value from ``centre``.
    """

    centre: float
    shift: FloatArray
    reach: float

    def settled(self, moment: FloatArray, n: FloatArray) -> FloatArray:
        """The centred ``moment`` of ``n`` rows, (R,) both, 0 where it is only rounding."""
        return np.where(moment > n * np.square(32 * EPS * self.reach), moment, 0.0)


def middles(values: FloatArray, bin_index: IntArray, starts: IntArray) -> FloatArray:
    """A middle one of the values (n,) in each bin, (B,); some number where a bin has none.

    In order of the bin, those of each are from ``starts`` (B + 1,) on.
    """
    if not values.size:
        return np.zeros(starts.size - 1)
    middle = np.minimum((starts[:-1] + starts[1:]) // 2, values.size - 1)
    return np.asarray(values[np.lexsort((values, bin_index))[middle]])


def _centred(values: FloatArray, bin_index: IntArray, starts: IntArray) -> tuple[Centres, FloatArray]:
    """Centres of the bins of values (n,), and the values about them, (n,): value - (centre + shift of its bin).

    Centres are themselves values, so that equal values leave exactly 0, and middle ones, so that little cancels.
    """
    some = values if values.size else np.zeros(1)
    of_bins = middles(values, bin_index, starts)
    centre = float(np.partition(some, some.size // 2)[some.size // 2])
    reach = float(np.abs(some - centre).max())
    return Centres(centre, of_bins - centre, reach), values - of_bins[bin_index]
