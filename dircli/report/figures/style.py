"""How pictures look: colours, letters, and figures as files with the same bytes each time. matplotlib starts here.

Colours are Okabe and Ito's, which the colour-blind tell apart; regions also differ in lightness and in hatching, so
that they survive a black-and-white print. Letters are drawn as shapes of the font that matplotlib brings along.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
INK, DATA, SMOOTH, PALE = "#1a1a1a", "#0072b2", "#d55e00", "#8c8c8c"
REGION_LOOKS = {  # face, how opaque, hatch
    "many": ("#009e73", 0.10, ""),
    "medium": ("#e69f00", 0.36, "---"),
    "few": ("#d55e00", 0.40, "////"),
    "zero": ("#8c8c8c", 0.20, "\\\\\\"),
}
SIZE = 8.0
POINTS = 72.0
DPI = 200
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SIZE - 1,
    "ytick.labelsize": SIZE - 1,
    "legend.fontsize": SIZE - 1,
    "legend.title_fontsize": SIZE - 1,
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.4,
    "svg.hashsalt": "dircli",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "path.simplify": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
ELLIPSIS = "…"
MINUS = "\N{MINUS SIGN}"
UNBROKEN = "\N{NO-BREAK SPACE}"


def available() -> bool:
    """Whether matplotlib is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def need() -> None:
    """Raise UsageError where matplotlib is missing."""
    if not available():
        raise UsageError("pictures need matplotlib; install it with: pip install 'dircli[plot]'")


def kind(path: Path) -> str:
    """The format that the ending of ``path`` stands for; UsageError where it stands for none."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: pictures are written as {', '.join(FORMATS)}; end the name in one of them")
    return FORMATS[path.suffix.lower()]


@contextmanager
def style() -> Iterator[None]:
    """Draw inside this: our style alone, whatever the user's matplotlibrc says."""
    need()
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def canvas(width: float, height: float) -> Any:
    """An empty figure of ``width`` × ``height`` inches, laid out so that nothing covers anything."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def saved(figure: Any, form: str) -> bytes:
    """The figure as the bytes of a file: no date, no program, no random name."""
    sink = io.BytesIO()
    figure.savefig(sink, format=form, dpi=DPI, metadata=METADATA[form])
    return sink.getvalue()


def inline(figure: Any, *, prefix: str, label: str) -> str:
    """The figure as an ``svg`` element for a page: names made the page's own, colours those of its light or dark.

    ``prefix`` goes before every id; ``label``, escaped for an attribute, is what a screen reader says.
    """
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    text = saved(figure, "svg").decode()
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text[text.index("<svg") :]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    for colour, name in ((INK, "ink"), (DATA, "data"), (SMOOTH, "smooth"), (PALE, "pale")):
        text = re.sub(rf"(?<=: ){colour}", f"var(--{name})", text)
    box = re.search(r'viewBox="[^"]*"', text)
    head = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box.group() if box else ""} role="img" aria-label="{label}"'
    )
    return re.sub(r"\n\s*", "\n", re.sub(r"<svg[^>]*", lambda _: head, text, count=1)).strip()


def measured(text: str, size: float = SIZE) -> float:
    """How wide ``text`` is, in inches; kerning is left out."""
    return sum(_width(letter) for letter in text) * size / POINTS


@cache
def _width(letter: str) -> float:
    """How wide a letter is, as a share of the font's size."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family="DejaVu Sans", size=SIZE)
    return float(TextToPath().get_text_width_height_descent(letter, font, ismath=False)[0]) / SIZE


def fitted(text: str, inches: float, size: float = SIZE) -> str:
    """``text`` on one line that is at most ``inches`` wide, its middle left out where it must be."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    text = "".join(letter if ord(letter) in known and letter.isprintable() else "?" for letter in text)
    keep = len(text)
    shown = text
    while keep > 2 and measured(shown, size) > inches:  # noqa: PLR2004 - a letter from each end
        keep -= 1
        shown = text[: keep - keep // 2] + ELLIPSIS + text[len(text) - keep // 2 :]
    return shown


def wrapped(text: str, inches: float, size: float = SIZE) -> str:
    """``text`` in lines of at most ``inches``, broken between words."""
    lines: list[str] = []
    for line in text.split("\n"):
        current = ""
        for word in line.split(" "):
            longer = f"{current} {word}" if current else word
            if current and measured(longer, size) > inches:
                lines.append(current)
                current = word
            else:
                current = longer
        lines.append(current)
    return "\n".join(lines).replace("$", r"\$")  # a name is no formula


def short(value: float, _place: object = None) -> str:
    """A count as an axis shows it: 1,500, 20k, 150M."""
    text = f"{value:,.0f}" if value == round(value) else f"{value:g}"
    for least, unit, size in ((1e9, "G", 1e9), (1e6, "M", 1e6), (1e4, "k", 1e3)):
        if abs(value) >= least:
            text = f"{value / size:g}{unit}"
            break
    return text.replace("-", MINUS)
