"""`dir suggest`: the LDS kernel that the training labels speak for."""

from dataclasses import asdict, replace
from pathlib import Path

from dircli.cli.options import Force, ManifestOptions, OptionalName, Protocol, Quiet, TableFormat, option
from dircli.report import console

UNKNOWN = (
    "labels cannot tell whether a network errs less with these weights: a wider window may help where neighbouring "
    "targets share features. Train with the default, too, and choose by the scores on val"
)
NONE = (
    "no smoothing foretells the labels best: bins have samples enough, or labels keep to certain values. Reasons to "
    "smooth can then lie in shared features alone; published LDS results are of the default"
)
PIXELS = "pixels of one image are much alike: the errors are too small, and narrow windows look better than they are"


def suggest(
    *,
    name: OptionalName = None,
    protocol: Protocol = "released",
    shown: TableFormat,
    plot: Path | None = option(
        None, "A .png, .svg or .pdf file: empirical and effective density by the default and as suggested."
    ),
    where: ManifestOptions,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Suggest --kernel, --ks and --sigma for LDS, from the training counts alone.

    Each training sample is left out in turn; the better the effective density of all others foretells its bin, the
    better the window (mean log-likelihood, in nats). Windows that differ by no more than the standard error of that
    are as good as each other, and the smallest is suggested. Tried are all sizes to 31, sigma 0.5 to 10, and none.
    """
    from dircli.datasets.open import open_benchmark
    from dircli.report import tables
    from dircli.weights import suggest as windows
    from dircli.weights.schemes import WeightOptions

    if plot is not None:
        from dircli.report.figures import figures

        figures.check(plot)
    name, manifests = where.located(name)
    against = open_benchmark(name, manifests, None)
    train = against.table.counts["train"]
    made = windows.suggest(train, against.rules.weights, protocol)
    if plot is not None:
        from dircli.report.figures import data

        default, each = data.smoothing(against, WeightOptions(protocol=protocol)), made.chosen
        options = WeightOptions(kernel=each.kernel, ks=each.ks, sigma=each.sigma or 1, protocol=protocol)
        picture = replace(data.smoothing(against, options), beside=default)
        figures.write(plot, default if made.choice == "default" else picture, force=force)
        console.note(f"written to {plot}")
    facts = {"name": against.name, "protocol": protocol, "counted": against.unit, "n": int(train.sum())}
    shown.show(lambda: tables.suggestion(made), lambda: {**facts, **asdict(made)})
    if shown.form == "json":
        return
    shown.say(f"{against.name}: {made.chosen.words}, by {train.sum():,} training {against.unit}, {protocol} protocol")
    for said, applies in ((NONE, made.chosen.kernel == "none"), (PIXELS, against.unit == "pixels"), (UNKNOWN, True)):
        if applies:
            console.note(said)
