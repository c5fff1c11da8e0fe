"""Tables in files divided into spans, which are read by themselves: ranges of lines or of numbers, or row groups.

As in `streams`, only what is neither wrong nor unusual is read so.
"""

from __future__ import annotations

import codecs
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Literal, TypeAlias

import numpy as np

from dircli.errors import InputError
from dircli.store import compressed, npy, parquet, sniff
from dircli.store.streams import BLOCK, LONGEST, ROWS, Stream, Unusual, lines_of

if TYPE_CHECKING:
    import pyarrow as pa

Kind: TypeAlias = Literal["lines", "row groups", "numbers", "bytes"]

SIZE = 64 << 20
"""Bytes of a span."""
LOOKED_AT = 1 << 20
"""Bytes of a text by which it is guessed how many lines it has."""
COMPRESSED = 8
"""Bytes, compressed, that a row is guessed to take."""


@dataclass(frozen=True)
class Span:
    """Some rows of the file at ``path``: the lines that begin in its bytes ``begin`` to ``end``, or row groups, or all.

    Of an npy array they are numbers. They are about so many ``rows``, and just as many of row groups and numbers.
    ``path`` is absolute, for workers may be elsewhere; messages say ``name``.
    """

    path: Path
    name: str
    kind: Kind
    begin: int
    end: int
    rows: int

    def __str__(self) -> str:
        """What messages call it."""
        what = "bytes" if self.kind == "lines" else self.kind
        return f"{self.name}, {what} {self.begin:,} to {self.end:,}"


def divided(paths: Sequence[Path], *, size: int = SIZE) -> list[Span]:
    """The files as spans of about ``size`` bytes, in their order; each row is in one of them.

    Compressed text cannot be divided, nor can a row group. Raises Unusual where a file is neither text nor Parquet nor
    a column of numbers in npy, OSError where it cannot be opened.
    """
    return [Span(path.absolute(), str(path), *rows) for path in paths for rows in _of_file(path, size)]


