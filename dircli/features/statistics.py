"""The statistics of features by bin: their sums over one epoch, and what FDS keeps over epochs and smooths over bins.

`Moments` sums the rows of an epoch. `DiagonalStatistics` (``released``) and `FullStatistics` (``paper``) answer the
same calls: `absorb` an epoch, `smooth` over bins, `apply` the calibration, `state` and `load`. B bins, d dimensions,
float64 throughout.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray

STILL = 1e-10  # as released: a bin whose variances sum to less stays as it is


class DiagonalStatistics:
    """Running means and variances per dimension, (B, d) each, by the arithmetic of the released code.

    A bin that never occurred has mean 0 and variance 1. ``known`` (B,) are the bins that occurred, ``moved`` (B,) those
    whose features are calibrated. ``clip`` bounds the ratio of smoothed to running variance; with ``fill`` a bin empty
    in an epoch becomes the mean of its neighbours; with ``all_vary`` a bin stays as it is where one feature has no
    variance, and ``left_alone`` (B,) are those that occurred.
    """

    def __init__(self, bins: int, dim: int, *, clip: tuple[float, float], fill: bool, all_vary: bool = False) -> None:
        self.mean, self.variance = np.zeros((bins, dim)), np.ones((bins, dim))
        self.known = np.zeros(bins, dtype=bool)
        self.clip, self.fill, self.all_vary = clip, fill, all_vary
        self.left_alone = np.zeros(bins, dtype=bool)
        self.smoothed_mean, self.smoothed_variance = np.full((bins, dim), np.nan), np.full((bins, dim), np.nan)
        self.moved: BoolArray = np.zeros(bins, dtype=bool)
        self.scale, self.shift = np.ones((bins + 1, dim)), np.zeros((bins + 1, dim))

    def absorb(self, epoch: Moments, *, momentum: float) -> None:
        """Take in an epoch: what was there before weighs ``momentum``, the epoch the rest."""
        filled = epoch.n > 0
        for running, new in ((self.mean, epoch.mean), (self.variance, epoch.variances())):
            running[filled] = momentum * running[filled] + (1 - momentum) * new[filled]
            if self.fill:  # as released for STS-B: in ascending order, an empty bin becomes the mean of its neighbours
                for b in np.flatnonzero(~filled) if len(filled) > 1 else ():
                    running[b] = running[[n for n in (b - 1, b + 1) if 0 <= n < len(filled)]].mean(axis=0)
        self.known |= filled

    def smooth(self, window: FloatArray) -> None:
        """Smooth over bins, with mirrored ends that do not repeat the edge."""
        self.smoothed_mean, self.smoothed_variance = reflected(self.mean, window), reflected(self.variance, window)
        self.settle()

    def settle(self) -> None:
        """Make ready to move features from the running statistics to the smoothed ones, as both now are."""
        self.moved = self.variance.sum(axis=1) >= STILL
        if self.all_vary:  # as released for STS-B and NYUD2, whose condition for the live features never holds
            self.left_alone = self.known & self.moved & (self.variance <= 0).any(axis=1)
            self.moved = self.moved & (self.variance > 0).all(axis=1)
        spread = (self.variance > 0) & self.moved[:, None]
        ratio = np.divide(self.smoothed_variance, self.variance, out=np.ones_like(self.mean), where=spread)
        scale = np.where(spread, np.sqrt(np.clip(ratio, *self.clip)), 1.0)
        shift = np.where(spread, self.smoothed_mean - scale * self.mean, 0.0)
        self.scale, self.shift = (np.pad(a, ((0, 1), (0, 0)), constant_values=c) for a, c in ((scale, 1), (shift, 0)))

    def apply(self, features: AnyArray, index: IntArray) -> None:
        """Calibrate ``features`` (n, d) of the bins ``index`` (n,), -1 for none, in place: √ratio · (z - μ) + μ̃."""
        scale, shift = self.scale.astype(features.dtype), self.shift.astype(features.dtype)
        most = max(1, CHUNK // features.shape[1])
        room = np.empty((min(most, len(index)), features.shape[1]), dtype=features.dtype)
        for first in range(0, len(index), most):
            rows, bins = features[first : first + most], index[first : first + most]
            values = room[: len(rows)]
            rows *= np.take(scale, bins, axis=0, out=values, mode="wrap")  # -1 is the last row, that of no bin
            rows += np.take(shift, bins, axis=0, out=values, mode="wrap")

    def state(self) -> dict[str, AnyArray]:
        """What `load` needs."""
        return {"running_mean": self.mean, "running_var": self.variance, "known": self.known}

    def load(self, state: Mapping[str, AnyArray]) -> None:
        """Become what ``state`` says."""
        names = ("running_mean", "running_var", "known")
        self.mean, self.variance, self.known = (np.array(state[name]) for name in names)

    def resume(self, state: Mapping[str, AnyArray], _window: FloatArray) -> None:
        """Go on with the smoothed statistics of ``state``, which may lag behind the running ones."""
        self.smoothed_mean, self.smoothed_variance = np.array(state["smoothed_mean"]), np.array(state["smoothed_var"])
        self.moved = np.zeros_like(self.known)
        self.scale, self.shift = np.ones_like(self.scale), np.zeros_like(self.shift)
        if not np.isnan(self.smoothed_mean).all():  # else only one epoch was taken in, with the lag
            self.settle()


class FullStatistics:
    """Running means (B, d), and full covariances (d, d) of the bins that had two rows in some epoch (eq. 2, 3).

    ``known`` and ``moved`` (B,) are the bins that occurred. The kernel is scaled to sum 1 over the bins whose statistic
    is known. A bin of one row has a mean but no covariance (eq. 3 is 0/0): it lends none to its neighbours, and its row
    becomes the smoothed mean. Matrices take 16·B·d² bytes in all.
    """

    def __init__(self, bins: int, dim: int) -> None:
        self.mean = np.zeros((bins, dim))
        self.known = np.zeros(bins, dtype=bool)
        self.covariance: dict[int, FloatArray] = {}
        self._maps: dict[int, FloatArray] = {}

    def absorb(self, epoch: Moments, *, momentum: float) -> None:
        """Take in an epoch: what was there before weighs ``momentum``; a bin's first epoch counts whole."""
        for b in map(int, np.flatnonzero(epoch.n)):
            old = momentum if self.known[b] else 0.0
            self.mean[b] = old * self.mean[b] + (1 - old) * epoch.mean[b]
            if epoch.n[b] > 1:
                new = epoch.covariance_of(b)
                if b in self.covariance:
                    new *= 1 - momentum
                    new += momentum * self.covariance[b]
                self.covariance[b] = new
        self.known |= epoch.n > 0

    def smooth(self, window: FloatArray) -> None:
        """Smooth the means (eq. 4); the covariances (eq. 5) follow bin by bin, when they are asked for."""
        self.window, self._maps = window, {}
        self.moved = self.known.copy()
        self.smoothed_mean = np.zeros_like(self.mean)
        known = np.flatnonzero(self.known).tolist()
        for b in known:
            self.smoothed_mean[b] = sum(weight * self.mean[n] for n, weight in self._near(b, known))

    def smoothed_covariance(self, b: int) -> FloatArray:
        """The smoothed covariance (d, d) of bin ``b`` (eq. 5); zero where no bin within the window has one."""
        smoothed = np.zeros((self.mean.shape[1],) * 2)
        for n, weight in self._near(b, self.covariance):
            smoothed += weight * self.covariance[n]
        return smoothed

    def _near(self, b: int, among: Container[int]) -> list[tuple[int, float]]:
        """The bins of ``among`` within the window around ``b``, with weights that sum to 1."""
        half = len(self.window) // 2
        near = [n for n in range(b - half, b + half + 1) if n in among]
        weights = self.window[[n - b + half for n in near]]
        return list(zip(near, (weights / weights.sum()).tolist(), strict=True)) if near else []

    def apply(self, features: AnyArray, index: IntArray) -> None:
        """Calibrate ``features`` (n, d) of the bins ``index`` (n,), -1 for none, in place: Σ̃^½ Σ^-½ (z - μ) + μ̃."""
        for b, numbers, rows, room in chunks(features, np.where(self.moved[index], index, -1)):
            room[:-1] = rows
            features[numbers] = (room[:-1] - self.mean[b]) @ self.matrix(b).T + self.smoothed_mean[b]

    def matrix(self, b: int) -> FloatArray:
        """What calibrates features of bin ``b``, which occurred: Σ̃^½ Σ^-½ (d, d) of eq. 6."""
        if b not in self._maps:
            smoothed = root(self.smoothed_covariance(b))
            self._maps[b] = smoothed @ whitening(self.covariance.get(b, np.zeros_like(smoothed)))
        return self._maps[b]

    @property
    def variance(self) -> FloatArray:
        """The diagonals of the covariances, (B, d); 0 where there is none."""
        none = np.zeros((self.mean.shape[1],) * 2)
        return np.array([self.covariance.get(b, none).diagonal() for b in range(len(self.mean))])

    @property
    def smoothed_variance(self) -> FloatArray:
        """The diagonals of the smoothed covariances, (B, d); 0 where there is none."""
        variance = self.variance
        near = (self._near(b, self.covariance) for b in range(len(variance)))
        return np.array([sum((w * variance[n] for n, w in pairs), np.zeros(variance.shape[1])) for pairs in near])

    def state(self) -> dict[str, AnyArray]:
        """What `load` needs; the covariances (K, d, d) are those of the bins ``covariance_bin`` (K,)."""
        bins = sorted(self.covariance)
        matrices = np.array([self.covariance[b] for b in bins]).reshape(-1, *(self.mean.shape[1],) * 2)
        state: dict[str, AnyArray] = {"running_mean": self.mean, "known": self.known}
        return state | {"covariance_bin": np.array(bins, dtype=np.int64), "running_covariance": matrices}

    def load(self, state: Mapping[str, AnyArray]) -> None:
        """Become what ``state`` says."""
        self.mean, self.known = np.array(state["running_mean"]), np.array(state["known"])
        pairs = zip(state["covariance_bin"], state["running_covariance"], strict=True)
        self.covariance = {int(b): np.array(matrix) for b, matrix in pairs}

    def resume(self, _state: Mapping[str, AnyArray], window: FloatArray) -> None:
        """Go on with what was loaded, smoothed anew."""
        self.smooth(window)


