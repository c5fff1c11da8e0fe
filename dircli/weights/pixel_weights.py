"""Maps of weights: for every pixel of every training image the weight of its bin, as one HDF5 file.

Each image is a chunk of its own. Maps are made in parallel and written in order, so that the file is the same however
many cores or workers there are, and memory does not grow with it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.pixels import Maps
from dircli.benchmark.raw import Raw
from dircli.datasets import obtain
from dircli.datasets.maps_elsewhere import Sent
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, hdf5
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import Watch, in_order, unwatched
from dircli.weights.weigh import Weighted

ENDINGS = (".h5", ".hdf5")
BATCH = 4
"""Maps that are made at once."""


def make(  # noqa: PLR0913 - what is made of what, and where
    weighted: Weighted,
    raw: Path | None,
    out: Path,
    *,
    terms: DownloadOptions,
    shape: str | None = None,
    watch: Watch = unwatched,
    engine: Engine = LOCAL,
    force: bool = False,
) -> int:
    """Maps of the computed weights from the training maps in ``raw``, or the dataset's own folder; their number.

    Raises UsageError where labels are no maps, SourceError, with the steps to obtain them, where they are not here.
    """
    dataset = datasets.load(str(weighted.facts["dataset"]))
    reader = dataset.reader
    if not isinstance(reader, PixelReader):
        raise UsageError(f"{weighted.name}: its labels are no maps, and --maps is for those that are")
    shapes = {f"{rows}x{columns}": (rows, columns) for rows, columns in (reader.shape, trained(reader.shape))}
    if shape is not None and shape not in shapes:
        raise UsageError(f"--shape {shape}: weights are known for maps of {' or '.join(shapes)}")
    size = shapes[shape or next(iter(shapes))]
    how: dict[str, Any] = {"shape": size, "watch": watch, "engine": engine, "force": force}
    with obtain.raw_files(dataset, raw, terms, "the label maps") as tree:
        return write(out, weighted, reader=reader, bins=dataset.rules.bins, raw=tree, **how)


def trained(shape: tuple[int, int]) -> tuple[int, int]:
    """The shape of the maps that the released training loop sees: half as many rows and columns."""
    return shape[0] // 2, shape[1] // 2


def resized(codes: AnyArray, shape: tuple[int, int]) -> AnyArray:
    """The 8-bit codes of a prepared map at ``shape``, as the released loader resizes them: by Pillow's default.

    That is bicubic since Pillow 7.0 (January 2020), before the code was released, and rounds to whole codes.
    """
    from PIL import Image

    if codes.shape == shape:
        return codes
    return np.asarray(Image.fromarray(codes.astype(np.uint8, copy=False)).resize(shape[::-1], Image.Resampling.BICUBIC))


def write(  # noqa: PLR0913 - what is written, from what
    path: Path,
    weighted: Weighted,
    *,
    reader: PixelReader,
    bins: Bins,
    raw: Raw,
    shape: tuple[int, int] | None = None,
    watch: Watch = unwatched,
    engine: Engine = LOCAL,
    force: bool = False,
) -> int:
    """``weights`` (n, H, W) float32, and ``ids`` (n,), of the training images in ``raw``; their number.

    The mean over all pixels is 1 where the images are those that were counted, and ``shape`` (H, W) is that in which
    they were; a smaller one has the weights of the resized codes (see `resized`). Other processes of the ``engine``
    open the maps themselves. Raises InputError with the first image that cannot be read, and then writes
    nothing.
    """
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path}: maps are written as HDF5; end the name in {' or '.join(ENDINGS)}")
    train = reader.maps(raw).get("train")
    if train is None:
        raise InputError(Problem(raw.name, "there are no training maps", "Give the archive with its training half"))
    if train.problems:
        raise InputError(train.problems)
    index, size = bins.index(train.targets), shape or reader.shape
    table = np.where(index >= 0, weighted.by_bin.weight[index], np.nan).astype(np.float32)
    batches = [range(start, min(start + BATCH, len(train))) for start in range(0, len(train), BATCH)]
    if engine.name == "local":
        made = in_order(partial(_weights, train, table, size), batches, serial=train.serial)
    else:
        shared = (Sent(raw, str(weighted.facts["dataset"])), table, size)
        made = engine.in_order(_weights_elsewhere, batches, shared=shared)

    def weights() -> Iterator[AnyArray]:
        with watch("weight maps", len(train)) as done:
            for each in made:
                yield from each
                done(len(each))

    facts = {key: value for key, value in weighted.facts.items() if value is not None}
    facts |= {} if size == reader.shape else {"resized": "bicubic, as the released loader"}
    rows = hdf5.Rows("weights", (len(train), *size), weights(), dtype=np.float32, packed=True)
    with files.staged(path.parent, path.name, force=force) as folder:
        hdf5.write(folder / path.name, {"ids": train.ids.tolist()}, facts, rows=rows)
    return len(train)


def _weights(maps: Maps, table: AnyArray, shape: tuple[int, int], rows: range) -> list[AnyArray]:
    """For each of ``rows`` the map, of that ``shape``, of the weight that ``table`` (C,) has for each code."""
    return [table[resized(maps.load(row), shape)] for row in rows]


def _weights_elsewhere(asked: tuple[Sent, AnyArray, tuple[int, int]], rows: range) -> list[AnyArray]:
    """`_weights` in another process."""
    sent, table, shape = asked
    with sent.maps() as maps:
        return _weights(maps, table, shape, rows)
