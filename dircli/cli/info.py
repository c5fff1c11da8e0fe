"""`dir datasets` and `dir info`: what there is, and its state here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dircli.cli.download_options import Data, raw_files
from dircli.cli.guess import names
from dircli.cli.options import Manifests, Quiet, TableFormat, option
from dircli.errors import UsageError, among, close_to
from dircli.report import console

if TYPE_CHECKING:
    from rich.table import Table


def datasets(
    *, shown: TableFormat, manifests: Manifests = Path("manifests"), data: Data = None, quiet: Quiet = False
) -> None:
    """List the benchmarks and what of them is here."""
    from dircli import datasets as registry
    from dircli.datasets import describe

    rows = [describe.dataset(name, root=manifests, data=raw_files(data)) for name in registry.NAMES]
    rows += [describe.listed(name, root=manifests, data=raw_files(data)) for name in describe.here(manifests)]

    def table() -> "Table":
        from dircli.report import tables

        return tables.datasets(rows)

    shown.show(table, lambda: rows)
    console.note("a table of your own: dir curate custom --table FILE --target COL")


def _instead(name: str, known: Sequence[str]) -> str:
    """What to type instead of ``name``, which is none of the ``known`` datasets."""
    if name.casefold() == "metrics":
        return "for the metrics, write `dir info --metrics`"
    return f"there are {among(known, [name])}{close_to([name], known)}"


def info(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="The dataset; `dir datasets` lists them.", show_default=False, autocompletion=names
        ),
    ] = None,
    metrics: bool = option(False, "Tell about the metrics instead."),
    bibtex: bool = option(False, "Print only the data set's citation."),
    cite: bool = option(False, "Print the citations of this program, the paper and the data set, as BibTeX."),
    shown: TableFormat,
    manifests: Manifests = Path("manifests"),
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Tell all about one benchmark: licence, how to obtain it, what is here, how to cite it; or about the metrics."""
    from dircli import datasets as registry
    from dircli.datasets import describe
    from dircli.report.formats.json import as_text

    if metrics:
        from dircli.report import tables
        from dircli.scores.metrics.table import described

        rows = described()
        shown.show(lambda: tables.metrics(rows), lambda: rows)
        return
    if (cite or bibtex) and shown.form != "table":
        raise UsageError(f"--{'cite' if cite else 'bibtex'} prints BibTeX; leave out --json")
    if shown.form in {"csv", "markdown"}:
        raise UsageError(
            f"--format {shown.form} is for tables, such as `dir info --metrics`; of a dataset there is --json"
        )
    if name is None:
        raise UsageError("name a dataset, as `dir datasets` lists them, or ask for --metrics")
    here = describe.here(manifests)
    if name not in (known := [*registry.NAMES, *here]):
        raise UsageError(f"no dataset is called {name!r}; {_instead(name, known)}")
    tell = describe.manifest if name in here else describe.dataset
    facts = tell(name, root=manifests, data=raw_files(data))
    if cite:
        from dircli.datasets import citation

        typer.echo(citation.bibtex(facts["bibtex"]))
    elif bibtex:
        typer.echo(facts["bibtex"])
    elif shown.form == "json":
        typer.echo(as_text(facts), nl=False)
    else:
        from dircli.report import info

        typer.echo("\n".join(info.lines(facts)))
