"""AUSE is the area that a plain loop over the rows finds, and obeys what its definition promises."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import REFERENCE

from dircli import datasets
from dircli.benchmark.regions import masks, region
from dircli.scores.by_region import Reference, scores
from dircli.scores.metrics.sparsification import ause
from dircli.scores.metrics.table import EVERY
from dircli.store import manifests

if TYPE_CHECKING:
    from dircli.arrays import FloatArray


def by_hand(error: FloatArray, sigma: FloatArray) -> float:
    """The area from the mean of the rows that remain, one share of removed rows after another."""
    n = error.size
    gap, ascending, smallest = 0.0, np.sort(sigma), np.sort(error)
    for remaining in range(1, n + 1):
        cut = ascending[remaining - 1]
        below, tied = error[sigma < cut], error[sigma == cut]
        expected = below.sum() + (remaining - below.size) * tied.mean()
        gap += expected / remaining - smallest[:remaining].mean()
    return float(gap / n / error.mean())


def drawn(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Target, prediction and sigma of a few rows, with ties in none, one or both of error and sigma."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 40))
    target, prediction = draw.normal(size=(2, n)) if seed % 2 else draw.integers(0, 5, (2, n)).astype(float)
    sigma = draw.random(n) + 0.1 if seed % 3 else draw.integers(1, 5, n).astype(float)
    return target, prediction, sigma


def test_no_rounding_makes_an_area_negative() -> None:
    """Where all errors are the same, so is every order; means of groups of equal sigma are rounded."""
    for seed in range(40):
        sigma = np.random.default_rng(seed).integers(1, 6, 30).astype(float)
        assert 0 <= ause(np.zeros(30), np.full(30, 0.1 + seed / 7), sigma) < 1e-12


def test_the_area_is_that_of_a_plain_loop_also_with_ties() -> None:
    for seed in range(200):
        target, prediction, sigma = drawn(seed)
        error = np.abs(prediction - target)
        if error.any():
            assert ause(target, prediction, sigma) == pytest.approx(by_hand(error, sigma), rel=1e-9, abs=1e-12), seed


def test_equal_sigmas_have_the_mean_over_all_orders_that_they_might_be_removed_in() -> None:
    error, sigma = np.array([4.0, 1, 0, 2, 7]), np.array([1.0, 2, 2, 2, 3])
    orders = [np.array([0, *middle, 4]) for middle in permutations((1, 2, 3))]
    areas = [by_hand(error[order], np.arange(5.0)) for order in orders]
    assert len(set(np.round(areas, 9))) > 1
    assert ause(np.zeros(5), error, sigma) == pytest.approx(np.mean(areas))


def test_a_small_area_by_hand() -> None:
    """Errors 3, 1 by ascending sigma: (3 - 1) / 1 of one row, nothing of two, over two steps and a mean of 2."""
    assert ause(np.zeros(2), np.array([3.0, -1.0]), np.array([1.0, 2.0])) == pytest.approx(2 / 2 / 2)


def test_a_sigma_in_the_order_of_the_errors_scores_0() -> None:
    for seed in range(60):
        target, prediction, sigma = drawn(seed)
        error = np.abs(prediction - target)
        ordered = np.empty_like(error)
        ordered[np.argsort(error, kind="stable")] = np.arange(error.size)
        assert ause(target, prediction, ordered) == 0
        assert ause(target, prediction, error + 1) == pytest.approx(0, abs=1e-12)
        assert ause(target, prediction, sigma) >= 0


def test_only_the_order_of_sigma_and_the_proportions_of_the_errors_count() -> None:
    for seed in range(60):
        target, prediction, sigma = drawn(seed)
        found = ause(target, prediction, sigma)
        for monotone in (np.log, np.sqrt, lambda s: 100 * s - 7):
            assert ause(target, prediction, monotone(sigma)) == found
        assert ause(64 * target, 64 * prediction, sigma) == found
        assert ause(prediction, target, sigma) == found


def test_the_order_of_the_rows_changes_no_bit() -> None:
    for seed in range(60):
        rows = np.array(drawn(seed))
        shuffled = rows[:, np.random.default_rng(seed).permutation(rows.shape[1])]
        assert ause(*shuffled) == ause(*rows)


def test_a_sigma_without_information_has_1_less_the_oracles_area_and_the_worst_a_harmonic_number() -> None:
    error = np.random.default_rng(0).random(50)
    oracle = np.mean([np.sort(error)[:m].mean() for m in range(1, 51)]) / error.mean()
    assert ause(np.zeros(50), error, np.full(50, 3.0)) == pytest.approx(1 - oracle)
    one = np.zeros(50)
    one[7] = 2.0
    worst = np.ones(50)
    worst[7] = 0.5
    assert ause(np.zeros(50), one, worst) == pytest.approx((1 / np.arange(1, 51)).sum() - 1 / 50)


def test_no_rows_have_no_area_and_exact_hits_have_none_between_their_curves() -> None:
    none = np.empty(0)
    assert np.isnan(ause(none, none, none))
    assert ause(np.ones(1), np.zeros(1), np.ones(1)) == 0
    assert ause(np.arange(3.0), np.arange(3.0), np.arange(1.0, 4)) == 0


def test_regions_of_the_real_agedb_rows_have_the_area_of_their_own_rows() -> None:
    rows = np.genfromtxt(REFERENCE / "agedb_rows.csv", delimiter=",", names=True)
    path = manifests.shipped("agedb")
    assert path is not None
    table, rules = manifests.read_bins(path), datasets.load("agedb").rules.score_rules["released"]
    train = table.counts["train"]
    target, prediction = rows["target"], rows["sharp"]
    index, regions = table.bins.index(target), region(train, rules.thresholds)
    reference = Reference(target=target, bin_index=index, regions=regions, train=train, rules=rules)
    sigma = np.round(np.abs(prediction - rows["shrunk"])) + 1
    found = scores(reference, prediction, metrics=[EVERY["ause"]], given={"sigma": sigma})
    for name, mask in masks(regions, train).items():
        if name in found:
            own = mask[index]
            expected = by_hand(np.abs(prediction - target)[own], sigma[own])
            assert found[name]["ause"] == pytest.approx(expected, rel=1e-9), name
    assert list(found) == ["all", "many", "medium", "few"]
    assert len({each["ause"] for each in found.values()}) == 4
