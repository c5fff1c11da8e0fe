"""`dir fds`: feature distribution smoothing on saved features, and how alike the features of bins are."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from dircli.benchmark.protocol import Kernel
from dircli.cli.options import Dataset, Force, KernelSigma, KernelSize, Manifests, Protocol, Quiet, option
from dircli.errors import UsageError
from dircli.report import console

LEFT_ALONE = (
    "warning: in {:,} bins a feature does not vary (common after ReLU), and there the released code of this dataset "
    "calibrates no feature at all; --protocol paper calibrates those that vary"
)


@dataclass(frozen=True, kw_only=True)
class StatisticsOptions:
    """How the statistics of bins are smoothed and follow the epochs."""

    panel: ClassVar = "Smoothing"
    kernel: Kernel = option("gaussian", "The FDS kernel; none is no smoothing.")
    ks: KernelSize = 5
    sigma: KernelSigma = 2.0
    momentum: float = option(0.9, "The weight of earlier epochs in the statistics.")
    lag: bool = option(
        False,
        "Calibrate as the released training loop does: each epoch from the running statistics of the epochs before it "
        "to the smoothed ones of all but the last of those; the first two epochs stay as they are.",
    )


def fds(
    *,
    features: Annotated[Path, typer.Argument(metavar="FEATURES", help="An HDF5, Parquet or npy file of features.")],
    dataset: Dataset = None,
    split: Literal["train", "val", "test"] = option("train", "The rows that the features are of."),
    smoothing: StatisticsOptions,
    protocol: Protocol = "released",
    out: str | None = option(
        None, "The calibrated features, in the format of FEATURES; with --similarity a CSV, - for stdout."
    ),
    similarity: bool = option(False, "Compare the bins' statistics with the anchor's, instead."),
    anchor: float | None = option(None, "With --similarity: the target to compare with."),
    manifests: Manifests = Path("manifests"),
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Calibrate features: their statistics by bin, over epochs, smoothed over bins (DIR, section 3.2)."""
    from dircli.datasets.open import open_benchmark
    from dircli.features import calibrate
    from dircli.report import features as report
    from dircli.report.progress import counting
    from dircli.store import places
    from dircli.store.outputs import check_outputs

    if similarity != (anchor is not None):
        raise UsageError("--similarity and --anchor TARGET go together, such as --similarity --anchor 30")
    if anchor is not None:
        if out is not None:
            check_outputs([("--out", places.of(out))], [("FEATURES", features)])
        against = open_benchmark(dataset, manifests, None)
        similar = calibrate.similarity(features, against, anchor=anchor, split=split, ks=smoothing.ks)
        table = calibrate.similarity_csv(similar)
        if out == "-":
            sys.stdout.buffer.write(table)
            return
        if out is not None:
            console.save(places.of(out), table, force=force)
        console.out().print(report.similarity(similar))
        typer.echo(report.strangers(similar))
        return
    if out is None:
        raise UsageError("name a file for the calibrated features with --out FILE, or ask for --similarity")
    options = calibrate.FdsOptions(**vars(smoothing), protocol=protocol, split=split)
    smoothed = calibrate.calibrate(
        features, dataset, options, root=manifests, out=places.of(out), force=force, watch=counting
    )
    console.out().print(report.smoothed(smoothed))
    typer.echo(report.summary(smoothed))
    if smoothed.left_alone:
        console.note(LEFT_ALONE.format(smoothed.left_alone))
    console.note(f"features written to {out}, statistics to {smoothed.statistics}")
