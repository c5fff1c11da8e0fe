"""A benchmark with less to learn from: training rows in gaps of the target, or beyond a skewed density, are left out.

What is left is another benchmark with a name of its own; its manifest says what it came from, by content.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dircli import datasets
from dircli.arrays import BoolArray, FloatArray, IntArray
from dircli.benchmark.bins import Bins, interval, number
from dircli.benchmark.dataset import Dataset
from dircli.benchmark.splits import by_bin, keys, lowest
from dircli.curation.provenance import Curation
from dircli.errors import UsageError
from dircli.store import manifests
from dircli.store.content import content
from dircli.store.text import as_json

DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE)  # on Windows, in every folder
LONGEST = 64  # characters of a manifest's name
DERIVED = "derived"
MOST_ROWS = 10**15
REACH = 3.0  # standard deviations that a component reaches to either side of its mean
EXAMPLE = "such as 30:8:0.7,70:5/10:0.3 (mean, standard deviation or left/right, weight)"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is taken away from train: rows in ``gaps``; then all but ``size`` of the mixture ``skew``, by ``seed``."""

    gaps: tuple[tuple[float, float], ...] = ()
    skew: str | None = None
    size: int | None = None
    seed: int

    @classmethod
    def of(cls, gaps: Sequence[str], skew: str | None, size: int | None, seed: int) -> Cut | None:
        """The cut that the options ask for, or None where they ask for none; UsageError where it cannot be."""
        if not gaps and skew is None:
            if size is not None:
                raise UsageError("--train-size goes with --skew")
            return None
        if skew is not None:
            if size is None or size < 1:
                raise UsageError("--skew needs --train-size N, the number of training rows to keep")
            if size > MOST_ROWS:
                raise UsageError(
                    f"--train-size {size} is more rows than any table has; write the rows to keep of train"
                )
            components(skew)
        return cls(gaps=tuple(sorted(interval(gap, "--drop-train") for gap in gaps)), skew=skew, size=size, seed=seed)

    def named(self, name: str) -> str:
        """What the benchmark ``name`` is called after this cut."""

        def hashed(*stated: Any) -> str:
            return hashlib.sha256(as_json(stated)).hexdigest()[:8]

        gaps = "_".join(f"{low:.15g}-{high:.15g}" for low, high in self.gaps)
        called = f"{name}-without-{gaps}" if gaps else name
        if self.skew is not None:
            called += f"-skewed-{hashed(self.skew, self.size, self.seed)}"
        if len(called) > LONGEST:
            called = f"{name[: LONGEST - 13]}-cut-{hashed(self.gaps, self.skew, self.size, self.seed)}"
        return called.replace("+", "")


def checked_name(name: str, dataset: str, root: Path) -> str:
    """``name``, which is to name a manifest of ``dataset`` in ``root``; UsageError where it cannot, on any system."""
    if not manifests.NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a manifest; use letters, digits, dots, dashes and underscores")
    if DEVICE.fullmatch(name) or name.endswith("."):
        reason = "ends in a dot" if name.endswith(".") else "names a device"
        raise UsageError(
            f"{name!r} cannot name a manifest, for it {reason}, which Windows refuses; choose another --name"
        )
    folded = name.casefold()
    if folded in datasets.NAMES and folded != dataset:
        raise UsageError(f"{name} is the name of a benchmark; give your manifest another --name")
    for other in manifests.curated(root):
        if other != name and other.casefold() == folded:
            what = f"{name} differs from the manifest {other} in {root} only by case, and is the same folder elsewhere"
            raise UsageError(f"{what}; use --name {other}, or another name")
    return name


