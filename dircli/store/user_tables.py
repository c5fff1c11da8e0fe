"""A table of one's own: CSV, TSV, Parquet or JSON lines of any size, read by Arrow, and only the columns in use.

What is right is read fast; where something is wrong, the file is read once more to name every row that is. Rows are
counted from 1, without the header and blank lines.
"""

from __future__ import annotations

import csv as texts
import errno
import io
import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.errors import InputError, Problem, UsageError, clear, close_to, first, first_line, first_ten, sample
from dircli.store import files, parts, places, plain_text, sniff, spans
from dircli.store.content import encoded
from dircli.store.parquet import numeric, textual
from dircli.store.spans import SIZE, Span
from dircli.store.streams import Unusual
from dircli.store.text import FINITE, WHOLE, comma_problems, decode, delimiter_of, no_header

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ",\t;|"
COMPRESSED = (".gz", ".bz2", ".zst", ".lz4", ".br")  # endings that Arrow goes by
WORD = 8  # bytes of an id that are compared at once
START = 1 << 20  # bytes that are looked at to know the kind of file, and its header
LOG = logging.getLogger("dircli")
KINDS = ("delimited text", "JSON lines")
LACKING = "Give it a number, or leave out such rows with --missing drop"
HINT = "Give a CSV, TSV, Parquet or JSON lines table"
NUMBER = r"^\s*-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
Reader: TypeAlias = "Callable[[list[Any] | None], pa.Table]"
"""The columns that are wanted, targets as numbers; or, as text, of what is left when a list takes the ragged rows."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The columns that are wanted; those that are None are not."""

    target: str
    id: str | None = None
    group: str | None = None
    split: str | None = None

    @property
    def all(self) -> list[str]:
        """Their names in the table, each once, that of the target first."""
        return list(dict.fromkeys(filter(None, (self.target, self.id, self.group, self.split))))


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The n rows of a table in its order: Arrow texts where there is such a column, ``targets`` (n,) finite.

    ``single`` says that targets were float32, and were taken as the decimals that those print. ``places`` (n,) are the
    rows of the table, from 0, that these are, None where they are all of them; so many are ``lacking`` a target.
    """

    targets: FloatArray
    ids: pa.Array | None
    group: pa.Array | None
    split: pa.Array | None
    single: bool = False
    places: IntArray | None = None
    lacking: int = 0

    @property
    def numbers(self) -> IntArray:
        """The rows of the table, from 0, that these are, (n,)."""
        return np.arange(self.targets.size) if self.places is None else self.places


def read(path: Path, names: Names, *, drop: bool = False) -> Rows:
    """The columns ``names`` of the table at ``path``; InputError with everything that is wrong in them.

    With ``drop`` rows without a target are left out: empty ones, nulls and NaN.

    A folder or glob is one table: the rows of its files in the order of their names.
    """
    refuse_ambiguous(names)
    paths = places.parts(path)
    if len(paths) == 1:
        return _of_file(paths[0], names, drop=drop)
    parts.refuse_unlike(paths, names.all)
    return _joined(parts.read_each(partial(_of_file, names=names, drop=drop), paths))


def refuse_ambiguous(names: Names) -> None:
    """UsageError where the column of targets is to be another one, too."""
    if names.target in (names.id, names.group, names.split):
        raise UsageError(f"{names.target} is the column of targets, and nothing else; name another column")


def _joined(tables: Sequence[Rows]) -> Rows:
    """The rows of ``tables`` that have the same columns."""
    import pyarrow as pa

    columns = {name: [getattr(rows, name) for rows in tables] for name in ("ids", "group", "split")}
    lengths = [rows.targets.size + rows.lacking for rows in tables]
    lacking = sum(rows.lacking for rows in tables)
    before = np.cumsum([0, *lengths[:-1]])
    return Rows(
        targets=np.concatenate([rows.targets for rows in tables]),
        single=any(rows.single for rows in tables),
        places=np.concatenate([k + rows.numbers for k, rows in zip(before, tables, strict=True)]) if lacking else None,
        lacking=lacking,
        **{name: None if each[0] is None else pa.concat_arrays(each) for name, each in columns.items()},
    )


def _of_file(path: Path, names: Names, *, drop: bool) -> Rows:
    """The columns ``names`` of the one file at ``path``."""
    import pyarrow as pa

    reader, lines = _reader(path, names)
    try:
        rows = _rows(reader(None), names, drop=drop)
    except pa.ArrowException:
        rows = None
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise InputError(Problem(str(path), f"its rows cannot be read ({reason})", HINT)) from None
    if rows is None or not rows.targets.size:
        raise InputError(_problems(path, reader, names, lines=lines, drop=drop))
    return rows


def _reader(path: Path, names: Names, span: Span | None = None) -> tuple[Reader, bool]:
    """What reads the file at ``path``, or a ``span`` of it, and whether it is JSON lines."""
    start = _start(path)
    lines = start.lstrip()[:1] == b"{"
    LOG.info("reading %s as %s", span or path, "Parquet" if start[:4] == sniff.PARQUET else KINDS[lines])
    if start.startswith(sniff.PARQUET):
        columns, reader = _parquet(path, names, span)
    elif lines:
        columns, reader = _json(path, start, names, span)
    else:
        columns, reader = _text(path, start, names, span)
    if missing := [name for name in names.all if columns.count(name) != 1]:
        there = sample([clear(column) for column in columns])
        what = f"there is no one column {' and none '.join(map(clear, missing))}; the columns are {there}"
        what += close_to([name for name in missing if name not in columns], columns)
        hint = "" if start.startswith(sniff.PARQUET) or lines else no_header(columns, names.all)
        hint = hint or "Name other columns with --target, --id, --group and --split-column"
        raise InputError(Problem(str(path), what, hint))
    return reader, lines


def divided(paths: Sequence[Path], *, size: int = SIZE) -> list[Span]:
    """The files as spans of about ``size`` bytes, in their order, as `spans.divided` has them; errors are its own.

    What the ending of a name says is compressed is one span, as Arrow goes by it.
    """
    found: list[Span] = []
    for path in paths:
        if _is_read_once(path):
            raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))
        each = spans.divided([path], size=size)
        is_whole = path.suffix in COMPRESSED and each
        found += [replace(each[0], kind="bytes", end=each[-1].end)] if is_whole else each
    return found


def of_span(span: Span, names: Names, *, drop: bool) -> Rows:
    """The rows of ``span`` as `read` has them, none where there are none in it.

    Raises Unusual where something in it is wrong, or not so plain that it can be read by itself; OSError where the file
    cannot be opened.
    """
    import pyarrow as pa

    try:
        reader, _ = _reader(span.path, names, None if span.kind == "bytes" else span)
        rows = _rows(reader(None), names, drop=drop)
    except (InputError, pa.ArrowException):
        raise Unusual from None
    except OSError as error:
        if error.errno is None:  # what Arrow says of damage
            raise Unusual from None
        raise
    if rows is None:
        raise Unusual
    return rows


def whole(path: Path, names: Iterable[str], *, texts: Collection[str] = ()) -> pa.Table:
    """All columns of the CSV, TSV or Parquet table at ``path``, each in one piece, ``names`` among them.

    Columns named in ``texts`` are read as text, also where they look like numbers. InputError with everything that is
    wrong: columns that lack or repeat, and by name those with missing values, or with numbers that are not finite. A
    folder or glob is one table.
    """
    import pyarrow as pa

    paths, wanted = places.parts(path), list(names)
    if len(paths) > 1:
        parts.refuse_unlike(paths, wanted)
    first, *others = parts.read_each(partial(_whole_file, wanted=wanted, texts=texts), paths)
    if not others:
        return first
    tables = [first, *(table.select(first.column_names) for table in others)]
    try:
        table = pa.concat_tables(tables, promote_options="permissive")  # whole numbers in one file, others in the next
    except pa.ArrowException as error:
        raise InputError(Problem(str(path), f"its files are no one table ({first_line(error)})", parts.HINT)) from None
    return pa.table([in_one_piece(column) for column in table.columns], names=table.column_names)


def _whole_file(path: Path, *, wanted: Sequence[str], texts: Collection[str]) -> pa.Table:
    """`whole` of the one file at ``path``."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    start = _start(path)
    try:
        if start.startswith(sniff.PARQUET):
            with _source(path) as source:
                table = pq.ParquetFile(source).read()
        else:
            convert = csv.ConvertOptions(
                column_types=dict.fromkeys(texts, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            )
            parse = csv.ParseOptions(delimiter=delimiter_of(start, wanted), newlines_in_values=True)
            try:
                with _source(path) as source:
                    table = csv.read_csv(source, parse_options=parse, convert_options=convert)
            except pa.ArrowInvalid:  # types are guessed from a first block, and later rows may be of another one
                blocks = csv.ReadOptions(block_size=1 << 30)
                with _source(path) as source:
                    table = csv.read_csv(source, read_options=blocks, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(str(path), f"its rows cannot be read ({first_line(error)})", HINT)) from None
    there = table.column_names
    problems = [] if table.num_rows else [Problem(str(path), "there are no rows", HINT)]
    for name in dict.fromkeys([*wanted, *there]):
        if there.count(name) != 1:
            what = f"there is {'no' if name not in there else 'more than one'} column {clear(name)}"
            what += f"; the columns are {sample([clear(column) for column in there])}"
            problems.append(Problem(str(path), what, "Name each once"))
    if problems:
        raise InputError(problems)
    columns = [in_one_piece(table[name]) for name in there]
    for name, column in zip(there, columns, strict=True):
        problems += _missing(path, name, column)
    if problems:
        raise InputError(problems)
    return pa.table(columns, names=there)


def in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """``column`` without chunks, and not as a dictionary."""
    import pyarrow as pa

    column = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def _missing(path: Path, name: str, column: pa.Array) -> list[Problem]:
    """A problem where rows of ``column`` have no value, or a number that is not finite."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bad = column.is_null()
    if pa.types.is_floating(column.type):
        bad = pc.invert(pc.fill_null(pc.is_finite(column), fill_value=False))
    rows = np.flatnonzero(bad.to_numpy(zero_copy_only=False)) + 1
    what = f"column {clear(name)} has no finite value in {len(rows):,} rows: rows {sample(rows.tolist())}"
    hint = "Fill them in, leave out the rows or the column, or quote NA and the like where it is a word"
    return [Problem(str(path), what, hint)] if rows.size else []


def _is_read_once(path: Path) -> bool:
    """Whether ``path`` is a pipe or a device."""
    return path.is_fifo() or path.is_char_device()


def _start(path: Path) -> bytes:
    """How the file begins, decompressed; InputError where there is no such file, or nothing in it."""
    import pyarrow as pa

    if _is_read_once(path):
        raise InputError(Problem(str(path), "it cannot be read more than once", "Write its rows to a file first"))
    try:
        with _source(path) as source, pa.input_stream(source, compression=_compression(path)) as stream:
            start: bytes = stream.read(START)
    except (OSError, pa.ArrowException):
        start = files.read(path, hint=HINT)[:START]  # which says what is wrong
    if not start.strip():
        raise InputError(Problem(str(path), "the file is empty", HINT))
    if start.startswith(b"["):
        raise InputError(Problem(str(path), "this is a JSON array", f"{HINT}; {sniff.LINES}"))
    if sniff.is_page(start):
        raise InputError(Problem(str(path), sniff.PAGE, sniff.FOLDERS if places.is_remote(path) else HINT))
    if start.startswith((sniff.ZIP, sniff.PICKLE, sniff.GZIP, sniff.NPY)) or b"\0" in start[:4]:
        raise InputError(Problem(str(path), "this is no table that can be read", HINT))
    return start


@contextmanager
def _source(path: Path, part: bytes | None = None) -> Iterator[Any]:
    """What Arrow reads the file at ``path`` by: its name; an open file where it lies elsewhere, decompressed.

    Or a ``part`` of it that has been read.
    """
    if part is not None:
        import pyarrow as pa

        yield pa.BufferReader(part)
        return
    if not places.is_remote(path):
        yield str(path)
        return
    import pyarrow as pa

    with path.open("rb") as file:
        codec = pa.Codec.detect(path.name).name if path.suffix in COMPRESSED else None
        yield pa.CompressedInputStream(pa.PythonFile(file, "r"), codec) if codec else file


def _compression(path: Path) -> str | None:
    """What `_source` still has to be decompressed by."""
    return None if places.is_remote(path) else "detect"


def _text(path: Path, start: bytes, names: Names, span: Span | None) -> tuple[list[str], Reader]:
    """The columns of a delimited text, and its reader; the delimiter is the one that finds most of ``names``.

    A ``span`` has to be plain, so that no quoted field goes beyond it; the header is put before its lines.
    """
    import pyarrow as pa
    from pyarrow import csv

    header = decode(start.replace(b"\r", b"\n").partition(b"\n")[0], str(path))
    divided = {each: _fields(header, each) for each in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda each: (len(set(names.all) & set(divided[each])), len(divided[each])))

    def reader(ragged: list[Any] | None) -> pa.Table:
        skip = None if ragged is None else partial(_skipped, ragged)
        types = dict.fromkeys(names.all, pa.string()) | ({names.target: pa.float64()} if ragged is None else {})
        part = None
        if span is not None:
            part = (start[: start.find(b"\n") + 1] if span.begin else b"") + spans.lines(span)
            if not plain_text.is_plain(part, 0, delimiter):
                raise Unusual
        with _source(path, part) as source:
            return csv.read_csv(
                source,
                read_options=csv.ReadOptions(use_threads=ragged is None and span is None, block_size=4 << 20),
                parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
                convert_options=csv.ConvertOptions(
                    include_columns=names.all, column_types=types, null_values=[""], strings_can_be_null=False
                ),
            )

    return divided[delimiter], reader


def _fields(header: str, delimiter: str) -> list[str]:
    """The names in a ``header``; none where they are none."""
    try:
        return next(texts.reader(io.StringIO(header), delimiter=delimiter), [])
    except texts.Error:
        return []


def _skipped(ragged: list[Any], row: Any) -> str:
    ragged.append(row)
    return "skip"


def _parquet(path: Path, names: Names, span: Span | None) -> tuple[list[str], Reader]:
    """The columns of a Parquet file, and the reader of all its row groups, or of those in ``span``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with _source(path) as source:
            columns = pq.read_schema(source).names
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(str(path), f"this is no whole Parquet file ({first_line(error)})", HINT)) from None

    def reader(_: list[Any] | None) -> pa.Table:
        with _source(path) as source:
            file = pq.ParquetFile(source)
            if span is None:
                return file.read(columns=names.all)
            return file.read_row_groups(range(span.begin, span.end), columns=names.all, use_threads=False)

    return columns, reader


