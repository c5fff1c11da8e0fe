"""Of the changes that could be made to the arithmetic, the tests notice at least 92 %."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import PROJECT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_the_modules_and_the_tests_that_are_listed_are_there() -> None:
    content = tomllib.loads((PROJECT / "tests" / "mutation.toml").read_text(encoding="utf-8"))
    named = [*content["tests"], *content["sizes"], *(each["module"] for each in content["equivalent"])]
    assert [module for module in named if not (PROJECT / "dircli" / module).is_file()] == []
    files = {file for listed in content["tests"].values() for file in listed}
    assert [file for file in sorted(files) if not (PROJECT / file).is_file()] == []
    assert all(each["reason"] for each in content["equivalent"])


@pytest.mark.slow
def test_a_sample_of_mutants_is_caught() -> None:
    script = PROJECT / "tests" / "mutation.py"
    done = subprocess.run(
        [sys.executable, script, "--mutants", "120", "--seed", "666"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are caught" in done.stdout
