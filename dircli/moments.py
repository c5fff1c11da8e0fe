"""Means and second moments of features per bin, summed in float64 by a method that is stable in any order of blocks.

A chunk's mean comes first, its squared deviations from that mean second; chunks merge by Chan's formula (Chan, Golub
and LeVeque 1983). Its correction is the outer product of one vector, so it is summed as one more row of deviations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.arrays import AnyArray, FloatArray, IntArray

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

    def variance(self, b: int) -> FloatArray:
        """The unbiased covariance (d, d) of bin ``b`` (eq. 3), which takes two rows or more."""
        return self.product[b] / (int(self.n[b]) - 1)

    def variances(self) -> FloatArray:
        """The variance per dimension, (B, d): unbiased, but 0 for a bin of one, as released, and for an empty one."""
        return self.square / np.maximum(self.n - 1, 1)[:, None]


def chunks(features: AnyArray, index: IntArray) -> Iterator[tuple[int, IntArray, AnyArray, FloatArray]]:
    """The rows of ``features`` (n, d) bin by bin, a chunk of k rows at a time; rows in bin -1 are left out.

    Each chunk is its bin, the numbers of its rows (k,), a copy of them (k, d), and room in float64 (k + 1, d). Copy and
    room are the caller's to overwrite, and the next chunk does so, too.
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
