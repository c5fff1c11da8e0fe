"""Every score, as one table: its name, which way is better, its unit, its function and its source.

Conventions: e = prediction - target; a score of no rows is NaN here and null in every output, never 0 and never an
exception. A function sees `Sums`: ``total`` over the region, of shape () or (R,) for R resamples, and ``bins``, one
entry per bin of the region, (B,) or (B, R); it returns the shape of ``total``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli.errors import UsageError
from dircli.scores.metrics import gaussian, sera
from dircli.scores.metrics.cindex import concordance

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from dircli.arrays import AnyArray, FloatArray
    from dircli.scores.metrics.sums import Sums


def described() -> list[dict[str, str]]:
    """Every metric: its name, what it is, which way is better, its unit and its source."""
    return [
        {
            "name": metric.name,
            "title": metric.title,
            "what": metric.what,
            "better": metric.better,
            "unit": metric.unit,
            "source": metric.source,
        }
        for metric in EVERY.values()
    ]


Better = Literal["lower", "higher", "nearer zero", "neither"]


@dataclass(frozen=True)
class Terms:
    """A score made of k sums of its own, which merge as `Sums` do.

    ``rows(target, prediction, given)`` is what each row adds to each of them, (k, n); ``score(n, totals)`` is the score
    of n > 0 rows, () or (R,), whose sums are ``totals``, (k,) or (k, R).
    """

    rows: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    score: Callable[[Any, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One score.

    Exactly one function is set: ``from_sums(total, bins, zero_error)``; ``per_row(target, prediction)`` where the score
    is the mean of a value per row, (n,); or ``from_rows(target, prediction)`` for the scores that need ranks and so
    cannot be merged from partial sums; ``from_terms`` where rows have more than target and prediction: what ``needs``
    names. ``unit`` is a power of the target's unit: "y", "y²", or "" for none. A ``count`` is a whole number of rows,
    and has no interval.
    """

    name: str
    title: str
    better: Better
    unit: Literal["y", "y²", ""]
    source: str
    from_sums: Callable[[Sums, Sums, float], Any] | None = None
    per_row: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    from_rows: Callable[[FloatArray, FloatArray], float] | None = None
    from_terms: Terms | None = None
    needs: Literal["", "relevance", "sigma"] = ""
    count: bool = False

    @property
    def what(self) -> str:
        """What it is, in the words of its function."""
        own = self.from_terms.rows if self.from_terms else self.from_sums or self.per_row or self.from_rows
        return str(own.__doc__).split(";")[0].splitlines()[0].rstrip(".")

    def badness(self, value: float) -> float:
        """The number to sort scores by, lower is better; differences of it say by how much a score is worse.

        NaN for a metric of which neither a high nor a low value is better.
        """
        return {"lower": value, "higher": -value, "nearer zero": abs(value), "neither": math.nan}[self.better]


def _mean(value: Any, n: Any) -> Any:
    """``value / n``, NaN where n is 0."""
    return np.where(n > 0, value / np.maximum(n, 1), np.nan)


def mae(total: Sums, _bins: Sums, _zero_error: float) -> Any:
    """Mean absolute error, mean |e|."""
    return _mean(total.absolute, total.n)


def mse(total: Sums, _bins: Sums, _zero_error: float) -> Any:
    """Mean squared error, mean e²."""
    return _mean(total.square, total.n)


def rmse(total: Sums, _bins: Sums, _zero_error: float) -> Any:
    """Root mean squared error, √(mean e²)."""
    return np.sqrt(_mean(total.square, total.n))


def gm(total: Sums, _bins: Sums, zero_error: float) -> Any:
    """Geometric mean of the errors, exp(mean ln|e|); an exact hit counts as ``zero_error``: GM is 0 if that is 0."""
    if zero_error:
        return np.exp(_mean(total.log + total.exact * np.log(zero_error), total.n))
    return np.where(total.exact > 0, 0.0, np.exp(_mean(total.log, total.n)))


def pearson(total: Sums, _bins: Sums, _zero_error: float) -> Any:
    """Pearson correlation of target and prediction; NaN with fewer than two rows or a constant side.

    A side is constant where its spread is no more than the rounding of its mean.
    """
    noise = total.n * (16 * np.finfo(np.float64).eps) ** 2
    varies = total.target_moment > noise * total.target_mean**2
    varies &= total.prediction_moment > noise * total.prediction_mean**2
    scale = np.sqrt(total.target_moment) * np.sqrt(total.prediction_moment)
    return np.where(varies, np.clip(total.product_moment / np.where(varies, scale, 1), -1, 1), np.nan)


def bias(total: Sums, _bins: Sums, _zero_error: float) -> Any:
    """Mean error, mean e: positive where predictions are too high."""
    return _mean(total.error, total.n)