def _json(path: Path, start: bytes, names: Names, span: Span | None) -> tuple[list[str], Reader]:
    """The keys of the first line of JSON lines, and the reader of all lines, or of those in ``span``."""
    import pyarrow as pa
    from pyarrow import json as lines

    try:
        first = json.loads(start.lstrip().partition(b"\n")[0])
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"{path}, row 1", f"this is no JSON object on one line ({error})", HINT)) from None

    def reader(ragged: list[Any] | None) -> pa.Table:
        types = {name: pa.int64() if isinstance(first[name], int) else pa.string() for name in names.all}
        types |= {names.target: pa.float64()} if ragged is None else {}
        options = lines.ParseOptions(explicit_schema=pa.schema(types), unexpected_field_behavior="ignore")
        part = None if span is None else spans.lines(span)
        if part is not None and not part.strip():
            return pa.schema(types).empty_table()
        with _source(path, part) as source:
            how = lines.ReadOptions(use_threads=span is None)
            return lines.read_json(source, read_options=how, parse_options=options).select(names.all)

    return list(first), reader


def _rows(table: pa.Table, names: Names, *, drop: bool) -> Rows | None:
    """The rows of ``table``, with ``drop`` those with a target; None where something is wrong with one of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places, count = None, table.num_rows
    if drop and numeric(table[names.target].type) and (lacking := _no_value(table[names.target])).any():
        places, table = np.flatnonzero(~lacking), table.filter(pa.array(~lacking))
    column = table[names.target]
    if not numeric(column.type) or column.null_count:
        return None
    single = pa.types.is_float32(column.type)
    if single:  # 0.7 as float32 is a little less than 0.7, and lies in the bin below
        column = column.cast(pa.string())
    targets = np.asarray(column.cast(pa.float64(), safe=False).to_numpy())  # large integers are rounded
    if not np.isfinite(targets).all():
        return None
    columns: dict[str | None, Any] = {None: None}
    for name in names.all[1:]:  # without the target
        text = table[name]
        if text.null_count or not textual(text.type):
            return None
        columns[name] = text.cast(pa.string()).combine_chunks()
        if pc.min(pc.binary_length(columns[name])).as_py() == 0:
            return None
    ids, group, split = (columns[name] for name in (names.id, names.group, names.split))
    return Rows(
        targets=targets, ids=ids, group=group, split=split, single=single, places=places, lacking=count - targets.size
    )


def rank(key: bytes) -> tuple[int, bytes]:
    """What an id is compared by; see `ascending`."""
    return len(key), key


def ascending(ids: pa.Array) -> IntArray | None:
    """The order of ``ids``, (n,): shorter ones first, then by their bytes, so that 2 stands before 10.

    None where they stand in it already. Ids of one length are compared as numbers of eight bytes: a sort of texts, as
    Arrow does it, takes three to four times as long.
    """
    offsets, data = encoded(ids)
    padded = np.concatenate([data, np.zeros(WORD, dtype=np.uint8)])
    eights = np.ndarray((data.size + 1,), dtype=">u8", buffer=padded, strides=(1,))
    lengths = np.diff(offsets)
    order = np.argsort(lengths.astype(np.min_scalar_type(lengths.max(initial=0))), kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        if rows.size and lengths[rows[0]]:
            rows[:] = rows[_by_bytes(eights, offsets[rows], int(lengths[rows[0]]))]
    return None if (order[1:] > order[:-1]).all() else order


def _by_bytes(eights: AnyArray, starts: AnyArray, length: int) -> IntArray:
    """The order of texts of one ``length`` by their bytes; they begin at ``starts`` in ``eights``, see `ascending`."""
    if length <= WORD:
        return np.argsort(eights[starts].astype(np.uint64) >> np.uint64(8 * (WORD - length)))

    def word(at: int) -> AnyArray:  # the last one overlaps the one before, to end where the text does
        return np.asarray(eights[starts + min(at, length - WORD)], dtype=np.uint64)

    first = 0
    for at in range(0, length, WORD):  # what all texts begin with decides nothing
        words = word(at)
        if differing := int(np.bitwise_or.reduce(words ^ words[0])):
            first = min(at, length - WORD) + (8 * WORD - differing.bit_length()) // 8
            break
    keys = [word(at) for at in range(first, length, WORD)]
    order = np.argsort(keys[0])
    equal = np.diff(keys[0][order]) == 0
    tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
    order[tied] = order[tied][np.lexsort([key[order[tied]] for key in reversed(keys)])]
    return order


def _problems(path: Path, reader: Reader, names: Names, *, lines: bool, drop: bool) -> list[Problem]:
    """Everything that is wrong in the table at ``path``, which ``reader`` reads; ``lines``: it is JSON lines.

    With ``drop`` rows without a target are none of it.
    """
    import pyarrow as pa

    ragged: list[Any] = []
    try:
        table = reader(ragged)
    except (pa.ArrowException, OSError) as error:
        if lines:
            return _wrong_lines(path, names, drop=drop)
        return [Problem(str(path), f"its rows cannot be read ({first_line(error)})", HINT)]
    what = "the header has {0.expected_columns} fields, this row {0.actual_columns}"
    wrong = [(row.number - 1, what.format(row)) for row in ragged]
    rest = "more rows have a wrong number of fields"
    problems = first(str(path), wrong, hint="Mend or remove the row", rest=rest, unit="row")
    numbers = np.setdiff1d(np.arange(1, table.num_rows + len(wrong) + 1), [number for number, _ in wrong])
    if not table.num_rows and not problems:
        return [Problem(str(path), "there are no rows", HINT)]
    if drop and _no_value(table[names.target]).all():
        return [Problem(str(path), "every target in it is missing", "Name another --target, or leave the file out")]
    for name in names.all:
        problems += _wrong_column(path, table[name], name, numbers, target=name == names.target, drop=drop)
    kind = table[names.target].type
    return problems or [Problem(str(path), f"column {clear(names.target)} holds {kind}", "Write numbers")]


def _wrong_column(  # noqa: PLR0913 - a column, and what is wanted of it
    path: Path, column: pa.ChunkedArray, name: str, numbers: IntArray, *, target: bool, drop: bool
) -> list[Problem]:
    """What is wrong in a column whose rows have ``numbers`` (n,): missing values, and targets that are not finite.

    With ``drop`` rows without a target are none of it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if target and numeric(column.type):
        bad = ~np.isfinite(column.cast(pa.float64(), safe=False).to_numpy())  # null is NaN
    elif target and pa.types.is_string(column.type):
        fits = pc.fill_null(pc.match_substring_regex(column, NUMBER), fill_value=False)
        numbers_alone = pc.if_else(fits, pc.utf8_trim_whitespace(column), pa.scalar("nan"))
        bad = ~np.isfinite(numbers_alone.cast(pa.float64()).to_numpy())
    elif target or not textual(column.type):
        hint = "Write numbers" if target else WHOLE.format("texts or ", clear(name))
        return [Problem(str(path), f"column {clear(name)} holds {column.type}", hint)]
    else:
        bad = pc.fill_null(pc.equal(pc.cast(column, pa.string()), ""), fill_value=True).to_numpy()
    problems: list[Problem] = []
    places = np.flatnonzero(bad & ~_no_value(column)) if target and drop else np.flatnonzero(bad)
    if target and pa.types.is_string(column.type):
        problems, known = comma_problems(
            places.tolist(),
            lambda k: column[k].as_py() or "",
            lambda k: f"{path}, row {numbers[k]}",
            clear(name),
        )
        places = places[~np.isin(places, [*known])]
    what = "no number" if target else "nothing"

    def problem(k: int) -> Problem:
        value = column[int(k)].as_py()
        hint = (LACKING if _lacks(value) else FINITE) if target else "Give each row one"
        return Problem(f"{path}, row {numbers[k]}", f"{clear(name)} is {_shown(value)}", hint)

    rest = f"more rows have {what} in {clear(name)}"
    return problems + first_ten(places, problem, lambda left: Problem(str(path), f"{left:,} {rest}"))


