"""The Poisson bootstrap: how often a row is in a resample hangs on the row and the seed alone, not on other rows.

A bootstrap resample of n rows holds each row a number of times that is binomial, with mean 1 and, for large n, close to
a Poisson number; drawn independently, from Poisson(1), rows need not be seen together (Hanley and MacGibbon 2006,
Creating non-parametric bootstrap samples using Poisson frequencies; Chamandy, Muralidharan, Najmi and Naidu 2012,
Estimating uncertainty for massive data streams). Here the number is a function of the seed, the number of the resample
and the row's id (its number in the file where there are no ids), so that resamples are the same in whatever parts the
rows are read, in whatever order, and whoever reads them. Rows that repeat an id are drawn together.

What it costs: resamples have n rows on average only, give or take √n, and are not drawn within bins, so intervals of a
region with few rows are a little wider than those of the stratified bootstrap, and without a score where too many
resamples leave a region empty. For each row and resample a hash and some 15 products take a few nanoseconds of one
core, and the file is read once more, or several times where there are many bins. There is no BCa, which leaves out each
row in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.scores.metrics.table import Metric
from dircli.scores.uncertainty.bootstrap import scored_sets
from dircli.scores.uncertainty.reweighted import ScoredRows, SetScorer
from dircli.store.content import GOLDEN, mixed

SHARES = (24109, 24109, 12057, 4016, 1005, 202, 32, 5, 1)
"""Of 2^16 equally likely numbers, how many stand for 0, 1, … 8: Poisson(1) within 2^-14, with mean and variance 1."""
NUMBERS = np.repeat(np.arange(len(SHARES), dtype=np.uint8), SHARES)
PER_HASH = 4
"""Numbers that one hash of 64 bits gives."""


def keys_of_places(places: IntArray) -> AnyArray:
    """The keys of rows without ids, (n,), from their numbers in the file."""
    return mixed(places.astype(np.uint64))


def random(keys: AnyArray, *, seed: int, first: int, last: int, stream: int = 0) -> AnyArray:
    """The random numbers ``first`` to ``last`` of each row, (n, last - first) uint64, from its key (n,) uint64.

    Key, seed and stream are the state of a SplitMix64, whose output they are.
    """
    start = np.array([seed], dtype=np.uint64)
    for _ in range(stream + 1):
        start = mixed(start + np.uint64(GOLDEN))
    states = mixed(keys ^ start)
    steps = np.arange(first, last, dtype=np.uint64) + np.uint64(1)
    return mixed(states[:, None] + (steps * np.uint64(GOLDEN))[None, :]).astype("<u8", copy=False)


def weights(keys: AnyArray, *, seed: int, first: int, size: int) -> AnyArray:
    """How often each row is in the resamples from number ``first`` on, (n, ``size``) uint8, from its key (n,) uint64.

    Random number g gives the resamples 4g to 4g + 3.
    """
    hashes = random(keys, seed=seed, first=first // PER_HASH, last=-(-(first + size) // PER_HASH))
    drawn: AnyArray = NUMBERS[hashes.view("<u2")]
    begin = first % PER_HASH
    return drawn[:, begin : begin + size]


def resampled(  # noqa: PLR0913 - what is scored, how often and from which seed
    keys: AnyArray,
    systems: Sequence[ScoredRows],
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
    *,
    resamples: int,
    seed: int,
) -> dict[str, FloatArray]:
    """The scores of every resample of rows with these ``keys`` (n,): per region (systems, metrics, resamples)."""
    scorer = SetScorer(systems, regions, metrics)
    ordered = keys[scorer.order]
    return scored_sets(
        scorer, lambda _, first, size, __: weights(ordered, seed=seed, first=first, size=size), resamples, seed, None
    )
