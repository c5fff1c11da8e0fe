"""Pictures in the terminal: bars of letters, with the regions under them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.errors import UsageError
from dircli.report.figures.data import Density, Ground, Picture, Smoothing, regions
from dircli.report.figures.style import scaled
from dircli.report.values import number

HEIGHT = 8
MARGIN = 9
NARROWEST = 40


@dataclass(frozen=True)
class Letters:
    """What bars, axis and regions are drawn with; ``bars`` grow from empty to full."""

    bars: str
    axis: str
    regions: dict[str, str]


BLOCKS = Letters(" ▁▂▃▄▅▆▇█", "┤", {"many": "█", "medium": "▒", "few": "░", "zero": "·"})
ASCII = Letters(" .:-=+*#", "|", {"many": "#", "medium": "=", "few": "-", "zero": "."})


def letters(encoding: str | None) -> Letters:
    """Blocks where a stream of ``encoding`` can show them, else ASCII."""
    try:
        "".join((BLOCKS.bars, BLOCKS.axis, *BLOCKS.regions.values())).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


@dataclass(frozen=True)
class Chart:
    """One chart: the panel that it is, its title, and its values by bin, (B,); those of counts are 0 where none is."""

    panel: str
    title: str
    values: FloatArray
    counts: bool = False


def text(picture: Picture, *, width: int, using: Letters, panels: Sequence[str] = ()) -> str:
    """``picture`` as charts below each other, at most ``width`` columns wide, and at the end the regions' letters.

    Only the ``panels`` are drawn, where some are named; UsageError for one that there is not.
    """
    charts = list(_charts(picture))
    known = list(dict.fromkeys(chart.panel for chart in charts))
    if unknown := [name for name in panels if name not in known]:
        raise UsageError(f"--panel {', '.join(unknown)}: with letters this picture has {', '.join(known)}")
    charts = [chart for name in panels or known for chart in charts if chart.panel == name]
    edges, (low, high) = picture.ground.edges, picture.ground.limits
    columns = _columns((edges[1:] > low) & (edges[:-1] < high), max(NARROWEST, width) - MARGIN)
    heights = [_heights(chart, columns) for chart in charts]
    tops: dict[str, float] = {}  # charts of one panel have one scale
    for chart, each in zip(charts, heights, strict=True):
        tops[chart.panel] = max(tops.get(chart.panel, 0.0), float(np.nanmax(each, initial=0)))
    below = _axis(picture.ground, columns, using)
    parts = [
        "\n".join([fill(chart.title, max(NARROWEST, width)), *_bars(chart, each, tops[chart.panel], using), *below])
        for chart, each in zip(charts, heights, strict=True)
    ]
    masks = regions(picture.ground).items()
    legend = "  ".join(f"{using.regions[name]} {name}" for name, mask in masks if mask[np.concatenate(columns)].any())
    size = columns[0].size
    averaged = f"\neach column is the mean of {size} bins" if size > 1 else ""
    return "\n\n".join([*parts, f"{' ' * MARGIN}{legend}{averaged}"]) + "\n"


def _charts(picture: Picture) -> Iterator[Chart]:
    """Each chart of the picture."""
    ground = picture.ground
    if isinstance(picture, Density):
        for split, counts in picture.counts.items():
            title = f"{ground.name}, {split}: {ground.counted} per bin of {ground.label}"
            yield Chart(split, title, counts.astype(np.float64), counts=True)
        return
    smooth = picture if isinstance(picture, Smoothing) else picture.smoothing
    density = "effective" if isinstance(picture, Smoothing) else "density"
    title = f"{ground.name}: training {ground.counted} per bin of {ground.label}"
    yield Chart(density, title, ground.train.astype(np.float64), counts=True)
    if isinstance(picture, Smoothing):
        yield Chart("effective", f"effective density: {smooth.how}", smooth.effective, counts=True)
        yield Chart("weight", f"weight of a training {ground.counted[:-1]}: {smooth.weighting}", smooth.weight)
        return
    for curve in picture.curves:
        words = (("empirical", curve.empirical), ("effective", curve.effective))
        r = ", ".join(f"{name} {'undefined' if value is None else f'{value:+.2f}'}" for name, value in words)
        title = (
            f"{curve.name}: {ground.measured('MAE')} by target, {number(curve.overall)} over all; r with density: {r}"
        )
        yield Chart("error", title, curve.mae)


def _columns(filled: AnyArray, room: int) -> list[IntArray]:
    """The bins of each column, from the first that is ``filled`` (B,) to the last.

    A column holds several bins where they are more than the ``room``, in letters.
    """
    bins = np.flatnonzero(filled)
    shown = np.arange(bins[0], bins[-1] + 1) if bins.size else np.arange(filled.size)
    if shown.size <= room:
        return [shown[k : k + 1] for k in range(shown.size) for _ in range(room // shown.size)]
    each = -(-shown.size // room)
    return [shown[k : k + each] for k in range(0, shown.size, each)]


def _heights(chart: Chart, columns: list[IntArray]) -> FloatArray:
    """The mean of the values of each column, NaN where it has none."""
    parts = [part[np.isfinite(part)] for part in (chart.values[bins] for bins in columns)]
    return np.array([part.mean() if part.size else np.nan for part in parts])


def _bars(chart: Chart, heights: FloatArray, top: float, using: Letters) -> list[str]:
    """The lines of one chart with bars of these ``heights``, one per column, up to ``top``.

    A column without values is a gap; where 0 is a value, and no count, it is the lowest of bars.
    """
    shown, unit = scaled(top or 1.0)
    height = f"{shown:.3g}{unit}" if unit else f"{shown:.4g}"
    full = len(using.bars) - 1
    least = np.isfinite(heights) & (not chart.counts)
    steps = np.maximum(np.ceil(np.nan_to_num(heights) / (top or 1.0) * HEIGHT * full).astype(int), least)
    lines = []
    for row in range(HEIGHT, 0, -1):
        label = height if row == HEIGHT else "0" if row == 1 else ""
        filled = np.clip(steps - (row - 1) * full, 0, full)
        lines.append(f"{label:>{MARGIN - 2}} {using.axis}" + "".join(using.bars[step] for step in filled))
    return [line.rstrip() for line in lines]


def _axis(ground: Ground, columns: list[IntArray], using: Letters) -> list[str]:
    """The lines below a chart: the region of each column, and the ends of the target's range."""
    marks = "".join(using.regions[str(ground.regions[bins[len(bins) // 2]])] for bins in columns)
    first, last = f"{ground.edges[columns[0][0]]:.15g}", f"{ground.edges[columns[-1][-1] + 1]:.15g}"
    ends = first + last.rjust(max(len(last) + 1, len(columns) - len(first)))
    return [" " * MARGIN + marks, " " * MARGIN + ends]
