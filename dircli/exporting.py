"""A manifest in the formats of other programs: Parquet as it is, CSV, or one npy array per column."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from dircli.store import manifests, tabular

if TYPE_CHECKING:
    from dircli.arrays import AnyArray
    from dircli.store.manifests import Manifest

Form: TypeAlias = Literal["parquet", "csv", "npy"]


def exported(manifest: Manifest, form: Form) -> dict[str, bytes]:
    """The samples and bins of ``manifest`` as files by name.

    ``npy``: an array per column of the samples, (n,) in manifest order, text as unicode; and ``edges.npy``, (B + 1,).
    """
    if form == "parquet":
        made = manifests.contents(manifest)
        return {name: made[name] for name in (manifests.SAMPLES, manifests.BINS)}
    if form == "csv":
        return {
            "samples.csv": tabular.csv_bytes(manifests.sample_columns(manifest.samples)),
            "bins.csv": tabular.csv_bytes(manifests.bin_columns(manifest.table)),
        }
    samples = manifest.samples
    columns = {"id": samples.ids, "target": samples.targets, "bin": samples.bin_index, "split": samples.split}
    arrays = {**columns, **samples.columns, "edges": manifest.table.bins.edges}
    return {f"{name}.npy": _npy(array) for name, array in arrays.items()}


def _npy(array: AnyArray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array.astype(str) if array.dtype == object else array, allow_pickle=False)
    return stream.getvalue()
