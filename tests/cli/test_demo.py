"""The demo shows the whole flow, and is quiet when it is told to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dircli.curation import synthetic

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.thorough
def test_what_is_made_of_synthetic_rows_says_so_wherever_it_goes(run: Run, work: Path) -> None:
    synthetic.write_agedb(work / "AgeDB.zip")
    words = ["curate", "agedb", "--raw", "AgeDB.zip", "--split", "redraw", "--name", "made-up"]
    assert "made-up: SYNTHETIC: the source says of itself" in run(*words).stderr
    shown = run("info", "made-up").stdout
    assert "  note      SYNTHETIC: " in shown
    assert "  licence   not that of a data set" in shown
    assert "moschoglou2017agedb" not in shown
