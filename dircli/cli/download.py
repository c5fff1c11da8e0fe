"""`dir download`: the raw files of a benchmark."""

from dataclasses import asdict
from typing import Literal

import typer

from dircli.cli.download_options import DownloadChoices, terms
from dircli.cli.options import AsJson, Name, Quiet, option


def download(
    *,
    name: Name,
    only: Literal["labels", "all"] = option("labels", "What curation needs, or images and recordings as well."),
    dry_run: bool = option(False, "List what would be downloaded; transfer nothing."),
    choices: DownloadChoices,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Download raw files into DIR_DATA/NAME: resumed where it was cut off, and never a wrong file under its name."""
    from dircli.datasets import obtain
    from dircli.report import tables
    from dircli.report.formats.json import as_text

    with terms(choices) as how:
        if dry_run:
            plans = obtain.download_plans(name, only=only, terms=how)
            if as_json:
                typer.echo(as_text([tables.plan_facts(each) for each in plans]), nl=False)
            else:
                typer.echo("\n\n".join(map(tables.plan, plans)))
            return
        fetched = obtain.download(name, only=only, terms=how)
    if as_json:
        typer.echo(as_text([asdict(each) | {"path": str(each.path)} for each in fetched]), nl=False)
        return
    for each in fetched:
        state = ("downloaded" if each.fresh else "was here") + ("" if each.verified else ", hash recorded")
        typer.echo(f"{each.sha256}  {each.path}  {each.size:,} bytes, {state}")
