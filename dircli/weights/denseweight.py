"""DenseWeight: weights of samples from a kernel density of the target itself, without bins (Steininger et al. 2021).

Every number equals that of the authors' package (denseweight 0.1.2 on KDEpy), whose choices are kept and named below.
What is known of all targets, their `Moments` and the sums on a `Grid`, may be merged from parts of them: in another
order sums are rounded otherwise, and a target within rounding of a grid point may take the density of its neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What a kernel density needs to know of ``n`` targets first: ``squares`` sums those of distances from ``mean``."""

    n: int
    mean: float
    squares: float
    low: float
    high: float

    @classmethod
    def of(cls, targets: FloatArray) -> Moments:
        """Those of ``targets`` (n,); of none, what changes nothing when they are `merged`."""
        mean = float(np.mean(targets)) if targets.size else 0.0
        return cls(
            n=targets.size,
            mean=mean,
            squares=float(((targets - mean) ** 2).sum()),
            low=float(targets.min(initial=np.inf)),
            high=float(targets.max(initial=-np.inf)),
        )

    @classmethod
    def merged(cls, parts: Sequence[Moments]) -> Moments:
        """Those of the targets of all ``parts`` (Chan, Golub and LeVeque 1979)."""
        n, first = sum(part.n for part in parts), parts[0].mean
        mean = first + sum(part.n * (part.mean - first) for part in parts) / max(n, 1)
        return cls(
            n=n,
            mean=mean,
            squares=sum(part.squares + part.n * (part.mean - mean) ** 2 for part in parts),
            low=min(part.low for part in parts),
            high=max(part.high for part in parts),
        )

    @property
    def bandwidth(self) -> float:
        """Silverman's rule as the package has it: 1.06 sd n^(-1/5); UsageError where all targets are equal."""
        width = 1.06 * math.sqrt(self.squares / self.n) * self.n ** (-1 / 5) if self.n else 0.0
        if not width > 0:
            raise UsageError("dense-weight needs training targets that differ")
        return width


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
    def of(cls, moments: Moments) -> Grid:
        """The grid for targets of which the ``moments`` are known; UsageError where they are all equal."""
        width = moments.bandwidth
        beyond = max(0.05 * (moments.high - moments.low), _reach(width))
        return cls(points=np.linspace(moments.low - beyond, moments.high + beyond, GRID), width=width, n=moments.n)

    @property
    def step(self) -> float:
        """From one point to the next."""
        return float((self.points[-1] - self.points[0]) / (GRID - 1))

    def sums(self, targets: FloatArray) -> FloatArray:
        """How many of ``targets`` (n,) are at each point, (GRID,): one is shared by the two that it lies between.

        Both are points of the grid, whose ends are far from all targets.
        """
        places = (targets - self.points[0]) / self.step
        below = places.astype(np.int64)
        beyond = places - below
        sums: AnyArray = np.bincount(below, weights=1 - beyond, minlength=GRID)
        sums += np.bincount(below + 1, weights=beyond, minlength=GRID)
        return sums

    def curve(self, sums: FloatArray) -> Curve:
        """The Gaussian kernel density of all targets from the `sums` (GRID,) of them."""
        from scipy.signal import convolve

        steps = int(_reach(self.width) / self.step)
        offset = np.linspace(-self.step * steps, self.step * steps, 2 * steps + 1)
        kernel = np.exp(-((np.abs(offset) / self.width) ** 2) / 2) / (self.width * math.sqrt(2 * math.pi))
        density = np.asarray(convolve(sums / self.n, kernel, mode="same"))
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
    grid = Grid.of(Moments.of(targets))
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
