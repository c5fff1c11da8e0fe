"""The parts of pictures: each function draws one thing into one pair of axes. Values in, marks out.

``limits`` is always the range of the target that is shown, in its unit.
"""

from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from dircli.arrays import BoolArray, FloatArray
from dircli.benchmark.protocol import Thresholds
from dircli.report.figures.data import Curve, Errors, Ground, Smoothing, regions
from dircli.report.figures.style import DATA, INK, MINUS, PALE, REGION_LOOKS, SMOOTH, UNBROKEN, fitted, short

Limits: TypeAlias = tuple[float, float]

CELLS = 50
LEVELS = 5
HATCHED = 0.55
STRAY = 0.25
"""How far beyond the targets, as a share of their range, predictions are still shown."""
STEEP = 20
DASHES = (0, (4, 3))
BARS = {"fill": True, "linewidth": 0, "zorder": 2}
LINE = {"baseline": None, "linewidth": 1.4, "zorder": 3}
LABEL_WIDTH = 2.4
"""Inches that the target's label gets at most, which are those of the narrowest axes."""


def span(edges: FloatArray, shown: BoolArray, *, around: int = 0) -> Limits:
    """The range of the target from the first to the last bin of ``shown`` (B,), and ``around`` more at each end."""
    bins = np.flatnonzero(shown)
    first, last = (bins[0], bins[-1]) if bins.size else (0, shown.size - 1)
    return float(edges[max(0, first - around)]), float(edges[min(shown.size, last + 1 + around)])


def shade(axes: Any, ground: Ground, limits: Limits) -> None:
    """The regions as bands behind everything, one per stretch of bins, and the target's range with its label."""
    for name, mask in regions(ground).items():
        steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
        ends = np.clip(ground.edges[steps].reshape(-1, 2), *limits).tolist()
        if bands := [(low, high - low) for low, high in ends if high > low]:
            for look in _looks(name):
                axes.broken_barh(bands, (0, 1), transform=axes.get_xaxis_transform(), zorder=0, **look)
    axes.set_xlim(*limits)
    axes.set_xlabel(fitted(ground.label, LABEL_WIDTH))


def _looks(region: str) -> list[dict[str, Any]]:
    """How a region is filled: its tint, then its hatching alone, because an SVG cannot mix the two."""
    face, alpha, hatch = REGION_LOOKS[region]
    tint = {"facecolor": (face, alpha), "linewidth": 0}
    hatching = {"facecolor": "none", "edgecolor": (face, HATCHED), "hatch": hatch, "linewidth": 0}
    return [tint, hatching] if hatch else [tint]


def keys(ground: Ground, limits: Limits) -> tuple[list[Any], list[str]]:
    """What a legend of the regions within ``limits`` is made of: patches and words."""
    from matplotlib.patches import Patch

    within = (ground.edges[1:] > limits[0]) & (ground.edges[:-1] < limits[1])
    words = region_words(ground.thresholds)
    names = [name for name, mask in regions(ground).items() if (mask & within).any()]
    patches = [tuple(Patch(**look) for look in _looks(name)) for name in names]
    return patches, [f"{name} ({words[name]})" if name in words else name for name in names]


def region_words(thresholds: Thresholds | None) -> dict[str, str]:
    """What each region asks of a bin's training samples, as far as that is known."""
    if thresholds is None:
        return {"zero": "none"}
    many, few = short(thresholds.many), short(thresholds.few)
    return {"many": f"> {many}", "medium": f"{few} to {many}", "few": f"< {few}", "zero": "none"}


def counts(axes: Any, values: Any, ground: Ground, limits: Limits, *, log: bool) -> None:
    """Counts per bin as bars."""
    shade(axes, ground, limits)
    bottom, top = (0.5, max(2.0, float(values.max()) * 1.5)) if log else (0, max(1.0, float(values.max()) * 1.05))
    axes.stairs(np.maximum(values, bottom).astype(np.float64), ground.edges, baseline=bottom, color=DATA, **BARS)
    if log:
        axes.set_yscale("log")
    _few_ticks(axes.yaxis, whole=True)
    axes.set_ylim(bottom, top)


