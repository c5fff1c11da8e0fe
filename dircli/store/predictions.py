"""Prediction files: CSV, JSON lines, Parquet or npy in; one number per reference row out, or every problem at once."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import FloatArray, IntArray, TextArray
from dircli.errors import SHOWN, InputError, Problem, clear, close_to, first, first_ten, sample, shortened
from dircli.store import compressed, files, npy, parquet, parts, places, plain_lines, plain_text, sniff, streams
from dircli.store.digests import digest_of
from dircli.store.matching import listed, matched, named, repeated_ids
from dircli.store.parquet import numeric, textual
from dircli.store.text import FINITE, Table, decode, delimiter_of, first_row, is_json, numbers, parse

if TYPE_CHECKING:
    import pyarrow as pa

STDIN = "-"
ID = "id"
HINT = "Give a CSV, JSON lines, Parquet or npy file of predictions"
LOG = logging.getLogger("dircli")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a prediction file holds what: its column names, or rows in manifest order (``by_position``).

    ``sigma_column``, of predicted standard deviations, is looked at only where it is named.
    """

    id_column: str = ID
    prediction_column: str = "prediction"
    target_column: str = "target"
    sigma_column: str | None = None
    by_position: bool = False

    @property
    def texts(self) -> list[str]:
        """The column of ids, where there is one."""
        return [] if self.by_position else [self.id_column]

    @property
    def numbers(self) -> list[str]:
        """The columns of numbers, each once."""
        names = (self.prediction_column, self.target_column, self.sigma_column)
        return list(dict.fromkeys(name for name in names if name is not None))

    def needed(self, *, target: bool) -> list[str]:
        """The columns that must be there: with ``target`` that of targets, and then ids need not be, unless named."""
        texts = [] if target and self.id_column == ID else self.texts
        return [*texts, self.prediction_column, *([self.target_column] if target else [])]

    def stream(self, path: str, *, target: bool) -> streams.Stream:
        """The columns of the input at ``path``, block by block, those `needed` among them."""
        needed, paths = self.needed(target=target), [Path(path)] if path == STDIN else places.parts(path)
        return streams.Stream(paths=paths, texts=self.texts, numbers=self.numbers, needed=needed)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The rows of one prediction file, in its order: ids (None with ``by_position``), predictions (n,), targets.

    ``targets`` is None where the file has no such column. ``problems`` are those found in reading; rows that have one
    are NaN, or missing where ``cut`` says so.
    """

    file: str
    sha256: str = ""
    ids: list[str] | pa.Array | None = None
    values: FloatArray
    targets: FloatArray | None = None
    sigma: FloatArray | None = None
    problems: list[Problem] = field(default_factory=list)
    cut: bool = False

    @property
    def name(self) -> str:
        """What tables call the system: the file's name without its ending, that of compression not counted.

        A glob such as preds/*.csv, which says no more than an ending, is called as its folder is.
        """
        path = Path(self.file)
        while path.name.startswith("*") and path.parent.name and not any(map(str.isalnum, path.name.partition(".")[0])):
            path = path.parent
        return "stdin" if self.file == STDIN else Path(path.stem if path.suffix in compressed.ENDINGS else path).stem


def taken(path: str) -> bytes:
    """The bytes of the file at ``path``, or of standard input for "-", which can be taken once; InputError without."""
    return sys.stdin.buffer.read() if path == STDIN else files.read(places.of(path), hint=HINT)


def read(path: str, layout: Layout, *, need_target: bool = False, data: bytes | None = None) -> Predictions:
    """The predictions in the file at ``path``, or on standard input for "-"; of a folder or glob, in all its files.

    They are in ``data``, where those bytes were `taken` before. The kind of file is known by how its bytes begin, once
    decompressed. With ``need_target`` it must hold targets, and needs no ids. Raises InputError where no row can be
    read.
    """
    stream, file = layout.stream(path, target=need_target), places.shown(path)
    if path == STDIN or data is not None:
        name = "standard input" if path == STDIN else file
        return replace(_from_bytes(taken(path) if data is None else data, name, layout, stream.needed), file=file)
    if streams.is_large(*stream.paths) and (by_blocks := _from_blocks(file, layout, stream)):
        LOG.info("%s: read block by block, and then held whole", file)
        return by_blocks
    if len(stream.paths) > 1:
        return _from_parts(file, layout, stream)
    name = file if stream.paths == [places.of(path)] else str(stream.paths[0])
    return replace(_from_bytes(files.read(stream.paths[0], hint=HINT), name, layout, stream.needed), file=file)


def _from_parts(file: str, layout: Layout, stream: streams.Stream) -> Predictions:
    """The predictions in the several files of ``file``, in their order, with what is wrong in the first ten of them."""
    parts.refuse_unlike(stream.paths, stream.needed)

    def of_part(path: Path) -> Predictions:
        return _from_bytes(files.read(path, hint=HINT), str(path), layout, stream.needed)

    found = parts.read_each(of_part, stream.paths)
    columns: dict[str, Any] = {}
    for name, column in (("ids", layout.id_column), ("targets", layout.target_column), ("sigma", layout.sigma_column)):
        given = [getattr(part, name) for part in found]
        if lacking := [path for path, values in zip(stream.paths, given, strict=True) if values is None]:
            if len(lacking) < len(given):
                what = f"there is no {column}, and others of these files have it"
                raise InputError(Problem(str(path), what, parts.HINT) for path in lacking[:SHOWN])
            columns[name] = None
        elif name == "ids":
            columns[name] = _all_ids(given)
        else:
            columns[name] = np.concatenate(given)
    return Predictions(
        file=file,
        sha256=parts.digest(part.sha256 for part in found),
        values=np.concatenate([part.values for part in found]),
        problems=parts.several([part.problems for part in found if part.problems], file),
        cut=any(part.cut for part in found),
        **columns,
    )


def _all_ids(given: Sequence[Any]) -> list[str] | pa.Array:
    """The ids of several files as one column."""
    import pyarrow as pa

    if all(isinstance(ids, pa.Array) for ids in given):
        return pa.concat_arrays(given)
    return [key for ids in given for key in listed(ids)]


def _from_bytes(data: bytes, name: str, layout: Layout, needed: Sequence[str]) -> Predictions:
    """The predictions in the bytes of one file, which messages call ``name``."""
    sha256 = digest_of([data], "sha256")
    if codec := compressed.codec_of(data):
        data = compressed.expanded(data, name, codec)
    if codec := codec and compressed.codec_of(data):
        raise InputError(Problem(name, f"this is compressed twice, by {codec} within", "Decompress it once"))
    if foreign := [what for start, what in sniff.FOREIGN.items() if data.startswith(start)]:
        hint = f"{HINT}; {sniff.LINES}" if data.startswith(b"[") else HINT
        raise InputError(Problem(name, f"this is {foreign[0]}", hint))
    if sniff.is_page(data):
        raise InputError(Problem(name, sniff.PAGE, sniff.FOLDERS if "://" in name else HINT))
    if data.startswith(sniff.NPY):
        predictions = _from_npy(data, name, layout)
    elif data.startswith(sniff.PARQUET):
        predictions = _from_parquet(data, name, layout, needed)
    else:
        delimiter = None if is_json(data) else delimiter_of(data, needed)
        plain = _from_plain_text(data, name, layout, needed, delimiter)
        predictions = plain or _from_exact_text(data, name, layout, needed, delimiter)
    LOG.info("%s: read as a whole", name)
    return replace(predictions, sha256=sha256)


def _columns_hint(needed: Sequence[str], layout: Layout, columns: Iterable[str]) -> str:
    """How to name ``columns`` other than those ``needed``, ready to paste where case or spaces alone differ."""
    flags = {
        layout.id_column: "--id-column",
        layout.prediction_column: "--prediction-column",
        layout.target_column: "--target-column",
    }
    there = {column.strip().casefold(): column for column in reversed(list(columns))}
    pairs = [(flags[name], there.get(name.strip().casefold())) for name in needed if name not in there.values()]
    if pairs and all(column is not None for _, column in pairs):
        return f"Add {' '.join(f'{flag} {shlex.quote(str(column))}' for flag, column in pairs)}"
    return f"Expected {', '.join(needed)}; name other columns with --id-column, --prediction-column, --target-column"


def _from_columns(
    name: str, layout: Layout, columns: Collection[str], values: Callable[[str], tuple[FloatArray, list[Problem]]]
) -> Predictions:
    """The numbers that ``values`` gives of each column that is wanted and is there, still without ids."""
    predictions, problems = values(layout.prediction_column)
    targets = sigma = None
    if layout.target_column in columns:
        targets, more = values(layout.target_column)
        problems += more
    if layout.sigma_column is not None and layout.sigma_column in columns:
        sigma, more = values(layout.sigma_column)
        problems += more
        if rows := [f"{row + 1}: {sigma[row]:g}" for row in np.flatnonzero(sigma <= 0)]:
            message = f"{len(rows):,} values of {layout.sigma_column} are 0 or less, in rows {sample(rows)}"
            problems.append(Problem(name, message, "A standard deviation is above 0"))
    return Predictions(file=name, values=predictions, targets=targets, sigma=sigma, problems=problems)


def _from_plain_text(
    data: bytes, name: str, layout: Layout, needed: Sequence[str], delimiter: str | None
) -> Predictions | None:
    """The predictions in text in which nothing is wrong or unusual; None where something is.

    Without a ``delimiter`` it is JSON lines.
    """
    if set(layout.texts) & set(layout.numbers):
        return None
    reader = partial(plain_text.read, delimiter=delimiter) if delimiter else plain_lines.read
    table = reader(data, texts=layout.texts, numbers=layout.numbers, needed=needed)
    return None if table is None else _from_table(table, name, layout)


def _from_blocks(path: str, layout: Layout, stream: streams.Stream) -> Predictions | None:
    """The predictions in the ``stream`` of a large file; None where anything in it is wrong or unusual."""
    import pyarrow as pa

    try:
        tables = list(stream.blocks(lambda table: table))
    except (streams.Unusual, OSError):
        return None
    found = _from_table(pa.concat_tables(tables), path, layout) if tables else None
    if found is None or (found.problems and len(stream.paths) > 1):  # who reads one by one names the file and the row
        return None
    return replace(found, sha256=stream.sha256)


def _from_table(table: pa.Table, name: str, layout: Layout) -> Predictions:
    """The predictions in a table of texts and finite numbers."""

    def values(column: str) -> tuple[FloatArray, list[Problem]]:
        return np.asarray(table[column].combine_chunks()), []

    ids = table[layout.id_column].combine_chunks() if layout.texts and layout.id_column in table.column_names else None
    return replace(_from_columns(name, layout, table.column_names, values), ids=ids)


def _from_exact_text(
    data: bytes, name: str, layout: Layout, needed: Sequence[str], delimiter: str | None
) -> Predictions:
    """The predictions in text with this ``delimiter``, or in JSON lines, with every problem, named by its line."""
    if delimiter is None:
        table = _json_lines(data, name, needed, layout)
    else:
        hint = _columns_hint(needed, layout, first_row(data, delimiter))
        table = parse(data, name, columns=needed, delimiter=delimiter, hint=hint)
    predictions = _from_columns(name, layout, table.columns, partial(numbers, table, delimiter=delimiter or ","))
    ids = None if layout.by_position else table.columns.get(layout.id_column)
    problems = table.problems + predictions.problems
    return replace(predictions, ids=ids, problems=problems, cut=bool(table.problems))


def _json_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of these pairs; ValueError where a key stands in it twice."""
    if repeated := [clear(key) for key, count in Counter(key for key, _ in pairs).items() if count > 1]:
        raise ValueError(f"{sample(repeated)} stands twice in an object")
    return dict(pairs)


def _json_lines(data: bytes, name: str, needed: Sequence[str], layout: Layout) -> Table:
    """JSON lines as a text table: one object per line that has all ``needed`` keys."""
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    wrong: list[tuple[int, str]] = []
    for number, line in enumerate(decode(data, name).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_json_object)
        except (ValueError, RecursionError) as error:
            wrong.append((number, f"the line is no JSON ({error})"))
            continue
        if not isinstance(row, dict):
            wrong.append((number, "the line is no JSON object"))
        elif missing := [key for key in needed if key not in row]:
            message = f"there is no {' or '.join(missing)}; the keys are {sample([clear(key) for key in row])}"
            wrong.append((number, message))
        elif layout.id_column in needed and type(row[layout.id_column]) not in {str, int, float}:
            wrong.append((number, f"{clear(layout.id_column)} is {shortened(json.dumps(row[layout.id_column]))}"))
        else:
            rows.append({key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()})
            lines.append(number)
    hint = f"Write one object with {', '.join(needed)} per line"
    messages = {message for _, message in wrong}
    if not rows and len(wrong) > 1 and len(messages) == 1:
        message = messages.pop()
        if message.startswith("there is no "):
            keys = json.loads(next(filter(str.strip, decode(data, name).split("\n"))))
            hint = _columns_hint(needed, layout, keys)
        raise InputError(Problem(name, f"{message}, and so in every line", hint))
    problems = first(name, wrong, hint=hint, rest="more lines cannot be read")
    if not rows:
        raise InputError(problems)
    keys = dict.fromkeys(key for row in rows for key in row)
    return Table(name, {key: [row.get(key, "") for row in rows] for key in keys}, lines, problems)


def _from_parquet(data: bytes, name: str, layout: Layout, needed: Sequence[str]) -> Predictions:
    import pyarrow as pa

    table = parquet.table(data, name, {}, hint="Check that whatever wrote it has finished")
    if missing := [column for column in needed if column not in table.column_names]:
        names = sample([clear(column) for column in table.column_names])
        message = f"there is no column {' or '.join(missing)}; the columns are {names}"
        message += close_to(missing, table.column_names)
        raise InputError(Problem(name, message, _columns_hint(needed, layout, table.column_names)))

    def values(column: str) -> tuple[FloatArray, list[Problem]]:
        kind = table.schema.field(column).type
        if not numeric(kind):
            return np.full(table.num_rows, np.nan), [Problem(name, f"column {column} holds {kind}", "Write numbers")]
        array: FloatArray = table[column].cast(pa.float64(), safe=False).to_numpy()
        return array, _not_finite(array, name, column)

    ids = None
    if not layout.by_position and layout.id_column in table.column_names:
        ids = _parquet_ids(table[layout.id_column])
    return replace(_from_columns(name, layout, table.column_names, values), ids=ids)


def _parquet_ids(column: pa.ChunkedArray) -> list[str] | pa.Array:
    """The ids in a column of a Parquet file: texts and whole numbers stay in Arrow; of others, what Python prints."""
    import pyarrow as pa

    if column.null_count or not textual(column.type):
        return ["" if key is None else str(key) for key in column.to_pylist()]
    return pa.concat_arrays(
        column.cast(pa.string()).cast(pa.large_string()).chunks or [pa.array([], pa.large_string())]
    )


def _from_npy(data: bytes, name: str, layout: Layout) -> Predictions:
    if not layout.by_position:
        hint = "Add --by-position if its rows are in manifest order"
        raise InputError(Problem(name, "an npy file has no ids", hint))
    try:
        array = npy.load(data, name, hint="Write it again with np.save")
    except InputError as error:
        if "allow_pickle" in str(error):
            raise InputError(Problem(name, "the array holds Python objects", "Write numbers")) from None
        raise
    if array.dtype.kind not in "fiu":
        raise InputError(Problem(name, f"the array holds {array.dtype}", "Write numbers"))
    if array.size != max(array.shape, default=0):
        raise InputError(Problem(name, f"the array has shape {array.shape}", "One number per row is expected"))
    values = array.reshape(-1).astype(np.float64)
    problems = _not_finite(values, name, layout.prediction_column)
    return Predictions(file=name, values=values, problems=problems)


def _not_finite(values: FloatArray, name: str, column: str) -> list[Problem]:
    return first_ten(
        np.flatnonzero(~np.isfinite(values)),
        lambda row: Problem(f"{name}, row {row + 1}", f"{column} is {values[row]}", FINITE),
        lambda left: Problem(name, f"{left:,} more rows have no number in {column}"),
    )


def aligned(predictions: Predictions, ids: TextArray | pa.Array, targets: FloatArray) -> FloatArray:
    """One prediction per reference row, (n,), in the order of ``ids`` (n,).

    Raises InputError with everything found wrong in the file, in reading it and now: missing, surplus and repeated
    ids, and targets that do not agree with ``targets`` (n,), to the precision of float32.
    """
    problems = list(predictions.problems)
    if predictions.ids is not None:
        hint = "Some may be in the rows that cannot be read" if predictions.cut else "Predict every row of the split"
        rows, unmatched = matched(predictions.ids, ids, predictions.file, missing_hint=hint)
        problems += unmatched or _differing(predictions, rows)
    elif predictions.values.size == len(ids):
        rows = np.arange(len(ids))
    else:
        rows = np.full(len(ids), -1)
        if not predictions.cut:
            message = f"there are {predictions.values.size:,} rows, and the split has {len(ids):,}"
            problems.append(Problem(predictions.file, message, "Write one for each, in manifest order"))
    if predictions.targets is not None:
        known = np.flatnonzero(rows >= 0)
        given, expected = predictions.targets[rows[known]], targets[known]
        far = np.flatnonzero(~(np.isclose(given, expected, rtol=1e-6, atol=1e-6) | np.isnan(given)))
        if unlike := [f"{clear(str(ids[int(known[i])]))} has {given[i]:.9g}, not {expected[i]:.9g}" for i in far]:
            message = f"{len(unlike):,} targets differ from the manifest's: {sample(unlike)}"
            problems.append(Problem(predictions.file, message, "Check that the file belongs to this dataset and split"))
    if problems:
        raise InputError(problems)
    return predictions.values[rows]


def _differing(predictions: Predictions, rows: IntArray) -> list[Problem]:
    """Ids of rows that the split itself repeats, and so does the file, but with another prediction."""
    ids, first_of_id = predictions.ids, np.zeros(predictions.values.size, bool)
    first_of_id[rows] = True
    if ids is None or first_of_id.all():
        return []
    first: dict[str, float] = {}
    pairs = zip(listed(ids), predictions.values.tolist(), strict=True)
    unlike = dict.fromkeys(key for key, value in pairs if first.setdefault(key, value) != value)
    what = f"{len(unlike):,} ids have more than one prediction: {sample([clear(key) for key in unlike])}"
    return [Problem(predictions.file, what, "Predict one value for each id")] if unlike else []


def sigmas(predictions: Predictions, ids: TextArray | pa.Array) -> FloatArray:
    """The predicted standard deviations, (n,), in the order of ``ids`` (n,); for a file that `aligned` took."""
    assert predictions.sigma is not None  # noqa: S101 - asked for only where there are some
    if predictions.ids is None:
        return predictions.sigma
    return predictions.sigma[matched(predictions.ids, ids, predictions.file, missing_hint="")[0]]


def own_targets(predictions: Predictions, *, also: Sequence[Problem] = ()) -> tuple[FloatArray, FloatArray]:
    """The targets (n,) that the file itself holds, and its predictions (n,).

    Raises InputError with every problem in it, and those that the caller ``also`` knows of.
    """
    problems = list(predictions.problems)
    if predictions.ids is not None and len(repeated := repeated_ids(predictions.ids)):
        message = f"{len(repeated):,} ids occur more than once: {named(repeated)}"
        problems.append(Problem(predictions.file, message, "Keep one row of each"))
    if predictions.targets is None:
        problems.append(Problem(predictions.file, "there are no targets", "Add a target column"))
    elif not predictions.targets.size and not predictions.cut:
        problems.append(Problem(predictions.file, "there are no rows", "Check that whatever wrote it has finished"))
    problems += also
    if problems or predictions.targets is None:
        raise InputError(problems)
    return predictions.targets, predictions.values
