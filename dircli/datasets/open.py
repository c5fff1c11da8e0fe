"""How to open a benchmark: a manifest, or the bins that come with the program, with the dataset's rules."""

from pathlib import Path

from dircli import datasets
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.errors import UsageError
from dircli.store import manifests

TARGETS_UNVERIFIED = (
    "scored against the targets in the prediction file: no manifest says that they are the benchmark's rows"
)


def open_benchmark(name: str | None, root: Path, bins_file: Path | None) -> Benchmark:
    """What to score with: ``bins_file``; else the manifest ``name`` in ``root``; else the bins shipped under it."""
    manifest = None
    if bins_file is not None:
        table = manifests.read_bins(bins_file, hint="Give a bins.parquet that `dir curate` wrote")
        name = name or str(table.facts.get("name", "bins"))
    elif (name := name or manifests.only(root)) in manifests.curated(root):
        manifest = read_manifest(root / name)
        name, table = str(manifest.facts["name"]), manifest.table
    elif shipped := manifests.shipped(name):
        table = manifests.read_bins(shipped)
    else:
        advice = "run `dir curate` first"
        if name not in datasets.NAMES:
            known = sorted({*manifests.curated(root), *datasets.NAMES})
            advice = f"name one of {', '.join(known)}, or {advice}"
        raise UsageError(f"{name!r} is not curated in {root}; {advice}")
    dataset, fixed = datasets.known(table.facts, table.bins), bins_file is None and manifest is None
    return Benchmark(name=name, table=table, dataset=dataset, manifest=manifest, fixed=fixed)


def read_manifest(folder: Path) -> Manifest | PixelManifest:
    """The manifest in ``folder``, of samples or of pixels; InputError with every disagreement."""
    dataset = manifests.read_facts(folder)["dataset"]
    of_pixels = dataset in datasets.NAMES and datasets.load(dataset).counted == "pixels"
    return manifests.read_pixels(folder) if of_pixels else manifests.read(folder)
