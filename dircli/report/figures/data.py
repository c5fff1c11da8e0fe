"""What pictures show, as arrays: label density, its smoothing and weights, errors by target, similarity of features.

From a manifest, or the bins alone, from scored files, and from features to the values that the other modules draw.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from dircli.arrays import BoolArray, FloatArray, IntArray, TextArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import PROTOCOLS, ProtocolName, Thresholds
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import ZERO
from dircli.scores.metrics.sums import overflowing, per_bin
from dircli.scores.results import Scored, System
from dircli.weights.schemes import WeightOptions, bin_weights, in_words

if TYPE_CHECKING:
    from dircli.features.calibrate import Similarity

PAIR = 2


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every picture shows: B bins, their training counts, and the region of each.

    ``edges`` (B + 1,) are in ``unit``; ``train`` (B,) counts ``counted``: samples, or pixels where labels are maps;
    ``regions`` (B,) holds many, medium, few, and zero for a bin without training samples.
    ``thresholds`` are None where the bins do not say which they were made by. ``protocol`` is empty where regions are
    the same by both, as those of a table of one's own. ``limits`` is the range of the target that every panel shows:
    of all bins that any split has rows in.
    """

    name: str
    target: str
    unit: str
    counted: str
    edges: FloatArray
    train: IntArray
    regions: TextArray
    thresholds: Thresholds | None
    protocol: ProtocolName | Literal[""]
    limits: tuple[float, float]

    @property
    def label(self) -> str:
        """What the target axis is called."""
        return f"{self.target} ({self.unit})" if self.unit else self.target

    def measured(self, what: str) -> str:
        """What the axis of ``what``, a length of the target's axis, is called."""
        unit = self.unit.partition(" of ")[0]
        return f"{what} ({unit})" if unit else what


