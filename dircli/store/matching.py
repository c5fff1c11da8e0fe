"""The rows of a user's file brought together with those of a split, by their ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, IntArray, TextArray
from dircli.benchmark.manifest import FEW
from dircli.errors import Problem, clear, sample
from dircli.store.content import BLOCK, chunks, encoded
from dircli.store.parallel import in_order
from dircli.store.text import WHOLE

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = "are missing"
WORD = 8  # bytes of an id that are hashed at once
KEPT = np.array([(1 << 8 * left) - 1 for left in range(WORD + 1)], dtype="<u8")
"""The bits of a word that belong to an id of which so many bytes are left."""
FACTOR = np.uint64(0x9E3779B97F4A7C15)
TURN = np.uint64(29)
COMPARED = 1 << 15  # texts that are compared at once


def matched(
    theirs: Sequence[str] | pa.Array, ids: TextArray | pa.Array | pa.ChunkedArray, where: str, *, missing_hint: str
) -> tuple[IntArray, list[Problem]]:
    """The first row of the file for each of ``ids`` (n,), -1 where there is none; and what does not match.

    ``theirs`` are the ids in the file, ``where`` is its name. Problems are missing, surplus and repeated ids.
    """
    if isinstance(theirs, Sequence) or len(theirs) <= FEW:
        rows, *unlike = _matched_texts(listed(theirs), listed(ids))
    elif (same := reordered(theirs, arrow_texts(ids))) is not None:
        return same, []
    else:
        rows, *unlike = _matched_arrays(theirs, arrow_texts(ids))
    # rows that the split itself repeats may stand in the file as often
    if len(unlike[-1]) and (twice := set(repeated_ids(listed(ids)))):
        unlike[-1] = [key for key in listed(unlike[-1]) if key not in twice]
    respelt = []
    if floats := became_floats(listed(unlike[0]), listed(unlike[1])):
        respelt = [Problem(where, floats, WHOLE.format("them as ", "id"))]
    elif zeros := other_zeros(listed(unlike[0]), listed(unlike[1])):
        respelt = [Problem(where, zeros, 'Keep ids as texts: with pandas, read them with dtype={"id": str}')]
    if respelt:
        unlike[:2] = [], []
    whats = {
        MISSING: missing_hint,
        "are not in the split": "Check --dataset and --split",
        "occur more than once": "Keep one row of each",
    }
    return rows, respelt + [
        Problem(where, f"{len(keys):,} ids {what}: {named(keys)}", hint)
        for keys, (what, hint) in zip(unlike, whats.items(), strict=True)
        if len(keys)
    ]


def became_floats(missing: list[str], surplus: list[str]) -> str:
    """What to say where the ``surplus`` ids are ``missing`` ones that became floats, as 4.0 is 4; else nothing."""
    if not surplus or not all(key.endswith(".0") for key in surplus):
        return ""
    if not {key.removesuffix(".0") for key in surplus} <= set(missing):
        return ""
    first = surplus[0]
    those = f"those of the split have none, such as {first.removesuffix('.0')}"
    return f"the ids have decimals, such as {first}, and {those}"


def other_zeros(missing: list[str], surplus: list[str]) -> str:
    """What to say where the ``surplus`` ids are ``missing`` ones with more or fewer zeros before them; else nothing."""
    bare = {key.lstrip("0"): key for key in missing if key.isdigit()}
    if not surplus or not all(key.isdigit() and key.lstrip("0") in bare for key in surplus):
        return ""
    first, ours = surplus[0], bare[surplus[0].lstrip("0")]
    what = "have lost the zeros before them" if len(first) < len(ours) else "have more zeros before them"
    return f"the ids {what}, such as {first} for {ours}"


def named(keys: Sequence[str] | pa.Array) -> str:
    """The first ten of the ids ``keys`` as messages show them, and how many more there are."""
    return sample(keys, show=lambda key: clear(str(key)))


def _matched_texts(theirs: list[str], ids: list[str]) -> tuple[IntArray, list[str], list[str], list[str]]:
    """The first row of ``theirs`` for each of ``ids`` (n,), -1 where there is none; and which of them are missing.

    Then those of ``theirs`` that are not in ``ids``, in order of their first row, and that are repeated, of the second.
    """
    position: dict[str, int] = {}
    repeated = [key for row, key in enumerate(theirs) if position.setdefault(key, row) != row]
    rows = np.array([position.get(key, -1) for key in ids], dtype=np.int64)
    known = set(ids)
    surplus = [key for key in position if key not in known]
    return rows, [ids[row] for row in np.flatnonzero(rows < 0)], surplus, list(dict.fromkeys(repeated))


def _matched_arrays(theirs: pa.Array, ids: pa.Array | pa.ChunkedArray) -> tuple[IntArray, pa.Array, pa.Array, pa.Array]:
    """What `_matched_texts` gives, without an object for each text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ours = pa.concat_arrays([chunk.cast(theirs.type) for chunk in chunks(ids)]) if len(ids) else theirs[:0]
    keys, first, again = _distinct(theirs)
    places = pc.index_in(ours, value_set=keys).fill_null(-1).to_numpy()
    rows = np.where(places < 0, -1, first[places] if first.size else -1)
    surplus = keys.filter(pc.invert(pc.is_in(keys, value_set=ours)))
    return rows, ours.filter(pa.array(rows < 0)), surplus, keys.take(pa.array(again).unique())


