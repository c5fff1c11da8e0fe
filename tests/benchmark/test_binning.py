"""Bins chosen from the targets: every target lies in one, and their width is round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dircli.arrays import FloatArray
from dircli.benchmark import binning as widths
from dircli.benchmark.bins import Bins
from dircli.errors import UsageError

QUICK = settings(deadline=None, max_examples=60)


def chosen(targets: FloatArray, limits: str | None) -> Bins:
    """The bins that are chosen for ``targets`` (n,)."""
    return widths.chosen(widths.Spread.of(targets, limits), limits)


TARGETS = st.lists(st.integers(-50, 120).map(lambda k: k / 10), min_size=1, max_size=150)


@QUICK
@given(TARGETS, st.sampled_from([None, "-10:20", "-5:12"]))
def test_chosen_bins_hold_every_target_and_have_a_round_width(targets: list[float], limits: str | None) -> None:
    values = np.array(targets)
    bins = chosen(values, limits)
    assert len(bins) <= widths.MOST + 2
    assert (bins.index(values) >= 0).all()
    width = bins.high[0] - bins.low[0]
    assert f"{width:.0e}"[0] in "125"
    assert np.allclose(np.diff(bins.edges), width)
    if limits:
        assert f"{bins.edges[0]:g}:{bins.edges[-1]:g}" == limits


def test_heavy_tails_do_not_make_a_million_bins() -> None:
    bins = chosen(np.append(np.linspace(0, 1, 500), 1e6), None)
    assert bins.edges.tolist() == [1000.0 * k for k in range(1002)]


def test_a_range_that_no_round_width_divides_is_refused() -> None:
    with pytest.raises(UsageError, match="finds no width"):
        chosen(np.linspace(0, 1, 50), "0:0.999999999")


@QUICK
@given(TARGETS, st.integers(2, 12))
@example([0.0] * 3 + [1.0] * 5 + [2.0] * 3 + [3.0] * 4, 3)  # the last edge must be moved, too
@example([0.0] * 8 + [1.0] * 4 + [2.0] * 9 + [3.0] * 7, 3)  # and that to the last target
@example(np.repeat(np.arange(8.0), [3, 6, 8, 8, 6, 1, 6, 5]).tolist(), 4)  # and one again, after its neighbour
def test_quantile_bins_are_as_equal_as_equal_targets_allow(targets: list[float], number: int) -> None:
    """N bins, none empty, and no edge moved to another target makes the two bins beside it more equal."""
    distinct, counts = np.unique(targets, return_counts=True)
    if distinct.size < number:
        with pytest.raises(UsageError, match="distinct targets"):
            widths.quantiles(np.array(targets), number)
        return
    bins = widths.quantiles(np.array(targets), number)
    filled = bins.counts(np.array(targets))
    assert (len(bins), filled.sum()) == (number, len(targets))
    assert filled.min() > 0
    below = np.append(0, np.cumsum(counts))
    places = np.append(np.searchsorted(distinct, bins.edges[:-1]), distinct.size)
    for left, here, right in zip(places, places[1:], places[2:], strict=False):
        apart = np.abs(2 * below[left + 1 : right] - below[left] - below[right])
        assert apart[here - left - 1] == apart.min()
    if counts.max() == 1:
        assert np.ptp(filled) <= 1


def test_a_number_of_quantiles_is_from_two_to_a_thousand() -> None:
    assert widths.quantile_number("auto") is None
    assert [widths.quantile_number(f"quantile:{n}") for n in (2, 1000)] == [2, 1000]
    for text in ("quantile:1", "quantile:1001", "quantile:", "quantiles:3", "quantile:3.5"):
        with pytest.raises(UsageError, match="neither auto nor quantile:N with N from 2 to 1,000"):
            widths.quantile_number(text)
    with pytest.raises(UsageError, match="for bins of one width, write --bin-width W"):
        widths.quantile_number("50")


@pytest.mark.parametrize(
    ("targets", "limits", "width"),
    [
        (np.linspace(0, 1, 1001), None, 0.1),  # 2 · 0.5 / 10.003 = 0.09997
        (np.linspace(0, 1, 400), None, 0.1),  # 0.1357, nearer to 0.1 than to 0.2 on a scale of logarithms
        (np.linspace(0, 1, 343), None, 0.2),  # 0.1429, just beyond √(0.1 · 0.2)
        (np.linspace(0, 30, 1000), None, 2),  # 3
        (np.linspace(0, 35, 1000), None, 5),  # 3.5
        (np.array([0.0] * 9 + [100]), None, 50),  # no spread between the quartiles: 3.49 · 30 / 2.154 = 48.6
        (np.full(9, 7.0), None, 1),
        (np.linspace(0, 1, 1001), "0:1", 0.1),
        (np.linspace(0, 1, 1001), "0:1.25", 0.05),  # 0.1 divides no such range
        (np.append(np.linspace(0, 1, 1001), [70, -70]), "0:1", 0.1),  # what lies beyond the range does not count
        (np.append(np.linspace(0, 1, 1001), 99.5), None, 0.1),  # 995 bins
        (np.append(np.linspace(0, 1, 1001), 100.5), None, 0.2),  # 1,005 bins of 0.1
    ],
)
def test_the_width_is_the_round_one_nearest_to_the_rule(targets: np.ndarray, limits: str | None, width: float) -> None:
    bins = chosen(targets, limits)
    assert bins.high[0] - bins.low[0] == pytest.approx(width)
    assert np.diff(bins.edges) == pytest.approx(width)


@pytest.mark.parametrize("targets", [[0.0, 5e-324] * 20, [0.0, 5e-324, 1.0, 2.0, 5e-324], [0.0] * 19 + [1e-200]])
def test_a_width_by_the_rule_that_is_too_small_for_a_number_still_gives_bins(targets: list[float]) -> None:
    for limits in (None, "0:4"):
        bins = chosen(np.array(targets), limits)
        assert (bins.index(np.array(targets)) >= 0).all()
        assert 1 <= len(bins) <= widths.MOST + 1


def test_a_range_without_targets_is_refused_and_one_is_enough() -> None:
    with pytest.raises(UsageError, match="--range 2:3: no target lies there"):
        chosen(np.array([0.0, 1]), "2:3")
    assert chosen(np.array([0.0, 2, 9]), "2:3").edges.tolist() == [2, 3]
    assert chosen(np.array([0.0, 3, 9]), "2:3").edges.tolist() == [2, 3]


def test_bins_of_a_width_are_refused_beyond_a_million_and_lie_over_the_range_or_the_targets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = np.array([0.2, 2.5])
    assert widths.regular("0.5", None, targets).edges.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert widths.regular("0.5", " 0 : 1 ", targets).edges.tolist() == [0, 0.5, 1]
    assert widths.UNWANTED == 1_000_000
    monkeypatch.setattr(widths, "UNWANTED", 1000)
    assert len(widths.regular("1", "0:1000", targets)) == 1000
    with pytest.raises(UsageError, match="--bin-width 1 makes more than 1,000 bins from 0 to 1001"):
        widths.regular("1", "0:1001", targets)
    for width in ("0", "-1", "inf", "nan", "wide"):
        with pytest.raises(UsageError, match="is no width; write a positive number"):
            widths.regular(width, None, targets)
    with pytest.raises(UsageError, match=r"--bin-width 0\.3 --range 0:1: from 0 to 1 is not a whole number of bins"):
        widths.regular("0.3", "0:1", targets)


def test_given_edges_ascend_and_are_finite() -> None:
    assert widths.given("0, 1,2.5").edges.tolist() == [0, 1, 2.5]
    for text in ("0", "1,0", "0,0", "0,x", "0,inf", "nan,1"):
        with pytest.raises(UsageError, match="are no edges; write two or more ascending numbers"):
            widths.given(text)


def test_the_last_of_the_quantiles_is_as_wide_as_its_target_is_far_from_the_one_below() -> None:
    assert widths.quantiles(np.array([0.0, 1, 5]), 3).edges.tolist() == [0, 1, 5, 9]
    assert widths.quantiles(np.array([0.0, 1, 5, 6]), 2).edges.tolist() == [0, 5, 6]
    assert widths.quantiles(np.array([0.0, 1, 1, 2]), 2).edges.tolist() == [0, 1, 2]  # of two as equal, the lower
    assert widths.quantiles(np.array([0.0] * 8 + [1, 2, 3]), 2).edges.tolist() == [0, 1, 3]
    with pytest.raises(UsageError, match=r"quantile:3: there are 2 distinct targets.* try --bins quantile:2"):
        widths.quantiles(np.array([0.0, 1, 1]), 3)
    with pytest.raises(UsageError, match=r"there are 1 distinct targets.* try --bins auto"):
        widths.quantiles(np.ones(3), 2)


@pytest.mark.parametrize(("low", "high"), [(-1.7e308, 0.0), (0.0, 1.7e308), (-0.5e308, 0.5e308)])
def test_targets_are_too_far_apart_where_twice_their_distance_is_no_number(low: float, high: float) -> None:
    with pytest.raises(UsageError, match="too far apart for bins of their own"):
        widths.quantiles(np.array([low, high]), 2)
    assert len(widths.quantiles(np.array([low, high]) * 0.49, 2)) == 2
