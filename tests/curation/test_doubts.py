"""Doubts about a table of one's own: true shares, and only hints that help."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dircli.benchmark.binning import Distinct
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import Thresholds
from dircli.benchmark.regions import region
from dircli.curation.doubts import doubts

HINT = re.compile(r"--(many|few) (below )?([\d,]+)")


def told(train: list[int], thresholds: Thresholds) -> list[str]:
    """The doubts about bins with so many training rows, each with one row of val and of test, too."""
    counts = np.array(train)
    ones, bins = np.ones_like(counts), Bins(np.arange(counts.size + 1.0))
    regions = dict.fromkeys(("released", "paper"), region(counts, thresholds))
    table = BinTable(bins=bins, counts={"train": counts, "val": ones, "test": ones}, regions=regions, facts={})
    return doubts(table, thresholds, lambda: Distinct(np.arange(0.5, counts.size), counts + 2))


def test_where_all_targets_are_equal_the_share_is_the_true_one_and_no_choice_is_hinted_at() -> None:
    assert told([2400], Thresholds(many=100, few=20)) == [
        "no bin has 20 to 100 training rows, so that no score is medium-shot",
        "no bin has fewer than 20 training rows, so that no score is few-shot",
        "100% of the rows lie in 1 of the 1 bins; equal targets make it so, and no other bins help",
    ]
    assert told([50], Thresholds(many=100, few=20))[0].endswith("the fullest has 50")


def test_the_share_of_the_rows_is_rounded_down() -> None:
    (*_, crowded) = told([9999, *[1] * 30], Thresholds(many=100, few=20))
    assert crowded.startswith("99% of the rows lie in 1 of the 31 bins; ")


@pytest.mark.parametrize(
    "train",
    [[2400], [7], [50, 50], [5, 150], [50, 150], [5, 50], [100, 150], [5, 8, 150], [5, 150, 300], [200, 300], [30, 60],
     [0, 5], [0, 0, 9], [19, 20], [100, 101], [30, 60, 200], [3, 4, 5], [150, 151, 152]],
)  # fmt: skip
def test_whoever_follows_a_hint_has_a_region_more_than_before(train: list[int]) -> None:
    before, tried = set(region(np.array(train), Thresholds(many=100, few=20))), 0
    for choice in " or ".join(told(train, Thresholds(many=100, few=20))).split(" or "):
        named = {name: int(to) - bool(below) for name, below, to in HINT.findall(choice)}
        if named:
            many = named.get("many", 100)
            few = named.get("few", min(20, many))  # "--few no higher than --many"
            assert len(set(region(np.array(train), Thresholds(many=many, few=few)))) > len(before), choice
            tried += 1
    assert tried or len(before) == min(3, len(set(train)))
