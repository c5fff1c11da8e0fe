"""Kernel windows, which LDS smooths label densities with, and FDS the statistics of features."""

from typing import get_args

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.benchmark.protocol import Kernel
from dircli.errors import UsageError

NARROWEST, WIDEST = 0.01, 1000.0
"""The kernel widths that mean something: below, the window is a spike; above, it is flat over any range of bins."""

LONGEST = 99_999
"""Bins of the longest window: more than any label range has."""


def kernel_window(kernel: Kernel, ks: int, sigma: float, *, filtered: bool) -> FloatArray:
    """The symmetric kernel window, (ks,), with maximum 1; ``none`` is the window of one 1.

    ``ks`` is odd; ``sigma`` > 0 is in bins (``triang`` does not use it). With ``filtered`` the Gaussian is the released
    one: a unit spike of length ks through scipy's gaussian_filter1d, whose mirrored ends lift its tails, from a sigma
    of about 0.7 ks on even a little above its centre. Raises UsageError for a window that cannot be.
    """
    if kernel not in get_args(Kernel):
        raise UsageError(f"no kernel is called {kernel!r}; there are {', '.join(get_args(Kernel))}")
    if ks < 1 or ks % 2 == 0:
        raise UsageError(f"the kernel size must be an odd number of bins, and {ks} is not; try {max(1, ks + 1)}")
    if ks > LONGEST:
        raise UsageError(f"the kernel size must be an odd number of bins up to {LONGEST:,}, and {ks:,} is not")
    if not NARROWEST <= sigma <= WIDEST:
        raise UsageError(f"sigma must be a number of bins from {NARROWEST:g} to {WIDEST:g}, and {sigma:g} is not")
    offset = np.arange(ks) - ks // 2
    if kernel == "none":
        return np.ones(1)
    if kernel == "triang":
        return (ks // 2 + 1 - np.abs(offset)) / (ks // 2 + 1)  # rounded once, as scipy's: whole counts are cut
    if kernel == "laplace":
        return np.asarray(np.exp(-np.abs(offset) / sigma))
    if not filtered:
        return np.asarray(np.exp(-((offset / sigma) ** 2) / 2))
    reach = int(4 * sigma + 0.5)
    gaussian = np.exp(-0.5 / (sigma * sigma) * np.arange(-reach, reach + 1) ** 2)
    spread = smoothed((offset == 0).astype(np.float64), gaussian / gaussian.sum(), mirror=True)
    return np.asarray(spread / spread.max())


def smoothed(values: AnyArray, window: FloatArray, *, mirror: bool) -> FloatArray:
    """``values`` (n,) seen through ``window``, (n,).

    Beyond the ends lie zeros, or with ``mirror`` the mirror image with its edge repeated, d c b a | a b c d | d c b a.
    Sums are scipy's convolve1d's to the last digit: the centre, then pairs from the ends inward. To load it takes as
    long as the whole of `dir weights`, so that it is left the windows that are not symmetric, of which we make none.
    """
    values, n, reach = np.asarray(values, dtype=np.float64), len(values), len(window) // 2
    if n == 0 or len(window) % 2 == 0 or (np.abs(window - window[::-1]) > np.finfo(np.float64).eps).any():
        from scipy.ndimage import convolve1d

        return np.asarray(convolve1d(values, window, mode="reflect" if mirror else "constant"))
    padded = np.pad(values, reach, mode="symmetric" if mirror else "constant")
    total = padded[reach : reach + n] * window[reach]
    for far in range(reach, 0, -1):
        total += (padded[reach - far : reach - far + n] + padded[reach + far : reach + far + n]) * window[reach + far]
    return np.asarray(total)
