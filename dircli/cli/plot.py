"""`dir plot`: the paper's pictures of a benchmark and of predictions."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from dircli.benchmark.protocol import Kernel, Scheme
from dircli.cli.options import (
    Dpi,
    Force,
    KernelSigma,
    KernelSize,
    ManifestOptions,
    OptionalName,
    PredictionLayout,
    Protocol,
    Quiet,
    Split,
    option,
)
from dircli.errors import UsageError
from dircli.report import console


@dataclass(frozen=True, kw_only=True)
class SmoothingOptions:
    """How the label density is smoothed, and which weights are drawn."""

    panel: ClassVar[str] = "Smoothing"
    scheme: Scheme | None = option(None, "Inverse density, or its root.", "the dataset's own")
    kernel: Kernel = option("gaussian", "The LDS kernel; none is no smoothing.")
    ks: KernelSize = 5
    sigma: KernelSigma = 2.0


def plot(
    *,
    name: OptionalName = None,
    predictions: Annotated[
        list[str] | None,
        typer.Argument(metavar="PREDS", help="Prediction files, as for evaluate: error by target.", show_default=False),
    ] = None,
    lds: bool = option(False, "Empirical against effective density, and the weights, instead."),
    panel: list[str] | None = option(
        None,
        "Draw this panel alone; repeatable. The density has train, val and test; --lds effective and weight; PREDS "
        "density, error (of several files in one), agreement (predicted against true) and gain (of two).",
    ),
    out: Path | None = option(None, "A .png, .svg or .pdf file.", "NAME-density.png, -lds.png or -error.png here"),
    width: float = option(7.0, "Inches; 3.3 is a column of a paper, and from 5.5 on, panels stand side by side."),
    dpi: Dpi = None,
    log: bool = option(False, "Counts on a logarithmic scale."),
    terminal: bool = option(False, "Draw on stdout with letters; needs no matplotlib."),
    smoothing: SmoothingOptions,
    protocol: Protocol = "released",
    split: Split = "test",
    columns: PredictionLayout,
    where: ManifestOptions,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw the label density with its regions; --lds, its smoothing; of PREDS the error, of two the gain, by target."""
    from dircli.datasets.open import open_benchmark
    from dircli.report.figures import data, figures, letters, style
    from dircli.scores.from_files import ScoreOptions, score
    from dircli.store.outputs import check_outputs, input_paths
    from dircli.store.predictions import Layout
    from dircli.weights.schemes import WeightOptions

    if where.manifest is not None and name is not None and name != os.environ.get("DIR_DATASET"):
        predictions = [name, *(predictions or [])]  # --manifest takes the place of NAME
    name, manifests = where.located(name)
    if lds and predictions:
        raise UsageError("--lds draws the dataset alone; leave out the prediction files, or --lds")
    to_file = not terminal and (out is not None or style.available())
    if to_file:
        figures.check(out or Path("x.png"), width, dpi)
    if out is not None:
        check_outputs([("--out", out)], [("PREDS", path) for each in predictions or () for path in input_paths(each)])
    against = open_benchmark(name, manifests, None)
    weights = WeightOptions(**vars(smoothing), protocol=protocol)
    picture: data.Picture
    if predictions:
        layout = Layout(**vars(columns))
        request = ScoreOptions(split=split, protocol=protocol, metrics=[], layout=layout, root=manifests)
        kind, picture = "error", data.errors(score(predictions, against, request), weights)
    elif lds:
        kind, picture = "lds", data.smoothing(against, weights)
    else:
        kind, picture = "density", data.density(against, protocol)
    if to_file:
        path = out or Path(f"{against.name}-{kind}.png")
        figures.write(path, picture, figures.Look(width=width, log=log, panels=panel or ()), dpi=dpi, force=force)
        typer.echo(path)
        return
    using = letters.letters(getattr(sys.stdout, "encoding", None))
    typer.echo(letters.text(picture, width=console.out().width, using=using, panels=panel or ()), nl=False)
    if not terminal:
        console.note("drawn with letters; for files and finer pictures: pip install 'dircli[plot]'")
