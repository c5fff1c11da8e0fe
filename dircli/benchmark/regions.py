"""Shot regions: how many training samples a bin has, against two thresholds (DIR, section 4)."""

import numpy as np

from dircli.arrays import AnyArray, BoolArray, TextArray
from dircli.benchmark.protocol import Thresholds

REGIONS = ("many", "medium", "few")
ZERO = "zero"
ALL = "all"
WITH_DATA, BETWEEN, BEYOND = "with-data", "interpolation", "extrapolation"
OF_DATA = (ZERO, BETWEEN, BEYOND, WITH_DATA)
"""Regions by what train holds at all, as in the paper's Table 6; shown only where a row has no training data."""


def region(counts: AnyArray, thresholds: Thresholds) -> TextArray:
    """The region of each bin, (B,), from its training ``counts`` (B,): "many", "medium" or "few".

    A bin without a training sample is "few"; `masks` also shows it as "zero".
    """
    return np.where(counts > thresholds.many, "many", np.where(counts < thresholds.few, "few", "medium")).astype(object)


def masks(regions: TextArray, counts: AnyArray) -> dict[str, BoolArray]:
    """Which bins belong to all, many, medium, few and zero, and to the parts by data: a (B,) mask each.

    ``regions`` (B,) as `region` gives them; ``counts`` (B,) of training samples. ``zero``, the bins without any, lies
    within few, and is divided into ``interpolation``, with training samples below and above, and ``extrapolation``;
    ``with-data`` are all other bins.
    """
    parts = {name: np.asarray(regions == name) for name in REGIONS}
    data = np.asarray(counts > 0)
    inside = np.maximum.accumulate(data) & np.maximum.accumulate(data[::-1])[::-1]
    by_data = {ZERO: ~data, BETWEEN: ~data & inside, BEYOND: ~inside, WITH_DATA: data}
    return {ALL: np.ones(len(counts), bool), **parts, **by_data}
