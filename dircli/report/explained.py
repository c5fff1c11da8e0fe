"""`dir explain` in tables and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dircli.report import console
from dircli.report.tables import fitted, plain_table
from dircli.report.values import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table


def parts(found: Mapping[str, Any]) -> Iterator[Table | str]:
    """The file under both protocols side by side, then what differs, then what looks wrong."""
    systems = [{"name": name, "regions": regions} for name, regions in found["protocols"].items()]
    yield from fitted({"systems": systems}, console.out().width, by="protocol")
    yield from _moved(found["moved"])
    yield from _exact(found["exact"])
    for warning in found["warnings"]:
        yield f"\nwarning: {warning}"
    if not found["warnings"]:
        yield "\nnothing looks wrong"


def _moved(moved: list[Mapping[str, Any]]) -> Iterator[Table | str]:
    if not moved:
        yield "\nno row changes its region between the protocols"
        return
    yield f"\n{sum(row['rows'] for row in moved):,} rows change their region with the protocol:"
    table = plain_table("bin from", "to", "train", "rows", "released", "paper", left=0)
    for row in moved:
        table.add_row(
            f"{row['low']:g}",
            f"{row['high']:g}",
            number(row["train"]),
            number(row["rows"]),
            row["released"],
            row["paper"],
        )
    yield table


def _exact(exact: Mapping[str, Mapping[str, Any]]) -> Iterator[Table | str]:
    if not exact:
        yield "\nno prediction hits its target exactly"
        return
    yield "\nexact hits, and GM with and without them (released protocol):"
    table = plain_table("region", "exact", "GM", "without")
    for region, row in exact.items():
        table.add_row(region, number(row["exact"]), number(row["gm"]), number(row["gm_without"]))
    yield table
