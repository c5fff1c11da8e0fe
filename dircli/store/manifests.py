"""Manifests: a curated benchmark as three files that anybody can check (schema in manifests/README.md).

``samples.parquet`` (id, target, bin, split and the dataset's own columns), ``bins.parquet`` (bin, low, high, train,
val, test and the regions), ``manifest.json`` (origin, recipe, counts, sources and `content`). Parquet files hold no
time and no path, so the same rows give the same bytes.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable, Manifest, Samples
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import REGIONS
from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, parquet
from dircli.store.content import content
from dircli.store.parquet import parquet_bytes
from dircli.store.text import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from dircli.arrays import AnyArray

Part = TypeVar("Part")

SAMPLES, BINS, FACTS = "samples.parquet", "bins.parquet", "manifest.json"
AGAIN = "A file was changed or exchanged; run `dir curate` again"
IDENTITY = ("content", "dataset", "name", "origin")
FACT_TYPES: dict[str, type | tuple[type, ...]]
FACT_TYPES = {**dict.fromkeys(IDENTITY, str), "regions": dict, "rows": int, "seed": (int, NoneType)}


def sample_columns(samples: Samples) -> dict[str, pa.Array]:
    """The columns of ``samples.parquet``."""
    import pyarrow as pa

    own = {
        name: pa.array(column, pa.string() if column.dtype == object else None)
        for name, column in samples.columns.items()
    }
    columns = {
        "id": pa.array(samples.ids, pa.string()),
        "target": pa.array(samples.targets, pa.float64()),
        "bin": pa.array(samples.bin_index, pa.int32()),
        "split": pa.array(samples.split, pa.string()),
    }
    return {**columns, **own}


def samples_bytes(samples: Samples, facts: Mapping[str, Any]) -> bytes:
    """``samples.parquet``."""
    return parquet_bytes(sample_columns(samples), facts)


def bin_columns(table: BinTable) -> dict[str, pa.Array]:
    """The columns of ``bins.parquet``."""
    import pyarrow as pa

    return {
        "bin": pa.array(np.arange(len(table.bins)), pa.int32()),
        "low": pa.array(table.bins.low, pa.float64()),
        "high": pa.array(table.bins.high, pa.float64()),
        **{part: pa.array(table.counts[part], pa.int64()) for part in SPLITS},
        **{f"region_{name}": pa.array(regions, pa.string()) for name, regions in table.regions.items()},
    }


def bins_bytes(table: BinTable) -> bytes:
    """``bins.parquet``."""
    return parquet_bytes(bin_columns(table), table.facts)


def contents(manifest: Manifest) -> dict[str, bytes]:
    """The three files of ``manifest`` by name."""
    return {
        SAMPLES: samples_bytes(manifest.samples, manifest.table.facts),
        BINS: bins_bytes(manifest.table),
        FACTS: as_json(manifest.facts),
    }


def write(folder: Path, manifest: Manifest) -> None:
    """The three files of ``manifest`` into ``folder``, all of them or none."""
    files.write_all(folder, contents(manifest))


def _numpy(table: pa.Table, column: str) -> AnyArray:
    values: AnyArray = table[column].to_numpy()
    return values


def read_bins(path: Path, *, hint: str = AGAIN) -> BinTable:
    """The bins in ``path``, any ``bins.parquet``; InputError where they are none, ``hint`` says what to do then."""
    types = {"bin": "int32", "low": "double", "high": "double", **dict.fromkeys(SPLITS, "int64")}
    regions = ("released", "paper")
    types |= {f"region_{name}": "string" for name in regions}
    name = str(path)
    table = parquet.table(files.read(path, hint=hint), name, types, hint=hint)
    low, high = _numpy(table, "low"), _numpy(table, "high")
    try:
        bins = Bins(np.append(low, high[-1:]))
    except ValueError as error:
        raise InputError(Problem(name, f"these are no bins: {error}", hint)) from None
    if not np.array_equal(low[1:], high[:-1]):
        raise InputError(Problem(name, "a bin does not begin where the one before it ends", hint))
    try:
        facts = dict(json.loads((table.schema.metadata or {}).get(b"dircli", b"{}")))
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(Problem(name, f"its facts are no JSON object ({error})", hint)) from None
    return BinTable(
        bins=bins,
        counts={part: _numpy(table, part) for part in SPLITS},
        regions={key: _numpy(table, f"region_{key}") for key in regions},
        facts=facts,
    )


def read_facts(folder: Path) -> dict[str, Any]:
    """``manifest.json`` of the manifest in ``folder``."""
    path = folder / FACTS
    data = files.read(path, hint="Run `dir curate` first")
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), f"this is no JSON ({error})", AGAIN)) from None
    if not isinstance(facts, dict):
        raise InputError(Problem(str(path), "this is no JSON object", AGAIN))
    wrong = [f"there is no {key}" for key in FACT_TYPES if key not in facts]
    held = [(key, kind, facts[key]) for key, kind in FACT_TYPES.items() if key in facts]
    if wrong := wrong + [f"{key} is {json.dumps(is_)[:60]}" for key, kind, is_ in held if not isinstance(is_, kind)]:
        raise InputError(Problem(str(path), " and ".join(wrong), AGAIN))
    return facts


def read(folder: Path) -> Manifest:
    """The manifest in ``folder``, checked: content hash, samples, bins, facts; InputError with every disagreement."""
    files.recover(folder)
    problems: list[Problem] = []
    facts = kept(partial(read_facts, folder), problems)
    if facts and "counted" in facts:  # see `pixels`
        raise UsageError(f"{folder.name}: its labels are maps of {facts['counted']}; this works on samples alone")
    table = kept(partial(read_bins, folder / BINS), problems)
    samples = kept(partial(read_samples, folder / SAMPLES), problems)
    if facts is None or table is None or samples is None:
        raise InputError(problems)
    manifest = Manifest(samples=samples, table=table, facts=facts)
    if problems := _disagreements(manifest, folder):
        raise InputError(problems)
    return manifest


def kept(reader: Callable[[], Part], problems: list[Problem]) -> Part | None:
    """What ``reader`` gives, or None with its ``problems`` kept, so that all three files are looked at."""
    try:
        return reader()
    except InputError as error:
        problems += error.problems
        return None


def read_samples(path: Path) -> Samples:
    """The rows in ``path``, any ``samples.parquet``; InputError where they are none."""
    types = {"id": "string", "target": "double", "bin": "int32", "split": "string"}
    rows = parquet.table(files.read(path, hint="Run `dir curate` again"), str(path), types, hint=AGAIN)
    own = [column for column in rows.column_names if column not in types]
    return Samples(
        ids=_numpy(rows, "id"),
        targets=_numpy(rows, "target"),
        bin_index=_numpy(rows, "bin").astype(np.int64),
        split=_numpy(rows, "split"),
        columns={column: _numpy(rows, column) for column in own},
    )


def _disagreements(manifest: Manifest, folder: Path) -> list[Problem]:
    samples, table, facts = manifest.samples, manifest.table, manifest.facts
    pairs = [
        (SAMPLES, "content", content(samples.ids, samples.targets, samples.split), facts["content"]),
        (SAMPLES, "number of rows", len(samples.ids), facts["rows"]),
        *((BINS, key, table.facts.get(key), facts[key]) for key in IDENTITY),
    ]
    unlike = [(file, what, f"{ours!s:.24}", f"{says!s:.24}") for file, what, ours, says in pairs if ours != says]
    found = [(file, f"its {what} is {ours}, and {FACTS} says {says}") for file, what, ours, says in unlike]
    index = table.bins.index(samples.targets)
    if (index < 0).any() or not np.array_equal(index, samples.bin_index):
        found.append((SAMPLES, f"its bins are not those of {BINS}"))
    else:
        held = {part: np.bincount(index[samples.split == part], minlength=len(table.bins)) for part in SPLITS}
        changed = [part for part in SPLITS if not np.array_equal(held[part], table.counts[part])]
        found += [(BINS, f"its {part} counts are not those of {SAMPLES}") for part in changed]
    for key, regions in table.regions.items():
        rows = {part: {name: int(table.counts[part][regions == name].sum()) for name in REGIONS} for part in SPLITS}
        if rows != facts["regions"].get(key):
            found.append((BINS, f"its {key} regions do not hold the rows that {FACTS} says"))
    return [Problem(str(folder / file), what, AGAIN) for file, what in found]


def curated(root: Path) -> list[str]:
    """The names of the manifests in ``root``, sorted; shipped bins alone are no manifest."""
    return sorted(path.parent.name for path in root.glob(f"*/{FACTS}"))


def shipped(name: str) -> Path | None:
    """The bins of ``name`` that come with the program, or None."""
    package = Path(__file__).parents[1]
    for root in (package / "manifests", package.parent / "manifests"):
        if (root / name / BINS).is_file():
            return root / name / BINS
    return None


def named(name: str | None, root: Path) -> Path:
    """The folder of the manifest ``name`` in ``root``, or of the only one there; UsageError where there is none."""
    name = name or only(root)
    known = curated(root)
    if name not in known:
        there = f"; there are {', '.join(known)}" if known else ""
        raise UsageError(f"{name!r} is not curated in {root}{there}; run `dir curate` first")
    return root / name


def only(root: Path) -> str:
    """The name of the only manifest in ``root``; UsageError where there is none, or where there are several."""
    match curated(root):
        case [name]:
            return name
        case []:
            raise UsageError(f"no dataset is named, and none is curated in {root}; name one, or run `dir curate` first")
        case several:
            raise UsageError(f"several datasets are curated in {root}: {', '.join(several)}; name one of them")
