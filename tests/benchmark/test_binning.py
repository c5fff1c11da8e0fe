"""Bins chosen from the targets: every target lies in one, and their width is round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark import binning as widths
from dircli.errors import UsageError

QUICK = settings(deadline=None, max_examples=60)
TARGETS = st.lists(st.integers(-50, 120).map(lambda k: k / 10), min_size=1, max_size=150)


@QUICK
@given(TARGETS, st.sampled_from([None, "-10:20", "-5:12"]))
def test_chosen_bins_hold_every_target_and_have_a_round_width(targets: list[float], limits: str | None) -> None:
    values = np.array(targets)
    bins = widths.chosen(values, limits)
    assert len(bins) <= widths.MOST + 2
    assert (bins.index(values) >= 0).all()
    width = bins.high[0] - bins.low[0]
    assert f"{width:.0e}"[0] in "125"
    assert np.allclose(np.diff(bins.edges), width)
    if limits:
        assert f"{bins.edges[0]:g}:{bins.edges[-1]:g}" == limits


def test_heavy_tails_do_not_make_a_million_bins() -> None:
    assert len(widths.chosen(np.append(np.linspace(0, 1, 500), 1e6), None)) <= widths.MOST + 2


def test_a_range_that_no_round_width_divides_is_refused() -> None:
    with pytest.raises(UsageError, match="finds no width"):
        widths.chosen(np.linspace(0, 1, 50), "0:0.999999999")


@QUICK
@given(TARGETS, st.integers(2, 12))
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
