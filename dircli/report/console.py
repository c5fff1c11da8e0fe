"""The two streams: results on stdout, notes and progress on stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 100

LOGGER = "dircli"

quiet = False


def out(*, stderr: bool = False) -> Console:
    """Results. Into a pipe a table is at least 100 columns wide, so that nothing is cut."""
    from rich.console import Console

    width = None if (sys.stderr if stderr else sys.stdout).isatty() else PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """Notes, progress and errors."""
    return out(stderr=True)


def note(text: str) -> None:
    """One line for whoever watches; silent with -q."""
    if not quiet:
        err().print(text, soft_wrap=True, style="dim")


def tell_more() -> None:
    """What is read, from where and in which way, as notes; modules log it under the name of the program."""
    import logging

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(record.getMessage())

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


def show(table: Table, form: str = "table") -> None:
    """``table`` on stdout: as the terminal shows it, or as csv or markdown."""
    if form == "table":
        out().print(table)
        return
    from dircli.report import tables

    sys.stdout.write({"csv": tables.as_csv, "markdown": tables.as_markdown}[form](table))


def save(path: Path, data: bytes, *, force: bool = False) -> None:
    """``data`` as the file ``path``, and a note on it."""
    from dircli.store import files

    files.write(path, data, force=force)
    note(f"written to {path}")
