"""Spearman's correlation of many reweighted sets of the same rows at once, from running sums of their counts.

In a set, a value whose copies fill the places P+1 to P+t of its order has the doubled rank 2P + t + 1; less the mean
one, N + 1, that is (P + (P + t)) - N, a sum of two running counts. Counts and such ranks are whole numbers below 2^24,
which float32 holds exactly; products of them are added up exactly enough in runs of `RUN` rows, and across runs in
float64. The spread of ranks needs no ranks: sum of t (2P + t - N)² = (N³ - sum of t³) / 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from dircli.arrays import AnyArray, FloatArray, IntArray

RUN = 16
TWICE = (np.tri(RUN) + np.tri(RUN, k=-1)).astype(np.float32)  # a row's count once, and all counts before it twice
ONCE = np.ones((1, RUN), np.float32)


@dataclass(frozen=True)
class Cells:
    """Rows (n,) in runs of equal bin and target: the cell of each row, and where each cell starts, with its target."""

    cell: IntArray
    starts: IntArray
    target: FloatArray

    @classmethod
    def of(cls, target: FloatArray, bin_index: IntArray) -> Cells:
        """The cells of rows in ascending order of bin, then target."""
        new = np.ones(target.size, bool)
        new[1:] = (np.diff(target) != 0) | (np.diff(bin_index) != 0)
        starts = np.flatnonzero(new)
        return cls(np.cumsum(new) - 1, starts, target[starts])

    def counts(self, counts: AnyArray) -> AnyArray:
        """How many rows of each cell are in each set, (cells, R), from ``counts`` (n, R)."""
        return np.add.reduceat(counts, self.starts, axis=0) if self.starts.size else counts


class Ranks:
    """The orders of target and prediction among a region's rows, ``rows`` (m,) in ascending order."""

    def __init__(self, rows: IntArray, cells: Cells, prediction: FloatArray) -> None:
        self._rows = rows[np.argsort(prediction[rows], kind="stable")]
        self._target = _Groups.of_cells(np.unique(cells.cell[rows]), cells)
        self._group = self._target.group[cells.cell[self._rows]]
        self._ties = _Ties.of(prediction[self._rows])

    def spearman(self, counts: AnyArray, of_cells: AnyArray, scratch: Callable[..., AnyArray]) -> FloatArray:
        """The correlation of each set, (R,), from float32 ``counts`` (n, R) and those of cells; NaN where undefined.

        ``scratch(name, shape, dtype)`` gives arrays to work in.
        """
        m, size = self._rows.size, counts.shape[1]
        runs = -(-m // RUN)
        held, weighted, twice = (
            scratch(name, (runs * RUN, size), np.float32) for name in ("held", "weighted", "twice")
        )
        np.take(counts, self._rows, axis=0, out=held[:m], mode="clip")
        ranks, target_spread = self._target.ranks(of_cells)
        np.take(ranks, self._group, axis=0, out=weighted[:m], mode="clip")
        held[m:] = 0
        weighted[m:] = 0
        weighted *= held
        tied, tied_weighted = self._ties.taken(held, weighted)
        shape = (runs, RUN, size)
        held, weighted, twice = held.reshape(shape), weighted.reshape(shape), twice.reshape(shape)
        np.multiply(held, held, out=twice)
        cubes = _dots(twice, held).sum(axis=0, dtype=np.float64) + (tied**3).sum(axis=0)
        held.reshape(-1, size)[self._ties.first] = tied
        np.matmul(TWICE, held, out=twice)  # places up to each row and up to the one before it, within the run
        in_run = ((twice[:, -1] + held[:, -1]) / 2).astype(np.float64)
        through = np.cumsum(in_run, axis=0)
        before = through - in_run
        product = _dots(weighted, twice).sum(axis=0, dtype=np.float64)
        product += 2 * np.einsum("br,br->r", np.matmul(ONCE, weighted)[:, 0], before)
        if tied.size:
            places = twice.reshape(-1, size)[self._ties.first] + 2 * before[self._ties.first // RUN]
            product += np.einsum("tr,tr->r", tied_weighted, places)
        spread = target_spread * (through[-1] ** 3 - cubes)
        return np.where(spread > 0, np.clip(3 * product / np.sqrt(np.where(spread > 0, spread, 1)), -1, 1), np.nan)


def _dots(first: AnyArray, second: AnyArray) -> AnyArray:
    """The dot products along the middle axis, (runs, R)."""
    found: AnyArray = np.einsum("bkr,bkr->br", first, second)
    return found


@dataclass(frozen=True)
class _Groups:
    """Cells of equal target, in ascending order of it; ``group`` is that of each cell of all, -1 outside the region."""

    cells: IntArray
    starts: IntArray
    group: IntArray

    @classmethod
    def of_cells(cls, own: IntArray, cells: Cells) -> _Groups:
        order = own[np.argsort(cells.target[own], kind="stable")]
        new = np.ones(order.size, bool)
        new[1:] = np.diff(cells.target[order]) != 0
        group = np.full(cells.starts.size, -1)
        group[order] = np.cumsum(new) - 1
        return cls(order, np.flatnonzero(new), group)

    def ranks(self, of_cells: AnyArray) -> tuple[AnyArray, FloatArray]:
        """Twice the centred rank of each group in each set, (G, R), and three times the sum of their squares, (R,)."""
        held = of_cells[self.cells].astype(np.float64)
        if self.starts.size < self.cells.size:
            held = np.add.reduceat(held, self.starts, axis=0)
        ranks = np.cumsum(held, axis=0)
        n = ranks[-1].copy()
        ranks *= 2
        ranks -= held
        ranks -= n
        return ranks.astype(np.float32), n**3 - np.einsum("gr,gr,gr->r", held, held, held)


@dataclass(frozen=True)
class _Ties:
    """Places (t,) of an ascending order whose values are not alone, where their groups start among them, and in all."""

    places: IntArray
    starts: IntArray
    first: IntArray

    @classmethod
    def of(cls, ordered: FloatArray) -> _Ties:
        _, starts, sizes = np.unique(ordered, return_index=True, return_counts=True)
        places = np.flatnonzero(np.repeat(sizes, sizes) > 1)
        shared = sizes[sizes > 1]
        return cls(places, np.cumsum(shared) - shared, starts[sizes > 1])

    def taken(self, held: AnyArray, weighted: AnyArray) -> tuple[FloatArray, FloatArray]:
        """Take the tied rows out of ``held`` and ``weighted`` (n, R), and give each group's sums, (T, R) both."""
        if not self.places.size:
            empty = np.zeros((0, held.shape[1]))
            return empty, empty
        found = []
        for values in (held, weighted):
            found.append(np.add.reduceat(values[self.places].astype(np.float64), self.starts, axis=0))
            values[self.places] = 0
        return found[0], found[1]
