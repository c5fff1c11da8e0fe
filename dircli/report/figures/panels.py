"""The parts of pictures: each function draws one thing into one pair of axes. Values in, marks out.

The target's axis is the same in all: `Ground.limits`, and under it a strip that shows the regions.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.protocol import Thresholds
from dircli.report.figures.data import Curve, Errors, Ground, Similar, Smoothing, regions
from dircli.report.figures.style import (
    DATA,
    INK,
    MINUS,
    PALE,
    POINTS,
    REGION_COLOURS,
    SMOOTH,
    SYSTEM_LOOKS,
    UNBROKEN,
    fitted,
    short,
)
from dircli.report.values import number

CELLS = 50
LEVELS = 5
STRAY = 0.25
"""How far beyond the targets, as a share of their range, predictions are still shown."""
STEEP = 20
DASHES = (0, (4, 3))
BARS = {"fill": True, "linewidth": 0, "zorder": 2}
LINE = {"baseline": None, "linewidth": 1.4, "zorder": 3}
THIN = LINE | {"linewidth": 1.1}
FAINT = 0.18
STRIP, CLEAR = 0.06, 0.025
"""Inches that the strip of regions is high, and that are free above and below it."""
LABEL_WIDTH = 2.4
"""Inches that the target's label gets at most, which are those of the narrowest axes."""


def ground_line(axes: Any, ground: Ground) -> None:
    """The target's range with its label, and over it the regions as a strip, one band per stretch of bins."""
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    inches = axes.figure.dpi_scale_trans + ScaledTranslation(0, 0, axes.transAxes)
    place = blended_transform_factory(axes.transData, inches)
    for name, mask in regions(ground).items():
        steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
        ends = np.clip(ground.edges[steps].reshape(-1, 2), *ground.limits).tolist()
        if bands := [(low, high - low) for low, high in ends if high > low]:
            look = {"facecolor": REGION_COLOURS[name], "linewidth": 0, "clip_on": False}
            axes.broken_barh(bands, (-CLEAR - STRIP, STRIP), transform=place, **look)
    axes.spines["bottom"].set_position(("outward", (STRIP + 2 * CLEAR) * POINTS))
    axes.set_xlim(*ground.limits)
    axes.set_xlabel(fitted(ground.label, LABEL_WIDTH))


def keys(ground: Ground) -> tuple[list[Any], list[str]]:
    """What a legend of the regions that are shown is made of: patches and words."""
    from matplotlib.patches import Patch

    low, high = ground.limits
    within = (ground.edges[1:] > low) & (ground.edges[:-1] < high)
    words = region_words(ground.thresholds)
    names = [name for name, mask in regions(ground).items() if (mask & within).any()]
    patches = [Patch(facecolor=REGION_COLOURS[name], linewidth=0) for name in names]
    return patches, [f"{name} ({words[name]})" if name in words else name for name in names]


def region_words(thresholds: Thresholds | None) -> dict[str, str]:
    """What each region asks of a bin's training samples, as far as that is known."""
    if thresholds is None:
        return {"zero": "none"}
    many, few = short(thresholds.many), short(thresholds.few)
    return {"many": f"> {many}", "medium": f"{few} to {many}", "few": f"< {few}", "zero": "none"}


def counts(axes: Any, values: Any, ground: Ground, *, log: bool) -> None:
    """Counts per bin as bars."""
    ground_line(axes, ground)
    bottom, top = (0.5, max(2.0, float(values.max()) * 1.5)) if log else (0, max(1.0, float(values.max()) * 1.05))
    axes.stairs(np.maximum(values, bottom).astype(np.float64), ground.edges, baseline=bottom, color=DATA, **BARS)
    if log:
        axes.set_yscale("log")
    _few_ticks(axes.yaxis, whole=True)
    axes.set_ylim(bottom, top)
    axes.set_ylabel(f"{ground.counted} per bin")


