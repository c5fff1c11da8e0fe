"""Targets of many digits, such as seconds since 1970: edges and targets are shown as they are, not to six digits."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dircli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

START = 1_600_000_000
TENS = range(0, 60, 10)


@pytest.fixture
def seconds(work: Path, run: Run) -> Path:
    """The folder of a benchmark called seconds, of 600 whole seconds from `START` on, in bins of 10."""
    targets = START + np.random.default_rng(1).integers(0, 60, 600)
    (work / "t.csv").write_text("id,y\n" + "".join(f"r{row},{target}\n" for row, target in enumerate(targets)))
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "10"]
    run(*words, "--name", "seconds")
    return work / "manifests" / "seconds"


def test_weights_show_the_edges_of_their_bins(seconds: Path, run: Run) -> None:
    rows = [line.split()[:2] for line in run("weights", seconds.name, "--per", "bin").stdout.splitlines()]
    assert ["1600000010", "1600000020"] in rows


def test_similarity_writes_the_edges_of_its_bins(seconds: Path, work: Path, run: Run) -> None:
    train = dircli.load(seconds.name).only("train")
    np.save(work / "f.npy", np.random.default_rng(2).standard_normal((train.ids.size, 3)) + 1)
    words = ["fds", "f.npy", "--dataset", seconds.name, "--similarity", "--anchor", START + 25, "--out", "s.csv"]
    assert f"anchor {START + 20}" in run(*words).stdout
    written = csv.DictReader((work / "s.csv").read_text().splitlines())
    assert [(int(row["low"]), int(row["high"])) for row in written] == [(START + k, START + k + 10) for k in TENS]


def test_cuts_of_other_targets_have_other_names(seconds: Path, run: Run) -> None:
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "10"]
    for low in (10, 40):
        run(*words, "--drop-train", f"{START + low}:{START + low + 10}")
        assert (seconds.parent / f"t-without-{START + low}-{START + low + 10}").is_dir()


def test_targets_outside_are_told_apart_from_the_ends(seconds: Path, work: Path, run: Run) -> None:
    (work / "p.csv").write_text(f"target,prediction\n{START},1\n{START + 61},1\n0.0000001,1\n")
    message = run("evaluate", "p.csv", "--bins", seconds / "bins.parquet", code=2).stderr
    assert f"2 targets lie outside {START}..{START + 60}: {START + 61}, 1e-07" in message
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "10"]
    message = run(*words, "--name", "less", "--range", f"{START}:{START + 50}", code=2).stderr
    assert f"targets lie outside {START}..{START + 50}: r" in message
    assert f" = {START + 57}, r" in message
