"""Delimited text: every way in which a table can be broken, and the line that each message names."""

from __future__ import annotations

import codecs
import contextlib
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dircli.errors import InputError, Problem, clear
from dircli.store.text import Table, numbers, parse

COLUMNS = ("id", "prediction")


def table(data: bytes | str, *, columns: tuple[str, ...] = COLUMNS, delimiter: str = ",", quoted: bool = True) -> Table:
    data = data.encode() if isinstance(data, str) else data
    return parse(data, "p.csv", columns=columns, delimiter=delimiter, quoted=quoted)


def refusal(data: bytes | str) -> str:
    with pytest.raises(InputError) as caught:
        table(data)
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        "id,prediction\na,1\nb,2\n",
        "id,prediction\na,1\nb,2",
        "id,prediction\r\na,1\r\nb,2\r\n",
        "id,prediction\ra,1\rb,2\r",
        "\ufeffid,prediction\na,1\nb,2\n",
        "\n\nid,prediction\n\na,1\n\n\nb,2\n\n",
        ' id , prediction \n"a","1"\nb,2\n',
    ],
    ids=["plain", "no last newline", "CRLF", "CR", "byte order mark", "blank lines", "quotes and spaces"],
)
def test_the_same_table_is_read_however_it_is_written(data: str) -> None:
    assert table(data).columns == {"id": ["a", "b"], "prediction": ["1", "2"]}
    assert not table(data).problems


def test_all_columns_are_kept_in_any_order() -> None:
    found = table("note,prediction,id\nx,1,a\n")
    assert list(found.columns) == ["note", "prediction", "id"]


def test_a_header_alone_is_a_table_without_rows() -> None:
    found = table("id,prediction\n")
    assert found.columns == {"id": [], "prediction": []}
    assert numbers(found, "prediction")[0].shape == (0,)


@pytest.mark.parametrize("data", [b"", b"\n", b" \t\r\n \n", codecs.BOM_UTF8, codecs.BOM_UTF8 + b"\r\n\n"])
def test_an_empty_file_is_called_empty(data: bytes) -> None:
    assert refusal(data) == "p.csv: the file is empty. Check that whatever wrote it has finished"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("id;prediction\na;1\n", "semicolons"),
        ("id\tprediction\na\t1\n", "tabs"),
        ("prediction|id\n1|a\n", "bars"),
        ('"id";"prediction"\n"a";"1"\n', "semicolons"),
        ('"id"\t"prediction"\r\n"a"\t1\r\n', "tabs"),
        ("\n id ; prediction \na;1\n", "semicolons"),
    ],
)
def test_another_delimiter_is_recognised_and_named(data: str, word: str) -> None:
    assert refusal(data).endswith(f"The fields are separated by {word}; commas are expected")


def test_commas_are_recognised_where_tabs_are_expected() -> None:
    with pytest.raises(InputError, match="separated by commas; tabs are expected"):
        table("id,prediction\na,1\n", delimiter="\t")


def test_missing_columns_are_named_with_those_that_are_there() -> None:
    assert refusal("name,score,\na,1,\n") == (
        "p.csv, line 1: there is no column id or prediction; the columns are name, score, ''. Expected id, prediction"
    )


