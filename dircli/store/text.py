"""Delimited text, read strictly: every problem of a file is found in one pass and named by its line.

Lines are counted as an editor counts them: the header is line 1. Bytes in, columns of text out; nothing is guessed.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.bins import number
from dircli.errors import SHOWN, InputError, Problem, clear, close_to, first, sample, shortened


def as_json(value: object) -> bytes:
    """``value`` as every JSON file here is written: keys sorted, one per line, a newline at the end."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


FINITE = "Write a finite number, such as 31.5"
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
TAKEN = ",;\t"  # the delimiters of users' files, the first that fits
START = 1 << 20  # bytes in which a header is looked for
DECIMAL_COMMA = re.compile(r"[+-]?(\d*|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
EITHER = re.compile(r"[+-]?\d{1,3},\d{3}", re.ASCII)
WHOLE = """Write {}whole numbers: with pandas, table["{}"].astype("int64")"""
"""What to do with a column of ids that became floats."""


@dataclass(frozen=True)
class Table:
    """Columns of text with the line each row begins on; ``problems`` tell of rows that had to be left out."""

    name: str
    columns: dict[str, list[str]]
    lines: list[int]
    problems: list[Problem]


def decode(data: bytes, name: str) -> str:
    """``data`` as UTF-8 text, with or without a byte order mark; InputError for anything else, or for nothing."""
    hint = "Save it as UTF-8 text"
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise InputError(Problem(name, "the file is empty", "Check that whatever wrote it has finished"))
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise InputError(Problem(name, "the text is UTF-16", hint))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1  # counted without the byte order mark
        message = f"byte {error.object[error.start]:#04x} is not UTF-8 text"
        raise InputError(Problem(f"{name}, line {line}", message, hint)) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(Problem(f"{name}, line {line}", "there is a zero byte; this is no text, or UTF-16", hint))
    return text


def delimiter_of(data: bytes, columns: Sequence[str]) -> str:
    """What divides the header of ``data`` into names with all ``columns`` among them; a comma where nothing does."""
    return next((each for each in TAKEN if set(columns) <= set(first_row(data, each))), TAKEN[0])


def is_json(data: bytes) -> bool:
    """Whether text with this beginning, or whole, is taken for JSON lines."""
    start = data[:START].removeprefix(codecs.BOM_UTF8).lstrip()
    return (start or data.removeprefix(codecs.BOM_UTF8).lstrip()).startswith(b"{")


def first_row(data: bytes, delimiter: str) -> list[str]:
    """The fields of the first row of the text ``data``; none where it cannot be read."""
    start = data[:START].decode("utf-8-sig", errors="replace")
    try:
        rows = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter, strict=True)
        return [field.strip() for field in next(filter(None, rows), [])]
    except csv.Error:
        return []


def parse(  # noqa: PLR0913 - all but two are named
    data: bytes, name: str, *, columns: Sequence[str], delimiter: str = ",", quoted: bool = True, hint: str = ""
) -> Table:
    """The text table in ``data``, which must have at least ``columns`` in its header, in any order.

    All columns in it are kept. Quotes are plain characters unless fields may be ``quoted``; ``hint`` says what to do
    about a missing column. Raises InputError where the rows cannot be told apart (no text, no header, missing columns,
    an unclosed quote); rows with too few or too many fields become ``problems``.
    """
    text = decode(data, name)
    reader = csv.reader(
        io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""),  # a StringIO takes four bytes for each
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    ragged: list[tuple[int, str]] = []
    header: list[str] = []
    begin, broken = 1, []
    try:
        for row in reader:
            line, begin = begin, reader.line_num + 1
            if not row:
                continue
            if not header:
                header = [field.strip() for field in row]
                other = _other_delimiter(delimiter.join(header), columns, delimiter)
                advice = other or hint or f"Expected {', '.join(columns)}"
                _check_header(header, columns, where=f"{name}, line {line}", advice=advice)
            elif len(row) == len(header):
                rows.append(row)
                lines.append(line)
            else:
                fields = f"{len(header):,} field{'s' if len(header) > 1 else ''}"
                ragged.append((line, f"the header has {fields}, this row {len(row)}"))
    except csv.Error as error:
        advice = _other_delimiter(text, columns, delimiter) if not header else ""
        message = f"the row that begins here cannot be read ({error})"
        broken = [Problem(f"{name}, line {begin}", message, advice or "Look for an unclosed quote")]
    problems = first(name, ragged, hint="Mend or remove the row", rest="more rows have a wrong number of fields")
    if broken:
        raise InputError(problems + broken)
    table = {column: [row[place] for row in rows] for place, column in enumerate(header)}
    return Table(name, table, lines, problems)


