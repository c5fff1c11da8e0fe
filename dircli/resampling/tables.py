"""From a table of features to its resampled training rows, as columns of a table again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import __version__
from dircli.arrays import FloatArray, IntArray
from dircli.benchmark.relevance import ControlPoints, Extremes, Relevance, box_plot
from dircli.datasets.open import open_benchmark
from dircli.errors import InputError, Problem, UsageError, clear, sample
from dircli.resampling.samplers import PERT, Bump, Rows, SamplerOptions, resample
from dircli.store import user_tables
from dircli.store.parquet import textual
from dircli.store.text import WHOLE

if TYPE_CHECKING:
    import pyarrow as pa

ORIGIN, PARENTS = "origin", ("parent", "parent_2")
MOST_VALUES = 1000
"""Different values of a nominal column: a name or a key has more, and is no feature."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Training rows in their order: all columns, the ``target`` one, and by choice that of ids, unique texts.

    ``source`` says what they are of.
    """

    path: Path
    table: pa.Table
    target: str
    id: str | None
    source: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """The resampled rows as columns, the real ones first in their order, with their ``facts`` and bumps.

    ``nominal`` names the columns that were taken as nominal.
    """

    columns: Mapping[str, pa.Array]
    facts: Mapping[str, Any]
    bumps: list[Bump]
    nominal: list[str]


def of_table(path: Path, target: str, key: str | None) -> Training:
    """All rows of the table at ``path``, by ascending id where ``key`` names a column of ids, else as they stand."""
    if key == target:
        raise UsageError(f"{target} is the column of targets, and cannot be that of ids; name another column")
    table = user_tables.whole(path, filter(None, (target, key)), texts=[key] if key else [])
    if key is not None:
        ids = _ids(path, table, key)
        order = user_tables.ascending(ids)
        table = table if order is None else table.take(order)
    return Training(path=path, table=table, target=target, id=key, source={"file": path.name})


def of_manifest(name: str | None, root: Path, features: Path, key: str, target: str | None) -> Training:
    """The training rows of the manifest ``name`` in ``root``, with the columns that ``features`` has for their ids.

    Targets are the manifest's, in the column ``target``, by default called as the benchmark calls them. Features of
    other rows are left out. InputError where training rows have none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    against = open_benchmark(name, root, None)
    if against.unit != "samples" or not against.has_rows:
        what = "labels are maps" if against.unit != "samples" else f"it is not curated in {root}"
        raise UsageError(f"{against.name}: {what}; rows with features are resampled, give them with --table FILE")
    target = target or against.rules.target
    table = user_tables.whole(features, [key], texts=[key])
    rows = against.rows("train")
    places = pc.index_in(pa.array(rows.ids, pa.string()), value_set=_ids(features, table, key))
    if places.null_count:
        missing = [clear(rows.ids[row]) for row in np.flatnonzero(places.is_null())]
        what = f"{len(missing):,} training rows of {against.name} have no features: {sample(missing)}"
        raise InputError(Problem(str(features), what, f"Write one row for each, with its id in {key}"))
    table, targets = table.take(places), pa.array(rows.targets)
    if target not in table.column_names:
        table = table.append_column(target, targets)
    else:
        theirs = pc.cast(table[target], pa.float64(), safe=False) if _is_number(table[target].type) else None
        if theirs is None or not np.allclose(theirs.to_numpy(), rows.targets, rtol=1e-6, atol=1e-6):
            what = f"column {target} differs from the targets of {against.name}"
            raise InputError(Problem(str(features), what, "Name another column for them with --target, or mend it"))
        table = table.set_column(table.column_names.index(target), target, targets)
    source = {"name": against.name, "content": against.content, "file": features.name}
    return Training(path=features, table=table, target=target, id=key, source=source)


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _ids(path: Path, table: pa.Table, key: str) -> pa.Array:
    """The ids in the column ``key`` as texts; InputError where they are none, or repeat."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not textual(table[key].type):
        raise InputError(Problem(str(path), f"column {key} is {table[key].type}", WHOLE.format("texts or ", key)))
    ids = user_tables.in_one_piece(table[key].cast(pa.string()))
    counts = pc.value_counts(ids)
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1)).to_pylist()
    if repeated:
        what = f"{len(repeated):,} ids occur more than once: {sample([clear(each) for each in repeated])}"
        raise InputError(Problem(str(path), what, f"Give each row an own {key}"))
    return ids


def relevance(targets: FloatArray, extremes: Extremes, points: str | None) -> Relevance | ControlPoints:
    """φ by the box plot of ``targets``, or through ``points``, TARGET:PHI,…; UsageError for points that are none."""
    if points is None:
        return box_plot(targets, extremes)
    try:
        at, phi = np.array([[float(part) for part in point.split(":")] for point in points.split(",")]).T
    except ValueError:
        at, phi = np.empty((2, 0))
    if len(at) < 2 or not np.isfinite(at).all() or (np.diff(at) <= 0).any() or not ((phi >= 0) & (phi <= 1)).all():  # noqa: PLR2004 - a line needs two
        what = "write two or more TARGET:PHI, targets ascending and PHI from 0 to 1, such as 20:1,45:0,80:1"
        raise UsageError(f"--control-points {points}: {what}")
    return ControlPoints(at, phi)


def resampled(training: Training, options: SamplerOptions, extremes: Extremes, points: str | None) -> Resampled:
    """The resampled rows of ``training``; InputError for columns that are no features, UsageError for the options."""
    import pyarrow as pa

    rows, numbers, words = _rows(training)
    kept, synthetic, bumps = resample(rows, relevance(rows.targets, extremes, points), options)
    table, parents = training.table, synthetic.parents
    columns: dict[str, pa.Array] = {}
    for name in table.column_names:
        column = user_tables.in_one_piece(table[name])
        if name in words:
            made = column.take(pa.array(synthetic.words[:, words.index(name)]))
        elif name == training.id:
            made = pa.nulls(len(parents), column.type)
        else:
            values = synthetic.targets if name == training.target else synthetic.numbers[:, numbers.index(name)]
            made = _as(column.type, values)
        columns[name] = pa.concat_arrays([column.take(pa.array(kept)), made])
    real, fresh = (pa.array([word], pa.string()) for word in ("real", "synthetic"))
    columns[ORIGIN] = pa.concat_arrays([real, fresh]).take(pa.array(np.repeat([0, 1], [len(kept), len(parents)])))
    keys = pa.array(np.arange(table.num_rows))
    if training.id is not None:
        keys = user_tables.in_one_piece(table[training.id])
    for name, parent in zip(PARENTS, parents.T, strict=True):
        of = keys.take(pa.array(parent, mask=parent < 0))
        columns[name] = pa.concat_arrays([pa.nulls(len(kept), keys.type), of])
    pert = PERT.get(options.method) if options.pert is None else options.pert
    facts = {**vars(options), "pert": pert, "extremes": extremes, "control_points": points, "target": training.target}
    facts |= {"source": dict(training.source), "dircli": __version__, "bumps": [vars(bump) for bump in bumps]}
    return Resampled(columns=columns, facts=facts, bumps=bumps, nominal=words)


def _rows(training: Training) -> tuple[Rows, list[str], list[str]]:
    """The rows as arrays, and the names of their numeric and nominal columns; InputError for all other columns."""
    import pyarrow as pa

    path, table, problems = str(training.path), training.table, []
    numbers: dict[str, FloatArray] = {}
    words: dict[str, IntArray] = {}
    for name in table.column_names:
        kind = table[name].type
        if name in (ORIGIN, *PARENTS):
            problems.append(Problem(path, f"there is a column {name}, which is to be written", "Rename it"))
        elif name == training.id:
            continue
        elif _is_number(kind):
            numbers[name] = table[name].cast(pa.float64(), safe=False).to_numpy()
        elif name == training.target or not (textual(kind) or pa.types.is_boolean(kind)):
            wanted = "Write numbers" if name == training.target else "Write numbers, texts or booleans, or leave it out"
            problems.append(Problem(path, f"column {clear(name)} holds {kind}", wanted))
        else:
            coded = user_tables.in_one_piece(table[name]).dictionary_encode()
            words[name] = coded.indices.to_numpy().astype(np.int64)
            if (count := len(coded.dictionary)) > MOST_VALUES:
                what = f"column {clear(name)} holds {count:,} different texts, and {MOST_VALUES:,} is the most"
                problems.append(Problem(path, what, "Name it with --id where it is the key, or leave it out"))
    targets = numbers.pop(training.target, np.empty(0))
    if not (numbers or words or problems):
        problems = [Problem(path, "there is no column of features", "Give a table of the target and its features")]
    if problems:
        raise InputError(problems)
    n = table.num_rows
    rows = Rows(
        numbers=np.column_stack([*numbers.values()]) if numbers else np.empty((n, 0)),
        words=np.column_stack([*words.values()]) if words else np.empty((n, 0), np.int64),
        targets=targets,
        whole=np.array([pa.types.is_integer(table[name].type) for name in numbers], dtype=bool),
        whole_target=pa.types.is_integer(table[training.target].type),
    )
    return rows, list(numbers), list(words)


def _as(kind: Any, values: FloatArray) -> pa.Array:
    """``values`` (s,) in the Arrow type of their column; beyond the range of an integer type they are its ends."""
    import pyarrow as pa

    if pa.types.is_integer(kind):
        ends = np.iinfo(kind.to_pandas_dtype())
        values = np.clip(values, ends.min, ends.max)
    return pa.array(values).cast(kind, safe=False)
