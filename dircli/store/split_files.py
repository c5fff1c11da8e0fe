"""Files that list rows of a benchmark, of any known layout: read to tell whose rows they are, not to be scored."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dircli.errors import InputError, Problem, clear, close_to, first_line, sample
from dircli.store import compressed, files, parts, places, sniff
from dircli.store.digests import git_blob
from dircli.store.text import decode, is_json

if TYPE_CHECKING:
    import pyarrow as pa

LISTED = "Give a list of ids, or a table with a column of them: CSV, TSV, JSON lines or Parquet"
HINT = "Give a split file, a list of ids or a prediction file: CSV, TSV, JSON lines, Parquet or npy"
STDIN = "-"
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
IDS = {"file", "filename", "id", "ids", "image", "images", "img", "key", "name", "path", "paths"}
"""What the one column of a list may be called, so that its first line is no id."""
MOST = 1000  # columns
ENCLOSED = "^[ \\t\"']|[ \\t\"']$"
START = 1 << 16  # bytes in which a first line is looked for
NOT_TABLES = (sniff.ZIP, sniff.PICKLE, sniff.HDF5, sniff.PNG)


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """The columns of the ``file``, of texts and of numbers as they are stored, (n,) each; ``blob`` is its git blob id.

    That of a compressed file is of what it holds.

    An array has none, and a ``shape``, with the number of its ``ones``.
    """

    file: str
    blob: str
    columns: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    ones: int = 0


def read(path: Path) -> SplitTable:
    """The table in the file at ``path``, or on standard input for "-"; InputError where it is none, or has no rows."""
    data, name = _expanded(path), str(path)
    blob = git_blob(data)
    if data.startswith(sniff.NPY):
        return _array(data, name, blob)
    columns = {key: _plain(column) for key, column in _columns(data, name).items()}
    if not any(map(len, columns.values())):
        raise InputError(Problem(name, "there are no rows", HINT))
    return SplitTable(file=name, blob=blob, columns=columns)


def _expanded(path: Path) -> bytes:
    """The bytes in the file at ``path``, or on standard input for "-", decompressed."""
    data = sys.stdin.buffer.read() if str(path) == STDIN else files.read(path, hint=HINT)
    codec = compressed.codec_of(data)
    return compressed.expanded(data, str(path), codec) if codec else data


def ids(path: Path, column: str) -> pa.ChunkedArray:
    """The ids that the file at ``path`` lists, (n,) texts in its order; one that is missing is the empty text.

    They stand in ``column``, or in the only one, whose first line is a header if it says so. InputError where there are
    none. A folder or glob is one list.
    """
    import pyarrow as pa

    paths = [path] if str(path) == STDIN else places.parts(path)
    if len(paths) > 1:
        parts.refuse_unlike(paths, [column])
    return pa.chunked_array([chunk for each in paths for chunk in _ids(each, column).chunks])


def _ids(path: Path, column: str) -> pa.ChunkedArray:
    """The ids in one file, as `ids` gives them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    data = _expanded(path)
    of_array = data.startswith(sniff.NPY)
    columns = _array(data, str(path), "").columns if of_array else _columns(data, str(path), column)
    texts = columns.get(column, next(iter(columns.values())) if len(columns) == 1 else None)
    if texts is None:
        what = f"there is no column {clear(column)}; the columns are {sample([*map(clear, columns)]) or 'none'}"
        what += close_to([column], columns)
        raise InputError(Problem(str(path), what, LISTED))
    try:
        texts = pc.fill_null(pc.cast(texts, pa.string()), "")
    except pa.ArrowException:
        raise InputError(Problem(str(path), f"the ids are {texts.type}", LISTED)) from None
    if not len(texts):
        raise InputError(Problem(str(path), "it lists no ids", LISTED))
    return texts


def _array(data: bytes, name: str, blob: str) -> SplitTable:
    """What is known of an npy array: a list of ids where it holds texts."""
    import numpy as np

    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(Problem(name, f"this npy file cannot be read ({first_line(error)})", HINT)) from None
    if array.dtype.kind == "U" and array.ndim == 1:
        import pyarrow as pa

        return SplitTable(file=name, blob=blob, columns={"ids": pa.chunked_array([pa.array(array.tolist())])})
    return SplitTable(file=name, blob=blob, shape=array.shape, ones=int(np.count_nonzero(array == 1)))


def _columns(data: bytes, name: str, alone: str | None = None) -> dict[str, pa.ChunkedArray]:
    import pyarrow as pa

    if data.startswith(NOT_TABLES):
        raise InputError(Problem(name, "this is no table", HINT))
    if data[:START].lstrip().startswith(b"["):
        raise InputError(
            Problem(name, "this is a JSON array", f"Write JSON lines, an object on each line; {sniff.LINES}")
        )
    try:
        if data.startswith(sniff.PARQUET):
            import pyarrow.parquet as pq

            table = pq.ParquetFile(pa.BufferReader(data)).read()
        elif is_json(data):
            from pyarrow import json as lines

            table = lines.read_json(pa.BufferReader(data))
        else:
            return _text(data, name, alone)
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(name, f"it cannot be read ({first_line(error)})", HINT)) from None
    return dict(zip(table.column_names, table.columns, strict=True))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without nulls, which are empty, and without what encloses them; other columns as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return column
    texts = column if column.type in (pa.string(), pa.large_string()) else column.cast(pa.large_string())
    texts = texts.fill_null("") if texts.null_count else texts
    enclosed = len(texts) and pc.any(pc.match_substring_regex(texts, ENCLOSED)).as_py()
    return pc.utf8_trim(texts, " \t\"'") if enclosed else texts


def _text(data: bytes, name: str, alone: str | None) -> dict[str, pa.ChunkedArray]:
    """The columns of delimited text, all as texts; those of a text without a header are called f0, f1 and so on.

    Where there is one column, its first line is a header if it says ``alone``, or what columns of ids are called.
    """
    import pyarrow as pa
    from pyarrow import csv

    line = next(iter(decode(data[:START].rpartition(b"\n")[0] or data, name).splitlines()), "")
    delimiter = next((each for each in "\t,;" if each in line), ",")
    fields = [field.strip().strip('"') for field in line.split(delimiter)]
    if len(fields) > MOST:
        raise InputError(Problem(name, f"its first line has {len(fields):,} fields", HINT))
    plain = not any(NUMBER.fullmatch(field) or "/" in field or "\\" in field for field in fields)
    headed = plain and (len(fields) > 1 or fields[0].lower() in IDS)
    headed = fields == [alone] if alone is not None and len(fields) == 1 else headed
    names = [field if headed and fields.count(field) == 1 else f"f{place}" for place, field in enumerate(fields)]
    table = csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(column_names=names, skip_rows=int(headed)),
        parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False if delimiter == "\t" else '"'),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    return dict(zip(table.column_names, table.columns, strict=True))


def inputs(paths: Iterable[Path]) -> Iterator[Path]:
    """``paths``, with the files that a glob matches in its place; InputError where it matches none."""
    for path in paths:
        is_glob = str(path) != STDIN and places.is_glob(path) and not path.exists()
        yield from places.parts(path) if is_glob else [path]


def tables(folder: Path) -> Iterator[Path]:
    """The files in ``folder`` that may be tables, by name; of a manifest, its samples alone."""
    names = sorted(path for path in places.within(folder) if path.is_file() and not path.name.startswith("."))
    if is_manifest(folder):
        names = [path for path in names if path.name == "samples.parquet"]
    yield from names


def is_manifest(folder: Path) -> bool:
    """Whether ``folder`` holds a manifest."""
    return (folder / "manifest.json").is_file()
