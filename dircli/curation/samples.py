"""From a raw source to a manifest: read, split (imported or drawn), and written down with all that it came from.

Stands between the pipeline and the layers below, because it is the one place where a dataset's reader meets the store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import __version__
from dircli.benchmark.manifest import BinTable, Manifest, Samples
from dircli.benchmark.records import SPLITS, differences
from dircli.benchmark.regions import region
from dircli.benchmark.splits import draw
from dircli.curation.provenance import Curation, Watched, seen_of
from dircli.errors import InputError, Problem, UsageError
from dircli.store.content import content
from dircli.store.digests import git_blob
from dircli.store.manifests import rows_by_region

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.arrays import IntArray
    from dircli.benchmark.bins import Bins
    from dircli.benchmark.dataset import Dataset
    from dircli.benchmark.raw import Raw

NEVER_PUBLISHED = "this is a redraw, and scores on it compare only where the content is equal, not with the paper's"
NOT_PUBLISHED = "this draw is not the published split, and scores on it do not compare with published ones"


def imported(dataset: Dataset, released: Raw, raw: Raw | None) -> Curation:
    """The published split, row by row equal to the raw source where there is one.

    Raises InputError where the files are not the published ones (by their git blob ids), or do not hold exactly the
    rows of ``raw``; UsageError where the dataset cannot do without a raw source and there is none.
    """
    if raw is None and not dataset.released_alone:
        raise UsageError(
            f"{dataset.name}: the published split is checked row by row against the raw source; give it with --raw"
        )
    if dataset.read_released is None:
        raise UsageError(f"{dataset.name}: {dataset.unreleased}, so that none can be imported; use --split redraw")
    watched, seen = Watched(released), Watched(raw) if raw is not None else None
    records, split = dataset.read_released(watched)
    theirs = dataset.read(seen) if seen else None
    problems = differences(theirs, records, name=released.name) if theirs else []
    if problems and seen and theirs and theirs.facts:
        counts = ", ".join(f"{key}: {value}" for key, value in theirs.facts.items())
        problems.append(Problem(seen.name, counts))
    for source in dataset.released:
        member = released.find(source.file)
        if member is None:
            continue  # read_released has its own word for that
        with released.open(member) as stream:
            found = git_blob(stream.read())
        if found != str(source.digest).removeprefix("git:"):
            what = f"this is not the published {source.file}: git blob {found}, published {source.digest}"
            hint = f"Fetch it from {source.urls[0]}, byte for byte" if source.urls else "Fetch the published file"
            problems.append(Problem(member, what, hint))
    if problems:
        raise InputError(problems)
    notes = (dataset.unseen,) if seen is None and dataset.unseen else ()
    sources = watched.sources(dataset) + (seen_of(seen, dataset, records) if seen else [])
    records = replace(records, facts=theirs.facts) if theirs else records
    return Curation(records=records, split=split, origin="released", seed=None, sources=sources, notes=notes)


def redrawn(dataset: Dataset, raw: Raw, *, seed: int, part: str | None = None) -> Curation:
    """A new draw by the dataset's own rule over the records, or those of a ``part``, in their declared order."""
    watched = Watched(raw)
    records = dataset.parts[part](watched) if part else dataset.read(watched)
    split = draw(dataset.recipe.bins.index(records.targets), dataset.recipe, seed=seed)
    notes = [f"{dataset.unreleased}; {NEVER_PUBLISHED}" if dataset.unreleased else NOT_PUBLISHED]
    rows = sum(dataset.expected.values())
    if part:
        notes.append(f"this is the {part} part alone, not {dataset.title}")
    elif len(records) != rows:
        notes.append(f"{len(records):,} rows were found, and {dataset.title} has {rows:,}")
    sources = seen_of(watched, dataset, records)
    return Curation(records=records, split=split, origin="redraw", seed=seed, sources=sources, notes=tuple(notes))


def build(dataset: Dataset, curation: Curation, *, name: str) -> Manifest:
    """The manifest of ``curation`` under ``name``: bins, counts, regions under both protocols, content and facts."""
    records, split = curation.records, curation.split
    bins = dataset.scoring_bins(records.targets)
    index = bins.index(records.targets)
    counts = {part: np.bincount(index[split == part], minlength=len(bins)) for part in SPLITS}
    digest = content(records.ids, records.targets, split)
    identity = {"content": digest, "dataset": dataset.name, "name": name, "origin": curation.origin}
    stated = {
        "facts": dict(records.facts),
        "notes": list(curation.notes),
        "recipe": dataset.recipe.settled(dataset.recipe.bins.index(records.targets)).as_json(),
        "seed": curation.seed,
        "sources": curation.sources,
    } | ({} if curation.derived is None else {"derived": dict(curation.derived)})
    table = described(dataset, bins, counts, facts=identity)
    samples = Samples(ids=records.ids, targets=records.targets, bin_index=index, split=split, columns=records.columns)
    return Manifest(samples=samples, table=table, facts=all_facts(dataset, table, stated))


def described(dataset: Dataset, bins: Bins, counts: Mapping[str, IntArray], *, facts: Mapping[str, Any]) -> BinTable:
    """``bins`` with the rows of each split in each, ``counts`` (B,), and their regions by both protocols."""
    regions = {key: region(counts["train"], rules.thresholds) for key, rules in dataset.rules.items()}
    return BinTable(bins=bins, counts=counts, regions=regions, facts=facts)


def all_facts(dataset: Dataset, table: BinTable, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a manifest: those of its bins, those ``stated`` about its rows, and the counts of both."""
    sizes = {part: int(table.counts[part].sum()) for part in SPLITS}
    return {
        **table.facts,
        **stated,
        "bins": len(table.bins),
        "counts": sizes,
        "regions": rows_by_region(table),
        "rows": sum(sizes.values()),
        "target": dataset.target,
        "unit": dataset.unit,
        "version": __version__,
    }