@dataclass(frozen=True, kw_only=True)
class Density:
    """Label density: how many of each split lie in each bin, (B,) per split; splits without any are left out."""

    ground: Ground
    counts: Mapping[str, IntArray]


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """LDS: ``effective`` (B,), the training counts seen through a window of sum 1, and the ``weight`` (B,) of a sample.

    A weight is NaN in a bin without training samples. ``how`` names kernel and protocol, ``scheme`` the weights, and
    ``inverted`` what they are one over: that need not be ``effective``, as where roots are smoothed.
    ``beside`` is another smoothing of the same counts, to compare this one with.
    """

    ground: Ground
    effective: FloatArray
    weight: FloatArray
    how: str
    scheme: str
    inverted: str
    beside: "Smoothing | None" = None

    @property
    def weighting(self) -> str:
        """The scheme and what it does, for captions."""
        return f"{self.scheme}: 1 / {self.inverted}"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The error of one file: ``mae`` (B,), NaN where no row lies, and its n rows as target and prediction, (n,) each.

    ``empirical`` and ``effective`` are Pearson's correlations, over the bins that have rows, of the MAE with the
    empirical and with the effective label density; None where one side is constant.
    """

    name: str
    mae: FloatArray
    target: FloatArray
    prediction: FloatArray
    overall: float
    empirical: float | None
    effective: float | None


@dataclass(frozen=True, kw_only=True)
class Errors:
    """The errors of one or more files on the same rows, with the density they are compared with."""

    smoothing: Smoothing
    rows: IntArray
    curves: tuple[Curve, ...]

    @property
    def ground(self) -> Ground:
        """The bins they share."""
        return self.smoothing.ground

    @property
    def gain(self) -> FloatArray | None:
        """MAE of the first file minus MAE of the second, (B,), where there are two; NaN where no row lies."""
        return self.curves[0].mae - self.curves[1].mae if len(self.curves) == PAIR else None

    def gains(self) -> dict[str, float]:
        """The gain over all rows of each region that has some."""
        if (gain := self.gain) is None:
            return {}
        with_rows = self.rows > 0
        parts = {"all": with_rows} | {region: with_rows & part for region, part in regions(self.ground).items()}
        filled = {name: part for name, part in parts.items() if part.any()}
        return {name: float(np.average(gain[part], weights=self.rows[part])) for name, part in filled.items()}


@dataclass(frozen=True, kw_only=True)
class Similar:
    """Cosine similarity of the feature statistics of bins with those of the ``anchor`` bin (Fig. 4 and 8).

    ``mean`` and ``variance`` (B,) are NaN where undefined, as in bins without rows; ``far`` says by "mean" and
    "variance" which bins (B,) are nearer to a far region than to their neighbours. ``distances`` (E, 2) are those of
    running to smoothed means and variances by epoch (Fig. 8c), None for an only epoch, and ``how`` they are smoothed.
    """

    ground: Ground
    anchor: int
    values: Mapping[str, FloatArray]
    far: Mapping[str, BoolArray]
    distances: FloatArray | None = None
    how: str = ""

    @property
    def anchor_words(self) -> str:
        """What the anchor is called, such as "age 30"."""
        return f"{self.ground.target} {self.ground.edges[self.anchor]:.15g}"


Picture: TypeAlias = Density | Smoothing | Errors


def span(edges: FloatArray, shown: BoolArray) -> tuple[float, float]:
    """The range of the target from the first to the last bin of ``shown`` (B,); that of all bins where none is."""
    bins = np.flatnonzero(shown)
    first, last = (bins[0], bins[-1]) if bins.size else (0, shown.size - 1)
    return float(edges[first]), float(edges[last + 1])


def regions(ground: Ground) -> dict[str, BoolArray]:
    """The bins (B,) of many, medium, few and zero; here zero is no part of few."""
    return {name: np.asarray(ground.regions == name) for name in ("many", "medium", "few", ZERO)}


def ground(against: Benchmark, protocol: ProtocolName) -> Ground:
    """The bins of ``against`` as ``protocol`` divides them into regions."""
    table = against.table
    train = table.counts["train"]
    published = against.dataset is not None and against.dataset.publication is not None
    return Ground(
        name=against.name,
        target=against.rules.target,
        unit=against.rules.unit,
        counted=against.unit,
        edges=table.bins.edges,
        train=train,
        regions=np.where(train == 0, ZERO, table.regions[protocol]).astype(object),
        thresholds=against.rules.score_rules[protocol].thresholds if against.dataset else None,
        protocol=protocol if published else "",
        limits=span(table.bins.edges, np.sum([table.counts[split] for split in SPLITS], axis=0) > 0),
    )


def density(against: Benchmark, protocol: ProtocolName) -> Density:
    """The label density of each split."""
    counts = {split: per_bin for split in SPLITS if (per_bin := against.table.counts[split]).any()}
    return Density(ground=ground(against, protocol), counts=counts)


def smoothing(against: Benchmark, request: WeightOptions) -> Smoothing:
    """The effective density of the training split, and the weights that ``request`` asks for, by scoring bin."""
    base = ground(against, request.protocol)
    rule = against.rules.weights
    scheme = request.scheme or rule.default
    fold = rule.fold(np.arange(len(base.train)))
    counts = rule.folded(base.train)
    protocol = PROTOCOLS[request.protocol]
    plain = replace(protocol, root_first=False, whole_counts=False, clips=False)  # counts → smooth, and no more
    weights = bin_weights(counts, request, rule, protocol=protocol)
    smoothed = bin_weights(counts, replace(request, scheme="inverse"), rule, protocol=plain)
    share = kernel_window(request.kernel, request.ks, request.sigma, filtered=protocol.filtered_window).sum()
    parts = [request.kernel, f"ks {request.ks}"] if request.kernel != "none" else ["no kernel"]
    parts += [f"sigma {request.sigma:g}"] if request.kernel in {"gaussian", "laplace"} else []
    return Smoothing(
        ground=base,
        effective=(smoothed.effective / share)[fold],
        weight=np.where(base.train > 0, weights.weight[fold], np.nan),
        how=", ".join([*parts, f"{request.protocol} protocol"]),
        scheme=scheme,
        inverted=in_words(request, rule),
    )


@overflowing
def errors(scored: Scored, request: WeightOptions) -> Errors:
    """The errors of every scored file by bin, and the density they are compared with, smoothed as ``request`` says."""
    smooth = smoothing(scored.against, request)
    rows = np.bincount(scored.systems[0].reference.bin_index, minlength=len(smooth.ground.train)).astype(np.int64)
    curves = tuple(_curve(system, smooth) for system in scored.systems)
    base = smooth.ground
    ends = np.array(
        [base.limits, span(base.edges, rows > 0)]
    )  # without a manifest, rows may lie where no split has any
    limits = float(ends[:, 0].min()), float(ends[:, 1].max())
    return Errors(smoothing=replace(smooth, ground=replace(base, limits=limits)), rows=rows, curves=curves)


def similar(measured: "Similarity", against: Benchmark) -> Similar:
    """What `calibrate.similarity` measured, with the bins and regions of ``against``."""
    from dircli.report import features

    return Similar(
        ground=ground(against, measured.options.protocol),
        anchor=measured.anchor,
        values={"mean": measured.mean, "variance": measured.variance},
        far={"mean": measured.strange_mean >= 0, "variance": measured.strange_variance >= 0},
        distances=measured.distances,
        how=features.smoothing(asdict(measured.options)),
    )


def _curve(system: System, smooth: Smoothing) -> Curve:
    reference, train = system.reference, smooth.ground.train
    sums = per_bin(reference.scored_target, system.values, reference.bin_index, bins=len(train))
    with_rows = sums.n > 0
    mae = np.divide(sums.absolute, sums.n, out=np.full(sums.n.size, np.nan), where=with_rows)
    return Curve(
        name=system.name,
        mae=mae,
        target=reference.target,
        prediction=system.values,
        overall=float(sums.absolute.sum() / sums.n.sum()),
        empirical=correlation(mae[with_rows], train[with_rows].astype(np.float64)),
        effective=correlation(mae[with_rows], smooth.effective[with_rows]),
    )


def correlation(first: FloatArray, second: FloatArray) -> float | None:
    """Pearson's correlation of two (k,) arrays; None for fewer than two values, a constant side, or overflow."""
    if first.size < PAIR or not np.ptp(first) or not np.ptp(second):
        return None
    r = float(np.corrcoef(first, second)[0, 1])
    return r if math.isfinite(r) else None
