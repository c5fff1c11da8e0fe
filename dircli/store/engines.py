"""Who does the work: threads of this process, or the workers of a Dask cluster, on this machine or on many.

An engine maps a pure function over work items and merges the results in a tree whose shape the number of items alone
decides, so that neither the engine, nor the number of workers, nor the order in which they are done changes a digit.
Dask runs tasks and nothing else: its data frames, its joins and its shuffle are not used. A task that was on a worker
that died is done again by another one.
"""

from __future__ import annotations

import errno
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from dircli import __version__
from dircli.errors import DirError, UsageError, one_line
from dircli.store.parallel import AHEAD, in_order

if TYPE_CHECKING:
    from distributed import Client, Future

Name: TypeAlias = Literal["local", "dask"]
Item = TypeVar("Item")
Result = TypeVar("Result")
Tell: TypeAlias = Callable[[int], None]

FAN = 8
"""Results that are merged at once."""
PATIENCE = 10.0
"""Seconds that a scheduler has to answer, and to have a worker."""
REVIVAL = 40.0
"""Seconds that a cluster on this machine, all of whose workers died, has to start one: Dask takes 15 to give one up."""
TRIES = 3
"""How often workers are asked something all at once, of whom each one died."""
LOOK = 2.0
"""Seconds after which it is looked whether the scheduler is still there."""

_ENVIRONMENT = "distributed.nanny.pre-spawn-environ"
LEAN = {
    f"{_ENVIRONMENT}.MALLOC_TRIM_THRESHOLD_": 1 << 28,
    f"{_ENVIRONMENT}.MALLOC_MMAP_THRESHOLD_": 1 << 28,
    "distributed.worker.profile.enabled": False,
}
"""Workers that keep the memory of arrays for the next ones: by Dask's own setting each array is paged in anew."""


class EngineError(DirError):
    """A cluster cannot be reached, does not fit, or is lost."""


def _untold(_done: int) -> None:
    """Nobody is told."""


def added(parts: list[Any]) -> Any:
    """The sum of numbers or arrays, one or more, in their order; to merge results by."""
    return sum(parts[1:], start=parts[0])


class Engine(Protocol):
    """What maps and reduces. Functions, items, shared values and results of a cluster's engine are pickled."""

    @property
    def name(self) -> Name:
        """What it is called."""

    @property
    def shares_files(self) -> bool:
        """Whether whoever does the work sees this machine's folder of temporary files."""

    def in_order(
        self, function: Callable[[Any, Item], Result], items: Iterable[Item], *, shared: Any = None
    ) -> Iterator[Result]:
        """``function(shared, item)`` of each of ``items``, in their order, a bounded number of them at once."""

    def reduced(
        self,
        function: Callable[[Any, Item], Result],
        items: Sequence[Item],
        merge: Callable[[list[Result]], Result],
        *,
        shared: Any = None,
        done: Tell = _untold,
    ) -> Result:
        """The one result of merging ``function(shared, item)`` of one or more ``items``, neighbours with each other.

        ``done`` is told of each item. An error of one item ends the work.
        """


class Local:
    """The threads of this process."""

    name: Name = "local"
    shares_files = True

    def in_order(
        self, function: Callable[[Any, Item], Result], items: Iterable[Item], *, shared: Any = None
    ) -> Iterator[Result]:
        """See `Engine`."""
        return in_order(partial(function, shared), items)

    def reduced(
        self,
        function: Callable[[Any, Item], Result],
        items: Sequence[Item],
        merge: Callable[[list[Result]], Result],
        *,
        shared: Any = None,
        done: Tell = _untold,
    ) -> Result:
        """See `Engine`."""
        tree: _Tree[Result] = _Tree(merge)
        for result in in_order(partial(function, shared), items):
            tree.add(result)
            done(1)
        return tree.root()


LOCAL: Engine = Local()


