"""What makes the scores on a table of one's own say little: told with the option to try, and no error."""

from collections.abc import Callable, Iterator

import numpy as np

from dircli.arrays import IntArray
from dircli.benchmark import binning
from dircli.benchmark.binning import Distinct
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import Thresholds
from dircli.benchmark.records import SPLITS

MOST_ROWS = 0.9
VERY_FEW = 20  # one bin in so many is very few
QUANTILES = 20


def doubts(table: BinTable, thresholds: Thresholds, targets: Callable[[], Distinct]) -> list[str]:
    """A sentence on each region without test rows, and on most rows lying in very few bins.

    What gives their ``targets`` is called only where they do.
    """
    return [*_without_many(table, thresholds), *_without_test(table, thresholds), *_crowded(table, targets)]


def _without_many(table: BinTable, thresholds: Thresholds) -> Iterator[str]:
    train = table.counts["train"]
    fullest = int(train.max())
    if fullest <= thresholds.many:
        tries = ["wider bins"] if np.count_nonzero(train) > 1 else []
        if _is_divisible(train[train >= thresholds.few] if fullest >= thresholds.few else train):
            less = f" and --few no higher than --many (it is {thresholds.few:g})" if thresholds.few >= fullest else ""
            tries += [f"--many below {fullest:,}{less}"]
        what = f"no bin has more than {thresholds.many:g} training rows, so that no score is many-shot"
        yield f"{what}; the fullest has {fullest:,}{_to_try(': try', ', or ', tries)}"


def _without_test(table: BinTable, thresholds: Thresholds) -> Iterator[str]:
    """The regions, of those that can have bins, that have no test rows."""
    train, test, regions = table.counts["train"], table.counts["test"], table.regions["released"]
    lower, higher = train[train < thresholds.few], train[train > thresholds.many]
    for region in ("many", "medium", "few"):
        bins = regions == region
        if bins.any() and not test[bins].any():
            rows = int(train[bins].sum())
            what = f"the {region}-shot bins, {int(bins.sum()):,} with {rows:,} training rows, have no test rows"
            yield f"{what}; try wider bins"
        elif not bins.any() and region == "few":
            emptiest = int(train.min()) + 1
            more = f" and --many {emptiest}" if emptiest > thresholds.many else ""
            helps = _is_divisible(train[train <= thresholds.many] if train.min() <= thresholds.many else train)
            what = f"no bin has fewer than {thresholds.few:g} training rows, so that no score is few-shot"
            yield f"{what}{_to_try('; try', '', [f'--few {emptiest}{more}'] if helps else [])}"
        elif not bins.any() and region == "medium" and train.max() >= thresholds.few:  # else all are few-shot, as told
            tries = [f"--few {lower.max()}"] if _is_divisible(lower) else []
            tries += [f"--many {higher.min()}"] if _is_divisible(higher) else []
            what = (
                f"no bin has {thresholds.few:g} to {thresholds.many:g} training rows, so that no score is medium-shot"
            )
            yield f"{what}{_to_try('; try', ' or ', tries)}"


def _is_divisible(counts: IntArray) -> bool:
    """Whether a threshold can part these bins of one region, so that another gets some and it keeps some."""
    return np.unique(counts).size > 1


def _to_try(start: str, between: str, tries: list[str]) -> str:
    """The hint that names what to try; empty where nothing helps."""
    return f"{start} {between.join(tries)}" if tries else ""


def _crowded(table: BinTable, targets: Callable[[], Distinct]) -> Iterator[str]:
    counts = np.sum([table.counts[part] for part in SPLITS], axis=0)
    crowded = _crowd(counts)
    if crowded > max(1, counts.size // VERY_FEW):
        return
    distinct = targets()
    number = min(QUANTILES, distinct.values.size)
    helps = number > 1 and _crowd(distinct.in_bins(binning.quantiles_of(distinct, number))) > crowded
    share = 100 * int(np.sort(counts)[::-1][:crowded].sum()) // int(counts.sum())
    what = f"{share}% of the rows lie in {crowded:,} of the {counts.size:,} bins"
    yield f"{what}; {f'try --bins quantile:{number}' if helps else 'equal targets make it so, and no other bins help'}"


def _crowd(counts: IntArray) -> int:
    """The fewest of the bins, with ``counts`` (B,) rows, that hold `MOST_ROWS` of all."""
    held = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(held, MOST_ROWS * held[-1])) + 1
