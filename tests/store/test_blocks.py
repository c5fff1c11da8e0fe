"""Files that are written block by block have the bytes that all rows at once have."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dircli.errors import UsageError
from dircli.store import files, npy, parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FACTS = {"name": "own", "n": 3}
CUTS: tuple[list[int], ...] = ([], [0, 0], [1], [700], [99, 100, 101, 350], list(range(0, 1000, 7)))


def rows(size: int = 1000) -> pa.Table:
    """Texts that must be quoted, numbers, and some that are missing."""
    draw = np.random.default_rng(size)
    ids = [f'row "{row}", {"ü" * (row % 5)}' for row in range(size)]
    few = pa.array(draw.integers(0, 5, size), mask=draw.random(size) < 0.1)
    return pa.table({"id": ids, "few": few, "weight": draw.normal(size=size)})


def blocks(table: pa.Table, cuts: list[int]) -> Iterator[pa.Table]:
    """The rows, cut there."""
    for start, stop in zip([0, *cuts], [*cuts, len(table)], strict=True):
        yield table.slice(start, stop - start)


def by_arrow(table: pa.Table, group: int, **how: Any) -> bytes:
    """What Arrow writes of all rows at once."""
    sink = io.BytesIO()
    stated = table.replace_schema_metadata({"dircli": json.dumps(FACTS, sort_keys=True)})
    pq.write_table(stated, sink, compression="zstd", write_statistics=False, row_group_size=group, **how)
    return sink.getvalue()


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("group", [100, 999, 1000, 5000])
def test_parquet(cuts: list[int], group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", group)
    table = rows()
    for dictionary in (True, ["few"]):
        sink = io.BytesIO()
        with parquet.Writer(sink, table.schema, FACTS, dictionary=dictionary) as writer:
            for block in blocks(table, cuts):
                writer.write(block)
        assert sink.getvalue() == by_arrow(table, group, use_dictionary=dictionary)
        columns = {name: table[name] for name in table.column_names}
        assert parquet.parquet_bytes(columns, FACTS, dictionary=dictionary) == sink.getvalue()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_parquet_has_the_row_groups_that_arrow_makes_by_itself(size: int) -> None:
    table = pa.table({"x": np.arange(size) % 7})
    sink = io.BytesIO()
    stated = table.replace_schema_metadata({"dircli": json.dumps(FACTS, sort_keys=True)})
    pq.write_table(stated, sink, compression="zstd", write_statistics=False)
    assert parquet.parquet_bytes({"x": table["x"]}, FACTS) == sink.getvalue()
    assert pq.read_table(io.BytesIO(sink.getvalue())).num_rows == size


@pytest.mark.parametrize("cuts", CUTS)
def test_csv(cuts: list[int]) -> None:
    table = rows()
    for header in (True, False):
        sink = io.BytesIO()
        with parquet.csv_writer(sink, table.schema, header=header) as writer:
            for block in blocks(table, cuts):
                writer.write(block)
        columns = {name: table[name] for name in table.column_names}
        assert sink.getvalue() == parquet.csv_bytes(columns, header=header)
        assert sink.getvalue().count(b'"id"') == header
        assert len(sink.getvalue().splitlines()) == 1000 + header


@pytest.mark.parametrize("cuts", CUTS)
def test_npy(cuts: list[int]) -> None:
    sink, weight = io.BytesIO(), rows()["weight"]
    npy.write(sink, 1000, (block["weight"].to_numpy() for block in blocks(rows(), cuts)))
    assert sink.getvalue() == npy.as_bytes(weight.to_numpy())
    empty = io.BytesIO()
    npy.write(empty, 0, [])
    assert empty.getvalue() == npy.as_bytes(np.empty(0))


def test_files_are_written_by_functions_all_of_them_or_none(tmp_path: Path) -> None:
    def failing(stream: Any) -> None:
        stream.write(b"half")
        raise UsageError("no")

    with pytest.raises(UsageError, match=r"^no$"):
        files.write_all(tmp_path / "out", {"a": b"a", "b": failing})
    assert not (tmp_path / "out").exists()
    files.write_all(tmp_path / "out", {"a": b"a", "b": lambda stream: stream.writelines([b"b", b"c"])})
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"a": b"a", "b": b"bc"}


def test_what_fails_in_the_middle_is_not_passed_on() -> None:
    def failing(stream: Any) -> None:
        stream.write(b"half")
        raise UsageError("no")

    sink = io.BytesIO()
    with pytest.raises(UsageError):
        files.in_one_piece(failing, sink)
    assert not sink.getvalue()
    files.in_one_piece(lambda stream: stream.writelines([b"a", b"ll"]), sink)
    assert sink.getvalue() == b"all"
