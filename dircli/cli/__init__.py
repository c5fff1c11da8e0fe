"""The command line: words in, tables out. Every command is a file, and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `dir`; a reader that closes the pipe early is no error worth a traceback."""
    from dircli.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a name the terminal cannot show is no crash
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
