"""What lies beside a manifest: files that were derived from it, and go when another benchmark takes its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dircli.benchmark.manifest import BinTable
from dircli.errors import InputError, UsageError
from dircli.store import files, hdf5, manifests, parquet

LISTED = ("croissant.json", "leakage.csv", "signals.parquet", "unreadable.csv")
"""What was found out, or is told, about the rows of a manifest, under the names that the commands give."""

MARKS = {"scheme", "momentum"}
"""The parameters by which weights and feature statistics are told from other files that state a content."""

ENDINGS = (".parquet", ".csv", ".npy", ".weight", ".h5", ".hdf5")
STATISTICS = ".statistics"


@dataclass(frozen=True)
class Replacing:
    """Whether another benchmark under the same name may be replaced, and who is told what was removed with it."""

    force: bool = False
    tell: Callable[[str], None] = lambda _: None


REFUSE = Replacing()


def derived(folder: Path) -> dict[str, str]:
    """The files in ``folder`` that were derived from a manifest: their names, and the content that each belongs to.

    A file that has no room for facts belongs to what the file beside it states: weights to their .json, calibrated
    features to their statistics.
    """
    contents: dict[str, str] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        facts = _facts(path) if path.is_file() and path.name not in manifests.PARTS else {}
        if isinstance(facts.get("content"), str) and facts.keys() & MARKS:
            beside = (folder / f"{path.stem.removesuffix(STATISTICS)}{ending}" for ending in ENDINGS)
            follows = path.suffix == ".json" or path.stem.endswith(STATISTICS)
            named = [path, *(beside if follows else ())]
            contents |= {
                each.name: facts["content"] for each in named if each.is_file() and each.name not in manifests.PARTS
            }
    return contents


def _facts(path: Path) -> Mapping[str, Any]:
    """The facts that the file at ``path`` states, where it is of a kind that states some and can be read."""
    facts: Any = {}
    try:
        if path.suffix == ".json":
            facts = json.loads(path.read_bytes())
        elif path.suffix == ".parquet":
            with parquet.file(path) as table:
                facts = json.loads((table.schema_arrow.metadata or {}).get(b"dircli", b"{}"))
        elif path.suffix in {".h5", ".hdf5"}:
            with hdf5.opened(path) as file:
                facts = dict(file.attrs)
    except (OSError, ValueError, RecursionError):  # somebody else's file
        return {}
    return facts if isinstance(facts, dict) else {}


def write(folder: Path, contents: Mapping[str, files.Content], table: BinTable, how: Replacing) -> None:
    """The files of a manifest with the bins ``table`` into ``folder``, all of them or none.

    The same benchmark is written again; another one is replaced with force alone, and what was derived from it goes in
    the same step. UsageError, with what is there, where it may not be replaced.
    """
    gone: list[str] = []

    def outdated() -> list[str]:
        """What goes with the benchmark that is replaced: derived files, listings, and parts that this one has not."""
        unlike = differing(folder, table)
        if not unlike:
            return []
        if not how.force:
            refuse_other(folder, f"{table.facts['dataset']}, {table.facts['content']:.15}…", unlike)
        parts = (name for name in (*manifests.PARTS, *LISTED) if (folder / name).is_file() and name not in contents)
        gone.extend(sorted({*parts, *derived(folder)}))
        return gone

    files.write_all(folder, contents, force=True, outdated=outdated)
    if gone:
        how.tell(f"{folder.name}: removed what was derived from the manifest before: {', '.join(gone)}")


def refuse_unlike(folder: Path, how: Replacing, *, dataset: str, origin: str) -> None:
    """UsageError, before any work, where the manifest in ``folder`` is of another dataset or origin, and may stay.

    Whether rows, bins and regions are the same is known when they are made, and `write` refuses them then.
    """
    if how.force or not (folder / manifests.FACTS).is_file():
        return
    try:
        there = manifests.read_facts(folder)
    except InputError:
        there = {}
    if (there.get("dataset"), there.get("origin")) != (dataset, origin):
        refuse_other(folder, f"{dataset}, {origin}", ["dataset or origin"])


def differing(folder: Path, table: BinTable) -> list[str]:
    """In what the manifest in ``folder`` is not that of ``table``: its rows or split, bins, regions, names or rules."""
    try:
        there = manifests.read_bins(folder / manifests.BINS)
        facts = manifests.read_facts(folder)
    except InputError:
        return ["all that cannot be read"]
    same_bins = np.array_equal(there.bins.edges, table.bins.edges)
    same_counts = all(np.array_equal(there.counts[part], counts) for part, counts in table.counts.items())
    same_regions = all(np.array_equal(there.regions[key], regions) for key, regions in table.regions.items())
    equal = {
        "rows or split": there.facts.get("content") == table.facts.get("content") and (same_counts or not same_bins),
        "bins": same_bins,
        "regions": same_regions or not same_bins,
        "manifest.json": all(there.facts.get(key) == facts[key] for key in manifests.IDENTITY),
    }
    return [*(word for word, same in equal.items() if not same), *_unlike(there.facts, table.facts)]


def _unlike(there: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The facts in which two tables of bins differ, those within a fact, such as the rules of a table, by their names.

    Their content is none of them.
    """
    unlike = []
    for key in sorted({*there, *new} - {"content"}):
        old, now = there.get(key), new.get(key)
        if old == now:
            continue
        if isinstance(old, Mapping) and isinstance(now, Mapping):
            unlike += _unlike(old, now)
        else:
            unlike.append(f"{key} ({_said(old)}, now {_said(now)})")
    return unlike


def _said(fact: Any) -> str:
    return f"{fact:g}" if isinstance(fact, float) else "none" if fact in {None, ""} else str(fact)


def refuse_other(folder: Path, new: str, unlike: Sequence[str]) -> None:
    """UsageError where there is a manifest in ``folder``, which is not the ``new`` one: what is ``unlike`` differs."""
    if not (folder / manifests.FACTS).is_file():
        return
    try:
        facts = manifests.read_facts(folder)
        what = f"{facts['name']} ({facts['dataset']}, {facts['origin']}, {facts['content']:.15}…)"
    except InputError:
        what = "a manifest that cannot be read"
    raise UsageError(
        f"{folder}: {what} is there, and this is another benchmark ({new}), which differs in "
        f"{', '.join(unlike)}. "
        "Add --force to replace it and what was derived from it, or choose another --name"
    )
