"""Rows of several files that carry their own targets, brought into one order, so that each is compared with itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dircli.arrays import IntArray
from dircli.errors import InputError, Problem
from dircli.scores.results import System
from dircli.store.matching import matched

HINT = "Give all files the same ids or, without ids, their rows in one order; or score them one by one"


def in_one_order(systems: Sequence[System]) -> list[System]:
    """The ``systems`` with the rows of each in the order of the first's: by their ids, else as they stand.

    Raises InputError where files have other ids than the first, or rows that are paired have other targets.
    """
    first, *others = systems
    problems: list[Problem] = []
    paired = [first, *(_like(first, system, problems) for system in others)]
    if problems:
        raise InputError(problems)
    return paired


def _like(first: System, system: System, problems: list[Problem]) -> System:
    """``system`` with its rows in the order of those of ``first``; what stands against it is put to ``problems``."""
    file, rows = system.file.file, np.arange(system.values.size)
    if (first.file.ids is None) != (system.file.ids is None):
        problems.append(
            Problem(file, f"it cannot be paired with {first.file.file}: one has ids, and one has none", HINT)
        )
        return system
    if first.file.ids is not None and system.file.ids is not None:
        rows, unlike = matched(system.file.ids, first.file.ids, file, missing_hint=HINT)
        if unlike:
            problems.append(
                Problem(file, f"it cannot be paired with {first.file.file}: their ids are not the same", HINT)
            )
            return system
    paired = _at(system, rows)
    if differ := int((paired.reference.target != first.reference.target).sum()):
        whose = "rows" if first.file.ids is None else "ids"
        what = f"it cannot be paired with {first.file.file}: {differ:,} {whose} have other targets there"
        problems.append(Problem(file, what, HINT))
    return paired


def _at(system: System, rows: IntArray) -> System:
    """The ``system`` with its rows (n,) in this order."""
    reference = system.reference
    return replace(
        system,
        reference=replace(reference, target=reference.target[rows], bin_index=reference.bin_index[rows]),
        values=system.values[rows],
        given={name: values[rows] for name, values in system.given.items()},
    )
