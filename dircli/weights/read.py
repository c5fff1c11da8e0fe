"""Weights for training, held to the manifest that they are used with: never those of another split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dircli.arrays import AnyArray, FloatArray, TextArray
from dircli.errors import InputError, Problem, first_line
from dircli.store import files, manifests, npy, parquet, places
from dircli.store.parquet import damaged

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = {"id": "string", "weight": "double"}


@dataclass(frozen=True, kw_only=True)
class TrainingWeights:
    """The weight of each training sample, in manifest order: ``ids`` (n,), ``weight`` (n,)."""

    ids: TextArray
    weight: FloatArray


def training_weights(folder: Path | str, path: Path | str | None = None) -> TrainingWeights:
    """The weights per sample in ``path``, by default ``weights.parquet``, of the manifest in ``folder``.

    Raises InputError where they belong to another content than the manifest, are weights of bins, or are not of the
    very training samples; what `dir weights` wrote is read as .parquet, .csv or .npy.
    """
    import pyarrow as pa

    folder = places.of(folder)
    path = folder / "weights.parquet" if path is None else places.of(path)
    again = f"Run `dir weights {folder.name} --force` again"
    content = manifests.read_facts(folder)["content"]
    data = files.read(path, hint=again)
    facts = _facts(path, data, again)
    if facts.get("content") != content:
        what = f"these weights belong to {facts.get('content')!s:.15}…, and {folder} holds {content:.15}…"
        raise InputError(Problem(str(path), f"{what}: they weigh the training samples of another split", again))
    if facts.get("per") != "sample":
        raise InputError(Problem(str(path), f"these are weights per {facts.get('per')}", "Add --per sample"))
    samples = manifests.read(folder).samples
    ids = samples.ids[samples.split == "train"]
    stated, weight = _columns(path, data, again)
    if weight.shape != ids.shape or (stated is not None and not stated.equals(pa.chunked_array([ids], pa.string()))):
        raise InputError(Problem(str(path), f"its rows are not the {len(ids):,} training samples of {folder}", again))
    return TrainingWeights(ids=ids, weight=weight)


def _facts(path: Path, data: bytes, again: str) -> dict[str, object]:
    """What `dir weights` stated of the file at ``path``: within the ``data`` of Parquet, else in a .json beside it."""
    try:
        if path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            try:
                facts = json.loads((pq.read_schema(pa.BufferReader(data)).metadata or {}).get(b"dircli", b"{}"))
            except (pa.ArrowException, OSError) as error:
                raise damaged(str(path), error, hint=again) from None
        else:
            facts = json.loads(files.read(path.with_suffix(".json"), hint=again))
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), f"its facts are no JSON ({error})", again)) from None
    return facts if isinstance(facts, dict) else {}


def _columns(path: Path, data: bytes, again: str) -> tuple[pa.ChunkedArray | None, AnyArray]:
    """The ids (n,), None where the file has none, and the weights (n,), in the ``data`` of the file at ``path``."""
    if path.suffix == ".npy":
        return None, npy.load(data, str(path), hint=again)
    if path.suffix == ".csv":
        import pyarrow as pa
        from pyarrow import csv

        kinds = {"id": pa.string(), "weight": pa.float64()}
        options = csv.ConvertOptions(column_types=kinds, include_columns=[*kinds])
        try:
            table = csv.read_csv(pa.BufferReader(data), convert_options=options)
        except (pa.ArrowException, KeyError) as error:
            what = f"this is no CSV with the columns id and weight ({first_line(error)})"
            raise InputError(Problem(str(path), what, again)) from None
    else:
        table = parquet.table(data, str(path), COLUMNS, hint=again)
    return table["id"], table["weight"].to_numpy()
