"""Label maps counted: in parallel, in memory that does not grow with their number, and going on where it was.

Decoding a PNG releases Python's lock, so threads use every core. Counts are kept per chunk of images, under a hash of
the images' names and their files' stamps: only a chunk with a changed file is read again.
"""

import hashlib
from contextlib import closing

import numpy as np

from dircli.arrays import IntArray
from dircli.benchmark.pixels import Maps
from dircli.errors import InputError, Problem, first_ten
from dircli.store.checkpoint import Checkpoint
from dircli.store.parallel import Watch, in_order, unwatched

PREPARED = "shorter side 240, centre 304 x 228"  # part of each key: counts of another preparation are others


def counted(
    maps: Maps, checkpoint: Checkpoint, *, what: str, watch: Watch = unwatched, size: int
) -> tuple[IntArray, list[Problem]]:
    """How many pixels of ``maps`` hold each code, (C,), and what is wrong with images; kept per ``size`` of them."""
    codes, names = len(maps.targets), [maps.ids, *maps.columns.values()]
    chunks = [range(start, min(start + size, len(maps))) for start in range(0, len(maps), size)]

    def chunk(number: int) -> tuple[str, IntArray, list[Problem], bool]:
        rows = chunks[number]
        lines = ["\t".join([*(str(column[row]) for column in names), maps.stamp(row)]) for row in rows]
        key = hashlib.sha256("\n".join([PREPARED, *lines]).encode()).hexdigest()
        known = checkpoint.get(key, codes)
        if known is not None:
            return key, known, [], True
        counts, problems = np.zeros(codes, dtype=np.int64), []
        for row in rows:
            try:
                counts += np.bincount(maps.load(row).ravel(), minlength=codes)
            except InputError as error:
                problems += error.problems
        return key, counts, problems, False

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
