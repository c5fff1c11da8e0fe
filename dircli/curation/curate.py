"""From a raw source to a manifest: one call for every benchmark, whatever its labels are."""

from pathlib import Path
from typing import Literal

from dircli import datasets
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.curation import samples
from dircli.curation.derive import DERIVED, checked_name
from dircli.curation.options import CurateOptions
from dircli.curation.pixels import curate as pixels
from dircli.datasets import variants
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import UsageError
from dircli.store import derived
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import Watch


def usual_split(name: str, *, part: str | None, released: Path | None) -> Literal["released", "redraw"]:
    """What `curate` makes where no split is named: the published one, unless there is none, or only a ``part``."""
    return "redraw" if part or (datasets.load(name).unreleased and released is None) else "released"


def settled_split(  # noqa: PLR0913 - the options that decide a split
    name: str,
    *,
    split: Literal["released", "redraw"] | None,
    seed: int | None,
    released: Path | None,
    part: str | None = None,
    skewed: bool = False,
) -> Literal["released", "redraw"]:
    """The split to make; UsageError where the published one is asked for with what only a redraw has."""
    settled = split or usual_split(name, part=part, released=released)
    if settled == "released" and part:
        raise UsageError("the published split is of the whole benchmark; --only goes with --split redraw")
    if settled == "released" and seed is not None and not skewed:
        raise UsageError("the published split is imported, not drawn; --seed goes with --split redraw, or --skew")
    return settled


def curate(  # noqa: PLR0913 - what is made, where, and by whom
    name: str,
    options: CurateOptions,
    *,
    root: Path,
    terms: DownloadOptions,
    watch: Watch | None = None,
    engine: Engine = LOCAL,
) -> Manifest | PixelManifest:
    """Make the manifest of ``name`` as ``options`` say and write it to ``root``; what is missing is downloaded."""
    dataset = datasets.load(name)
    if options.part and options.part not in dataset.samples.parts:
        parts = ", ".join(dataset.samples.parts) or "none"
        raise UsageError(f"{name} has no part called {options.part!r}; it has {parts}")
    if options.variant is not None:
        _check_variant(name, options.variant, options.called)
    if options.variant and (options.part or options.cut or options.split == "redraw"):
        raise UsageError("--variant is a whole split of the published rows; it goes without --only, --skew and redraws")
    usual = "-".join(filter(None, (name, options.variant, f"{options.part}-only" if options.part else "")))
    called = options.called or (options.cut.named(usual) if options.cut else usual)
    checked_name(called, name, root)
    if options.cut is not None and (called == name or dataset.counted == "pixels"):
        raise UsageError(f"{name} with fewer training samples is another benchmark, of samples; give it another --name")
    if dataset.unreleased and options.split == "released":
        raise UsageError(f"{name}: {dataset.unreleased}, so there is none to import; use --split redraw, the default")
    origin = DERIVED if options.cut is not None else samples.GIVEN if options.variant else options.split
    derived.refuse_unlike(root / called, options.replacing, dataset=name, origin=origin)
    if isinstance(dataset.reader, PixelReader):
        return pixels.curated(dataset, dataset.reader, options, terms, folder=root / called, watch=watch, engine=engine)
    return samples.curated(dataset, options, terms, folder=root / called)


def _check_variant(dataset: str, variant: str, called: str | None) -> None:
    """UsageError where ``variant`` of ``dataset`` cannot be made, or would be called as the published split is."""
    known = variants.makeable(dataset)
    if variant not in known:
        there = f"those to make are {', '.join(known)}" if known else "there is none to make"
        raise UsageError(f"{dataset}: no variant {variant!r} can be made; {there}")
    if called == dataset:
        raise UsageError(f"{variant} is not the published split of {dataset}; give it another --name")
