"""The two streams: results on stdout, notes and progress on stderr."""

from __future__ import annotations

import sys

from rich.console import Console

PIPED_WIDTH = 100

quiet = False


def out() -> Console:
    """Results. Into a pipe a table is at least 100 columns wide, so that nothing is cut."""
    return _console(stderr=False)


def err() -> Console:
    """Notes, progress and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def note(text: str) -> None:
    """One line for whoever watches; silent with -q."""
    if not quiet:
        err().print(text, soft_wrap=True, style="dim")
