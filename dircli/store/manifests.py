"""Manifests: a curated benchmark as three files that anybody can check (schema in manifests/README.md).

``samples.parquet`` (id, target, bin, split and the dataset's own columns), ``bins.parquet`` (bin, low, high, train,
val, test and the regions), ``manifest.json`` (origin, recipe, counts, sources and `content`). Where labels are maps,
``samples.parquet`` holds images (id, split and own columns), a fourth file ``pixels.parquet`` the scored pixels (image,
row, col, target, bin), and all counts are in pixels. Parquet files hold no time and no path, so the same rows give the
same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dircli.arrays import AnyArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable, Images, Manifest, PixelManifest, Samples
from dircli.benchmark.pixels import Pixels
from dircli.benchmark.records import SPLITS
from dircli.errors import InputError, Problem, UsageError
from dircli.store import files, parquet
from dircli.store.content import content, pixel_content
from dircli.store.parquet import parquet_bytes
from dircli.store.text import as_json

if TYPE_CHECKING:
    import pyarrow as pa

Part = TypeVar("Part")

SAMPLES, PIXELS, BINS, FACTS = "samples.parquet", "pixels.parquet", "bins.parquet", "manifest.json"
AGAIN = "A file was changed or exchanged; run `dir curate` again"
IDENTITY = ("content", "dataset", "name", "origin")
FACT_TYPES: dict[str, type | tuple[type, ...]]
FACT_TYPES = {**dict.fromkeys(IDENTITY, str), "regions": dict, "rows": int, "seed": (int, NoneType)}
SAMPLE_TYPES = {"id": "string", "target": "double", "bin": "int32", "split": "string"}
IMAGE_TYPES = {"id": "string", "split": "string"}
PIXEL_TYPES = {"image": "int16", "row": "int16", "col": "int16", "target": "float", "bin": "int32"}
BIN_TYPES = {"bin": "int32", "low": "double", "high": "double", **dict.fromkeys(SPLITS, "int64")}


# --- writing


def sample_columns(samples: Samples) -> dict[str, pa.Array]:
    """The columns of ``samples.parquet``."""
    import pyarrow as pa

    return {
        "id": pa.array(samples.ids, pa.string()),
        "target": pa.array(samples.targets, pa.float64()),
        "bin": pa.array(samples.bin_index, pa.int32()),
        "split": pa.array(samples.split, pa.string()),
    } | {
        name: pa.array(column, pa.string() if column.dtype == object else None)
        for name, column in samples.columns.items()
    }


def samples_bytes(samples: Samples, facts: Mapping[str, Any]) -> bytes:
    """``samples.parquet``."""
    return parquet_bytes(sample_columns(samples), facts)


def _image_columns(images: Images) -> dict[str, pa.Array]:
    import pyarrow as pa

    columns = {"id": images.ids, "split": images.split, **images.columns}
    return {name: pa.array(column, pa.string()) for name, column in columns.items()}


def _pixel_columns(pixels: Pixels) -> dict[str, pa.Array]:
    import pyarrow as pa

    return {
        "image": pa.array(pixels.image, pa.int16()),
        "row": pa.array(pixels.row, pa.int16()),
        "col": pa.array(pixels.col, pa.int16()),
        "target": pa.array(pixels.targets, pa.float32()),
        "bin": pa.array(pixels.bin_index, pa.int32()),
    }


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


def contents(manifest: Manifest | PixelManifest) -> dict[str, bytes]:
    """The files of ``manifest`` by name."""
    identity = manifest.table.facts
    if isinstance(manifest, PixelManifest):
        rows = {
            SAMPLES: parquet_bytes(_image_columns(manifest.samples), identity),
            PIXELS: parquet_bytes(_pixel_columns(manifest.pixels), identity),
        }
    else:
        rows = {SAMPLES: samples_bytes(manifest.samples, identity)}
    return {**rows, BINS: bins_bytes(manifest.table), FACTS: as_json(manifest.facts)}


def write(folder: Path, manifest: Manifest | PixelManifest) -> None:
    """The files of ``manifest`` into ``folder``, all of them or none."""
    files.write_all(folder, contents(manifest))


# --- reading


def read(folder: Path) -> Manifest:
    """The manifest in ``folder``, checked: content hash, samples, bins, facts; InputError with every disagreement.

    Raises UsageError for a manifest of maps, which `read_pixels` reads.
    """
    facts, table, problems = _facts_and_bins(folder)
    if facts and "counted" in facts:
        raise UsageError(f"{folder.name}: its labels are maps of {facts['counted']}; this works on samples alone")
    samples = _kept(partial(read_samples, folder / SAMPLES), problems)
    if facts is None or table is None or samples is None:
        raise InputError(problems)
    rows = [
        (SAMPLES, "content", content(samples.ids, samples.targets, samples.split), facts["content"]),
        (SAMPLES, "number of rows", len(samples.ids), facts["rows"]),
    ]
    index = table.bins.index(samples.targets)
    binned = (index >= 0).all() and np.array_equal(index, samples.bin_index)
    counts = {part: index[samples.split == part] for part in SPLITS} if binned else {}
    unlike = [*_unlike_facts(rows, table, facts), *_unlike_counts(SAMPLES, counts, table)]
    _refuse(folder, [*unlike, *_unlike_regions(table, facts, unit="rows")])
    return Manifest(samples=samples, table=table, facts=facts)


def read_pixels(folder: Path) -> PixelManifest:
    """The manifest of maps in ``folder``, checked as `read` checks the others; InputError with every disagreement."""
    facts, table, problems = _facts_and_bins(folder)
    images = _kept(partial(_read_images, folder / SAMPLES), problems)
    pixels = _kept(partial(_read_pixels, folder / PIXELS), problems)
    if facts is None or table is None or images is None or pixels is None:
        raise InputError(problems)
    rows = [
        (PIXELS, "content", pixel_content(images, pixels, table), facts["content"]),
        (SAMPLES, "number of images", len(images.ids), facts["rows"]),
    ]
    binned = np.array_equal(table.bins.index(pixels.targets), pixels.bin_index)
    counts = {"test": pixels.bin_index} if binned else {}
    unlike = [*_unlike_facts(rows, table, facts), *_unlike_counts(PIXELS, counts, table)]
    _refuse(folder, [*unlike, *_unlike_regions(table, facts, unit="pixels")])
    return PixelManifest(samples=images, pixels=pixels, table=table, facts=facts)


def _facts_and_bins(folder: Path) -> tuple[dict[str, Any] | None, BinTable | None, list[Problem]]:
    """``manifest.json`` and ``bins.parquet``, None where it cannot be read; and what is wrong in them."""
    files.recover(folder)
    problems: list[Problem] = []
    facts = _kept(partial(read_facts, folder), problems)
    return facts, _kept(partial(read_bins, folder / BINS), problems), problems


def _kept(reader: Callable[[], Part], problems: list[Problem]) -> Part | None:
    """What ``reader`` gives, or None with its ``problems`` kept, so that all files are looked at."""
    try:
        return reader()
    except InputError as error:
        problems += error.problems
        return None


def _columns(path: Path, types: Mapping[str, str]) -> dict[str, AnyArray]:
    """All columns of a table that has those of ``types``, each (n,); InputError where it has not."""
    rows = parquet.table(files.read(path, hint="Run `dir curate` again"), str(path), types, hint=AGAIN)
    return {name: rows[name].to_numpy() for name in rows.column_names}


def read_samples(path: Path) -> Samples:
    """The rows in ``path``, any ``samples.parquet``; InputError where they are none."""
    columns = _columns(path, SAMPLE_TYPES)
    ids, targets, index, split = (columns.pop(name) for name in SAMPLE_TYPES)
    return Samples(ids=ids, targets=targets, bin_index=index.astype(np.int64), split=split, columns=columns)


def _read_images(path: Path) -> Images:
    columns = _columns(path, IMAGE_TYPES)
    return Images(ids=columns.pop("id"), split=columns.pop("split"), columns=columns)


def _read_pixels(path: Path) -> Pixels:
    columns = _columns(path, PIXEL_TYPES)
    image, row, col, targets, index = (columns[name] for name in PIXEL_TYPES)
    return Pixels(image=image, row=row, col=col, targets=targets, bin_index=index)


def read_bins(path: Path, *, hint: str = AGAIN) -> BinTable:
    """The bins in ``path``, any ``bins.parquet``; InputError where they are none, ``hint`` says what to do then."""
    regions = ("released", "paper")
    types = BIN_TYPES | {f"region_{name}": "string" for name in regions}
    name = str(path)
    table = parquet.table(files.read(path, hint=hint), name, types, hint=hint)
    columns = {column: table[column].to_numpy() for column in types}
    low, high = columns["low"], columns["high"]
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
        counts={part: columns[part] for part in SPLITS},
        regions={key: columns[f"region_{key}"] for key in regions},
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
    stated = [(key, kind, facts[key]) for key, kind in FACT_TYPES.items() if key in facts]
    wrong += [f"{key} is {json.dumps(value)[:60]}" for key, kind, value in stated if not isinstance(value, kind)]
    if wrong:
        raise InputError(Problem(str(path), " and ".join(wrong), AGAIN))
    return facts


# --- what disagrees: pairs of a file and what is wrong in it


def _unlike_facts(
    rows: list[tuple[str, str, object, object]], table: BinTable, facts: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What the files say otherwise than ``facts``: of ``rows`` (file, what, its value, the stated one) and the bins."""
    pairs = [*rows, *((BINS, key, table.facts.get(key), facts[key]) for key in IDENTITY)]
    return [
        (file, f"its {what} is {value!s:.24}, and {FACTS} says {stated!s:.24}")
        for file, what, value, stated in pairs
        if value != stated
    ]


