"""A feature file opened by its kind, which is known by how its bytes begin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, sniff
from dircli.store.features.layout import Features

HINT = "Give an HDF5, Parquet or npy file of features"
ENDINGS = {"HDF5": (".h5", ".hdf5"), "Parquet": (".parquet",), "npy": (".npy",)}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Features]:
    """The feature file at ``path``; InputError with everything that its layout has wrong."""
    start = _start(path)
    source: AbstractContextManager[Features]
    if start.startswith(sniff.HDF5):
        from dircli.store.features import hdf5

        source = hdf5.open_features(path)
    elif start.startswith(sniff.PARQUET):
        from dircli.store.features import parquet as columns

        source = columns.open_features(path)
    elif start.startswith(sniff.NPY):
        from dircli.store.features import npy

        source = npy.open_features(path)
    else:
        what = "this is neither HDF5 nor Parquet nor npy" if start else "the file is empty"
        raise InputError(Problem(str(path), what, HINT))
    with source as features:
        yield features


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError:
        return files.read(path, hint=HINT)[:8]  # which has a word for whatever it is


def check_ending(features: Features, out: Path) -> None:
    """UsageError where the name ``out`` promises another format than that of ``features``."""
    promised = [kind for kind, endings in ENDINGS.items() if out.suffix.lower() in endings]
    if promised and features.kind not in promised:
        wanted = " or ".join(ENDINGS[features.kind])
        raise UsageError(f"{out}: features are written in the format they came in; end the name in {wanted}")
