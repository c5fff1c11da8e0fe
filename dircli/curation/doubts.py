"""What makes the scores on a table of one's own say little: told with the option to try, and no error."""

from collections.abc import Iterator

import numpy as np

from dircli.arrays import FloatArray, IntArray
from dircli.benchmark import binning
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import Thresholds
from dircli.benchmark.records import SPLITS

MOST_ROWS = 0.9
VERY_FEW = 20  # one bin in so many is very few
QUANTILES = 20


def doubts(table: BinTable, thresholds: Thresholds, targets: FloatArray) -> list[str]:
    """A sentence on each region without test rows, and on most of the ``targets`` (n,) lying in very few bins."""
    return [*_without_many(table, thresholds), *_without_test(table, thresholds), *_crowded(table, targets)]


def _without_many(table: BinTable, thresholds: Thresholds) -> Iterator[str]:
    fullest = int(table.counts["train"].max())
    if fullest <= thresholds.many:
        less = f" and --few no higher than --many (it is {thresholds.few:g})" if thresholds.few >= fullest else ""
        what = f"no bin has more than {thresholds.many:g} training rows, so that no score is many-shot"
        yield f"{what}; the fullest has {fullest:,}: try wider bins, or --many below {fullest:,}{less}"


def _without_test(table: BinTable, thresholds: Thresholds) -> Iterator[str]:
    """The regions, of those that can have bins, that have no test rows."""
    train, test, regions = table.counts["train"], table.counts["test"], table.regions["released"]
    for region in ("many", "medium", "few"):
        bins = regions == region
        if bins.any() and not test[bins].any():
            rows = int(train[bins].sum())
            what = f"the {region}-shot bins, {int(bins.sum()):,} with {rows:,} training rows, have no test rows"
            yield f"{what}; try wider bins"
        elif not bins.any() and region == "few":
            emptiest = int(train.min()) + 1
            what = f"no bin has fewer than {thresholds.few:g} training rows, so that no score is few-shot"
            yield f"{what}; try --few {emptiest}{f' and --many {emptiest}' if emptiest > thresholds.many else ''}"
        elif not bins.any() and region == "medium" and train.max() >= thresholds.few:  # else all are few-shot, as told
            lower, higher = train[train < thresholds.few], train[train > thresholds.many]
            tries = [f"--few {lower.max()}"] if lower.size else []
            tries += [f"--many {higher.min()}"] if higher.size else []
            what = (
                f"no bin has {thresholds.few:g} to {thresholds.many:g} training rows, so that no score is medium-shot"
            )
            yield f"{what}; try {' or '.join(tries)}"


def _crowded(table: BinTable, targets: FloatArray) -> Iterator[str]:
    counts = np.sum([table.counts[part] for part in SPLITS], axis=0)
    crowded = _crowd(counts)
    if crowded > max(1, counts.size // VERY_FEW):
        return
    number = min(QUANTILES, np.unique(targets).size)
    helps = number > 1 and _crowd(binning.quantiles(targets, number).counts(targets)) > crowded
    what = f"{MOST_ROWS:.0%} of the rows lie in {crowded:,} of the {counts.size:,} bins"
    yield f"{what}; {f'try --bins quantile:{number}' if helps else 'equal targets make it so, and no other bins help'}"


def _crowd(counts: IntArray) -> int:
    """The fewest of the bins, with ``counts`` (B,) rows, that hold `MOST_ROWS` of all."""
    held = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(held, MOST_ROWS * held[-1])) + 1
