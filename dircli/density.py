"""Label distribution smoothing (LDS): kernel windows, and the effective label density they give (DIR, section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from dircli.errors import UsageError
from dircli.protocols import Kernel

if TYPE_CHECKING:
    from dircli.arrays import AnyArray, FloatArray
    from dircli.protocols import Edge

NARROWEST, WIDEST = 0.01, 1000.0
"""The kernel widths that mean something: below, the window is a spike; above, it is flat over any range of bins."""


def window(kernel: Kernel, ks: int, sigma: float, *, filtered: bool) -> FloatArray:
    """The symmetric kernel window, (ks,), with maximum 1; ``none`` is the window of one 1.

    ``ks`` is odd; ``sigma`` > 0 is in bins (``triang`` does not use it). With ``filtered`` the Gaussian is the released
    one: a unit spike of length ks through scipy's gaussian_filter1d, whose mirrored ends lift its tails, from a sigma
    of about 0.7 ks on even a little above its centre. Raises UsageError for a window that cannot be.
    """
    if kernel not in get_args(Kernel):
        raise UsageError(f"no kernel is called {kernel!r}; there are {', '.join(get_args(Kernel))}")
    if ks < 1 or ks % 2 == 0:
        raise UsageError(f"the kernel size must be an odd number of bins, and {ks} is not; try {max(1, ks + 1)}")
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
    from scipy.ndimage import gaussian_filter1d

    spread = gaussian_filter1d((offset == 0).astype(np.float64), sigma)
    return np.asarray(spread / spread.max())


def effective(counts: AnyArray, kernel_window: FloatArray, *, edge: Edge) -> AnyArray:
    """Effective label density: ``counts`` seen through the kernel window (DIR, eq. 1).

    Both are 1-d; the window has odd length and peaks at 1. The result has the shape, the unit and the type of
    ``counts``: whole counts are cut to whole numbers, as the released code does. Beyond the label range lie zeros
    (``edge="zero"``) or the mirror image with its edge repeated, d c b a | a b c d | d c b a (``edge="mirror"``); or
    nothing at all, and each density is divided by the share of its window that lies inside (``edge="renormalise"``, a
    rule that was never released, so that nothing is cut).
    """
    from scipy.ndimage import convolve1d

    if edge == "renormalise":
        inside = convolve1d(np.ones(len(counts)), kernel_window, mode="constant")
        seen = convolve1d(np.asarray(counts, dtype=np.float64), kernel_window, mode="constant")
        return np.asarray(seen * (kernel_window.sum() / inside))
    return np.asarray(convolve1d(counts, kernel_window, mode="constant" if edge == "zero" else "reflect"))
