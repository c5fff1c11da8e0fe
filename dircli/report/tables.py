"""Tables for the terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Column, Table
from rich.text import Text

from dircli.benchmark.regions import REGIONS
from dircli.report.values import NULL, number
from dircli.store.text import as_csv as rows_as_csv

if TYPE_CHECKING:
    from dircli.curation.leakage import Leakage
    from dircli.curation.verify import Check
    from dircli.resampling.samplers import Bump
    from dircli.store.download.fetch import DownloadPlan
    from dircli.weights.suggest import Suggestion


MARKUP = re.compile(r"[\\|*`<>]")
"""What Markdown would take for something else than itself."""


def plain_table(*headers: str, left: int = 1) -> Table:
    """A plain table whose first ``left`` columns are words and whose others are numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, header in enumerate(headers):
        table.add_column(header, justify="left" if column < left else "right", no_wrap=True, overflow="fold")
    return table


def _texts(table: Table) -> Iterator[list[str]]:
    """The headers of ``table``, and the texts of each row."""
    yield [str(column.header) for column in table.columns]
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    yield from map(list, zip(*cells, strict=True))


def as_csv(table: Table) -> str:
    """``table`` for spreadsheets: numbers without separators, nothing for a dash, and as many digits as are shown."""
    numbers = [column.justify == "right" for column in table.columns]

    def plain(cell: str, *, is_number: bool) -> str:
        return "" if cell == NULL else cell.replace(",", "") if is_number else cell

    header, *rows = _texts(table)
    cells = [[plain(cell, is_number=each) for cell, each in zip(row, numbers, strict=True)] for row in rows]
    return rows_as_csv([header, *cells]).decode()


