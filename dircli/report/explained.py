"""`dir explain` in tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dircli.report import console
from dircli.report.formats.table import fitted
from dircli.report.tables import plain_table
from dircli.report.values import number
from dircli.scores.explain import Explanation

if TYPE_CHECKING:
    from rich.table import Table


def parts(explanation: Explanation) -> Iterator[Table | str]:
    """The file under both protocols side by side, then what differs, then what looks wrong."""
    yield from fitted(explanation.protocols, console.out().width, by="protocol")
    if moved := explanation.moved:
        rows = sum(each.rows for each in moved)
        yield f"\n{'1 row changes its' if rows == 1 else f'{rows:,} rows change their'} region with the protocol:"
        table = plain_table("bin from", "to", "train", "rows", "released", "paper", left=0)
        for each in moved:
            ends = f"{each.low:.15g}", f"{each.high:.15g}"
            table.add_row(*ends, number(each.train), number(each.rows), each.released, each.paper)
        yield table
    else:
        yield "\nno row changes its region between the protocols"
    if explanation.exact:
        yield "\nexact hits, and GM with and without them (released protocol):"
        table = plain_table("region", "exact", "GM", "without")
        for region, hits in explanation.exact.items():
            table.add_row(region, *map(number, hits.values()))
        yield table
    else:
        yield "\nno prediction hits its target exactly"
    yield from (f"\nwarning: {warning}" for warning in explanation.warnings)
    if not explanation.warnings:
        yield "\nnothing looks wrong"
