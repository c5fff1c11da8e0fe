"""Is a system's score other than the baseline's by more than chance? Their predictions swapped at random, row by row.

Where the two are alike, the observed difference is one draw from the differences after random swaps (Fisher 1935;
Pitman 1937). A swapped pair is two columns of counts over the rows of both, with s = 1 where a row is swapped: 1 - s
and s for one, s and 1 - s for the other.

Where rows have keys, s is one bit of a random number that hangs on the key, the seed and the number of the swap alone,
as the resamples of `poisson` do. Then rows need not be brought together: the sums of a system after a swap are those of
its own rows that stay, and of the other's rows with the same keys that are swapped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.scores.metrics.table import Metric
from dircli.scores.uncertainty.bootstrap import scored_sets
from dircli.scores.uncertainty.poisson import random
from dircli.scores.uncertainty.reweighted import ScoredRows, Scratch, SetScorer

TOLERANCE = 1e-9
BITS = 64
"""Swaps of a row that one random number gives."""
_SWAPPED = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
SIDES = np.stack([1 - _SWAPPED, _SWAPPED], axis=-1).reshape(256, 16)
"""Whether a row stays or goes in each of the eight swaps of a byte, by turns."""


@dataclass(frozen=True)
class Tested:
    """Per metric, (M,): the ``difference`` system - baseline and its two-sided ``p``, in 0..1; NaN where undefined.

    Of a metric that is better nearer to zero, ``p`` is that of the difference in size, |system| - |baseline|: biases of
    -1 and 1 are far apart, and neither is better.
    """

    difference: FloatArray
    p: FloatArray


def paired_permutation_test(  # noqa: PLR0913 - what is compared, where, how often and from which seed
    baseline: ScoredRows,
    system: ScoredRows,
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
    *,
    permutations: int,
    seed: int,
    clusters: IntArray | None = None,
    keys: AnyArray | None = None,
    workers: int | None = None,
) -> dict[str, Tested]:
    """A paired permutation test per region and metric; the rows of both, (n,), have the same target and bin.

    p = (1 + the number of swaps whose |difference| is at least the observed) / (1 + ``permutations``), so that p is
    never 0 and the test holds its level (Phipson and Smyth 2010). Differences equal but for rounding count as equal,
    and a swap whose difference is undefined counts as one as large. With ``clusters`` (n,), codes 0.., the rows of a
    cluster are swapped together. With ``keys`` (n,) uint64 rows are swapped as `sides` says, those with the same key
    together. Neither the order of the rows nor ``workers`` changes a number.
    """
    n = baseline.target.size
    columns = [*system.given.values(), *baseline.given.values(), system.prediction, baseline.prediction]
    if keys is not None:
        columns.insert(0, keys)
    order = np.lexsort((*columns, baseline.target, baseline.bin_index))
    both = replace(
        baseline.at(np.tile(order, 2)),
        prediction=np.concatenate([baseline.prediction[order], system.prediction[order]]),
        given={k: np.concatenate([values[order], system.given[k][order]]) for k, values in baseline.given.items()},
    )
    scorer = SetScorer([both], regions, metrics)
    unit = np.arange(n) if clusters is None else clusters[order]
    units = int(unit.max(initial=-1)) + 1
    is_system = scorer.order >= n
    unit_of = unit[scorer.order % n] if n else unit
    keys_of = None if keys is None else keys[order][scorer.order % n]

    def swaps(source: np.random.SFC64, first: int, size: int, _scratch: Scratch) -> AnyArray:
        """Pairs of columns, baseline and system; the first pair of all is as it was found."""
        if keys_of is not None:
            drawn = sides(keys_of, seed=seed, first=first, size=size)
            return np.where(is_system[:, None], drawn[:, np.arange(size) ^ 1], drawn)
        swap = np.random.Generator(source).integers(0, 2, (units, size // 2), dtype=np.int8)
        if first == 0:
            swap[:, 0] = 0
        in_baseline = swap[unit_of] == is_system[:, None]
        return np.stack([in_baseline, ~in_baseline], axis=-1).reshape(2 * n, size).astype(np.int8)

    scores = scored_sets(scorer, swaps, 2 * (1 + permutations), seed, workers)
    return {name: tested(metrics, both[:, ::2], both[:, 1::2]) for name, (both,) in scores.items()}


def sides(keys: AnyArray, *, seed: int, first: int, size: int) -> AnyArray:
    """Whether rows stay in their own system or go to the other, by turns: columns ``first`` on, (n, ``size``) uint8.

    Of swap k, columns 2k and 2k + 1 are 1 - s and s, from the rows' keys (n,) uint64; in number 0 all rows stay.
    ``first`` and ``size`` are even.
    """
    begin, end = first // 2, (first + size) // 2
    numbers = random(keys, seed=seed, first=begin // BITS, last=-(-end // BITS), stream=1)
    skipped = begin // BITS * BITS
    of_bytes = numbers.astype("<u8", copy=False).view(np.uint8)[:, (begin - skipped) // 8 : -(-(end - skipped) // 8)]
    columns = SIDES[of_bytes].reshape(keys.size, -1)[:, 2 * (begin % 8) :][:, :size]
    if first == 0:
        columns[:, :2] = 1, 0
    return columns


def tested(metrics: Sequence[Metric], baseline: FloatArray, system: FloatArray) -> Tested:
    """The test of each of M ``metrics`` from scores (M, 1 + N) of both: first as found, then after each of N swaps."""
    difference = system[:, 0] - baseline[:, 0]
    sizes = np.array([metric.better == "nearer zero" for metric in metrics], dtype=bool)[:, None]
    baseline, system = (np.where(sizes, np.abs(scores), scores) for scores in (baseline, system))
    differences = system - baseline
    observed, drawn = differences[:, 0], differences[:, 1:]
    scale = np.fmax.reduce(np.abs(np.concatenate([baseline[:, :1], system[:, :1], differences], axis=1)), axis=1)
    smaller = np.abs(drawn) < (np.abs(observed) - TOLERANCE * scale)[:, None]
    p = (1 + np.count_nonzero(~smaller, axis=1)) / (1 + drawn.shape[1])
    return Tested(difference, np.where(np.isfinite(observed), p, np.nan))


def holm(p: FloatArray) -> FloatArray:
    """Holm's step-down correction of p-values (k,), in any order, for all of them together (Holm 1979).

    Those that are NaN stay so and are no part of the family.
    """
    corrected = np.full(p.shape, np.nan)
    defined = np.flatnonzero(np.isfinite(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1)), 1)
    return corrected
