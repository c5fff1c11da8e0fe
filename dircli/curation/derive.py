"""A benchmark with less to learn from: training rows in gaps of the target, or beyond a skewed density, are left out.

What is left is another benchmark with a name of its own; its manifest says what it came from, by content.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dircli.arrays import BoolArray, FloatArray, IntArray
from dircli.benchmark.bins import Bins, interval
from dircli.benchmark.dataset import Dataset
from dircli.benchmark.splits import by_bin, keys, lowest
from dircli.curation.provenance import Curation
from dircli.errors import UsageError
from dircli.store.content import content
from dircli.store.text import as_json

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)
LONGEST = 64  # characters of a manifest's name
DERIVED = "derived"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is taken away from train: rows in the ``gaps`` (LO:HI); then all but ``size`` rows of the mixture ``skew``.

    Rows are chosen by ``seed``.
    """

    gaps: tuple[tuple[float, float], ...] = ()
    skew: str | None = None
    size: int | None = None
    seed: int = 666

    @classmethod
    def of(cls, gaps: Sequence[str], skew: str | None, size: int | None, seed: int) -> Cut | None:
        """The cut that the options ask for, or None where they ask for none; UsageError where it cannot be."""
        if not gaps and skew is None:
            if size is not None:
                raise UsageError("--train-size goes with --skew")
            return None
        if skew is not None and (size is None or size < 1):
            raise UsageError("--skew needs --train-size N, the number of training rows to keep")
        if skew is not None:
            components(skew)
        return cls(gaps=tuple(sorted(interval(gap, "--drop-train") for gap in gaps)), skew=skew, size=size, seed=seed)

    def named(self, name: str) -> str:
        """What the benchmark ``name`` is called after this cut."""
        gaps = "_".join(f"{low:g}-{high:g}" for low, high in self.gaps)
        called = f"{name}-without-{gaps}" if gaps else name
        if self.skew is not None:
            stated = as_json([self.skew, self.size, self.seed])
            called += f"-skewed-{hashlib.sha256(stated).hexdigest()[:8]}"
        if len(called) > LONGEST:
            stated = as_json([self.gaps, self.skew, self.size, self.seed])
            called = f"{name[: LONGEST - 13]}-cut-{hashlib.sha256(stated).hexdigest()[:8]}"
        return called.replace("+", "")


def checked_name(name: str) -> str:
    """``name``, which is to name a manifest; UsageError where it cannot."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a manifest; use letters, digits, dots, dashes and underscores")
    return name


def named(name: str, *, part: str | None, options: Cut | None) -> str:
    """What the manifest of dataset ``name`` is called, or of a ``part`` of it, or of what ``options`` leave of it."""
    name = f"{name}-{part}-only" if part else name
    return name if options is None else options.named(name)


def cut(targets: FloatArray, train: BoolArray, bins: Bins, options: Cut) -> tuple[BoolArray, dict[str, Any]]:
    """Which of n rows stay, (n,), of ``targets`` (n,) of which ``train`` (n,) are for training; and what was done.

    Raises UsageError where nothing is left to train on, or nothing was taken away.
    """
    gone = train & in_gaps(targets, options.gaps, end=float(bins.edges[-1]))
    facts: dict[str, Any] = {}
    if options.gaps:
        facts |= {"gaps": [list(gap) for gap in options.gaps], "in_gaps": int(gone.sum())}
        if not gone.any():
            raise UsageError("--drop-train: no training row lies in these ranges, so that nothing would change")
    if options.skew is not None and options.size is not None:
        rows = np.flatnonzero(train & ~gone)
        mixture = components(options.skew)
        asked = whole(density(bins, mixture), options.size)
        index = bins.index(targets[rows])
        stay = thinned(index, asked, seed=options.seed)
        gone[np.delete(rows, stay)] = True
        reached = np.bincount(index[stay], minlength=len(bins))
        facts["skew"] = {
            "asked": asked.tolist(),
            "distance": _distance(asked, reached),
            "mixture": options.skew,
            "reached": reached.tolist(),
            "seed": options.seed,
            "supports": [list(support) for support in supports(mixture)],
            "train_size": options.size,
        }
    if not (train & ~gone).any():
        raise UsageError("no training row is left; ask for smaller gaps, or another density")
    return ~gone, facts | {"removed": int(gone.sum())}


def _distance(asked: Any, reached: Any) -> float:
    """The total variation between two densities over bins: 0 where they are alike, 1 where they share no bin."""
    return float(np.abs(asked / asked.sum() - reached / max(reached.sum(), 1)).sum() / 2)


def note(facts: Mapping[str, Any], name: str) -> str:
    """One sentence about what was taken away from the benchmark ``name``."""
    gaps = " and ".join(f"[{low:g}, {high:g})" for low, high in facts.get("gaps", ()))
    parts = [f"{facts['in_gaps']:,} training rows in {gaps} were left out"] if gaps else []
    if "skew" in facts:
        skew = facts["skew"]
        reached = sum(skew["reached"])
        parts.append(
            f"train was cut to {reached:,} rows of the {skew['train_size']:,} that the density asks for, "
            f"{skew['distance']:.1%} of it elsewhere than asked"
        )
    return f"{'; '.join(parts)}; this is not {name}, and scores on it do not compare with those there"


def derived(dataset: Dataset, curation: Curation, options: Cut) -> Curation:
    """``curation`` without the rows that ``options`` take away."""
    records, split = curation.records, curation.split
    stay, facts = cut(records.targets, split == "train", dataset.rules.scoring_bins(records.targets), options)
    recipe = dataset.rules.recipe
    parent = {
        "content": content(records.ids, records.targets, split),
        "name": dataset.name,
        "origin": curation.origin,
        "recipe": recipe.settled(recipe.index(records.targets)).as_json(),
        "seed": curation.seed,
    }
    rows = np.flatnonzero(stay)
    return replace(
        curation,
        records=records.take(rows),
        split=split[rows],
        origin=DERIVED,
        notes=(*curation.notes, note(facts, dataset.name)),
        derived={**facts, "from": parent},
    )


REACH = 3.0
"""How many standard deviations a component reaches to either side of its mean."""


def in_gaps(targets: FloatArray, gaps: Iterable[tuple[float, float]], *, end: float) -> BoolArray:
    """Which ``targets`` (n,) lie in the ``gaps`` [low, high); one that reaches ``end``, the range's, holds it."""
    inside = np.zeros(targets.size, dtype=bool)
    for low, high in gaps:
        inside |= (targets >= low) & ((targets < high) | (targets == end if high >= end else False))
    return inside


