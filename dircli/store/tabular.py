"""Tables for other programs: Parquet or CSV, as the ending of the file's name says."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from dircli.errors import UsageError
from dircli.store.manifests import parquet_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa

ENDINGS = (".parquet", ".csv")


def check_endings(paths: Iterable[Path]) -> None:
    """UsageError that names every path whose ending is none of ours; for use before anything is computed."""
    if wrong := [str(path) for path in paths if path.suffix not in ENDINGS]:
        raise UsageError(
            f"{', '.join(wrong)}: tables are written as {' or '.join(ENDINGS)}; end the name in one of them"
        )


def csv_bytes(columns: Mapping[str, pa.Array]) -> bytes:
    """The columns as CSV; text is quoted where it must be, null is empty."""
    import pyarrow as pa
    from pyarrow import csv

    sink = io.BytesIO()
    csv.write_csv(pa.table(dict(columns)), sink, csv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()


def table_bytes(path: Path, columns: Mapping[str, pa.Array], facts: Mapping[str, Any]) -> bytes:
    """The columns in the format of ``path``'s ending; ``facts`` go into the metadata of a Parquet file."""
    return csv_bytes(columns) if path.suffix == ".csv" else parquet_bytes(columns, facts)
