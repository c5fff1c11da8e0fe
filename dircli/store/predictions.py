"""Prediction files: CSV, JSON lines, Parquet or npy in; one number per reference row out, or every problem at once."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dircli.errors import SHOWN, InputError, Problem, sample
from dircli.store import files
from dircli.store.manifests import read_parquet
from dircli.tables import Table, decode, numbers, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.arrays import AnyArray, FloatArray, IntArray, TextArray

STDIN = "-"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a prediction file holds what: its column names, or rows in manifest order (``by_position``)."""

    id_column: str = "id"
    prediction_column: str = "prediction"
    target_column: str = "target"
    by_position: bool = False


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The rows of one prediction file, in its order: ids (None with ``by_position``), predictions (n,), targets.

    ``targets`` is None where the file has no such column. ``problems`` are those found in reading; rows that have one
    may be missing or NaN.
    """

    file: str
    sha256: str
    ids: list[str] | None
    values: FloatArray
    targets: FloatArray | None
    problems: list[Problem]

    @property
    def name(self) -> str:
        """What tables call the system: the file's name without its ending."""
        return "stdin" if self.file == STDIN else Path(self.file).stem


def read(path: str, layout: Layout, *, need_target: bool = False, need_id: bool = True) -> Predictions:
    """The predictions in the file at ``path``, or on standard input for "-".

    The kind of file is known by how its bytes begin. Raises InputError where no row can be read.
    """
    hint = "Give a CSV, JSON lines, Parquet or npy file of predictions"
    data = sys.stdin.buffer.read() if path == STDIN else files.read(Path(path), hint=hint)
    name = "standard input" if path == STDIN else path
    needed = [layout.prediction_column]
    needed = [layout.id_column, *needed] if need_id and not layout.by_position else needed
    needed = [*needed, layout.target_column] if need_target else needed
    if data.startswith(b"\x93NUMPY"):
        found = _from_npy(data, name, layout)
    elif data.startswith(b"PAR1"):
        found = _from_parquet(data, name, layout, needed)
    elif data.lstrip()[:1] == b"{":
        found = _from_table(_json_lines(data, name, needed), layout)
    else:
        found = _from_table(parse(data, name, columns=needed), layout)
    return replace(found, file=path, sha256=files.sha256(data))


def _from_table(table: Table, layout: Layout) -> Predictions:
    values, problems = numbers(table, layout.prediction_column)
    targets = None
    if layout.target_column in table.columns:
        targets, more = numbers(table, layout.target_column)
        problems = problems + more
    ids = None if layout.by_position else table.columns.get(layout.id_column)
    problems = table.problems + problems
    return Predictions(file=table.name, sha256="", ids=ids, values=values, targets=targets, problems=problems)


