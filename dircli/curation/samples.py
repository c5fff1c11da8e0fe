"""From a raw source of samples to a manifest: read, split (imported or drawn), and written down."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dircli.benchmark.dataset import Dataset
from dircli.benchmark.manifest import Manifest, Samples
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import SPLITS, Records, differences, split_codes
from dircli.benchmark.splits import draw
from dircli.curation import derive
from dircli.curation.options import CurateOptions
from dircli.curation.provenance import Curation, Watched, all_facts, described, sources, unlike_published
from dircli.datasets import obtain, variants
from dircli.datasets.describe import SYNTHETIC, SYNTHETIC_MARK
from dircli.datasets.obtain import DownloadOptions
from dircli.datasets.variants import Variant
from dircli.errors import InputError, Problem, UsageError, sample
from dircli.store import derived, manifests
from dircli.store.content import content

GIVEN = "given"
NEVER_PUBLISHED = "this is a redraw, and scores on it compare only where the content is equal, not with the paper's"
NOT_PUBLISHED = "this draw is not the published split, and scores on it do not compare with published ones"


def curated(dataset: Dataset, options: CurateOptions, terms: DownloadOptions, *, folder: Path) -> Manifest:
    """The manifest named as ``folder``, written there; SourceError, with steps, without a raw source that it needs."""
    variant = variants.named(dataset.name, options.variant) if options.variant else None
    alone = options.released is not None and bool(dataset.published.unseen)
    with ExitStack() as opened:
        raw = opened.enter_context(obtain.raw_source(dataset, options.raw, terms, download=not alone))
        if not options.part and options.released is None:  # else only a part is read, or nothing is fetched
            obtain.check_labels(dataset, raw, options.raw)
        if variant is not None and variant.url:
            curation = _listed(
                dataset,
                variant,
                opened.enter_context(obtain.variant_file(dataset, variant, options.released, terms)),
            )
        elif options.split == "released":
            released = opened.enter_context(obtain.split_files(dataset, options.released, terms, download=True))
            curation = _imported(dataset, released, raw)
        elif raw is not None:
            curation = _redrawn(dataset, raw, seed=options.seed, part=options.part)
        else:
            what = f"{dataset.name}: a redraw needs the raw source; give it with --raw PATH"
            raise obtain.absent(dataset, terms, what)
    if variant is not None and not variant.url:
        curation = _of_variant(dataset, curation, variant)
    if options.cut is not None:
        curation = derive.derived(dataset, curation, options.cut)
    manifest = _built(dataset, curation, name=folder.name)
    derived.write(folder, manifests.contents(manifest), manifest.table, options.replacing)
    return manifest


def _imported(dataset: Dataset, released: Raw | None, raw: Raw | None) -> Curation:
    """The published split; InputError where it is not, by git blob ids, or does not hold the very rows of ``raw``."""
    unseen, read_released = dataset.published.unseen, dataset.samples.read_released
    if raw is None and not unseen:
        raise UsageError(
            f"{dataset.name}: the published split is checked row by row against the raw source; give it with --raw"
        )
    if released is None or read_released is None:
        raise UsageError(f"{dataset.name}: {dataset.unreleased}, so that none can be imported; use --split redraw")
    watched, watched_raw = Watched(released), Watched(raw) if raw is not None else None
    records, split = read_released(watched)
    raw_records = _records(dataset, watched_raw) if watched_raw else None
    problems = differences(raw_records, records, name=released.name) if raw_records else []
    if problems and raw_records and raw_records.facts:
        counts = ", ".join(f"{key}: {value}" for key, value in raw_records.facts.items())
        problems.append(Problem(raw.name if raw else "", counts))
    for member, source, blob in unlike_published(dataset, released):
        what = f"this is not the published {source.file}: git blob {blob}, published {source.digest}"
        hint = f"Fetch it from {source.urls[0]}, byte for byte" if source.urls else "Fetch the published file"
        problems.append(Problem(released.where(member), what, hint))
    if problems:
        raise InputError(problems)
    read_from = sources(released, watched.opened, dataset)
    if raw_records and watched_raw:
        read_from += watched_raw.sources(dataset, records)
        records = replace(records, facts=raw_records.facts)
    notes = (unseen,) if raw is None else ()
    return Curation(records=records, split=split, origin="released", seed=None, sources=read_from, notes=notes)


def _of_variant(dataset: Dataset, curation: Curation, variant: Variant) -> Curation:
    """The published rows of ``curation`` as the ``variant`` divides them, all of whose rows are known."""
    prints = variants.fingerprints(dataset.name)
    assert prints is not None  # noqa: S101 - `curate` has looked
    codes = prints.splits[variant.name][prints.places(curation.records.ids)]
    rows = np.flatnonzero(codes < len(SPLITS))
    split = np.array(SPLITS, dtype=object)[codes[rows]]
    return replace(curation, records=curation.records.take(rows), split=split, **_as_given(variant))


def _as_given(variant: Variant, *, repeats: int = 0) -> dict[str, Any]:
    """What a `Curation` says of the ``variant`` that it is, in which so many rows repeat an id."""
    facts = {"name": variant.name, "source": variant.source, "title": variant.title, "repeats": repeats}
    notes = [f"this is the split of {variant.title}: {variant.note}", NOT_PUBLISHED]
    notes += [f"{repeats:,} rows repeat an id; intervals draw ids"] if repeats else []
    return {"origin": GIVEN, "notes": tuple(notes), "variant": facts}


def _listed(dataset: Dataset, variant: Variant, file: Raw) -> Curation:
    """The rows that the ``file`` of a ``variant`` lists; InputError where they are not those that are known of it."""
    prints, read = variants.fingerprints(dataset.name), dataset.samples.read_released
    assert prints is not None and read is not None  # noqa: PT018, S101 - `curate` has looked
    watched = Watched(file)
    records, split = read(watched)
    places, codes, problems = prints.places(records.ids), split_codes(split), []
    if strange := list(records.ids[places < 0]):
        problems.append(f"{len(strange):,} rows are not of {dataset.name}: {sample(strange)}")
    known = prints.splits[variant.name][places]
    if unlike := list(records.ids[(places >= 0) & (known != variants.UNKNOWN) & (known != codes)]):
        problems.append(f"{len(unlike):,} rows are elsewhere in {variant.name}: {sample(unlike)}")
    for part, distinct in variant.counts.items():
        ids = records.ids[split == part]
        sizes, stated = (ids.size, np.unique(ids.astype(str)).size), (variant.rows.get(part, distinct), distinct)
        if sizes != stated:
            problems.append(
                f"{part} has {sizes[0]:,} rows of {sizes[1]:,} ids; {stated[0]:,} of {stated[1]:,} are known"
            )
    if missing := [part for part in SPLITS if not (split == part).any()]:
        problems.append(f"it has no {' and no '.join(missing)}")
    if problems:
        hint = f"Give the file at {variant.url}"
        raise InputError(Problem(file.name, f"this is not {variant.name}: {what}", hint) for what in problems)
    repeats = len(records) - np.unique(records.ids.astype(str)).size
    read_from = sources(file, watched.opened, dataset)
    return Curation(records=records, split=split, seed=None, sources=read_from, **_as_given(variant, repeats=repeats))


def _records(dataset: Dataset, raw: Raw, part: str | None = None) -> Records:
    """The records of the raw source, or of a ``part`` of it."""
    read = dataset.samples.parts[part] if part else dataset.samples.read
    assert read is not None  # noqa: S101 - every benchmark of samples has one
    return read(raw)


def _redrawn(dataset: Dataset, raw: Raw, *, seed: int, part: str | None) -> Curation:
    """A new draw by the dataset's own rule over the records, or those of a ``part``, in their declared order."""
    watched, publication, recipe = Watched(raw), dataset.published, dataset.rules.recipe
    records = _records(dataset, watched, part)
    split = draw(recipe.index(records.targets), recipe, seed=seed)
    notes = [f"{publication.unreleased}; {NEVER_PUBLISHED}" if publication.unreleased else NOT_PUBLISHED]
    rows = sum(publication.expected.values())
    if raw.find(SYNTHETIC_MARK):
        notes.insert(0, SYNTHETIC)
    if part:
        notes.append(f"this is the {part} part alone, not {publication.title}")
    elif len(records) != rows:
        sizes = f" ({publication.sizes})" if publication.sizes else ""
        notes.append(f"{len(records):,} rows were found, and {publication.title} has {rows:,}{sizes}")
    read_from = watched.sources(dataset, records)
    return Curation(records=records, split=split, origin="redraw", seed=seed, sources=read_from, notes=tuple(notes))


def _built(dataset: Dataset, curation: Curation, *, name: str) -> Manifest:
    """The manifest of ``curation`` under ``name``: bins, counts, regions under both protocols, content and facts."""
    records, split, recipe = curation.records, curation.split, dataset.rules.recipe
    bins = dataset.rules.scoring_bins(records.targets)
    index = bins.index(records.targets)
    counts = {part: np.bincount(index[split == part], minlength=len(bins)) for part in SPLITS}
    digest = content(records.ids, records.targets, split)
    identity = {"content": digest, "dataset": dataset.name, "name": name, "origin": curation.origin}
    stated = {
        "facts": dict(records.facts),
        "notes": list(curation.notes),
        "recipe": recipe.settled(recipe.index(records.targets)).as_json(),
        "seed": curation.seed,
        "sources": curation.sources,
    } | {key: dict(value) for key in ("derived", "variant") if (value := getattr(curation, key)) is not None}
    table = described(dataset, bins, counts, facts=identity)
    samples = Samples(
        texts=records.ids,
        targets=records.targets,
        bin_index=index,
        codes=split_codes(split),
        columns=records.columns,
    )
    return Manifest(samples=samples, table=table, facts=all_facts(dataset, table, stated))
