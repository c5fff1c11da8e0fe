"""The rows of a user's file brought together with those of a split, by their ids."""

from collections.abc import Sequence

import numpy as np

from dircli.arrays import IntArray, TextArray
from dircli.errors import Problem, clear, sample


def matched(theirs: Sequence[str], ids: TextArray, where: str, *, missing_hint: str) -> tuple[IntArray, list[Problem]]:
    """The first row of the file for each of ``ids`` (n,), -1 where there is none; and what does not match.

    ``theirs`` are the ids in the file, ``where`` is its name. Problems are missing, surplus and repeated ids.
    """
    position: dict[str, int] = {}
    repeated = [key for row, key in enumerate(theirs) if position.setdefault(key, row) != row]
    rows = np.array([position.get(key, -1) for key in ids], dtype=np.int64)
    known = set(ids)
    kinds = {
        "are missing": (list(ids[rows < 0]), missing_hint),
        "are not in the split": ([key for key in position if key not in known], "Check --dataset and --split"),
        "occur more than once": (list(dict.fromkeys(repeated)), "Keep one row of each"),
    }
    return rows, [
        Problem(where, f"{len(keys):,} ids {what}: {sample([clear(key) for key in keys])}", hint)
        for what, (keys, hint) in kinds.items()
        if keys
    ]
