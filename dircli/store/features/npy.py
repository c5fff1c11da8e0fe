"""Feature files in npy format: one array (n, d), rows in manifest order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dircli.arrays import AnyArray
from dircli.errors import InputError, Problem
from dircli.store import npy
from dircli.store.features.layout import AGAIN, Block, Epoch, Put, rows_per_block


@dataclass(frozen=True)
class _Npy:
    epochs: list[Epoch]
    dtype: np.dtype[np.generic]
    kind: str = "npy"

    @contextlib.contextmanager
    def rewritten(self, path: Path) -> Iterator[Put]:
        with path.open("xb") as stream:
            shape = (self.epochs[0].rows, self.epochs[0].dim)
            header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)

            def put(_epoch: Epoch, _block: Block, features: AnyArray) -> None:
                features.tofile(stream)

            yield put


@contextlib.contextmanager
def open_features(path: Path) -> Iterator[_Npy]:
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
        blocks = partial(_blocks, stream, start, shape, dtype)
        epoch = Epoch(name="", rows=shape[0], dim=shape[1], ids=lambda: None, targets=lambda: None, blocks=blocks)
        yield _Npy([epoch], dtype)


def _blocks(stream: BinaryIO, start: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Iterator[Block]:
    """The blocks of an array (n, d) whose numbers stand in ``stream`` from byte ``start`` on, row by row."""
    rows, dim = shape
    step = rows_per_block(dim, dtype.itemsize)
    stream.seek(start)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        yield Block(first, np.fromfile(stream, dtype, count * dim).reshape(count, dim))
