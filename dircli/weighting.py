"""From a manifest, or the bins alone, to a weight file: per bin or per training sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli import __version__, datasets
from dircli.errors import UsageError
from dircli.protocols import PROTOCOLS
from dircli.scoring import scale
from dircli.store import files, manifests, tabular
from dircli.weights import BinWeights, bin_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from dircli.protocols import Kernel, ProtocolName, Scheme


@dataclass(frozen=True, kw_only=True)
class Request:
    """The weights that are asked for; ``scheme`` None is the dataset's own default.

    ``per`` None is one per sample, or per bin where labels are maps and a sample is a pixel.
    """

    scheme: Scheme | None = None
    kernel: Kernel = "gaussian"
    ks: int = 5
    sigma: float = 2.0
    protocol: ProtocolName = "released"
    per: Literal["sample", "bin"] | None = None


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Computed weights: per bin, the columns of the file to write, and the facts that go with them."""

    name: str
    by_bin: BinWeights
    low: Any
    high: Any
    columns: Mapping[str, pa.Array]
    facts: Mapping[str, Any]


def weigh(name: str | None, request: Request, *, root: Path) -> Weighted:
    """The weights of the training samples of ``name``; with bins alone, only ``per="bin"`` can be had."""
    import pyarrow as pa

    against = scale(name, root, None)
    dataset = datasets.load(str(against.table.facts["dataset"]))
    rule = dataset.weights
    fold = rule.fold(np.arange(len(against.table.bins)))
    counts = np.bincount(fold, weights=against.table.counts["train"]).astype(np.int64)
    scheme = request.scheme or rule.default
    found = bin_weights(
        counts,
        scheme=scheme,
        kernel=request.kernel,
        ks=request.ks,
        sigma=request.sigma,
        protocol=PROTOCOLS[request.protocol],
        rule=rule,
    )
    low, high = against.table.bins.low[: len(counts)], against.table.bins.high[: len(counts)]
    per = request.per or ("bin" if dataset.dense else "sample")
    if per == "sample" and dataset.dense:
        raise UsageError(f"{against.name}: its samples are pixels; use --per bin, or --maps OUT.h5 for maps of weights")
    if per == "bin":
        columns = {
            "bin": pa.array(np.arange(len(counts)), pa.int32()),
            "low": pa.array(low),
            "high": pa.array(high),
            "count": pa.array(found.count, pa.int64()),
            "effective": pa.array(found.effective),
            "weight": pa.array(found.weight, from_pandas=True),  # an undefined weight is null
        }
    elif against.samples is None:
        raise UsageError(
            f"{against.name} is not curated in {root}, so only its bins are known: add --per bin, or run "
            f"`dir curate {against.name}` first"
        )
    else:
        samples = against.samples
        rows = samples.split == "train"
        index = rule.fold(samples.bin_index[rows])
        columns = {
            "id": pa.array(samples.ids[rows], pa.string()),
            "target": pa.array(samples.targets[rows]),
            "bin": pa.array(index, pa.int32()),
            "weight": pa.array(found.weight[index]),
        }
    facts = asdict(request) | {"scheme": scheme, "per": per, "version": __version__, "samples": int(counts.sum())}
    facts |= {key: against.table.facts[key] for key in ("content", "dataset", "name", "origin")}
    if request.kernel in {"none", "triang"}:
        facts["sigma"] = None  # these windows have none
    if request.kernel == "none":
        facts["ks"] = None
    return Weighted(name=against.name, by_bin=found, low=low, high=high, columns=columns, facts=facts)


def write(path: Path, weighted: Weighted) -> None:
    """The weights to ``path`` (.parquet or .csv), and their facts to a .json file beside it, both or neither."""
    tabular.check_endings([path])
    data = tabular.table_bytes(path, weighted.columns, weighted.facts)
    beside = path.with_suffix(".json")
    if {path.name, beside.name} & {manifests.SAMPLES, manifests.BINS, manifests.FACTS}:
        raise UsageError(f"{path}: this name, or {beside.name} beside it, is a manifest's own; choose another")
    files.write_all(path.parent, {path.name: data, beside.name: manifests.as_json(weighted.facts)})
