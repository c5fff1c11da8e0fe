"""Tables for other programs: Parquet or CSV, as the ending of the file's name says."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dircli.errors import InputError, Problem, UsageError, first_line, sample
from dircli.store import places
from dircli.store.parallel import in_order

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ENDINGS = (".parquet", ".csv")
GROUP = 1 << 20
"""Rows of a row group."""
HOW: Mapping[str, Any] = {"compression": "zstd", "write_statistics": False}


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
    import pyarrow.parquet as pq

    sink, table = io.BytesIO(), pa.table(dict(columns)).replace_schema_metadata(_metadata(facts))
    pq.write_table(table, sink, row_group_size=GROUP, use_dictionary=dictionary, **HOW)
    return sink.getvalue()


def write_blocks(
    path: Path, blocks: Iterable[pa.Table], facts: Mapping[str, Any], *, dictionary: bool | list[str] = True
) -> None:
    """`parquet_bytes` into a file at ``path``, of a table that comes in ``blocks``, one or more, of any length.

    The bytes are the same where columns of the whole table are in one piece.
    """
    import pyarrow.parquet as pq

    groups = _groups(blocks)
    first = next(groups).replace_schema_metadata(_metadata(facts))
    with path.open("xb") as sink:
        with pq.ParquetWriter(sink, first.schema, use_dictionary=dictionary, **HOW) as writer:
            for group in chain([first], groups):
                writer.write_table(group.replace_schema_metadata(_metadata(facts)), row_group_size=GROUP)
        sink.flush()
        os.fsync(sink.fileno())


def _metadata(facts: Mapping[str, Any]) -> dict[str, str]:
    return {"dircli": json.dumps(dict(facts), sort_keys=True)}


def _groups(blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of ``blocks`` in tables of whole row groups, each column in one piece; the last one has what is left."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    for block in blocks:
        waiting.append(block)
        if (rows := sum(map(len, waiting))) >= GROUP:
            table = pa.concat_tables(waiting).combine_chunks()
            whole = rows - rows % GROUP
            yield table.slice(0, whole)
            waiting = [table.slice(whole)] if whole < rows else []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def check_endings(paths: Iterable[Path]) -> None:
    """UsageError that names every path whose ending is none of ours; for use before anything is computed."""
    if wrong := [str(path) for path in paths if path.suffix not in ENDINGS]:
        what = f"tables are written as {' or '.join(ENDINGS)}; end the name in one of them"
        raise UsageError(f"{', '.join(wrong)}: {what}")


def csv_bytes(columns: Mapping[str, pa.Array], *, header: bool = True) -> bytes:
    """The columns as CSV; text is quoted where it must be, null is empty."""
    import pyarrow as pa
    from pyarrow import csv

    sink = io.BytesIO()
    csv.write_csv(pa.table(dict(columns)), sink, csv.WriteOptions(include_header=header, quoting_style="needed"))
    return sink.getvalue()


def table_bytes(path: Path, columns: Mapping[str, pa.Array], facts: Mapping[str, Any]) -> bytes:
    """The columns in the format of ``path``'s ending; ``facts`` go into the metadata of a Parquet file."""
    return csv_bytes(columns) if path.suffix == ".csv" else parquet_bytes(columns, facts)
