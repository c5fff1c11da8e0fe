"""Intervals are scipy's from the same resamples, cover what they say they cover, and are null where undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dircli.scores.metrics.table import EVERY, Mergeable, chosen
from dircli.scores.uncertainty.bootstrap import LEAST, ResamplingPlan, jackknife, resampled, strata
from dircli.scores.uncertainty.intervals import bca, detectable, percentile, standard_error
from dircli.scores.uncertainty.reweighted import ScoredRows

QUICK = settings(deadline=None, max_examples=30)
ALL = {"all": np.ones(3, bool), "last": np.array([False, False, True])}
YOUNG = (2, 1, 2, 3, 2, 2, 4, 6, 4, 7, 7, 14, 17)  # rows in AgeDB's few-shot test bins, in order of age
OLD = (19, 14, 11, 10, 7, 6, 6, 5, 3, 5, 2, 3)


def made_up(sizes: tuple[int, ...], seed: int = 0) -> ScoredRows:
    """Rows of three bins, with errors that grow from bin to bin and lean to one side."""
    generator = np.random.default_rng(seed)
    index = np.repeat(np.arange(3), sizes)
    target = index * 10 + generator.integers(1, 9, index.size).astype(float)
    prediction = target + (1 + index) * generator.gamma(2, 1, index.size)
    return ScoredRows(target=target, prediction=prediction, bin_index=index, bins=3)


@QUICK
@given(st.integers(0, 2**32), st.sampled_from([0.8, 0.95, 0.99]), st.integers(20, 200))
def test_ends_and_error_are_scipys_from_the_same_resamples(seed: int, level: float, n: int) -> None:
    values = np.random.default_rng(seed).gamma(1, 1, n)
    plain = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=300, confidence_level=level, rng=np.random.default_rng(1)
    )
    same, point = plain.bootstrap_distribution, np.array(values.mean())
    assert percentile(point, same, level=level) == pytest.approx(tuple(plain.confidence_interval))
    assert standard_error(same) == pytest.approx(plain.standard_error)
    theirs = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=0, bootstrap_result=plain, confidence_level=level
    )
    without = (values.sum() - values) / (n - 1)
    found = bca(point, same, without, np.zeros(n, np.int64), level=level)
    assert found == pytest.approx(tuple(theirs.confidence_interval), nan_ok=True)


@pytest.mark.thorough
@QUICK
@given(st.integers(0, 2**32), st.tuples(*[st.integers(2, 30)] * 3))
def test_bca_of_strata_is_scipys_of_as_many_samples(seed: int, sizes: tuple[int, int, int]) -> None:
    """Scipy draws each of several samples to its own size, which is what strata are, and leaves out one row of each."""
    rows = made_up(sizes, seed)
    errors = np.abs(rows.prediction - rows.target)
    samples = tuple(errors[rows.bin_index == b] for b in range(3))

    def mae(*parts: np.ndarray) -> float:
        return float(np.concatenate(parts).mean())

    plain = stats.bootstrap(
        samples, mae, method="percentile", n_resamples=200, vectorized=False, rng=np.random.default_rng(0)
    )
    theirs = stats.bootstrap(samples, mae, method="BCa", n_resamples=0, vectorized=False, bootstrap_result=plain)
    plan = ResamplingPlan(rows.bin_index)
    without = jackknife(plan, [rows], ALL, chosen(["mae"]))["all"][0, 0]
    found = bca(np.array(errors.mean()), plain.bootstrap_distribution, without, plan.unit_strata)
    assert found == pytest.approx(tuple(theirs.confidence_interval), nan_ok=True)


@pytest.mark.parametrize("clusters", [None, np.arange(40) % 11])
def test_each_unit_is_left_out_once(clusters: np.ndarray | None) -> None:
    rows = made_up((15, 15, 10))
    metrics = [each for each in EVERY.values() if isinstance(each, Mergeable) and not each.needs]
    plan = ResamplingPlan(rows.bin_index, clusters)
    found = jackknife(plan, [rows], ALL, metrics, workers=2)
    assert found["all"].shape == (1, len(metrics), 40 if clusters is None else 11)
    place = [each.name for each in metrics].index("mae")
    errors = np.abs(rows.prediction - rows.target)
    for name, mask in ALL.items():
        for unit in range(found[name].shape[-1]):
            own = (plan.units != unit) & mask[rows.bin_index]
            assert found[name][0, place, unit] == pytest.approx(errors[own].mean())


def test_the_jackknife_sees_ranks_as_well() -> None:
    rows = made_up((10, 10, 10))
    found = jackknife(ResamplingPlan(rows.bin_index), [rows], ALL, chosen(["spearman", "cindex"]))["all"][0]
    for unit in range(30):
        own = np.arange(30) != unit
        y, p = rows.target[own], rows.prediction[own]
        assert found[0, unit] == pytest.approx(stats.spearmanr(y, p).statistic)


def test_a_score_that_is_undefined_has_no_interval() -> None:
    values = np.random.default_rng(0).normal(size=(2, 100))
    ends = percentile(np.array([np.nan, 0.0]), values)
    assert np.isnan(ends[0]).all()
    assert np.isfinite(ends[1]).all()


def test_undefined_resamples_are_left_out_while_they_are_few() -> None:
    values = np.random.default_rng(0).normal(size=100)
    values[:5] = np.nan
    assert percentile(np.array(0.0), values) == pytest.approx(np.quantile(values[5:], [0.025, 0.975]))
    assert standard_error(values) == pytest.approx(values[5:].std(ddof=1))
    values[5] = np.nan
    assert np.isnan(percentile(np.array(0.0), values)).all()


def test_whether_resamples_are_enough_is_asked_of_each_score_alone() -> None:
    values = np.tile(np.arange(100.0), (2, 1))
    values[1, :6] = np.nan
    ends = percentile(np.zeros(2), values)
    assert ends[0] == pytest.approx([2.475, 96.525])
    assert np.isnan(ends[1]).all()


def test_one_resample_has_no_spread_and_two_have() -> None:
    found = standard_error(np.array([[1.0, np.nan, np.nan], [1.0, np.nan, 3.0], [np.nan] * 3]))
    assert found == pytest.approx([np.nan, 2**0.5, np.nan], nan_ok=True)
    assert np.isnan(percentile(np.array(1.0), np.full(3, np.nan))).all()


def test_bca_of_a_score_on_one_side_of_all_resamples_is_null() -> None:
    values = np.random.default_rng(0).normal(size=100)
    for point in (-10.0, 10.0):
        assert np.isnan(bca(np.array(point), values, np.arange(5.0), np.zeros(5, np.int64))).all()
    assert np.isnan(bca(np.array(0.0), np.full(9, np.nan), np.arange(5.0), np.zeros(5, np.int64))).all()


def test_scores_that_never_vary_have_intervals_of_no_width() -> None:
    point, same, without = np.array(3.0), np.full(100, 3.0), np.full(10, 3.0)
    assert percentile(point, same).tolist() == [3, 3]
    assert bca(point, same, without, np.zeros(10, np.int64)).tolist() == [3, 3]
    assert standard_error(same) == 0


def test_a_skewed_score_moves_the_bca_interval() -> None:
    rows = made_up((30, 30, 30))
    plan = ResamplingPlan(rows.bin_index)
    metrics = chosen(["mse"])
    drawn = resampled(plan, [rows], ALL, metrics, resamples=2000, seed=0)["all"][0]
    point = np.array([np.square(rows.prediction - rows.target).mean()])
    plain, moved = (
        percentile(point, drawn),
        bca(point, drawn, jackknife(plan, [rows], ALL, metrics)["all"][0], plan.unit_strata),
    )
    assert (moved > plain).all()


def test_what_can_be_detected_is_found_with_the_power_stated() -> None:
    error = np.array([0.5, 2.0])
    assert detectable(error) == pytest.approx(error * 2.8016, rel=1e-4)
    shift = float(detectable(np.array(1.0)))
    assert stats.norm.sf(stats.norm.isf(0.025) - shift) == pytest.approx(0.8)


def data_sets(number: int, *, least: int) -> float:
    """How often the interval of few-region MAE holds the truth: 162 rows in AgeDB's bins, drawn by bin as its split is.

    Errors are normal, wider and more biased the further a bin lies from the ages that are common.
    """
    generator = np.random.default_rng(2021)
    regions = np.array(["few"] * len(YOUNG) + ["many"] + ["few"] * len(OLD), dtype=object)
    index = np.repeat(np.arange(len(regions)), (*YOUNG, 0, *OLD))
    assert index.size == 162
    distance = np.abs(np.arange(len(regions)) - len(YOUNG))[index]
    scale, shift = 8 + distance / 2, np.sign(len(YOUNG) - index) * (4 + distance / 2)
    truth = np.mean(stats.foldnorm.mean(np.abs(shift) / scale, scale=scale))
    plan = ResamplingPlan(strata(index, regions, least=least))
    held = 0
    for seed in range(number):
        target = index.astype(float)
        prediction = target + generator.normal(shift, scale)
        rows = ScoredRows(target=target, prediction=prediction, bin_index=index, bins=len(regions))
        drawn = resampled(plan, [rows], {"few": regions == "few"}, chosen(["mae"]), resamples=1000, seed=seed)
        low, high = percentile(np.abs(prediction - target).mean(), drawn["few"][0, 0])
        held += int(low <= truth <= high)
    return held / number


@pytest.mark.slow
def test_few_region_intervals_cover_the_truth_as_often_as_they_say() -> None:
    assert 0.92 <= data_sets(500, least=LEAST) <= 0.97
