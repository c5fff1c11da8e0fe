"""Re-weighting of training samples by the inverse of their label density (DIR, section 4, cost-sensitive baselines).

``inverse`` and ``sqrt-inv`` are the paper's; ``effective-number`` is Cui et al. 2019, per bin. What a set of weights
amounts to, `WeightSummary`, stands here too: a weight that nobody looks at can undo a training run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import (
    PROTOCOLS,
    AnyScheme,
    Edge,
    Kernel,
    Normalise,
    Protocol,
    ProtocolName,
    Scheme,
    WeightRule,
    refuse_unknown,
)
from dircli.errors import UsageError
from dircli.weights.exact import exact_sum, quotient
from dircli.weights.lds import effective_density

BETA = 0.999
"""What ``effective-number`` takes for β where none is given; Cui et al. try 0.9, 0.99, 0.999 and 0.9999."""

ALPHA = 1.0
"""What ``dense-weight`` takes for its alpha where none is given, as its package does."""

THOUSAND = 1000


@dataclass(frozen=True, kw_only=True)
class WeightOptions:
    """The weights that are asked for; ``scheme`` None is the dataset's own default.

    ``per`` None is one per sample, or per bin where labels are maps and a sample is a pixel. ``clip`` and ``edge`` None
    are as protocol and dataset have them. ``beta`` is of effective-number, ``alpha`` of dense-weight.
    """

    scheme: AnyScheme | None = None
    kernel: Kernel = "gaussian"
    ks: int = 5
    sigma: float = 2.0
    protocol: ProtocolName = "released"
    per: Literal["sample", "bin"] | None = None
    clip: tuple[float, float] | None = None
    edge: Edge | None = None
    normalise: Normalise = "mean-one"
    beta: float = BETA
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        refuse_unknown(ProtocolName, protocol=self.protocol)
        refuse_unknown(Edge, edge=self.edge)
        refuse_unknown(Normalise, normalise=self.normalise)


@dataclass(frozen=True)
class BinWeights:
    """The weight of each of B bins: ``count`` training samples, the ``effective`` density, and ``weight``, all (B,).

    Their product is the same for every bin. ``weight`` is NaN where the density is 0, as where no sample is.
    """

    count: IntArray
    effective: FloatArray
    weight: FloatArray


def bin_weights(
    counts: IntArray, options: WeightOptions, rule: WeightRule, *, protocol: Protocol | None = None
) -> BinWeights:
    """The weight of each bin from its training ``counts`` (B,), by the protocol of the options or another.

    ``released``: counts → (inverse: clip; sqrt-inv: root) → smooth → 1/x → mean one. ``paper``: counts → smooth →
    (root) → 1/x → mean one. ``effective-number``: counts → smooth → (1 - β^x) / (1 - β) → 1/x → mean one. ``clip``
    bounds the counts of any scheme, in place of the rule's. Raises UsageError where nothing can be weighted.
    """
    scheme, ks, sigma = options.scheme or rule.default, options.ks, options.sigma
    protocol = protocol or PROTOCOLS[options.protocol]
    if scheme not in get_args(Scheme):
        without = " of bins" if scheme in get_args(AnyScheme) else ""
        raise UsageError(f"no scheme{without} is called {scheme!r}; there are {', '.join(get_args(Scheme))}")
    if not counts.sum():
        raise UsageError("there are no training samples to weight")
    of_density: dict[str, Callable[[AnyArray], AnyArray]] = {
        "inverse": np.asarray,
        "sqrt-inv": np.sqrt,
        "effective-number": partial(effective_number, beta=options.beta),
    }
    first = scheme == "sqrt-inv" and protocol.root_first
    density: AnyArray = counts[rule.first :]
    bounds = _bounds(scheme, options, rule, protocol)
    if bounds:  # as released: counts are clipped before the inverse, and stay whole where the bounds are
        low, high = (int(bound) if float(bound).is_integer() else bound for bound in bounds)
        density = np.clip(density, low, high)
    if first:
        density = of_density[scheme](density)
    if scheme == "effective-number" or not protocol.whole_counts:
        density = density.astype(np.float64)
    if options.kernel != "none":
        window = kernel_window(options.kernel, ks, sigma, filtered=protocol.filtered_window)
        density = effective_density(density, window, edge=options.edge or rule.edge)
    if not first:
        density = of_density[scheme](density)
    density = np.concatenate([np.full(rule.first, density[0]), density]).astype(np.float64)
    weight = np.divide(1.0, density, out=np.full(len(counts), np.nan), where=density > 0)
    filled = counts > 0
    if not density[filled].all():  # whole counts times a centre below 1, which only the filtered window can have
        raise UsageError(f"sigma {sigma} is too wide for ks {ks}: bins with samples lose all density; try a larger ks")
    weight *= scale(weight[filled], counts[filled], options.normalise)
    return BinWeights(counts, density, weight)


def _bounds(scheme: str, options: WeightOptions, rule: WeightRule, protocol: Protocol) -> tuple[float, float] | None:
    """What counts are clipped to, if they are."""
    return options.clip or (rule.clip if scheme == "inverse" and protocol.clips else None)


def in_words(options: WeightOptions, rule: WeightRule) -> str:
    """What weights are one over, such as "smoothed roots of counts": the steps of `bin_weights` in their order."""
    scheme, protocol = options.scheme or rule.default, PROTOCOLS[options.protocol]
    words = "clipped counts" if _bounds(scheme, options, rule, protocol) else "counts"
    of_density = {"sqrt-inv": "roots of", "effective-number": "effective numbers of"}.get(scheme)
    first = scheme == "sqrt-inv" and protocol.root_first
    smoothed = "smoothed" if options.kernel != "none" else None
    for step in (of_density, smoothed) if first else (smoothed, of_density):
        words = f"{step} {words}" if step else words
    return words


def effective_number(counts: FloatArray, beta: float) -> FloatArray:
    """The effective number of samples of each count x (Cui et al. 2019, eq. 2): (1 - β^x) / (1 - β), 0 ≤ β < 1."""
    if not 0 <= beta < 1:
        raise UsageError(f"beta must be at least 0 and below 1, and {beta:g} is not")
    if beta == 0:
        return np.asarray(np.where(counts > 0, 1.0, 0.0))
    return np.asarray(np.expm1(counts * np.log(beta)) / (beta - 1))


def scale(weight: FloatArray, counts: AnyArray, normalise: Normalise) -> float:
    """The factor that makes the mean of ``weight`` (B,), each held by ``counts`` (B,) samples, 1, or its maximum."""
    return factor(normalise, n=counts.sum(), total=(counts * weight).sum(), high=weight.max())


def factor(normalise: Normalise, *, n: float, total: float, high: float) -> float:
    """The same for ``n`` samples, of whose weights ``total`` is the sum and ``high`` the maximum."""
    if normalise == "none":
        return 1.0
    return float(1 / high if normalise == "max-one" else n / total)


@dataclass(frozen=True, kw_only=True)
class WeightSummary:
    """What weights of n samples amount to.

    ``effective_size`` is (Σw)² / Σw²: as many samples of one weight tell as much. ``lopsided`` says that the heaviest
    sample outweighs the thousand lightest together.
    """

    low: float
    high: float
    n: int
    effective_size: float
    lopsided: bool

    @classmethod
    def of(cls, lightest: FloatArray, *, high: float, n: int, total: float, squares: float) -> WeightSummary:
        """The summary of ``n`` weights, of which the `THOUSAND` ``lightest`` are known, ascending, and the sums."""
        return cls(
            low=float(lightest[0]),
            high=high,
            n=n,
            effective_size=total**2 / squares,
            lopsided=n > THOUSAND and high > float(lightest.sum()),
        )


@dataclass(frozen=True, kw_only=True)
class WeightSums:
    """What a summary needs to know of the weights of ``n`` samples, the same of any parts of them.

    The exact sums of them and of their squares, the highest, and the `THOUSAND` ``lightest``, ascending.
    """

    n: int
    total: int
    squares: int
    high: float
    lightest: FloatArray

    @classmethod
    def of(cls, weight: FloatArray) -> WeightSums:
        """Those of ``weight`` (n,)."""
        lightest = np.partition(weight, THOUSAND)[:THOUSAND] if weight.size > THOUSAND else weight
        return cls(
            n=weight.size,
            total=exact_sum(weight),
            squares=exact_sum(weight**2),
            high=float(weight.max(initial=-np.inf)),
            lightest=np.sort(lightest),
        )

    @classmethod
    def merged(cls, parts: Sequence[WeightSums]) -> WeightSums:
        """Those of the samples of all ``parts``."""
        return cls(
            n=sum(part.n for part in parts),
            total=sum(part.total for part in parts),
            squares=sum(part.squares for part in parts),
            high=max(part.high for part in parts),
            lightest=np.sort(np.concatenate([part.lightest for part in parts]))[:THOUSAND],
        )

    @property
    def summary(self) -> WeightSummary:
        """What they amount to."""
        total, squares = quotient(self.total), quotient(self.squares)
        return WeightSummary.of(self.lightest, high=self.high, n=self.n, total=total, squares=squares)


def spread(weight: FloatArray, counts: AnyArray | None = None) -> WeightSummary:
    """The spread of ``weight`` (B,), each held by ``counts`` (B,) samples; weights without a sample do not count.

    Without ``counts`` each is held by one sample.
    """
    if counts is None:
        return WeightSums.of(weight).summary
    weight, counts = weight[counts > 0], counts[counts > 0]
    order = np.argsort(weight, kind="stable")
    weight, counts = weight[order], counts[order]
    lightest = np.repeat(weight, np.clip(THOUSAND - (np.cumsum(counts) - counts), 0, counts))
    total, squares = float((counts * weight).sum()), float((counts * weight**2).sum())
    return WeightSummary.of(lightest, high=float(weight[-1]), n=int(counts.sum()), total=total, squares=squares)