def _few_ticks(axis: Any, *, whole: bool = False) -> None:
    """At most four labelled ticks, at round values; of a logarithmic axis few, at powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    if axis.get_scale() == "log":
        axis.set_major_locator(LogLocator(numticks=5))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(short))


def effective(axes: Any, smoothing: Smoothing) -> None:
    """Empirical density as bars and effective density as a line."""
    ground = smoothing.ground
    ground_line(axes, ground)
    axes.stairs(ground.train.astype(np.float64), ground.edges, color=PALE, **BARS)
    axes.stairs(smoothing.effective, ground.edges, color=SMOOTH, **LINE)
    _few_ticks(axes.yaxis, whole=True)
    axes.set_ylim(0, max(1.0, float(max(ground.train.max(), smoothing.effective.max())) * 1.05))
    axes.set_ylabel(f"{ground.counted} per bin")


def weights(axes: Any, smoothing: Smoothing) -> None:
    """The weight of a training sample by bin, with a line at the mean of 1; a log scale where weights differ a lot."""
    ground_line(axes, smoothing.ground)
    axes.stairs(smoothing.weight, smoothing.ground.edges, color=DATA, **LINE)
    axes.axhline(1, color=INK, linewidth=0.6, linestyle=DASHES, zorder=1)
    low, high = float(np.nanmin(smoothing.weight)), float(np.nanmax(smoothing.weight))
    if high > STEEP * low:
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low * 0.9)), 10 ** np.ceil(np.log10(high * 1.1)))
    else:
        axes.set_ylim(0, high * 1.08)
    _few_ticks(axes.yaxis)
    axes.set_ylabel("weight (mean 1)")


def error(axes: Any, curve: Curve, ground: Ground, *, top: float) -> None:
    """The MAE of each bin as a line up to ``top``; a gap is a bin without rows."""
    ground_line(axes, ground)
    axes.stairs(curve.mae, ground.edges, color=DATA, alpha=FAINT, **BARS)
    axes.stairs(curve.mae, ground.edges, color=DATA, **LINE)
    _of_errors(axes, ground, top)


def overlay(axes: Any, errors: Errors, *, top: float, columns: int) -> None:
    """The MAE of each bin of every file as a line, and above the axes which is which."""
    ground_line(axes, errors.ground)
    for curve, (colour, dashes) in zip(errors.curves, SYSTEM_LOOKS, strict=False):
        label = f"{fitted(curve.name)} {number(curve.overall)}"
        axes.stairs(curve.mae, errors.ground.edges, color=colour, linestyle=dashes, label=label, **THIN)
    _of_errors(axes, errors.ground, top)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "ncols": columns}
    look = {"frameon": False, "alignment": "left", "handlelength": 2.4, "borderpad": 0.1, "columnspacing": 1.2}
    axes.legend(title="MAE by target, and over all rows", **place, **look)


def _of_errors(axes: Any, ground: Ground, top: float) -> None:
    _few_ticks(axes.yaxis)
    axes.set_ylim(0, top)
    axes.set_ylabel(fitted(ground.measured("MAE")))


def similarity(axes: Any, picture: Similar, statistic: str) -> None:
    """Cosine similarity of a feature statistic with the anchor's by bin, a gap where it is undefined.

    The anchor is a dashed line; a dot marks a bin that is nearer to a far region than to its neighbours.
    """
    ground, values, far = picture.ground, picture.values[statistic], picture.far[statistic]
    ground_line(axes, ground)
    axes.stairs(values, ground.edges, color=DATA, **LINE)
    middle = (ground.edges[:-1] + ground.edges[1:]) / 2
    axes.axvline(middle[picture.anchor], color=INK, linewidth=0.7, linestyle=DASHES, zorder=1)
    axes.plot(middle[far], values[far], color=SMOOTH, marker="o", markersize=3, linestyle="none", zorder=4)
    low = float(np.nanmin(values, initial=1))
    room = (1 - low or 1) * 0.06
    axes.set_ylim(low - room, 1 + room)
    _few_ticks(axes.yaxis)
    axes.set_ylabel("cosine similarity")


def distances(axes: Any, by_epoch: FloatArray) -> None:
    """``by_epoch`` (E, 2), the distances of means and variances: two lines; a log scale where they differ a lot."""
    epochs = np.arange(1, len(by_epoch) + 1)
    for values, (colour, dashes) in zip(by_epoch.T, SYSTEM_LOOKS, strict=False):
        axes.plot(epochs, values, color=colour, linestyle=dashes, marker="o", markersize=3, linewidth=1.4, zorder=3)
    finite = by_epoch[np.isfinite(by_epoch)]
    low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=0))
    if 0 < STEEP * low < high:
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low * 0.9)), 10 ** np.ceil(np.log10(high * 1.1)))
    else:
        axes.set_ylim(0, high * 1.08 or 1.0)
    axes.set_xlim(0.8, len(by_epoch) + 0.2)
    _few_ticks(axes.xaxis, whole=True)
    _few_ticks(axes.yaxis)
    axes.set_xlabel("epoch")
    axes.set_ylabel("L1 per dimension")


def correlations(curve: Curve) -> str:
    """Pearson's r of the error with both densities, in words."""
    return f"empirical{UNBROKEN}{signed(curve.empirical)}, effective{UNBROKEN}{signed(curve.effective)}"


