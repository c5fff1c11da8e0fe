"""Records keep their contract: unique ids and finite targets; and `differences` names what two readers disagree on."""

from __future__ import annotations

import numpy as np
import pytest

from dircli.benchmark.records import Records, differences
from dircli.errors import InputError


def records(ids: str, targets: list[float], **columns: str) -> Records:
    """Records with the letters of ``ids`` as ids, and columns of letters."""
    letters = {name: np.array(list(column), dtype=object) for name, column in columns.items()}
    return Records(ids=np.array(list(ids), dtype=object), targets=np.array(targets, dtype=float), columns=letters)


def found(raw: Records, released: Records) -> list[str]:
    """What `differences` says, line by line."""
    return [str(problem) for problem in differences(raw, released, name="new.csv")]


def test_every_broken_rule_is_reported_at_once() -> None:
    ids = np.array(["a", "", "a", "b", "c"], dtype=object)
    with pytest.raises(InputError) as caught:
        Records(ids=ids, targets=np.array([1, 2, np.nan, np.inf, 3]))
    assert [str(problem) for problem in caught.value.problems] == [
        "ids: 1 occur more than once: a",
        "ids: an id is empty",
        "targets: 2 are not finite: a = nan, b = inf",
    ]


def test_at_most_ten_repeated_ids_are_shown() -> None:
    ids = np.array([f"{k:02}" for k in range(12)] * 2, dtype=object)
    with pytest.raises(InputError, match=r"12 occur more than once: 00, .*09 and 2 more$"):
        Records(ids=ids, targets=np.zeros(24))


def test_there_may_be_no_records() -> None:
    assert len(records("", [])) == 0


def test_take_reorders_ids_targets_and_columns_alike() -> None:
    taken = records("abc", [1, 2, 3], sex="fmf").take(np.array([2, 1]))
    assert (taken.ids.tolist(), taken.targets.tolist(), taken.columns["sex"].tolist()) == (
        ["c", "b"],
        [3, 2],
        ["f", "m"],
    )


def test_the_same_rows_in_another_order_differ_in_nothing() -> None:
    raw = records("abc", [1, 2, 3], sex="fmf", raw_only="xyz")
    assert found(raw, records("cab", [3, 1, 2], sex="ffm", released_only="uvw")) == []


def test_surplus_and_missing_ids_are_both_named() -> None:
    assert found(records("abc", [1, 2, 3]), records("axyb", [1, 9, 9, 2])) == [
        "new.csv: 2 ids that the raw source does not have: x, y",
        "new.csv: 1 ids of the raw source are missing: c",
    ]


def test_rows_that_differ_are_named_per_column() -> None:
    raw = records("abc", [1, 2, 3], sex="fmf", eye="bbb")
    assert found(raw, records("cba", [3, 2, 7], sex="mmm", eye="bbb")) == [
        "new.csv: 1 rows differ from the raw target: a",
        "new.csv: 2 rows differ from the raw sex: c, a",
    ]
