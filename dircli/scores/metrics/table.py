"""Every score, as one table: its name, which way is better, its unit, its function and its source.

A metric is of one of two kinds: `Mergeable`, made of sums over rows, or `FromRanks`, which must see all rows at once.
Conventions: e = prediction - target; a score of no rows is NaN here and null in every output, never 0 and never an
exception. A function of sums sees those of one region, `RegionSums`, and returns the shape of their ``total``: () or
(R,) for R resamples. It need not care about regions without rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.protocol import ScoreRule
from dircli.errors import UsageError, close_to
from dircli.scores.metrics import sera
from dircli.scores.metrics.cindex import concordance
from dircli.scores.metrics.gaussian import calibration, covered, likelihood
from dircli.scores.metrics.sparsification import Sparsification, ause
from dircli.scores.metrics.sums import RegionSums, mean_term
from dircli.scores.uncertainty.spearman import TargetCells, WeightedSpearman


class WeightedSets(Protocol):
    """Rows whose orders are known, so that weighted sets of them are scored without sorting."""

    def scores(self, counts: AnyArray, of_cells: AnyArray, scratch: Callable[..., AnyArray], /) -> FloatArray:
        """The score of each set, (R,), from how often each row is in it, (n + 1, R), as `WeightedSpearman` says."""


class Region(Protocol):
    """The rows of one region, once or as R weighted sets of them: what a metric is computed from."""

    def sums_for(self, metric: Mergeable, /) -> RegionSums:
        """The sums over the rows, with those of the terms of ``metric``."""

    def from_ranks(self, metric: FromRanks, /) -> Any:
        """The score of the rows, () or (R,)."""


@dataclass(frozen=True)
class Metric:
    """What both kinds of metric have in common; ``unit`` is a power of the target's.

    ``needs`` names what rows must have beside target and prediction. A ``count`` is a whole number of rows, and has no
    interval. ``single_terms`` take the place of ``terms`` where a protocol has float32 ratios.
    """

    name: str
    title: str
    better: Literal["lower", "higher", "nearer zero", "neither"]
    unit: Literal["y", "y²", ""]
    source: str
    _: KW_ONLY
    needs: Literal["", "relevance", "sigma"] = ""
    count: bool = False
    score: Callable[..., Any] = mean_term
    terms: Callable[..., FloatArray] | None = None
    single_terms: Callable[..., FloatArray] | None = None

    def of(self, region: Region) -> Any:
        """The score of a region, () or (R,); NaN where it is undefined."""
        raise NotImplementedError

    @property
    def what(self) -> str:
        """What it is, in the words of the function that defines it."""
        return str((self.terms or self.score).__doc__).split(";")[0].rstrip(".")

    def under(self, rule: ScoreRule) -> Metric:
        """The metric as a protocol's ``rule`` has it: with ratios in single precision where that says so."""
        return replace(self, terms=self.single_terms) if rule.single_ratios and self.single_terms else self

    def badness(self, value: float) -> float:
        """The number to sort scores by, lower is better, so that differences say how much worse; NaN for neither."""
        return {"lower": value, "higher": -value, "nearer zero": abs(value), "neither": math.nan}[self.better]


@dataclass(frozen=True, kw_only=True)
class Mergeable(Metric):
    """A metric made of sums over rows, which may be added in any grouping.

    ``terms(target, prediction)``, with the values (n,) that it `needs` as a third argument, is what each row adds to
    sums of the metric's own, (k, n) or (n,) for one; without it `Sums` are enough. ``score(sums)`` is the score, by
    default the mean of the one term.
    """

    def of(self, region: Region) -> Any:
        """The score of the sums of a region."""
        sums = region.sums_for(self)
        return np.where(sums.total.n > 0, self.score(sums), np.nan)

    def row_terms(self, target: FloatArray, prediction: FloatArray, given: Mapping[str, FloatArray]) -> FloatArray:
        """What each row adds to each of the k sums of the metric's own, (k, n); k is 0 where there are none."""
        if self.terms is None:
            return np.empty((0, target.size))
        return np.atleast_2d(self.terms(target, prediction, *([given[self.needs]] if self.needs else [])))


@dataclass(frozen=True, kw_only=True)
class FromRanks(Metric):
    """A metric of ranks: ``score(target, prediction)`` takes all rows at once, (n,) both: their values, or `places`.

    With the values (n,) that it `needs` as a third argument, it takes values and no places. ``weighted`` scores many
    weighted sets of the same rows, where there is a faster way than to write the sets out: from the rows of a region,
    the cells of all, their predictions and what the metric needs.
    """

    weighted: Callable[..., WeightedSets] | None = None

    def of(self, region: Region) -> Any:
        """The score of the rows of a region."""
        return region.from_ranks(self)


