"""`dir plot`: the paper's pictures of a benchmark and of predictions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dircli.benchmark.protocol import Kernel, Scheme
from dircli.cli.options import Manifest, Manifests, OptionalName, Protocol, Quiet, located
from dircli.errors import UsageError

if TYPE_CHECKING:
    from dircli.report.figures.data import Picture


def plot(
    name: OptionalName = None,
    predictions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PREDS]...", help="Prediction files, as for evaluate: error by target.", show_default=False
        ),
    ] = None,
    lds: Annotated[
        bool, typer.Option("--lds", help="Empirical against effective density, and the weights, instead.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="A .png, .svg or .pdf file.", show_default="NAME-density.png, -lds.png or -error.png here"),
    ] = None,
    width: Annotated[float, typer.Option(help="Inches; from 5.5 on, panels stand side by side.")] = 7.0,
    log: Annotated[bool, typer.Option("--log", help="Counts on a logarithmic scale.")] = False,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Draw on stdout with letters; needs no matplotlib.")
    ] = False,
    scheme: Annotated[
        Scheme | None, typer.Option(help="Inverse density, or its root.", show_default="the dataset's own")
    ] = None,
    kernel: Annotated[Kernel, typer.Option(help="The LDS kernel; none is no smoothing.")] = "gaussian",
    ks: Annotated[int, typer.Option(help="Kernel size in bins, odd.")] = 5,
    sigma: Annotated[float, typer.Option(help="Kernel width in bins (gaussian, laplace).")] = 2.0,
    protocol: Protocol = "released",
    split: Annotated[Literal["test", "val", "train"], typer.Option(help="The rows that were predicted.")] = "test",
    id_column: Annotated[str, typer.Option(help="The column of ids.")] = "id",
    prediction_column: Annotated[str, typer.Option(help="The column of predictions.")] = "prediction",
    by_position: Annotated[
        bool, typer.Option("--by-position", help="Rows are in manifest order; ids are not used.")
    ] = False,
    manifests: Manifests = Path("manifests"),
    manifest: Manifest = None,
    quiet: Quiet = False,
) -> None:
    """Draw the label density with its regions; --lds, its smoothing; of PREDS the error, of two the gain, by target."""
    from dircli.report import console
    from dircli.report.figures import data, figures, style
    from dircli.scores import from_files
    from dircli.store.predictions import Layout
    from dircli.weights.schemes import WeightOptions

    if manifest is not None and name is not None and name != os.environ.get("DIR_DATASET"):
        predictions = [name, *(predictions or [])]  # --manifest takes the place of NAME
    name, manifests = located(name, manifests, manifest)
    if lds and predictions:
        raise UsageError("--lds draws the dataset alone; leave out the prediction files, or --lds")
    drawn = not terminal and (out is not None or style.available())
    if drawn:
        figures.check(out or Path("x.png"), width)
    smooth = WeightOptions(scheme=scheme, kernel=kernel, ks=ks, sigma=sigma, protocol=protocol)
    layout = Layout(id_column=id_column, prediction_column=prediction_column, by_position=by_position)
    request = from_files.ScoreOptions(split=split, protocol=protocol, metrics=[], layout=layout)
    order = data.PlotOptions(paths=predictions or [], request=request, smooth=smooth, lds=lds)
    picture = data.picture(name, order, root=manifests)
    if not drawn:
        _letters(picture)
        if not terminal:
            console.note("drawn with letters; for files and finer pictures: pip install 'dircli[plot]'")
        return
    kind = "error" if predictions else "lds" if lds else "density"
    path = out or Path(f"{picture.ground.name}-{kind}.png")
    figures.write(path, picture, width=width, log=log)
    typer.echo(path)


def _letters(picture: Picture) -> None:
    """The picture on stdout, as wide as the terminal, in blocks where it can show them."""
    from dircli.report import console
    from dircli.report.figures import letters

    using = letters.letters(getattr(sys.stdout, "encoding", None))
    typer.echo(letters.text(picture, width=console.out().width, using=using), nl=False)
