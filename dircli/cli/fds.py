"""`dir fds`: feature distribution smoothing on saved features, and how alike the features of bins are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from dircli.benchmark.protocol import Kernel
from dircli.cli.options import (
    Dataset,
    Dpi,
    EngineOptions,
    Force,
    KernelSigma,
    KernelSize,
    Manifests,
    Protocol,
    Quiet,
    TableFormat,
    option,
)
from dircli.errors import UsageError
from dircli.report import console

if TYPE_CHECKING:
    from dircli.features.calibrate import FdsOptions

LEFT_ALONE = (
    "warning: in {:,} bins a feature does not vary (common after ReLU), and there the released code of this dataset "
    "calibrates no feature at all; --protocol paper calibrates those that vary"
)


@dataclass(frozen=True, kw_only=True)
class StatisticsOptions:
    """How the statistics of bins are smoothed and follow the epochs."""

    panel: ClassVar[str] = "Smoothing"
    kernel: Kernel = option("gaussian", "The FDS kernel; none is no smoothing.")
    ks: KernelSize = 5
    sigma: KernelSigma = 2.0
    momentum: float = option(0.9, "The weight of earlier epochs in the statistics.")
    lag: bool = option(
        False,
        "Calibrate as the released training loop does: each epoch from the running statistics of the epochs before it "
        "to the smoothed ones of all but the last of those; the first two epochs stay as they are.",
    )


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions:
    """How alike the bins are, instead."""

    panel: ClassVar[str] = "Similarity"
    similarity: bool = option(False, "Compare the bins' statistics with the anchor's, instead.")
    anchor: float | None = option(None, "With --similarity: the target to compare with.")
    plot: Path | None = option(None, "Draw it (Fig. 4 and 8) into this .png, .svg or .pdf file.")
    width: float = option(7.0, "Inches; 3.3 is a column of a paper.")
    dpi: Dpi = None

    def check(self) -> None:
        """UsageError where options do not go together, or the picture cannot be drawn."""
        if self.similarity != (self.anchor is not None):
            raise UsageError("--similarity and --anchor TARGET go together, such as --similarity --anchor 30")
        if self.dpi is not None and self.plot is None:
            raise UsageError("--dpi is that of --plot FILE; give both")
        if self.plot is not None:
            if not self.similarity:
                raise UsageError("--plot draws the similarity; add --similarity --anchor TARGET")
            from dircli.report.figures import figures

            figures.check(self.plot, self.width, self.dpi)


def fds(
    *,
    features: Annotated[
        str,
        typer.Argument(
            metavar="FEATURES",
            help="An HDF5, Parquet or npy file of features, or a folder or glob of Parquet files; here or at a URL.",
        ),
    ],
    dataset: Dataset = None,
    split: Literal["train", "val", "test"] = option("train", "The rows that the features are of."),
    smoothing: StatisticsOptions,
    alike: SimilarityOptions,
    protocol: Protocol = "released",
    out: str | None = option(
        None, "The calibrated features, in the format of FEATURES; with --similarity a CSV, - for stdout."
    ),
    manifests: Manifests = Path("manifests"),
    shown: TableFormat,
    who: EngineOptions,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Calibrate features: their statistics by bin, over epochs, smoothed over bins (DIR, section 3.2)."""
    from dircli.features import calibrate
    from dircli.features.pieces import Work
    from dircli.report import features as report
    from dircli.report.progress import counting
    from dircli.store import places

    alike.check()
    options = calibrate.FdsOptions(**vars(smoothing), protocol=protocol, split=split)
    if alike.anchor is not None:
        _compare(
            features, dataset, options, alike, shown, who, anchor=alike.anchor, root=manifests, out=out, force=force
        )
        return
    if out is None:
        raise UsageError("name a file for the calibrated features with --out FILE, or ask for --similarity")
    with who.opened() as engine:
        smoothed = calibrate.calibrate(
            features,
            dataset,
            options,
            root=manifests,
            out=places.of(out),
            force=force,
            watch=counting,
            work=Work.of(engine),
        )
    shown.show(lambda: report.smoothed(smoothed), lambda: report.smoothed_facts(smoothed))
    shown.say(report.summary(smoothed))
    if smoothed.left_alone:
        console.note(LEFT_ALONE.format(smoothed.left_alone))
    console.note(f"features written to {out}, statistics to {smoothed.statistics}")


def _compare(
    features: str,
    dataset: str | None,
    options: FdsOptions,
    alike: SimilarityOptions,
    shown: TableFormat,
    who: EngineOptions,
    *,
    anchor: float,
    root: Path,
    out: str | None,
    force: bool,
) -> None:
    """Measure how alike the bins are to the anchor's; draw it, write it, or show it."""
    from dircli.datasets.open import open_benchmark
    from dircli.features import calibrate
    from dircli.features.pieces import Work
    from dircli.report import features as report
    from dircli.store import places
    from dircli.store.outputs import check_outputs, input_paths

    outputs = [(name, places.of(path)) for name, path in (("--out", out), ("--plot", alike.plot)) if path is not None]
    check_outputs(outputs, [("FEATURES", path) for path in {places.of(features), *input_paths(features)}])
    against = open_benchmark(dataset, root, None)
    with who.opened() as engine:
        similar = calibrate.similarity(features, against, options, anchor=anchor, work=Work.of(engine))
    table = calibrate.similarity_csv(similar)
    if alike.plot is not None:
        from dircli.report.figures import data, figures

        picture = data.similar(similar, against)
        figures.write(alike.plot, picture, figures.Look(width=alike.width), dpi=alike.dpi, force=force)
        console.note(f"written to {alike.plot}")
    if out == "-":
        sys.stdout.buffer.write(table)
        return
    if out is not None:
        console.save(places.of(out), table, force=force)
    shown.show(lambda: report.similarity(similar), lambda: report.similarity_facts(similar))
    shown.say(report.strangers(similar))
    if line := report.distances(similar):
        shown.say(line)
