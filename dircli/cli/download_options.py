"""What `dir download` and `dir curate` share: options, consent and progress of a download."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import typer

from dircli.cli.options import Data, data_folder, option
from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.benchmark.dataset import Dataset
    from dircli.datasets.obtain import DownloadOptions


@dataclass(frozen=True, kw_only=True)
class DownloadChoices:
    """Where raw files come from and go to, on which terms."""

    panel: ClassVar = "Download"
    mirror: str | None = option(None, "A base URL tried before the official one.", envvar="DIR_MIRROR")
    accept_license: bool = option(
        False, "Accept the dataset's terms without a question.", "--accept-license", "--accept-licence"
    )
    token: str | None = option(
        None,
        "The provider's download token, where it wants one; others on this machine can see it here.",
        show_default="DIR_SHHS_TOKEN, or a prompt",
    )
    data: Data = None


@contextmanager
def terms(choices: DownloadChoices) -> Iterator[DownloadOptions]:
    """How to download, for the length of a command."""
    from dircli.datasets import obtain
    from dircli.report import console
    from dircli.report.progress import watching

    def consent(dataset: Dataset) -> None:
        about = dataset.published
        text = f"{about.title}: {about.licence}\n{about.homepage}"
        if choices.accept_license:
            console.note(text)
            return
        typer.echo(text, err=True)
        if not _on_a_terminal():
            raise UsageError(f"{dataset.name}: nothing was downloaded; add --accept-license to accept these terms")
        if not typer.confirm("Do you accept these terms?", err=True):
            raise UsageError(f"{dataset.name}: nothing was downloaded, for its terms were not accepted")

    def token(dataset: Dataset) -> str | None:
        catalogue = dataset.published.catalogue
        known = choices.token or (os.environ.get(catalogue.variable) if catalogue else None)
        if not known and _on_a_terminal():
            question = f"Download token for {dataset.published.title}"
            known = typer.prompt(question, "", hide_input=True, show_default=False, err=True)
        return known.strip() if known else None

    with watching() as watch:
        folder = data_folder(choices.data)
        yield obtain.DownloadOptions(data=folder, mirror=choices.mirror, consent=consent, progress=watch, token=token)


def _on_a_terminal() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()
