"""Pictures: panels put together into figures, after Fig. 2, 3, 6 and 7 of the paper."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dircli.errors import UsageError
from dircli.report.figures import panels, style
from dircli.report.figures.data import Density, Errors, Ground, Picture, Smoothing
from dircli.report.figures.panels import Limits
from dircli.report.values import number
from dircli.scores.metrics.sums import overflowing
from dircli.store import files

ENDINGS = (".png", ".svg", ".pdf")
WIDTH = 7.0
NARROWEST, WIDEST = 3.0, 20.0
TWO_COLUMNS = 5.5
SHARE = 0.62
"""How much of the width the left one of two columns has."""
MOST = 8
LEGEND = {"frameon": False, "alignment": "left", "handlelength": 1.8, "handleheight": 1.0, "borderpad": 0.1}
COLUMN = 3.8
"""The width of a picture in a report, which a phone shows at about its size."""


def write(path: Path, picture: Picture, *, width: float = WIDTH, log: bool = False, force: bool = False) -> None:
    """Draw ``picture``, ``width`` inches wide, into ``path``: PNG, SVG or PDF by its ending."""
    form = check(path, width)
    with style.style():
        files.write(path, style.saved(drawn(picture, width=width, log=log), form), force=force)


def check(path: Path, width: float = WIDTH) -> str:
    """The format of ``path``; UsageError where it, the width or matplotlib stands against a picture."""
    style.need()
    if not NARROWEST <= width <= WIDEST:
        raise UsageError(f"a picture can be {NARROWEST:g} to {WIDEST:g} inches wide, and {width:g} is not")
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: pictures are written as {', '.join(ENDINGS)}; end the name in one of them")
    return path.suffix.lower().removeprefix(".")


@overflowing
def drawn(picture: Picture, *, width: float = WIDTH, log: bool = False) -> Any:
    """The figure of ``picture``; call it within `style.style`."""
    if isinstance(picture, Density):
        return density(picture, width=width, log=log)
    if isinstance(picture, Smoothing):
        return smoothing(picture, width=width)
    if len(picture.curves) > MOST:
        raise UsageError(f"{len(picture.curves)} files are more than one picture can show; give up to {MOST}")
    return errors(picture, width=width, log=log)


def density(picture: Density, *, width: float, log: bool = False) -> Any:
    """Label density by split, regions shaded (Fig. 6)."""
    ground, splits = picture.ground, picture.counts
    heights = [1.9 if split == "train" else 0.8 for split in splits]
    figure, rows = _column(heights, width, between=0.25)
    limits = panels.span(ground.edges, np.sum(list(splits.values()), axis=0) > 0)
    for axes, (split, counts) in zip(rows, splits.items(), strict=True):
        panels.counts(axes, counts, ground, limits, log=log)
        axes.set_title(f"{split}: {counts.sum():,} {ground.counted}", wrap=True)
    for axes in rows[:-1]:
        _unlabelled(axes)
    figure.supylabel(f"{ground.counted} per bin", fontsize=style.SIZE)
    _legend_above(figure, ground, limits)
    return figure


def smoothing(picture: Smoothing, *, width: float) -> Any:
    """Empirical against effective density, and the weights they give (Fig. 3); above, what it is compared with."""
    ground, shown = picture.ground, [each for each in (picture.beside, picture) if each is not None]
    figure, (*uppers, lower) = _column([*[1.92] * len(shown), 1.28], width, between=0.2)
    limits = panels.span(ground.edges, ground.train > 0, around=2)
    for upper, each in zip(uppers, shown, strict=True):
        panels.effective(upper, each, limits)
        upper.set_title(f"training density: empirical (bars) and effective (line; {each.how})", wrap=True)
        _unlabelled(upper)
    panels.weights(lower, picture, limits)
    made = f"{picture.scheme}, {picture.how}" if picture.beside else picture.scheme
    lower.set_title(f"weight of a training {ground.counted[:-1]} ({made}; dashed: their mean, 1)", wrap=True)
    _legend_above(figure, ground, limits)
    return figure


def errors(picture: Errors, *, width: float, log: bool = False) -> Any:
    """Training density, and per file error by target and predicted against true (Fig. 2); of two the gain (Fig. 7).

    Wide pictures have two columns; in narrow ones everything stands below each other.
    """
    ground, (limits, top) = picture.ground, extent(picture)
    figure, grid = _grid(picture, width)
    panels.counts(grid[0][0], ground.train, ground, limits, log=log)
    grid[0][0].set_ylabel("per bin")
    grid[0][0].set_title(f"training {ground.counted}", wrap=True)
    for curve, (left, right) in zip(picture.curves, grid[1:], strict=False):
        panels.error(left, curve, ground, limits, top=top)
        correlations = f"r with density: {panels.correlations(curve)}"
        left.set_title(f"{style.fitted(curve.name)}: MAE {number(curve.overall)}\n{correlations}", wrap=True)
        right.set_title(f"predicted against true\n{panels.agreement(right, curve, ground, limits)}", wrap=True)
    if picture.gain is not None:
        _gain(picture, limits, *grid[-1])
    if width < TWO_COLUMNS:
        _legend_above(figure, ground, limits)
        return figure
    grid[0][1].axis("off")
    patches, words = panels.keys(ground, limits)
    grid[0][1].legend(patches, words, title=_heading(ground, "\n"), loc="upper left", borderaxespad=0, **LEGEND)
    for axes in (*(left for left, _ in grid[:-1]), *(right for _, right in grid[1 : len(picture.curves)])):
        _unlabelled(axes)  # the axis below is the same
    return figure


def _grid(picture: Errors, width: float) -> tuple[Any, list[tuple[Any, Any]]]:
    """The figure, and its axes on the left and on the right: density, each file, the gain.

    In one column those on the right stand below, and None is where no more than words would be.
    """
    files, gain = len(picture.curves), [1.6] if picture.gain is not None else []
    if width < TWO_COLUMNS:
        figure, (first, *rest) = _column([0.9, *[1.9] * (2 * files), *gain], width, between=0.65)
        of_files = list(zip(rest[: 2 * files : 2], rest[1::2], strict=True))
        return figure, [(first, None), *of_files, *((axes, None) for axes in rest[2 * files :])]
    heights = [0.9, *[1.9] * files, *gain]
    figure = style.canvas(width, sum(heights) + 0.4 * len(heights) + 0.3)
    ratios = {"height_ratios": heights, "width_ratios": [SHARE, 1 - SHARE]}
    return figure, list(figure.subplots(len(heights), 2, squeeze=False, **ratios))


def _gain(picture: Errors, limits: Limits, axes: Any, aside: Any) -> None:
    """The gain by target, and in the axes ``aside``, where there are some, that of each region in words."""
    panels.gain(axes, picture, limits)
    first, second = (style.fitted(curve.name) for curve in picture.curves)
    axes.set_title(f"gain by target: MAE of {first} {style.MINUS} MAE of {second}", wrap=True)
    if aside is not None:
        aside.axis("off")
        lines = [f"{region}  {panels.signed(value, 3)}" for region, value in picture.gains().items()]
        text = "\n".join(["gain over the rows of a region", "", *lines])
        aside.text(0.0, 1.0, text, va="top", transform=aside.transAxes, linespacing=1.35, wrap=True)


def extent(picture: Errors) -> tuple[Limits, float]:
    """The range of the target that has rows, and the height of the error axes: the same for every file."""
    top = max(float(np.nanmax(curve.mae)) for curve in picture.curves) * 1.05
    return panels.span(picture.ground.edges, picture.rows > 0), top or 1.0


def _column(heights: list[float], width: float, *, between: float) -> tuple[Any, Any]:
    """A figure with one column of axes; ``between`` them, in inches, is room for what is written."""
    figure = style.canvas(width, sum(heights) + between * len(heights) + 0.8)
    return figure, figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]


def _unlabelled(axes: Any) -> None:
    axes.tick_params(labelbottom=False)
    axes.set_xlabel("")


def _legend_above(figure: Any, ground: Ground, limits: Limits) -> None:
    """The regions above all panels, in as many columns as there is room for."""
    patches, words = panels.keys(ground, limits)
    for columns, mark in ((len(words), " "), (2, " "), (2, "\n"), (1, "\n")):
        heading = _heading(ground, mark)
        legend = figure.legend(patches, words, title=heading, loc="outside upper left", ncols=columns, **LEGEND)
        if legend.get_window_extent().width < figure.bbox.width * 0.96 or columns == 1:
            return
        legend.remove()


def _heading(ground: Ground, mark: str) -> str:
    """What stands over a legend, in three lines or in one, as ``mark`` parts it."""
    name = style.fitted(ground.name)
    return mark.join((f"{name}:", f"regions by training {ground.counted}", f"per bin ({ground.protocol} protocol)"))


@dataclass(frozen=True)
class Drawn:
    """A picture for a page: an ``svg`` element, and what is said under it."""

    svg: str
    caption: str


@overflowing
def for_page(shown: Density, picture: Errors) -> list[Drawn]:
    """The pictures of a report, each narrow enough for a phone: density, then per file its errors, then the gain."""
    with style.style():
        return [
            Drawn(svg=style.inline(figure, prefix=f"p{place}", label=html.escape(words, quote=True)), caption=words)
            for place, (figure, words) in enumerate(_of_page(shown, picture))
        ]


def _of_page(shown: Density, picture: Errors) -> Iterator[tuple[Any, str]]:
    """Each figure, without the titles that its words make needless."""
    ground, (limits, top) = picture.ground, extent(picture)
    asked = ", ".join(f"{region} {words}" for region, words in panels.region_words(ground.thresholds).items())
    by = f"by training {ground.counted} per bin: {asked}" if ground.thresholds else "as the bins have them"
    words = f"Label density by split; regions {by}. Shaded alike below."
    yield density(shown, width=COLUMN), words
    for curve in picture.curves:
        name = f"{curve.name}: " if len(picture.curves) > 1 else ""
        figure, axes = _single(2.4)
        panels.error(axes, curve, ground, limits, top=top)
        density_words = f"Pearson's r of MAE with density: {panels.correlations(curve)}"
        yield figure, f"{name}MAE by {ground.target}, {number(curve.overall)} over all. {density_words}."
        figure, axes = _single(2.8)
        cells = panels.agreement(axes, curve, ground, limits)
        yield figure, f"{name}predicted against true {ground.target}, equal on the dashed line; {cells}."
    if picture.gain is not None:
        figure, axes = _single(2.4)
        panels.gain(axes, picture, limits)
        first, second = (curve.name for curve in picture.curves)
        by_region = ", ".join(f"{region} {panels.signed(value, 3)}" for region, value in picture.gains().items())
        words = f"MAE of {first} minus MAE of {second}; over a region's rows {by_region}"
        yield figure, f"Gain by {ground.target}: {words}."


def _single(height: float) -> tuple[Any, Any]:
    figure = style.canvas(COLUMN, height)
    return figure, figure.subplots()
