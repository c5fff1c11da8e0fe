"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dircli.benchmark.protocol import ProtocolName
from dircli.errors import UsageError
from dircli.report import console

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset; `dir datasets` lists them.")]
OptionalName = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", envvar="DIR_DATASET", help="The dataset; by default the only curated one."),
]
Manifests = Annotated[
    Path, typer.Option("--manifests", envvar="DIR_MANIFESTS", help="The folder that holds the manifests.")
]
Manifest = Annotated[
    Path | None,
    typer.Option("--manifest", help="The folder of a manifest, wherever it lies, not its name.", show_default=False),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="DIR_DATA", help="The folder of raw files.", show_default="the user's cache folder"),
]
Protocol = Annotated[
    ProtocolName, typer.Option(help="The rules: those of the released code, or those printed in the paper.")
]


def _be_quiet(value: bool) -> bool:
    console.quiet = console.quiet or value
    return value


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.", callback=_be_quiet)]


def located(name: str | None, root: Path, folder: Path | None) -> tuple[str | None, Path]:
    """The name of a manifest and the folder it lies in: as given, or those of the ``folder`` that is the manifest."""
    if folder is None:
        return name, root
    if not (folder / "manifest.json").is_file():
        raise UsageError(f"--manifest {folder}: there is no manifest.json; give a folder that `dir curate` wrote")
    whole = folder.resolve()
    return whole.name, whole.parent


def data_folder(given: Path | None) -> Path:
    """The folder of raw files: as given, or in the user's cache folder."""
    if given is not None:
        return given
    from platformdirs import user_cache_path

    return user_cache_path("dircli")
