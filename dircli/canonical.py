"""The order of a table's rows that does not depend on how they stood: shorter ids first, then by their bytes.

So 2 stands before 10 and p-2 before p-10, and ids of one length stand in alphabetical order. Five million ids are sorted
in about a second: what varies in them is packed into 64-bit numbers, which sort many times faster than texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.arrays import AnyArray, BoolArray, IntArray


def ascending(lengths: AnyArray, data: AnyArray) -> tuple[IntArray | None, BoolArray]:
    """The order of n texts, (n,), None where they stand in it already; and which equal the one before them in it.

    ``lengths`` (n,) are in bytes, ``data`` holds all texts one after the other (uint8).
    """
    n = lengths.size
    spare = 64 - n.bit_length()  # the low bits of each number say where the text stands
    parts = list(_packed(_digits(lengths, data), limit=1 << spare)) or [np.zeros(n, dtype=np.uint64)]
    if (order := _order(parts, spare)) is not None:
        parts = [part[order] for part in parts]
    equal = np.ones(n, dtype=bool)
    equal[:1] = False
    for part in parts:
        equal[1:] &= part[1:] == part[:-1]
    return order, equal


def _order(parts: list[AnyArray], spare: int) -> IntArray | None:
    """The order by ``parts``, the first one first; None where that is how they stand."""
    n = parts[0].size
    if _stands(parts):
        return None
    place = np.arange(n, dtype=np.uint64)
    order: AnyArray | None = None
    for part in reversed(parts):  # the last first, each sort stable
        held = part if order is None else part[order]
        moved = np.sort((held << np.uint64(64 - spare)) | place) & np.uint64((1 << (64 - spare)) - 1)
        order = moved.astype(np.int64) if order is None else order[moved.astype(np.int64)]
    return order


def _stands(parts: list[AnyArray]) -> bool:
    """Whether rows ascend by ``parts``, the first one first; equal rows do."""
    tied = np.ones(max(parts[0].size - 1, 0), dtype=bool)
    for part in parts:
        if (tied & (part[1:] < part[:-1])).any():
            return False
        tied &= part[1:] == part[:-1]
    return True


def _digits(lengths: AnyArray, data: AnyArray) -> Iterator[tuple[AnyArray, int]]:
    """What texts are compared by, the weightiest first: (n,) ranks from 0, and how many there are; none of one alone."""
    longest = int(lengths.max(initial=0))
    found, ranks = np.unique(lengths, return_inverse=True) if np.ptp(lengths) else (lengths[:1], None)
    if ranks is not None:
        yield ranks, len(found)
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    shortest = int(lengths.min(initial=longest))
    for place in range(longest):
        at = starts + place
        if place < shortest:
            byte = data[at]
        else:
            byte = np.where(lengths > place, data[np.minimum(at, data.size - 1)], 0).astype(np.uint8)
        held = np.bincount(byte, minlength=256) > 0
        if held.sum() > 1:
            yield (np.cumsum(held) - 1).astype(np.uint8)[byte], int(held.sum())


def _packed(digits: Iterator[tuple[AnyArray, int]], *, limit: int) -> Iterator[AnyArray]:
    """The digits of each row as numbers below ``limit`` (n,), as many digits in one as it holds."""
    packed: AnyArray | None = None
    size = 1
    for ranks, count in digits:
        if packed is not None and size * count > limit:
            yield packed
            packed, size = None, 1
        packed = ranks.astype(np.uint64) if packed is None else packed * np.uint64(count) + ranks
        size *= count
    if packed is not None:
        yield packed
