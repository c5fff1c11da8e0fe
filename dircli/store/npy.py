"""Arrays in npy files."""

import io
import math
import re
from pathlib import Path
from typing import IO

import numpy as np

from dircli.arrays import AnyArray
from dircli.errors import InputError, Problem
from dircli.store.places import UnreachableError


def load(source: bytes | Path, name: str, *, hint: str) -> AnyArray:
    """The array in the bytes of a file, or the one at a path, mapped into memory; InputError where it is not whole."""
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        array: AnyArray = np.load(stream, mmap_mode="r" if stream is source else None, allow_pickle=False)
    except Exception as error:  # noqa: BLE001 - numpy answers damage with whatever its parser met
        raise _damaged(name, error, hint) from None
    return array


class Slices:
    """The array in the npy file that ``stream`` holds, of which no more is read than is asked for, by its first axis.

    InputError where the file is not whole, or its numbers stand by column, so that a slice is nowhere in one piece.
    """

    def __init__(self, stream: IO[bytes], name: str, *, hint: str) -> None:
        self.shape, by_column, self.dtype = header(stream, name, hint=hint)
        self._stream, self._start = stream, stream.tell()
        self._row = math.prod(self.shape[1:]) * self.dtype.itemsize
        size, there = math.prod(self.shape) * self.dtype.itemsize, stream.seek(0, io.SEEK_END) - self._start
        if there < size:
            raise _damaged(name, ValueError(f"{there:,} bytes of numbers, and its header says {size:,}"), hint)
        if by_column and len(self.shape) > 1:
            what = "its numbers are stored by column, and elsewhere they are read by row"
            raise InputError(Problem(name, what, "Write np.ascontiguousarray(array), or copy the file here"))

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
