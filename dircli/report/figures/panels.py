"""The parts of pictures: each function draws one thing into one pair of axes. Values in, marks out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.report.figures.data import regions
from dircli.report.figures.style import (
    DATA,
    INK,
    MINUS,
    PALE,
    REGION_LOOKS,
    SIZE,
    SMOOTH,
    UNBROKEN,
    fitted,
    measured,
    short,
    wrapped,
)

if TYPE_CHECKING:
    from dircli.arrays import BoolArray, FloatArray
    from dircli.benchmark.protocol import Thresholds
    from dircli.report.figures.data import Curve, Errors, Ground, Smoothing

CELLS = 50
LEVELS = 5
HATCHED = 0.55
STRAY = 0.25
"""How far beyond the targets, as a share of their range, predictions are still shown."""
STEEP = 20


def span(edges: FloatArray, held: BoolArray, *, around: int = 0) -> tuple[float, float]:
    """The range of the target from the first bin of ``held`` (B,) to the last, and ``around`` bins more at each end."""
    found = np.flatnonzero(held)
    first, last = (found[0], found[-1]) if found.size else (0, held.size - 1)
    return float(edges[max(0, first - around)]), float(edges[min(held.size, last + 1 + around)])


def shade(axes: Any, ground: Ground, limits: tuple[float, float]) -> None:
    """The regions as bands behind everything, and the target's range."""
    for name, mask in regions(ground).items():
        if bands := _runs(ground.edges, mask, limits):
            for look in _looks(name):
                axes.broken_barh(bands, (0, 1), transform=axes.get_xaxis_transform(), zorder=0, **look)
    axes.set_xlim(*limits)


def _looks(region: str) -> list[dict[str, Any]]:
    """How a region is filled: its tint, then its hatching alone, because an SVG cannot mix the two."""
    face, alpha, hatch = REGION_LOOKS[region]
    tint = {"facecolor": (face, alpha), "linewidth": 0}
    return (
        [tint, {"facecolor": "none", "edgecolor": (face, HATCHED), "hatch": hatch, "linewidth": 0}] if hatch else [tint]
    )


def _runs(edges: FloatArray, mask: BoolArray, limits: tuple[float, float]) -> list[tuple[float, float]]:
    """Where ``mask`` (B,) holds within ``limits``: start and width of each stretch."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    ends = np.clip(edges[steps].reshape(-1, 2), *limits)
    return [(float(low), float(high - low)) for low, high in ends if high > low]


def keys(ground: Ground, limits: tuple[float, float]) -> tuple[list[Any], list[str]]:
    """What a legend of the regions within ``limits`` is made of: patches and words."""
    from matplotlib.patches import Patch

    within = (ground.edges[1:] > limits[0]) & (ground.edges[:-1] < limits[1])
    words = region_words(ground.thresholds)
    held = [name for name, mask in regions(ground).items() if (mask & within).any()]
    patches = [tuple(Patch(**look) for look in _looks(name)) for name in held]
    return patches, [f"{name} ({words[name]})" for name in held]


def region_words(thresholds: Thresholds) -> dict[str, str]:
    """What each region asks of a bin's training samples."""
    many, few = short(thresholds.many), short(thresholds.few)
    return {"many": f"> {many}", "medium": f"{few} to {many}", "few": f"< {few}", "zero": "none"}


def bars(axes: Any, values: FloatArray, edges: FloatArray, *, colour: str = DATA) -> None:
    """A filled step over each bin; NaN is a gap."""
    axes.stairs(values, edges, fill=True, color=colour, linewidth=0, zorder=2)


def counts(axes: Any, values: Any, edges: FloatArray, *, log: bool) -> None:
    """Counts per bin as bars."""
    if log:
        axes.set_yscale("log")
        bottom = 0.5
        axes.stairs(np.maximum(values, bottom), edges, baseline=bottom, fill=True, color=DATA, linewidth=0, zorder=2)
        axes.set_ylim(bottom, max(2.0, float(values.max()) * 1.5))
        decades(axes)
    else:
        bars(axes, values.astype(np.float64), edges)
        axes.set_ylim(0, max(1.0, float(values.max()) * 1.05))
        few_ticks(axes.yaxis, whole=True)


def few_ticks(axis: Any, most: int = 4, *, whole: bool = False) -> None:
    """At most a few labelled ticks, at round values."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(short))


def decades(axes: Any) -> None:
    """Ticks at a few powers of ten, none between."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.yaxis.set_major_locator(LogLocator(numticks=5))
    axes.yaxis.set_major_formatter(FuncFormatter(short))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def effective(axes: Any, found: Smoothing, limits: tuple[float, float]) -> None:
    """Empirical density as bars and effective density as a line."""
    ground = found.ground
    shade(axes, ground, limits)
    bars(axes, ground.train.astype(np.float64), ground.edges, colour=PALE)
    axes.stairs(found.effective, ground.edges, baseline=None, color=SMOOTH, linewidth=1.4, zorder=3)
    axes.set_ylim(0, max(1.0, float(max(ground.train.max(), found.effective.max())) * 1.05))
    few_ticks(axes.yaxis, whole=True)
    axes.set_ylabel(f"{ground.counted} per bin")


