"""Bins partition the range of the target, and a printed edge opens its bin however floats divide."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.bins import MANY, Bins, number

QUICK = settings(deadline=None, max_examples=60)
FINITE = st.floats(-1e6, 1e6)


@st.composite
def binnings(draw: st.DrawFn) -> Bins:
    """Bins of any widths."""
    return Bins(np.array(sorted(draw(st.lists(FINITE, min_size=2, max_size=20, unique=True)))))


@st.composite
def binned_values(draw: st.DrawFn) -> tuple[Bins, float]:
    """Bins, and a value in their range that is often an edge."""
    bins = draw(binnings())
    edges = bins.edges.tolist()
    return bins, draw(st.sampled_from(edges) | st.floats(edges[0], edges[-1]))


@QUICK
@given(binned_values())
def test_every_value_of_the_range_has_exactly_one_bin(drawn: tuple[Bins, float]) -> None:
    bins, value = drawn
    holds = (bins.low <= value) & (value < bins.high)
    holds[-1] |= value == bins.high[-1]
    assert bins.index(np.array([value])).tolist() == np.flatnonzero(holds).tolist()
    assert holds.sum() == 1


@QUICK
@given(binnings())
def test_values_outside_the_range_have_no_bin(bins: Bins) -> None:
    low, high = np.nextafter(bins.edges[0], -np.inf), np.nextafter(bins.edges[-1], np.inf)
    assert bins.index(np.array([low, high, -np.inf, np.inf, np.nan])).tolist() == [-1] * 5


@QUICK
@given(binnings(), st.lists(FINITE))
def test_counts_are_of_the_values_in_the_range_alone(bins: Bins, values: list[float]) -> None:
    inside = [value for value in values if bins.edges[0] <= value <= bins.edges[-1]]
    counts = bins.counts(np.array(values))
    assert counts.sum() == len(inside)
    assert counts.tolist() == bins.counts(np.array(inside)).tolist()
    assert counts.shape == (len(bins),)


@QUICK
@given(start=st.integers(-1000, 1000), step=st.integers(1, 99), number=st.integers(1, 60), places=st.integers(0, 6))
def test_regular_edges_are_the_floats_that_their_decimals_read_as(
    start: int, step: int, number: int, places: int
) -> None:
    printed = [Decimal(start + k * step).scaleb(-places) for k in range(number + 1)]
    bins = Bins.regular(str(printed[0]), str(printed[-1]), str(Decimal(step).scaleb(-places)))
    assert bins.edges.tolist() == [float(edge) for edge in printed]


@QUICK
@given(
    start=st.integers(-1000, 1000),
    step=st.integers(1, 99),
    number=st.integers(1, 60),
    places=st.integers(0, 6),
    nudge=st.floats(-0.3, 0.3),
    seed=st.integers(0, 99),
)
def test_many_values_lie_in_the_bins_that_a_search_among_the_edges_finds(
    start: int, step: int, number: int, places: int, nudge: float, seed: int
) -> None:
    """Values at edges, next to them and between, in bins of one width and of widths that differ a little or a lot."""
    edges = Bins.regular(*(str(Decimal(k).scaleb(-places)) for k in (start, start + number * step, step))).edges.copy()
    generator = np.random.default_rng(seed)
    edges[1:-1] += nudge * (edges[1] - edges[0]) * generator.random(number - 1)
    bins = Bins(edges)
    near = np.concatenate([edges, np.nextafter(edges[:-1], np.inf), np.nextafter(edges[1:], -np.inf)])
    values = np.concatenate([np.tile(near, 2 * MANY // near.size), generator.uniform(edges[0], edges[-1], MANY)])
    expected = np.minimum(np.searchsorted(edges, values, side="right") - 1, number - 1)
    assert np.array_equal(bins.index(values), expected)
    assert np.array_equal(bins.index(values[::-1].reshape(-1, 1)), expected[::-1].reshape(-1, 1))
    values[7] = np.nan
    assert bins.index(values)[7] == -1


@pytest.mark.parametrize("shift", [-1000, 0, 1000])
def test_values_in_bins_of_unlike_widths_are_found_wherever_they_lie(shift: float) -> None:
    edges = shift + np.array([0, 1, 1.25, 1.5, 1.75, 2, 10])
    values = np.random.default_rng(0).uniform(edges[0], edges[-1], MANY)
    assert Bins(edges).index(values).tolist() == (np.searchsorted(edges, values, side="right") - 1).tolist()


@pytest.mark.parametrize("edges", [[0, 5e-324], [-1e308, 1e308], [1e16, 1e16 + 2, 1e16 + 4]])
def test_bins_at_the_ends_of_what_floats_hold_are_found_too(edges: list[float]) -> None:
    bins = Bins(np.array(edges, dtype=np.float64))
    assert bins.index(np.tile(bins.low, MANY)).tolist() == [*range(len(bins))] * MANY


@pytest.mark.parametrize("edges", [[], [1], [0, 1, 1], [0, 2, 1, 3], [0, np.nan], [0, 1, np.inf], [[0, 1], [2, 3]]])
def test_edges_that_do_not_ascend_one_by_one_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="edges must be finite and ascend strictly"):
        Bins(np.array(edges, dtype=float))


@pytest.mark.parametrize(
    ("values", "width", "edges"),
    [
        ([0.3], "0.1", [0.3, 0.4]),  # the number printed as 0.3 is below three tenths
        ([0.6, 0.05], "0.1", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        ([-0.3], "0.1", [-0.3, -0.2]),
        ([2, -1], 1, [-1, 0, 1, 2, 3]),
        ([2.5, -0.5], 1, [-1, 0, 1, 2, 3]),
    ],
)
def test_bins_of_a_width_cover_all_values_and_no_more(values: list[float], width: str, edges: list[float]) -> None:
    assert Bins.covering(np.array(values), width).edges.tolist() == edges


def test_a_printed_edge_opens_its_bin_where_division_would_miss_it() -> None:
    assert int(0.3 / 0.1) == 2
    tenths = Bins.regular(0, 5, 0.1)
    assert tenths.index(np.array([float("0.3")])).tolist() == [3]
    assert tenths.index(np.array([float(f"{k}e-1") for k in range(51)])).tolist() == [*range(50), 49]


def test_every_score_of_three_decimals_lies_in_the_bin_of_its_tenths() -> None:
    scores = np.array([float(f"{k}e-3") for k in range(5000)])
    assert Bins.regular(0, 5, "0.1").index(scores).tolist() == [k // 100 for k in range(5000)]


def test_the_last_bin_holds_its_right_end_and_no_other_does() -> None:
    assert Bins.regular(0, 2, 1).index(np.array([0, 1, 2])).tolist() == [0, 1, 1]


def test_index_keeps_the_shape_of_its_values() -> None:
    assert Bins.regular(0, 2, 1).index(np.array([[0.5, 1.5], [-1, np.nan]])).tolist() == [[0, 1], [-1, -1]]


@pytest.mark.parametrize("edges", [[], [1.0], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_edges_that_do_not_ascend_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="ascend strictly"):
        Bins(np.array(edges))


@pytest.mark.parametrize(("low", "high", "width"), [(0, 1, 0.3), (0, 1, 0), (0, 1, -1), (1, 1, 1), (1, 0, 1)])
def test_a_range_of_no_whole_number_of_bins_is_refused(low: float, high: float, width: float) -> None:
    with pytest.raises(ValueError, match="not a whole number of bins"):
        Bins.regular(low, high, width)


def test_bins_is_what_edges_say() -> None:
    assert Bins.regular("-2", "16", "0.1").edges[3] == -1.7


NO_NUMBERS = ["", " ", "text", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e999", "1_000", "0x10", "1,5"]
NO_NUMBERS += ["1 000", "\uff13", "1\u00a0", "1-", "--1", "None", "True", "1j", "1.2.3", "%", "1e", ".", "+", "1/2"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_finite_number_is_none(text: str) -> None:
    assert math.isnan(number(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [(" 3 ", 3.0), ("-0", -0.0), ("+2.5", 2.5), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("1e-400", 0.0)],
)
def test_what_prints_a_finite_number_is_it(text: str, value: float) -> None:
    assert number(text) == value
