"""Tables of more rows than memory holds, divided by a hash of their ids into parts that it does hold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from mmap import ACCESS_READ, mmap
from typing import IO, TYPE_CHECKING

import numpy as np

from dircli.store.matching import hashes

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
            number = (hashes(block["id"]) >> np.uint64(64 - bits)).astype(np.uint16)
            order = np.argsort(number, kind="stable")
            sorted_rows = block.take(pa.array(order))
            ends = np.searchsorted(number[order], np.arange(len(parts) + 1))
            for writer, start, end in zip(writers, ends, ends[1:], strict=False):
                writer.write_table(sorted_rows.slice(start, end - start))
    for part in parts:
        part.flush()
    return parts


def pairs(ours: list[IO[bytes]], theirs: list[IO[bytes]]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows of each pair of files; their memory is let go of with the pair."""
    import pyarrow as pa

    for both in zip(ours, theirs, strict=True):
        first, second = (mmap(file.fileno(), 0, access=ACCESS_READ) for file in both)
        yield pa.ipc.open_file(pa.py_buffer(first)).read_all(), pa.ipc.open_file(pa.py_buffer(second)).read_all()
