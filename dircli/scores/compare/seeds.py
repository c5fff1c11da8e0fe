"""Several files of one system, ``name@seed.csv``: their scores as mean and standard deviation over the seeds."""

from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from dircli.errors import UsageError
from dircli.scores.results import RegionScores, Result, SystemResult


def grouped(result: Result) -> tuple[SystemResult, ...]:
    """The systems of ``result`` by the part of their names before the last "@", in order of their first file.

    Per region they have the mean of every score and, as ``sd``, the standard deviation over the seeds (n - 1; None for
    one seed); a score that is undefined for one seed is undefined. UsageError for names without a seed.
    """
    groups: dict[str, list[tuple[str, SystemResult]]] = {}
    if unseeded := ", ".join(each.name for each in result.systems if not all(each.name.rpartition("@"))):
        raise UsageError(f"--seeds groups files called name@seed.csv, and {unseeded} has no @seed in its name")
    for system in result.systems:
        name, _, seed = system.name.rpartition("@")
        groups.setdefault(name, []).append((seed, system))
    return tuple(
        SystemResult(
            name=name,
            seeds=tuple(seed for seed, _ in seeded),
            regions={region: _over_seeds([each for _, each in seeded], region) for region in seeded[0][1].regions},
        )
        for name, seeded in groups.items()
    )


def _over_seeds(systems: Sequence[SystemResult], region: str) -> RegionScores:
    first = systems[0].regions[region]
    mean: dict[str, float | None] = {}
    sd: dict[str, float | None] = {}
    for name in first.scores:
        values = [value for system in systems if (value := system.score(region, name)) is not None]
        defined = len(values) == len(systems)
        mean[name] = _held(fmean, values) if defined else None
        sd[name] = _held(stdev, values) if defined and len(values) > 1 else None
    return RegionScores(n=first.n, bins=first.bins, scores=mean, sd=sd)


def _held(statistic: Callable[[Sequence[float]], float], values: Sequence[float]) -> float | None:
    """The ``statistic`` of ``values``; None where double precision does not hold it."""
    try:
        return statistic(values)
    except OverflowError:
        return None
