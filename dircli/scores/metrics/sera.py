"""The error that relevance φ(y) weighs (Ribeiro and Moniz 2020); φ itself is in `benchmark/relevance.py`."""

from typing import Any

import numpy as np

from dircli.arrays import FloatArray
from dircli.scores.metrics.sums import RegionSums


def weighted(target: FloatArray, prediction: FloatArray, phi: FloatArray) -> FloatArray:
    """Squared error-relevance area, Σ φ(y)·e²; what each row adds to it, (n,), with ``phi`` (n,) its φ(y).

    The area is ∫ SER(t) dt, t from 0 to 1, where SER(t) sums e² over rows with φ(y) ≥ t: a share φ(y) of all t.
    """
    return np.asarray(phi * (prediction - target) ** 2)


def area(sums: RegionSums) -> Any:
    """The sum of the one term that each row has."""
    return sums.terms[0]
