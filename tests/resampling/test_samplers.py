"""Synthetic rows lie between their parents or near them, and bumps get the rows that they are to have."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.arrays import IntArray
from dircli.benchmark.relevance import ControlPoints, box_plot
from dircli.errors import UsageError
from dircli.resampling import samplers
from dircli.resampling.samplers import Bump, Method, Rows, SamplerOptions, Synthetic, half_medians, neighbours, sizes

QUICK = settings(deadline=None, max_examples=25)
RARE_ABOVE_10 = ControlPoints(np.array([9.0, 11]), np.array([0.0, 1]))
ENDS = ControlPoints(np.array([2.0, 3, 10, 11]), np.array([1.0, 0, 0, 1]))


def rows(numbers: object, targets: object, words: object = None, whole: object = ()) -> Rows:
    """Rows of one column of numbers, or of several, and of nominal codes where there are any."""
    values = np.array(numbers, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    codes = np.empty((len(values), 0), np.int64) if words is None else np.array(words, dtype=np.int64)
    each = np.array(whole or [False] * values.shape[1], dtype=bool)
    return Rows(numbers=values, words=codes, targets=np.array(targets, dtype=np.float64), whole=each)


def drawn(n: int = 300, seed: int = 0) -> Rows:
    """Skewed targets with three columns of numbers, one of them whole, and two nominal ones."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 3)) * [1, 10, 5]
    numbers[:, 2] = np.rint(numbers[:, 2])
    targets = np.exp(numbers[:, 0] + 0.3 * rng.normal(size=n))
    return rows(numbers, targets, rng.integers(0, [2, 4], size=(n, 2)), whole=[False, False, True])


def resampled(
    of: Rows, method: Method, phi: object = None, **options: object
) -> tuple[IntArray, Synthetic, list[Bump]]:
    phi = phi or box_plot(of.targets)
    return samplers.resample(of, phi, SamplerOptions(method=method, **options))  # type: ignore[arg-type]  # as given


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """A few rows with ties, duplicates and constant columns; some targets are rare, some not."""
    n = draw(st.integers(2, 30))
    small = st.integers(-3, 3)
    numbers = draw(st.lists(st.tuples(small, small), min_size=n, max_size=n))
    words = draw(st.lists(st.tuples(st.integers(0, 2)), min_size=n, max_size=n))
    targets = [0.0, 20, *draw(st.lists(st.sampled_from([0.0, 1, 5, 6, 12, 12.5, 20]), min_size=n - 2, max_size=n - 2))]
    return rows(np.array(numbers) / 3, targets, words)


@QUICK
@given(tables(), st.sampled_from(get_args(Method)), st.sampled_from(["balance", "extreme"]), st.integers(1, 40))
def test_counts_are_as_told_and_every_row_has_its_parents_in_a_rare_bump(
    of: Rows, method: Method, sampling: str, k: int
) -> None:
    """Whatever the table: bumps of one row, equal rows, more neighbours asked for than there are."""
    phi = ControlPoints(np.array([4.0, 5, 6, 11]), np.array([0.0, 1, 0, 1]))
    kept, made, bumps = resampled(of, method, phi, sampling=sampling, k=k)
    assert sum(bump.before for bump in bumps) == len(of.targets)
    assert sum(bump.after for bump in bumps) == len(kept) + len(made.targets)
    assert (np.diff(kept) > 0).all()
    for bump in bumps:
        inside = (of.targets >= bump.low) & (of.targets <= bump.high)
        assert inside.sum() == bump.before
        assert inside[kept].sum() == min(bump.before, bump.after)
        assert inside[made.parents[:, 0]].sum() == max(0, bump.after - bump.before)
        assert bump.after == bump.before or bump.rare == (bump.after > bump.before)
    pairs = made.parents[made.parents[:, 1] >= 0]
    assert np.isin(np.sign(of.targets[pairs[:, 0]] - 5.5), np.sign(of.targets[pairs[:, 1]] - 5.5)).all()
    assert np.isfinite(made.numbers).all()
    assert np.isfinite(made.targets).all()


