"""Which test set is this: the rows of the published benchmarks by hash, and the splits of them that are in use.

``fingerprints.parquet``, shipped beside ``bins.parquet``, holds no id: of each row, in the published order, a hash of
its id, its target, its place in two other orders, and its split in each variant (see manifests/README.md). What else is
known of a variant stands in variants.toml.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.dataset import Dataset
from dircli.benchmark.manifest import Manifest
from dircli.benchmark.records import SPLITS
from dircli.benchmark.splits import TEST
from dircli.errors import DirError
from dircli.store import files, manifests
from dircli.store.matching import arrow_texts, hashes, listed
from dircli.store.places import UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

if sys.version_info >= (3, 11):
    import tomllib
else:  # the standard library has it from 3.11 on
    import tomli as tomllib

RELEASED = "released"
UNKNOWN, ABSENT = 254, 255
"""Codes of rows whose split in a variant is not known, and of rows that it does not have; others are of `SPLITS`."""
KEEP = ("^$", "")  # all of an id
SAMPLED = 256  # ids of a file by which its dataset is known
PUBLISHED = "Yang et al. 2021, the published split"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A split of ``dataset`` that somebody published under the benchmark's name, and what is known of it.

    ``files`` maps a file's name to the git blob id, ``git:<hex>``, or its beginning; ``counts`` are the distinct rows
    of each split, ``rows`` all rows, where some are listed more than once. Where not all rows are known here, ``url``
    is their one file, of ``size`` bytes. ``content`` and ``rules`` are those of the manifest that is made of it.
    """

    name: str
    dataset: str
    title: str
    source: str = ""
    licence: str = ""
    note: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    url: str = ""
    size: int | None = None
    content: str = ""
    rules: str = ""

    @property
    def makeable(self) -> bool:
        """Whether `dir curate --variant` makes it: all of its rows are known here, or where they are had."""
        return self.name != RELEASED and bool(self.url or self.counts.keys() == set(SPLITS))


@cache
def variants() -> tuple[Variant, ...]:
    """The published split of each dataset that has one, and the variants of variants.toml."""
    loaded = [datasets.load(name) for name in datasets.NAMES]
    published = [
        Variant(name=RELEASED, dataset=each.name, title=PUBLISHED, files=each.digests, counts=each.published.expected)
        for each in loaded
        if each.digests
    ]
    return *published, *(Variant(**each) for each in _registry()["variant"])


@cache
def _registry() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("variants.toml").read_text(encoding="utf-8"))


def digest(dataset: str, split: str) -> str | None:
    """The `content` of the rows of the published ``split`` of ``dataset`` alone; None where it is not known."""
    known: str | None = _registry()["digests"].get(dataset, {}).get(split)
    return known


def named(dataset: str, name: str) -> Variant | None:
    """The variant ``name`` of ``dataset``; None where none is known."""
    return next((each for each in variants() if (each.dataset, each.name) == (dataset, name)), None)


def of_blob(blob: str) -> Variant | None:
    """The variant that has a file with this git blob id, of 40 hex digits; None where none has."""
    return next(
        (each for each in variants() if any(f"git:{blob}".startswith(id_) for id_ in each.files.values())), None
    )


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """The N known rows of ``dataset`` in the published order: ``keys`` (N,) uint64, ``targets`` (N,), NaN for none.

    ``orders`` are the rows in other orders, (N,) each; ``splits`` the code of each row in each variant, (N,). See
    `keyed` for ``key``; ids begin with ``folder``. ``columns``, of a table with that ``header``, make an id.
    Of a manifest that is curated here, ``alike`` names the others that hold the same.
    """

    dataset: Dataset
    keys: AnyArray
    targets: FloatArray
    orders: Mapping[str, IntArray]
    splits: Mapping[str, AnyArray]
    key: tuple[str, ...] = KEEP
    folder: str = ""
    columns: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()

    @cached_property
    def _sorted(self) -> tuple[IntArray, AnyArray]:
        order = np.argsort(self.keys, kind="stable")
        return order, self.keys[order]

    def places(self, ids: pa.ChunkedArray) -> IntArray:
        """The row of each of ``ids`` (n,), texts without nulls; -1 where it is none of ours."""
        order, keys = self._sorted
        wanted = keyed(arrow_texts(ids), self.key)
        near = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        return np.where(keys[near] == wanted, order[near], -1)

    def known(self, ids: pa.ChunkedArray) -> float:
        """The share of ``ids`` (n,), of which some are looked at, that are ids of ours."""
        import pyarrow as pa

        some = ids.take(pa.array(np.unique(np.linspace(0, len(ids) - 1, SAMPLED).astype(np.int64))))
        return float((self.places(some) >= 0).mean())

    def is_whole(self, variant: str) -> bool:
        """Whether the split of every row in ``variant`` is known, and some of them test."""
        codes = self.splits[variant]
        return bool((codes != UNKNOWN).all() and (codes == TEST).any())

    def sets(self, variant: str) -> dict[str, BoolArray]:
        """The rows of each split of ``variant`` that has any, as a mask (N,)."""
        masks = {part: self.splits[variant] == code for code, part in enumerate(SPLITS)}
        return {part: mask for part, mask in masks.items() if mask.any()}


def keyed(ids: Any, key: Sequence[str]) -> AnyArray:
    """A number of 64 bits for each of ``ids`` (n,), texts: the hash of what the pattern and replacement ``key`` leave.

    So an id is the same whatever folders stand before it, and however its name is encoded.
    """
    import pyarrow.compute as pc

    return hashes(pc.replace_substring_regex(ids, *key))


