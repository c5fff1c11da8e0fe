"""Label maps counted: in parallel, in memory that does not grow with their number, and going on where it was.

Decoding a PNG releases Python's lock, so threads use every core. Counts are kept per chunk of images, under a key made
of the images' names and their files' stamps: a chunk whose files are as they were is not read again, a changed file
costs its own chunk alone, and no count can be taken for another.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from dircli.errors import InputError, Problem, first_ten
from dircli.store.parallel import Watch, in_order, unwatched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.arrays import IntArray
    from dircli.benchmark.pixels import Maps
    from dircli.store.checkpoint import Checkpoint

CHUNK = 32
PREPARED = "shorter side 240, centre 304 x 228"  # part of each key: counts of another preparation are others


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
    return total, first_ten(
        problems, lambda problem: problem, lambda left: Problem(what, f"{left:,} more problems like these")
    )
