"""Whose rows a file has: those of another split, or of another manifest, than it was held to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dircli.benchmark.manifest import Manifest
from dircli.benchmark.records import SPLITS
from dircli.errors import DirError
from dircli.store import manifests, places
from dircli.store.matching import listed

ALL = "all"


def of_curated(ids: Any, root: Path, *, given: tuple[str, str] = ("", "")) -> str:
    """Of which rows of a manifest of samples in ``root`` ``ids`` (n,) are, as a sentence; empty where of none.

    ``given`` are the manifest and the split that they were held to. A manifest is read only where it has so many rows.
    """
    wanted = set(listed(ids))
    names = [] if places.is_remote(root) else manifests.curated(root)  # a web server need not list what it has
    for name in sorted(names, key=lambda each: each != given[0]):  # that one first
        if part := next(_equal(wanted, root / name), None):
            if (name, part) == given:
                return ""
            return _sentence(name, part, len(wanted), given=given)
    return ""


def _equal(wanted: set[str], folder: Path) -> Iterator[str]:
    """The splits, and `ALL`, of the manifest in ``folder`` that have the ids ``wanted`` and no others."""
    try:
        facts = manifests.read_facts(folder)
        sizes = {ALL: facts.get("rows"), **facts.get("counts", {})}
        if "counted" in facts or len(wanted) not in sizes.values():
            return
        manifest = manifests.read(folder)
    except (DirError, TypeError):  # a damaged one
        return
    for part in (*SPLITS, ALL):
        if sizes.get(part) == len(wanted) and _ids(manifest, part) == wanted:
            yield part


def _ids(manifest: Manifest, part: str) -> set[str]:
    samples = manifest.samples
    mask = samples.mask(part) if part != ALL else None
    texts = listed(samples.texts)
    return set(texts if mask is None else (text for text, inside in zip(texts, mask.tolist(), strict=True) if inside))


def _sentence(name: str, part: str, count: int, *, given: tuple[str, str]) -> str:
    """What the ``count`` ids are, and how to score them."""
    elsewhere = name != given[0]
    if part == ALL:
        there = f", then --dataset {name}" if elsewhere else ""
        return f"all {count:,} ids are those of {name}, of all its splits: keep the rows of one split{there}"
    options = [f"--dataset {name}"] if elsewhere else []
    options += [f"--split {part}"] if part != (given[1] or "test") else []
    return f"all {count:,} ids are those of {part} of {name}: use {' '.join(options)}"
