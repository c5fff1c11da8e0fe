"""The weights of training samples from arrays, in the order of whoever trains: the numbers of `dir weights`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import AnyScheme, Edge, Kernel, Normalise, ProtocolName, WeightRule
from dircli.datasets import custom
from dircli.datasets.open import open_benchmark
from dircli.errors import InputError, Problem, UsageError, clear, sample
from dircli.store.matching import became_floats, listed
from dircli.store.places import of as place_of
from dircli.store.text import WHOLE
from dircli.weights.per_sample import sample_weights
from dircli.weights.schemes import ALPHA, BETA, WeightOptions

if TYPE_CHECKING:
    import pyarrow as pa

SMOOTHED_BY_ITSELF = ("effective-number", "dense-weight")


def weights(  # noqa: PLR0913 - the options of the command, all but one by name
    of: str | ArrayLike,
    *,
    ids: Sequence[str] | ArrayLike | None = None,
    bins: Bins | None = None,
    bin_width: float | str | None = None,
    scheme: AnyScheme | None = None,
    kernel: Kernel | None = None,
    ks: int = 5,
    sigma: float = 2.0,
    protocol: ProtocolName = "released",
    clip: tuple[float, float] | None = None,
    edge: Edge | None = None,
    normalise: Normalise = "mean-one",
    beta: float = BETA,
    alpha: float = ALPHA,
    manifests: str | Path = "manifests",
) -> FloatArray:
    """One weight per training sample, (n,) float64; by default their mean over all training samples is 1.

    ``of`` is the name of a benchmark curated in the folder ``manifests``, whose weights are computed by its rules, in
    the order of its training rows, or of ``ids`` (n,), which may be any of them, in any order, and repeat. Or ``of``
    are training targets (n,) themselves, weighed in their own order by the rules of a table of one's own, in ``bins``,
    or in bins of ``bin_width`` (1) at whole multiples of it. The rest are the options of `dir weights`: None is the
    dataset's default, of ``kernel`` gaussian (none where LDS is not in the scheme); ``ks`` and ``sigma`` are in bins;
    ``clip`` bounds the counts.

    Raises UsageError for what cannot be had, and InputError that counts and names the ids that are no training rows.

    >>> weights([1, 1, 1, 2], scheme="inverse", kernel="none")
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    options = WeightOptions(
        scheme=scheme,
        kernel=kernel or ("none" if scheme in SMOOTHED_BY_ITSELF else "gaussian"),
        ks=ks,
        sigma=sigma,
        protocol=protocol,
        clip=clip,
        edge=edge,
        normalise=normalise,
        beta=beta,
        alpha=alpha,
    )
    if not isinstance(of, str):
        if ids is not None:
            raise UsageError("ids go with the name of a benchmark; weights of targets are in the order of the targets")
        targets = _targets(of)
        bins, index = _binned(targets, bins, bin_width)
        counts = np.bincount(index, minlength=len(bins))
        return sample_weights(targets, index, counts, options, WeightRule(default=custom.DEFAULT))[1]
    if bins is not None or bin_width is not None:
        raise UsageError(f"{of} has bins of its own; bins and bin_width go with targets")
    against = open_benchmark(of, place_of(manifests), None)
    if against.unit == "pixels":
        raise UsageError(f"{of}: its samples are pixels; use `dir weights {of} --maps OUT.h5` for maps of weights")
    if not against.has_rows:
        raise UsageError(f"{of} is not curated in {manifests}, so only its bins are known; run `dir curate {of}` first")
    rows, rule = against.rows("train"), against.rules.weights
    counts = rule.folded(against.table.counts["train"])
    _, weight = sample_weights(rows.targets, rule.fold(rows.bin_index), counts, options, rule)
    return weight if ids is None else weight[places(ids, against)]


def _targets(values: ArrayLike) -> FloatArray:
    """``values`` as finite targets (n,); UsageError where they are none."""
    targets = np.asarray(values, dtype=np.float64)
    if targets.ndim != 1 or not targets.size:
        raise UsageError(f"the targets have shape {targets.shape}; one number per training sample is expected")
    if not np.isfinite(targets).all():
        raise UsageError(f"the targets have {(~np.isfinite(targets)).sum():,} values that are not finite")
    return targets


def _binned(targets: FloatArray, bins: Bins | None, width: float | str | None) -> tuple[Bins, IntArray]:
    """The bins, and that of each of ``targets`` (n,); UsageError where one lies in none."""
    if bins is None:
        bins = Bins.covering(targets, 1 if width is None else width)
    elif width is not None:
        raise UsageError("give bins, or a bin_width, and not both")
    index = bins.index(targets)
    if (index < 0).any():
        low, high = bins.edges[[0, -1]]
        raise UsageError(
            f"{(index < 0).sum():,} targets lie outside {low:.15g}..{high:.15g}: {sample(targets[index < 0].tolist())}"
        )
    return bins, index


def places(ids: Sequence[str] | ArrayLike, against: Benchmark, *, source: str = "") -> IntArray:
    """Where each of ``ids`` (n,) stands among the training rows; InputError that names those that do not.

    The message calls the ids by their ``source``, a file, where they come from one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = np.asarray(ids)
    if wanted.ndim != 1:
        raise UsageError(f"ids have shape {wanted.shape}; one id per sample is expected")
    texts = _texts(wanted)
    places = pc.index_in(texts, pa.array(against.rows("train").ids, pa.string()))
    if places.null_count:
        missing = texts.filter(places.is_null()).unique().to_pylist()
        known = set(against.manifest.samples.ids) if against.manifest else set()
        elsewhere = sum(key in known for key in missing)
        what = f"{len(missing):,} are no training rows: {sample([clear(key) for key in missing])}"
        hint = f"{elsewhere:,} of them are val or test rows, which have no weight" if elsewhere else "Check the ids"
        if became_floats(listed(against.rows("train").ids), missing):
            hint = WHOLE.format("them as ", "id")
        raise InputError(Problem(source or f"{against.name}, ids", what, hint))
    return np.asarray(places.to_numpy(), dtype=np.int64)


def _texts(keys: AnyArray) -> pa.Array:
    """``keys`` (n,) as texts, each as Python writes it; what is text already stays as it is."""
    import pyarrow as pa

    try:
        texts = pa.array(keys)
    except pa.ArrowException:  # of several types
        texts = None
    if texts is not None and pa.types.is_string(texts.type) and not texts.null_count:
        return texts
    return pa.array([str(key) for key in keys.tolist()], pa.string())
