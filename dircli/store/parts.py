"""Several files that are one table: what they must have in common, and their digest."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from dircli.errors import InputError, Problem, clear, first_line, first_ten, sample
from dircli.store import compressed, parquet, places, sniff
from dircli.store.digests import digest_of
from dircli.store.parallel import in_order
from dircli.store.text import DELIMITERS, delimiter_of, is_json

Result = TypeVar("Result")

ASKED_AT_ONCE = 8  # files elsewhere
HINT = "A folder or glob is one table: give all its files the same kind and columns, or leave this one out"


@dataclass(frozen=True)
class Kind:
    """What the file at ``path`` holds: delimited text, JSON lines or Parquet, and its columns, where they are known."""

    path: Path
    name: str
    columns: frozenset[str] | None


def of_each(function: Callable[[Path], Result], paths: Sequence[Path]) -> Iterator[Result]:
    """``function`` of each of ``paths`` in their order, of several at once where they lie elsewhere."""
    return in_order(function, paths, serial=not any(map(places.is_remote, paths)), workers=ASKED_AT_ONCE)


def digest(digests: Iterable[str]) -> str:
    """The sha256 of a table in several files: that of their own ones, in hex, a line each; of one file its own."""
    every = list(digests)
    return every[0] if len(every) == 1 else digest_of((f"{each[7:]}\n".encode() for each in every), "sha256")


def refuse_unlike(paths: Sequence[Path], needed: Sequence[str]) -> None:
    """InputError that names each of ``paths`` which is no table, or of another kind or other columns than the first.

    Columns may stand in any order. ``needed`` are names that the header of a text is known by.
    """
    kinds = list(of_each(partial(_kind, needed=needed), paths))
    first, wrong = kinds[0], []
    for kind in kinds[1:]:
        if kind.name != first.name:
            wrong.append(Problem(str(kind.path), f"this is {kind.name}, and {first.path} is {first.name}", HINT))
        elif kind.columns != first.columns and kind.columns is not None and first.columns is not None:
            lacks, more = (sample(sorted(map(clear, names))) for names in _differences(first.columns, kind.columns))
            what = " and ".join(
                [*([f"there is no column {lacks}"] if lacks else []), *([f"there is a column {more}"] if more else [])]
            )
            wrong.append(Problem(str(kind.path), f"{what}, unlike in {first.path}", HINT))
    if wrong:
        rest = "{:,} more files are unlike the first"
        raise InputError(first_ten(wrong, lambda each: each, lambda left: Problem(str(first.path), rest.format(left))))


def _differences(ours: frozenset[str], theirs: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    return ours - theirs, theirs - ours


def _kind(path: Path, *, needed: Sequence[str]) -> Kind:
    """What the file at ``path`` holds; InputError where it cannot be read, is empty, or is no table."""
    import pyarrow as pa

    try:
        with path.open("rb") as file:
            start = file.read(len(sniff.PARQUET))
            file.seek(0)
            if start.startswith(sniff.PARQUET):
                with parquet.file(path) as table:
                    return Kind(path, "Parquet", frozenset(table.schema_arrow.names))
            codec = compressed.codec_of(start)
            stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), codec) if codec else file
            start = stream.read(places.FIRST)
    except (pa.ArrowException, OSError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise InputError(Problem(str(path), f"it cannot be read ({reason})", HINT)) from None
    if not start.strip():
        raise InputError(Problem(str(path), "the file is empty", HINT))
    if b"\0" in start or start.startswith(tuple(sniff.FOREIGN)):
        raise InputError(Problem(str(path), "this is no table of text or Parquet", HINT))
    if is_json(start):
        return Kind(path, "JSON lines", None)
    header = start.decode("utf-8-sig", errors="replace").partition("\n")[0]
    delimiter = delimiter_of(start, needed)
    fields = next(csv.reader(io.StringIO(header), delimiter=delimiter), [])
    return Kind(path, f"text with {DELIMITERS[delimiter]}", frozenset(field.strip() for field in fields))
