"""Feature distribution smoothing (FDS): the statistics of features by bin, smoothed over bins (DIR, section 3.2).

::

    fds = FDS(512, bins, rule, kernel="gaussian", ks=5, sigma=2, momentum=0.9, protocol=RELEASED)
    for _ in range(epochs):
        for features, labels in batches:  # numpy arrays, (n, 512) and (n,)
            ... = fds.calibrate(features, labels)  # as they are in the first epoch
            fds.update(features, labels)
        fds.smooth()  # the epoch is over

What `smooth` gives rests on every epoch so far, the one just closed included, and holds until it is called again. The
released training loop calls its smoothing before it adds the epoch, so there the smoothed statistics lag one epoch
behind the running ones, which ``smooth(lag=True)`` does, too. That loop also moves labels below the first bin, or
beyond the last, only where the label of that bin itself is in the same batch; here they always belong to the end bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import (
    PROTOCOLS,
    RELEASED,
    FdsRule,
    Kernel,
    Protocol,
    ProtocolName,
    refuse_unknown,
)
from dircli.errors import InputError, Problem, UsageError, first_ten
from dircli.features.statistics import DiagonalStatistics, FullStatistics, Moments

Float = TypeVar("Float", bound=np.floating[Any])
FINITE = "Mend or leave out what made them; FDS needs finite numbers"


class FDS:
    """Running and smoothed statistics of features (n, ``dim``) by bin, and their calibration.

    ``bins`` are the scoring bins, ``rule`` the dataset's own; labels (n,) are targets. Kernel size ``ks`` and width
    ``sigma`` are in bins; ``momentum`` is the weight of earlier epochs. ``counts`` (B,) are the rows seen so far,
    ``edges`` (B + 1,) those of the FDS bins. UsageError: arguments, shapes or states do not fit. InputError: a number
    is not finite.
    """

    def __init__(  # noqa: PLR0913 - the parameters of a published method
        self,
        dim: int,
        bins: Bins,
        rule: FdsRule,
        *,
        kernel: Kernel = "gaussian",
        ks: int = 5,
        sigma: float = 2.0,
        momentum: float = 0.9,
        protocol: Protocol = RELEASED,
    ) -> None:
        if dim < 1:
            raise UsageError(f"features must have one dimension or more, not {dim}")
        if not 0 <= momentum < 1:
            raise UsageError(f"the momentum must lie in [0, 1), and {momentum} does not")
        shape = kernel_window(kernel, ks, sigma, filtered=protocol.filtered_window)
        self.window = shape / shape.sum()
        self.momentum, self.dim, self.epochs = momentum, dim, 0
        self.covariance, self.exact = protocol.covariance, rule.exact and not protocol.covariance
        size, self.edges = len(bins), bins.edges
        self.statistics: DiagonalStatistics | FullStatistics
        if protocol.covariance:
            self.statistics = FullStatistics(size, dim)
        else:
            last = size - 1 if rule.last is None else min(rule.last, size - 1)
            self.edges = bins.edges[min(rule.start, last) : last + 2]
            size = len(self.edges) - 1
            if len(self.window) // 2 >= size:
                raise UsageError(f"a kernel of {ks} bins is too wide for {size} bins; take a smaller ks")
            self.statistics = DiagonalStatistics(size, dim, clip=rule.clip, fill=rule.fill, all_vary=rule.all_vary)
        self.counts = np.zeros(size, dtype=np.int64)
        self._epoch = self.moments()
        self.settings = (
            f"{protocol.name} {kernel} ks={ks} sigma={sigma:g} momentum={momentum:g} dim={dim} "
            f"bins={size} from {self.edges[0]:.15g} to {self.edges[-1]:.15g}"
            + ("" if protocol.covariance else f" clip={rule.clip[0]:g}..{rule.clip[1]:g} fill={rule.fill}")
        )

    @classmethod
    def for_dataset(  # noqa: PLR0913 - the parameters of a published method
        cls,
        name: str,
        dim: int,
        *,
        kernel: Kernel = "gaussian",
        ks: int = 5,
        sigma: float = 2.0,
        momentum: float = 0.9,
        protocol: ProtocolName = "released",
        manifests: str | Path = "manifests",
    ) -> FDS:
        """FDS with the bins and rules of ``name``: a benchmark, or a manifest in the folder ``manifests``.

        >>> FDS.for_dataset("sts-b", dim=64).counts.shape
        (50,)
        """
        from dircli.datasets.open import open_benchmark
        from dircli.store import places

        refuse_unknown(ProtocolName, protocol=protocol)
        against = open_benchmark(name, places.of(manifests), None)
        smoothing: dict[str, Any] = {"kernel": kernel, "ks": ks, "sigma": sigma, "momentum": momentum}
        return cls(dim, against.table.bins, against.rules.fds, **smoothing, protocol=PROTOCOLS[protocol])

    def index(self, labels: AnyArray) -> IntArray:
        """The FDS bin of each of ``labels`` (n,), in 0..B-1; -1 for a label that has none.

        Edges are compared in the type of the labels: 0.7 opens its bin as float32, too. ``released``: labels beyond
        the ends belong to the end bins. ``paper``: they have no bin; their rows are not counted and stay as they are.
        """
        labels = np.asarray(labels)
        if labels.dtype.kind not in "fiu":
            raise UsageError(f"labels are {labels.dtype}, and numbers are expected")
        edges = self.edges.astype(labels.dtype) if labels.dtype.kind == "f" else self.edges
        last = len(edges) - 2
        index = np.searchsorted(edges, labels, side="right") - 1
        if self.covariance:
            index[labels == edges[-1]] = last
            return np.where((index > last) | np.isnan(labels), -1, index).astype(np.int64)
        index = np.clip(index, 0, last)
        between = (labels > edges[0]) & (labels < edges[last])
        if self.exact:
            index = np.where(between & (labels != edges[index]), -1, index)
        return np.where(np.isnan(labels), -1, index).astype(np.int64)

    def moments(self) -> Moments:
        """Empty sums for a part of an epoch; filled by `gather`, in any thread, and taken in by `absorb`."""
        return Moments(len(self.counts), self.dim, covariance=self.covariance)

    def gather(self, features: AnyArray, labels: AnyArray, *, into: Moments | None = None) -> Moments:
        """The sums over rows ``features`` (n, dim) with ``labels`` (n,), by any thread; InputError if not finite.

        They are new ones, or ``into``, of which nothing is changed where a number is not finite.
        """
        features, labels = self._checked(features, labels)
        index = self.index(labels)
        if into is not None:
            refuse_unfinite(features, labels)
            into.add(features, index)
            return into
        part = self.moments()
        with np.errstate(invalid="ignore", over="ignore"):
            part.add(features, index)
        if self.covariance or index.min(initial=0) < 0 or not np.isfinite(part.square).all():
            refuse_unfinite(features, labels)  # nothing that is not finite can hide in finite sums of all rows
        return part

    def absorb(self, part: Moments, *, take: bool = False) -> None:
        """Add ``part`` of the open epoch, as `gather` gave it; the order of the parts does not matter.

        With ``take`` nobody uses it afterwards: where it is the first, its large matrices are not copied.
        """
        if take and not self._epoch.n.any():
            self._epoch = part
        else:
            self._epoch.merge(part)

    def update(self, features: AnyArray, labels: AnyArray) -> None:
        """Add rows ``features`` (n, dim) with ``labels`` (n,) to the open epoch; InputError adds none of them."""
        self.gather(features, labels, into=self._epoch)

    def smooth(self, *, lag: bool = False) -> None:
        """Close the epoch, unless it has no row: take it into the running statistics, and smooth these over bins.

        With ``lag`` the order is that of the released training loop: first smooth, then take in. From the second epoch
        on, rows are then moved from the running statistics of all epochs to the smoothed ones of all but the last;
        after the first, nothing is smoothed yet and nothing is moved. UsageError for ``lag`` under ``paper``.
        """
        if not self._epoch.n.any():
            return
        if lag and not isinstance(self.statistics, DiagonalStatistics):
            raise UsageError("the lag is that of the released training loop; it goes with the released protocol alone")
        before = self.epochs
        if lag and before:
            self.statistics.smooth(self.window)
        self.statistics.absorb(self._epoch, momentum=self.momentum if self.epochs else 0.0)
        self.counts += self._epoch.n
        self.epochs += 1
        self._epoch = self.moments()
        if not lag:
            self.statistics.smooth(self.window)
        elif before and isinstance(self.statistics, DiagonalStatistics):
            self.statistics.settle()

    def calibrate(
        self, features: NDArray[Float], labels: AnyArray, *, out: NDArray[Float] | None = None
    ) -> NDArray[Float]:
        """Rows ``features`` (n, dim) with ``labels`` (n,) calibrated (eq. 6), in their type: a new array, or ``out``.

        As they are before the first `smooth`; then each row whose bin has statistics, and in ``released`` variances
        that sum to 1e-10 or more, is moved from the running to the smoothed statistics of its bin. ``out`` may be
        ``features``. Released arithmetic is that of the features' type, in float32 at least; the paper's is float64.
        """
        rows, labels = self._checked(features, labels)
        if out is None:
            out = rows.copy()
        elif out is not rows:
            out[:] = rows
        if not self.epochs:
            return out
        work = out.astype(np.promote_types(out.dtype, np.float32), copy=False)
        self.statistics.apply(work, self.index(labels))
        if work is not out:
            out[:] = work
        return out

    def stays(self, labels: AnyArray) -> BoolArray:
        """Which rows with ``labels`` (n,) `calibrate` leaves as they are, (n,)."""
        index = self.index(labels)
        return ~((index >= 0) & self.statistics.moved[index]) if self.epochs else np.ones(index.shape, dtype=bool)

    def distances(self) -> tuple[FloatArray, FloatArray]:
        """The L1 distance of running to smoothed statistics (DIR, Fig. 8c) by bin, (B,) for mean and for variance.

        |μ - μ̃| and |Σ - Σ̃|, (B, d), as means over the dimensions; NaN in a bin that never occurred, and where nothing
        is smoothed yet. Under ``paper`` Σ are the diagonals of the full covariances, 0 in a bin that has none, as of
        one row. UsageError before the first `smooth`.
        """
        if not self.epochs:
            raise UsageError("there are no statistics yet; call update and smooth first")
        now = self.statistics
        pairs = ((now.mean, now.smoothed_mean), (now.variance, now.smoothed_variance))
        mean, variance = (np.where(now.known, np.abs(a - b).mean(axis=1), np.nan) for a, b in pairs)
        return mean, variance

    def mean_distances(self) -> tuple[float, float]:
        """`distances` as means over the bins that occurred, a point of Fig. 8c; NaN before the first `smooth`."""
        if not self.epochs:
            return np.nan, np.nan
        mean, variance = (float(each[self.statistics.known].mean()) for each in self.distances())
        return mean, variance

    def state_dict(self) -> dict[str, AnyArray]:
        """What `load_state_dict` needs, and the smoothed statistics, as arrays; UsageError within an epoch."""
        if self._epoch.n.any():
            raise UsageError("an epoch is open; call smooth before state_dict")
        state = {key: value.copy() for key, value in self.statistics.state().items()}
        if self.epochs:
            state |= {"smoothed_mean": self.statistics.smoothed_mean, "smoothed_var": self.statistics.smoothed_variance}
        state |= {"epochs": np.array(self.epochs), "counts": self.counts.copy(), "edges": self.edges.copy()}
        return state | {"settings": np.array(self.settings)}

    def load_state_dict(self, state: Mapping[str, AnyArray]) -> None:
        """Go on from ``state``, which `state_dict` of an FDS with the same arguments gave; UsageError for another's."""
        if str(state.get("settings")) != self.settings:
            raise UsageError(f"the state is of another FDS: {state.get('settings')}; this one is {self.settings}")
        self.statistics.load(state)
        self.epochs, self.counts = int(state["epochs"]), np.array(state["counts"])
        self._epoch = self.moments()
        if self.epochs:
            self.statistics.resume(state, self.window)

    def _checked(self, features: AnyArray, labels: AnyArray) -> tuple[AnyArray, AnyArray]:
        features, labels = np.asarray(features), np.asarray(labels)
        if features.ndim != 2 or features.shape[1] != self.dim or features.dtype.kind != "f":  # noqa: PLR2004 - rows, dimensions
            kind = f"{features.dtype} of shape {features.shape}"
            raise UsageError(f"features are {kind}; floating-point numbers of shape (n, {self.dim}) are expected")
        if labels.shape != features.shape[:1]:
            raise UsageError(f"labels have shape {labels.shape}, and features {features.shape}; one label per row")
        return features, labels


def unfinite(features: AnyArray) -> IntArray:
    """The rows of ``features`` (n, d) that hold a number that is not finite, ascending."""
    with np.errstate(all="ignore"):
        if np.isfinite(features.sum()):  # nothing that is not finite can hide in a finite sum
            return np.empty(0, dtype=np.int64)
    return np.flatnonzero(~np.isfinite(features).all(axis=1))


def refuse_unfinite(features: AnyArray, labels: AnyArray) -> None:
    """InputError that names the rows of ``features`` (n, d) and of ``labels`` (n,) that are not finite, if any."""

    def listed(what: str, rows: IntArray) -> list[Problem]:
        return first_ten(
            rows,
            lambda row: Problem(f"row {row}", f"{what} not finite", FINITE),
            lambda left: Problem("rows", f"{what} not finite in {left:,} more"),
        )

    problems = listed("the features are", unfinite(features))
    problems += listed("the label is", np.flatnonzero(~np.isfinite(labels)))
    if problems:
        raise InputError(problems)
