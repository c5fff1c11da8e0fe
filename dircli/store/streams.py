"""A prediction file that carries its targets, read block by block in constant memory.

Only files in which nothing is wrong or unusual are read so; whatever else is left to `predictions`, which names it.
"""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np

from dircli.arrays import FloatArray
from dircli.store import compressed, plain_lines, plain_text, sniff
from dircli.store.digests import digest_of
from dircli.store.parallel import in_order
from dircli.store.parquet import numeric, textual
from dircli.store.predictions import Layout, is_json
from dircli.store.text import delimiter_of

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 8 << 20  # bytes of text that a thread parses at once
ROWS = 1 << 17  # rows of a Parquet file that are read at once
LONGEST = 4  # blocks; a longer line is left to `predictions`
LONGEST_MAGIC = max(map(len, compressed.CODECS))
HASHED_AHEAD = 4  # blocks that wait to be hashed
Done = TypeVar("Done")


class Unusual(Exception):  # noqa: N818 - no error of the user's: another reader reads the file
    """Something in the file is not as most programs write it, or wrong."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some rows of a file in its order: finite numbers, (n,) each, targets and ids where there is such a column."""

    target: FloatArray | None
    prediction: FloatArray
    sigma: FloatArray | None
    ids: pa.Array | None


@dataclass(kw_only=True)
class Stream:
    """The file at ``path``; ``sha256`` is that of its bytes, once all blocks are read.

    Its rows must have targets, or with ``by_id`` ids.
    """

    path: Path
    layout: Layout
    by_id: bool = False
    sha256: str = field(default="", init=False)

    def blocks(self, work: Callable[[Block], Done], *, workers: int | None = None) -> Iterator[Done]:
        """``work`` of each block, in the order of the file, done by ``workers`` threads.

        Raises Unusual, after any number of blocks, where the file has to be read by `predictions`; OSError where it
        cannot be opened.
        """
        with self.path.open("rb") as file, ThreadPoolExecutor(1) as hashing:
            start = file.read(len(sniff.NPY))
            file.seek(0)
            if start.startswith(sniff.PARQUET):
                digest = hashing.submit(digest_of, self.path, "sha256")
                yield from self._parquet(work, workers)
                self.sha256 = digest.result()
                return
            hashed = _Hashed(file, hashing)
            codec = compressed.codec_of(start)
            with _expanded(hashed, codec) as stream:
                yield from self._text(stream, work, workers)
            while hashed.read(BLOCK):  # what is left after the end of compressed bytes
                pass
            self.sha256 = hashed.digest()

    @property
    def _numbers(self) -> list[str]:
        layout = self.layout
        names = (layout.prediction_column, layout.target_column, layout.sigma_column)
        return list(dict.fromkeys(name for name in names if name is not None))

    @property
    def _needed(self) -> list[str]:
        return [self.layout.prediction_column, self.layout.id_column if self.by_id else self.layout.target_column]

    @property
    def _texts(self) -> list[str]:
        return [] if self.layout.by_position else [self.layout.id_column]

    def _block(self, table: pa.Table, columns: set[str]) -> Block:
        """The rows of ``table``, which must have those ``columns`` alone; Unusual where a number is not finite."""
        if set(table.column_names) != columns:
            raise Unusual
        numbers = {name: np.asarray(table[name].combine_chunks()) for name in self._numbers if name in columns}
        if not all(np.isfinite(values).all() for values in numbers.values()):
            raise Unusual
        return Block(
            target=numbers.get(self.layout.target_column),
            prediction=numbers[self.layout.prediction_column],
            sigma=numbers.get(self.layout.sigma_column or ""),
            ids=table[self._texts[0]].combine_chunks() if columns.intersection(self._texts) else None,
        )

    def _text(self, stream: IO[bytes], work: Callable[[Block], Done], workers: int | None) -> Iterator[Done]:
        """`blocks` of delimited text or JSON lines."""
        needed = self._needed
        parts = _lines(stream)
        first = next(parts, b"")
        if first.startswith((*compressed.CODECS, sniff.NPY, sniff.PARQUET)) or set(self._texts) & set(self._numbers):
            raise Unusual
        columns: dict[str, Any] = {"texts": self._texts, "numbers": self._numbers, "needed": needed}
        if is_json(first):
            read: Callable[[bytes], pa.Table | None] = partial(plain_lines.read, **columns, threads=False)
            begun = first
        else:
            delimiter = delimiter_of(first, needed)
            begin = first.find(b"\n") + 1
            header = plain_text.header(first[:begin], delimiter)
            read = partial(plain_text.rows, header=header, delimiter=delimiter, **columns, threads=False)
            begun = first[begin:]
            if not plain_text.is_plain(first[:begin], 0, delimiter, quotes=False):
                raise Unusual
        table = read(begun)
        if table is None:
            raise Unusual
        names = set(table.column_names)

        def done(part: bytes) -> Done:
            table = read(part)
            if table is None:
                raise Unusual
            return work(self._block(table, names))

        yield work(self._block(table, names))
        del first, begun, table
        yield from in_order(done, parts, workers=workers)

    def _parquet(self, work: Callable[[Block], Done], workers: int | None) -> Iterator[Done]:
        """`blocks` of a Parquet file, of which only the columns that are wanted are read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path, buffer_size=1 << 20, pre_buffer=False) as file:
                schema = file.schema_arrow
                names = [name for name in (*self._texts, *self._numbers) if name in schema.names]
                if len(set(schema.names)) < len(schema.names) or not set(self._needed) <= set(names):
                    raise Unusual
                if not all(numeric(schema.field(name).type) for name in self._numbers if name in names):
                    raise Unusual
                if not all(textual(schema.field(name).type) for name in self._texts if name in names):
                    raise Unusual

                def done(batch: pa.RecordBatch) -> Done:
                    return work(self._block(self._cast(batch), set(names)))

                yield from in_order(done, file.iter_batches(ROWS, columns=names), workers=workers)
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise Unusual from None

    def _cast(self, batch: pa.RecordBatch) -> pa.Table:
        """The columns of ``batch`` as `predictions` has them; Unusual where one has nulls."""
        import pyarrow as pa

        if any(column.null_count for column in batch.columns):
            raise Unusual
        columns = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name in self._numbers:
                columns[name] = column.cast(pa.float64(), safe=False)
            else:
                column.validate(full=True)
                columns[name] = column.cast(pa.string()).cast(pa.large_string())
        return pa.table(columns)


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read, by another thread."""

    def __init__(self, file: IO[bytes], pool: ThreadPoolExecutor) -> None:
        self._file, self._pool, self._hash = file, pool, hashlib.sha256()
        self._waiting: deque[Future[None]] = deque()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._waiting.append(self._pool.submit(self._hash.update, data))
        if len(self._waiting) > HASHED_AHEAD:
            self._waiting.popleft().result()
        return data

    def digest(self) -> str:
        """``sha256:hex`` of all that was read."""
        while self._waiting:
            self._waiting.popleft().result()
        return f"sha256:{self._hash.hexdigest()}"


def _expanded(file: _Hashed, codec: str | None) -> Any:
    """``file``, decompressed where it is compressed by ``codec``."""
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(io.BufferedReader(file, 1 << 20), "r"), codec) if codec else file


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of ``stream`` in blocks that end where lines do, and quotes are paired; Unusual if none ends there."""
    import pyarrow as pa

    rest = b""
    try:
        while chunk := stream.read(BLOCK):
            rest += chunk
            cut = _cut(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > LONGEST * BLOCK:
                raise Unusual
    except (OSError, pa.ArrowException):
        raise Unusual from None
    if rest:
        yield rest


def _cut(data: bytes) -> int:
    """Where the last line of ``data`` ends before which quotes are paired; 0 where none does."""
    cut = data.rfind(b"\n") + 1
    is_open = data.count(b'"', 0, cut) % 2
    while cut and is_open:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        is_open ^= data.count(b'"', before, cut) % 2
        cut = before
    return cut