def as_markdown(table: Table) -> str:
    """``table`` as GitHub shows it."""
    header, *rows = _texts(table)
    ends = ["---:" if column.justify == "right" else "---" for column in table.columns]
    lines = [header, ends, *([MARKUP.sub(r"\\\g<0>", cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def splits(facts: Mapping[str, Any], protocol: str) -> Table:
    """Rows of a manifest, or the pixels of one of maps, by split and region."""
    table = plain_table("split", facts.get("counted", "rows"), *REGIONS)
    for part, rows in facts["counts"].items():
        by_region = facts["regions"][protocol][part]
        table.add_row(part, number(rows), *(number(by_region[name]) for name in REGIONS))
    return table


def skew(facts: Mapping[str, Any], edges: Sequence[float], *, rows: int) -> tuple[Table, int]:
    """Training rows asked for and reached, and their shares, in at most ``rows`` rows of so many bins each."""
    asked, reached = facts["asked"], facts["reached"]
    step = -(-len(asked) // rows)
    table = plain_table("bin from", "to", "asked", "reached", "asked", "reached", left=0)
    sums = sum(asked), max(sum(reached), 1)
    for first in range(0, len(asked), step):
        last = min(first + step, len(asked))
        counts = sum(asked[first:last]), sum(reached[first:last])
        shares = (f"{count / whole:.2%}" for count, whole in zip(counts, sums, strict=True))
        table.add_row(f"{edges[first]:.15g}", f"{edges[last]:.15g}", *map(number, counts), *shares)
    return table, step


def weights(columns: Mapping[str, Sequence[float | None]], *, step: int) -> Table:
    """Every ``step``-th bin that has training samples, with its weight."""
    table = plain_table("bin from", "to", "count", "effective", "weight", left=0)
    rows = zip(*(columns[key] for key in ("low", "high", "count", "effective", "weight")), strict=True)
    for low, high, count, effective, weight in [row for row in rows if row[2]][::step]:
        table.add_row(f"{low:.15g}", f"{high:.15g}", f"{count:,}", number(effective), number(weight))
    return table


def records(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of ``columns``, (B,) arrays, as values for programs; NaN is None."""

    def value(of: float) -> float | None:
        return None if math.isnan(of) else of

    rows = zip(*(map(value, column.tolist()) for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def suggestion(made: Suggestion) -> Table:
    """The default window, none, and the best of each kernel, by how well they foretell the labels."""
    table = plain_table("", "kernel", "ks", "sigma", "log-likelihood", "behind the best", left=2)
    for name, each in made.candidates.items():
        marks = ", ".join(["default"] * (name == "default") + ["suggested"] * (name == made.choice))
        sizes = (NULL if each.kernel == "none" else str(each.ks), NULL if each.sigma is None else f"{each.sigma:g}")
        behind = f"{each.behind:.5f} ± {each.error:.5f}"
        table.add_row(marks, each.kernel, *sizes, f"{each.log_likelihood:.5f}", behind)
    return table


def bumps(parts: Sequence[Bump]) -> Table:
    """Rows of each bump of the target before and after resampling, and their shares of all."""
    table = plain_table("targets", "from", "to", "before", "after", "share before", "after")
    sums = sum(bump.before for bump in parts), sum(bump.after for bump in parts)
    for bump in parts:
        counts = bump.before, bump.after
        shares = (f"{count / whole:.1%}" for count, whole in zip(counts, sums, strict=True))
        ends = f"{bump.low:.15g}", f"{bump.high:.15g}"
        table.add_row("rare" if bump.rare else "normal", *ends, *map(number, counts), *shares)
    return table


def datasets(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One line per dataset: what it is, and its state here."""
    table = plain_table("name", "target", "train", "val", "test", "here", "origin", left=2)
    for row in rows:
        sizes = (number(row["rows"].get(part)) for part in ("train", "val", "test"))
        here = "curated" if row["curated"] else "bins only" if row["bins_shipped"] else "not curated"
        unit = f" ({row['unit']})" if row["unit"] else ""
        table.add_row(row["name"], f"{row['target'] or NULL}{unit}", *sizes, here, row["origin"] or NULL)
    return table


def metrics(rows: Iterable[Mapping[str, str]]) -> Table:
    """One line per metric; y is the target's unit."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in ("name", "unit", "better", "what", "source"):
        table.add_column(header, no_wrap=header in {"name", "unit", "better"}, overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["unit"] or NULL, row["better"], row["what"], row["source"])
    return table


def checks(proofs: Iterable[Check]) -> Table:
    """One line per check: ok, failed, or open where nothing can be proven."""
    columns = Column("held", no_wrap=True), Column("check", no_wrap=True), Column("found", overflow="fold")
    table = Table(*columns, box=None, pad_edge=False)
    table.show_header = False
    words = {True: Text("ok", "green"), False: Text("FAILED", "red"), None: Text("open", "yellow")}
    for check in proofs:
        table.add_row(words[check.held], check.name, check.found)
    return table


def leakage(counts: Iterable[Leakage]) -> Table:
    """Rows of val and test that share something with train."""
    table = plain_table("shared with train", "split", "rows", "of", "share", left=2)
    for count in counts:
        share = f"{count.shared / count.rows:.1%}" if count.rows else NULL
        table.add_row(count.kind, count.split, number(count.shared), number(count.rows), share)
    return table


def plan_facts(planned: DownloadPlan) -> dict[str, Any]:
    """The same as `plan`, for programs."""
    facts = {key: getattr(planned, key) for key in ("size", "digest", "partial", "present", "recorded")}
    return {"file": planned.source.file, "holds": planned.source.holds, "urls": [*planned.urls], **facts} | {
        "path": str(planned.path)
    }


def plan(planned: DownloadPlan) -> str:
    """What would be done for one source, as lines of text."""
    source = planned.source
    here = "here, and as it must be" if planned.present else "not here"
    if planned.partial and not planned.present:
        here = f"{planned.partial:,} bytes here of an interrupted download"
    known = "recorded at the first download" if planned.recorded else "no hash is known"
    lines = {
        "holds": source.holds,
        "from": ", then ".join(planned.urls) or "nowhere: only its owners hand it out",
        "bytes": f"{planned.size:,}" if planned.size else "not known",
        "hash": (planned.digest or known) + (f" ({known})" if planned.digest and planned.recorded else ""),
        "to": str(planned.path),
        "state": here,
    }
    return "\n".join([source.file, *(f"  {key:<6}{value}" for key, value in lines.items())])
