"""Bins for a table of one's own: by width and range, by edges, or chosen from the targets by a named rule."""

import math
from contextlib import suppress
from fractions import Fraction
from itertools import count, takewhile

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.bins import Bins, interval
from dircli.errors import UsageError

MOST = 1000  # so many bins are chosen at most
UNWANTED = 1_000_000  # more bins than this are taken for a slip
RULE = "freedman-diaconis: 2 IQR n^(-1/3), the nearest of 1, 2 and 5 times a power of ten, at most 1,000 bins"
STEPS = (1, 2, 5)


def given(text: str) -> Bins:
    """The bins between the ascending edges in ``text``, with commas between; UsageError where they are none."""
    with suppress(ValueError):
        edges = np.array([float(edge) for edge in text.split(",")])
        if np.isfinite(edges).all():
            return Bins(edges)
    raise UsageError(f"--edges {text!r} are no edges; write two or more ascending numbers, such as 0,1,2.5,10")


def regular(width: str, limits: str | None, targets: FloatArray) -> Bins:
    """Bins of ``width`` over ``limits`` (LO:HI), by default over all ``targets`` (n,), edges at multiples of the width.

    Numbers are taken as the decimals they are printed as. Raises UsageError where the range holds no whole number of
    bins, or more than anybody wants.
    """
    low, high = interval(limits, "--range") if limits else (float(targets.min()), float(targets.max()))
    try:
        wide = float(width)
    except ValueError:
        wide = math.nan
    if not 0 < wide < math.inf:
        raise UsageError(f"--bin-width {width!r} is no width; write a positive number, such as 0.1")
    if (high - low) / wide > UNWANTED:
        raise UsageError(f"--bin-width {width} makes more than {UNWANTED:,} bins from {low:g} to {high:g}; widen it")
    if limits is None:
        return Bins.covering(targets, width)
    try:
        start, stop = map(str.strip, limits.split(":"))
        return Bins.regular(start, stop, width)
    except ValueError as error:
        raise UsageError(f"--bin-width {width} --range {limits}: {error}") from None


def chosen(targets: FloatArray, limits: str | None) -> Bins:
    """Bins by `RULE` over ``targets`` (n,); with ``limits`` (LO:HI), the next width below that divides the range."""
    if limits is None:
        start, stop = Fraction(float(targets.min())), Fraction(float(targets.max()))
    else:
        low, high = interval(limits, "--range")
        start, stop = map(Fraction, limits.split(":"))
        targets = targets[(targets >= low) & (targets <= high)]
        if not targets.size:
            raise UsageError(f"--range {limits}: no target lies there")
    place = next(k for k in count(_nearest(targets)) if (stop - start) / _width(k) <= MOST)
    if limits is None:
        return Bins.covering(targets, _width(place))
    for width in takewhile(lambda width: (stop - start) / width <= MOST, map(_width, count(place, -1))):
        if (stop - start) % width == 0:
            return Bins.regular(start, stop, width)
    raise UsageError(f"--bins auto finds no width for the range {limits}; give --bin-width")


def _width(place: int) -> Fraction:
    """The widths 1, 2 and 5 times a power of ten in ascending order; that at 0 is 1."""
    return STEPS[place % 3] * Fraction(10) ** (place // 3)


def _nearest(targets: FloatArray) -> int:
    """The place of the width whose logarithm is nearest to that of 2 IQR n^(-1/3).

    Of targets without spread between the quartiles, to that of Scott's 3.49 sd n^(-1/3); of equal ones, to that of 1.
    """
    width = 1.0
    if np.ptp(targets):
        low, high = np.quantile(targets, [0.25, 0.75])
        width = (2 * float(high - low) or 3.49 * float(targets.std())) * float(targets.size ** (-1 / 3))
    place = 3 * math.floor(math.log10(width))
    return min(range(place, place + 6), key=lambda each: abs(math.log(_width(each)) - math.log(width)))
