"""Partial sums merge and pool into the sums of the whole, however rows are split and however far from zero they lie."""

from __future__ import annotations

import math
import operator
from dataclasses import fields
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.scores.metrics.sums import RegionSums, Sums, merged, per_bin, pooled
from dircli.scores.metrics.table import METRICS, pearson
from dircli.scores.uncertainty.reweighted import ScoredRows, Scratch, SetScorer

if TYPE_CHECKING:
    from dircli.arrays import AnyArray, FloatArray, IntArray

QUICK = settings(deadline=None, max_examples=60)
BINS, BLOCKS = 4, 5
VALUE = st.integers(-5000, 5000).map(lambda k: k / 1000)
ROW = st.tuples(st.integers(0, BINS - 1), st.integers(0, BLOCKS - 1), VALUE, VALUE)
ROWS = st.lists(ROW, max_size=40)
Row = tuple[int, int, float, float]


def columns(rows: list[Row]) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Bin, block, target and prediction of each row."""
    index, block, target, prediction = zip(*rows, strict=True) if rows else ((), (), (), ())
    return (
        np.array(index, dtype=np.int64),
        np.array(block, dtype=np.int64),
        np.array(target, dtype=np.float64),
        np.array(prediction, dtype=np.float64),
    )


def in_blocks(target: FloatArray, prediction: FloatArray, index: IntArray, block: IntArray) -> Sums:
    """The sums of each block, merged one by one; some blocks may have no rows."""
    parts = [
        per_bin(target[own], prediction[own], index[own], bins=BINS) for own in (block == b for b in range(BLOCKS))
    ]
    return reduce(merged, parts)


def alike(found: Sums, expected: Sums) -> None:
    """Every field agrees to 1e-9; what is rounded off a mean may be anything so small."""
    for field in fields(Sums):
        value: AnyArray = getattr(found, field.name)
        assert value == pytest.approx(getattr(expected, field.name), rel=1e-9, abs=1e-9), field.name


@QUICK
@given(ROWS)
def test_blocks_merge_to_the_sums_of_the_whole(rows: list[Row]) -> None:
    index, block, target, prediction = columns(rows)
    alike(in_blocks(target, prediction, index, block), per_bin(target, prediction, index, bins=BINS))


@QUICK
@given(ROWS, st.sets(st.integers(0, BINS - 1)))
def test_bins_pool_to_the_sums_of_their_rows(rows: list[Row], region: set[int]) -> None:
    index, _, target, prediction = columns(rows)
    mask = np.isin(np.arange(BINS), list(region))
    own = mask[index]
    whole = per_bin(target[own], prediction[own], np.zeros(own.sum(), np.int64), bins=1)
    alike(pooled(per_bin(target, prediction, index, bins=BINS).at(mask)), pooled(whole))


@QUICK
@given(ROWS.filter(bool))
def test_sums_are_what_numpy_gives_over_the_rows(rows: list[Row]) -> None:
    index, _, target, prediction = columns(rows)
    total = pooled(per_bin(target, prediction, index, bins=BINS))
    error = prediction - target
    covariance = np.cov(target, prediction, bias=True) * len(rows)
    expected = {
        "n": len(rows),
        "exact": np.count_nonzero(error == 0),
        "error": error.sum(),
        "absolute": np.linalg.norm(error, 1),
        "square": error @ error,
        "log": np.log(np.prod(np.abs(error[error != 0]), dtype=np.longdouble)),
        "target_mean": target.mean(),
        "target_rest": 0,
        "prediction_mean": prediction.mean(),
        "prediction_rest": 0,
        "target_moment": covariance[0, 0],
        "prediction_moment": covariance[1, 1],
        "product_moment": covariance[0, 1],
    }
    assert set(expected) == {field.name for field in fields(Sums)}
    for name, value in expected.items():
        assert float(getattr(total, name)) == pytest.approx(float(value), rel=1e-9, abs=1e-9), name


def test_bins_without_rows_hold_nothing() -> None:
    sums = per_bin(np.array([1.0]), np.array([3.0]), np.array([1]), bins=3)
    assert sums.n.tolist() == [0, 1, 0]
    assert sums.square.tolist() == [0, 4, 0]
    assert sums.target_mean.tolist() == [0, 1, 0]


def exact_pearson(target: FloatArray, prediction: FloatArray) -> float:
    """Pearson's correlation in rational arithmetic, rounded once."""
    means = [sum(map(Fraction, of)) / of.size for of in (target, prediction)]
    y, p = ([Fraction(x) - mean for x in of] for of, mean in zip((target, prediction), means, strict=True))
    yy, pp, yp = (sum(map(operator.mul, a, b)) for a, b in ((y, y), (p, p), (y, p)))
    return math.copysign(math.sqrt(yp**2 / (yy * pp)), yp)


@pytest.mark.parametrize(
    ("offset", "spread"), [(0, 15), (1.6e9, 1e5), (1e8, 0.01), (1e12, 1), (-1e15, 30), (0.1, 1e-12)]
)
def test_pearson_keeps_its_digits_far_from_zero(offset: float, spread: float) -> None:
    """By bins and blocks, of which means are merged that double precision rounds."""
    draw = np.random.default_rng(0)
    target = draw.normal(offset, spread, 600)
    prediction = target + draw.normal(offset, spread, 600)
    index, block = np.argsort(np.argsort(target)) * BINS // target.size, draw.integers(0, BLOCKS, target.size)
    whole = per_bin(target, prediction, index, bins=BINS)
    expected = exact_pearson(target, prediction)
    for sums in (whole, in_blocks(target, prediction, index, block)):
        assert pearson(RegionSums(pooled(sums), sums, np.empty(0), 0)) == pytest.approx(expected, rel=1e-14)
    held = ScoredRows(target=target, prediction=prediction, bin_index=index, bins=BINS)
    once = SetScorer([held], {"all": np.ones(BINS, bool)}, [METRICS["pearson"]])
    assert once.scores(np.ones((target.size, 1)), Scratch())["all"] == pytest.approx(expected, rel=1e-12)
