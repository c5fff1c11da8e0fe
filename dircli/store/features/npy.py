"""Feature files in npy format: one array (n, d), rows in manifest order."""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dircli.errors import InputError, Problem
from dircli.store import npy
from dircli.store.features.layout import AGAIN, Block, Epoch, Features, File, Put, evenly, rows_per_block


@contextlib.contextmanager
def open_features(path: Path) -> Iterator[Features]:
    """The features in the npy file at ``path``; InputError where it holds no matrix of floating-point numbers."""
    name = str(path)
    with path.open("rb") as stream:
        shape, fortran, dtype = npy.header(stream, name, hint=AGAIN)
        start = stream.tell()
        problems = []
        if len(shape) != 2 or not all(shape):  # noqa: PLR2004 - rows, dimensions
            problems.append(Problem(name, f"the array has shape {shape}", "One row of features per sample is expected"))
        if dtype.kind != "f":
            problems.append(Problem(name, f"the array holds {dtype}", "Write floating-point numbers"))
        if fortran and not problems:
            problems.append(Problem(name, "its numbers are stored by column", "Save np.ascontiguousarray(features)"))
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if not problems and (there := stream.seek(0, os.SEEK_END) - start) != size:
            message = f"it holds {there:,} bytes of numbers, and its header says {size:,}"
            problems.append(Problem(name, message, AGAIN))
        if problems:
            raise InputError(problems)
        rows, dim = shape
        files = [File(path, rows, partial(evenly, rows))]
        blocks = partial(_blocks, stream, name, start, dim, dtype)
        epoch = Epoch(name="", rows=rows, dim=dim, blocks=blocks, itemsize=dtype.itemsize, files=files)
        yield Features(kind="npy", epochs=[epoch], rewritten=partial(_rewritten, shape, dtype))


@contextlib.contextmanager
def _rewritten(shape: tuple[int, ...], dtype: np.dtype[np.generic], path: Path) -> Iterator[Put]:
    with path.open("xb") as stream:
        npy.begin(stream, shape, dtype)
        yield lambda _epoch, block: block.features.tofile(stream)


def _blocks(  # noqa: PLR0913, PLR0917 - where an array is, and of what
    stream: BinaryIO, name: str, start: int, dim: int, dtype: np.dtype[np.generic], rows: range
) -> Iterator[Block]:
    """Blocks of ``rows`` of an array (n, dim) whose numbers stand in ``stream`` from byte ``start`` on, row by row."""
    step = rows_per_block(dim, dtype.itemsize)
    stream.seek(start + rows.start * dim * dtype.itemsize)
    for first in range(rows.start, rows.stop, step):
        features = np.empty((min(step, rows.stop - first), dim), dtype)
        if stream.readinto(features.reshape(-1).view(np.uint8)) != features.nbytes:  # type: ignore[attr-defined]
            raise InputError(Problem(name, f"rows from {first + 1:,} on cannot be read", AGAIN))
        yield Block(first, features)
