"""The two ways to compute every number, as frozen values: ``released`` (the authors' code) and ``paper`` (as printed).

What differs for every dataset alike stands here; what differs per dataset (thresholds, clipping bounds, the GM of a
zero error) is a `ScoreRule` per protocol in the dataset's own file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from dircli.errors import UsageError

if TYPE_CHECKING:
    from dircli.arrays import IntArray


@dataclass(frozen=True, kw_only=True)
class FdsRule:
    """What a dataset fixes about the ``released`` FDS; ``paper`` takes every scoring bin for itself.

    FDS bins are the scoring bins ``start`` to ``last`` (None: to the end); the first also takes every lower label, the
    last every higher one. ``exact``: a label between them belongs to a bin only if it is its left end. ``clip`` bounds
    the ratio of smoothed to running variance. ``fill``: a bin without a sample in an epoch becomes the mean of its
    neighbours. ``all_vary``: a bin is calibrated only where all its features vary; else those that do are calibrated.
    The defaults are for targets that the authors had no code for: all bins, and the ages' clip.
    """

    start: int = 0
    last: int | None = None
    clip: tuple[float, float] = (0.1, 10.0)
    exact: bool = False
    fill: bool = False
    all_vary: bool = False


ProtocolName: TypeAlias = Literal["released", "paper"]
Kernel: TypeAlias = Literal["gaussian", "triang", "laplace", "none"]
Scheme: TypeAlias = Literal["inverse", "sqrt-inv", "effective-number"]
AnyScheme: TypeAlias = Literal[Scheme, "dense-weight"]  # the last one has no bins
Edge: TypeAlias = Literal["zero", "mirror", "renormalise"]
Normalise: TypeAlias = Literal["mean-one", "max-one", "none"]


def refuse_unknown(kind: Any, **given: str | None) -> None:
    """UsageError, naming the parameter, for a value that is none of those of the Literal ``kind``; None passes."""
    for name, value in given.items():
        if value is not None and value not in get_args(kind):
            raise UsageError(f"no {name} is called {value!r}; there are {', '.join(get_args(kind))}")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How label densities become weights.

    ``filtered_window``: the Gaussian window is a unit spike seen through a truncated, mirrored filter, instead of the
    Gaussian itself. ``root_first``: sqrt-inv takes roots of the counts before they are smoothed, instead of after.
    ``whole_counts``: smoothed integer counts are cut to whole numbers. ``clips``: ``inverse`` first clips the counts
    to the dataset's bounds. ``covariance``: FDS takes full covariance matrices over every scoring bin, instead of
    variances per dimension over the bins of the dataset's `FdsRule`.
    """

    name: ProtocolName
    summary: str
    filtered_window: bool = False
    root_first: bool = False
    whole_counts: bool = False
    clips: bool = False
    covariance: bool = False


@dataclass(frozen=True)
class Thresholds:
    """Bins with more than ``many`` training samples are many-shot, with fewer than ``few`` few-shot, else medium."""

    many: float
    few: float


@dataclass(frozen=True, kw_only=True)
class ScoreRule:
    """What one protocol means for one dataset's scores.

    ``zero_error`` is what |e| = 0 counts as in GM (0 makes GM 0). With ``single_precision`` a target is the float32
    value of its printed decimal. With ``single_ratios`` the ratios of δ1 to δ3 are float32 quotients of float32 values.
    """

    thresholds: Thresholds
    zero_error: float = 0.0
    single_precision: bool = False
    single_ratios: bool = False


RELEASED = Protocol(
    name="released",
    summary="the arithmetic of the released code (YyzHarry/imbalanced-regression at a6fdc45)",
    filtered_window=True,
    root_first=True,
    whole_counts=True,
    clips=True,
)
PAPER = Protocol(name="paper", summary="the definitions as printed in the paper", covariance=True)
PROTOCOLS: dict[ProtocolName, Protocol] = {protocol.name: protocol for protocol in (RELEASED, PAPER)}


@dataclass(frozen=True, kw_only=True)
class WeightRule:
    """What a dataset fixes about its weights.

    ``default`` is the scheme of its published results. ``clip`` bounds the counts of ``inverse`` where the protocol
    clips. ``edge`` is what lies beyond the label range. ``last`` is the bin that also takes every higher one. ``first``
    is the lowest bin whose density is computed: lower ones take its value, and lie beyond the range.
    """

    default: Scheme
    clip: tuple[int, int] | None = None
    edge: Edge = "zero"
    last: int | None = None
    first: int = 0

    def fold(self, index: IntArray) -> IntArray:
        """The weight bin of each scoring bin in ``index``."""
        import numpy as np  # the command line reads the names in this file before it loads anything heavy

        return index if self.last is None else np.minimum(index, self.last)

    def folded(self, counts: IntArray) -> IntArray:
        """The ``counts`` (B,) of scoring bins by weight bin."""
        import numpy as np  # as above

        return np.bincount(self.fold(np.arange(len(counts))), weights=counts).astype(np.int64)
