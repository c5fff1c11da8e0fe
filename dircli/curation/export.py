"""A manifest in the formats of other programs: Parquet as it is, CSV, or one npy array per column."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from dircli import datasets
from dircli.benchmark.records import Records
from dircli.errors import UsageError
from dircli.store import files, manifests, parquet
from dircli.store.digests import git_blob

if TYPE_CHECKING:
    from pathlib import Path

    from dircli.arrays import AnyArray
    from dircli.benchmark.dataset import Dataset
    from dircli.benchmark.manifest import Manifest, PixelManifest

Form: TypeAlias = Literal["parquet", "csv", "npy"]


def tables(manifest: Manifest, form: Form) -> dict[str, bytes]:
    """The samples and bins of ``manifest`` as files by name.

    ``npy``: an array per column of the samples, (n,) in manifest order, text as unicode; and ``edges.npy``, (B + 1,).
    """
    if form == "parquet":
        made = manifests.contents(manifest)
        return {name: made[name] for name in (manifests.SAMPLES, manifests.BINS)}
    if form == "csv":
        return {
            "samples.csv": parquet.csv_bytes(manifests.sample_columns(manifest.samples)),
            "bins.csv": parquet.csv_bytes(manifests.bin_columns(manifest.table)),
        }
    samples = manifest.samples
    columns = {"id": samples.ids, "target": samples.targets, "bin": samples.bin_index, "split": samples.split}
    arrays = {**columns, **samples.columns, "edges": manifest.table.bins.edges}
    return {f"{name}.npy": _npy(array) for name, array in arrays.items()}


def _npy(array: AnyArray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array.astype(str) if array.dtype == object else array, allow_pickle=False)
    return stream.getvalue()


def exported(manifest: Manifest) -> dict[str, bytes]:
    """The files that the released training code reads, by name, as this manifest gives them."""
    samples, dataset = manifest.samples, datasets.of(manifest.facts, manifest.table.bins)
    if dataset.export is None:
        raise UsageError(f"{dataset.name}: {dataset.unreleased}, so that there is no released format to write")
    records = Records(ids=samples.ids, targets=samples.targets, columns=samples.columns)
    return dataset.export(records, samples.split)


def digests(dataset: Dataset) -> dict[str, str]:
    """The git blob id of each published file that `exported` writes."""
    lists = dict(dataset.dense.lists.values()) if dataset.dense else {}
    return {source.file: str(source.digest) for source in dataset.released} | lists


def released_files(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files that the released training code reads, from the manifest in ``folder`` of either kind; and digests.

    The digests, ``git:<blob id>``, are those of the published files.
    """
    facts = manifests.read_facts(folder)
    if facts["dataset"] not in datasets.names():
        return exported(manifests.read(folder)), {}
    dataset = datasets.load(str(facts["dataset"]))
    if dataset.dense is None:
        return exported(manifests.read(folder)), digests(dataset)
    return exported_pixels(manifests.read_pixels(folder)), digests(dataset)


def exported_pixels(manifest: PixelManifest) -> dict[str, bytes]:
    """The mask of scored pixels and the lists of images, as the released training code reads them."""
    dense = datasets.load(str(manifest.facts["dataset"])).dense
    if dense is None:
        raise TypeError("the labels of this dataset are no maps")
    samples, scored = manifest.samples, manifest.pixels
    mask = np.zeros((np.count_nonzero(samples.split == "test"), *dense.shape), dtype=np.uint8)
    mask[scored.image, scored.row, scored.col] = 1
    stream = io.BytesIO()
    np.save(stream, mask)
    contents = {dense.mask: stream.getvalue()}
    for split, (file, _) in dense.lists.items():
        rows = samples.split == split
        if rows.any():
            columns = {name: column[rows] for name, column in samples.columns.items()}
            contents[file] = dense.listed(samples.ids[rows], columns)
    return contents


def export(name: str | None, *, root: Path, out: Path) -> dict[str, tuple[str, bool]]:
    """Write the files that the released training code reads; each with its git blob id, and whether it is published."""
    folder = manifests.named(name, root)
    contents, published = released_files(folder)
    files.write_all(out, contents)
    blobs = {file: git_blob(data) for file, data in contents.items()}
    return {file: (blob, f"git:{blob}" == published.get(file)) for file, blob in blobs.items()}


def export_tables(name: str | None, form: Form, *, root: Path, out: Path) -> list[Path]:
    """Write the samples and bins of a manifest as tables or arrays for other programs."""
    contents = tables(manifests.read(manifests.named(name, root)), form)
    files.write_all(out, contents)
    return [out / file for file in contents]
