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
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="The folder of results, as `dir evaluate --format json` writes them; without it, published rows.",
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
    from dircli.store.outputs import check_outputs

    if folder is not None and dataset in {None, os.environ.get("DIR_DATASET")} and not folder.exists():
        known = guess.meant(str(folder), Path("manifests"))  # no folder is called so: a dataset is
        folder, dataset = (None, known) if known else (folder, dataset)
    if metric is not None:
        metric = metric.lower()
    form = in_form(format_, as_json=as_json)
    board = ranking.leaderboard(folder, dataset=dataset, region=region.lower(), metric=metric)
    if output is not None:
        files = folder.rglob("*.json") if folder else ()
        results = (path for path in files if path.relative_to(folder or "").as_posix() not in board.skipped)
        check_outputs([("--output", output)], [("DIR", path) for path in results])
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
