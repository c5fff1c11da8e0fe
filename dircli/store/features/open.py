"""Features opened by the kind of their file, which is known by how its bytes begin."""

from contextlib import AbstractContextManager
from pathlib import Path

from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, parts, places, sniff
from dircli.store.features import hdf5, npy, parquet
from dircli.store.features.layout import Features

HINT = "Give an HDF5, Parquet or npy file of features"
ENDINGS = {"HDF5": (".h5", ".hdf5"), "Parquet": (".parquet",), "npy": (".npy",)}


def opened(name: Path | str) -> AbstractContextManager[Features]:
    """The features in the file ``name``, or in the Parquet files of the folder or glob ``name``, which are one table.

    Raises InputError with everything that their layout has wrong.
    """
    paths = places.parts(name)
    try:
        start = _start(paths[0])
    except OSError:
        start = files.read(paths[0], hint=HINT)[:8]  # which has a word for whatever it is
    if len(paths) == 1:
        return _of_kind(paths[0], start)
    if not start.startswith(sniff.PARQUET):
        what = f"of several files that are one input each is Parquet, and {paths[0]} is not"
        raise InputError(Problem(places.shown(str(name)), what, "Name one file, or leave this one out"))
    parts.refuse_unlike(paths, ())
    return parquet.open_features(paths)


def opened_file(path: Path) -> AbstractContextManager[Features]:
    """The feature file at ``path``, as `opened`; OSError where there is none."""
    return _of_kind(path, _start(path))


def _of_kind(path: Path, start: bytes) -> AbstractContextManager[Features]:
    """The file at ``path``, which begins with ``start``."""
    if start.startswith(sniff.PARQUET):
        return parquet.open_features([path])
    kinds = {sniff.HDF5: hdf5.open_features, sniff.NPY: npy.open_features}
    open_features = next((opens for magic, opens in kinds.items() if start.startswith(magic)), None)
    if open_features is None:
        what = "this is neither HDF5 nor Parquet nor npy" if start else "the file is empty"
        raise InputError(Problem(str(path), what, HINT))
    return open_features(path)


def _start(path: Path) -> bytes:
    """How the file at ``path`` begins."""
    with path.open("rb") as stream:
        return stream.read(8)


def check_ending(features: Features, out: Path) -> None:
    """UsageError where the name ``out`` promises another format than that of ``features``."""
    promised = [kind for kind, endings in ENDINGS.items() if out.suffix.lower() in endings]
    if promised and features.kind not in promised:
        wanted = " or ".join(ENDINGS[features.kind])
        raise UsageError(f"{out}: features are written in the format they came in; end the name in {wanted}")
