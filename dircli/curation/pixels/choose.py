"""Which test pixels of label maps are scored: those of the published mask, or a draw of as many from each bin."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from dircli.arrays import AnyArray, IntArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset, PixelReader
from dircli.benchmark.manifest import PixelManifest
from dircli.benchmark.pixels import Maps, Pixels, chosen_ranks, picked
from dircli.benchmark.raw import Raw
from dircli.curation.provenance import unlike_published
from dircli.errors import InputError, Problem, sample
from dircli.store import npy
from dircli.store.parallel import Watch, in_order


def imported(reader: PixelReader, released: Raw, images: int) -> tuple[AnyArray, list[Problem]]:
    """The published mask (images, H, W), and what is wrong with it: its blob, its type, its shape, its values."""
    none = np.zeros((images, *reader.shape), dtype=bool)
    member = released.find(reader.mask)
    if member is None:
        return none, [
            Problem(released.name, f"there is no {reader.mask}", "Give the file, or the folder that holds it")
        ]
    with released.open(member) as stream:
        data = stream.read()
    problems = []
    try:
        mask = npy.load(data, member, hint="Fetch it again")
    except InputError as error:
        return none, error.problems
    if str(mask.dtype) != "uint8" or mask.shape != none.shape:
        what = f"the array is {mask.dtype} of shape {mask.shape}, and uint8 of {none.shape} is expected"
        return none, [Problem(member, what, f"One map of zeros and ones for each of the {images:,} test images")]
    if mask.max(initial=0) > 1:
        problems.append(Problem(member, f"it holds values up to {mask.max()}", "Expected zeros and ones"))
    return mask.view(bool) if not problems else none, problems


def exported(reader: PixelReader, manifest: PixelManifest) -> dict[str, bytes]:
    """The mask of scored pixels and the lists of images, as the released training code reads them, by file name."""
    samples, scored = manifest.samples, manifest.pixels
    mask = np.zeros((np.count_nonzero(samples.split == "test"), *reader.shape), dtype=np.uint8)
    mask[scored.image, scored.row, scored.col] = 1
    stream = io.BytesIO()
    np.save(stream, mask)
    contents = {reader.mask: stream.getvalue()}
    for split, (file, _) in reader.lists.items():
        rows = samples.split == split
        if rows.any():
            columns = {name: column[rows] for name, column in samples.columns.items()}
            contents[file] = reader.listed(samples.ids[rows], columns)
    return contents


def unpublished(dataset: Dataset, released: Raw) -> list[Problem]:
    """Each file that is not the published one, by its git blob id; of those that are missing others tell."""
    return [
        Problem(
            member,
            f"this is not the published {source.file}: git:{blob}, published {source.digest}",
            f"Fetch it from {source.urls[0]}, byte for byte",
        )
        for member, source, blob in unlike_published(dataset, released)
    ]


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
    columns: list[tuple[AnyArray, ...]] = []
    with watch("test pixels", len(maps)) as done:
        for row, codes in enumerate(in_order(maps.load, range(len(maps)), serial=maps.serial)):
            index = table[codes]
            flat = rule(row, index, before)
            before += np.bincount(index.ravel(), minlength=len(bins))
            at = np.unravel_index(flat, codes.shape)
            columns.append((np.full(flat.size, row), *at, maps.targets[codes[at]], index[at]))
            done(1)
    kinds = (np.int16, np.int16, np.int16, np.float32, np.int32)
    image, line, column, targets, index = (
        np.concatenate(parts).astype(kind) for parts, kind in zip(zip(*columns, strict=True), kinds, strict=True)
    )
    return Pixels(image=image, row=line, col=column, targets=targets, bin_index=index)


def unbalanced(reader: PixelReader, bins: Bins, pixels: Pixels) -> list[Problem]:
    """What keeps the mask from holding as many pixels of each bin as the published one does."""
    counts = np.bincount(pixels.bin_index, minlength=len(bins))
    unlike = [f"{bins.low[b]:.1f}: {counts[b]:,}" for b in np.flatnonzero(counts != reader.balanced(len(bins)))]
    if not unlike:
        return []
    what = f"{len(unlike)} bins do not have {reader.per_bin:,} pixels each; bins from {sample(unlike)}"
    return [Problem(reader.mask, what, "The mask and the test maps do not belong together")]
