"""Delimited text, read strictly: every problem of a file is found in one pass and named by its line.

Lines are counted as an editor counts them: the header is line 1. Bytes in, columns of text out; nothing is guessed.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli.errors import SHOWN, InputError, Problem, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.arrays import FloatArray

OTHER_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Table:
    """Columns of text with the line each row ends on; ``problems`` are rows that had to be left out."""

    name: str
    columns: dict[str, list[str]]
    lines: list[int]
    problems: list[Problem]


def decode(data: bytes, name: str) -> str:
    """``data`` as UTF-8 text, with or without a byte order mark; InputError for anything else, or for nothing."""
    hint = "Save it as UTF-8 text"
    if not data.strip():
        raise InputError(Problem(name, "the file is empty", "Check that whatever wrote it has finished"))
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise InputError(Problem(name, "the text is UTF-16", hint))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte {data[error.start]:#04x} is not UTF-8 text"
        raise InputError(Problem(f"{name}, line {line}", found, hint)) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(Problem(f"{name}, line {line}", "there is a zero byte; this is no text, or UTF-16", hint))
    return text


def parse(data: bytes, name: str, *, columns: Sequence[str], delimiter: str = ",", quoted: bool = True) -> Table:
    """The text table in ``data``, which must have at least ``columns`` in its header, in any order.

    All columns found are kept. ``quoted=False`` takes quotes as plain characters. Raises InputError where no row can
    be read (no text, no header, missing columns); rows with too few or too many fields become ``problems``.
    """
    text = decode(data, name)
    lines_of_text = io.StringIO(text, newline="")
    if quoted:
        reader = csv.reader(lines_of_text, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines_of_text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    rows: list[list[str]] = []
    lines: list[int] = []
    ragged: list[tuple[int, int]] = []
    header: list[str] = []
    try:
        for row in reader:
            if not row:
                continue
            if not header:
                header = [field.strip() for field in row]
                _check_header(header, columns, delimiter=delimiter, name=name)
            elif len(row) == len(header):
                rows.append(row)
                lines.append(reader.line_num)
            else:
                ragged.append((reader.line_num, len(row)))
    except csv.Error as error:
        where = f"{name}, line {reader.line_num}"
        raise InputError(Problem(where, f"the row cannot be read ({error})", "Look for an unclosed quote")) from None
    uneven = [(line, f"{count} fields where the header has {len(header)}") for line, count in ragged]
    problems = first(name, uneven, hint="Mend or remove the row", rest="more rows with a wrong number of fields")
    by_column = zip(*rows, strict=True) if rows else [()] * len(header)
    table = {column: list(values) for column, values in zip(header, by_column, strict=True)}
    return Table(name, table, lines, problems)


def _check_header(header: list[str], columns: Sequence[str], *, delimiter: str, name: str) -> None:
    where = f"{name}, line 1"
    if repeated := sorted({field for field in header if header.count(field) > 1}):
        raise InputError(Problem(where, f"the header names {sample(repeated)} more than once", "Rename one of them"))
    missing = [column for column in columns if column not in header]
    if not missing:
        return
    hint = f"Expected {', '.join(columns)}"
    joined = delimiter.join(header)
    for other, word in OTHER_DELIMITERS.items():
        if other != delimiter and all(column in joined.split(other) for column in columns):
            hint = f"The fields are separated by {word}; {OTHER_DELIMITERS[delimiter]} are expected"
    found = f"there is no column {' or '.join(missing)}; the columns are {sample(header)}"
    raise InputError(Problem(where, found, hint))


def number(text: str) -> float:
    """The finite number that ``text`` prints, or NaN for anything else (also for what only Python reads: 1_000)."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def numbers(table: Table, column: str) -> tuple[FloatArray, list[Problem]]:
    """The numbers in ``column`` (n,), NaN where there is none, and a problem for each of the first ten such rows."""
    texts = table.columns[column]
    values = np.array([number(text) for text in texts], dtype=np.float64)
    bad = np.flatnonzero(np.isnan(values)).tolist()
    found = [(table.lines[row], f"{column} is {texts[row]!r}") for row in bad]
    return values, first(table.name, found, hint="Write a finite number", rest="more rows without a number")


def first(name: str, found: Sequence[tuple[int, str]], *, hint: str, rest: str) -> list[Problem]:
    """A problem for each of the first ten of ``found`` (line, what), and one that counts the rest."""
    problems = [Problem(f"{name}, line {line}", what, hint) for line, what in found[:SHOWN]]
    if len(found) > SHOWN:
        problems.append(Problem(name, f"{len(found) - SHOWN:,} {rest}"))
    return problems
