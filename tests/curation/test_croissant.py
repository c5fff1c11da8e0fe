"""`dir export --format croissant`: a description that is true of the files beside it, and that mlcroissant reads."""

from __future__ import annotations

import hashlib
import json
import warnings
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from miniatures import MINIATURES

from dircli import datasets
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

WIDTH = ("--bin-width", "1")
RECOMMENDED = {"citeAs", "datePublished", "license"}


def exported(name: str, tmp_path: Path, work: Path, run: Run) -> Path:
    """The folder of an export: of a table of one's own with groups, or of a benchmark's miniature."""
    if name == "own":
        rows = [f"r{row},{row % 7}.5,person {row // 3}" for row in range(60)]
        (work / "own.csv").write_text("\n".join(["key,y,who", *rows, ""]))
        run("curate", "custom", "--table", "own.csv", "--target", "y", "--id", "key", "--group", "who", *WIDTH)
    else:
        run("curate", name, "--raw", MINIATURES[name].build(tmp_path), "--split", "redraw")
    run("export", name, "--format", "croissant", "--out", "out")
    return work / "out"


def described(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_bytes())
    return found


def places(value: Any) -> list[str]:
    """Every @id that stands in ``value``."""
    if isinstance(value, dict):
        own = [value["@id"]] if isinstance(value.get("@id"), str) else []
        return own + [place for key, part in value.items() if key != "@context" for place in places(part)]
    return [place for part in value for place in places(part)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", ["agedb", "own"])
def test_files_columns_and_splits_are_those_beside_the_description(
    name: str, tmp_path: Path, work: Path, run: Run
) -> None:
    folder = exported(name, tmp_path, work, run)
    stated = described(folder)
    assert {file["contentUrl"] for file in stated["distribution"]} == {*manifests.PARTS} - {manifests.PIXELS}
    for file in stated["distribution"]:
        data = (folder / file["contentUrl"]).read_bytes()
        assert (file["sha256"], file["contentSize"]) == (hashlib.sha256(data).hexdigest(), f"{len(data)} B")
    splits, *tables = stated["recordSet"]
    for table in tables:
        columns = pq.read_schema(folder / f"{table['@id']}.parquet").names
        assert [field["source"]["extract"]["column"] for field in table["field"]] == columns
        assert [field["@id"] for field in table["field"]] == [f"{table['@id']}/{column}" for column in columns]
    defined = [part["@id"] for part in stated["distribution"] + stated["recordSet"]]
    defined += [field["@id"] for table in stated["recordSet"] for field in table["field"]]
    assert len(defined) == len(set(defined))
    assert set(places(stated)) == set(defined)
    assert splits["dataType"] == "cr:Split"
    assert [row["splits/name"] for row in splits["data"]] == ["train", "val", "test"]
    (split,) = (field for field in tables[0]["field"] if field["@id"] == "samples/split")
    assert split["references"] == {"field": splits["key"]}


def test_a_benchmark_states_licence_citation_and_what_is_known_of_its_rows(
    tmp_path: Path, work: Path, run: Run
) -> None:
    folder = exported("agedb", tmp_path, work, run)
    stated, about = described(folder), datasets.load("agedb").published
    manifest = manifests.read(work / "manifests" / "agedb")
    assert stated["identifier"] == manifest.content
    assert (stated["license"], stated["url"]) == (about.licence, about.homepage)
    assert about.bibtex in stated["citeAs"]
    assert "no published one" in stated["description"]
    assert any("share identity" in limit for limit in stated["rai:dataLimitations"])
    assert stated["rai:personalSensitiveInformation"] == [about.personal]
    run(
        "curate", "agedb", "--raw", tmp_path / "AgeDB.zip", "--split", "redraw", "--drop-train", "0:20", "--name", "gap"
    )
    run("export", "gap", "--format", "croissant", "--out", "gap")
    assert "derived from that benchmark" in described(work / "gap")["description"]
    assert any("training rows in [0, 20)" in limit for limit in described(work / "gap")["rai:dataLimitations"])


def test_a_table_of_ones_own_says_so_and_its_owner_is_told_what_only_they_know(
    tmp_path: Path, work: Path, run: Run
) -> None:
    stated = described(exported("own", tmp_path, work, run))
    assert "custom benchmark" in stated["description"]
    assert not RECOMMENDED & stated.keys()
    assert any("share group" in limit for limit in stated["rai:dataLimitations"])
    told = run("export", "own", "--format", "croissant", "--out", "out").stderr
    assert all(name in told for name in RECOMMENDED)


def test_the_same_manifest_gives_the_same_bytes_and_no_place_of_this_machine(
    tmp_path: Path, work: Path, run: Run
) -> None:
    folder = exported("agedb", tmp_path, work, run)
    run("export", "agedb", "--format", "croissant", "--out", work / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (work / "again" / path.name).read_bytes()
    text = (folder / "croissant.json").read_text()
    assert str(tmp_path) not in text
    assert str(work) not in text


def test_a_manifests_own_folder_takes_the_description_alone_and_another_ones_nothing(
    tmp_path: Path, work: Path, run: Run
) -> None:
    exported("agedb", tmp_path, work, run)
    exported_files = {path.name: path.read_bytes() for path in (work / "out").iterdir()}
    run("export", "agedb", "--format", "croissant", "--out", "manifests/agedb")
    assert {path.name: path.read_bytes() for path in (work / "manifests" / "agedb").iterdir()} == exported_files
    (work / "out").rename(work / "first")
    exported("own", tmp_path, work, run)
    words = ("export", "own", "--format", "croissant", "--out", "manifests/agedb")
    assert "would replace a part of the manifest" in run(*words, "--force", code=2).stderr
    assert {path.name: path.read_bytes() for path in (work / "manifests" / "agedb").iterdir()} == exported_files
    raw = tmp_path / "AgeDB.zip"
    told = run("curate", "agedb", "--raw", raw, "--split", "redraw", "--seed", 1, "--force").stderr
    assert "croissant.json" in told
    assert not (work / "manifests" / "agedb" / "croissant.json").exists()


def text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own", *sorted(MINIATURES)])
def test_mlcroissant_finds_nothing_to_say_and_reads_the_very_rows(
    name: str, tmp_path: Path, work: Path, run: Run
) -> None:
    """But for what a table of one's own cannot know, which it recommends."""
    folder = exported(name, tmp_path, work, run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the reader about its own dependencies
        import mlcroissant

        dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
        tables = {path.stem: pq.read_table(path).slice(0, 2000).to_pylist() for path in folder.glob("*.parquet")}
        for table, expected in tables.items():
            records = dataset.records(table)
            found = [record for record, _ in zip(records, expected, strict=False)]
            assert [{key.split("/")[1]: text(value) for key, value in row.items()} for row in found] == expected
        splits = list(dataset.records("splits"))
    issues = dataset.metadata.ctx.issues
    recommended = RECOMMENDED if name == "own" else set()
    assert not issues.errors
    assert {word for word in RECOMMENDED for warning in issues.warnings if word in warning} == recommended
    assert len(issues.warnings) == len(recommended)
    assert {row["splits/name"] for row in splits} == {row["split"] for row in tables["samples"]}
