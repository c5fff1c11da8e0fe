"""Relevance φ(y) of a target, 0 where it is common and 1 at the rare extremes, from the *training* targets.

Between control points φ is the piecewise cubic Hermite interpolant of slope 0 at each, a smooth step, and constant
beyond them (Ribeiro and Moniz 2020). `relevance`, of SERA, is by their `extremes` method and program (IRon): the fences
of the adjusted box plot (Hubert and Vandervieren 2008) with coefficient 1.5 have φ = 1, the median has φ = 0.
`box_plot`, of SMOTER and SMOGN, is by Tukey's box plot (Ribeiro 2011).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from dircli.arrays import FloatArray, IntArray

COEFFICIENT = 1.5
STEPS = 60
Extremes: TypeAlias = Literal["both", "low", "high"]


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
        return _smooth(np.divide(beyond, width, out=step, where=width > 0))


@dataclass(frozen=True, eq=False)
class ControlPoints:
    """φ through ``phi`` (m,) at the ascending targets ``at`` (m,), m > 1, and constant beyond the first and last."""

    at: FloatArray
    phi: FloatArray

    def __call__(self, target: FloatArray) -> FloatArray:
        """φ of each ``target`` (n,), in 0..1."""
        left = np.clip(np.searchsorted(self.at, target, side="right") - 1, 0, len(self.at) - 2)
        step = _smooth((target - self.at[left]) / np.diff(self.at)[left])
        return np.asarray(self.phi[left] + step * np.diff(self.phi)[left])


def _smooth(part: FloatArray) -> FloatArray:
    part = np.clip(part, 0, 1)
    return np.asarray(part * part * (3 - 2 * part))


def _quartiles(ordered: FloatArray) -> tuple[float, float, float]:
    """Tukey's hinges, as R's boxplots have them, and the median between them, of ascending values (n,)."""
    n, depth = len(ordered), ((len(ordered) + 3) // 2) / 2

    def at(place: float) -> float:
        return float(ordered[int(np.floor(place)) - 1] + ordered[int(np.ceil(place)) - 1]) / 2

    return at(depth), at((n + 1) / 2), at(n + 1 - depth)


def box_plot(train: FloatArray, extremes: Extremes = "both") -> Relevance:
    """φ by the box plot of the training targets ``train`` (n,), n > 0: 1 from the end of a whisker on, 0 at the median.

    A whisker ends at the last target within 1.5 interquartile ranges of the box. A side without targets beyond it, or
    one that ``extremes`` leaves out, has φ = 0 throughout.
    """
    ordered = np.sort(train)
    first, median, third = _quartiles(ordered)
    reach = COEFFICIENT * (third - first)
    low, high = ordered[(ordered >= first - reach) & (ordered <= third + reach)][[0, -1]].tolist()
    return Relevance(
        low if extremes != "high" and ordered[0] < low else -np.inf,
        median,
        high if extremes != "low" and ordered[-1] > high else np.inf,
    )


def relevance(train: FloatArray) -> Relevance:
    """φ from the training targets ``train`` (n,), n > 0, in any order."""
    ordered = np.sort(train)
    first, median, third = _quartiles(ordered)
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