def mae(sums: RegionSums) -> Any:
    """Mean absolute error, mean |e|."""
    return sums.total.absolute / sums.n


def mse(sums: RegionSums) -> Any:
    """Mean squared error, mean e²."""
    return sums.total.square / sums.n


def rmse(sums: RegionSums) -> Any:
    """Root mean squared error, √(mean e²)."""
    return np.sqrt(sums.total.square / sums.n)


def gm(sums: RegionSums) -> Any:
    """Geometric mean of the errors, exp(mean ln|e|); an exact hit counts as ``zero_error``: GM is 0 if that is 0."""
    total = sums.total
    if sums.zero_error:
        return np.exp((total.log + total.exact * np.log(sums.zero_error)) / sums.n)
    return np.where(total.exact > 0, 0.0, np.exp(total.log / sums.n))


def pearson(sums: RegionSums) -> Any:
    """Pearson correlation of target and prediction; NaN with fewer than two rows or a constant side.

    A side is constant where its spread is no more than the rounding of its mean.
    """
    total = sums.total
    noise = total.n * (16 * np.finfo(np.float64).eps) ** 2
    varies = total.target_moment > noise * total.target_mean**2
    varies &= total.prediction_moment > noise * total.prediction_mean**2
    scale = np.sqrt(total.target_moment) * np.sqrt(total.prediction_moment)
    varies &= np.isfinite(scale)
    return np.where(varies, np.clip(total.product_moment / np.where(varies, scale, 1), -1, 1), np.nan)


def bias(sums: RegionSums) -> Any:
    """Mean error, mean e: positive where predictions are too high."""
    return sums.total.error / sums.n


def bmae(sums: RegionSums) -> Any:
    """Balanced MAE: the mean of the bins' MAE over the bins that have rows."""
    return sums.mean_over_bins(sums.bins.absolute)


def bmse(sums: RegionSums) -> Any:
    """Balanced MSE: the mean of the bins' MSE over the bins that have rows."""
    return sums.mean_over_bins(sums.bins.square)


def exact(sums: RegionSums) -> Any:
    """The number of exact hits, e = 0, each of which pulls GM towards 0."""
    return np.asarray(sums.total.exact, dtype=np.float64)


def places(values: AnyArray) -> IntArray:
    """The place of each of ``values`` (n,) among those that differ, 0.. in ascending order."""
    order = np.argsort(values)
    ordered = values[order]
    new = np.zeros(values.size, np.int64)
    new[1:] = ordered[1:] != ordered[:-1]
    found = np.empty_like(new)
    found[order] = np.cumsum(new)
    return found


def ranks(values: AnyArray) -> FloatArray:
    """The rank of each of ``values`` (n,), 1 to n; equal values share the mean of their ranks.

    Whole numbers are taken as `places`, perhaps with gaps, and need no sorting.
    """
    index = values if values.dtype == np.int64 else places(values)
    count = np.bincount(index)
    return (np.cumsum(count) - (count - 1) / 2)[index]


def spearman(target: FloatArray, prediction: FloatArray) -> float:
    """Spearman correlation: Pearson's of the ranks; NaN with fewer than two rows or a constant side."""
    y, p = ranks(target), ranks(prediction)
    y, p = y - y.mean() if y.size else y, p - p.mean() if p.size else p
    scale = np.sqrt((y @ y) * (p @ p))
    return float(np.clip(y @ p / scale, -1, 1)) if scale > 0 else float("nan")


def sparsified(rows: IntArray, cells: TargetCells, prediction: FloatArray, sigma: FloatArray) -> Sparsification:
    """AUSE of weighted sets of ``rows`` (m,) among all n, whose prediction and sigma are (n,)."""
    return Sparsification(rows, np.abs(prediction - cells.target[cells.cell]), sigma)


