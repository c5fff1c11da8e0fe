"""The mergeable partial sums that every score is made of, but for those from ranks.

One entry per bin; blocks, cores and machines may be summed in any grouping. Second moments are kept about the means and
merged by Chan's formula (Chan, Golub and LeVeque 1983), means with what double precision rounds off them, so nothing
cancels however far the targets lie from zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from dircli.arrays import BoolArray, FloatArray, IntArray

ADDED = ("n", "exact", "error", "absolute", "square", "log")
"""The fields of `Sums` that are added where rows are; means, their rests and moments are not."""

Work = TypeVar("Work", bound=Callable[..., Any])


def overflowing(work: Work) -> Work:
    """``work`` that says nothing of overflow: what double precision does not hold becomes infinite or NaN.

    A score of it is undefined, as one of no rows is.
    """
    return np.errstate(over="ignore", invalid="ignore")(work)


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums over rows with target y, prediction ŷ and error e = ŷ - y.

    Each field has the same shape: (B,), () or (B, R) for R resamples. ``n`` rows, of which ``exact`` have e = 0; sums
    of e, |e|, e² and of ln|e| over the rows that are not exact; the means of y and ŷ, each a rounded ``mean`` and the
    ``rest`` that is to be added to it, with their centred moments.
    """

    n: Any
    exact: Any
    error: Any
    absolute: Any
    square: Any
    log: Any
    target_mean: Any
    target_rest: Any
    prediction_mean: Any
    prediction_rest: Any
    target_moment: Any
    prediction_moment: Any
    product_moment: Any

    def at(self, mask: BoolArray) -> Sums:
        """The sums of the bins in ``mask`` (B,)."""
        return Sums(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})


@dataclass(frozen=True)
class RegionSums:
    """The sums of one region: ``total`` over its rows, of shape () or (R,), and ``bins``, one entry per bin.

    ``terms``, (k,) or (k, R), are the sums of the terms of the metric in question; ``zero_error`` is what an exact hit
    counts as in GM.
    """

    total: Sums
    bins: Sums
    terms: FloatArray
    zero_error: float

    @property
    def n(self) -> Any:
        """The number of rows, but 1 where there are none, so that it divides."""
        return np.maximum(self.total.n, 1)

    def mean_over_bins(self, of_bins: Any) -> Any:
        """The mean over the bins that have rows of each bin's mean, from the bins' sums ``of_bins``."""
        means = of_bins / np.maximum(self.bins.n, 1)
        return means.sum(axis=0) / np.maximum((self.bins.n > 0).sum(axis=0), 1)


def mean_term(sums: RegionSums) -> Any:
    """The mean of the one term that each row has."""
    return sums.terms[0] / sums.n


def per_bin(target: FloatArray, prediction: FloatArray, bin_index: IntArray, *, bins: int) -> Sums:
    """The sums of each of ``bins`` bins over rows (n,) whose bin is ``bin_index`` (n,), in 0..bins-1."""

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(bin_index, weights=values, minlength=bins).astype(np.float64)

    def centred(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The means of bins, their rests, and the values about both."""
        rough = total(values) / some  # long running sums drift, even those of a constant
        about = values - rough[bin_index]
        left = total(about) / some
        return *_in_two(rough, left), about - left[bin_index]

    error = prediction - target
    missed = error != 0
    n = np.bincount(bin_index, minlength=bins)
    some = np.maximum(n, 1)
    target_mean, target_rest, y = centred(target)
    prediction_mean, prediction_rest, p = centred(prediction)
    return Sums(
        n=n,
        exact=np.bincount(bin_index[~missed], minlength=bins),
        error=total(error),
        absolute=total(np.abs(error)),
        square=total(error**2),
        log=total(np.log(np.abs(error), out=np.zeros_like(error), where=missed)),
        target_mean=target_mean,
        target_rest=target_rest,
        prediction_mean=prediction_mean,
        prediction_rest=prediction_rest,
        target_moment=total(y * y),
        prediction_moment=total(p * p),
        product_moment=total(y * p),
    )


def _in_two(large: Any, small: Any) -> tuple[Any, Any]:
    """``large`` + ``small``: rounded, and what is rounded off (Dekker 1971)."""
    whole = large + small
    return whole, (large - whole) + small


def pooled(sums: Sums) -> Sums:
    """The sums over the first axis, as of one bin that holds all rows."""
    added = {name: getattr(sums, name).sum(axis=0) for name in ADDED}
    some = np.maximum(added["n"], 1)

    def centred(mean: Any, rest: Any) -> tuple[Any, Any, Any]:
        """The pooled mean, its rest, and the means about both."""
        rough = (sums.n * mean).sum(axis=0) / some
        about = (mean - rough) + rest
        left = (sums.n * about).sum(axis=0) / some
        return *_in_two(rough, left), about - left

    target_mean, target_rest, y = centred(sums.target_mean, sums.target_rest)
    prediction_mean, prediction_rest, p = centred(sums.prediction_mean, sums.prediction_rest)
    return Sums(
        **added,
        target_mean=target_mean,
        target_rest=target_rest,
        prediction_mean=prediction_mean,
        prediction_rest=prediction_rest,
        target_moment=(sums.target_moment + sums.n * y * y).sum(axis=0),
        prediction_moment=(sums.prediction_moment + sums.n * p * p).sum(axis=0),
        product_moment=(sums.product_moment + sums.n * y * p).sum(axis=0),
    )


def merged(*blocks: Sums) -> Sums:
    """The sums of blocks of rows, such as two, over the same bins."""
    return pooled(Sums(**{f.name: np.stack([getattr(block, f.name) for block in blocks]) for f in fields(Sums)}))
