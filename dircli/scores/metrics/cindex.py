"""How often predictions order two rows as their targets do: counted by merging sorted halves, not pair by pair."""

import numpy as np

from dircli.arrays import FloatArray, IntArray


def concordance(target: FloatArray, prediction: FloatArray) -> float:
    """Concordance index: the share of pairs with unequal targets that the predictions order alike; (n,) both.

    A pair with equal predictions counts half (Harrell et al. 1982); 0.5 is chance, 1 is perfect. NaN where no two
    targets differ. O(n log n): discordant pairs are inversions of the predictions' order, once rows are sorted by
    target (Knight 1966).
    """
    order = np.lexsort((prediction, target))
    y, p = (np.unique(values, return_inverse=True)[1].astype(np.int64)[order] for values in (target, prediction))
    pairs = _pairs(np.array([y.size])) - _pairs(np.bincount(y))
    if not pairs:
        return float("nan")
    both = _pairs(np.unique(y * (p.max() + 1) + p, return_counts=True)[1])
    tied = _pairs(np.bincount(p)) - both  # equal predictions, unequal targets
    discordant = _inversions(p)  # within equal targets predictions ascend, so those pairs add none
    return float((pairs - discordant - tied / 2) / pairs)


def _pairs(sizes: IntArray) -> int:
    """How many pairs there are within groups of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())


def _inversions(codes: IntArray) -> int:
    """How many pairs of ``codes`` (n,), 0.., stand in descending order.

    One pass per bit, from the highest: rows are grouped, stably, by the bits above it, and within a group each row
    whose bit is 0 is inverted with those before it whose bit is 1.
    """
    inversions = 0
    for bit in reversed(range(int(codes.max()).bit_length())):
        ones = (codes >> bit) & 1
        before = np.cumsum(ones) - ones
        group = codes >> (bit + 1)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        before -= np.repeat(before[starts], np.diff(starts, append=codes.size))
        inversions += int(before[ones == 0].sum())
        codes = codes[np.argsort(codes >> bit, kind="stable")]
    return inversions
