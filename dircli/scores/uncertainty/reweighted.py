"""Scores of many reweighted sets of the same rows at once: a set is a column of counts, how often each row is in it.

Bootstrap resamples, leave-one-out sets and swapped pairs are all such columns. The sums of R sets are matrix products
with the counts, (n, R), and ranks are running sums of them along the order of the predictions. Nothing is ever
multiplied across more than a block of rows, small enough for one core's cache and for BLAS to stay on one thread: the
scores depend on neither the number of cores nor on what else they do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.scores.metrics.sums import Sums, pooled
from dircli.scores.uncertainty.spearman import Cells, Ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
    from dircli.scores.metrics.table import Metric

SINGLE_THREAD = 100_000
NOISE = 1e-12
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One system's rows: target, prediction and bin, (n,) each, the bin in 0..bins-1.

    ``zero_error`` is what an exact hit counts as in GM; ``given`` holds (n,) values for each row under every name that
    a metric `needs`.
    """

    target: FloatArray
    prediction: FloatArray
    bin_index: IntArray
    bins: int
    zero_error: float = 0.0
    given: Mapping[str, FloatArray] = field(default_factory=dict)

    def at(self, order: IntArray) -> Rows:
        """These rows in another order, (n,)."""
        given = {name: values[order] for name, values in self.given.items()}
        return replace(
            self,
            target=self.target[order],
            prediction=self.prediction[order],
            bin_index=self.bin_index[order],
            given=given,
        )


class Scratch:
    """Arrays that are used again and again, one per name, so that memory is touched once; not for two threads."""

    def __init__(self) -> None:
        self._held: dict[str, AnyArray] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any = np.float64) -> AnyArray:
        """An array of this shape; what is in it is undefined, and changes when the name is asked for again."""
        size = int(np.prod(shape))
        held = self._held.get(name)
        if held is None or held.size < size:
            held = self._held[name] = np.empty(size, dtype)
        return held[:size].reshape(shape)


class Scorer:
    """The scores of several systems on the same rows, whose target and bin they share, by region.

    ``regions`` maps a name to the mask (B,) of its bins. Counts are expected in ``order`` (n,), by bin, target and
    predictions, so that neither scores nor what is drawn depend on the order of the rows.
    """

    def __init__(self, systems: Sequence[Rows], regions: Mapping[str, BoolArray], metrics: Sequence[Metric]) -> None:
        first = systems[0]
        keys = [each.prediction for each in systems]
        self.order: IntArray = np.lexsort((*keys, first.target, first.bin_index))
        self.shape = (len(systems), len(metrics))
        self._metrics = list(metrics)
        self.regions = dict(regions)
        ordered = [each.at(self.order) for each in systems]
        self._systems = [_System(each, self._metrics) for each in ordered]
        self._cells = Cells.of(ordered[0].target, ordered[0].bin_index)
        self._held_bins = np.unique(ordered[0].bin_index)
        self._cells_are_bins = self._held_bins.size == self._cells.starts.size
        held = {name: np.flatnonzero(mask[ordered[0].bin_index]) for name, mask in regions.items()}
        self._rows = held
        self._ranks = {
            name: [Ranks(rows, self._cells, each.prediction) for each in ordered] for name, rows in held.items()
        }

    def scores(self, counts: AnyArray, scratch: Scratch) -> dict[str, FloatArray]:
        """Each metric of each set, (systems, metrics, R) per region, from how often each row is in it, (n, R)."""
        size = counts.shape[1]
        found = {name: np.full((*self.shape, size), np.nan) for name in self.regions}
        exact = scratch("exact", counts.shape)
        np.copyto(exact, counts)
        cells = None
        for number, system in enumerate(self._systems):
            sums = system.sums(exact, scratch)
            if self._cells_are_bins and cells is None:
                cells = sums.sums[self._held_bins, 0]
            for name, mask in self.regions.items():
                if self._rows[name].size:
                    self._from_sums(system, sums, mask, found[name][number])
        self._from_rows(counts, cells, found, scratch)
        return found

    def _from_sums(self, system: _System, sums: _Raw, mask: BoolArray, out: FloatArray) -> None:
        """Fill the rows of ``out`` (metrics, R) whose metrics are made of sums."""
        total, bins = system.region(sums, mask)
        n = np.maximum(total.n, 1)
        for row, metric in enumerate(self._metrics):
            if metric.from_sums is not None:
                out[row] = metric.from_sums(total, bins, system.rows.zero_error)
            elif metric.name in system.places:
                own = sums.extra[mask][:, system.places[metric.name]].sum(axis=0)
                score = own[0] / n if metric.from_terms is None else metric.from_terms.score(n, own)
                out[row] = np.where(total.n > 0, score, np.nan)

    def _from_rows(
        self, counts: AnyArray, cells: AnyArray | None, found: dict[str, FloatArray], scratch: Scratch
    ) -> None:
        """Fill the rows whose metrics need ranks."""
        single = of_cells = scratch("single", counts.shape, np.float32)
        places = [(row, each) for row, each in enumerate(self._metrics) if each.from_rows is not None]
        if any(metric.name == "spearman" for _, metric in places):
            np.copyto(single, counts, casting="unsafe")
            of_cells = self._cells.counts(single) if cells is None else cells
        for name, rows in self._rows.items():
            for number, system in enumerate(self._systems):
                for row, metric in places if rows.size else []:
                    if metric.name == "spearman":
                        found[name][number, row] = self._ranks[name][number].spearman(single, of_cells, scratch)
                    else:
                        found[name][number, row] = _one_by_one(metric, system.rows, rows, counts)


