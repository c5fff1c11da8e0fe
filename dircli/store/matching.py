"""The rows of a user's file brought together with those of a split, by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, IntArray, TextArray
from dircli.errors import Problem, clear, sample
from dircli.store.content import encoded

if TYPE_CHECKING:
    import pyarrow as pa

WORD = 8  # bytes of an id that are hashed at once
KEPT = np.array([(1 << 8 * left) - 1 for left in range(WORD + 1)], dtype="<u8")
"""The bits of a word that belong to an id of which so many bytes are left."""
FACTOR = np.uint64(0x9E3779B97F4A7C15)
TURN = np.uint64(29)


def matched(
    theirs: Sequence[str] | pa.Array, ids: TextArray | pa.Array, where: str, *, missing_hint: str
) -> tuple[IntArray, list[Problem]]:
    """The first row of the file for each of ``ids`` (n,), -1 where there is none; and what does not match.

    ``theirs`` are the ids in the file, ``where`` is its name. Problems are missing, surplus and repeated ids.
    """
    if not isinstance(theirs, Sequence):
        if (same := reordered(theirs, _arrow(ids))) is not None:
            return same, []
        theirs = theirs.to_pylist()
    keys: list[str] = ids.tolist()
    position: dict[str, int] = {}
    repeated = [key for row, key in enumerate(theirs) if position.setdefault(key, row) != row]
    rows = np.array([position.get(key, -1) for key in keys], dtype=np.int64)
    known = set(keys)
    kinds = {
        "are missing": ([keys[row] for row in np.flatnonzero(rows < 0)], missing_hint),
        "are not in the split": ([key for key in position if key not in known], "Check --dataset and --split"),
        "occur more than once": (list(dict.fromkeys(repeated)), "Keep one row of each"),
    }
    return rows, [
        Problem(where, f"{len(keys):,} ids {what}: {sample([clear(key) for key in keys])}", hint)
        for what, (keys, hint) in kinds.items()
        if keys
    ]


def reordered(theirs: pa.Array, ids: pa.Array) -> IntArray | None:
    """Where each of ``ids`` (n,) stands in ``theirs``, if both are the same texts and each of them occurs once.

    None where that is not so, or cannot be shown: hashes propose an order, and only a comparison of all texts in that
    order proves it. Both are Arrow texts of one type.
    """
    if len(theirs) != len(ids):
        return None
    with ThreadPoolExecutor(2) as pool:
        (our_order, ours), (their_order, hashes) = pool.map(_by_hash, (ids, theirs))
    if (ours[1:] == ours[:-1]).any() or not np.array_equal(ours, hashes):
        return None
    rows = np.empty_like(our_order)
    rows[our_order] = their_order
    return rows if theirs.take(rows).equals(ids) else None


def _by_hash(texts: pa.Array) -> tuple[IntArray, AnyArray]:
    """The order of ``texts`` (n,) by hashes of theirs, and those hashes, ascending."""
    hashes = _hashes(texts)
    order = np.argsort(hashes)
    return order, hashes[order]


def _hashes(texts: pa.Array) -> AnyArray:
    """A number of 64 bits for each of ``texts`` (n,), which is the same for the same text."""
    offsets, data = encoded(texts)
    padded = np.concatenate([data, np.zeros(WORD, dtype=np.uint8)])
    words = np.ndarray((data.size + 1,), dtype="<u8", buffer=padded, strides=(1,))
    starts, lengths = offsets[:-1], np.diff(offsets)
    hashes = (lengths.astype(np.uint64) + np.uint64(1)) * FACTOR  # a short text is never its own length
    shortest = int(lengths.min()) if lengths.size else 0
    for at in range(0, int(lengths.max(initial=0)), WORD):
        longer = slice(None) if at < shortest else np.flatnonzero(lengths > at)
        word = words[starts[longer] + at]
        word &= KEPT[np.minimum(lengths[longer] - at, WORD)]
        mixed = (hashes[longer] ^ word) * FACTOR
        hashes[longer] = mixed ^ (mixed >> TURN)
    return hashes


def hashes(texts: pa.Array) -> AnyArray:
    """A number of 64 bits for each of ``texts`` (n,): the same for the same text, and hardly ever for another one."""
    return _hashes(texts)


def _arrow(ids: Any) -> pa.Array:
    """``ids`` as Arrow texts, whatever array they stand in."""
    import pyarrow as pa

    return pa.array(ids, pa.large_string()) if isinstance(ids, np.ndarray) else ids


def repeated_ids(ids: Sequence[str] | pa.Array) -> list[str]:
    """Those of ``ids`` that occur more than once, each once, in the order in which they first do."""
    if not isinstance(ids, Sequence):
        hashes = _by_hash(ids)[1]
        if not (hashes[1:] == hashes[:-1]).any():
            return []
        ids = ids.to_pylist()
    counts: dict[str, int] = {}
    for key in ids:
        counts[key] = counts.get(key, 0) + 1
    return [key for key, count in counts.items() if count > 1]
