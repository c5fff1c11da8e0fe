"""The weight of each training sample, from arrays: that of its bin, or by DenseWeight one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dircli.arrays import FloatArray, IntArray
from dircli.benchmark.protocol import AnyScheme, WeightRule
from dircli.errors import UsageError
from dircli.weights.denseweight import dense_weights, refuse_alpha
from dircli.weights.exact import exact_sum, quotient
from dircli.weights.schemes import BinWeights, WeightOptions, bin_weights, factor

DENSE: AnyScheme = "dense-weight"


def sample_weights(
    targets: FloatArray, bin_index: IntArray, counts: IntArray, options: WeightOptions, rule: WeightRule
) -> tuple[BinWeights, FloatArray]:
    """The weights of B weight bins, and that of each of n training samples, (n,).

    ``targets`` (n,) are the samples', ``bin_index`` (n,) their weight bins, ``counts`` (B,) the samples in each. Raises
    UsageError where nothing can be weighted.
    """
    if (options.scheme or rule.default) == DENSE:
        return _dense_weights(targets, bin_index, counts, options)
    by_bin = bin_weights(counts, options, rule)
    return by_bin, by_bin.weight[bin_index]


def _dense_weights(
    targets: FloatArray, bin_index: IntArray, counts: IntArray, options: WeightOptions
) -> tuple[BinWeights, FloatArray]:
    """The mean density and weight of dense-weight in each bin, (B,), and the weight of each training sample, (n,)."""
    refuse_unfit(options)
    density, weight = dense_weights(targets, alpha=options.alpha)
    weight *= Sizes.of(weight).scale(options)
    return of_bins(sums_by_bin(density, weight, bin_index, len(counts)), counts), weight


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What the scale of the weights of ``n`` samples hangs on: their exact sum ``total``, and the highest."""

    n: int
    total: int
    high: float

    @classmethod
    def of(cls, weight: FloatArray) -> Sizes:
        """Those of ``weight`` (n,)."""
        return cls(n=weight.size, total=exact_sum(weight), high=float(weight.max(initial=-np.inf)))

    @classmethod
    def merged(cls, parts: Sequence[Sizes]) -> Sizes:
        """Those of the samples of all ``parts``."""
        n, total = sum(part.n for part in parts), sum(part.total for part in parts)
        return cls(n=n, total=total, high=max(part.high for part in parts))

    def scale(self, options: WeightOptions) -> float:
        """By what weights are to be multiplied."""
        return factor(options.normalise, n=self.n, total=quotient(self.total), high=self.high)


def refuse_unfit(options: WeightOptions) -> None:
    """UsageError for options that dense-weight has no use for, or cannot use."""
    if options.clip is not None or options.edge is not None or options.kernel != "none":
        raise UsageError(f"{DENSE} has a density of its own: --kernel, --edge and --clip are for weights of bins")
    refuse_alpha(options.alpha)


def sums_by_bin(density: FloatArray, weight: FloatArray, bin_index: IntArray, bins: int) -> FloatArray:
    """The sums of the ``density`` and the ``weight`` of n samples in each of so many ``bins``: (2, B)."""
    return np.stack([np.bincount(bin_index, values, bins) for values in (density, weight)])


def of_bins(sums: FloatArray, counts: IntArray) -> BinWeights:
    """Their means in each bin from the `sums_by_bin` (2, B) and the ``counts`` (B,) of samples."""
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return BinWeights(counts, *means)
