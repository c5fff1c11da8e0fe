"""A split that would leave val or test empty is refused with what made it so, and the smallest change that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark import binning
from dircli.benchmark.bins import Bins
from dircli.benchmark.splits import TEST, TRAIN, VAL
from dircli.curation.own_split import WIDER, Draw, drawn, lowest, recipe, taken_over
from dircli.errors import UsageError

QUICK = settings(deadline=None, max_examples=40)


def drawing(targets: list[float], *, width: float = 1, **choices: Any) -> Draw:
    """A draw from bins of one ``width`` from 0 to above all targets."""
    bins = Bins.covering(np.array([0.0, *targets]), width)
    given_: dict[str, Any] = {"per_bin": None, "groups": None, "group": None, "seed": 666, "regular": True}
    return Draw(targets=np.array(targets, dtype=float), bins=bins, **{**given_, "limits": None, **choices})


def parts(draw: Draw) -> set[int]:
    """The splits that have rows."""
    return {int(code) for code in draw.codes()}


def told(draw: Draw) -> str:
    """Why ``draw`` is refused."""
    with pytest.raises(UsageError) as refused:
        drawn(draw, draw.bins.index(draw.targets))
    return str(refused.value)


def changed(draw: Draw, words: str) -> Draw:
    """``draw`` with the options ``words``."""
    options = dict(zip(words.split()[::2], words.split()[1::2], strict=True))
    if width := options.get("--bin-width"):
        draw = replace(draw, bins=binning.regular(width, draw.limits, draw.targets))
    if quantiles := options.get("--bins"):
        draw = replace(draw, bins=binning.quantiles(draw.targets, int(quantiles.partition(":")[2])))
    return replace(draw, per_bin=int(options["--per-bin"])) if "--per-bin" in options else draw


def tried(draw: Draw) -> str:
    """The change that the refusal of ``draw`` proposes, whose numbers of rows are held to what it leads to."""
    words, _, numbers = told(draw).partition(" Try ")[2].partition(", which gives ")
    codes = changed(draw, words).codes()
    assert numbers == f"val {(codes == VAL).sum():,} and test {(codes == TEST).sum():,} rows"
    return words


def test_a_tenth_of_the_rows_goes_to_val_and_test_unless_a_number_per_bin_is_given() -> None:
    bins = Bins.regular(0, 2, 1)
    counts = np.array([300, 40])
    assert recipe(bins, None, counts).as_json()["total"] == 34
    assert recipe(bins, None, counts).cap == 21  # 21 of the one bin and 13 of the other
    assert recipe(bins, None, np.array([9, 0])).as_json()["total"] == 1
    assert recipe(bins, 5, counts).cap == 5
    assert recipe(bins, 5, counts).total is None
    assert recipe(bins, None, counts).generator == "pcg64"


def test_a_split_with_all_three_parts_is_taken_over_without_a_word() -> None:
    assert taken_over(np.array([1, 1, 1]), "part") == []
    with pytest.raises(UsageError, match="has no train and no test rows; mark at least one row of each"):
        taken_over(np.array([0, 2, 0]), "part")


def test_a_table_of_two_rows_is_too_short_and_one_of_three_is_not() -> None:
    assert told(drawing([0, 0])) == (
        "no row would be left for val and test: "
        "the table has 2 rows, and train, val and test need one each. Give a longer table"
    )
    assert parts(drawing([0, 0, 0])) == {TRAIN, VAL, TEST}


def test_bins_of_few_rows_are_widened_as_little_as_helps() -> None:
    draw = drawing([0, 0, 1, 1, 2, 2])
    assert "a third of its rows at most, and none of the 3 bins has over 2 rows" in told(draw)
    assert tried(draw) == "--bin-width 2"
    assert "none of the 8 bins has over 1 row. Try" in told(drawing([*range(8)]))
    assert "none of the 4 bins has over 2 rows. Try" in told(drawing([0, 0, 1, 2, 3]))
    assert tried(drawing([*range(8)])) == "--bin-width 10"  # of 5 and 3 rows, one each would be too many
    assert tried(drawing([k / 10 for k in range(8)], width=0.1)) == "--bin-width 1"
    assert tried(drawing([0, 4, 5])) == "--bin-width 10"  # bins as wide as the targets lie apart are still two


@pytest.mark.parametrize("times", [2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000])
def test_widths_are_tried_by_round_multiples(times: int) -> None:
    """Three rows that lie in one bin of that width, and in no narrower one that is tried."""
    assert tried(drawing([0, 0.8 * times, 0.9 * times])) == f"--bin-width {times}"


def test_every_width_that_is_tried_is_a_round_multiple() -> None:
    assert {str(times).rstrip("0") for times in WIDER} == {"1", "2", "5"}
    assert list(WIDER) == sorted(WIDER)


def test_only_widths_that_divide_the_range_are_proposed() -> None:
    draw = drawing([0, 0, 1, 1, 2, 2], limits="0:10")
    assert tried(draw) == "--bin-width 2"
    assert tried(replace(draw, limits="0:15")) == "--bin-width 5"
    assert tried(replace(draw, limits="0:7")) == "--bins quantile:2"
    assert tried(replace(draw, regular=False)) == "--bins quantile:2"


def test_bins_of_many_widths_are_replaced_by_as_many_quantiles_as_can_be() -> None:
    draw = drawing([*range(120)], regular=False)
    words = tried(draw)
    assert words.startswith("--bins quantile:")
    number = int(words.partition(":")[2])
    steps, at = [], len(draw.bins) - 1
    while at > 1:
        steps.append(at)
        at -= max(1, at // 10)
    works = [len(parts(changed(draw, f"--bins quantile:{each}"))) == 3 for each in steps]
    assert number == steps[works.index(True)]


@pytest.mark.parametrize("rows", range(7, 16, 2))
def test_of_few_quantiles_every_number_is_tried(rows: int) -> None:
    assert tried(drawing([*range(rows)], regular=False)) == f"--bins quantile:{rows // 2}"


def test_one_bin_of_all_rows_is_not_proposed() -> None:
    assert "No other bins help" in told(drawing([0, 0, 5], regular=False))


def test_rows_of_one_bin_may_be_too_many_for_a_tenth() -> None:
    """Nearest to a tenth of the 18 rows, one, is none of each: six bins that give a row each would give six."""
    draw = drawing([value for value in range(6) for _ in range(3)])
    assert "6 bins can give a row, and none of them is nearer to a tenth of the 18 rows than one of each" in told(draw)
    assert tried(draw) == "--per-bin 1"


def test_groups_that_are_too_large_are_counted() -> None:
    draw = drawing([k % 4 for k in range(40)], groups=np.arange(40) % 5, group="site")
    assert "the smallest of the 5 groups in column site has 8 rows, and val and test may take about 4 each" in told(
        draw
    )
    assert ", 1 of a bin at most" in told(draw)
    assert "column site has only 2 groups" in told(replace(draw, groups=np.arange(40) % 2))
    assert "the smallest of the 3 groups" in told(replace(draw, groups=np.arange(40) % 3))


@pytest.mark.thorough
@QUICK
@given(st.lists(st.integers(0, 12), min_size=3, max_size=25), st.sampled_from([1, 2, 40]), st.booleans())
def test_whatever_is_proposed_helps(values: list[int], groups: int, regular: bool) -> None:  # noqa: FBT001 - drawn
    codes = np.arange(len(values)) // groups if groups > 1 else None
    draw = drawing([float(value) for value in values], groups=codes, group="g", regular=regular)
    if len(parts(draw)) == 3:
        assert drawn(draw, draw.bins.index(draw.targets)).tolist() == draw.codes().tolist()
    elif " Try " in told(draw):
        assert parts(changed(draw, tried(draw))) == {TRAIN, VAL, TEST}


@given(st.integers(-1, 30), st.integers(0, 60), st.integers(0, 70))
def test_the_lowest_number_that_works_is_found(low: int, more: int, first: int) -> None:
    asked: list[int] = []

    def works(number: int) -> bool:
        asked.append(number)
        return number >= first

    high = low + more
    fitting = [number for number in range(low + 1, high + 1) if number >= first]
    assert lowest(low, high, works) == (fitting[0] if fitting else None)
    assert all(low < number <= high for number in asked)
    assert len(asked) <= 16
