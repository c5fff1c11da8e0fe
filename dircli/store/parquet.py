"""Tables for other programs: Parquet or CSV, as the ending of the file's name says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from dircli.errors import InputError, Problem, UsageError, first_line, sample
from dircli.store import places
from dircli.store.parallel import in_order

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv
    from typing_extensions import Self

ENDINGS = (".parquet", ".csv")
GROUP = 1 << 20
"""Rows of a row group, which is what Arrow takes where nothing is said."""


def damaged(name: str, error: Exception, *, hint: str) -> InputError:
    """The error for a Parquet file that Arrow cannot open: the first sentence of what Arrow says."""
    reason = first_line(error).split(". ")[0].rstrip(".")
    return InputError(Problem(name, f"this is no whole Parquet file ({reason})", hint))


@contextmanager
def file(path: Path) -> Iterator[pq.ParquetFile]:
    """The Parquet file at ``path``, of which no more is read than is asked for."""
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        source = stack.enter_context(path.open("rb")) if places.is_remote(path) else path
        yield stack.enter_context(pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False))


def kinds(data: bytes) -> dict[str, Literal["text", "integer", "float", "boolean"]]:
    """What each column of the Parquet table in ``data`` holds, in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def kind(of: Any) -> Literal["text", "integer", "float", "boolean"]:
        if pa.types.is_boolean(of):
            return "boolean"
        return "text" if not numeric(of) else "integer" if pa.types.is_integer(of) else "float"

    return {field.name: kind(field.type) for field in pq.read_schema(pa.BufferReader(data))}


def numeric(kind: Any) -> bool:
    """Whether an Arrow type holds numbers."""
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def textual(kind: Any) -> bool:
    """Whether an Arrow type holds texts or whole numbers, as ids are."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(text or pa.types.is_integer(kind))


def table(data: bytes, name: str, types: Mapping[str, str], *, hint: str, coded: Collection[str] = ()) -> pa.Table:
    """The Parquet table in ``data``; InputError where it is none, or lacks a column of ``types`` or has it otherwise.

    ``types`` maps a column to the Arrow type that it must have, as Arrow writes it. Columns of texts that are ``coded``
    are given as dictionaries.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(pa.BufferReader(data))
        schema = metadata.schema.to_arrow_schema()
        names = schema.names
        of_text = [column for column in coded if column in names and pa.types.is_string(schema.field(column).type)]

        def group(*places: int) -> pa.Table:
            file = pq.ParquetFile(pa.BufferReader(data), metadata=metadata, read_dictionary=of_text)
            return file.read_row_groups(places)

        groups = list(in_order(group, range(metadata.num_row_groups), serial=metadata.num_row_groups < 2))  # noqa: PLR2004
        rows = pa.concat_tables(groups or [group()])
        rows.validate(full=True)  # text that is no UTF-8 shows only here
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(name, error, hint=hint) from None
    repeated = [column for column in dict.fromkeys(names) if names.count(column) > 1]
    wrong = [Problem(name, f"there is more than one column {column}", hint) for column in repeated]
    for column, kind in types.items():
        if column not in names:
            wrong.append(Problem(name, f"there is no column {column}; the columns are {sample(names)}", hint))
        elif column not in repeated and (str(schema.field(column).type) != kind or rows[column].null_count):
            what = f"column {column} is {schema.field(column).type} with {rows[column].null_count} nulls"
            wrong.append(Problem(name, what, f"Expected {kind} without nulls"))
    if wrong:
        raise InputError(wrong)
    return rows


def parquet_bytes(
    columns: Mapping[str, pa.Array], facts: Mapping[str, Any], *, dictionary: bool | list[str] = True
) -> bytes:
    """A Parquet file of ``columns``, with ``facts`` as JSON under the metadata key "dircli".

    ``dictionary`` names the columns whose values repeat, where not all are to be tried.
    """
    import pyarrow as pa

    table, sink = pa.table(dict(columns)), io.BytesIO()
    with Writer(sink, table.schema, facts, dictionary=dictionary) as writer:
        writer.write(table)
    return sink.getvalue()


def write_blocks(blocks: Iterator[pa.Table], writer: Callable[[pa.Schema], Writer | csv.CSVWriter]) -> None:
    """Write ``blocks``, one or more, with the ``writer`` of their schema."""
    first = next(blocks)
    with writer(first.schema) as to:
        for block in chain([first], blocks):
            to.write(block)


class Writer:
    """Writes blocks of rows to a ``stream`` as one Parquet file, whose bytes do not depend on how they are divided.

    Blocks have the columns of ``schema``; the rest is as for `parquet_bytes`. Used as a context manager.
    """

    def __init__(
        self, stream: BinaryIO, schema: pa.Schema, facts: Mapping[str, Any], *, dictionary: bool | list[str] = True
    ) -> None:
        import pyarrow.parquet as pq

        self._schema = schema.with_metadata({"dircli": json.dumps(dict(facts), sort_keys=True)})
        how: dict[str, Any] = {"compression": "zstd", "write_statistics": False, "use_dictionary": dictionary}
        self._file = pq.ParquetWriter(stream, self._schema, **how)
        self._waiting: list[pa.Table] = []  # rows that do not yet fill a row group
        self._written = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and (self._waiting or not self._written):  # a file without rows has a row group, too
            self._group(self._joined())
        self._file.close()

    def write(self, block: pa.Table) -> None:
        """Write the rows of ``block``, or keep them until there are enough for a row group."""
        self._waiting.append(block)
        if sum(map(len, self._waiting)) < GROUP:
            return
        rows = self._joined()
        whole = len(rows) // GROUP * GROUP
        for start in range(0, whole, GROUP):
            self._group(rows.slice(start, GROUP))
        self._waiting = [rows.slice(whole)] if whole < len(rows) else []

    def _joined(self) -> pa.Table:
        import pyarrow as pa

        rows = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        return rows.combine_chunks().replace_schema_metadata(self._schema.metadata)

    def _group(self, rows: pa.Table) -> None:
        self._file.write_table(rows, row_group_size=GROUP)
        self._written = True


def check_endings(paths: Iterable[Path]) -> None:
    """UsageError that names every path whose ending is none of ours; for use before anything is computed."""
    if wrong := [str(path) for path in paths if path.suffix not in ENDINGS]:
        what = f"tables are written as {' or '.join(ENDINGS)}; end the name in one of them"
        raise UsageError(f"{', '.join(wrong)}: {what}")


def csv_bytes(columns: Mapping[str, pa.Array], *, header: bool = True) -> bytes:
    """The columns as CSV; text is quoted where it must be, null is empty."""
    import pyarrow as pa

    table, sink = pa.table(dict(columns)), io.BytesIO()
    with csv_writer(sink, table.schema, header=header) as writer:
        writer.write(table)
    return sink.getvalue()


def csv_writer(stream: BinaryIO, schema: pa.Schema, *, header: bool = True) -> csv.CSVWriter:
    """Writes blocks of rows to a ``stream``, as a `Writer` does, as `csv_bytes` are."""
    from pyarrow import csv

    return csv.CSVWriter(stream, schema, write_options=csv.WriteOptions(include_header=header, quoting_style="needed"))


def table_bytes(path: Path, columns: Mapping[str, pa.Array], facts: Mapping[str, Any]) -> bytes:
    """The columns in the format of ``path``'s ending; ``facts`` go into the metadata of a Parquet file."""
    return csv_bytes(columns) if path.suffix == ".csv" else parquet_bytes(columns, facts)