def _few_ticks(axis: Any, *, whole: bool = False) -> None:
    """At most four labelled ticks, at round values; of a logarithmic axis few, at powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    if axis.get_scale() == "log":
        axis.set_major_locator(LogLocator(numticks=5))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(short))


def effective(axes: Any, smoothing: Smoothing, limits: Limits) -> None:
    """Empirical density as bars and effective density as a line."""
    ground = smoothing.ground
    shade(axes, ground, limits)
    axes.stairs(ground.train.astype(np.float64), ground.edges, color=PALE, **BARS)
    axes.stairs(smoothing.effective, ground.edges, color=SMOOTH, **LINE)
    _few_ticks(axes.yaxis, whole=True)
    axes.set_ylim(0, max(1.0, float(max(ground.train.max(), smoothing.effective.max())) * 1.05))
    axes.set_ylabel(f"{ground.counted} per bin")


def weights(axes: Any, smoothing: Smoothing, limits: Limits) -> None:
    """The weight of a training sample by bin, with a line at the mean of 1; a log scale where weights differ a lot."""
    shade(axes, smoothing.ground, limits)
    axes.stairs(smoothing.weight, smoothing.ground.edges, color=DATA, **LINE)
    axes.axhline(1, color=INK, linewidth=0.6, linestyle=DASHES, zorder=1)
    low, high = float(np.nanmin(smoothing.weight)), float(np.nanmax(smoothing.weight))
    if high > STEEP * low:
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low * 0.9)), 10 ** np.ceil(np.log10(high * 1.1)))
    else:
        axes.set_ylim(0, high * 1.08)
    _few_ticks(axes.yaxis)
    axes.set_ylabel("weight")


def error(axes: Any, curve: Curve, ground: Ground, limits: Limits, *, top: float) -> None:
    """The MAE of each bin as bars up to ``top``."""
    shade(axes, ground, limits)
    axes.stairs(curve.mae, ground.edges, color=DATA, **BARS)
    _few_ticks(axes.yaxis)
    axes.set_ylim(0, top)
    axes.set_ylabel("MAE")


def correlations(curve: Curve) -> str:
    """Pearson's r of the error with both densities, in words."""
    return f"empirical{UNBROKEN}{signed(curve.empirical)}, effective{UNBROKEN}{signed(curve.effective)}"


def signed(value: float | None, decimals: int = 2) -> str:
    """A number with its sign, as it is printed; a minus is a minus, not a dash."""
    return "undefined" if value is None else f"{value:+.{decimals}f}".replace("-", MINUS)


def gain(axes: Any, errors: Errors, limits: Limits) -> None:
    """What the second file gains over the first, by bin: above zero it errs less."""
    values, edges = errors.gain, errors.ground.edges
    assert values is not None  # noqa: S101 - callers draw this of two files only
    shade(axes, errors.ground, limits)
    axes.stairs(np.maximum(values, 0), edges, color=DATA, **BARS)
    axes.stairs(np.minimum(values, 0), edges, color=SMOOTH, **BARS)
    axes.axhline(0, color=INK, linewidth=0.6, zorder=3)
    _few_ticks(axes.yaxis)
    reach = float(np.nanmax(np.abs(values), initial=0)) * 1.08 or 1.0
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("gain in MAE")


def agreement(axes: Any, curve: Curve, ground: Ground, limits: Limits) -> str:
    """Predicted against true, as cells of whole bins, the stronger the more rows they hold; and what a cell holds."""
    from matplotlib.collections import PolyCollection

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
    axes.set_xlim(*limits)
    axes.set_ylim(low, high)
    _few_ticks(axes.xaxis)
    _few_ticks(axes.yaxis)
    axes.set_xlabel(fitted(f"true {ground.label}"))
    axes.set_ylabel("predicted")
    beyond = curve.target.size - int(rows.sum())
    return f"faint to strong: 1 to {most:,} rows" + (f"; {beyond:,} lie beyond" if beyond else "")
