"""`dir identify` in words and tables, for the terminal and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dircli.benchmark.regions import REGIONS
from dircli.curation.identify import ALL, NONE, Identity, Unlike
from dircli.errors import clear, printable, sample
from dircli.report.tables import plain_table
from dircli.report.values import number

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

MARKUP = re.compile(r"[\\`*<>|\[\]]")
FEW = 100  # rows that are named
WORDS = {ALL: "of which no split is told"}
HOW = {
    "bytes": "byte for byte",
    "rows": "by all of its rows",
    "some rows": "by the number of its rows, and the {known:,} of them that are known here",
}


def heading(found: Identity) -> str:
    """What a file is, in one line."""
    file, names = printable(found.file), " and ".join([str(found.nearest or found.variant), *found.alike])
    if found.variant:
        parts = " and ".join(found.splits)
        what = f"the {parts} rows of {names}" if found.part or found.missing else names
        how = HOW[found.how].format(known=found.known_rows)
        return f"{file}: {found.dataset}, {what} ({found.title}), {how}"
    if found.dataset and found.nearest:
        rows = sum(each.rows for each in found.unlike) + len(found.foreign) + len(found.targets) + found.repeated
        unlike = f", {_rows(rows)} unlike it" if rows else ""
        return f"{file}: {found.dataset}, no known split; {names} {'are' if found.alike else 'is'} nearest{unlike}"
    return f"{file}: {found.dataset or 'no known benchmark'}, no known split"


def table(found: Identity) -> Iterator[Sequence[str]]:
    """A header, and the rows of each split of the file by their split elsewhere; nothing where the two are the same."""
    if found.overlap and found.variant != found.against:
        yield f"by its split in {found.against}", "rows", *next(iter(found.overlap.values()))
        for part, counts in found.overlap.items():
            yield part, number(found.splits[part]), *map(number, counts.values())


def sentences(found: Identity) -> Iterator[str]:
    """What else there is to say of the file."""
    if found.rows and not [*table(found)]:
        yield "rows: " + ", ".join(f"{n:,} {WORDS.get(part, part)}" for part, n in found.splits.items())
    by_region: dict[str, list[str]] = {}
    for protocol, sizes in found.regions.items():
        by_region.setdefault(", ".join(f"{sizes.get(name, 0):,} {name}" for name in REGIONS), []).append(protocol)
    for text, protocols in by_region.items():
        train = "" if "train" in found.splits else f", by train of {found.nearest}"
        yield f"test by region: {text} ({' and '.join(protocols)} protocol{train})"
    if found.drawn:
        parts = " and ".join(part for part in ("val", "test") if part in found.splits)
        order = f"the rows in {found.drawn['order']} order"
        yield f"seed {found.drawn['seed']}, over {order}, draws the rows of {parts}"
    if found.repeated:
        yield f"{_rows(found.repeated)} repeat an id"
    yield from (f"contaminated: {rows:,} {what}" for what, rows in found.contaminated.items() if rows)
    yield from (_moved(each, str(found.nearest)) for each in found.unlike if each.rows <= FEW or not table(found))
    if found.targets:
        yield f"{_rows(len(found.targets))} with another target than the published one: {_ids(found.targets)}"
    if found.foreign:
        yield f"{_rows(len(found.foreign))} with an id that is not known: {_ids(found.foreign)}"
    yield from found.notes


def _moved(unlike: Unlike, nearest: str) -> str:
    here, there = (f"not in {name}" if part == NONE else f"{part} in {name}" for part, name in
                   ((unlike.here, nearest), (unlike.there, "the file")))  # fmt: skip
    more = " …" if len(unlike.ids) < unlike.rows else ""
    verb = "is" if unlike.rows == 1 else "are"
    return f"{_rows(unlike.rows)} {verb} {here}, {there}" + (f": {_ids(unlike.ids)}{more}" if unlike.ids else "")


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _ids(ids: Sequence[str]) -> str:
    return sample([clear(each) for each in ids])


def parts(found: Identity) -> Iterator[Table | Text]:
    """What `heading` leaves out, for the terminal."""
    from rich.text import Text

    header, *rows = [*table(found)] or [()]
    if header:
        shown = plain_table(*header)
        for row in rows:
            shown.add_row(*row)
        yield shown
    yield from (Text(f"  {each}") for each in sentences(found))
    yield Text("")


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def markdown(identities: Iterable[Identity]) -> str:
    """A heading, a table and a list for each file."""
    lines = list[str]()
    for found in identities:
        lines += [f"**{MARKUP.sub(_escaped, heading(found))}**", ""]
        rows = [f"| {' | '.join(row)} |" for row in table(found)]
        if rows:
            lines += [rows[0], "| --- |" + " ---: |" * (rows[0].count("|") - 2), *rows[1:], ""]
        lines += [*(f"- {each}" for each in sentences(found)), ""]
    return "\n".join(lines)
