"""How far a download is, on a terminal; silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dircli.report import console

if TYPE_CHECKING:
    from rich import progress


class Watch:
    """Follows downloads, one after the other: bytes, speed and time left; notes go to stderr as everywhere."""

    def __init__(self, bar: progress.Progress | None) -> None:
        self._bar = bar  # started with the first download: a live display would wipe out a question asked before it
        self._task: progress.TaskID | None = None
        self._file = ""

    def start(self, file: str, total: int | None, done: int) -> None:
        """``file`` begins, or begins again, with ``done`` of ``total`` bytes (None: not known) already here."""
        if self._bar is None:
            if file != self._file:
                console.note(f"downloading {file}" + (f", {total:,} bytes" if total else ""))
        elif self._task is not None and file == self._file:
            self._bar.update(self._task, total=total, completed=done)
        else:
            self._bar.start()
            self._task = self._bar.add_task(file, total=total, completed=done)
        self._file = file

    def advance(self, n: int) -> None:
        """``n`` more bytes are here."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, n)

    def note(self, text: str) -> None:
        """Something that the user should know."""
        console.note(text)


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function that counts done things of ``total``: a bar on a terminal, nothing elsewhere or with -q."""
    with _bar("MofNCompleteColumn") as bar:
        watch = Watch(bar)
        if bar:
            watch.start(what, total, 0)
        yield watch.advance


@contextmanager
def watching() -> Iterator[Watch]:
    """A watch with a progress bar on a terminal, and without one elsewhere or with -q."""
    with _bar("DownloadColumn", "TransferSpeedColumn") as bar:
        yield Watch(bar)


@contextmanager
def _bar(*columns: str) -> Iterator[progress.Progress | None]:
    """A bar that is not yet shown, with rich's ``columns`` before the time left; None off a terminal, or with -q."""
    if console.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress

    first, last = (progress.TextColumn("{task.description}"), progress.BarColumn()), progress.TimeRemainingColumn()
    bar = progress.Progress(
        *first, *(getattr(progress, name)() for name in columns), last, console=console.err(), transient=True
    )
    try:
        yield bar
    finally:
        bar.stop()
