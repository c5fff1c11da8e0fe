"""The bootstrap: scores of many resamples of the same rows, drawn within strata or in whole clusters.

Tasks of `TASK` resamples have seeds of their own, so the result does not depend on the cores that draw them.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import cpu_count

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray, TextArray
from dircli.scores.metrics.table import Metric
from dircli.scores.uncertainty.reweighted import ScoredRows, Scratch, SetScorer

TASK = 128
WIDEST = 32
CELLS = 1 << 24
LEAST = 20
ALONE = 256
"""Rows of a stratum from which on it is drawn from on its own."""
RUN = 1 << 12
"""Rows of smaller strata that are drawn together."""


def strata(bin_index: IntArray, regions: TextArray, *, least: int = LEAST) -> IntArray:
    """The stratum of each row (n,), codes 0.. in ascending order of bin: its bin, or neighbouring bins of its region.

    Bins of one region are joined until the stratum holds ``least`` rows, as one of m rows shows only (m - 1) / m of
    its variance; what is left before another region begins joins the stratum before it. ``bin_index`` (n,) is the
    row's bin, ``regions`` (B,) the region of each bin.
    """
    sizes = np.bincount(bin_index, minlength=len(regions))
    filled = np.flatnonzero(sizes)
    stratum_of_bin = np.zeros(len(regions), np.int64)
    code = 0
    for run in np.split(filled, np.flatnonzero(regions[filled][1:] != regions[filled][:-1]) + 1):
        first, rows = code, 0
        for each in run:
            stratum_of_bin[each] = code
            rows += int(sizes[each])
            if rows >= least:
                code, rows = code + 1, 0
        if rows and code > first:
            stratum_of_bin[run[stratum_of_bin[run] == code]] = code - 1
        elif rows:
            code += 1
    return stratum_of_bin[bin_index]


@dataclass(frozen=True)
class ResamplingPlan:
    """How rows are drawn: ``strata`` (n,) are codes 0..; each stratum is drawn from on its own, to its own size.

    With ``clusters`` (n,), codes 0.., whole clusters are drawn instead, from all of them, and ``strata`` are not used.
    """

    strata: IntArray
    clusters: IntArray | None = None

    @property
    def units(self) -> IntArray:
        """The unit that each row (n,) is drawn with, codes 0..: itself, or its cluster."""
        return np.arange(self.strata.size) if self.clusters is None else self.clusters

    @property
    def unit_strata(self) -> IntArray:
        """The stratum of each unit, in the order of their codes; all clusters are one stratum."""
        return self.strata if self.clusters is None else np.zeros(int(self.clusters.max(initial=-1)) + 1, np.int64)

    @cached_property
    def _order(self) -> IntArray | None:
        """Units in order of stratum; None where they are."""
        strata = self.unit_strata
        return None if (np.diff(strata) >= 0).all() else np.argsort(strata, kind="stable")

    @cached_property
    def _parts(self) -> list[tuple[slice, AnyArray, AnyArray]]:
        """Runs of units in that order, with the size of each unit's stratum and the place of its first unit in the run.

        A large stratum is a run of its own, with one size for all; small ones are drawn from together.
        """
        sizes = np.bincount(self.unit_strata).astype(np.uint64)
        ends = np.cumsum(sizes)
        alone = sizes >= ALONE
        new = alone | np.append(True, alone[:-1]) | (ends // RUN != (ends - sizes) // RUN)
        parts = []
        for first, last in zip(np.flatnonzero(new), np.append(np.flatnonzero(new)[1:], sizes.size), strict=True):
            own = sizes[first:last]
            start = ends[first] - own[0]
            each = 1 if own.size == 1 else own.astype(int)
            place = np.repeat(ends[first:last] - own - start, each)[:, None]
            parts.append((slice(int(start), int(ends[last - 1])), np.repeat(own, each)[:, None], place))
        return parts

    def counts(self, generator: np.random.SFC64, size: int, scratch: Scratch) -> AnyArray:
        """How often each row is drawn in each of ``size`` resamples, (n, size).

        A draw from m units is m times a random number of 32 bits, shifted: each unit's chance is 1/m within 2^-32.
        """
        n = self.unit_strata.size
        raw = generator.random_raw((n * size + 1) // 2).view(np.uint32)[: n * size].reshape(n, size)
        counts = scratch("counts", (n, size))
        longest = max((run.stop - run.start for run, *_ in self._parts), default=0)
        column = scratch("column", (longest, size), np.uint64)
        column[:] = np.arange(size)
        for run, sizes, first in self._parts:
            picks = scratch("picks", (run.stop - run.start, size), np.uint64)
            np.multiply(raw[run], sizes, out=picks)
            picks >>= np.uint64(32)
            if len(sizes) > 1:
                picks += first
            picks *= np.uint64(size)
            picks += column[: len(picks)]
            drawn = np.bincount(picks.view(np.int64).reshape(-1), minlength=picks.size)
            counts[run] = drawn.reshape(picks.shape)
        if self._order is not None:
            counts[self._order] = counts.copy()
        return counts if self.clusters is None else np.take(counts, self.clusters, axis=0)


def width(n: int) -> int:
    """How many resamples of n rows are held at once: they fit the cache of a core, or there are 8 of them."""
    return WIDEST if n <= CELLS // (16 * WIDEST) else 8


def resampled(  # noqa: PLR0913 - what is drawn, what is scored, how often and from which seed
    plan: ResamplingPlan,
    systems: Sequence[ScoredRows],
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
    *,
    resamples: int,
    seed: int,
    workers: int | None = None,
) -> dict[str, FloatArray]:
    """The scores of every resample: per region an array (systems, metrics, resamples), NaN where undefined.

    All systems see the same resamples. Neither the order of the rows nor ``workers`` changes a number.
    """
    scorer = SetScorer(systems, regions, metrics)
    clusters = None if plan.clusters is None else plan.clusters[scorer.order]
    drawn = ResamplingPlan(plan.strata[scorer.order], clusters)
    return scored_sets(scorer, lambda source, _, *how: drawn.counts(source, *how), resamples, seed, workers)


def jackknife(
    plan: ResamplingPlan,
    systems: Sequence[ScoredRows],
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
    *,
    workers: int | None = None,
) -> dict[str, FloatArray]:
    """The scores without each unit in turn, a row or a whole cluster: per region (systems, metrics, units).

    Units stand in the order of `ResamplingPlan.units`. A unit outside a region leaves its score as it is.
    """
    scorer = SetScorer(systems, regions, metrics)
    units = plan.units[scorer.order]

    def without(_source: np.random.SFC64, first: int, size: int, _scratch: Scratch) -> AnyArray:
        return np.asarray(units[:, None] != np.arange(first, first + size))

    return scored_sets(scorer, without, int(plan.unit_strata.size), 0, workers)


def scored_sets(
    scorer: SetScorer,
    draw: Callable[[np.random.SFC64, int, int, Scratch], AnyArray],
    number: int,
    seed: int,
    workers: int | None,
) -> dict[str, FloatArray]:
    """The scores of ``number`` weighted sets of rows: per region an array (systems, metrics, number).

    ``draw(source, first, size, scratch)`` gives how often each row is in the sets from ``first`` on, (n, size). Each
    task has its own source of random numbers, spawned from ``seed``.
    """
    n = scorer.order.size
    scores = {name: np.full((*scorer.shape, number), np.nan) for name in scorer.regions}
    local = threading.local()

    def task(start: int, sequence: np.random.SeedSequence) -> None:
        scratch = local.__dict__.setdefault("scratch", Scratch())
        source = np.random.SFC64(sequence)
        stop = min(start + TASK, number)
        for at in range(start, stop, width(n)):
            size = min(width(n), stop - at)
            for name, of_sets in scorer.scores(draw(source, at, size, scratch), scratch).items():
                scores[name][..., at : at + size] = of_sets

    starts = range(0, number, TASK)
    if n:
        most = max(1, CELLS // (n * width(n)))
        with ThreadPoolExecutor(min(workers or cpu_count(), most)) as pool:
            list(pool.map(task, starts, np.random.SeedSequence(seed).spawn(len(starts))))
    return scores