def _unlike_counts(file: str, index: Mapping[str, AnyArray], table: BinTable) -> list[tuple[str, str]]:
    """Where ``file``, whose rows lie in the bins ``index`` (n,) by split, does not fill them as ``table`` says.

    No ``index`` means that its bins are others.
    """
    if not index:
        return [(file, f"its bins are not those of {BINS}")]
    size = len(table.bins)
    changed = [
        part for part in index if not np.array_equal(np.bincount(index[part], minlength=size), table.counts[part])
    ]
    return [(BINS, f"its {part} counts are not those of {file}") for part in changed]


def _unlike_regions(table: BinTable, facts: Mapping[str, Any], *, unit: str) -> list[tuple[str, str]]:
    """The protocols whose regions do not hold what ``facts`` says, counted in ``unit``."""
    rows = table.rows_by_region()
    unlike = [key for key in rows if rows[key] != facts["regions"].get(key)]
    return [(BINS, f"its {key} regions do not hold the {unit} that {FACTS} says") for key in unlike]


def _refuse(folder: Path, unlike: list[tuple[str, str]]) -> None:
    """InputError that names every file of ``folder`` that disagrees, if any."""
    if unlike:
        raise InputError(Problem(str(folder / file), what, AGAIN) for file, what in unlike)


# --- where they are


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
