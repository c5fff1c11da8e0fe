"""What validation and test share with train: people, pairs, sentences; an audit of the benchmark, not of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.arrays import BoolArray, TextArray

Match: TypeAlias = Literal["each", "row", "set"]


def shared(columns: Sequence[TextArray], split: TextArray) -> BoolArray:
    """Which rows (n,) outside train hold a key that also stands in train, in any of ``columns`` (n,) each.

    ``split`` (n,) is "train", "val" or "test". The keys of all columns are one set: a first sentence of a test row may
    be a second sentence of a train row.
    """
    trains = split == "train"
    known = set().union(*(column[trains] for column in columns))
    held = [np.fromiter((key in known for key in column), dtype=bool, count=len(column)) for column in columns]
    return np.asarray(np.logical_or.reduce(held) & ~trains)


def keys(columns: Sequence[TextArray], match: Match) -> list[TextArray]:
    """The keys of n rows: each of ``columns`` (n,), or one of all of them, in their order ("row") or in any ("set")."""
    if match == "each":
        return list(columns)
    joint = np.empty(len(columns[0]), dtype=object)
    joint[:] = [tuple(sorted(row)) if match == "set" else row for row in zip(*columns, strict=True)]
    return [joint]
