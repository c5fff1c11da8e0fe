"""`dir explain` in tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dircli.report import console
from dircli.report.formats.table import fitted
from dircli.report.tables import plain_table
from dircli.report.values import number
from dircli.scores.by_region import Score
from dircli.scores.explain import Explanation, MovedBin

if TYPE_CHECKING:
    from rich.table import Table


def parts(explanation: Explanation) -> Iterator[Table | str]:
    """The file under both protocols side by side, then what differs, then what looks wrong."""
    yield from fitted(explanation.protocols, console.out().width, by="protocol")
    yield from _moved(explanation.moved)
    yield from _exact(explanation.exact)
    for warning in explanation.warnings:
        yield f"\nwarning: {warning}"
    if not explanation.warnings:
        yield "\nnothing looks wrong"


def _moved(bins: Sequence[MovedBin]) -> Iterator[Table | str]:
    if not bins:
        yield "\nno row changes its region between the protocols"
        return
    yield f"\n{sum(each.rows for each in bins):,} rows change their region with the protocol:"
    table = plain_table("bin from", "to", "train", "rows", "released", "paper", left=0)
    for each in bins:
        ends = f"{each.low:g}", f"{each.high:g}"
        table.add_row(*ends, number(each.train), number(each.rows), each.released, each.paper)
    yield table


def _exact(regions: Mapping[str, Mapping[str, Score]]) -> Iterator[Table | str]:
    if not regions:
        yield "\nno prediction hits its target exactly"
        return
    yield "\nexact hits, and GM with and without them (released protocol):"
    table = plain_table("region", "exact", "GM", "without")
    for region, hits in regions.items():
        table.add_row(region, *map(number, hits.values()))
    yield table
