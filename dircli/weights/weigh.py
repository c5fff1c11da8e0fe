"""From a manifest, or the bins alone, to a weight file: per bin or per training sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from dircli import __version__
from dircli.benchmark.benchmark import Benchmark
from dircli.datasets.open import open_benchmark
from dircli.errors import UsageError
from dircli.store import files, manifests, npy, parquet, split_files, text
from dircli.store.digests import digest_of
from dircli.store.places import check_writable
from dircli.weights.for_trainers import places
from dircli.weights.per_sample import DENSE, sample_weights
from dircli.weights.schemes import BinWeights, WeightOptions, WeightSummary, bin_weights, spread

if TYPE_CHECKING:
    import pyarrow as pa


Form: TypeAlias = Literal["lightgbm", "xgboost", "npy", "csv"]
"""A file for a trainer; LightGBM and XGBoost read a weight per line, without a header."""


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Computed weights: per bin, with its ends, (B,); the columns and facts of the file ``path``; and their summary.

    ``folder`` is where the manifest lies, None for shipped bins. Weights of bins have a ``path`` where one was named.
    The file is of the ``form`` that its ending names, or where there is one of this, a trainer's.
    """

    against: Benchmark
    by_bin: BinWeights
    low: Any
    high: Any
    columns: Mapping[str, pa.Array]
    facts: Mapping[str, Any]
    spread: WeightSummary
    path: Path | None
    folder: Path | None
    form: Form | None = None

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.against.name


def weigh(
    name: str | None, options: WeightOptions, *, root: Path, out: Path | None = None, form: Form | None = None
) -> Weighted:
    """The weights of the training samples of ``name``, for `write` to ``out``.

    Those per sample are by default written beside the manifest; ``form`` is what `for_trainer` will make of them. With
    bins alone, only ``per="bin"`` can be had. Raises UsageError for what cannot be had, or not be written.
    """
    if form is None and out is not None and out.suffix not in {*parquet.ENDINGS, ".npy"}:
        raise UsageError(f"{out}: weights are written as {' or '.join(parquet.ENDINGS)}, or alone as .npy")
    against = open_benchmark(name, root, None)
    dataset, bins = against.dataset, against.table.bins
    if dataset is None:
        raise UsageError(f"{against.name}: its bins name no dataset that is known, so that its rules are not known")
    rule = dataset.rules.weights
    counts = rule.folded(against.table.counts["train"])
    scheme = options.scheme or rule.default
    per = _per(against, options, root)
    folder = root / (name or manifests.only(root))
    path = out or (folder / "weights.parquet" if per == "sample" else None)
    check_writable(path)
    rows = against.rows("train") if per == "sample" else None
    train: dict[str, Any] = {"id": rows.texts, "target": rows.targets, "bin": rule.fold(rows.bin_index)} if rows else {}
    if train:
        by_bin, weight = sample_weights(train["target"], train["bin"], counts, options, rule)
    else:
        by_bin = bin_weights(counts, options, rule)
        weight = by_bin.weight
    alike = scheme != DENSE  # the samples of a bin
    summary = spread(by_bin.weight, by_bin.count) if alike else spread(weight)
    low, high = bins.low[: len(counts)], bins.high[: len(counts)]
    of_bins = {"bin": np.arange(len(counts)), "low": low, "high": high, "count": counts, "effective": by_bin.effective}
    facts = asdict(options) | {"scheme": scheme, "per": per, "edge": options.edge or rule.edge}
    unused = {"none": ["ks", "sigma", "edge"], "triang": ["sigma"]}.get(options.kernel, [])
    unused += ["alpha"] * (scheme != DENSE) + ["beta"] * (scheme != "effective-number")  # without a meaning here
    facts |= dict.fromkeys(unused) | {"version": __version__, "samples": int(counts.sum())}
    facts |= {"min": summary.low, "max": summary.high, "effective_size": summary.effective_size}
    facts |= {key: against.table.facts[key] for key in ("content", "dataset", "name", "origin")}
    return Weighted(
        against=against,
        by_bin=by_bin,
        low=low,
        high=high,
        columns=_columns({**(train or of_bins), "weight": weight}),
        facts=facts,
        spread=summary,
        path=path,
        folder=folder if against.manifest is not None else None,
    )


