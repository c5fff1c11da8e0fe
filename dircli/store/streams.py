"""Prediction files read block by block: text, compressed or not, and Parquet, of which no more columns than are wanted.

Only files in which nothing is wrong or unusual are read so; whatever else is left to `predictions`, which names it.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from dircli.errors import InputError
from dircli.store import compressed, parquet, parts, places, plain_lines, plain_text, sniff
from dircli.store.digests import digest_of
from dircli.store.parallel import in_order
from dircli.store.parquet import numeric, textual
from dircli.store.text import delimiter_of, is_json

if TYPE_CHECKING:
    import pyarrow as pa

LARGE = 32 << 20  # bytes of a file that is read by blocks, once decompressed
LARGE_COMPRESSED = 1 << 20  # compressed bytes that are not decompressed to be counted
BLOCK = 8 << 20  # bytes of text that a thread parses at once
ROWS = 1 << 17  # rows of a Parquet file that are read at once
LONGEST = 4  # blocks; a longer line is left to `predictions`
LONGEST_MAGIC = max(map(len, compressed.CODECS))
HASHED_AHEAD = 4  # blocks that wait to be hashed
Done = TypeVar("Done")


class Unusual(Exception):  # noqa: N818 - no error of the user's: another reader reads the file
    """Something in the file is not as most programs write it, or wrong."""


class Undivided(Exception):  # noqa: N818 - as above
    """Files cannot be divided among those who work, and are read as a whole; why."""


UNUSUAL = "something is wrong, or not as most programs write it"


@contextmanager
def located(where: str) -> Iterator[None]:
    """What is wrong or unusual is Unusual, told of with the place ``where`` it is."""
    try:
        yield
    except (Unusual, InputError) as error:
        what = error.problems[0].found if isinstance(error, InputError) else str(error)
        raise Unusual(where, what or UNUSUAL) from None


@dataclass(kw_only=True)
class Stream:
    """The columns of the table in ``paths`` that ``texts`` or ``numbers`` name, all ``needed`` ones among them.

    ``sha256`` is that of the files' bytes, once all blocks are read; of several, `parts.digest`.
    """

    paths: Sequence[Path]
    texts: Sequence[str]
    numbers: Sequence[str]
    needed: Sequence[str]
    sha256: str = field(default="", init=False)
    _names: list[str] = field(default_factory=list, init=False)

    def blocks(self, work: Callable[[pa.Table], Done], *, workers: int = 2) -> Iterator[Done]:
        """``work`` of each block of rows, in the order of the files, done by ``workers`` threads, by default two.

        All blocks have the same columns, without nulls: large texts, and finite numbers as float64. Raises Unusual,
        after any number of blocks, where another reader has to read the file; OSError where it cannot be opened, and
        InputError where files differ that are one table.
        """
        if set(self.texts) & set(self.numbers):
            raise Unusual
        digests: list[str] = []
        if len(self.paths) > 1:
            parts.refuse_unlike(self.paths, self.needed)
        for path in self.paths:
            yield from self._of_file(path, work, workers, digests)
        self.sha256 = parts.digest(digests)

    def _of_file(
        self, path: Path, work: Callable[[pa.Table], Done], workers: int, digests: list[str]
    ) -> Iterator[Done]:
        """`blocks` of the file at ``path``, whose sha256 is added to ``digests``."""
        with path.open("rb") as file, ThreadPoolExecutor(1) as hashing:
            start = file.read(LONGEST_MAGIC)
            file.seek(0)
            if start.startswith(sniff.PARQUET):
                digest = hashing.submit(digest_of, path, "sha256")
                yield from self._parquet(path, work, workers)
                digests.append(digest.result())
                return
            hashed = _Hashed(file, hashing)
            with _expanded(hashed, compressed.codec_of(start)) as stream:
                yield from self._text(stream, work, workers)
            while hashed.read(BLOCK):  # what is left after the end of compressed bytes
                pass
            digests.append(hashed.digest())

    def _agreed(self, names: Sequence[str]) -> list[str]:
        """The columns of every block, as they stand in the first file; Unusual where ``names`` are others."""
        self._names = self._names or list(names)
        if set(names) != set(self._names):
            raise Unusual
        return self._names

    def _text(self, stream: IO[bytes], work: Callable[[pa.Table], Done], workers: int) -> Iterator[Done]:
        """`blocks` of delimited text or JSON lines."""
        lines = lines_of(stream)
        first = next(lines, b"")
        read, begin = self.reader(first)
        begun = first[begin:]
        del first

        def table_of(part: bytes) -> pa.Table:
            table = read(part)
            if table is None:
                raise Unusual
            return table

        table = table_of(begun)
        names = self._agreed(table.column_names)

        def done(part: bytes) -> Done:
            if part.startswith(codecs.BOM_UTF8):  # which is left out only where a file begins
                raise Unusual
            table = table_of(part)
            if set(table.column_names) != set(names):
                raise Unusual
            return work(table.select(names))

        yield work(table.select(names))
        del begun, table
        yield from in_order(done, lines, workers=workers)

    def reader(self, first: bytes) -> tuple[Callable[[bytes], pa.Table | None], int]:
        """What reads lines of the text that begins with the lines ``first``, and where its rows begin."""
        if first.startswith((*compressed.CODECS, sniff.NPY, sniff.PARQUET, *sniff.FOREIGN)):
            raise Unusual
        columns: dict[str, Any] = {"texts": self.texts, "numbers": self.numbers, "needed": self.needed}
        if is_json(first):
            return partial(plain_lines.read, **columns, threads=False), 0
        delimiter = delimiter_of(first, self.needed)
        begin = first.find(b"\n") + 1
        if not plain_text.is_plain(first[:begin], 0, delimiter, quotes=False):
            raise Unusual
        header = plain_text.header(first[:begin], delimiter)
        return partial(plain_text.rows, header=header, delimiter=delimiter, **columns, threads=False), begin

    def _parquet(self, path: Path, work: Callable[[pa.Table], Done], workers: int) -> Iterator[Done]:
        """`blocks` of a Parquet file, of which only the columns that are wanted are read."""
        import pyarrow as pa

        try:
            with parquet.file(path) as file:
                names = self._agreed(self.names(file.schema_arrow))

                def done(batch: pa.RecordBatch) -> Done:
                    return work(self.cast(batch.select(names)))

                yield from in_order(done, file.iter_batches(ROWS, columns=names), workers=workers)
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise Unusual from None

    def names(self, schema: pa.Schema) -> list[str]:
        """The columns of a Parquet file that are read; Unusual where they are not what they must be."""
        names = [name for name in (*self.texts, *self.numbers) if name in schema.names]
        kinds = {name: schema.field(name).type for name in names if schema.names.count(name) == 1}
        fits = [(numeric if name in self.numbers else textual)(kind) for name, kind in kinds.items()]
        if len(set(schema.names)) < len(schema.names) or not set(self.needed) <= kinds.keys() or not all(fits):
            raise Unusual
        return names

    def cast(self, batch: pa.RecordBatch) -> pa.Table:
        """The columns of ``batch`` as blocks have them; Unusual where one has nulls, or a number is not finite."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.null_count:
                raise Unusual
            if name in self.numbers:
                columns[name] = column.cast(pa.float64(), safe=False)
                if not pc.all(pc.is_finite(columns[name])).as_py():
                    raise Unusual
            else:
                column.validate(full=True)  # text that is no UTF-8 shows only here
                columns[name] = column.cast(pa.string()).cast(pa.large_string())
        return pa.table(columns)


def is_regular(path: Path) -> bool:
    """Whether there is a file at ``path`` that can be read more than once, as a pipe or a device cannot."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_large(*paths: Path) -> bool:
    """Whether there are files at ``paths`` that can be opened, and are better read by blocks."""
    size = 0
    try:
        for expanded in parts.of_each(_expanded_size, paths):
            size += expanded
            if size >= LARGE:
                return True
    except OSError:
        pass
    return False


def _expanded_size(path: Path) -> int:
    """The bytes in the file at ``path``, decompressed, as far as they are counted; OSError where there is none."""
    if not places.is_remote(path) and not is_regular(path):
        raise FileNotFoundError(path)
    with path.open("rb") as stream:
        codec = compressed.codec_of(stream.read(LONGEST_MAGIC))
        size = stream.seek(0, io.SEEK_END)
    if codec and size < LARGE_COMPRESSED:
        return compressed.size(path, codec, LARGE)
    return LARGE if codec else size


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


def lines_of(stream: Any) -> Iterator[bytes]:
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
