"""Resamples score as their rows written out would, and are drawn as they should: by stratum or in clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resamples import BINS, REGIONS, made_up, rows_of, written_out
from scipy import stats

from dircli.scores.metrics.table import EVERY, METRICS, chosen
from dircli.scores.uncertainty import reweighted
from dircli.scores.uncertainty.bootstrap import ALONE, ResamplingPlan, resampled, strata, width
from dircli.scores.uncertainty.reweighted import ScoredRows, Scratch, SetScorer

if TYPE_CHECKING:
    from dircli.arrays import AnyArray, FloatArray
    from dircli.scores.metrics.table import Metric

QUICK = settings(deadline=None, max_examples=60)
VALUE = st.integers(1, 9000).map(lambda k: k / 1000)
TIED = st.integers(1, 4).map(float)
ROWS = st.lists(st.tuples(st.integers(0, BINS - 1), VALUE | TIED, VALUE | TIED), min_size=1, max_size=60)


def scored(systems: list[ScoredRows], counts: AnyArray, metrics: list[Metric]) -> dict[str, FloatArray]:
    """The scores of counts in the order of the rows."""
    scorer = SetScorer(systems, REGIONS, metrics)
    return scorer.scores(counts[scorer.order], Scratch())


@pytest.mark.thorough
@settings(deadline=None, max_examples=10)
@given(ROWS, st.integers(0, 2**32), st.sampled_from([0.0, 1e-10]))
def test_counted_rows_score_as_the_same_rows_written_out(
    rows: list[tuple[int, float, float]], seed: int, zero_error: float
) -> None:
    held = rows_of(rows, zero_error)
    other = rows_of([(index, target, 10 - prediction) for index, target, prediction in rows], zero_error)
    counts = np.random.default_rng(seed).integers(0, 4, (len(rows), 5))
    metrics = list(EVERY.values())
    found = scored([held, other], counts, metrics)
    for name, mask in REGIONS.items():
        for system, each in enumerate([held, other]):
            for row, metric in enumerate(metrics):
                expected = [written_out(metric, each, column, mask) for column in counts.T]
                assert found[name][system, row] == pytest.approx(expected, rel=1e-8, abs=1e-8, nan_ok=True), metric.name


@QUICK
@given(st.integers(2, 400), st.integers(0, 2**32), st.sampled_from([3, 50, 10**6]))
def test_spearman_of_many_rows_is_scipys(n: int, seed: int, values: int) -> None:
    """More rows than a run holds, with few ties and many."""
    generator = np.random.default_rng(seed)
    target, prediction = generator.integers(0, values, (2, n)).astype(float)
    rows = ScoredRows(target=target, prediction=prediction, bin_index=np.zeros(n, np.int64), bins=1)
    counts = generator.integers(0, 3, (n, 3))
    scorer = SetScorer([rows], {"all": np.ones(1, bool)}, [METRICS["spearman"]])
    found = scorer.scores(counts[scorer.order], Scratch())["all"][0, 0]
    for value, column in zip(found, counts.T, strict=True):
        y, p = np.repeat(target, column), np.repeat(prediction, column)
        if len(set(y)) > 1 and len(set(p)) > 1:
            assert value == pytest.approx(stats.spearmanr(y, p).statistic, rel=1e-7, abs=1e-7)
        else:
            assert np.isnan(value)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e8 + 0.1])
def test_a_constant_side_has_no_correlation_in_any_resample(constant: float) -> None:
    generator = np.random.default_rng(0)
    index = np.sort(generator.integers(0, BINS, 500))
    varied = index + generator.random(500)
    flat = np.full(500, constant)
    for target, prediction in ((varied, flat), (flat, varied)):
        rows = ScoredRows(target=target, prediction=prediction, bin_index=index, bins=BINS)
        found = resampled(ResamplingPlan(index), [rows], REGIONS, chosen(["pearson", "spearman"]), resamples=50, seed=1)
        assert np.isnan(found["all"]).all()


def test_a_draw_of_equal_predictions_has_no_correlation() -> None:
    """Predictions that vary, but in many resamples not, with bins whose centres differ."""
    rows = rows_of([(0, 0.1, 0.3), (0, 0.1, 0.0), (1, 1.2, 0.7), (1, 1.2, 0.0), (2, 2.4, 0.9), (2, 2.4, 0.0)])
    counts = np.array([[0, 2, 0, 2, 0, 2], [1, 1, 0, 2, 0, 2]]).T
    found = scored([rows], counts, chosen(["pearson", "spearman"]))["all"][0]
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1]).all()


def test_rounding_of_equal_predictions_is_no_spread() -> None:
    for low in np.arange(1, 10) / 7:
        rows = rows_of([(0, 0.1, 0.3), (0, 0.4, low), (0, 0.2, 0.3), (1, 1.2, low), (1, 1.5, 0.3), (1, 1.6, 0.3)])
        counts = np.array([[0, 3, 0, 7, 0, 0]]).T
        assert np.isnan(scored([rows], counts, chosen(["pearson"]))["all"]).all(), low


@pytest.mark.parametrize("codes", [[2, 0, 1, 2, 2, 0, 4, 4, 4, 4], [1, 0, 1, 1, 0, 1]])
def test_each_stratum_is_drawn_from_to_its_own_size(codes: list[int]) -> None:
    strata = np.array(codes)
    counts = ResamplingPlan(strata).counts(np.random.SFC64(0), 500, Scratch())
    for stratum in range(5):
        assert (counts[strata == stratum].sum(axis=0) == (strata == stratum).sum()).all()


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("clustered", [False, True])
def test_a_seed_draws_what_one_formula_says_however_large_the_strata_are(size: int, *, clustered: bool) -> None:
    """Strata of every size, some above `ALONE`, small ones over several runs, a code without rows, in any order."""
    generator = np.random.default_rng(0)
    strata = np.repeat([0, 1, 2, 4, *range(5, 3005)], [1, ALONE - 1, ALONE, 3 * ALONE, *generator.integers(1, 5, 3000)])
    strata = generator.permutation(strata)
    clusters = np.arange(strata.size) // 3 if clustered else None
    plan = ResamplingPlan(strata, clusters)
    units = plan.unit_strata
    order = np.argsort(units, kind="stable")
    raw = np.random.SFC64(7).random_raw((units.size * size + 1) // 2).view(np.uint32).astype(np.uint64)
    ordered = units[order]
    picked = raw[: units.size * size].reshape(-1, size) * np.bincount(units).astype(np.uint64)[ordered][:, None]
    drawn = np.searchsorted(ordered, ordered)[:, None] + (picked >> np.uint64(32)).astype(int)
    expected = np.zeros((units.size, size))
    np.add.at(expected, (order[drawn], np.arange(size)), 1)
    assert np.array_equal(plan.counts(np.random.SFC64(7), size, Scratch()), expected[plan.units])


def test_each_row_of_a_stratum_is_drawn_alike() -> None:
    strata = np.repeat([0, 1, 2], [3, 7, 40])
    counts = ResamplingPlan(strata).counts(np.random.SFC64(1), 20_000, Scratch())
    for stratum in range(3):
        own = counts[strata == stratum]
        m = len(own)
        assert own.mean(axis=1) == pytest.approx(np.ones(m), abs=0.05)
        assert own.var(axis=1) == pytest.approx(np.full(m, 1 - 1 / m), rel=0.1)
        assert stats.chisquare(own.sum(axis=1)).pvalue > 1e-3


def test_bins_of_few_rows_are_joined_with_neighbours_of_their_region() -> None:
    regions = np.array(["few", "few", "few", "many", "many", "few", "few", "medium", "many"], dtype=object)
    sizes = [3, 2, 4, 9, 5, 1, 3, 2, 0]
    index = np.repeat(np.arange(9), sizes)
    found = strata(index, regions, least=5)
    assert [sorted(set(found[index == own].tolist())) for own in range(9)] == [
        *([0], [0], [0]),  # 3 + 2 are enough, and the 4 that are left join them
        *([1], [2]),
        *([3], [3]),  # 4 rows, and no stratum of their region before them
        [4],
        [],
    ]
    assert strata(index, regions, least=1).tolist() == np.unique(index, return_inverse=True)[1].tolist()
    alike = np.repeat(np.arange(5), [4, 1, 4, 1, 5])  # each stratum begins to count anew
    assert strata(alike, np.array(["few"] * 5), least=5).tolist() == np.repeat([0, 1, 2], 5).tolist()


@QUICK
@given(ROWS, st.integers(1, 30))
def test_strata_lie_within_regions_and_hold_enough_rows_where_there_are(
    rows: list[tuple[int, float, float]], least: int
) -> None:
    index = np.sort(rows_of(rows).bin_index)
    regions = np.array(["few", "few", "many", "few", "few"], dtype=object)
    found = strata(index, regions, least=least)
    assert (np.diff(found) >= 0).all()
    assert set(found.tolist()) == set(range(int(found.max()) + 1))
    for code in range(int(found.max()) + 1):
        own = index[found == code]
        assert len(set(regions[own])) == 1
        run = (index <= 1) if own[0] <= 1 else (index >= 3) if own[0] >= 3 else (index == 2)
        assert own.size >= min(least, run.sum())


def test_clusters_are_drawn_whole() -> None:
    clusters = np.array([0, 1, 0, 2, 3, 3, 3])
    counts = ResamplingPlan(np.zeros(7, np.int64), clusters).counts(np.random.SFC64(0), 200, Scratch())
    for cluster in range(4):
        assert (np.ptp(counts[clusters == cluster], axis=0) == 0).all()
    firsts = [int(np.flatnonzero(clusters == cluster)[0]) for cluster in range(4)]
    assert (counts[firsts].sum(axis=0) == 4).all()
    assert len(set(counts.sum(axis=0).tolist())) > 1


@pytest.mark.parametrize("cells", [1, 5000, 20_000])
def test_rows_of_a_bin_that_are_summed_in_parts_give_the_same_scores(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, _ = made_up(400)
    given_: dict[str, Any] = {"resamples": 40, "seed": 3}
    plan = ResamplingPlan(held.bin_index)
    whole = resampled(plan, [held], REGIONS, chosen(["mae", "gm", "pearson"]), **given_)
    monkeypatch.setattr(reweighted, "SINGLE_THREAD", cells)
    parts = resampled(plan, [held], REGIONS, chosen(["mae", "gm", "pearson"]), **given_)
    for name, expected in whole.items():
        assert parts[name] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_the_number_of_workers_changes_no_bit() -> None:
    systems = made_up(300)
    plan = ResamplingPlan(systems[0].bin_index)
    first, second, third = (
        resampled(plan, systems, REGIONS, chosen([]), resamples=700, seed=3, workers=workers) for workers in (1, 2, 7)
    )
    for name in REGIONS:
        assert first[name].tobytes() == second[name].tobytes() == third[name].tobytes()


def test_the_order_of_the_rows_changes_no_bit() -> None:
    systems = made_up(200)
    shuffled = np.random.default_rng(5).permutation(200)
    found, other = (
        resampled(ResamplingPlan(held[0].bin_index), held, REGIONS, chosen([]), resamples=100, seed=3)
        for held in (systems, [each.at(shuffled) for each in systems])
    )
    for name in REGIONS:
        assert found[name].tobytes() == other[name].tobytes()


def test_the_order_of_rows_that_differ_in_sigma_alone_changes_no_bit() -> None:
    generator = np.random.default_rng(2)
    index = np.repeat([0, 4], 30)
    target = index + 0.5
    prediction, sigma = target + generator.integers(0, 3, 60), generator.permutation(60).astype(np.float64) + 1
    rows = ScoredRows(target=target, prediction=prediction, bin_index=index, bins=BINS, given={"sigma": sigma})
    shuffled = rows.at(generator.permutation(60))
    metrics = chosen(["nll", "ause"], given=["sigma"])
    drawn, other = (
        resampled(ResamplingPlan(each.bin_index), [each, each], REGIONS, metrics, resamples=40, seed=3)["all"]
        for each in (rows, shuffled)
    )
    assert drawn.tobytes() == other.tobytes()


def test_seeds_differ_and_a_longer_run_begins_as_a_shorter_one() -> None:
    systems = made_up(100)
    plan = ResamplingPlan(systems[0].bin_index)
    short, long, other = (
        resampled(plan, systems, REGIONS, chosen([]), resamples=resamples, seed=seed)["all"]
        for resamples, seed in ((128, 0), (300, 0), (128, 1))
    )
    assert short.tobytes() == np.ascontiguousarray(long[..., :128]).tobytes()
    assert not np.array_equal(short[0, 0], other[0, 0])


def test_all_systems_see_the_same_resamples() -> None:
    first, _ = made_up(150)
    found = resampled(ResamplingPlan(first.bin_index), [first, first], REGIONS, chosen([]), resamples=50, seed=0)
    assert np.array_equal(found["all"][0], found["all"][1], equal_nan=True)


def test_no_rows_give_no_scores() -> None:
    rows = rows_of([])
    found = resampled(ResamplingPlan(rows.bin_index), [rows], REGIONS, chosen([]), resamples=10, seed=0)
    assert found["all"].shape == (1, 9, 10)
    assert np.isnan(found["all"]).all()


def test_resampled_errors_agree_with_scipys_bootstrap() -> None:
    first, _ = made_up(400)
    plan = ResamplingPlan(np.zeros(400, np.int64))
    found = resampled(plan, [first], REGIONS, chosen(["mae"]), resamples=4000, seed=0)["all"][0, 0]
    errors = np.abs(first.prediction - first.target)
    theirs = stats.bootstrap((errors,), np.mean, n_resamples=4000, rng=np.random.default_rng(0))
    assert found.std(ddof=1) == pytest.approx(theirs.standard_error, rel=0.05)
    low, high = np.quantile(found, [0.025, 0.975])
    reach = float(theirs.standard_error) / 5
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=reach)


def test_few_resamples_of_many_rows_are_held_at_once() -> None:
    assert width(11_022) == 32
    assert width(870_201) == 8


def test_each_task_of_resamples_has_random_numbers_of_its_own() -> None:
    """One source for all tasks would repeat the first 128 resamples, and every interval would rest on those alone."""
    rows, _ = made_up(300)
    drawn = resampled(ResamplingPlan(rows.bin_index), [rows], REGIONS, chosen(["mae"]), resamples=300, seed=1)
    of_resamples = next(iter(drawn.values()))[0, 0]
    assert np.unique(of_resamples).size > 290


def test_so_many_resamples_are_held_at_once_as_fit_the_cache() -> None:
    assert [width(n) for n in (1, 32_768, 32_769, 10**7)] == [width(1), width(1), 8, 8]
    assert width(1) > 8
