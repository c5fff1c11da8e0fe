"""Feature files in npy format: one array (n, d), rows in manifest order."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dircli.errors import InputError, Problem
from dircli.store import npy
from dircli.store.features.layout import AGAIN, Block, Epoch, Features, Put, rows_per_block


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
        if not problems and path.stat().st_size - start != size:
            message = f"it holds {path.stat().st_size - start:,} bytes of numbers, and its header says {size:,}"
            problems.append(Problem(name, message, AGAIN))
        if problems:
            raise InputError(problems)
        epoch = Epoch(name="", rows=shape[0], dim=shape[1], blocks=partial(_blocks, stream, start, shape, dtype))
        yield Features(kind="npy", epochs=[epoch], rewritten=partial(_rewritten, shape, dtype))


@contextlib.contextmanager
def _rewritten(shape: tuple[int, ...], dtype: np.dtype[np.generic], path: Path) -> Iterator[Put]:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("xb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        yield lambda _epoch, _block, features: features.tofile(stream)


def _blocks(stream: BinaryIO, start: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Iterator[Block]:
    """The blocks of an array (n, d) whose numbers stand in ``stream`` from byte ``start`` on, row by row."""
    rows, dim = shape
    step = rows_per_block(dim, dtype.itemsize)
    stream.seek(start)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        yield Block(first, np.fromfile(stream, dtype, count * dim).reshape(count, dim))