def _lacks(value: object) -> bool:
    """Whether ``value`` of a target stands for none."""
    return value is None or str(value).strip().lower() in {"", "nan"}


def _no_value(column: pa.ChunkedArray) -> AnyArray:
    """The rows, (n,), of a column of targets that have none: nothing, an empty text, or NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lacking = pc.is_null(column, nan_is_null=True)
    if pa.types.is_string(column.type):
        words = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(column)), value_set=pa.array(["", "nan"]))
        lacking = pc.or_(lacking, words)
    return np.asarray(lacking.to_numpy())


def _shown(value: object) -> str:
    return "missing" if value is None or value == "" else clear(value) if isinstance(value, str) else str(value)


def _wrong_lines(path: Path, names: Names, *, drop: bool) -> list[Problem]:
    """What is wrong in JSON lines that Arrow does not read; with ``drop`` no target is none of it."""
    wrong: list[tuple[int, str]] = []
    kinds = {name: {int, float} if name == names.target else {int, str} for name in names.all}
    with path.open("rb") as stream:
        for number, line in enumerate(filter(bytes.strip, stream), 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                wrong.append((number, f"this is no JSON ({error})"))
                continue
            if not isinstance(row, dict):
                wrong.append((number, "this is no JSON object"))
                continue
            odd = [key for key, wanted in kinds.items() if type(row.get(key)) not in wanted]
            odd = [key for key in odd if not (drop and key == names.target and row.get(key) is None)]
            wrong += [(number, f"{clear(key)} is {json.dumps(row.get(key))}") for key in odd]
    hint = "Write numbers for targets, and texts for all else"
    return first(str(path), wrong, hint=hint, rest="more rows cannot be read", unit="row") or [
        Problem(str(path), "a column changes between numbers and texts", HINT)
    ]
