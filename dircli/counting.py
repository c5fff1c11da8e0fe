"""Label maps counted: in parallel, in memory that does not grow with their number, and going on where it was.

Decoding a PNG releases Python's lock, so threads use every core. Counts are kept per chunk of images, under a key made
of the images' names and their files' stamps: a chunk whose files are as they were is not read again, a changed file
costs its own chunk alone, and no count can be taken for another.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import IO, TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from dircli.errors import SHOWN, InputError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dircli.arrays import IntArray
    from dircli.maps import Maps

CHUNK = 32
AHEAD = 4  # chunks under way per worker
PREPARED = "shorter side 240, centre 304 x 228"  # part of each key: counts of another preparation are others
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


class Checkpoint:
    """The counts of finished chunks in a file of JSON lines, one chunk a line; a line that was cut off is no line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[bytes] | None = None
        self._known = dict(self._lines())

    def _lines(self) -> Iterator[tuple[str, dict[str, int]]]:
        try:
            lines = self._path.read_bytes().split(b"\n")
        except OSError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                counts = {str(int(code)): int(count) for code, count in entry["counts"].items()}
                if sum(counts.values()) == entry["pixels"]:
                    yield str(entry["key"]), counts
            except (ValueError, KeyError, TypeError, AttributeError):
                continue

    def get(self, key: str, codes: int) -> IntArray | None:
        """The counts kept under ``key``, (codes,), or None."""
        if key not in self._known:
            return None
        found = np.zeros(codes, dtype=np.int64)
        for code, count in self._known[key].items():
            found[int(code)] = count
        return found

    def keep(self, key: str, counts: IntArray) -> None:
        """Keep the counts of one more chunk; UsageError where the file cannot be written."""
        held = np.flatnonzero(counts).tolist()
        entry = {"key": key, "pixels": int(counts.sum()), "counts": {code: int(counts[code]) for code in held}}
        try:
            if self._stream is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("ab")
            self._stream.write(b"\n" + json.dumps(entry).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written ({error.strerror})") from None

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None


def _key(maps: Maps, rows: Sequence[int]) -> str:
    lines = [PREPARED, *(_line(maps, row) for row in rows)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(maps: Maps, row: int) -> str:
    return "\t".join([str(maps.ids[row]), *(str(column[row]) for column in maps.columns.values()), maps.stamp(row)])


def counted(
    maps: Maps, checkpoint: Checkpoint, *, what: str, watch: Watch = unwatched
) -> tuple[IntArray, list[Problem]]:
    """How many pixels of all ``maps`` hold each code, (C,), and what is wrong with the images that hold none."""
    codes = len(maps.targets)
    chunks = [range(start, min(start + CHUNK, len(maps))) for start in range(0, len(maps), CHUNK)]

    def chunk(number: int) -> tuple[str, IntArray, list[Problem], bool]:
        rows = chunks[number]
        key = _key(maps, rows)
        known = checkpoint.get(key, codes)
        if known is not None:
            return key, known, [], True
        total, problems = np.zeros(codes, dtype=np.int64), []
        for row in rows:
            try:
                total += np.bincount(maps.load(row).ravel(), minlength=codes)
            except InputError as error:
                problems += error.problems
        return key, total, problems, False

    total, problems = np.zeros(codes, dtype=np.int64), []
    with closing(checkpoint), watch(what, len(maps)) as done:
        for number, (key, counts, wrong, known) in enumerate(in_order(chunk, range(len(chunks)), serial=maps.serial)):
            total += counts
            problems += wrong
            if not wrong and not known and len(chunks) > 1:
                checkpoint.keep(key, counts)
            done(len(chunks[number]))
    return total, first_of(problems, what)


def first_of(problems: Sequence[Problem], what: str) -> list[Problem]:
    """The first ten of ``problems``, and one that counts the rest."""
    rest = len(problems) - SHOWN
    return [*problems[:SHOWN], *([Problem(what, f"{rest:,} more problems like these")] if rest > 0 else [])]
