"""The paired test against scipy's and against every swap there is; Holm against its definition."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resamples import BINS, REGIONS, made_up, rows_of, written_out
from scipy import stats

from dircli.scores.metrics.table import DEPTH, EVERY, METRICS, chosen
from dircli.scores.uncertainty.permutation import holm, paired_permutation_test
from dircli.scores.uncertainty.reweighted import ScoredRows

QUICK = settings(deadline=None, max_examples=20)
WHOLE = {"all": np.ones(BINS, bool)}


def pairs(n: int, seed: int) -> tuple[ScoredRows, ScoredRows]:
    """Two systems on n rows with few values, so that many differences are equal."""
    generator = np.random.default_rng(seed)
    index = generator.integers(0, BINS, n)
    target = index.astype(np.float64) + 1
    first, second = (target + generator.integers(-2, 3, n) * 0.3 for _ in range(2))
    return tuple(ScoredRows(target=target, prediction=p, bin_index=index, bins=BINS) for p in (first, second))  # type: ignore[return-value]


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_p_is_the_share_of_all_swaps_that_differ_as_much(seed: int) -> None:
    """Every one of 2^8 swaps, each metric computed from the rows themselves."""
    first, second = pairs(8, seed)
    ones = np.ones(8, np.int64)
    found = paired_permutation_test(first, second, WHOLE, list(METRICS.values()), permutations=3000, seed=1)["all"]
    for place, metric in enumerate(METRICS.values()):
        differences = []
        for swap in product([False, True], repeat=8):
            own = np.where(swap, second.prediction, first.prediction)
            other = np.where(swap, first.prediction, second.prediction)
            scores = [
                written_out(
                    metric,
                    ScoredRows(target=first.target, prediction=p, bin_index=first.bin_index, bins=BINS),
                    ones,
                    WHOLE["all"],
                )
                for p in (own, other)
            ]
            compared = np.abs(scores) if metric.better == "nearer zero" else scores  # of which neither sign is better
            differences.append((scores[1] - scores[0], compared[1] - compared[0]))
        drawn = np.abs([difference for _, difference in differences])
        assert found.difference[place] == pytest.approx(differences[0][0], abs=1e-8)
        share = np.mean(~(drawn < drawn[0] - 1e-7))
        assert found.p[place] == pytest.approx(share, abs=0.04), metric.name


@pytest.mark.thorough
def test_p_agrees_with_scipys_paired_permutation_test() -> None:
    first, second = made_up(150)
    second = ScoredRows(
        target=first.target, prediction=first.prediction * 0.9 + 0.4, bin_index=first.bin_index, bins=BINS
    )
    y = first.target
    statistics = {
        "mae": lambda a, b: np.abs(b - y).mean() - np.abs(a - y).mean(),
        "spearman": lambda a, b: stats.spearmanr(b, y).statistic - stats.spearmanr(a, y).statistic,
    }
    found = paired_permutation_test(first, second, WHOLE, chosen(list(statistics)), permutations=4000, seed=0)["all"]
    for place, statistic in enumerate(statistics.values()):
        theirs = stats.permutation_test(
            (first.prediction, second.prediction),
            statistic,
            permutation_type="samples",
            vectorized=False,
            n_resamples=800,
            rng=np.random.default_rng(0),
        )
        assert found.difference[place] == pytest.approx(theirs.statistic)
        assert found.p[place] == pytest.approx(theirs.pvalue, abs=0.06)


def test_a_system_like_the_baseline_is_no_better() -> None:
    first, _ = made_up(80)
    for each in paired_permutation_test(first, first, REGIONS, chosen([]), permutations=100, seed=0).values():
        assert set(each.p[np.isfinite(each.p)].tolist()) <= {1.0}
        assert set(each.difference[np.isfinite(each.difference)].tolist()) <= {0.0}


def test_the_smallest_p_is_one_of_all_draws() -> None:
    first, _ = made_up(300)
    second = ScoredRows(target=first.target, prediction=first.prediction + 9, bin_index=first.bin_index, bins=BINS)
    found = paired_permutation_test(first, second, WHOLE, chosen(["mae"]), permutations=199, seed=0)["all"]
    assert found.p.tolist() == [1 / 200]


def test_a_region_without_rows_has_no_test() -> None:
    found = paired_permutation_test(*made_up(50), REGIONS, chosen([]), permutations=10, seed=0)
    assert np.isnan(found["none"].p).all()
    assert np.isnan(found["none"].difference).all()
    none = paired_permutation_test(rows_of([]), rows_of([]), REGIONS, chosen([]), permutations=10, seed=0)
    assert np.isnan(none["all"].p).all()


@pytest.mark.thorough
def test_p_is_uniform_where_systems_are_alike() -> None:
    p = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        index = generator.integers(0, BINS, 60)
        target = index.astype(np.float64)
        first, second = (
            ScoredRows(target=target, prediction=target + generator.normal(size=60), bin_index=index, bins=BINS)
            for _ in range(2)
        )
        p.append(
            paired_permutation_test(first, second, WHOLE, chosen(["mse"]), permutations=99, seed=seed, workers=1)[
                "all"
            ].p[0]
        )
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_rows_of_a_cluster_are_swapped_together() -> None:
    """Two clusters: of four swaps two leave the size of the difference as it is."""
    first, second = made_up(40)
    found = paired_permutation_test(
        first, second, WHOLE, chosen(["mae"]), permutations=4000, seed=0, clusters=np.arange(40) % 2
    )
    errors = [np.abs(each.prediction - each.target) for each in (first, second)]
    parts = np.array([(errors[1] - errors[0])[cluster::2].sum() for cluster in range(2)])
    drawn = np.abs([sign @ parts for sign in np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])])
    assert found["all"].p[0] == pytest.approx(np.mean(drawn >= drawn[0] - 1e-12), abs=0.03)


@pytest.mark.thorough
def test_neither_workers_nor_the_order_of_rows_change_a_bit() -> None:
    first, second = made_up(120)
    shuffled = np.random.default_rng(1).permutation(120)
    metrics = [each for each in EVERY.values() if not each.needs and each.name not in DEPTH]
    found = paired_permutation_test(first, second, REGIONS, metrics, permutations=150, seed=4, workers=1)
    for other in (
        paired_permutation_test(first, second, REGIONS, metrics, permutations=150, seed=4, workers=3),
        paired_permutation_test(first.at(shuffled), second.at(shuffled), REGIONS, metrics, permutations=150, seed=4),
    ):
        for name, each in found.items():
            assert each.p.tobytes() == other[name].p.tobytes()
            assert each.difference.tobytes() == other[name].difference.tobytes()


def test_the_order_of_rows_that_differ_in_sigma_alone_changes_no_bit() -> None:
    first, second = made_up(120)
    shuffled = np.random.default_rng(1).permutation(120)
    flat, sigma = first.bin_index.astype(np.float64) + 1, np.random.default_rng(2).random((2, 120)) + 0.5
    systems = [
        replace(each, target=flat - 1, prediction=flat, given={"sigma": own})
        for each, own in zip((first, second), sigma, strict=True)
    ]
    metrics = chosen(["nll"], given=["sigma"])
    found, other = (
        paired_permutation_test(one, two, REGIONS, metrics, permutations=150, seed=4)["all"]
        for one, two in (systems, [each.at(shuffled) for each in systems])
    )
    assert found.p.tobytes() == other.p.tobytes()


@QUICK
@given(st.lists(st.integers(0, 100).map(lambda k: k / 100), max_size=8), st.integers(0, 3))
def test_holm_rejects_what_its_steps_reject(p: list[float], undefined: int) -> None:
    """Step k of K compares the k-th smallest p with level / (K - k + 1) and stops at the first that is above it."""
    found = holm(np.array([*p, *[np.nan] * undefined]))
    assert np.isnan(found[len(p) :]).all()
    for level in (0.003, 0.0501, 0.2, 0.5):
        rejected: set[int] = set()
        for step, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[place] * (len(p) - step) > level:
                break
            rejected.add(place)
        assert set(np.flatnonzero(found[: len(p)] <= level).tolist()) == rejected
