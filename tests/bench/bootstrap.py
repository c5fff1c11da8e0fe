"""What 10,000 stratified resamples cost, against `scipy.stats.bootstrap` called for each region and metric.

``python tests/bench/bootstrap.py [--resamples N] [--theirs N] [--runs N]`` scores 11,022 made-up rows in 101 bins,
predictions with four decimals, in the regions all, many, medium and few, with every default metric. Ours is measured
with all its resamples, the best of a few runs; scipy, whose cost is one call of the statistic per resample, with fewer
(``--theirs``), scaled. It exits 1 where ours takes more than 2.5 s or 500 MiB, or is not 20 times as cheap.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.scores.by_region import RankedRows, SummedRegion
from dircli.scores.metrics.blocks import SummedRows
from dircli.scores.metrics.table import chosen
from dircli.scores.uncertainty.bootstrap import ResamplingPlan, resampled
from dircli.scores.uncertainty.reweighted import ScoredRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from dircli.arrays import BoolArray, FloatArray, IntArray
    from dircli.scores.metrics.table import Metric

ROWS, BINS = 11_022, 101
SECONDS, MIB, CHEAPER = 2.5, 500, 20
RULE = ScoreRule(thresholds=Thresholds(many=100, few=20))

PLAIN: dict[str, Callable[[FloatArray, FloatArray], float]] = {  # as a user of scipy would write them
    "mae": lambda y, p: np.abs(p - y).mean(),
    "mse": lambda y, p: np.square(p - y).mean(),
    "rmse": lambda y, p: np.sqrt(np.square(p - y).mean()),
    "bias": lambda y, p: (p - y).mean(),
    "pearson": lambda y, p: np.corrcoef(y, p)[0, 1],
    "exact": lambda y, p: float(np.count_nonzero(p == y)),
}


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="What 10,000 stratified resamples cost.")
    parser.add_argument("--resamples", type=int, default=10_000, metavar="N")
    parser.add_argument("--theirs", type=int, default=20, metavar="N", help="resamples of scipy's, scaled")
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    options = parser.parse_args()
    rows, regions = made_up()
    metrics = chosen([])
    runs = [
        _cost(
            lambda: resampled(
                ResamplingPlan(rows.bin_index), [rows], regions, metrics, resamples=options.resamples, seed=0
            )
        )
        for _ in range(options.runs)
    ]
    wall, processor = (min(each) for each in zip(*runs, strict=True))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20
    _, theirs = _cost(lambda: scipys(rows, regions, metrics, options.theirs))
    theirs *= options.resamples / options.theirs
    size = f"{ROWS:,} rows, {BINS} bins, {len(regions)} regions, {len(metrics)} metrics"
    lines = [
        f"{size}, {options.resamples:,} resamples, {os.cpu_count()} cores",
        f"{'dircli, wall':28}{wall:10.2f} s    at most {SECONDS:g}",
        f"{'dircli, processor':28}{processor:10.2f} s",
        f"{'dircli, peak memory':28}{memory:8.0f} MiB    at most {MIB}, with numpy and scipy themselves",
        f"{'scipy, processor':28}{theirs:10.0f} s    from {options.theirs} resamples, scaled",
        f"{'ratio of processor times':28}{theirs / processor:10.0f}      at least {CHEAPER}",
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    return int(wall > SECONDS or memory > MIB or theirs < CHEAPER * processor)


def made_up() -> tuple[ScoredRows, dict[str, BoolArray]]:
    """Rows like IMDB-WIKI's test split: ages 0 to 100, up to 150 rows of each."""
    generator = np.random.default_rng(0)
    common = np.exp(-0.5 * ((np.arange(BINS) - 40) / 24) ** 2)
    low, high = 0.0, 1e4
    while high - low > 1e-6:
        scale = (low + high) / 2
        low, high = (scale, high) if _sizes(common, scale).sum() < ROWS else (low, scale)
    sizes = _sizes(common, high)
    sizes[np.argmax(sizes < 150)] += ROWS - sizes.sum()
    index: IntArray = np.repeat(np.arange(BINS), sizes)
    target = index.astype(np.float64)
    prediction = np.round(0.7 * target + 12 + generator.normal(0, 8, ROWS), 4)
    masks = {"all": sizes > 0, "many": sizes >= 120, "few": sizes < 60}
    masks["medium"] = ~masks["many"] & ~masks["few"]
    return ScoredRows(target=target, prediction=prediction, bin_index=index, bins=BINS), masks


def _sizes(common: FloatArray, scale: float) -> IntArray:
    """Rows per bin."""
    return np.clip(common * scale, 2, 150).astype(np.int64)


def scipys(rows: ScoredRows, regions: dict[str, BoolArray], metrics: list[Metric], resamples: int) -> None:
    """One call per region and metric; strata are scipy's several samples, of row numbers, so that pairs stay pairs."""
    for mask in regions.values():
        samples = tuple(np.flatnonzero(rows.bin_index == own) for own in np.flatnonzero(mask))
        for metric in metrics:
            stats.bootstrap(
                samples,
                _statistic(metric, rows),
                n_resamples=resamples,
                vectorized=False,
                method="percentile",
                rng=np.random.default_rng(0),
            )


def _statistic(metric: Metric, rows: ScoredRows) -> Callable[..., float]:
    """The metric of the rows whose numbers are given, stratum by stratum."""

    def statistic(*parts: IntArray) -> float:
        own = np.concatenate(parts)
        target, prediction = rows.target[own], rows.prediction[own]
        if metric.name in PLAIN:
            return float(PLAIN[metric.name](target, prediction))
        summed = SummedRows(BINS, [metric], RULE)
        summed.add(target, prediction, rows.bin_index[own])
        ranked = RankedRows(target, prediction, rows.bin_index[own])
        return float(metric.of(SummedRegion(summed.total(), np.ones(BINS, bool), 0.0, ranked)))

    return statistic


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of processor time, all threads together."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    sys.exit(main())
