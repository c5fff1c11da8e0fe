"""How the program ends: with its own exit code, all output written, whatever threads are still there."""

from __future__ import annotations

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from dircli.cli import WithoutPandas
from dircli.cli.app import HOMES

ENDS_BADLY = (
    "import atexit, os, sys; atexit.register(os.abort); sys.argv = ['dir', *sys.argv[1:]]\n"
    "from dircli.cli import main; main()"
)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [(["--version"], 0, "dircli "), (["info", "nope"], 2, "dir: no dataset"), (["--nope"], 2, "No such option")],
)
def test_what_ends_with_the_interpreter_changes_no_exit_code(words: list[str], code: int, shown: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDS_BADLY, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert shown in done.stdout + done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("dir ", list(HOMES)), ("dir ev", ["evaluate"]), ("dir curate --spl", ["--split", "--split-column"])],
)
def test_the_shell_completes_commands_and_options(typed: str, offered: list[str]) -> None:
    """As bash asks for it: the words so far, and the number of the one that the cursor is in."""
    asked = {"_DIR_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    code = "import sys; sys.argv = ['dir']; from dircli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == offered
    assert not done.stderr


def test_a_mistyped_command_is_answered_with_the_one_that_is_close(program: list[str]) -> None:
    done = subprocess.run([*program, "evalute"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Did you mean 'evaluate'?" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is named for Linux alone")
def test_the_allocator_that_commands_name_is_one_that_arrow_has() -> None:
    assert "jemalloc" in pa.supported_memory_backends()


def test_python_looks_for_no_circles_of_objects_among_loaded_modules() -> None:
    code = (
        "import gc, os, sys; sys.argv = ['dir', 'datasets']\n"
        "os._exit = lambda _: print(gc.get_stats()[0]['collections'], file=sys.stderr)\n"
        "begun = gc.get_stats()[0]['collections']\n"
        "from dircli.cli import main; main()\n"
        "print(begun, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ended, begun = map(int, done.stderr.splitlines()[-2:])
    assert ended - begun < 15  # usually some 70


def test_python_that_imports_the_command_line_still_has_pandas() -> None:
    """A program that imports modules of ours is not ours to change; a process that runs `dir` is."""
    import pandas as pd

    assert pd.__name__ == "pandas"
    assert WithoutPandas not in sys.meta_path
