"""Manifests: a curated benchmark as three files that anybody can check (schema in manifests/README.md).

``samples.parquet`` (id, target, bin, split and the dataset's own columns), ``bins.parquet`` (bin, low, high, train,
val, test and the regions), ``manifest.json`` (origin, recipe, counts, sources and `content`). Where labels are maps,
``samples.parquet`` holds images (id, split and own columns), a fourth file ``pixels.parquet`` the scored pixels (image,
row, col, target, bin), and all counts are in pixels. Parquet files hold no time and no path, so the same rows give the
same bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dircli import __version__
from dircli.arrays import AnyArray, FloatArray, IntArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable, Images, Manifest, PixelManifest, Samples
from dircli.benchmark.pixels import Pixels
from dircli.benchmark.protocol import PROTOCOLS
from dircli.benchmark.records import SPLITS, split_codes
from dircli.benchmark.regions import REGIONS
from dircli.errors import InputError, Problem, UsageError, among, close_to
from dircli.store import files, parquet, places
from dircli.store.content import BLOCK, column_digest, content, pixel_content
from dircli.store.parquet import parquet_bytes
from dircli.store.text import as_json

if TYPE_CHECKING:
    import pyarrow as pa

Part = TypeVar("Part")

SAMPLES, PIXELS, BINS, FACTS = "samples.parquet", "pixels.parquet", "bins.parquet", "manifest.json"
PARTS, NEEDED = (SAMPLES, PIXELS, BINS, FACTS), (BINS, FACTS)
AGAIN = "A file was changed or exchanged; run `dir curate` again"
COLUMNS = "columns"
DIGESTS_SINCE = (0, 2, 0)  # the version from which on there are digests of columns
IDENTITY = ("content", "dataset", "name", "origin")
ORIGINS = ("derived", "given", "redraw", "released")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)
CONTENT = re.compile(r"sha256:[0-9a-f]{64}")
VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?[a-z0-9.+-]{0,20}", re.ASCII)
FACT_TYPES: dict[str, type | tuple[type, ...]]
FACT_TYPES = {**dict.fromkeys((*IDENTITY, "version"), str), "regions": dict, "rows": int, "seed": (int, NoneType)}
OPTIONAL_TYPES: dict[str, type | tuple[type, ...]]
OPTIONAL_TYPES = {COLUMNS: dict, "counts": dict, "derived": dict, "own": dict, "rules": str, "variant": dict}
SAMPLE_TYPES = {"id": "string", "target": "double", "bin": "int32", "split": "string"}
IMAGE_TYPES = {"id": "string", "split": "string"}
PIXEL_TYPES = {"image": "int16", "row": "int16", "col": "int16", "target": "float", "bin": "int32"}
BIN_TYPES = {"bin": "int32", "low": "double", "high": "double", **dict.fromkeys(SPLITS, "int64")}
BIN_TYPES |= {f"region_{key}": "string" for key in PROTOCOLS}


def sample_columns(samples: Samples) -> dict[str, pa.Array]:
    """The columns of ``samples.parquet``."""
    columns = {"id": samples.texts, "target": samples.targets, "bin": samples.bin_index, "split": samples.split}
    return _typed({**columns, **samples.columns}, SAMPLE_TYPES)


def bin_columns(table: BinTable) -> dict[str, pa.Array]:
    """The columns of ``bins.parquet``."""
    columns: dict[str, AnyArray]
    columns = {"bin": np.arange(len(table.bins)), "low": table.bins.low, "high": table.bins.high}
    columns |= {part: table.counts[part] for part in SPLITS}
    columns |= {f"region_{name}": regions for name, regions in table.regions.items()}
    return _typed(columns, BIN_TYPES)


def _typed(columns: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, pa.Array]:
    """``columns`` of the given Arrow types; another one is text where it holds objects, else of the array's type.

    What is in Arrow already stays as it is.
    """
    import pyarrow as pa

    return {
        name: pa.array(column, types.get(name, "string" if column.dtype == object else None))
        if isinstance(column, np.ndarray)
        else column
        for name, column in columns.items()
    }


def bins_bytes(table: BinTable) -> bytes:
    """``bins.parquet``."""
    return parquet_bytes(bin_columns(table), table.facts)


def contents(manifest: Manifest | PixelManifest) -> dict[str, bytes]:
    """The files of ``manifest`` by name."""
    if isinstance(manifest, PixelManifest):
        images, pixels = manifest.samples, manifest.pixels
        places = {"image": pixels.image, "row": pixels.row, "col": pixels.col}
        tables = {
            SAMPLES: _typed({"id": images.ids, "split": images.split, **images.columns}, IMAGE_TYPES),
            PIXELS: _typed({**places, "target": pixels.targets, "bin": pixels.bin_index}, PIXEL_TYPES),
        }
    else:
        tables = {SAMPLES: sample_columns(manifest.samples)}
    rows = {name: parquet_bytes(columns, manifest.table.facts) for name, columns in tables.items()}
    own = own_digests(tables[SAMPLES])
    facts = {key: value for key, value in manifest.facts.items() if key != COLUMNS} | ({COLUMNS: own} if own else {})
    return {**rows, BINS: bins_bytes(manifest.table), FACTS: as_json(facts)}


def own_digests(columns: Mapping[str, pa.Array]) -> dict[str, str]:
    """The digest of each column of ``samples.parquet`` that is the dataset's own, by name."""
    return {name: column_digest(column) for name, column in columns.items() if name not in SAMPLE_TYPES}


