"""From a manifest, or the bins alone, to a weight file: per bin or per training sample."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

import numpy as np

from dircli import __version__
from dircli.arrays import IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.datasets.open import LARGE, LargeBenchmark, facts_of_samples, open_benchmark, open_large
from dircli.errors import UsageError
from dircli.store import files, manifests, npy, parquet, split_files, text
from dircli.store.digests import digest_of
from dircli.store.places import check_writable
from dircli.weights import by_parts
from dircli.weights.by_parts import Found, Run, Source, table
from dircli.weights.for_trainers import places
from dircli.weights.per_sample import DENSE, sample_weights
from dircli.weights.schemes import BinWeights, WeightOptions, WeightSummary, bin_weights, spread

if TYPE_CHECKING:
    import pyarrow as pa


Form: TypeAlias = Literal["lightgbm", "xgboost", "npy", "csv"]
"""A file for a trainer; LightGBM and XGBoost read a weight per line, without a header."""


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Computed weights: per bin, with its ends, (B,); facts and so many ``rows`` of the file ``path``; their summary.

    ``blocks`` are the rows of that file, all columns or those named, which may be computed only then. ``folder`` is
    where the manifest lies, None for shipped bins. Weights of bins have a ``path`` where one was named. The file is of
    the ``form`` that its ending names, or where there is one of this, a trainer's.
    """

    against: Benchmark
    by_bin: BinWeights
    low: Any
    high: Any
    rows: int
    blocks: Callable[..., Iterator[pa.Table]]
    facts: Mapping[str, Any]
    spread: WeightSummary
    path: Path | None
    folder: Path | None
    form: Form | None = None

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.against.name


def weigh(  # noqa: PLR0913 - what is weighed and how, and by whom
    name: str | None,
    options: WeightOptions,
    *,
    root: Path,
    out: Path | None = None,
    form: Form | None = None,
    run: Run | None = None,
    whole: bool = False,
) -> Weighted:
    """The weights of the training samples of ``name``, for `write` to ``out``.

    Those per sample are by default written beside the manifest; ``form`` is what `for_trainer` will make of them. With
    bins alone, only ``per="bin"`` can be had. A large manifest of samples, and with another engine in ``run`` than the
    threads of this process any, is read by parts when the weights are written, unless they are wanted as a ``whole``.
    Raises UsageError for what cannot be had, or not be written.
    """
    if form is None and out is not None and out.suffix not in {*parquet.ENDINGS, ".npy"}:
        raise UsageError(f"{out}: weights are written as {' or '.join(parquet.ENDINGS)}, or alone as .npy")
    run = run or Run()
    large = None if whole else _large(name, options, root, run)
    against = large.benchmark if large else open_benchmark(name, root, None)
    if against.dataset is None:
        raise UsageError(f"{against.name}: its bins name no dataset that is known, so that its rules are not known")
    rule, per = against.dataset.rules.weights, "sample" if large else _per(against, options, root)
    counts = rule.folded(against.table.counts["train"])
    folder = root / (name or manifests.only(root))
    path = out or (folder / "weights.parquet" if per == "sample" else None)
    check_writable(path)
    if large:
        found = by_parts.weigh(Source(manifest=large.manifest, rule=rule), counts, options, run)
    else:
        found = _of_samples(against, counts, options) if per == "sample" else _of_bins(against, counts, options)
    bins = against.table.bins
    return Weighted(
        against=against,
        by_bin=found.by_bin,
        low=bins.low[: len(counts)],
        high=bins.high[: len(counts)],
        rows=int(counts.sum()) if per == "sample" else len(counts),
        blocks=found.blocks,
        facts=_facts(against, options, found.spread, per=per),
        spread=found.spread,
        path=path,
        folder=folder if large or against.manifest is not None else None,
    )


def _large(name: str | None, options: WeightOptions, root: Path, run: Run) -> LargeBenchmark | None:
    """The benchmark, if its training rows are to be read by parts; None also where anything is wrong with it."""
    facts = None if options.per == "bin" else facts_of_samples(name, root)
    if facts is None or (run.engine.name == "local" and facts["rows"] < LARGE):
        return None
    large = open_large(name, root)
    return large if large and large.manifest.table.counts["train"].any() else None


def _of_samples(against: Benchmark, counts: IntArray, options: WeightOptions) -> Found:
    """The weights of the training samples of a benchmark that is held in memory."""
    rows, rule = against.rows("train"), against.rules.weights
    index = rule.fold(rows.bin_index)
    by_bin, weight = sample_weights(rows.targets, index, counts, options, rule)
    alike = (options.scheme or rule.default) != DENSE  # the samples of a bin
    summary = spread(by_bin.weight, by_bin.count) if alike else spread(weight)
    columns = {"id": rows.texts, "target": rows.targets, "bin": index, "weight": weight}
    return Found(by_bin=by_bin, spread=summary, blocks=partial(_at_once, table(columns)))


