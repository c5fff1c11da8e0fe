"""One battery over all datasets, on miniatures; then what each dataset alone promises, on the real inputs."""

from __future__ import annotations

import json
import math
import zipfile
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from battery import OfAll, OfPublishedSplits, OfSamples
from miniatures import MINIATURES, half, mat_bytes, publish, records

from dircli import datasets
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import REGIONS
from dircli.curation.export import exported
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

ALL = sorted(MINIATURES)
SAMPLED = [name for name in ALL if datasets.load(name).counted == "samples"]


def test_every_dataset_has_a_miniature() -> None:
    assert sorted(datasets.NAMES) == ALL


@pytest.mark.parametrize("name", ALL)
class TestEveryDataset(OfAll):
    """The battery for all."""


@pytest.mark.parametrize("name", SAMPLED)
class TestEveryDatasetOfSamples(OfSamples):
    """The battery for those whose labels are no maps; for maps see test_nyud2.py."""


@pytest.mark.parametrize("name", [name for name in SAMPLED if not datasets.load(name).unreleased])
class TestEveryPublishedSplit(OfPublishedSplits):
    """The battery for those whose split was released."""


@pytest.mark.parametrize(
    ("name", "words"),
    [("agedb", "age, in years"), ("sts-b", "similarity, in points of 0..5"), ("nyud2", "depth, in metres")],
)
def test_units_are_in_the_plural(name: str, words: str, run: Run) -> None:
    assert f"  target    {words}, " in run("info", name).stdout