def for_trainer(weighted: Weighted, form: Form, out: Path, *, order: Path | None, id_column: str = "id") -> Weighted:
    """The weights per sample as a trainer reads them, for `write` to ``out``: in manifest order, or in that of a file.

    ``order`` lists ids of training rows, of which some may be missing and others repeat, in ``id_column``. Raises
    InputError that counts and names the ids that are no training rows, UsageError for an ``out`` of another format.
    """
    if out.suffix in {*parquet.ENDINGS, ".npy"} and out.suffix != f".{form}":
        raise UsageError(f"{out}: it would hold {form}, and not what its name says; end the name otherwise")
    if order is None:
        return replace(weighted, form=form, path=out)
    ids = split_files.ids(order, id_column)
    rows = places(ids, weighted.against, source=str(order))
    columns = {name: column.take(rows) for name, column in weighted.columns.items()}
    listed = digest_of((f"{key}\n".encode() for key in ids.to_pylist()), "sha256")
    facts = {**weighted.facts, "per": "listed row", "order": listed}  # `read.training_weights` takes none of these
    return replace(weighted, columns=columns, facts=facts, form=form, path=out)


def _per(against: Benchmark, options: WeightOptions, root: Path) -> Literal["sample", "bin"]:
    """One weight per what; UsageError where that cannot be had."""
    per = options.per or ("sample" if against.unit == "samples" else "bin")  # pixels are too many
    if per == "sample" and against.unit == "pixels":
        raise UsageError(f"{against.name}: its samples are pixels; use --per bin, or --maps OUT.h5 for maps of weights")
    if options.scheme == DENSE and per == "bin":
        raise UsageError(f"{DENSE} weighs each sample by its own target, and has no weights of bins; use --per sample")
    if not against.has_rows and per == "sample":
        instead = "" if options.scheme == DENSE else "add --per bin, or "
        raise UsageError(
            f"{against.name} is not curated in {root}, so only its bins are known: {instead}run "
            f"`dir curate {against.name}` first"
        )
    return per


def _columns(arrays: Mapping[str, Any]) -> dict[str, pa.Array]:
    """The arrays as the columns of a file, in which an undefined weight is null."""
    import pyarrow as pa

    types = {"id": pa.string(), "bin": pa.int32(), "count": pa.int64()}
    return {
        name: each.cast(types[name])
        if isinstance(each, pa.ChunkedArray)
        else pa.array(each, types.get(name), from_pandas=name == "weight")
        for name, each in arrays.items()
    }


def write(weighted: Weighted, *, force: bool = False) -> None:
    """The weights to their path (.parquet, .csv or .npy), and their facts to a .json file beside it, both or neither.

    An .npy holds the weights alone, float64, in the order of the training rows or of the bins, NaN where undefined.
    Weights of the same parameters and content are written again; others are replaced only with ``force``. UsageError
    where they may not be, or where the manifest beside them was replaced in the meantime.
    """
    path = weighted.path
    if path is None:
        raise UsageError(f"{weighted.name}: weights of bins are written to the file that --out names")
    data = encoded(weighted)
    beside = path.with_suffix(".json")
    if {path.name, beside.name} & {manifests.SAMPLES, manifests.BINS, manifests.FACTS}:
        raise UsageError(f"{path}: this name, or {beside.name} beside it, is a manifest's own; choose another")

    def outdated() -> tuple[str, ...]:
        """Nothing goes with weights; refused where they would lie beside a manifest that is no longer theirs."""
        manifest = weighted.folder
        if manifest is not None and path.parent.resolve() == manifest.resolve():
            content = manifests.read_facts(manifest)["content"]
            if content != weighted.facts["content"]:
                raise UsageError(f"{manifest}: it was curated anew while these weights were computed; run it again")
        return ()

    contents = {path.name: data, beside.name: text.as_json(weighted.facts)}
    files.write_all(path.parent, contents, force=force or _again(beside, weighted.facts), outdated=outdated)


def encoded(weighted: Weighted) -> bytes:
    """What is written to their path."""
    weight = weighted.columns["weight"]
    form = weighted.form or (weighted.path or Path()).suffix.removeprefix(".")
    if form == "npy":
        return npy.as_bytes(weight.to_numpy(zero_copy_only=False))
    if form in {"lightgbm", "xgboost"}:
        return parquet.csv_bytes({"weight": weight}, header=False)
    if form == "csv":
        return parquet.csv_bytes(weighted.columns)
    return parquet.parquet_bytes(weighted.columns, weighted.facts)


def _again(beside: Path, facts: Mapping[str, Any]) -> bool:
    """Whether ``beside`` states the same ``facts``, by whatever version of this program."""
    try:
        stated = json.loads(beside.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(stated, dict) and {**stated, "version": None} == {
        **json.loads(text.as_json(facts)),
        "version": None,
    }
