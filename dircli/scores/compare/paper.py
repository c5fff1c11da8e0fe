"""Published tables as printed: the DIR paper's, from published.toml, and later papers', from later.toml.

Nothing is computed here but the unit of a score. The DIR paper's rows are taken to be of the released protocol on the
test split of the published content; it gives nothing by which that could be verified. Later rows name the test set that
they are of, by its short name; what the names mean stands in later.toml.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dircli.datasets.variants import variants as known

if sys.version_info >= (3, 11):
    import tomllib
else:  # the standard library has it from 3.11 on
    import tomli as tomllib

SPLIT, PROTOCOL = "test", "released"
PUBLISHED, UNKNOWN = "released", "unknown"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of a table: ``times`` turns a printed number into the unit that `dir evaluate` gives."""

    name: str
    title: str
    better: Literal["lower", "higher"]
    times: Decimal = Decimal(1)
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One method; ``printed`` holds a number per region and metric, with the digits that were printed.

    What was not printed is NaN, or a metric left out. ``variant`` is the test set, by its short name.
    """

    method: str
    printed: Mapping[str, tuple[Decimal, ...]]
    variant: str = PUBLISHED


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A test set: what is said of it above its rows, and for some datasets its test rows in many, medium and few."""

    text: str
    sizes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: where it is printed, and how that was ``verified``; ``number`` is a word where it is no table's.

    ``subset`` says what else its models were trained on. ``unreconciled`` are the methods of which a printed "all" does
    not follow from the regions, where the sizes of those are known. ``seeds``: whether numbers are of several runs.
    """

    paper: str
    year: int
    number: int | str
    source: str
    dataset: str
    backbone: str
    seeds: str
    verified: str
    regions: tuple[str, ...]
    columns: Mapping[str, Column]
    rows: tuple[Row, ...]
    unreconciled: tuple[str, ...] = ()
    subset: str = ""

    @property
    def label(self) -> str:
        """What the table is called in its source."""
        return f"Table {self.number}" if isinstance(self.number, int) else self.number

    def scores(self, row: Row, metric: str) -> dict[str, Decimal | None]:
        """The scores of ``row`` by region, in the unit of `dir evaluate`, as printed; None for what is not printed."""
        times = self.columns[metric].times
        values = row.printed.get(metric, (Decimal("NaN"),) * len(self.regions))
        return {
            region: None if value.is_nan() else value * times
            for region, value in zip(self.regions, values, strict=True)
        }


@cache
def _document(name: str) -> dict[str, Any]:
    """What stands in ``name``.toml, with each number to the digits that were printed."""
    text = Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


def published() -> list[dict[str, Any]]:
    """The DIR paper's tables as they stand in published.toml."""
    tables: list[dict[str, Any]] = _document("published")["table"]
    return tables


def tables() -> Iterator[Table]:
    """The DIR paper's six tables, in its order."""
    yield from _tables("published")


def printed(dataset: str | None) -> tuple[str, ...]:
    """The metrics of the DIR paper's table of ``dataset``; where it has none, those of most of them: MAE and GM."""
    return next((tuple(table.columns) for table in tables() if table.dataset == dataset), ("mae", "gm"))


def later() -> Iterator[Table]:
    """The tables of later papers and repositories, by dataset and year."""
    yield from _tables("later")


def variants() -> dict[str, Variant]:
    """The test sets of which rows are printed, by their short names."""
    registry = {each.name: f"another test set, that of {each.title}: {each.note}" for each in known()}
    return {
        name: Variant(
            text=each.get("text") or registry[name],
            sizes={of: tuple(sizes) for of, sizes in each.get("sizes", {}).items()},
        )
        for name, each in _document("later")["variant"].items()
    }


def _tables(name: str) -> Iterator[Table]:
    document = _document(name)
    for table in document["table"]:
        written = {**document.get("paper", {}), **table}
        columns = {column["name"]: Column(**column) for column in written["metrics"]}
        rows = tuple(
            Row(
                row["method"],
                {metric: tuple(row[metric]) for metric in columns if metric in row},
                row.get("variant", written["variant"]),
            )
            for row in written["rows"]
        )
        yield Table(
            **{key: written[key] for key in ("paper", "year", "number", "source", "dataset")},
            **{key: written[key] for key in ("backbone", "seeds", "verified")},
            regions=tuple(written["regions"]),
            columns=columns,
            rows=rows,
            unreconciled=tuple(written.get("unreconciled", ())),
            subset=written.get("subset", ""),
        )
