"""`dir evaluate`: scores of prediction files by shot region."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dircli.cli.options import Manifests, Protocol, Quiet


def evaluate(
    predictions: Annotated[
        list[str], typer.Argument(metavar="PREDS...", help="CSV, JSON lines, Parquet or npy files; - is stdin.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option(envvar="DIR_DATASET", help="The dataset.", show_default="the only curated one"),
    ] = None,
    split: Annotated[Literal["test", "val", "train"], typer.Option(help="The rows that were predicted.")] = "test",
    protocol: Protocol = "released",
    metrics: Annotated[str, typer.Option(help="Names with commas between, or all.")] = "all",
    format_: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print the result.")] = "table",
    output: Annotated[
        Path | None, typer.Option(help="Write the result to this file instead of stdout.", show_default="stdout")
    ] = None,
    id_column: Annotated[str, typer.Option(help="The column of ids.")] = "id",
    prediction_column: Annotated[str, typer.Option(help="The column of predictions.")] = "prediction",
    target_column: Annotated[str, typer.Option(help="The column of targets, checked where it is there.")] = "target",
    by_position: Annotated[bool, typer.Option(help="Rows are in manifest order; ids are not used.")] = False,
    bins: Annotated[
        Path | None,
        typer.Option(
            help="Score a file that has targets with this bins.parquet, without a manifest.", show_default=False
        ),
    ] = None,
    manifests: Manifests = Path("manifests"),
    quiet: Quiet = False,
) -> None:
    """Score prediction files: one row per sample of the split, with its id and its prediction."""
    from dircli import pipeline, scoring
    from dircli.report import console
    from dircli.report.json import as_text
    from dircli.store.predictions import Layout

    layout = Layout(
        id_column=id_column, prediction_column=prediction_column, target_column=target_column, by_position=by_position
    )
    result = pipeline.evaluate(
        predictions,
        name=dataset,
        root=manifests,
        split=split,
        protocol=protocol,
        metrics=[name.strip() for name in metrics.split(",") if name.strip()],
        layout=layout,
        bins_file=bins,
    )
    if result["content"].startswith("bins:"):
        console.note(f"{result['dataset']}: {scoring.TARGETS_UNVERIFIED}")
    text = as_text(result) if format_ == "json" else _table(result)
    if output is None or str(output) == "-":
        typer.echo(text, nl=False)
    else:
        from dircli.store import files

        files.write(output, text.encode())
        console.note(f"written to {output}")


def _table(result: dict[str, object]) -> str:
    from dircli.report import console, tables

    screen = console.out()
    with screen.capture() as captured:
        screen.print(tables.scores(result))
    return f"{captured.get()}{result['signature']}\n"
