"""`dir evaluate --report`: the page, and the command line as it may be shown."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dircli.errors import UsageError

if TYPE_CHECKING:
    import typer

    from dircli.scoring import Scored

UNSAID = {"quiet", "data"}


def check(path: Path) -> None:
    """UsageError where no report can be written to ``path``; for use before anything is scored."""
    from dircli.report import html, ink

    ink.need()
    if path.suffix not in html.ENDINGS:
        raise UsageError(f"--report {path}: a report is a page; end the name in {' or '.join(html.ENDINGS)}")


def write(path: Path, scored: Scored, ctx: typer.Context, *, data: Path, decimals: int) -> None:
    """The report on ``scored`` to ``path``."""
    from dircli import pipeline, reporting
    from dircli.report import console, html, plots
    from dircli.store import files

    page = pipeline.page(scored, reporting.Order(command=command(ctx), data=data))
    pictures = plots.for_page(page.density, page.errors)
    files.write(path, html.page(page, pictures, decimals=decimals).encode(errors="replace"))
    console.note(f"written to {path}")


def command(ctx: typer.Context) -> str:
    """The command line that was given, in the order of the help, without the folders of this machine."""
    words = []
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(str(parameter.name))
        if source is None or source.name not in {"COMMANDLINE", "ENVIRONMENT"} or parameter.name in UNSAID:
            continue
        found = ctx.params[str(parameter.name)]
        values = found if isinstance(found, list | tuple) else [found]
        if parameter.param_type_name == "argument":
            words += [_shown(value, path=True) for value in values]
            continue
        flag = max(parameter.opts, key=len)
        for value in values:
            words += [flag] if value is True else [flag, _shown(value, path=isinstance(value, Path))]
    return shlex.join(["dir", str(ctx.command.name), *words])


def _shown(value: Any, *, path: bool) -> str:
    return Path(str(value)).name or str(value) if path else str(value)
