"""Bins for a table of one's own: by width and range, by edges, by quantiles, or chosen by a named rule."""

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, takewhile

import numpy as np

from dircli.arrays import FloatArray, IntArray
from dircli.benchmark.bins import Bins, interval, number
from dircli.errors import UsageError

MOST = 1000  # so many bins are chosen at most
LEAST = 1e-322  # a width by the rule, of which a tenth is still no 0
UNWANTED = 1_000_000  # more bins than this are taken for a slip
RULE = "freedman-diaconis: 2 IQR n^(-1/3), the nearest of 1, 2 and 5 times a power of ten, at most 1,000 bins"
STEPS = (1, 2, 5)
AUTO = "auto"
QUANTILE = re.compile(r"quantile:([0-9]{1,7})")
QUARTERS = (0.25, 0.75)
FAR = 1e140  # of such distances the sum of squares is still a number


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How ``n`` targets, one or more, lie: the lowest and the highest; what gives their quartiles, and deviation."""

    n: int
    low: float
    high: float
    quartiles: Callable[[], tuple[float, float]]
    deviation: Callable[[], float]

    @classmethod
    def of(cls, targets: FloatArray, limits: str | None) -> "Spread | None":
        """That of ``targets`` (n,) within the ``limits`` (LO:HI); None where there are none."""
        if limits is not None:
            low, high = interval(limits, "--range")
            targets = targets[(targets >= low) & (targets <= high)]
        if not targets.size:
            return None

        def quartiles() -> tuple[float, float]:
            low, high = map(float, np.quantile(targets, QUARTERS))
            return low, high

        ends = {"low": float(targets.min()), "high": float(targets.max())}
        return cls(n=targets.size, **ends, quartiles=quartiles, deviation=lambda: float(targets.std()))


@dataclass(frozen=True)
class Distinct:
    """Different ``values`` (M,) of targets, ascending, and the ``counts`` (M,) of targets that have each."""

    values: FloatArray
    counts: IntArray

    @classmethod
    def of(cls, targets: FloatArray) -> "Distinct":
        """Those of ``targets`` (n,)."""
        return cls(*np.unique(targets, return_counts=True))

    @classmethod
    def merged(cls, parts: Sequence["Distinct"]) -> "Distinct":
        """Those of all ``parts``."""
        values, place = np.unique(np.concatenate([part.values for part in parts]), return_inverse=True)
        counts = np.zeros(values.size, np.int64)
        np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
        return cls(values, counts)

    def in_bins(self, bins: Bins) -> IntArray:
        """How many targets lie in each of ``bins``, (B,)."""
        index = bins.index(self.values)
        counts = np.zeros(len(bins), np.int64)
        np.add.at(counts, index[index >= 0], self.counts[index >= 0])
        return counts


def quartiles(n: int) -> list[tuple[int, int, float]]:
    """Of each quartile of ``n`` numbers, the two places in their order, from 0, that it lies between, and how far."""
    places = [quarter * (n - 1) for quarter in QUARTERS]
    return [(math.floor(place), min(math.floor(place) + 1, n - 1), place % 1) for place in places]


def given(text: str) -> Bins:
    """The bins between the ascending edges in ``text``, with commas between; UsageError where they are none."""
    with suppress(ValueError):
        return Bins(np.array([number(edge) for edge in text.split(",")]))
    raise UsageError(f"--edges {text!r} are no edges; write two or more ascending numbers, such as 0,1,2.5,10")


def regular(width: str, limits: str | None, targets: FloatArray) -> Bins:
    """Bins of ``width`` over ``limits`` (LO:HI), by default over all ``targets`` (n,), edges at multiples of the width.

    Numbers are taken as the decimals they are printed as. Raises UsageError where the range holds no whole number of
    bins, or more than anybody wants.
    """
    low, high = interval(limits, "--range") if limits else _span(targets)
    wide = number(width)
    if not wide > 0:
        raise UsageError(f"--bin-width {width!r} is no width; write a positive number, such as 0.1")
    if (Fraction(high) - Fraction(low)) / Fraction(wide) > UNWANTED:
        raise UsageError(
            f"--bin-width {width} makes more than {UNWANTED:,} bins from {low:.15g} to {high:.15g}; widen it"
        )
    try:
        if limits is None:
            return Bins.covering(targets, width)
        start, stop = map(str.strip, limits.split(":"))
        return Bins.regular(start, stop, width)
    except (ValueError, OverflowError) as error:
        over = f" --range {limits}" if limits else ""
        raise UsageError(f"--bin-width {width}{over}: {error}; targets lie from {low:.15g} to {high:.15g}") from None


def chosen(spread: Spread | None, limits: str | None) -> Bins:
    """Bins by `RULE` over all targets; with ``limits`` (LO:HI), the next width below that divides the range.

    ``spread`` is that of the targets within the limits; None where there are none.
    """
    if spread is None:
        raise UsageError(f"--range {limits}: no target lies there")
    ends = _span(np.array([spread.low, spread.high]))
    start, stop = map(Fraction, ends) if limits is None else map(Fraction, map(str, interval(limits, "--range")))
    place = next(k for k in count(_nearest(spread)) if (stop - start) / _width(k) <= MOST)
    if limits is None:
        return _distinct(np.array(ends), place)
    for width in takewhile(lambda width: (stop - start) / width <= MOST, map(_width, count(place, -1))):
        if (stop - start) % width == 0:
            with suppress(ValueError):  # such narrow bins are none in floating point
                return Bins.regular(start, stop, width)
    raise UsageError(f"--bins auto finds no width for the range {limits}; give --bin-width")


def _span(targets: FloatArray) -> tuple[float, float]:
    """The lowest and the highest target; UsageError where no floating-point number is as great as their distance."""
    low, high = float(targets.min()), float(targets.max())
    if not math.isfinite(2 * high - 2 * low):
        raise _too_far(low, high)
    return low, high


def _too_far(low: float, high: float) -> UsageError:
    what = f"the targets lie from {low:.15g} to {high:.15g}, which is too far apart for bins of their own"
    return UsageError(f"{what}; mend the targets, or give --edges")


def _distinct(targets: FloatArray, place: int) -> Bins:
    """Bins of the width at ``place`` over ``targets``, or of the next wider one whose edges differ as numbers."""
    for width in map(_width, count(place)):
        with suppress(ValueError):
            return Bins.covering(targets, width)
    raise AssertionError


def quantile_number(text: str) -> int | None:
    """The N of ``quantile:N``; None for ``auto``; UsageError for anything else."""
    if text == AUTO:
        return None
    if not (match := QUANTILE.fullmatch(text)) or not 2 <= (number := int(match[1])) <= MOST:  # noqa: PLR2004 - one bin
        what = f"neither auto nor quantile:N with N from 2 to {MOST:,}, as in quantile:10"
        raise UsageError(f"--bins {text!r} is {what}; for bins of one width, write --bin-width W")
    return number


def quantiles(targets: FloatArray, number: int) -> Bins:
    """``number`` bins of ``targets`` (n,), 2 or more, whose counts are as equal as equal targets allow.

    Inner edges are targets, the lowest of their bins. No edge can be moved to another target so that the two bins that
    it divides become more equal; where all targets differ, counts differ by 1 at most. Raises UsageError where there
    are fewer distinct targets than bins.
    """
    return quantiles_of(Distinct.of(targets), number)


def quantiles_of(targets: Distinct, number: int) -> Bins:
    """`quantiles` of ``targets`` with their counts."""
    values, counts = targets.values, targets.counts
    _span(values)
    if values.size < number:
        most = f"quantile:{values.size}" if values.size > 1 else "auto"
        what = f"there are {values.size:,} distinct targets, and no more bins can hold one each"
        raise UsageError(f"--bins quantile:{number}: {what}; try --bins {most}")
    places = _equalised(_shares(counts, number), np.append(0, np.cumsum(counts)))
    edges = values[np.append(places[:-1], -1)]
    if places[-2] == values.size - 1:  # the highest target alone: its bin is as wide as it is far from the next lower
        edges[-1] += edges[-1] - values[-2]
    return Bins(edges)


def _shares(counts: IntArray, number: int) -> IntArray:
    """The place among the values, of ``counts`` (M,) rows, where each of ``number`` bins begins, and M: (number + 1,).

    Rows are shared out evenly, but a value of more rows than a bin should have counts as if it had just so many.
    """
    ordered = np.sort(counts)[::-1][:number]
    share = (counts.sum() - np.cumsum(ordered) + ordered) / np.arange(number, 0, -1)  # without the 0, 1, … heaviest
    share = share[np.argmax(ordered <= share)]
    below = np.append(0.0, np.cumsum(np.minimum(counts, share)))
    inner = _nearest_place(below, share * np.arange(1, number))
    ascending = np.arange(1, number)  # rounding apart, places differ already
    inner = np.maximum.accumulate(np.maximum(inner, ascending) - ascending) + ascending
    return np.concatenate([[0], np.minimum(inner, counts.size - number + ascending), [counts.size]])


def _equalised(places: IntArray, below: IntArray) -> IntArray:
    """``places`` (B + 1,) of bins, moved until no single move makes the two bins at an inner one more equal.

    ``below`` (M + 1,) are the rows below each place. Each move lessens the sum of squared counts, so that this ends.
    """
    moved = True
    while moved:
        moved = False
        for first in (1, 2):  # every other one, whose neighbours stay
            left, here, right = places[first - 1 : -2 : 2], places[first:-1:2], places[first + 1 :: 2]
            left, right = left[: here.size], right[: here.size]
            middle = (below[left] + below[right]) / 2
            best = np.clip(_nearest_place(below, middle), left + 1, right - 1)
            better = np.abs(below[best] - middle) < np.abs(below[here] - middle)
            here[better] = best[better]
            moved |= bool(better.any())
    return places


def _nearest_place(below: FloatArray | IntArray, rows: FloatArray) -> IntArray:
    """The place where ``below`` (M + 1,), which ascends from 0, is nearest to each of ``rows``; of two, the lower.

    All ``rows`` are above 0, and none is above the last of ``below``.
    """
    above = np.searchsorted(below, rows)
    return np.where(rows - below[above - 1] <= below[above] - rows, above - 1, above)


def _width(place: int) -> Fraction:
    """The widths 1, 2 and 5 times a power of ten in ascending order; that at 0 is 1."""
    return STEPS[place % 3] * Fraction(10) ** (place // 3)


def _nearest(spread: Spread) -> int:
    """The place of the width whose logarithm is nearest to that of 2 IQR n^(-1/3).

    Of targets without spread between the quartiles, to that of Scott's 3.49 sd n^(-1/3); of equal ones, to that of 1.
    """
    width = 1.0
    if spread.low < spread.high:
        low, high = spread.quartiles()
        if low == high and spread.high - spread.low > FAR:
            raise _too_far(spread.low, spread.high)
        width = max((2 * (high - low) or 3.49 * spread.deviation()) * float(spread.n ** (-1 / 3)), LEAST)
    place = 3 * math.floor(math.log10(width))
    return min(range(place, place + 6), key=lambda each: abs(math.log(_width(each)) - math.log(width)))
