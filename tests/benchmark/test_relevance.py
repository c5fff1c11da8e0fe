"""Relevance is 1 at rare targets, 0 at the median, and smooth between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.relevance import ControlPoints, box_plot

TARGETS = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=40).map(np.array)


def test_whiskers_end_at_the_last_target_within_one_and_a_half_quartile_ranges() -> None:
    """Of 1 to 9 the hinges are 3 and 7, so that the fences are -3 and 13."""
    inner = [1.0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert box_plot(np.array(inner)).high == np.inf
    phi = box_plot(np.array([*inner, 30]))
    assert (phi.low, phi.median, phi.high) == (-np.inf, 5.5, 9)
    assert box_plot(np.array([*inner, -40, 30])).low == 1


def test_a_target_on_the_fence_is_still_in_the_whisker() -> None:
    """Hinges of 1, 2, 3, 4, 5.5 are 2 and 4, the upper fence is 7."""
    assert box_plot(np.array([1.0, 2, 3, 4, 7])).high == np.inf
    assert box_plot(np.array([1.0, 2, 3, 4, 7.1])).high == 4
    assert box_plot(np.array([-1.0, 2, 3, 4, 5])).low == -np.inf
    assert box_plot(np.array([-1.1, 2, 3, 4, 5])).low == 2


def test_a_side_that_is_left_out_has_no_relevance() -> None:
    train = np.array([-40.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 50])
    ends = {name: box_plot(train, name)(train[[0, -1]]).tolist() for name in ("both", "low", "high")}
    assert ends == {"both": [1, 1], "low": [1, 0], "high": [0, 1]}


@settings(deadline=None, max_examples=30)
@given(TARGETS)
def test_the_median_has_no_relevance_and_only_what_lies_beyond_a_whisker_makes_any(train: np.ndarray) -> None:
    phi = box_plot(train)
    assert phi(np.array([np.median(train)])) == 0
    assert ((phi(train) >= 0) & (phi(train) <= 1)).all()
    assert (phi(train).max() == 1) == bool((train < phi.low).any() or (train > phi.high).any())


def test_control_points_are_met_and_constant_beyond() -> None:
    phi = ControlPoints(np.array([10.0, 20, 40]), np.array([1.0, 0.2, 0.6]))
    at = np.array([-5.0, 10, 20, 40, 90])
    assert phi(at) == pytest.approx([1, 1, 0.2, 0.6, 0.6])
    assert phi(np.array([15.0, 30, 25])) == pytest.approx([0.6, 0.4, 0.2 + 0.4 * (3 / 16 - 2 / 64)])


def test_between_control_points_relevance_is_scipys_hermite_interpolant_of_slope_zero() -> None:
    from scipy.interpolate import CubicHermiteSpline

    at, values = np.array([-3.0, 1, 2, 7]), np.array([1.0, 0, 0.3, 1])
    targets = np.linspace(-3, 7, 101)
    expected = CubicHermiteSpline(at, values, np.zeros(4))(targets)
    assert ControlPoints(at, values)(targets) == pytest.approx(expected, abs=1e-12)
