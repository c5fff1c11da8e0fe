"""Numbers by their rank among more than memory holds, found by counting what begins alike, over and over.

Numbers are keys of 64 bits, each of a kind. Parts of them are counted by themselves, and the counts added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray

CELLS = 1 << 18
"""Counts of a part, about."""
WIDTH = 64
"""Bits of a key."""
SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search for the keys of ``ranks`` (J, K) among those of each of K kinds; from 0, and -1 for none.

    Of each the first ``bits`` are known: they are ``prefix`` (J, K) uint64. So many keys of the kind are ``below`` all
    that begin so, and so many begin so, and are ``inside``, (J, K) both.
    """

    ranks: IntArray
    bits: int
    prefix: AnyArray
    below: IntArray
    inside: IntArray

    @classmethod
    def of(cls, ranks: IntArray, counts: IntArray) -> Search:
        """The search for ``ranks`` (J, K) among ``counts`` (K,) keys of each kind."""
        none, inside = np.zeros(ranks.shape, np.int64), np.where(ranks < 0, 0, counts)
        return cls(ranks=ranks, bits=0, prefix=none.astype(np.uint64), below=none, inside=inside)

    @property
    def step(self) -> int:
        """The bits that are looked at next."""
        return min(max(1, (CELLS // max(1, self.ranks.size)).bit_length() - 1), WIDTH - self.bits)

    def beginning(self, row: int, keys: AnyArray, kinds: IntArray) -> IntArray:
        """The places of ``keys`` (n,) of ``kinds`` (n,) that begin as that of the ``row`` of ranks and their kind."""
        wanted = self.ranks[row][kinds] >= 0
        if self.bits:
            wanted &= keys >> np.uint64(WIDTH - self.bits) == self.prefix[row][kinds]
        return np.flatnonzero(wanted)

    def counted(self, keys: AnyArray, kinds: IntArray) -> IntArray:
        """How many of ``keys`` (n,) of ``kinds`` (n,) begin as is known, by their next bits: (J, K, 2^step)."""
        rows, columns, cells = *self.ranks.shape, 1 << self.step
        counts = np.zeros((rows, columns, cells), np.int64)
        for row in range(rows):
            places = self.beginning(row, keys, kinds)
            cell = keys[places] >> np.uint64(WIDTH - self.bits - self.step) & np.uint64(cells - 1)
            at = kinds[places] * cells + cell.astype(np.int64)
            counts[row] = np.bincount(at, minlength=columns * cells).reshape(columns, cells)
        return counts

    def narrowed(self, counts: IntArray) -> Search:
        """The search among those of the next bits that hold the rank, from all that was `counted`."""
        through = np.cumsum(counts, axis=-1)
        cell = (through <= (self.ranks - self.below)[..., None]).sum(axis=-1)
        cell = np.where(self.ranks < 0, 0, cell)
        inside = np.take_along_axis(counts, cell[..., None], axis=-1)[..., 0]
        before = np.take_along_axis(through, cell[..., None], axis=-1)[..., 0] - inside
        prefix = self.prefix << np.uint64(self.step) | cell.astype(np.uint64)
        return replace(
            self,
            bits=self.bits + self.step,
            prefix=prefix,
            below=self.below + before,
            inside=np.where(self.ranks < 0, 0, inside),
        )

    def left(self, keys: AnyArray, kinds: IntArray, *, first: int = 0) -> Keys:
        """Those of ``keys`` (n,) of ``kinds`` (n,) that begin as is known; their rows count from ``first`` on."""
        found = []
        for row in range(len(self.ranks)):
            places = self.beginning(row, keys, kinds)
            found.append(Keys(kinds[places] + row * self.ranks.shape[1], keys[places], places + first))
        return Keys.joined(found)

    def ended(self, found: Keys) -> Ends:
        """The keys that are looked for, and their rows, from all that were `left`; of equal keys the first row's."""
        order = np.lexsort([found.rows, found.keys, found.which])
        starts = np.searchsorted(found.which[order], np.arange(self.ranks.size)).reshape(self.ranks.shape)
        wanted = self.ranks >= 0
        keys, rows = np.zeros(self.ranks.shape, np.uint64), np.full(self.ranks.shape, -1)
        at = order[(starts + self.ranks - self.below)[wanted]]
        keys[wanted], rows[wanted] = found.keys[at], found.rows[at]
        return Ends(keys, rows)


@dataclass(frozen=True)
class Keys:
    """Some ``keys`` (n,) uint64, ``which`` (n,) of the ranks they may be, and their ``rows`` (n,)."""

    which: IntArray
    keys: AnyArray
    rows: IntArray

    @classmethod
    def joined(cls, parts: list[Keys]) -> Keys:
        """Those of all ``parts``."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("which", "keys", "rows")))


@dataclass(frozen=True)
class Ends:
    """The ``keys`` (J, K) uint64 of ranks, and their ``rows`` (J, K); where there is no such rank, 0 and -1."""

    keys: AnyArray
    rows: IntArray

    def through(self, row: int, keys: AnyArray, kinds: IntArray, *, first: int = 0) -> BoolArray:
        """Which of ``keys`` (n,) of ``kinds`` (n,), in rows from ``first`` on, come not after that of their kind."""
        end = self.keys[row][kinds]
        tied = (keys == end) & (np.arange(first, first + keys.size) <= self.rows[row][kinds])
        return np.asarray((keys < end) | tied)


def ordered(numbers: FloatArray) -> AnyArray:
    """Keys (n,) uint64 that are in the order of the ``numbers`` (n,), none of them NaN or minus zero."""
    bits = np.ascontiguousarray(numbers, dtype=np.float64).view(np.uint64)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def number_of(key: int) -> float:
    """The number that has the key."""
    bits = np.uint64(key)
    return float((bits & ~SIGN if bits & SIGN else ~bits).view(np.float64))
