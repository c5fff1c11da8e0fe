"""Arrays in one HDF5 file: statistics of features, maps of weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray
from dircli.store import places

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class Rows:
    """A dataset ``name`` of ``shape`` whose ``matrices``, one per row, are never held together.

    ``packed``: each is a chunk of its own and compressed, so that one can be read without the others.
    """

    name: str
    shape: tuple[int, ...]
    matrices: Iterable[AnyArray]
    dtype: type[np.floating[Any]] = np.float64
    packed: bool = False


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The HDF5 file at ``path``, to be read, of one elsewhere no more than is asked for; OSError where it is none."""
    import h5py

    with ExitStack() as stack:
        source = stack.enter_context(path.open("rb")) if places.is_remote(path) else path
        yield stack.enter_context(h5py.File(source, "r"))


def write(
    path: Path, arrays: Mapping[str, AnyArray | list[str]], facts: Mapping[str, Any], *, rows: Rows | None = None
) -> None:
    """A new HDF5 file of ``arrays``, with ``facts`` as attributes, and ``rows`` written one by one."""
    import h5py

    with h5py.File(path, "x") as file:
        file.attrs.update(facts)
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        if rows is not None:
            packed = {"chunks": (1, *rows.shape[1:]), "shuffle": True, "compression": "gzip", "compression_opts": 4}
            dataset = file.create_dataset(rows.name, rows.shape, rows.dtype, **(packed if rows.packed else {}))
            for row, matrix in enumerate(rows.matrices):
                dataset[row] = matrix
