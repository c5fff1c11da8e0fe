"""Bins of the target, and the only way to find the bin of a value: comparison with edges, never division.

``label / 0.1`` moves 1,072 of the 5,249 STS-B training rows to another bin. Edges are therefore correctly rounded
decimals (0.3 is the float that the text "0.3" reads as), so that a label printed as an edge always opens its bin.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor, isfinite, nan
from typing import TypeAlias

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.errors import UsageError

Number: TypeAlias = float | str | Fraction

MANY = 1 << 12
"""Values from which on a guess of their bins pays."""
PIECE = 1 << 14
"""Values that are looked up at once: they fit the cache of a core."""


def number(text: str) -> float:
    """The finite number that ``text`` prints, or NaN for anything else, also for 1_000, which only Python reads."""
    try:
        value = float(text) if "_" not in text and text.isascii() else nan
    except ValueError:
        return nan
    return value if isfinite(value) else nan


def interval(text: str, option: str) -> tuple[float, float]:
    """The two ascending numbers of ``LO:HI``; UsageError, naming the ``option``, where it is something else."""
    try:
        low, high = map(number, text.split(":"))
    except ValueError:
        low, high = nan, nan
    if not low < high:
        raise UsageError(f"{option} {text!r} is not LO:HI with two ascending numbers, such as 0:20 or -2.5:0")
    return low, high


@dataclass(frozen=True)
class Bins:
    """B bins of the target: bin b is ``[edges[b], edges[b + 1])``, and the last one also holds its right end.

    ``edges`` (B + 1,) ascend strictly and are in the target's unit. Raises ValueError when they do not.

    >>> Bins.regular(0, 1, 0.1).index(np.array([0.3, 1.0]))
    array([3, 9])
    """

    edges: FloatArray

    def __post_init__(self) -> None:
        edges = self.edges
        ascending = edges.ndim == 1 and edges.size > 1 and np.isfinite(edges).all() and (edges[1:] > edges[:-1]).all()
        if not ascending:
            raise ValueError("edges must be finite and ascend strictly, and there must be two or more")

    @classmethod
    def regular(cls, low: Number, high: Number, width: Number) -> Bins:
        """Bins of equal ``width`` from ``low`` to ``high``, which must lie a whole number of widths apart.

        Edges are computed as exact fractions of the decimals as printed and rounded once.
        """
        start, stop, step = (Fraction(str(value)) for value in (low, high, width))
        if step <= 0 or stop <= start or (stop - start) % step:
            raise ValueError(f"from {low} to {high} is not a whole number of bins of width {width}")
        return cls(np.array([float(start + k * step) for k in range(int((stop - start) / step) + 1)]))

    @classmethod
    def covering(cls, values: AnyArray, width: Number) -> Bins:
        """Bins of ``width`` whose edges are whole multiples of it, from below the lowest of ``values`` to above all.

        Every value lies below the last edge. Raises ValueError for no values.
        """
        step = Fraction(str(width))
        first = floor(Fraction(float(values.min())) / step)
        last = floor(Fraction(float(values.max())) / step) + 1
        # one edge more than needed: the last but one, rounded, may be the highest value itself
        edges = np.array([float(k * step) for k in range(first, last + 2)])
        inside = (edges > values.min()).argmax() - 1, np.searchsorted(edges, values.max(), side="right") + 1
        return cls(edges[inside[0] : inside[1]])

    def __len__(self) -> int:
        return self.edges.size - 1

    @property
    def low(self) -> FloatArray:
        """The left end of each bin, (B,)."""
        return self.edges[:-1]

    @property
    def high(self) -> FloatArray:
        """The right end of each bin, (B,)."""
        return self.edges[1:]

    def index(self, values: AnyArray) -> IntArray:
        """The bin of each of ``values`` (any shape), in 0..B-1; -1 for a value outside the range or NaN."""
        many = values.size >= MANY and values.dtype == np.float64 and self._alike
        if many and self.edges[0] <= values.min() and values.max() <= self.edges[-1]:
            return self._near(values)
        index = np.searchsorted(self.edges, values, side="right") - 1
        beyond = index >= len(self)  # at the right end or above it, or NaN, which sorts last
        return np.where(beyond, np.where(values == self.edges[-1], len(self) - 1, -1), index) if beyond.any() else index

    @cached_property
    def _alike(self) -> bool:
        """Whether all widths are so nearly the same that a division finds the bin or one next to it."""
        span = float(self.edges[-1]) - float(self.edges[0])
        if not 1e-300 < span < 1e300:  # noqa: PLR2004 - far from where floats end
            return False
        even = np.linspace(self.edges[0], self.edges[-1], self.edges.size)
        return bool((np.abs(self.edges - even) < span / (4 * len(self))).all())

    def _near(self, values: FloatArray) -> IntArray:
        """The bin of each of ``values`` (any shape), all within the range, of bins that are `_alike`.

        Edges decide here, too, for a guess that misses by one at most: that is sooner than a search among them.
        """
        flat, index = values.reshape(-1), np.empty(values.size, np.int64)
        low, high = self.low, np.append(self.high[:-1], np.inf)
        per_unit = len(self) / (self.edges[-1] - self.edges[0])
        for at in range(0, flat.size, PIECE):
            piece = flat[at : at + PIECE]
            guess = np.minimum(((piece - low[0]) * per_unit).astype(np.int64), len(self) - 1)
            index[at : at + PIECE] = guess + (piece >= high[guess]) - (piece < low[guess])
        return index.reshape(values.shape)

    def counts(self, values: AnyArray) -> IntArray:
        """How many of ``values`` lie in each bin, (B,); values outside the range are not counted."""
        index = self.index(values)
        return np.bincount(index[index >= 0], minlength=len(self)).astype(np.int64)
