"""The bootstrap: scores of many resamples of the same rows, from counts of how often each row was drawn.

A resample is a column of a count matrix (n, R): the sums of R resamples are one matrix product, and ranks are running
sums of counts along two fixed orders. Blocks of resamples are drawn from seeds of their own, so the result depends
neither on the number of cores nor on the order in which they finish.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
    from dircli.metrics import Metric

BLOCK = 16
NOISE = 1e-12


@dataclass(frozen=True)
class Plan:
    """How rows are drawn: ``strata`` (n,) are codes 0..; each stratum is drawn from on its own, to its own size.

    With ``clusters`` (n,), codes 0.., whole clusters are drawn instead, from all of them, and ``strata`` are not used.
    """

    strata: IntArray
    clusters: IntArray | None = None

    def blocks(self, resamples: int, *, seed: int) -> Iterator[Callable[[], FloatArray]]:
        """Functions that give the counts of up to `BLOCK` resamples each, (n, r); together ``resamples`` of them."""
        starts = range(0, resamples, BLOCK)
        seeds = np.random.SeedSequence(seed).spawn(len(starts))
        for start, own in zip(starts, seeds, strict=True):
            yield partial(self._counts, own, min(BLOCK, resamples - start))

    def _counts(self, seed: np.random.SeedSequence, size: int) -> FloatArray:
        generator = np.random.default_rng(seed)
        if self.clusters is None:
            return _drawn(generator, self.strata, size)
        clusters = np.zeros(int(self.clusters.max()) + 1, dtype=np.int64)
        return np.take(_drawn(generator, clusters, size), self.clusters, axis=0)


def _drawn(generator: np.random.Generator, strata: IntArray, size: int) -> FloatArray:
    """How often each of n units is drawn, (n, size), when each stratum is drawn from with replacement."""
    order = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    width = np.repeat(np.nextafter(sizes, 0), sizes)  # just below, so that a number below 1 stays below it when scaled
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    picks = generator.random((strata.size, size))
    picks *= width[:, None]
    cells = picks.astype(np.int64)
    cells += first[:, None]
    cells *= size
    cells += np.arange(size)
    counts = np.bincount(cells.reshape(-1), minlength=cells.size).reshape(cells.shape).astype(np.float64)
    found = np.empty_like(counts)
    found[order] = counts
    return found


@dataclass(frozen=True)
class Rows:
    """The rows of one region for one system: target, prediction and bin, (n,) each, in ascending order of the bin.

    ``zero_error`` is what an exact hit counts as in GM.
    """

    target: FloatArray
    prediction: FloatArray
    bin_index: IntArray
    zero_error: float

    def scores(self, counts: FloatArray, metrics: Sequence[Metric]) -> FloatArray:
        """Each metric of each resample, (metrics, R), from how often it drew each row, (n, R)."""
        if not self.target.size:
            return np.full((len(metrics), counts.shape[1]), np.nan)
        total, bins = self._sums(counts)
        found = [
            metric.from_sums(total, bins, self.zero_error) if metric.from_sums else self._spearman(counts)
            for metric in metrics
        ]
        return np.array(found, dtype=np.float64)

    @cached_property
    def _terms(self) -> tuple[FloatArray, float, float]:
        """The rows of terms that sums are made of, (11, n), about fixed centres of target and prediction."""
        error = self.prediction - self.target
        missed = error != 0
        log = np.log(np.abs(error), out=np.zeros_like(error), where=missed)
        centres = (float(self.target.mean()), float(self.prediction.mean()))
        y, p = self.target - centres[0], self.prediction - centres[1]
        terms = (np.ones_like(y), ~missed, error, np.abs(error), error**2, log, y, p, y * y, p * p, y * p)
        return np.array(terms, dtype=np.float64), *centres

    @cached_property
    def _starts(self) -> IntArray:
        """Where each bin's rows begin."""
        return np.flatnonzero(np.diff(self.bin_index, prepend=-1))

    def _sums(self, counts: FloatArray) -> tuple[Sums, Sums]:
        """The sums of each resample over all rows, (R,), and those of n and |e| per bin, (B, R)."""
        terms, y_centre, p_centre = self._terms
        n, hits, error, absolute, square, log, y, p, yy, pp, yp = terms @ counts
        some = np.maximum(n, 1)
        moments = {
            "target_moment": _settled(yy, y * y / some),
            "prediction_moment": _settled(pp, p * p / some),
            "product_moment": yp - y * p / some,
        }
        means = {"target_mean": y_centre + y / some, "prediction_mean": p_centre + p / some}
        total = Sums(n=n, exact=hits, error=error, absolute=absolute, square=square, log=log, **means, **moments)
        per_bin = np.add.reduceat(counts, self._starts, axis=0)
        absolute_per_bin = np.add.reduceat(counts * terms[3][:, None], self._starts, axis=0)
        unused: Any = np.zeros_like(per_bin)
        rest = dict.fromkeys(("exact", "error", "square", "log", *means, *moments), unused)
        return total, Sums(n=per_bin, absolute=absolute_per_bin, **rest)

    @cached_property
    def _orders(self) -> tuple[_Order, _Order]:
        return _Order.of(self.target), _Order.of(self.prediction)

    def _spearman(self, counts: FloatArray) -> FloatArray:
        """Spearman's correlation of each resample, (R,), from ranks less their mean, which ties do not change."""
        by_target, by_prediction = self._orders
        held, ranks = by_target.ranks(counts)
        held *= ranks
        target_moment = np.einsum("nr,nr->r", held, ranks)
        weighted = by_prediction.sorted(by_target.unsorted(held))
        held, ranks = by_prediction.ranks(counts)
        product = np.einsum("nr,nr->r", weighted, ranks)
        held *= ranks
        prediction_moment = np.einsum("nr,nr->r", held, ranks)
        scale = np.sqrt(target_moment * prediction_moment)
        return np.where(scale > 0, np.clip(product / np.where(scale > 0, scale, 1), -1, 1), np.nan)


