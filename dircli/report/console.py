"""The two streams: results on stdout, notes and progress on stderr."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

PIPED_WIDTH = 100
BOUNDLESS = 10_000
"""Columns that no table needs."""
FOLDED = 16
"""Columns that a word has at least before it is folded."""

LOGGER = "dircli"

quiet = False


def out(*, stderr: bool = False) -> Console:
    """Results. Into a pipe a table is at least 100 columns wide, so that nothing is cut."""
    from rich.console import Console

    width = None if (sys.stderr if stderr else sys.stdout).isatty() else PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def of_file() -> Console:
    """What a file holds: plain text as wide as in a pipe, whatever the terminal at hand."""
    from rich.console import Console

    return Console(file=io.StringIO(), width=PIPED_WIDTH, highlight=False, markup=False, emoji=False, no_color=True)


def err() -> Console:
    """Notes, progress and errors."""
    return out(stderr=True)


def show(*parts: RenderableType, stderr: bool = False) -> None:
    """Print results below each other; a table that is too wide for the terminal is stacked."""
    from rich.table import Table

    screen = out(stderr=stderr)
    for part in parts:
        screen.print(fitting(part, screen) if isinstance(part, Table) else part)


def fits(table: Table, screen: Console) -> bool:
    """Whether ``screen`` is wide enough for every number and every word of ``table``.

    Of a column that wraps, words longer than any number may be folded.
    """
    boundless, folded = screen.options.update(width=BOUNDLESS), 0
    for column in table.columns:
        words = [screen.measure(word, options=boundless) for word in (column.header, *column.cells)]
        if column.no_wrap:
            column.min_width = max(word.maximum for word in words)
        else:
            folded += max(0, max(word.minimum for word in words) - FOLDED)
    return screen.measure(table, options=boundless).minimum - folded <= screen.width


def fitting(table: Table, screen: Console) -> Table:
    """``table``, or where ``screen`` is too narrow for it, each row as lines: the head of a column, and its cell.

    Half of a number is a wrong number, so that no cell is ever cut.
    """
    if fits(table, screen):
        return table
    from rich.table import Column, Table

    stacked = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, pad_edge=False, show_header=False)
    for place, row in enumerate(table.rows):
        if place:
            stacked.add_row()
        for column in table.columns:
            cell = list(column.cells)[place]
            if str(cell).strip():
                stacked.add_row(column.header, cell, style=row.style)
    return stacked


def note(text: str) -> None:
    """One line for whoever watches; silent with -q. A file or pipe needs no colours, and none of what makes them."""
    if quiet:
        return
    if sys.stderr.isatty():
        err().print(text, soft_wrap=True, style="dim")
    else:
        sys.stderr.write(f"{text}\n")


def tell_more() -> None:
    """What is read, from where and in which way, as notes; modules log it under the name of the program."""
    import logging

    from dircli.store import places

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(places.shown(record.getMessage()))

    tell_less()
    logger = logging.getLogger(LOGGER)
    logger.addHandler(Notes())
    logger.setLevel(logging.INFO)


def tell_less() -> None:
    """The usual notes alone."""
    if logging := sys.modules.get("logging"):
        logger = logging.getLogger(LOGGER)
        logger.handlers.clear()
        logger.setLevel(logging.WARNING)


def show_as(form: str, table: Table) -> None:
    """``table`` on stdout as csv or markdown."""
    from dircli.report import tables

    sys.stdout.write({"csv": tables.as_csv, "markdown": tables.as_markdown}[form](table))


def save(path: Path, data: bytes, *, force: bool = False) -> None:
    """``data`` as the file ``path``, and a note on it."""
    from dircli.store import files

    files.write(path, data, force=force)
    note(f"written to {path}")
