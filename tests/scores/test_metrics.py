"""Every metric against an independent oracle, and at its edges: ties, no rows, one row, constant sides, exact hits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from dircli.errors import UsageError
from dircli.scores.metrics.sums import per_bin, pooled
from dircli.scores.metrics.table import METRICS, chosen, ranks

QUICK = settings(deadline=None, max_examples=60)
VALUE = st.integers(-5000, 5000).map(lambda k: k / 1000)
TIED = st.integers(0, 4).map(float)
BIN = st.integers(0, 3)
ROWS = st.lists(st.tuples(BIN, VALUE, VALUE), min_size=1, max_size=40)
TIED_ROWS = st.lists(st.tuples(BIN, TIED, TIED), min_size=2, max_size=40)
Row = tuple[int, float, float]


def score(name: str, rows: list[Row], zero_error: float = 0) -> float:
    """The metric ``name`` over rows of bin, target and prediction."""
    index, target, prediction = np.array(rows, dtype=float).reshape(-1, 3).T
    sums = per_bin(target, prediction, index.astype(np.int64), bins=4)
    metric = METRICS[name]
    if metric.from_rows is not None:
        return metric.from_rows(target, prediction)
    assert metric.from_sums is not None
    return float(metric.from_sums(pooled(sums), sums, zero_error))


def sides(rows: list[Row]) -> tuple[list[float], list[float]]:
    """Targets and predictions, neither side constant: scipy only warns there."""
    targets, predictions = [row[1] for row in rows], [row[2] for row in rows]
    assume(len(set(targets)) > 1 and len(set(predictions)) > 1)
    return targets, predictions


def test_each_metric_has_exactly_one_function() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert [metric.from_sums, metric.per_row, metric.from_rows].count(None) == 2


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
@pytest.mark.parametrize("constant", [0.1, 1e8 + 0.1])
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


def test_a_side_that_hardly_varies_is_not_constant() -> None:
    rows = [(k % 4, float(k % 7), 1e8 + k % 7 / 1024) for k in range(70)]
    assert score("pearson", rows) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("slope", [1, -1])
def test_perfect_correlation_is_one_and_never_more(name: str, slope: int) -> None:
    for n in range(2, 60):
        found = score(name, [(k % 4, k / 7, slope * k / 3) for k in range(n)])
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
    assert [metric.name for metric in chosen([])] == list(METRICS)


def test_every_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no metric is called 'mea', 'r2'; there are mae, mse, .*, or all"):
        chosen(["mea", "mae", "r2"])


def test_badness_is_lower_for_the_better_of_two_scores() -> None:
    for name, better, worse in (("mae", 1, 2), ("pearson", 0.5, -0.5), ("bias", -1, 2), ("bias", 1, -2)):
        assert METRICS[name].badness(better) < METRICS[name].badness(worse)
    assert METRICS["mae"].badness(5) - METRICS["mae"].badness(3) == 2
    assert METRICS["bias"].badness(-3) == METRICS["bias"].badness(3)
    assert np.isnan(METRICS["exact"].badness(1))
