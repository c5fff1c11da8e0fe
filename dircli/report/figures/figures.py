"""Pictures: panels put together into figures, after Fig. 2, 3, 4, 6, 7 and 8 of the paper."""

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dircli.errors import UsageError
from dircli.report.figures import panels, style
from dircli.report.figures.data import Density, Errors, Ground, Picture, Similar, Smoothing
from dircli.report.values import number
from dircli.scores.metrics.sums import overflowing
from dircli.store import files, places

ENDINGS = (".png", ".svg", ".pdf")
WIDTH = 7.0
NARROWEST, WIDEST = 3.0, 20.0
COARSEST, FINEST = 50, 1200
TWO_COLUMNS = 5.5
SHARE = 0.62
"""How much of the width the left one of two columns has."""
MOST = 8
LEGEND = {"frameon": False, "alignment": "left", "handlelength": 1.8, "handleheight": 1.0, "borderpad": 0.1}
COLUMN = 3.8
"""The width of a picture in a report, which a phone shows at about its size."""
LINE = 0.16
"""Inches of a line of a legend."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of a picture, called ``name``: ``height`` inches, what draws it into axes, and ``room`` above them."""

    name: str
    height: float
    draw: Callable[[Any], None]
    room: float = 0.0
    own_axis: bool = False
    """Whether its target axis has another label than those of the others."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a picture is drawn: ``width`` inches wide, counts perhaps on a ``log`` scale; ``panels`` are all if empty."""

    width: float = WIDTH
    log: bool = False
    panels: Sequence[str] = ()


def write(
    path: Path, picture: Picture | Similar, look: Look | None = None, *, dpi: int | None = None, force: bool
) -> None:
    """Draw ``picture`` into ``path``: PNG, SVG or PDF by its ending."""
    look = look or Look()
    form = check(path, look.width, dpi)
    with style.style():
        files.write(path, style.saved(drawn(picture, look), form, dpi=dpi or style.DPI), force=force)


def check(path: Path, width: float = WIDTH, dpi: int | None = None) -> str:
    """The format of ``path``; UsageError where it, the width, the dots or matplotlib stand against a picture."""
    style.need()
    places.check_writable(path)
    if not NARROWEST <= width <= WIDEST:
        raise UsageError(f"a picture can be {NARROWEST:g} to {WIDEST:g} inches wide, and {width:g} is not")
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: pictures are written as {', '.join(ENDINGS)}; end the name in one of them")
    form = path.suffix.lower().removeprefix(".")
    if dpi is not None and form != "png":
        raise UsageError(f"--dpi is of PNG files, and {path} is drawn with lines, sharp at any size; leave it out")
    if dpi is not None and not COARSEST <= dpi <= FINEST:
        raise UsageError(f"a picture can have {COARSEST} to {FINEST} dots per inch, and {dpi} is not")
    return form


def check_panels(names: Sequence[str], picture: Picture | Similar) -> None:
    """UsageError where one of ``names`` is no panel of ``picture``."""
    known = list(dict.fromkeys(panel.name for panel in _panels(picture, Look())))
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"--panel {', '.join(unknown)}: this picture has {', '.join(known)}")


@overflowing
def drawn(picture: Picture | Similar, look: Look) -> Any:
    """The figure of ``picture``; call it within `style.style`."""
    if isinstance(picture, Errors) and len(picture.curves) > MOST:
        raise UsageError(f"{len(picture.curves)} files are more than one picture can show; give up to {MOST}")
    check_panels(look.panels, picture)
    if isinstance(picture, Errors) and look.width >= TWO_COLUMNS and not look.panels:
        return _in_two_columns(picture, look)
    all_panels = _panels(picture, look)
    chosen = [panel for name in look.panels for panel in all_panels if panel.name == name]
    return _in_one_column(chosen or _usual(picture, all_panels), picture, look.width)


def _usual(picture: Picture | Similar, all_panels: list[Panel]) -> list[Panel]:
    """The panels of a picture in one column: of several files their errors in one, and not each one's agreement."""
    several = isinstance(picture, Errors) and len(picture.curves) > 1
    return [panel for panel in all_panels if not (several and panel.name == "agreement")]


def _panels(picture: Picture | Similar, look: Look) -> list[Panel]:
    """Every panel that ``picture`` has, from the top to the bottom."""
    if isinstance(picture, Density):
        return [
            Panel(name=split, height=1.9 if split == "train" else 0.8, draw=partial(_counts, picture, split, look))
            for split in picture.counts
        ]
    if isinstance(picture, Smoothing):
        shown = [each for each in (picture.beside, picture) if each is not None]
        upper = [Panel(name="effective", height=1.92, draw=partial(_effective, each)) for each in shown]
        return [*upper, Panel(name="weight", height=1.28, draw=partial(_weights, picture))]
    if isinstance(picture, Similar):
        alike = [Panel(name=each, height=1.5, draw=partial(_similarity, picture, each)) for each in picture.values]
        if picture.distances is None:
            return alike
        return [*alike, Panel(name="distance", height=1.5, draw=partial(_distances, picture), own_axis=True)]
    return _of_errors(picture, look)


