"""`--verbose`: what is read, from where and in which way; on stderr alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from miniatures import MINIATURES

from dircli.scores import from_files
from dircli.store import manifests, streams

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run


@pytest.fixture
def curated(tmp_path: Path, work: Path, run: Run) -> Path:
    """An AgeDB miniature, `p.csv` with predictions of its test rows, and `t.csv` with targets, too."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    rows = [(samples.ids[row], samples.targets[row]) for row in (samples.split == "test").nonzero()[0]]
    (work / "p.csv").write_text("\n".join(["id,prediction", *(f"{key},{target + 1.125}" for key, target in rows), ""]))
    lines = (f"{key},{target + 1.125},{target}" for key, target in rows)
    (work / "t.csv").write_text("\n".join(["id,prediction,target", *lines, ""]))
    return work / "manifests" / "agedb"


@pytest.mark.usefixtures("curated")
def test_the_files_and_the_way_are_told_on_stderr_and_the_result_is_the_same(run: Run) -> None:
    plain = run("evaluate", "p.csv")
    for words in (("evaluate", "p.csv", "-v"), ("--verbose", "evaluate", "p.csv"), ("evaluate", "p.csv", "--verbose")):
        done = run(*words)
        assert done.stdout == plain.stdout
        assert "reading p.csv" in done.stderr
        assert "reading manifests/agedb/samples.parquet" in done.stderr
        assert "agedb: by the manifest manifests/agedb" in done.stderr
        assert "p.csv: read as a whole" in done.stderr
        assert not re.search(r"\d ?(s|ms|sec|seconds)\b", done.stderr)
    assert run("evaluate", "p.csv").stderr == plain.stderr == ""


@pytest.mark.usefixtures("curated")
def test_a_file_that_is_streamed_or_joined_is_told_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LARGE", 10)
    done = run("evaluate", "t.csv", "--bins", "manifests/agedb/bins.parquet", "-v", "--metrics", "mae")
    assert "t.csv: read block by block (streamed)" in done.stderr
    assert "scored by the bins in manifests/agedb/bins.parquet" in done.stderr
    monkeypatch.setattr(from_files, "LARGE", 1)
    assert "p.csv: read part by part, by the ids of the manifest (joined)" in run("evaluate", "p.csv", "-v").stderr


def test_bins_that_are_shipped_are_told_so(run: Run) -> None:
    done = run("weights", "agedb", "--per", "bin", "-v")
    assert "agedb: no manifest in manifests, so by the bins that come with the program" in done.stderr


def test_a_table_of_ones_own_and_the_environment_are_told(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "own.csv").write_text("\n".join(["y", *(str(row % 80) for row in range(400)), ""]))
    monkeypatch.setenv("DIR_MANIFESTS", "there")
    done = run("curate", "custom", "--table", "own.csv", "--target", "y", "--bin-width", 10, "-v")
    assert "reading own.csv as delimited text" in done.stderr
    assert "DIR_MANIFESTS is there" in done.stderr


@pytest.mark.usefixtures("curated")
def test_quiet_is_quiet_all_the_same(run: Run) -> None:
    assert run("evaluate", "p.csv", "-v", "-q").stderr == ""


def test_tokens_are_not_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIR_SHHS_TOKEN", "secret-token")
    assert "secret-token" not in run("datasets", "-v").stderr


def test_secrets_in_the_environment_are_not_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIR_MANIFESTS", "https://me:secret@127.0.0.1:1/m?sig=secret")
    said = run("evaluate", "p.csv", "--dataset", "own", "-v", code=2).output
    assert "DIR_MANIFESTS is https://127.0.0.1:1/m\n" in said
    assert "secret" not in said
