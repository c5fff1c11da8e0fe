"""Which test pixels of label maps are scored: those of the published mask, or a draw of as many from each bin."""

from collections.abc import Callable

import numpy as np

from dircli.arrays import AnyArray, IntArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.manifest import PixelManifest
from dircli.benchmark.pixels import Maps, Pixels, chosen_ranks, picked
from dircli.benchmark.raw import Raw
from dircli.errors import InputError, Problem, sample
from dircli.store import npy
from dircli.store.parallel import Watch, in_order


def imported(reader: PixelReader, released: Raw, images: int) -> AnyArray:
    """The published mask (images, H, W); InputError where its file is missing, damaged or holds something else."""
    member = released.find(reader.mask)
    if member is None:
        where, hint = released.name, "Give the file, or the folder that holds it"
        raise InputError(Problem(where, f"there is no {reader.mask}", hint))
    where = released.where(member)
    with released.open(member) as stream:
        mask = npy.load(stream.read(), where, hint="Fetch it again")
    if str(mask.dtype) != "uint8" or mask.shape != (images, *reader.shape):
        what = f"the array is {mask.dtype} of shape {mask.shape}, and uint8 of {(images, *reader.shape)} is expected"
        raise InputError(Problem(where, what, f"One map of zeros and ones for each of the {images:,} test images"))
    if mask.max(initial=0) > 1:
        raise InputError(Problem(where, f"it holds values up to {mask.max()}", "Expected zeros and ones"))
    return mask.view(bool)


def exported(reader: PixelReader, manifest: PixelManifest) -> dict[str, bytes]:
    """The mask of scored pixels and the lists of images, as the released training code reads them, by file name."""
    samples, scored = manifest.samples, manifest.pixels
    mask = np.zeros((np.count_nonzero(samples.split == "test"), *reader.shape), dtype=np.uint8)
    mask[scored.image, scored.row, scored.col] = 1
    contents = {reader.mask: npy.as_bytes(mask)}
    for split, (file, _) in reader.lists.items():
        rows = samples.split == split
        if rows.any():
            columns = {name: column[rows] for name, column in samples.columns.items()}
            contents[file] = reader.listed(samples.ids[rows], columns)
    return contents


def rule(
    reader: PixelReader, mask: AnyArray | None, counts: IntArray, *, seed: int
) -> Callable[[int, AnyArray, IntArray], IntArray]:
    """Which pixels of an image are scored: those of the mask, or as many of each bin as the rarest one has."""
    if mask is not None:
        return lambda row, _index, _before: np.flatnonzero(mask[row])
    balanced = np.where(np.arange(len(counts)) < reader.first, 0, counts)
    per_bin = int(balanced[balanced > 0].min()) if balanced.any() else 0
    ranks = chosen_ranks(balanced, per_bin=per_bin, seed=seed)
    return lambda _row, index, before: picked(index, before, ranks)


def collected(bins: Bins, maps: Maps, rule: Callable[[int, AnyArray, IntArray], IntArray], watch: Watch) -> Pixels:
    """The pixels that ``rule`` picks from each of ``maps``, in order."""
    table = bins.index(maps.targets)
    before = np.zeros(len(bins), dtype=np.int64)
    chosen: list[tuple[AnyArray, ...]] = []
    with watch("test pixels", len(maps)) as done:
        for row, codes in enumerate(in_order(maps.load, range(len(maps)), serial=maps.serial)):
            index = table[codes]
            flat = rule(row, index, before)
            before += np.bincount(index.ravel(), minlength=len(bins))
            at = np.unravel_index(flat, codes.shape)
            chosen.append((np.full(flat.size, row), *at, maps.targets[codes[at]], index[at]))
            done(1)
    kinds = {"image": "int16", "row": "int16", "col": "int16", "targets": "float32", "bin_index": "int32"}
    columns = zip(kinds.items(), zip(*chosen, strict=True), strict=True)
    return Pixels(**{name: np.concatenate(parts).astype(kind) for (name, kind), parts in columns})


def unbalanced(reader: PixelReader, bins: Bins, pixels: Pixels) -> list[Problem]:
    """What keeps the mask from holding as many pixels of each bin as the published one does."""
    counts = np.bincount(pixels.bin_index, minlength=len(bins))
    unlike = [f"{bins.low[b]:.1f}: {counts[b]:,}" for b in np.flatnonzero(counts != reader.balanced(len(bins)))]
    if not unlike:
        return []
    what = f"{len(unlike)} bins do not have {reader.per_bin:,} pixels each; bins from {sample(unlike)}"
    return [Problem(reader.mask, what, "The mask and the test maps do not belong together")]
