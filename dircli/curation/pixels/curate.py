"""From a source of label maps to a manifest: training pixels counted, test pixels imported or drawn.

Maps are read one at a time, in parallel, and never held together; see `counting`.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import __version__
from dircli.benchmark.manifest import BinTable, Images, PixelManifest
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import region
from dircli.curation.pixels import choose
from dircli.curation.pixels.count import counted
from dircli.curation.provenance import Watched
from dircli.datasets import obtain
from dircli.errors import InputError, Problem, sample
from dircli.store import manifests
from dircli.store.checkpoint import Checkpoint
from dircli.store.content import pixel_content
from dircli.store.parallel import unwatched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dircli.arrays import IntArray
    from dircli.benchmark.dataset import Dataset, Dense
    from dircli.benchmark.pixels import Maps, Pixels
    from dircli.benchmark.raw import Raw
    from dircli.curation.options import CurateOptions
    from dircli.datasets.obtain import DownloadOptions
    from dircli.store.parallel import Watch

REDRAWN = "these test pixels are not the published ones, and scores on them do not compare with published ones"
NOT_COUNTED = "training pixels per bin are the published counts; no training map was seen"
CHECKPOINT = ".counting.jsonl"


def published_bins(dataset: Dataset, dense: Dense) -> BinTable:
    """``bins.parquet`` as it is shipped: the published training counts, and the test pixels of the published mask.

    Nothing was counted here, and its facts say so; its content is the sha256 of both columns (int64, little endian).
    """
    test = np.where(np.arange(len(dataset.bins)) < dense.first, 0, dense.per_bin).astype(np.int64)
    counts = {"train": dense.published, "val": np.zeros_like(test), "test": test}
    digest = hashlib.sha256(np.stack([dense.published, test]).astype("<i8").tobytes()).hexdigest()
    facts = {"content": f"sha256:{digest}", "dataset": dataset.name, "name": dataset.name, "note": NOT_COUNTED}
    regions = {key: region(dense.published, rules.thresholds) for key, rules in dataset.rules.items()}
    return BinTable(bins=dataset.bins, counts=counts, regions=regions, facts=facts | {"origin": "released"})


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Pixels per bin, (B,), of the splits that were read, by split; ``published`` where train is not among them."""

    train: IntArray
    test: IntArray
    notes: tuple[str, ...]


def from_sources(  # noqa: PLR0913 - what is made of what, and where
    dataset: Dataset, dense: Dense, options: CurateOptions, terms: DownloadOptions, *, folder: Path, watch: Watch | None
) -> PixelManifest:
    """The manifest that is asked for; SourceError, with the steps to obtain the maps, where they are not here."""
    tree = obtain.raw_source(dataset, options.raw, terms, download=False)
    if tree is None:
        raise obtain.absent(dataset, terms, "the label maps are not here; give them with --raw PATH")
    mask = obtain.split_files(dataset, options.released, terms) if options.split == "released" else None
    return curated(dataset, dense, tree, released=mask, seed=options.seed, folder=folder, watch=watch or unwatched)


def curated(  # noqa: PLR0913 - what is read, how it is split, and under which name it is written
    dataset: Dataset,
    dense: Dense,
    raw: Raw,
    *,
    released: Raw | None,
    seed: int,
    folder: Path,
    watch: Watch = unwatched,
) -> PixelManifest:
    """The manifest under the name of ``folder``: test pixels are imported from ``released``, else drawn by ``seed``.

    Finished counts stay in ``folder`` until the whole is written, so that what is interrupted goes on where it was.
    Raises InputError with everything that is wrong in lists, maps and mask.
    """
    maps = dense.maps(raw)
    with ExitStack() as held:
        for each in maps.values():
            held.callback(each.close)
        manifest = _curated(dataset, dense, raw, maps, released, seed, folder, watch)
    manifests.write(folder, manifest)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return manifest


def _curated(  # noqa: PLR0913, PLR0917 - as of `curated`
    dataset: Dataset,
    dense: Dense,
    raw: Raw,
    maps: Mapping[str, Maps],
    released: Raw | None,
    seed: int,
    folder: Path,
    watch: Watch,
) -> PixelManifest:
    """The manifest from open ``maps``, not yet written."""
    _refuse_foreign(dataset, dense, maps)
    checkpoint = Checkpoint(folder / CHECKPOINT)
    problems = [problem for each in maps.values() for problem in each.problems]
    codes = {}
    for split, each in maps.items():
        codes[split], wrong = counted(each, checkpoint, what=f"{split} maps", watch=watch)
        problems += wrong
    mask = None
    if released:
        mask, wrong = choose.imported(dense, released, len(maps["test"]))
        problems += choose.unpublished(dataset, released) + wrong
    if problems:
        raise InputError(problems)
    counts, wrong = _counts(dataset, dense, maps, codes, strict=released is not None)
    rule = choose.rule(dense, mask, counts.test, seed=seed)
    pixels = choose.collected(dataset.bins, maps["test"], rule, watch)
    drawn = np.bincount(pixels.bin_index, minlength=len(dataset.bins))
    wrong += choose.unbalanced(dense, dataset.bins, drawn) if released else []
    if wrong:
        raise InputError(wrong)
    files = sorted({file for each in maps.values() for file in each.files})
    sources = Watched(raw, files).sources(dataset)
    sources += Watched(released, [str(released.find(dense.mask))]).sources(dataset) if released else []
    return _built(
        dataset, maps, pixels, counts, name=folder.name, seed=None if released else seed, sources=sources, drawn=drawn
    )


