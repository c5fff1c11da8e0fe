"""What a benchmark *is*, whatever file holds it: a hash over ids, targets and splits in row order."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, FloatArray, TextArray
from dircli.benchmark.manifest import BinTable, Images
from dircli.benchmark.pixels import Pixels
from dircli.benchmark.protocol import ScoreRule
from dircli.benchmark.records import split_codes
from dircli.store.text import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa


BLOCK = 1 << 16  # rows whose numbers are made ready for a hash at once
GOLDEN = 0x9E3779B97F4A7C15
MIXED = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def content(ids: TextArray | pa.Array | pa.ChunkedArray, targets: FloatArray, split: AnyArray) -> str:
    """A sha256 over (id, target, split) in row order, which does not depend on how files encode them.

    Hashed are: the number of rows and the byte length of each id (both int64), all ids (UTF-8, one after the other),
    all targets (float64), and all splits (one byte each: 0 train, 1 val, 2 test); numbers little endian. ``split`` may
    hold those bytes already.
    """
    return finished(begun(ids, targets), split)


def begun(ids: TextArray | pa.Array | pa.ChunkedArray, targets: FloatArray) -> hashlib._Hash:
    """The hash over all that `content` covers before the splits."""
    parts = [encoded(part) for part in chunks(ids)]
    blocks = (targets[start : start + BLOCK] for start in range(0, targets.size, BLOCK))
    return begun_by_parts(targets.size, lambda: parts, blocks)


def begun_by_parts(
    rows: int, ids: Callable[[], Iterable[tuple[AnyArray, AnyArray]]], targets: Iterable[FloatArray]
) -> hashlib._Hash:
    """What has `begun` over so many ``rows``; their ids, `encoded`, are gone through twice, their ``targets`` once."""
    digest = hashlib.sha256(np.int64(rows).astype("<i8").tobytes())
    _update_texts(digest, ids)
    for part in targets:
        digest.update((part + 0.0).astype("<f8").data)  # + 0.0: minus zero is zero
    return digest


def finished(digest: hashlib._Hash, split: AnyArray) -> str:
    """`content`, from the hash that has `begun`; it cannot be used again."""
    return finished_by_parts(digest, [split_codes(split) if split.dtype == object else split])


def finished_by_parts(digest: hashlib._Hash, codes: Iterable[AnyArray]) -> str:
    """The same from parts of the splits, one byte each."""
    for part in codes:
        digest.update(part.astype("u1").tobytes())
    return f"sha256:{digest.hexdigest()}"


def pixel_content(images: Images, pixels: Pixels, table: BinTable) -> str:
    """A sha256 over all that decides a score on maps, which does not depend on how files encode it.

    Hashed are: the number of test images and the byte length of each id (int64), their ids (UTF-8, one after the
    other), the training pixels per bin (int64), and of the scored pixels all images, rows, columns (int16 each) and
    targets (float32); numbers little endian. Training images are not hashed: only their counts bear on a score.
    """
    ids = [key.encode() for key in images.ids[images.split == "test"]]
    digest = hashlib.sha256(np.array([len(ids), *map(len, ids)], dtype="<i8").tobytes())
    digest.update(b"".join(ids))
    digest.update(table.counts["train"].astype("<i8").tobytes())
    for column, kind in ((pixels.image, "<i2"), (pixels.row, "<i2"), (pixels.col, "<i2"), (pixels.targets, "<f4")):
        digest.update(column.astype(kind).tobytes())
    return f"sha256:{digest.hexdigest()}"


def rules_digest(table: BinTable, rules: Mapping[Any, ScoreRule]) -> str:
    """A sha256 over all that turns rows into scores: the bins, their training counts and regions, and ``rules``.

    Hashed are: the number of bins (int64), their edges (float64), the training counts (int64), and as JSON with sorted
    keys, by protocol, the region of each bin and each field of the `ScoreRule`; numbers little endian.
    """
    edges = table.bins.edges + 0.0  # minus zero is zero
    by_protocol = {key: {**asdict(rule), "regions": table.regions[key].tolist()} for key, rule in rules.items()}
    digest = hashlib.sha256(np.int64(len(table.bins)).astype("<i8").tobytes())
    digest.update(edges.astype("<f8").tobytes())
    digest.update(table.counts["train"].astype("<i8").tobytes())
    digest.update(as_json(by_protocol))
    return f"sha256:{digest.hexdigest()}"


def targets_digest(targets: FloatArray) -> str:
    """``bins:<hex>`` of the ``targets`` (n,) that came with predictions, whatever their order."""
    return digest_of_targets(targets.size, targets_sum(targets))


def targets_sum(targets: FloatArray) -> int:
    """What `digest_of_targets` hashes of ``targets`` (n,); that of several blocks of them is the sum of theirs.

    Each float64 is mixed into 64 bits; this is the sum of those, modulo 2^64.
    """
    return int(_mixed_targets(targets).sum(dtype=np.uint64))


def pairs_sum(keys: AnyArray, targets: FloatArray) -> int:
    """As `targets_sum`, but of rows (n,) that are told apart by their ``keys``, hashes of 64 bits of their ids."""
    return int(mixed(keys ^ _mixed_targets(targets)).sum(dtype=np.uint64))


def _mixed_targets(targets: FloatArray) -> AnyArray:
    return mixed((targets.astype("<f8") + 0.0).view("<u8") + np.uint64(GOLDEN))


def mixed(numbers: AnyArray) -> AnyArray:
    """``numbers`` uint64 as others that look random, in place: the finaliser of SplitMix64 (Steele et al. 2014)."""
    scratch = np.empty_like(numbers)
    for shift, factor in MIXED:
        np.right_shift(numbers, np.uint64(shift), out=scratch)
        np.bitwise_xor(numbers, scratch, out=numbers)
        np.multiply(numbers, np.uint64(factor), out=numbers)
    np.right_shift(numbers, np.uint64(31), out=scratch)
    np.bitwise_xor(numbers, scratch, out=numbers)
    return numbers


def digest_of_targets(n: int, total: int) -> str:
    """`targets_digest` of ``n`` targets whose `targets_sum` is ``total``, modulo 2^64."""
    hashed = np.array([n, total % (1 << 64)], dtype="<u8")
    return f"bins:{hashlib.sha256(hashed.tobytes()).hexdigest()}"


def column_digest(column: pa.Array) -> str:
    """A sha256 over a column of n texts or numbers, which does not depend on how files encode it.

    Hashed are the kind ("text", or NumPy's name of the type), n (int64), the rows that are null (int64, ascending), and
    the values: of texts the byte lengths (int64) and then all bytes, null being empty; numbers little endian.
    """
    import pyarrow as pa

    nulls = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)) if column.null_count else np.empty(0)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = encoded(column.fill_null("") if column.null_count else column)
        return texts_digest(len(column), lambda: [texts], nulls=nulls)
    numbers = column.to_numpy(zero_copy_only=False)
    numbers = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(numbers.dtype.name.encode())
    for part in (np.array([len(column), nulls.size], "<i8"), nulls.astype("<i8"), numbers):
        digest.update(np.ascontiguousarray(part).view("u1").data)
    return f"sha256:{digest.hexdigest()}"


def texts_digest(
    rows: int, texts: Callable[[], Iterable[tuple[AnyArray, AnyArray]]], *, nulls: AnyArray | None = None
) -> str:
    """The `column_digest` of so many texts that come in parts, `encoded`; they are gone through twice.

    Those in the rows ``nulls`` (m,), of which there are none by default, are null, and empty here.
    """
    empty = np.empty(0) if nulls is None else nulls
    digest = hashlib.sha256(b"text")
    digest.update(np.array([rows, empty.size], "<i8").data)
    digest.update(empty.astype("<i8").data)
    _update_texts(digest, texts)
    return f"sha256:{digest.hexdigest()}"


def _update_texts(digest: hashlib._Hash, texts: Callable[[], Iterable[tuple[AnyArray, AnyArray]]]) -> None:
    """Hash the byte length of each text (int64), and then the bytes of all."""
    for offsets, _ in texts():
        for start in range(0, offsets.size - 1, BLOCK):
            digest.update(np.diff(offsets[start : start + BLOCK + 1]).astype("<i8").data)
    for _, data in texts():
        digest.update(data.data)


def chunks(texts: TextArray | pa.Array | pa.ChunkedArray) -> list[Any]:
    """The arrays that ``texts`` are made of."""
    return getattr(texts, "chunks", [texts])


def encoded(texts: TextArray | pa.Array) -> tuple[AnyArray, AnyArray]:
    """Where each of n texts, none null, begins among all their bytes, with the end of the last (n + 1,); and those."""
    import pyarrow as pa

    array = pa.array(texts, pa.large_string()) if isinstance(texts, np.ndarray) else texts
    wide = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, starts, data = array.buffers()
    if not len(array):
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    offsets = np.frombuffer(starts, dtype=wide)[array.offset : array.offset + len(array) + 1]
    text = np.frombuffer(data or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    return (offsets - offsets[0] if offsets[0] else offsets), text