def _of_bins(against: Benchmark, counts: IntArray, options: WeightOptions) -> Found:
    """The weights of the bins."""
    by_bin, bins = bin_weights(counts, options, against.rules.weights), against.table.bins
    ends = {"bin": np.arange(len(counts)), "low": bins.low[: len(counts)], "high": bins.high[: len(counts)]}
    columns = table({**ends, "count": counts, "effective": by_bin.effective, "weight": by_bin.weight})
    return Found(by_bin=by_bin, spread=spread(by_bin.weight, by_bin.count), blocks=partial(_at_once, columns))


def _at_once(columns: pa.Table, *names: str) -> Iterator[pa.Table]:
    yield columns.select(names) if names else columns


def _facts(against: Benchmark, options: WeightOptions, summary: WeightSummary, *, per: str) -> dict[str, Any]:
    """The parameters that took effect, what they gave, and what the weights belong to."""
    rule = against.rules.weights
    scheme = options.scheme or rule.default
    facts = asdict(options) | {"scheme": scheme, "per": per, "edge": options.edge or rule.edge}
    unused = {"none": ["ks", "sigma", "edge"], "triang": ["sigma"]}.get(options.kernel, [])
    unused += ["alpha"] * (scheme != DENSE) + ["beta"] * (scheme != "effective-number")  # without a meaning here
    facts |= dict.fromkeys(unused) | {"version": __version__, "samples": int(against.table.counts["train"].sum())}
    facts |= {"min": summary.low, "max": summary.high, "effective_size": summary.effective_size}
    return facts | {key: against.table.facts[key] for key in ("content", "dataset", "name", "origin")}


def for_trainer(weighted: Weighted, form: Form, out: Path, *, order: Path | None, id_column: str = "id") -> Weighted:
    """The weights per sample as a trainer reads them, for `write` to ``out``: in manifest order, or in that of a file.

    ``order`` lists ids of training rows, of which some may be missing and others repeat, in ``id_column``; for it they
    must have been weighed as a whole. Raises InputError that counts and names the ids that are no training rows,
    UsageError for an ``out`` of another format.
    """
    if out.suffix in {*parquet.ENDINGS, ".npy"} and out.suffix != f".{form}":
        raise UsageError(f"{out}: it would hold {form}, and not what its name says; end the name otherwise")
    if order is None:
        return replace(weighted, form=form, path=out)
    ids = split_files.ids(order, id_column)
    rows = places(ids, weighted.against, source=str(order))
    (columns,) = weighted.blocks()
    listed = digest_of((f"{key}\n".encode() for key in ids.to_pylist()), "sha256")
    facts = {**weighted.facts, "per": "listed row", "order": listed}  # `read.training_weights` takes none of these
    taken = partial(_at_once, columns.take(rows))
    return replace(weighted, rows=len(rows), blocks=taken, facts=facts, form=form, path=out)


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


def write(weighted: Weighted, *, force: bool = False) -> None:
    """The weights to their path (.parquet, .csv or .npy), and their facts to a .json file beside it, both or neither.

    An .npy holds the weights alone, float64, in the order of the training rows or of the bins, NaN where undefined.
    Weights of the same parameters and content are written again; others are replaced only with ``force``. UsageError
    where they may not be, or where the manifest beside them was replaced in the meantime.
    """
    path = weighted.path
    if path is None:
        raise UsageError(f"{weighted.name}: weights of bins are written to the file that --out names")
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

    contents: dict[str, files.Content] = {path.name: partial(encode, weighted)}
    contents[beside.name] = text.as_json(weighted.facts)
    files.write_all(path.parent, contents, force=force or _again(beside, weighted.facts), outdated=outdated)


def encode(weighted: Weighted, stream: BinaryIO) -> None:
    """Write to ``stream`` what their path is to hold, block by block."""
    form = weighted.form or (weighted.path or Path()).suffix.removeprefix(".")
    alone = form in {"npy", "lightgbm", "xgboost"}
    blocks = weighted.blocks(*(["weight"] if alone else []))
    if form == "npy":
        numbers = (block["weight"].to_numpy() for block in blocks)
        npy.write(stream, weighted.rows, numbers)
        return
    if form == "parquet":
        parquet.write_blocks(blocks, partial(parquet.Writer, stream, facts=weighted.facts))
    else:
        parquet.write_blocks(blocks, partial(parquet.csv_writer, stream, header=not alone))


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
