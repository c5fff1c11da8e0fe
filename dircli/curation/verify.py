"""Proof that a manifest is what it says: intact, drawn as it claims, and equal to the published files byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli import datasets
from dircli.benchmark.sampling import codes
from dircli.benchmark.splits import draw
from dircli.curation.derive import in_gaps
from dircli.curation.export import digests, exported, exported_pixels
from dircli.datasets import obtain
from dircli.errors import InputError, sample
from dircli.store import manifests
from dircli.store.digests import git_blob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dircli.benchmark.dataset import Dataset
    from dircli.benchmark.manifest import Manifest, PixelManifest
    from dircli.benchmark.raw import Raw
    from dircli.datasets.obtain import DownloadOptions

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


def pixel_checks(folder: Path) -> list[Check]:
    """Everything that can be proven about the manifest in ``folder``; the last check is the verdict."""
    try:
        manifest = manifests.read_pixels(folder)
    except InputError as error:
        return [Check("intact", held=False, found=str(problem)) for problem in error.problems]
    dataset = datasets.load(str(manifest.facts["dataset"]))
    found = f"{len(manifest.pixels):,} test pixels have the stated content {manifest.content[:15]}…"
    claims = manifest.facts["origin"] == "released"
    published = list(_published_pixels(manifest, dataset, claims=claims))
    draw = "the published draw was unseeded, so it can only be imported"
    if not claims:
        draw = f"seed {manifest.facts['seed']}: to repeat it takes the test maps; curate again and compare contents"
    return [
        Check("intact", held=True, found=found),
        Check("draw", held=None, found=draw),
        *_pixel_counts(manifest, dataset, claims=claims),
        *published,
        _verdict_on_pixels(published, claims=claims),
    ]


def _pixel_counts(manifest: PixelManifest, dataset: Dataset, *, claims: bool) -> Iterator[Check]:
    """Whether training pixels per bin are the published counts, which regions and weights follow from."""
    if dataset.dense is None:
        return
    train = manifest.table.counts["train"]
    unlike = np.flatnonzero(train != dataset.dense.published).tolist()
    if not unlike:
        yield Check("counts", held=True, found=f"{train.sum():,} training pixels lie in the bins as published")
    else:
        found = f"training pixels of {len(unlike)} bins are not the published counts: bins {sample(unlike)}"
        yield Check("counts", held=False if claims else None, found=found)


def _published_pixels(manifest: PixelManifest, dataset: Dataset, *, claims: bool) -> Iterator[Check]:
    """Whether the files that the released code reads, written from this manifest, are the published ones.

    A redraw claims nothing of its mask. A list that this source does not have is not looked at.
    """
    known = digests(dataset)
    for file, data in exported_pixels(manifest).items():
        blob = f"git:{git_blob(data)}"
        if blob == known[file]:
            yield Check("published", held=True, found=f"{file} is byte for byte the published one ({blob[:12]}…)")
        else:
            found = f"{file} is {blob}, and the published one {known[file]}"
            yield Check("published", held=False if claims else None, found=found)


def _verdict_on_pixels(published: list[Check], *, claims: bool) -> Check:
    if all(check.held for check in published):
        return Check("verdict", held=True, found="identical to the published test pixels")
    if claims:
        return Check("verdict", held=False, found="different from the published test pixels")
    return Check("verdict", held=None, found="not provable: this is a redraw, not the published test pixels")


def verify(name: str | None, *, root: Path, released: Path | None, terms: DownloadOptions) -> tuple[str, list[Check]]:
    """Check the manifest ``name`` in ``root``: intact, the draw it claims, the published files; and its name."""
    folder = manifests.named(name, root)
    facts = manifests.read_facts(folder)
    if facts["dataset"] not in datasets.names():
        return folder.name, checks(folder, None)
    dataset = datasets.load(facts["dataset"])
    if dataset.dense is not None:
        return folder.name, pixel_checks(folder)
    return folder.name, checks(folder, obtain.split_files_here(dataset, released, terms))
