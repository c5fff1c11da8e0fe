"""Poisson resamples: numbers that hang on key and seed alone, and the scores of rows written out so often."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dircli.arrays import FloatArray
from dircli.scores.by_region import RankedRows, SummedRegion
from dircli.scores.metrics.blocks import BinSums
from dircli.scores.metrics.sums import per_bin
from dircli.scores.metrics.table import EVERY
from dircli.scores.uncertainty import divided
from dircli.scores.uncertainty.divided import Located, Sets
from dircli.scores.uncertainty.poisson import NUMBERS, SHARES, keys_of_places, resampled, weights
from dircli.scores.uncertainty.reweighted import ScoredRows

BINS = 12
NAMES = ("mae", "mse", "rmse", "gm", "pearson", "bias", "bmae", "bmse")


def rows(n: int = 400, *, shift: float = 0.0) -> ScoredRows:
    draw = np.random.default_rng(n)
    target = draw.uniform(0, BINS, n).round(2)
    prediction = target + draw.normal(0, 1, n).round(1) + shift
    return ScoredRows(
        target=target, prediction=prediction, bin_index=target.astype(np.int64).clip(0, BINS - 1), bins=BINS
    )


REGIONS = {"all": np.ones(BINS, bool), "few": np.arange(BINS) < 3}


def test_the_shares_are_those_of_poisson_with_mean_and_variance_1() -> None:
    expected = [math.exp(-1) / math.factorial(k) for k in range(len(SHARES))]
    assert np.abs(np.array(SHARES) / 2**16 - expected).max() < 2**-14
    assert NUMBERS.size == 2**16
    assert NUMBERS.mean() == 1
    assert NUMBERS.var() == 1


def test_a_number_hangs_on_key_seed_and_resample_alone() -> None:
    keys = keys_of_places(np.arange(500))
    whole = weights(keys, seed=3, first=0, size=50)
    order = np.random.default_rng(0).permutation(500)
    for first, size in ((0, 50), (1, 7), (6, 3), (13, 37)):
        part = weights(keys[order], seed=3, first=first, size=size)
        assert np.array_equal(part, whole[order, first : first + size])
    assert not np.array_equal(whole, weights(keys, seed=4, first=0, size=50))


def test_numbers_do_not_change_from_version_to_version() -> None:
    golden = [[2, 1, 0, 3, 2, 1, 2, 1], [2, 1, 1, 2, 0, 0, 0, 2], [4, 0, 2, 4, 0, 3, 0, 1], [4, 0, 1, 0, 1, 3, 0, 0]]
    assert weights(keys_of_places(np.arange(4)), seed=666, first=0, size=8).tolist() == golden


def test_rows_and_resamples_are_drawn_as_if_independently() -> None:
    drawn = weights(keys_of_places(np.arange(4000)), seed=1, first=0, size=400).astype(float)
    assert drawn.mean() == pytest.approx(1, abs=5 / math.sqrt(drawn.size))
    assert drawn.var() == pytest.approx(1, abs=10 / math.sqrt(drawn.size))
    for axis in (0, 1):  # sums of n such numbers have variance n
        sums = drawn.sum(axis=axis)
        assert sums.var() / drawn.shape[axis] == pytest.approx(1, abs=5 * math.sqrt(2 / sums.size))
    neighbours = np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 5 / math.sqrt(drawn.size)


def test_scores_of_resamples_are_those_of_rows_written_out_so_often() -> None:
    held = rows()
    keys = keys_of_places(np.arange(held.target.size))
    metrics = [EVERY[name] for name in (*NAMES, "spearman")]
    scores = resampled(keys, [held], REGIONS, metrics, resamples=9, seed=8)
    counts = weights(keys, seed=8, first=0, size=9)
    for number in range(9):
        often = held.at(np.repeat(np.arange(held.target.size), counts[:, number]))
        sums = BinSums(per_bin(often.target, often.prediction, often.bin_index, bins=BINS), _none())
        ranked = RankedRows(often.target, often.prediction, often.bin_index)
        for name, mask in REGIONS.items():
            region = SummedRegion(sums, mask, 0.0, ranked)
            expected = [float(metric.of(region)) for metric in metrics]
            assert scores[name][0, :, number] == pytest.approx(expected, rel=1e-10)


def _none() -> dict[str, FloatArray]:
    return {name: np.empty((0, BINS)) for name in NAMES}


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_sums_of_parts_give_the_scores_of_rows_in_memory(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divided, "ROWS", 37)
    held = rows(shift=shift)
    keys, metrics = keys_of_places(np.arange(held.target.size)), [EVERY[name] for name in NAMES]
    whole = resampled(keys, [held], REGIONS, metrics, resamples=70, seed=8)
    of_bins = per_bin(held.target, held.prediction, held.bin_index, bins=BINS)
    how = Sets.about([Located(of_bins, of_bins.prediction_mean)], draw=weights, number=70, seed=8)
    order = np.random.default_rng(2).permutation(held.target.size)
    sums = sum(
        how.sums(held.target[part], held.prediction[part], held.bin_index[part], {}, keys[part], metrics)
        for part in np.array_split(order, 7)
    )
    scores = how.scores(np.asarray(sums), REGIONS, metrics, zero_error=0.0)
    for name, expected in whole.items():
        assert scores[name] == pytest.approx(expected[0], rel=1e-12, nan_ok=True)


def test_the_spread_of_a_mean_is_that_of_the_classic_bootstrap() -> None:
    held = rows(4000)
    scores = resampled(
        keys_of_places(np.arange(4000)), [held], {"all": REGIONS["all"]}, [EVERY["mae"]], resamples=2000, seed=1
    )
    error = np.abs(held.prediction - held.target)
    assert scores["all"].std() == pytest.approx(error.std() / math.sqrt(4000), rel=0.08)
