"""Feature files in Parquet: a list of d numbers per row in ``features``, beside ``id`` and any other columns."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.errors import InputError, Problem, clear, sample
from dircli.store.features.layout import AGAIN, Block, Epoch, Features, Put, rows_per_block
from dircli.store.parquet import damaged

FEATURES, ID, TARGET = "features", "id", "target"


@contextlib.contextmanager
def open_features(path: Path) -> Iterator[Features]:
    """The features in the Parquet file at ``path``; InputError with everything that is wrong in its columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = str(path)
    try:
        file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(name, error, hint=AGAIN) from None
    with file:
        dim, problems = _dim(file, name)
        readers: dict[str, Any] = {}
        labels = ((ID, "ids", "texts or whole numbers", _ids), (TARGET, "targets", "numbers", _targets))
        for column, key, what, read in labels:
            if column not in file.schema_arrow.names:
                continue
            kind = file.schema_arrow.field(column).type
            text = column == ID and (pa.types.is_string(kind) or pa.types.is_large_string(kind))
            number = column == TARGET and pa.types.is_floating(kind)
            if not (text or number or pa.types.is_integer(kind)):
                problems.append(Problem(name, f"column {column} is {kind}", f"Write {what}"))
            readers[key] = partial(read, file, name)
        if problems:
            raise InputError(problems)
        blocks = partial(_blocks, file, dim, name)
        epoch = Epoch(name="", rows=file.metadata.num_rows, dim=dim, blocks=blocks, **readers)
        yield Features(kind="Parquet", epochs=[epoch], rewritten=partial(_rewritten, file))


@contextlib.contextmanager
def _rewritten(file: Any, path: Path) -> Iterator[Put]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = file.schema_arrow
    column = schema.get_field_index(FEATURES)
    kind = schema.field(column).type
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False) as writer:

        def put(epoch: Epoch, block: Block, features: AnyArray) -> None:
            flat = pa.array(features.reshape(-1))
            if pa.types.is_fixed_size_list(kind):
                lists = pa.FixedSizeListArray.from_arrays(flat, epoch.dim)
            else:
                lists = pa.ListArray.from_arrays(np.arange(0, len(flat) + 1, epoch.dim, dtype=np.int32), flat)
            writer.write_batch(block.rest.set_column(column, schema.field(column), lists.cast(kind)))

        yield put


def _dim(file: Any, name: str) -> tuple[int, list[Problem]]:
    """The number of features in a row, and what is wrong with their column."""
    import pyarrow as pa

    names = file.schema_arrow.names
    hint = "Write a fixed-size list of floating-point numbers per row"
    if names.count(FEATURES) != 1:
        columns = sample([clear(column) for column in names]) or "none"
        count = "no" if FEATURES not in names else "more than one"
        return 0, [Problem(name, f"there is {count} column {FEATURES}; the columns are {columns}", hint)]
    kind = file.schema_arrow.field(FEATURES).type
    fixed = pa.types.is_fixed_size_list(kind)
    if not (fixed or pa.types.is_list(kind)) or not pa.types.is_floating(kind.value_type):
        return 0, [Problem(name, f"column {FEATURES} is {kind}", hint)]
    if not file.metadata.num_rows:
        return 0, [Problem(name, "there are no rows", AGAIN)]
    dim = kind.list_size if fixed else len(next(_batches(file, 1, name, [FEATURES])).column(0)[0].as_py() or [])
    return (dim, []) if dim else (0, [Problem(name, "the first row has no features", hint)])


def _batches(file: Any, rows: int, name: str, columns: list[str] | None = None) -> Iterator[Any]:
    import pyarrow as pa

    try:
        yield from file.iter_batches(batch_size=rows, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(name, f"its rows cannot be read ({str(error).strip()})", AGAIN)) from None


def _column(file: Any, column: str, name: str) -> Any:
    import pyarrow as pa

    return pa.chunked_array([batch.column(0) for batch in _batches(file, 1 << 16, name, [column])])


def _ids(file: Any, name: str) -> list[str]:
    return ["" if key is None else str(key) for key in _column(file, ID, name).to_pylist()]


def _targets(file: Any, name: str) -> FloatArray:
    return np.asarray(_column(file, TARGET, name).to_numpy(), dtype=np.float64)


def _blocks(file: Any, dim: int, name: str) -> Iterator[Block]:
    """Blocks of features; a row that is null or of another length is NaN throughout."""
    import pyarrow.compute as pc

    dtype = np.dtype(file.schema_arrow.field(FEATURES).type.value_type.to_pandas_dtype())
    first = 0
    for batch in _batches(file, rows_per_block(dim, dtype.itemsize), name):
        lists = batch.column(FEATURES)
        lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
        whole = lengths == dim
        features = lists.filter(whole).flatten() if not whole.all() else lists.flatten()
        values = features.to_numpy(zero_copy_only=False).astype(dtype, copy=False).reshape(-1, dim)
        if not whole.all():
            kept, values = values, np.full((len(lists), dim), np.nan, dtype)
            values[whole] = kept
        yield Block(first, values, batch)
        first += len(lists)
