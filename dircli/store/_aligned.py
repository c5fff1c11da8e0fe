"""The rows of a prediction file in the order of what they are scored against, or every reason why they do not fit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from dircli.errors import InputError, Problem, sample
from dircli.tables import clear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.arrays import FloatArray, IntArray, TextArray
    from dircli.store.predictions import Predictions


def aligned(predictions: Predictions, ids: TextArray, targets: FloatArray) -> FloatArray:
    """One prediction per reference row, (n,), in the order of ``ids`` (n,).

    Raises InputError with everything found wrong in the file, in reading it and now: missing, surplus and repeated
    ids, and targets that do not agree with ``targets`` (n,), to the precision of float32.
    """
    problems = list(predictions.problems)
    if predictions.ids is not None:
        rows, unmatched = _matched(predictions, ids)
        problems += unmatched
    elif predictions.values.size == len(ids):
        rows = np.arange(len(ids))
    else:
        rows = np.full(len(ids), -1)
        if not predictions.cut:
            found = f"there are {predictions.values.size:,} rows, and the split has {len(ids):,}"
            problems.append(Problem(predictions.file, found, "Write one for each, in manifest order"))
    problems += _unlike_targets(predictions, rows, ids, targets)
    if problems:
        raise InputError(problems)
    return predictions.values[rows]


def sigmas(predictions: Predictions, ids: TextArray) -> FloatArray:
    """The predicted standard deviations, (n,), in the order of ``ids`` (n,); for a file that `aligned` took."""
    assert predictions.sigma is not None  # noqa: S101 - asked for only where there are some
    return predictions.sigma if predictions.ids is None else predictions.sigma[_matched(predictions, ids)[0]]


def _matched(predictions: Predictions, ids: TextArray) -> tuple[IntArray, list[Problem]]:
    """The row of the file for each of ``ids``, -1 where there is none, and what does not match."""
    theirs = predictions.ids or []
    position: dict[str, int] = {}
    repeated = []
    for row, key in enumerate(theirs):
        if position.setdefault(key, row) != row:
            repeated.append(key)
    rows = np.array([position.get(key, -1) for key in ids], dtype=np.int64)
    known = set(ids)
    missing = "Some may be in the rows that cannot be read" if predictions.cut else "Predict every row of the split"
    kinds = {
        "are missing": (list(ids[rows < 0]), missing),
        "are not in the split": ([key for key in position if key not in known], "Check --dataset and --split"),
        "occur more than once": (list(dict.fromkeys(repeated)), "Keep one row of each"),
    }
    return rows, [
        Problem(predictions.file, f"{len(keys):,} ids {what}: {sample([clear(key) for key in keys])}", hint)
        for what, (keys, hint) in kinds.items()
        if keys
    ]


def _unlike_targets(predictions: Predictions, rows: IntArray, ids: TextArray, targets: FloatArray) -> list[Problem]:
    theirs = predictions.targets
    if theirs is None:
        return []
    held = np.flatnonzero(rows >= 0)
    found, expected = theirs[rows[held]], targets[held]
    far = np.flatnonzero(~(np.isclose(found, expected, rtol=1e-6, atol=1e-6) | np.isnan(found)))
    unlike = [f"{clear(ids[held[i]])} has {found[i]:.9g}, not {expected[i]:.9g}" for i in far]
    if not unlike:
        return []
    hint = "Check that the file belongs to this dataset and split"
    return [Problem(predictions.file, f"{len(unlike):,} targets differ from the manifest's: {sample(unlike)}", hint)]


def own_targets(predictions: Predictions, *, also: Sequence[Problem] = ()) -> tuple[FloatArray, FloatArray]:
    """The targets (n,) that the file itself holds, and its predictions (n,).

    Raises InputError with every problem in it, and those that the caller ``also`` knows of.
    """
    problems = list(predictions.problems)
    if repeated := [key for key, count in Counter(predictions.ids or []).items() if count > 1]:
        found = f"{len(repeated):,} ids occur more than once: {sample([clear(key) for key in repeated])}"
        problems.append(Problem(predictions.file, found, "Keep one row of each"))
    if predictions.targets is None:
        problems.append(Problem(predictions.file, "there are no targets", "Add a target column"))
    elif not predictions.targets.size and not predictions.cut:
        problems.append(Problem(predictions.file, "there are no rows", "Check that whatever wrote it has finished"))
    problems += also
    if problems or predictions.targets is None:
        raise InputError(problems)
    return predictions.targets, predictions.values