def reflected(values: FloatArray, window: FloatArray) -> FloatArray:
    """``values`` (B, d) smoothed over bins by ``window`` (ks,), of sum 1; beyond the ends lies c b | a b c … (torch).

    Half a window must be shorter than B, which `FDS` sees to.
    """
    half = len(window) // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="reflect")
    return np.asarray(sum(weight * padded[k : k + len(values)] for k, weight in enumerate(window)))


def root(matrix: FloatArray) -> FloatArray:
    """The symmetric square root of a symmetric, positive semidefinite ``matrix`` (d, d)."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def whitening(matrix: FloatArray) -> FloatArray:
    """The inverse of `root`; of a singular ``matrix`` (d, d) its pseudo-inverse, which drops what is off its range.

    Eigenvalues up to d·ε times the largest count as zero, as in numpy's matrix_rank.
    """
    values, vectors = np.linalg.eigh(matrix)
    in_range = values > values.max(initial=0) * len(values) * np.finfo(np.float64).eps
    scale = np.divide(1, np.sqrt(np.maximum(values, 0)), out=np.zeros_like(values), where=in_range)
    return np.asarray((vectors * scale) @ vectors.T)


CHUNK = 1 << 17  # numbers that are worked on at a time: in float64 they stay in the cache of a core


class Moments:
    """Counts ``n`` (B,), means ``mean`` (B, d) and centred second moments of feature rows, by bin.

    ``square`` (B, d) are the sums of squared deviations per dimension. With ``covariance`` it is not used, and
    ``product`` holds the sums of outer products (d, d) instead, only for bins that occur.
    """

    def __init__(self, bins: int, dim: int, *, covariance: bool) -> None:
        self.n = np.zeros(bins, dtype=np.int64)
        self.mean = np.zeros((bins, dim))
        self.square = np.zeros((0 if covariance else bins, dim))
        self.product: dict[int, FloatArray] = {}
        self.covariance = covariance

    def add(self, features: AnyArray, index: IntArray) -> None:
        """Add the rows of ``features`` (n, d), finite, whose bins are ``index`` (n,); rows in bin -1 are left out."""
        dim = self.mean.shape[1]
        for b, _, rows, chunk in chunks(features, index):
            chunk[:-1] = rows
            count, before = len(rows), int(self.n[b])
            mean = np.add.reduce(chunk[:-1], axis=0)
            mean /= count
            chunk[:-1] -= mean
            if before:
                mean -= self.mean[b]
                chunk[-1] = mean * np.sqrt(count * before / (count + before))
                mean *= count / (count + before)
            deviations = chunk if before else chunk[:-1]
            if self.covariance:
                self.product[b] = self.product.get(b, np.zeros((dim, dim)))
                self.product[b] += deviations.T @ deviations
            else:
                self.square[b] += np.einsum("ij,ij->j", deviations, deviations)
            self.mean[b] += mean
            self.n[b] += count

    def empty(self) -> Moments:
        """Those of no rows, over the same bins."""
        return Moments(*self.mean.shape, covariance=self.covariance)

    def merge(self, other: Moments) -> None:
        """Add the rows that ``other`` has summed, over the same bins."""
        total = self.n + other.n
        some = np.maximum(total, 1)
        away = other.mean - self.mean
        weight = self.n * other.n / some
        if self.covariance:
            for b, product in other.product.items():
                both = self.product.get(b, 0.0) + product
                self.product[b] = both + weight[b] * np.outer(away[b], away[b])
        else:
            self.square += other.square + weight[:, None] * away * away
        self.mean += away * (other.n / some)[:, None]
        self.n = total

    def covariance_of(self, b: int) -> FloatArray:
        """The unbiased covariance (d, d) of bin ``b`` (eq. 3), which takes two rows or more."""
        return self.product[b] / (int(self.n[b]) - 1)

    def variances(self) -> FloatArray:
        """The variance per dimension, (B, d): unbiased, but 0 for a bin of one, as released, and for an empty one."""
        return self.square / np.maximum(self.n - 1, 1)[:, None]


def chunks(features: AnyArray, index: IntArray) -> Iterator[tuple[int, IntArray, AnyArray, FloatArray]]:
    """The rows of ``features`` (n, d) bin by bin, a chunk of k rows at a time; rows in bin -1 are left out.

    Each is its bin, the numbers of its rows (k,), a copy of them (k, d) and room (k + 1, d), which the next overwrites.
    """
    most = max(1, CHUNK // max(features.shape[1], 1))
    copy = np.empty((min(most, len(index)), features.shape[1]), dtype=features.dtype)
    room = np.empty((len(copy) + 1, features.shape[1]))
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-2))
    stops = np.append(starts, len(order))[1:]
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=False):
        b = int(ordered[start])
        for first in range(start, stop if b >= 0 else start, most):
            numbers = order[first : min(first + most, stop)]
            rows = copy[: len(numbers)]
            np.take(features, numbers, axis=0, out=rows, mode="clip")
            yield b, numbers, rows, room[: len(numbers) + 1]
