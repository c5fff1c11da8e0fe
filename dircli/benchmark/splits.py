"""Balanced validation and test rows, drawn per bin: by the released code's generator, or by keys for large tables.

Benchmarks are drawn with Python's own Mersenne Twister, as the released code does. In tables of one's own, which may
have millions of rows or groups that must stay together, row i gets the i-th raw 64-bit output of PCG64 under the seed:
unlike the methods of a generator, that stream is fixed for good (NumPy's NEP 19) and easily had in other languages.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from dircli.arrays import AnyArray, IntArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.records import SPLITS

TRAIN, VAL, TEST = 0, 1, 2  # as places in SPLITS


@dataclass(frozen=True, kw_only=True)
class SplitRecipe:
    """How validation and test are drawn: from each of ``bins`` in ascending order, ``min(rows // share, cap)`` each.

    Rows outside ``bins`` always train; with ``open_end``, so do those at the right end of the last bin.
    ``published_seed`` is the seed that reproduces the published split over the published row order, or None where that
    draw was unseeded and can only be imported. With ``total``, the cap follows from the rows (`nearest_cap`), and 0
    stands for it until they are known. ``generator`` is Python's Mersenne Twister, or the raw stream of PCG64; with
    that one, rows that agree in the column ``group`` are not divided.
    """

    bins: Bins
    open_end: bool = False
    cap: int = 0
    share: int = 3
    total: int | None = None
    published_seed: int | None = None
    generator: Literal["mt19937", "pcg64"] = "mt19937"
    group: str | None = None

    def index(self, targets: AnyArray) -> IntArray:
        """The split bin of each of ``targets`` (n,); -1 for those that always train."""
        index = self.bins.index(targets)
        return np.where(targets == self.bins.edges[-1], -1, index) if self.open_end else index

    def settled(self, bin_index: IntArray) -> SplitRecipe:
        """This recipe with the cap that the split bins of the rows, (n,), lead to."""
        if self.total is None:
            return self
        return self.settled_by(np.bincount(bin_index[bin_index >= 0], minlength=len(self.bins)))

    def settled_by(self, counts: IntArray) -> SplitRecipe:
        """This recipe with the cap that so many rows in each bin, (B,), lead to."""
        if self.total is None:
            return self
        return replace(self, cap=nearest_cap(counts, share=self.share, total=self.total))

    def as_json(self) -> dict[str, int | float | str]:
        """The recipe as it stands in a manifest."""
        recipe: dict[str, int | float | str] = {"bins": len(self.bins), "cap": self.cap, "share": self.share}
        recipe |= {"low": float(self.bins.edges[0]), "high": float(self.bins.edges[-1])}
        if self.total is not None:
            recipe["total"] = self.total
        return recipe | ({"generator": self.generator} if self.generator == "pcg64" else {})


def nearest_cap(counts: IntArray, *, share: int, total: int) -> int:
    """The cap by which the sum of ``min(count // share, cap)`` over bins comes nearest to ``total``; of two, the lower.

    ``counts`` (B,) are rows per bin. 0 where no bin has ``share`` rows.
    """
    most = np.asarray(counts) // share
    low, high = 0, int(most.max(initial=0))
    while low < high:  # the sum ascends with the cap: find the first that reaches the total
        middle = (low + high) // 2
        low, high = (low, middle) if np.minimum(most, middle).sum() >= total else (middle + 1, high)
    near = [max(low - 1, 0), low]
    return min(near, key=lambda cap: abs(int(np.minimum(most, cap).sum()) - total))


def quota(rows: int, recipe: SplitRecipe) -> int:
    """How many of a bin's ``rows`` go to val, and as many again to test, by a settled ``recipe``."""
    return min(rows // recipe.share, recipe.cap)


def draw(bin_index: IntArray, recipe: SplitRecipe, *, seed: int, groups: IntArray | None = None) -> TextArray:
    """The split of each row, (n,), from its split bin (n,): "train", "val" or "test"; see `draw_codes`."""
    return np.array(SPLITS, dtype=object)[draw_codes(bin_index, recipe, seed=seed, groups=groups)]


def draw_codes(bin_index: IntArray, recipe: SplitRecipe, *, seed: int, groups: IntArray | None = None) -> AnyArray:
    """The split of each row, (n,) int8 of TRAIN, VAL and TEST, from its split bin (n,), as the ``recipe`` says.

    The first rows of each bin are val, as many after them test: shuffled by one generator, bin by bin in ascending
    order, or by ascending key. ``groups`` (n,), codes 0..G-1, are not divided; only the generator "pcg64" draws them.
    The result depends on the seed and the order of rows, on nothing else.
    """
    recipe = recipe.settled(bin_index)
    if groups is not None:
        return _by_group(groups, bin_index, recipe, seed)
    key = keys(bin_index.size, seed) if recipe.generator == "pcg64" else None
    generator = random.Random(seed)  # noqa: S311 - the published splits came from this very generator
    split = np.full(bin_index.size, TRAIN, dtype=np.int8)
    for rows in by_bin(bin_index, len(recipe.bins)):
        n = quota(rows.size, recipe)
        if key is None:
            shuffled = rows.tolist()
            generator.shuffle(shuffled)
            drawn = np.array(shuffled[: 2 * n], dtype=np.int64)
        else:
            drawn = lowest(rows, key, 2 * n)
        split[drawn[:n]] = VAL
        split[drawn[n:]] = TEST
    return split


def seed_of(split: AnyArray, bin_index: IntArray, recipe: SplitRecipe, seeds: Iterable[int]) -> int | None:
    """The first of ``seeds`` under which `draw_codes` gives the rows of val and of test that ``split`` (n,) holds.

    ``bin_index`` (n,) are the split bins of all rows, in the order that was drawn over. What ``split`` has no code of
    VAL for, or none of TEST, is taken to be unknown. None where no seed draws them: most are ruled out by the first
    bin. The generator is Python's Mersenne Twister.
    """
    recipe = recipe.settled(bin_index)
    drawn = [(rows.tolist(), quota(rows.size, recipe)) for rows in by_bin(bin_index, len(recipe.bins))]
    parts = [part for part in (VAL, TEST) if (split == part).any()]
    quotas = [0, *(n for _, n in drawn)]  # of rows outside the bins, and of each bin
    counts = [np.bincount(bin_index[split == part] + 1, minlength=len(quotas)).tolist() for part in parts]
    if not parts or any(each != quotas for each in counts):
        return None
    codes = split.tolist()

    def draws(seed: int) -> bool:
        generator = random.Random(seed)  # noqa: S311 - as in `draw_codes`
        for rows, n in drawn:
            shuffled = rows.copy()
            generator.shuffle(shuffled)
            if any(codes[row] != part for part in parts for row in shuffled[n * (part - VAL) : n * part]):
                return False
        return True

    return next(filter(draws, seeds), None)


def keys(n: int, seed: int, *, first: int = 0) -> AnyArray:
    """The ``n`` raw outputs of PCG64 under ``seed`` from that number ``first`` on, (n,) uint64."""
    return np.asarray(np.random.PCG64(seed).advance(first).random_raw(n), dtype=np.uint64)


def by_bin(bin_index: IntArray, bins: int) -> Iterator[IntArray]:
    """The rows of each of ``bins`` bins in ascending order, from the bin of each row (n,); rows outside in none."""
    order = np.argsort(bin_index.astype(np.int16) if bins < 1 << 15 else bin_index, kind="stable")  # 16 bits: radix
    counts = np.bincount(bin_index + 1, minlength=bins + 1)[: bins + 1]
    for start, stop in pairwise(np.cumsum(counts)):
        yield order[start:stop]


def lowest(rows: IntArray, key: AnyArray, n: int) -> IntArray:
    """The ``n`` of ``rows`` of the lowest ``key`` (one per row of the table), by ascending key; of equals the first."""
    drawn = key[rows]
    if n < rows.size:
        near = np.flatnonzero(drawn <= np.partition(drawn, n)[n])  # a few more, in row order, where keys are equal
        rows, drawn = rows[near], drawn[near]
    return rows[np.argsort(drawn, kind="stable")[:n]]


def _by_group(groups: IntArray, bin_index: IntArray, recipe: SplitRecipe, seed: int) -> AnyArray:
    """The split of each row, (n,) int8, that divides none of the ``groups``; see `of_groups`."""
    inside, bins = bin_index >= 0, len(recipe.bins)
    cells, counts = np.unique(groups[inside] * bins + bin_index[inside], return_counts=True)
    return of_groups(cells, counts, np.bincount(groups), recipe, seed=seed)[groups]


def of_groups(cells: IntArray, counts: IntArray, sizes: IntArray, recipe: SplitRecipe, *, seed: int) -> AnyArray:
    """The split of each of G groups, (G,) int8, of ``sizes`` (G,) rows.

    ``counts`` (C,) are the rows in each of the ``cells`` (C,), ascending: group × the number of bins + bin.

    Groups are taken by ascending key, where group g has the g-th. Each goes to val or to test, whichever it brings
    nearer to the `quota` of every bin (the sum of what is missing and what is too much; val, where both gain alike),
    unless it brings neither nearer, or val and test would hold more than 2 in ``share`` of the rows: then to train.
    """
    number, bins = sizes.size, len(recipe.bins)
    cells_of = np.searchsorted(cells, np.arange(number + 1) * bins).tolist()  # those of group g: from [g] to [g + 1]
    cell_bins, cell_rows = (cells % bins).tolist(), counts.tolist()
    in_bins = np.zeros(bins, np.int64)
    np.add.at(in_bins, cells % bins, counts)
    need = [[quota(size, recipe) for size in in_bins.tolist()] for _ in range(2)]
    left, most = [sum(part) for part in need], 2 * int(sizes.sum()) // recipe.share
    part_of = np.full(number, TRAIN, dtype=np.int8)
    row_counts = sizes.tolist()
    for group in np.argsort(keys(number, seed), kind="stable").tolist():
        if max(left) <= 0:
            break
        at = slice(cells_of[group], cells_of[group + 1])
        in_cells = list(zip(cell_bins[at], cell_rows[at], strict=True))
        gains = [sum(abs(part[b]) - abs(part[b] - n) for b, n in in_cells) for part in need]
        part = int(gains[1] > gains[0])
        if gains[part] <= 0 or row_counts[group] > most:
            continue
        most -= row_counts[group]
        part_of[group] = VAL + part
        for b, n in in_cells:
            left[part] -= max(0, min(need[part][b], n))
            need[part][b] -= n
    return part_of


def codes(values: AnyArray) -> IntArray:
    """Codes from 0 of ``values`` (n,), by first appearance; equal values share one."""
    _, first, index = np.unique(values.astype(str), return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first, kind="stable"), kind="stable")[index])
