"""`dir identify`: which known split of which benchmark a file holds."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import AsJson, Manifests, Quiet, in_form, option


def identify(
    *,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Split files, lists of ids, predictions, folders; - is stdin.")
    ],
    format_: Literal["table", "json", "markdown"] | None = option(None, "How to print it.", "table", flags="--format"),
    as_json: AsJson = False,
    fail_if_contaminated: bool = option(
        False, "Exit with 1 also where rows of test stand in train, of the published split or of its own."
    ),
    manifests: Manifests = Path("manifests"),
    quiet: Quiet = False,
) -> None:
    """Tell which known split a file holds, by its bytes or its rows; else how it differs from the nearest one."""
    from dircli.curation.identify import identify as found_in
    from dircli.errors import CheckError, printable
    from dircli.report import console
    from dircli.report.formats.json import as_text

    form = in_form(format_, as_json=as_json) or "table"
    found = found_in(files, manifests=manifests)
    if form == "json":
        typer.echo(as_text([each.as_json() for each in found]), nl=False)
    else:
        from dircli.report import identified

        if form == "markdown":
            typer.echo(identified.markdown(found), nl=False)
        for each in found if form == "table" else ():
            console.out().print(identified.heading(each), style="bold", soft_wrap=True)
            for part in identified.parts(each):
                console.show(part)
    unknown = [printable(each.file) for each in found if each.variant is None]
    contaminated = [printable(each.file) for each in found if fail_if_contaminated and any(each.contaminated.values())]
    failed = [f"no known split: {', '.join(unknown)}"] if unknown else []
    failed += [f"contaminated: {', '.join(contaminated)}"] if contaminated else []
    if failed:
        raise CheckError("\n".join(failed))
