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
    from dircli.store.manifests import Manifest


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it held (None: it cannot be proven, and ``found`` says why)."""

    name: str
    held: bool | None
    found: str


def checks(folder: Path) -> list[Check]:
    """Everything that can be proven about the manifest in ``folder``."""
    try:
        manifest = manifests.read(folder)
    except InputError as error:
        return [Check("intact", held=False, found=str(problem)) for problem in error.problems]
    dataset = datasets.load(str(manifest.facts["dataset"]))
    rows = len(manifest.samples.ids)
    intact = Check("intact", held=True, found=f"{rows:,} rows have the stated content {manifest.content[:15]}…")
    return [intact, *_draw(manifest, dataset), *_published(manifest, dataset)]


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
    """Whether the files that the released training code reads, written from this manifest, are the published ones."""
    if manifest.facts["origin"] != "released":
        yield Check("published", held=None, found="this is a redraw; it does not claim to be the published split")
        return
    files = exported(manifest)
    for source in dataset.released:
        blob = f"git:{git_blob(files[source.file])}"
        same = blob == source.digest
        found = f"{source.file} is byte for byte the published one ({blob[:12]}…)"
        yield Check("published", held=same, found=found if same else f"{source.file} is {blob}, not {source.digest}")