def _distinct(texts: pa.Array) -> tuple[pa.Array, IntArray, IntArray]:
    """The texts that differ (k,), in order of their first row; those rows, (k,); and the place of each other row."""
    coded = texts.dictionary_encode()
    codes = coded.indices.to_numpy()
    is_first = np.diff(np.maximum.accumulate(codes), prepend=-1) > 0
    return coded.dictionary, np.flatnonzero(is_first), codes[~is_first]


def listed(texts: Any) -> list[str]:
    """``texts`` as a list, whatever they stand in."""
    return texts if isinstance(texts, list) else texts.tolist() if isinstance(texts, np.ndarray) else texts.to_pylist()


def reordered(theirs: pa.Array, ids: pa.Array | pa.ChunkedArray) -> IntArray | None:
    """Where each of ``ids`` (n,) stands in ``theirs``, if both are the same texts and each of them occurs once.

    None where that is not so, or cannot be shown: hashes propose an order, and only a comparison of all texts in that
    order proves it.
    """
    if len(theirs) != len(ids):
        return None
    if _alike(theirs, ids, lambda rows: slice(rows.start, rows.stop)):
        return None if repeat(hashes(ids)) else np.arange(len(ids))
    ours, other = in_order(_by_hash, (ids, theirs), workers=2)
    if ours is None or other is None or not np.array_equal(ours[1], other[1]):
        return None
    rows = np.empty_like(ours[0])
    rows[ours[0]] = other[0]
    return rows if _alike(theirs, ids, rows.__getitem__) else None


def _alike(theirs: pa.Array, ids: pa.Array | pa.ChunkedArray, rows_of: Callable[[slice], Any]) -> bool:
    """Whether ``ids`` (n,) are ``theirs`` at the rows, or in the slice, that ``rows_of`` gives for a slice of them."""
    pieces, begin = [], 0
    for chunk in chunks(ids):
        pieces += [(begin + start, chunk.slice(start, COMPARED)) for start in range(0, len(chunk), COMPARED)]
        begin += len(chunk)

    def alike(piece: tuple[int, pa.Array]) -> bool:
        start, texts = piece
        rows = rows_of(slice(start, start + len(texts)))
        found = theirs[rows] if isinstance(rows, slice) else theirs.take(rows)
        return bool(found.cast(texts.type).equals(texts))

    return all(in_order(alike, pieces, workers=2))


