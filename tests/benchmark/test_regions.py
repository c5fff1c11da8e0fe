"""Shot regions: strict thresholds, and regions that partition all bins."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.protocol import Thresholds
from dircli.benchmark.regions import REGIONS, masks, region

QUICK = settings(deadline=None, max_examples=60)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    """Thresholds above zero, few's no higher than many's."""
    few, many = sorted(draw(st.tuples(st.integers(1, 150), st.integers(1, 150))))
    return Thresholds(many=many, few=few)


def test_a_bin_exactly_at_a_threshold_is_medium() -> None:
    counts = np.array([0, 1, 19, 20, 100, 101])
    assert region(counts, Thresholds(many=100, few=20)).tolist() == ["few", "few", "few", "medium", "medium", "many"]


@QUICK
@given(st.lists(st.integers(0, 200)), thresholds())
def test_regions_partition_all_bins_and_zero_lies_within_few(counts: list[int], limits: Thresholds) -> None:
    held = masks(region(np.array(counts), limits), np.array(counts))
    assert list(held) == ["all", "many", "medium", "few", "zero", "interpolation", "extrapolation", "with-data"]
    assert held["all"].tolist() == [True] * len(counts)
    assert np.sum([held[name] for name in REGIONS], axis=0).tolist() == [1] * len(counts)
    assert held["zero"].tolist() == [count == 0 for count in counts]
    assert not (held["zero"] & ~held["few"]).any()


@QUICK
@given(st.lists(st.integers(0, 200)), thresholds())
def test_more_training_samples_never_make_a_bin_rarer(counts: list[int], limits: Thresholds) -> None:
    order = [REGIONS[::-1].index(name) for name in region(np.array(sorted(counts)), limits)]
    assert order == sorted(order)
