"""Several files that are one table: what they must have in common, and their digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from dircli.errors import SHOWN, InputError, Problem, clear, first_line, first_ten, sample
from dircli.store import compressed, parquet, places, sniff
from dircli.store.digests import digest_of
from dircli.store.parallel import in_order
from dircli.store.text import DELIMITERS, delimiter_of, first_row, is_json

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


def read_each(read: Callable[[Path], Result], paths: Sequence[Path]) -> list[Result]:
    """What ``read`` gives of each of ``paths``; InputError with the problems of the first ten that have some."""

    def attempt(path: Path) -> Result | InputError:
        try:
            return read(path)
        except InputError as error:
            return error

    results: list[Result] = []
    errors: list[InputError] = []
    for each in of_each(attempt, paths):
        if isinstance(each, InputError):
            errors.append(each)
        else:
            results.append(each)
    if errors:
        raise InputError(several([error.problems for error in errors], str(paths[0].parent)))
    return results


def several(problems: Sequence[Sequence[Problem]], name: str) -> list[Problem]:
    """The ``problems`` of the first ten files that have some, and how many more there are in ``name``."""
    left = len(problems) - SHOWN
    more = [Problem(name, f"{left:,} more files have problems")] if left > 0 else []
    return [problem for some in problems[:SHOWN] for problem in some] + more


def digest(digests: Iterable[str]) -> str:
    """The sha256 of a table in several files: that of their own ones, in hex, a line each; of one file its own."""
    every = list(digests)
    return every[0] if len(every) == 1 else digest_of((f"{each[7:]}\n".encode() for each in every), "sha256")


def refuse_unlike(paths: Sequence[Path], needed: Sequence[str]) -> None:
    """InputError that names each of ``paths`` which is no table, or of another kind or other columns than the first.

    Columns may stand in any order. ``needed`` are names that the header of a text is known by.
    """
    first, *others = read_each(partial(_kind, needed=needed), paths)
    wrong = []
    for kind in others:
        ours, theirs = first.columns, kind.columns
        if kind.name != first.name:
            wrong.append(Problem(str(kind.path), f"this is {kind.name}, and {first.path} is {first.name}", HINT))
        elif ours is not None and theirs is not None and ours != theirs:
            named = [(word, sorted(map(clear, names))) for word, names in (("no", ours - theirs), ("a", theirs - ours))]
            what = " and ".join(f"there is {word} column {sample(names)}" for word, names in named if names)
            wrong.append(Problem(str(kind.path), f"{what}, unlike in {first.path}", HINT))
    if wrong:
        rest = "{:,} more files are unlike the first"
        raise InputError(first_ten(wrong, lambda each: each, lambda left: Problem(str(first.path), rest.format(left))))


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
    delimiter = delimiter_of(start, [name.strip() for name in needed])
    return Kind(path, f"text with {DELIMITERS[delimiter]}", frozenset(first_row(start, delimiter)) or None)
