"""Arrays in npy files."""

from __future__ import annotations

import io
import math
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.errors import InputError, Problem
from dircli.store.places import UnreachableError, is_remote

COPIED = 1 << 20  # bytes at once


def load(source: bytes | Path, name: str, *, hint: str) -> AnyArray:
    """The array in the bytes of a file, or the one at a path, mapped into memory; InputError where it is not whole."""
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        array: AnyArray = np.load(stream, mmap_mode="r" if stream is source else None, allow_pickle=False)
    except Exception as error:  # noqa: BLE001 - numpy answers damage with whatever its parser met
        raise _damaged(name, error, hint) from None
    return array


@contextmanager
def opened(path: Path, *, hint: str) -> Iterator[AnyArray | Slices]:
    """The array at ``path``, of which no more is in memory than is asked for; InputError where it is not whole.

    One elsewhere is read by `Slices`, or by a copy in a temporary file where its numbers stand by column, so that a
    slice of its first axis is nowhere in one piece.
    """
    if not is_remote(path):
        yield load(path, str(path), hint=hint)
        return
    with path.open("rb") as stream:
        shape, by_column, dtype = header(stream, str(path), hint=hint)
        if not by_column:
            yield Slices(stream, shape, dtype, name=str(path), hint=hint)
            return
        from tempfile import TemporaryDirectory

        stream.seek(0)
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # it may still be mapped
            copy = Path(folder, path.name)
            with copy.open("xb") as file:
                shutil.copyfileobj(stream, file, COPIED)
            yield load(copy, str(path), hint=hint)


class Slices:
    """An array of this ``shape`` and ``dtype`` whose numbers follow in ``stream``, read by slices of its first axis.

    InputError where they are not all there.
    """

    def __init__(
        self, stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[np.generic], *, name: str, hint: str
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._stream, self._start, self._row = stream, stream.tell(), math.prod(shape[1:]) * dtype.itemsize
        size, there = math.prod(shape) * dtype.itemsize, stream.seek(0, io.SEEK_END) - self._start
        if there < size:
            raise _damaged(name, ValueError(f"{there:,} bytes of numbers, and its header says {size:,}"), hint)

    def __getitem__(self, part: slice) -> AnyArray:
        start, stop, _ = part.indices(self.shape[0])
        self._stream.seek(self._start + start * self._row)
        data = self._stream.read((stop - start) * self._row)
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.shape[1:])


def as_bytes(array: AnyArray) -> bytes:
    """``array``, of numbers or unicode, as an npy file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def write(stream: IO[bytes], size: int, blocks: Iterable[FloatArray]) -> None:
    """``size`` float64 numbers, which ``blocks`` (n,) hold together, as the bytes that `as_bytes` gives of them all."""
    kind = np.dtype(np.float64)
    begin(stream, (size,), kind)
    stream.writelines(np.ascontiguousarray(block, dtype=kind).data for block in blocks)


def begin(stream: IO[bytes], shape: tuple[int, ...], kind: np.dtype[np.generic]) -> None:
    """Write what stands before the numbers of an array of this ``shape`` and ``kind``, row by row."""
    described = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, described)


def header(stream: IO[bytes], name: str, *, hint: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """The shape, whether numbers stand by column, and the type; ``stream`` is left where the numbers begin."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        return np.lib.format.read_array_header_2_0(stream)
    except UnreachableError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise _damaged(name, error, hint) from None


def _damaged(name: str, error: Exception, hint: str) -> InputError:
    reason = re.sub(" at 0x[0-9a-f]+", "", str(error))  # an address in memory, another one in each run
    return InputError(Problem(name, f"this is no whole npy file ({reason})", hint))
