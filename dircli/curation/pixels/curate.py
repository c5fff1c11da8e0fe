"""From a source of label maps to a manifest: training pixels counted, test pixels imported or drawn.

Maps are read one at a time, in parallel, and never held together; see `count`.
"""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dircli.arrays import IntArray
from dircli.benchmark.dataset import Dataset, PixelReader
from dircli.benchmark.manifest import BinTable, Images, PixelManifest
from dircli.benchmark.pixels import Maps, Pixels
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import SPLITS
from dircli.curation.options import CurateOptions
from dircli.curation.pixels import choose
from dircli.curation.pixels.count import counted
from dircli.curation.provenance import all_facts, described, sources, unlike_published
from dircli.datasets import obtain
from dircli.datasets.maps_elsewhere import Sent
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import InputError, Problem, sample
from dircli.store import derived, manifests
from dircli.store.checkpoint import Checkpoint
from dircli.store.content import pixel_content
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import Watch, unwatched

REDRAWN = "these test pixels are not the published ones, and scores on them do not compare with published ones"
NOT_COUNTED = "training pixels per bin are the published counts; no training map was seen"
CHECKPOINT = ".counting.jsonl"


def published_bins(dataset: Dataset, reader: PixelReader) -> BinTable:
    """``bins.parquet`` as it is shipped: the published training counts, and the test pixels of the published mask.

    Nothing was counted here, and its facts say so; its content is the sha256 of both columns (int64, little endian).
    """
    bins = dataset.rules.bins
    test = reader.balanced(len(bins))
    digest = hashlib.sha256(np.stack([reader.published, test]).astype("<i8").tobytes()).hexdigest()
    facts = {"content": f"sha256:{digest}", "dataset": dataset.name, "name": dataset.name, "note": NOT_COUNTED}
    counts = {"train": reader.published, "val": np.zeros_like(test), "test": test}
    return described(dataset, bins, counts, facts=facts | {"origin": "released"})


def curated(  # noqa: PLR0913 - what is made of what, and where
    dataset: Dataset,
    reader: PixelReader,
    options: CurateOptions,
    terms: DownloadOptions,
    *,
    folder: Path,
    watch: Watch | None = None,
    chunk: int = 32,
    engine: Engine = LOCAL,
) -> PixelManifest:
    """The manifest under the name of ``folder``, written there; test pixels are imported, or drawn by the seed.

    Counts of ``chunk`` images each stay in ``folder`` until the whole is written, for a run after an interruption, but
    not where that is a URL.
    Raises InputError with everything that is wrong in lists, maps and mask, SourceError where the maps are not here.
    """
    watch = watch or unwatched
    with ExitStack() as opened:
        raw = opened.enter_context(obtain.raw_files(dataset, options.raw, terms, "the label maps"))
        released = None
        if options.split == "released":
            if options.released is None:  # else nothing is fetched
                obtain.check_labels(dataset, raw, options.raw)
            released = opened.enter_context(obtain.split_files(dataset, options.released, terms, download=True))
        maps = reader.maps(raw)
        for each in maps.values():
            opened.callback(each.close)
        _refuse_foreign(dataset, reader, maps, raw)
        checkpoint = Checkpoint(folder / CHECKPOINT)
        how: dict[str, Any] = {"watch": watch, "size": chunk, "engine": engine}
        codes, problems = _codes(maps, checkpoint, Sent(raw, dataset.name), how)
        mask = None
        if released:
            for member, source, blob in unlike_published(dataset, released):
                what = f"this is not the published {source.file}: git:{blob}, published {source.digest}"
                problems.append(Problem(released.where(member), what, f"Fetch it from {source.urls[0]}, byte for byte"))
            try:
                mask = choose.imported(reader, released, len(maps["test"]))
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)
        counts, notes, wrong = _counts(dataset, reader, maps, codes, strict=raw if released else None)
        rule = choose.rule(reader, mask, counts["test"], seed=options.seed)
        pixels = choose.collected(dataset.rules.bins, maps["test"], rule, watch)
        wrong += choose.unbalanced(reader, dataset.rules.bins, pixels) if released else []
        if wrong:
            raise InputError(wrong)
        read_from = sources(raw, (file for each in maps.values() for file in each.files), dataset)
        read_from += sources(released, [str(released.find(reader.mask))], dataset) if released else []
        stated = {"notes": notes, "seed": None if released else options.seed, "sources": read_from}
        manifest = _built(dataset, maps, pixels, counts["train"], name=folder.name, stated=stated)
    derived.write(folder, manifests.contents(manifest), manifest.table, options.replacing)
    checkpoint.remove()
    return manifest


