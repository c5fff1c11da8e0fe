"""The order of a table's rows that does not depend on how they stood: shorter ids first, then by their bytes.

So 2 stands before 10 and p-2 before p-10, and ids of one length stand in alphabetical order. The bits that vary between
ids are packed into 64-bit numbers, which sort many times faster than texts: five million take less than a second.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from multiprocessing import cpu_count
from operator import or_
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dircli.arrays import AnyArray, BoolArray, IntArray

Made = TypeVar("Made")
WORD = 8  # bytes that are looked at at once
BLOCK = 1 << 15  # texts, so that what is made of them stays in the processor's cache


class _Field(NamedTuple):
    """``bits`` bits of a ``word`` of each text, from ``shift`` up; word -1 is the text's length."""

    word: int
    shift: int
    bits: int


def ascending(lengths: AnyArray, data: AnyArray) -> tuple[IntArray | None, BoolArray]:
    """The order of n texts, (n,), None where they stand in it already; and which equal the one before them in it.

    ``lengths`` (n,) are in bytes, ``data`` holds all texts one after the other (uint8).
    """
    n = lengths.size
    places = n.bit_length()  # the low bits of a number that is sorted say where the text stands
    parts = _parts(_Texts(lengths, data), spare=64 - places)
    order: AnyArray | None = None
    if not _stand(parts):
        for part in reversed(parts):  # the last first; each sort is stable
            held = (part if order is None else part[order]) << np.uint64(places)
            held |= np.arange(n, dtype=np.uint64)
            held.sort()
            first = held >> np.uint64(places)
            held &= np.uint64((1 << places) - 1)
            moved = held.view(np.int64)
            order = moved if order is None else order[moved]
        parts = [first, *(part[order] for part in parts[1:])]
    equal = np.ones(n, dtype=bool)
    equal[:1] = False
    for part in parts:
        equal[1:] &= part[1:] == part[:-1]
    return order, equal


class _Texts:
    """Texts as lengths and as words of eight bytes, big endian, zero where the text has ended."""

    def __init__(self, lengths: AnyArray, data: AnyArray) -> None:
        self.lengths, self.starts = lengths, np.cumsum(lengths, dtype=np.int64) - lengths
        self.padded = np.concatenate([data, np.zeros(WORD, dtype=np.uint8)])
        self.words = range(-(-int(lengths.max(initial=0)) // WORD))

    def each(self, work: Callable[[slice], Made]) -> list[Made]:
        """What ``work`` makes of slices that cover all texts, on every core: NumPy lets go of Python's lock."""
        blocks = [slice(start, start + BLOCK) for start in range(0, self.lengths.size, BLOCK)]
        if len(blocks) <= 1:
            return [work(rows) for rows in blocks]
        with ThreadPoolExecutor(cpu_count()) as pool:
            return list(pool.map(work, blocks))

    def word(self, number: int, rows: slice) -> AnyArray:
        """Word ``number`` of the texts at ``rows``, or their lengths for -1; uint64."""
        lengths = self.lengths[rows]
        if number < 0:
            return lengths.astype(np.uint64)
        eights = np.ndarray((self.padded.size - WORD + 1,), dtype=">u8", buffer=self.padded, strides=(1,))
        left = lengths - WORD * number
        at = self.starts[rows] + WORD * number
        if left.min(initial=WORD) >= WORD:
            return eights[at].astype(np.uint64)
        beyond = (8 * np.clip(WORD - left, 0, WORD - 1)).astype(np.uint64)
        found = eights[np.where(left > 0, at, 0)].astype(np.uint64)
        return np.where(left > 0, found >> beyond << beyond, np.uint64(0))


def _parts(texts: _Texts, *, spare: int) -> list[AnyArray]:
    """What texts are compared by, the weightiest first: (n,) uint64 each, of at most ``spare`` bits."""
    groups: list[list[_Field]] = []
    for field in _fields(texts):
        if not groups or sum(each.bits for each in groups[-1]) + field.bits > spare:
            groups.append([])
        groups[-1].append(field)
    parts = [np.zeros(texts.lengths.size, dtype=np.uint64) for _ in groups]

    def pack(rows: slice) -> None:
        known: dict[int, AnyArray] = {}
        for fields, part in zip(groups, parts, strict=True):
            for field in fields:
                if field.word not in known:
                    known = {field.word: texts.word(field.word, rows)}
                part[rows] <<= np.uint64(field.bits)
                part[rows] |= (known[field.word] >> np.uint64(field.shift)) & np.uint64((1 << field.bits) - 1)

    texts.each(pack)
    return parts


def _fields(texts: _Texts) -> Iterator[_Field]:
    """Where texts differ, the weightiest first: of their lengths and of each byte, the bits between those that vary."""
    for number in (-1, *texts.words):
        first = texts.word(number, slice(0, 1))
        varies = reduce(or_, texts.each(partial(_differences, texts, number, first)), 0)
        for shift in (0,) if number < 0 else range(8 * (WORD - 1), -1, -8):
            bits = varies >> shift if number < 0 else varies >> shift & 0xFF
            if bits:
                low = (bits & -bits).bit_length() - 1
                yield _Field(number, shift + low, bits.bit_length() - low)


def _differences(texts: _Texts, number: int, first: AnyArray, rows: slice) -> int:
    """The bits in which word ``number`` of any text at ``rows`` differs from ``first``."""
    return int(np.bitwise_or.reduce(texts.word(number, rows) ^ first))


def _stand(parts: list[AnyArray]) -> bool:
    """Whether rows ascend by ``parts``, the first one first; equal rows do."""
    tied: BoolArray | None = None
    for part in parts:
        lower = part[1:] < part[:-1]
        if (lower if tied is None else lower & tied).any():
            return False
        same = part[1:] == part[:-1]
        tied = same if tied is None else tied & same
    return True
