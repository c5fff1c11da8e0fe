"""Of the changes that could be made to the arithmetic, the tests notice at least 92 %."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import PROJECT


@pytest.mark.slow
def test_a_sample_of_mutants_is_caught() -> None:
    script = PROJECT / "tests" / "mutation.py"
    done = subprocess.run(
        [sys.executable, script, "--mutants", "120", "--seed", "666"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are caught" in done.stdout
