"""`dir datasets` and `dir info`: what there is, and its state here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dircli.cli.options import Data, Manifests, Name, Quiet, data_folder

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def datasets(
    as_json: AsJson = False, manifests: Manifests = Path("manifests"), data: Data = None, quiet: Quiet = False
) -> None:
    """List the benchmarks and what of them is here."""
    from dircli import datasets as registry
    from dircli import pipeline
    from dircli.report import console, tables
    from dircli.report.json import as_text

    rows = [pipeline.describe(name, root=manifests, data=data_folder(data)) for name in registry.names()]
    if as_json:
        typer.echo(as_text(rows), nl=False)
    else:
        console.out().print(tables.datasets(rows))


def info(
    name: Name,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print only the citation.")] = False,
    as_json: AsJson = False,
    manifests: Manifests = Path("manifests"),
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Tell all about one benchmark: licence, how to obtain it, what is here, how to cite it."""
    from dircli import pipeline
    from dircli.report.json import as_text

    facts = pipeline.describe(name, root=manifests, data=data_folder(data))
    if bibtex:
        typer.echo(facts["bibtex"])
    elif as_json:
        typer.echo(as_text(facts), nl=False)
    else:
        from dircli.report.facts import about

        typer.echo(about(facts))
