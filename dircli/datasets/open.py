"""How to open a benchmark: a manifest, or the bins that come with the program, with the dataset's rules."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import datasets
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.manifest import BinTable, Manifest, PixelManifest
from dircli.benchmark.regions import region
from dircli.errors import DirError, InputError, Problem, UsageError, among, close_to, sample
from dircli.store import manifests
from dircli.store.content import rules_digest

if TYPE_CHECKING:
    from dircli.store.large_manifests import LargeManifest

LOG = logging.getLogger("dircli")
LARGE = 15_000_000
"""Rows of a manifest from which on it is not held in memory where it need not be."""
TARGETS_UNVERIFIED = (
    "scored against the targets in the prediction file: no manifest says that they are the benchmark's rows"
)


BY_HASH = "by_hash"
"""In the facts of a benchmark whose rows were found by hash; see `by_hash`."""
PROVEN = (
    "not curated here: each id was looked up by its hash, and targets come with the program; the sha256 of ids, "
    "targets and splits is that of the published {} rows"
)
BINS_HINT = "Give a bins.parquet that `dir curate` wrote"


def open_benchmark(name: str | None, root: Path, bins_file: Path | None) -> Benchmark:
    """What to score with: ``bins_file``; else the manifest ``name`` in ``root``; else the bins shipped under it."""
    manifest = None
    if bins_file is not None:
        LOG.info("scored by the bins in %s", bins_file)
        table = manifests.read_bins(bins_file, hint=BINS_HINT)
        _refuse_foreign_rules(table, table.facts, bins_file, hint=BINS_HINT)
        name = name or str(table.facts.get("name", "bins"))
    elif manifests.is_curated(name := name or manifests.only(root), root):
        LOG.info("%s: by the manifest %s", name, root / name)
        manifest = read_manifest(root / name)
        name, table = str(manifest.facts["name"]), manifest.table
    elif shipped := manifests.shipped(name):
        LOG.info("%s: no manifest in %s, so by the bins that come with the program", name, root)
        table = manifests.read_bins(shipped)
    else:
        advice, close = "run `dir curate` first", ""
        if name not in datasets.NAMES:
            known = sorted({*manifests.curated(root), *datasets.NAMES})
            advice, close = f"name one of {among(known, [name])}, or {advice}", close_to([name], known)
        raise UsageError(f"{name!r} is not curated in {root}; {advice}{close}")
    dataset, fixed = datasets.known(table.facts, table.bins), bins_file is None and manifest is None
    return Benchmark(name=name, table=table, dataset=dataset, manifest=manifest, fixed=fixed)


def facts_of_samples(name: str | None, root: Path) -> Mapping[str, Any] | None:
    """The facts of ``name``, or of the only manifest in ``root``, if it is one of samples; None also where it is not.

    They are not yet held to its rows.
    """
    folders = [root / name] if name is not None else [root / each for each in manifests.curated(root)]
    try:
        facts = manifests.read_facts(folders[0]) if len(folders) == 1 else {"counted": None}
    except DirError:
        return None
    return None if "counted" in facts else facts


@dataclass(frozen=True, kw_only=True)
class LargeBenchmark:
    """A ``benchmark`` whose rows are read block by block out of its ``manifest``."""

    benchmark: Benchmark
    manifest: LargeManifest


def open_large(name: str | None, root: Path) -> LargeBenchmark | None:
    """The benchmark of samples ``name`` in ``root``, or the only one there, if nothing is wrong with it."""
    from dircli.store import large_manifests  # which hardly anybody needs

    manifest = large_manifests.read(root / (name or manifests.only(root)))
    if manifest is None or any(_foreign_rules(manifest.table, manifest.facts)):
        return None
    table, dataset = manifest.table, datasets.known(manifest.facts, manifest.table.bins)
    return LargeBenchmark(
        benchmark=Benchmark(name=str(manifest.facts["name"]), table=table, dataset=dataset), manifest=manifest
    )


def read_manifest(folder: Path) -> Manifest | PixelManifest:
    """The manifest in ``folder``, of samples or of pixels, held to the rules of its dataset.

    Raises InputError with every disagreement.
    """
    dataset = manifests.read_facts(folder)["dataset"]
    of_pixels = dataset in datasets.NAMES and datasets.load(dataset).counted == "pixels"
    manifest = manifests.read_pixels(folder) if of_pixels else manifests.read(folder)
    _refuse_foreign_rules(manifest.table, manifest.facts, folder / manifests.BINS, hint=manifests.AGAIN)
    return manifest


def _refuse_foreign_rules(table: BinTable, facts: Mapping[str, Any], path: Path, *, hint: str) -> None:
    """InputError where the bins in ``path`` do not follow the rules of the dataset that their ``facts`` name."""
    if unlike := list(_foreign_rules(table, facts)):
        raise InputError(Problem(str(path), what, hint) for what in unlike)


def _foreign_rules(table: BinTable, facts: Mapping[str, Any]) -> Iterator[str]:
    """In what ``table`` differs from the rules of its dataset: its name, edges, regions, and their stated digest."""
    named, name = facts.get("dataset"), str(facts.get("name", ""))
    dataset = datasets.known(facts, table.bins)
    if dataset is None:
        if named is not None:
            yield f"no dataset is called {named!r}; there are {', '.join((*datasets.NAMES, datasets.OWN))}"
        return
    if name.casefold() in datasets.NAMES and name.casefold() != named:
        yield f"it is called {name}, which is another dataset than its own, {named}"
    edges = dataset.rules.scoring_bins(table.bins.edges[-2:-1]).edges  # grown as far as its last bin, where bins grow
    if not np.array_equal(edges, table.bins.edges):
        yield f"its bins are not those of {named}"
    for protocol, rule in dataset.rules.score_rules.items():
        regions = region(table.counts["train"], rule.thresholds)
        if unlike := np.flatnonzero(regions != table.regions[protocol]).tolist():
            many, few = rule.thresholds.many, rule.thresholds.few
            yield (
                f"its {protocol} regions are not those of its training counts (many > {many:g}, few < {few:g}): "
                f"bins {sample(unlike)}"
            )
    digest = rules_digest(table, dataset.rules.score_rules)
    if facts.get("rules", digest) != digest:
        yield f"its rules are {digest[:15]}…, and manifest.json says {facts['rules']:.15}…"
