"""Scores from arrays: the numbers of `dir evaluate`, and what does not fit is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE

from dircli import evaluate
from dircli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

SHIPPED = PROJECT / "manifests"
ROWS = np.loadtxt(REFERENCE / "agedb_rows.csv", delimiter=",", skiprows=1)


@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_arrays_score_as_files_do(protocol: Any, work: Path, run: Run) -> None:
    np.savetxt(work / "p.csv", ROWS[:, :2], delimiter=",", header="target,prediction", comments="", fmt="%.17g")
    words = ("evaluate", "p.csv", "--bins", SHIPPED / "agedb" / "bins.parquet", "--protocol", protocol)
    printed = json.loads(run(*words, "--format", "json").stdout)["systems"][0]["regions"]
    assert evaluate(ROWS[:, 0], ROWS[:, 1], dataset="agedb", protocol=protocol, manifests=SHIPPED) == printed


def test_regions_follow_from_training_targets_where_no_dataset_is_named() -> None:
    train = np.repeat([1.0, 2.0, 3.0], [9, 5, 1])
    scores = evaluate([1, 2, 3, 4], [1, 3, 5, 7], train=train, many=8, few=2, metrics=["mae"])
    assert {region: each["mae"] for region, each in scores.items()} == {
        "all": 1.5,
        "many": 0,
        "medium": 1,
        "few": 2.5,
        "zero": 3,
        "extrapolation": 3,
        "with-data": 1,
    }


def test_bins_are_one_wide_and_thresholds_the_papers_where_nothing_is_said() -> None:
    train = np.repeat([1.0, 2.0, 3.0, 4.0], [101, 100, 20, 19])
    scores = evaluate([1.9, 2.9, 3.9, 4.9, 5], [0] * 5, train=train, metrics=["mae"])
    found = [(scores[region]["bins"], scores[region]["mae"]) for region in ("many", "medium", "few", "zero")]
    assert found == [(1, 1.9), (2, pytest.approx(3.4)), (2, pytest.approx(4.95)), (1, 5)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "give either dataset, or the training targets"),
        ({"dataset": "agedb", "train": [1]}, "give either dataset, or the training targets"),
        ({"dataset": "agedb", "target": [30, -1]}, r"1 targets lie outside 0\.\.121"),
        ({"dataset": "agedb", "target": [30]}, "they must be equal"),
        ({"dataset": "agedb", "target": [[1, 2]]}, "one number per row is expected"),
        ({"dataset": "agedb", "target": [30, np.nan]}, "target has 1 values that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        evaluate(given.pop("target", [30, 40]), [31, 42], manifests=SHIPPED, **given)


def test_ages_are_scored_in_doubles_where_the_released_code_has_float32() -> None:
    """A prediction next to an age is no exact hit, and a large square is a number: both are stated differences."""
    near = 30 + 1e-7
    assert np.float32(near) == np.float32(30)
    scores = evaluate([30.0], [near], train=[30.0])["all"]
    assert scores["exact"] == 0
    assert scores["gm"] == pytest.approx(1e-7, rel=1e-6)
    assert evaluate([30.0], [1e20], train=[30.0])["all"]["mse"] == pytest.approx(1e40)
    with np.errstate(over="ignore"):
        assert np.isinf(np.float32(1e20) ** 2)