@cache
def fingerprints(name: str) -> Fingerprints | None:
    """The rows of the dataset ``name`` that come with the program; None where none do."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = manifests.shipped(name, "fingerprints.parquet")
    if path is None:
        return None
    table = pq.ParquetFile(pa.BufferReader(files.read(path))).read()
    facts = json.loads(table.schema.metadata[b"dircli"])

    def named_as(prefix: str) -> dict[str, AnyArray]:
        return {each.removeprefix(prefix): table[each].to_numpy() for each in table.column_names if prefix in each}

    return Fingerprints(
        dataset=datasets.load(name),
        keys=table["key"].to_numpy(),
        targets=table["target"].to_numpy(),
        orders={"published": np.arange(len(table)), **{key: np.argsort(of) for key, of in named_as("order_").items()}},
        splits=named_as("split_"),
        key=tuple(facts["key"]),
        folder=facts["folder"],
        columns=tuple(facts["columns"]),
        header=tuple(facts["header"]),
    )


@cache
def all_fingerprints() -> tuple[Fingerprints, ...]:
    """Those of each dataset that has some."""
    return tuple(filter(None, map(fingerprints, datasets.NAMES)))


def curated(root: Path) -> tuple[Fingerprints, ...]:
    """The rows of each manifest of samples in ``root`` that can be read; the manifest is the one variant.

    Of those that hold the same, the first alone, with the names of the others.
    """
    found: dict[str, Fingerprints] = {}
    for name in manifests.curated(root):
        try:
            manifest = manifests.read(root / name)
        except UnreachableError:
            raise
        except DirError:
            continue
        first = found.get(manifest.content)
        found[manifest.content] = replace(first, alike=(*first.alike, name)) if first else _of_manifest(name, manifest)
    return tuple(found.values())


def _of_manifest(name: str, manifest: Manifest) -> Fingerprints:
    samples, dataset = manifest.samples, datasets.of(manifest.facts, manifest.table.bins)
    key, released = _key(dataset.name), manifest.facts["origin"] == RELEASED
    return Fingerprints(
        dataset=dataset,
        keys=keyed(arrow_texts(samples.texts), key),
        targets=samples.targets,
        orders={"published" if released else "the manifest's": np.arange(samples.targets.size)},
        splits={RELEASED if released else name: samples.codes},
        key=key,
    )


def _key(dataset: str) -> tuple[str, ...]:
    """What of the ids of ``dataset`` is hashed; see `keyed`."""
    prints = fingerprints(dataset) if dataset in datasets.NAMES else None
    return prints.key if prints else tuple(_registry()["keys"].get(dataset, KEEP))


def of_form(ids: pa.ChunkedArray, targets: FloatArray) -> Fingerprints | None:
    """``ids`` (n,) with their ``targets`` (n,) as rows of the dataset whose ids look so; None where most do not.

    No split of those rows is known.
    """
    import pyarrow.compute as pc

    for name, form in _registry()["forms"].items():
        looks = pc.match_substring_regex(ids, f"^{form}$").to_numpy()
        if looks.size and looks.mean() > 0.5:  # noqa: PLR2004 - as `listing.ids_of`
            key, dataset = _key(name), datasets.load(name)
            keys, first = np.unique(keyed(ids, key), return_index=True)
            orders = {"sorted": np.argsort(ids.to_numpy()[first].astype(str))}
            return Fingerprints(dataset=dataset, keys=keys, targets=targets[first], orders=orders, splits={}, key=key)
    return None


def makeable(dataset: str) -> list[str]:
    """The variants of ``dataset`` that `dir curate --variant` makes."""
    return [each.name for each in variants() if each.dataset == dataset and each.makeable]


def fitting(ids: Any, *, given: tuple[str, str, str]) -> str:
    """Of which known split ``ids`` (n,) are, as a sentence, where they are not those of the split that is ``given``.

    That is a dataset, a variant of it, and a split. Empty where they are of no known split, or not all known.
    """
    for prints in all_fingerprints():
        places = prints.places(ids)
        if not places.size or (places < 0).any():
            continue
        mask = np.zeros(prints.keys.size, bool)
        mask[places] = True
        name = prints.dataset.name
        found = [
            (each, part) for each in prints.splits for part, rows in prints.sets(each).items() if (mask == rows).all()
        ]
        if not found:
            continue
        variant, part = next((each for each in found if (name, *each) == given), found[0])
        folder = prints.folder if not all(str(each).startswith(prints.folder) for each in listed(ids)) else ""
        write = f"write {folder} before each id, and nothing else" if folder else ""
        if (name, variant, part) == given:
            return f"its ids are those of this split but for their folders; {write}" if folder else ""
        return f"{_fits(named(name, variant), variant, name, part)}{'; and ' if write else ''}{write}"
    return ""


def _fits(variant: Variant | None, called: str, dataset: str, part: str) -> str:
    if called == RELEASED or variant is None:
        return f"its ids are those of the published {part} split of {dataset}: --dataset {dataset} --split {part}"
    if called not in makeable(dataset):
        return f"its ids are those of the {part} split of {called}, another split of {dataset} ({variant.title})"
    how = f"`dir curate {dataset} --variant {called}`, then --dataset {dataset}-{called}"
    how += "" if part == "test" else f" --split {part}"
    return f"its ids are those of the {part} split of {called}, another split of {dataset} ({variant.title}): {how}"
