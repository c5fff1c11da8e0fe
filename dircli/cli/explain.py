"""`dir explain`: what lies behind the scores of one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import Manifest, Manifests, Quiet, located


def explain(
    predictions: Annotated[str, typer.Argument(metavar="PREDS", help="A prediction file; - is stdin.")],
    dataset: Annotated[
        str | None, typer.Option(envvar="DIR_DATASET", help="The dataset.", show_default="the only curated one")
    ] = None,
    split: Annotated[Literal["test", "val", "train"], typer.Option(help="The rows that were predicted.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    id_column: Annotated[str, typer.Option(help="The column of ids.")] = "id",
    prediction_column: Annotated[str, typer.Option(help="The column of predictions.")] = "prediction",
    by_position: Annotated[
        bool, typer.Option("--by-position", help="Rows are in manifest order; ids are not used.")
    ] = False,
    bins: Annotated[Path | None, typer.Option(help="Score a file that has targets with this bins.parquet.")] = None,
    manifests: Manifests = Path("manifests"),
    manifest: Manifest = None,
    quiet: Quiet = False,
) -> None:
    """Show a file under both protocols, the rows that change region, its exact hits, and signs of a mistake."""
    from dircli.report import console, explained
    from dircli.report.formats.json import as_text
    from dircli.scores import from_files
    from dircli.scores.explain import explain
    from dircli.store.predictions import Layout

    dataset, manifests = located(dataset, manifests, manifest)
    layout = Layout(id_column=id_column, prediction_column=prediction_column, by_position=by_position)
    request = from_files.ScoreOptions(split=split, protocol="released", metrics=[], layout=layout)
    found = explain(predictions, request, name=dataset, root=manifests, bins_file=bins)
    if as_json:
        typer.echo(as_text(found.as_json()), nl=False)
        return
    for part in explained.parts(found):
        console.out().print(part)
