"""Parts in files: read in any pieces, cut by ids, and written as one Parquet file."""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.errors import InputError
from dircli.store import parquet, partitions, spans, user_tables
from dircli.store.content import column_digest, encoded, texts_digest
from dircli.store.partitions import between, blocks_of, part_of, splitters, write_part
from dircli.store.streams import Unusual
from dircli.store.user_tables import Names, rank

QUICK = settings(deadline=None, max_examples=40)
KEYS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9), unique=True, max_size=40)


def test_a_part_is_read_back_whole_by_blocks_and_of_some_columns_also_without_rows(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "ROWS", 3)
    for size in (0, 8):
        table = pa.table({"id": [str(row) for row in range(size)], "y": np.arange(size) / 2, "x": np.arange(size)})
        write_part(work / "part", table)
        assert part_of(work / "part", "id", "y", "x").equals(table)
        assert part_of(work / "part", "x", "id", "none").equals(table.select(["id", "x"]))
        blocks = list(blocks_of(work / "part", "y"))
        assert [len(block) for block in blocks] == [3, 3, 2][: len(blocks)]
        assert pa.Table.from_batches(blocks, pa.schema({"y": pa.float64()})).equals(table.select(["y"]))


@QUICK
@given(st.lists(KEYS, min_size=1, max_size=4), st.integers(1, 5))
def test_ranges_of_ids_hold_each_row_once_and_in_order(runs: list[list[str]], number: int) -> None:
    paths, samples, every = [], [], []
    for place, texts in enumerate(runs):
        keys = sorted(texts, key=lambda text: rank(text.encode()))
        paths.append(Path(f"run-{place}"))
        write_part(paths[-1], pa.table({"id": pa.array(keys, pa.string())}))
        samples += [(key.encode(), 2.0) for key in keys[::2]]
        every += keys
    cuts = splitters(samples, number, key=rank) if samples else []
    assert len(cuts) < number
    found = []
    for low, high in zip([None, *cuts], [*cuts, None], strict=True):
        keys = [key for table in between(paths, low, high, key=rank) for key in table["id"].to_pylist()]
        found += sorted(keys, key=lambda text: rank(text.encode()))
    assert found == sorted(every, key=lambda text: rank(text.encode()))
    order = user_tables.ascending(pa.array(every, pa.string()))
    assert found == (every if order is None else [every[row] for row in order])


def test_parts_have_about_one_size_where_samples_stand_for_all_rows() -> None:
    samples = [(f"{row:03}".encode(), 10.0) for row in range(100)]
    assert splitters(samples, 4, key=rank) == [b"024", b"049", b"074"]
    assert splitters(samples, 1, key=rank) == []
    assert splitters([(b"a", 1.0)], 3, key=rank) == [b"a"]


@pytest.mark.parametrize("rows", [1, 99, 100, 101, 350])
def test_blocks_of_any_length_make_the_file_that_the_whole_table_makes(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP", 100)
    draw = np.random.default_rng(rows)
    columns = {"id": pa.array([f"row {row}" for row in range(rows)]), "y": pa.array(draw.normal(0, 1, rows).round(1))}
    whole = parquet.parquet_bytes(columns, {"a": 1}, dictionary=["y"])
    table = pa.table(columns)
    for step in (1, 7, 100, 1000):
        sink = io.BytesIO()
        blocks = (table.slice(start, step) for start in range(0, rows, step))
        parquet.write_blocks(blocks, partial(parquet.Writer, sink, facts={"a": 1}, dictionary=["y"]))
        assert sink.getvalue() == whole


def test_the_digest_of_texts_in_parts_is_that_of_the_column() -> None:
    column = pa.array(["a", "", "bcd", "é"] * 5)
    parts = [encoded(column[:7]), encoded(column[7:])]
    assert texts_digest(20, lambda: parts) == column_digest(column)


@pytest.mark.parametrize("size", [3, 20, 1000])
def test_each_row_of_a_text_is_in_one_span_with_its_values(size: int, work: Path) -> None:
    names = Names(target="y", id="id")
    (work / "t.csv").write_text("id,x,y\r\n" + "".join(f'"{row}",a,{row / 4}\r\n' for row in range(30)) + "\r\n")
    (work / "t.jsonl").write_text("".join(f'{{"y": {row / 4}, "id": {row}}}\n\n' for row in range(30)))
    for name in ("t.csv", "t.jsonl"):
        found = [user_tables.of_span(span, names, drop=False) for span in user_tables.divided([Path(name)], size=size)]
        assert np.concatenate([rows.targets for rows in found]).tolist() == [row / 4 for row in range(30)]
        ids = [key for rows in found if rows.ids is not None for key in rows.ids.to_pylist()]
        assert ids == [str(row) for row in range(30)]


@pytest.mark.parametrize("text", ['id,y\na,1\n"b\n",2\nc,3\n', 'id,y\na,1\nb"",2\nc,3\n', "id,y\na,1\rb,2\nc,3\n"])
def test_text_that_might_be_cut_within_a_field_or_line_is_unusual_in_spans(text: str, work: Path) -> None:
    names = Names(target="y", id="id")
    (work / "t").write_text(text, newline="")
    assert user_tables.read(Path("t"), names).targets.tolist() == [1, 2, 3]
    in_spans = (user_tables.of_span(span, names, drop=False) for span in user_tables.divided([Path("t")], size=8))
    with pytest.raises(Unusual):
        list(in_spans)


def test_the_lines_of_a_span_are_those_that_begin_in_it(work: Path) -> None:
    (work / "t").write_bytes(b"one\ntwo\nthree")
    for size in (1, 4, 5, 100):
        assert b"".join(spans.lines(span) for span in spans.divided([Path("t")], size=size)) == b"one\ntwo\nthree"
    assert [spans.lines(span) for span in spans.divided([Path("t")], size=4)] == [b"one\n", b"two\n", b"three"]


def test_a_header_ends_where_a_line_ends_and_one_that_is_none_is_named(work: Path) -> None:
    (work / "t").write_bytes(b"id,y\ra,1\rb,2\r")
    assert user_tables.read(Path("t"), Names(target="y", id="id")).targets.tolist() == [1, 2]
    (work / "t").write_bytes(b'"id,y' + b"," * 200_000 + b"\na,1\n")
    with pytest.raises(InputError, match="there is no one column y"):
        user_tables.read(Path("t"), Names(target="y"))


def test_a_target_with_a_tab_before_it_is_no_problem_where_another_one_is(work: Path) -> None:
    (work / "t").write_text("id,y\na,\t90\nb,x\n")
    with pytest.raises(InputError) as error:
        user_tables.read(Path("t"), Names(target="y", id="id"))
    assert [problem.where for problem in error.value.problems] == ["t, row 2"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_table_that_is_read_once_is_refused_and_not_waited_for(work: Path) -> None:
    os.mkfifo(work / "t")
    with pytest.raises(InputError, match=r"^t: it cannot be read more than once\. Write its rows to a file first$"):
        user_tables.read(Path("t"), Names(target="y"))
    with pytest.raises(OSError, match="seek"):
        user_tables.divided([Path("t")])
