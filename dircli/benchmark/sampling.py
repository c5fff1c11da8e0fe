"""Rows drawn by random keys: balanced validation and test rows per bin, and groups that stay together.

Row i gets the i-th raw 64-bit output of PCG64 under the seed. Unlike the methods of a generator, that stream is fixed
for good (NumPy's NEP 19) and easily had in other languages; it decides without a Python loop over rows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.arrays import AnyArray, IntArray

TRAIN, VAL, TEST = 0, 1, 2  # as places in records.SPLITS


def keys(n: int, seed: int) -> AnyArray:
    """The first ``n`` raw outputs of PCG64 under ``seed``, (n,) uint64."""
    return np.asarray(np.random.PCG64(seed).random_raw(n), dtype=np.uint64)


def by_bin(bin_index: IntArray, bins: int) -> Iterator[IntArray]:
    """The rows of each of ``bins`` bins in ascending order, from the bin of each row (n,); rows of bin -1 in none."""
    order = np.argsort(bin_index.astype(np.int16) if bins < 1 << 15 else bin_index, kind="stable")  # 16 bits: radix
    counts = np.bincount(bin_index + 1, minlength=bins + 1)
    for start, stop in pairwise(np.cumsum(counts)):
        yield order[start:stop]


def lowest(rows: IntArray, key: AnyArray, n: int) -> IntArray:
    """The ``n`` of ``rows`` of the lowest ``key`` (one per row of the table), by ascending key; of equals the first."""
    drawn = key[rows]
    if n < rows.size:
        held = np.flatnonzero(drawn <= np.partition(drawn, n)[n])  # a few more, in row order, where keys are equal
        rows, drawn = rows[held], drawn[held]
    return rows[np.argsort(drawn, kind="stable")[:n]]


def quota(rows: int, *, share: int, cap: int) -> int:
    """How many of a bin's ``rows`` go to val, and as many again to test: ``min(rows // share, cap)``."""
    return min(rows // share, cap)


def draw(bin_index: IntArray, bins: int, *, share: int, cap: int, seed: int) -> AnyArray:
    """The split of each row, (n,) int8 of TRAIN, VAL and TEST, from its bin (n,); rows outside ``bins`` train.

    Per bin with n = `quota` rows to give: those of the n lowest keys are val, those of the next n test.
    """
    split = np.full(bin_index.size, TRAIN, dtype=np.int8)
    key = keys(bin_index.size, seed)
    for rows in by_bin(bin_index, bins):
        n = quota(rows.size, share=share, cap=cap)
        drawn = lowest(rows, key, 2 * n)
        split[drawn[:n]] = VAL
        split[drawn[n:]] = TEST
    return split


class _Cells(NamedTuple):
    """Rows counted by group and bin: the cells of group g are ``start[g]`` to ``start[g + 1]``."""

    start: list[int]
    bins: list[int]
    counts: list[int]


def draw_groups(  # noqa: PLR0913 - as `draw`, and the groups
    groups: IntArray, bin_index: IntArray, bins: int, *, share: int, cap: int, seed: int
) -> AnyArray:
    """The split of each row, (n,) int8, that divides none of the ``groups``, (n,) codes 0..G-1.

    Groups are taken by ascending key, where group g has the g-th. Each goes to val or to test, whichever it brings
    nearer to the `quota` of every bin (the sum of what is missing and what is too much; val, where both gain alike),
    unless it brings neither nearer, or val and test would hold more than 2 in ``share`` of the rows: then to train.
    """
    number = int(groups.max(initial=-1)) + 1
    cells = _cells(groups, bin_index, bins, number)
    sizes = np.bincount(bin_index[bin_index >= 0], minlength=bins).tolist()
    need = [[quota(size, share=share, cap=cap) for size in sizes] for _ in range(2)]
    left, most = [sum(part) for part in need], 2 * bin_index.size // share
    part_of = np.full(number, TRAIN, dtype=np.int8)
    row_counts = np.bincount(groups, minlength=number).tolist()
    for group in np.argsort(keys(number, seed), kind="stable").tolist():
        if max(left) <= 0:
            break
        at = range(cells.start[group], cells.start[group + 1])
        held = [(cells.bins[cell], cells.counts[cell]) for cell in at]
        gains = [sum(abs(part[b]) - abs(part[b] - n) for b, n in held) for part in need]
        part = int(gains[1] > gains[0])
        if gains[part] <= 0 or row_counts[group] > most:
            continue
        most -= row_counts[group]
        part_of[group] = VAL + part
        for b, n in held:
            left[part] -= max(0, min(need[part][b], n))
            need[part][b] -= n
    return part_of[groups]


def _cells(groups: IntArray, bin_index: IntArray, bins: int, number: int) -> _Cells:
    inside = bin_index >= 0
    found, counts = np.unique(groups[inside] * bins + bin_index[inside], return_counts=True)
    start = np.searchsorted(found, np.arange(number + 1) * bins)
    return _Cells(start.tolist(), (found % bins).tolist(), counts.tolist())


def codes(values: AnyArray) -> IntArray:
    """Codes from 0 of ``values`` (n,), by first appearance; equal values share one."""
    _, first, index = np.unique(values.astype(str), return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first, kind="stable"), kind="stable")[index])
