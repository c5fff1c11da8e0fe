"""Training rows taken away: in gaps of the target, or down to a mixture of skewed Gaussians (DIR, Table 6 and E.4).

Validation and test stay whole, so that scores tell how a model does where it has seen nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli.errors import UsageError
from dircli.sampling import by_bin, keys, lowest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dircli.arrays import BoolArray, FloatArray, IntArray
    from dircli.bins import Bins

REACH = 3.0
"""How many standard deviations a component reaches to either side of its mean."""


def in_gaps(targets: FloatArray, gaps: Iterable[tuple[float, float]], *, end: float) -> BoolArray:
    """Which ``targets`` (n,) lie in the ``gaps`` [low, high); one that reaches ``end``, the range's, holds it."""
    found = np.zeros(targets.size, dtype=bool)
    for low, high in gaps:
        found |= (targets >= low) & ((targets < high) | (targets == end if high >= end else False))
    return found


@dataclass(frozen=True, kw_only=True)
class Component:
    """A Gaussian with a standard deviation of its own on each side of its ``mean``, and a ``weight`` in a mixture."""

    mean: float
    left: float
    right: float
    weight: float

    def below(self, x: FloatArray) -> FloatArray:
        """The share of the component that lies below each ``x``: continuous at the mean, 0 and 1 far away."""
        from scipy.special import ndtr

        total = self.left + self.right
        left = 2 * self.left / total * ndtr((x - self.mean) / self.left)
        right = (self.left - self.right + 2 * self.right * ndtr((x - self.mean) / self.right)) / total
        return np.asarray(np.where(x < self.mean, left, right))


EXAMPLE = "such as 30:8:0.7,70:5/10:0.3 (mean, standard deviation or left/right, weight)"


def components(text: str) -> list[Component]:
    """The components that ``MEAN:STD:WEIGHT, …`` states, by ascending mean; STD may be ``LEFT/RIGHT``."""
    found = []
    for part in text.split(","):
        try:
            mean, std, weight = part.split(":")
            left, _, right = std.partition("/")
            one = Component(mean=float(mean), left=float(left), right=float(right or left), weight=float(weight))
        except ValueError:
            raise UsageError(f"--skew: {part.strip()!r} is no component; write MEAN:STD:WEIGHT, {EXAMPLE}") from None
        numbers = (one.mean, one.left, one.right, one.weight)
        if not all(map(math.isfinite, numbers)) or min(numbers[1:]) <= 0:
            raise UsageError(f"--skew: in {part.strip()!r}, deviations and weight must be positive; {EXAMPLE}")
        found.append(one)
    found.sort(key=lambda each: each.mean)
    if len({each.mean for each in found}) < len(found):
        raise UsageError("--skew: two components have the same mean; give each a place of its own")
    return found


def supports(mixture: Sequence[Component]) -> list[tuple[float, float]]:
    """Where each component is more than nothing: `REACH` deviations around its mean, or to where it meets a neighbour.

    Neighbours meet where both are equally many deviations away, so that components are disjoint. ``mixture`` ascends.
    """
    ends = [[each.mean - REACH * each.left, each.mean + REACH * each.right] for each in mixture]
    for k in range(len(mixture) - 1):
        one, two = mixture[k], mixture[k + 1]
        if ends[k][1] > ends[k + 1][0]:
            ends[k][1] = ends[k + 1][0] = (one.mean * two.left + two.mean * one.right) / (one.right + two.left)
    return [(low, high) for low, high in ends]


def density(bins: Bins, mixture: Sequence[Component]) -> FloatArray:
    """The share of the mixture in each bin, (B,); the sum is 1. UsageError where no bin has any.

    Each component is cut to its support and weighs its weight; what lies beyond the bins is lost to all alike.
    """
    shares = np.zeros(len(bins))
    for one, (low, high) in zip(mixture, supports(mixture), strict=True):
        held = np.diff(one.below(np.clip(bins.edges, low, high)))
        shares += one.weight * held / np.diff(one.below(np.array([low, high])))
    if not shares.sum() > 0:
        raise UsageError(f"--skew: no component reaches the bins, {bins.edges[0]:g} to {bins.edges[-1]:g}")
    return np.asarray(shares / shares.sum())


def whole(shares: FloatArray, total: int) -> IntArray:
    """``total`` rows in the proportion of ``shares`` (B,): whole numbers, the largest remainders rounded up."""
    exact = shares * total
    counts = np.floor(exact).astype(np.int64)
    left = int(total - counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts


def thinned(bin_index: IntArray, asked: IntArray, *, seed: int) -> IntArray:
    """The rows, ascending, that stay of those in ``bin_index`` (n,): ``asked`` (B,) of each bin, or all it has.

    Of each bin those with the lowest keys stay; row i has the i-th key (see `sampling`).
    """
    key = keys(bin_index.size, seed)
    kept = [lowest(rows, key, int(asked[b])) for b, rows in enumerate(by_bin(bin_index, len(asked)))]
    return np.sort(np.concatenate(kept))
