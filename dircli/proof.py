"""Proof that a manifest is what it says: intact, drawn as it claims, and equal to the published files byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli import datasets
from dircli.curation import exported
from dircli.errors import InputError, sample
from dircli.sampling import codes
from dircli.splits import draw
from dircli.store import manifests
from dircli.store.fetch import git_blob
from dircli.thinning import in_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dircli.datasets._spec import Dataset
    from dircli.sources import Raw
    from dircli.store.manifests import Manifest


UNDRAWN = {
    "derived": "training rows were left out, so that the draw cannot be repeated from what is there",
    "given": "the split was taken over from the table, so that there is no draw to repeat",
}
"""Why the draw of a manifest of this origin cannot be repeated."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it held (None: it cannot be proven, and ``found`` says why)."""

    name: str
    held: bool | None
    found: str


def checks(folder: Path, released: Raw | None) -> list[Check]:
    """Everything that can be proven about the manifest in ``folder``; the last check is the verdict.

    ``released`` are the published split files, with which differing rows can be named; their digests are known anyway.
    """
    try:
        manifest = manifests.read(folder)
    except InputError as error:
        return [Check("intact", held=False, found=str(problem)) for problem in error.problems]
    dataset = datasets.of(manifest.facts, manifest.table.bins)
    rows = len(manifest.samples.ids)
    intact = Check("intact", held=True, found=f"{rows:,} rows have the stated content {manifest.content[:15]}…")
    published = list(_published(manifest, dataset))
    found = [intact, *_draw(manifest, dataset), *published, *_gaps(manifest)]
    return [*found, _verdict(manifest, dataset, published, released)]


def _gaps(manifest: Manifest) -> Iterator[Check]:
    """Whether train is as empty as the manifest says where rows were left out."""
    gaps = manifest.facts.get("derived", {}).get("gaps", [])
    if not gaps:
        return
    train = manifest.samples.targets[manifest.samples.split == "train"]
    left = int(in_gaps(train, gaps, end=float(manifest.table.bins.edges[-1])).sum())
    where = ", ".join(f"[{low:g}, {high:g})" for low, high in gaps)
    yield Check("gaps", held=not left, found=f"{left:,} training rows in {where}")


def _draw(manifest: Manifest, dataset: Dataset) -> Iterator[Check]:
    """Whether the seed gives this very split again over the manifest's row order."""
    recipe, samples = dataset.recipe, manifest.samples
    if (origin := manifest.facts["origin"]) in UNDRAWN:
        yield Check("draw", held=None, found=UNDRAWN[origin])
        return
    released = origin == "released"
    seed = recipe.published_seed if released else manifest.facts["seed"]
    if seed is None:
        yield Check("draw", held=None, found="the published draw was unseeded, so it can only be imported")
        return
    groups = codes(samples.columns[recipe.group]) if recipe.group else None
    again = draw(recipe.bins.index(samples.targets), recipe, seed=int(seed), groups=groups)
    unlike = np.flatnonzero(again != samples.split)
    equal, rows = len(again) - unlike.size, len(again)
    found = f"seed {seed} over {'the released' if released else 'this'} row order: {equal:,} of {rows:,} rows equal"
    if unlike.size:
        found += f"; first unlike: {sample([samples.ids[row] for row in unlike])}"
    yield Check("draw", held=not unlike.size, found=found)


def _published(manifest: Manifest, dataset: Dataset) -> Iterator[Check]:
    """Whether the files that the released training code reads, written from this manifest, are the published ones.

    A redraw claims nothing of the kind, so for it a difference is no failure.
    """
    files = exported(manifest) if dataset.released else {}
    claims = manifest.facts["origin"] == "released"
    for source in dataset.released:
        blob = f"git:{git_blob(files[source.file])}"
        if blob == source.digest:
            found = f"{source.file} is byte for byte the published one ({blob[:12]}…)"
            yield Check("published", held=True, found=found)
        elif claims:
            yield Check(
                "published", held=False, found=f"{source.file} is {blob}, and the published one {source.digest}"
            )


def _verdict(manifest: Manifest, dataset: Dataset, published: list[Check], released: Raw | None) -> Check:
    """Identical to the published split, different (how many rows, the first ones), or not provable and why."""
    if "derived" in manifest.facts:
        parent = manifest.facts["derived"]["from"]
        whole = f"{parent['name']} ({parent['origin']}, {parent['content'][:15]}…)"
        return Check("verdict", held=None, found=f"not provable: it is {whole} with fewer training rows")
    if dataset.unreleased:
        how = "this is a redraw" if manifest.facts["origin"] == "redraw" else "this one was taken over"
        return Check("verdict", held=None, found=f"not provable: {dataset.unreleased}, and {how}")
    if len(published) == len(dataset.released) and all(check.held for check in published):
        return Check("verdict", held=True, found="identical to the published split")
    claims = manifest.facts["origin"] == "released"
    if released is None:
        what = (
            "different from the published split"
            if claims
            else "not provable: this is a redraw, not the published split"
        )
        hint = "which rows differ is shown with --released PATH, the published files"
        return Check("verdict", held=False if claims else None, found=f"{what}; {hint}")
    rows = _unlike(manifest, dataset, released)
    found = f"different from the published split in {len(rows):,} of {len(manifest.samples.ids):,} rows: {sample(rows)}"
    return Check("verdict", held=False if claims else None, found=found)


def _unlike(manifest: Manifest, dataset: Dataset, released: Raw) -> list[str]:
    """The rows of the manifest that the published files put elsewhere, give another target, or do not have."""
    if dataset.read_released is None:
        return []
    records, split = dataset.read_released(released)
    rows = zip(records.ids, records.targets, split, strict=True)
    published = {key: (target, part) for key, target, part in rows}
    samples = manifest.samples
    found = []
    for key, target, part in zip(samples.ids, samples.targets, samples.split, strict=True):
        known = published.pop(key, None)
        if known != (target, part):
            found.append(f"{key} ({part}, published {known[1] if known else 'nowhere'})")
    return found + [f"{key} (missing, published {part})" for key, (_, part) in published.items()]
