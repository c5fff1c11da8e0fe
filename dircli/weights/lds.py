"""Label distribution smoothing (LDS): kernel windows, and the effective label density they give (DIR, section 3.1)."""

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.benchmark.protocol import Edge


def effective_density(counts: AnyArray, kernel_window: FloatArray, *, edge: Edge) -> AnyArray:
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
