"""Sums of floating-point numbers without rounding: neither their order nor how they are divided changes a digit."""

import numpy as np

from dircli.arrays import FloatArray

UNIT = 1127
"""An exact sum counts units of 2^-UNIT, of which every finite float64 is a whole number."""
BITS = 26
"""A mantissa is summed in two halves, the lower one of so many bits, which float64 holds of `ROWS` numbers together."""
ROWS = 1 << 18


def exact_sum(values: FloatArray) -> int:
    """The sum of finite ``values`` (n,) in units of 2^-UNIT; those of parts of them add up to that of all."""
    total = 0
    for start in range(0, values.size, ROWS):
        mantissa, exponent = np.frexp(values[start : start + ROWS])
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        lowest = int(exponent.min())
        place = exponent - lowest
        halves = zip(*(np.bincount(place, half) for half in (whole >> BITS, whole & ((1 << BITS) - 1))), strict=True)
        for above, (high, low) in enumerate(halves):
            total += ((int(high) << BITS) + int(low)) << (lowest + above - 53 + UNIT)
    return total


def quotient(total: int, n: float = 1) -> float:
    """An exact sum divided by ``n``, a whole number, rounded once."""
    return total / (int(n) << UNIT)
