"""The application: its commands, and the one place where an error becomes a message and an exit code."""

import errno
import inspect
import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from dircli import __version__, errors
from dircli.cli import github, guess
from dircli.cli.as_given import Command, UsageError, take_as_given
from dircli.cli.examples import epilog
from dircli.errors import DirError
from dircli.report import console
from dircli.store.places import hidden

HOMES = {
    "datasets": "info",
    "info": "info",
    "download": "download",
    "curate": "curate",
    "suggest": "suggest",
    "weights": "weights",
    "evaluate": "evaluate",
    "explain": "explain",
    "leaderboard": "leaderboard",
    "verify": "verify",
    "identify": "identify",
    "export": "export",
    "fds": "fds",
    "resample": "resample",
    "plot": "plot",
    "demo": "demo",
}
"""The commands, in the order of the help, and the module of each."""


HELP = {"help_option_names": ["-h", "--help"]}


class Commands(Mapping[str, Any]):
    """The commands by name; the module of each is loaded when it is first asked for."""

    def __getitem__(self, name: str) -> Any:
        return _command(name, HOMES[name])

    def __iter__(self) -> Iterator[str]:
        return iter(HOMES)

    def __len__(self) -> int:
        return len(HOMES)


@cache
def _command(name: str, module: str) -> Any:
    from dircli.cli.options import flattened

    alone, function = typer.Typer(add_completion=False), getattr(import_module(f"dircli.cli.{module}"), name)
    text = re.sub(r"(?<=\S)\n(?=\S)", " ", inspect.getdoc(function) or "")  # lines are as long as the terminal's
    alone.command(name, cls=Command, help=text, epilog=epilog(name), context_settings=HELP)(flattened(function))
    return get_command(alone)


TYPED = "dircli.typed"
"""Under which the context of a command has its words, and what the environment says beside them."""


class Boundary(TyperGroup):
    """Turns our own errors into messages on stderr and their exit code; anything else is a bug and is shown as one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": Commands()})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words before the command as values; `help COMMAND` is `COMMAND --help`."""
        take_as_given(self, ctx)
        ctx.meta[TYPED] = [*args, *(value for name, value in os.environ.items() if name.startswith("DIR_"))]
        if args[:1] == ["help"]:
            args = [*args[1:2], "--help"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that ``args`` begin with; one that other programs have is answered with what it is here."""
        if args and args[0] not in HOMES and (here := guess.COMMANDS.get(args[0].casefold())):
            raise errors.UsageError(f"no command is called {args[0]}; write `dir {here}`")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        typed = ctx.meta[TYPED]
        try:
            with _ended_in_order():
                return self._invoked(ctx)
        except DirError as error:
            for line in hidden(str(error), typed).splitlines():
                typer.echo(line if line.startswith(" ") else f"dir: {line}", err=True)
            if github.asked_for():
                for line in github.annotations(error, f"dir {ctx.invoked_subcommand}"):
                    typer.echo(hidden(line, typed), err=True)
            ctx.exit(error.exit_code)
        except UsageError as error:
            error.message = hidden(error.message, typed)
            if github.asked_for():
                title = f"dir {ctx.invoked_subcommand or ''}".rstrip()
                typer.echo(github.annotation(error.format_message(), title=title), err=True)
            raise

    def _invoked(self, ctx: Any) -> Any:
        """Run the command; a path that is longer than the system takes is an error of the command line's."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            name = errors.clear(str(error.filename))
            raise errors.UsageError(f"{name}: this is too long for the name of a file") from None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM, by which batch systems end a command, ends it as Ctrl-C does: what is temporary is removed."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    hears = threading.current_thread() is threading.main_thread()  # which alone hears signals
    if not hears or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


app = typer.Typer(
    name="dir",
    cls=Boundary,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
    help="Make the benchmarks of Deep Imbalanced Regression, and score on them. `dir help COMMAND` tells about one.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dircli {__version__}")
        raise typer.Exit


def _cite(value: bool) -> None:
    if value:
        from dircli.datasets import citation

        typer.echo(citation.bibtex())
        raise typer.Exit


def _completion(name: str) -> Any:
    """The callback of typer's own option ``name`` for completion, whose modules are loaded when it is given."""

    def run(ctx: typer.Context, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            from typer import completion

            completion.completion_init()  # type: ignore[attr-defined]  # typer calls it for its own options
            getattr(completion, name)(ctx, None, value)

    return run


@app.callback()
def _start(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say on stderr what is read, and in which way.")
    ] = False,
    _cited: Annotated[
        bool,
        typer.Option(
            "--cite", help="Print how to cite this program and the paper, and exit.", callback=_cite, is_eager=True
        ),
    ] = False,
    _install: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            help="Install completion for the current shell.",
            callback=_completion("install_callback"),
            is_eager=True,
        ),
    ] = False,
    _show: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            help="Print the script of completion for the current shell.",
            callback=_completion("show_callback"),
            is_eager=True,
        ),
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    console.quiet = quiet
    console.tell_more() if verbose else console.tell_less()
