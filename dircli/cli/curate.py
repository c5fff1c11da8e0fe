"""`dir curate`: the manifest of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import Data, Name, Protocol, Quiet, data_folder


def curate(
    name: Name,
    raw: Annotated[
        Path | None, typer.Option(help="The raw source: a folder or an archive.", show_default="DIR_DATA/NAME")
    ] = None,
    split: Annotated[
        Literal["released", "redraw"],
        typer.Option(help="Import the published split, or draw a new one by the same rule."),
    ] = "released",
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
    protocol: Protocol = "released",
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Make a benchmark's manifest: samples, bins and splits, with all that they came from."""
    if seed is not None and split == "released":
        raise typer.BadParameter("the published split is imported, not drawn; add --split redraw", param_hint="--seed")
    from dircli import pipeline
    from dircli.report import console, tables

    manifest = pipeline.curate(
        name,
        root=out,
        data=data_folder(data),
        raw=raw,
        split=split,
        released=released,
        seed=666 if seed is None else seed,
        called=called,
    )
    facts = manifest.facts
    for note in facts["notes"]:
        console.note(f"{facts['name']}: {note}")
    console.note(f"regions by the {protocol} protocol; written to {out / str(facts['name'])}")
    console.out().print(tables.splits(facts, protocol))
    typer.echo(f"{facts['name']} ({facts['origin']}) {facts['content']}")
