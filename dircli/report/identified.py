"""`dir identify` in words and tables, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dircli.benchmark.regions import REGIONS
from dircli.curation.identify import ALL, NONE, Identity, Unlike
from dircli.errors import clear, sample
from dircli.report.tables import plain_table
from dircli.report.values import number

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

FEW = 100  # rows that are named
WORDS = {ALL: "of which no split is told"}
HOW = {
    "bytes": "byte for byte",
    "rows": "by all of its rows",
    "some rows": "by those of its rows that are known here, and their number",
}


def heading(found: Identity) -> str:
    """What a file is, in one line."""
    if found.variant:
        what = f"the {found.part} rows of {found.variant}" if found.part else found.variant
        return f"{found.file}: {found.dataset}, {what} ({found.title}), {HOW[found.how]}"
    if found.dataset and found.nearest:
        moved = sum(each.rows for each in found.unlike) + len(found.foreign)
        return f"{found.file}: {found.dataset}, no known split; {found.nearest} is nearest, {moved:,} rows differ"
    return f"{found.file}: {found.dataset or 'no known benchmark'}, no known split"


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
        yield f"test by region: {text} ({' and '.join(protocols)} protocol)"
    if found.drawn:
        yield f"val and test are what seed {found.drawn['seed']} draws over the rows in {found.drawn['order']} order"
    if found.repeated:
        yield f"{found.repeated:,} rows repeat an id"
    yield from (f"contaminated: {rows:,} {what}" for what, rows in found.contaminated.items() if rows)
    yield from (_moved(each, str(found.nearest)) for each in found.unlike if each.rows <= FEW or not table(found))
    if found.targets:
        yield f"{len(found.targets):,} targets are not the published ones: {_ids(found.targets)}"
    if found.foreign:
        yield f"{len(found.foreign):,} ids are of no row that is known: {_ids(found.foreign)}"
    yield from found.notes


def _moved(unlike: Unlike, nearest: str) -> str:
    here, there = (f"not in {name}" if part == NONE else f"{part} in {name}" for part, name in
                   ((unlike.here, nearest), (unlike.there, "the file")))  # fmt: skip
    more = " …" if len(unlike.ids) < unlike.rows else ""
    return f"{unlike.rows:,} rows are {here}, {there}" + (f": {_ids(unlike.ids)}{more}" if unlike.ids else "")


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


def markdown(identities: Iterable[Identity]) -> str:
    """A heading, a table and a list for each file."""
    lines = list[str]()
    for found in identities:
        lines += [f"**{heading(found)}**", ""]
        rows = [f"| {' | '.join(row)} |" for row in table(found)]
        if rows:
            lines += [rows[0], "| --- |" + " ---: |" * (rows[0].count("|") - 2), *rows[1:], ""]
        lines += [*(f"- {each}" for each in sentences(found)), ""]
    return "\n".join(lines)