def absrel(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Mean absolute relative error, mean |e| / y; of positive targets."""
    return np.asarray(np.abs(prediction - target) / target)


def log10(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Mean absolute error of the decimal logarithms, mean |log10 ŷ - log10 y|; of positive targets and predictions."""
    return np.asarray(np.abs(np.log10(prediction) - np.log10(target)))


def within(k: int, kind: type[np.floating[Any]] = np.float64) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """δk, as a function of its own, with ratios of that ``kind``; targets and predictions must be positive."""

    def delta(target: FloatArray, prediction: FloatArray) -> FloatArray:
        y, p = target.astype(kind), prediction.astype(kind)
        return np.asarray(np.maximum(p / y, y / p) <= kind(1.25**k), dtype=np.float64)

    delta.__doc__ = f"Share of rows with max(ŷ/y, y/ŷ) of at most 1.25^{k}; of positive targets and predictions."
    return delta


def _by_name(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


_TABLE_4 = "DIR, Table 4"
_REN = "Ren et al. 2022, Balanced MSE for imbalanced visual regression"
_HARRELL = "Harrell et al. 1982, Evaluating the yield of medical tests"
_RIBEIRO = "Ribeiro and Moniz 2020, Imbalanced regression and extreme value prediction"
_NIX = "Nix and Weigend 1994, Estimating the mean and variance of the target probability distribution"
_ILG = "Ilg et al. 2018, Uncertainty estimates and multi-hypotheses networks for optical flow"
_KULESHOV = "Kuleshov et al. 2018, Accurate uncertainties for deep learning using calibrated regression"

# name, title, which way is better, unit and source, and then the functions
METRICS = _by_name(
    Mergeable("mae", "MAE", "lower", "y", "DIR, section 4", score=mae),
    Mergeable("mse", "MSE", "lower", "y²", "DIR, section 4", score=mse),
    Mergeable("rmse", "RMSE", "lower", "y", _TABLE_4, score=rmse),
    Mergeable("gm", "GM", "lower", "y", "DIR, section 4", score=gm),
    Mergeable("pearson", "Pearson", "higher", "", "DIR, section 4", score=pearson),
    FromRanks("spearman", "Spearman", "higher", "", "Spearman 1904", score=spearman, weighted=WeightedSpearman),
    Mergeable("bias", "bias", "nearer zero", "y", "mean signed error", score=bias),
    Mergeable("bmae", "bMAE", "lower", "y", _REN, score=bmae),
    Mergeable("exact", "exact", "neither", "", "count of e = 0", score=exact, count=True),
)

DEPTH = _by_name(
    Mergeable("absrel", "AbsRel", "lower", "", _TABLE_4, terms=absrel),
    Mergeable("log10", "log10", "lower", "", _TABLE_4, terms=log10),
    *(
        Mergeable(f"delta{k}", f"δ{k}", "higher", "", _TABLE_4, terms=within(k), single_terms=within(k, np.float32))
        for k in (1, 2, 3)
    ),
)
"""Of positive targets, where a dataset asks for them."""

FURTHER = _by_name(
    Mergeable("bmse", "bMSE", "lower", "y²", "bMAE's, with squares", score=bmse),
    Mergeable("sera", "SERA", "lower", "y²", _RIBEIRO, terms=sera.weighted, score=sera.area, needs="relevance"),
    FromRanks("cindex", "C-index", "higher", "", _HARRELL, score=concordance),
    Mergeable("nll", "NLL", "lower", "", _NIX, terms=likelihood, needs="sigma"),
    Mergeable("calibration", "cal. error", "lower", "", _KULESHOV, terms=covered, score=calibration, needs="sigma"),
    FromRanks("ause", "AUSE", "lower", "", _ILG, score=ause, weighted=sparsified, needs="sigma"),
)
"""Scored only where they are asked for, and where the rows have what they need."""

NEEDS = {
    "relevance": "the training targets, which a curated manifest has",
    "sigma": "a column sigma in every file",
}

EVERY = METRICS | DEPTH | FURTHER


def needs(names: Sequence[str]) -> set[str]:
    """What the metrics called ``names``, "all" among them, need beside target and prediction."""
    return set(NEEDS) if "all" in names else {EVERY[name].needs for name in names if name in EVERY}


def listed(names: str) -> list[str]:
    """The metrics in a string of ``names`` with commas between, in any letters."""
    return [name.strip().lower() for name in names.split(",") if name.strip()]


def chosen(names: Sequence[str], *, of: Sequence[str] = (), given: Container[str] = ()) -> list[Metric]:
    """The metrics called ``names``, in that order; for none, those ``of`` the dataset, by default METRICS.

    "all" adds the further ones whose needs are ``given``. Every unknown name is reported at once, and so is every
    metric whose needs are not met.
    """
    of = of or tuple(METRICS)
    known = dict.fromkeys([*of, *FURTHER])
    possible = [name for name in known if not EVERY[name].needs or EVERY[name].needs in given]
    if unknown := [name for name in names if name not in known and name != "all"]:
        there = f"there are {', '.join(known)}, or all{close_to(unknown, known)}"
        raise UsageError(f"no metric is called {', '.join(map(repr, unknown))}; {there}")
    if lacking := [name for name in names if name in known and name not in possible]:
        raise UsageError(", ".join(f"{name} needs {NEEDS[EVERY[name].needs]}" for name in lacking))
    return [EVERY[name] for name in (possible if "all" in names else dict.fromkeys(names) or of)]


def described() -> list[dict[str, str]]:
    """Every metric: its name, title, what it is, which way is better, its unit and its source."""
    facts = ("name", "title", "what", "better", "unit", "source")
    return [{fact: getattr(metric, fact) for fact in facts} for metric in EVERY.values()]
