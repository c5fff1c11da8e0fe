"""Stratified intervals of dir's usual metrics by `scipy.stats.bootstrap`, called for each region and metric.

Its cost is one call of the statistic per resample, so a few resamples are drawn, and the seconds of all are printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
from pyarrow import csv
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWN = 4


def metrics(bins: NDArray[np.int64]) -> dict[str, Callable[[Floats, Floats, NDArray[np.int64]], float]]:
    """As a user of scipy would write them: of targets, predictions, and the rows' numbers."""

    def balanced(y: Floats, p: Floats, rows: NDArray[np.int64]) -> float:
        seen = np.bincount(bins[rows])
        return float((np.bincount(bins[rows], np.abs(p - y))[seen > 0] / seen[seen > 0]).mean())

    return {
        "mae": lambda y, p, _: np.abs(p - y).mean(),
        "mse": lambda y, p, _: np.square(p - y).mean(),
        "rmse": lambda y, p, _: np.sqrt(np.square(p - y).mean()),
        "gm": lambda y, p, _: np.exp(np.log(np.maximum(np.abs(p - y), 1e-300)).mean()),
        "pearson": lambda y, p, _: stats.pearsonr(y, p)[0],
        "spearman": lambda y, p, _: stats.spearmanr(y, p)[0],
        "bias": lambda y, p, _: (p - y).mean(),
        "bmae": balanced,
        "exact": lambda y, p, _: float(np.count_nonzero(p == y)),
    }


def main() -> None:
    """Draw a few resamples, and print what all of them would take."""
    parser = argparse.ArgumentParser()
    parser.add_argument("predictions")
    parser.add_argument("bins")
    parser.add_argument("--resamples", type=int)
    options = parser.parse_args()
    table = csv.read_csv(options.predictions)
    target, prediction = (np.asarray(table[name], dtype=np.float64) for name in ("target", "prediction"))
    shots = np.asarray(pq.read_table(options.bins)["region_released"].to_pylist(), dtype=str)
    bins = np.floor(target).astype(np.int64)  # the bins of AgeDB are years
    begin, busy = time.perf_counter(), time.process_time()
    for region in ("all", "many", "medium", "few"):
        own = (shots == region) | (region == "all")
        strata = tuple(np.flatnonzero(bins == one) for one in np.unique(bins) if own[one])
        strata = tuple(rows for rows in strata if len(rows) > 1)  # scipy refuses single rows
        for metric in metrics(bins).values():

            def statistic(*parts: NDArray[np.int64], metric: Callable[..., float] = metric) -> float:
                rows = np.concatenate(parts)
                return float(metric(target[rows], prediction[rows], rows))

            stats.bootstrap(
                strata,
                statistic,
                n_resamples=DRAWN,
                vectorized=False,
                method="percentile",
                rng=np.random.default_rng(0),
            )
    times = options.resamples / DRAWN
    sys.stdout.write(f"{(time.perf_counter() - begin) * times} {(time.process_time() - busy) * times}\n")


if __name__ == "__main__":
    main()
