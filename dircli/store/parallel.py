"""Work spread over threads, its results in order; and who watches how far it is."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

AHEAD = 4  # chunks under way per worker
T = TypeVar("T")


class Watch(Protocol):
    """Shows how far a long piece of work is: ``total`` steps of ``what``; the function it gives is told of each."""

    def __call__(self, what: str, total: int, /) -> AbstractContextManager[Callable[[int], None]]:
        """For use in a ``with``."""
        ...


@contextmanager
def unwatched(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Nothing is shown."""
    yield lambda _done: None


def in_order(function: Callable[[int], T], rows: Sequence[int], *, serial: bool = False) -> Iterator[T]:
    """``function`` of each of ``rows``, in their order, a bounded number of them under way at once."""
    if serial:
        yield from map(function, rows)
        return
    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    under_way: deque[Future[T]] = deque()
    try:
        for row in rows:
            under_way.append(pool.submit(function, row))
            if len(under_way) >= AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
