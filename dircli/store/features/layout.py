"""Feature files: HDF5, Parquet or npy; read and written in blocks, so that memory does not grow with the rows.

HDF5: ``features`` (n, d), and by choice ``ids`` (n,) and ``targets`` (n,); or groups that hold them, one per epoch, in
the natural order of their names, with ``ids`` and ``targets`` of the root for groups that have none. Parquet: lists of
d numbers in ``features``, with ``id`` and by choice ``target``. npy: (n, d) alone. Without ids, rows are in manifest
order. Features are floating-point numbers. The kind of file is known by how its bytes begin.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dircli.arrays import AnyArray, FloatArray, TextArray
from dircli.errors import InputError, Problem, sample
from dircli.store.matching import matched

BLOCK = 1 << 23  # bytes of features that are read at a time
AGAIN = "Check that whatever wrote it has finished"


class Block(NamedTuple):
    """Rows ``first``, … of an epoch: their features (k, d), and what else the file holds of them."""

    first: int
    features: AnyArray
    rest: Any = None


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of a feature file: ``rows`` of ``dim`` features each; ``name`` is empty for the only one.

    ``ids()`` and ``targets()`` read those of each row, in the file's order, or give None; ``blocks()`` the features.
    """

    name: str
    rows: int
    dim: int
    blocks: Callable[[], Iterator[Block]]
    ids: Callable[[], list[str] | None] = lambda: None
    targets: Callable[[], FloatArray | None] = lambda: None


Put: TypeAlias = "Callable[[Epoch, Block, AnyArray], None]"
"""Writes new features (k, d) of an epoch where its block was."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """An open feature file of a ``kind``, HDF5, Parquet or npy, and its ``epochs``, one or more in their order.

    ``rewritten`` makes a copy of it whose features are those that are put, block by block in the same order.
    """

    kind: str
    epochs: list[Epoch]
    rewritten: Callable[[Path], AbstractContextManager[Put]]


def rows_per_block(dim: int, itemsize: int) -> int:
    """How many rows of ``dim`` numbers make a block."""
    return max(1, BLOCK // max(dim * itemsize, 1))


def labels(epoch: Epoch, file: str, ids: TextArray | None, targets: FloatArray | None) -> FloatArray:
    """The target of each row of ``epoch`` (n,), in the file's order.

    ``ids`` and ``targets`` are those of the split; rows of a file without ids are in their order. Both None: there is
    no manifest, and the file's own targets count. Raises InputError with everything wrong: missing, surplus and
    repeated ids, another number of rows, targets that are no numbers or differ (by more than float32 does).
    """
    where = f"{file}, {epoch.name}" if epoch.name else file
    file_targets = epoch.targets()
    problems = []
    if file_targets is not None and (strange := np.flatnonzero(~np.isfinite(file_targets))).size:
        message = f"{strange.size:,} rows have no number as their target: rows {sample((strange + 1).tolist())}"
        problems.append(Problem(where, message, "Write finite numbers"))
    if ids is None or targets is None:
        if file_targets is None:
            message = "there are no targets, and the dataset is not curated, so no other source of them"
            problems.append(Problem(where, message, "Run `dir curate` first, or write targets into the file"))
        elif not problems:
            return file_targets
        raise InputError(problems)
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
