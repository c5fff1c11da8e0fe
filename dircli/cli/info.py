"""`dir datasets` and `dir info`: what there is, and its state here."""

from pathlib import Path
from typing import Annotated

import typer

from dircli.cli.download_options import Data, raw_files
from dircli.cli.options import Manifests, Quiet, option
from dircli.errors import UsageError
from dircli.report import console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def datasets(
    *, as_json: AsJson = False, manifests: Manifests = Path("manifests"), data: Data = None, quiet: Quiet = False
) -> None:
    """List the benchmarks and what of them is here."""
    from dircli import datasets as registry
    from dircli.datasets import describe
    from dircli.report.formats.json import as_text

    rows = [describe.dataset(name, root=manifests, data=raw_files(data)) for name in registry.NAMES]
    if as_json:
        typer.echo(as_text(rows), nl=False)
        return
    from dircli.report import tables

    console.show(tables.datasets(rows))


def info(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The dataset; `dir datasets` lists them.", show_default=False)
    ] = None,
    metrics: bool = option(False, "Tell about the metrics instead."),
    bibtex: bool = option(False, "Print only the citation."),
    as_json: AsJson = False,
    manifests: Manifests = Path("manifests"),
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Tell all about one benchmark: licence, how to obtain it, what is here, how to cite it; or about the metrics."""
    from dircli.datasets import describe
    from dircli.report.formats.json import as_text

    if metrics:
        from dircli.report import tables
        from dircli.scores.metrics.table import described

        rows = described()
        typer.echo(as_text(rows), nl=False) if as_json else console.show(tables.metrics(rows))
        return
    if name is None:
        raise UsageError("name a dataset, as `dir datasets` lists them, or ask for --metrics")
    facts = describe.dataset(name, root=manifests, data=raw_files(data))
    if bibtex:
        typer.echo(facts["bibtex"])
    elif as_json:
        typer.echo(as_text(facts), nl=False)
    else:
        from dircli.report import info

        typer.echo("\n".join(info.lines(facts)))