def test_agedb_reads_the_same_rows_from_a_folder_and_from_its_zip(tmp_path: Path) -> None:
    path = MINIATURES["agedb"].build(tmp_path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    folder, packed = (records("agedb", each) for each in (tmp_path / "folder", path))
    assert list(folder.ids) == list(packed.ids)
    assert list(folder.columns["index"]) == sorted(folder.columns["index"])
    assert "AgeDB/" in folder.ids[0]


def test_agedb_needs_no_images_and_says_so(
    tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = MINIATURES["agedb"].build(tmp_path)
    run("curate", "agedb", "--raw", raw, "--split", "redraw")
    files = exported(manifests.read(work / "manifests" / "agedb"))
    publish("agedb", files, monkeypatch)
    (work / "renamed.csv").write_bytes(files["agedb.csv"])
    assert "images were not seen" in run("curate", "agedb", "--released", "renamed.csv", "--force").stderr
    facts = json.loads((work / "manifests" / "agedb" / "manifest.json").read_text())
    assert any("images were not seen" in note for note in facts["notes"])


def test_agedb_names_the_images_that_the_published_split_has_and_the_folder_lacks(
    tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = MINIATURES["agedb"].build(tmp_path)
    run("curate", "agedb", "--raw", raw, "--split", "redraw", "--out", tmp_path / "m")
    files = exported(manifests.read(tmp_path / "m" / "agedb"))
    publish("agedb", files, monkeypatch)
    (work / "agedb.csv").write_bytes(files["agedb.csv"])
    folder = tmp_path / "images"
    with zipfile.ZipFile(raw) as archive:
        archive.extractall(folder)
    gone = min((folder / "AgeDB").iterdir())
    gone.rename(gone.with_name("77_NewFace_33_m.jpg"))
    message = run("curate", "agedb", "--raw", folder, "--released", "agedb.csv", code=2).stderr
    assert gone.name in message
    assert "77_NewFace_33_m.jpg" in message


def test_a_redraw_says_that_it_is_not_the_published_split(tmp_path: Path, run: Run) -> None:
    raw = MINIATURES["agedb"].build(tmp_path)
    assert "not the published split" in run("curate", "agedb", "--raw", raw, "--split", "redraw").stderr


def test_sts_b_takes_quotes_as_plain_characters_and_rows_of_train_before_dev(tmp_path: Path) -> None:
    pairs = records("sts-b", MINIATURES["sts-b"].build(tmp_path))
    assert sum('"old"' in text for text in pairs.columns["sentence1"]) == 8
    assert pairs.ids[0] == "mini-captions/Minitrain/2012/0000"
    assert pairs.ids[36] == "mini-captions/Minidev/2012/0036"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t0000\tnone", "\t9999\tnone", "1 ids that the raw source does not have: mini-captions/Minitrain/2012/9999"),
        ("A cat sleeps.\t", "A cow sleeps.\t", "rows differ from the raw sentence1"),
        ("\t5.000\n", "\t4.999\n", "rows differ from the raw target"),
    ],
)
def test_sts_b_matches_every_row_by_id_text_and_score(
    old: str, new: str, message: str, tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = MINIATURES["sts-b"].build(tmp_path)
    run("curate", "sts-b", "--raw", raw, "--split", "redraw", "--out", tmp_path / "m")
    files = {
        name: data.replace(old.encode(), new.encode())
        for name, data in exported(manifests.read(tmp_path / "m" / "sts-b")).items()
    }
    publish("sts-b", files, monkeypatch)
    for file, data in files.items():
        (work / file).write_bytes(data)
    assert message in run("curate", "sts-b", "--raw", raw, "--released", work, code=2).stderr


REAL = {
    "sts-b": (["--raw", "sts-b/STS-B", "--released", "sts-b/released"], (5_249, 1_000, 1_000), (756, 170, 74)),
    "agedb": (["--released", "agedb/agedb.csv"], (12_208, 2_140, 2_140), (1_530, 448, 162)),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_the_real_source_gives_the_published_benchmark_and_the_shipped_bins(
    name: str, real: Path, work: Path, run: Run
) -> None:
    words, rows, regions = REAL[name]
    run("curate", name, *(word if word.startswith("--") else real / word for word in words))
    run("verify", name)
    facts = json.loads((work / "manifests" / name / "manifest.json").read_text())
    assert tuple(facts["counts"][part] for part in SPLITS) == rows
    assert tuple(facts["regions"]["released"]["test"][region] for region in REGIONS) == regions
    shipped = manifests.shipped(name)
    assert shipped is not None
    ours, theirs = manifests.read_bins(work / "manifests" / name / "bins.parquet"), manifests.read_bins(shipped)
    assert ours.facts == theirs.facts
    assert all(np.array_equal(ours.counts[part], theirs.counts[part]) for part in SPLITS)


@pytest.mark.thorough
def test_seed_666_gives_the_published_agedb_split_over_its_own_row_order_only(real: Path, work: Path, run: Run) -> None:
    run("curate", "agedb", "--released", real / "agedb" / "agedb.csv")
    assert "16,488 of 16,488 rows equal" in run("verify", "agedb").stdout
    samples = manifests.read(work / "manifests" / "agedb").samples
    names = tmp_zip(work / "AgeDB.zip", [key.removeprefix("AgeDB/") for key in samples.ids])
    run("curate", "agedb", "--raw", names, "--split", "redraw", "--name", "redrawn")
    again = manifests.read(work / "manifests" / "redrawn").samples
    published = set(samples.ids[samples.split == "test"])
    assert len(published & set(again.ids[again.split == "test"])) < 500


def tmp_zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"AgeDB/{name}", b"")
    return path


def test_imdb_wiki_keeps_one_clear_face_with_an_age_in_range(tmp_path: Path) -> None:
    faces = records("imdb-wiki", MINIATURES["imdb-wiki"].build(tmp_path))
    ages = dict(zip(faces.ids, faces.targets, strict=True))
    assert faces.facts["imdb: faces"] == 70
    assert faces.facts["imdb: kept"] == 45
    assert faces.facts["wiki: kept"] == 31
    for part in ("imdb", "wiki"):
        counts = [int(count) for name, count in faces.facts.items() if name.startswith(f"{part}: dropped")]
        assert faces.facts[f"{part}: faces"] == sum(counts) + int(faces.facts[f"{part}: kept"])
    assert ages["wiki_crop/04/10002_1826-03-01_2012.jpg"] == 186
    assert ages["wiki_crop/06/10003._1980-07-01_2005.jpg"] == 24  # born in July: not yet 25 in mid-2005
    assert ages["wiki_crop/07/10003_1980-06-30_2005.jpg"] == 25
    assert not any("nm0000002_rm1_" in key or "nm0000003_rm2_" in key for key in ages)
    assert "".join(key[0] for key in faces.ids) == "i" * 45 + "w" * 31


def test_imdb_wiki_keeps_faces_up_to_200_years(tmp_path: Path) -> None:
    days = [date(year, 1, 1).toordinal() + 366 for year in (1812, 1811)]
    columns: dict[str, list[Any]] = {"dob": days, "photo_taken": [2012, 2012], "full_path": ["00/a.jpg", "00/b.jpg"]}
    columns |= {"face_score": [2, 2], "second_face_score": [math.nan, math.nan]}
    for part in ("imdb", "wiki"):
        (tmp_path / f"{part}.mat").write_bytes(mat_bytes(part, columns))
    faces = records("imdb-wiki", tmp_path)
    assert faces.ids.tolist() == ["imdb_crop/00/a.jpg", "wiki_crop/00/a.jpg"]
    assert faces.targets.tolist() == [200, 200]


def test_imdb_wiki_ages_are_those_of_pythons_own_calendar() -> None:

    from dircli.datasets.imdb_wiki import ages

    births = [-300, 0, 366, 367, 700_000, 719_529, 735_000, *range(723_000, 724_000, 7)]
    expected = []
    for birth in births:
        born = date.fromordinal(max(birth - 366, 1))
        expected.append(2010 - born.year - (born.month >= 7))
    assert list(ages(np.array(births), np.full(len(births), 2010))) == expected


def test_old_people_stay_in_train_and_weigh_as_the_last_bin(tmp_path: Path, work: Path, run: Run) -> None:
    raw = MINIATURES["imdb-wiki"].build(tmp_path)
    run("curate", "imdb-wiki", "--raw", raw, "--split", "redraw")
    manifest = manifests.read(work / "manifests" / "imdb-wiki")
    assert list(manifest.samples.split[manifest.samples.targets > 120]) == ["train"]
    assert len(manifest.table.bins) == 187
    rows = run("weights", "imdb-wiki", "--per", "bin", "--out", "-").stdout.splitlines()
    assert len(rows) == 1 + 121
    assert rows[-1].split(",")[:4] == ["120", "120", "121", "1"]


def test_half_of_imdb_wiki_is_curated_on_request_only_and_takes_another_name(
    tmp_path: Path, work: Path, run: Run
) -> None:
    raw = MINIATURES["imdb-wiki"].build(tmp_path)
    (raw / "imdb_meta.tar").unlink()
    (raw / "imdb_crop.tar").unlink()
    message = run("curate", "imdb-wiki", "--raw", raw, "--split", "redraw", code=2).stderr
    assert "there is no imdb.mat" in message
    assert "--only wiki" in message
    assert "is the wiki part alone" in run("curate", "imdb-wiki", "--raw", raw, "--only", "wiki").stderr
    assert manifests.curated(work / "manifests") == ["imdb-wiki-wiki-only"]
    assert "no part called 'mars'" in run("curate", "imdb-wiki", "--raw", raw, "--only", "mars", code=2).stderr
    assert "--only goes with" in run("curate", "imdb-wiki", "--only", "wiki", "--split", "released", code=2).stderr


@pytest.mark.thorough
def test_the_real_wiki_half_keeps_exactly_the_expected_rows_in_order(real: Path, work: Path, run: Run) -> None:
    run("curate", "imdb-wiki", "--only", "wiki", "--raw", real / "imdb-wiki")
    samples = manifests.read(work / "manifests" / "imdb-wiki-wiki-only").samples
    expected = (real / "imdb-wiki" / "wiki_expected.csv").read_text().splitlines()[1:]
    rows = zip(samples.targets, samples.ids, strict=True)
    assert [f"{age:.0f},{key.removeprefix('wiki_crop/')}" for age, key in rows] == expected
    assert len(expected) == 38_912


def test_one_file_of_imdb_wiki_does_for_its_part(work: Path, run: Run) -> None:
    (work / "wiki.mat").write_bytes(mat_bytes("wiki", half("wiki")))
    run("curate", "imdb-wiki", "--raw", "wiki.mat", "--only", "wiki")
    assert len(manifests.read(work / "manifests" / "imdb-wiki-wiki-only").samples.ids) == 31
    message = run("curate", "imdb-wiki", "--raw", "wiki.mat", code=2).stderr
    assert "there is no imdb.mat" in message
    assert "nothing was downloaded" not in message
