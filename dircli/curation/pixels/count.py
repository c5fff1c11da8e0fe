"""Label maps counted: in parallel, in memory that does not grow with their number, and going on where it was.

Decoding a PNG releases Python's lock, so threads use every core. Counts are kept per chunk of images, under a hash of
the images' names and their files' stamps: only a chunk with a changed file is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from dircli.arrays import IntArray
from dircli.benchmark.pixels import Maps
from dircli.datasets.maps_elsewhere import Sent
from dircli.errors import InputError, Problem, first_ten
from dircli.store.checkpoint import Checkpoint
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import Watch, in_order, unwatched

PREPARED = "shorter side 240, centre 304 x 228"  # part of each key: counts of another preparation are others


def counted(  # noqa: PLR0913 - what is counted, and by whom
    maps: Maps,
    checkpoint: Checkpoint,
    *,
    what: str,
    size: int,
    watch: Watch = unwatched,
    engine: Engine = LOCAL,
    sent: Sent | None = None,
) -> tuple[IntArray, list[Problem]]:
    """How many pixels of ``maps`` hold each code, (C,), and what is wrong with images; kept per ``size`` of them.

    Other processes of the ``engine`` open what is ``sent``.
    """
    chunks = [range(start, min(start + size, len(maps))) for start in range(0, len(maps), size)]
    known = checkpoint.keys()

    def chunk(rows: range) -> Chunk:
        return _chunk(maps, rows, known)

    if engine.name == "local" or sent is None:
        results = in_order(chunk, chunks, serial=maps.serial)
    else:
        results = engine.in_order(_chunk_elsewhere, chunks, shared=(sent, known))
    codes = len(maps.targets)
    total, problems = np.zeros(codes, dtype=np.int64), []
    with closing(checkpoint), watch(what, len(maps)) as done:
        for rows, found in zip(chunks, results, strict=True):
            counts = checkpoint.get(found.key, codes) if found.counts is None else found.counts
            total += 0 if counts is None else counts
            problems += found.problems
            if found.counts is not None and not found.problems and len(chunks) > 1:
                checkpoint.keep(found.key, found.counts)
            done(len(rows))
    return total, first_ten(
        problems, lambda problem: problem, lambda left: Problem(what, f"{left:,} more problems like these")
    )


@dataclass(frozen=True)
class Chunk:
    """What was counted of some images: the ``counts`` (C,) under ``key``, None where they are known; what is wrong."""

    key: str
    counts: IntArray | None
    problems: list[Problem]


def _chunk(maps: Maps, rows: range, known: Container[str]) -> Chunk:
    codes, names = len(maps.targets), [maps.ids, *maps.columns.values()]
    lines = ["\t".join([*(str(column[row]) for column in names), maps.stamp(row)]) for row in rows]
    key = hashlib.sha256("\n".join([PREPARED, *lines]).encode()).hexdigest()
    if key in known:
        return Chunk(key, None, [])
    counts, problems = np.zeros(codes, dtype=np.int64), []
    for row in rows:
        try:
            counts += np.bincount(maps.load(row).ravel(), minlength=codes)
        except InputError as error:
            problems += error.problems
    return Chunk(key, counts, problems)


def _chunk_elsewhere(asked: tuple[Sent, Container[str]], rows: range) -> Chunk:
    """`_chunk` in another process."""
    sent, known = asked
    with sent.maps() as maps:
        return _chunk(maps, rows, known)
