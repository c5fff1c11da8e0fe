"""`dir download`: the raw files of a benchmark."""

from typing import Literal

import typer

from dircli.cli.download_options import DownloadChoices, terms
from dircli.cli.options import Name, Quiet, option


def download(
    *,
    name: Name,
    only: Literal["labels", "all"] = option("labels", "What curation needs, or images and recordings as well."),
    dry_run: bool = option(False, "List what would be downloaded; transfer nothing."),
    choices: DownloadChoices,
    quiet: Quiet = False,
) -> None:
    """Download raw files into DIR_DATA/NAME: resumed where it was cut off, and never a wrong file under its name."""
    from dircli.datasets import obtain
    from dircli.report import tables

    with terms(choices) as how:
        if dry_run:
            typer.echo("\n\n".join(tables.plan(each) for each in obtain.download_plans(name, only=only, terms=how)))
            return
        fetched = obtain.download(name, only=only, terms=how)
    for each in fetched:
        state = ("downloaded" if each.fresh else "was here") + ("" if each.verified else ", hash recorded")
        typer.echo(f"{each.sha256}  {each.path}  {each.size:,} bytes, {state}")