class _Tree(dict[int, list[Result]]):
    """Results by how often they have been merged, in the order of the items; `FAN` neighbours make one."""

    def __init__(self, merge: Callable[[list[Result]], Result]) -> None:
        super().__init__()
        self._merge = merge

    def add(self, result: Result, level: int = 0) -> None:
        """Add the next result."""
        row = self.setdefault(level, [])
        row.append(result)
        if len(row) == FAN:
            self[level] = []
            self.add(self._merge(row), level + 1)

    def root(self) -> Result:
        """All results, one or more, merged into one."""
        last: list[Result] = []
        for level in sorted(self):
            row = [*self[level], *last]
            last = [self._merge(row)] if len(row) > 1 else row
        return last[0]


@contextmanager
def opened(name: Name, *, scheduler: str | None = None, workers: int | None = None) -> Iterator[Engine]:
    """The engine called ``name``, to be used as long as the ``with`` lasts.

    That of Dask is at the address ``scheduler``, or else a cluster on this machine of so many ``workers``, processes of
    one thread, by default one for each core. UsageError where options do not fit together or Dask is not installed,
    EngineError where there is no scheduler, no worker, or one of another version.
    """
    if name == "local":
        if scheduler is not None or workers is not None:
            raise UsageError("--scheduler and --workers are those of a cluster; add --engine dask")
        yield LOCAL
        return
    if scheduler is not None and workers is not None:
        raise UsageError("--workers starts a cluster on this machine; leave it out, or leave out --scheduler")
    if scheduler is not None and not scheduler.strip():
        raise UsageError("--scheduler is empty; give the address that `dask scheduler` prints, or leave it out")
    try:
        import distributed
    except ImportError:
        message = "--engine dask needs Dask; install it with `pip install 'dircli[dask]'`"
        raise UsageError(message) from None
    for logger in (name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)  # what matters of it is said in one line
    with ExitStack() as stack:
        client = _connected(distributed, scheduler) if scheduler else _started(distributed, workers, stack)
        stack.callback(_close, partial(client.close, timeout=LOOK))
        where = scheduler or "the cluster on this machine"
        engine = Dask(client, where)
        _refuse_unfit(engine)
        yield engine


def _started(distributed: Any, workers: int | None, stack: ExitStack) -> Client:
    """A client of a new cluster on this machine, which ends with ``stack``."""
    import os
    from tempfile import TemporaryDirectory

    import dask

    number = workers or os.cpu_count() or 1
    place = stack.enter_context(TemporaryDirectory(prefix="dir-dask-", ignore_cleanup_errors=True))
    settings = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL, "local_directory": place}
    try:
        with dask.config.set({**LEAN, "temporary-directory": place}), _left_alone():
            cluster = distributed.LocalCluster(n_workers=number, threads_per_worker=1, processes=True, **settings)
    except Exception as error:  # noqa: BLE001 - whatever keeps processes from starting
        raise EngineError(f"{number} worker processes do not start here ({one_line(error)[:SHORT]})") from None
    stack.callback(_close, cluster.close)
    client: Client = distributed.Client(cluster)
    return client


@contextmanager
def _left_alone() -> Iterator[None]:
    """What starts meanwhile is not interrupted from the keyboard; the command is afterwards, and ends its workers."""
    import signal
    from multiprocessing import resource_tracker

    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let the signal through to what the same thread starts next
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _connected(distributed: Any, scheduler: str) -> Client:
    """A client of the scheduler at that address."""
    import asyncio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other versions are refused afterwards, in one line
            _greet(scheduler)
            client: Client = distributed.Client(scheduler, timeout=PATIENCE)
    except Exception as error:  # noqa: BLE001 - whatever the address or another version brings up
        hint = "start one with `dask scheduler`, or give the address that it prints"
        raise EngineError(f"--scheduler {scheduler}: no scheduler answers ({one_line(error)}); {hint}") from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except asyncio.TimeoutError:  # before Python 3.11 it is not the one without a module
        client.close()
        hint = f"start some with `dask worker {scheduler}`"
        raise EngineError(f"--scheduler {scheduler}: it has no workers; {hint}") from None
    return client


