"""`dir leaderboard`: results and published rows, ranked."""

import os
from pathlib import Path
from typing import Annotated

import typer

from dircli.cli import guess
from dircli.cli.options import AsJson, Force, Quiet, in_form, option
from dircli.report import console
from dircli.report.formats import BY_ENDING, BoardName


def leaderboard(
    *,
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULTS",
            help="Results, as `dir evaluate --format json` writes them: folders, files or quoted globs, also by URL; "
            "without them, published rows.",
            show_default=False,
        ),
    ] = None,
    dataset: str | None = option(
        None, "The dataset.", "that of all the results", envvar="DIR_DATASET", autocompletion=guess.names
    ),
    region: str = option("few", "The region to rank by.", autocompletion=guess.regions),
    metric: str | None = option(
        None,
        "The metric to rank by.",
        "mae, or what the paper has if there are no results",
        autocompletion=guess.metrics,
    ),
    format_: BoardName | None = option(
        None, "How to print the board.", "by --output's ending, else table", flags="--format"
    ),
    as_json: AsJson = False,
    output: Path | None = option(None, "Write the board to this file.", "stdout"),
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Rank results by a region and metric, together with published rows; what does not compare is set apart."""
    from dircli.errors import sample
    from dircli.report.leaderboard import render
    from dircli.scores.compare import leaderboard as ranking
    from dircli.scores.results import listed
    from dircli.store import places
    from dircli.store.outputs import check_outputs

    places.check_writable(output)
    inputs = results or []
    if len(inputs) == 1 and dataset in {None, os.environ.get("DIR_DATASET")} and not places.is_remote(inputs[0]):
        known = None if inputs[0].exists() else guess.meant(str(inputs[0]), Path("manifests"))
        inputs, dataset = ([], known) if known else (inputs, dataset)  # no file is called so: a dataset is
    if metric is not None:
        metric = metric.lower()
    form = in_form(format_, as_json=as_json)
    board = ranking.leaderboard(inputs, dataset=dataset, region=region.lower(), metric=metric)
    if output is not None:
        read = (path for name, path in listed(inputs).items() if name not in board.skipped)
        check_outputs([("--output", output)], [("RESULTS", path) for path in read])
    if board.skipped:
        console.note(f"no results, left out: {sample(board.skipped)}")
    by_ending = BY_ENDING.get(output.suffix) if output else None
    form = form or (by_ending.name if by_ending and by_ending.of_boards else "table")
    shown = render(board, form, to_file=output is not None)
    if form == "csv":  # the other forms hold them
        for note in board.notes:
            console.note(note)
    if output is None or str(output) == "-":
        typer.echo(shown, nl=False)
    else:
        console.save(output, shown.encode(), force=force)