@QUICK
@given(tables(), st.integers(0, 2**32))
def test_smoter_stays_between_its_parents(of: Rows, seed: int) -> None:
    _, made, _ = resampled(of, "smoter", RARE_ABOVE_10, seed=seed, sampling="extreme")
    one, other = made.parents.T
    for values, theirs in ((made.numbers, of.numbers), (made.targets[:, None], of.targets[:, None])):
        assert (values >= np.minimum(theirs[one], theirs[other])).all()
        assert (values <= np.maximum(theirs[one], theirs[other])).all()
    assert ((made.words == one[:, None]) | (made.words == other[:, None])).all()


def test_a_target_by_smoter_is_weighted_by_the_distances_to_both_parents() -> None:
    """A row a quarter of the way from one to the other has three quarters of the target of the nearer one."""
    of = rows([3, 3.4, 3.9, 0, 1, 2, *[0] * 20], [12, 20, 13, *[0] * 23])
    _, made, _ = resampled(of, "smoter", RARE_ABOVE_10, k=2, sampling="extreme")
    one, other = made.parents.T
    share = (made.numbers - of.numbers[one])[:, 0] / (of.numbers[other] - of.numbers[one])[:, 0]
    assert made.targets == pytest.approx(of.targets[one] + share * (of.targets[other] - of.targets[one]))
    assert len(set(share.round(6))) == len(share) > 0


def test_a_nominal_difference_counts_as_much_as_the_range_of_a_number() -> None:
    """Where both parents are alike in numbers, the target is that of the parent whose word was taken."""
    of = rows([0, 0, 0, 0, 0, 1], [12, 20, 0, 0, 0, 0], [[0], [1], [0], [0], [0], [0]])
    _, made, _ = resampled(of, "smoter", RARE_ABOVE_10)
    assert made.targets.tolist() == of.targets[made.words[:, 0]].tolist()
    mixed = rows([0, 1, *[0] * 30], [12, 20, *[0] * 30], [[0], [1], *[[0]] * 30])
    _, made, _ = resampled(mixed, "smoter", RARE_ABOVE_10)
    swapped = made.words[:, 0] != made.parents[:, 0]
    share = np.abs(made.numbers - mixed.numbers[made.parents[:, 0]])[:, 0]
    gone, left = np.sqrt(share**2 + swapped), np.sqrt((1 - share) ** 2 + ~swapped)
    one, other = mixed.targets[made.parents].T
    assert made.targets == pytest.approx(one + gone / (gone + left) * (other - one))
    assert 0 < swapped.sum() < len(swapped)


def test_parents_that_are_equal_give_a_target_half_way() -> None:
    _, made, _ = resampled(rows([0, 0, 1, 1, 1, 1], [12, 20, 0, 0, 0, 0]), "smoter", RARE_ABOVE_10)
    assert made.targets.tolist() == [16]
    assert made.numbers.tolist() == [[0]]


def test_neighbours_are_the_nearest_others_also_among_equal_points() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    cases = np.array([3, 7, 59])
    assert neighbours(points, cases, 4).tolist() == np.argsort(distances, axis=1)[cases, :4].tolist()
    equal = neighbours(np.zeros((9, 2)), np.arange(9), 3)
    assert equal.shape == (9, 3)
    assert (equal != np.arange(9)[:, None]).all()
    assert all(len(set(each)) == 3 for each in equal.tolist())
    assert sorted(neighbours(points[:3], np.array([1]), 5)[0].tolist()) == [0, 2]
    assert neighbours(points[:1], np.array([0, 0]), 5).tolist() == [[0], [0]]


