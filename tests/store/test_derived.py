"""What was derived from a manifest goes when another takes its name, and nothing is replaced unless asked for."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from dircli.errors import InputError, UsageError
from dircli.store import files, manifests
from dircli.weights.read import training_weights
from dircli.weights.schemes import WeightOptions
from dircli.weights.weigh import weigh, write

if TYPE_CHECKING:
    from conftest import Run

WORDS = ("curate", "custom", "--table", "cat.csv", "--target", "y", "--id", "id", "--bin-width", "1")


@pytest.fixture
def folder(work: Path, run: Run) -> Path:
    """The manifest `cat`, with weights."""
    rows = np.random.default_rng(0).integers(0, 20, 1000)
    pd.DataFrame({"id": range(1000), "y": rows}).to_csv(work / "cat.csv", index=False)
    run(*WORDS)
    run("weights", "cat")
    return work / "manifests" / "cat"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_default_name_is_the_stem_of_the_table(folder: Path) -> None:
    assert json.loads((folder / "manifest.json").read_text())["name"] == "cat"


def test_another_benchmark_is_refused_and_with_force_takes_the_weights_along(folder: Path, run: Run) -> None:
    before = bytes_of(folder)
    for words in (("--seed", "7"), ("--many", "30", "--few", "10")):  # other rows; the same rows under other rules
        told = run(*WORDS, *words, code=2).stderr
        assert "cat (custom, redraw, sha256:" in told
        assert "--force" in told
        assert bytes_of(folder) == before
    run(*WORDS)
    assert bytes_of(folder) == before
    told = run(*WORDS, "--seed", "7", "--force").stderr
    assert "weights.json, weights.parquet" in told
    assert {path.name for path in folder.iterdir()} == {"samples.parquet", "bins.parquet", "manifest.json"}


@pytest.mark.parametrize(
    "words",
    [
        "curate agedb --name cat --raw no/source",  # another dataset
        "curate sts-b --name cat --raw no/source --split redraw",
        "curate nyud2 --name cat --raw no/source",
        "curate custom --name cat --table no/table.csv --target y --split-column split",  # another origin
        "curate custom --name cat --table no/table.csv --target y --drop-train 3:4",
    ],
)
def test_another_dataset_or_origin_under_the_name_is_refused_before_a_source_is_read(
    words: str, folder: Path, run: Run
) -> None:
    told = run(*words.split(), code=2).stderr
    assert "cat (custom, redraw, sha256:" in told
    assert "Add --force to replace it" in told
    forced = run(*words.split(), "--force", code=2).stderr
    assert "no/source: does not exist" in forced or "no/table.csv: there is no such file" in forced
    (folder / "manifest.json").write_text("{")
    assert "a manifest that cannot be read is there" in run(*words.split(), code=2).stderr


def test_stale_weights_are_noticed_by_verify_and_refused_for_training(folder: Path, run: Run) -> None:
    train = manifests.read(folder).samples
    assert training_weights(folder).ids.tolist() == train.ids[train.split == "train"].tolist()
    stale = folder.with_name("kept")
    shutil.copytree(folder, stale)
    run(*WORDS, "--seed", "7", "--force")
    for name in ("weights.parquet", "weights.json"):
        shutil.copy(stale / name, folder / name)
    told = run("verify", "cat", code=1)
    assert "weights.parquet belongs to another content" in told.stdout
    with pytest.raises(InputError, match="they weigh the training samples of another split"):
        training_weights(folder)


def test_weights_of_bins_are_only_shown_and_other_weights_are_refused(folder: Path, run: Run) -> None:
    before = bytes_of(folder)
    run("weights", "cat", "--per", "bin")
    run("weights", "cat")
    assert "--force" in run("weights", "cat", "--scheme", "inverse", code=2).stderr
    assert bytes_of(folder) == before
    run("weights", "cat", "--scheme", "inverse", "--force")
    assert bytes_of(folder) != before


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_weights_of_other_forms_are_read_and_held_to_the_manifest(folder: Path, run: Run, kind: str) -> None:
    run("weights", "cat", "--out", f"w.{kind}")
    assert training_weights(folder, f"w.{kind}").weight == pytest.approx(training_weights(folder).weight)


def test_several_files_in_several_folders_are_written_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "x", tmp_path / "b" / "y"
    files.write_each({first: b"1", second: b"1"})
    with pytest.raises(UsageError, match="y is there already with other content; add --force"):
        files.write_each({tmp_path / "a" / "z": b"2", second: b"2"})
    assert not (tmp_path / "a" / "z").exists()
    files.write_each({first: b"2", second: b"2"}, force=True)
    assert (first.read_bytes(), second.read_bytes()) == (b"2", b"2")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "x", "y"]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("step", range(6))
def test_a_kill_at_any_rename_is_finished_or_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, *, late: bool
) -> None:
    """Each rename is the last one in turn; whoever looks at the first folder then finds old files or new ones.

    So does whoever writes to both a day later, when what killed writers left is removed.
    """
    places = [tmp_path / "a" / "x", tmp_path / "a" / "v", tmp_path / "b" / "y"]
    files.write_each(dict.fromkeys(places, b"1"))
    left = [step]

    def counted(name: str) -> None:
        real = getattr(Path, name)

        def renamed(path: Path, target: Path) -> Path:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return Path(real(path, target))

        monkeypatch.setattr(Path, name, renamed)

    with monkeypatch.context() as patched:
        counted("rename")
        counted("replace")
        patched.setattr("shutil.rmtree", lambda *_, **__: None)  # a killed process removes nothing
        with contextlib.suppress(KeyboardInterrupt):
            files.write_each(dict.fromkeys(places, b"2"), force=True)
    monkeypatch.undo()
    for staging in tmp_path.glob(f"*/{files.STAGING}*"):
        os.utime(staging, (0, 0))
    if late:
        files.write_each({tmp_path / "a" / "more": b"3", tmp_path / "b" / "more": b"3"})
    files.recover(tmp_path / "a")
    assert len({place.read_bytes() for place in places}) == 1


def test_weights_are_not_laid_beside_a_manifest_that_was_replaced_while_they_were_computed(
    folder: Path, run: Run
) -> None:
    late = weigh("cat", WeightOptions(), root=folder.parent)
    elsewhere = weigh("cat", WeightOptions(), root=folder.parent, out=folder.parent / "w.parquet")
    run(*WORDS, "--seed", "7", "--force")
    with pytest.raises(UsageError, match="it was curated anew while these weights were computed; run it again"):
        write(late, force=True)
    assert not (folder / "weights.parquet").exists()
    write(elsewhere)
    assert (folder.parent / "w.parquet").exists()


def test_weights_of_the_same_parameters_are_written_again_and_others_refused(folder: Path, run: Run) -> None:
    facts = json.loads((folder / "weights.json").read_text())
    (folder / "weights.json").write_text(json.dumps(facts | {"version": "0.0.1"}))
    run("weights", "cat")  # by another version, and all the same
    assert json.loads((folder / "weights.json").read_text()) == facts
    for stated in ("[]", "{", json.dumps(facts | {"sigma": 3.0})):
        (folder / "weights.json").write_text(stated)
        assert "add --force" in run("weights", "cat", code=2).stderr


@pytest.mark.parametrize("name", ["samples.parquet", "bins.parquet", "manifest.npy"])
def test_weights_never_take_the_name_of_a_manifests_own_file(folder: Path, run: Run, name: str) -> None:
    before = bytes_of(folder)
    assert "is a manifest's own; choose another" in run("weights", "cat", "--out", folder / name, code=2).stderr
    assert bytes_of(folder) == before


def test_weights_that_are_others_are_refused_for_training(folder: Path, run: Run) -> None:
    run("weights", "cat", "--per", "bin", "--out", "b.parquet")
    with pytest.raises(InputError, match="these are weights per bin"):
        training_weights(folder, "b.parquet")
    run("weights", "cat", "--out", "w.csv")
    lines = Path("w.csv").read_text().splitlines()
    for changed in ([*lines[:-1]], [lines[0], lines[2], lines[1], *lines[3:]]):
        Path("w.csv").write_text("\n".join(changed) + "\n")
        with pytest.raises(InputError, match=r"its rows are not the \d+ training samples of .*cat"):
            training_weights(folder, "w.csv")
    Path("w.json").write_text("{")
    with pytest.raises(InputError, match="its facts are no JSON"):
        training_weights(folder, "w.csv")
    Path("w.json").write_text("[]")
    with pytest.raises(InputError, match="these weights belong to None"):
        training_weights(folder, "w.csv")
