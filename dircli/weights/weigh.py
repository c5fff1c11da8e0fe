"""From a manifest, or the bins alone, to a weight file: per bin or per training sample."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli import __version__
from dircli.benchmark.protocol import PROTOCOLS, WeightRule
from dircli.datasets.open import open_benchmark
from dircli.errors import UsageError
from dircli.store import files, manifests, parquet, text
from dircli.weights.denseweight import dense_weights
from dircli.weights.schemes import BETA, BinWeights, bin_weights, spread
from dircli.weights.schemes import scale as factor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from dircli.arrays import FloatArray, IntArray
    from dircli.benchmark.benchmark import Benchmark
    from dircli.benchmark.protocol import AnyScheme, Edge, Kernel, Normalise, ProtocolName
    from dircli.weights.schemes import WeightSummary

DENSE: AnyScheme = "dense-weight"
ALPHA = 1.0
"""What ``dense-weight`` takes for its alpha where none is given, as its package does."""


@dataclass(frozen=True, kw_only=True)
class WeightOptions:
    """The weights that are asked for; ``scheme`` None is the dataset's own default.

    ``per`` None is one per sample, or per bin where labels are maps and a sample is a pixel. ``clip`` and ``edge`` None
    are as protocol and dataset have them. ``beta`` is of effective-number, ``alpha`` of dense-weight.
    """

    scheme: AnyScheme | None = None
    kernel: Kernel = "gaussian"
    ks: int = 5
    sigma: float = 2.0
    protocol: ProtocolName = "released"
    per: Literal["sample", "bin"] | None = None
    clip: tuple[float, float] | None = None
    edge: Edge | None = None
    normalise: Normalise = "mean-one"
    beta: float = BETA
    alpha: float = ALPHA


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Computed weights: per bin, the columns of the file to write, the facts that go with them, and their summary."""

    name: str
    by_bin: BinWeights
    low: Any
    high: Any
    columns: Mapping[str, pa.Array]
    facts: Mapping[str, Any]
    spread: WeightSummary


def weigh(name: str | None, request: WeightOptions, *, root: Path) -> Weighted:
    """The weights of the training samples of ``name``; with bins alone, only ``per="bin"`` can be had."""
    against = open_benchmark(name, root, None)
    dataset = against.dataset
    if dataset is None:
        raise UsageError(f"{against.name}: its bins name no dataset that is known, so that its rules are not known")
    rule = dataset.rules.weights
    fold = rule.fold(np.arange(len(against.table.bins)))
    counts = np.bincount(fold, weights=against.table.counts["train"]).astype(np.int64)
    scheme = request.scheme or rule.default
    per = _per(against, request, root)
    low, high = against.table.bins.low[: len(counts)], against.table.bins.high[: len(counts)]
    if scheme == DENSE:
        found, weight = _of_samples(against, rule, request, counts)
        amounts = spread(weight, np.ones(weight.size, dtype=np.int64))
    else:
        bounds = None if request.clip is None else _whole(request.clip)
        found = bin_weights(
            counts,
            scheme=scheme,
            kernel=request.kernel,
            ks=request.ks,
            sigma=request.sigma,
            protocol=PROTOCOLS[request.protocol],
            rule=replace(rule, edge=request.edge or rule.edge),
            clip=bounds,
            beta=request.beta,
            normalise=request.normalise,
        )
        weight, amounts = None, spread(found.weight, found.count)
    columns = _by_bin(found, low, high) if per == "bin" else _by_sample(against, rule, found, weight)
    facts = _facts(request, scheme, per, rule) | {"version": __version__, "samples": int(counts.sum())}
    facts |= {"min": amounts.low, "max": amounts.high, "effective_size": amounts.effective_size}
    facts |= {key: against.table.facts[key] for key in ("content", "dataset", "name", "origin")}
    return Weighted(name=against.name, by_bin=found, low=low, high=high, columns=columns, facts=facts, spread=amounts)


def _per(against: Benchmark, request: WeightOptions, root: Path) -> Literal["sample", "bin"]:
    """One weight per what; UsageError where that cannot be had."""
    per = request.per or against.weights_per
    if per == "sample" and against.weights_per == "bin":
        raise UsageError(f"{against.name}: its samples are pixels; use --per bin, or --maps OUT.h5 for maps of weights")
    if request.scheme == DENSE and per == "bin":
        raise UsageError(f"{DENSE} weighs each sample by its own target, and has no weights of bins; use --per sample")
    if not against.has_rows and per == "sample":
        instead = "" if request.scheme == DENSE else "add --per bin, or "
        raise UsageError(
            f"{against.name} is not curated in {root}, so only its bins are known: {instead}run "
            f"`dir curate {against.name}` first"
        )
    return per


