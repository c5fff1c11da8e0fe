"""The formats of a result: a module each, whose ``render`` is loaded when it is used, and a row each in `FORMATS`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from dircli.scores.results import Result


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format called as its module, and the ``ending`` of its files; ``of_boards`` if leaderboards have it, too.

    One ``for_terminals`` depends on the terminal at hand, except in a file. One ``for_papers`` has the metrics of the
    DIR paper's tables alone, unless others are asked for.
    """

    name: str
    ending: str
    of_boards: bool = True
    for_terminals: bool = False
    for_papers: bool = False

    def render(self, result: Result, decimals: int, *, to_file: bool = False) -> str:
        """The result as text; shown scores have so many ``decimals``, and JSON and CSV keep every digit."""
        place = {"to_file": to_file} if self.for_terminals else {}
        return str(import_module(f"{__name__}.{self.name}").render(result, decimals, **place))


FORMATS = (
    Format(name="table", ending=".txt", for_terminals=True),
    Format(name="json", ending=".json"),
    Format(name="csv", ending=".csv"),
    Format(name="markdown", ending=".md"),
    Format(name="latex", ending=".tex", of_boards=False, for_papers=True),
)
NAMED = {form.name: form for form in FORMATS}
BY_ENDING = {form.ending: form for form in (*FORMATS[1:], FORMATS[0])}

if TYPE_CHECKING:
    Name: TypeAlias = str
    BoardName: TypeAlias = str
else:  # what commands offer; a type checker takes no Literal that is computed
    Name = Literal[tuple(NAMED)]
    BoardName = Literal[tuple(form.name for form in FORMATS if form.of_boards)]
