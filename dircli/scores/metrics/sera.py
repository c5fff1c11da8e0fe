"""Relevance φ(y) of a target, 0 at the median and 1 at the rare extremes, and the error that it weighs (SERA).

As by the `extremes` method of Ribeiro and Moniz (2020) and their program (IRon): the fences of the adjusted box plot
(Hubert and Vandervieren 2008) of the *training* targets with coefficient 1.5 have φ = 1, the median has φ = 0, and the
piecewise cubic Hermite interpolant, of slope 0 at all three, is a smooth step on either side, constant beyond.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dircli.arrays import FloatArray, IntArray
from dircli.scores.metrics.sums import RegionSums

COEFFICIENT = 1.5
STEPS = 60


@dataclass(frozen=True)
class Relevance:
    """φ: 1 at ``low`` and below, 0 at ``median``, 1 at ``high`` and above; all in the target's unit."""

    low: float
    median: float
    high: float

    def __call__(self, target: FloatArray) -> FloatArray:
        """φ of each ``target`` (n,), in 0..1; a side of no width is a step, with φ = 0 at the median itself."""
        beyond = np.where(target < self.median, self.median - target, target - self.median)
        width = np.where(target < self.median, self.median - self.low, self.high - self.median)
        step = (beyond > 0).astype(np.float64)
        part = np.clip(np.divide(beyond, width, out=step, where=width > 0), 0, 1)
        return np.asarray(part * part * (3 - 2 * part))


def relevance(train: FloatArray) -> Relevance:
    """φ from the training targets ``train`` (n,), n > 0, in any order."""
    ordered = np.sort(train)
    n, depth = len(ordered), ((len(ordered) + 3) // 2) / 2  # Tukey's hinges, as R's boxplots have them

    def at(place: float) -> float:
        return float(ordered[int(np.floor(place)) - 1] + ordered[int(np.ceil(place)) - 1]) / 2

    first, median, third = at(depth), at((n + 1) / 2), at(n + 1 - depth)
    skew = medcouple(ordered)
    left, right = (-4 * skew, 3 * skew) if skew >= 0 else (-3 * skew, 4 * skew)
    reach = COEFFICIENT * (third - first)
    return Relevance(first - reach * float(np.exp(left)), median, third + reach * float(np.exp(right)))


def medcouple(ordered: FloatArray) -> float:
    """The medcouple of ascending values (n,): a robust skewness in -1..1, positive for a long upper tail.

    The median of h(a, b) = ((b - m) - (m - a)) / (b - a) over all a ≤ m ≤ b, with m the median (Brys, Hubert and
    Struyf 2004). Pairs are counted below a threshold by binary search and the threshold is halved in, so that n² pairs
    are never formed; the result is exact to rounding. Of two middle values their mean is taken.
    """
    median = float(np.median(ordered))
    below, above = ordered[ordered < median] - median, ordered[ordered > median] - median
    ties = len(ordered) - len(below) - len(above)
    # a row at the median makes h = -1 with each lower one, +1 with each upper one; k of them among themselves make
    # k (k - 1) / 2 pairs each of -1 and +1, and k of 0
    among = ties * (ties - 1) // 2
    fixed = {-1.0: ties * len(below) + among, 0.0: ties, 1.0: ties * len(above) + among}
    total = len(below) * len(above) + sum(fixed.values())

    values, rows = np.unique(below, return_counts=True)

    def at_most(h: float, lower: FloatArray) -> IntArray:
        """How many pairs each of ``lower`` makes of at most h."""
        if h >= 1:  # halves between the last number below 1 and 1 are rounded to 1
            return np.full(lower.size, len(above))
        return np.searchsorted(above, -lower * (1 + h) / (1 - h), side="right")  # b (1 - h) ≤ -a (1 + h)

    def middle(rank: int) -> float:
        low, high, lower, times = -1.0, 1.0, values, rows
        decided, at_low, at_high = 0, at_most(low, lower), at_most(high, lower)
        if at_low @ times + fixed[low] >= rank:
            return low
        for _ in range(STEPS):
            half = (low + high) / 2
            at_half = at_most(half, lower)
            ties_too = sum(count for value, count in fixed.items() if value <= half)
            if decided + at_half @ times + ties_too >= rank:
                high, at_high = half, at_half
            else:
                low, at_low = half, at_half
            is_open = at_low < at_high  # a value that makes as many pairs at both ends makes as many between
            decided += int(at_low[~is_open] @ times[~is_open])
            lower, times = lower[is_open], times[is_open]
            at_low, at_high = at_low[is_open], at_high[is_open]
        return high

    ranks = {(total + 1) // 2, total // 2 + 1}
    return sum(map(middle, ranks)) / len(ranks)


def weighted(target: FloatArray, prediction: FloatArray, phi: FloatArray) -> FloatArray:
    """Squared error-relevance area, Σ φ(y)·e²; what each row adds to it, (n,), with ``phi`` (n,) its φ(y).

    The area is ∫ SER(t) dt, t from 0 to 1, where SER(t) sums e² over rows with φ(y) ≥ t: a share φ(y) of all t.
    """
    return np.asarray(phi * (prediction - target) ** 2)


def area(sums: RegionSums) -> Any:
    """The sum of the one term that each row has."""
    return sums.terms[0]
