"""Proof that a manifest is what it says: intact, drawn as it claims, and equal to the published files byte for byte."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dircli import datasets
from dircli.benchmark.dataset import Dataset, PixelReader
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import SPLITS
from dircli.benchmark.splits import codes, draw
from dircli.curation.derive import in_gaps
from dircli.curation.export import exported
from dircli.datasets import obtain, variants
from dircli.datasets.obtain import DownloadOptions
from dircli.datasets.open import read_manifest
from dircli.errors import InputError, sample
from dircli.store import manifests
from dircli.store.content import rules_digest
from dircli.store.derived import derived
from dircli.store.digests import git_blob

UNDRAWN = {  # why the draw of a manifest of this origin cannot be repeated
    "derived": "training rows were left out, so that the draw cannot be repeated from what is there",
    "given": "the split was taken over from the table, so that there is no draw to repeat",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it held (None: it cannot be proven, and ``found`` says why)."""

    name: str
    held: bool | None
    found: str


def verify(name: str | None, *, root: Path, released: Path | None, terms: DownloadOptions) -> tuple[str, list[Check]]:
    """A manifest's name, and what can be proven of it; ``released`` are published files, to name unlike rows."""
    folder = manifests.named(name, root)
    try:
        facts = manifests.read_facts(folder)
    except InputError as error:
        return folder.name, _broken(error)
    known = datasets.load(facts["dataset"]) if facts["dataset"] in datasets.NAMES else None
    by_row = known is not None and known.samples.read_released is not None
    with obtain.split_files(known, released, terms, download=False) if known and by_row else nullcontext() as tree:
        try:
            manifest = read_manifest(folder)
        except InputError as error:
            return folder.name, _broken(error)
        dataset = datasets.of(manifest.facts, manifest.table.bins)
        of = "the table" if dataset.publication is None else dataset.name
        unlike = False if manifest.facts["origin"] == "released" else None  # a redraw may differ from the published
        if isinstance(manifest, PixelManifest):
            rows, further = f"{len(manifest.pixels):,} test pixels", _counts(manifest, dataset, unlike=unlike)
        else:
            rows, further = f"{manifest.samples.targets.size:,} rows", _gaps(manifest)
        intact = Check("intact", held=True, found=f"{rows} have the stated content {manifest.content[:15]}…")
        published = list(_published(manifest, dataset, unlike=unlike))
        verdict = _verdict(manifest, dataset, published, tree, unlike=unlike)
        digest = rules_digest(manifest.table, dataset.rules.score_rules).removeprefix("sha256:")
        rules = Check("rules", held=True, found=f"bins, thresholds and regions are those of {of}: rules:{digest[:8]}")
        beside = _derived(folder, manifest.content)
        return folder.name, [intact, rules, _draw(manifest, dataset), *further, *beside, *published, verdict]


def _broken(error: InputError) -> list[Check]:
    """The checks of a manifest that cannot be read whole: why not."""
    return [Check("intact", held=False, found=str(problem)) for problem in error.problems]


def _draw(manifest: Manifest | PixelManifest, dataset: Dataset) -> Check:
    """Whether the seed gives this very split again over the manifest's row order."""
    recipe, origin = dataset.rules.recipe, manifest.facts["origin"]
    if "variant" in manifest.facts and isinstance(manifest, Manifest):
        return _as_variant(manifest, dataset)
    if origin in UNDRAWN:
        return Check("draw", held=None, found=UNDRAWN[origin])
    seed = recipe.published_seed if origin == "released" else manifest.facts["seed"]
    if seed is None:
        return Check("draw", held=None, found="the published draw was unseeded, so it can only be imported")
    if isinstance(manifest, PixelManifest):
        found = f"seed {seed}: to repeat it takes the test maps; curate again and compare contents"
        return Check("draw", held=None, found=found)
    samples = manifest.samples
    groups = codes(samples.columns[recipe.group]) if recipe.group else None
    again = draw(recipe.index(samples.targets), recipe, seed=int(seed), groups=groups)
    unlike, rows = np.flatnonzero(again != samples.split), len(again)
    order = "the released" if origin == "released" else "this"
    found = f"seed {seed} over {order} row order: {rows - unlike.size:,} of {rows:,} rows equal"
    if unlike.size:
        found += f"; first unlike: {sample(samples.ids[unlike].tolist())}"
    return Check("draw", held=not unlike.size, found=found)


def _as_variant(manifest: Manifest, dataset: Dataset) -> Check:
    """Whether the rows are divided as the variant that the manifest names divides them."""
    name, samples = str(manifest.facts["variant"].get("name")), manifest.samples
    prints = variants.fingerprints(dataset.name)
    if prints is None or name not in prints.splits:
        return Check("variant", held=False, found=f"no variant {name} of {dataset.name} is known")
    places, codes = prints.places(samples.texts), prints.splits[name]
    known = np.where(places < 0, variants.ABSENT, codes[places])
    unlike = int(((known != samples.codes) & (known != variants.UNKNOWN)).sum())
    missing = int((codes < len(SPLITS)).sum()) - np.unique(places[known < len(SPLITS)]).size
    alike = int((known == samples.codes).sum())
    found = f"{alike:,} rows are divided as in {name}, {unlike:,} are not, {missing:,} are missing"
    if open_ := samples.codes.size - alike - unlike:
        found += f"; of {open_:,} it is not known here"
    return Check("variant", held=not unlike and not missing, found=found)


