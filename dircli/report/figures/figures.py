"""Pictures: panels put together into figures, after Fig. 2, 3, 6 and 7 of the paper."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.errors import UsageError
from dircli.report.figures import panels, style
from dircli.report.figures.data import Density, Errors, Smoothing
from dircli.store import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dircli.report.figures.data import Curve, Ground, Picture

WIDTH = 7.0
NARROWEST, WIDEST = 3.0, 20.0
TWO_COLUMNS = 5.5
SHARE = 0.62
"""How much of the width the left one of two columns has."""
MARGIN = 0.65
MOST = 8
LEGEND_SIZE = style.SIZE - 1
LEGEND = {"frameon": False, "alignment": "left", "handlelength": 1.8, "handleheight": 1.0, "borderpad": 0.1}
COLUMN = 3.8
"""The width of a picture in a report, which a phone shows at about its size."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a figure: how high its axes are, in inches, and what draws on the left and on the right.

    What draws takes the axes and the room for a title, in inches. ``aside`` are words, which narrow pictures leave out.
    """

    height: float
    left: Callable[..., None]
    right: Callable[..., None]
    aside: bool = False


def write(path: Path, picture: Picture, *, width: float = WIDTH, log: bool = False) -> None:
    """Draw ``picture``, ``width`` inches wide, into ``path``: PNG, SVG or PDF by its ending."""
    form = check(path, width)
    with style.style():
        files.write(path, style.saved(drawn(picture, width=width, log=log), form))


def check(path: Path, width: float = WIDTH) -> str:
    """The format of ``path``; UsageError where it, the width or matplotlib stands against a picture."""
    style.need()
    if not NARROWEST <= width <= WIDEST:
        raise UsageError(f"a picture can be {NARROWEST:g} to {WIDEST:g} inches wide, and {width:g} is not")
    return style.kind(path)


def drawn(picture: Picture, *, width: float = WIDTH, log: bool = False) -> Any:
    """The figure of ``picture``; call it within `style.style`."""
    if isinstance(picture, Density):
        return density(picture, width=width, log=log)
    if isinstance(picture, Smoothing):
        return smoothing(picture, width=width)
    if len(picture.curves) > MOST:
        raise UsageError(f"{len(picture.curves)} files are more than one picture can show; give up to {MOST}")
    return errors(picture, width=width, log=log)


def density(found: Density, *, width: float, log: bool = False) -> Any:
    """Label density by split, regions shaded (Fig. 6)."""
    ground, splits = found.ground, found.counts
    heights = [1.9 if split == "train" else 0.8 for split in splits]
    figure = style.canvas(width, sum(heights) + 0.25 * len(splits) + 0.8)
    rows = figure.subplots(len(splits), 1, squeeze=False, height_ratios=heights)[:, 0]
    limits = panels.span(ground.edges, np.sum(list(splits.values()), axis=0) > 0)
    for axes, (split, counts) in zip(rows, splits.items(), strict=True):
        panels.shade(axes, ground, limits)
        panels.counts(axes, counts, ground.edges, log=log)
        panels.title(axes, f"{split}: {counts.sum():,} {ground.counted}", width - MARGIN)
        axes.tick_params(labelbottom=axes is rows[-1])
    rows[-1].set_xlabel(ground.label)
    figure.supylabel(f"{ground.counted} per bin", fontsize=style.SIZE)
    _legend_above(figure, ground, limits, width)
    return figure


def smoothing(found: Smoothing, *, width: float) -> Any:
    """Empirical against effective density, and the weights they give (Fig. 3)."""
    ground, room = found.ground, width - MARGIN
    figure = style.canvas(width, 4.4)
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 2])
    limits = panels.span(ground.edges, ground.train > 0, around=2)
    panels.effective(upper, found, limits)
    panels.title(upper, f"training density: empirical (bars) and effective (line; {found.how})", room)
    upper.tick_params(labelbottom=False)
    panels.weights(lower, found, limits)
    panels.title(lower, f"weight of a training {ground.counted[:-1]} ({found.scheme}; dashed: their mean, 1)", room)
    lower.set_xlabel(ground.label)
    _legend_above(figure, ground, limits, width)
    return figure


def errors(found: Errors, *, width: float, log: bool = False) -> Any:
    """Training density, and per file error by target and predicted against true (Fig. 2); of two the gain (Fig. 7).

    Wide pictures have two columns; in narrow ones everything stands below each other.
    """
    limits, top = extent(found)
    train = partial(_train, found, limits=limits, log=log)
    rows = [Row(height=0.9, left=train, right=partial(_legend_beside, found, limits=limits), aside=True)]
    rows += [
        Row(
            height=1.9,
            left=partial(error, found, curve, limits=limits, top=top),
            right=partial(agreement, found, curve, limits=limits),
        )
        for curve in found.curves
    ]
    if found.gain is not None:
        rows.append(Row(height=1.6, left=partial(gain, found, limits=limits), right=partial(_gains, found), aside=True))
    if width >= TWO_COLUMNS:
        return _beside(rows, width)
    figure = _below(rows, width)
    _legend_above(figure, found.ground, limits, width)
    return figure


def extent(found: Errors) -> tuple[tuple[float, float], float]:
    """The range of the target that has rows, and the height of the error axes: the same for every file."""
    top = max(float(np.nanmax(curve.mae)) for curve in found.curves) * 1.05
    return panels.span(found.ground.edges, found.rows > 0), top or 1.0


def _beside(rows: list[Row], width: float) -> Any:
    """Two columns; an axis is labelled where the one below it is another."""
    heights = [row.height for row in rows]
    figure = style.canvas(width, sum(heights) + 0.4 * len(rows) + 0.3)
    grid = figure.subplots(len(rows), 2, squeeze=False, height_ratios=heights, width_ratios=[SHARE, 1 - SHARE])
    for place, (row, (left, right)) in enumerate(zip(rows, grid, strict=True)):
        row.left(left, room=width * SHARE - MARGIN)
        row.right(right, room=width * (1 - SHARE) - MARGIN)
        below = rows[place + 1 :]
        for axes, last in ((left, not below), (right, not below or below[0].aside)):
            if not last:
                axes.tick_params(labelbottom=False)
                axes.set_xlabel("")
    return figure


def _below(rows: list[Row], width: float) -> Any:
    """One column, without the words that stand aside."""
    kept = [(row.height, draw) for row in rows for draw in ([row.left] if row.aside else [row.left, row.right])]
    figure = style.canvas(width, sum(height for height, _ in kept) + 0.65 * len(kept) + 0.7)
    grid = figure.subplots(len(kept), 1, squeeze=False, height_ratios=[height for height, _ in kept])[:, 0]
    for axes, (_, draw) in zip(grid, kept, strict=True):
        draw(axes, room=width - MARGIN)
    return figure


def _train(found: Errors, axes: Any, *, limits: tuple[float, float], log: bool, room: float) -> None:
    ground = found.ground
    panels.shade(axes, ground, limits)
    panels.counts(axes, ground.train, ground.edges, log=log)
    axes.set_ylabel("per bin")
    axes.set_xlabel(ground.label)
    panels.title(axes, f"training {ground.counted}", room)


def error(  # noqa: PLR0913 - what is drawn, where, and how large
    found: Errors, curve: Curve, axes: Any, *, limits: tuple[float, float], top: float, room: float
) -> None:
    """The MAE of one file by target, and its correlations with the density."""
    panels.error(axes, curve, found.ground, limits, top=top)
    axes.set_xlabel(found.ground.label)
    panels.title(axes, f"MAE {curve.overall:.3f}\n{panels.correlations(curve)}", room, name=curve.name)


def agreement(found: Errors, curve: Curve, axes: Any, *, limits: tuple[float, float], room: float) -> None:
    """Predicted against true of one file."""
    said = panels.agreement(axes, curve, found.ground.edges, limits)
    axes.set_xlabel(f"true {found.ground.label}")
    panels.title(axes, f"predicted against true\n{said}", room)


def gain(found: Errors, axes: Any, *, limits: tuple[float, float], room: float) -> None:
    """What the second of two files gains over the first, by target."""
    panels.gain(axes, found, limits)
    axes.set_xlabel(found.ground.label)
    first, second = (style.fitted(curve.name, room / 3) for curve in found.curves)
    panels.title(axes, f"gain by target: MAE of {first} − MAE of {second}", room)  # noqa: RUF001 - a minus sign


def _gains(found: Errors, axes: Any, *, room: float) -> None:
    axes.axis("off")
    lines = [f"{region}  {panels.signed(value, 3)}" for region, value in found.gains().items()]
    text = "\n".join([style.wrapped("gain over the rows of a region", room), "", *lines])
    axes.text(0.0, 1.0, text, va="top", ha="left", transform=axes.transAxes, linespacing=1.35)


def _legend_above(figure: Any, ground: Ground, limits: tuple[float, float], width: float) -> None:
    """The regions above all panels, in as many columns as there is room for."""
    patches, words = panels.keys(ground, limits)
    widest = max((style.measured(word, LEGEND_SIZE) for word in words), default=1.0) + 0.5
    columns = int(max(1, min(len(words), (width - 0.2) // widest)))
    heading = _heading(ground, width - 0.2)
    figure.legend(patches, words, title=heading, loc="outside upper left", ncols=columns, **LEGEND)


def _legend_beside(found: Errors, axes: Any, *, limits: tuple[float, float], room: float) -> None:
    axes.axis("off")
    patches, words = panels.keys(found.ground, limits)
    axes.legend(patches, words, title=_heading(found.ground, room), loc="upper left", borderaxespad=0, **LEGEND)


def _heading(ground: Ground, room: float) -> str:
    name = style.fitted(ground.name, room, LEGEND_SIZE)
    words = f"{name}: regions by training {ground.counted} per bin ({ground.protocol} protocol)"
    return style.wrapped(words, room, LEGEND_SIZE)


@dataclass(frozen=True)
class Drawn:
    """A picture for a page: an ``svg`` element, and what is said under it."""

    svg: str
    caption: str


def for_page(shown: Density, found: Errors) -> list[Drawn]:
    """The pictures of a report, each narrow enough for a phone: density, then per file its errors, then the gain."""
    with style.style():
        return [
            Drawn(svg=style.inline(figure, prefix=f"p{place}", label=html.escape(words, quote=True)), caption=words)
            for place, (figure, words) in enumerate(_of_page(shown, found))
        ]


def _of_page(shown: Density, found: Errors) -> Iterator[tuple[Any, str]]:
    """Each figure, without the titles that its words make needless."""
    ground, (limits, top) = found.ground, extent(found)
    keys = panels.region_words(ground.thresholds)
    said = ", ".join(f"{key} {keys[key]}" for key in keys)
    words = f"Label density by split; regions by training {ground.counted} per bin: {said}. Shaded alike below."
    yield density(shown, width=COLUMN), words
    for curve in found.curves:
        name = f"{curve.name}: " if len(found.curves) > 1 else ""
        figure, axes = _single(2.4)
        panels.error(axes, curve, ground, limits, top=top)
        axes.set_xlabel(ground.label)
        yield figure, f"{name}MAE by {ground.target}, {curve.overall:.3f} over all. {panels.correlations(curve)}."
        figure, axes = _single(2.8)
        cells = panels.agreement(axes, curve, ground.edges, limits)
        axes.set_xlabel(f"true {ground.label}")
        yield figure, f"{name}predicted against true {ground.target}, equal on the dashed line; {cells}."
    if found.gain is not None:
        figure, axes = _single(2.4)
        panels.gain(axes, found, limits)
        axes.set_xlabel(ground.label)
        first, second = (curve.name for curve in found.curves)
        by_region = ", ".join(f"{region} {panels.signed(value, 3)}" for region, value in found.gains().items())
        yield (
            figure,
            f"Gain by {ground.target}: MAE of {first} minus MAE of {second}; over a region's rows {by_region}.",
        )


def _single(height: float) -> tuple[Any, Any]:
    figure = style.canvas(COLUMN, height)
    return figure, figure.subplots()
