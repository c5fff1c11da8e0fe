"""What is wrong in a table of one's own: the first ten rows of each kind, and how many more; see `own_tables`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.errors import SHOWN, Problem
from dircli.tables import FINITE, clear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from dircli.store.own_tables import Names

HINT = "Give a CSV, TSV, Parquet or JSON lines table"
NUMBER = r"^\s*-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


def numeric(kind: Any) -> bool:
    """Whether an Arrow type holds numbers."""
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def textual(kind: Any) -> bool:
    """Whether an Arrow type holds texts or whole numbers, as ids are."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(text or pa.types.is_integer(kind))


def problems(
    path: Path, reader: Callable[[Sequence[str], Mapping[str, Any], list[Any]], pa.Table], names: Names, *, lines: bool
) -> list[Problem]:
    """Everything that is wrong in the table at ``path``, which ``reader`` reads; ``lines`` says that it is JSON lines.

    ``reader`` is given the columns, no types, and a list that it adds rows of a wrong length to.
    """
    import pyarrow as pa

    ragged: list[Any] = []
    try:
        table = reader(names.all, {}, ragged)
    except (pa.ArrowException, OSError) as error:
        if lines:
            return _wrong_lines(path, names)
        return [Problem(str(path), f"its rows cannot be read ({str(error).strip().splitlines()[0]})", HINT)]
    what = [
        (row.number - 1, f"the header has {row.expected_columns} fields, this row {row.actual_columns}")
        for row in ragged
    ]
    found = _listed(path, what, "Mend or remove the row", "more rows have a wrong number of fields")
    place = _places(table.num_rows, [number for number, _ in what])
    if not table.num_rows and not found:
        return [Problem(str(path), "there are no rows", HINT)]
    for name in names.all:
        found += _wrong_column(path, table[name], name, place, target=name == names.target)
    kind = table[names.target].type
    return found or [Problem(str(path), f"column {clear(names.target)} holds {kind}", "Write numbers")]


def _places(rows: int, left_out: list[int]) -> Callable[[int], int]:
    """What to call the k-th of ``rows`` that were read, where those numbered ``left_out`` were not."""
    if not left_out:
        return lambda k: k + 1
    numbers = np.setdiff1d(np.arange(1, rows + len(left_out) + 1), left_out)
    return lambda k: int(numbers[k])


def _listed(path: Path, found: Sequence[tuple[int, str]], hint: str, rest: str) -> list[Problem]:
    problems = [Problem(f"{path}, row {row}", what, hint) for row, what in found[:SHOWN]]
    return problems + ([Problem(str(path), f"{len(found) - SHOWN:,} {rest}")] if len(found) > SHOWN else [])


def _wrong_column(
    path: Path, column: pa.ChunkedArray, name: str, place: Callable[[int], int], *, target: bool
) -> list[Problem]:
    """What is wrong in one column: values that are missing, and targets that are no finite number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if target and numeric(column.type):
        bad = ~np.isfinite(column.cast(pa.float64()).to_numpy())  # null is NaN
    elif target and pa.types.is_string(column.type):
        fits = pc.fill_null(pc.match_substring_regex(column, NUMBER), fill_value=False)
        values = pc.if_else(fits, column, pa.scalar("nan")).cast(pa.float64()).to_numpy()
        bad = ~np.isfinite(values)
    elif target or not textual(column.type):
        what = "numbers" if target else "texts or whole numbers"
        return [Problem(str(path), f"column {clear(name)} holds {column.type}", f"Write {what}")]
    else:
        bad = pc.fill_null(pc.equal(pc.cast(column, pa.string()), ""), fill_value=True).to_numpy()
    rows = np.flatnonzero(bad)
    shown = [(place(int(row)), f"{clear(name)} is {_shown(column[int(row)].as_py())}") for row in rows[:SHOWN]]
    hint, what = (FINITE, "no number") if target else ("Give each row one", "nothing")
    more = [Problem(str(path), f"{rows.size - SHOWN:,} more rows have {what} in {clear(name)}")]
    return _listed(path, shown, hint, "") + (more if rows.size > SHOWN else [])


def _shown(value: object) -> str:
    return "missing" if value is None or value == "" else clear(value) if isinstance(value, str) else str(value)


def _wrong_lines(path: Path, names: Names) -> list[Problem]:
    """What is wrong in JSON lines that Arrow does not read."""
    wrong: list[tuple[int, str]] = []
    with path.open("rb") as stream:
        for row, line in enumerate(filter(bytes.strip, stream), 1):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError) as error:
                wrong.append((row, f"this is no JSON ({error})"))
                continue
            if not isinstance(found, dict):
                wrong.append((row, "this is no JSON object"))
                continue
            target = found.get(names.target)
            if isinstance(target, bool) or not isinstance(target, (int, float)):
                wrong.append((row, f"{clear(names.target)} is {json.dumps(target)}"))
            odd = [key for key in names.all if key != names.target and type(found.get(key)) not in {int, str}]
            wrong += [(row, f"{clear(key)} is {json.dumps(found.get(key))}") for key in odd]
    hint = "Write numbers for targets, and texts for all else"
    return _listed(path, wrong, hint, "more rows cannot be read") or [
        Problem(str(path), "a column changes between numbers and texts", HINT)
    ]
