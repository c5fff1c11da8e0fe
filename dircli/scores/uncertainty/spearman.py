"""Spearman's correlation of many weighted sets of the same rows at once, from running sums of their counts.

In a set, a value whose copies fill the places P+1 to P+t of its order has the doubled rank 2P + t + 1; less the mean
one, N + 1, that is (P + (P + t)) - N, a sum of two running counts. Counts and such ranks are whole numbers below 2^24,
which float32 holds exactly; products of them are added up exactly enough in blocks of `BLOCK` rows, and across blocks
in float64. The spread of ranks needs no ranks: sum of t (2P + t - N)² = (N³ - sum of t³) / 3.
"""

from collections.abc import Callable

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray

BLOCK = 16
TWICE = (np.tri(BLOCK) + np.tri(BLOCK, k=-1)).astype(np.float32)  # a row's count once, and all counts before it twice
ONCE = np.ones((1, BLOCK), np.float32)


class TargetCells:
    """Rows (n,), in order of bin and target, by equal both: the cell of each row, each cell's start and its target."""

    def __init__(self, target: FloatArray, bin_index: IntArray) -> None:
        new = np.ones(target.size, bool)
        new[1:] = (np.diff(target) != 0) | (np.diff(bin_index) != 0)
        self.cell, self.starts = np.cumsum(new) - 1, np.flatnonzero(new)
        self.target = target[self.starts]

    def counts(self, counts: AnyArray) -> AnyArray:
        """How many rows of each cell are in each set, (cells, R), from ``counts`` (n, R)."""
        return np.add.reduceat(counts, self.starts, axis=0) if self.starts.size else counts


class WeightedSpearman:
    """Spearman's correlation of weighted sets of a region's rows: those of ``rows`` (m,), ascending, among all n.

    The rows' orders by target and by prediction are the same in every set, and are found once, here.
    """

    def __init__(self, rows: IntArray, cells: TargetCells, prediction: FloatArray) -> None:
        self._rows = rows[np.argsort(prediction[rows], kind="stable")]
        self._target = _TargetGroups(np.unique(cells.cell[rows]), cells)
        self._group = self._target.group[cells.cell[self._rows]]
        self._ties = _Ties(prediction[self._rows])

    def scores(self, counts: AnyArray, of_cells: AnyArray, scratch: Callable[..., AnyArray]) -> FloatArray:
        """The correlation of each set, (R,), from float32 ``counts`` (n, R) and those of cells; NaN where undefined.

        ``scratch(name, shape, dtype)`` gives arrays to work in.
        """
        m, size = self._rows.size, counts.shape[1]
        blocks = -(-m // BLOCK)
        ordered, weighted, twice = (
            scratch(name, (blocks * BLOCK, size), np.float32) for name in ("ordered", "weighted", "twice")
        )
        np.take(counts, self._rows, axis=0, out=ordered[:m], mode="clip")
        ranks, target_spread = self._target.ranks(of_cells)
        np.take(ranks, self._group, axis=0, out=weighted[:m], mode="clip")
        ordered[m:] = 0
        weighted[m:] = 0
        weighted *= ordered
        tied, tied_weighted = self._ties.taken(ordered, weighted)
        ordered, weighted, twice = (array.reshape(blocks, BLOCK, size) for array in (ordered, weighted, twice))
        np.multiply(ordered, ordered, out=twice)
        cubes = np.einsum("bkr,bkr->br", twice, ordered).sum(axis=0, dtype=np.float64) + (tied**3).sum(axis=0)
        ordered.reshape(-1, size)[self._ties.first] = tied
        np.matmul(TWICE, ordered, out=twice)  # places up to each row and up to the one before it, within the block
        in_block = ((twice[:, -1] + ordered[:, -1]) / 2).astype(np.float64)
        through = np.cumsum(in_block, axis=0)
        before = through - in_block
        product = np.einsum("bkr,bkr->br", weighted, twice).sum(axis=0, dtype=np.float64)
        product += 2 * np.einsum("br,br->r", np.matmul(ONCE, weighted)[:, 0], before)
        if tied.size:
            places = twice.reshape(-1, size)[self._ties.first] + 2 * before[self._ties.first // BLOCK]
            product += np.einsum("tr,tr->r", tied_weighted, places)
        spread = target_spread * (through[-1] ** 3 - cubes)
        return np.where(spread > 0, np.clip(3 * product / np.sqrt(np.where(spread > 0, spread, 1)), -1, 1), np.nan)


class _TargetGroups:
    """Cells of equal target, in ascending order of it; ``group`` is that of each cell of all, -1 outside the region."""

    def __init__(self, of_region: IntArray, cells: TargetCells) -> None:
        self.cells = of_region[np.argsort(cells.target[of_region], kind="stable")]
        new = np.ones(self.cells.size, bool)
        new[1:] = np.diff(cells.target[self.cells]) != 0
        self.starts = np.flatnonzero(new)
        self.group = np.full(cells.starts.size, -1)
        self.group[self.cells] = np.cumsum(new) - 1

    def ranks(self, of_cells: AnyArray) -> tuple[AnyArray, FloatArray]:
        """Twice the centred rank of each group in each set, (G, R), and three times the sum of their squares, (R,)."""
        sizes = of_cells[self.cells].astype(np.float64)
        if self.starts.size < self.cells.size:
            sizes = np.add.reduceat(sizes, self.starts, axis=0)
        ranks = np.cumsum(sizes, axis=0)
        n = ranks[-1].copy()
        ranks *= 2
        ranks -= sizes
        ranks -= n
        return ranks.astype(np.float32), n**3 - np.einsum("gr,gr,gr->r", sizes, sizes, sizes)


class _Ties:
    """Places (t,) of an ascending order whose values are not alone, where their groups start among them, and in all."""

    def __init__(self, ordered: FloatArray) -> None:
        _, starts, sizes = np.unique(ordered, return_index=True, return_counts=True)
        self.places = np.flatnonzero(np.repeat(sizes, sizes) > 1)
        self.starts = np.cumsum(sizes[sizes > 1]) - sizes[sizes > 1]
        self.first = starts[sizes > 1]

    def taken(self, ordered: AnyArray, weighted: AnyArray) -> tuple[FloatArray, FloatArray]:
        """Take the tied rows out of ``ordered`` and ``weighted`` (n, R), and give each group's sums, (T, R) both."""
        if not self.places.size:
            empty = np.zeros((0, ordered.shape[1]))
            return empty, empty
        sums = []
        for values in (ordered, weighted):
            sums.append(np.add.reduceat(values[self.places].astype(np.float64), self.starts, axis=0))
            values[self.places] = 0
        return sums[0], sums[1]
