"""Whatever prints a table prints it as JSON, too, and where it is one table also as CSV and Markdown."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from miniatures import MINIATURES

from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

OWN = "curate custom --table own.csv --target y --bin-width 10 --name own --force"
TABLES = (
    "datasets",
    "info --metrics",
    "verify agedb",
    "verify agedb --leakage",
    "suggest agedb",
    "evaluate p.csv --dataset agedb",
    "leaderboard agedb",
    "resample --table own.csv --target y --method over --control-points 5:1,40:0",
    "fds features.csv.parquet --dataset agedb --split test --similarity --anchor 30",
    OWN,
)
ONLY_JSON = (
    "info agedb",
    "weights agedb",
    "weights agedb --per bin",
    "explain p.csv --dataset agedb",
    "export agedb --format csv --out there --force",
    "export agedb --format released --out there --force",
    "download sts-b --dry-run",
)


@pytest.fixture
def here(tmp_path: Path, work: Path, run: Run) -> Path:
    """An AgeDB miniature, predictions and features of its test rows, and a table of one's own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    test = (samples.split == "test").nonzero()[0]
    lines = [f"{samples.ids[row]},{samples.targets[row] + 1}" for row in test]
    (work / "p.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    features = [[float(samples.targets[row]), 1.0] for row in test]
    table = pa.table({"id": samples.ids[test].tolist(), "features": features})
    pq.write_table(table, work / "features.csv.parquet")
    rows = [f"{row % 80},{row % 7}" for row in range(400)]
    (work / "own.csv").write_text("\n".join(["y,x", *rows, ""]))
    return work


def _anchored(words: str, here: Path) -> list[str]:
    """The words, with an anchor that occurs in the miniature's test rows."""
    samples = manifests.read(here / "manifests" / "agedb").samples
    return words.replace("anchor 30", f"anchor {samples.targets[samples.split == 'test'][0]:g}").split()


@pytest.mark.parametrize("words", [*TABLES, *ONLY_JSON])
def test_json_is_one_value_and_nothing_else(words: str, here: Path, run: Run) -> None:
    given = _anchored(words, here)
    value: Any = json.loads(run(*given, "--json").stdout)
    assert value
    assert isinstance(value, dict | list)
    if words in TABLES:
        assert json.loads(run(*given, "--format", "json").stdout) == value


@pytest.mark.thorough
@pytest.mark.parametrize("words", TABLES)
def test_csv_and_markdown_are_tables_and_nothing_else(words: str, here: Path, run: Run) -> None:
    given = _anchored(words, here)
    rows = list(csv.reader(run(*given, "--format", "csv").stdout.splitlines()))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    assert not any(cell == "–" for row in rows for cell in row)
    lines = run(*given, "--format", "markdown").stdout.splitlines()
    assert any(line.startswith("| ") for line in lines)
    assert any(line.startswith("| ---") for line in lines)


def test_numbers_in_csv_have_no_separators(run: Run) -> None:
    (agedb,) = (row for row in csv.reader(run("datasets", "--format", "csv").stdout.splitlines()) if row[0] == "agedb")
    assert agedb[2:5] == ["12208", "2140", "2140"]


@pytest.mark.parametrize("words", ["datasets", "evaluate p.csv --dataset agedb", "leaderboard agedb", "identify p.csv"])
def test_json_and_another_format_are_refused_in_one_line(words: str, run: Run) -> None:
    done = run(*words.split(), "--json", "--format", "markdown", code=2)
    assert done.stderr == "dir: --json and --format markdown are two formats; leave one of them out\n"


def test_identify_knows_json_by_both_names(here: Path, run: Run) -> None:
    done = run("identify", "p.csv", "--json").stdout
    assert json.loads(done) == json.loads(run("identify", "p.csv", "--format", "json").stdout)
    assert (here / "p.csv").exists()


def test_the_json_of_a_curation_is_its_manifest(here: Path, run: Run) -> None:
    printed = json.loads(run(*OWN.split(), "--json").stdout)
    stored = json.loads((here / "manifests" / "own" / "manifest.json").read_text())
    assert printed == stored


def test_the_json_of_a_failed_proof_says_so_and_the_exit_code_too(here: Path, run: Run) -> None:
    path = here / "manifests" / "agedb" / "manifest.json"
    path.write_text(path.read_text().replace('"content": "sha256:', '"content": "sha256:0').replace("0", "1", 1))
    found = json.loads(run("verify", "agedb", "--json", code=1).stdout)
    assert found["name"] == "agedb"
    assert False in [check["held"] for check in found["checks"]]


def test_the_json_of_weights_holds_every_bin_and_what_they_rest_on(here: Path, run: Run) -> None:
    found = json.loads(run("weights", "agedb", "--per", "bin", "--json").stdout)
    table = manifests.read(here / "manifests" / "agedb").table
    assert len(found["bins"]) == len(table.bins)
    assert sum(each["count"] for each in found["bins"]) == table.counts["train"].sum()
    assert {"scheme", "kernel", "content", "effective_size"} <= found.keys()
