"""`dir export`: the very files of the released code. `dir verify --leakage`: what val and test share with train."""

from __future__ import annotations

import csv
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from miniatures import MINIATURES, publish

from dircli import datasets
from dircli.curation.export import exported
from dircli.curation.leakage import keys, shared
from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

ALL = [name for name in sorted(MINIATURES) if datasets.load(name).samples.read_released]
LEAKY = [name for name in sorted(MINIATURES) if datasets.load(name).samples.leaks]
PUBLISHED = "byte for byte the published file"
REAL = {
    "agedb": {"agedb.csv": "78abfdb939ff5cf68672cf11ee9b84a0eb9e990a"},
    "sts-b": {
        "train_new.tsv": "d8a1c71a19ed595ddefa0d7af2edb5d53fb2e54f",
        "dev_new.tsv": "8f1e6c311fbe8529ab6a7d1159e592af2cb4fa8a",
        "test_new.tsv": "ce71c5455c44aec9e518b05672f9d8888b0b035e",
    },
}
WORDS = {
    "agedb": ["--released", "agedb/agedb.csv"],
    "sts-b": ["--raw", "sts-b/STS-B", "--released", "sts-b/released"],
}


def hash_object(path: Path) -> str:
    """The blob id that git itself gives the file."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed, and it is what the ids are compared with")
    done = subprocess.run([git, "hash-object", "--no-filters", str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def curate_real(name: str, real: Path, run: Run) -> None:
    run("curate", name, *(word if word.startswith("--") else real / word for word in WORDS[name]))


@pytest.fixture
def released(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, bytes]]:
    """Curate a miniature whose own redraw is declared the published split; the published files are returned."""

    def released(name: str) -> dict[str, bytes]:
        raw = MINIATURES[name].build(tmp_path)
        run("curate", name, "--raw", raw, "--split", "redraw", "--out", tmp_path / "m")
        files = exported(manifests.read(tmp_path / "m" / name))
        publish(name, files, monkeypatch)
        folder = tmp_path / "published"
        folder.mkdir()
        for file, data in files.items():
            (folder / file).write_bytes(data)
        run("curate", name, "--raw", raw, "--released", folder)
        return files

    return released


# — export —


@pytest.mark.parametrize("name", ALL)
def test_an_export_is_the_published_files_with_the_ids_that_git_gives_them(
    name: str, work: Path, run: Run, released: Callable[[str], dict[str, bytes]]
) -> None:
    files = released(name)
    printed = run("export", name, "--out", "out").stdout.splitlines()
    assert {path.name: path.read_bytes() for path in (work / "out").iterdir()} == files
    for file, line in zip(files, printed, strict=True):
        assert line == f"{hash_object(work / 'out' / file)}  out/{file}  {PUBLISHED}"
    before = sorted((work / "out").iterdir())
    assert run("export", name, "--out", "out").stdout.splitlines() == printed
    assert sorted((work / "out").iterdir()) == before


@pytest.mark.parametrize("name", ["agedb", "imdb-wiki"])
def test_an_exported_age_file_holds_each_row_of_the_manifest_in_its_order(
    name: str, tmp_path: Path, work: Path, run: Run
) -> None:
    run("curate", name, "--raw", MINIATURES[name].build(tmp_path), "--split", "redraw")
    (line,) = run("export", "--out", "out").stdout.splitlines()
    header, *rows = csv.reader((work / line.split("  ")[1]).read_text().splitlines())
    samples = manifests.read(work / "manifests" / name).samples
    assert header == ["age", "path", "split"]
    expected = zip(samples.targets, samples.ids, samples.split, strict=True)
    assert [tuple(row) for row in rows] == [(f"{age:.0f}", key, split) for age, key, split in expected]


def test_an_exported_sts_b_file_holds_the_raw_lines_numbered_anew(tmp_path: Path, work: Path, run: Run) -> None:
    raw = MINIATURES["sts-b"].build(tmp_path)
    run("curate", "sts-b", "--raw", raw, "--split", "redraw")
    run("export", "--out", "out")
    lines = {line.partition("\t")[2] for part in ("train", "dev") for line in read_lines(raw / f"{part}.tsv")[1:]}
    found = []
    for path in (work / "out").iterdir():
        header, *rows = read_lines(path)
        assert header == read_lines(raw / "train.tsv")[0]
        assert [row.partition("\t")[0] for row in rows] == [str(index) for index in range(len(rows))]
        found += [row.partition("\t")[2] for row in rows]
    assert len(found) == len(lines) == 48
    assert set(found) == lines


def read_lines(path: Path) -> list[str]:
    return path.read_bytes().decode().removesuffix("\n").split("\n")


@pytest.mark.parametrize("name", sorted(REAL))
def test_the_real_benchmark_is_exported_byte_for_byte(name: str, real: Path, work: Path, run: Run) -> None:
    curate_real(name, real, run)
    printed = run("export", name, "--out", "out").stdout.splitlines()
    assert printed == [f"{blob}  out/{file}  {PUBLISHED}" for file, blob in REAL[name].items()]
    for file, blob in REAL[name].items():
        assert hash_object(work / "out" / file) == blob
        folder = real / name if name == "agedb" else real / name / "released"
        assert (work / "out" / file).read_bytes() == (folder / file).read_bytes()


@pytest.mark.parametrize("name", ALL)
def test_the_export_of_a_redraw_says_that_it_is_not_the_published_split(name: str, tmp_path: Path, run: Run) -> None:
    run("curate", name, "--raw", MINIATURES[name].build(tmp_path), "--split", "redraw")
    printed = run("export", name, "--out", "out").stdout.splitlines()
    assert printed
    assert all(line.endswith("  not the published file") for line in printed)


def test_what_is_not_curated_cannot_be_exported(work: Path, run: Run) -> None:
    assert "'agedb' is not curated" in run("export", "agedb", "--out", "out", code=2).stderr
    assert not (work / "out").exists()


# — leakage —


def columns(manifest: Any, *names: str) -> list[tuple[str, ...]]:
    """Row by row, the values of these columns."""
    return list(zip(*(manifest.samples.columns[name] for name in names), strict=True))


def brute_force(manifest: Any, kind: str, split: str) -> list[str]:
    """The ids of the rows of ``split`` that share something with a row of train: every row against every other."""
    alike: dict[str, Callable[[tuple[str, ...], tuple[str, ...]], bool]] = {
        "identity": lambda one, other: one == other,
        "pair": lambda one, other: one == other,
        "pair either way": lambda one, other: one in {other, other[::-1]},
        "sentence": lambda one, other: any(text in other for text in one),
    }
    names = ("identity",) if kind == "identity" else ("sentence1", "sentence2")
    rows = list(zip(manifest.samples.ids, manifest.samples.split, columns(manifest, *names), strict=True))
    trains = [row for _, part, row in rows if part == "train"]
    return [key for key, part, row in rows if part == split and any(alike[kind](row, other) for other in trains)]


def shown(stdout: str) -> dict[tuple[str, str], tuple[int, int, str]]:
    """The printed table: kind and split → rows, of, share."""
    lines = [line.rsplit(maxsplit=4) for line in stdout.splitlines()[2:] if line.strip()]
    return {(kind, split): (number(rows), number(of), share) for kind, split, rows, of, share in lines}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", LEAKY)
def test_leakage_is_what_a_look_at_every_two_rows_finds(name: str, tmp_path: Path, work: Path, run: Run) -> None:
    run("curate", name, "--raw", MINIATURES[name].build(tmp_path), "--split", "redraw")
    done = run("verify", name, "--leakage")
    table = shown(done.stdout)
    manifest = manifests.read(work / "manifests" / name)
    rows = listed(work / "manifests" / name / "leakage.csv")
    assert "manifests" in done.stderr
    assert set(table) == {(kind, split) for kind, _ in table for split in ("val", "test")}
    for (kind, split), (count, of, share) in table.items():
        expected = brute_force(manifest, kind, split)
        assert [row["id"] for row in rows if (row["kind"], row["split"]) == (kind, split)] == expected
        assert count == len(expected)
        assert of == (manifest.samples.split == split).sum()
        assert share == f"{count / of:.1%}"
    assert len(rows) == sum(count for count, _, _ in table.values())
    assert any(count for count, _, _ in table.values())


def test_real_sts_b_shares_15_pairs_and_a_fifth_of_its_sentences(real: Path, work: Path, run: Run) -> None:
    curate_real("sts-b", real, run)
    table = shown(run("verify", "sts-b", "--leakage").stdout)
    assert table["pair", "test"][:2] == (15, 1_000)
    assert table["sentence", "test"] == (194, 1_000, "19.4%")
    manifest = manifests.read(work / "manifests" / "sts-b")
    rows = listed(work / "manifests" / "sts-b" / "leakage.csv")
    texts = dict(zip(manifest.samples.ids, columns(manifest, "sentence1", "sentence2"), strict=True))
    trains = manifest.samples.ids[manifest.samples.split == "train"]
    pairs, sentences = {texts[key] for key in trains}, {text for key in trains for text in texts[key]}
    ids = {kind: {row["id"] for row in rows if (row["kind"], row["split"]) == (kind, "test")} for kind, _ in table}
    tests = manifest.samples.ids[manifest.samples.split == "test"]
    assert ids["pair"] == {key for key in tests if texts[key] in pairs}
    assert ids["sentence"] == {key for key in tests if sentences & set(texts[key])}
    assert ids["pair"] <= ids["pair either way"] <= ids["sentence"]
    assert {(kind, split): count for (kind, split), (count, _, _) in table.items()} == {
        (kind, split): sum((row["kind"], row["split"]) == (kind, split) for row in rows) for kind, split in table
    }
    assert all(row["key"] == " | ".join(texts[row["id"]]) for row in rows)


@pytest.mark.thorough
def test_every_val_and_test_row_of_real_agedb_shows_a_person_of_train(real: Path, work: Path, run: Run) -> None:
    curate_real("agedb", real, run)
    table = shown(run("verify", "agedb", "--leakage").stdout)
    assert table == {("identity", split): (2_140, 2_140, "100.0%") for split in ("val", "test")}
    rows = listed(work / "manifests" / "agedb" / "leakage.csv")
    manifest = manifests.read(work / "manifests" / "agedb")
    assert {row["id"] for row in rows} == set(manifest.samples.ids[manifest.samples.split != "train"])
    assert len({row["key"] for row in rows if row["split"] == "test"}) == 544


def test_ids_with_commas_and_quotes_survive_the_list(tmp_path: Path, work: Path, run: Run) -> None:
    path = tmp_path / "AgeDB.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for row in range(9):
            archive.writestr(f'AgeDB/{row}_Smith, "Will" Jr._30_m.jpg', b"")
    run("curate", "agedb", "--raw", path, "--split", "redraw")
    run("verify", "--leakage")
    rows = listed(work / "manifests" / "agedb" / "leakage.csv")
    samples = manifests.read(work / "manifests" / "agedb").samples
    assert sorted(row["id"] for row in rows) == sorted(samples.ids[samples.split != "train"])
    assert {row["key"] for row in rows} == {'Smith, "Will" Jr.'}


def test_a_row_of_train_never_leaks_and_a_key_of_val_is_none_of_train() -> None:
    import numpy as np

    split = np.array(["train", "val", "test", "test"], dtype=object)
    names = np.array(["a", "b", "b", "a"], dtype=object)
    assert list(shared([names], split)) == [False, False, False, True]
    other = np.array(["x", "a", "y", "z"], dtype=object)
    assert list(shared([names, other], split)) == [False, True, False, True]
    assert list(shared(keys([names, other], "row"), split)) == [False] * 4
    turned = keys([np.array(["a", "b"], dtype=object), np.array(["b", "a"], dtype=object)], "set")
    assert list(shared(turned, split[[0, 2]])) == [False, True]
