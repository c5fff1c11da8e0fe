"""How to open a benchmark: a manifest, or the bins that come with the program, with the dataset's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli import datasets
from dircli.benchmark.protocol import ProtocolName, Rules, Thresholds
from dircli.errors import UsageError
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from dircli.arrays import FloatArray, IntArray
    from dircli.benchmark.dataset import Dataset
    from dircli.benchmark.manifest import BinTable, PixelManifest, Samples

TARGETS_UNVERIFIED = (
    "scored against the targets in the prediction file: no manifest says that they are the benchmark's rows"
)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What a file is scored with: bins, the protocol's rules, and the manifest's samples where there is one.

    Without ``samples`` the targets come from the file; ``fixed`` then says whether its rows must fill the bins as the
    split does. ``maps`` is the manifest where labels are maps; its targets are those of the scored pixels.
    """

    name: str
    table: BinTable
    samples: Samples | None
    fixed: bool = False
    maps: PixelManifest | None = None

    @property
    def content(self) -> str:
        """The manifest's content; with bins alone marked as such, for nothing showed that the rows are its own."""
        stated = str(self.table.facts.get("content", "sha256:unknown"))
        proven = self.samples is not None or self.maps is not None
        return stated if proven else f"bins:{stated.removeprefix('sha256:')}"

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that the bins name, or None where it is none of ours."""
        facts = self.table.facts
        known = "own" in facts or facts.get("dataset") in datasets.names()
        return datasets.of(facts, self.table.bins) if known else None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The scores that the dataset asks for; none where it asks for the usual ones."""
        return self.dataset.metrics if self.dataset else ()

    def index(self, targets: FloatArray) -> IntArray:
        """The bin of each of ``targets`` (n,); those of maps are the float32 values that a map holds."""
        if self.dataset and self.dataset.dense:
            targets = targets.astype(np.float32).astype(np.float64)
        return self.table.bins.index(targets)

    def rules(self, protocol: ProtocolName) -> Rules:
        """The protocol's rules for the dataset that the bins name, or the plain ones where it is none of ours."""
        return self.dataset.rules[protocol] if self.dataset else Rules(thresholds=Thresholds(many=100, few=20))


def open_benchmark(name: str | None, root: Path, bins_file: Path | None) -> Benchmark:
    """What to score with: ``bins_file``; else the manifest ``name`` in ``root``; else the bins shipped under it."""
    if bins_file is not None:
        table = manifests.read_bins(bins_file, hint="Give a bins.parquet that `dir curate` wrote")
        return Benchmark(name=name or str(table.facts.get("name", "bins")), table=table, samples=None)
    name = name or manifests.only(root)
    if name in manifests.curated(root):
        facts = manifests.read_facts(root / name)
        if facts["dataset"] in datasets.names() and datasets.load(facts["dataset"]).dense:
            maps = manifests.read_pixels(root / name)
            return Benchmark(name=name, table=maps.table, samples=None, maps=maps)
        manifest = manifests.read(root / name)
        return Benchmark(name=str(facts["name"]), table=manifest.table, samples=manifest.samples)
    shipped = manifests.shipped(name)
    if shipped is None:
        advice = "run `dir curate` first"
        if name not in datasets.names():
            known = sorted({*manifests.curated(root), *datasets.names()})
            advice = f"name one of {', '.join(known)}, or {advice}"
        raise UsageError(f"{name!r} is not curated in {root}; {advice}")
    return Benchmark(name=name, table=manifests.read_bins(shipped), samples=None, fixed=True)