def test_distances_are_heom() -> None:
    """Numbers as a share of their range in the bump, 1 for words that differ; a constant column adds none."""
    of, bump = drawn(80), np.arange(10, 70)
    of = replace(of, numbers=np.column_stack([of.numbers, np.ones(80)]), whole=np.append(of.whole, np.False_))
    span = np.append(np.ptp(of.numbers[bump, :3], axis=0), 1)
    source = samplers._Source(of, bump, np.random.default_rng(0))  # noqa: SLF001 - its points are no one else's
    points = source.points()
    one, other = np.random.default_rng(1).integers(0, 60, (2, 200))
    numbers = ((of.numbers[bump[one]] - of.numbers[bump[other]]) / span) ** 2
    expected = np.sqrt(numbers.sum(axis=1) + (of.words[bump[one]] != of.words[bump[other]]).sum(axis=1))
    assert np.linalg.norm(points[one] - points[other], axis=1) == pytest.approx(expected)
    assert source.heom(of.numbers[bump[one]], of.words[bump[one]], bump[other]) == pytest.approx(expected)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 9])
def test_half_medians_are_of_the_distances_to_every_row(m: int) -> None:
    points = np.random.default_rng(m).normal(size=(m, 2))
    expected = [np.median(np.linalg.norm(points - point, axis=1)) / 2 for point in points]
    assert half_medians(points, np.arange(m), np.random.default_rng(0)) == pytest.approx(expected)


def test_half_medians_of_a_large_bump_are_near_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).normal(size=(1500, 4))
    exact = half_medians(points, np.arange(9), np.random.default_rng(0))
    monkeypatch.setattr(samplers, "OTHERS", 500)
    monkeypatch.setattr(samplers, "BLOCK", 1000)
    found = half_medians(points, np.arange(9), np.random.default_rng(0))
    assert found == pytest.approx(exact, rel=0.1)
    assert (found != exact).all()


def test_noise_has_pert_standard_deviations_of_the_bump() -> None:
    """Of 4,000 rows the standard deviation of the noise is within 5 % of what it is to be."""
    rng = np.random.default_rng(0)
    of = rows(
        rng.normal(size=(2040, 2)) * [1, 100], np.append(np.zeros(2000), 11 + rng.random(40)), np.zeros((2040, 1))
    )
    _, made, _ = resampled(of, "gaussian-noise", RARE_ABOVE_10, pert=0.3, sampling="extreme")
    bump, first = np.arange(2000, 2040), made.parents[:, 0]
    moves = (made.numbers - of.numbers[first]) / of.numbers[bump].std(axis=0)
    aims = (made.targets - of.targets[first]) / of.targets[bump].std()
    for values in (*moves.T, aims):
        assert values.std() == pytest.approx(0.3, rel=0.1)
        assert abs(values.mean()) < 0.3 * 4 / np.sqrt(len(values))
    assert (made.parents[:, 1] == -1).all()


def test_words_of_noisy_rows_come_as_often_as_in_the_bump() -> None:
    of = rows(np.zeros(1040), [0] * 1000 + [12] * 40, [[2]] * 1000 + [[0]] * 30 + [[1]] * 10)
    _, made, _ = resampled(of, "gaussian-noise", RARE_ABOVE_10)
    words = of.words[made.words][:, 0, 0]
    assert set(words) == {0, 1}
    assert (words == 1).mean() == pytest.approx(0.25, abs=0.09)


def test_smogn_moves_towards_near_neighbours_and_adds_noise_where_they_are_far() -> None:
    of = drawn(400)
    _, made, _ = resampled(of, "smogn", k=20)
    bump = np.unique(made.parents[:, 0])
    points = samplers._Source(of, bump, np.random.default_rng(0)).points()  # noqa: SLF001 - its points
    reach = dict(zip(bump, half_medians(points, np.arange(len(bump)), np.random.default_rng(0)), strict=True))
    place = {row: k for k, row in enumerate(bump)}
    near = made.parents[:, 1] >= 0
    assert 0 < near.sum() < len(near)
    for one, other in made.parents[near].tolist():
        assert np.linalg.norm(points[place[one]] - points[place[other]]) < reach[one]
    sd = of.numbers[bump].std(axis=0)[:2]
    moves = (made.numbers - of.numbers[made.parents[:, 0]])[~near, :2] / sd
    assert np.sqrt((moves**2).mean()) == pytest.approx(0.02, rel=0.2)


