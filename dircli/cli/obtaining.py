"""What `dir download` and `dir curate` share: options, consent and progress of a download."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dircli.cli.options import data_folder
from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.datasets._spec import Dataset
    from dircli.obtaining import Terms

Mirror = Annotated[str | None, typer.Option(envvar="DIR_MIRROR", help="A base URL tried before the official one.")]
AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", "--accept-licence", help="Accept the dataset's terms without a question.")
]


@contextmanager
def terms(data: Path | None, mirror: str | None, *, accept: bool) -> Iterator[Terms]:
    """How to download, for the length of a command."""
    from dircli import obtaining
    from dircli.report.progress import watching

    with watching() as watch:

        def consent(dataset: Dataset) -> None:
            typer.echo(f"{dataset.title}: {dataset.licence}\n{dataset.homepage}", err=True)
            if accept:
                return
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise UsageError(f"{dataset.name}: nothing was downloaded; add --accept-license to accept these terms")
            if not typer.confirm("Do you accept these terms?", err=True):
                raise UsageError(f"{dataset.name}: nothing was downloaded, for its terms were not accepted")

        yield obtaining.Terms(data=data_folder(data), mirror=mirror, consent=consent, progress=watch)
