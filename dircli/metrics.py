"""Every score, as one table: its name, which way is better, its unit, its function and its source.

Conventions: e = prediction - target; a score of no rows is NaN here and null in every output, never 0 and never an
exception. A function sees `Sums`: ``total`` over the region (scalars) and ``bins``, one entry per bin of the region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dircli.arrays import AnyArray, FloatArray
    from dircli.sums import Sums

Better = Literal["lower", "higher", "nearer zero", "neither"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One score.

    Exactly one function is set: ``from_sums(total, bins, zero_error)``, or ``from_rows(target, prediction)`` for the
    scores that need ranks and so cannot be merged from partial sums. ``unit`` is a power of the target's unit:
    "y", "y²", or "" for none.
    """

    name: str
    title: str
    better: Better
    unit: Literal["y", "y²", ""]
    source: str
    from_sums: Callable[[Sums, Sums, float], float] | None = None
    from_rows: Callable[[FloatArray, FloatArray], float] | None = None


def _mean(value: float, n: float) -> float:
    return float(value / n) if n else float("nan")


def mae(total: Sums, _bins: Sums, _zero_error: float) -> float:
    """Mean absolute error, mean |e|."""
    return _mean(total.absolute, total.n)


def mse(total: Sums, _bins: Sums, _zero_error: float) -> float:
    """Mean squared error, mean e²."""
    return _mean(total.square, total.n)


def rmse(total: Sums, _bins: Sums, _zero_error: float) -> float:
    """Root mean squared error, √(mean e²)."""
    return float(np.sqrt(_mean(total.square, total.n)))


def gm(total: Sums, _bins: Sums, zero_error: float) -> float:
    """Geometric mean of the errors, exp(mean ln|e|); an exact hit counts as ``zero_error``: GM is 0 if that is 0."""
    if total.exact and not zero_error:
        return 0.0
    return float(np.exp(_mean(total.log + (total.exact and total.exact * np.log(zero_error)), total.n)))


def pearson(total: Sums, _bins: Sums, _zero_error: float) -> float:
    """Pearson correlation of target and prediction; NaN with fewer than two rows or a constant side."""
    if total.target_low >= total.target_high or total.prediction_low >= total.prediction_high:
        return float("nan")
    scale = np.sqrt(total.target_moment) * np.sqrt(total.prediction_moment)
    return float(np.clip(total.product_moment / scale, -1, 1)) if scale > 0 else float("nan")


def bias(total: Sums, _bins: Sums, _zero_error: float) -> float:
    """Mean error, mean e: positive where predictions are too high."""
    return _mean(total.error, total.n)


def bmae(_total: Sums, bins: Sums, _zero_error: float) -> float:
    """Balanced MAE: the mean of the bins' MAE over the bins that have rows."""
    held = bins.n > 0
    return float(np.mean(bins.absolute[held] / bins.n[held])) if held.any() else float("nan")


def exact(total: Sums, _bins: Sums, _zero_error: float) -> float:
    """The number of exact hits, e = 0, each of which pulls GM towards 0."""
    return float(total.exact) if total.n else float("nan")


def ranks(values: AnyArray) -> FloatArray:
    """The rank of each of ``values`` (n,), 1 to n; equal values share the mean of their ranks."""
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[index]


def spearman(target: FloatArray, prediction: FloatArray) -> float:
    """Spearman correlation: Pearson's of the ranks; NaN with fewer than two rows or a constant side.

    Ranks depend on all rows at once: the one score here that no partial sums can give.
    """
    y, p = ranks(target), ranks(prediction)
    y, p = y - y.mean() if y.size else y, p - p.mean() if p.size else p
    scale = np.sqrt((y @ y) * (p @ p))
    return float(np.clip(y @ p / scale, -1, 1)) if scale > 0 else float("nan")


METRICS = {
    metric.name: metric
    for metric in (
        Metric(name="mae", title="MAE", better="lower", unit="y", from_sums=mae, source="DIR, section 4"),
        Metric(name="mse", title="MSE", better="lower", unit="y²", from_sums=mse, source="DIR, section 4"),
        Metric(name="rmse", title="RMSE", better="lower", unit="y", from_sums=rmse, source="DIR, Table 4"),
        Metric(name="gm", title="GM", better="lower", unit="y", from_sums=gm, source="DIR, section 4"),
        Metric(name="pearson", title="Pearson", better="higher", unit="", from_sums=pearson, source="DIR, section 4"),
        Metric(name="spearman", title="Spearman", better="higher", unit="", from_rows=spearman, source="Spearman 1904"),
        Metric(name="bias", title="bias", better="nearer zero", unit="y", from_sums=bias, source="mean signed error"),
        Metric(
            name="bmae",
            title="bMAE",
            better="lower",
            unit="y",
            from_sums=bmae,
            source="Ren et al. 2022, Balanced MSE for imbalanced visual regression",
        ),
        Metric(name="exact", title="exact", better="neither", unit="", from_sums=exact, source="count of e = 0"),
    )
}


def chosen(names: Sequence[str]) -> list[Metric]:
    """The metrics called ``names``, in that order; all of them for "all". Every unknown name is reported at once."""
    if unknown := [name for name in names if name not in METRICS and name != "all"]:
        raise UsageError(f"no metric is called {', '.join(map(repr, unknown))}; there are {', '.join(METRICS)}, or all")
    return list(METRICS.values()) if not names or "all" in names else [METRICS[name] for name in dict.fromkeys(names)]
