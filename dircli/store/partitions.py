"""Tables of more rows than memory holds, divided into parts that it does hold: by a hash of their ids, or in order."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray
from dircli.errors import UsageError
from dircli.store.matching import WORD, hashes

if TYPE_CHECKING:
    import pyarrow as pa

    from dircli.store.engines import Engine

BUFFER = 1 << 17  # bytes of a file that are written at once
ROWS = 1 << 16  # rows of a part that are read at once


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
        file.write(starts.data)  # not `tofile`, which does not say why it fails
        file.write(ordered.data)


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
    """Of the files that `write_rows` wrote, the rows whose hashes begin with ``number``; None where there are none.

    Columns may stand in any order; where a file lacks one that another has, its rows have nulls there.
    """
    import pyarrow as pa

    tables = []
    for path in paths:
        with pa.OSFile(str(path)) as file:
            tables.append(pa.Table.from_batches([pa.ipc.open_file(file).get_batch(number)]))
    return pa.concat_tables(tables, promote_options="default").combine_chunks() if tables else None


def write_part(path: Path, table: pa.Table) -> None:
    """Into the file at ``path``, the rows of ``table`` in their order."""
    import pyarrow as pa

    with _replacing(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=ROWS)


def blocks_of(path: Path, *columns: str) -> Iterator[pa.RecordBatch]:
    """The rows of the file that `write_part` wrote, block by block; of ``columns`` alone, in the order of the file."""
    with _opened(path, columns) as part:
        for number in range(part.num_record_batches):
            yield part.get_batch(number)


def part_of(path: Path, *columns: str) -> pa.Table:
    """The rows of the file that `write_part` wrote, in one piece; of ``columns`` alone, in the order of the file."""
    with _opened(path, columns) as part:
        return part.read_all().combine_chunks()


@contextmanager
def _opened(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """The file that `write_part` wrote, of which ``columns`` are read, or all."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        names = pa.ipc.open_file(file).schema.names
        fields = [place for place, name in enumerate(names) if name in columns]
        yield pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=fields))


def remove(paths: Iterable[Path]) -> None:
    """Remove the files at ``paths``, which are used no more."""
    for path in paths:
        path.unlink()


def between(
    paths: Iterable[Path], low: bytes | None, high: bytes | None, *, key: Callable[[bytes], Any]
) -> Iterator[pa.Table]:
    """Of each file that `write_part` wrote, by ascending ``key`` of ``id``, the rows from ``low`` to before ``high``.

    None is before, or after, all. What is not among them is not read.
    """
    import pyarrow as pa

    for path in paths:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
            ids = table["id"]

            def of_row(row: int, ids: Any = ids) -> Any:
                return key(ids[row].as_buffer().to_pybytes())

            start, stop = (
                default if end is None else bisect_left(range(len(table)), key(end), key=of_row)
                for end, default in ((low, 0), (high, len(table)))
            )
            yield table.slice(start, stop - start)


def splitters(samples: Sequence[tuple[bytes, float]], number: int, *, key: Callable[[bytes], Any]) -> list[bytes]:
    """What divides rows into ``number`` parts of about one size, or fewer: the first id of each but the first.

    ``samples`` are ids, each with the number of rows that it stands for.
    """
    ordered = sorted(samples, key=lambda sample: key(sample[0]))
    through = np.cumsum([rows for _, rows in ordered])
    places = np.searchsorted(through, through[-1] * np.arange(1, number) / number)
    return [ordered[place][0] for place in np.unique(places).tolist()]


def shared_folder(engine: Engine, scratch: Path | None, files: ExitStack) -> Path:
    """An empty folder that all who work see, there until ``files`` are closed; UsageError where there is none."""
    if scratch is None and not engine.shares_files:
        message = "rows are divided by their ids, in files that every worker must see"
        raise UsageError(f"{message}; name a folder that all of them see with --scratch FOLDER")
    try:
        return Path(files.enter_context(tempfile.TemporaryDirectory(prefix="dir-", dir=scratch))).absolute()
    except OSError as error:
        raise UsageError(f"--scratch {scratch}: {error.strerror}; name a folder that all workers see") from None


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
