"""What a benchmark's own rows say against it: people, pairs and sentences that stand in both train and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dircli import datasets
from dircli.leakage import keys, shared
from dircli.store import files
from dircli.tables import as_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dircli.arrays import BoolArray
    from dircli.store.manifests import Manifest

LIST = "leakage.csv"


@dataclass(frozen=True)
class Leakage:
    """How many rows of ``split`` share a key of this ``kind`` with train."""

    kind: str
    split: str
    shared: int
    rows: int


def leakage(manifest: Manifest) -> tuple[list[Leakage], bytes]:
    """The counts by kind for val and test, and the rows behind them as CSV: kind, split, id, key."""
    samples = manifest.samples
    counts = []
    listed: list[Sequence[object]] = [("kind", "split", "id", "key")]
    for leak in datasets.of(manifest.facts, manifest.table.bins).leaks:
        columns = [samples.columns[column] for column in leak.columns]
        found: BoolArray = shared(keys(columns, leak.match), samples.split)
        for split in ("val", "test"):
            rows = samples.split == split
            counts.append(Leakage(leak.kind, split, int((found & rows).sum()), int(rows.sum())))
            for row in np.flatnonzero(found & rows):
                key = " | ".join(str(column[row]) for column in columns)
                listed.append((leak.kind, split, samples.ids[row], key))
    return counts, as_csv(listed)


def write(folder: Path, listed: bytes) -> Path:
    """The list beside the manifest in ``folder``."""
    files.write(folder / LIST, listed)
    return folder / LIST
