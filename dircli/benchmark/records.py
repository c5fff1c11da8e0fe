"""The contract that every reader meets: what a dataset is before anybody has drawn a split from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray, TextArray
from dircli.errors import InputError, Problem, sample

SPLITS = ("train", "val", "test")


def split_codes(split: AnyArray) -> AnyArray:
    """The place in `SPLITS` of each of ``split`` (n,), one byte each; 255 for what is none of them."""
    return np.select([split == part for part in SPLITS], range(len(SPLITS)), 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Records:
    """The n labelled samples of a dataset in their declared order.

    ``ids`` (n,) are non-empty strings, and unique unless rows may ``repeat``; ``targets`` (n,) are finite, in the
    dataset's unit; ``columns`` maps each of the dataset's own column names to an (n,) array; ``facts`` are the counts a
    reader wants told, such as rows it left out, and go into the manifest. Raises InputError where ids or targets are
    otherwise.
    """

    ids: TextArray
    targets: FloatArray
    columns: Mapping[str, AnyArray] = field(default_factory=dict)
    facts: Mapping[str, int | str | bool] = field(default_factory=dict)
    repeat: bool = False

    def __post_init__(self) -> None:
        problems = []
        unique, counts = np.unique(self.ids.astype(str), return_counts=True)
        if not self.repeat and (repeated := list(unique[counts > 1])):
            problems.append(Problem("ids", f"{len(repeated):,} occur more than once: {sample(repeated)}"))
        if "" in unique[:1]:
            problems.append(Problem("ids", "an id is empty"))
        if (bad := np.flatnonzero(~np.isfinite(self.targets))).size:
            named = [f"{self.ids[i]} = {self.targets[i]}" for i in bad]
            problems.append(Problem("targets", f"{len(named):,} are not finite: {sample(named)}"))
        if problems:
            raise InputError(problems)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: IntArray) -> Records:
        """The records at ``rows``, in that order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, ids=self.ids[rows], targets=self.targets[rows], columns=columns)


def differences(raw: Records, released: Records, *, name: str) -> list[Problem]:
    """What keeps ``released``, called ``name``, from being ``raw`` reordered: ids, then targets and shared columns."""
    position = {key: row for row, key in enumerate(raw.ids)}
    problems = []
    if surplus := [key for key in released.ids if key not in position]:
        problems.append(Problem(name, f"{len(surplus):,} ids that the raw source does not have: {sample(surplus)}"))
    known = set(released.ids)
    if missing := [key for key in raw.ids if key not in known]:
        problems.append(Problem(name, f"{len(missing):,} ids of the raw source are missing: {sample(missing)}"))
    if problems:
        return problems
    rows = np.array([position[key] for key in released.ids], dtype=np.int64)
    pairs = {"target": (raw.targets, released.targets)}
    pairs |= {key: (raw.columns[key], released.columns[key]) for key in raw.columns if key in released.columns}
    for column, (theirs, ours) in pairs.items():
        if unlike := list(released.ids[np.asarray(theirs[rows] != ours, bool)]):
            problems.append(Problem(name, f"{len(unlike):,} rows differ from the raw {column}: {sample(unlike)}"))
    return problems
