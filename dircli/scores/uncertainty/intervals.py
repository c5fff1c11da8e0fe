"""Intervals of scores from their resamples: percentile and BCa, standard errors, and what could be detected.

Arrays of scores have any leading axes, and the resamples last. A resample without a score is left out; without a score
from the rows themselves, or where more than a share 1 - level of the resamples has none, the interval is NaN.
"""

from statistics import NormalDist

import numpy as np

from dircli.arrays import FloatArray, IntArray

LEVEL = 0.95
POWER = 0.8
NORMAL = NormalDist()


def percentile(point: FloatArray, resampled: FloatArray, *, level: float = LEVEL) -> FloatArray:
    """The percentile interval of scores ``point`` (...): its two ends, (..., 2), from ``resampled`` (..., R).

    The ends are the quantiles (1 ± level) / 2 of the resampled scores, interpolated (Efron and Tibshirani 1993).
    """
    tail = (1 - level) / 2
    return _ends(point, resampled, np.broadcast_to([tail, 1 - tail], (*np.shape(point), 2)), level)


def bca(
    point: FloatArray, resampled: FloatArray, jackknife: FloatArray, strata: IntArray, *, level: float = LEVEL
) -> FloatArray:
    """The bias-corrected and accelerated interval (Efron 1987): its two ends, (..., 2).

    ``jackknife`` (..., units) are the scores without each unit in turn, and ``strata`` (units,) its stratum, codes 0..
    There is no interval where a score without some unit is undefined, or all resamples lie on one side of the score.
    """
    bias, acceleration = _bias(point, resampled)[..., None], _acceleration(jackknife, strata)[..., None]
    tail = (1 - level) / 2
    moved = bias + np.array([NORMAL.inv_cdf(tail), NORMAL.inv_cdf(1 - tail)])
    shares = np.vectorize(NORMAL.cdf, otypes=[np.float64])(bias + moved / (1 - acceleration * moved))
    return _ends(point, resampled, shares, level)


def standard_error(resampled: FloatArray) -> FloatArray:
    """The standard deviation (...) of the resampled scores (..., R), over those that are defined; NaN below two."""
    defined = np.isfinite(resampled)
    n = defined.sum(axis=-1)
    values = np.where(defined, resampled, 0)
    mean = values.sum(axis=-1) / np.maximum(n, 1)
    spread = np.where(defined, values - mean[..., None], 0)
    return np.where(n > 1, np.sqrt((spread**2).sum(axis=-1) / np.maximum(n - 1, 1)), np.nan)


def detectable(error: FloatArray, *, level: float = LEVEL, power: float = POWER) -> FloatArray:
    """The smallest true difference that a two-sided test at 1 - ``level`` finds with probability ``power``.

    (z₍₁₊level₎/₂ + z_power) · ``error``, 2.80 standard errors by default, for a normal estimate. With the standard
    error of one score that is its distance from a fixed value; with that of a paired difference, of two systems.
    """
    return error * (NORMAL.inv_cdf((1 + level) / 2) + NORMAL.inv_cdf(power))


def _ends(point: FloatArray, resampled: FloatArray, shares: FloatArray, level: float) -> FloatArray:
    """The quantiles ``shares`` (..., 2) of the resampled scores that are defined, where there are enough of them."""
    ends = np.full(shares.shape, np.nan)
    for place in np.ndindex(np.shape(point)):
        values = resampled[place][np.isfinite(resampled[place])]
        enough = values.size and values.size >= level * resampled.shape[-1]
        if enough and np.isfinite(point[place]) and np.isfinite(shares[place]).all():
            ends[place] = np.quantile(values, shares[place])
    return ends


def _bias(point: FloatArray, resampled: FloatArray) -> FloatArray:
    """The normal quantile of the share of resampled scores below the score, those equal counting half; NaN if ±∞."""
    below, equal = (resampled < point[..., None]).sum(axis=-1), (resampled == point[..., None]).sum(axis=-1)
    shares = (below + equal / 2) / np.maximum(np.isfinite(resampled).sum(axis=-1), 1)
    quantile = np.vectorize(lambda share: NORMAL.inv_cdf(share) if 0 < share < 1 else np.nan, otypes=[np.float64])
    return np.asarray(quantile(shares), dtype=np.float64)


def _acceleration(jackknife: FloatArray, strata: IntArray) -> FloatArray:
    """A sixth of the skewness of the units' influence, strata as samples of their own; 0 where nothing varies."""
    cubes = squares = np.zeros(jackknife.shape[:-1])
    for stratum in np.unique(strata):
        scores = jackknife[..., strata == stratum]
        n = scores.shape[-1]
        influence = (n - 1) * (scores.mean(axis=-1, keepdims=True) - scores)
        cubes = cubes + (influence**3).sum(axis=-1) / n**3
        squares = squares + (influence**2).sum(axis=-1) / n**2
    return np.asarray(cubes / np.where(squares == 0, 1, squares) ** 1.5 / 6)
