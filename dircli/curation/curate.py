"""From a raw source to a manifest: one call for every benchmark, whatever its labels are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dircli import datasets
from dircli.curation import derive
from dircli.curation import samples as curation
from dircli.curation.pixels import curate as dense
from dircli.datasets import obtain
from dircli.errors import UsageError
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from dircli.benchmark.manifest import Manifest, PixelManifest
    from dircli.curation.options import CurateOptions
    from dircli.datasets.obtain import DownloadOptions
    from dircli.store.parallel import Watch


def usual_split(name: str, *, part: str | None, released: Path | None) -> Literal["released", "redraw"]:
    """What `curate` makes where no split is named: the published one, unless there is none, or only a ``part``."""
    return "redraw" if part or (datasets.load(name).unreleased and released is None) else "released"


def curate(
    name: str, options: CurateOptions, *, root: Path, terms: DownloadOptions, watch: Watch | None = None
) -> Manifest | PixelManifest:
    """Make the manifest of ``name`` as ``options`` say and write it to ``root``; what is missing is downloaded."""
    dataset = datasets.load(name)
    if options.part and options.part not in dataset.parts:
        parts = ", ".join(dataset.parts) or "none"
        raise UsageError(f"{name} has no part called {options.part!r}; it has {parts}")
    called = derive.checked_name(options.called or derive.named(name, part=options.part, order=options.cut))
    if options.cut is not None and (called == name or dataset.dense is not None):
        raise UsageError(f"{name} with fewer training samples is another benchmark, of samples; give it another --name")
    if dataset.unreleased and options.split == "released":
        raise UsageError(f"{name}: {dataset.unreleased}, so there is none to import; use --split redraw, the default")
    if dataset.dense is not None:
        return dense.from_sources(dataset, dataset.dense, options, terms, folder=root / called, watch=watch)
    if dataset.catalogue and options.raw is None:
        obtain.complete(dataset, dataset.catalogue, terms)
    alone = options.released is not None and dataset.released_alone
    tree = obtain.raw_source(dataset, options.raw, terms, download=not alone)
    if options.split == "released":
        made = curation.imported(dataset, obtain.split_files(dataset, options.released, terms), tree)
    elif tree is not None:
        made = curation.redrawn(dataset, tree, seed=options.seed, part=options.part)
    else:
        raise obtain.absent(dataset, terms, "a redraw needs the raw source; give it with --raw PATH")
    made = made if options.cut is None else derive.derived(dataset, made, options.cut)
    manifest = curation.build(dataset, made, name=called)
    manifests.write(root / called, manifest)
    return manifest
