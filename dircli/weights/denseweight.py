"""DenseWeight: weights of samples from a kernel density of the target itself, without bins (Steininger et al. 2021).

Every number equals that of the authors' package (denseweight 0.1.2 on KDEpy), whose choices are kept and named below.
"""

import math

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.errors import UsageError

GRID = 4096
"""Points of the grid on which the density is computed."""

LEAST = 1e-6
"""The least weight before scaling, the package's ``eps``."""

NEGLIGIBLE = 1e-4
"""The kernel ends where its density falls to this, per unit of the target: as the package's does."""

FINE = 1e-3
"""To within this the package finds that end, in the target's unit."""

FAR = 4.0
"""Where those two cannot work, as for targets of 1e-6 or in the tens of thousands, it ends at this many bandwidths."""


def bandwidth(targets: FloatArray) -> float:
    """Silverman's rule as the package has it: 1.06 sd n^(-1/5), of ``targets`` (n,); UsageError where all are equal."""
    width = 1.06 * float(np.std(targets)) * targets.size ** (-1 / 5) if targets.size else 0.0
    if not width > 0:
        raise UsageError("dense-weight needs training targets that differ")
    return width


def dense_weights(targets: FloatArray, *, alpha: float) -> tuple[FloatArray, FloatArray]:
    """The density of each of ``targets`` (n,), scaled to 0..1, and its weight ``max(1 - alpha density, 1e-6)``.

    ``alpha`` ≥ 0: 0 weights all alike, 1 leaves the densest sample next to nothing, more does so to ever more samples.
    Weights are as they stand, not scaled. Raises UsageError for an alpha or targets that cannot be used.
    """
    if not 0 <= alpha < math.inf:
        raise UsageError(f"alpha must be 0 or more, and {alpha:g} is not")
    grid, density = _density(targets, bandwidth(targets))
    low, high = float(density.min()), float(density.max())
    scaled = (density - low) / (high - low)
    at_targets = scaled[np.searchsorted(grid, targets, side="right") - 1]  # as published: the grid point below
    return at_targets, np.maximum(1 - alpha * at_targets, LEAST)


def _density(targets: FloatArray, width: float) -> tuple[FloatArray, FloatArray]:
    """A grid that reaches beyond all ``targets`` (n,), and the Gaussian kernel density of this ``width`` there."""
    from scipy.signal import convolve

    reach = _reach(width)
    low, high = float(targets.min()), float(targets.max())
    beyond = max(0.05 * (high - low), reach)
    grid = np.linspace(low - beyond, high + beyond, GRID)
    step = (grid[-1] - grid[0]) / (GRID - 1)
    steps = int(reach / step)
    offset = np.linspace(-step * steps, step * steps, 2 * steps + 1)
    kernel = np.exp(-((np.abs(offset) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
    return grid, np.asarray(convolve(_on_grid((targets - grid[0]) / step), kernel, mode="same"))


def _reach(width: float) -> float:
    """How far the kernel reaches: to a density of `NEGLIGIBLE`, found as KDEpy finds it, and `FINE` more."""
    from scipy.optimize import brentq

    def above(x: float) -> float:
        return math.exp(-((x / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi)) - NEGLIGIBLE

    if width < FINE or above(0) <= 0:  # here the package finds one weight for all, or none
        return FAR * width
    return float(brentq(above, 0, 8 * width, xtol=FINE)) + FINE


def _on_grid(places: AnyArray) -> FloatArray:
    """The share of samples at each of GRID points; a sample at ``places`` (n,), in steps, is shared by two of them.

    Both lie within the grid, whose ends are far from all samples.
    """
    below = places.astype(np.int64)
    beyond = places - below
    shares = np.bincount(below, weights=1 - beyond, minlength=GRID)
    shares += np.bincount(below + 1, weights=beyond, minlength=GRID)
    return np.asarray(shares / places.size)
