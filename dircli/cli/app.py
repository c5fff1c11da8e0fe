"""The application: its commands, and the one place where an error becomes a message and an exit code."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dircli import __version__
from dircli.cli import curate, demo, download, evaluate, explain, export, fds, info, leaderboard, plot, verify, weights
from dircli.cli.options import flattened
from dircli.errors import DirError
from dircli.report import console


class Boundary(TyperGroup):
    """Turns our own errors into messages on stderr and their exit code; anything else is a bug and is shown as one."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DirError as error:
            for line in str(error).splitlines():
                typer.echo(line if line.startswith(" ") else f"dir: {line}", err=True)
            ctx.exit(error.exit_code)


app = typer.Typer(
    name="dir",
    cls=Boundary,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Make the benchmarks of Deep Imbalanced Regression, and score on them.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dircli {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.")] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    console.quiet = quiet


for command in (
    *(info.datasets, info.info, download.download, curate.curate, weights.weights, evaluate.evaluate),
    *(explain.explain, leaderboard.leaderboard, verify.verify, export.export, fds.fds, plot.plot, demo.demo),
):
    app.command()(flattened(command))
