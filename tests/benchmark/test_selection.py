"""Keys found by counting in parts are those that sorting all of them finds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.arrays import AnyArray, IntArray
from dircli.benchmark import selection
from dircli.benchmark.binning import quartiles
from dircli.benchmark.selection import Keys, Search, number_of, ordered

QUICK = settings(deadline=None, max_examples=60)


def searched(keys: AnyArray, kinds: IntArray, search: Search, *, parts: int, most: int) -> selection.Ends:
    """The ends of ``search`` in so many parts, whose keys are counted until ``most`` of them are left."""
    cuts = np.linspace(0, keys.size, parts + 1).astype(int)
    pieces = [slice(*ends) for ends in pairwise(cuts.tolist())]
    while search.inside.sum() > most and search.bits < selection.WIDTH:
        search = search.narrowed(np.sum([search.counted(keys[piece], kinds[piece]) for piece in pieces], axis=0))
    return search.ended(Keys.joined([search.left(keys[each], kinds[each], first=each.start) for each in pieces]))


@QUICK
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 6), st.integers(1, 5), st.sampled_from([0, 5, 999]))
def test_the_lowest_thirds_of_each_kind_are_those_of_a_sort_and_of_equal_keys_the_first_rows(
    seed: int, size: int, number: int, parts: int, most: int
) -> None:
    draw = np.random.default_rng(seed)
    keys = draw.integers(0, 2**64, size, dtype=np.uint64)
    if seed % 2:
        keys = keys % np.uint64(9) << np.uint64(seed % 60)
    kinds = draw.integers(0, number, size)
    counts = np.bincount(kinds, minlength=number)
    third = counts // 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "CELLS", 1 << seed % 9)
        search = Search.of(np.stack([third - 1, 2 * third - 1]), counts)
        ends = searched(keys, kinds, search, parts=parts, most=most)
    for kind in range(number):
        rows = np.flatnonzero(kinds == kind)
        in_order = rows[np.argsort(keys[rows], kind="stable")]
        for row in (0, 1):
            found = np.flatnonzero(ends.through(row, keys, kinds) & (kinds == kind))
            assert found.tolist() == sorted(in_order[: (row + 1) * third[kind]].tolist())


@QUICK
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60))
def test_numbers_have_the_order_of_their_keys_and_quartiles_lie_between_their_places(values: list[float]) -> None:
    numbers = np.array(values) + 0.0
    keys = ordered(numbers)
    assert np.array_equal(numbers[np.argsort(keys)], np.sort(numbers))
    assert [number_of(key) for key in keys.tolist()] == numbers.tolist()
    in_order = np.sort(numbers)
    between = [float(np.quantile(in_order[[low, high]], share)) for low, high, share in quartiles(numbers.size)]
    assert between == np.quantile(numbers, [0.25, 0.75]).tolist()