def repeat(hashes: AnyArray) -> bool:
    """Whether any of ``hashes`` (n,) occurs twice; they are sorted in place."""
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())


def _by_hash(texts: pa.Array | pa.ChunkedArray) -> tuple[IntArray, AnyArray] | None:
    """The order of ``texts`` (n,) by hashes of theirs, and what those begin with, ascending; None where one repeats.

    Numbers whose first bits are a hash's, and whose last ones are the row, are sorted several times as fast as rows by
    their hashes. Where first bits are the same, rows are put in order by the whole hash.
    """
    import pyarrow as pa

    keys = hashes(texts)
    bits = np.uint64(max(keys.size - 1, 1).bit_length())
    last = np.uint64((1 << int(bits)) - 1)
    keys &= ~last
    for start in range(0, keys.size, BLOCK):
        block = keys[start : start + BLOCK]
        block |= np.arange(start, start + block.size, dtype=np.uint64)
    keys.sort()
    order = (keys & last).view(np.int64)
    keys >>= bits
    alike = np.flatnonzero(keys[1:] == keys[:-1])
    if alike.size:
        among = np.union1d(alike, alike + 1)
        whole = hashes(texts.take(pa.array(order[among])))
        ascending = np.lexsort((whole, keys[among]))
        order[among], whole = order[among][ascending], whole[ascending]
        place = np.searchsorted(among, alike)
        if (whole[place] == whole[place + 1]).any():
            return None
    return order, keys


def hashes(texts: pa.Array | pa.ChunkedArray) -> AnyArray:
    """A number of 64 bits for each of ``texts`` (n,): the same for the same text, and hardly ever for another one."""
    numbers = np.empty(len(texts), np.uint64)
    done = 0
    for chunk in chunks(texts):
        offsets, data = encoded(chunk)
        of_chunk = numbers[done : done + len(chunk)]
        for start in range(0, len(chunk), BLOCK):
            _hash_block(offsets[start : start + BLOCK + 1], data, of_chunk[start : start + BLOCK])
        done += len(chunk)
    return numbers


def _hash_block(offsets: AnyArray, data: AnyArray, hashes: AnyArray) -> None:
    """Into ``hashes`` (n,), those of the texts whose bytes in ``data`` lie between ``offsets`` (n + 1,)."""
    padded = np.zeros(int(offsets[-1] - offsets[0]) + WORD, np.uint8)
    padded[:-WORD] = data[offsets[0] : offsets[-1]]
    words = np.ndarray((padded.size - WORD + 1,), dtype="<u8", buffer=padded, strides=(1,))
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    shortest, longest = int(lengths.min()), int(lengths.max())
    np.multiply(lengths.astype(np.uint64) + np.uint64(1), FACTOR, out=hashes)  # a short text is never its own length
    for at in range(0, longest, WORD):
        longer = slice(None) if at < shortest else np.flatnonzero(lengths > at)
        word = words[starts[longer] + at]
        if at + WORD > shortest:
            word &= KEPT[np.minimum(lengths[longer] - at, WORD)]
        mixed = (hashes[longer] ^ word) * FACTOR
        hashes[longer] = mixed ^ (mixed >> TURN)


def arrow_texts(ids: Any) -> pa.Array | pa.ChunkedArray:
    """``ids`` (n,) as Arrow texts, whatever array or list they stand in."""
    import pyarrow as pa

    return ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids, pa.large_string())


def repeated_ids(ids: Sequence[str] | pa.Array) -> Sequence[str] | pa.Array:
    """Those of ``ids`` that occur more than once, each once, in the order in which they first do."""
    if not isinstance(ids, Sequence):
        import pyarrow as pa

        if not repeat(hashes(ids)):
            return []
        keys, _, again = _distinct(ids)
        return keys.take(pa.array(np.unique(again)))
    counts: dict[str, int] = {}
    for key in ids:
        counts[key] = counts.get(key, 0) + 1
    return [key for key, count in counts.items() if count > 1]
