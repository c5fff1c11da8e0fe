"""`dir export`: a manifest in the formats of others."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import AsJson, Force, ManifestOptions, OptionalName, Protocol, Quiet, option
from dircli.errors import UsageError
from dircli.report import console

VERDICTS = {True: "  byte for byte the published file", False: "  not the published file"}


def export(
    *,
    out: Annotated[Path, typer.Option(help="The folder to write to; of codabench also a .zip.")],
    name: OptionalName = None,
    format_: Literal["released", "parquet", "csv", "npy", "croissant", "codabench"] = option(
        "released",
        "The files that the released training code reads; samples and bins as tables or arrays; the manifest with its "
        "description in Croissant (JSON-LD); or a competition for Codabench.",
        flags="--format",
    ),
    protocol: Protocol = "released",
    image: str = option("dircli", "codabench: the container image, with dircli in it."),
    where: ManifestOptions,
    as_json: AsJson = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write the very files that the released training code reads, or a manifest in the formats of other programs."""
    from dircli.curation import export as files
    from dircli.report.formats.json import as_text
    from dircli.scores.codabench import export_codabench
    from dircli.store import places

    places.check_writable(out)
    if out.suffix == ".zip" and format_ != "codabench":
        raise UsageError(f"--out {out}: a zip is written of --format codabench alone; name a folder")
    name, manifests = where.located(name)
    if format_ == "released":
        written = files.export(name, root=manifests, out=out, force=force)
        if as_json:
            facts = [
                {"file": str(out / file), "git": each[0], "published": bool(each[1])} for file, each in written.items()
            ]
            typer.echo(as_text(facts), nl=False)
            return
        for file, (blob, published) in written.items():
            verdict = "" if published is None else VERDICTS[published]
            typer.echo(f"{blob}  {out / file}{verdict}")
        return
    if format_ == "codabench":
        paths = export_codabench(name, root=manifests, out=out, protocol=protocol, image=image, force=force)
    elif format_ == "croissant":
        paths, missing = files.export_croissant(name, root=manifests, out=out, force=force)
        if missing:
            what = f"{', '.join(missing)} are known to the owner of the table alone"
            console.note(f"{paths[-1]}: {what}; add them before you publish it")
    else:
        paths = files.export_tables(name, format_, root=manifests, out=out, force=force)
    typer.echo(
        as_text([{"file": str(path)} for path in paths]) if as_json else "\n".join(map(str, paths)), nl=not as_json
    )
