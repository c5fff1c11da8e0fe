"""What the fast reader takes, the exact one takes too, and as the same values; and it takes what programs write."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dircli.errors import InputError
from dircli.store import plain_text
from dircli.store.text import numbers, parse

COLUMNS = ["id", "prediction"]


def fast(data: bytes, delimiter: str = ",") -> tuple[list[str], list[float]] | None:
    """Ids and predictions by the fast reader, None where it leaves them to the exact one."""
    table = plain_text.read(data, texts=COLUMNS[:1], numbers=COLUMNS[1:], needed=COLUMNS, delimiter=delimiter)
    return None if table is None else (table["id"].to_pylist(), table["prediction"].to_pylist())


def exact(data: bytes, delimiter: str = ",") -> tuple[list[str], list[float]] | None:
    """Ids and predictions by the exact reader, None where anything is wrong with them."""
    try:
        table = parse(data, "p.csv", columns=COLUMNS, delimiter=delimiter)
    except InputError:
        return None
    values, problems = numbers(table, "prediction")
    return None if table.problems or problems else (table.columns["id"], values.tolist())


PLAIN = {
    "plain": b"id,prediction\na,1\nb,2.5e-3\n",
    "no last newline": b"id,prediction\na,1\nb,2",
    "CRLF and a mark": b"\xef\xbb\xbfid,prediction\r\na,1\r\nb,2\r\n",
    "quotes as Arrow writes them": b'"id","prediction"\n"a",1\n"b,\nc",2\n"d",3',
    "quoted to the end": b'prediction,id\n1,"a"\n2,"b"',
    "more columns, of anything": "note,id,prediction,\n\u00e9,a,1,\n,b,2,x\n".encode(),
    "blank lines": b"id,prediction\n\na,1\n\n\nb,2\n\n",
    "texts that are null elsewhere": b"id,prediction\nNA,1\nnull,2\nNaN,3\n,4\n 007 ,5\n1e5,6\ntrue,7\n",
    "ids of any script": "id,prediction\n\u65e5\u672c,1\n\U0001f600,2\n".encode(),
}
LEFT = {
    "a quote in a quote": b'id,prediction\n"a""b",1\n',
    "a quote within": b'id,prediction\na"b,1\nc"d,2\n',
    "more after a quote": b'id,prediction\n"a"b,1\n',
    "a mark within": b"id,prediction\n\xef\xbb\xbfa,1\n",
    "an open quote": b'id,prediction\n"a,1\n',
    "CR alone": b"id,prediction\ra,1\rb,2\r",
    "CR alone between rows": b"id,prediction\na,1\rb,2\n",
    "zero byte": b"id,prediction\na\0,1\n",
    "Latin-1 elsewhere": b"id,prediction,note\na,1,\xe9\n",
    "header twice": b"id,prediction,id\na,1,b\n",
    "ragged": b"id,prediction\na,1\nb,2,3\n",
    "a header on two lines": b'id,prediction,"x\ny"\na,1,2\n',
    "a header alone": b"id,prediction\n",
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_what_programs_write_is_read_fast_and_as_the_exact_reader_has_it(data: bytes) -> None:
    assert fast(data) is not None
    assert fast(data) == exact(data)


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_other_delimiters_are_read_fast_as_well(data: bytes, delimiter: str) -> None:
    other = data.replace(b",", delimiter.encode())
    assert fast(other, delimiter) is not None
    assert fast(other, delimiter) == exact(other, delimiter)


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT.keys())
def test_what_is_unusual_is_left_to_the_exact_reader(data: bytes) -> None:
    assert fast(data) is None


SPELLINGS = ["nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e999", "1_000", "0x10", "1,5", "1 000", "", " ", "NA"]
SPELLINGS += [
    "1e-400",
    "1-",
    "1e",
    ".",
    "+",
    "+2.5",
    " 3 ",
    "\t3",
    "-0",
    ".5",
    "5.",
    "1d5",
    "null",
    "\uff13",
    "1\u00a0",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_no_number_is_read_fast_that_the_exact_reader_has_otherwise(text: str) -> None:
    data = f'id,prediction\na,1\nb,"{text}"\n'.encode()
    assert fast(data) in (None, exact(data))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@example([5e-324, 1.7976931348623157e308, 0.1 + 0.2, 9007199254740993.0, 2.2250738585072011e-308])
def test_every_printed_number_is_the_same_to_the_last_bit(values: list[float]) -> None:
    data = b"id,prediction\n" + "".join(f"{row},{value!r}\n" for row, value in enumerate(values)).encode()
    found = fast(data)
    assert found is not None
    assert np.array(found[1]).tobytes() == np.array(values).tobytes()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_decimals_of_any_length_are_rounded_as_python_rounds_them(value: object) -> None:
    assert fast(f"id,prediction\na,{value}\n".encode()) in (None, (["a"], [float(str(value))]))


PIECES = ["a", "b", "id", "prediction", ",", '"', '""', "\n", "\r\n", "\r", "1", "2.5", "-", "e", " ", "nan", "\0"]
PIECES += ["\u00e9", "x,1\n", '"y",2\n', "\ufeff", ";", "\t"]


@pytest.mark.thorough
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.binary(max_size=3))
@settings(max_examples=700, deadline=None)
def test_no_file_is_read_fast_that_the_exact_reader_refuses_or_reads_otherwise(text: str, end: bytes) -> None:
    for header in (b"", b"id,prediction\n", b'note,"prediction",id\r\n'):
        data = header + text.encode() + end
        assert fast(data) in (None, exact(data))
        for delimiter in ";\t":
            other = data.replace(b",", delimiter.encode())
            assert fast(other, delimiter) in (None, exact(other, delimiter))


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.floats(-1e9, 1e9)), min_size=1))
def test_any_ids_are_read_alike_as_python_writes_them(rows: list[tuple[str, float]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *rows])
    data = text.getvalue().encode()
    assert fast(data) in (None, exact(data))


def test_quotes_are_paired_across_the_parts_that_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_text, "LOOKED_AT", 5)
    for data in (*PLAIN.values(), *LEFT.values()):
        assert fast(data) in (None, exact(data))
    assert fast(PLAIN["quotes as Arrow writes them"]) is not None
    assert fast(LEFT["an open quote"]) is None