def _codes(
    maps: Mapping[str, Maps], checkpoint: Checkpoint, sent: Sent, how: Mapping[str, Any]
) -> tuple[dict[str, IntArray], list[Problem]]:
    """How many pixels of each split hold each code, (C,), and all that is wrong with lists and maps."""
    problems = [problem for each in maps.values() for problem in each.problems]
    codes = {}
    for split, each in maps.items():
        what = f"{split} maps"
        codes[split], wrong = counted(each, checkpoint, what=what, sent=replace(sent, split=split), **how)
        problems += wrong
    return codes, problems


def _refuse_foreign(dataset: Dataset, reader: PixelReader, maps: Mapping[str, Maps], raw: Raw) -> None:
    """InputError where the number of training images is that of another set, whose maps are not worth reading."""
    train, title = maps.get("train"), dataset.published.title
    if train is not None and len(train) in reader.foreign:
        what = f"it lists {len(train):,} images: {reader.foreign[len(train)]}, not that of {title}"
        images = dataset.published.expected["train"]
        hint = f"{title} has {images:,}; `dir info {dataset.name}` says where they are"
        raise InputError([Problem(raw.where(train.files[0]), what, hint), *train.problems])


def _counts(
    dataset: Dataset,
    reader: PixelReader,
    maps: Mapping[str, Maps],
    codes: Mapping[str, IntArray],
    *,
    strict: Raw | None,
) -> tuple[dict[str, IntArray], list[str], list[Problem]]:
    """All pixels per bin (B,) of each split, from those per code; notes on them; and what is wrong.

    Training counts are the published ones where no training map is here; those of the raw source ``strict``, where it
    is given, must equal these.
    """
    bins, title, expected = dataset.rules.bins, dataset.published.title, dataset.published.expected
    counts = {}
    for split, each in maps.items():
        index = bins.index(each.targets)
        counts[split] = np.bincount(index[index >= 0], codes[split][index >= 0], len(bins)).astype(np.int64)
    notes = [note for each in maps.values() for note in each.notes]
    problems: list[Problem] = []
    images, train = expected["train"], maps.get("train")
    if train is None:
        counts["train"] = reader.published
        notes.append(NOT_COUNTED)
    elif len(train) != images:
        what = f"{len(train):,} training images were found, and {title} has {images:,}"
        notes.append(f"{what}; counts and regions are those of the ones found")
    elif unlike := np.flatnonzero(counts["train"] != reader.published).tolist():
        listed = sample([f"{b}: {counts['train'][b]:,}, published {reader.published[b]:,}" for b in unlike])
        what = f"training pixels of {len(unlike)} bins differ from the published counts; bin {listed}"
        problems += [Problem(strict.where(train.files[0]), what, "Unpack the archive again")] if strict else []
        notes.append(what)
    else:
        notes.append(f"training pixels were counted in {images:,} maps and equal the published counts")
    if len(maps["test"]) != expected["test"]:
        notes.append(f"{len(maps['test']):,} test images were found, and {title} has {expected['test']:,}")
    return counts, notes if strict else [*notes, REDRAWN], problems


def _built(  # noqa: PLR0913 - the parts of a manifest
    dataset: Dataset,
    maps: Mapping[str, Maps],
    pixels: Pixels,
    train: IntArray,
    *,
    name: str,
    stated: Mapping[str, Any],
) -> PixelManifest:
    """The manifest with all its facts; ``stated`` are notes, sources and the seed, None for the published pixels."""
    bins = dataset.rules.bins
    parts = {split: maps[split] for split in SPLITS if split in maps}
    samples = Images(
        ids=np.concatenate([each.ids for each in parts.values()]),
        split=np.repeat(list(parts), [len(each) for each in parts.values()]).astype(object),
        columns={key: np.concatenate([each.columns[key] for each in parts.values()]) for key in parts["test"].columns},
    )
    scored = np.bincount(pixels.bin_index, minlength=len(bins))
    table = described(dataset, bins, {"train": train, "val": np.zeros_like(scored), "test": scored}, facts={})
    digest, origin = pixel_content(samples, pixels, table), "released" if stated["seed"] is None else "redraw"
    table = replace(table, facts={"content": digest, "dataset": dataset.name, "name": name, "origin": origin})
    with_pixels = np.flatnonzero(scored)
    low, high = (bins.low[with_pixels[0]], bins.high[with_pixels[-1]]) if with_pixels.size else (0.0, 0.0)
    per_bin = int(scored.max(initial=0))
    recipe = {"bins": with_pixels.size, "high": float(high), "low": float(low), "per_bin": per_bin}
    of_pixels = {
        "counted": "pixels",
        "facts": {f"{split} images": len(each) for split, each in parts.items()},
        "recipe": recipe,
        "rows": len(samples.ids),
    }
    facts = all_facts(dataset, table, {**stated, **of_pixels})
    return PixelManifest(samples=samples, pixels=pixels, table=table, facts=facts)
