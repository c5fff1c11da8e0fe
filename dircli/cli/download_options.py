"""What `dir download` and `dir curate` share: options, consent and progress of a download."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dircli.cli.options import option
from dircli.errors import UsageError
from dircli.report import console

if TYPE_CHECKING:
    from dircli.benchmark.dataset import Dataset
    from dircli.datasets.obtain import DownloadOptions


Data = Annotated[
    Path | None,
    typer.Option(envvar="DIR_DATA", help="The folder of raw files.", show_default="the user's cache folder"),
]


@dataclass(frozen=True, kw_only=True)
class DownloadChoices:
    """Where raw files come from and go to, on which terms."""

    panel: ClassVar[str] = "Download"
    mirror: str | None = option(None, "A base URL tried before the official one.", envvar="DIR_MIRROR")
    accept_license: bool = option(
        False, "Accept the dataset's terms without a question.", flags="--accept-license --accept-licence"
    )
    token: str | None = option(
        None,
        "The provider's download token, where it wants one; others on this machine can see it here.",
        "DIR_SHHS_TOKEN, or a prompt",
    )
    data: Data = None


def raw_files(data: Path | None) -> Path:
    """The folder of raw files: ``data``, or where none is given, that of the user's cache."""
    from platformdirs import user_cache_path

    return data or user_cache_path("dircli")


@contextmanager
def terms(choices: DownloadChoices) -> Iterator[DownloadOptions]:
    """How to download, for the length of a command."""
    from dircli.datasets import obtain
    from dircli.report.progress import watching

    on_terminal = sys.stdin.isatty() and sys.stderr.isatty()

    def consent(dataset: Dataset) -> None:
        text = f"{dataset.published.title}: {dataset.published.licence}\n{dataset.published.homepage}"
        if choices.accept_license:
            console.note(text)
            return
        typer.echo(text, err=True)
        if not on_terminal:
            other = f"files that you have are for `dir curate {dataset.name}` with --raw or --released"
            what = f"nothing was downloaded; add --accept-license to accept these terms; {other}"
            raise UsageError(f"{dataset.name}: {what}")
        if not typer.confirm("Do you accept these terms?", err=True):
            raise UsageError(f"{dataset.name}: nothing was downloaded, for its terms were not accepted")

    def token(dataset: Dataset) -> str | None:
        catalogue = dataset.published.catalogue
        known = choices.token or (os.environ.get(catalogue.variable) if catalogue else None)
        if not known and on_terminal:
            question = f"Download token for {dataset.published.title}"
            known = typer.prompt(question, "", hide_input=True, show_default=False, err=True)
        return known.strip() if known else None

    with watching() as watch:
        yield obtain.DownloadOptions(
            data=raw_files(choices.data), mirror=choices.mirror, consent=consent, progress=watch, token=token
        )
