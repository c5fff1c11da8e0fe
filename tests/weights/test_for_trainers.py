"""Weights from Python are those of the command, in the order of whoever asks, and never of a row that is not train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import dircli
from dircli import load, weights
from dircli.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

TARGETS = np.random.default_rng(0).gamma(2, 5, 400).round(1)


@pytest.fixture(autouse=True)
def _curated(work: Path, run: Run) -> None:
    pd.DataFrame({"key": [f"p{row}" for row in range(400)], "y": TARGETS}).to_csv(work / "t.csv", index=False)
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "key", "--bin-width", 1, "--name", "mine")
    run("weights", "mine", "--scheme", "inverse")


def test_weights_by_id_are_those_of_the_file_in_the_callers_order() -> None:
    file = pd.read_parquet("manifests/mine/weights.parquet").set_index("id")["weight"]
    ids = np.random.default_rng(1).permutation(np.repeat(file.index.to_numpy(), 2))
    assert weights("mine", ids=ids, scheme="inverse").tolist() == file[ids].tolist()
    assert weights("mine", scheme="inverse").tolist() == file.tolist()


def test_weights_of_targets_are_those_of_a_manifest_with_these_targets() -> None:
    train = load("mine").only("train")
    assert weights(train.targets).tolist() == weights("mine").tolist()
    assert weights(train.targets, bins=train.scoring_bins).tolist() == weights("mine").tolist()


def test_ids_that_are_no_training_rows_are_counted_and_named() -> None:
    test = load("mine").only("test").ids
    with pytest.raises(
        InputError, match=rf"{len(test)} are no training rows: .* and {len(test) - 10} more\. {len(test)} of"
    ):
        weights("mine", ids=test)


@pytest.mark.parametrize("stranger", [None, float("nan"), 7, b"p1", "p-1"])
def test_an_id_that_is_no_text_is_named_as_python_writes_it(stranger: Any) -> None:
    ids = np.array([*load("mine").only("train").ids[:3], stranger], dtype=object)
    with pytest.raises(InputError, match=f"mine, ids: 1 are no training rows: {stranger}"):
        weights("mine", ids=ids)
    assert weights("mine", ids=ids[:3]).tolist() == weights("mine", ids=ids[:3].astype(str)).tolist()


def test_ids_are_taken_as_numbers_where_the_table_has_numbers(work: Path, run: Run) -> None:
    pd.DataFrame({"key": range(400), "y": TARGETS}).to_csv(work / "n.csv", index=False)
    run("curate", "custom", "--table", "n.csv", "--target", "y", "--id", "key", "--bin-width", 1, "--name", "numbers")
    ids = load("numbers", manifests=work / "manifests").only("train").ids
    assert weights("numbers", ids=ids.astype(int)).tolist() == weights("numbers").tolist()


@pytest.mark.parametrize("wrong", [{"protocol": "papers"}, {"edge": "flat"}, {"normalise": "sum"}, {"scheme": "x"}])
def test_a_misspelt_option_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"there are \w+"):
        weights("mine", **wrong)


def test_regions_are_those_of_the_bins_file() -> None:
    mine, file = load("mine"), pd.read_parquet("manifests/mine/bins.parquet")
    assert mine.regions.tolist() == file["region_released"].to_numpy()[mine.bins].tolist()
    assert mine.to_pandas()["id"].tolist() == mine.ids.tolist()


def test_a_benchmark_is_curated_from_python_as_from_the_shell(run: Run, work: Path) -> None:
    """The same folder, byte for byte; and what the command refuses is refused alike."""
    (work / "raw").mkdir()
    for place in range(3000):
        (work / "raw" / f"{place}_Somebody_{20 + place % 50}_m.jpg").touch()
    run("curate", "agedb", "--raw", "raw", "--split", "redraw", "--seed", 7, "--out", "shell")
    made = dircli.curate("agedb", raw="raw", split="redraw", seed=7, manifests="python")
    assert made.content == dircli.load("agedb", manifests="shell").content
    for file in ("samples.parquet", "bins.parquet", "manifest.json"):
        assert (work / "shell" / "agedb" / file).read_bytes() == (work / "python" / "agedb" / file).read_bytes()
    with pytest.raises(dircli.DirError, match="the published split is imported, not drawn"):
        dircli.curate("agedb", raw="raw", split="released", seed=7)
    with pytest.raises(dircli.DirError, match=r"nothing was downloaded; accept_license=True accepts its terms"):
        dircli.curate("sts-b", data=work / "empty")
    with pytest.raises(dircli.DirError, match="agedb is a benchmark; table and target are for a table of your own"):
        dircli.curate("agedb", table="t.csv")


def test_fds_of_a_dataset_has_its_bins_and_rules(work: Path) -> None:
    fds = dircli.FDS.for_dataset("sts-b", dim=3, manifests=work)
    assert fds.counts.shape == (50,)
    assert fds.settings.endswith("clip=0.5..2 fill=True")
    assert dircli.FDS.for_dataset("sts-b", dim=3, protocol="paper", manifests=work).covariance
    with pytest.raises(dircli.DirError, match="no protocol is called 'printed'"):
        dircli.FDS.for_dataset("sts-b", dim=3, protocol="printed")  # type: ignore[arg-type]
