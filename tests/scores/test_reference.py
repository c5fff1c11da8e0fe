"""The numbers that the released code itself printed on the real splits, and the facts that are stated about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from conftest import REFERENCE

from dircli import datasets
from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.regions import region
from dircli.scores.by_region import Reference, Score, scores
from dircli.store import manifests
from dircli.weights.schemes import WeightOptions, bin_weights

if TYPE_CHECKING:
    from dircli.benchmark.manifest import BinTable
    from dircli.benchmark.protocol import Kernel, ProtocolName, Scheme

FOLDER = REFERENCE
DATASETS = {"agedb": "agedb", "stsb": "sts-b"}
SCORES = {"mae": "mae", "l1": "mae", "mse": "mse", "gm": "gm", "gmean": "gm", "pearsonr": "pearson"}
SCORES |= {"spearmanr": "spearman", "n": "n", "num_samples": "n"}


def printed(file: str) -> dict[str, Any]:
    """One of the files of reference numbers."""
    return cast("dict[str, Any]", json.loads((FOLDER / file).read_text()))


WINDOWS = printed("windows.json")
WEIGHTS = {(name, key): value for name in DATASETS for key, value in printed(f"{name}_weights.json").items()}
SCORED = {(name, system): value for name in DATASETS for system, value in printed(f"{name}_scores.json").items()}


def shipped(name: str) -> BinTable:
    """The bins that come with the package."""
    path = manifests.shipped(name)
    assert path is not None
    return manifests.read_bins(path)


def evaluate(name: str, system: str, protocol: ProtocolName) -> dict[str, dict[str, Score]]:
    """The scores of the reference rows of ``name`` against its shipped bins."""
    rows = np.genfromtxt(FOLDER / f"{name}_rows.csv", delimiter=",", names=True)
    table, rules = shipped(DATASETS[name]), datasets.load(DATASETS[name]).rules.score_rules[protocol]
    reference = Reference(
        target=rows["target"],
        bin_index=table.bins.index(rows["target"]),
        regions=region(table.counts["train"], rules.thresholds),
        train=table.counts["train"],
        rules=rules,
    )
    return scores(reference, rows[system])


@pytest.mark.parametrize("key", WINDOWS)
def test_windows_are_those_of_the_released_code(key: str) -> None:
    kernel, ks, sigma = key.split("/")
    found = kernel_window(cast("Kernel", kernel), int(ks), float(sigma), filtered=True)
    assert found == pytest.approx(WINDOWS[key], rel=1e-6, abs=0)


@pytest.mark.parametrize(("name", "key"), WEIGHTS)
def test_weights_are_those_of_the_released_code(name: str, key: str) -> None:
    table, rule = shipped(DATASETS[name]), datasets.load(DATASETS[name]).rules.weights
    scheme, kernel, ks, sigma = (*key.split("/"), "1", "1")[:4]
    fold = rule.fold(np.arange(len(table.bins)))
    found = bin_weights(
        np.bincount(fold, weights=table.counts["train"]).astype(np.int64),
        WeightOptions(
            scheme=cast("Scheme", scheme.replace("_", "-")),
            kernel=cast("Kernel", kernel),
            ks=int(ks),
            sigma=float(sigma),
        ),
        rule,
    )
    held = {str(index): found.weight[index] for index in np.flatnonzero(found.count)}
    assert held == pytest.approx(WEIGHTS[name, key], rel=1e-6, abs=0)


@pytest.mark.parametrize(("name", "system"), SCORED)
def test_scores_are_those_of_the_released_code(name: str, system: str) -> None:
    found = evaluate(name, system, "released")
    for part, expected in SCORED[name, system].items():
        ours = {key: found[part][SCORES[key]] for key in expected}
        assert ours == pytest.approx(expected, rel=1e-5, abs=0), part


def test_the_released_gaussian_has_higher_tails_than_the_printed_one() -> None:
    assert kernel_window("gaussian", 5, 2, filtered=True) == pytest.approx([0.858, 0.946, 1, 0.946, 0.858], abs=5e-4)
    assert kernel_window("gaussian", 5, 2, filtered=False) == pytest.approx([0.607, 0.882, 1, 0.882, 0.607], abs=6e-4)


@pytest.mark.parametrize(
    ("name", "protocol", "part", "expected"),
    [
        ("stsb", "released", "n", [1000, 756, 170, 74]),
        ("stsb", "paper", "n", [1000, 756, 207, 37]),
        ("agedb", "released", "n", [2140, 1530, 448, 162]),
        ("agedb", "paper", "n", [2140, 1530, 448, 162]),
        ("agedb", "released", "bins", [92, 51, 16, 25]),
    ],
)
def test_regions_hold_the_stated_test_rows(name: str, protocol: ProtocolName, part: str, expected: list[int]) -> None:
    found = evaluate(name, "sharp", protocol)
    assert [found[where][part] for where in ("all", "many", "medium", "few")] == expected


def test_five_sts_b_bins_are_few_when_released_and_medium_by_the_printed_rule() -> None:
    table = shipped("sts-b")
    unlike = np.flatnonzero(table.regions["released"] != table.regions["paper"])
    assert unlike.tolist() == [15, 25, 33, 45, 47]
    assert set(table.regions["released"][unlike]) == {"few"}
    assert set(table.regions["paper"][unlike]) == {"medium"}


@pytest.mark.parametrize("name", DATASETS.values())
@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_the_shipped_regions_follow_from_the_shipped_counts(name: str, protocol: ProtocolName) -> None:
    table, rules = shipped(name), datasets.load(name).rules.score_rules[protocol]
    assert table.regions[protocol].tolist() == region(table.counts["train"], rules.thresholds).tolist()


@pytest.mark.parametrize("name", DATASETS)
def test_the_reference_rows_fill_the_shipped_test_bins(name: str) -> None:
    target = np.genfromtxt(FOLDER / f"{name}_rows.csv", delimiter=",", names=True)["target"]
    table = shipped(DATASETS[name])
    assert table.bins.counts(target).tolist() == table.counts["test"].tolist()