def write(folder: Path, manifest: Manifest | PixelManifest) -> None:
    """The files of ``manifest`` into ``folder``, all of them or none, whatever is there; see `derived.write`."""
    files.write_all(folder, contents(manifest), force=True)


def read(folder: Path) -> Manifest:
    """The manifest in ``folder``, checked: content hash, samples, bins, facts; InputError with every disagreement.

    Raises UsageError for a manifest of maps, which `read_pixels` reads.
    """
    facts, table, [rows] = _loaded(folder, {SAMPLES: SAMPLE_TYPES})
    targets, index, codes = rows["target"].to_numpy(), rows["bin"].to_numpy(), _codes(rows["split"])
    columns = _OwnColumns(rows.drop_columns([*SAMPLE_TYPES]))
    samples = Samples(texts=rows["id"], targets=targets, bin_index=index, codes=codes, columns=columns)
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(content, samples.texts, targets, codes)
        counts = _counted(table.bins, samples)
    divided, foreign = bool((codes < len(SPLITS)).all()), foreign_columns(facts, rows.column_names, rows.column)
    found = Found(digest=digest.result(), rows=rows.num_rows, counts=counts, foreign=foreign, divided=divided)
    refuse_unlike(folder, table, facts, found)
    return Manifest(samples=samples, table=table, facts=facts)


