"""`dir weights`: LDS-smoothed weights of the training samples."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import typer

from dircli.benchmark.protocol import AnyScheme, Edge, Kernel, Normalise
from dircli.cli.download_options import Data, DownloadChoices, terms
from dircli.cli.options import (
    AsJson,
    EngineOptions,
    Force,
    KernelSigma,
    KernelSize,
    ManifestOptions,
    OptionalName,
    Protocol,
    Quiet,
    option,
)
from dircli.errors import UsageError
from dircli.report import console

if TYPE_CHECKING:
    from dircli.weights.weigh import Weighted

SHOWN_ROWS = 12
LOPSIDED = (
    "warning: the heaviest sample outweighs the thousand lightest together, and one batch can undo an epoch; "
    "try --clip, a flatter --scheme, a wider kernel, or a lower --alpha"
)


@dataclass(frozen=True, kw_only=True)
class SchemeOptions:
    """How weights are made from training counts."""

    panel: ClassVar[str] = "Weights"
    scheme: AnyScheme | None = option(
        None,
        "Inverse density or its root (DIR), the effective number of samples (Cui et al. 2019), or DenseWeight "
        "(Steininger et al. 2021).",
        "the dataset's own",
    )
    kernel: Kernel | None = option(
        None, "The LDS kernel; none is no smoothing.", "gaussian; none where LDS is not in the scheme"
    )
    ks: KernelSize = 5
    sigma: KernelSigma = 2.0
    beta: float = option(0.999, "The β of effective-number, from 0 to below 1.")
    alpha: float = option(1.0, "The alpha of dense-weight: 0 is none, 1 much.")
    clip: str | None = option(None, "Bounds of the counts, LO:HI, before all else.", "as protocol and dataset say")
    edge: Edge | None = option(None, "What lies beyond the range of the targets.", "as the dataset says")
    normalise: Normalise = option(
        "mean-one", "Scale: mean over training samples 1, or maximum 1.", flags="--normalise --normalize"
    )


@dataclass(frozen=True, kw_only=True)
class TrainerOptions:
    """A file of weights as a trainer reads it, and the rows in whose order they stand."""

    panel: ClassVar[str] = "For a trainer"
    format_: Literal["lightgbm", "xgboost", "npy", "csv"] | None = option(
        None,
        "What --out holds, whatever it is called: lightgbm and xgboost are a weight per line; LightGBM finds them in "
        "TRAIN.weight beside TRAIN.",
        "as --out's ending says",
        flags="--format",
    )
    order: Path | None = option(
        None,
        "A list of ids, or a table with a column of them (CSV, Parquet), in whose order --format writes the weights. "
        "Each must be the id of a training row.",
        "the training rows in manifest order",
    )
    id_column: str = option("id", "The column of ids in --order; where it is the only one, it needs no name.")

    def check(self, out: Path | None, per: str | None) -> None:
        """UsageError where options do not go together, or ``out`` is read."""
        from dircli.store.outputs import check_outputs

        if self.format_ is not None and (out is None or per == "bin"):
            raise UsageError("--format writes a weight for each training row: add --out FILE, and leave out --per bin")
        if self.order is not None and self.format_ is None:
            raise UsageError("--order is that of a trainer's file; add --format lightgbm, xgboost, npy or csv")
        if self.order is not None and out is not None:
            outputs = [("--out", out), ("the facts beside --out", out.with_suffix(".json"))]
            check_outputs(outputs, [("--order", self.order)])


def weights(
    *,
    ctx: typer.Context,
    name: OptionalName = None,
    choices: SchemeOptions,
    protocol: Protocol = "released",
    per: Literal["sample", "bin"] | None = option(
        None, "One weight per training sample or bin.", "sample; bin where labels are maps"
    ),
    out: str | None = option(
        None,
        "A .parquet, .csv or .npy file; - for CSV on stdout.",
        "weights.parquet beside the manifest; weights per bin are only shown",
    ),
    trainer: TrainerOptions,
    maps: Path | None = option(
        None, "Where labels are maps: also write the weight of every training pixel to this .h5."
    ),
    shape: str | None = option(
        None, "With --maps: 114x152 resizes them as the released training loader does.", "228x304"
    ),
    raw: Path | None = option(None, "The training maps, for --maps.", "DIR_DATA/NAME"),
    where: ManifestOptions,
    who: EngineOptions,
    as_json: AsJson = False,
    data: Data = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Compute the weight of each training sample, or of each bin; their mean over training samples is 1."""
    from dircli.benchmark.bins import interval
    from dircli.report.progress import counting
    from dircli.store import files, places
    from dircli.weights import weigh
    from dircli.weights.by_parts import Run
    from dircli.weights.schemes import WeightOptions

    if shape is not None and maps is None:
        raise UsageError("--shape is that of --maps OUT.h5; give both")
    if as_json and out == "-":
        raise UsageError("--json and --out - both print on stdout; leave one of them out")
    if raw is not None and maps is None:
        raise UsageError("--raw holds the training maps for --maps OUT.h5; give both")
    path = places.of(out) if out else None
    places.check_writable(path, maps)
    trainer.check(path, per)
    name, manifests = where.located(name)
    kernel = choices.kernel or ("none" if choices.scheme in {"effective-number", "dense-weight"} else "gaussian")
    _refuse_unused(ctx, choices.scheme, smoothed=choices.kernel is not None or kernel != "none")
    clip = interval(choices.clip, "--clip") if choices.clip else None
    form = trainer.format_ or ("csv" if out == "-" else None)
    per = "sample" if trainer.format_ else per
    options = WeightOptions(**{**vars(choices), "kernel": kernel, "clip": clip}, protocol=protocol, per=per)
    _refuse_undivided(who, per, order=trainer.order, maps=maps)
    with who.opened() as engine:
        run, whole = Run(engine=engine, watch=counting), trainer.order is not None
        weighted = weigh.weigh(name, options, root=manifests, out=path, form=form, run=run, whole=whole)
        _refuse_undivided(who, weighted.facts["per"], order=trainer.order, maps=maps)
        if form and path:
            weighted = weigh.for_trainer(weighted, form, path, order=trainer.order, id_column=trainer.id_column)
        if out == "-":
            files.in_one_piece(partial(weigh.encode, weighted), sys.stdout.buffer)
            return
        if weighted.path is not None:
            _write(weighted, force=force, as_json=as_json, named=out is not None)
        _show(weighted, as_json=as_json)
        written = f"written to {weighted.path}" if weighted.path else "shown; --out FILE writes them"
        console.note(f"{weighted.rows:,} weights per {weighted.facts['per']} {written}")
        if maps is not None:
            from dircli.weights import pixel_weights

            how: dict[str, Any] = {"shape": shape, "watch": counting, "engine": engine, "force": force}
            with terms(DownloadChoices(data=data)) as download:
                count = pixel_weights.make(weighted, raw, maps, terms=download, **how)
            console.note(f"{count:,} maps of weights written to {maps}")