def named_after(table: Path) -> str:
    """The manifest's name for the table at a path: its file's name without endings, as far as a name may hold it."""
    name = re.sub(r"(\.(csv|tsv|txt|parquet|pq|jsonl|ndjson|json|gz))+$", "", table.name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-_")[:LONGEST] or "custom"


def cut(targets: FloatArray, train: BoolArray, bins: Bins, options: Cut) -> tuple[BoolArray, dict[str, Any]]:
    """Which of n rows stay, (n,), and what was done; UsageError where none is taken away, or left for training."""
    gone = train & in_gaps(targets, options.gaps, end=float(bins.edges[-1]))
    rows = np.flatnonzero(train & ~gone)
    index = bins.index(targets[rows])
    kept, facts = thinning(bins, int(gone.sum()), np.bincount(index, minlength=len(bins)), options)
    if options.skew is not None:
        gone[np.delete(rows, thinned(index, kept, seed=options.seed))] = True
    return ~gone, facts


def thinning(bins: Bins, in_gaps: int, counts: IntArray, options: Cut) -> tuple[IntArray, dict[str, Any]]:
    """How many training rows of each of ``bins`` stay, (B,), and what is done; UsageError as by `cut`.

    So many lie ``in_gaps``, and ``counts`` (B,) are the others.
    """
    facts: dict[str, Any] = {}
    kept = counts
    if options.gaps:
        facts |= {"gaps": [list(gap) for gap in options.gaps], "in_gaps": in_gaps}
        if not in_gaps:
            raise UsageError("--drop-train: no training row lies in these ranges, so that nothing would change")
    if options.skew is not None and options.size is not None:
        mixture = components(options.skew)
        asked = whole(density(bins, mixture), options.size)
        kept = np.minimum(asked, counts)
        variation = np.abs(asked / asked.sum() - kept / max(kept.sum(), 1)).sum() / 2  # total: 1 is all elsewhere
        facts["skew"] = {
            "asked": asked.tolist(),
            "distance": float(variation),
            "mixture": options.skew,
            "reached": kept.tolist(),
            "seed": options.seed,
            "supports": supports(mixture),
            "train_size": options.size,
        }
    if not kept.any():
        raise UsageError("no training row is left; ask for smaller gaps, or another density")
    return kept, facts | {"removed": in_gaps + int((counts - kept).sum())}


def note(facts: Mapping[str, Any], name: str) -> str:
    """One sentence about what was taken away from the benchmark ``name``."""
    gaps = " and ".join(f"[{low:.15g}, {high:.15g})" for low, high in facts.get("gaps", ()))
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
    records, split, recipe = curation.records, curation.split, dataset.rules.recipe
    stay, facts = cut(records.targets, split == "train", dataset.rules.scoring_bins(records.targets), options)
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


def in_gaps(targets: FloatArray, gaps: Iterable[tuple[float, float]], *, end: float) -> BoolArray:
    """Which ``targets`` (n,) lie in the ``gaps`` [low, high); one that reaches ``end``, the range's, holds it."""
    inside = np.zeros(targets.size, dtype=bool)
    for low, high in gaps:
        inside |= (targets >= low) & ((targets < high) | ((targets == end) & (high >= end)))
    return inside


class Component(NamedTuple):
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


def components(text: str) -> list[Component]:
    """The components that ``MEAN:STD:WEIGHT, …`` states, by ascending mean; STD may be ``LEFT/RIGHT``."""
    mixture = []
    for part in text.split(","):
        try:
            mean, std, weight = part.split(":")
            left, _, right = std.partition("/")
            one = Component(*map(number, (mean, left, right or left, weight)))
            if not all(map(math.isfinite, one)):
                raise ValueError  # noqa: TRY301 - told as any other slip
        except ValueError:
            raise UsageError(f"--skew: {part.strip()!r} is no component; write MEAN:STD:WEIGHT, {EXAMPLE}") from None
        if min(one[1:]) <= 0:
            raise UsageError(f"--skew: in {part.strip()!r}, deviations and weight must be positive; {EXAMPLE}")
        mixture.append(one)
    mixture.sort()
    if len({each.mean for each in mixture}) < len(mixture):
        raise UsageError("--skew: two components have the same mean; give each a place of its own")
    return mixture


def supports(mixture: Sequence[Component]) -> list[list[float]]:
    """Where each component is more than nothing: `REACH` deviations around its mean, or to where it meets a neighbour.

    Neighbours meet where both are equally many deviations away, so that components are disjoint. ``mixture`` ascends.
    """
    ends = [[each.mean - REACH * each.left, each.mean + REACH * each.right] for each in mixture]
    for (one, end), (two, start) in pairwise(zip(mixture, ends, strict=True)):
        if end[1] > start[0]:
            end[1] = start[0] = (one.mean * two.left + two.mean * one.right) / (one.right + two.left)
    return ends


def density(bins: Bins, mixture: Sequence[Component]) -> FloatArray:
    """The share of each bin, (B,), sum 1, in components cut to their supports; UsageError where no bin has any."""
    shares = np.zeros(len(bins))
    for one, (low, high) in zip(mixture, supports(mixture), strict=True):
        in_bins = np.diff(one.below(np.clip(bins.edges, low, high)))
        shares += one.weight * in_bins / np.diff(one.below(np.array([low, high])))
    if not shares.sum() > 0:
        raise UsageError(f"--skew: no component reaches the bins, {bins.edges[0]:.15g} to {bins.edges[-1]:.15g}")
    return np.asarray(shares / shares.sum())


def whole(shares: FloatArray, total: int) -> IntArray:
    """``total`` rows in the proportion of ``shares`` (B,): whole numbers, the largest remainders rounded up."""
    exact = shares * total
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts


def thinned(bin_index: IntArray, asked: IntArray, *, seed: int) -> IntArray:
    """The rows, ascending, that stay of those in ``bin_index`` (n,): of each bin the ``asked`` (B,) of lowest key."""
    key = keys(bin_index.size, seed)
    kept = [lowest(rows, key, int(asked[b])) for b, rows in enumerate(by_bin(bin_index, len(asked)))]
    return np.sort(np.concatenate(kept))