def _whole(bounds: tuple[float, float]) -> tuple[float, float]:
    """The bounds as whole numbers where they are, so that counts stay whole."""
    low, high = (int(bound) if float(bound).is_integer() else bound for bound in bounds)
    return low, high


def _of_samples(
    against: Benchmark, rule: WeightRule, request: WeightOptions, counts: IntArray
) -> tuple[BinWeights, FloatArray]:
    """What dense-weight gives each training sample, (n,), and the means of its density and weight in each bin, (B,)."""
    if request.clip is not None or request.edge is not None or request.kernel != "none":
        raise UsageError(f"{DENSE} has a density of its own: --kernel, --edge and --clip are for weights of bins")
    rows = against.rows("train")
    density, weight = dense_weights(rows.targets, alpha=request.alpha)
    weight *= factor(weight, np.ones(weight.size), request.normalise)
    index = rule.fold(rows.bin_index)
    means = (
        np.divide(np.bincount(index, value, len(counts)), counts, out=np.full(len(counts), np.nan), where=counts > 0)
        for value in (density, weight)
    )
    return BinWeights(counts, *means), weight


def _by_bin(found: BinWeights, low: FloatArray, high: FloatArray) -> dict[str, pa.Array]:
    import pyarrow as pa

    return {
        "bin": pa.array(np.arange(len(found.count)), pa.int32()),
        "low": pa.array(low),
        "high": pa.array(high),
        "count": pa.array(found.count, pa.int64()),
        "effective": pa.array(found.effective),
        "weight": pa.array(found.weight, from_pandas=True),  # an undefined weight is null
    }


def _by_sample(
    against: Benchmark, rule: WeightRule, found: BinWeights, weight: FloatArray | None
) -> dict[str, pa.Array]:
    import pyarrow as pa

    rows = against.rows("train")
    index = rule.fold(rows.bin_index)
    return {
        "id": pa.array(rows.ids, pa.string()),
        "target": pa.array(rows.targets),
        "bin": pa.array(index, pa.int32()),
        "weight": pa.array(found.weight[index] if weight is None else weight),
    }


def _facts(request: WeightOptions, scheme: AnyScheme, per: str, rule: WeightRule) -> dict[str, Any]:
    """The parameters as they took effect; one that has no meaning here is None."""
    facts = asdict(request) | {"scheme": scheme, "per": per, "edge": request.edge or rule.edge}
    if request.kernel in {"none", "triang"}:
        facts["sigma"] = None  # these windows have none
    if request.kernel == "none":
        facts |= {"ks": None, "edge": None}
    return facts | {
        "alpha": request.alpha if scheme == DENSE else None,
        "beta": request.beta if scheme == "effective-number" else None,
    }


def write(path: Path, weighted: Weighted) -> None:
    """The weights to ``path`` (.parquet, .csv or .npy), and their facts to a .json file beside it, both or neither.

    An .npy holds the weights alone, float64, in the order of the training rows or of the bins, NaN where undefined.
    """
    if path.suffix == ".npy":
        stream = io.BytesIO()
        np.save(stream, weighted.columns["weight"].to_numpy(zero_copy_only=False))
        data = stream.getvalue()
    else:
        check_ending(path)
        data = parquet.table_bytes(path, weighted.columns, weighted.facts)
    beside = path.with_suffix(".json")
    if {path.name, beside.name} & {manifests.SAMPLES, manifests.BINS, manifests.FACTS}:
        raise UsageError(f"{path}: this name, or {beside.name} beside it, is a manifest's own; choose another")
    files.write_all(path.parent, {path.name: data, beside.name: text.as_json(weighted.facts)})


def check_ending(path: Path) -> None:
    """UsageError where ``path`` has none of the endings that weights are written with."""
    if path.suffix != ".npy" and path.suffix not in parquet.ENDINGS:
        raise UsageError(f"{path}: weights are written as {' or '.join(parquet.ENDINGS)}, or alone as .npy")


def weights(name: str | None, request: WeightOptions, *, root: Path, out: Path | None) -> tuple[Weighted, Path]:
    """Compute the weights that ``request`` asks for and write them to ``out``, by default beside the manifest."""
    if out is not None:
        check_ending(out)
    weighted = weigh(name, request, root=root)
    path = out or root / (name or manifests.only(root)) / "weights.parquet"
    write(path, weighted)
    return weighted, path