def test_smogns_noise_is_no_more_than_half_the_median_distance() -> None:
    """The rows at 0, 0.5 and 1 are half the range from their nearest, and half their median distance is a quarter."""
    of = rows([0, 0.5, 1, *np.linspace(0, 1, 997)], [12] * 3 + [0] * 997)
    _, made, _ = resampled(of, "smogn", RARE_ABOVE_10, pert=5.0, k=1)
    moves = (made.numbers[:, 0] - of.numbers[made.parents[:, 0], 0]) / of.numbers[:3].std()
    assert (made.parents[:, 1] < 0).all()
    assert np.sqrt((moves**2).mean()) == pytest.approx(0.25, rel=0.1)


def test_copies_are_equal_to_their_rows_and_come_equally_often() -> None:
    of = drawn()
    kept, made, _ = resampled(of, "over")
    parents = made.parents[:, 0]
    assert len(kept) == len(of.targets)
    assert made.numbers.tolist() == of.numbers[parents].tolist()
    assert made.targets.tolist() == of.targets[parents].tolist()
    assert (made.words == parents[:, None]).all()
    assert np.ptp(np.unique(parents, return_counts=True)[1]) <= 1


def test_whole_columns_stay_whole() -> None:
    of = drawn()
    for method in get_args(Method):
        _, made, _ = resampled(replace(of, whole_target=True), method)
        assert (made.numbers[:, 2] == np.rint(made.numbers[:, 2])).all()
        if method not in {"over", "under"}:
            assert (made.targets == np.rint(made.targets)).all()
            assert (made.numbers[:, 0] != np.rint(made.numbers[:, 0])).any()


@pytest.mark.parametrize(
    ("method", "sampling", "expected"),
    [
        ("smoter", "balance", [40, 40, 40]),
        ("smoter", "extreme", [37, 8, 74]),  # 120 rows in parts of 1/20, 1/90 and 1/10
        ("over", "balance", [90, 90, 90]),
        ("over", "extreme", [405, 90, 810]),
        ("under", "balance", [20, 15, 10]),
        ("under", "extreme", [20, 2, 10]),
    ],
)
def test_sizes_by_hand(method: Method, sampling: str, expected: list[int]) -> None:
    counts, rare = np.array([20, 90, 10]), np.array([True, False, True])
    options = SamplerOptions(method=method, sampling=sampling)  # type: ignore[arg-type]  # one of both
    assert sizes(counts, rare, options).tolist() == expected


def test_rare_bumps_never_shrink_and_normal_ones_never_grow() -> None:
    counts, rare = np.array([10, 500, 2]), np.array([False, True, False])
    assert sizes(counts, rare, SamplerOptions(method="smoter")).tolist() == [10, 500, 2]


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    of = drawn()
    for method in get_args(Method):
        one, same, other = (resampled(of, method, seed=seed) for seed in (5, 5, 6))
        assert all((a == b).all() for a, b in zip((one[0], *one[1]), (same[0], *same[1]), strict=True))
        assert one[0].tolist() != other[0].tolist() or one[1].parents.tolist() != other[1].parents.tolist()


def test_a_bump_of_one_row_gives_that_row() -> None:
    of = rows([3, 0, 1, 2, 4], [12, 0, 0, 0, 0], [[1], [0], [0], [0], [0]])
    for method in ("smoter", "smogn", "gaussian-noise", "over"):
        _, made, bumps = resampled(of, method, RARE_ABOVE_10, sampling="extreme")
        assert set(made.numbers[:, 0]) == {3}
        assert set(made.targets) == {12}
        assert set(made.words[:, 0]) == {0}
        assert bumps[1].after > 1


