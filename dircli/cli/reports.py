"""`dir evaluate --report`: the page, and the command line as it may be shown."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dircli.errors import UsageError

if TYPE_CHECKING:
    import typer

    from dircli.scores.results import Scored

UNSAID = {"quiet", "data"}


def check(path: Path) -> None:
    """UsageError where no report can be written to ``path``; for use before anything is scored."""
    from dircli.report.figures import style
    from dircli.report.page import html

    style.need()
    if path.suffix not in html.ENDINGS:
        raise UsageError(f"--report {path}: a report is a page; end the name in {' or '.join(html.ENDINGS)}")


def write(path: Path, scored: Scored, ctx: typer.Context, *, data: Path, decimals: int) -> None:
    """The report on ``scored`` to ``path``."""
    from dircli.report import console
    from dircli.report.figures import figures
    from dircli.report.page import content, html
    from dircli.store import files

    page = content.page(scored, command=command(ctx), data=data)
    pictures = figures.for_page(page.density, page.errors)
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