def signed(value: float | None, decimals: int = 2) -> str:
    """A number with its sign, as it is printed; a minus is a minus, not a dash."""
    return "undefined" if value is None else f"{value:+.{decimals}f}".replace("-", MINUS)


def gain(axes: Any, errors: Errors) -> None:
    """What the second file gains over the first, by bin: above zero it errs less; a gap is a bin without rows."""
    values, edges = errors.gain, errors.ground.edges
    assert values is not None  # noqa: S101 - callers draw this of two files only
    ground_line(axes, errors.ground)
    axes.stairs(np.maximum(values, 0), edges, color=DATA, **BARS)
    axes.stairs(np.minimum(values, 0), edges, color=SMOOTH, **BARS)
    axes.stairs(np.where(np.isnan(values), np.nan, 0.0), edges, color=INK, **LINE | {"linewidth": 0.6})
    _few_ticks(axes.yaxis)
    reach = float(np.nanmax(np.abs(values), initial=0)) * 1.08 or 1.0
    axes.set_ylim(-reach, reach)
    axes.set_ylabel(fitted(errors.ground.measured("gain in MAE")))


def agreement(axes: Any, curve: Curve, ground: Ground) -> str:
    """Predicted against true, as cells of whole bins, the stronger the more rows they hold; and what a cell holds."""
    from matplotlib.collections import PolyCollection

    limits = ground.limits
    reach = (limits[1] - limits[0]) * STRAY
    low = max(limits[0] - reach, min(limits[0], float(curve.prediction.min())))
    high = min(limits[1] + reach, max(limits[1], float(curve.prediction.max())))
    x = ground.edges[(ground.edges >= limits[0]) & (ground.edges <= limits[1])]
    x = np.append(x[: -1 : -(-(x.size - 1) // CELLS)], x[-1])
    y = np.linspace(low, high, CELLS + 1)
    rows, _, _ = np.histogram2d(curve.target, curve.prediction, bins=(x, y))
    most = int(rows.max(initial=0))
    bounds = np.unique(np.geomspace(1, max(2, most + 1), LEVELS + 1).round())
    for level, (floor, ceiling) in enumerate(pairwise(bounds), 1):
        corners = [
            ((x[i], y[j]), (x[i + 1], y[j]), (x[i + 1], y[j + 1]), (x[i], y[j + 1]))
            for i, j in np.argwhere((rows >= floor) & (rows < ceiling))
        ]
        alpha = 0.15 + 0.85 * level / (len(bounds) - 1)
        cells = PolyCollection(corners, facecolor=DATA, alpha=alpha, linewidth=0, zorder=2, antialiased=False)
        axes.add_collection(cells)
    axes.plot(limits, limits, color=INK, linewidth=0.7, linestyle=DASHES, zorder=3)
    ground_line(axes, ground)
    axes.set_ylim(low, high)
    _few_ticks(axes.xaxis)
    _few_ticks(axes.yaxis)
    axes.set_xlabel(fitted(f"true {ground.label}"))
    axes.set_ylabel(fitted(ground.measured("predicted")))
    beyond = curve.target.size - int(rows.sum())
    words = f"faint to strong: 1 to {most:,} rows" if most > 1 else "each cell is one row"
    lie = "1 lies beyond" if beyond == 1 else f"{beyond:,} lie beyond"
    return f"{words}; {lie}" if beyond else words