def test_both_ends_are_bumps_of_their_own() -> None:
    of = rows(np.arange(12), np.arange(1, 13))
    _, made, bumps = resampled(of, "smoter", ENDS)
    assert [(bump.rare, bump.low, bump.high, bump.before) for bump in bumps] == [
        (True, 1, 2, 2),
        (False, 3, 10, 8),
        (True, 11, 12, 2),
    ]
    assert (np.abs(np.diff(made.parents, axis=1)) == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0}, "--threshold is above 0"),
        ({"threshold": 1.5}, "--threshold is above 0"),
        ({"k": 0}, "--k 1 or more"),
        ({"pert": -1.0}, "--pert and --seed are not negative"),
        ({"pert": float("nan")}, "--pert and --seed are not negative"),
        ({"seed": -1}, "--pert and --seed are not negative"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resampled(drawn(), "smogn", **options)


def test_a_threshold_of_1_leaves_only_full_relevance() -> None:
    bumps = resampled(rows(np.zeros(4), [0, 10, 10.9, 11]), "over", RARE_ABOVE_10, threshold=1)[2]
    assert [(bump.rare, bump.before, bump.after) for bump in bumps] == [(False, 3, 3), (True, 1, 3)]


def test_noise_is_refused_where_there_is_none() -> None:
    with pytest.raises(UsageError, match="--pert goes with smogn or gaussian-noise; it would change nothing here"):
        resampled(drawn(), "smoter", pert=0.1)


@pytest.mark.parametrize(("targets", "message"), [([1, 2], "no row is rare"), ([20, 30], "every row is rare")])
def test_targets_that_are_all_rare_or_all_common_are_refused(targets: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=f"{message}.* choose another --threshold"):
        resampled(rows([0, 1], targets), "smoter", RARE_ABOVE_10)


def test_more_rows_than_can_be_are_refused_before_they_are_made() -> None:
    of = rows(np.zeros(20_001), [12.0] + [0] * 20_000)
    with pytest.raises(UsageError, match="this would make 400,020,000 rows"):
        resampled(of, "over", RARE_ABOVE_10, sampling="extreme")


def test_no_more_rows_are_made_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    of = drawn()
    made = sum(bump.after for bump in resampled(of, "over")[2])
    monkeypatch.setattr(samplers, "MOST", made)
    assert sum(bump.after for bump in resampled(of, "over")[2]) == made
    monkeypatch.setattr(samplers, "MOST", made - 1)
    with pytest.raises(UsageError, match=f"this would make {made:,} rows, and {made - 1:,} is the most"):
        resampled(of, "over")


def test_a_hundred_million_rows_are_too_many() -> None:
    targets = np.repeat([0.0, 10, 20], [10_001, 1, 10_001])
    peak = ControlPoints(np.array([5.0, 10, 15]), np.array([0.0, 1, 0]))
    with pytest.raises(UsageError, match="would make 100,040,003 rows, and 100,000,000 is the most"):
        resampled(rows(targets, targets), "over", peak, sampling="extreme")


def test_of_as_many_rows_as_may_be_all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    of = drawn()
    expected = resampled(of, "smogn")
    most = max(bump.before for bump in expected[2] if bump.rare)
    monkeypatch.setattr(samplers, "OTHERS", most)
    assert resampled(of, "smogn")[1].targets.tolist() == expected[1].targets.tolist()
    monkeypatch.setattr(samplers, "OTHERS", most - 1)
    assert resampled(of, "smogn")[1].targets.tolist() != expected[1].targets.tolist()


@pytest.mark.parametrize(("method", "pert"), [("smogn", 0.02), ("gaussian-noise", 0.01)])
def test_noise_is_that_of_the_paper_where_none_is_said(method: Method, pert: float) -> None:
    found, expected, other = (
        resampled(drawn(), method, **options)[1].targets.tolist()
        for options in ({}, {"pert": pert}, {"pert": 1.01 * pert})
    )
    assert found == expected != other


def test_rows_that_a_median_is_taken_over_are_drawn_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five rows here and four there eight are drawn, so that the middle is never there alone."""
    monkeypatch.setattr(samplers, "OTHERS", 8)
    points = np.repeat([[0.0], [10.0]], [5, 4], axis=0)
    found = {half_medians(points, np.array([0]), np.random.default_rng(seed)).item() for seed in range(100)}
    assert found == {0, 2.5}
