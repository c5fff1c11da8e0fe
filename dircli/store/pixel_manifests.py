"""Manifests of datasets whose labels are maps: images in ``samples.parquet``, scored pixels in ``pixels.parquet``.

``bins.parquet`` and ``manifest.json`` are as everywhere, with counts in pixels (schema in manifests/README.md).
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dircli.benchmark.manifest import Images, PixelManifest
from dircli.benchmark.pixels import Pixels
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import REGIONS
from dircli.errors import InputError, Problem
from dircli.store import files, manifests, parquet, text

if TYPE_CHECKING:
    from pathlib import Path

    from dircli.arrays import TextArray
    from dircli.benchmark.manifest import BinTable

PIXELS = "pixels.parquet"
TYPES = {"image": "int16", "row": "int16", "col": "int16", "target": "float", "bin": "int32"}


def content(samples: Images, pixels: Pixels, table: BinTable) -> str:
    """A sha256 over all that decides a score, which does not depend on how files encode it.

    Hashed are: the number of test images and the byte length of each id (int64), their ids (UTF-8, one after the
    other), the training pixels per bin (int64), and of the scored pixels all images, rows, columns (int16 each) and
    targets (float32); numbers little endian. Training images are not hashed: only their counts bear on a score.
    """
    encoded = [key.encode() for key in samples.ids[samples.split == "test"]]
    digest = hashlib.sha256(np.array([len(encoded), *map(len, encoded)], dtype="<i8").tobytes())
    digest.update(b"".join(encoded))
    digest.update(table.counts["train"].astype("<i8").tobytes())
    for column, kind in ((pixels.image, "<i2"), (pixels.row, "<i2"), (pixels.col, "<i2"), (pixels.targets, "<f4")):
        digest.update(column.astype(kind).tobytes())
    return f"sha256:{digest.hexdigest()}"


def write(folder: Path, manifest: PixelManifest) -> None:
    """The four files of ``manifest`` into ``folder``, all of them or none."""
    import pyarrow as pa

    samples, pixels, identity = manifest.samples, manifest.pixels, manifest.table.facts
    images = {
        "id": pa.array(samples.ids, pa.string()),
        "split": pa.array(samples.split, pa.string()),
        **{name: pa.array(column, pa.string()) for name, column in samples.columns.items()},
    }
    columns = {
        "image": pa.array(pixels.image, pa.int16()),
        "row": pa.array(pixels.row, pa.int16()),
        "col": pa.array(pixels.col, pa.int16()),
        "target": pa.array(pixels.targets, pa.float32()),
        "bin": pa.array(pixels.bin_index, pa.int32()),
    }
    contents = {
        manifests.SAMPLES: parquet.parquet_bytes(images, identity),
        PIXELS: parquet.parquet_bytes(columns, identity),
        manifests.BINS: manifests.bins_bytes(manifest.table),
        manifests.FACTS: text.as_json(manifest.facts),
    }
    files.write_all(folder, contents)


def read(folder: Path) -> PixelManifest:
    """The manifest in ``folder``, checked as `manifests.read` checks the others; InputError with every disagreement."""
    files.recover(folder)
    problems: list[Problem] = []
    facts = manifests.kept(partial(manifests.read_facts, folder), problems)
    table = manifests.kept(partial(manifests.read_bins, folder / manifests.BINS), problems)
    samples = manifests.kept(partial(_read_images, folder / manifests.SAMPLES), problems)
    pixels = manifests.kept(partial(_read_pixels, folder / PIXELS), problems)
    if facts is None or table is None or samples is None or pixels is None:
        raise InputError(problems)
    manifest = PixelManifest(samples=samples, pixels=pixels, table=table, facts=facts)
    if problems := _disagreements(manifest, folder):
        raise InputError(problems)
    return manifest


def _read_images(path: Path) -> Images:
    types = {"id": "string", "split": "string"}
    rows = parquet.table(files.read(path, hint="Run `dir curate` again"), str(path), types, hint=manifests.AGAIN)
    columns = {name: rows[name].to_numpy() for name in rows.column_names}
    return Images(ids=columns.pop("id"), split=columns.pop("split"), columns=columns)


def _read_pixels(path: Path) -> Pixels:
    rows = parquet.table(files.read(path, hint="Run `dir curate` again"), str(path), TYPES, hint=manifests.AGAIN)
    columns = {name: rows[name].to_numpy() for name in TYPES}
    targets, index = columns.pop("target"), columns.pop("bin")
    return Pixels(**columns, targets=targets, bin_index=index)


def _disagreements(manifest: PixelManifest, folder: Path) -> list[Problem]:
    samples, pixels, table, facts = manifest.samples, manifest.pixels, manifest.table, manifest.facts
    pairs = [
        (PIXELS, "content", content(samples, pixels, table), facts["content"]),
        (manifests.SAMPLES, "number of images", len(samples.ids), facts["rows"]),
        *((manifests.BINS, key, table.facts.get(key), facts[key]) for key in manifests.IDENTITY),
    ]
    unlike = [(file, what, f"{ours!s:.24}", f"{says!s:.24}") for file, what, ours, says in pairs if ours != says]
    found = [(file, f"its {what} is {ours}, and {manifests.FACTS} says {says}") for file, what, ours, says in unlike]
    if not np.array_equal(table.bins.index(pixels.targets), pixels.bin_index):
        found.append((PIXELS, f"its bins are not those of {manifests.BINS}"))
    elif not np.array_equal(np.bincount(pixels.bin_index, minlength=len(table.bins)), table.counts["test"]):
        found.append((manifests.BINS, f"its test counts are not those of {PIXELS}"))
    for key, regions in table.regions.items():
        if by_region(table, regions) != facts["regions"].get(key):
            found.append((manifests.BINS, f"its {key} regions do not hold the pixels that {manifests.FACTS} says"))
    return [Problem(str(folder / file), what, manifests.AGAIN) for file, what in found]


def by_region(table: BinTable, regions: TextArray) -> dict[str, dict[str, int]]:
    """The pixels of each split by region, as `manifest.json` has them."""
    return {part: {name: int(table.counts[part][regions == name].sum()) for name in REGIONS} for part in SPLITS}