def _settled(square: FloatArray, of_mean: FloatArray) -> FloatArray:
    """A centred moment, 0 where it is no more than what rounding leaves of equal values."""
    moment = square - of_mean
    return np.where(moment > NOISE * square, moment, 0.0)


@dataclass(frozen=True)
class _Order:
    """The ascending order of values (n,), and where in it the tied ones stand, with the ends of their group."""

    order: IntArray
    tied: IntArray
    group_start: IntArray
    group_stop: IntArray

    @classmethod
    def of(cls, values: FloatArray) -> _Order:
        order = np.argsort(values, kind="stable")
        _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
        stops = np.cumsum(sizes)
        tied = np.flatnonzero(sizes[group[order]] > 1)
        of_tied = group[order][tied]
        return cls(order, tied, stops[of_tied] - sizes[of_tied], stops[of_tied])

    def sorted(self, values: FloatArray) -> FloatArray:
        """``values`` (n, R) in this order; the caller's own to change."""
        return np.take(values, self.order, axis=0)

    def unsorted(self, values: FloatArray) -> FloatArray:
        """``values`` (n, R), which stand in this order, in the order of the rows."""
        found = np.empty_like(values)
        found[self.order] = values
        return found

    def ranks(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How often each row was drawn, and its rank less the mean rank, (n, R) both, in this order.

        Equal values, and the draws of one row, share the mean of their ranks: half of the draws before and after them.
        """
        held = self.sorted(counts)
        below = np.zeros((len(held) + 1, held.shape[1]))
        np.cumsum(held, axis=0, out=below[1:])
        ranks = below[1:] + below[:-1]
        ranks[self.tied] = below[self.group_start] + below[self.group_stop]
        ranks -= below[-1]
        ranks /= 2
        return held, ranks


def resampled(  # noqa: PLR0913 - what is drawn, what is scored, how often and from which seed
    plan: Plan,
    regions: dict[str, tuple[BoolArray, list[Rows]]],
    metrics: Sequence[Metric],
    *,
    resamples: int,
    seed: int,
    workers: int | None = None,
) -> dict[str, FloatArray]:
    """The scores of every resample: per region an array (systems, metrics, resamples).

    ``regions`` maps a name to its rows' mask (n,) and each system's rows there. All systems see the same resamples, so
    differences between them are paired.
    """

    def block(draw: Callable[[], FloatArray]) -> dict[str, AnyArray]:
        counts = draw()
        return {
            name: np.array([rows.scores(counts[mask], metrics) for rows in systems])
            for name, (mask, systems) in regions.items()
        }

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        blocks = list(pool.map(block, plan.blocks(resamples, seed=seed)))
    return {name: np.concatenate([found[name] for found in blocks], axis=-1) for name in regions}
