"""Pictures in the terminal: bars of letters, with the regions under them."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
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


def text(picture: Picture, *, width: int, using: Letters) -> str:
    """``picture`` as charts below each other, at most ``width`` columns wide, and at the end the regions' letters."""
    charts = list(_charts(picture))
    filled = np.any([np.nan_to_num(values) > 0 for _, values in charts], axis=0)
    columns = _columns(filled, max(NARROWEST, width) - MARGIN)
    titled = [(fill(title, max(NARROWEST, width)), values) for title, values in charts]
    parts = [_chart(title, values, picture.ground, columns, using) for title, values in titled]
    masks = regions(picture.ground).items()
    legend = "  ".join(f"{using.regions[name]} {name}" for name, mask in masks if mask[np.concatenate(columns)].any())
    return "\n\n".join([*parts, f"{' ' * MARGIN}{legend}"]) + "\n"


def _charts(picture: Picture) -> Iterator[tuple[str, FloatArray]]:
    """Each chart's title and its values by bin, (B,)."""
    ground = picture.ground
    if isinstance(picture, Density):
        for split, counts in picture.counts.items():
            yield f"{ground.name}, {split}: {ground.counted} per bin of {ground.label}", counts.astype(np.float64)
        return
    smooth = picture if isinstance(picture, Smoothing) else picture.smoothing
    yield f"{ground.name}: training {ground.counted} per bin of {ground.label}", ground.train.astype(np.float64)
    if isinstance(picture, Smoothing):
        yield f"effective density: {smooth.how}", smooth.effective
        yield f"weight of a training {ground.counted[:-1]}: {smooth.scheme}", smooth.weight
        return
    for curve in picture.curves:
        words = (("empirical", curve.empirical), ("effective", curve.effective))
        r = ", ".join(f"{name} {'undefined' if value is None else f'{value:+.2f}'}" for name, value in words)
        yield f"{curve.name}: MAE by target, {number(curve.overall)} over all; r with density: {r}", curve.mae


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


def _chart(title: str, values: FloatArray, ground: Ground, columns: list[IntArray], using: Letters) -> str:
    """One chart: its title, bars up to the highest column, the regions and the ends of the target's range."""
    heights = np.array([np.nanmean(part) if np.isfinite(part := values[bins]).any() else 0.0 for bins in columns])
    top = float(heights.max()) or 1.0
    shown, unit = scaled(top)
    height = f"{shown:.3g}{unit}" if unit else f"{shown:.4g}"
    full = len(using.bars) - 1
    steps = np.ceil(heights / top * HEIGHT * full).astype(int)
    lines = []
    for row in range(HEIGHT, 0, -1):
        label = height if row == HEIGHT else "0" if row == 1 else ""
        filled = np.clip(steps - (row - 1) * full, 0, full)
        lines.append(f"{label:>{MARGIN - 2}} {using.axis}" + "".join(using.bars[step] for step in filled))
    marks = "".join(using.regions[str(ground.regions[bins[len(bins) // 2]])] for bins in columns)
    first, last = f"{ground.edges[columns[0][0]]:g}", f"{ground.edges[columns[-1][-1] + 1]:g}"
    ends = first + last.rjust(max(len(last) + 1, len(columns) - len(first)))
    return "\n".join([title, *(line.rstrip() for line in lines), " " * MARGIN + marks, " " * MARGIN + ends])
