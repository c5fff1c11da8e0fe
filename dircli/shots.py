"""Shot regions: how many training samples a bin has, against two thresholds (DIR, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dircli.arrays import AnyArray, BoolArray, TextArray
    from dircli.protocols import Thresholds

REGIONS = ("many", "medium", "few")
ZERO = "zero"
ALL = "all"


def region(counts: AnyArray, thresholds: Thresholds) -> TextArray:
    """The region of each bin, (B,), from its training ``counts`` (B,): "many", "medium" or "few".

    A bin without a training sample is "few"; `masks` also shows it as "zero".
    """
    return np.where(counts > thresholds.many, "many", np.where(counts < thresholds.few, "few", "medium")).astype(object)


def masks(regions: TextArray, counts: AnyArray) -> dict[str, BoolArray]:
    """Which bins belong to all, many, medium, few and zero: a (B,) mask each; zero lies within few.

    ``regions`` (B,) as `region` gives them; ``counts`` (B,) of training samples.
    """
    parts = {name: np.asarray(regions == name) for name in REGIONS}
    return {ALL: np.ones(len(counts), bool), **parts, ZERO: np.asarray(counts == 0)}
