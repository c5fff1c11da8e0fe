"""What a benchmark's own rows say against it: people, pairs and sentences that stand in both train and test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dircli import datasets
from dircli.arrays import BoolArray, TextArray
from dircli.benchmark.dataset import Match
from dircli.store import files, manifests, places
from dircli.store.text import as_csv


@dataclass(frozen=True)
class Leakage:
    """How many rows of ``split`` share a key of this ``kind`` with train."""

    kind: str
    split: str
    shared: int
    rows: int


def leakage(name: str | None, *, root: Path) -> tuple[list[Leakage], Path]:
    """What val and test share with train; the rows are listed beside the manifest: kind, split, id, key."""
    folder = manifests.named(name, root)
    path = folder / "leakage.csv"
    places.check_writable(path)
    manifest = manifests.read(folder)
    samples, counts = manifest.samples, []
    listed: list[Sequence[object]] = [("kind", "split", "id", "key")]
    for leak in datasets.of(manifest.facts, manifest.table.bins).samples.leaks:
        columns = [samples.columns[column] for column in leak.columns]
        leaked = shared(keys(columns, leak.match), samples.split)
        for split in ("val", "test"):
            rows = samples.split == split
            counts.append(Leakage(leak.kind, split, int((leaked & rows).sum()), int(rows.sum())))
            for row in np.flatnonzero(leaked & rows):
                key = " | ".join(str(column[row]) for column in columns)
                listed.append((leak.kind, split, samples.ids[row], key))
    files.write(path, as_csv(listed), force=True)
    return counts, path


def shared(columns: Sequence[TextArray], split: TextArray) -> BoolArray:
    """Which rows (n,) outside train of ``split`` (n,) hold a key that any of the ``columns`` (n,) has in train."""
    train = split == "train"
    of_train = set().union(*(column[train] for column in columns))
    known = [np.fromiter((key in of_train for key in column), dtype=bool, count=len(column)) for column in columns]
    return np.asarray(np.logical_or.reduce(known) & ~train)


def keys(columns: Sequence[TextArray], match: Match) -> list[TextArray]:
    """The keys of n rows: each of ``columns`` (n,), or one of all of them, in their order ("row") or in any ("set")."""
    if match == "each":
        return list(columns)
    joint = np.empty(len(columns[0]), dtype=object)
    joint[:] = [tuple(sorted(row)) if match == "set" else row for row in zip(*columns, strict=True)]
    return [joint]
