"""What a result is made of, as tables: the scores of each bin, and the error of each sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.scores.metrics.sums import RegionSums, overflowing, per_bin
from dircli.scores.metrics.table import METRICS
from dircli.scores.results import Scored, System
from dircli.store import parquet
from dircli.store.content import chunks

if TYPE_CHECKING:
    import pyarrow as pa

OF_BINS = ("mae", "mse", "rmse", "gm", "bias", "exact")


def by_bin(scored: Scored) -> dict[str, pa.Array]:
    """One row per system and bin that has rows: the bin, its region and training samples, and its scores."""
    return _stacked([_bins_of(system, scored) for system in scored.systems])


@overflowing
def _bins_of(system: System, scored: Scored) -> dict[str, Any]:
    reference, table = system.reference, scored.against.table
    sums = per_bin(reference.scored_target, system.values, reference.bin_index, bins=len(table.bins))
    held, own = np.flatnonzero(sums.n > 0), sums.at(sums.n > 0)
    region = RegionSums(own, own, np.empty(0), reference.rules.zero_error)
    return {
        "system": [system.name] * held.size,
        "bin": held.astype(np.int32),
        "low": table.bins.low[held],
        "high": table.bins.high[held],
        "region": reference.regions[held],
        "train": reference.train[held],
        "n": own.n,
        **{name: METRICS[name].score(region) for name in OF_BINS},
    }


def by_sample(scored: Scored) -> dict[str, pa.Array]:
    """One row per system and sample: id where there is one, target, prediction, error, bin and region."""
    return _stacked([_rows_of(system, scored) for system in scored.systems])


@overflowing
def _rows_of(system: System, scored: Scored) -> dict[str, Any]:
    reference, against = system.reference, scored.against
    ids: Any = against.rows(scored.result.split).texts if against.has_rows else system.file.ids
    return {
        "system": [system.name] * system.values.size,
        "id": [None] * system.values.size if ids is None else ids,
        "target": reference.scored_target,
        "prediction": system.values,
        "error": system.values - reference.scored_target,
        "bin": reference.bin_index.astype(np.int32),
        "region": reference.regions[reference.bin_index],
    }


def _stacked(parts: list[dict[str, Any]]) -> dict[str, pa.Array]:
    import pyarrow as pa

    text = {"system", "id", "region"}

    def arrays(values: Any, name: str) -> list[pa.Array]:
        kind = pa.string() if name in text else None
        if isinstance(values, pa.Array | pa.ChunkedArray):
            return [each.cast(kind) for each in chunks(values)]
        is_score = isinstance(values, np.ndarray) and values.dtype.kind == "f"
        return [pa.array(values, kind, mask=~np.isfinite(values) if is_score else None)]

    return {name: pa.concat_arrays([each for part in parts for each in arrays(part[name], name)]) for name in parts[0]}


def tables(scored: Scored, *, per_bin: Path | None, per_sample: Path | None) -> dict[Path, bytes]:
    """The files of the scores of each bin and of the error of each sample, where asked for, as their endings say."""
    asked = [(path, table) for path, table in ((per_bin, by_bin), (per_sample, by_sample)) if path is not None]
    return {
        path: parquet.table_bytes(path, table(scored), {"signature": scored.result.signature}) for path, table in asked
    }
