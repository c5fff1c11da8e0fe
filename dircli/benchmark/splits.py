"""Balanced validation and test rows, drawn per bin with Python's own Mersenne Twister as the released code does.

Tables of one's own, which may have millions of rows or groups that must stay together, are drawn as `sampling` says.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from dircli.benchmark import sampling
from dircli.benchmark.records import SPLITS

if TYPE_CHECKING:
    from dircli.arrays import AnyArray, IntArray, TextArray
    from dircli.benchmark.bins import Bins


@dataclass(frozen=True, kw_only=True)
class SplitRecipe:
    """How validation and test are drawn: from each of ``bins`` in ascending order, ``min(rows // share, cap)`` each.

    Rows outside ``bins`` always train. ``published_seed`` is the seed that reproduces the published split over the
    published row order, or None where that draw was unseeded and can only be imported. With ``total``, the cap follows
    from the rows (`nearest_cap`), and 0 stands for it until they are known. ``generator`` is Python's Mersenne Twister,
    or the keys of `sampling`; with those, rows that agree in the column ``group`` are not divided.
    """

    bins: Bins
    cap: int = 0
    share: int = 3
    total: int | None = None
    published_seed: int | None = None
    generator: Literal["mt19937", "pcg64"] = "mt19937"
    group: str | None = None

    def settled(self, bin_index: IntArray) -> SplitRecipe:
        """This recipe with the cap that the split bins of the rows, (n,), lead to."""
        if self.total is None:
            return self
        counts = np.bincount(bin_index[bin_index >= 0], minlength=len(self.bins))
        return replace(self, cap=nearest_cap(counts, share=self.share, total=self.total))

    def as_json(self) -> dict[str, int | float | str]:
        """The recipe as it stands in a manifest."""
        edges = self.bins.edges
        aim: dict[str, int | float | str] = {} if self.total is None else {"total": self.total}
        if self.generator == "pcg64":
            aim |= {"generator": self.generator}
        return {
            **aim,
            "bins": len(self.bins),
            "cap": self.cap,
            "high": float(edges[-1]),
            "low": float(edges[0]),
            "share": self.share,
        }


def nearest_cap(counts: IntArray, *, share: int, total: int) -> int:
    """The cap by which the sum of ``min(count // share, cap)`` over bins comes nearest to ``total``; of two, the lower.

    ``counts`` (B,) are rows per bin. 0 where no bin has ``share`` rows.
    """
    most = np.asarray(counts) // share
    low, high = 0, int(most.max(initial=0))
    while low < high:  # the sum ascends with the cap: find the first that reaches the total
        middle = (low + high) // 2
        low, high = (low, middle) if np.minimum(most, middle).sum() >= total else (middle + 1, high)
    near = [max(low - 1, 0), low]
    return min(near, key=lambda cap: abs(int(np.minimum(most, cap).sum()) - total))


def draw(bin_index: IntArray, recipe: SplitRecipe, *, seed: int, groups: IntArray | None = None) -> TextArray:
    """The split of each row, (n,), from its split bin (n,): "train", "val" or "test".

    Per bin in ascending order: shuffle its rows as they stand, take n = min(rows // share, cap), the first n to val
    and the next n to test. One generator is seeded once, so the result depends on the row order, on nothing else.
    Where the recipe's generator is not Python's, the draw is that of `sampling`, in which ``groups`` (n,) stay whole.
    """
    recipe = recipe.settled(bin_index)
    if recipe.generator == "pcg64":
        return np.array(SPLITS, dtype=object)[keyed(bin_index, recipe, seed=seed, groups=groups)]
    split = np.full(bin_index.size, "train", dtype=object)
    generator = random.Random(seed)  # noqa: S311 - the published splits came from this very generator
    order = np.argsort(bin_index, kind="stable")
    borders = np.searchsorted(bin_index[order], np.arange(len(recipe.bins) + 1))
    for start, stop in pairwise(borders):
        rows = order[start:stop].tolist()
        generator.shuffle(rows)
        n = min(len(rows) // recipe.share, recipe.cap)
        split[rows[:n]] = "val"
        split[rows[n : 2 * n]] = "test"
    return split


def keyed(bin_index: IntArray, recipe: SplitRecipe, *, seed: int, groups: IntArray | None = None) -> AnyArray:
    """The draw of `sampling` by a settled recipe: the place in SPLITS of the split of each row, (n,) int8."""
    rule = {"share": recipe.share, "cap": recipe.cap, "seed": seed}
    if groups is None:
        return sampling.draw(bin_index, len(recipe.bins), **rule)
    return sampling.draw_groups(groups, bin_index, len(recipe.bins), **rule)
