"""Work spread over threads: its results come in order, and never much of it is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dircli.store.parallel import AHEAD, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(("serial", "workers"), [(True, None), (False, None), (False, 1), (False, 3)])
def test_results_come_in_the_order_of_the_items(serial: bool, workers: int | None) -> None:  # noqa: FBT001 - a parameter
    squares = in_order(lambda item: item * item, range(50), serial=serial, workers=workers)
    assert list(squares) == [item * item for item in range(50)]


def test_no_more_items_are_taken_than_may_be_under_way() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_order(str, items(), workers=2)
    assert next(results) == "0"
    assert len(taken) <= 2 * AHEAD


def test_a_failure_is_raised_in_its_turn_and_ends_the_work() -> None:
    started: list[int] = []

    def work(item: int) -> float:
        started.append(item)
        return 1 / (item - 3)

    results = in_order(work, range(1000), workers=2)
    assert [next(results) for _ in range(3)] == [-1 / 3, -1 / 2, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(started) < 100
