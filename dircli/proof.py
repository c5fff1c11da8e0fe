"""Proof that a manifest is what it says: intact, drawn as it claims, and equal to the published files byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli import datasets
from dircli.curation import exported
from dircli.errors import InputError, sample
from dircli.splits import draw
from dircli.store import manifests
from dircli.store.fetch import git_blob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dircli.datasets._spec import Dataset
    from dircli.sources import Raw
    from dircli.store.manifests import Manifest


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
    dataset = datasets.load(str(manifest.facts["dataset"]))
    rows = len(manifest.samples.ids)
    intact = Check("intact", held=True, found=f"{rows:,} rows have the stated content {manifest.content[:15]}…")
    published = list(_published(manifest, dataset))
    return [intact, *_draw(manifest, dataset), *published, _verdict(manifest, dataset, published, released)]


def _draw(manifest: Manifest, dataset: Dataset) -> Iterator[Check]:
    """Whether the seed gives this very split again over the manifest's row order."""
    recipe, samples = dataset.recipe, manifest.samples
    released = manifest.facts["origin"] == "released"
    seed = recipe.published_seed if released else manifest.facts["seed"]
    if seed is None:
        yield Check("draw", held=None, found="the published draw was unseeded, so it can only be imported")
        return
    again = draw(recipe.bins.index(samples.targets), recipe, seed=int(seed))
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
    if dataset.unreleased:
        return Check("verdict", held=None, found=f"not provable: {dataset.unreleased}, and this is a redraw")
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
