"""What `dir verify` finds of a split that is not the published one, or not the one that its seed draws."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from miniatures import MINIATURES, publish

from dircli.curation.export import exported
from dircli.store import manifests

if TYPE_CHECKING:
    from conftest import Run


@pytest.fixture
def folders(tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """AgeDB's miniature drawn by two seeds, of which the draw of seed 666 is declared the published one."""
    raw = MINIATURES["agedb"].build(tmp_path)
    for name, seed in (("first", 666), ("other", 8)):
        run("curate", "agedb", "--raw", raw, "--split", "redraw", "--seed", seed, "--out", tmp_path / name)
    files = exported(manifests.read(tmp_path / "first" / "agedb"))
    publish("agedb", files, monkeypatch)
    for file, data in files.items():
        (work / file).write_bytes(data)
    run("curate", "agedb", "--raw", raw, "--released", ".")
    return {
        "released": work / "manifests" / "agedb",
        **{name: tmp_path / name / "agedb" for name in ("first", "other")},
    }


def rewritten(folder: Path, **facts: Any) -> None:
    """The manifest's facts changed."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def verified(run: Run, folder: Path, *words: str, code: int = 0) -> str:
    return " ".join(run("verify", "--manifest", folder, *words, code=code).stdout.split())


def test_a_draw_that_is_the_published_one_is_identical_whatever_it_is_called(
    folders: dict[str, Path], run: Run
) -> None:
    for name in ("released", "first"):
        found = verified(run, folders[name])
        assert "agedb.csv is byte for byte the published one" in found
        assert "identical to the published split" in found
    rows = len(manifests.read(folders["first"]).samples.ids)
    assert f"seed 666 over this row order: {rows} of {rows} rows equal" in verified(run, folders["first"])


def test_a_redraw_is_told_with_the_rows_that_differ_where_the_published_files_are_given(
    folders: dict[str, Path], run: Run
) -> None:
    found = verified(run, folders["other"])
    assert (
        "not provable: this is a redraw, not the published split; which rows differ is shown with --released" in found
    )
    assert "is git:" not in found
    first, other = (manifests.read(folders[name]).samples for name in ("first", "other"))
    differ = np.flatnonzero(first.split != other.split)
    found = verified(run, folders["other"], "--released", ".")
    assert f"different from the published split in {differ.size} of {len(first.ids)} rows:" in found
    row = differ[0]
    assert f"{other.ids[row]} ({other.split[row]}, published {first.split[row]})" in found


def test_a_row_that_only_one_of_the_two_has_differs_too(
    folders: dict[str, Path], work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = re.sub(rb"AgeDB/0_", b"AgeDB/99_", (work / "agedb.csv").read_bytes())
    (work / "agedb.csv").write_bytes(data)
    publish("agedb", {"agedb.csv": data}, monkeypatch)
    found = verified(run, folders["first"], "--released", ".")
    assert "different from the published split in 2 of 60 rows:" in found
    assert re.search(r"AgeDB/0_\w+\.jpg \(\w+, published nowhere\)", found)
    assert re.search(r"AgeDB/99_\w+\.jpg \(missing, published \w+\)", found)


def test_a_released_manifest_that_is_another_than_the_published_one_fails(
    folders: dict[str, Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("agedb", exported(manifests.read(folders["other"])), monkeypatch)
    found = verified(run, folders["released"], code=1)
    assert re.search(r"agedb.csv is git:[0-9a-f]+, and the published one git:[0-9a-f]+", found)
    assert "different from the published split; which rows differ is shown" in found


def test_a_seed_that_draws_another_split_fails(folders: dict[str, Path], run: Run) -> None:
    first, other = (manifests.read(folders[name]).samples for name in ("first", "other"))
    rewritten(folders["other"], seed=666)
    same = int((first.split == other.split).sum())
    found = verified(run, folders["other"], code=1)
    assert f"seed 666 over this row order: {same} of {len(first.ids)} rows equal; first unlike: " in found
    assert str(other.ids[np.flatnonzero(first.split != other.split)[0]]) in found


def test_training_rows_within_a_gap_fail(folders: dict[str, Path], tmp_path: Path, run: Run) -> None:
    raw = MINIATURES["agedb"].build(tmp_path)
    run("curate", "agedb", "--raw", raw, "--split", "redraw", "--drop-train", "20:40", "--out", tmp_path / "cut")
    (folder,) = (tmp_path / "cut").iterdir()
    found = verified(run, folder)
    assert "0 training rows in [20, 40)" in found
    assert "not provable: it is agedb (redraw, sha256:" in found
    derived = json.loads((folder / "manifest.json").read_text())["derived"]
    rewritten(folder, derived=derived | {"gaps": [[20, 40], [40, 60]]})
    train = manifests.read(folders["other"]).samples
    held = int(((train.targets >= 40) & (train.targets < 60)).sum())
    assert held
    assert re.search(r"[1-9]\d* training rows in \[20, 40\), \[40, 60\)", verified(run, folder, code=1))


def test_a_training_row_at_the_end_of_the_range_lies_in_the_gap_that_reaches_it(work: Path, run: Run) -> None:
    rows = [(1, "test"), (1, "train"), (2, "train"), (7, "train"), (10, "train"), (10, "train")]
    (work / "t.csv").write_text("y,part\n" + "".join(f"{y},{part}\n" for y, part in rows))
    words = ("--target", "y", "--split-column", "part", "--edges", "0,1,5,10", "--drop-train", "2:3", "--name", "cut")
    run("curate", "custom", "--table", "t.csv", *words)
    folder = work / "manifests" / "cut"
    assert "0 training rows in [2, 3)" in verified(run, folder)
    derived = json.loads((folder / "manifest.json").read_text())["derived"]
    for gap, found in (([5, 10], "3 training rows in [5, 10)"), ([0, 1], "0 training rows in [0, 1)")):
        rewritten(folder, derived=derived | {"gaps": [gap]})
        assert found in verified(run, folder, code=int(gap[1] == 10))


def test_a_split_of_which_one_file_is_not_the_published_one_is_another(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = MINIATURES["sts-b"].build(tmp_path)
    run("curate", "sts-b", "--raw", raw, "--split", "redraw", "--out", tmp_path / "drawn")
    files = exported(manifests.read(tmp_path / "drawn" / "sts-b"))
    publish("sts-b", files, monkeypatch)
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    run("curate", "sts-b", "--raw", raw, "--released", tmp_path)
    publish("sts-b", {**files, "dev_new.tsv": b"another"}, monkeypatch)
    found = verified(run, Path("manifests/sts-b"), code=1)
    assert found.count("is byte for byte the published one") == 2
    assert "different from the published split" in found
