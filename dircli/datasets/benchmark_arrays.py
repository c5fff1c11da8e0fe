"""A benchmark as arrays, for Python: its rows in their declared order, with their split and shot region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dircli.arrays import FloatArray, IntArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import PixelManifest
from dircli.benchmark.protocol import ProtocolName, refuse_unknown
from dircli.benchmark.records import SPLITS
from dircli.datasets.open import open_benchmark
from dircli.errors import UsageError
from dircli.store import places

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class BenchmarkArrays:
    """The n rows of a curated benchmark in their declared order, and its B scoring bins, as `load` gives them.

    By row, (n,) each: ``ids`` are texts; ``targets`` are in the dataset's ``unit``; ``bins`` are 0..B-1; ``splits`` are
    "train", "val" or "test"; ``regions`` are "many", "medium" or "few" by the ``protocol``; ``columns`` are the
    dataset's own. By bin: ``scoring_bins`` with their edges (B + 1,), ``train_counts`` (B,) and ``bin_regions`` (B,).
    ``content`` is a hash that is equal where ids, targets and splits are. ``notes`` say what was told when it was made.

    Where labels are maps (nyud2), rows are the scored pixels, all of them test; ``ids`` are those of their images, and
    ``columns`` hold ``row`` and ``col``.

    >>> agedb = load("agedb")
    >>> agedb.targets[(agedb.splits == "test") & (agedb.regions == "few")].size
    162
    """

    name: str
    protocol: ProtocolName
    content: str
    unit: str
    ids: TextArray
    targets: FloatArray
    bins: IntArray
    splits: TextArray
    regions: TextArray
    columns: Mapping[str, NDArray[np.generic]]
    scoring_bins: Bins
    train_counts: IntArray
    bin_regions: TextArray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        parts = ", ".join(f"{part} {count:,}" for part in SPLITS if (count := int((self.splits == part).sum())))
        return f"<{self.name}: {len(self):,} rows ({parts}), {len(self.scoring_bins)} bins, {self.content[:15]}>"

    def only(self, split: Literal["train", "val", "test"]) -> BenchmarkArrays:
        """The rows of ``split`` alone, in their order; bins and train counts stay. UsageError where it has no row.

        >>> load("agedb").only("train")
        <agedb: 12,208 rows (train 12,208), 121 bins, sha256:cfe40956>
        """
        rows = self.splits == split
        if not rows.any():
            there = ", ".join(part for part in SPLITS if (self.splits == part).any())
            raise UsageError(f"{self.name} has no {split} rows here; it has {there}")
        by_row = ("ids", "targets", "bins", "splits", "regions")
        columns = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, columns=columns, **{name: getattr(self, name)[rows] for name in by_row})

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a table: id, target, bin, split, region, and the dataset's own columns.

        >>> load("agedb").to_pandas().groupby("region")["target"].mean().round(1).to_dict()
        {'few': 54.0, 'many': 43.6, 'medium': 65.4}
        """
        import pandas as pd

        by_row = {"id": self.ids, "target": self.targets, "bin": self.bins, "split": self.splits}
        return pd.DataFrame({**by_row, "region": self.regions, **self.columns})


def load(name: str, *, protocol: ProtocolName = "released", manifests: str | Path = "manifests") -> BenchmarkArrays:
    """The curated benchmark ``name`` in the folder ``manifests``, checked against its own hash, as arrays.

    Regions are those of ``protocol``. Raises UsageError where it is not curated there, as `curate` does it, and
    InputError with everything in which its files disagree.

    >>> load("agedb").only("test").targets.shape
    (2140,)
    """
    refuse_unknown(ProtocolName, protocol=protocol)
    against = open_benchmark(name, places.of(manifests), None)
    manifest = against.manifest
    if manifest is None:
        raise UsageError(
            f"{name} is not curated in {manifests}, so only its bins are known; run `dir curate {name}` first"
        )
    arrays: dict[str, Any]
    if isinstance(manifest, PixelManifest):
        pixels, rows = manifest.pixels, against.rows("test")
        images = manifest.samples.ids[manifest.samples.split == "test"]
        splits = np.full(len(pixels), "test", dtype=object)
        arrays = {"ids": images[pixels.image], "splits": splits, "columns": {"row": pixels.row, "col": pixels.col}}
    else:
        rows = samples = manifest.samples
        arrays = {"ids": samples.ids, "splits": samples.split, "columns": samples.columns}
    regions = against.table.regions[protocol]
    return BenchmarkArrays(
        name=against.name,
        protocol=protocol,
        content=against.content,
        unit=against.rules.unit,
        targets=rows.targets,
        bins=rows.bin_index.astype(np.int64),
        regions=regions[rows.bin_index],
        scoring_bins=against.table.bins,
        train_counts=against.table.counts["train"],
        bin_regions=regions,
        notes=tuple(manifest.facts.get("notes", ())),
        **arrays,
    )