def _of_file(path: Path, size: int) -> list[tuple[Kind, int, int, int]]:
    """Kind, begin, end and rows of each span."""
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
        total = len(start) if len(start) < LOOKED_AT else path.stat().st_size
        if start.startswith(sniff.PARQUET):
            return _groups_of(path, size)
    if start.startswith(sniff.NPY):
        return _numbers_of(path, size)
    if not total or start.startswith(tuple(sniff.FOREIGN)):
        raise Unusual
    if compressed.codec_of(start):
        return [("bytes", 0, total, total // COMPRESSED)]
    lines = max(start.count(b"\n"), 1) / len(start)
    cuts = np.linspace(0, total, max(1, round(total / size)) + 1).astype(int).tolist()
    return [("lines", begin, end, int((end - begin) * lines) + 1) for begin, end in pairwise(cuts)]


def _groups_of(path: Path, size: int) -> list[tuple[Kind, int, int, int]]:
    import pyarrow as pa

    try:
        with parquet.file(path) as file:
            metadata = file.metadata
    except pa.ArrowException:
        raise Unusual from None
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    begins = np.cumsum([0, *(group.total_byte_size for group in groups)])[: len(groups)]
    cuts = [0, *(np.flatnonzero(np.diff(begins // size)) + 1).tolist(), len(groups)]
    rows = [sum(group.num_rows for group in groups[begin:end]) for begin, end in pairwise(cuts)]
    return [("row groups", begin, end, n) for (begin, end), n in zip(pairwise(cuts), rows, strict=True) if n]


def _numbers_of(path: Path, size: int) -> list[tuple[Kind, int, int, int]]:
    with path.open("rb") as file:
        n, kind = _npy(file)
    cuts = range(0, n, max(1, size // kind.itemsize))
    return [("numbers", begin, end, end - begin) for begin, end in pairwise([*cuts, n])]


def _npy(file: BinaryIO) -> tuple[int, np.dtype[np.generic]]:
    """How many numbers stand in an npy file, and their type; ``file`` is left where they begin. Unusual else."""
    try:
        shape, _, kind = npy.header(file, "", hint="")
    except InputError:
        raise Unusual from None
    n = math.prod(shape)
    if kind.kind not in "fiu" or n != max(shape, default=0):
        raise Unusual
    return n, kind


def tables(stream: Stream, span: Span) -> Iterator[pa.Table]:
    """The blocks of rows in ``span`` of the one file of ``stream``, in their order, as `Stream.blocks` has them.

    This thread alone reads them. Raises Unusual where another reader has to read the file, OSError where it cannot be
    opened.
    """
    if set(stream.texts) & set(stream.numbers):
        raise Unusual
    if span.kind == "bytes":
        yield from stream.blocks(lambda table: table, workers=1)
        return
    yield from {"lines": _lines, "row groups": _groups, "numbers": _numbers}[span.kind](stream, span)


def lines(span: Span) -> bytes:
    """The lines that begin in ``span``; Unusual where one is too long, OSError where the file cannot be opened."""
    with span.path.open("rb") as file:
        start, stop = _line_start(file, span.begin), _line_start(file, span.end)
        file.seek(start)
        return file.read(max(stop - start, 0))


def _lines(stream: Stream, span: Span) -> Iterator[pa.Table]:
    """The rows of the lines that begin in ``span``.

    Lines are cut wherever they end. No quoted field goes beyond, because in each span quotes are looked at from its
    begin on, and are paired: the first begins outside of any, and so does the next one.
    """
    with span.path.open("rb") as file:
        read, begin = stream.reader(file.readline(LONGEST * BLOCK))
        start, stop = max(begin, _line_start(file, span.begin)), _line_start(file, span.end)
        file.seek(start)
        names: list[str] = []
        for part in lines_of(_Slice(file, stop - start)):
            is_marked = start and part.startswith(codecs.BOM_UTF8)  # which is left out only where a file begins
            table = None if is_marked else read(part)
            if table is None or set(names or table.column_names) != set(table.column_names):
                raise Unusual
            names = names or table.column_names
            yield table.select(names)


def _groups(stream: Stream, span: Span) -> Iterator[pa.Table]:
    """The rows of the row groups of a Parquet file that are in ``span``."""
    import pyarrow as pa

    try:
        with parquet.file(span.path) as table:
            names, groups = stream.names(table.schema_arrow), list(range(span.begin, span.end))
            for batch in table.iter_batches(ROWS, row_groups=groups, columns=names, use_threads=False):
                yield stream.cast(batch.select(names))
    except (pa.ArrowException, UnicodeDecodeError):
        raise Unusual from None


def _numbers(stream: Stream, span: Span) -> Iterator[pa.Table]:
    """The numbers of an npy array that are in ``span``: the one column that is needed."""
    import pyarrow as pa

    if len(stream.needed) > 1:
        raise Unusual
    with span.path.open("rb") as file:
        _, kind = _npy(file)
        file.seek(span.begin * kind.itemsize, io.SEEK_CUR)
        for begin in range(span.begin, span.end, ROWS):
            size = min(ROWS, span.end - begin) * kind.itemsize
            data = file.read(size)
            values = np.frombuffer(data, kind).astype(np.float64) if len(data) == size else np.array([np.nan])
            if not np.isfinite(values).all():
                raise Unusual
            yield pa.table({stream.needed[0]: values})


class _Slice:
    """The next so many bytes of a file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self._file, self._left = file, max(left, 0)

    def read(self, size: int) -> bytes:
        """The next ``size`` of them, or those that are left."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


def _line_start(file: IO[bytes], place: int) -> int:
    """Where the first line begins that begins at ``place`` or later; Unusual where that is too far away."""
    if not place:
        return 0
    file.seek(place - 1)
    line = file.readline(LONGEST * BLOCK)
    if len(line) == LONGEST * BLOCK:
        raise Unusual
    return place - 1 + len(line)