def bmae(_total: Sums, bins: Sums, _zero_error: float) -> Any:
    """Balanced MAE: the mean of the bins' MAE over the bins that have rows."""
    return _over_bins(bins.absolute, bins.n)


def bmse(_total: Sums, bins: Sums, _zero_error: float) -> Any:
    """Balanced MSE: the mean of the bins' MSE over the bins that have rows."""
    return _over_bins(bins.square, bins.n)


def _over_bins(value: Any, n: Any) -> Any:
    """The mean over bins, the first axis, of ``value / n``, over those that have rows."""
    return _mean((value / np.maximum(n, 1)).sum(axis=0), (n > 0).sum(axis=0))


def exact(total: Sums, _bins: Sums, _zero_error: float) -> Any:
    """The number of exact hits, e = 0, each of which pulls GM towards 0."""
    return np.where(total.n > 0, total.exact, np.nan)


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


def absrel(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Mean absolute relative error, mean |e| / y; of positive targets."""
    return np.asarray(np.abs(prediction - target) / target)


def log10(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Mean absolute error of the decimal logarithms, mean |log10 ŷ - log10 y|; of positive targets and predictions."""
    return np.asarray(np.abs(np.log10(prediction) - np.log10(target)))


def within(k: int) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """δk, as a function of its own: targets and predictions must be positive."""

    def delta(target: FloatArray, prediction: FloatArray) -> FloatArray:
        held = np.maximum(prediction / target, target / prediction) <= 1.25**k
        return np.asarray(held, dtype=np.float64)

    delta.__doc__ = f"Share of rows with max(ŷ/y, y/ŷ) of at most 1.25^{k}; of positive targets and predictions."
    return delta


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
        Metric(
            name="exact",
            title="exact",
            better="neither",
            unit="",
            from_sums=exact,
            source="count of e = 0",
            count=True,
        ),
    )
}

DEPTH = {
    metric.name: metric
    for metric in (
        Metric(name="absrel", title="AbsRel", better="lower", unit="", per_row=absrel, source="DIR, Table 4"),
        Metric(name="log10", title="log10", better="lower", unit="", per_row=log10, source="DIR, Table 4"),
        *(
            Metric(name=f"delta{k}", title=f"δ{k}", better="higher", unit="", per_row=within(k), source="DIR, Table 4")
            for k in (1, 2, 3)
        ),
    )
}
"""Of positive targets, where a dataset asks for them."""

FURTHER = {
    metric.name: metric
    for metric in (
        Metric(name="bmse", title="bMSE", better="lower", unit="y²", from_sums=bmse, source="bMAE's, with squares"),
        Metric(
            name="sera",
            title="SERA",
            better="lower",
            unit="y²",
            from_terms=Terms(sera.weighted, sera.area),
            needs="relevance",
            source="Ribeiro and Moniz 2020, Imbalanced regression and extreme value prediction",
        ),
        Metric(
            name="cindex",
            title="C-index",
            better="higher",
            unit="",
            from_rows=concordance,
            source="Harrell et al. 1982, Evaluating the yield of medical tests",
        ),
        Metric(
            name="nll",
            title="NLL",
            better="lower",
            unit="",
            from_terms=Terms(gaussian.likelihood, gaussian.mean),
            needs="sigma",
            source="Nix and Weigend 1994, Estimating the mean and variance of the target probability distribution",
        ),
        Metric(
            name="calibration",
            title="cal. error",
            better="lower",
            unit="",
            from_terms=Terms(gaussian.covered, gaussian.calibration),
            needs="sigma",
            source="Kuleshov et al. 2018, Accurate uncertainties for deep learning using calibrated regression",
        ),
    )
}
"""Scored only where they are asked for, and where the rows have what they need."""

NEEDS = {
    "relevance": "the training targets, which a curated manifest has",
    "sigma": "a column sigma in every file",
}

EVERY = METRICS | DEPTH | FURTHER


def chosen(names: Sequence[str], *, of: Sequence[str] = (), given: Container[str] = ()) -> list[Metric]:
    """The metrics called ``names``, in that order; for none, those ``of`` the dataset, by default METRICS.

    "all" adds the further ones whose needs are ``given``. Every unknown name is reported at once, and so is every
    metric whose needs are not met.
    """
    of = of or tuple(METRICS)
    known = dict.fromkeys([*of, *FURTHER])
    if unknown := [name for name in names if name not in known and name != "all"]:
        raise UsageError(f"no metric is called {', '.join(map(repr, unknown))}; there are {', '.join(known)}, or all")
    if lacking := [name for name in names if name in known and EVERY[name].needs and EVERY[name].needs not in given]:
        raise UsageError(", ".join(f"{name} needs {NEEDS[EVERY[name].needs]}" for name in lacking))
    if "all" in names:
        return [EVERY[name] for name in known if not EVERY[name].needs or EVERY[name].needs in given]
    return [EVERY[name] for name in (dict.fromkeys(names) or of)]
