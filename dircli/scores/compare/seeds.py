"""Several files of one system, ``name@seed.csv``: their scores as mean and standard deviation over the seeds."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from dircli.errors import UsageError
from dircli.scores.metrics.table import EVERY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def grouped(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The systems of ``result`` by the part of their names before the last "@", in order of their first file.

    Each holds its files' names as ``seeds``, and per region the mean of every score, n and bins as they are, and under
    ``sd`` the standard deviation over the seeds (n - 1; None for a single seed). A score that is undefined for one
    seed is undefined. Raises UsageError for names without a seed.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    plain = []
    for system in result["systems"]:
        name, mark, seed = system["name"].rpartition("@")
        if not (name and mark and seed):
            plain.append(system["name"])
        groups.setdefault(name, []).append(system)
    if plain:
        raise UsageError(f"--seeds groups files called name@seed.csv, and {', '.join(plain)} has no @seed in its name")
    return [
        {
            "name": name,
            "seeds": [system["name"].rpartition("@")[2] for system in systems],
            "regions": {region: _over(systems, region) for region in systems[0]["regions"]},
        }
        for name, systems in groups.items()
    ]


def _over(systems: Sequence[Mapping[str, Any]], region: str) -> dict[str, Any]:
    first = systems[0]["regions"][region]
    found: dict[str, Any] = {"n": first["n"], "bins": first["bins"], "sd": {}}
    for name in (key for key in first if key in EVERY):
        values = [system["regions"].get(region, {}).get(name) for system in systems]
        defined = None not in values
        found[name] = fmean(values) if defined else None
        found["sd"][name] = stdev(values) if defined and len(values) > 1 else None
    return found
