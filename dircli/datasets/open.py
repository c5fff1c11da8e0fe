"""How to open a benchmark: a manifest, or the bins that come with the program, with the dataset's rules."""

from __future__ import annotations

from pathlib import Path

from dircli import datasets
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.manifest import BinTable, Manifest, PixelManifest
from dircli.errors import UsageError
from dircli.store import manifests

TARGETS_UNVERIFIED = (
    "scored against the targets in the prediction file: no manifest says that they are the benchmark's rows"
)


def open_benchmark(name: str | None, root: Path, bins_file: Path | None) -> Benchmark:
    """What to score with: ``bins_file``; else the manifest ``name`` in ``root``; else the bins shipped under it."""
    if bins_file is not None:
        table = manifests.read_bins(bins_file, hint="Give a bins.parquet that `dir curate` wrote")
        return _benchmark(name or str(table.facts.get("name", "bins")), table)
    name = name or manifests.only(root)
    if name in manifests.curated(root):
        manifest = read_manifest(root / name)
        return _benchmark(str(manifest.facts["name"]), manifest.table, manifest)
    shipped = manifests.shipped(name)
    if shipped is None:
        advice = "run `dir curate` first"
        if name not in datasets.NAMES:
            known = sorted({*manifests.curated(root), *datasets.NAMES})
            advice = f"name one of {', '.join(known)}, or {advice}"
        raise UsageError(f"{name!r} is not curated in {root}; {advice}")
    return _benchmark(name, manifests.read_bins(shipped), fixed=True)


def read_manifest(folder: Path) -> Manifest | PixelManifest:
    """The manifest in ``folder``, of samples or of pixels; InputError with every disagreement."""
    dataset = manifests.read_facts(folder)["dataset"]
    of_pixels = dataset in datasets.NAMES and datasets.load(dataset).counted == "pixels"
    return manifests.read_pixels(folder) if of_pixels else manifests.read(folder)


def _benchmark(
    name: str, table: BinTable, manifest: Manifest | PixelManifest | None = None, *, fixed: bool = False
) -> Benchmark:
    """The benchmark with the rules of the dataset that the bins name."""
    dataset = datasets.known(table.facts, table.bins)
    return Benchmark(name=name, table=table, dataset=dataset, manifest=manifest, fixed=fixed)
