"""`dir curate`: the manifest of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.obtaining import AcceptLicense, Mirror, terms
from dircli.cli.options import Data, Name, Protocol, Quiet
from dircli.errors import CheckError, UsageError


def curate(
    name: Name,
    raw: Annotated[
        Path | None, typer.Option(help="The raw source: a folder or an archive.", show_default="DIR_DATA/NAME")
    ] = None,
    split: Annotated[
        Literal["released", "redraw"] | None,
        typer.Option(help="Import the published split, or draw a new one by the same rule.", show_default="released"),
    ] = None,
    released: Annotated[
        Path | None,
        typer.Option(help="The published split: its file, or the folder of its files.", show_default="DIR_DATA/NAME"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of a redraw.", show_default="666")] = None,
    called: Annotated[
        str | None, typer.Option("--name", help="The manifest's name.", show_default="the dataset's")
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "--manifests", envvar="DIR_MANIFESTS", help="The folder of manifests; NAME in it."),
    ] = Path("manifests"),
    only: Annotated[
        str | None, typer.Option(help="One part of the sources alone, such as wiki; never the benchmark itself.")
    ] = None,
    check_images: Annotated[
        bool, typer.Option("--check-images", help="Open every image, and list the unreadable ones beside the manifest.")
    ] = False,
    protocol: Protocol = "released",
    mirror: Mirror = None,
    accept_license: AcceptLicense = False,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Make a benchmark's manifest: samples, bins and splits, with all that they came from."""
    from dircli import pipeline
    from dircli.report import console, tables

    if split is None:
        split = "redraw" if only else "released"
    if only and split == "released":
        raise UsageError("the published split is of the whole benchmark; --only goes with --split redraw")
    if seed is not None and split == "released":
        raise UsageError("the published split is imported, not drawn; --seed goes with --split redraw")
    order = pipeline.Order(
        raw=raw, released=released, split=split, seed=666 if seed is None else seed, part=only, called=called
    )
    with terms(data, mirror, accept=accept_license) as how:
        manifest = pipeline.curate(name, order, root=out, terms=how)
    facts = manifest.facts
    for note in (*facts["notes"], *(f"{key}: {value:,}" for key, value in facts["facts"].items())):
        console.note(f"{facts['name']}: {note}")
    console.note(f"regions by the {protocol} protocol; written to {out / str(facts['name'])}")
    console.out().print(tables.splits(facts, protocol))
    typer.echo(f"{facts['name']} ({facts['origin']}) {facts['content']}")
    if check_images:
        rows, unreadable = pipeline.check_images(manifest, order, root=out, terms=how)
        typer.echo(f"{rows:,} images, {len(unreadable):,} of them unreadable")
        if unreadable:
            path = out / str(facts["name"]) / "unreadable.csv"
            raise CheckError(f"{facts['name']}: {len(unreadable):,} images cannot be read; they are listed in {path}")
