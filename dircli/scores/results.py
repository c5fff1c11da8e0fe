"""Results of `dir evaluate --format json`, read back."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dircli.errors import InputError, Problem
from dircli.scores.metrics.table import EVERY
from dircli.store import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dircli.arrays import FloatArray
    from dircli.benchmark.benchmark import Benchmark
    from dircli.scores.by_region import Reference
    from dircli.store.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class System:
    """One scored file: its name in the result, what it was scored against, and its predictions (n,) row by row."""

    name: str
    file: Predictions
    reference: Reference
    values: FloatArray
    given: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The result as JSON, and the rows behind it."""

    result: dict[str, Any]
    systems: list[System]
    against: Benchmark


HINT = "Give a file that `dir evaluate --format json` wrote"
KEYS = {"signature": str, "dataset": str, "split": str, "protocol": str, "content": str, "systems": list}
SCORES = ("n", "bins", *EVERY)


def read(path: Path) -> dict[str, Any]:
    """The result in ``path``; InputError where it is none."""
    try:
        found = json.loads(files.read(path, hint=HINT))
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), f"this is no JSON ({error})", HINT)) from None
    if not isinstance(found, dict):
        raise InputError(Problem(str(path), "this is no JSON object", HINT))
    if wrong := [key for key, kind in KEYS.items() if not isinstance(found.get(key), kind)]:
        raise InputError(Problem(str(path), f"there is no {' and no '.join(wrong)}", HINT))
    if wrong := [str(place) for place, system in enumerate(found["systems"], 1) if not _is_system(system)]:
        what = f"system {', '.join(wrong)} has no name, or no numbers as scores by region"
        raise InputError(Problem(str(path), what, HINT))
    return found


def _is_system(system: object) -> bool:
    if not isinstance(system, dict) or not isinstance(system.get("name"), str):
        return False
    regions = system.get("regions")
    return isinstance(regions, dict) and "all" in regions and all(map(_are_scores, regions.values()))


def _are_scores(scores: object) -> bool:
    """Whether every score in it is a finite number or null; other keys may hold anything."""
    if not isinstance(scores, dict):
        return False
    held = [scores[name] for name in SCORES if scores.get(name) is not None]
    return all(type(value) in {int, float} and abs(value) <= sys.float_info.max for value in held)


def read_result(path: Path) -> dict[str, Any]:
    """An earlier result that `dir evaluate` wrote as JSON."""
    return read(path)
