"""Every metric against an independent oracle, and at its edges: ties, no rows, one row, constant sides, exact hits.

Oracles are scipy's functions and distributions, integrals, and pairs that are counted one by one.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid
from scipy.interpolate import CubicHermiteSpline

from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.benchmark.relevance import Relevance, medcouple, relevance
from dircli.errors import UsageError
from dircli.scores.by_region import RankedRows, Reference, Score, SummedRegion, scores
from dircli.scores.metrics.blocks import SummedRows
from dircli.scores.metrics.cindex import concordance
from dircli.scores.metrics.gaussian import LEVELS, covered, reach
from dircli.scores.metrics.table import EVERY, FURTHER, METRICS, Mergeable, chosen, ranks

QUICK = settings(deadline=None, max_examples=60)
VALUE = st.integers(-5000, 5000).map(lambda k: k / 1000)
TIED = st.integers(0, 4).map(float)
BIN = st.integers(0, 3)
ROWS = st.lists(st.tuples(BIN, VALUE, VALUE), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(VALUE | TIED, VALUE | TIED), min_size=1, max_size=40)
ONES = [-0.25, 0, 0, 0, 0.25, 0.25, 0.25]
"""Of two middle pairs one has h = 1, which halving comes to by rounding."""
SAMPLE = st.lists(st.integers(-50, 50).map(lambda k: k / 4), min_size=1, max_size=30)
TIED_ROWS = st.lists(st.tuples(BIN, TIED, TIED), min_size=2, max_size=40)
Row = tuple[int, float, float]


def score(name: str, rows: list[Row], zero_error: float = 0) -> float:
    """The metric ``name`` over rows of bin, target and prediction."""
    index, target, prediction = np.array(rows, dtype=float).reshape(-1, 3).T
    index = index.astype(np.int64)
    summed = SummedRows(4, [EVERY[name]], ScoreRule(thresholds=Thresholds(many=100, few=20)))
    summed.add(target, prediction, index)
    ranked = RankedRows(target, prediction, index)
    return float(EVERY[name].of(SummedRegion(summed.total(), np.ones(4, bool), zero_error, ranked)))


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


def sides(rows: list[Row]) -> tuple[list[float], list[float]]:
    """Targets and predictions, neither side constant: scipy only warns there."""
    targets, predictions = [row[1] for row in rows], [row[2] for row in rows]
    assume(len(set(targets)) > 1 and len(set(predictions)) > 1)
    return targets, predictions


@pytest.mark.parametrize("name", EVERY)
def test_each_metric_stands_under_its_name_and_says_what_it_is(name: str) -> None:
    metric = EVERY[name]
    assert metric.name == name
    assert metric.what[0].isupper()
    assert metric.source
    if metric.needs and isinstance(metric, Mergeable):
        assert metric.terms


def test_what_a_metric_is_stands_in_the_first_clause_of_its_definition() -> None:
    assert {name: EVERY[name].what for name in ("mae", "gm", "absrel", "pearson")} == {
        "mae": "Mean absolute error, mean |e|",
        "gm": "Geometric mean of the errors, exp(mean ln|e|)",
        "absrel": "Mean absolute relative error, mean |e| / y",
        "pearson": "Pearson correlation of target and prediction",
    }


@QUICK
@given(ROWS | TIED_ROWS)
def test_pearson_is_scipys(rows: list[Row]) -> None:
    assert score("pearson", rows) == pytest.approx(stats.pearsonr(*sides(rows)).statistic, rel=1e-9, abs=1e-9)


@QUICK
@given(ROWS | TIED_ROWS)
def test_spearman_is_scipys_also_with_ties(rows: list[Row]) -> None:
    assert score("spearman", rows) == pytest.approx(stats.spearmanr(*sides(rows)).statistic, rel=1e-9, abs=1e-9)


@QUICK
@given(st.lists(TIED | VALUE))
def test_equal_values_share_the_mean_of_their_ranks(values: list[float]) -> None:
    assert ranks(np.array(values)).tolist() == stats.rankdata(values).tolist()


@QUICK
@given(ROWS)
def test_gm_is_scipys_geometric_mean_of_the_errors(rows: list[Row]) -> None:
    errors = [abs(prediction - target) for _, target, prediction in rows]
    assume(all(errors))
    assert score("gm", rows) == pytest.approx(stats.gmean(errors), rel=1e-9)


@QUICK
@given(ROWS)
def test_mean_errors_are_plain_means(rows: list[Row]) -> None:
    errors = [prediction - target for _, target, prediction in rows]
    squares = [error**2 for error in errors]
    expected = {
        "mae": sum(map(abs, errors)) / len(rows),
        "mse": sum(squares) / len(rows),
        "rmse": (sum(squares) / len(rows)) ** 0.5,
        "bias": sum(errors) / len(rows),
        "exact": errors.count(0),
    }
    assert {name: score(name, rows) for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)


@QUICK
@given(ROWS)
def test_bmae_is_the_mean_over_bins_with_rows(rows: list[Row]) -> None:
    means = []
    for own in {row[0] for row in rows}:
        errors = [abs(prediction - target) for index, target, prediction in rows if index == own]
        means.append(sum(errors) / len(errors))
    assert score("bmae", rows) == pytest.approx(sum(means) / len(means), rel=1e-9)


def test_bmae_weighs_a_rare_bin_like_a_common_one() -> None:
    rows = [(0, 0.0, 1.0)] * 9 + [(3, 0.0, 11.0)]
    assert (score("mae", rows), score("bmae", rows)) == (2, 6)


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_have_no_score(name: str) -> None:
    assert np.isnan(score(name, []))
    assert np.isnan(score(name, [], 1e-10))


def test_one_row_has_errors_but_no_correlation() -> None:
    found = {name: score(name, [(2, 1.0, 4.0)]) for name in METRICS}
    errors = {"mae": 3, "mse": 9, "rmse": 3, "gm": 3, "bias": 3, "bmae": 3, "exact": 0}
    assert found == pytest.approx(errors | {"pearson": np.nan, "spearman": np.nan}, nan_ok=True)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e8 + 0.1])
def test_a_constant_side_has_no_correlation(name: str, constant: float) -> None:
    """The mean of 0.1, 0.1, 0.1 is no longer 0.1 in floats, and still nothing varies."""
    varied = [0.1, 0.2, 0.7, 0.4, 0.5, 0.9]
    assert np.isnan(score(name, [(k % 3, y, constant) for k, y in enumerate(varied)]))
    assert np.isnan(score(name, [(k % 3, constant, p) for k, p in enumerate(varied)]))


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("bins", [1, 4])
def test_a_long_constant_side_has_no_correlation_either(name: str, bins: int) -> None:
    """The running sum of 100,000 times 0.1 drifts by far more than one rounding."""
    rows = [(k % bins, k % 97 / 7, 0.1) for k in range(100_000)]
    assert np.isnan(score(name, rows))


@pytest.mark.parametrize("mean", [1e8, -1e8])
def test_a_side_that_hardly_varies_is_not_constant(mean: float) -> None:
    """The bound grows with the mean, and not with its cube."""
    rows = [(k % 4, float(k % 7), mean + k % 7 / 1024) for k in range(70)]
    assert score("pearson", rows) == pytest.approx(1, rel=1e-6)
    assert score("pearson", [(k, p, y) for k, y, p in rows]) == pytest.approx(1, rel=1e-6)


def test_relative_and_decimal_errors_of_depths_by_hand() -> None:
    rows = [(0, 2.0, 1.0), (1, 4.0, 5.0), (2, 1.0, 100.0)]
    assert score("absrel", rows) == pytest.approx((1 / 2 + 1 / 4 + 99) / 3)
    assert score("log10", rows) == pytest.approx((np.log10(2) + np.log10(1.25) + 2) / 3)
    assert [score(f"delta{k}", [*rows[:2], (0, 1.0, 1.5)]) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("slope", [1, -1])
def test_perfect_correlation_is_one_and_never_more(name: str, slope: int) -> None:
    for n in range(2, 60):
        found = score(name, [(k % 4, 1 + k / 7, slope * k / 7) for k in range(n)])
        assert found == pytest.approx(slope, rel=1e-12)
        assert abs(found) <= 1


def test_one_exact_hit_makes_gm_zero() -> None:
    rows = [(0, 2.0, 2.0), (1, 1.0, 2.0), (1, 1.0, 5.0)]
    assert score("gm", rows) == 0
    assert score("exact", rows) == 1


def test_an_exact_hit_counts_as_the_given_error_instead() -> None:
    rows = [(0, 2.0, 2.0), (1, 1.0, 2.0), (2, 3.0, 3.0), (3, 1.0, 5.0)]
    assert score("gm", rows, 1e-10) == pytest.approx(stats.gmean([1e-10, 1, 1e-10, 4]))
    assert score("gm", rows[:1], 1e-10) == pytest.approx(1e-10)
    assert score("gm", rows[1::2], 1e-10) == pytest.approx(2)
    assert score("exact", rows, 1e-10) == 2


def test_bias_is_positive_where_predictions_are_too_high() -> None:
    assert score("bias", [(0, 1.0, 3.0), (1, 1.0, 2.0)]) == 1.5


def test_metrics_are_chosen_by_name_once_each_and_in_order() -> None:
    assert [metric.name for metric in chosen(["gm", "mae", "gm"])] == ["gm", "mae"]
    assert [metric.name for metric in chosen(["gm", "all"])] == [*METRICS, "bmse", "cindex"]


def test_every_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no metric is called 'mea', 'r2'; there are mae, mse, .*, or all"):
        chosen(["mea", "mae", "r2"])


def test_badness_is_lower_for_the_better_of_two_scores() -> None:
    for name, better, worse in (("mae", 1, 2), ("pearson", 0.5, -0.5), ("bias", -1, 2), ("bias", 1, -2)):
        assert METRICS[name].badness(better) < METRICS[name].badness(worse)
    assert METRICS["mae"].badness(5) - METRICS["mae"].badness(3) == 2
    assert METRICS["bias"].badness(-3) == METRICS["bias"].badness(3)
    assert np.isnan(METRICS["exact"].badness(1))


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


def median_over_pairs(sample: list[float]) -> float:
    """The medcouple by its definition."""
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
    return float(np.median(kernel))


@QUICK
@given(SAMPLE)
def test_the_medcouple_is_the_median_over_all_pairs(sample: list[float]) -> None:
    assert medcouple(np.sort(sample)) == pytest.approx(median_over_pairs(sample), abs=1e-12)


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


def test_further_metrics_are_scored_only_where_they_are_asked_for_and_can_be_had() -> None:
    assert [metric.name for metric in chosen([])] == list(METRICS)
    assert [metric.name for metric in chosen(["all"])] == [*METRICS, "bmse", "cindex"]
    assert [metric.name for metric in chosen(["all"], given=["sigma", "relevance"])] == [*METRICS, *FURTHER]
    assert [metric.name for metric in chosen(["sera", "mae"], given=["relevance"])] == ["sera", "mae"]
    with pytest.raises(UsageError, match=r"sera needs the training targets, .*, nll needs a column sigma"):
        chosen(["sera", "mae", "nll"])


def test_a_ratio_at_the_bound_itself_counts_in_delta() -> None:
    for k in (1, 2, 3):
        assert score(f"delta{k}", [(0, 1.0, 1.25**k), (0, 1.0, 1.25**k * 1.001)]) == 0.5


def test_a_target_at_the_end_of_an_interval_is_covered() -> None:
    ends = np.array([reach()[9], -reach()[9]])
    assert ends == pytest.approx([0.67449, -0.67449], abs=1e-5)  # half of a normal distribution
    assert covered(ends, np.zeros(2), np.ones(2))[:, 0].tolist() == [0.0] * 9 + [1.0] * 10
    assert covered(ends, np.zeros(2), np.ones(2))[:, 1].tolist() == [0.0] * 9 + [1.0] * 10


def test_the_fences_rest_on_tukeys_hinges() -> None:
    """By hand: the hinges of 1..5 are 2 and 4, those of 1..6 are 2 and 5, those of 1..7 are 2.5 and 5.5."""
    for n, (first, third) in {5: (2, 4), 6: (2, 5), 7: (2.5, 5.5)}.items():
        phi = relevance(np.arange(1.0, n + 1))
        reach = 1.5 * (third - first)
        assert (phi.low, phi.high) == pytest.approx((first - reach, third + reach))


def test_medcouples_of_values_that_all_lie_on_one_side_or_at_the_median() -> None:
    for sample in (
        [0, 0, 0, 1],
        [-1, 0, 0, 0],
        [0, 0],
        [0, 0, 0],
        [0, 1],
        [0, 0, 0, 0, 1, 2],
        [0, 1, 1, 1, 2, 9],
        ONES,
    ):
        assert medcouple(np.array(sample, dtype=float)) == pytest.approx(median_over_pairs([*map(float, sample)]))


def test_the_relevance_of_the_mirror_image_is_mirrored() -> None:
    train = np.random.default_rng(0).gamma(3, 4, 1000)
    phi, mirrored = relevance(train), relevance(-train)
    assert (mirrored.low, mirrored.median, mirrored.high) == pytest.approx((-phi.high, -phi.median, -phi.low))
