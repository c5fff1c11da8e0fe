"""Work spread over threads, its results in order; and who watches how far it is."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

AHEAD = 4  # items under way per worker
Item = TypeVar("Item")
Made = TypeVar("Made")


class Watch(Protocol):
    """Shows how far a long piece of work is: ``total`` steps of ``what``; the function it gives is told of each."""

    def __call__(self, what: str, total: int, /) -> AbstractContextManager[Callable[[int], None]]:
        """For use in a ``with``."""
        ...


@contextmanager
def unwatched(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Nothing is shown."""
    yield lambda _done: None


def in_order(
    function: Callable[[Item], Made], items: Iterable[Item], *, serial: bool = False, workers: int | None = None
) -> Iterator[Made]:
    """``function`` of each of ``items``, in their order, a bounded number of them under way at once.

    By ``workers`` threads, else one per core; ``serial``: by this thread.
    """
    if serial:
        yield from map(function, items)
        return
    workers = workers or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    under_way: deque[Future[Made]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) >= AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
