"""`dir demo`: the whole flow on a synthetic AgeDB, each step shown as the command that a user would type."""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import typer

from dircli.cli.options import Quiet, option
from dircli.report import console

NAME = "agedb-synthetic"
STEPS = (
    (
        "1. Curate: bins and balanced splits from the file names in a (synthetic) archive.",
        f"curate agedb --raw AgeDB.zip --split redraw --name {NAME}",
    ),
    ("2. Weigh: LDS-smoothed inverse-root weights for training.", f"weights {NAME} --kernel gaussian --ks 5 --sigma 2"),
    ("3. Score two (synthetic) predictors, by shot region.", f"evaluate plain.csv reweighted.csv --dataset {NAME}"),
)


def demo(
    ctx: typer.Context,
    out: Path | None = option(None, "Keep the demo's files in this new folder.", "a temporary folder"),
    quiet: Quiet = False,
) -> None:
    """Show the whole flow in seconds, offline, on SYNTHETIC data drawn from AgeDB-DIR's shipped bins."""
    from dircli.curation import synthetic
    from dircli.errors import UsageError
    from dircli.store import places

    places.here(out)
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: this is there already; name a new folder")
    typer.echo("SYNTHETIC data: names and predictions are made up; only the counts per age are AgeDB-DIR's.")
    with _apart(out):
        synthetic.write_agedb(Path("AgeDB.zip"))
        synthetic.write_table(Path("table.csv"))
        for step, (title, command) in enumerate(STEPS):
            if step == len(STEPS) - 1:
                synthetic.write_predictions(Path("manifests") / NAME)
            typer.echo(f"\n{title}\n$ dir {command}")
            words = [*shlex.split(command), *(["-q"] if console.quiet else [])]
            ctx.find_root().command.main(words, prog_name="dir", standalone_mode=False)
    typer.echo("\nSYNTHETIC data: these scores say nothing about any model.")
    if out is not None:
        typer.echo(
            f"The files are in {out}; repeat any of the commands there. table.csv is a table to make a benchmark of."
        )


@contextlib.contextmanager
def _apart(folder: Path | None) -> Iterator[None]:
    """Work in ``folder``, or in a temporary one that is removed, and without the user's DIR_ variables."""
    with contextlib.ExitStack() as stack:
        settings = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith("DIR_")}
        stack.callback(os.environ.update, settings)
        folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dir-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        yield
