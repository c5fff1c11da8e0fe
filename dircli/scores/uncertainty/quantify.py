"""How sure a result is: intervals of every score, the difference it could detect, and tests against the baseline."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.benchmark.regions import masks
from dircli.errors import UsageError
from dircli.scores.by_region import Score
from dircli.scores.metrics.sums import overflowing
from dircli.scores.metrics.table import EVERY, Metric
from dircli.scores.results import ComparedSystem, Comparison, Difference, Result, Scored, SystemResult
from dircli.scores.uncertainty import intervals, poisson
from dircli.scores.uncertainty.bootstrap import ResamplingPlan, jackknife, resampled, strata
from dircli.scores.uncertainty.pairing import in_one_order
from dircli.scores.uncertainty.permutation import Tested, holm, paired_permutation_test
from dircli.scores.uncertainty.reweighted import ScoredRows
from dircli.store.matching import arrow_texts, hashes

ALPHA = 0.05
MOST_LEFT_OUT = 5e9
"""Rows times units left out, times systems and regions: at 25 to 48 ns each, beyond it BCa takes more than minutes."""
Ends: TypeAlias = Callable[[str, FloatArray, FloatArray], FloatArray]
"""The ends of intervals, from a region, the scores of its rows and those of resamples."""


@dataclass(frozen=True, kw_only=True)
class BootstrapOptions:
    """How resamples are drawn: within bins or, with ``cluster``, whole groups of equal values in that column.

    With the method "poisson" each row by itself, as `poisson` says; intervals are percentiles, too.
    """

    resamples: int = 2000
    seed: int = 666
    method: Literal["percentile", "bca", "poisson"] = "percentile"
    cluster: str | None = None

    @property
    def field(self) -> str:
        """What the signature says of it."""
        unit = "row" if self.method == "poisson" else self.cluster or "bin"
        return f"ci:{self.method},{unit},{self.resamples},{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The ``scores`` of resamples by region, (systems, metrics, resamples), and the test of each system but the first.

    Tests are by region, too, and of the same ``metrics``.
    """

    metrics: Sequence[Metric]
    scores: Mapping[str, FloatArray]
    tests: Sequence[Mapping[str, Tested]] = ()


@overflowing
def quantify(scored: Scored, options: BootstrapOptions) -> Scored:
    """``scored`` with ``ci`` and ``detectable`` for every score, and with several systems their comparison.

    Raises InputError where rows of several files with targets of their own cannot be paired.
    """
    result, reference = scored.result, scored.systems[0].reference
    systems = scored.systems if scored.against.has_rows else in_one_order(scored.systems)
    metrics = [EVERY[name].under(reference.rules) for name in result.metrics if not EVERY[name].count]
    needed = {metric.needs for metric in metrics}
    rows = [
        ScoredRows(
            target=system.reference.scored_target,
            prediction=system.values,
            bin_index=system.reference.bin_index,
            bins=len(system.reference.train),
            zero_error=system.reference.rules.zero_error,
            given={name: values for name, values in system.given.items() if name in needed},
        )
        for system in systems
    ]
    every_region = masks(reference.regions, reference.train)
    regions = {name: every_region[name] for name in result.systems[0].regions if name in every_region}
    clusters = None if options.cluster is None else scored.against.clusters(options.cluster, result.split)
    plan = ResamplingPlan(strata(reference.bin_index, reference.regions), clusters)
    if options.method == "bca":
        _refuse_endless(plan, len(rows) * len(regions))
    how = {"resamples": options.resamples, "seed": options.seed}
    keys = _keys(scored) if options.method == "poisson" else None
    if keys is not None:
        scores = poisson.resampled(keys, rows, regions, metrics, **how)
    else:
        scores = resampled(plan, rows, regions, metrics, **how)
    swap = partial(paired_permutation_test, permutations=options.resamples, seed=options.seed)
    tests = [swap(rows[0], system, regions, metrics, clusters=clusters, keys=keys) for system in rows[1:]]

    def bca(region: str, points: FloatArray, of_resamples: FloatArray) -> FloatArray:
        (without,) = jackknife(plan, rows, {region: regions[region]}, metrics).values()
        return intervals.bca(points, of_resamples, without, plan.unit_strata)

    drawn = Drawn(metrics=metrics, scores=scores, tests=tests)
    return replace(scored, result=quantified(result, drawn, options, bca if options.method == "bca" else _percentile))


def _percentile(_region: str, points: FloatArray, scores: FloatArray) -> FloatArray:
    return intervals.percentile(points, scores)


