"""Manifests of more rows than memory holds: checked as `manifests.read` checks them, and read block by block.

Whatever is wrong is left to `manifests.read`, which names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.records import SPLITS
from dircli.errors import InputError
from dircli.store import files, manifests, parquet
from dircli.store.content import begun_by_parts, encoded, finished_by_parts
from dircli.store.manifests import BINS, SAMPLE_TYPES, SAMPLES, Found

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS = 1 << 18  # rows that are read at once


@dataclass(frozen=True)
class Piece:
    """The rows of the row ``group`` from number ``start`` up to ``stop``, which it leaves out; numbers begin at 0."""

    group: int
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class LargeManifest:
    """The manifest in ``folder``, without its rows, which `rows` reads."""

    folder: Path
    table: BinTable
    facts: Mapping[str, Any]

    def rows(self, split: str, *columns: str, groups: Sequence[int] | None = None) -> Iterator[pa.Table]:
        """The ``columns`` of all rows of ``split``, or of those in row ``groups``, in their order, block by block."""
        for block in self._blocks(*columns, groups=groups):
            yield _of_split(block, split)

    def _blocks(self, *columns: str, groups: Sequence[int] | None) -> Iterator[pa.RecordBatch]:
        with parquet.file(self.folder / SAMPLES) as file:
            yield from file.iter_batches(ROWS, columns=[*columns, "split"], row_groups=groups)

    def piece(self, piece: Piece, split: str, *columns: str) -> Iterator[pa.Table]:
        """What `rows` gives of those in the ``piece``; those before it in its row group are read, too."""
        place = 0
        for block in self._blocks(*columns, groups=[piece.group]):
            first, stop = max(piece.start - place, 0), piece.stop - place
            place += len(block)
            if first < len(block):
                yield _of_split(block.slice(first, stop - first), split)
            if place >= piece.stop:
                return

    def pieces(self, size: int) -> list[Piece]:
        """All rows, in their order, so many at once, or fewer at the end of a row group."""
        with parquet.file(self.folder / SAMPLES) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        return [
            Piece(group, start, min(start + size, number))
            for group, number in enumerate(rows)
            for start in range(0, number, size)
        ]

    def starts(self, split: str) -> IntArray:
        """How many rows of ``split`` stand before each row group, (groups + 1,); the last is the number of all."""
        import pyarrow.compute as pc

        with parquet.file(self.folder / SAMPLES) as file:
            of_groups = (file.read_row_group(group, columns=["split"]) for group in range(file.num_row_groups))
            sizes = [pc.sum(pc.equal(group["split"], split)).as_py() or 0 for group in of_groups]
        return np.append(0, np.cumsum(sizes, dtype=np.int64))

    def rows_from(self, split: str, first: int, *columns: str, starts: IntArray) -> Callable[[int], pa.Table]:
        """What gives the next so many rows of ``split``, from number ``first`` on, as long as there are as many."""
        import pyarrow as pa

        group = max(int(np.searchsorted(starts, first, side="right")) - 1, 0)
        blocks = self.rows(split, *columns, groups=range(group, starts.size - 1))
        skipped = first - int(starts[group])
        waiting: list[pa.Table] = []

        def following(n: int) -> pa.Table:
            nonlocal skipped
            while sum(len(table) for table in waiting) < n + skipped:
                waiting.append(next(blocks))
            rows = pa.concat_tables(waiting)
            waiting[:] = [rows.slice(skipped + n)]
            found = rows.slice(skipped, n).combine_chunks()
            skipped = 0
            return found

        return following

    @property
    def groups(self) -> int:
        """How many row groups hold its rows."""
        with parquet.file(self.folder / SAMPLES) as file:
            return int(file.num_row_groups)


def _of_split(block: pa.RecordBatch, split: str) -> pa.Table:
    """The rows of ``block`` that are of ``split``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pa.table(block).filter(pc.equal(block["split"], split))
    return rows.drop_columns("split").combine_chunks()


def read(folder: Path) -> LargeManifest | None:
    """The manifest of samples in ``folder``, every row of it checked; None where anything is wrong."""
    import pyarrow as pa

    files.recover(folder)
    try:
        facts, table = manifests.read_facts(folder), manifests.read_bins(folder / BINS)
        with parquet.file(folder / SAMPLES) as file:
            manifests.refuse_unlike(folder, table, facts, _found(file, table, facts))
    except (InputError, pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    return LargeManifest(folder=folder, table=table, facts=facts)


def _found(file: pq.ParquetFile, table: BinTable, facts: Mapping[str, Any]) -> Found:
    """What the rows in ``file`` are; InputError, which names nothing, where they are no rows.

    What is hashed one after the other is read so: ids twice, and splits after all else, so that nothing is kept.
    """
    names = [field.name for field in file.schema_arrow]
    kinds = {field.name: str(field.type) for field in file.schema_arrow}
    if len(kinds) < len(names) or not SAMPLE_TYPES.items() <= kinds.items():
        raise InputError([])

    def blocks(*columns: str) -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(ROWS, columns=[*columns]):
            batch.validate(full=True)  # text that is no UTF-8 shows only here
            if any(column.null_count for column in batch.columns):
                raise InputError([])
            yield batch

    total = np.zeros((len(SPLITS), len(table.bins)), np.int64)

    def targets() -> Iterator[FloatArray]:
        for batch in blocks("target", "bin", "split"):
            values = batch["target"].to_numpy()
            counts = manifests.filled(table.bins, values, batch["bin"].to_numpy(), codes(batch))
            if counts is None:
                raise InputError([])
            np.add(total, counts, out=total)
            yield values

    def codes(batch: pa.RecordBatch) -> AnyArray:
        return manifests.codes_of(batch["split"].dictionary_encode())

    rows = file.metadata.num_rows
    digest = begun_by_parts(rows, lambda: (encoded(batch["id"]) for batch in blocks("id")), targets())
    return Found(
        digest=finished_by_parts(digest, map(codes, blocks("split"))),
        rows=rows,
        counts=dict(zip(SPLITS, total, strict=True)),
        foreign=manifests.foreign_columns(facts, names, lambda name: file.read([name])[name]),
    )
