"""`dir export`: a manifest in the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import Manifest, Manifests, OptionalName, Protocol, Quiet, located


def export(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    name: OptionalName = None,
    format_: Annotated[
        Literal["released", "parquet", "csv", "npy", "codabench"],
        typer.Option(
            "--format",
            help="The files that the released training code reads; samples and bins as tables or arrays; or a scorer "
            "for Codabench.",
        ),
    ] = "released",
    protocol: Protocol = "released",
    image: Annotated[str, typer.Option(help="codabench: the container image, with dircli in it.")] = "dircli",
    manifests: Manifests = Path("manifests"),
    manifest: Manifest = None,
    quiet: Quiet = False,
) -> None:
    """Write the very files that the released training code reads, or a scorer bundle for a Codabench competition."""
    from dircli.curation.export import export, export_tables
    from dircli.scores.codabench import export_codabench

    name, manifests = located(name, manifests, manifest)
    if format_ == "codabench":
        paths = export_codabench(name, root=manifests, out=out, protocol=protocol, image=image)
        typer.echo("\n".join(str(path) for path in paths))
        return
    if format_ != "released":
        typer.echo("\n".join(str(path) for path in export_tables(name, format_, root=manifests, out=out)))
        return
    for file, (blob, published) in export(name, root=manifests, out=out).items():
        verdict = "byte for byte the published file" if published else "not the published file"
        typer.echo(f"{blob}  {out / file}  {verdict}")
