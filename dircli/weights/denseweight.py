"""DenseWeight: weights of samples from a kernel density of the target itself, without bins (Steininger et al. 2021).

Every number equals that of the authors' package (denseweight 0.1.2 on KDEpy), whose choices are kept and named below.
What is known of all targets may be merged from parts of them, and is the same of any: sums are exact, for the least
rounding shows in the weights next to `LEAST`, which are differences of nearly equal numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dircli.arrays import FloatArray, IntArray
from dircli.errors import UsageError
from dircli.weights.exact import ROWS, exact_sum, quotient

GRID = 4096
"""Points of the grid on which the density is computed."""

LEAST = 1e-6
"""The least weight before scaling, the package's ``eps``."""

NEGLIGIBLE = 1e-4
"""The kernel ends where its density falls to this, per unit of the target: as the package's does."""

WIDEST = 1e150
"""How far apart targets may be at most, so that squares are finite."""

ALIKE = "dense-weight needs training targets that differ"

HALF = float(1 << 26)
"""Of the bits of a distance on the grid, the first half."""

FINE = 1e-3
"""To within this the package finds that end, in the target's unit."""

FAR = 4.0
"""Where those two cannot work, as for targets of 1e-6 or in the tens of thousands, it ends at this many bandwidths."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What is known first of ``n`` targets: their exact sum ``total``, the lowest, and the highest."""

    n: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, targets: FloatArray) -> Extent:
        """That of ``targets`` (n,); of none, what changes nothing when they are `merged`."""
        low, high = float(targets.min(initial=np.inf)), float(targets.max(initial=-np.inf))
        return cls(n=targets.size, total=exact_sum(targets), low=low, high=high)

    @classmethod
    def merged(cls, parts: Sequence[Extent]) -> Extent:
        """That of the targets of all ``parts``."""
        return cls(
            n=sum(part.n for part in parts),
            total=sum(part.total for part in parts),
            low=min(part.low for part in parts),
            high=max(part.high for part in parts),
        )

    @property
    def mean(self) -> float:
        """The mean; UsageError where all targets are equal, or too far apart to be squared."""
        if not self.high > self.low:
            raise UsageError(ALIKE)
        if self.high - self.low > WIDEST:
            raise UsageError(f"dense-weight needs training targets within {WIDEST:g} of each other")
        return quotient(self.total, self.n)


def squares(targets: FloatArray, mean: float) -> int:
    """The exact sum of the squares of how far ``targets`` (n,) are from their mean."""
    return exact_sum((targets - mean) ** 2)


def bandwidth(n: int, squared: int) -> float:
    """Silverman's rule as the package has it, 1.06 sd n^(-1/5), of ``n`` targets with that sum of `squares`.

    Raises UsageError where targets are so close that this is 0.
    """
    width = 1.06 * math.sqrt(quotient(squared, n)) * n ** (-1 / 5)
    if not width > 0:
        raise UsageError(ALIKE)
    return float(width)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The ``density`` of targets at each of the ``points`` of a grid, both (GRID,), scaled to 0..1."""

    points: FloatArray
    density: FloatArray

    def at(self, targets: FloatArray) -> FloatArray:
        """The density of each of ``targets`` (n,): as published, that of the grid point below."""
        return self.density[np.searchsorted(self.points, targets, side="right") - 1]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The ``points`` (GRID,), ascending, that reach beyond ``n`` targets, whose kernel has the bandwidth ``width``."""

    points: FloatArray
    width: float
    n: int

    @classmethod
    def of(cls, extent: Extent, squared: int) -> Grid:
        """The grid for targets of which the ``extent`` and the sum of `squares` are known."""
        width = bandwidth(extent.n, squared)
        beyond = max(0.05 * (extent.high - extent.low), _reach(width))
        return cls(points=np.linspace(extent.low - beyond, extent.high + beyond, GRID), width=width, n=extent.n)

    @property
    def step(self) -> float:
        """From one point to the next."""
        return float((self.points[-1] - self.points[0]) / (GRID - 1))

    def sums(self, targets: FloatArray) -> IntArray:
        """How many of ``targets`` (n,) lie from each point to the next, and how far in all, (3, GRID).

        The distances, in steps, are sums of whole numbers: of 2^-26, and of 2^-52 of what is left. So they are exact,
        and those of parts add up to those of all. The ends of the grid are far from all targets.
        """
        found = np.zeros((3, GRID), np.int64)
        for start in range(0, targets.size, ROWS):
            places = (targets[start : start + ROWS] - self.points[0]) / self.step
            below = places.astype(np.int64)
            beyond = (places - below) * HALF
            whole = np.floor(beyond)
            found[0] += np.bincount(below, minlength=GRID)
            for row, part in ((1, whole), (2, (beyond - whole) * HALF)):
                found[row] += np.bincount(below, weights=part, minlength=GRID).astype(np.int64)
        return found

    def curve(self, sums: IntArray) -> Curve:
        """The Gaussian kernel density of all targets from the `sums` (3, GRID) of them.

        A target is shared by the two points that it lies between.
        """
        from scipy.signal import convolve

        beyond = (sums[1] + sums[2] / HALF) / HALF
        shares = sums[0] - beyond
        shares[1:] += beyond[:-1]
        steps = int(_reach(self.width) / self.step)
        offset = np.linspace(-self.step * steps, self.step * steps, 2 * steps + 1)
        kernel = np.exp(-((np.abs(offset) / self.width) ** 2) / 2) / (self.width * math.sqrt(2 * math.pi))
        density = np.asarray(convolve(shares / self.n, kernel, mode="same"))
        low, high = float(density.min()), float(density.max())
        return Curve(points=self.points, density=(density - low) / (high - low))


def refuse_alpha(alpha: float) -> None:
    """UsageError for an ``alpha`` that cannot be used."""
    if not 0 <= alpha < math.inf:
        raise UsageError(f"alpha must be 0 or more, and {alpha:g} is not")


def dense_weights(targets: FloatArray, *, alpha: float) -> tuple[FloatArray, FloatArray]:
    """The density of each of ``targets`` (n,), scaled to 0..1, and its weight as `weights_of` has it.

    Raises UsageError for an alpha or targets that cannot be used.
    """
    refuse_alpha(alpha)
    extent = Extent.of(targets)
    grid = Grid.of(extent, squares(targets, extent.mean))
    density = grid.curve(grid.sums(targets)).at(targets)
    return density, weights_of(density, alpha=alpha)


def weights_of(density: FloatArray, *, alpha: float) -> FloatArray:
    """The weight of samples of each scaled ``density`` (n,): ``max(1 - alpha density, 1e-6)``, (n,).

    ``alpha`` ≥ 0: 0 weights all alike, 1 leaves the densest sample next to nothing, more does so to ever more samples.
    Weights are as they stand, not scaled.
    """
    return np.maximum(1 - alpha * density, LEAST)


def _reach(width: float) -> float:
    """How far the kernel reaches: to a density of `NEGLIGIBLE`, found as KDEpy finds it, and `FINE` more."""
    from scipy.optimize import brentq

    def above(x: float) -> float:
        return math.exp(-((x / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi)) - NEGLIGIBLE

    if width < FINE or above(0) <= 0:  # here the package finds one weight for all, or none
        return FAR * width
    return float(brentq(above, 0, 8 * width, xtol=FINE)) + FINE
