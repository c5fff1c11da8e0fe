"""SMOTER, SMOGN and the simple samplers on arrays.

Rows in the order of their targets fall into bumps: runs of rare rows, with relevance φ(y) of the threshold or more, and
of normal rows between them. Normal bumps are thinned at random, and rare bumps grow by synthetic rows:

- ``smoter`` (Torgo, Ribeiro, Pfahringer and Branco 2013): a random point on the line from a row to one of its k nearest
  neighbours in the bump; a nominal value is one of the two; the target is the mean of both targets, each weighted by
  the distance to the other row.
- ``gaussian-noise`` (Branco, Ribeiro and Torgo 2016): a row, each number and the target moved by a normal deviate of
  ``pert`` standard deviations of the bump; a nominal value is that of a random row of the bump.
- ``smogn`` (Branco, Torgo and Ribeiro 2017): SMOTER where the neighbour is nearer than half the median distance of the
  row to the bump's rows; else Gaussian noise, with that half instead of ``pert`` where it is smaller.
- ``over``, ``under``: copies of rare rows alone, or thinned normal rows alone.

Distances are HEOM (Wilson and Martinez 1997): the root of the sum over columns of the squared difference as a share of
the column's range in the bump, or, of nominal values, of 1 where they differ. What the papers leave open is as in the
program of the experiments of 2017 (github.com/paobranco/SMOGN-LIDTA17). Random numbers are NumPy's PCG64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from dircli.arrays import BoolArray, FloatArray, IntArray
from dircli.errors import UsageError

Method: TypeAlias = Literal["smoter", "smogn", "gaussian-noise", "over", "under"]
Sampling: TypeAlias = Literal["balance", "extreme"]
PERT = {"smogn": 0.02, "gaussian-noise": 0.01}
"""The noise of Branco et al. (2017), in standard deviations: in their algorithm, and in their experiments."""

OTHERS = 4096
"""Of a bump of more rows, SMOGN's median distance is that to so many of them, drawn at random."""

