"""The draws of validation and test: balanced per bin, repeatable, and the published algorithms to the letter."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli import datasets
from dircli.benchmark.bins import Bins
from dircli.benchmark.splits import SplitRecipe, by_bin, draw, draw_codes, lowest, nearest_cap, quota

QUICK = settings(deadline=None, max_examples=80)
BINS = 4
OUTSIDE = (-1, BINS)
INDEX = st.lists(st.integers(-1, BINS), max_size=80)
RECIPES = st.builds(SplitRecipe, bins=st.just(Bins.regular(0, BINS, 1)), cap=st.integers(0, 8), share=st.integers(2, 4))
SEEDS = st.integers(0, 2**32)


def published(index: list[int], *, cap: int, share: int, seed: int) -> list[str]:
    """The draw as the authors wrote it: lists of ids by label, the module's own generator, sets of ids."""
    ids = [f"row {row}" for row in range(len(index))]
    by_label: dict[int, list[str]] = {label: [] for label in range(BINS)}
    for key, label in zip(ids, index, strict=True):
        if label in by_label:
            by_label[label].append(key)
    random.seed(seed)
    val, test = set(), set()
    for label in range(BINS):
        members = by_label[label]
        random.shuffle(members)
        size = min(len(members) // share, cap)
        val.update(members[:size])
        test.update(members[size : size * 2])
    return ["val" if key in val else "test" if key in test else "train" for key in ids]


@QUICK
@given(INDEX, RECIPES, SEEDS)
def test_the_draw_is_the_published_one(index: list[int], recipe: SplitRecipe, seed: int) -> None:
    assert draw(np.array(index, dtype=np.int64), recipe, seed=seed).tolist() == published(
        index, cap=recipe.cap, share=recipe.share, seed=seed
    )


@QUICK
@given(INDEX, RECIPES, SEEDS)
def test_val_and_test_hold_the_same_bounded_number_of_each_bin_and_train_the_rest(
    index: list[int], recipe: SplitRecipe, seed: int
) -> None:
    """Each row has one split, so splits are disjoint and cover; rows outside the bins train."""
    split = draw(np.array(index, dtype=np.int64), recipe, seed=seed).tolist()
    assert len(split) == len(index)
    assert set(split) <= {"train", "val", "test"}
    for label in range(BINS):
        parts = [part for part, its in zip(split, index, strict=True) if its == label]
        n = min(len(parts) // recipe.share, recipe.cap)
        assert (parts.count("val"), parts.count("test")) == (n, n)
    assert {part for part, label in zip(split, index, strict=True) if label in OUTSIDE} <= {"train"}


@QUICK
@given(INDEX, RECIPES, SEEDS)
def test_the_same_seed_gives_the_same_split_whatever_else_draws(
    index: list[int], recipe: SplitRecipe, seed: int
) -> None:
    bins = np.array(index, dtype=np.int64)
    first = draw(bins, recipe, seed=seed)
    random.seed(0)
    assert draw(bins, recipe, seed=seed).tolist() == first.tolist()


def test_another_seed_gives_another_split() -> None:
    recipe = SplitRecipe(bins=Bins.regular(0, 1, 1), cap=30)
    assert (
        draw(np.zeros(90, np.int64), recipe, seed=666).tolist() != draw(np.zeros(90, np.int64), recipe, seed=0).tolist()
    )


def test_rows_outside_the_bins_do_not_move_the_draw() -> None:
    recipe = SplitRecipe(bins=Bins.regular(0, 2, 1), cap=5)
    inside = np.tile([1, 0], 20)
    split = draw(np.concatenate([[-1, 2], inside, [2]]), recipe, seed=666)
    assert split[2:-1].tolist() == draw(inside, recipe, seed=666).tolist()


def test_seed_666_draws_these_rows_on_every_machine() -> None:
    recipe = SplitRecipe(bins=Bins.regular(0, 2, 1), cap=2)
    split = draw(np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1]), recipe, seed=666)
    assert {part: np.flatnonzero(split == part).tolist() for part in ("val", "test")} == {
        "val": [0, 3, 7],
        "test": [4, 5, 10],
    }


def test_a_recipe_states_what_a_stranger_needs_to_repeat_it() -> None:
    recipe = SplitRecipe(bins=Bins.regular(0, 5, "0.25"), cap=50)
    assert recipe.as_json() == {"bins": 20, "cap": 50, "high": 5.0, "low": 0.0, "share": 3}


# by keys: tables of one's own


def keyed(bins: int, *, cap: int) -> SplitRecipe:
    """The recipe of a table of one's own."""
    return SplitRecipe(bins=Bins.regular(0, bins, 1), cap=cap, generator="pcg64")


@QUICK
@given(st.lists(st.tuples(st.integers(-1, 8), st.integers(0, 12)), min_size=1, max_size=200), st.integers(0, 9))
def test_no_group_is_divided_and_train_keeps_a_third(rows: list[tuple[int, int]], seed: int) -> None:
    index, groups = (np.array(column) for column in zip(*rows, strict=True))
    groups = np.unique(groups, return_inverse=True)[1]
    split = draw_codes(index, keyed(9, cap=5), seed=seed, groups=groups)
    assert all(len(set(split[groups == group])) == 1 for group in groups)
    assert (split == 0).sum() >= len(rows) - 2 * len(rows) // 3
    assert np.array_equal(split, draw_codes(index, keyed(9, cap=5), seed=seed, groups=groups))


def test_groups_of_one_fill_the_bins_as_rows_do() -> None:
    index = np.random.default_rng(0).integers(0, 20, 2000)
    split = draw_codes(index, keyed(20, cap=7), seed=1, groups=np.arange(2000))
    for part in (1, 2):
        assert np.bincount(index[split == part], minlength=20).tolist() == [7] * 20