@dataclass(frozen=True, kw_only=True)
class Component:
    """A Gaussian with a standard deviation of its own on each side of its ``mean``, and a ``weight`` in a mixture."""

    mean: float
    left: float
    right: float
    weight: float

    def below(self, x: FloatArray) -> FloatArray:
        """The share of the component that lies below each ``x``: continuous at the mean, 0 and 1 far away."""
        from scipy.special import ndtr

        total = self.left + self.right
        left = 2 * self.left / total * ndtr((x - self.mean) / self.left)
        right = (self.left - self.right + 2 * self.right * ndtr((x - self.mean) / self.right)) / total
        return np.asarray(np.where(x < self.mean, left, right))


EXAMPLE = "such as 30:8:0.7,70:5/10:0.3 (mean, standard deviation or left/right, weight)"


def components(text: str) -> list[Component]:
    """The components that ``MEAN:STD:WEIGHT, …`` states, by ascending mean; STD may be ``LEFT/RIGHT``."""
    mixture = []
    for part in text.split(","):
        try:
            mean, std, weight = part.split(":")
            left, _, right = std.partition("/")
            one = Component(mean=float(mean), left=float(left), right=float(right or left), weight=float(weight))
        except ValueError:
            raise UsageError(f"--skew: {part.strip()!r} is no component; write MEAN:STD:WEIGHT, {EXAMPLE}") from None
        numbers = (one.mean, one.left, one.right, one.weight)
        if not all(map(math.isfinite, numbers)) or min(numbers[1:]) <= 0:
            raise UsageError(f"--skew: in {part.strip()!r}, deviations and weight must be positive; {EXAMPLE}")
        mixture.append(one)
    mixture.sort(key=lambda each: each.mean)
    if len({each.mean for each in mixture}) < len(mixture):
        raise UsageError("--skew: two components have the same mean; give each a place of its own")
    return mixture


def supports(mixture: Sequence[Component]) -> list[tuple[float, float]]:
    """Where each component is more than nothing: `REACH` deviations around its mean, or to where it meets a neighbour.

    Neighbours meet where both are equally many deviations away, so that components are disjoint. ``mixture`` ascends.
    """
    ends = [[each.mean - REACH * each.left, each.mean + REACH * each.right] for each in mixture]
    for k in range(len(mixture) - 1):
        one, two = mixture[k], mixture[k + 1]
        if ends[k][1] > ends[k + 1][0]:
            ends[k][1] = ends[k + 1][0] = (one.mean * two.left + two.mean * one.right) / (one.right + two.left)
    return [(low, high) for low, high in ends]


def density(bins: Bins, mixture: Sequence[Component]) -> FloatArray:
    """The share of the mixture in each bin, (B,); the sum is 1. UsageError where no bin has any.

    Each component is cut to its support and weighs its weight; what lies beyond the bins is lost to all alike.
    """
    shares = np.zeros(len(bins))
    for one, (low, high) in zip(mixture, supports(mixture), strict=True):
        in_bins = np.diff(one.below(np.clip(bins.edges, low, high)))
        shares += one.weight * in_bins / np.diff(one.below(np.array([low, high])))
    if not shares.sum() > 0:
        raise UsageError(f"--skew: no component reaches the bins, {bins.edges[0]:g} to {bins.edges[-1]:g}")
    return np.asarray(shares / shares.sum())


def whole(shares: FloatArray, total: int) -> IntArray:
    """``total`` rows in the proportion of ``shares`` (B,): whole numbers, the largest remainders rounded up."""
    exact = shares * total
    counts = np.floor(exact).astype(np.int64)
    left = int(total - counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts


def thinned(bin_index: IntArray, asked: IntArray, *, seed: int) -> IntArray:
    """The rows, ascending, that stay of those in ``bin_index`` (n,): ``asked`` (B,) of each bin, or all it has.

    Of each bin those with the lowest keys stay; row i has the i-th key (see `splits`).
    """
    key = keys(bin_index.size, seed)
    kept = [lowest(rows, key, int(asked[b])) for b, rows in enumerate(by_bin(bin_index, len(asked)))]
    return np.sort(np.concatenate(kept))