def _refuse_foreign(dataset: Dataset, dense: Dense, maps: Mapping[str, Maps]) -> None:
    """InputError where the number of training images is that of another set, whose maps are not worth reading."""
    train = maps.get("train")
    if train is not None and len(train) in dense.foreign:
        found = f"it lists {len(train):,} images: {dense.foreign[len(train)]}, not that of {dataset.title}"
        hint = f"{dataset.title} has {dataset.expected['train']:,}; `dir info {dataset.name}` says where they are"
        raise InputError([Problem(train.files[0], found, hint), *train.problems])


def _counts(
    dataset: Dataset, dense: Dense, maps: Mapping[str, Maps], codes: Mapping[str, IntArray], *, strict: bool
) -> tuple[Counts, list[Problem]]:
    """Pixels per bin from those per code. All the training images must give the published counts, if ``strict``."""
    found = {}
    for split, each in maps.items():
        index = dataset.bins.index(each.targets)
        found[split] = np.bincount(index[index >= 0], codes[split][index >= 0], len(dataset.bins)).astype(np.int64)
    notes = [note for each in maps.values() for note in each.notes]
    problems = []
    wanted, train = dataset.expected["train"], maps.get("train")
    if train is None:
        notes.append(NOT_COUNTED)
    elif len(train) != wanted:
        what = f"{len(train):,} training images were found, and {dataset.title} has {wanted:,}"
        notes.append(f"{what}; counts and regions are those of the ones found")
    elif unlike := np.flatnonzero(found["train"] != dense.published).tolist():
        bins = sample([f"{b}: {found['train'][b]:,}, published {dense.published[b]:,}" for b in unlike])
        what = f"training pixels of {len(unlike)} bins differ from the published counts; bin {bins}"
        problems += [Problem(train.files[0], what, "Unpack the archive again")] if strict else []
        notes.append(what)
    else:
        notes.append(f"training pixels were counted in {wanted:,} maps and equal the published counts")
    if len(maps["test"]) != dataset.expected["test"]:
        what = f"{len(maps['test']):,} test images were found, and {dataset.title} has {dataset.expected['test']:,}"
        notes.append(what)
    return Counts(train=found.get("train", dense.published), test=found["test"], notes=tuple(notes)), problems


def _built(  # noqa: PLR0913 - the parts of a manifest
    dataset: Dataset,
    maps: Mapping[str, Maps],
    pixels: Pixels,
    counts: Counts,
    *,
    name: str,
    seed: int | None,
    sources: list[dict[str, Any]],
    drawn: IntArray,
) -> PixelManifest:
    """The manifest with all its facts; ``seed`` None means that the pixels are the published ones."""
    parts = {split: maps[split] for split in SPLITS if split in maps}
    samples = Images(
        ids=np.concatenate([each.ids for each in parts.values()]),
        split=np.repeat(list(parts), [len(each) for each in parts.values()]).astype(object),
        columns={
            column: np.concatenate([each.columns[column] for each in parts.values()])
            for column in parts["test"].columns
        },
    )
    by_split = {"train": counts.train, "val": np.zeros(len(dataset.bins), dtype=np.int64), "test": drawn}
    regions = {key: region(counts.train, rules.thresholds) for key, rules in dataset.rules.items()}
    table = BinTable(bins=dataset.bins, counts=by_split, regions=regions, facts={})
    digest = pixel_content(samples, pixels, table)
    origin = "released" if seed is None else "redraw"
    identity = {"content": digest, "dataset": dataset.name, "name": name, "origin": origin}
    table = BinTable(bins=dataset.bins, counts=by_split, regions=regions, facts=identity)
    held = np.flatnonzero(drawn)
    low, high = dataset.bins.low[held[0]] if held.size else 0.0, dataset.bins.high[held[-1]] if held.size else 0.0
    facts = {
        **identity,
        "bins": len(dataset.bins),
        "counted": "pixels",
        "counts": {part: int(found.sum()) for part, found in by_split.items()},
        "facts": {f"{split} images": len(each) for split, each in parts.items()},
        "notes": [*counts.notes, *([REDRAWN] if seed is not None else [])],
        "recipe": {"bins": held.size, "high": float(high), "low": float(low), "per_bin": int(drawn.max(initial=0))},
        "regions": manifests.rows_by_region(table),
        "rows": len(samples.ids),
        "seed": seed,
        "sources": sources,
        "target": dataset.target,
        "unit": dataset.unit,
        "version": __version__,
    }
    return PixelManifest(samples=samples, pixels=pixels, table=table, facts=facts)
