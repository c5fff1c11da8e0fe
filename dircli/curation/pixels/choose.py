"""Which test pixels of label maps are scored: those of the published mask, or a draw of as many from each bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dircli.benchmark.pixels import Pixels, chosen_ranks, picked
from dircli.errors import InputError, Problem, sample
from dircli.store import npy
from dircli.store.digests import git_blob
from dircli.store.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from dircli.arrays import AnyArray, IntArray
    from dircli.benchmark.bins import Bins
    from dircli.benchmark.dataset import Dataset, Dense
    from dircli.benchmark.pixels import Maps
    from dircli.benchmark.raw import Raw
    from dircli.store.parallel import Watch


def imported(dense: Dense, released: Raw, images: int) -> tuple[AnyArray, list[Problem]]:
    """The published mask (images, H, W), and what is wrong with it: its blob, its type, its shape, its values."""
    none = np.zeros((images, *dense.shape), dtype=bool)
    member = released.find(dense.mask)
    if member is None:
        return none, [Problem(released.name, f"there is no {dense.mask}", "Give the file, or the folder that holds it")]
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


def unpublished(dataset: Dataset, released: Raw) -> list[Problem]:
    """Each file that is not the published one, by its git blob id; of those that are missing others tell."""
    problems = []
    for source in dataset.released:
        member = released.find(source.file)
        if member is None:
            continue
        with released.open(member) as stream:
            found = f"git:{git_blob(stream.read())}"
        if found != source.digest:
            what = f"this is not the published {source.file}: {found}, published {source.digest}"
            problems.append(Problem(member, what, f"Fetch it from {source.urls[0]}, byte for byte"))
    return problems


def rule(
    dense: Dense, mask: AnyArray | None, counts: IntArray, *, seed: int
) -> Callable[[int, AnyArray, IntArray], IntArray]:
    """Which pixels of an image are scored: those of the mask, or as many of each bin as the rarest one has."""
    if mask is not None:
        return lambda row, _index, _before: np.flatnonzero(mask[row])
    held = counts[dense.first :]
    per_bin = int(held[held > 0].min(initial=np.iinfo(np.int64).max)) if held.any() else 0
    kept = np.where(np.arange(len(counts)) < dense.first, 0, counts)
    ranks = chosen_ranks(kept, per_bin=per_bin, seed=seed)
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


def unbalanced(dense: Dense, bins: Bins, drawn: IntArray) -> list[Problem]:
    """What keeps the mask from holding as many pixels of each bin as the published one does."""
    wanted = np.where(np.arange(len(drawn)) < dense.first, 0, dense.per_bin)
    unlike = [f"{bins.low[b]:.1f}: {drawn[b]:,}" for b in np.flatnonzero(drawn != wanted)]
    if not unlike:
        return []
    what = f"{len(unlike)} bins do not have {dense.per_bin:,} pixels each; bins from {sample(unlike)}"
    return [Problem(dense.mask, what, "The mask and the test maps do not belong together")]
