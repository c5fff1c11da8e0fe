"""A report on a result as one page: no script, no link, nothing from the network; light or dark as the reader is."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files

from dircli.report import values
from dircli.report.figures.figures import Drawn
from dircli.report.page.content import Page, Review
from dircli.report.values import number
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import Result

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
SIZES = ("n", "bins")
MINUS = "\N{MINUS SIGN}"
SPACE, REPLACED = "\N{NO-BREAK SPACE}", "\N{REPLACEMENT CHARACTER}"
ARROWS = {"lower": "↓", "higher": "↑", "nearer zero": "→ 0", "neither": ""}


def page(content: Page, pictures: Sequence[Drawn], *, decimals: int = 3) -> str:
    """The page; ``pictures`` are drawn with `figures.for_page`."""
    title = f"{content.result.dataset}, {content.result.split}: scores by shot region"
    body = "\n".join(_body(content, pictures, title, decimals))
    css = files("dircli.report.page").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def text(value: object) -> str:
    """``value`` for a page: nothing in it is markup, and what no page may hold is replaced."""
    letters = (letter if letter.isprintable() or letter == SPACE else REPLACED for letter in str(value))
    return escape("".join(letters), quote=True)


def _body(content: Page, pictures: Sequence[Drawn], title: str, decimals: int) -> Iterator[str]:
    result = content.result
    yield f"<header>\n<h1>{text(title)}</h1>"
    yield "<p>Two scores compare if, and only if, their signatures are equal, but for v: and ci:</p>"
    yield f"<pre>{text(result.signature)}</pre>"
    yield f"<p>Made by:</p>\n<pre>{text(content.command)}</pre>\n</header>\n<main>"
    for note in content.notes:
        yield f'<p class="warning"><strong>Note:</strong> {text(note)}</p>'
    for review in content.reviews:
        for warning in review.warnings:
            yield f'<p class="warning"><strong>Warning, {text(review.name)}:</strong> {text(warning)}</p>'
    yield "<section>\n<h2>Scores</h2>"
    yield _scores(result, decimals)
    yield '</section>\n<section>\n<h2>Pictures</h2>\n<div class="pictures">'
    for picture in pictures:
        yield f"<figure>\n{picture.svg}\n<figcaption>{text(picture.caption)}</figcaption>\n</figure>"
    yield "</div>\n</section>"
    for review in content.reviews:
        yield f"<section>\n<h2>Where {text(review.name)} errs most</h2>"
        yield _bins(review, content.errors.ground.label, decimals)
        yield _samples(review, decimals)
        yield "</section>"
    yield "</main>"
    yield _files(result)


def _table(label: str, heads: Sequence[str], rows: Iterable[str]) -> str:
    """A table in a box of its own that scrolls where the page is narrow; the first column holds words and stays."""
    opening = ['<th scope="col" class="word">'] + ['<th scope="col">'] * (len(heads) - 1)
    cells = (f"{start}{text(head)}</th>" for start, head in zip(opening, heads, strict=True))
    return (
        f'<p class="faint">{text(label)}</p>\n'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(label)}">\n<table>\n'
        f"<thead><tr>{''.join(cells)}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>\n</div>"
    )


def _row(first: str, rest: Iterable[str]) -> str:
    """A row headed ``first``."""
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'


def _breaking(name: str) -> str:
    """A long name or id, which may break where its parts end."""
    return text(name).replace("/", "/<wbr>").replace("_", "_<wbr>")


def shown(value: float | None, decimals: int) -> str:
    """A number as a page shows it: a minus is a minus."""
    return number(value, decimals).replace("-", MINUS)


def _scores(result: Result, decimals: int) -> str:
    """A row per metric, or of several systems a block of rows; a column per region; intervals under their scores."""
    result = values.shown(result)
    regions, systems = result.regions, result.systems
    several = len(systems) > 1
    rows = [_row(name, (shown(systems[0].score(region, name), decimals) for region in regions)) for name in SIZES]
    for name in result.metrics:
        head = f"{text(EVERY[name].title)} {ARROWS[EVERY[name].better]}".strip()
        if several:
            rows.append(f'<tr class="block"><th scope="rowgroup">{head}</th><td colspan="{len(regions)}"></td></tr>')
        for system, scores in values.rows(result, name, decimals):
            first = f'<span class="name">{_breaking(system.name)}</span>' if several else head
            rows.append(_row(first, map(_score, scores)))
    best = "; best in bold" if several else ""
    label = f"Scores by shot region; ↓ lower is better, ↑ higher, → 0 nearer zero{best}"
    marks = [f'<p class="faint">{text(line)}</p>' for line in values.legend(result)]
    return "\n".join([_table(label, ["system" if several else "score", *regions], rows), *marks])


def _score(score: values.Cell) -> str:
    cell = score.text.replace("-", MINUS) + score.mark
    cell = f"<strong>{cell}</strong>" if score.place == 0 else cell
    under = score.detail.replace("-", MINUS).replace("..", " to ")
    return cell + (f"<small>{under}</small>" if under else "")


def _bins(review: Review, label: str, decimals: int) -> str:
    rows = []
    for worst in review.bins:
        limits = f"{worst.low:.15g} to {worst.high:.15g}".replace("-", MINUS)
        errors = (shown(value, decimals) for value in (worst.mae, worst.bias))
        rows.append(_row(limits, [worst.region, number(worst.train), number(worst.rows), *errors]))
    heads = [label, "region", "train", "rows", "MAE", "bias"]
    several = f"The {len(rows)} bins of the highest MAE"
    return _table("The bin of the highest MAE" if len(rows) == 1 else several, heads, rows)


def _samples(review: Review, decimals: int) -> str:
    with_images = any(worst.image for worst in review.samples)
    rows = []
    for worst in review.samples:
        image = f'<img src="{worst.image}" width="64" height="64" alt="{text(worst.key)}">' if worst.image else "none"
        numbers = (shown(value, decimals) for value in (worst.target, worst.prediction, worst.error))
        cells = [*([image] if with_images else []), worst.region, *numbers]
        rows.append(_row(f'<span class="key">{_breaking(worst.key)}</span>', cells))
    heads = ["id", *(["image"] if with_images else []), "region", "target", "prediction", "error"]
    return _table("The largest error" if len(rows) == 1 else f"The {len(rows)} largest errors", heads, rows)


def _files(result: Result) -> str:
    rows = []
    for system in result.systems:
        file = str(system.file).replace("\\", "/").rpartition("/")[2]
        rows.append(_row(text(system.name), [f"<code>{text(word)}</code>" for word in (file, system.sha256)]))
    facts = f"Benchmark content {result.content}; rules {result.rules}; {result.protocol} protocol; "
    facts += f"dircli {result.version}."
    return (
        "<footer>\n<h2>What was scored</h2>\n"
        + _table("Prediction files", ["system", "file", "sha256"], rows)
        + f'\n<p class="faint">{text(facts)}</p>\n</footer>'
    )
