"""Balanced validation and test rows, drawn per bin with Python's own Mersenne Twister as the released code does."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dircli.arrays import IntArray, TextArray
    from dircli.bins import Bins


@dataclass(frozen=True, kw_only=True)
class SplitRecipe:
    """How validation and test are drawn: from each of ``bins`` in ascending order, ``min(rows // share, cap)`` each.

    Rows outside ``bins`` always train. ``published_seed`` is the seed that reproduces the published split over the
    published row order, or None where that draw was unseeded and can only be imported.
    """

    bins: Bins
    cap: int
    share: int = 3
    published_seed: int | None = None

    def as_json(self) -> dict[str, int | float]:
        """The recipe as it stands in a manifest."""
        edges = self.bins.edges
        return {
            "bins": len(self.bins),
            "cap": self.cap,
            "high": float(edges[-1]),
            "low": float(edges[0]),
            "share": self.share,
        }


def draw(bin_index: IntArray, recipe: SplitRecipe, *, seed: int) -> TextArray:
    """The split of each row, (n,), from its split bin (n,): "train", "val" or "test".

    Per bin in ascending order: shuffle its rows as they stand, take n = min(rows // share, cap), the first n to val
    and the next n to test. One generator is seeded once, so the result depends on the row order, on nothing else.
    """
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