def _refuse_undivided(who: EngineOptions, per: str | None, *, order: Path | None, maps: Path | None) -> None:
    """UsageError for another engine where workers have nothing to do, or cannot do it."""
    if who.engine == "local":
        return
    if order is not None:
        raise UsageError("--order looks ids up among the weights of all samples; leave out --engine")
    if per == "bin" and maps is None:
        raise UsageError("--engine: nothing of weights per bin is divided; it goes with those per sample, and --maps")


def _write(weighted: "Weighted", *, force: bool, as_json: bool, named: bool) -> None:
    """The weights to their file; where none was ``named`` and others are there, they are shown before UsageError."""
    from dircli.store.files import OthersAreThereError
    from dircli.weights import weigh

    try:
        weigh.write(weighted, force=force)
    except OthersAreThereError as error:
        if named:
            raise
        _show(weighted, as_json=as_json)
        raise UsageError(f"{error} with --out FILE") from None


def _show(weighted: "Weighted", *, as_json: bool) -> None:
    """The weights on stdout, and notes on them on stderr."""
    from dircli.report import tables
    from dircli.report.formats.json import as_text

    facts, summary = weighted.facts, weighted.spread
    columns = {"low": weighted.low, "high": weighted.high, **vars(weighted.by_bin)}
    step = max(1, -(-int((weighted.by_bin.count > 0).sum()) // SHOWN_ROWS))
    if as_json:
        typer.echo(as_text({**facts, "bins": tables.records(columns)}), nl=False)
    else:
        console.show(tables.weights(columns, step=step))
        typer.echo(f"{facts['name']}: {_how(facts)}")
        size = f"{summary.effective_size:,.0f} of {summary.n:,}"
        typer.echo(f"weights {summary.low:.4g} to {summary.high:.4g}, effective sample size {size}")
    if summary.lopsided:
        console.note(LOPSIDED)
    if not as_json:
        console.note(f"one bin in {step} is shown" if step > 1 else "every bin with training samples is shown")


def _refuse_unused(ctx: typer.Context, scheme: AnyScheme | None, *, smoothed: bool) -> None:
    """UsageError for options that were given and would change nothing; whoever names a kernel may try all on it."""
    uses = {
        "alpha": (scheme == "dense-weight", "--scheme dense-weight"),
        "beta": (scheme == "effective-number", "--scheme effective-number"),
        **dict.fromkeys(("ks", "sigma"), (smoothed, f"a --kernel, and {scheme} has none by default")),
        "edge": (smoothed or scheme == "dense-weight", "a --kernel"),  # dense-weight refuses it itself
    }
    given = [name for name in uses if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    if unused := [f"--{name} goes with {needed}" for name in given for used, needed in [uses[name]] if not used]:
        raise UsageError("\n".join(f"{each}; it would change nothing here" for each in unused))


def _how(facts: Mapping[str, Any]) -> str:
    """Scheme, window and protocol, and what else took effect."""
    if facts["scheme"] == "dense-weight":
        parts = [f"alpha {facts['alpha']:g}"]
    else:
        sizes = [f"{key} {facts[key]:g}" for key in ("ks", "sigma") if facts[key]]
        parts = [facts["kernel"], *sizes, f"{facts['protocol']} protocol"]
        parts += [f"beta {facts['beta']:g}"] if facts["beta"] is not None else []
    parts += ["counts clipped to {:g}..{:g}".format(*facts["clip"])] if facts["clip"] else []
    parts += [f"edge {facts['edge']}"] if facts["edge"] == "renormalise" else []
    parts += [facts["normalise"]] if facts["normalise"] != "mean-one" else []
    return ", ".join([facts["scheme"], *parts])
