"""Manifests of more rows than memory holds: checked as `manifests.read` checks them, and read block by block.

Whatever is wrong is left to `manifests.read`, which names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.benchmark.manifest import BinTable
from dircli.benchmark.records import SPLITS, split_codes
from dircli.errors import InputError
from dircli.store import files, manifests
from dircli.store.content import encoded, finished
from dircli.store.manifests import BINS, COLUMNS, IDENTITY, SAMPLE_TYPES, SAMPLES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS = 1 << 18  # rows that are read at once


@dataclass(frozen=True, kw_only=True)
class LargeManifest:
    """The manifest in ``folder``, without its rows, which `rows` reads."""

    folder: Path
    table: BinTable
    facts: Mapping[str, Any]

    def rows(self, split: str) -> Iterator[pa.Table]:
        """The id, target and bin of all rows of ``split``, in their order, block by block."""
        import pyarrow as pa
        import pyarrow.compute as pc

        with _opened(self.folder) as file:
            for batch in file.iter_batches(ROWS, columns=["id", "target", "bin", "split"]):
                rows = pa.table(batch).filter(pc.equal(batch["split"], split))
                yield rows.drop_columns("split").combine_chunks()


def read(folder: Path) -> LargeManifest | None:
    """The manifest of samples in ``folder``, every row of it checked; None where anything is wrong."""
    import pyarrow as pa

    files.recover(folder)
    try:
        facts, table = manifests.read_facts(folder), manifests.read_bins(folder / BINS)
        with _opened(folder) as file:
            intact = _is_intact(file, table, facts)
    except (InputError, pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    return LargeManifest(folder=folder, table=table, facts=facts) if intact else None


def _opened(folder: Path) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    return pq.ParquetFile(folder / SAMPLES, buffer_size=1 << 20, pre_buffer=False)


def _is_intact(file: pq.ParquetFile, table: BinTable, facts: Mapping[str, Any]) -> bool:
    """Whether the rows in ``file`` are those that bins and facts tell of, see `manifests.read`."""
    schema, rows = file.schema_arrow, file.metadata.num_rows
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    sizes = {part: int(table.counts[part].sum()) for part in SPLITS}
    stated = (facts["rows"], facts["regions"], facts.get("counts", sizes))
    alike = {key: facts.get(key) for key in (*IDENTITY, *table.facts)} == {
        key: table.facts.get(key) for key in (*IDENTITY, *table.facts)
    }
    if len(kinds) < len(schema.names) or {**kinds, **SAMPLE_TYPES} != kinds or not alike:
        return False
    if stated != (rows, table.rows_by_region(), sizes) or not _own_columns_are(file, facts):
        return False
    return bool(_digest(file, table) == facts["content"])


def _own_columns_are(file: pq.ParquetFile, facts: Mapping[str, Any]) -> bool:
    """Whether the dataset's own columns, read one by one, have the digests that the facts state."""
    own = [name for name in file.schema_arrow.names if name not in SAMPLE_TYPES]
    stated: Mapping[str, str] | None = facts.get(COLUMNS)
    if stated is None:
        return True
    digests = (manifests.own_digests({name: file.read([name])[name].combine_chunks()}) for name in own)
    return bool({name: digest for of_one in digests for name, digest in of_one.items()} == stated)


def _digest(file: pq.ParquetFile, table: BinTable) -> str | None:
    """The `content` of all rows, ids read twice; None where rows do not fill the bins of ``table`` as that says."""

    def blocks(*names: str) -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(ROWS, columns=list(names)):
            if any(column.null_count for column in batch.columns):
                raise InputError([])
            yield batch

    digest = hashlib.sha256(np.int64(file.metadata.num_rows).astype("<i8").tobytes())
    for batch in blocks("id"):
        digest.update(np.diff(encoded(batch["id"])[0]).astype("<i8").data)
    for batch in blocks("id"):
        batch["id"].validate(full=True)
        digest.update(encoded(batch["id"])[1].data)
    size = len(table.bins)
    total, codes = np.zeros((len(SPLITS), size), np.int64), []
    for batch in blocks("target", "bin", "split"):
        targets, split = batch["target"].to_numpy(), batch["split"].dictionary_encode()
        index, code = (
            table.bins.index(targets),
            split_codes(split.dictionary.to_numpy(zero_copy_only=False))[split.indices],
        )
        if (index < 0).any() or not np.array_equal(index, batch["bin"].to_numpy()) or (code >= len(SPLITS)).any():
            return None
        digest.update((targets + 0.0).astype("<f8").data)
        total += np.bincount(code * np.int64(size) + index, minlength=total.size).reshape(total.shape)
        codes.append(code)
    if not all(np.array_equal(total[place], table.counts[part]) for place, part in enumerate(SPLITS)):
        return None
    return finished(digest, np.concatenate(codes) if codes else np.empty(0, np.uint8))