def _greet(scheduler: str) -> None:
    """OSError where nobody at that address speaks as a scheduler does, for whose answer Dask waits without end."""
    import asyncio

    from distributed.comm import connect
    from distributed.security import Security
    from distributed.utils import LoopRunner, sync

    async def greet() -> None:
        comm = await connect(scheduler, timeout=PATIENCE, **Security().get_connection_args("client"))
        comm.abort()

    runner = LoopRunner()
    runner.start()
    try:
        sync(runner.loop, greet, callback_timeout=PATIENCE + LOOK)
    except asyncio.TimeoutError:
        raise OSError("what is there does not speak as one") from None
    finally:
        runner.stop()


def _close(end: Callable[[], object]) -> None:
    """Close a client or a cluster by ``end``, which fails where it is lost, or where a worker is just starting."""
    with suppress(Exception):
        end()


def _refuse_unfit(engine: Dask) -> None:
    """EngineError where the scheduler or a worker has another version of Dask, or of this program, or none."""
    found = engine.client.get_versions()
    ours = found["client"]["packages"]["distributed"]
    for who, facts in {"the scheduler": found["scheduler"], **found["workers"]}.items():
        theirs = (facts or {}).get("packages", {}).get("distributed")
        if theirs != ours:
            what = f"{who} has distributed {theirs}, and here is {ours}; install the same one"
            raise EngineError(f"{engine.where}: {what}")
    for who, version in engine.asked(_version).items():
        if version != __version__:
            raise EngineError(_unlike(who, version))


def _version() -> str:
    return __version__


def _unlike(who: str, version: str) -> str:
    return f"worker {who} has dircli {version}, and here is {__version__}; install the same one on all workers"


def _done(asked: str, function: Callable[..., Result], *given: Any) -> Result:
    """``function`` of what is ``given``, on a worker; what the worker cannot open is told of in one line."""
    from distributed import get_worker

    address = get_worker().address
    if asked != __version__:
        raise EngineError(f"worker {address} has dircli {__version__}, and asked for is {asked}; install the same one")
    try:
        return function(*given)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            what = "no space is left where rows are divided; make some, or name another folder with --scratch"
            raise EngineError(f"worker {address}: {what}") from None
        what = f"{error.filename}: {error.strerror}" if error.filename else one_line(error)
        raise EngineError(f"worker {address} cannot use {what}; every worker must see the same files") from None


def _same(value: Result) -> Result:
    return value


def _merged(asked: str, merge: Callable[[list[Any]], Any], *parts: Any) -> Any:
    return _done(asked, merge, list(parts))