def _check_header(header: list[str], columns: Sequence[str], *, where: str, advice: str) -> None:
    problems = []
    if repeated := sorted({field for field in header if header.count(field) > 1}):
        message = f"the header has more than one column {' and '.join(map(clear, repeated))}"
        problems.append(Problem(where, message, "Keep one of them, or rename the others"))
    if missing := [column for column in columns if column not in header]:
        message = f"there is no column {' or '.join(missing)}; the columns are {sample([clear(f) for f in header])}"
        message += close_to(missing, header)
        problems.append(Problem(where, message, no_header(header, columns) or advice))
    if problems:
        raise InputError(problems)


def no_header(fields: Sequence[str], columns: Sequence[str]) -> str:
    """What to do where ``fields``, the first row, are data and none of ``columns``; else nothing."""
    if set(columns) & set(fields) or all(isnan(number(field)) for field in fields):
        return ""
    return f"The first line looks like data: put a header before it, such as {','.join(columns)}"


def _other_delimiter(text: str, columns: Sequence[str], delimiter: str) -> str:
    """What to do if ``text`` begins with a header that another delimiter divides into ``columns``; else nothing."""
    header = text.lstrip().partition("\n")[0]
    for other, word in DELIMITERS.items():
        fields = [field.strip().strip('"') for field in header.split(other)]
        if other != delimiter and all(column in fields for column in columns):
            return f"The fields are separated by {word}; {DELIMITERS[delimiter]} are expected"
    return ""


def with_commas(text: str, delimiter: str = ",") -> tuple[str, str] | None:
    """What the commas in a number are, where they make it none, and how to write it; None for anything else.

    A single one before three digits is taken for a decimal one where semicolons are the ``delimiter``.
    """
    text = text.strip()
    if EITHER.fullmatch(text) and delimiter != ";":
        return "with a comma", f"{text.replace(',', '')}, or {text.replace(',', '.')} if it is a decimal comma"
    if DECIMAL_COMMA.fullmatch(text):
        return "with a decimal comma", text.replace(".", "").replace(",", ".")
    return ("with commas between thousands", text.replace(",", "")) if THOUSANDS.fullmatch(text) else None


def comma_problems(
    rows: Sequence[int], texts: Callable[[int], str], where: Callable[[int], str], column: str, delimiter: str = ","
) -> tuple[list[Problem], set[int]]:
    """A problem for each kind of commas in the ``texts`` of ``rows``, at the first such row; and all those rows."""
    kinds: dict[str, list[int]] = {}
    for row in rows:
        if told := with_commas(texts(row), delimiter):
            kinds.setdefault(told[0], []).append(row)
    problems = []
    for kind, alike in kinds.items():
        text = texts(alike[0]).strip()
        message = f"{column} is {shortened(text)!r}, {kind}, and so in {len(alike):,} rows"
        problems.append(Problem(where(alike[0]), message, f"Write {(with_commas(text, delimiter) or ('', ''))[1]}"))
    return problems, {row for alike in kinds.values() for row in alike}


def numbers(table: Table, column: str, *, delimiter: str = ",") -> tuple[FloatArray, list[Problem]]:
    """The numbers in ``column`` (n,), NaN where there is none, and a problem for each of the first ten such rows.

    Commas of one kind are one problem, however many rows have them.
    """
    texts = table.columns[column]
    values = np.array([number(text) for text in texts], dtype=np.float64)
    bad = np.flatnonzero(np.isnan(values)).tolist()
    problems, known = comma_problems(
        bad, texts.__getitem__, lambda row: f"{table.name}, line {table.lines[row]}", column, delimiter
    )
    wrong = [(table.lines[row], f"{column} is {shortened(texts[row])!r}") for row in bad if row not in known]
    if len(wrong) == len(texts) > SHOWN:
        rows = sample(
            [f"{line} {text}" for line, text in zip(table.lines, map(repr, map(shortened, texts)), strict=True)]
        )
        message = f"{column} is no number in any of the {len(texts):,} rows: lines {rows}"
        return values, [*problems, Problem(table.name, message, FINITE)]
    return values, problems + first(table.name, wrong, hint=FINITE, rest=f"more rows have no number in {column}")


def as_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """``rows`` as UTF-8 CSV with one newline each, quoted where needed; `parse` reads it back."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