def _of_errors(picture: Errors, look: Look) -> list[Panel]:
    ground, curves, top = picture.ground, picture.curves, highest(picture)
    density = Panel(name="density", height=0.9, draw=partial(_training, ground, look))
    if len(curves) == 1:
        error = Panel(name="error", height=1.9, draw=partial(_error, curves[0], ground, top), room=LINE)
    else:
        columns = 2 if look.width >= TWO_COLUMNS else 1
        overlay = partial(panels.overlay, errors=picture, top=top, columns=columns)
        error = Panel(name="error", height=1.9, draw=overlay, room=LINE * -(-len(curves) // columns))
    agreements = [
        Panel(name="agreement", height=1.9, draw=partial(_agreement, curve, ground), own_axis=True, room=LINE)
        for curve in curves
    ]
    gain = [Panel(name="gain", height=1.6, draw=partial(_gain, picture))] if picture.gain is not None else []
    return [density, error, *agreements, *gain]


def _in_one_column(shown: list[Panel], picture: Picture | Similar, width: float) -> Any:
    """The panels below each other; only the lowest of those with the same target axis has its label."""
    labelled = any(panel.own_axis for panel in shown)
    between = 0.65 if labelled else 0.3
    heights = [panel.height for panel in shown]
    height = sum(heights) + between * len(shown) + sum(panel.room for panel in shown) + 0.8
    figure = style.canvas(width, height)
    axes = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for each, panel in zip(axes, shown, strict=True):
        panel.draw(each)
    for each in axes[:-1] if not labelled else ():
        _unlabelled(each)
    _legend_above(figure, picture.ground)
    return figure


def _in_two_columns(picture: Errors, look: Look) -> Any:
    """Training density, and per file error by target and predicted against true (Fig. 2); of two the gain (Fig. 7)."""
    ground, top, gain = picture.ground, highest(picture), [1.6] if picture.gain is not None else []
    heights = [0.9, *[1.9] * len(picture.curves), *gain]
    figure = style.canvas(look.width, sum(heights) + 0.4 * len(heights) + 0.3)
    ratios = {"height_ratios": heights, "width_ratios": [SHARE, 1 - SHARE]}
    grid = figure.subplots(len(heights), 2, squeeze=False, **ratios)
    _training(ground, look, grid[0][0])
    for curve, (left, right) in zip(picture.curves, grid[1:], strict=False):
        _error(curve, ground, top, left)
        cells = panels.agreement(right, curve, ground)
        right.set_title(f"predicted against true\n{cells}", wrap=True)
    if picture.gain is not None:
        _gain(picture, grid[-1][0])
        _gains(picture, grid[-1][1])
    grid[0][1].axis("off")
    patches, words = panels.keys(ground)
    grid[0][1].legend(patches, words, title=_heading(ground, "\n"), loc="upper left", borderaxespad=0, **LEGEND)
    for axes in (*(left for left, _ in grid[:-1]), *(right for _, right in grid[1 : len(picture.curves)])):
        _unlabelled(axes)  # the axis below is the same
    return figure


def _counts(picture: Density, split: str, look: Look, axes: Any) -> None:
    """Label density of one split (Fig. 6)."""
    counts = picture.counts[split]
    panels.counts(axes, counts, picture.ground, log=look.log)
    axes.set_title(f"{split}: {counts.sum():,} {picture.ground.counted}", wrap=True)


def _training(ground: Ground, look: Look, axes: Any) -> None:
    panels.counts(axes, ground.train, ground, log=look.log)
    axes.set_title(f"training {ground.counted}", wrap=True)


def _effective(smoothing: Smoothing, axes: Any) -> None:
    """Empirical against effective density (Fig. 3)."""
    panels.effective(axes, smoothing)
    axes.set_title(f"training density: empirical (bars) and effective (line; {smoothing.how})", wrap=True)


def _weights(picture: Smoothing, axes: Any) -> None:
    panels.weights(axes, picture)
    made = f"{picture.weighting}, {picture.how}" if picture.beside else picture.weighting
    axes.set_title(f"weight of a training {picture.ground.counted[:-1]} ({made})", wrap=True)


def _similarity(picture: Similar, statistic: str, axes: Any) -> None:
    """Similarity of feature statistics with those of the anchor (Fig. 4, 8)."""
    panels.similarity(axes, picture, statistic)
    dots = "; dots: nearer to a far region than to their neighbours" if picture.far[statistic].any() else ""
    axes.set_title(f"feature {statistic}: similarity to {picture.anchor_words}{dots}", wrap=True)


def _distances(picture: Similar, axes: Any) -> None:
    """How far smoothing moves the statistics, by epoch (Fig. 8c)."""
    assert picture.distances is not None  # noqa: S101 - callers draw this of several epochs only
    panels.distances(axes, picture.distances)
    units = "mean (solid, in the feature's unit) and variance (dashed, in its square)"
    axes.set_title(f"distance of running to smoothed {units}; {picture.how}", wrap=True)


def _error(curve: Any, ground: Ground, top: float, axes: Any) -> None:
    panels.error(axes, curve, ground, top=top)
    correlations = f"r with density: {panels.correlations(curve)}"
    axes.set_title(f"{style.fitted(curve.name)}: MAE {number(curve.overall)}\n{correlations}", wrap=True)


def _agreement(curve: Any, ground: Ground, axes: Any) -> None:
    cells = panels.agreement(axes, curve, ground)
    axes.set_title(f"{style.fitted(curve.name)}: predicted against true\n{cells}", wrap=True)


def _gain(picture: Errors, axes: Any) -> None:
    panels.gain(axes, picture)
    first, second = (style.fitted(curve.name) for curve in picture.curves)
    axes.set_title(f"gain by target: MAE of {first} {style.MINUS} MAE of {second}", wrap=True)


def _gains(picture: Errors, aside: Any) -> None:
    """The gain of each region in words."""
    aside.axis("off")
    lines = [f"{region}  {panels.signed(value, 3)}" for region, value in picture.gains().items()]
    text = "\n".join([picture.ground.measured("gain over the rows of a region"), "", *lines])
    aside.text(0.0, 1.0, text, va="top", transform=aside.transAxes, linespacing=1.35, wrap=True)


def highest(picture: Errors) -> float:
    """The height of the error axes: the same for every file."""
    return max(float(np.nanmax(curve.mae)) for curve in picture.curves) * 1.05 or 1.0


def _unlabelled(axes: Any) -> None:
    axes.tick_params(labelbottom=False)
    axes.set_xlabel("")


def _legend_above(figure: Any, ground: Ground) -> None:
    """The regions above all panels, in as many columns as there is room for."""
    patches, words = panels.keys(ground)
    for columns, mark in ((len(words), " "), (2, " "), (2, "\n"), (1, "\n")):
        heading = _heading(ground, mark)
        legend = figure.legend(patches, words, title=heading, loc="outside upper left", ncols=columns, **LEGEND)
        if legend.get_window_extent().width < figure.bbox.width * 0.96 or columns == 1:
            return
        legend.remove()


def _heading(ground: Ground, mark: str) -> str:
    """What stands over a legend, in three lines or in one, as ``mark`` parts it."""
    rule = f" ({ground.protocol} protocol)" if ground.protocol else ""
    return mark.join((f"{style.fitted(ground.name)}:", f"regions by training {ground.counted}", f"per bin{rule}"))


@dataclass(frozen=True)
class Drawn:
    """A picture for a page: an ``svg`` element, and what is said under it."""

    svg: str
    caption: str


@overflowing
def for_page(shown: Density, picture: Errors) -> list[Drawn]:
    """The pictures of a report, each narrow enough for a phone: density, LDS, per file its errors, and the gain."""
    with style.style():
        return [
            Drawn(svg=style.inline(figure, prefix=f"p{place}", label=html.escape(words, quote=True)), caption=words)
            for place, (figure, words) in enumerate(_of_page(shown, picture))
        ]


def _of_page(shown: Density, picture: Errors) -> Iterator[tuple[Any, str]]:
    """Each figure, without the titles that its words make needless."""
    ground, top, smooth = picture.ground, highest(picture), picture.smoothing
    asked = ", ".join(f"{region} {words}" for region, words in panels.region_words(ground.thresholds).items())
    by = f"by training {ground.counted} per bin: {asked}" if ground.thresholds else "as the bins have them"
    look = Look(width=COLUMN)
    yield drawn(shown, look), f"Label density by split; regions {by}, shown under each axis."
    words = (
        f"Training density, empirical (bars) and effective (line): LDS, {smooth.how}. Below, the weight of a training"
    )
    yield drawn(smooth, look), f"{words} {ground.counted[:-1]}, {smooth.weighting}."
    for curve in picture.curves:
        name = f"{curve.name}: " if len(picture.curves) > 1 else ""
        figure, axes = _single(2.4)
        panels.error(axes, curve, ground, top=top)
        density_words = f"Pearson's r of MAE with density: {panels.correlations(curve)}"
        yield figure, f"{name}MAE by {ground.target}, {number(curve.overall)} over all. {density_words}."
        figure, axes = _single(2.8)
        cells = panels.agreement(axes, curve, ground)
        yield figure, f"{name}predicted against true {ground.target}, equal on the dashed line; {cells}."
    if picture.gain is not None:
        figure, axes = _single(2.4)
        panels.gain(axes, picture)
        first, second = (curve.name for curve in picture.curves)
        by_region = ", ".join(f"{region} {panels.signed(value, 3)}" for region, value in picture.gains().items())
        words = f"MAE of {first} minus MAE of {second}; over a region's rows {by_region}"
        yield figure, f"Gain by {ground.target}: {words}."


def _single(height: float) -> tuple[Any, Any]:
    figure = style.canvas(COLUMN, height)
    return figure, figure.subplots()
