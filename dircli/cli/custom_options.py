"""The options of `dir curate custom`, of gaps and of skew, and how they are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.curation.custom import CustomOptions
    from dircli.curation.derive import Cut

_TABLE = {"rich_help_panel": "A table of your own (custom)"}
_LESS = {"rich_help_panel": "Less to learn from"}
SHOWN_ROWS = 24

Table = Annotated[Path | None, typer.Option(help="The table: CSV, TSV, Parquet or JSON lines.", **_TABLE)]
Target = Annotated[str | None, typer.Option(help="The column of targets.", **_TABLE)]
Id = Annotated[
    str | None, typer.Option("--id", help="The column of unique ids.", show_default="row numbers from 0", **_TABLE)
]
Width = Annotated[str | None, typer.Option("--bin-width", help="Bins of this width.", **_TABLE)]
Range = Annotated[
    str | None,
    typer.Option("--range", help="The range of the bins, LO:HI.", show_default="that of the targets", **_TABLE),
]
Edges = Annotated[str | None, typer.Option(help="The edges of the bins, with commas between.", **_TABLE)]
AutoBins = Annotated[
    Literal["auto"] | None,
    typer.Option("--bins", help="auto: a width by a rule that the manifest names; so without the above.", **_TABLE),
]
Outside = Annotated[
    Literal["refuse", "clip", "drop"] | None,
    typer.Option(help="What becomes of targets outside the bins.", show_default="refuse", **_TABLE),
]
PerBin = Annotated[
    int | None,
    typer.Option(
        min=1, help="At most this many rows of a bin to val, and to test.", show_default="10% in all", **_TABLE
    ),
]
Many = Annotated[float | None, typer.Option(help="More training samples: many-shot.", show_default="100", **_TABLE)]
Few = Annotated[float | None, typer.Option(help="Fewer training samples: few-shot.", show_default="20", **_TABLE)]
Group = Annotated[str | None, typer.Option(help="Rows that agree in this column are not divided.", **_TABLE)]
SplitColumn = Annotated[
    str | None, typer.Option(help="Take over the split in this column: train, val or test.", **_TABLE)
]
Unit = Annotated[str | None, typer.Option(help="The target's unit, for tables and plots.", **_TABLE)]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop-train", help="Leave out training rows with targets LO:HI; repeatable.", **_LESS),
]
Skew = Annotated[
    str | None,
    typer.Option(
        help='Thin train to a mixture "MEAN:STD:WEIGHT, …" of disjoint Gaussians; STD may be LEFT/RIGHT.', **_LESS
    ),
]
TrainSize = Annotated[int | None, typer.Option(min=1, help="How many training rows --skew keeps.", **_LESS)]


def order(
    table: Path | None, cut: Cut | None, *, seed: int, called: str | None, given: Mapping[str, Any]
) -> CustomOptions:
    """What the options ask for; ``given`` are those of the table by name. UsageError where they do not fit together."""
    from dircli.curation import custom as own
    from dircli.store.user_tables import Names

    if table is None or given["--target"] is None:
        raise UsageError("give the table with --table FILE, and the column of targets with --target COL")
    if given["--bins"] and any(given[key] is not None for key in ("--bin-width", "--edges")):
        raise UsageError("--bins auto chooses the width; leave out --bin-width and --edges")
    names = Names(target=given["--target"], id=given["--id"], group=given["--group"], split=given["--split-column"])
    if names.split and (given["--per-bin"] or names.group):
        raise UsageError("--split-column takes a split over as it is; --per-bin and --group are for drawing one")
    base = called or own.CustomOptions.called
    return own.CustomOptions(
        table=table,
        names=names,
        called=base if called or cut is None else cut.named(base),
        unit=given["--unit"] or "",
        width=given["--bin-width"],
        limits=given["--range"],
        edges=given["--edges"],
        outside=given["--outside"] or own.CustomOptions.outside,
        per_bin=given["--per-bin"],
        many=_or(given["--many"], own.CustomOptions.many),
        few=_or(given["--few"], own.CustomOptions.few),
        seed=seed,
        cut=cut,
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def tell_skew(facts: Mapping[str, Any], edges: Any) -> None:
    """The density that was asked for, and the one that was reached, bin by bin; nothing where none was asked for."""
    from dircli.report import console, tables

    skew = facts.get("derived", {}).get("skew")
    if skew is None:
        return
    table, step = tables.skew(skew, edges, rows=SHOWN_ROWS)
    console.out().print(table)
    console.note(f"{step} bins to a row" if step > 1 else "one bin to a row")