def _json_lines(data: bytes, name: str, needed: Sequence[str]) -> Table:
    """JSON lines as a text table: one object per line that has all ``needed`` keys."""
    columns: dict[str, list[str]] = {}
    lines, problems = [], []
    for number, line in enumerate(decode(data, name).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found = "the line is no JSON object" if not isinstance(row, dict) else ""
        except ValueError as error:
            row, found = {}, f"the line is no JSON ({error})"
        if not found and (missing := [key for key in needed if key not in row]):
            found = f"there is no {' or '.join(missing)}; the keys are {sample(list(row))}"
        if found:
            problems.append(Problem(f"{name}, line {number}", found, "Write one object per line"))
            continue
        columns = columns or {key: [] for key in row}
        for key, texts in columns.items():
            value = row.get(key, "")
            texts.append(value if isinstance(value, str) else json.dumps(value))
        lines.append(number)
    if not lines:
        raise InputError(problems[:SHOWN])
    return Table(name, columns, lines, problems[:SHOWN])


def _from_parquet(data: bytes, name: str, layout: Layout, needed: Sequence[str]) -> Predictions:
    import pyarrow as pa

    table = read_parquet(data, name, {}, hint="Check that whatever wrote it has finished")
    if missing := [column for column in needed if column not in table.column_names]:
        found = f"there is no column {' or '.join(missing)}; the columns are {sample(table.column_names)}"
        raise InputError(Problem(name, found, f"Expected {', '.join(needed)}"))
    problems: list[Problem] = []

    def values(column: str) -> FloatArray:
        kind = table.schema.field(column).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            problems.append(Problem(name, f"column {column} holds {kind}", "Write numbers"))
            return np.full(table.num_rows, np.nan)
        found: FloatArray = table[column].cast(pa.float64()).to_numpy()
        problems.extend(_not_finite(found, name, column))
        return found

    ids = None
    if not layout.by_position and layout.id_column in table.column_names:
        ids = ["" if key is None else str(key) for key in table[layout.id_column].to_pylist()]
    prediction = values(layout.prediction_column)
    targets = values(layout.target_column) if layout.target_column in table.column_names else None
    return Predictions(file=name, sha256="", ids=ids, values=prediction, targets=targets, problems=problems)


def _from_npy(data: bytes, name: str, layout: Layout) -> Predictions:
    if not layout.by_position:
        found = "an npy file has no ids"
        raise InputError(Problem(name, found, "Add --by-position if its rows are in manifest order"))
    try:
        array: AnyArray = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(Problem(name, f"this is no whole npy file ({error})", "Write it again with np.save")) from None
    if array.dtype.kind not in "fiu":
        raise InputError(Problem(name, f"the array holds {array.dtype}", "Write numbers"))
    if array.size != max(array.shape, default=0):
        raise InputError(Problem(name, f"the array has shape {array.shape}", "One number per row is expected"))
    values = array.reshape(-1).astype(np.float64)
    problems = _not_finite(values, name, layout.prediction_column)
    return Predictions(file=name, sha256="", ids=None, values=values, targets=None, problems=problems)


def _not_finite(values: FloatArray, name: str, column: str) -> list[Problem]:
    rows = np.flatnonzero(~np.isfinite(values))
    problems = [
        Problem(f"{name}, row {row + 1}", f"{column} is {values[row]}", "Write a finite number") for row in rows[:SHOWN]
    ]
    if rows.size > SHOWN:
        problems.append(Problem(name, f"{rows.size - SHOWN:,} more rows without a number"))
    return problems


def aligned(predictions: Predictions, ids: TextArray, targets: FloatArray) -> FloatArray:
    """One prediction per reference row, (n,), in the order of ``ids`` (n,).

    Raises InputError with everything found wrong in the file, in reading it and now: missing, surplus and repeated
    ids, and targets that do not agree with ``targets`` (n,), to the precision of float32.
    """
    problems = list(predictions.problems)
    if predictions.ids is None:
        rows = np.arange(len(ids))
        if predictions.values.size != len(ids) and not problems:
            found = f"{predictions.values.size:,} rows, and the split has {len(ids):,}"
            problems.append(Problem(predictions.file, found, "Write one row for each, in manifest order"))
    else:
        rows, unmatched = _matched(predictions, ids)
        problems += unmatched
    if predictions.targets is not None and (not problems or predictions.ids is not None):
        problems += _unlike_targets(predictions, rows, ids, targets)
    if problems:
        raise InputError(problems)
    return predictions.values[rows]


def _matched(predictions: Predictions, ids: TextArray) -> tuple[IntArray, list[Problem]]:
    """The row of the file for each of ``ids``, -1 where there is none, and what does not match."""
    theirs = predictions.ids or []
    position: dict[str, int] = {}
    repeated = []
    for row, key in enumerate(theirs):
        if position.setdefault(key, row) != row:
            repeated.append(key)
    rows = np.array([position.get(key, -1) for key in ids], dtype=np.int64)
    known = set(ids)
    kinds = {
        "are missing": (list(ids[rows < 0]), "Predict every row of the split"),
        "are not in the split": ([key for key in position if key not in known], "Check --dataset and --split"),
        "occur more than once": (list(dict.fromkeys(repeated)), "Keep one row of each"),
    }
    return rows, [
        Problem(predictions.file, f"{len(keys):,} ids {what}: {sample(keys)}", hint)
        for what, (keys, hint) in kinds.items()
        if keys
    ]


def _unlike_targets(predictions: Predictions, rows: IntArray, ids: TextArray, targets: FloatArray) -> list[Problem]:
    theirs = predictions.targets
    if theirs is None:
        return []
    held = rows >= 0
    close = np.isclose(theirs[rows], targets, rtol=1e-6, atol=1e-6) | np.isnan(theirs[rows])
    unlike = [f"{ids[i]} has {theirs[rows[i]]:g}, not {targets[i]:g}" for i in np.flatnonzero(held & ~close)]
    if not unlike:
        return []
    hint = "Check that the file belongs to this dataset and split"
    return [Problem(predictions.file, f"{len(unlike):,} targets differ from the manifest's: {sample(unlike)}", hint)]


def own_targets(predictions: Predictions) -> tuple[FloatArray, FloatArray]:
    """The targets (n,) that the file itself holds, and its predictions (n,); InputError with every problem in it."""
    problems = list(predictions.problems)
    if predictions.ids is not None and len(set(predictions.ids)) < len(predictions.ids):
        repeated = [key for key, count in Counter(predictions.ids).items() if count > 1]
        problems.append(Problem(predictions.file, f"{len(repeated):,} ids occur more than once: {sample(repeated)}"))
    if predictions.targets is None:
        problems.append(Problem(predictions.file, "there are no targets", "Add a target column"))
    elif not predictions.targets.size:
        problems.append(Problem(predictions.file, "there are no rows"))
    if problems or predictions.targets is None:
        raise InputError(problems)
    return predictions.targets, predictions.values
