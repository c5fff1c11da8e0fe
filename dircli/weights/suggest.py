"""Which LDS window the training labels speak for: the one by which the others best foretell a label that is left out.

Labels are smoothed in the belief that neighbouring bins say something of each other's density. How much they do, the
training counts tell: each training sample in turn is left out, the share that the effective density of all others
gives to its bin is its likelihood, and windows are compared by the mean log-likelihood (likelihood cross-validation,
Silverman 1986, section 3.4.4). Too narrow a window lets a bin of few samples rest on chance, too wide a one blurs what
the counts show. Windows that differ by no more than the standard error of their difference over the samples are as good
as each other (the one-standard-error rule of Breiman et al. 1984), and the smallest of them is taken.

This is what the labels can say. That a network errs less with such weights they cannot: that depends on how far
neighbouring targets share their features, of which labels know nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dircli.arrays import FloatArray, IntArray
from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import PROTOCOLS, Edge, Kernel, ProtocolName, WeightRule, refuse_unknown
from dircli.errors import UsageError
from dircli.weights.lds import effective_density

SIZES = range(3, 32, 2)
SIGMAS = tuple(half / 2 for half in range(1, 21))
"""The windows that are tried, in bins: every odd size, and every half sigma from 0.5 to 10."""

SHAPED: tuple[Kernel, ...] = ("gaussian", "laplace")
"""The kernels that a sigma shapes."""

DEFAULT: tuple[Kernel, int, float] = ("gaussian", 5, 2.0)
EQUAL = 1e-12
"""Log-likelihoods this near are one number, rounded twice."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A window, ``sigma`` None where it has none, and its mean log-likelihood per training sample, in nats.

    ``behind`` is by how much the best of all windows that were tried is above it, ``error`` the standard error of that.
    """

    kernel: Kernel
    ks: int
    sigma: float | None
    log_likelihood: float
    behind: float
    error: float

    @property
    def words(self) -> str:
        """The options by which `dir weights` takes it."""
        sizes = {"ks": self.ks, "sigma": self.sigma} if self.kernel != "none" else {}
        given = [f"--{name} {size:g}" for name, size in sizes.items() if size is not None]
        return " ".join([f"--kernel {self.kernel}", *given])


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """The ``choice`` among ``candidates``: `DEFAULT`, called "default", and the best of each kernel, by its name.

    Best is the smallest window that is as good as any of its kernel; the choice is the smallest candidate that is as
    good as any window.
    """

    candidates: Mapping[str, Candidate]
    choice: str

    @property
    def chosen(self) -> Candidate:
        """The suggested window."""
        return self.candidates[self.choice]


def suggest(train: IntArray, rule: WeightRule, protocol: ProtocolName = "released") -> Suggestion:
    """The window for training counts (B,) of scoring bins, by the edge of ``rule`` and the windows of ``protocol``.

    No smoothing is one of those tried. Windows whose peak is not their centre, as released Gaussians of a sigma beyond
    about 0.7 ks, are not. Counts are taken as they are, before any clip or root. UsageError where all are 0.
    """
    refuse_unknown(ProtocolName, protocol=protocol)
    counts = rule.folded(train)[rule.first :].astype(np.float64)
    if not counts.any():
        raise UsageError("there are no training samples, by which a kernel could be chosen")
    share = counts[counts > 0] / counts.sum()
    windows = _windows(filtered=PROTOCOLS[protocol].filtered_window)
    tried, by_bin = [*windows], log_shares(counts, [*windows.values()], edge=rule.edge)
    mean = (by_bin * share).sum(axis=1)

    def behind(rows: Iterable[int]) -> tuple[FloatArray, FloatArray]:
        """How far every window is behind the best of ``rows``, and the standard error of that, (W,) each."""
        more = by_bin[max(rows, key=mean.__getitem__)] - by_bin
        gap = (more * share).sum(axis=1)
        return gap, np.sqrt(((more - gap[:, None]) ** 2 * share).sum(axis=1) / counts.sum())

    def smallest(rows: list[int], best: tuple[FloatArray, FloatArray]) -> int:
        return next(row for row in sorted(rows) if best[0][row] <= best[1][row] + EQUAL)

    chosen = {"default": tried.index(DEFAULT)}
    for kernel in ("none", *get_args(Kernel)):
        rows = [row for row, window in enumerate(tried) if window[0] == kernel]
        chosen[kernel] = smallest(rows, behind(rows))
    best = behind(range(len(tried)))
    row = smallest([*chosen.values()], best)
    candidates = {
        name: Candidate(
            kernel=tried[row][0],
            ks=tried[row][1],
            sigma=tried[row][2] if tried[row][0] in SHAPED else None,
            log_likelihood=float(mean[row]),
            behind=float(best[0][row]),
            error=float(best[1][row]),
        )
        for name, row in chosen.items()
    }
    return Suggestion(candidates=candidates, choice=next(name for name, each in chosen.items() if each == row))


@cache
def _windows(*, filtered: bool) -> dict[tuple[Kernel, int, float], FloatArray]:
    """The windows by kernel, size and sigma, the smallest first; sigma is there where it has no use."""
    tried: list[tuple[Kernel, int, float]] = [("none", 1, SIGMAS[0])]
    for ks in SIZES:
        tried.append(("triang", ks, SIGMAS[0]))
        tried += [(kernel, ks, sigma) for sigma in SIGMAS for kernel in SHAPED]
    windows = {each: kernel_window(*each, filtered=filtered) for each in tried}
    return {each: window for each, window in windows.items() if window[window.size // 2] == 1}


def log_shares(counts: FloatArray, windows: Sequence[FloatArray], *, edge: Edge) -> FloatArray:
    """The log of the share of density that each filled bin has without one of its samples, by each window, (W, F).

    ``counts`` (B,) are seen through ``windows`` as LDS does; ``edge`` is zero or mirror. To leave a sample out takes
    from the density of its bin what it gives there, and from the sum over all bins what it gives to them. One sample
    is added, spread evenly over all bins, so that no share is 0.
    """
    bins, most = np.arange(counts.size), max(window.size // 2 for window in windows)
    values = np.zeros((len(windows), most + 1))  # of each window its centre and one half, the other being its mirror
    for row, window in enumerate(windows):
        values[row, : window.size // 2 + 1] = window[window.size // 2 :] / window.sum()
    parts = []
    for far in range(most + 1):  # a window is a sum of pairs of ones, each so far from its centre
        pair = (np.abs(np.arange(-far, far + 1)) == far).astype(np.float64)
        around = np.pad(bins, far, mode="symmetric") if edge == "mirror" else np.pad(bins, far, constant_values=-1)
        to_itself = (sliding_window_view(around, pair.size) == bins[:, None]) @ pair
        to_all = effective_density(np.ones(counts.size), pair, edge=edge)  # as much as it has of all
        parts.append((effective_density(counts, pair, edge=edge), to_itself, to_all))
    density, to_itself, to_all = np.einsum("wd,dkb->kwb", values, np.array(parts))
    share = (density - to_itself + 1 / counts.size) / ((counts * to_all).sum(axis=1)[:, None] - to_all + 1)
    return np.asarray(np.log(share[:, counts > 0]))