MOST = 100_000_000
BLOCK = 1 << 22  # distances that are held at once
HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class SamplerOptions:
    """How rows are resampled; ``pert`` None is the method's own, see `PERT`.

    The defaults are those of the experiments of Branco et al. (2017): rare from φ = 0.8 on, 5 neighbours, bumps of one
    size.
    """

    method: Method
    threshold: float = 0.8
    sampling: Sampling = "balance"
    k: int = 5
    pert: float | None = None
    seed: int = 666


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Training rows: ``numbers`` (n, p), codes of nominal values ``words`` (n, q), and ``targets`` (n,), all finite.

    ``whole`` (p,) and ``whole_target`` say what is of whole numbers, to which synthetic values are rounded.
    """

    numbers: FloatArray
    words: IntArray
    targets: FloatArray
    whole: BoolArray
    whole_target: bool = False


@dataclass(frozen=True, kw_only=True)
class Bump:
    """A run of ``before`` rows, rare or not, whose targets go from ``low`` to ``high``; ``after`` come of it."""

    rare: bool
    low: float
    high: float
    before: int
    after: int


class Synthetic(NamedTuple):
    """Synthetic rows: ``numbers`` (s, p), ``targets`` (s,), and the ``parents`` (s, 2) as rows, -1 for no second one.

    ``words`` (s, q) are the rows whose nominal values they take.
    """

    numbers: FloatArray
    words: IntArray
    targets: FloatArray
    parents: IntArray


def resample(
    rows: Rows, phi: Callable[[FloatArray], FloatArray], options: SamplerOptions
) -> tuple[IntArray, Synthetic, list[Bump]]:
    """The rows that stay, ascending, the synthetic rows by ascending bump, and the bumps; ``phi`` is the relevance.

    UsageError for options out of range, and where all rows or none are rare.
    """
    pert = PERT.get(options.method, 0) if options.pert is None else options.pert
    if not (0 < options.threshold <= 1 and options.k >= 1 and 0 <= pert < np.inf and options.seed >= 0):
        raise UsageError("--threshold is above 0 and at most 1, --k 1 or more, and --pert and --seed are not negative")
    if options.pert is not None and options.method not in PERT:
        raise UsageError(f"--pert goes with {' or '.join(PERT)}; it would change nothing here")
    order = np.argsort(rows.targets, kind="stable")
    is_rare = phi(rows.targets[order]) >= options.threshold
    if is_rare.all() or not is_rare.any():
        raise UsageError(
            f"{'every row' if is_rare.all() else 'no row'} is rare, with relevance of {options.threshold:g} or more, "
            "so that there is nothing to balance; choose another --threshold, --extremes or --control-points"
        )
    starts = np.flatnonzero(np.diff(is_rare)) + 1
    parts, rare = np.split(order, starts), is_rare[np.append(0, starts)]
    counts = np.array([len(part) for part in parts])
    wanted = sizes(counts, rare, options)
    if wanted.sum() > MOST:
        raise UsageError(f"this would make {wanted.sum():,} rows, and {MOST:,} is the most; try --sampling balance")
    rng = np.random.Generator(np.random.PCG64(options.seed))
    kept = []
    synthetic = [Synthetic(rows.numbers[:0], rows.words[:0], rows.targets[:0], np.empty((0, 2), np.int64))]
    for part, count in zip(parts, wanted.tolist(), strict=True):
        kept.append(part if count >= len(part) else rng.choice(part, count, replace=False))
        if count > len(part):
            synthetic.append(_Source(rows, part, rng).made(count - len(part), options, pert))
    bumps = [
        Bump(rare=bool(kind), low=float(rows.targets[part[0]]), high=float(rows.targets[part[-1]]), before=n, after=m)
        for kind, part, n, m in zip(rare, parts, counts.tolist(), wanted.tolist(), strict=True)
    ]
    return np.sort(np.concatenate(kept)), _joined(synthetic), bumps


def sizes(counts: IntArray, rare: BoolArray, options: SamplerOptions) -> IntArray:
    """The rows that each bump of ``counts`` (b,) is to have; ``rare`` (b,) ones never shrink, and others never grow.

    ``balance`` gives each the mean of all bumps, ``extreme`` a number inversely proportional to its rows, of the same
    total (UBL's percentages); where one kind of bumps stays as it is, both are relative to that kind.
    """
    moves = np.full(len(counts), fill_value=True)
    if options.method in {"over", "under"}:
        moves = rare == (options.method == "over")
    base = counts if moves.all() else counts[~moves]
    each = base.mean() if options.sampling == "balance" else base.sum() / (1 / base).sum() / counts
    wanted = np.rint(np.broadcast_to(each, counts.shape))
    bounded = np.where(rare, np.maximum(wanted, counts), np.clip(wanted, 1, counts))
    return np.where(moves, bounded, counts).astype(np.int64)


def _joined(parts: list[Synthetic]) -> Synthetic:
    return Synthetic(*map(np.concatenate, zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Source:
    """A ``bump`` (m,) of ``rows`` that grows."""

    rows: Rows
    bump: IntArray
    rng: np.random.Generator

    @cached_property
    def span(self) -> FloatArray:
        """What a difference of 1 is in each column of numbers, (p,): its range, and 1 where that is 0."""
        spans = np.ptp(self.rows.numbers[self.bump], axis=0)
        return np.where(spans > 0, spans, 1)

    def made(self, count: int, options: SamplerOptions, pert: float) -> Synthetic:
        """``count`` synthetic rows: each row of the bump is first parent equally often, or once more."""
        times, rest = divmod(count, len(self.bump))
        drawn = self.rng.choice(len(self.bump), rest, replace=False)
        seeds = np.append(np.repeat(np.arange(len(self.bump)), times), drawn)
        first = self.bump[seeds]
        if options.method == "over":
            words = np.repeat(first[:, None], self.rows.words.shape[1], axis=1)
            return Synthetic(self.rows.numbers[first], words, self.rows.targets[first], _alone(first))
        if options.method == "gaussian-noise":
            return self.noisy(first, np.full(count, pert))
        points = self.points()
        cases, place = np.unique(seeds, return_inverse=True)
        near = neighbours(points, cases, options.k)
        second = self.bump[near[place, self.rng.integers(near.shape[1], size=count)]]
        if options.method == "smoter":
            return self.between(first, second)
        reach = half_medians(points, cases, self.rng)[place]
        safe = self.heom(self.rows.numbers[second], self.rows.words[second], first) < reach
        smoothed = self.between(first[safe], second[safe])
        return _joined([smoothed, self.noisy(first[~safe], np.minimum(pert, reach[~safe]))])

    def points(self) -> FloatArray:
        """The bump's rows as points (m, d) whose Euclidean distance is HEOM: nominal values are corners at 1 / √2."""
        columns = [self.rows.numbers[self.bump] / self.span]
        columns += [(codes[:, None] == np.unique(codes)) / np.sqrt(2) for codes in self.rows.words[self.bump].T]
        return np.concatenate(columns, axis=1)

    def heom(self, numbers: FloatArray, codes: IntArray, to: IntArray) -> FloatArray:
        """The distance of rows of ``numbers`` (s, p) and nominal ``codes`` (s, q) to the rows ``to`` (s,): (s,)."""
        parts = (numbers - self.rows.numbers[to]) / self.span
        return np.asarray(np.sqrt((parts * parts).sum(axis=1) + (codes != self.rows.words[to]).sum(axis=1)))

    def between(self, first: IntArray, second: IntArray) -> Synthetic:
        """A row between each row of ``first`` (s,) and that of ``second`` (s,); its target is half way if both are one.

        All columns go the same share of the way, as in the authors' programs.
        """
        numbers = _between(self.rows.numbers[first], self.rows.numbers[second], self.rng.random((len(first), 1)))
        numbers = np.where(self.rows.whole, np.rint(numbers), numbers)
        other = self.rng.random((len(first), self.rows.words.shape[1])) < HALF
        words = np.where(other, second[:, None], first[:, None])
        codes = np.take_along_axis(self.rows.words, words, axis=0)
        gone, left = (self.heom(numbers, codes, to) for to in (first, second))
        share = np.divide(gone, gone + left, out=np.full(len(first), HALF), where=gone + left > 0)
        targets = _between(self.rows.targets[first], self.rows.targets[second], share)
        return Synthetic(numbers, words, self.target(targets), np.stack([first, second], axis=1))

    def noisy(self, first: IntArray, pert: FloatArray) -> Synthetic:
        """Each row of ``first`` (s,), moved by ``pert`` (s,) standard deviations of the bump's m rows, of 1 / m."""
        numbers, targets, n = self.rows.numbers, self.rows.targets, len(first)
        moves = self.rng.standard_normal((n, numbers.shape[1])) * pert[:, None] * numbers[self.bump].std(axis=0)
        moved = numbers[first] + moves
        aims = targets[first] + self.rng.standard_normal(n) * pert * targets[self.bump].std()
        words = self.bump[self.rng.integers(len(self.bump), size=(n, self.rows.words.shape[1]))]
        return Synthetic(np.where(self.rows.whole, np.rint(moved), moved), words, self.target(aims), _alone(first))

    def target(self, values: FloatArray) -> FloatArray:
        """``values`` (s,) as targets."""
        return np.rint(values) if self.rows.whole_target else values


def _alone(first: IntArray) -> IntArray:
    return np.stack([first, np.full_like(first, -1)], axis=1)


def _between(one: FloatArray, other: FloatArray, share: FloatArray) -> FloatArray:
    """What is a ``share`` of the way from ``one`` to ``other``, and not beyond them by rounding."""
    return np.clip(one + share * (other - one), np.minimum(one, other), np.maximum(one, other))


def neighbours(points: FloatArray, cases: IntArray, k: int) -> IntArray:
    """The ``k`` nearest other ``points`` (m, d) of each of the ``cases`` (c,): (c, k), or (c, m - 1) where m ≤ k.

    A point that is alone is its own neighbour.
    """
    from scipy.spatial import cKDTree

    if len(points) == 1:
        return np.zeros((len(cases), 1), np.int64)
    k = min(k, len(points) - 1)
    near = np.asarray(cKDTree(points).query(points[cases], k=k + 1, workers=-1)[1], dtype=np.int64)
    itself = near == cases[:, None]
    itself[~itself.any(axis=1), -1] = True  # among more than k equal points it may not be found
    return np.asarray(near[~itself].reshape(-1, k))


def half_medians(points: FloatArray, cases: IntArray, rng: np.random.Generator) -> FloatArray:
    """Half the median distance of each of the ``cases`` (c,) to the ``points`` (m, d), itself among them: (c,).

    Of many points it is that to `OTHERS` of them.
    """
    from scipy.spatial.distance import cdist

    others = points if len(points) <= OTHERS else points[rng.choice(len(points), OTHERS, replace=False)]
    middle = [(len(others) - 1) // 2, len(others) // 2]
    halves = np.empty(len(cases))
    step = max(1, BLOCK // len(others))
    for start in range(0, len(cases), step):
        distances = np.partition(cdist(points[cases[start : start + step]], others), middle, axis=1)
        halves[start : start + step] = distances[:, middle].mean(axis=1) / 2
    return halves
