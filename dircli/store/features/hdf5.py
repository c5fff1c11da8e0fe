"""Feature files in HDF5: ``features`` at the root, or in one group per epoch."""

import contextlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dircli.arrays import FloatArray
from dircli.errors import InputError, Problem, clear, sample
from dircli.store.features.layout import AGAIN, Block, Epoch, Features, File, Put, evenly, rows_per_block
from dircli.store.hdf5 import opened

FEATURES, IDS, TARGETS = "features", "ids", "targets"


@contextlib.contextmanager
def open_features(path: Path) -> Iterator[Features]:
    """The features in the HDF5 file at ``path``; InputError with everything that is wrong in its layout."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(opened(path))
        except OSError as error:
            raise InputError(Problem(str(path), f"this is no whole HDF5 file ({error})", AGAIN)) from None
        yield Features(kind="HDF5", epochs=_epochs(file, path), rewritten=partial(_rewritten, file))


@contextlib.contextmanager
def _rewritten(file: Any, path: Path) -> Iterator[Put]:
    import h5py

    with h5py.File(path, "x") as copy:
        _copy(file, copy)

        def put(epoch: Epoch, block: Block) -> None:
            copy[f"{epoch.name}/{FEATURES}"][block.first : block.first + len(block.features)] = block.features

        yield put


def _copy(group: Any, copy: Any) -> None:
    """Everything of ``group``, but for the numbers of ``features``, into ``copy``."""
    import h5py

    copy.attrs.update(group.attrs)
    for name, item in group.items():
        if name == FEATURES:
            how = {"chunks": item.chunks, "compression": item.compression, "compression_opts": item.compression_opts}
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            if item.chunks is None:  # room for all numbers, which are not zeros first
                plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            new = copy.create_dataset(name, item.shape, item.dtype, shuffle=item.shuffle or None, dcpl=plan, **how)
            new.attrs.update(item.attrs)
        elif isinstance(item, h5py.Group):
            _copy(item, copy.create_group(name))
        else:
            group.copy(name, copy)


def _epochs(file: Any, path: Path) -> list[Epoch]:
    import h5py

    name = str(path)
    groups = [key for key, item in file.items() if isinstance(item, h5py.Group) and FEATURES in item]
    # epoch_2 comes before epoch_10
    groups.sort(key=lambda key: [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", key)])
    if FEATURES in file and groups:
        message = f"there are features at the root and in {sample([clear(group) for group in groups])}"
        raise InputError(Problem(name, message, "Keep one, or put every epoch into a group"))
    if FEATURES not in file and not groups:
        datasets = sample([clear(key) for key in file]) or "nothing"
        hint = f"Write a dataset {FEATURES} of shape (n, d), or one in a group per epoch"
        raise InputError(Problem(name, f"there is no dataset {FEATURES}; there is {datasets}", hint))
    problems: list[Problem] = []
    epochs = [_epoch(file, group, number, path, problems) for number, group in enumerate(groups or [""])]
    if not problems and len({epoch.dim for epoch in epochs}) > 1:
        dims = ", ".join(f"{epoch.name} {epoch.dim}" for epoch in epochs)
        problems.append(Problem(name, f"epochs differ in the number of dimensions: {dims}", "Give those of one model"))
    if problems:
        raise InputError(problems)
    return epochs


def _epoch(file: Any, group: str, number: int, path: Path, problems: list[Problem]) -> Epoch:
    import h5py

    where = f"{path}, {group}" if group else str(path)
    base = file[group] if group else file
    data = base[FEATURES]
    if not isinstance(data, h5py.Dataset) or data.ndim != 2 or not all(data.shape):  # noqa: PLR2004 - rows, dimensions
        shape = f"have shape {data.shape}" if isinstance(data, h5py.Dataset) else "are a group"
        problems.append(Problem(where, f"the features {shape}", "One row of features per sample is expected"))
        return Epoch(name=group, rows=0, dim=0, blocks=lambda _rows: iter(()))
    if data.dtype.kind != "f":
        problems.append(Problem(where, f"the features are {data.dtype}", "Write floating-point numbers"))
    readers: dict[str, Any] = {}
    expected = ((IDS, "OSiu", "texts or whole numbers", _ids), (TARGETS, "fiu", "numbers", _targets))
    for key, kinds, what, read in expected:
        labels = base[key] if key in base else file.get(key)
        if labels is None:
            continue
        if not isinstance(labels, h5py.Dataset) or labels.shape != data.shape[:1]:
            message = f"{key} have shape {getattr(labels, 'shape', None)}"
            problems.append(Problem(where, message, "One per row is expected"))
        elif labels.dtype.kind not in kinds:
            problems.append(Problem(where, f"{key} are {labels.dtype}", f"Write {what}"))
        readers[key] = partial(read, labels, where)
    rows, dim = data.shape
    grain = data.chunks[0] if data.chunks else 1
    about = {"number": number, "itemsize": data.dtype.itemsize, **readers}
    files = [File(path, rows, partial(evenly, rows, grain=grain))]
    return Epoch(name=group, rows=rows, dim=dim, blocks=partial(_blocks, data, where), files=files, **about)


def _ids(data: Any, where: str) -> list[str]:
    try:
        return [key.decode() if isinstance(key, bytes) else str(key) for key in data[:].tolist()]
    except UnicodeDecodeError as error:
        raise InputError(Problem(where, f"an id is no UTF-8 text ({error.object!r})", "Write UTF-8")) from None


def _targets(data: Any, _where: str, rows: range) -> FloatArray:
    return np.asarray(data[rows.start : rows.stop], dtype=np.float64)


def _blocks(data: Any, where: str, rows: range) -> Iterator[Block]:
    """Blocks of whole chunks, so that none is unpacked twice."""
    step = rows_per_block(data.shape[1], data.dtype.itemsize)
    if data.chunks and data.chunks[0] < step:
        step -= step % data.chunks[0]
    for first in range(rows.start, rows.stop, step):
        try:
            features = data[first : min(first + step, rows.stop)]
        except OSError as error:
            message = f"rows from {first + 1:,} on cannot be read ({error})"
            raise InputError(Problem(where, message, AGAIN)) from None
        yield Block(first, features)
