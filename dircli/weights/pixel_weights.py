"""Maps of weights: for every pixel of every training image the weight of its bin, as one HDF5 file.

Each image is a chunk of its own. Maps are made in parallel and written in order, so that the file is the same however
many cores there are, and memory does not grow with it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.raw import Raw
from dircli.datasets import obtain
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, hdf5
from dircli.store.parallel import Watch, in_order, unwatched
from dircli.weights.weigh import Weighted

ENDINGS = (".h5", ".hdf5")


def make(  # noqa: PLR0913 - what is made of what, and where
    weighted: Weighted,
    raw: Path | None,
    out: Path,
    *,
    terms: DownloadOptions,
    watch: Watch = unwatched,
    force: bool = False,
) -> int:
    """Maps of the computed weights from the training maps in ``raw``, or the dataset's own folder; their number.

    Raises UsageError where labels are no maps, SourceError, with the steps to obtain them, where they are not here.
    """
    dataset = datasets.load(str(weighted.facts["dataset"]))
    reader = dataset.reader
    if not isinstance(reader, PixelReader):
        raise UsageError(f"{weighted.name}: its labels are no maps, and --maps is for those that are")
    with obtain.raw_files(dataset, raw, terms, "the label maps") as tree:
        return write(out, weighted, reader=reader, bins=dataset.rules.bins, raw=tree, watch=watch, force=force)


def write(  # noqa: PLR0913 - what is written, from what
    path: Path,
    weighted: Weighted,
    *,
    reader: PixelReader,
    bins: Bins,
    raw: Raw,
    watch: Watch = unwatched,
    force: bool = False,
) -> int:
    """``weights`` (n, H, W) float32, and ``ids`` (n,), of the training images in ``raw``; their number.

    The mean over all pixels is 1 where the images are those that were counted. Raises InputError with the first image
    that cannot be read, and then writes nothing.
    """
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path}: maps are written as HDF5; end the name in {' or '.join(ENDINGS)}")
    train = reader.maps(raw).get("train")
    if train is None:
        raise InputError(Problem(raw.name, "there are no training maps", "Give the archive with its training half"))
    if train.problems:
        raise InputError(train.problems)
    index = bins.index(train.targets)
    table = np.where(index >= 0, weighted.by_bin.weight[index], np.nan).astype(np.float32)

    def weights() -> Iterator[AnyArray]:
        with watch("weight maps", len(train)) as done:
            for codes in in_order(train.load, range(len(train)), serial=train.serial):
                yield table[codes]
                done(1)

    facts = {key: value for key, value in weighted.facts.items() if value is not None}
    rows = hdf5.Rows("weights", (len(train), *reader.shape), weights(), dtype=np.float32, packed=True)
    with files.staged(path.parent, path.name, force=force) as folder:
        hdf5.write(folder / path.name, {"ids": train.ids.tolist()}, facts, rows=rows)
    return len(train)