def test_a_missing_column_is_named_without_copies_of_all_rows() -> None:
    data = b"id\n" + b"1\n" * 500_000
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="no column x"):
            parse(data, "p", columns=["x"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data)


def test_the_caller_says_what_to_do_about_a_missing_column() -> None:
    with pytest.raises(InputError, match=r"the columns are name\. Use --id-column$"):
        parse(b"name\na\n", "p.csv", columns=("id",), hint="Use --id-column")


def test_the_header_is_named_by_its_line_below_blank_ones() -> None:
    assert refusal("\n\nname\n").startswith("p.csv, line 3: ")


def test_repeated_and_missing_columns_are_reported_together() -> None:
    assert refusal("id,id,x,x\n").splitlines() == [
        "p.csv, line 1: the header has more than one column id and x. Keep one of them, or rename the others",
        "p.csv, line 1: there is no column prediction; the columns are id, id, x, x. Expected id, prediction",
    ]


def test_columns_without_a_name_are_shown_as_such() -> None:
    assert "more than one column ''. " in refusal("id,prediction,,\na,1,,\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised_with_and_without_its_mark(encoding: str) -> None:
    message = refusal("id,prediction\na,1\n".encode(encoding))
    assert "UTF-16" in message
    assert message.endswith("Save it as UTF-8 text")


def test_a_zero_byte_is_found_on_its_line() -> None:
    assert refusal(b"id,prediction\na,1\nb,\0\n").startswith("p.csv, line 3: there is a zero byte")


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_latin_1_byte_is_named_with_its_line(mark: bytes, newline: bytes) -> None:
    data = mark + newline.join([b"id,prediction", b"a,1", b"\xe9,2", b"b,3"])
    assert refusal(data) == "p.csv, line 3: byte 0xe9 is not UTF-8 text. Save it as UTF-8 text"


def test_uneven_rows_are_named_by_the_line_they_begin_on() -> None:
    found = table('id,prediction\na,1\n"b\nb\nb",2\n\nc\nd,4,x\n"e\ne",5,\nf,6\n')
    assert found.lines == [2, 3, 11]
    assert found.columns["id"] == ["a", "b\nb\nb", "f"]
    assert [str(problem) for problem in found.problems] == [
        "p.csv, line 7: the header has 2 fields, this row 1. Mend or remove the row",
        "p.csv, line 8: the header has 2 fields, this row 3. Mend or remove the row",
        "p.csv, line 9: the header has 2 fields, this row 3. Mend or remove the row",
    ]


def test_an_unclosed_quote_is_sought_where_its_row_begins_and_hides_nothing_above() -> None:
    rows = "".join(f"r{row},1\n" for row in range(50))
    assert refusal(f'id,prediction\na\nb,1\n"c,2\n{rows}').splitlines() == [
        "p.csv, line 2: the header has 2 fields, this row 1. Mend or remove the row",
        "p.csv, line 4: the row that begins here cannot be read (unexpected end of data). Look for an unclosed quote",
    ]


def test_quotes_are_plain_characters_where_the_format_says_so() -> None:
    found = table('id\tprediction\n"a\t1\nb"c\t2\n', delimiter="\t", quoted=False)
    assert found.columns["id"] == ['"a', 'b"c']
    assert table('"id"\t"prediction"\n"a\t1"\t1\n', delimiter="\t").columns["id"] == ["a\t1"]


def test_each_row_without_a_number_is_named_with_what_stands_there() -> None:
    values, problems = numbers(table('id,prediction\na,1\nb,"1,5"\n\nc,\nd,4\n'), "prediction")
    assert values.tolist()[::3] == [1.0, 4.0]
    assert problems == [
        Problem("p.csv, line 3", "prediction is '1,5', with a decimal comma, and so in 1 rows", "Write 1.5"),
        Problem("p.csv, line 5", "prediction is ''", "Write a finite number, such as 31.5"),
    ]


def test_the_first_ten_of_each_kind_are_shown_and_the_rest_counted() -> None:
    found = table("id,prediction\n" + "a,x\n" * 12 + "a,1\n" + "b\n" * 1011)
    _, problems = numbers(found, "prediction")
    assert [problem.where for problem in problems[:10]] == [f"p.csv, line {line}" for line in range(2, 12)]
    assert str(problems[10]) == "p.csv: 2 more rows have no number in prediction"
    assert len(problems) == len(found.problems) == 11
    assert str(found.problems[10]) == "p.csv: 1,001 more rows have a wrong number of fields"


def test_texts_in_every_row_are_one_problem() -> None:
    _, problems = numbers(table("id,prediction\n" + "a,x\n" * 12), "prediction")
    (problem,) = map(str, problems)
    assert problem.startswith("p.csv: prediction is no number in any of the 12 rows: lines 2 'x', 3 'x', 4 'x'")
    assert problem.endswith("11 'x' and 2 more. Write a finite number, such as 31.5")
    _, problems = numbers(table("id,prediction\n" + "a,x\n" * 10), "prediction")
    assert len(problems) == 10


def test_long_and_unprintable_fields_do_not_flood_a_message() -> None:
    assert clear("plain") == "plain"
    assert clear("two\nlines") == r"'two\nlines'"
    assert clear("\x1b[2J") == r"'\x1b[2J'"
    assert clear(" a") == "' a'"
    assert len(clear("x" * 100_000)) < 70
    assert len(refusal("x" * 100_000 + "\n")) < 200
    _, problems = numbers(table(f"id,prediction\na,{'x' * 100_000}\n"), "prediction")
    assert len(str(problems[0])) < 150


@given(st.text(max_size=60) | st.binary(max_size=60))
@example('id,prediction\n"')
@example("\ufeff")
def test_any_bytes_are_a_table_or_refused(data: str | bytes) -> None:
    """There is no third way out, whatever the header lacks."""
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    for start in (b"", b"id,prediction\n"):
        with contextlib.suppress(InputError):
            found = table(start + text)
            numbers(found, "prediction")
            assert all(len(column) == len(found.lines) for column in found.columns.values())
