"""Feature files: HDF5, Parquet or npy; read and written in blocks, so that memory does not grow with the rows.

HDF5: ``features`` (n, d), and by choice ``ids`` (n,) and ``targets`` (n,); or groups that hold them, one per epoch, in
the natural order of their names, with ``ids`` and ``targets`` of the root for groups that have none. Parquet: lists of
d numbers in ``features``, with ``id`` and by choice ``target``. npy: (n, d) alone. Without ids, rows are in manifest
order. Features are floating-point numbers. The kind of file is known by how its bytes begin. Several Parquet files with
the same columns may be one epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray, TextArray
from dircli.errors import SHOWN, InputError, Problem, sample
from dircli.store.matching import matched

BLOCK = 1 << 23  # bytes of features that are read at a time
AGAIN = "Check that whatever wrote it has finished"


class Block(NamedTuple):
    """Rows ``first``, … of an epoch: their features (k, d), and what else the file holds of them."""

    first: int
    features: AnyArray
    rest: Any = None


class File(NamedTuple):
    """A file that ``rows`` of an epoch are in; ``cuts(n)`` are where pieces of about n rows begin and, last, end."""

    path: Path
    rows: int
    cuts: Callable[[int], list[int]]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The rows ``begin`` to before ``end`` of one epoch of the file at ``path``, where it is the ``number``-th from 0.

    ``path`` is absolute, for whoever reads them may be elsewhere. ``first`` is the number of the first row in the whole
    epoch, which may have several files.
    """

    path: Path
    number: int
    begin: int
    end: int
    first: int


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of features: ``rows`` of ``dim`` numbers of ``itemsize`` bytes; ``name`` is empty for the only one.

    ``ids()`` reads those of each row, in the file's order, or gives None; ``targets`` and ``blocks`` read those of a
    range of rows, which begins and ends where `pieces` do. ``number`` counts the epochs of a file from 0.
    """

    name: str
    rows: int
    dim: int
    blocks: Callable[[range], Iterator[Block]]
    ids: Callable[[], list[str] | None] = lambda: None
    targets: Callable[[range], FloatArray | None] = lambda _rows: None
    number: int = 0
    itemsize: int = 4
    files: Sequence[File] = ()

    @property
    def whole(self) -> range:
        """All rows."""
        return range(self.rows)

    def pieces(self, size: int) -> list[Piece]:
        """The epoch in pieces of about ``size`` bytes of features, in order; each row is in one of them.

        A chunk of HDF5 and a row group of Parquet are not divided.
        """
        step = max(1, size // max(self.dim * self.itemsize, 1))
        found, before = [], 0
        for path, rows, cuts in self.files:
            for begin, end in pairwise(cuts(step)):
                where = {"begin": begin, "end": end, "first": before + begin}
                found.append(Piece(path=path.absolute(), number=self.number, **where))
            before += rows
        return found

    def called(self, name: object) -> str:
        """What messages call it, in the file ``name``."""
        return f"{name}, {self.name}" if self.name else str(name)

    def place(self, row: int) -> str:
        """What messages call the ``row``, counted from 0: its file, and its number there from 1."""
        before = 0
        for path, rows, _ in self.files:
            if row < before + rows:
                return f"{self.called(path)}, row {row - before + 1}"
            before += rows
        raise IndexError(row)


Put: TypeAlias = "Callable[[Epoch, Block], None]"
"""Writes the features of a block of an epoch where those were that it was read from."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """An open feature file of a ``kind``, HDF5, Parquet or npy, and its ``epochs``, one or more in their order.

    ``rewritten`` makes a copy of it whose features are those that are put, block by block in the same order.
    """

    kind: str
    epochs: list[Epoch]
    rewritten: Callable[[Path], AbstractContextManager[Put]]


@dataclass(frozen=True)
class Bad:
    """Rows of an epoch, counted from 0, with which something is wrong: the first ten, and how many they are."""

    rows: tuple[int, ...] = ()
    count: int = 0

    @classmethod
    def of(cls, rows: IntArray, *, first: int = 0) -> Bad:
        """Those of ``rows`` (n,), ascending, which are counted from ``first`` on."""
        return cls(tuple((rows[:SHOWN] + first).tolist()), rows.size)

    def __add__(self, later: Bad) -> Bad:
        """These, and those of ``later`` rows."""
        return Bad((self.rows + later.rows)[:SHOWN], self.count + later.count)

    def problems(self, epoch: Epoch, name: str, what: str, *, hint: str, rest: str) -> list[Problem]:
        """A problem for each of the first ten, ``what`` is wrong with it, and one that counts the ``rest``."""
        where = [Problem(epoch.place(row), what, hint) for row in self.rows]
        left = self.count - len(self.rows)
        return [*where, *([Problem(epoch.called(name), f"{left:,} {rest}")] if left else [])]


def evenly(rows: int, step: int, *, grain: int = 1) -> list[int]:
    """Where pieces of about ``step`` of so many ``rows`` begin, whole multiples of ``grain``; and, last, ``rows``."""
    cuts = np.linspace(0, rows, max(1, round(rows / step)) + 1).astype(np.int64)
    cuts[:-1] -= cuts[:-1] % grain
    return [int(cut) for cut in np.unique(cuts)]


def rows_per_block(dim: int, itemsize: int) -> int:
    """How many rows of ``dim`` numbers make a block."""
    return max(1, BLOCK // max(dim * itemsize, 1))


def labels(epoch: Epoch, file: str, ids: TextArray | None, targets: FloatArray | None) -> FloatArray:
    """The target of each row of ``epoch`` (n,), in the file's order.

    ``ids`` and ``targets`` are those of the split; rows of a file without ids are in their order. Both None: there is
    no manifest, and the file's own targets count. Raises InputError with everything wrong: missing, surplus and
    repeated ids, another number of rows, targets that are no numbers or differ (by more than float32 does).
    """
    where = epoch.called(file)
    file_targets = epoch.targets(epoch.whole)
    problems = [] if file_targets is None else no_numbers(where, strange(file_targets))
    if ids is None or targets is None:
        if file_targets is None:
            raise InputError(no_targets(where))
        if problems:
            raise InputError(problems)
        return file_targets
    rows = np.full(epoch.rows, -1)
    theirs = epoch.ids()
    if theirs is not None:
        row_of_id, unmatched = matched(theirs, ids, where, missing_hint="Give features of every row of the split")
        problems += unmatched
        rows[row_of_id[row_of_id >= 0]] = np.flatnonzero(row_of_id >= 0)
    elif epoch.rows == len(ids):
        rows = np.arange(epoch.rows)
    else:
        message = f"there are {epoch.rows:,} rows, and the split has {len(ids):,}"
        problems.append(Problem(where, message, "Write one for each, in manifest order, or add ids"))
    known = rows >= 0
    expected = np.where(known, targets[rows], np.nan) if len(targets) else np.full(epoch.rows, np.nan)
    if file_targets is not None:
        far = known & np.isfinite(file_targets) & ~np.isclose(file_targets, expected, rtol=1e-6, atol=1e-6)
        if far.any():
            pairs = zip(np.flatnonzero(far) + 1, file_targets[far], expected[far], strict=True)
            unlike = [f"row {row} has {target:.9g}, not {other:.9g}" for row, target, other in pairs]
            message = f"{len(unlike):,} targets differ from the manifest's: {sample(unlike)}"
            problems.append(Problem(where, message, "Check that the file belongs to this dataset and split"))
    if problems:
        raise InputError(problems)
    return expected


def strange(targets: FloatArray, *, first: int = 0) -> Bad:
    """The rows whose ``targets`` (n,) are no finite numbers, counted from ``first`` on."""
    return Bad.of(np.flatnonzero(~np.isfinite(targets)), first=first)


def no_numbers(where: str, bad: Bad) -> list[Problem]:
    """What to say of rows that are `strange`."""
    if not bad.count:
        return []
    rows = ", ".join(str(row + 1) for row in bad.rows)
    more = f" and {bad.count - SHOWN:,} more" if bad.count > SHOWN else ""
    message = f"{bad.count:,} rows have no number as their target: rows {rows}{more}"
    return [Problem(where, message, "Write finite numbers")]


def no_targets(where: str) -> Problem:
    """What to say of a file without targets where nothing else has them."""
    message = "there are no targets, and the dataset is not curated, so no other source of them"
    return Problem(where, message, "Run `dir curate` first, or write targets into the file")
