"""Exact sums are those of fractions, in any order and of any parts."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.weights import exact
from dircli.weights.exact import UNIT, exact_sum, quotient

if TYPE_CHECKING:
    import pytest

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=150)
@given(st.lists(FINITE | st.sampled_from([5e-324, -5e-324, 1.7e308, -0.0, 0.1]), max_size=30), st.integers(0, 30))
def test_the_sum_is_that_of_fractions_and_of_its_parts(values: list[float], cut: int) -> None:
    array = np.array(values, dtype=np.float64)
    total = exact_sum(array)
    assert Fraction(total, 1 << UNIT) == sum(map(Fraction, values))
    assert exact_sum(array[:cut]) + exact_sum(array[cut:]) == total == exact_sum(array[::-1])


def test_many_numbers_are_summed_without_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=20_000) * 10.0 ** draw.integers(-12, 12, 20_000)
    total = exact_sum(values)
    assert Fraction(total, 1 << UNIT) == sum(map(Fraction, values.tolist()))
    monkeypatch.setattr(exact, "ROWS", 777)
    assert exact_sum(values) == total
    assert exact_sum(np.full(1 << 20, np.nextafter(2.0, 1.0))) == exact_sum(np.array([np.nextafter(2.0, 1.0)])) << 20


def test_a_quotient_is_rounded_once() -> None:
    assert quotient(exact_sum(np.array([0.1] * 10)), 10) == 0.1
    assert quotient(exact_sum(np.array([1e16, 1, -1e16]))) == 1
