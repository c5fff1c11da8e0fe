"""How the program ends: with its own exit code, all output written, whatever threads are still there."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENDS_BADLY = (
    "import atexit, os, sys; atexit.register(os.abort); sys.argv = ['dir', *sys.argv[1:]]\n"
    "from dircli.cli import main; main()"
)


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [(["--version"], 0, "dircli "), (["info", "nope"], 2, "dir: no dataset"), (["--nope"], 2, "No such option")],
)
def test_what_ends_with_the_interpreter_changes_no_exit_code(words: list[str], code: int, shown: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDS_BADLY, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert shown in done.stdout + done.stderr
