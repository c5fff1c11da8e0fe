"""Label distribution smoothing (LDS): kernel windows, and the effective label density they give (DIR, section 3.1)."""

from typing import overload

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.benchmark.kernel import kernel_window, smoothed
from dircli.benchmark.protocol import PROTOCOLS, Edge, Kernel, ProtocolName, refuse_unknown


def lds_window(
    kernel: Kernel = "gaussian", ks: int = 5, sigma: float = 2.0, *, protocol: ProtocolName = "released"
) -> FloatArray:
    """The symmetric LDS kernel window, (ks,), with maximum 1, as ``protocol`` has it; ``none`` is one 1.

    ``ks`` is an odd number of bins, ``sigma`` the width in bins of ``gaussian`` and ``laplace``. The released Gaussian
    is a unit spike seen through a truncated filter, the paper's the Gaussian itself. Raises UsageError for a window
    that cannot be.

    >>> lds_window("triang", 3)
    array([0.5, 1. , 0.5])
    """
    refuse_unknown(ProtocolName, protocol=protocol)
    return kernel_window(kernel, ks, sigma, filtered=PROTOCOLS[protocol].filtered_window)


@overload
def effective_density(counts: FloatArray, kernel_window: FloatArray, *, edge: Edge) -> FloatArray: ...
@overload
def effective_density(counts: AnyArray, kernel_window: FloatArray, *, edge: Edge) -> AnyArray: ...
def effective_density(counts: AnyArray, kernel_window: FloatArray, *, edge: Edge) -> AnyArray:
    """Effective label density: ``counts`` seen through the kernel window (DIR, eq. 1).

    Both are 1-d; the window has odd length and peaks at 1. The result has the shape, the unit and the type of
    ``counts``: whole counts are cut to whole numbers, as the released code does. Beyond the label range lie zeros
    (``edge="zero"``) or the mirror image with its edge repeated, d c b a | a b c d | d c b a (``edge="mirror"``); or
    nothing at all, and each density is divided by the share of its window that lies inside (``edge="renormalise"``, a
    rule that was never released, so that nothing is cut). Raises UsageError for another ``edge``.

    >>> effective_density(np.array([0, 5, 0]), lds_window("triang", 3), edge="zero")
    array([2, 5, 2])
    """
    refuse_unknown(Edge, edge=edge)
    if edge == "renormalise":
        inside = smoothed(np.ones(len(counts)), kernel_window, mirror=False)
        return np.asarray(smoothed(counts, kernel_window, mirror=False) * (kernel_window.sum() / inside))
    counts = np.asarray(counts)
    return smoothed(counts, kernel_window, mirror=edge == "mirror").astype(counts.dtype)
