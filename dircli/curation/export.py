"""A manifest in the formats of other programs: Parquet as it is, CSV, or one npy array per column."""

from pathlib import Path
from typing import Literal

import numpy as np

from dircli import datasets
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.benchmark.records import Records
from dircli.curation import croissant
from dircli.curation.pixels import choose
from dircli.datasets.open import read_manifest
from dircli.errors import UsageError
from dircli.store import files, manifests, npy, parquet
from dircli.store.digests import digest_of, git_blob
from dircli.store.outputs import check_outputs
from dircli.store.text import as_json


def exported(manifest: Manifest | PixelManifest) -> dict[str, bytes]:
    """The files that the released training code reads, by name, as this manifest gives them."""
    dataset = datasets.of(manifest.facts, manifest.table.bins)
    if isinstance(dataset.reader, PixelReader) and isinstance(manifest, PixelManifest):
        return choose.exported(dataset.reader, manifest)
    if dataset.samples.export is None or isinstance(manifest, PixelManifest):
        raise UsageError(f"{dataset.name}: {dataset.unreleased}, so that there is no released format to write")
    samples = manifest.samples
    records = Records(ids=samples.ids, targets=samples.targets, columns=samples.columns, repeat=True)
    return dataset.samples.export(records, samples.split)


def export(name: str | None, *, root: Path, out: Path, force: bool = False) -> dict[str, tuple[str, bool | None]]:
    """Write the files that the released training code reads; each with its git blob id, and whether it is published.

    That is None where nothing of the dataset is published.
    """
    manifest = read_manifest(manifests.named(name, root))
    contents, published = exported(manifest), datasets.of(manifest.facts, manifest.table.bins).digests
    files.write_all(out, contents, force=force)
    blobs = {file: git_blob(data) for file, data in contents.items()}
    return {file: (blob, f"git:{blob}" == published.get(file) if published else None) for file, blob in blobs.items()}


def export_croissant(name: str | None, *, root: Path, out: Path, force: bool = False) -> tuple[list[Path], list[str]]:
    """Write a manifest with its description in Croissant; the paths, and what is left for the owner to add to it.

    ``out`` may be the manifest's own folder, to which the description alone is added, and never another manifest's.
    """
    manifest = read_manifest(manifests.named(name, root))
    contents = manifests.contents(manifest)
    stated = croissant.metadata(manifest, contents)
    contents[croissant.FILE] = as_json(stated)
    held = {file for file in contents if (out / file).is_file()}
    other = [file for file in held if digest_of(out / file, "git") != f"git:{git_blob(contents[file])}"]
    check_outputs(("--out", out / file) for file in other)
    files.write_all(out, contents, force=force)
    return [out / file for file in contents], croissant.missing(stated)


def export_tables(
    name: str | None, form: Literal["parquet", "csv", "npy"], *, root: Path, out: Path, force: bool = False
) -> list[Path]:
    """Write the samples and bins of a manifest as tables or arrays for other programs.

    ``npy``: an array per column of the samples, (n,) in manifest order, text as unicode; and ``edges.npy``, (B + 1,).
    """
    manifest = manifests.read(manifests.named(name, root))
    samples, contents = manifest.samples, dict[str, bytes]()
    if form == "parquet":
        written = manifests.contents(manifest)
        contents = {file: written[file] for file in (manifests.SAMPLES, manifests.BINS)}
    elif form == "csv":
        contents["samples.csv"] = parquet.csv_bytes(manifests.sample_columns(samples))
        contents["bins.csv"] = parquet.csv_bytes(manifests.bin_columns(manifest.table))
    else:
        bins = samples.bin_index.astype(np.int64)
        columns = {"id": samples.ids, "target": samples.targets, "bin": bins, "split": samples.split}
        for column, array in {**columns, **samples.columns, "edges": manifest.table.bins.edges}.items():
            contents[f"{column}.npy"] = npy.as_bytes(array.astype(str) if array.dtype == object else array)
    check_outputs(("--out", out / file) for file in contents)
    files.write_all(out, contents, force=force)
    return [out / file for file in contents]
