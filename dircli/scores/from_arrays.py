"""The scores from arrays, for use inside a training loop: the same numbers as `dir evaluate`, without a file.

from dircli import evaluate

scores = evaluate(target, prediction, dataset="agedb")
scores["few"]["mae"]
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dircli.arrays import FloatArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import ProtocolName, Thresholds, refuse_unknown
from dircli.benchmark.regions import region
from dircli.datasets.open import open_benchmark
from dircli.errors import UsageError
from dircli.scores.by_region import Reference, Score, scores
from dircli.scores.metrics.table import chosen, listed
from dircli.store import places


def evaluate(  # noqa: PLR0913 - all but two are named, and most calls need one of them
    target: ArrayLike,
    prediction: ArrayLike,
    *,
    dataset: str | None = None,
    train: ArrayLike | None = None,
    bin_width: float | str = 1,
    many: float = 100,
    few: float = 20,
    protocol: ProtocolName = "released",
    metrics: str | Sequence[str] = (),
    manifests: str | Path = "manifests",
) -> dict[str, dict[str, Score]]:
    """The scores of ``prediction`` against ``target``, both (n,) in the target's unit, by shot region.

    Regions come from ``dataset``, a benchmark or a manifest in the folder ``manifests``, with the rules of
    ``protocol``; or, without a dataset, from the training targets ``train`` (m,), in bins of ``bin_width`` that are
    whole multiples of it, with more than ``many`` samples in a many-shot bin and fewer than ``few`` in a few-shot one.

    Returns, for all, many, medium and few (and zero, where rows lie in bins without training samples), n, the number
    of bins that have rows, and each of ``metrics`` (the usual ones if empty), a list or a string with commas between;
    an undefined score is None. Raises UsageError for arrays that do not fit: of other shapes, not finite, or with
    targets outside the bins.

    >>> evaluate([1, 2], [1, 4], train=[1, 1, 2], metrics=["mae"], many=1, few=1)["all"]
    {'n': 2, 'bins': 2, 'mae': 1.0}
    """
    refuse_unknown(ProtocolName, protocol=protocol)
    metrics = listed(metrics) if isinstance(metrics, str) else metrics
    y, p = _column(target, "target"), _column(prediction, "prediction")
    if y.shape != p.shape:
        raise UsageError(f"target has shape {y.shape} and prediction {p.shape}; they must be equal")
    if (dataset is None) == (train is None):
        raise UsageError("give either dataset, or the training targets as train")
    if dataset is not None:
        benchmark = open_benchmark(dataset, places.of(manifests), None)
    else:
        seen = _column(np.asarray(train), "train")
        bins = Bins.covering(np.concatenate([y, seen]), bin_width)
        counts = bins.counts(seen)
        regions = {str(protocol): region(counts, Thresholds(many=many, few=few))}
        table = BinTable(bins=bins, counts={"train": counts}, regions=regions, facts={})
        benchmark = Benchmark(name="train", table=table)
    index = benchmark.index(y)
    if (index < 0).any():
        low, high = benchmark.table.bins.edges[[0, -1]]
        raise UsageError(f"{(index < 0).sum():,} targets lie outside {low:.15g}..{high:.15g}")
    reference = Reference.of(benchmark, protocol, y, index)
    return scores(reference, p, metrics=chosen(metrics, of=benchmark.rules.metrics))


def _column(values: ArrayLike, name: str) -> FloatArray:
    """``values`` as a column of finite float64."""
    column = np.asarray(values, dtype=np.float64)
    if column.ndim == 2 and column.shape[1] == 1:  # noqa: PLR2004 - as models give it
        column = column[:, 0]
    if column.ndim != 1:
        raise UsageError(f"{name} has shape {column.shape}; one number per row is expected")
    if not np.isfinite(column).all():
        raise UsageError(f"{name} has {(~np.isfinite(column)).sum():,} values that are not finite")
    return column