def weights(axes: Any, found: Smoothing, limits: tuple[float, float]) -> None:
    """The weight of a training sample by bin, with a line at the mean of 1; a log scale where weights differ a lot."""
    shade(axes, found.ground, limits)
    held = found.weight[np.isfinite(found.weight)]
    low, high = float(held.min()), float(held.max())
    axes.stairs(found.weight, found.ground.edges, baseline=None, color=DATA, linewidth=1.4, zorder=3)
    axes.axhline(1, color=INK, linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
    if high > STEEP * low:
        axes.set_yscale("log")
        axes.set_ylim(10 ** np.floor(np.log10(low * 0.9)), 10 ** np.ceil(np.log10(high * 1.1)))
        decades(axes)
    else:
        axes.set_ylim(0, high * 1.08)
        few_ticks(axes.yaxis)
    axes.set_ylabel("weight")


def error(axes: Any, curve: Curve, ground: Ground, limits: tuple[float, float], *, top: float) -> None:
    """The MAE of each bin as bars up to ``top``."""
    shade(axes, ground, limits)
    bars(axes, curve.mae, ground.edges)
    axes.set_ylim(0, top)
    few_ticks(axes.yaxis)
    axes.set_ylabel("MAE")


def correlations(curve: Curve) -> str:
    """What the error has to do with the density, in words."""
    words = (
        f"{name}{UNBROKEN}{signed(value)}"
        for name, value in (("empirical", curve.empirical), ("effective", curve.effective))
    )
    return f"Pearson's r of MAE with density: {', '.join(words)}"


def signed(value: float | None, decimals: int = 2) -> str:
    """A number with its sign, as it is printed; a minus is a minus, not a dash."""
    return "undefined" if value is None else f"{value:+.{decimals}f}".replace("-", MINUS)


def gain(axes: Any, found: Errors, limits: tuple[float, float]) -> None:
    """What the second file gains over the first, by bin: above zero it errs less."""
    values = found.gain
    assert values is not None  # noqa: S101 - callers draw this of two files only
    shade(axes, found.ground, limits)
    edges = found.ground.edges
    bars(axes, np.where(values > 0, values, np.where(np.isnan(values), np.nan, 0)), edges)
    bars(axes, np.where(values < 0, values, np.where(np.isnan(values), np.nan, 0)), edges, colour=SMOOTH)
    axes.axhline(0, color=INK, linewidth=0.6, zorder=3)
    reach = float(np.nanmax(np.abs(values), initial=0)) * 1.08 or 1.0
    axes.set_ylim(-reach, reach)
    few_ticks(axes.yaxis)
    axes.set_ylabel("gain in MAE")


def agreement(axes: Any, curve: Curve, edges: FloatArray, limits: tuple[float, float]) -> str:
    """Predicted against true, as cells of whole bins, the stronger the more rows they hold; and what a cell holds."""
    from matplotlib.collections import PolyCollection

    reach = (limits[1] - limits[0]) * STRAY
    low = max(limits[0] - reach, min(limits[0], float(curve.prediction.min())))
    high = min(limits[1] + reach, max(limits[1], float(curve.prediction.max())))
    x = edges[(edges >= limits[0]) & (edges <= limits[1])]
    x = np.append(x[: -1 : -(-(x.size - 1) // CELLS)], x[-1])
    y = np.linspace(low, high, CELLS + 1)
    held, _, _ = np.histogram2d(curve.target, curve.prediction, bins=(x, y))
    most = int(held.max(initial=0))
    bounds = np.unique(np.geomspace(1, max(2, most + 1), LEVELS + 1).round())
    for level, (floor, ceiling) in enumerate(pairwise(bounds), 1):
        columns, rows = np.nonzero((held >= floor) & (held < ceiling))
        corners = [
            ((x[c], y[r]), (x[c + 1], y[r]), (x[c + 1], y[r + 1]), (x[c], y[r + 1]))
            for c, r in zip(columns, rows, strict=True)
        ]
        share = level / (len(bounds) - 1)
        axes.add_collection(
            PolyCollection(corners, facecolor=DATA, alpha=0.15 + 0.85 * share, linewidth=0, zorder=2, antialiased=False)
        )
    axes.plot(limits, limits, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=3)
    axes.set_xlim(*limits)
    axes.set_ylim(low, high)
    few_ticks(axes.xaxis)
    few_ticks(axes.yaxis)
    axes.set_ylabel("predicted")
    outside = curve.target.size - int(held.sum())
    beyond = f"; {outside:,} lie beyond" if outside else ""
    return f"faint to strong: 1 to {most:,} rows{beyond}"


def title(axes: Any, text: str, inches: float, *, name: str = "") -> None:
    """A title in lines that fit ``inches``; the ``name`` before it gives way where it is too long."""
    head = f"{fitted(name, inches - measured(' MAE 000.000'))}: " if name else ""
    axes.set_title(wrapped(head + text, inches), fontsize=SIZE)
