"""Tables of more rows than memory holds, divided by a hash of their ids into parts that it does hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dircli.store.matching import hashes

if TYPE_CHECKING:
    import pyarrow as pa


def divided(blocks: Iterable[pa.Table], folder: Path, *, bits: int) -> list[Path]:
    """Files of the rows in ``blocks``, whose hashes of the column ``id`` begin with the same ``bits``, in their order.

    There are 2^bits of them in ``folder``, which must be there; equal ids are in files of one number. Rows of a file
    have the order that they had. Without blocks there are no files.
    """
    import pyarrow as pa

    paths = [folder / f"{part}.arrow" for part in range(1 << bits)]
    with ExitStack() as stack:
        writers = None
        for block in blocks:
            if writers is None:
                writers = [stack.enter_context(pa.ipc.new_file(path, block.schema)) for path in paths]
            part = (hashes(block["id"]) >> np.uint64(64 - bits)).astype(np.uint16)
            order = np.argsort(part, kind="stable")
            sorted_rows = block.take(pa.array(order))
            ends = np.searchsorted(part[order], np.arange(len(paths) + 1))
            for writer, start, end in zip(writers, ends, ends[1:], strict=False):
                writer.write_table(sorted_rows.slice(start, end - start))
    return paths if writers else []


def pairs(ours: list[Path], theirs: list[Path]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows of each pair of files; their memory is let go of with the pair."""
    import pyarrow as pa

    for both in zip(ours, theirs, strict=True):
        with pa.memory_map(str(both[0])) as first, pa.memory_map(str(both[1])) as second:
            yield pa.ipc.open_file(first).read_all(), pa.ipc.open_file(second).read_all()
