"""Arrays in npy files."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.errors import InputError, Problem


def load(source: bytes | Path, name: str, *, hint: str) -> AnyArray:
    """The array in the bytes of a file, or the one at a path, mapped into memory; InputError where it is not whole."""
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        array: AnyArray = np.load(stream, mmap_mode="r" if stream is source else None, allow_pickle=False)
    except Exception as error:  # noqa: BLE001 - numpy answers damage with whatever its parser met
        raise _damaged(name, error, hint) from None
    return array


def as_bytes(array: AnyArray) -> bytes:
    """``array``, of numbers or unicode, as an npy file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def write(stream: BinaryIO, size: int, blocks: Iterable[FloatArray]) -> None:
    """``size`` float64 numbers, which ``blocks`` (n,) hold together, as the bytes that `as_bytes` gives of them all."""
    kind = np.dtype(np.float64)
    described = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(stream, described)
    stream.writelines(np.ascontiguousarray(block, dtype=kind).data for block in blocks)


def header(stream: BinaryIO, name: str, *, hint: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """The shape, whether numbers stand by column, and the type; ``stream`` is left where the numbers begin."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        return np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # noqa: BLE001 - as above
        raise _damaged(name, error, hint) from None


def _damaged(name: str, error: Exception, hint: str) -> InputError:
    reason = re.sub(" at 0x[0-9a-f]+", "", str(error))  # an address in memory, another one in each run
    return InputError(Problem(name, f"this is no whole npy file ({reason})", hint))
