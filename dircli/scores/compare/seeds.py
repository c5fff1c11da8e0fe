"""Several files of one system, ``name@seed.csv``: their scores as mean and standard deviation over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from dircli.errors import UsageError
from dircli.scores.results import RegionScores, Result, SystemResult


def grouped(result: Result) -> tuple[SystemResult, ...]:
    """The systems of ``result`` by the part of their names before the last "@", in order of their first file.

    Each has its files' ``seeds``, and per region the mean of every score, n and bins as they are, and under ``sd`` the
    standard deviation over the seeds (n - 1; None for a single seed). A score that is undefined for one seed is
    undefined. Raises UsageError for names without a seed.
    """
    groups: dict[str, list[SystemResult]] = {}
    unseeded = []
    for system in result.systems:
        name, mark, seed = system.name.rpartition("@")
        if not (name and mark and seed):
            unseeded.append(system.name)
        groups.setdefault(name, []).append(system)
    if unseeded:
        names = ", ".join(unseeded)
        raise UsageError(f"--seeds groups files called name@seed.csv, and {names} has no @seed in its name")
    return tuple(
        SystemResult(
            name=name,
            seeds=tuple(system.name.rpartition("@")[2] for system in systems),
            regions={region: _over_seeds(systems, region) for region in systems[0].regions},
        )
        for name, systems in groups.items()
    )


def _over_seeds(systems: Sequence[SystemResult], region: str) -> RegionScores:
    first = systems[0].regions[region]
    mean: dict[str, float | None] = {}
    sd: dict[str, float | None] = {}
    for name in first.scores:
        values = [value for system in systems if (value := system.score(region, name)) is not None]
        defined = len(values) == len(systems)
        mean[name] = fmean(values) if defined else None
        sd[name] = stdev(values) if defined and len(values) > 1 else None
    return RegionScores(n=first.n, bins=first.bins, scores=mean, sd=sd)
