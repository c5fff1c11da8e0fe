"""The paper's Tables 1 to 6 as printed, from published.toml; nothing is computed here but the unit of a score.

The rows are taken to be of the released protocol on the test split of the published content; the paper gives nothing by
which that could be verified.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

if sys.version_info >= (3, 11):
    import tomllib
else:  # the standard library has it from 3.11 on
    import tomli as tomllib

SPLIT, PROTOCOL = "test", "released"


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
    """One method; ``printed`` holds a number per region and metric, with the digits that were printed."""

    method: str
    printed: Mapping[str, tuple[Decimal, ...]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table; ``subset`` says what else its models were trained on."""

    number: int
    dataset: str
    regions: tuple[str, ...]
    columns: Mapping[str, Column]
    rows: tuple[Row, ...]
    subset: str = ""

    def scores(self, row: Row, metric: str) -> dict[str, Decimal]:
        """The scores of ``row`` by region, in the unit of `dir evaluate`, with as many digits as were printed."""
        times = self.columns[metric].times
        return {region: value * times for region, value in zip(self.regions, row.printed[metric], strict=True)}


@cache
def published() -> list[dict[str, Any]]:
    """The tables as they stand in published.toml, with each number to the digits that were printed."""
    text = Path(__file__).with_name("published.toml").read_text(encoding="utf-8")
    tables: list[dict[str, Any]] = tomllib.loads(text, parse_float=Decimal)["table"]
    return tables


def tables() -> Iterator[Table]:
    """The six tables, in the paper's order."""
    for written in published():
        columns = {column["name"]: Column(**column) for column in written["metrics"]}
        yield Table(
            number=written["number"],
            dataset=written["dataset"],
            regions=tuple(written["regions"]),
            columns=columns,
            rows=tuple(Row(row["method"], {name: tuple(row[name]) for name in columns}) for row in written["rows"]),
            subset=written.get("subset", ""),
        )
