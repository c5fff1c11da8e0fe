"""The cost of curating IMDB-WIKI at full size, and a table of five million rows, stays within its bounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.bench
def test_imdb_wiki_is_curated_within_one_and_a_half_times_the_bare_reading_and_in_little_memory() -> None:
    script = Path(__file__).parent / "bench" / "imdb_wiki.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dir curate imdb-wiki" in done.stdout


@pytest.mark.bench
def test_five_million_rows_are_curated_within_twice_the_reading_and_writing_and_in_little_memory() -> None:
    script = Path(__file__).parent / "bench" / "custom.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "curated" in done.stdout
