"""Every work of the benchmarks stays within its bars at small sizes, and its peers compute what `dir` computes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PROJECT
from run import main
from works import WORKS, Peer

if TYPE_CHECKING:
    from pathlib import Path

BENCH = PROJECT / "tests" / "bench"
QUICK = [work.name for work in WORKS if work.sizes[1]]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the inputs, which several works share."""
    return tmp_path_factory.mktemp("inputs")


@pytest.mark.bench
@pytest.mark.parametrize("name", QUICK)
def test_a_work_stays_within_its_bars(name: str, kept: Path) -> None:
    done = _ran(BENCH / "run.py", "--quick", "--only", name, "--keep", kept)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["join-3m-csv", "join-3m-parquet", "arrays"])
def test_peers_find_the_scores_that_ours_finds(name: str, tmp_path: Path) -> None:
    (work,) = [work for work in WORKS if work.name == name]
    assert _ran(BENCH / "make.py", work.inputs, tmp_path, 6_000).returncode == 0
    more = ["--format", "json"] if "dircli" in work.ours else []
    printed = _ran(*work.ours, *more, data=tmp_path).stdout
    if more:
        regions = json.loads(printed)["systems"][0]["regions"]
        ours = [regions[region]["mae"] for region in ("all", "few")]
    else:
        ours = [float(number) for number in printed.split()]
    installed = [peer for peer in work.peers if all(find_spec(needed) for needed in peer.needs)]
    for peer in installed:
        theirs = _ran(*peer.words, data=tmp_path)
        assert [float(number) for number in theirs.stdout.split()] == pytest.approx(ours, rel=1e-9), theirs.stderr


@pytest.mark.slow
def test_without_the_real_agedb_as_many_rows_are_made_up_and_the_table_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIR_REAL_DATA", raising=False)
    page = tmp_path / "page.md"
    done = _ran(BENCH / "run.py", "--only", "agedb", "--runs", 1, "--markdown", page)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert "whole process (made-up rows, as many of each age) | 2,140 |" in page.read_text()


@pytest.mark.thorough
def test_the_page_says_what_was_measured_and_what_was_missed(tmp_path: Path) -> None:
    page, result = tmp_path / "docs" / "speed.md", tmp_path / "result.json"
    options = ("--only", "version", "--runs", 1, "--json", result, "--markdown", page)
    assert _ran(BENCH / "run.py", *options).returncode in {0, 1}  # a busy machine may miss the bar
    (work,) = json.loads(result.read_text())["works"]
    assert work["work"] == "version"
    assert len(work["ours"]) == len(work["peers"]["import typer"]) > 1  # brief works run more often
    assert "| dir --version | 1 |" in page.read_text()
    assert ("Every bar holds." in page.read_text()) != bool(work["missed"])


@pytest.mark.thorough
def test_a_work_that_cannot_run_is_said_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(WORKS[0], name="broken", ours=("-c", "raise SystemExit('no luck')"))
    monkeypatch.setattr("run.WORKS", (broken, replace(WORKS[0], ours=("-c", ""))))
    page = tmp_path / "page.md"
    assert main(["--runs", "1", "--markdown", str(page)]) == 2
    assert "could not run" in page.read_text()
    assert "import typer" in page.read_text()


@pytest.mark.thorough
def test_what_is_not_installed_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    absent = Peer(name="absent", words=("-c", ""), needs=("no_such_module",))
    monkeypatch.setattr("run.WORKS", (replace(WORKS[0], peers=(absent,)),))
    assert main(["--runs", "1"]) == 0
    assert "no_such_module is not installed" in capsys.readouterr().err


def _ran(*words: object, data: Path | str = "") -> subprocess.CompletedProcess[str]:
    """A Python process with these words, in which ``{data}`` is a folder."""
    command = [sys.executable, *(str(word).replace("{data}", str(data)) for word in words)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
