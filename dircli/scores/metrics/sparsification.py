"""How well a standard deviation tells which predictions are wrong: the area under the sparsification error.

Rows are removed one by one, those of greatest sigma first, and the mean |e| of the rows that remain is followed; an
oracle removes the greatest |e| first. The area lies between the two curves, over the share of removed rows from 0 to 1
(Ilg et al. 2018), and is divided by the mean |e| of all rows, where both begin (as by Gustafsson et al. 2020).
Both are steps, one for each row, so the area is exact: with S(m) the sum of |e| of the m rows of smallest sigma, and
O(m) that of the m smallest |e|, it is the sum of (S(m) - O(m)) / m over m = 1..n, divided by S(n).

Other programs take root mean squares for means, 100 steps, or another divisor: that of VIR (Wang and Wang 2023) divides
by the greatest distance between the curves. Their numbers do not compare with these.

Where several rows share a sigma, each of them is as likely to be removed first: the expected S(m) grows by their mean.
The places P+1..P+t of an order then add their mean |e| times t H(n) + t - (K(P+t) - K(P)) to the sum of S(m) / m, where
H(k) = 1 + 1/2 + … + 1/k and K(k) = k H(k); what hangs on t and n alone is the same in both curves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray


def ause(target: FloatArray, prediction: FloatArray, sigma: FloatArray) -> float:
    """Area under the sparsification error of |e| by sigma, divided by the mean |e| of all rows; (n,) each, 0 is best.

    A sigma that is the same everywhere has 1 less the oracle's area; one in the wrong order has H(n) - 1/n at most. Of
    sigma only the order counts. 0 where every e is 0, NaN of no rows. O(n log n).
    """
    rows = np.arange(target.size)
    return float(Sparsification(rows, np.abs(prediction - target), sigma).scores(np.ones((rows.size, 1))).item())


class Sparsification:
    """AUSE of weighted sets of ``rows`` (m,) among all n, whose ``error`` = |e| and ``sigma`` are (n,) both.

    The rows' orders by |e| and by sigma are the same in every set, and are found once, here.
    """

    def __init__(self, rows: IntArray, error: FloatArray, sigma: FloatArray) -> None:
        self._rows, error, sigma = rows, error[rows], sigma[rows]
        self._by_error, self._by_sigma = np.argsort(error), np.argsort(sigma)
        new = np.diff(sigma[self._by_sigma], prepend=np.nan) != 0
        self._starts = np.flatnonzero(new)
        tied = np.flatnonzero(~(new & np.append(new[1:], True)))
        among = self._by_sigma[tied]
        self._by_sigma[tied] = among[np.lexsort((error[among], sigma[among]))]  # their sum adds up in one order
        self._ascending, self._error = error[self._by_error], error[self._by_sigma]

    def scores(self, counts: AnyArray, *_: Any) -> FloatArray:
        """The AUSE of each set, (R,), from how often each row is in it, (n, R) or more rows; NaN of an empty set."""
        sets = np.ascontiguousarray(counts[self._rows].T, dtype=np.float64)
        k = np.arange(1, sets.sum(axis=1).max(initial=0) + 1)
        steps = np.append(0, k * np.cumsum(1 / k))
        return np.array([self._score(held, steps) for held in sets])

    def _score(self, held: FloatArray, steps: FloatArray) -> float:
        """The AUSE of a set that holds each row so often, (m,), with ``steps`` K(k) for k = 0..n or more."""
        by_error, by_sigma, error = held[self._by_error], held[self._by_sigma], self._error
        if self._starts.size < error.size:
            sums = np.add.reduceat(by_sigma * error, self._starts)
            by_sigma = np.add.reduceat(by_sigma, self._starts)
            error = sums / np.maximum(by_sigma, 1)
        total = float((self._ascending * by_error).sum())
        if total == 0:
            return 0.0 if held.any() else np.nan
        oracle, ordered = (
            float((values * np.diff(steps[np.cumsum(times).astype(np.int64)], prepend=0.0)).sum())
            for values, times in ((self._ascending, by_error), (error, by_sigma))
        )
        return max(oracle - ordered, 0.0) / total
