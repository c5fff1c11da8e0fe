"""The two ways to compute every number, as frozen values: ``released`` (the authors' code) and ``paper`` (as printed).

What differs for every dataset alike stands here; what differs per dataset (thresholds, clipping bounds, the GM of a
zero error) is a `Rules` value per protocol in the dataset's own file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ProtocolName: TypeAlias = Literal["released", "paper"]
Kernel: TypeAlias = Literal["gaussian", "triang", "laplace", "none"]
Scheme: TypeAlias = Literal["inverse", "sqrt-inv", "effective-number"]
AnyScheme: TypeAlias = Literal[Scheme, "dense-weight"]  # the last one has no bins
Edge: TypeAlias = Literal["zero", "mirror", "renormalise"]
Normalise: TypeAlias = Literal["mean-one", "max-one", "none"]


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
    filtered_window: bool
    root_first: bool
    whole_counts: bool
    clips: bool
    covariance: bool


@dataclass(frozen=True)
class Thresholds:
    """Bins with more than ``many`` training samples are many-shot, with fewer than ``few`` few-shot, else medium."""

    many: float
    few: float


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What one protocol means for one dataset's scores.

    ``zero_error`` is what |e| = 0 counts as in GM (0 makes GM 0). With ``single_precision`` a target is the float32
    value of its printed decimal.
    """

    thresholds: Thresholds
    zero_error: float = 0.0
    single_precision: bool = False


RELEASED = Protocol(
    name="released",
    summary="the arithmetic of the released code (YyzHarry/imbalanced-regression at a6fdc45)",
    filtered_window=True,
    root_first=True,
    whole_counts=True,
    clips=True,
    covariance=False,
)
PAPER = Protocol(
    name="paper",
    summary="the definitions as printed in the paper",
    filtered_window=False,
    root_first=False,
    whole_counts=False,
    clips=False,
    covariance=True,
)
PROTOCOLS: dict[ProtocolName, Protocol] = {protocol.name: protocol for protocol in (RELEASED, PAPER)}
