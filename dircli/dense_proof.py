"""What a manifest of maps exports, and the proof that it is what it says; see `proof` for those of samples."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from dircli import curation, datasets
from dircli.errors import InputError, sample
from dircli.proof import Check
from dircli.store import manifests, pixels
from dircli.store.fetch import git_blob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dircli.datasets._spec import Dataset
    from dircli.store.pixels import DenseManifest


def digests(dataset: Dataset) -> dict[str, str]:
    """The git blob id of each published file that `exported` writes."""
    lists = dict(dataset.dense.lists.values()) if dataset.dense else {}
    return {source.file: str(source.digest) for source in dataset.released} | lists


def released_files(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files that the released training code reads, from the manifest in ``folder`` of either kind; and digests.

    The digests, ``git:<blob id>``, are those of the published files.
    """
    facts = manifests.read_facts(folder)
    if facts["dataset"] not in datasets.names():
        return curation.exported(manifests.read(folder)), {}
    dataset = datasets.load(str(facts["dataset"]))
    if dataset.dense is None:
        return curation.exported(manifests.read(folder)), digests(dataset)
    return exported(pixels.read(folder)), digests(dataset)


def exported(manifest: DenseManifest) -> dict[str, bytes]:
    """The mask of scored pixels and the lists of images, as the released training code reads them."""
    dense = datasets.load(str(manifest.facts["dataset"])).dense
    if dense is None:
        raise TypeError("the labels of this dataset are no maps")
    samples, scored = manifest.samples, manifest.pixels
    mask = np.zeros((np.count_nonzero(samples.split == "test"), *dense.shape), dtype=np.uint8)
    mask[scored.image, scored.row, scored.col] = 1
    stream = io.BytesIO()
    np.save(stream, mask)
    contents = {dense.mask: stream.getvalue()}
    for split, (file, _) in dense.lists.items():
        rows = samples.split == split
        if rows.any():
            columns = {name: column[rows] for name, column in samples.columns.items()}
            contents[file] = dense.listed(samples.ids[rows], columns)
    return contents


def checks(folder: Path) -> list[Check]:
    """Everything that can be proven about the manifest in ``folder``; the last check is the verdict."""
    try:
        manifest = pixels.read(folder)
    except InputError as error:
        return [Check("intact", held=False, found=str(problem)) for problem in error.problems]
    dataset = datasets.load(str(manifest.facts["dataset"]))
    found = f"{len(manifest.pixels):,} test pixels have the stated content {manifest.content[:15]}…"
    claims = manifest.facts["origin"] == "released"
    published = list(_published(manifest, dataset, claims=claims))
    draw = "the published draw was unseeded, so it can only be imported"
    if not claims:
        draw = f"seed {manifest.facts['seed']}: to repeat it takes the test maps; curate again and compare contents"
    return [
        Check("intact", held=True, found=found),
        Check("draw", held=None, found=draw),
        *_counts(manifest, dataset, claims=claims),
        *published,
        _verdict(published, claims=claims),
    ]


def _counts(manifest: DenseManifest, dataset: Dataset, *, claims: bool) -> Iterator[Check]:
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


def _published(manifest: DenseManifest, dataset: Dataset, *, claims: bool) -> Iterator[Check]:
    """Whether the files that the released code reads, written from this manifest, are the published ones.

    A redraw claims nothing of its mask. A list that this source does not have is not looked at.
    """
    known = digests(dataset)
    for file, data in exported(manifest).items():
        blob = f"git:{git_blob(data)}"
        if blob == known[file]:
            yield Check("published", held=True, found=f"{file} is byte for byte the published one ({blob[:12]}…)")
        else:
            found = f"{file} is {blob}, and the published one {known[file]}"
            yield Check("published", held=False if claims else None, found=found)


def _verdict(published: list[Check], *, claims: bool) -> Check:
    if all(check.held for check in published):
        return Check("verdict", held=True, found="identical to the published test pixels")
    if claims:
        return Check("verdict", held=False, found="different from the published test pixels")
    return Check("verdict", held=None, found="not provable: this is a redraw, not the published test pixels")