@dataclass(frozen=True)
class Dask:
    """The workers that the scheduler of ``client`` has, which messages call ``where``."""

    client: Client
    where: str
    name: Name = "dask"

    @property
    def shares_files(self) -> bool:
        """See `Engine`: found out by a file that each worker is asked for."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            return all(self.asked(_sees, folder).values())

    def asked(self, function: Callable[..., Result], *given: Any) -> dict[str, Result]:
        """``function`` of what is ``given`` on each worker, by its address; one that dies meanwhile is left out."""
        with self._said():
            for _ in range(TRIES):
                answers = self.client.run(function, *given, on_error="return")
                errors = [answer for answer in answers.values() if isinstance(answer, Exception)]
                if others := [error for error in errors if not isinstance(error, OSError)]:
                    raise others[0]
                if len(answers) > len(errors):
                    return {who: answer for who, answer in answers.items() if not isinstance(answer, Exception)}
                self._while_there(partial(self.client.wait_for_workers, 1))
            raise self._dead()

    def in_order(
        self, function: Callable[[Any, Item], Result], items: Iterable[Item], *, shared: Any = None
    ) -> Iterator[Result]:
        """See `Engine`."""
        from collections import deque

        under_way: deque[Future[Any]] = deque()
        with self._said():
            common, most = None if shared is None else self._kept(shared), self._most()
            for item in items:
                under_way.append(self._submit(function, common, item))
                if len(under_way) >= most:
                    yield self._result(under_way.popleft())
                    most = self._most()
            while under_way:
                yield self._result(under_way.popleft())

    def reduced(
        self,
        function: Callable[[Any, Item], Result],
        items: Sequence[Item],
        merge: Callable[[list[Result]], Result],
        *,
        shared: Any = None,
        done: Tell = _untold,
    ) -> Result:
        """See `Engine`. Merges are done by workers: no more than the root comes here."""
        with self._said():
            common = None if shared is None else self._kept(shared)
            tree: _Tree[Future[Any]] = _Tree(lambda parts: self._submit_merge(merge, parts))
            under_way: set[Future[Any]] = set()
            most = self._most()
            for item in items:
                leaf = self._submit(function, common, item)
                tree.add(leaf)
                under_way.add(leaf)
                if len(under_way) >= most:
                    under_way = self._waited(under_way, done)
                    most = self._most()
            while under_way:
                under_way = self._waited(under_way, done)
            result: Result = self._result(tree.root())
            return result

    def _most(self) -> int:
        """How many tasks are under way at once; workers may come and go."""
        threads: dict[str, int] = self.client.nthreads()
        return AHEAD * max(1, sum(threads.values()))

    def _submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        return self.client.submit(_done, __version__, function, *given, pure=False)

    def _submit_merge(self, merge: Callable[[list[Any]], Any], parts: list[Future[Any]]) -> Future[Any]:
        return self.client.submit(_merged, __version__, merge, *parts, pure=False, priority=1)

    def _kept(self, value: Any) -> Future[Any]:
        """``value`` on the workers: a task, which a worker that takes the place of a dead one can do again."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is large
            return self.client.submit(_same, value, pure=False)

    def _waited(self, under_way: set[Future[Any]], done: Tell) -> set[Future[Any]]:
        """Those of ``under_way`` that are still so once one of them is done; the error of one that failed."""
        from distributed import wait

        finished, others = self._while_there(partial(wait, under_way, return_when="FIRST_COMPLETED"))
        for future in finished:
            if future.status == "error":
                future.result()
        done(len(finished))
        return set(others)

    def _result(self, future: Future[Any]) -> Any:
        self._while_there(partial(_wait_for, future))
        return future.result()

    def _while_there(self, waiting: Callable[..., Result]) -> Result:
        """``waiting``, as long as the scheduler is there and has workers."""
        import asyncio

        idle = 0.0
        while True:
            try:
                return waiting(timeout=LOOK)
            except asyncio.TimeoutError:
                if self.client.status != "running":
                    raise EngineError(f"{self.where}: {LOST}") from None
                idle = 0.0 if self.client.nthreads() else idle + LOOK
                cluster = self.client.cluster
                if idle > (PATIENCE if cluster is None else REVIVAL):
                    raise self._dead() from None
                if cluster is not None:  # a worker that died while it started is given up until its cluster is asked
                    cluster.scale(len(cluster.worker_spec))

    def _dead(self) -> EngineError:
        """That no worker is left."""
        return EngineError(f"{self.where}: {DEAD}; {AGAIN if self.client.cluster is None else RERUN}")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Whatever Dask raises becomes one line."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever comes from workers
            raise _said(error, self.where) from None


AGAIN = "nothing was written; start it again, and then the command"
RERUN = "nothing was written; run the command again, with fewer --workers"
DEAD = "all its workers are gone, perhaps for want of memory"
UNREAD = ("ModuleNotFoundError", "ImportError", "deserializ")
"""What Dask says where a function cannot be had."""
SHORT = 100
"""Characters of such an error that are shown."""
LOST = f"the scheduler is gone; {AGAIN}"


def _sees(folder: str) -> bool:
    return Path(folder).is_dir()


def _wait_for(future: Future[Any], *, timeout: float) -> None:
    from distributed import wait

    wait(future, timeout=timeout)


def _said(error: Exception, where: str) -> Exception:
    """``error`` as it is told of: those of this program as they are, those of the cluster in one line."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    if isinstance(error, KilledWorker):
        what = "a part of the work was begun several times, and each time the worker died, perhaps for want of memory"
        return EngineError(f"{where}: {what}; give workers more memory, or start more of them")
    if isinstance(error, ImportError) or any(word in str(error) for word in UNREAD):
        message = f"a worker or the scheduler lacks a module ({one_line(error)[:SHORT]})"
        return EngineError(f"{where}: {message}; install dircli {__version__} and its extras on all of them")
    if isinstance(error, CancelledError | CommClosedError | OSError):
        return EngineError(f"{where}: {LOST}")
    return error
