"""The demo shows the whole flow, and is quiet when it is told to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run


@pytest.mark.thorough
@pytest.mark.parametrize("words", [("demo", "-q"), pytest.param(("-q", "demo"), marks=pytest.mark.slow)])
def test_a_quiet_demo_writes_no_note(words: tuple[str, ...], run: Run) -> None:
    done = run(*words)
    assert not done.stderr
    assert done.stdout.count("SYNTHETIC") == 2
    assert "$ dir evaluate plain.csv reweighted.csv --dataset agedb-synthetic\n" in done.stdout
    assert "dir|agedb-synthetic|test|released|" in done.stdout


@pytest.mark.slow
def test_a_demo_shows_the_notes_of_its_steps(run: Run) -> None:
    assert "12,208 weights per sample written to" in run("demo").stderr
