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


@pytest.mark.thorough
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


def test_targets_that_cannot_be_weighed_are_told() -> None:
    bins = dircli.Bins(np.array([0.0, 1, 2, 5]))
    with pytest.raises(UsageError, match=r"2 targets lie outside 0\.\.5: 7\.0, -1\.0$"):
        weights([7, 1, -1], bins=bins)
    assert weights([0, 5, 1], bins=bins, scheme="inverse", kernel="none").tolist() == [1, 1, 1]
    with pytest.raises(UsageError, match="give bins, or a bin_width, and not both"):
        weights([1], bins=bins, bin_width=1)
    with pytest.raises(UsageError, match=r"the targets have shape \(1, 2\)"):
        weights([[1, 2]])
    with pytest.raises(UsageError, match=r"the targets have shape \(0,\)"):
        weights([])
    with pytest.raises(UsageError, match="the targets have 2 values that are not finite"):
        weights([1, np.nan, np.inf])
    with pytest.raises(UsageError, match="ids go with the name of a benchmark"):
        weights([1], ids=["a"])
    with pytest.raises(UsageError, match="mine has bins of its own"):
        weights("mine", bin_width=1)
    with pytest.raises(UsageError, match="mine has bins of its own"):
        weights("mine", bins=bins)
    with pytest.raises(UsageError, match=r"ids have shape \(1, 1\)"):
        weights("mine", ids=[["p1"]])
    with pytest.raises(UsageError, match="sts-b is not curated in manifests, so only its bins are known"):
        weights("sts-b")
    with pytest.raises(UsageError, match="nyud2: its samples are pixels"):
        weights("nyud2")


def test_bins_are_a_unit_wide_unless_a_width_is_given() -> None:
    targets = [0, 0.4, 0.6, 3]
    assert weights(targets, scheme="inverse", kernel="none").tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert weights(targets, scheme="inverse", kernel="none", bin_width=0.5).tolist() == pytest.approx(
        [2 / 3, 2 / 3, 4 / 3, 4 / 3]
    )


def test_ids_that_nobody_knows_and_those_of_other_splits_are_told_apart() -> None:
    mine = load("mine")
    train, val = mine.only("train").ids[0], mine.only("val").ids[:2]
    with pytest.raises(InputError, match=r"2 are no training rows: x, y\. Check the ids$"):
        weights("mine", ids=["x", train, "y", "x"])
    with pytest.raises(InputError, match=r"3 are no training rows: x, .*\. 2 of them are val or test rows"):
        weights("mine", ids=["x", *val, train])


def test_the_kernel_is_gaussian_unless_the_scheme_smooths_by_itself() -> None:
    targets = np.repeat([1.0, 2, 3, 7], [5, 9, 2, 30])
    plain = weights(targets, scheme="inverse")
    assert plain.tolist() == weights(targets, scheme="inverse", kernel="gaussian", ks=5, sigma=2).tolist()
    assert plain.tolist() != weights(targets, scheme="inverse", kernel="none").tolist()
    for scheme in ("effective-number", "dense-weight"):
        assert weights(targets, scheme=scheme).tolist() == weights(targets, scheme=scheme, kernel="none").tolist()