@QUICK
@given(st.lists(st.integers(-1, 6), max_size=120), st.integers(1, 10), st.integers(0, 9))
def test_the_draw_gives_each_bin_its_quota_and_leaves_rows_outside_to_train(
    rows: list[int], cap: int, seed: int
) -> None:
    index = np.array(rows, dtype=np.int64)
    split = draw_codes(index, keyed(7, cap=cap), seed=seed)
    assert (split[index < 0] == 0).all()
    for b in range(7):
        n = quota(rows.count(b), keyed(7, cap=cap))
        assert [(split[index == b] == part).sum() for part in (1, 2)] == [n, n]


def test_the_draw_is_the_one_that_the_manifests_readme_describes() -> None:
    """Written out in Python from the description, with the raw stream of PCG64 alone."""
    index = np.random.default_rng(5).integers(0, 9, 500)
    key = np.random.PCG64(7).random_raw(500)
    expected = np.zeros(500, dtype=int)
    for b in range(9):
        rows = sorted(np.flatnonzero(index == b), key=lambda row: key[row])
        n = min(len(rows) // 3, 6)
        expected[rows[:n]], expected[rows[n : 2 * n]] = 1, 2
    assert draw_codes(index, keyed(9, cap=6), seed=7).tolist() == expected.tolist()
    assert key[:2].tolist() == [11530976094092348043, 16550673365885938325]  # for readers in other languages


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(115, 124), min_size=1, max_size=120),
    st.integers(0, 10**6),
    st.sampled_from(["agedb", "imdb-wiki"]),
)
def test_the_age_sets_draw_whole_ages_to_120_as_the_released_scripts_do(ages: list[int], seed: int, name: str) -> None:
    """Written out as those scripts do it: each age from 0 to 120 by itself; whoever is older trains."""
    recipe = datasets.load(name).rules.recipe
    expected = ["train"] * len(ages)
    generator = random.Random(seed)
    for age in range(121):
        rows = [row for row, each in enumerate(ages) if each == age]
        generator.shuffle(rows)
        size = min(len(rows) // 3, recipe.cap)
        for place, row in enumerate(rows[: 2 * size]):
            expected[row] = "val" if place < size else "test"
    targets = np.array(ages, dtype=np.float64)
    assert draw(recipe.index(targets), recipe, seed=seed).tolist() == expected


def test_a_face_of_121_years_is_not_drawn_with_those_of_120() -> None:
    recipe = datasets.load("agedb").rules.recipe
    targets = np.array([120.0, 120.0, 121.0])
    assert draw(recipe.index(targets), recipe, seed=1).tolist() == ["train"] * 3


def test_a_group_is_drawn_only_while_train_keeps_its_share() -> None:
    """Of nine rows six may be drawn: a group of seven trains, one of six may be drawn, and two of four may not both."""
    recipe = keyed(1, cap=100)

    def drawn(*sizes: int, seed: int) -> int:
        groups = np.repeat(np.arange(len(sizes)), sizes)
        return int((draw_codes(np.zeros(groups.size, dtype=np.int64), recipe, seed=seed, groups=groups) != 0).sum())

    for seed in range(20):
        assert drawn(7, 2, seed=seed) <= 2
        assert drawn(4, 4, 1, seed=seed) <= 5
    assert max(drawn(5, 1, 1, 1, 1, seed=seed) for seed in range(20)) == 6
    exact = keyed(3, cap=100)  # three rows in each of three bins, so that a group of six is wanted whole
    groups = np.array([0, 0, 1, 0, 0, 1, 0, 0, 1])
    split = [draw_codes(np.repeat(np.arange(3), 3), exact, seed=seed, groups=groups) for seed in range(20)]
    assert all((each != 0).sum() <= 6 for each in split)


@pytest.mark.parametrize("bins", [1, 2**15 - 1, 2**15, 2**15 + 1, 2**16 + 5])
def test_rows_of_many_bins_are_found_in_their_order(bins: int) -> None:
    """Up to 16 bits hold a bin, they are sorted as such."""
    index = np.array([bins - 1, -1, 0, bins - 1, 0, bins - 1])
    found = list(by_bin(index, bins))
    assert len(found) == bins
    expected = [2, 4] if bins > 1 else [0, 2, 3, 4, 5]
    assert found[0].tolist() == expected
    assert found[-1].tolist() == ([0, 3, 5] if bins > 1 else expected)


def test_bins_without_rows_are_empty_and_counted_also_at_the_end() -> None:
    assert [rows.tolist() for rows in by_bin(np.array([1, -1, 1]), 4)] == [[], [0, 2], [], []]


@QUICK
@given(st.lists(st.integers(0, 40), max_size=12), st.integers(2, 12), st.integers(0, 60))
def test_the_cap_is_the_lowest_of_those_that_come_nearest_to_a_total(counts: list[int], share: int, total: int) -> None:
    most = [count // share for count in counts]
    far = [abs(sum(min(each, cap) for each in most) - total) for cap in range(max(most, default=0) + 1)]
    assert nearest_cap(np.array(counts, dtype=np.int64), share=share, total=total) == far.index(min(far))


@QUICK
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 32))
def test_the_lowest_keys_are_taken_and_of_equal_ones_the_first_rows(drawn: list[int], n: int) -> None:
    key, rows = np.array(drawn, dtype=np.uint64), np.arange(len(drawn))
    expected = sorted(range(len(drawn)), key=lambda row: (drawn[row], row))[:n]
    assert lowest(rows, key, n).tolist() == expected
