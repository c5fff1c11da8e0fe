"""The further metrics against independent oracles: integrals, pairs counted one by one, scipy's distributions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid
from scipy.interpolate import CubicHermiteSpline

from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.errors import UsageError
from dircli.scores.by_region import Reference, Score, scores
from dircli.scores.metrics.cindex import concordance
from dircli.scores.metrics.gaussian import LEVELS
from dircli.scores.metrics.sera import Relevance, medcouple, relevance
from dircli.scores.metrics.table import EVERY, FURTHER, METRICS, chosen

QUICK = settings(deadline=None, max_examples=60)
VALUE = st.integers(-5000, 5000).map(lambda k: k / 1000)
TIED = st.integers(0, 4).map(float)
PAIRS = st.lists(st.tuples(VALUE | TIED, VALUE | TIED), min_size=1, max_size=40)
SAMPLE = st.lists(st.integers(-50, 50).map(lambda k: k / 4), min_size=1, max_size=30)


def evaluated(target: np.ndarray, prediction: np.ndarray, name: str, **given: np.ndarray) -> dict[str, Score]:
    """The metric by region; rows lie in two bins, many below 0 and few from 0 on."""
    reference = Reference(
        target=target,
        bin_index=(target >= 0).astype(np.int64),
        regions=np.array(["many", "few"], dtype=object),
        train=np.array([200, 5]),
        rules=ScoreRule(thresholds=Thresholds(many=100, few=20)),
    )
    found = scores(reference, prediction, metrics=[EVERY[name]], given=given)
    return {region: part[name] for region, part in found.items()}


@QUICK
@given(PAIRS)
def test_concordance_is_the_share_of_pairs_in_order(rows: list[tuple[float, float]]) -> None:
    right = pairs = 0.0
    for (y, p), (z, q) in combinations(rows, 2):
        if y != z:
            pairs += 1
            right += 0.5 if p == q else float((p < q) == (y < z))
    target, prediction = np.array(rows).T
    found = concordance(target, prediction)
    assert found == pytest.approx(right / pairs) if pairs else np.isnan(found)


def test_concordance_without_ties_is_kendalls_tau_rescaled() -> None:
    target, prediction = np.random.default_rng(0).normal(size=(2, 5000))
    tau = stats.kendalltau(target, prediction).statistic
    assert concordance(target, prediction) == pytest.approx((tau + 1) / 2)
    assert np.isnan(concordance(np.empty(0), np.empty(0)))
    assert np.isnan(concordance(np.ones(3), np.arange(3.0)))


@QUICK
@given(PAIRS)
def test_bmse_is_the_mean_over_bins_of_their_mse(rows: list[tuple[float, float]]) -> None:
    target, prediction = np.array(rows).T
    found = evaluated(target, prediction, "bmse")
    squares = (prediction - target) ** 2
    parts = [squares[own].mean() for own in (target < 0, target >= 0) if own.any()]
    assert found["all"] == pytest.approx(np.mean(parts), rel=1e-9)


@QUICK
@given(PAIRS, st.integers(0, 2**32))
def test_sera_is_the_area_under_the_error_of_all_thresholds(rows: list[tuple[float, float]], seed: int) -> None:
    """SER(t) is a step function, so the trapezoid rule over a fine grid comes close to its area."""
    target, prediction = np.array(rows).T
    phi = np.random.default_rng(seed).random(target.size)
    squares = (prediction - target) ** 2
    grid = np.linspace(0, 1, 4001)
    ser = (squares * (phi >= grid[:, None])).sum(axis=1)
    found = evaluated(target, prediction, "sera", relevance=phi)["all"]
    assert found == pytest.approx(trapezoid(ser, grid), abs=squares.sum() / 4000 + 1e-9)


def test_sera_of_the_regions_adds_up() -> None:
    generator = np.random.default_rng(0)
    target, prediction = generator.normal(size=(2, 50))
    found = evaluated(target, prediction, "sera", relevance=generator.random(50))
    assert found["medium"] is None
    assert found["many"] is not None
    assert found["few"] is not None
    assert found["all"] == pytest.approx(found["many"] + found["few"])


@QUICK
@given(SAMPLE)
def test_the_medcouple_is_the_median_over_all_pairs(sample: list[float]) -> None:
    ordered = np.sort(sample)
    median = np.median(ordered)
    low, high = ordered[ordered <= median], ordered[ordered >= median]
    k = int((ordered == median).sum())
    kernel = []
    for i, a in enumerate(low):
        for j, b in enumerate(high):
            if a == b:  # both at the median: their places among the k rows there decide
                kernel.append(float(np.sign(i - (low.size - k) - j)))
            else:
                kernel.append(((b - median) - (median - a)) / (b - a))
    assert medcouple(ordered) == pytest.approx(np.median(kernel), abs=1e-12)


def test_the_medcouple_is_minus_that_of_the_mirror_image() -> None:
    sample = np.sort(np.random.default_rng(0).gamma(1, 1, 501))
    assert medcouple(sample) == pytest.approx(-medcouple(-sample[::-1]))
    assert medcouple(sample) > 0.2
    assert medcouple(np.arange(9.0)) == pytest.approx(0)


def test_relevance_is_a_hermite_spline_through_fences_and_median() -> None:
    train = np.random.default_rng(0).gamma(3, 4, 1000)
    phi = relevance(train)
    assert phi.median == np.median(train)
    first, third = (np.median(part) for part in np.split(np.sort(train), 2))
    skew = medcouple(np.sort(train))
    assert phi.low == pytest.approx(first - 1.5 * np.exp(-4 * skew) * (third - first))
    assert phi.high == pytest.approx(third + 1.5 * np.exp(3 * skew) * (third - first))
    spline = CubicHermiteSpline([phi.low, phi.median, phi.high], [1, 0, 1], [0, 0, 0])
    inside = np.linspace(phi.low, phi.high, 200)
    assert phi(inside) == pytest.approx(spline(inside), abs=1e-12)
    assert phi(np.array([phi.low - 5, phi.median, phi.high + 5])).tolist() == [1, 0, 1]


def test_relevance_of_targets_without_spread_is_a_step() -> None:
    phi = Relevance(3, 3, 3)
    assert phi(np.array([2, 3, 4.0])).tolist() == [1, 0, 1]
    assert relevance(np.full(5, 3.0)) == phi


def test_nll_is_scipys() -> None:
    generator = np.random.default_rng(0)
    target, prediction = generator.normal(size=(2, 60))
    sigma = generator.uniform(0.1, 3, 60)
    found = evaluated(target, prediction, "nll", sigma=sigma)
    assert found["all"] == pytest.approx(-np.mean(stats.norm.logpdf(target, prediction, sigma)))
    assert found["medium"] is None


def test_calibration_error_is_the_mean_distance_of_coverage_from_its_level() -> None:
    generator = np.random.default_rng(0)
    target, prediction = generator.normal(size=(2, 300))
    sigma = generator.uniform(0.1, 3, 300)
    gaps = []
    for level in np.arange(0.05, 0.951, 0.05):
        low, high = stats.norm.interval(level, prediction, sigma)
        gaps.append(abs(((low <= target) & (target <= high)).mean() - level))
    assert len(gaps) == len(LEVELS) == 19
    assert evaluated(target, prediction, "calibration", sigma=sigma)["all"] == pytest.approx(np.mean(gaps))


def test_a_calibrated_sigma_has_hardly_any_calibration_error_and_a_small_one_much() -> None:
    generator = np.random.default_rng(0)
    sigma = generator.uniform(0.5, 2, 20_000)
    prediction = generator.normal(size=20_000)
    target = generator.normal(prediction, sigma)
    good, bad = (evaluated(target, prediction, "calibration", sigma=each)["all"] for each in (sigma, sigma / 100))
    assert good is not None
    assert bad is not None
    assert good < 0.01
    assert bad > 0.4


def test_each_further_metric_has_exactly_one_function_and_says_what_it_is() -> None:
    for name, metric in FURTHER.items():
        assert metric.name == name
        functions = (metric.from_sums, metric.per_row, metric.from_rows, metric.from_terms)
        assert sum(each is not None for each in functions) == 1
        assert bool(metric.needs) == (metric.from_terms is not None)
        assert metric.what[0].isupper()
        assert metric.source


def test_further_metrics_are_scored_only_where_they_are_asked_for_and_can_be_had() -> None:
    assert [metric.name for metric in chosen([])] == list(METRICS)
    assert [metric.name for metric in chosen(["all"])] == [*METRICS, "bmse", "cindex"]
    assert [metric.name for metric in chosen(["all"], given=["sigma", "relevance"])] == [*METRICS, *FURTHER]
    assert [metric.name for metric in chosen(["sera", "mae"], given=["relevance"])] == ["sera", "mae"]
    with pytest.raises(UsageError, match=r"sera needs the training targets, .*, nll needs a column sigma"):
        chosen(["sera", "mae", "nll"])
