"""What the fast reader of JSON lines takes, the exact one takes too, and as the same values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dircli.errors import InputError
from dircli.store import plain_lines
from dircli.store.predictions import Layout, Predictions, _from_exact_text

COLUMNS = ["id", "prediction"]


def fast(data: bytes) -> tuple[list[str], list[str]] | None:
    """Ids and predictions by the fast reader, None where it leaves them to the exact one."""
    table = plain_lines.read(data, texts=COLUMNS[:1], numbers=COLUMNS[1:], needed=COLUMNS)
    return (
        None if table is None else (table["id"].to_pylist(), [repr(value) for value in table["prediction"].to_pylist()])
    )


def exact(data: bytes) -> tuple[list[str], list[str]] | None:
    """Ids and predictions by the exact reader, None where anything is wrong with them."""
    try:
        found: Predictions = _from_exact_text(data, "p", Layout(), COLUMNS, None)
    except InputError:
        return None
    return None if found.problems else (list(found.ids or ()), [repr(value) for value in found.values.tolist()])


A = b'{"id": "a", "prediction": 1}\n'
PLAIN = {
    "plain": A + b'{"prediction": 2.5e-3, "id": "b"}\n',
    "one line": b'{"id":"a","prediction":1}',
    "no last newline": A + b'{"id": "b", "prediction": 2}',
    "CRLF and a mark": b"\xef\xbb\xbf" + A.replace(b"\n", b"\r\n") * 2,
    "whole numbers as ids": b'{"id": 7, "prediction": 1}\n{"id": -7, "prediction": -0.0}\n',
    "other keys": b'{"id": "a", "prediction": 1, "x": null}\n{"id": "b", "prediction": 1, "x": 3, "y": ""}\n',
    "escapes": b'{"i\\u0064": "\\u00e9\\n\\"", "prediction": 1}\n',
    "any script": '{"id": "\u65e5\U0001f600", "prediction": 1}\n'.encode(),
    "texts that other readers take for more": A
    + b'{"id": "2020-01-01", "prediction": 1}\n{"id": "", "prediction": 0}\n',
}
LEFT = {
    "a key twice": A + b'{"id": "b", "prediction": 1, "id": "c"}\n',
    "another key twice": A + b'{"id": "b", "prediction": 1, "x": 1, "x": 1}\n',
    "two objects on a line": b'{"id": "a", "prediction": 1}{"id": "b", "prediction": 2}\n',
    "on two lines": b'{"id": "a",\n"prediction": 1}\n{"id": "b", "prediction": 1}{"id": "c", "prediction": 1}',
    "on two lines that end alike": b'{"id": "}\n{", "prediction": 1}\n',
    "NaN": A + b'{"id": "b", "prediction": NaN}\n',
    "Infinity elsewhere": A + b'{"id": "b", "prediction": 1, "x": -Infinity}\n',
    "too large": A + b'{"id": "b", "prediction": 1e400}\n',
    "more digits than Python takes, elsewhere": b'{"id": "a", "prediction": 1, "x": ' + b"9" * 5000 + b"}\n",
    "minus zero, whole": b'{"id": "a", "prediction": -0}\n',
    "a number in quotes": b'{"id": "a", "prediction": "1"}\n',
    "null": A + b'{"id": "b", "prediction": null}\n',
    "ids of two kinds": A + b'{"id": 2, "prediction": 1}\n',
    "ids that are no whole numbers": b'{"id": 4.0, "prediction": 1}\n',
    "ids of more than 64 bits": b'{"id": 7, "prediction": 1}\n{"id": 9223372036854775808, "prediction": 1}\n',
    "an id that is true": A + b'{"id": true, "prediction": 1}\n',
    "an id that is missing": A + b'{"prediction": 1}\n',
    "half a surrogate pair": b'{"id": "\\ud800", "prediction": 1}\n',
    "an object in it": b'{"id": "a", "prediction": 1, "x": {"y": 1}}\n',
    "an array in it": b'{"id": "a", "prediction": 1, "x": [1]}\n',
    "deep": A + b'{"x":' * 100_000,
    "blank lines": A + b"\n" + A,
    "zero byte": b'{"id": "a\0", "prediction": 1}\n',
    "Latin-1": b'{"id": "\xe9", "prediction": 1}\n',
    "no JSON": A + b'{"id": "b", "prediction": 01}\n',
    "a key that comes later": b'{"prediction": 1}\n' + A,
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_what_programs_write_is_read_fast_and_as_the_exact_reader_has_it(data: bytes) -> None:
    assert fast(data) is not None
    assert fast(data) == exact(data)


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT.keys())
def test_what_is_unusual_is_left_to_the_exact_reader(data: bytes) -> None:
    assert fast(data) is None


def test_a_column_that_is_wanted_where_it_is_there_is_missed_in_no_line() -> None:
    wanted: dict[str, Any] = {"texts": ["id"], "numbers": ["prediction", "target"], "needed": ["prediction"]}
    late = b'{"prediction": 1}\n{"prediction": 1, "target": 2}\n'
    assert plain_lines.read(late, **wanted) is None
    assert plain_lines.read(b"".join(late.splitlines(keepends=True)[::-1]), **wanted) is None
    table = plain_lines.read(late.splitlines(keepends=True)[1], **wanted)
    assert table is not None
    assert table.to_pydict() == {"prediction": [1.0], "target": [2.0]}


VALUE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([1]), st.just({}))
ROW = st.fixed_dictionaries(
    {"id": st.one_of(st.text(max_size=4), VALUE), "prediction": st.one_of(st.floats(), VALUE)}, optional={"x": VALUE}
)


@pytest.mark.thorough
@given(st.lists(ROW, min_size=1, max_size=4), st.booleans())
@settings(max_examples=150)
def test_whatever_python_writes_is_read_alike(rows: list[dict[str, Any]], ascii_alone: bool) -> None:  # noqa: FBT001
    data = "".join(json.dumps(row, ensure_ascii=ascii_alone) + "\n" for row in rows).encode(errors="surrogatepass")
    assert fast(data) in (None, exact(data))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@example([5e-324, 1.7976931348623157e308, 0.1 + 0.2, 9007199254740993.0, -0.0, 0.0])
def test_every_printed_number_is_the_same_to_the_last_bit(values: list[float]) -> None:
    data = "".join(
        json.dumps({"id": str(row), "prediction": value}) + "\n" for row, value in enumerate(values)
    ).encode()
    assert fast(data) == ([str(row) for row in range(len(values))], [repr(value) for value in values])


PIECES = ["{", "}", "[", "]", '"', '"id"', '"prediction"', ":", ",", " ", "\n", "\r\n", "\r", "1", "2.5", "-0", "e1"]
PIECES += [
    "\\",
    "\\u00e9",
    "\\ud83d",
    "\\ude00",
    "null",
    "true",
    "NaN",
    "\u00e9",
    "\u2028",
    '"x": 1, ',
    "\ufeff",
    "\x7f",
    "\0",
    "/",
]


@pytest.mark.thorough
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), st.integers(0, 60), st.integers(0, 3))
@settings(max_examples=500)
def test_no_file_is_read_fast_that_the_exact_reader_refuses_or_reads_otherwise(text: str, at: int, cut: int) -> None:
    data = (A + A).decode()
    data_in = (data[:at] + text + data[at + cut :]).encode()
    assert fast(data_in) in (None, exact(data_in))
