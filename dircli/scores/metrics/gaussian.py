"""Scores of predictions that state a standard deviation: how likely the targets are, and how well it is calibrated.

Functions of rows take ``target``, ``prediction`` and ``sigma`` > 0, (n,) each, and give what each adds to the sums.
"""

from functools import cache
from typing import Any

import numpy as np

from dircli.arrays import FloatArray
from dircli.scores.metrics.sums import RegionSums

LEVELS = np.arange(1, 20) / 20


def likelihood(target: FloatArray, prediction: FloatArray, sigma: FloatArray) -> FloatArray:
    """Gaussian negative log-likelihood, mean of ln s + ½ ln 2π + e²/2s² in nats, s = sigma; a row's part, (n,)."""
    return np.asarray(np.log(sigma) + np.log(2 * np.pi) / 2 + ((prediction - target) / sigma) ** 2 / 2)


def covered(target: FloatArray, prediction: FloatArray, sigma: FloatArray) -> FloatArray:
    """Calibration error of sigma, mean over levels 5 % to 95 % of |share covered - level|; what each covers, (19, n).

    A row is covered at a level where the central interval of that probability of N(ŷ, sigma²), closed, holds its target
    (Kuleshov et al. 2018, with central intervals and absolute differences).
    """
    return (np.abs(prediction - target) <= reach()[:, None] * sigma).astype(np.float64)


@cache
def reach() -> FloatArray:
    """Half the width of the central interval of each of `LEVELS`, (19,), in standard deviations."""
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf((1 + level) / 2) for level in LEVELS])


def calibration(sums: RegionSums) -> Any:
    """The mean over `LEVELS` of the distance between the share of rows covered and the level, in 0..1."""
    levels = LEVELS.reshape(-1, *[1] * (sums.terms.ndim - 1))
    return np.abs(sums.terms / sums.n - levels).mean(axis=0)