def _derived(folder: Path, content: str) -> Iterator[Check]:
    """Whether what lies beside the manifest was derived from it, file by file."""
    for name, stated in derived(folder).items():
        held = stated == content
        found = (
            f"{name} belongs to {'this content' if held else 'another content, ' + stated[:15] + '…; make it again'}"
        )
        yield Check("derived", held=held, found=found)


def _gaps(manifest: Manifest) -> Iterator[Check]:
    """Whether train is as empty as the manifest says where rows were left out."""
    if gaps := manifest.facts.get("derived", {}).get("gaps"):
        train = manifest.samples.targets[manifest.samples.split == "train"]
        left = int(in_gaps(train, gaps, end=float(manifest.table.bins.edges[-1])).sum())
        where = ", ".join(f"[{low:.15g}, {high:.15g})" for low, high in gaps)
        yield Check("gaps", held=not left, found=f"{left:,} training rows in {where}")


def _counts(manifest: PixelManifest, dataset: Dataset, *, unlike: bool | None) -> Iterator[Check]:
    """Whether training pixels per bin are the published counts, which regions and weights follow from."""
    if not isinstance(dataset.reader, PixelReader):
        return
    train = manifest.table.counts["train"]
    if bins := np.flatnonzero(train != dataset.reader.published).tolist():
        found = f"training pixels of {len(bins)} bins are not the published counts: bins {sample(bins)}"
        yield Check("counts", held=unlike, found=found)
    else:
        yield Check("counts", held=True, found=f"{train.sum():,} training pixels lie in the bins as published")


def _published(manifest: Manifest | PixelManifest, dataset: Dataset, *, unlike: bool | None) -> Iterator[Check]:
    """Whether the files for the released training code, as the manifest gives them, are the published ones."""
    digests = dataset.digests
    for file, data in exported(manifest).items() if digests else ():
        blob = f"git:{git_blob(data)}"
        if blob == digests[file]:
            yield Check("published", held=True, found=f"{file} is byte for byte the published one ({blob[:12]}…)")
        elif unlike is False or isinstance(manifest, PixelManifest):
            yield Check("published", held=unlike, found=f"{file} is {blob}, and the published one {digests[file]}")


def _verdict(
    manifest: Manifest | PixelManifest,
    dataset: Dataset,
    published: list[Check],
    released: Raw | None,
    *,
    unlike: bool | None,
) -> Check:
    """Identical to the published split, different (how many rows, the first ones), or not provable and why."""
    if "derived" in manifest.facts:
        parent = manifest.facts["derived"]["from"]
        whole = f"{parent['name']} ({parent['origin']}, {parent['content'][:15]}…)"
        return Check("verdict", held=None, found=f"not provable: it is {whole} with fewer training rows")
    if "variant" in manifest.facts:
        title = manifest.facts["variant"].get("title")
        return Check("verdict", held=None, found=f"not the published split, but that of {title}")
    if dataset.unreleased:
        how = "this is a redraw" if manifest.facts["origin"] == "redraw" else "this one was taken over"
        return Check("verdict", held=None, found=f"not provable: {dataset.unreleased}, and {how}")
    of_pixels = isinstance(manifest, PixelManifest)
    what = "the published test pixels" if of_pixels else "the published split"
    if len(published) >= len(dataset.released) and all(check.held for check in published):
        return Check("verdict", held=True, found=f"identical to {what}")
    if released is not None and isinstance(manifest, Manifest):
        rows = _unlike(manifest, dataset, released)
        found = f"different from {what} in {len(rows):,} of {manifest.samples.targets.size:,} rows: {sample(rows)}"
        return Check("verdict", held=unlike, found=found)
    found = f"not provable: this is a redraw, not {what}" if unlike is None else f"different from {what}"
    hint = "" if of_pixels else "; which rows differ is shown with --released PATH, the published files"
    return Check("verdict", held=unlike, found=found + hint)


def _unlike(manifest: Manifest, dataset: Dataset, released: Raw) -> list[str]:
    """The rows of the manifest that the published files put elsewhere, give another target, or do not have."""
    if dataset.samples.read_released is None:
        return []
    records, split = dataset.samples.read_released(released)
    published = dict(zip(records.ids, zip(records.targets, split, strict=True), strict=True))
    samples, unlike = manifest.samples, []
    for key, target, part in zip(samples.ids, samples.targets, samples.split, strict=True):
        known = published.pop(key, None)
        if known != (target, part):
            unlike.append(f"{key} ({part}, published {known[1] if known else 'nowhere'})")
    return unlike + [f"{key} (missing, published {part})" for key, (_, part) in published.items()]
