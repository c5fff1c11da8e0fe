"""Bins for a table of one's own: by width and range, by edges, or chosen from the targets by a named rule."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import count

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.bins import Bins, interval
from dircli.errors import UsageError

MOST = 1000
"""How many bins are chosen at most."""

UNWANTED = 1_000_000
"""More bins than this are taken for a slip."""

RULE = "freedman-diaconis: 2 IQR n^(-1/3), the nearest of 1, 2 and 5 times a power of ten, at most 1,000 bins"
STEPS = (1, 2, 5)


def given(text: str) -> Bins:
    """The bins between the ascending edges in ``text``, with commas between; UsageError where they are none."""
    try:
        edges = np.array([float(edge) for edge in text.split(",")])
        bins = Bins(edges)
    except ValueError:
        bins = None
    if bins is None or not np.isfinite(edges).all():
        raise UsageError(f"--edges {text!r} are no edges; write two or more ascending numbers, such as 0,1,2.5,10")
    return bins


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
        return Bins.regular(*_ends(limits), width)
    except ValueError as error:
        raise UsageError(f"--bin-width {width} --range {limits}: {error}") from None


def chosen(targets: FloatArray, limits: str | None) -> Bins:
    """Bins by `RULE` over ``targets`` (n,); with ``limits`` (LO:HI), the next width below that divides the range."""
    if limits is None:
        start, stop = Fraction(float(targets.min())), Fraction(float(targets.max()))
    else:
        low, high = interval(limits, "--range")
        start, stop = (Fraction(end) for end in _ends(limits))
        targets = targets[(targets >= low) & (targets <= high)]
        if not targets.size:
            raise UsageError(f"--range {limits}: no target lies there")
    exponent, step = _nearest(_freedman_diaconis(targets))
    round_up = ((e, s) for e in count(exponent) for s in STEPS if (e, s) >= (exponent, step))
    exponent, step = next(each for each in round_up if (stop - start) / _width(*each) <= MOST)
    if limits is None:
        return Bins.covering(targets, f"{step}e{exponent}")
    for e, s in ((e, s) for e in count(exponent, -1) for s in STEPS[::-1] if (e, s) <= (exponent, step)):
        if (stop - start) / _width(e, s) > MOST:
            break
        if (stop - start) % _width(e, s) == 0:
            return Bins.regular(*_ends(limits), f"{s}e{e}")
    raise UsageError(f"--bins auto finds no width for the range {limits}; give --bin-width")


def _width(exponent: int, step: int) -> Fraction:
    """1, 2 or 5 times a power of ten."""
    return step * Fraction(10) ** exponent


def _ends(limits: str) -> tuple[str, str]:
    low, high = (end.strip() for end in limits.split(":"))
    return low, high


def _freedman_diaconis(targets: FloatArray) -> float:
    """2 IQR n^(-1/3); of targets without spread between the quartiles, Scott's 3.49 sd n^(-1/3); of equal ones, 1."""
    if not np.ptp(targets):
        return 1.0
    low, high = np.quantile(targets, [0.25, 0.75])
    spread = 2 * float(high - low) or 3.49 * float(targets.std())
    return float(spread * targets.size ** (-1 / 3))


def _nearest(width: float) -> tuple[int, int]:
    """Exponent and step of the 1, 2 or 5 times a power of ten whose logarithm is nearest to that of ``width``."""
    exponent = math.floor(math.log10(width))
    near = [(e, step) for e in (exponent, exponent + 1) for step in STEPS]
    return min(near, key=lambda each: abs(math.log(_width(*each)) - math.log(width)))
