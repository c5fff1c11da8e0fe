"""The battery of tests that every dataset must pass, given its name; its miniature stands in `miniatures`.

A test class takes one of these for its base and says which datasets it is for: a parameter, or a fixture, ``name``.
"""

# ruff: noqa: D102 - a test method's name states its behaviour, as a test function's does

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import PROJECT
from miniatures import MINIATURES, publish, records

from dircli import datasets
from dircli.benchmark.records import SPLITS
from dircli.curation.export import exported
from dircli.errors import InputError
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run


class OfAll:
    """What every dataset must be."""

    def test_facts_are_complete(self, name: str) -> None:
        dataset = datasets.load(name)
        assert dataset.name == name
        assert set(dataset.rules.score_rules) == {"released", "paper"}
        assert set(dataset.published.expected) == set(SPLITS)
        assert dataset.published.obtain
        assert dataset.published.licence
        assert dataset.published.bibtex.startswith("@")
        assert all(source.urls for source in dataset.released)
        assert all(str(source.digest).startswith("git:") for source in dataset.released)

    @pytest.mark.slow
    def test_the_same_source_gives_the_same_bytes_whatever_its_place_the_threads_and_the_hash_seed(
        self, name: str, program: list[str], tmp_path: Path, work: Path
    ) -> None:
        raw = MINIATURES[name].build(tmp_path)
        trees = []
        for threads, seed in (("1", "0"), ("2", "1"), ("7", "2")):
            (tmp_path / threads).mkdir()
            raw = raw.rename(tmp_path / threads / raw.name)  # where it lies is no part of a manifest
            root = work / threads
            environment = {"OMP_NUM_THREADS": threads, "ARROW_NUM_THREADS": threads, "PYTHONHASHSEED": seed}
            environment |= {"LC_ALL": "C", "PYTHONPATH": str(PROJECT)}
            words = ["curate", name, "--raw", str(raw), "--split", "redraw", "--out", str(root)]
            subprocess.run([*program, *words], env=environment, check=True, capture_output=True)
            trees.append({path.name: path.read_bytes() for path in sorted((root / name).iterdir())})
        pixels = {"pixels.parquet"} if datasets.load(name).counted == "pixels" else set()
        assert set(trees[0]) == {"bins.parquet", "manifest.json", "samples.parquet"} | pixels
        assert trees[0] == trees[1] == trees[2]


class OfSamples:
    """What a dataset that has one target per sample must do."""

    def test_the_reader_gives_the_declared_rows_twice_alike(self, name: str, tmp_path: Path) -> None:
        path = MINIATURES[name].build(tmp_path)
        first, second = (records(name, path) for _ in range(2))
        assert len(first) == MINIATURES[name].rows
        assert list(first.ids) == list(second.ids)
        assert np.array_equal(first.targets, second.targets)
        assert (datasets.load(name).rules.scoring_bins(first.targets).index(first.targets) >= 0).all()

    def test_a_damaged_source_is_refused_with_a_message(self, name: str, tmp_path: Path) -> None:
        path = MINIATURES[name].build(tmp_path)
        MINIATURES[name].damage(path)
        with pytest.raises(InputError, match=r"\w+: .+"):
            records(name, path)

    def test_a_redraw_runs_from_the_raw_source_to_scores(self, name: str, tmp_path: Path, work: Path, run: Run) -> None:
        path = MINIATURES[name].build(tmp_path)
        run("curate", name, "--raw", path, "--split", "redraw")
        run("verify", name)
        run("weights", name)
        manifest = manifests.read(work / "manifests" / name)
        test = manifest.samples.split == "test"
        assert test.any()
        assert manifest.facts["origin"] == "redraw"
        assert manifest.facts["seed"] == 666
        rows = zip(manifest.samples.ids[test], manifest.samples.targets[test], strict=True)
        lines = [f'"{key}",{target + 1}' for key, target in rows]
        (work / "preds.csv").write_text("\n".join(["id,prediction", *reversed(lines)]))
        result = json.loads(run("evaluate", "preds.csv", "--format", "json").stdout)
        assert result["systems"][0]["regions"]["all"]["mae"] == pytest.approx(1, rel=1e-6)
        rules = manifest.facts["rules"][7:15]
        start = f"dir|{name}|test|released|sha256:{manifest.content[7:15]}|rules:{rules}|n:{test.sum()}|s:1|v:"
        assert result["signature"].startswith(start)


class OfPublishedSplits:
    """What a dataset whose split was published must do besides."""

    def test_the_published_split_is_imported_proven_and_written_again(
        self, name: str, tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a redraw of the miniature exports is declared the published split; it comes back byte for byte."""
        raw = MINIATURES[name].build(tmp_path)
        run("curate", name, "--raw", raw, "--split", "redraw")
        files = exported(manifests.read(work / "manifests" / name))
        publish(name, files, monkeypatch)
        for file, data in files.items():
            (tmp_path / file).write_bytes(data)
            shutil.copy(tmp_path / file, work)
        run("curate", name, "--raw", raw, "--released", ".", "--name", "again")
        checks = run("verify", "again").stdout
        assert all(f"{file} is byte for byte the published one" in checks for file in files)
        assert exported(manifests.read(work / "manifests" / "again")) == files
        facts = json.loads((work / "manifests" / "again" / "manifest.json").read_text())
        assert facts["origin"] == "released"
        first = json.loads((work / "manifests" / name / "manifest.json").read_text())
        read_from = {source["file"]: source for source in facts["sources"]}
        assert read_from.keys() >= {*files, *(source["file"] for source in first["sources"])}
        assert all(read_from[source["file"]] == source for source in first["sources"])
        assert facts["facts"] == first["facts"]

    def test_a_split_file_that_is_not_the_published_one_is_refused(
        self, name: str, tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = MINIATURES[name].build(tmp_path)
        run("curate", name, "--raw", raw, "--split", "redraw", "--out", tmp_path / "m")
        files = exported(manifests.read(tmp_path / "m" / name))
        publish(name, files, monkeypatch)
        for file, data in files.items():
            (work / file).write_bytes(data.replace(b"\n", b"\r\n"))
        message = run("curate", name, "--raw", raw, "--released", work, code=2).stderr
        assert all(f"this is not the published {file}" in message for file in files)
        assert not (work / "manifests").exists()
