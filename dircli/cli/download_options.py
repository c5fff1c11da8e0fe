"""What `dir download` and `dir curate` share: options, consent and progress of a download."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dircli.cli.options import data_folder
from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.benchmark.dataset import Dataset
    from dircli.datasets.obtain import DownloadOptions

Mirror = Annotated[str | None, typer.Option(envvar="DIR_MIRROR", help="A base URL tried before the official one.")]
AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", "--accept-licence", help="Accept the dataset's terms without a question.")
]
Token = Annotated[
    str | None,
    typer.Option(
        help="The provider's download token, where it wants one; others on this machine can see it here.",
        show_default="DIR_SHHS_TOKEN, or a prompt",
    ),
]


@contextmanager
def terms(
    data: Path | None, mirror: str | None, *, accept: bool, token: str | None = None
) -> Iterator[DownloadOptions]:
    """How to download, for the length of a command."""
    from dircli.datasets import obtain
    from dircli.report import console
    from dircli.report.progress import watching

    with watching() as watch:

        def consent(dataset: Dataset) -> None:
            about = dataset.published
            text = f"{about.title}: {about.licence}\n{about.homepage}"
            if accept:
                console.note(text)
                return
            typer.echo(text, err=True)
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise UsageError(f"{dataset.name}: nothing was downloaded; add --accept-license to accept these terms")
            if not typer.confirm("Do you accept these terms?", err=True):
                raise UsageError(f"{dataset.name}: nothing was downloaded, for its terms were not accepted")

        def ask(dataset: Dataset) -> str | None:
            catalogue = dataset.published.catalogue
            found = token or (os.environ.get(catalogue.variable) if catalogue else None)
            if not found and sys.stdin.isatty() and sys.stderr.isatty():
                ask_for = f"Download token for {dataset.published.title}"
                found = typer.prompt(ask_for, "", hide_input=True, show_default=False, err=True)
            return found.strip() if found else None

        yield obtain.DownloadOptions(data=data_folder(data), mirror=mirror, consent=consent, progress=watch, token=ask)
