"""`dir weights`: LDS-smoothed weights of the training samples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.obtaining import terms
from dircli.cli.options import Data, Manifests, OptionalName, Protocol, Quiet
from dircli.protocols import Kernel, Scheme

SHOWN_ROWS = 12


def weights(
    name: OptionalName = None,
    scheme: Annotated[
        Scheme | None, typer.Option(help="Inverse density, or its root.", show_default="the dataset's own")
    ] = None,
    kernel: Annotated[Kernel, typer.Option(help="The LDS kernel; none is no smoothing.")] = "gaussian",
    ks: Annotated[int, typer.Option(help="Kernel size in bins, odd.")] = 5,
    sigma: Annotated[float, typer.Option(help="Kernel width in bins (gaussian, laplace).")] = 2.0,
    protocol: Protocol = "released",
    per: Annotated[
        Literal["sample", "bin"] | None,
        typer.Option(help="One weight per training sample or bin.", show_default="sample; bin where labels are maps"),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="A .parquet or .csv file; - for CSV on stdout.", show_default="weights.parquet beside the manifest"
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
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Compute the weight of each training sample, or of each bin; their mean over training samples is 1."""
    from dircli import pipeline, weighing_maps, weighting
    from dircli.report import console, tables
    from dircli.report.progress import counting
    from dircli.store.tabular import csv_bytes

    request = weighting.Request(scheme=scheme, kernel=kernel, ks=ks, sigma=sigma, protocol=protocol, per=per)
    if out == "-":
        sys.stdout.buffer.write(csv_bytes(weighting.weigh(name, request, root=manifests).columns))
        return
    weighted, path = pipeline.weights(name, request, root=manifests, out=Path(out) if out else None)
    facts, found = weighted.facts, weighted.by_bin
    columns = {"low": weighted.low, "high": weighted.high, "count": found.count}
    columns |= {"effective": found.effective, "weight": found.weight}
    step = max(1, -(-int((found.count > 0).sum()) // SHOWN_ROWS))
    window = f"{facts['kernel']}" + "".join(f", {key} {facts[key]:g}" for key in ("ks", "sigma") if facts[key])
    console.out().print(tables.weights(columns, step=step))
    typer.echo(f"{facts['name']}: {facts['scheme']}, {window}, {facts['protocol']} protocol")
    console.note(f"one bin in {step} is shown" if step > 1 else "every bin with training samples is shown")
    console.note(f"{len(next(iter(weighted.columns.values()))):,} weights per {facts['per']} written to {path}")
    if maps is not None:
        with terms(data, None, accept=False) as how:
            count = weighing_maps.make(weighted, raw, maps, terms=how, watch=counting)
        console.note(f"{count:,} maps of weights written to {maps}")
