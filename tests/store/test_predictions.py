"""Prediction files: the same numbers from every format and in every order, or everything that is wrong at once."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dircli.errors import InputError
from dircli.scores.from_files import _names
from dircli.store import compressed
from dircli.store.digests import digest_of
from dircli.store.predictions import Layout, Predictions, aligned, own_targets, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dircli.arrays import FloatArray, TextArray

IDS = ["a", "b", "c", "d"]
VALUES = [1.5, -2.0, 3.25, 1e3]
TARGETS = [1.0, 2.0, 3.0, 4.0]


def ids(*names: str) -> TextArray:
    return np.array(names or IDS, dtype=object)


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def npy(array: Any, *, allow_pickle: bool = False) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=allow_pickle)
    return sink.getvalue()


def csv(rows: Sequence[tuple[object, ...]], header: str = "id,prediction") -> bytes:
    return "".join([f"{header}\n", *(",".join(map(str, row)) + "\n" for row in rows)]).encode()


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def scored(data: bytes, work: Path, **layout: Any) -> list[float]:
    """The predictions in the order of IDS."""
    (work / "p").write_bytes(data)
    return list(aligned(read("p", Layout(**layout)), ids(), np.array(TARGETS)))


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


def refusal(data: bytes, work: Path, **layout: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        scored(data, work, **layout)
    return str(caught.value).splitlines()


UNLIKE = "Check that the file belongs to this dataset and split"
ROWS = list(zip(IDS, VALUES, strict=True))
OBJECTS = [{"prediction": value, "id": key} for key, value in ROWS]
FORMATS = {
    "CSV": csv(ROWS),
    "CSV with a mark and CRLF": b"\xef\xbb\xbf" + csv(ROWS).replace(b"\n", b"\r\n"),
    "CSV with more columns": csv([(value, "x", key) for key, value in ROWS], "prediction,note,id"),
    "CSV from another order": csv(ROWS[::-1]),
    "TSV": csv(ROWS).replace(b",", b"\t"),
    "TSV as R writes it": b'"id"\t"prediction"\n' + b"".join(f'"{key}"\t{value}\n'.encode() for key, value in ROWS),
    "semicolons": csv(ROWS).replace(b",", b";"),
    "semicolons, and commas in a text": csv([(f"{key};{value};x", "y") for key, value in ROWS], "id;prediction;note,x"),
    "CSV, with semicolons in a text": csv([(key, value, "a;b\tc") for key, value in ROWS], "id,prediction,x;y\tz"),
    "CSV, gzip": gzip.compress(csv(ROWS)),
    "CSV, gzip of two parts": gzip.compress(csv(ROWS[:2])) + gzip.compress(csv(ROWS[2:]).partition(b"\n")[2]),
    "TSV, Zstandard": zstd(csv(ROWS).replace(b",", b"\t")),
    "JSON lines, Zstandard": zstd(lines(*OBJECTS)),
    "JSON lines": lines(*OBJECTS),
    "JSON lines with a mark, blank lines and CRLF": b"\xef\xbb\xbf\r\n"
    + lines(*OBJECTS[::-1]).replace(b"\n", b"\r\n\r\n"),
    "JSON lines, numbers as text": lines(*({"id": key, "prediction": str(value)} for key, value in ROWS)),
    "JSON lines with other line ends in a text": "".join(
        json.dumps({**row, "note": "\u2028\x85\v"}, ensure_ascii=False) + "\n" for row in OBJECTS
    ).encode(),
    "Parquet": parquet({"id": IDS, "prediction": VALUES}),
    "Parquet from another order": parquet({"prediction": VALUES[::-1], "id": IDS[::-1]}),
    "Parquet with float32": parquet({"id": IDS, "prediction": pa.array(VALUES, pa.float32())}),
    "Parquet with float16": parquet({"id": IDS, "prediction": pa.array(np.array(VALUES, np.float16))}),
    "Parquet with dictionary ids": parquet({"id": pa.array(IDS).dictionary_encode(), "prediction": VALUES}),
    "Parquet with large text": parquet({"id": pa.array(IDS, pa.large_string()), "prediction": VALUES}),
    "Parquet with decimals": parquet({"id": IDS, "prediction": pa.array(VALUES).cast(pa.decimal128(9, 3))}),
}


@pytest.mark.parametrize("data", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_and_order_gives_the_same_numbers(data: bytes, work: Path) -> None:
    assert scored(data, work) == VALUES


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.txt", "p", "p.csv.gz", "p.jsonl.zst", "p.gz"])
def test_the_kind_of_file_is_known_by_its_bytes_and_not_by_its_name(name: str, work: Path) -> None:
    for data in (FORMATS["CSV"], FORMATS["Parquet"], FORMATS["JSON lines"], FORMATS["CSV, gzip"]):
        (work / name).write_bytes(data)
        found = read(name, Layout())
        assert found.ids is not None
        assert sorted(map(str, found.ids)) == IDS
        assert (found.file, found.name, found.sha256) == (name, "p", digest_of([data], "sha256"))


@pytest.mark.parametrize(
    "data",
    [
        parquet({"id": [3, 1, 2], "prediction": pa.array([30, 10, 20], pa.int64())}),
        parquet({"id": pa.array([3, 1, 2], pa.uint8()), "prediction": pa.array([30, 10, 20], pa.uint16())}),
        lines(*({"id": key, "prediction": 10 * key} for key in (3, 1, 2))),
        csv([(3, 30), (1, 10), (2, 20)]),
    ],
    ids=["Parquet", "Parquet, unsigned", "JSON lines", "CSV"],
)
def test_whole_numbers_are_ids_and_predictions_too(data: bytes, work: Path) -> None:
    (work / "p").write_bytes(data)
    found = aligned(read("p", Layout()), ids("1", "2", "3"), np.zeros(3))
    assert found.tolist() == [10.0, 20.0, 30.0]
    assert found.dtype == np.float64


def test_numbers_beyond_the_whole_floats_are_rounded(work: Path) -> None:
    (work / "p").write_bytes(parquet({"id": ["a"], "prediction": pa.array([2**60 + 1], pa.int64())}))
    assert aligned(read("p", Layout()), ids("a"), np.zeros(1)).tolist() == [float(2**60)]


@pytest.mark.parametrize("form", ["CSV", "JSON lines", "Parquet"])
def test_columns_may_have_any_name(form: str, work: Path) -> None:
    names = {"id": "path", "prediction": "age hat"}
    data = {
        "CSV": csv(ROWS, "path,age hat"),
        "JSON lines": lines(*({names[key]: value for key, value in row.items()} for row in OBJECTS)),
        "Parquet": parquet({"path": IDS, "age hat": VALUES}),
    }[form]
    assert scored(data, work, id_column="path", prediction_column="age hat") == VALUES
    (line,) = refusal(data, work)
    assert "id or prediction" in line
    assert "path" in line
    assert "age hat" in line
    assert "Expected id, prediction; name other columns with --id-column, --prediction-column" in line


@pytest.mark.parametrize(
    "array",
    [
        np.array(VALUES),
        np.array(VALUES, dtype=np.float32),
        np.array(VALUES, dtype=">f8"),
        np.array(VALUES).reshape(4, 1),
        np.array(VALUES).reshape(1, 4),
        np.asfortranarray(np.array(VALUES).reshape(4, 1)),
    ],
)
def test_npy_files_hold_rows_in_manifest_order(array: FloatArray, work: Path) -> None:
    assert scored(npy(array), work, by_position=True) == VALUES


@pytest.mark.parametrize("form", ["CSV", "JSON lines", "Parquet"])
def test_by_position_no_ids_are_needed_or_used(form: str, work: Path) -> None:
    assert scored(FORMATS[form].replace(b'"a"', b'"z"'), work, by_position=True) == VALUES
    assert scored(csv([(value,) for value in VALUES], "prediction"), work, by_position=True) == VALUES


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (FORMATS["CSV"], FORMATS["Parquet"], FORMATS["JSON lines"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        found = read("-", Layout())
        assert (found.name, found.file) == ("stdin", "-")
        assert aligned(found, ids(), np.array(TARGETS)).tolist() == VALUES
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(InputError, match=r"^standard input: the file is empty"):
        read("-", Layout())


def test_everything_wrong_with_the_ids_is_told_at_once(work: Path) -> None:
    assert refusal(csv([("a", 1), ("b", 2), ("a", 3), ("x", 4), ("", 5), ("y\x1b", 6), ("x", 7)]), work) == [
        "p: 2 ids are missing: c, d. Predict every row of the split",
        r"p: 3 ids are not in the split: x, '', 'y\x1b'. Check --dataset and --split",
        "p: 2 ids occur more than once: a, x. Keep one row of each",
    ]


def test_ten_ids_of_each_kind_are_shown_and_the_rest_counted(work: Path) -> None:
    found = refusal(csv([(f"x{row}", 1) for row in range(1200)]), work)
    assert found[1].startswith(
        "p: 1,200 ids are not in the split: x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 and 1,190 more"
    )


def test_ids_and_numbers_are_told_of_together(work: Path) -> None:
    assert refusal(csv([("a", "x"), ("b", "nan"), ("c", 3)]), work) == [
        "p, line 2: prediction is 'x'. Write a finite number, such as 31.5",
        "p, line 3: prediction is 'nan'. Write a finite number, such as 31.5",
        "p: 1 ids are missing: d. Predict every row of the split",
    ]


@pytest.mark.parametrize(
    "data",
    [b"id,prediction\na,1\nb,2,5\nc,3\nd,4\n", lines(*OBJECTS[:1], *OBJECTS[2:]) + b'{"id": "b", "prediction": \n'],
    ids=["CSV", "JSON lines"],
)
def test_an_id_may_be_missing_because_its_row_cannot_be_read(data: bytes, work: Path) -> None:
    unread, missing = refusal(data, work)
    assert unread.startswith("p, line ")
    assert missing == "p: 1 ids are missing: b. Some may be in the rows that cannot be read"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("{", "the line is no JSON ("),
        ("[1]", "the line is no JSON object"),
        ("3", "the line is no JSON object"),
        ('{"id": "b"}', "there is no prediction; the keys are id"),
        ("{}", "there is no id or prediction; the keys are "),
        ('{"id": "b", "prediction": null}', "prediction is 'null'"),
        ('{"id": "b", "prediction": NaN}', "prediction is 'NaN'"),
        ('{"id": "b", "prediction": 1e999}', "prediction is 'Infinity'"),
        ('{"id": "b", "prediction": true}', "prediction is 'true'"),
        ('{"id": "b", "prediction": [2]}', "prediction is '[2]'"),
        ('{"a":' * 5_000, "the line is no JSON ("),
    ],
)
def test_a_broken_line_of_json_is_named(row: str, found: str, work: Path) -> None:
    data = lines(OBJECTS[0]) + row.encode() + b"\n" + lines(*OBJECTS[2:])
    assert refusal(data, work)[0].startswith(f"p, line 2: {found}")


def test_ten_broken_lines_of_json_are_shown_and_the_rest_counted(work: Path) -> None:
    found = refusal(lines(OBJECTS[0]) + b"{\n" * 25, work)
    assert [line.partition(":")[0] for line in found[:10]] == [f"p, line {number}" for number in range(2, 12)]
    assert found[10] == "p: 15 more lines cannot be read"
    (line,) = refusal(b"{\n" * 25, work)
    assert line.endswith("and so in every line. Write one object with id, prediction per line")


def test_a_target_in_some_lines_of_json_only_is_missed_in_the_others(work: Path) -> None:
    rows = [OBJECTS[0], *({**row, "target": target} for row, target in zip(OBJECTS[1:], TARGETS[1:], strict=True))]
    assert refusal(lines(*rows), work) == ["p, line 1: target is ''. Write a finite number, such as 31.5"]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"id": IDS, "prediction": [1.0, None, float("nan"), float("inf")]}, "p, row 2: prediction is nan. Write"),
        ({"id": IDS, "prediction": ["1", "2", "3", "4"]}, "p: column prediction holds string. Write numbers"),
        ({"id": IDS, "prediction": [True, False, True, True]}, "p: column prediction holds bool. Write numbers"),
        ({"id": IDS, "prediction": [[1.0]] * 4}, "p: column prediction holds list<"),
        (
            {"id": IDS, "score": VALUES},
            "p: there is no column prediction; the columns are id, score. Expected id, pred",
        ),
        ({"id": ["a", "b", "c", None], "prediction": VALUES}, "p: 1 ids are missing: d"),
    ],
)
def test_a_parquet_column_that_holds_something_else_is_named(columns: dict[str, Any], found: str, work: Path) -> None:
    assert refusal(parquet(columns), work)[0].startswith(found)


def test_every_parquet_row_without_a_number_is_named(work: Path) -> None:
    rows = [1.0, None, float("nan"), float("inf")]
    assert [line.partition(".")[0] for line in refusal(parquet({"id": IDS, "prediction": rows}), work)] == [
        "p, row 2: prediction is nan",
        "p, row 3: prediction is nan",
        "p, row 4: prediction is inf",
    ]


@pytest.mark.parametrize("cut", [4, 20, 0.5, -1])
def test_a_parquet_file_that_was_cut_off_is_no_whole_one(cut: float, work: Path) -> None:
    data = FORMATS["Parquet"]
    (line,) = refusal(data[: int(cut * len(data)) if isinstance(cut, float) else cut], work)
    assert line.startswith("p: this is no whole Parquet file (")
    assert line.endswith("Check that whatever wrote it has finished")


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("p.csv", FORMATS["CSV"])
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (zipped(), "this is a zip archive, such as .npz, .xlsx and .pt files are"),
        (pickle.dumps(VALUES), "this is a pickle"),
        (json.dumps(OBJECTS).encode(), "this is a JSON array"),
        (json.dumps(OBJECTS, indent=1).encode(), "this is a JSON array"),
    ],
)
def test_formats_that_are_none_of_ours_are_called_by_their_name(data: bytes, found: str, work: Path) -> None:
    (line,) = refusal(data, work)
    assert line.startswith(f"p: {found}. Give a CSV, JSON lines, Parquet or npy file of predictions")
    assert line.endswith("lines=True)") == ("JSON array" in found)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.array([1.0, np.nan, 3.0, -np.inf]), "p, row 2: prediction is nan"),
        (np.array(VALUES[:3]), "p: there are 3 rows, and the split has 4. Write one for each, in manifest order"),
        (np.zeros((2, 2)), "p: the array has shape (2, 2). One number per row is expected"),
        (np.float64(3.0), "p: the array has shape (). One number per row is expected"),
        (np.zeros((0, 4)), "p: the array has shape (0, 4). One number per row is expected"),
        (np.array(IDS), "p: the array holds <U1. Write numbers"),
        (np.array([True] * 4), "p: the array holds bool. Write numbers"),
        (np.array(VALUES, dtype=complex), "p: the array holds complex128. Write numbers"),
        (np.array(["a", None], dtype=object), "p: the array holds Python objects. Write numbers"),
    ],
)
def test_an_array_that_is_no_row_of_numbers_is_refused(array: Any, found: str, work: Path) -> None:
    assert refusal(npy(array, allow_pickle=True), work, by_position=True)[0].startswith(found)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:6],
        lambda data: data[:50],
        lambda data: data[:-1],
        lambda data: data.replace(b"}", b"("),
        lambda data: data.replace(b"(4,)", b"(4**"),
        lambda data: data.replace(b"(4,), }", b"(9" + b"9" * 9),
        lambda data: data.replace(b"<f8", b"<q9"),
    ],
)
def test_a_damaged_npy_file_is_no_whole_one(damage: Callable[[bytes], bytes], work: Path) -> None:
    (line,) = refusal(damage(npy(np.array(VALUES))), work, by_position=True)
    assert line.startswith("p: this is no whole npy file (")
    assert line.endswith("Write it again with np.save")


def test_damage_to_an_npy_file_is_told_in_the_same_words_each_time(work: Path) -> None:
    (line,) = refusal(npy(np.array(VALUES)).replace(b"False", b"aFlse"), work, by_position=True)
    assert "ast.Name object>" in line
    assert " at 0x" not in line


def test_an_array_too_large_for_the_machine_is_no_whole_one(work: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    (line,) = refusal(header.getvalue(), work, by_position=True)
    assert line.startswith("p: this is no whole npy file (")


PACKED = {"gzip": gzip.compress(csv(ROWS)), "zstd": zstd(csv(ROWS))}


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:4],
        lambda data: data + b"rest",
    ],
)
def test_a_compressed_file_that_is_not_whole_is_named(codec: str, damage: Callable[[bytes], bytes], work: Path) -> None:
    (line,) = refusal(damage(PACKED[codec]), work)
    assert line.startswith(f"p: this is no whole {codec} file (")
    assert line.endswith("). Check that whatever wrote it has finished")


def test_gzip_that_holds_other_bytes_than_it_says_is_not_whole(work: Path) -> None:
    data = PACKED["gzip"]
    (line,) = refusal(data[:-8] + bytes([data[-8] ^ 1]) + data[-7:], work)
    assert line.startswith("p: this is no whole gzip file (")


def test_what_is_wrong_within_a_compressed_file_is_named_by_its_line(work: Path) -> None:
    assert refusal(gzip.compress(csv([("a", "x"), *ROWS[1:]])), work) == [
        "p, line 2: prediction is 'x'. Write a finite number, such as 31.5"
    ]
    assert refusal(gzip.compress(PACKED["zstd"]), work) == [
        "p: this is compressed twice, by zstd within. Decompress it once"
    ]
    assert refusal(gzip.compress(json.dumps(OBJECTS).encode()), work)[0].startswith("p: this is a JSON array")
    assert refusal(gzip.compress(b""), work)[0].startswith("p: the file is empty")


def test_what_decompresses_to_no_text_is_refused_before_all_of_it_is_there(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "CHUNK", 1000)
    data = compressed.expanded(gzip.compress(csv(ROWS) + bytes(10**6)), "p", "gzip")
    assert len(data) == 1000
    (line,) = refusal(gzip.compress(csv(ROWS) + bytes(10**6)), work)
    assert line.startswith("p, line 6: there is a zero byte; this is no text")


def test_a_few_compressed_bytes_of_very_many_blank_ones_are_called_empty_without_keeping_them(work: Path) -> None:
    packed = gzip.compress(b" \r\n\t" * (5 << 20))
    assert 0 < len(compressed.expanded(packed, "p", "gzip")) <= compressed.CHUNK
    assert refusal(packed, work) == ["p: the file is empty. Check that whatever wrote it has finished"]
    late = compressed.expanded(gzip.compress(b"\n" * (3 << 20) + csv(ROWS)), "p", "gzip")
    assert late == b"\n" * (3 << 20) + csv(ROWS)


def test_decimal_commas_between_semicolons_are_one_problem(work: Path) -> None:
    rows = [(key, f"{value:.1f}".replace(".", ",")) for key, value in ROWS]
    assert refusal("".join(f"{key};{value}\n" for key, value in [("id", "prediction"), *rows]).encode(), work) == [
        "p, line 2: prediction is '1,5', with a decimal comma, and so in 4 rows. Write 1.5"
    ]
    assert refusal(b"id;prediction\na;1\nb;2,5\nc;x\nd;3\n", work) == [
        "p, line 3: prediction is '2,5', with a decimal comma, and so in 1 rows. Write 2.5",
        "p, line 4: prediction is 'x'. Write a finite number, such as 31.5",
    ]


def test_a_header_that_nothing_divides_into_the_columns_is_taken_for_one_with_commas(work: Path) -> None:
    (line,) = refusal(csv(ROWS, "key;value").replace(b",", b";"), work)
    assert line.startswith("p, line 1: there is no column id or prediction; the columns are key;value. Expected id,")
    (line,) = refusal(csv(ROWS).replace(b",", b"|"), work)
    assert line.endswith("The fields are separated by bars; commas are expected")


def test_an_array_needs_to_be_told_that_it_has_no_ids(work: Path) -> None:
    (line,) = refusal(npy(np.array(VALUES)), work)
    assert line == "p: an npy file has no ids. Add --by-position if its rows are in manifest order"


def test_by_position_length_numbers_and_targets_are_told_of_together(work: Path) -> None:
    assert refusal(npy(np.array([1.0, np.nan])), work, by_position=True) == [
        "p, row 2: prediction is nan. Write a finite number, such as 31.5",
        "p: there are 2 rows, and the split has 4. Write one for each, in manifest order",
    ]
    rows: list[tuple[object, ...]] = [("x", 1), (1, 2), (1, 7), (1, 4)]
    assert refusal(csv(rows, "prediction,target"), work, by_position=True) == [
        "p, line 2: prediction is 'x'. Write a finite number, such as 31.5",
        f"p: 1 targets differ from the manifest's: c has 7, not 3. {UNLIKE}",
    ]


@pytest.mark.parametrize("form", ["CSV", "JSON lines", "Parquet"])
def test_targets_may_be_there_and_must_agree(form: str, work: Path) -> None:
    def data(targets: list[float]) -> bytes:
        rows = list(zip(IDS, VALUES, targets, strict=True))[::-1]
        if form == "CSV":
            return csv(rows, "id,prediction,target")
        columns = {key: [row[place] for row in rows] for place, key in enumerate(("id", "prediction", "target"))}
        if form == "Parquet":
            return parquet(columns)
        return lines(*({key: column[row] for key, column in columns.items()} for row in range(len(rows))))

    assert scored(data(TARGETS), work) == VALUES
    assert refusal(data([1.0, 2.5, 3.0, 4.0001]), work) == [
        f"p: 2 targets differ from the manifest's: b has 2.5, not 2, d has 4.0001, not 4. {UNLIKE}"
    ]
    assert scored(data([9.0] * 4), work, target_column="truth") == VALUES


def test_targets_printed_from_float32_agree(work: Path) -> None:
    targets = np.array([0.1, 1 / 3, 2.7, 116.00001])
    single = targets.astype(np.float32)
    for printed in ([str(value) for value in single], [repr(float(value)) for value in single]):
        (work / "p").write_bytes(csv(list(zip(IDS, VALUES, printed, strict=True)), "id,prediction,target"))
        assert aligned(read("p", Layout()), ids(), targets).tolist() == VALUES


def test_a_header_alone_misses_every_id_and_nothing_else(work: Path) -> None:
    for header in ("id,prediction", "id,prediction,target"):
        assert refusal(csv([], header), work) == ["p: 4 ids are missing: a, b, c, d. Predict every row of the split"]


def test_a_file_may_bring_its_own_targets(work: Path) -> None:
    (work / "p").write_bytes(csv([(1.5, 1), (2.5, 2)], "prediction,target"))
    found = read("p", Layout(), need_target=True)
    assert found.ids is None
    assert [list(part) for part in own_targets(found)] == [[1.0, 2.0], [1.5, 2.5]]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (csv([], "prediction,target"), ["p: there are no rows. Check that whatever wrote it has finished"]),
        (csv([("a", 1, 2)] * 2, "id,prediction,target"), ["p: 1 ids occur more than once: a. Keep one row of each"]),
        (
            csv([("a", "x", 2), ("a", 1, "")], "id,prediction,target"),
            [
                "p, line 2: prediction is 'x'. Write a finite number, such as 31.5",
                "p, line 3: target is ''. Write a finite number, such as 31.5",
                "p: 1 ids occur more than once: a. Keep one row of each",
            ],
        ),
        (npy(np.array(VALUES)), ["p: there are no targets. Add a target column"]),
    ],
)
def test_what_is_wrong_with_a_file_that_brings_its_targets(data: bytes, found: list[str], work: Path) -> None:
    (work / "p").write_bytes(data)
    layout = Layout(by_position=data.startswith(b"\x93NUMPY"))
    with pytest.raises(InputError) as caught:
        own_targets(read("p", layout, need_target=True))
    assert str(caught.value).splitlines() == found


def test_systems_take_their_files_names_or_paths_where_two_share_one() -> None:
    def named(*paths: str) -> list[str]:
        empty = np.array([])
        return _names([Predictions(file=path, values=empty) for path in paths])

    assert named("runs/a.csv", "b.tar.csv", "-") == ["a", "b.tar", "stdin"]
    assert named("runs/a.csv.gz", "b.zst", "c.gz.csv") == ["a", "b", "c.gz"]
    assert named("p.csv", "p.csv.gz") == ["p.csv", "p.csv.gz"]
    assert named("one/p.csv", "two/p.csv", "q.csv") == ["one/p.csv", "two/p.csv", "q.csv"]
    assert named("p.csv", "p.parquet") == ["p.csv", "p.parquet"]


@pytest.mark.parametrize("key", ["id", "prediction"])
def test_a_json_line_in_which_a_key_stands_twice_is_refused(key: str, work: Path) -> None:
    """Readers keep one of the two or the other, so that nobody knows which was meant."""
    rows = lines(*OBJECTS).decode().splitlines()
    rows[1] = rows[1][:-1] + f', "{key}": {json.dumps(OBJECTS[1][key])}}}'
    (refused, *_) = refusal("\n".join(rows).encode(), work)
    assert f"line 2: the line is no JSON ({key} stands twice in an object)" in refused


@pytest.mark.parametrize("odd", [True, None, {"a": 1}, ["b"]])
def test_a_json_id_that_is_no_text_and_no_number_is_refused(odd: object, work: Path) -> None:
    (refused, *_) = refusal(lines(*OBJECTS[:-1], {"id": odd, "prediction": 1}), work)
    assert f"line {len(OBJECTS)}: id is {json.dumps(odd)}" in refused


@pytest.mark.parametrize("large", [0, 1 << 20])
def test_a_sigma_of_0_is_named_by_its_file_among_several_also_of_large_ones(
    large: int, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dircli.store.streams.LARGE", large)
    (work / "p").mkdir()
    for name, sigma in (("a", 1), ("b", 0)):
        (work / "p" / f"{name}.csv").write_text(f"id,prediction,sigma\n{name},1,{sigma}\n")
    (problem,) = read("p", Layout(sigma_column="sigma")).problems
    assert (problem.where, problem.found) == ("p/b.csv", "1 values of sigma are 0 or less, in rows 1: 0")
