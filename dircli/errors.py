"""Every error that a user can cause or meet, with its exit code; what else escapes is a bug and keeps its traceback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

SHOWN = 10  # items of a long list that a message names
WIDTH = 60  # characters of a field in a message
Shown = TypeVar("Shown")


class DirError(Exception):
    """The command could not run; the message says what, where and what to do next."""

    exit_code = 2

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes goes all that it holds, for its message alone does not make it."""
        return _again, (type(self), self.args, self.__dict__)


class UsageError(DirError):
    """The command line asks for what cannot be had."""


class SourceError(DirError):
    """A raw source is missing, gated or cannot be fetched."""


class CheckError(DirError):
    """The command ran, and a check did not hold."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where it is, what was found, and what to do next."""

    where: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        """One line: ``where: found. hint``."""
        stop = " " if self.found.endswith("?") else ". "
        return f"{self.where}: {self.found}" + (f"{stop}{self.hint}" if self.hint else "")


class InputError(DirError):
    """A file is not what it must be; ``problems`` holds everything found wrong with it, in order."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def _again(kind: type[DirError], args: tuple[Any, ...], held: dict[str, Any]) -> DirError:
    """The error of that kind that was sent here."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


def sample(items: Sequence[Any] | Any, *, show: Callable[[Any], str] = str) -> str:
    """The first ten of ``items``, a sequence or an array, as ``show`` shows them, and how many more there are."""
    shown = ", ".join(map(show, items[:SHOWN]))
    return shown if len(items) <= SHOWN else f"{shown} and {len(items) - SHOWN:,} more"


def close_to(words: Iterable[str], known: Iterable[str]) -> str:
    """What to add to a message that none of ``words`` is ``known``: those that are spelt much alike, if any are."""
    from difflib import get_close_matches

    spelt, close = {name.casefold(): name for name in known}, []
    for word in words:
        found = get_close_matches(word.casefold(), spelt)
        found.sort(key=lambda each: sorted(each) != sorted(word.casefold()))  # letters in another order come first
        close += [spelt[each] for each in found[:1]]
    return f"; did you mean {', '.join(map(clear, dict.fromkeys(close)))}?" if close else ""


def among(known: Iterable[str], words: Iterable[str] = ()) -> str:
    """The names that are ``known``, the first ten where they are more; those spelt much like ``words`` stand first."""
    from difflib import get_close_matches

    names = list(known)
    if len(names) <= SHOWN:
        return ", ".join(names)
    close = [each for word in words for each in get_close_matches(word, names, SHOWN)]
    return sample(list(dict.fromkeys([*close, *names])))


def first_ten(
    items: Sequence[Any] | NDArray[Any], show: Callable[[Any], Shown], rest: Callable[[int], Shown]
) -> list[Shown]:
    """``show`` of each of the first ten of ``items``; where there are more, ``rest`` of their number follows."""
    left = len(items) - SHOWN
    return [*map(show, items[:SHOWN]), *([rest(left)] if left > 0 else [])]


def first(name: str, rows: Sequence[tuple[int, str]], *, hint: str, rest: str, unit: str = "line") -> list[Problem]:
    """A problem for each of the first ten of ``rows`` (number, what is wrong), and one that counts the ``rest``."""
    return first_ten(
        rows,
        lambda row: Problem(f"{name}, {unit} {row[0]}", row[1], hint),
        lambda left: Problem(name, f"{left:,} {rest}"),
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """``error``, and what led to it, the latest first."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def one_line(error: Exception) -> str:
    """The message of ``error`` as one line, or the name of its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def first_line(error: Exception) -> str:
    """The first line of the message of ``error``; Arrow adds lines on where in its source the error arose."""
    return str(error).strip().split("\n")[0]


def clear(text: str) -> str:
    """``text`` from a file as messages show it: cut where it is long, quoted where it would be hard to see."""
    shown = shortened(text)
    return shown if shown.strip() == shown != "" and shown.isprintable() else repr(shown)


def printable(text: str) -> str:
    """``text``, such as a file's name, on one line and without what a terminal would take for a command."""
    return text if text.isprintable() else repr(text)


def shortened(text: str) -> str:
    """``text``, cut after `WIDTH` characters."""
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
