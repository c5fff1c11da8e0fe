"""Work spread over threads, its results in order; and who watches how far it is."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias, TypeVar

AHEAD = 4  # items under way per worker
Item = TypeVar("Item")
Result = TypeVar("Result")
Watch: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows how far a long piece of work is: what it is, its steps; the function that a ``with`` gives is told of each."""


@contextmanager
def unwatched(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Nothing is shown."""
    yield lambda _done: None


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], *, serial: bool = False, workers: int | None = None
) -> Iterator[Result]:
    """``function`` of each of ``items``, in their order, a bounded number of them under way at once.

    By ``workers`` threads, else one per core; ``serial``: by this thread.
    """
    if serial:
        yield from map(function, items)
        return
    workers = workers or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    under_way: deque[Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) >= AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
