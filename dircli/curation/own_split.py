"""The split of a table of one's own; where it would leave val or test empty, what made it so, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark import binning
from dircli.benchmark.bins import Bins
from dircli.benchmark.records import SPLITS
from dircli.benchmark.splits import TEST, TRAIN, VAL, SplitRecipe, draw_codes, quota
from dircli.errors import UsageError

NO_VAL = "the given split has no val rows, so that models are to be chosen by a part of train"
WIDER = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000)


def recipe(bins: Bins, per_bin: int | None, counts: IntArray) -> SplitRecipe:
    """How of ``counts`` (B,) rows in bins are drawn: ``per_bin`` of each, or None for a tenth of the rows in all."""
    total = None if per_bin is not None else max(1, int(counts.sum()) // 10)
    return SplitRecipe(bins=bins, cap=per_bin or 0, total=total, generator="pcg64").settled_by(counts)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What val and test are drawn from: ``targets`` (n,) in ``bins``, ``groups`` (n,) codes or None, and a seed.

    ``group`` is the name of the groups' column; ``regular`` says that bins have one width, within ``limits`` or free.
    """

    targets: FloatArray
    bins: Bins
    per_bin: int | None
    groups: IntArray | None
    group: str | None
    seed: int
    regular: bool
    limits: str | None

    def codes(self, index: IntArray | None = None) -> AnyArray:
        """The split of each row, (n,); ``index`` (n,) are their bins, where they are known already."""
        index = self.bins.index(self.targets) if index is None else index
        rules = recipe(self.bins, self.per_bin, np.bincount(index[index >= 0], minlength=len(self.bins)))
        return draw_codes(index, rules, seed=self.seed, groups=self.groups)


def drawn(draw: Draw, index: IntArray) -> AnyArray:
    """The split of rows in the bins ``index`` (n,); UsageError that says what helps, where val or test had no rows."""
    codes = draw.codes(index)
    empty = _empty(codes)
    if not empty:
        return codes
    without = f"no row would be left for {' and '.join(empty)}"
    raise UsageError(f"{without}: {_reason(draw)}")


def taken_over(sizes: IntArray, column: str | None) -> list[str]:
    """What to tell about a split of ``sizes`` (3,) from ``column``; UsageError where it lacks train or test rows."""
    empty = empty_splits(sizes)
    missing = [part for part in ("train", "test") if part in empty]
    if missing:
        what = f"--split-column {column}: the split has no {' and no '.join(missing)} rows"
        raise UsageError(f"{what}; mark at least one row of each, or leave the option out to have a split drawn")
    return [NO_VAL] if empty else []


def empty_splits(sizes: IntArray) -> list[str]:
    """The splits that have no row, of their ``sizes`` (3,)."""
    return [SPLITS[code] for code in (TRAIN, VAL, TEST) if not sizes[code]]


def _empty(codes: AnyArray) -> list[str]:
    """The splits without a row in ``codes`` (n,)."""
    return empty_splits(np.bincount(codes, minlength=len(SPLITS)))


def _reason(draw: Draw) -> str:
    """Which groups or counts leave val or test of ``draw`` empty, and the smallest change that helps."""
    rows = draw.targets.size
    if rows < len(SPLITS):
        return f"the table has {rows:,} rows, and train, val and test need one each. Give a longer table"
    counts = draw.bins.counts(draw.targets)
    rules = recipe(draw.bins, draw.per_bin, counts)
    fullest = int(counts.max())
    if draw.groups is not None:
        sizes = np.bincount(draw.groups)
        if sizes.size < len(SPLITS):
            what = f"column {draw.group} has only {sizes.size:,} groups, and train, val and test need one each"
            return f"{what}. Give --group a column with more groups, or leave it out"
        room = sum(quota(int(count), rules) for count in counts)
        why = f"the smallest of the {sizes.size:,} groups in column {draw.group} has {sizes.min():,} rows"
        why += f", and val and test may take about {room:,} each, {rules.cap:,} of a bin at most"
    elif fullest < rules.share:
        most = "1 row" if fullest == 1 else f"{fullest:,} rows"
        why = f"a bin gives them a third of its rows at most, and none of the {len(counts):,} bins has over {most}"
    else:
        able = int((counts >= rules.share).sum())
        why = (
            f"{able:,} bins can give a row, and none of them is nearer to a tenth of the {rows:,} rows than one of each"
        )
    for words, other in _remedies(draw):
        codes = other.codes()
        if not _empty(codes):
            val, test = ((codes == code).sum() for code in (VAL, TEST))
            return f"{why}. Try {words}, which gives val {val:,} and test {test:,} rows"
    if draw.groups is not None:
        return f"{why}. No --per-bin and no other bins help; give --group a column with smaller groups, or a split"
    return f"{why}. No other bins help; give a longer table, or a split with --split-column"


def _remedies(draw: Draw) -> Iterator[tuple[str, Draw]]:
    """Changes of options, each with the words for it and the draw that it leads to, the smaller changes first."""
    yield from _more_per_bin(draw)
    others = [*_wider(draw), *_quantiles(draw)]
    yield from others
    for words, other in others:
        yield from ((f"{words} {more}", each) for more, each in _more_per_bin(other))


def _more_per_bin(draw: Draw) -> Iterator[tuple[str, Draw]]:
    """The lowest --per-bin above the present one by which val and test have rows, where there is one."""
    counts = draw.bins.counts(draw.targets)
    rules = recipe(draw.bins, draw.per_bin, counts)

    def works(cap: int) -> bool:
        return not _empty(replace(draw, per_bin=cap).codes())

    cap = lowest(rules.cap, int(counts.max()) // rules.share, works)
    if cap is not None:
        yield f"--per-bin {cap}", replace(draw, per_bin=cap)


def lowest(low: int, high: int, works: Callable[[int], bool]) -> int | None:
    """A number above ``low``, to ``high``, that works while the one below does not; None where none is found.

    Steps are doubled until one works, and then halved.
    """
    step, bad = 1, low
    while bad < high:
        good = min(low + step, high)
        if works(good):
            while good - bad > 1:
                middle = (good + bad) // 2
                bad, good = (bad, middle) if works(middle) else (middle, good)
            return good
        step, bad = 2 * step, good
    return None


def _wider(draw: Draw) -> Iterator[tuple[str, Draw]]:
    """Bins of whole multiples of the present width, where there is one width."""
    if not draw.regular:
        return
    width = Fraction(f"{draw.bins.high[0] - draw.bins.low[0]:.12g}")
    span = Fraction(float(np.ptp(draw.targets)))
    for times in WIDER:
        text = f"{float(width * times):.12g}"
        with suppress(UsageError):
            yield f"--bin-width {text}", replace(draw, bins=binning.regular(text, draw.limits, draw.targets))
        if width * times > span:
            return


def _quantiles(draw: Draw) -> Iterator[tuple[str, Draw]]:
    """Bins by quantiles, ever fewer."""
    number = min(len(draw.bins) - 1, np.unique(draw.targets).size, binning.MOST)
    while number > 1:
        yield f"--bins quantile:{number}", replace(draw, bins=binning.quantiles(draw.targets, number))
        number -= max(1, number // 10)
