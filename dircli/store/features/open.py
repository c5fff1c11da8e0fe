"""A feature file opened by its kind, which is known by how its bytes begin."""

from contextlib import AbstractContextManager
from pathlib import Path

from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, sniff
from dircli.store.features import hdf5, npy, parquet
from dircli.store.features.layout import Features

HINT = "Give an HDF5, Parquet or npy file of features"
ENDINGS = {"HDF5": (".h5", ".hdf5"), "Parquet": (".parquet",), "npy": (".npy",)}


def opened(path: Path) -> AbstractContextManager[Features]:
    """The feature file at ``path``; InputError with everything that its layout has wrong."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError:
        start = files.read(path, hint=HINT)[:8]  # which has a word for whatever it is
    kinds = {sniff.HDF5: hdf5.open_features, sniff.PARQUET: parquet.open_features, sniff.NPY: npy.open_features}
    open_features = next((opens for magic, opens in kinds.items() if start.startswith(magic)), None)
    if open_features is None:
        what = "this is neither HDF5 nor Parquet nor npy" if start else "the file is empty"
        raise InputError(Problem(str(path), what, HINT))
    return open_features(path)


def check_ending(features: Features, out: Path) -> None:
    """UsageError where the name ``out`` promises another format than that of ``features``."""
    promised = [kind for kind, endings in ENDINGS.items() if out.suffix.lower() in endings]
    if promised and features.kind not in promised:
        wanted = " or ".join(ENDINGS[features.kind])
        raise UsageError(f"{out}: features are written in the format they came in; end the name in {wanted}")
