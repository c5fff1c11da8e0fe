"""Tables of more rows than memory holds, divided by a hash of their ids into parts that it does hold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from dircli.arrays import AnyArray
from dircli.store.matching import WORD, hashes

if TYPE_CHECKING:
    import pyarrow as pa

BUFFER = 1 << 17  # bytes of a file that are written at once


def divided(blocks: Iterable[pa.Table], files: ExitStack, *, bits: int) -> list[IO[bytes]]:
    """Files of the rows in ``blocks``, whose hashes of the column ``id`` begin with the same ``bits``, in their order.

    There are 2^bits of them; equal ids are in files of one number. Rows of a file have the order that they had. Without
    blocks there are no files. They have no name, so that nothing is left of them however the program ends; ``files``
    closes them.
    """
    import pyarrow as pa

    parts: list[IO[bytes]] = []
    with ExitStack() as stack:
        writers = []
        for block in blocks:
            if not parts:
                parts = [files.enter_context(tempfile.TemporaryFile(buffering=BUFFER)) for _ in range(1 << bits)]
                writers = [stack.enter_context(pa.ipc.new_file(part, block.schema)) for part in parts]
            rows, starts = _by_hash(block, bits)
            for writer, (start, end) in zip(writers, pairwise(starts), strict=True):
                writer.write_table(rows.slice(start, end - start))
    for part in parts:
        part.flush()
    return parts


def _by_hash(table: pa.Table, bits: int) -> tuple[pa.Table, list[int]]:
    """The rows of ``table`` by the first ``bits`` of the hashes of ``id``, else in their order; and where each begins.

    There are 2^bits + 1 places: the last one is the number of rows.
    """
    import pyarrow as pa

    number = (hashes(table["id"]) >> np.uint64(64 - bits)).astype(np.uint16)
    order = np.argsort(number, kind="stable")
    return table.take(pa.array(order)), np.searchsorted(number[order], np.arange((1 << bits) + 1)).tolist()


def pairs(ours: list[IO[bytes]], theirs: list[IO[bytes]]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows of each pair of files; their memory is let go of with the pair."""
    import pyarrow as pa

    for both in zip(ours, theirs, strict=True):
        first, second = (mmap(file.fileno(), 0, access=ACCESS_READ) for file in both)
        yield pa.ipc.open_file(pa.py_buffer(first)).read_all(), pa.ipc.open_file(pa.py_buffer(second)).read_all()


def write_hashes(path: Path, hashes: AnyArray, *, bits: int) -> None:
    """Into the file at ``path``, ``hashes`` (n,) uint64, ascending, after where those start that begin alike.

    The file is there whole, or not at all, however often it is written.
    """
    ordered = np.sort(hashes)
    starts = np.searchsorted(ordered >> np.uint64(64 - bits), np.arange((1 << bits) + 1)).astype(np.int64)
    with _replacing(path) as file:
        starts.tofile(file)
        ordered.tofile(file)


def hashes_of(paths: Iterable[Path], number: int, *, bits: int) -> AnyArray:
    """Of the files that `write_hashes` wrote, the hashes whose first ``bits`` are ``number``, (n,) uint64."""
    found = [np.empty(0, np.uint64)]
    for path in paths:
        with path.open("rb") as file:
            file.seek(number * WORD)
            start, end = np.fromfile(file, np.int64, 2)
            file.seek(((1 << bits) + 1 + int(start)) * WORD)
            found.append(np.fromfile(file, np.uint64, int(end - start)))
    return np.concatenate(found)


def write_rows(path: Path, table: pa.Table, *, bits: int) -> None:
    """Into the file at ``path``, the rows of ``table``, together those whose hashes of ``id`` begin alike."""
    import pyarrow as pa

    rows, starts = _by_hash(table, bits)
    rows = rows.combine_chunks()
    with _replacing(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        for start, end in pairwise(starts):
            batches = rows.slice(start, end - start).to_batches()
            writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema))


def rows_of(paths: Iterable[Path], number: int) -> pa.Table | None:
    """Of the files that `write_rows` wrote, the rows whose hashes begin with ``number``; None where there are none."""
    import pyarrow as pa

    tables = []
    for path in paths:
        with pa.OSFile(str(path)) as file:
            tables.append(pa.Table.from_batches([pa.ipc.open_file(file).get_batch(number)]))
    return pa.concat_tables(tables).combine_chunks() if tables else None


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to be written, which then takes the place of the one at ``path``; two may write it at the same time."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            yield file
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    Path(file.name).replace(path)
