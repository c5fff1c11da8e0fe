"""Re-weighting of training samples by the inverse of their label density (DIR, section 4, cost-sensitive baselines)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from dircli.density import effective, window
from dircli.errors import UsageError
from dircli.protocols import Scheme

if TYPE_CHECKING:
    from dircli.arrays import AnyArray, FloatArray, IntArray
    from dircli.protocols import Edge, Kernel, Protocol


@dataclass(frozen=True, kw_only=True)
class WeightRule:
    """What a dataset fixes about its weights.

    ``default`` is the scheme of its published results. ``clip`` bounds the counts of ``inverse`` where the protocol
    clips. ``edge`` is what lies beyond the label range. ``last`` is the bin that also takes every higher one.
    """

    default: Scheme
    clip: tuple[int, int] | None = None
    edge: Edge = "zero"
    last: int | None = None

    def fold(self, index: IntArray) -> IntArray:
        """The weight bin of each scoring bin in ``index``."""
        return index if self.last is None else np.minimum(index, self.last)


@dataclass(frozen=True)
class BinWeights:
    """The weight of each of B bins: ``count`` training samples, the ``effective`` density, and ``weight``, all (B,).

    ``weight`` times ``effective`` is the same for every bin, and the mean of ``weight`` over training samples is 1.
    It is NaN where the density is 0, which only a bin without training samples can have.
    """

    count: IntArray
    effective: FloatArray
    weight: FloatArray


def bin_weights(  # noqa: PLR0913 - the parameters of one published formula
    counts: IntArray,
    *,
    scheme: Scheme,
    kernel: Kernel,
    ks: int,
    sigma: float,
    protocol: Protocol,
    rule: WeightRule,
) -> BinWeights:
    """The weight of each bin from its training ``counts`` (B,).

    ``released``: counts → (inverse: clip; sqrt-inv: root) → smooth → 1/x → mean one. ``paper``: counts → smooth →
    (root) → 1/x → mean one. Raises UsageError where nothing can be weighted.
    """
    if scheme not in get_args(Scheme):
        raise UsageError(f"no scheme is called {scheme!r}; there are {', '.join(get_args(Scheme))}")
    if not counts.sum():
        raise UsageError("there are no training samples to weight")
    rooted = scheme == "sqrt-inv"
    density: AnyArray = counts
    if not rooted and protocol.clips and rule.clip:
        density = np.clip(density, *rule.clip)  # as released: counts are clipped before the inverse
    if rooted and protocol.root_first:
        density = np.sqrt(density)
    if not protocol.whole_counts:
        density = density.astype(np.float64)
    if kernel != "none":
        density = effective(density, window(kernel, ks, sigma, filtered=protocol.filtered_window), edge=rule.edge)
    if rooted and not protocol.root_first:
        density = np.sqrt(density)
    density = density.astype(np.float64)
    weight = np.divide(1.0, density, out=np.full(len(counts), np.nan), where=density > 0)
    held = counts > 0
    if not density[held].all():  # whole counts times a centre below 1, which only the filtered window can have
        raise UsageError(f"sigma {sigma} is too wide for ks {ks}: bins with samples lose all density; try a larger ks")
    weight *= counts.sum() / (counts[held] * weight[held]).sum()
    return BinWeights(counts, density, weight)
