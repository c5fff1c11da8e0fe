"""How pictures look: colours, letters, and figures as files with the same bytes each time. matplotlib starts here.

Colours are Okabe and Ito's, which the colour-blind tell apart; regions, the rarer the darker, and systems, by their
dashes, also survive a black-and-white print. Letters are drawn as shapes of the font that matplotlib brings along.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dircli.errors import UsageError

INK, DATA, SMOOTH, PALE = "#1a1a1a", "#0072b2", "#d55e00", "#8c8c8c"
# a page makes the colours above its own, in light and in dark; those of regions stay
REGION_COLOURS = {"many": "#b5e2d3", "medium": "#e69f00", "few": "#cc5500", "zero": "#4d4d4d"}
SYSTEM_LOOKS = (  # colour, dashes
    (DATA, "-"),
    (SMOOTH, (0, (4, 1.2))),
    ("#009e73", (0, (1, 1))),
    ("#cc79a7", (0, (4, 1, 1, 1))),
    ("#56b4e9", "-"),
    (INK, (0, (4, 1.2))),
    ("#e69f00", (0, (1, 1))),
    (PALE, (0, (4, 1, 1, 1))),
)
FONT, SIZE = "DejaVu Sans", 8.0
POINTS = 72
DPI = 200
STYLE = {
    "font.family": FONT,
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
NAME_WIDTH = 1.6
"""Inches that a name gets at most, which the narrowest column has."""
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


def saved(figure: Any, form: str, *, dpi: int = DPI) -> bytes:
    """The figure as the bytes of a file: no date, no program, no random name; ``dpi`` are the dots of a PNG's inch."""
    sink = io.BytesIO()
    figure.savefig(sink, format=form, dpi=dpi, metadata=METADATA[form])
    return sink.getvalue()


def inline(figure: Any, *, prefix: str, label: str) -> str:
    """The figure as an ``svg`` element for a page: names made the page's own, colours those of its light or dark.

    ``prefix`` goes before every id; ``label``, escaped for an attribute, is what a screen reader says.
    """
    for part in (figure, *figure.axes):
        part.patch.set_visible(False)
    lines = (line.strip() for line in saved(figure, "svg").decode().splitlines())
    svg = "\n".join(line for line in lines if not line.startswith("<!--"))
    namespace = ' xmlns="http://www.w3.org/2000/svg"'
    svg = svg[svg.index("<svg") :].replace(namespace, f' role="img" aria-label="{label}"', 1)
    for before in (' id="', ' xlink:href="#', "url(#"):
        svg = svg.replace(before, f"{before}{prefix}-")
    for colour, name in ((INK, "ink"), (DATA, "data"), (SMOOTH, "smooth"), (PALE, "pale")):
        svg = svg.replace(f": {colour}", f": var(--{name})")
    return svg


def fitted(name: str, inches: float = NAME_WIDTH) -> str:
    """``name`` on one line that is at most ``inches`` wide, its middle left out where it must be; never a formula."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.textpath import TextToPath

    font, measure = FontProperties(family=FONT, size=SIZE), TextToPath().get_text_width_height_descent
    known = get_font(findfont(font)).get_charmap()
    name = "".join(letter if ord(letter) in known and letter.isprintable() else "?" for letter in name)
    shown, keep = name, len(name)
    while measure(shown, font, ismath=False)[0] > inches * POINTS:
        keep -= 1
        shown = name[: keep - keep // 2] + ELLIPSIS + name[len(name) - keep // 2 :]
    return shown.replace("$", r"\$")


def short(value: float, _place: object = None) -> str:
    """A count as an axis shows it: 1,500, 20k, 150M."""
    number, unit = scaled(value)
    text = f"{number:g}{unit}" if unit or number != round(number) else f"{number:,.0f}"
    return text.replace("-", MINUS)


def scaled(value: float) -> tuple[float, str]:
    """``value`` in billions, millions, from 10,000 on thousands, or as it is; and the letter of that unit."""
    units = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
    return next(((value / size, letter) for least, size, letter in units if abs(value) >= least), (value, ""))