class _OwnColumns(Mapping[str, AnyArray]):
    """The dataset's own columns, (n,) each; one is taken out of Arrow when it is first asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table, self._arrays = table, dict[str, AnyArray]()

    def __getitem__(self, name: str) -> AnyArray:
        if name not in self._arrays:
            self._arrays[name] = self._table[name].to_numpy()
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._table.column_names

    def __len__(self) -> int:
        return len(self._table.column_names)


def _codes(split: pa.ChunkedArray) -> AnyArray:
    """The place in `SPLITS` of each of ``split``, dictionaries of texts: (n,), one byte each."""
    parts = [codes_of(part) for part in split.chunks]
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def codes_of(split: pa.DictionaryArray) -> AnyArray:
    """The place in `SPLITS` of each of ``split``: (n,), one byte each."""
    return np.asarray(split_codes(split.dictionary.to_numpy(zero_copy_only=False))[split.indices])


def _counted(bins: Bins, samples: Samples) -> dict[str, IntArray]:
    """How many rows of each split lie in each bin, (B,); nothing where rows are listed in other bins, or no split."""
    total = np.zeros((len(SPLITS), len(bins)), np.int64)
    for start in range(0, samples.targets.size, BLOCK):
        rows = slice(start, start + BLOCK)
        counts = filled(bins, samples.targets[rows], samples.bin_index[rows], samples.codes[rows])
        if counts is None:
            return {}
        total += counts
    return dict(zip(SPLITS, total, strict=True))


def filled(bins: Bins, targets: FloatArray, stated: AnyArray, codes: AnyArray) -> IntArray | None:
    """How many rows of each split lie in each bin, (3, B); None where one is ``stated`` in another bin, or no split."""
    index = bins.index(targets)
    if (index < 0).any() or not np.array_equal(index, stated) or (codes >= len(SPLITS)).any():
        return None
    shape = len(SPLITS), len(bins)
    return np.bincount(codes * np.int64(shape[1]) + index, minlength=shape[0] * shape[1]).reshape(shape)


def read_pixels(folder: Path) -> PixelManifest:
    """The manifest of maps in ``folder``, checked as `read` checks the others; InputError with every disagreement."""
    facts, table, [rows, of_pixels] = _loaded(folder, {SAMPLES: IMAGE_TYPES, PIXELS: PIXEL_TYPES})
    columns, scored = _columns(rows), _columns(of_pixels)
    images = Images(ids=columns.pop("id"), split=columns.pop("split"), columns=columns)
    image, row, col, targets, index = (scored[name] for name in PIXEL_TYPES)
    pixels = Pixels(image=image, row=row, col=col, targets=targets, bin_index=index)
    counts = {"test": np.bincount(index, minlength=len(table.bins))}
    if not np.array_equal(table.bins.index(targets), index):
        counts = {}
    digest, foreign = pixel_content(images, pixels, table), foreign_columns(facts, rows.column_names, rows.column)
    found = Found(digest=digest, rows=rows.num_rows, counts=counts, foreign=foreign)
    refuse_unlike(folder, table, facts, found, of_pixels=True)
    return PixelManifest(samples=images, pixels=pixels, table=table, facts=facts)


def _loaded(folder: Path, types: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, Any], BinTable, list[pa.Table]]:
    """``manifest.json``, ``bins.parquet``, and the table in each file that ``types`` tells the columns of.

    All of them are looked at before InputError says what is wrong.
    """
    files.recover(folder)
    problems: list[Problem] = []
    facts = _kept(partial(read_facts, folder), problems)
    table = _kept(partial(read_bins, folder / BINS), problems)
    if facts and "counted" in facts and PIXELS not in types:
        raise UsageError(f"{folder.name}: its labels are maps of {facts['counted']}; this works on samples alone")
    tables = [_kept(partial(_table, folder / file, kinds), problems) for file, kinds in types.items()]
    if facts is None or table is None or problems:
        raise InputError(problems)
    return facts, table, [each for each in tables if each is not None]


def _kept(reader: Callable[[], Part], problems: list[Problem]) -> Part | None:
    """What ``reader`` gives, or None with its ``problems`` kept."""
    try:
        return reader()
    except InputError as error:
        problems += error.problems
        return None


def _table(path: Path, types: Mapping[str, str]) -> pa.Table:
    """A table that has the columns of ``types``; InputError where it has not."""
    data = files.read(path, hint="Run `dir curate` again")
    return parquet.table(data, str(path), types, hint=AGAIN, coded=["split"] if "target" in types else [])


def _columns(table: pa.Table) -> dict[str, AnyArray]:
    """All columns of a table, each (n,)."""
    return {name: table[name].to_numpy() for name in table.column_names}


def foreign_columns(
    facts: Mapping[str, Any], names: Iterable[str], column: Callable[[str], pa.ChunkedArray]
) -> list[str]:
    """Those of the dataset's own columns of ``samples.parquet`` that are not those whose digest the ``facts`` state.

    ``names`` are all its columns; ``column`` reads one. Manifests of version 0.1.0 state no digests, and later ones
    none where there are no such columns.
    """
    if COLUMNS not in facts and _release(facts["version"]) < DIGESTS_SINCE:
        return []
    own, stated = set(names) - set(SAMPLE_TYPES), facts.get(COLUMNS, {})
    digests = {name: column_digest(column(name).combine_chunks()) for name in own}
    return sorted(name for name in {*digests, *stated} if digests.get(name) != stated.get(name))


def read_bins(path: Path, *, hint: str = AGAIN) -> BinTable:
    """The bins in ``path``, any ``bins.parquet``; InputError where they are none, ``hint`` says what to do then."""
    name = str(path)
    table = parquet.table(files.read(path, hint=hint), name, BIN_TYPES, hint=hint)
    columns = {column: table[column].to_numpy() for column in BIN_TYPES}
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
    regions: dict[str, TextArray] = {key: columns[f"region_{key}"] for key in PROTOCOLS}
    unknown = sorted({str(value) for column in regions.values() for value in column} - set(REGIONS))
    wrong = [f"a region is called {json.dumps(value)[:60]}" for value in unknown]
    wrong += [f"{part} counts below 0" for part in SPLITS if (columns[part] < 0).any()]
    if wrong := [*wrong, *_wrong_facts(facts, facts)]:
        raise InputError(Problem(name, " and ".join(wrong), hint))
    return BinTable(bins=bins, counts={part: columns[part] for part in SPLITS}, regions=regions, facts=facts)


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
    if wrong := list(_wrong_facts(facts, FACT_TYPES)):
        raise InputError(Problem(str(path), " and ".join(wrong), AGAIN))
    return facts


def _wrong_facts(facts: Mapping[str, Any], needed: Iterable[str]) -> Iterator[str]:
    """What is wrong with ``facts``, which stand in ``manifest.json`` or in the metadata of a Parquet file.

    Those ``needed`` must be there; a fact that is there must be what curating writes.
    """
    yield from (f"there is no {key}" for key in needed if key not in facts)
    kinds = FACT_TYPES | OPTIONAL_TYPES
    unlike = [key for key, kind in kinds.items() if key in facts and not isinstance(facts[key], kind)]
    patterns = {"content": CONTENT, "dataset": NAME, "name": NAME, "version": VERSION}
    stated = {key: facts[key] for key in facts if key not in unlike}
    unlike += [key for key, pattern in patterns.items() if key in stated and not pattern.fullmatch(stated[key])]
    unlike += ["origin"] if stated.get("origin", ORIGINS[0]) not in ORIGINS else []
    unlike += [] if _is_derivation(stated.get("derived")) else ["derived"]
    yield from (f"{key} is {json.dumps(facts[key])[:60]}" for key in dict.fromkeys(unlike))
    if "version" not in unlike and _release(facts.get("version", "0.0")) > _release(__version__):
        yield f"dircli {facts['version']} made it, and this is {__version__}: update dircli"


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparison."""
    match = VERSION.fullmatch(version)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _is_derivation(derived: Any) -> bool:
    """Whether ``derived`` says what rows were left out and of which manifest, as curating writes it, or is None."""
    match derived:
        case None:
            return True
        case {"from": {"content": str(), "name": str(), "origin": str()}}:
            gaps, skew = derived.get("gaps", []), derived.get("skew", {})
            return isinstance(skew, dict) and isinstance(gaps, list) and all(map(_is_range, gaps))
    return False


