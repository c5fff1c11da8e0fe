"""`dir verify`: proof that a manifest is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dircli.cli.download_options import terms
from dircli.cli.options import Data, Manifest, Manifests, OptionalName, Quiet, located


def verify(
    name: OptionalName = None,
    leakage: Annotated[
        bool, typer.Option("--leakage", help="Count and list what val and test share with train, instead.")
    ] = False,
    released: Annotated[
        Path | None,
        typer.Option(help="The published split files, to name the rows that differ.", show_default="DIR_DATA/NAME"),
    ] = None,
    manifests: Manifests = Path("manifests"),
    manifest: Manifest = None,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Check that a manifest is intact, drawn as it claims, and equal to the published split byte for byte."""
    from dircli.curation.leakage import leakage as leaks
    from dircli.curation.verify import verify
    from dircli.errors import CheckError
    from dircli.report import console, tables

    name, manifests = located(name, manifests, manifest)
    if leakage:
        counts, path = leaks(name, root=manifests)
        console.out().print(tables.leakage(counts))
        console.note(f"the rows are listed in {path}")
        return
    with terms(data, None, accept=False) as how:
        name, checks = verify(name, root=manifests, released=released, terms=how)
    console.out().print(tables.checks(checks))
    if failed := [check.name for check in checks if check.held is False]:
        raise CheckError(f"{name}: {len(failed)} of {len(checks)} checks failed: {', '.join(dict.fromkeys(failed))}")
