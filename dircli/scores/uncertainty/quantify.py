"""How sure a result is: intervals of every score, the difference it could detect, and tests against the baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli.benchmark.regions import masks
from dircli.scores.metrics.table import EVERY
from dircli.scores.uncertainty import intervals
from dircli.scores.uncertainty.bootstrap import ResamplingPlan, jackknife, resampled, strata
from dircli.scores.uncertainty.permutation import holm, paired_permutation_test
from dircli.scores.uncertainty.reweighted import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dircli.arrays import BoolArray, FloatArray, IntArray
    from dircli.scores.metrics.table import Metric
    from dircli.scores.results import Scored, System

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class BootstrapOptions:
    """How resamples are drawn: how many, from which seed, and in which units.

    Rows are drawn within bins, or, with ``cluster``, a column of the manifest, as whole groups of equal values there.
    """

    resamples: int = 2000
    seed: int = 666
    method: Literal["percentile", "bca"] = "percentile"
    cluster: str | None = None

    @property
    def field(self) -> str:
        """What the signature says of it."""
        return f"ci:{self.method},{self.cluster or 'bin'},{self.resamples},{self.seed}"


def quantify(scored: Scored, sampling: BootstrapOptions) -> None:
    """Add to the result: ``ci`` and ``detectable`` per region, and with several systems ``comparison``.

    ``detectable`` is the true distance from a fixed value that a two-sided 5 % test on these rows finds with 80 %
    power; in the comparison, the true difference between the two systems.
    """
    result, systems = scored.result, scored.systems
    names = [name for name in result["systems"][0]["regions"]["all"] if name in EVERY and name != "exact"]
    metrics = [EVERY[name] for name in names]
    reference = systems[0].reference
    held = masks(reference.regions, reference.train)
    regions = {name: held[name] for name in result["systems"][0]["regions"] if name in held}
    rows = [_rows(system) for system in systems]
    clusters = None
    if sampling.cluster is not None:
        clusters = scored.against.clusters(sampling.cluster, result["split"])
    plan = ResamplingPlan(strata(reference.bin_index, reference.regions), clusters)
    drawn = resampled(plan, rows, regions, metrics, resamples=sampling.resamples, seed=sampling.seed)
    points = {region: _points(result, region, names) for region in regions}
    for region, scores in drawn.items():
        ends = _ends(points[region], scores, sampling, plan, rows, {region: regions[region]}, metrics)
        detectable = intervals.detectable(intervals.standard_error(scores))
        for system, own, least in zip(result["systems"], ends, detectable, strict=True):
            system["regions"][region]["ci"] = {name: _pair(pair) for name, pair in zip(names, own, strict=True)}
            system["regions"][region]["detectable"] = dict(zip(names, map(_number, least), strict=True))
    result["signature"] += f"|{sampling.field}"
    if len(systems) > 1:
        result["comparison"] = _comparison(result, rows, regions, metrics, drawn, sampling, clusters)


def _rows(system: System) -> Rows:
    reference = system.reference
    return Rows(
        target=reference.scored_target,
        prediction=system.values,
        bin_index=reference.bin_index,
        bins=len(reference.train),
        zero_error=reference.rules.zero_error,
        given=system.given,
    )


def _points(result: Mapping[str, Any], region: str, names: Sequence[str]) -> FloatArray:
    """The scores of the rows themselves, (systems, metrics), NaN where undefined."""
    return np.array(
        [[_value(system["regions"][region][name]) for name in names] for system in result["systems"]], dtype=np.float64
    )


def _value(score: float | None) -> float:
    return math.nan if score is None else score


def _ends(  # noqa: PLR0913, PLR0917 - BCa needs the rows again, without each in turn
    points: FloatArray,
    scores: FloatArray,
    sampling: BootstrapOptions,
    plan: ResamplingPlan,
    rows: Sequence[Rows],
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
) -> FloatArray:
    """The interval of each score, (systems, metrics, 2)."""
    if sampling.method == "percentile":
        return intervals.percentile(points, scores)
    (without,) = jackknife(plan, rows, regions, metrics).values()
    return intervals.bca(points, scores, without, plan.unit_strata)


def _comparison(  # noqa: PLR0913, PLR0917 - all that was drawn, once more in pairs
    result: Mapping[str, Any],
    rows: Sequence[Rows],
    regions: Mapping[str, BoolArray],
    metrics: Sequence[Metric],
    drawn: Mapping[str, FloatArray],
    sampling: BootstrapOptions,
    clusters: IntArray | None,
) -> dict[str, Any]:
    """Each system against the first: difference, paired interval, detectable difference, p and Holm-corrected p."""
    compared = []
    for place, system in enumerate(result["systems"][1:], 1):
        tested = paired_permutation_test(
            rows[0],
            rows[place],
            regions,
            metrics,
            permutations=sampling.resamples,
            seed=sampling.seed,
            clusters=clusters,
        )
        corrected = holm(np.concatenate([tested[region].p for region in regions])).reshape(len(regions), -1)
        found = {}
        for region, adjusted in zip(regions, corrected, strict=True):
            pairs = drawn[region][place] - drawn[region][0]
            ends = intervals.percentile(tested[region].difference, pairs)
            least = intervals.detectable(intervals.standard_error(pairs))
            columns = (metrics, tested[region].difference, ends, least, tested[region].p, adjusted)
            found[region] = {
                metric.name: {
                    "difference": _number(difference),
                    "ci": _pair(pair),
                    "detectable": _number(smallest),
                    "p": _number(p),
                    "p_holm": _number(p_holm),
                    "verdict": _verdict(metric, result, place, region, p_holm),
                }
                for metric, difference, pair, smallest, p, p_holm in zip(*columns, strict=True)
            }
        compared.append({"name": system["name"], "regions": found})
    return {
        "baseline": result["systems"][0]["name"],
        "correction": "Holm, over regions and metrics of each system",
        "permutations": sampling.resamples,
        "systems": compared,
    }


def _verdict(metric: Metric, result: Mapping[str, Any], place: int, region: str, p: float) -> str | None:
    """Whether the system is "better" or "worse" than the baseline where the corrected p is below 5 %, else None."""
    if not p < ALPHA or metric.better == "neither":
        return None
    theirs, ours = (_value(result["systems"][k]["regions"][region][metric.name]) for k in (0, place))
    if metric.better == "nearer zero":
        theirs, ours = abs(theirs), abs(ours)
    return "better" if (ours > theirs) == (metric.better == "higher") else "worse"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _pair(ends: FloatArray) -> list[float] | None:
    return [float(end) for end in ends] if np.isfinite(ends).all() else None