def _is_range(gap: Any) -> bool:
    """Whether it is a pair of ascending finite numbers."""
    match gap:
        case [int() | float() as low, int() | float() as high]:
            return math.isfinite(low) and math.isfinite(high) and low < high
    return False


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the rows of a manifest are found to be: their content ``digest``, and so many ``rows`` or images.

    ``counts`` (B,) by split are the rows or pixels in each bin, none where they are listed in others; ``foreign`` are
    the `foreign_columns`. All rows are of a split where they are ``divided``.
    """

    digest: str
    rows: int
    counts: Mapping[str, IntArray]
    foreign: Sequence[str]
    divided: bool = True


def refuse_unlike(
    folder: Path, table: BinTable, facts: Mapping[str, Any], found: Found, *, of_pixels: bool = False
) -> None:
    """InputError with everything in which the bins, facts and rows of the manifest in ``folder`` disagree."""
    file, rows, unit = (PIXELS, "images", "pixels") if of_pixels else (SAMPLES, "rows", "rows")
    pairs = [
        (file, "content", found.digest, facts["content"]),
        (SAMPLES, f"number of {rows}", found.rows, facts["rows"]),
        *((BINS, key, table.facts.get(key), facts.get(key)) for key in dict.fromkeys((*IDENTITY, *table.facts))),
    ]
    sizes = {part: int(table.counts[part].sum()) for part in SPLITS}
    pairs.append((BINS, "counts", sizes, facts.get("counts", sizes)))
    unlike = [
        (where, f"its {what} is {value!s:.24}, and {FACTS} says {stated!s:.24}")
        for where, what, value, stated in pairs
        if value != stated
    ]
    unlike += [(SAMPLES, f"its column {name} is not what {FACTS} has a digest of") for name in found.foreign]
    if not found.divided:
        unlike.append((file, f"its splits are not all {', '.join(SPLITS)}"))
    elif not found.counts:
        unlike.append((file, f"its bins are not those of {BINS}"))
    for part, counts in found.counts.items():
        if not np.array_equal(counts, table.counts[part]):
            unlike.append((BINS, f"its {part} counts are not those of {file}"))
    for key, by_region in table.rows_by_region().items():
        if by_region != facts["regions"].get(key):
            unlike.append((BINS, f"its {key} regions do not hold the {unit} that {FACTS} says"))
    if unlike:
        raise InputError(Problem(str(folder / where), what, AGAIN) for where, what in unlike)


def curated(root: Path) -> list[str]:
    """The names of the manifests in ``root``, sorted; shipped bins alone are no manifest."""
    return sorted(path.parent.name for path in root.glob(f"*/{FACTS}"))


def is_curated(name: str, root: Path) -> bool:
    """Whether the manifest ``name`` lies in ``root``; a web server need not list what it has."""
    return (root / name / FACTS).is_file() if places.is_remote(root) else name in curated(root)


def shipped(name: str, file: str = BINS) -> Path | None:
    """The ``file`` of ``name`` that comes with the program, by default its bins, or None."""
    package = Path(__file__).parents[1]
    paths = (root / "manifests" / name / file for root in (package, package.parent))
    return next(filter(Path.is_file, paths), None)


def named(name: str | None, root: Path) -> Path:
    """The folder of the manifest ``name`` in ``root``, or of the only one there; UsageError where there is none."""
    name = name or only(root)
    if not is_curated(name, root):
        known = curated(root)
        there = f"; there are {among(known, [name])}" if known else ""
        raise UsageError(f"{name!r} is not curated in {root}{there}; run `dir curate` first{close_to([name], known)}")
    return root / name


def only(root: Path) -> str:
    """The name of the only manifest in ``root``; UsageError where there is none, or where there are several."""
    match curated(root):
        case [name]:
            return name
        case []:
            raise UsageError(f"no dataset is named, and none is curated in {root}; name one, or run `dir curate` first")
        case several:
            raise UsageError(f"several datasets are curated in {root}: {among(several)}; name one of them")
