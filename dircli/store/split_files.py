"""Files that list rows of a benchmark, of any known layout: read to tell whose rows they are, not to be scored."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dircli.errors import InputError, Problem, clear, first_line, sample
from dircli.store import compressed, files, sniff
from dircli.store.digests import git_blob
from dircli.store.text import decode, is_json

if TYPE_CHECKING:
    import pyarrow as pa

LISTED = "Give a list of ids, or a table with a column of them: CSV, TSV, JSON lines or Parquet"
HINT = "Give a split file, a list of ids or a prediction file: CSV, TSV, JSON lines, Parquet or npy"
NAME = re.compile(r"[A-Za-z_][\w .-]*")
START = 1 << 16  # bytes in which a first line is looked for
NOT_TABLES = (sniff.ZIP, sniff.PICKLE, sniff.HDF5, sniff.PNG)


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """The columns of the ``file``, of texts and of numbers as they are stored, (n,) each; ``blob`` is its git blob id.

    An array has none, and a ``shape``, with the number of its ``ones``.
    """

    file: str
    blob: str
    columns: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    ones: int = 0


def read(path: Path, *, alone: str | None = None) -> SplitTable:
    """The table in the file at ``path``; InputError where it is none.

    Where a text has one column, whose first line may be a header or a value, it is a header if it says ``alone``.
    """
    data = files.read(path, hint=HINT)
    name, blob = str(path), git_blob(data)
    if codec := compressed.codec_of(data):
        data = compressed.expanded(data, name, codec)
    if data.startswith(sniff.NPY):
        return _array(data, name, blob)
    return SplitTable(file=name, blob=blob, columns=_columns(data, name, alone))


def ids(path: Path, column: str) -> pa.ChunkedArray:
    """The ids that the file at ``path`` lists, (n,) texts in its order; one that is missing is the empty text.

    They stand in ``column``, or in the only one, which needs no header. InputError where there are none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = read(path, alone=column).columns
    texts = columns.get(column, next(iter(columns.values())) if len(columns) == 1 else None)
    if texts is None:
        what = f"there is no column {clear(column)}; the columns are {sample([*map(clear, columns)]) or 'none'}"
        raise InputError(Problem(str(path), what, LISTED))
    try:
        texts = pc.fill_null(pc.cast(texts, pa.string()), "")
    except pa.ArrowException:
        raise InputError(Problem(str(path), f"the ids are {texts.type}", LISTED)) from None
    if not len(texts):
        raise InputError(Problem(str(path), "it lists no ids", LISTED))
    return texts


def _array(data: bytes, name: str, blob: str) -> SplitTable:
    import numpy as np

    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(Problem(name, f"this is no whole npy file ({first_line(error)})", HINT)) from None
    return SplitTable(file=name, blob=blob, shape=array.shape, ones=int(np.count_nonzero(array == 1)))


def _columns(data: bytes, name: str, alone: str | None) -> dict[str, pa.ChunkedArray]:
    import pyarrow as pa

    if data.startswith(NOT_TABLES):
        raise InputError(Problem(name, "this is no table", HINT))
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


def _text(data: bytes, name: str, alone: str | None) -> dict[str, pa.ChunkedArray]:
    """The columns of delimited text, all as texts; those of a text without a header are called f0, f1 and so on."""
    import pyarrow as pa
    from pyarrow import csv

    line = next(iter(decode(data[:START].rpartition(b"\n")[0] or data, name).splitlines()), "")
    delimiter = next((each for each in "\t,;" if each in line), ",")
    names = [field.strip().strip('"') for field in line.split(delimiter)]
    headed = all(map(NAME.fullmatch, names)) and len(set(names)) == len(names)
    headed = names == [alone] if alone is not None and len(names) == 1 else headed
    names = names if headed else [f"f{place}" for place in range(len(names))]
    table = csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(column_names=names, skip_rows=int(headed)),
        parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False if delimiter == "\t" else '"'),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    return dict(zip(table.column_names, table.columns, strict=True))


def tables(folder: Path) -> Iterator[Path]:
    """The files in ``folder`` that may be tables, by name; of a manifest, its samples alone."""
    names = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if (folder / "manifest.json").is_file():
        names = [path for path in names if path.name == "samples.parquet"]
    yield from names
