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
WIDE = 16
FEW = 4
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

    The rows' orders by target and by prediction are the same in every set, and are found once, here. Rows in order of
    prediction lie in panels of `WIDE` blocks, each block a column of its panel: panels (P, BLOCK, WIDE).
    """

    def __init__(self, rows: IntArray, cells: TargetCells, prediction: FloatArray) -> None:
        ordered = rows[np.argsort(prediction[rows], kind="stable")]
        self._target = _TargetGroups(np.unique(cells.cell[rows]), cells)
        group = self._target.group[cells.cell[ordered]]
        self._ties = _Ties(prediction[ordered], ordered, group)
        ordered[self._ties.places] = cells.cell.size  # a row that no set has: tied rows are added up first
        self._rows = _in_panels(ordered, cells.cell.size)
        self._group = _in_panels(group, 0)

    def scores(self, counts: AnyArray, of_cells: AnyArray, scratch: Callable[..., AnyArray]) -> FloatArray:
        """The correlation of each set, (R,), from float32 ``counts`` and those of cells; NaN where undefined.

        ``counts`` (n + 1, R) end in a row of zeros. ``scratch(name, shape, dtype)`` gives arrays to work in.
        """
        size = counts.shape[1]
        panels = (len(self._rows) // (BLOCK * WIDE), BLOCK, WIDE * size)
        ordered, weighted, twice = (scratch(name, panels, np.float32) for name in ("ordered", "weighted", "twice"))
        np.take(counts, self._rows, axis=0, out=ordered.reshape(-1, size), mode="clip")
        ranks, target_spread = self._target.ranks(of_cells)
        np.take(ranks, self._group, axis=0, out=weighted.reshape(-1, size), mode="clip")
        weighted *= ordered
        tied, tied_weighted = self._ties.sums(counts, ranks)
        np.multiply(ordered, ordered, out=twice)
        cubes = _added(np.einsum("pkc,pkc->pc", twice, ordered), size) + (tied * tied * tied).sum(axis=0)
        ordered.reshape(-1, size)[_of_panel(self._ties.first)] = tied
        np.matmul(TWICE, ordered, out=twice)  # places up to each row and up to the one before it, within the block
        in_block = ((twice[:, -1] + ordered[:, -1]) / 2).astype(np.float64).reshape(-1, size)
        through = np.cumsum(in_block, axis=0)
        before = through - in_block
        product = _added(np.einsum("pkc,pkc->pc", weighted, twice), size)
        product += 2 * np.einsum("br,br->r", np.matmul(ONCE, weighted).reshape(-1, size), before)
        if tied.size:
            places = twice.reshape(-1, size)[_of_panel(self._ties.first)] + 2 * before[self._ties.first // BLOCK]
            product += np.einsum("tr,tr->r", tied_weighted, places)
        spread = target_spread * (through[-1] ** 3 - cubes)
        return np.where(spread > 0, np.clip(3 * product / np.sqrt(np.where(spread > 0, spread, 1)), -1, 1), np.nan)


def _of_panel(places: IntArray) -> IntArray:
    """Where each of ``places`` (m,) of an order lies when the order is written in panels, row by row."""
    block, row = np.divmod(places, BLOCK)
    panel, column = np.divmod(block, WIDE)
    return np.asarray((panel * BLOCK + row) * WIDE + column)


def _in_panels(ordered: IntArray, padding: int) -> IntArray:
    """``ordered`` (m,) written in panels, row by row, with ``padding`` up to the end of the last."""
    panels = np.full(-(-ordered.size // (BLOCK * WIDE)) * BLOCK * WIDE, padding)
    panels[_of_panel(np.arange(ordered.size))] = ordered
    return panels


def _added(of_blocks: AnyArray, size: int) -> FloatArray:
    """The sum over all blocks (P, WIDE x R) for each of R sets of this ``size``."""
    return np.asarray(of_blocks.reshape(-1, size).sum(axis=0, dtype=np.float64))


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
    """Groups (T,) of equal values in an ascending order, largest first: the ``first`` place of each, and its sums.

    A group of few is added up member by member, for all such groups at once; a larger one on its own.
    """

    def __init__(self, ordered: FloatArray, rows: IntArray, target_group: IntArray) -> None:
        _, starts, sizes = np.unique(ordered, return_index=True, return_counts=True)
        self.places = np.flatnonzero(np.repeat(sizes, sizes) > 1)
        largest_first = np.argsort(-sizes, kind="stable")[: int((sizes > 1).sum())]
        self.first, sizes = starts[largest_first], sizes[largest_first]
        self._large = int((sizes > FEW).sum())
        of_large = sizes[: self._large]
        self._starts = np.cumsum(of_large) - of_large
        within = np.arange(of_large.sum()) - np.repeat(self._starts, of_large)
        members = [self.first[self._large : int((sizes > k).sum())] + k for k in range(FEW)]
        in_large, *in_small = (
            (rows[places], target_group[places])
            for places in (np.repeat(self.first[: self._large], of_large) + within, *members)
        )
        self._in_large, self._in_small = in_large, in_small

    def sums(self, counts: AnyArray, ranks: AnyArray) -> tuple[FloatArray, FloatArray]:
        """Each group's sums, (T, R) both, of ``counts`` (n, R), and of those times ``ranks``, (G, R) by target."""
        tied, weighted = np.zeros((2, self.first.size, counts.shape[1]))
        for (rows, target_group), small in ((self._in_large, False), *((each, True) for each in self._in_small)):
            if not rows.size:
                continue
            own = np.take(counts, rows, axis=0, mode="clip")
            own_weighted = np.take(ranks, target_group, axis=0, mode="clip")
            own_weighted *= own
            for total, values in ((tied, own), (weighted, own_weighted)):
                if small:
                    total[self._large : self._large + len(rows)] += values
                else:
                    total[: self._large] = np.add.reduceat(values.astype(np.float64), self._starts, axis=0)
        return tied, weighted