@overflowing
def quantified(result: Result, drawn: Drawn, options: BootstrapOptions, ends: Ends = _percentile) -> Result:
    """The ``result`` with ``ci`` and ``detectable`` for every score, and with several systems their comparison.

    A region of one row has neither: its resamples are all alike, which does not say that its score is certain.
    """
    rows = {name: region.n for name, region in result.systems[0].regions.items()}
    scores = {name: each if rows[name] != 1 else np.full_like(each, np.nan) for name, each in drawn.scores.items()}
    drawn = replace(drawn, scores=scores)
    compared = tuple(_compared(result, drawn, place) for place in range(1, len(result.systems)))
    comparison = Comparison(baseline=result.systems[0].name, permutations=options.resamples, systems=compared)
    systems = _with_intervals(result.systems, drawn, ends)
    return replace(result, systems=systems, comparison=comparison if compared else None, drawn=options.field)


def _keys(scored: Scored) -> AnyArray:
    """What rows are drawn by, in the order in which they are scored: (n,) hashes of their ids, or of their numbers."""
    first, against = scored.systems[0], scored.against
    known = against.has_rows and against.unit == "samples"
    ids = against.rows(scored.result.split).texts if known else first.file.ids
    return poisson.keys_of_places(np.arange(first.values.size)) if ids is None else hashes(arrow_texts(ids))


def _refuse_endless(plan: ResamplingPlan, times: int) -> None:
    """UsageError where BCa would score ``times`` over every row without each unit, and not be done in minutes."""
    units, rows = plan.unit_strata.size, plan.strata.size
    if units * rows * times > MOST_LEFT_OUT:
        what = f"BCa scores {rows:,} rows again without each of {units:,} units, which takes too long"
        raise UsageError(
            f"{what}; draw larger units with --cluster COLUMN, or take percentile intervals, without --bca"
        )


def _with_intervals(systems: Sequence[SystemResult], drawn: Drawn, ends: Ends) -> tuple[SystemResult, ...]:
    regions, names = [dict(system.regions) for system in systems], [metric.name for metric in drawn.metrics]
    for name, scores in drawn.scores.items():
        points = np.array([[_value(system.score(name, metric)) for metric in names] for system in systems])
        ends_of_systems = ends(name, points, scores)
        detectable = intervals.detectable(intervals.standard_error(scores))
        for of_system, pairs, least in zip(regions, ends_of_systems, detectable, strict=True):
            ci = dict(zip(names, map(_pair, pairs), strict=True))
            of_system[name] = replace(
                of_system[name], ci=ci, detectable=dict(zip(names, map(_number, least), strict=True))
            )
    return tuple(replace(system, regions=new) for system, new in zip(systems, regions, strict=True))


def _compared(result: Result, drawn: Drawn, place: int) -> ComparedSystem:
    """The system at ``place`` against the first: its differences by region and metric."""
    baseline, system, tests = result.systems[0], result.systems[place], drawn.tests[place - 1]
    corrected = holm(np.concatenate([tests[region].p for region in drawn.scores])).reshape(len(drawn.scores), -1)
    regions = {}
    for region, adjusted in zip(drawn.scores, corrected, strict=True):
        pairs = drawn.scores[region][place] - drawn.scores[region][0]
        difference, p = tests[region].difference, tests[region].p
        ends = intervals.percentile(difference, pairs)
        least = intervals.detectable(intervals.standard_error(pairs))
        regions[region] = {
            metric.name: Difference(
                difference=_number(difference[k]),
                ci=_pair(ends[k]),
                detectable=_number(least[k]),
                p=_number(p[k]),
                p_holm=_number(adjusted[k]),
                verdict=_verdict(
                    metric, baseline.score(region, metric.name), system.score(region, metric.name), adjusted[k]
                ),
            )
            for k, metric in enumerate(drawn.metrics)
        }
    return ComparedSystem(name=system.name, regions=regions)


def _verdict(metric: Metric, baseline: Score, score: Score, p: float) -> str | None:
    """Whether a system is "better" or "worse" than the baseline where the corrected p is below 5 %, else None."""
    if not p < ALPHA or metric.better == "neither":
        return None
    return "better" if metric.badness(_value(score)) <= metric.badness(_value(baseline)) else "worse"


def _value(score: Score) -> float:
    return math.nan if score is None else score


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _pair(ends: FloatArray) -> list[float] | None:
    return [float(end) for end in ends] if np.isfinite(ends).all() else None
