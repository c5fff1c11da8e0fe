"""`dir export`: a manifest in the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import Manifests, OptionalName, Quiet


def export(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    name: OptionalName = None,
    format_: Annotated[
        Literal["released"], typer.Option("--format", help="released: the files that the released training code reads.")
    ] = "released",
    manifests: Manifests = Path("manifests"),
    quiet: Quiet = False,
) -> None:
    """Write the very files that the released training code reads, with their git blob ids."""
    from dircli import pipeline

    for file, (blob, published) in pipeline.export(name, root=manifests, out=out).items():
        verdict = "byte for byte the published file" if published else "not the published file"
        typer.echo(f"{blob}  {out / file}  {verdict}")
