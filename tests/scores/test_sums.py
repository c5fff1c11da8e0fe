"""Partial sums merge and pool into the sums of the whole, however rows are split and however far from zero they lie."""

from __future__ import annotations

from dataclasses import fields
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from dircli.scores.metrics.sums import RegionSums, Sums, merged, per_bin, pooled
from dircli.scores.metrics.table import pearson

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
    """Every field agrees to 1e-9."""
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
        "prediction_mean": prediction.mean(),
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


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e8])
def test_moments_do_not_cancel_far_from_zero(offset: float) -> None:
    """Whole numbers, so that the offset itself loses no digit; scipy sees the rows without it."""
    generator = np.random.default_rng(0)
    index, block = generator.integers(0, BINS, 3000), generator.integers(0, BLOCKS, 3000)
    target = generator.integers(0, 100, 3000) + 30.0 * index
    prediction = np.round(0.5 * target + generator.normal(0, 20, 3000))
    whole = per_bin(target + offset, prediction + offset, index, bins=BINS)
    merged_blocks = in_blocks(target + offset, prediction + offset, index, block)
    alike(merged_blocks, whole)
    for sums in (whole, merged_blocks):
        total = pooled(sums)
        assert pearson(RegionSums(total, sums, np.empty(0), 0)) == pytest.approx(
            pearsonr(target, prediction).statistic, rel=1e-9
        )
        assert total.target_moment == pytest.approx(target.var() * 3000, rel=1e-9)
