"""Features in Parquet, in one file or several: a list of d numbers per row in ``features``, beside other columns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.errors import InputError, Problem, clear, sample
from dircli.store.features.layout import AGAIN, Block, Epoch, Features, File, Put, rows_per_block
from dircli.store.parquet import damaged
from dircli.store.parquet import file as parquet_file
from dircli.store.parts import HINT, read_each

if TYPE_CHECKING:
    import pyarrow as pa

FEATURES, ID, TARGET = "features", "id", "target"


@dataclass(frozen=True)
class _Part:
    """One of the files: its ``schema``, the numbers in a row, and where its row groups begin and, last, end."""

    path: Path
    schema: pa.Schema
    dim: int
    starts: list[int]

    @property
    def rows(self) -> int:
        return self.starts[-1]

    def groups(self, rows: range) -> list[int]:
        """The row groups that begin in ``rows``."""
        return [number for number, start in enumerate(self.starts[:-1]) if start in rows]

    def cuts(self, step: int) -> list[int]:
        """Where pieces of about ``step`` rows begin and, last, end; none is a part of a row group."""
        inner = [b for a, b in pairwise(self.starts) if a // step < b // step and b < self.rows]
        return [0, *dict.fromkeys(inner), self.rows]

    def batches(self, size: int, groups: list[int], columns: list[str] | None = None) -> Iterator[Any]:
        """Batches of ``size`` rows of these row groups, and of these ``columns``."""
        import pyarrow as pa

        try:
            with parquet_file(self.path) as file:
                yield from file.iter_batches(size, groups, columns)
        except (pa.ArrowException, OSError) as error:
            message = f"its rows cannot be read ({str(error).strip()})"
            raise InputError(Problem(str(self.path), message, AGAIN)) from None


@contextlib.contextmanager
def open_features(paths: Sequence[Path]) -> Iterator[Features]:
    """The features in the Parquet files at ``paths``, in their order; InputError with all that is wrong in them.

    They are one table: columns have the same names, in any order, and the same types.
    """
    parts = read_each(_part, paths)
    schema, dim = parts[0].schema, parts[0].dim
    _refuse_unlike(parts)
    readers: dict[str, Any] = {}
    for column, key, read in ((ID, "ids", _ids), (TARGET, "targets", _targets)):
        if column in schema.names:
            readers[key] = partial(read, parts)
    dtype = _dtype(schema)
    readers |= {"blocks": partial(_blocks, parts, dim, dtype), "itemsize": dtype.itemsize}
    files = [File(part.path, part.rows, part.cuts) for part in parts]
    epoch = Epoch(name="", rows=sum(part.rows for part in parts), dim=dim, files=files, **readers)
    yield Features(kind="Parquet", epochs=[epoch], rewritten=partial(_rewritten, schema))


def _part(path: Path) -> _Part:
    """What the file at ``path`` holds; InputError with everything that is wrong in its columns."""
    import pyarrow as pa

    name = str(path)
    try:
        with parquet_file(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError) as error:
        raise damaged(name, error, hint=AGAIN) from None
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    part = _Part(path, schema, 0, [0, *np.cumsum(sizes, dtype=np.int64).tolist()])
    dim, problems = _dim(part, name)
    for column, what in ((ID, "texts or whole numbers"), (TARGET, "numbers")):
        if column not in schema.names:
            continue
        kind = schema.field(column).type
        text = column == ID and (pa.types.is_string(kind) or pa.types.is_large_string(kind))
        number = column == TARGET and pa.types.is_floating(kind)
        if not (text or number or pa.types.is_integer(kind)):
            problems.append(Problem(name, f"column {column} is {kind}", f"Write {what}"))
    if problems:
        raise InputError(problems)
    return _Part(path, schema, dim, part.starts)


def _refuse_unlike(parts: Sequence[_Part]) -> None:
    """InputError that names each file whose columns have other types, or whose rows another length, than the first."""
    first, *others = parts
    ours, wrong = {(field.name, field.type) for field in first.schema}, []
    for part in others:
        unlike = [
            f"column {clear(field.name)} is {field.type}"
            for field in part.schema
            if (field.name, field.type) not in ours
        ]
        if not unlike and part.dim != first.dim:
            unlike = [f"rows have {part.dim} features, and not {first.dim}"]
        if unlike:
            wrong.append(Problem(str(part.path), f"{sample(unlike)}, unlike in {first.path}", HINT))
    if wrong:
        raise InputError(wrong)


@contextlib.contextmanager
def _rewritten(schema: pa.Schema, path: Path) -> Iterator[Put]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = schema.field(FEATURES).type
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False) as writer:

        def put(epoch: Epoch, block: Block) -> None:
            flat = pa.array(block.features.reshape(-1))
            if pa.types.is_fixed_size_list(kind):
                lists = pa.FixedSizeListArray.from_arrays(flat, epoch.dim)
            else:
                lists = pa.ListArray.from_arrays(np.arange(0, len(flat) + 1, epoch.dim, dtype=np.int32), flat)
            columns = {name: iter(arrays) for name, arrays in [*block.rest.items(), (FEATURES, [lists.cast(kind)])]}
            writer.write_batch(pa.record_batch([next(columns[name]) for name in schema.names], schema=schema))

        yield put


def _dim(part: _Part, name: str) -> tuple[int, list[Problem]]:
    """The number of features in a row, and what is wrong with their column."""
    import pyarrow as pa

    names = part.schema.names
    hint = "Write a fixed-size list of floating-point numbers per row"
    if names.count(FEATURES) != 1:
        columns = sample([clear(column) for column in names]) or "none"
        count = "no" if FEATURES not in names else "more than one"
        return 0, [Problem(name, f"there is {count} column {FEATURES}; the columns are {columns}", hint)]
    kind = part.schema.field(FEATURES).type
    fixed = pa.types.is_fixed_size_list(kind)
    if not (fixed or pa.types.is_list(kind)) or not pa.types.is_floating(kind.value_type):
        return 0, [Problem(name, f"column {FEATURES} is {kind}", hint)]
    if not part.rows:
        return 0, [Problem(name, "there are no rows", AGAIN)]
    if fixed:
        dim = kind.list_size
    else:
        batch = next(part.batches(1, part.groups(range(part.rows)), [FEATURES]))
        dim = len(batch.column(0)[0].as_py() or [])
    return (dim, []) if dim else (0, [Problem(name, "the first row has no features", hint)])


def _dtype(schema: pa.Schema) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(schema.field(FEATURES).type.value_type.to_pandas_dtype())
    return dtype


def _in_range(parts: Sequence[_Part], rows: range) -> Iterator[tuple[_Part, list[int], int]]:
    """Each of the ``parts`` that has some of ``rows``, the row groups that they are in, and the number of the first."""
    before = 0
    for part in parts:
        groups = part.groups(range(rows.start - before, rows.stop - before))
        if groups:
            yield part, groups, before + part.starts[groups[0]]
        before += part.rows


def _column(parts: Sequence[_Part], column: str, rows: range) -> Any:
    import pyarrow as pa

    some = [part.batches(1 << 16, groups, [column]) for part, groups, _ in _in_range(parts, rows)]
    chunks = [batch.column(0) for batches in some for batch in batches]
    return pa.chunked_array(chunks, type=parts[0].schema.field(column).type)


def _ids(parts: Sequence[_Part]) -> list[str]:
    column = _column(parts, ID, range(sum(part.rows for part in parts)))
    return ["" if key is None else str(key) for key in column.to_pylist()]


def _targets(parts: Sequence[_Part], rows: range) -> FloatArray:
    return np.asarray(_column(parts, TARGET, rows).to_numpy(), dtype=np.float64)


def _blocks(parts: Sequence[_Part], dim: int, dtype: np.dtype[Any], rows: range) -> Iterator[Block]:
    """Blocks of features; a row that is null or of another length is NaN throughout."""
    for part, groups, first in _in_range(parts, rows):
        for batch in part.batches(rows_per_block(dim, dtype.itemsize), groups):
            rest: dict[str, list[Any]] = {}
            for name, column in zip(part.schema.names, batch.columns, strict=True):
                if name != FEATURES:
                    rest.setdefault(name, []).append(column)
            yield Block(first, _values(batch.column(FEATURES), dim, dtype), rest)
            first += len(batch)  # noqa: PLW2901 - of the next one


def _values(lists: Any, dim: int, dtype: np.dtype[Any]) -> AnyArray:
    """The numbers of ``lists`` (n, dim)."""
    import pyarrow.compute as pc

    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    whole = lengths == dim
    features = lists.filter(whole).flatten() if not whole.all() else lists.flatten()
    values: AnyArray = features.to_numpy(zero_copy_only=False).astype(dtype, copy=False).reshape(-1, dim)
    if whole.all():
        return values
    spread = np.full((len(lists), dim), np.nan, dtype)
    spread[whole] = values
    return spread
