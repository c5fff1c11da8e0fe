"""`dir datasets` and `dir info`: benchmarks and what was curated here, under any name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from miniatures import MINIATURES

from dircli import datasets
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

OWN = ("curate", "custom", "--table", "own.csv", "--target", "y", "--bin-width", 10)


@pytest.fixture
def root(tmp_path: Path, work: Path, run: Run) -> Path:
    """Manifests of a table of one's own, of the same with a gap, and of a redraw of AgeDB under another name."""
    (work / "own.csv").write_text("\n".join(["y,x", *(f"{row % 80},{row % 7}" for row in range(400)), ""]))
    run(*OWN, "--name", "mine")
    run(*OWN, "--name", "mine-gap", "--drop-train", "30:50")
    raw = MINIATURES["agedb"].build(tmp_path)
    run("curate", "agedb", "--raw", raw, "--split", "redraw", "--seed", 7, "--name", "agedb-7")
    return work / "manifests"


def test_what_is_curated_here_is_listed_after_the_benchmarks(root: Path, run: Run) -> None:
    rows = json.loads(run("datasets", "--json").stdout)
    assert [row["name"] for row in rows] == [*datasets.NAMES, "agedb-7", "mine", "mine-gap"]
    assert len({frozenset(row) for row in rows}) == 1  # the same keys in every row
    by_name = {row["name"]: row for row in rows}
    assert by_name["mine"]["origin"] == "redraw"
    assert by_name["mine-gap"]["origin"] == "derived"
    assert by_name["agedb-7"]["dataset"] == "agedb"
    assert (by_name["agedb"]["origin"], by_name["agedb"]["curated"]) == (None, False)
    for name in ("mine", "mine-gap", "agedb-7"):
        facts = manifests.read_facts(root / name)
        assert by_name[name]["rows"] == facts["counts"]
        assert by_name[name]["content"] == facts["content"]
        assert by_name[name]["curated"] is True
    table = run("datasets").stdout
    assert all(word in table for word in ("mine-gap", "derived", "agedb-7", "origin"))


def test_a_benchmark_that_is_curated_says_where_its_split_is_from(tmp_path: Path, run: Run) -> None:
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    rows = json.loads(run("datasets", "--json").stdout)
    (agedb,) = (row for row in rows if row["name"] == "agedb")
    assert (agedb["origin"], agedb["dataset"], agedb["rows"]["test"]) == ("redraw", "agedb", 2140)


def test_a_manifest_that_is_damaged_is_listed_as_such(root: Path, run: Run) -> None:
    (root / "mine" / "manifest.json").write_text("{")
    (line,) = (line for line in run("datasets").stdout.splitlines() if line.startswith("mine "))
    assert "damaged" in line


@pytest.mark.usefixtures("root")
def test_a_table_of_ones_own_is_told_in_words_and_in_json(run: Run) -> None:
    told = run("info", "Mine").stdout
    assert told.startswith("mine (a table of your own, redraw)")
    assert "320 / 40 / 40 (train / val / test)" in told
    assert "regions   many > 100 training samples per bin, few < 20, else medium" in told
    assert "10 wide, at its multiples" in told
    assert "own.csv" in told
    assert "sha256:" in told
    assert json.loads(run("info", "mine", "--json").stdout)["target"] == "y"
    gap = run("info", "mine-gap").stdout
    assert "80 training rows in [30, 50) were left out" in gap
    assert "derived" in gap


@pytest.mark.usefixtures("root")
def test_a_redraw_under_another_name_is_told_with_its_benchmark(run: Run) -> None:
    told = run("info", "agedb-7").stdout
    assert told.startswith("agedb-7 (AgeDB-DIR, redraw)")
    assert "seed      7" in told
    assert "non-commercial" in told
    assert "moschoglou2017agedb" in told


@pytest.mark.parametrize("name", datasets.NAMES)
def test_the_steps_to_a_benchmark_name_the_commands(name: str, run: Run) -> None:
    told = run("info", name).stdout
    assert f"`dir curate {name}`" in told
    assert f"`dir download {name}" in told


@pytest.mark.usefixtures("root")
def test_regions_of_ones_own_table_are_said_to_be_by_no_protocol(run: Run) -> None:
    done = run(*OWN, "--name", "other")
    assert "protocol" not in done.stderr
    assert "written to manifests/other" in done.stderr


def test_bins_that_are_damaged_are_listed_as_such_and_asked_about_they_are_told_of(root: Path, run: Run) -> None:
    (root / "mine" / "bins.parquet").write_bytes(b"PAR1")
    (line,) = (line for line in run("datasets").stdout.splitlines() if line.startswith("mine "))
    assert "damaged" in line
    assert "bins.parquet: this is no whole Parquet file" in run("info", "mine", code=2).stderr
    (root / "mine" / "manifest.json").write_text("{")
    assert "manifest.json: this is no JSON" in run("info", "mine", code=2).stderr