def _one_by_one(metric: Metric, held: Rows, rows: IntArray, counts: AnyArray) -> list[float]:
    """The metric of each set, (R,), from its rows written out: for metrics that counts do not speed up."""
    assert metric.from_rows is not None  # noqa: S101 - the caller has looked
    found = []
    for column in counts[rows].T:
        own = np.repeat(rows, column.astype(np.int64))
        found.append(metric.from_rows(held.target[own], held.prediction[own]))
    return found


@dataclass(frozen=True)
class _Raw:
    """Sums of each set per bin: the eleven of `Sums` about the bin's centre, (B, 11, R), and the metrics' own."""

    sums: FloatArray
    extra: FloatArray


class _System:
    """What one system's sums are made of: per row eleven terms and those of the metrics' own, in order of the bin."""

    def __init__(self, rows: Rows, metrics: Sequence[Metric]) -> None:
        self.rows = rows
        self._starts = np.searchsorted(rows.bin_index, np.arange(rows.bins + 1))
        self._target = _Centres.of(rows.target, rows.bin_index, self._starts)
        self._prediction = _Centres.of(rows.prediction, rows.bin_index, self._starts)
        error = rows.prediction - rows.target
        missed = error != 0
        log = np.log(np.abs(error), out=np.zeros_like(error), where=missed)
        y, p = self._target.rest, self._prediction.rest
        terms = [np.ones_like(y), ~missed, error, np.abs(error), error**2, log, y, p, y * y, p * p, y * p]
        self.places: dict[str, slice] = {}
        for metric in metrics:
            if (own := _own_terms(metric, rows)) is not None:
                self.places[metric.name] = slice(len(terms) - 11, len(terms) - 11 + len(own))
                terms += list(own)
        self._terms = np.array(terms, dtype=np.float64)

    def sums(self, counts: FloatArray, scratch: Scratch) -> _Raw:
        """The sums of each set per bin, from float64 ``counts`` (n, R)."""
        k, size = len(self._terms), counts.shape[1]
        found = scratch("sums", (self.rows.bins, k, size))
        step = max(1, SINGLE_THREAD // (k * size))
        for own, start, stop in zip(found, self._starts[:-1].tolist(), self._starts[1:].tolist(), strict=True):
            np.matmul(self._terms[:, start : min(start + step, stop)], counts[start : min(start + step, stop)], out=own)
            for at in range(start + step, stop, step):
                np.add(own, self._terms[:, at : min(at + step, stop)] @ counts[at : min(at + step, stop)], out=own)
        return _Raw(found[:, :11], found[:, 11:])

    def region(self, raw: _Raw, mask: BoolArray) -> tuple[Sums, Sums]:
        """The sums of a region's rows, (R,), and of each of its bins, (B, R)."""
        n, exact, error, absolute, square, log, y, p, yy, pp, yp = raw.sums[mask].swapaxes(0, 1)
        some = np.maximum(n, 1)
        bins = Sums(
            n=n,
            exact=exact,
            error=error,
            absolute=absolute,
            square=square,
            log=log,
            target_mean=self._target.shift[mask, None] + y / some,
            prediction_mean=self._prediction.shift[mask, None] + p / some,
            target_moment=_settled(yy, y * y / some),
            prediction_moment=_settled(pp, p * p / some),
            product_moment=yp - y * p / some,
        )
        total = pooled(bins)
        return self._placed(total, settle=True), self._placed(bins, settle=False)

    def _placed(self, sums: Sums, *, settle: bool) -> Sums:
        """Means about zero instead of the centre, and spreads that are only rounding set to 0."""
        moments = {}
        if settle:
            for name, centres in (("target_moment", self._target), ("prediction_moment", self._prediction)):
                moment = getattr(sums, name)
                moments[name] = np.where(moment > sums.n * (32 * EPS * centres.spread) ** 2, moment, 0.0)
        return replace(
            sums,
            target_mean=sums.target_mean + self._target.centre,
            prediction_mean=sums.prediction_mean + self._prediction.centre,
            **moments,
        )


def _own_terms(metric: Metric, rows: Rows) -> FloatArray | None:
    """What each row adds to the metric's own sums, (k, n); None where it has none."""
    if metric.per_row is not None:
        return metric.per_row(rows.target, rows.prediction)[None]
    if metric.from_terms is not None:
        return metric.from_terms.rows(rows.target, rows.prediction, rows.given[metric.needs])
    return None


def _settled(square: FloatArray, of_mean: FloatArray) -> FloatArray:
    """A centred moment, 0 where it is no more than what rounding leaves of equal values."""
    moment = square - of_mean
    return np.where(moment > NOISE * square, moment, 0.0)


@dataclass(frozen=True)
class _Centres:
    """Values (n,) about a centre per bin: ``rest`` = value - (centre + shift (B,) of its bin).

    Centres are themselves values, so that equal values leave exactly 0, and middle ones, so that little cancels.
    """

    centre: float
    shift: FloatArray
    rest: FloatArray
    spread: float

    @classmethod
    def of(cls, values: FloatArray, bin_index: IntArray, starts: IntArray) -> _Centres:
        if not values.size:
            return cls(0.0, np.zeros(len(starts) - 1), values, 0.0)
        middle = np.lexsort((values, bin_index))[np.minimum((starts[:-1] + starts[1:]) // 2, values.size - 1)]
        centre = float(np.partition(values, values.size // 2)[values.size // 2])
        own = values[middle]
        return cls(centre, own - centre, values - own[bin_index], float(np.abs(values - centre).max()))
