"""`dir weights`: LDS-smoothed weights of the training samples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dircli.benchmark.protocol import AnyScheme, Edge, Kernel, Normalise
from dircli.cli.download_options import terms
from dircli.cli.options import Data, Manifest, Manifests, OptionalName, Protocol, Quiet, located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.weights.schemes import WeightSummary

SHOWN_ROWS = 12
UNSMOOTHED = {"effective-number", "dense-weight"}
LOPSIDED = (
    "warning: the heaviest sample outweighs the thousand lightest together, and one batch can undo an epoch; "
    "try --clip, a flatter --scheme, a wider kernel, or a lower --alpha"
)


def weights(
    name: OptionalName = None,
    scheme: Annotated[
        AnyScheme | None,
        typer.Option(
            help="Inverse density or its root (DIR), the effective number of samples (Cui et al. 2019), or DenseWeight "
            "(Steininger et al. 2021).",
            show_default="the dataset's own",
        ),
    ] = None,
    kernel: Annotated[
        Kernel | None,
        typer.Option(
            help="The LDS kernel; none is no smoothing.", show_default="gaussian; none where LDS is not in the scheme"
        ),
    ] = None,
    ks: Annotated[int, typer.Option(help="Kernel size in bins, odd.")] = 5,
    sigma: Annotated[float, typer.Option(help="Kernel width in bins (gaussian, laplace).")] = 2.0,
    beta: Annotated[float, typer.Option(help="The β of effective-number, from 0 to below 1.")] = 0.999,
    alpha: Annotated[float, typer.Option(help="The alpha of dense-weight: 0 is none, 1 much.")] = 1.0,
    clip: Annotated[
        str | None,
        typer.Option(help="Bounds of the counts, LO:HI, before all else.", show_default="as protocol and dataset say"),
    ] = None,
    edge: Annotated[
        Edge | None,
        typer.Option(help="What lies beyond the range of the targets.", show_default="as the dataset says"),
    ] = None,
    normalise: Annotated[
        Normalise,
        typer.Option("--normalise", "--normalize", help="Benchmark: mean over training samples 1, or maximum 1."),
    ] = "mean-one",
    protocol: Protocol = "released",
    per: Annotated[
        Literal["sample", "bin"] | None,
        typer.Option(help="One weight per training sample or bin.", show_default="sample; bin where labels are maps"),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="A .parquet, .csv or .npy file; - for CSV on stdout.",
            show_default="weights.parquet beside the manifest",
        ),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(help="Where labels are maps: also write the weight of every training pixel to this .h5."),
    ] = None,
    raw: Annotated[
        Path | None, typer.Option(help="The training maps, for --maps.", show_default="DIR_DATA/NAME")
    ] = None,
    manifests: Manifests = Path("manifests"),
    manifest: Manifest = None,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Compute the weight of each training sample, or of each bin; their mean over training samples is 1."""
    from dircli.benchmark.bins import interval
    from dircli.report import console, tables
    from dircli.report.progress import counting
    from dircli.store.parquet import csv_bytes
    from dircli.weights import pixel_weights
    from dircli.weights import weigh as weighting
    from dircli.weights.schemes import WeightOptions

    name, manifests = located(name, manifests, manifest)
    request = WeightOptions(
        scheme=scheme,
        kernel=kernel or ("none" if scheme in UNSMOOTHED else "gaussian"),
        ks=ks,
        sigma=sigma,
        protocol=protocol,
        per=per,
        clip=interval(clip, "--clip") if clip else None,
        edge=edge,
        normalise=normalise,
        beta=beta,
        alpha=alpha,
    )
    if out == "-":
        sys.stdout.buffer.write(csv_bytes(weighting.weigh(name, request, root=manifests).columns))
        return
    weighted = weighting.weigh(name, request, root=manifests, out=Path(out) if out else None)
    weighting.write(weighted)
    facts, found = weighted.facts, weighted.by_bin
    columns = {"low": weighted.low, "high": weighted.high, "count": found.count}
    columns |= {"effective": found.effective, "weight": found.weight}
    step = max(1, -(-int((found.count > 0).sum()) // SHOWN_ROWS))
    console.out().print(tables.weights(columns, step=step))
    typer.echo(f"{facts['name']}: {_how(facts)}")
    typer.echo(_amounts(weighted.spread))
    if weighted.spread.lopsided:
        console.note(LOPSIDED)
    console.note(f"one bin in {step} is shown" if step > 1 else "every bin with training samples is shown")
    console.note(f"{len(weighted.columns['weight']):,} weights per {facts['per']} written to {weighted.path}")
    if maps is not None:
        with terms(data, None, accept=False) as how:
            count = pixel_weights.make(weighted, raw, maps, terms=how, watch=counting)
        console.note(f"{count:,} maps of weights written to {maps}")


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


def _amounts(found: WeightSummary) -> str:
    """What the weights amount to."""
    size = f"{found.effective_size:,.0f} of {found.n:,}"
    return f"weights {found.low:.4g} to {found.high:.4g}, effective sample size {size}"
