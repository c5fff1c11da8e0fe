"""Files that are nearly right: the message says what their writer did, and how to do it otherwise."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import server as web
    from conftest import Run

OWN = ("curate", "custom", "--table", "own.csv", "--target", "y", "--bin-width", 10, "--name", "own")


def table(cell: Callable[[int], str] = lambda row: str(row % 80)) -> str:
    """A table of 400 rows whose ids are whole numbers from 1000, and whose targets are ``cell`` of their row."""
    return "\n".join(["id,y", *(f"{row + 1000},{cell(row)}" for row in range(400)), ""])


@pytest.fixture
def test_rows(work: Path, run: Run) -> list[tuple[str, float]]:
    """Ids and targets of the test rows of such a table."""
    (work / "own.csv").write_text(table())
    run(*OWN, "--id", "id")
    samples = manifests.read(work / "manifests" / "own").samples
    test = samples.split == "test"
    return list(zip(samples.ids[test].tolist(), samples.targets[test].tolist(), strict=True))


def _as_csv(path: Path, rows: list[tuple[str, float]]) -> None:
    path.write_text("\n".join(["id,prediction", *(f"{key}.0,{target}" for key, target in rows), ""]))


def _as_parquet(path: Path, rows: list[tuple[str, float]]) -> None:
    ids, targets = zip(*rows, strict=True)
    pq.write_table(pa.table({"id": [*map(float, ids)], "prediction": targets}), path)


def _as_lines(path: Path, rows: list[tuple[str, float]]) -> None:
    lines = (json.dumps({"id": float(key), "prediction": target}) for key, target in rows)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("write", [_as_csv, _as_parquet, _as_lines])
def test_ids_that_became_floats_are_told_in_one_line(
    write: Callable[[Path, list[tuple[str, float]]], None], test_rows: list[tuple[str, float]], run: Run, work: Path
) -> None:
    write(work / "p", test_rows)
    done = run("evaluate", "p", code=2)
    first = test_rows[0][0]
    assert done.stderr == (
        f"dir: p: the ids have decimals, such as {first}.0, and those of the split have none, such as {first}. "
        'Write them as whole numbers: with pandas, table["id"].astype("int64")\n'
    )


def test_ids_that_are_other_numbers_are_still_missing_and_surplus(
    test_rows: list[tuple[str, float]], run: Run, work: Path
) -> None:
    _as_csv(work / "p", [(f"9{key}", target) for key, target in test_rows])
    assert "ids are missing" in run("evaluate", "p", code=2).stderr


def test_a_column_of_floats_is_no_column_of_ids(run: Run, work: Path) -> None:
    pq.write_table(pa.table({"id": [float(row) for row in range(400)], "y": [row % 80 for row in range(400)]}), "own")
    done = run("curate", "custom", "--table", "own", "--target", "y", "--id", "id", code=2)
    assert (
        'column id holds double. Write texts or whole numbers: with pandas, table["id"].astype("int64")' in done.stderr
    )
    assert not (work / "manifests").exists()


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ('"1,234.5"', "is '1,234.5', with commas between thousands, and so in {} rows. Write 1234.5"),
        ('"1,234,567"', "is '1,234,567', with commas between thousands, and so in {} rows. Write 1234567"),
        ('"31,5"', "is '31,5', with a decimal comma, and so in {} rows. Write 31.5"),
        ('"1.234,5"', "is '1.234,5', with a decimal comma, and so in {} rows. Write 1234.5"),
        ('"1,234"', "is '1,234', with a comma, and so in {} rows. Write 1234, or 1.234 if it is a decimal comma"),
    ],
)
def test_commas_in_numbers_are_told_apart(
    cell: str, says: str, test_rows: list[tuple[str, float]], run: Run, work: Path
) -> None:
    lines = [f"{key},{cell if row in {2, 4} else target}" for row, (key, target) in enumerate(test_rows)]
    (work / "p.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    assert run("evaluate", "p.csv", code=2).stderr == f"dir: p.csv, line 4: prediction {says.format(2)}\n"
    (work / "own.csv").write_text(table(lambda row: cell if row in {2, 4} else "3"))
    done = run(*OWN, "--id", "id", "--force", code=2)
    assert done.stderr == f"dir: own.csv, row 3: y {says.format(2)}\n"


MISSING = {
    "csv": lambda: table(lambda row: "" if row % 10 == 3 else "nan" if row == 8 else str(row % 80)),
    "jsonl": lambda: "".join(
        json.dumps({"id": row + 1000, "y": None if row % 10 == 3 or row == 8 else row % 80}) + "\n"
        for row in range(400)
    ),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_targets_are_refused_and_the_message_names_the_way_out(kind: str, run: Run, work: Path) -> None:
    (work / "own.csv").write_text(MISSING[kind]())
    done = run(*OWN, code=2)
    assert "own.csv, row 4: y is " in done.stderr
    assert "Give it a number, or leave out such rows with --missing drop" in done.stderr
    assert not (work / "manifests").exists()


@pytest.mark.parametrize("kind", [*MISSING, "parquet"])
@pytest.mark.parametrize("first", [0, 1000], ids=["by number", "by id"])
def test_missing_targets_are_dropped_on_request_which_is_said_and_stated(
    kind: str, first: int, run: Run, work: Path
) -> None:
    if kind == "parquet":
        targets = [None if row % 10 == 3 else float("nan") if row == 8 else float(row % 80) for row in range(400)]
        pq.write_table(pa.table({"id": [row + 1000 for row in range(400)], "y": targets}), work / "own.csv")
    else:
        (work / "own.csv").write_text(MISSING[kind]())
    done = run(*OWN, "--missing", "drop", *(["--id", "id"] if first else []))
    assert "own: 41 rows without a target were dropped" in done.stderr
    manifest = manifests.read(work / "manifests" / "own")
    assert manifest.facts["facts"] == {"missing": "drop"}
    assert "41 rows without a target were dropped" in manifest.facts["notes"]
    kept = [row for row in range(400) if row % 10 != 3 and row != 8]
    assert manifest.samples.ids.tolist() == [str(row + first) for row in kept]
    assert manifest.samples.targets.tolist() == [row % 80 for row in kept]


def test_the_option_changes_nothing_where_nothing_is_missing(run: Run, work: Path) -> None:
    (work / "own.csv").write_text(table())
    run(*OWN, "--id", "id")
    files = {path.name: path.read_bytes() for path in (work / "manifests" / "own").iterdir()}
    done = run(*OWN, "--id", "id", "--missing", "drop", "--force")
    assert "dropped" not in done.stderr
    assert {path.name: path.read_bytes() for path in (work / "manifests" / "own").iterdir()} == files


def test_what_is_wrong_besides_is_still_refused(run: Run, work: Path) -> None:
    (work / "own.csv").write_text(table(lambda row: {3: "", 5: "x", 6: "inf"}.get(row, "2")))
    done = run(*OWN, "--missing", "drop", code=2)
    assert [line.split(". ")[0] for line in done.stderr.splitlines()] == [
        "dir: own.csv, row 6: y is x",
        "dir: own.csv, row 7: y is inf",
    ]
    (work / "own.csv").write_text(table(lambda _: ""))
    assert "own.csv: every target in it is missing" in run(*OWN, "--missing", "drop", code=2).stderr


def test_missing_targets_are_for_tables_alone(run: Run) -> None:
    assert "--missing: not for `dir curate agedb`" in run("curate", "agedb", "--missing", "drop", code=2).stderr


@pytest.mark.usefixtures("test_rows")
def test_training_ids_that_became_floats_are_told_too(run: Run, work: Path) -> None:
    samples = manifests.read(work / "manifests" / "own").samples
    train = samples.ids[samples.split == "train"].tolist()
    (work / "order.csv").write_text("\n".join(["id", *(f"{key}.0" for key in train), ""]))
    done = run("weights", "own", "--format", "csv", "--order", "order.csv", "--out", "w.csv", code=2)
    assert "are no training rows" in done.stderr
    assert 'Write them as whole numbers: with pandas, table["id"].astype("int64")' in done.stderr
    pq.write_table(pa.table({"id": [*map(float, train)], "x": [1.0] * len(train)}), work / "x.parquet")
    words = ("resample", "own", "--features", "x.parquet", "--method", "over", "--control-points", "5:1,40:0")
    assert "Write texts or whole numbers: with pandas" in run(*words, code=2).stderr


def of_split(work: Path, split: str | None = None) -> list[tuple[str, float]]:
    """Ids and targets of the rows of ``split`` of the manifest `own`, or of all of them."""
    samples = manifests.read(work / "manifests" / "own").samples
    chosen = samples.mask(split) if split else samples.codes >= 0
    return list(zip(samples.ids[chosen].tolist(), samples.targets[chosen].tolist(), strict=True))


def as_text(rows: list[tuple[str, float]], header: str = "id,prediction") -> str:
    """A prediction file of ``rows``."""
    return "\n".join([*([header] if header else []), *(f"{key},{target}" for key, target in rows), ""])


@pytest.mark.usefixtures("test_rows")
@pytest.mark.parametrize("command", [["evaluate", "p.csv"], ["explain", "p.csv"], ["plot", "own", "p.csv"]])
def test_rows_of_another_split_are_told_before_the_ids(command: list[str], run: Run, work: Path) -> None:
    rows = of_split(work, "val")
    (work / "p.csv").write_text(as_text(rows))
    first, *others = run(*command, code=2).stderr.splitlines()
    assert first == f"dir: p.csv: all {len(rows)} ids are those of val of own: use --split val"
    assert len(others) == 2
    assert f"{len(rows)} ids are not in the split" in others[1]


@pytest.mark.usefixtures("test_rows")
def test_rows_of_all_splits_are_told_before_the_ids(run: Run, work: Path) -> None:
    (work / "p.csv").write_text(as_text(of_split(work)))
    done = run("evaluate", "p.csv", code=2).stderr
    expected = "dir: p.csv: all 400 ids are those of own, of all its splits: keep the rows of one split\n"
    assert done.startswith(expected)


@pytest.mark.usefixtures("test_rows")
def test_rows_of_another_manifest_are_told_before_the_ids(run: Run, work: Path) -> None:
    (work / "other.csv").write_text(table().replace("\n1", "\nx1"))
    other = [*OWN[:2], "--table", "other.csv", *OWN[4:-1], "other", "--id", "id"]
    run(*other)
    for split, options in (("test", "--dataset own"), ("val", "--dataset own --split val")):
        rows = of_split(work, split)
        (work / "p.csv").write_text(as_text(rows))
        says = f"p.csv: all {len(rows)} ids are those of {split} of own: use {options}"
        for dataset in ("other", "agedb"):  # of agedb, the bins alone are known
            done = run("evaluate", "p.csv", "--dataset", dataset, code=2)
            assert done.stderr.startswith(f"dir: {says}\n")
        assert says in run("evaluate", "p.csv", code=2).stderr  # and none is named


@pytest.mark.usefixtures("test_rows")
def test_rows_of_nothing_that_is_known_are_not_guessed_at(run: Run, work: Path) -> None:
    (work / "p.csv").write_text(as_text(of_split(work, "val")[1:]))
    assert "are those of" not in run("evaluate", "p.csv", code=2).stderr


def test_a_file_without_a_header_is_told_to_have_none(test_rows: list[tuple[str, float]], run: Run, work: Path) -> None:
    (work / "p.csv").write_text(as_text(test_rows, ""))
    hint = "The first line looks like data: put a header before it, such as "
    assert run("evaluate", "p.csv", code=2).stderr.endswith(f". {hint}id,prediction\n")
    assert hint + "y,id" in run("curate", "custom", "--table", "p.csv", "--target", "y", "--id", "id", code=2).stderr
    (work / "p.csv").write_text(as_text(test_rows, "id,2024"))
    assert "looks like data" not in run("evaluate", "p.csv", code=2).stderr


def test_columns_that_differ_in_their_letters_are_named_ready_to_paste(
    test_rows: list[tuple[str, float]], run: Run, work: Path
) -> None:
    ids, targets = zip(*test_rows, strict=True)
    (work / "p.csv").write_text(as_text(test_rows, "ID,Prediction"))
    pq.write_table(pa.table({"ID": ids, "Prediction": targets}), work / "p.parquet")
    lines = (json.dumps({"ID": key, "Prediction": target}) for key, target in test_rows)
    (work / "p.jsonl").write_text("\n".join(lines) + "\n")
    options = ["--id-column", "ID", "--prediction-column", "Prediction"]
    for file in ("p.csv", "p.parquet", "p.jsonl"):
        assert run("evaluate", file, code=2).stderr.endswith(f"Add {' '.join(options)}\n"), file
        run("evaluate", file, *options)
    (work / "p.csv").write_text(as_text(test_rows, "id,PREDICTION"))
    assert run("evaluate", "p.csv", code=2).stderr.endswith(" Add --prediction-column PREDICTION\n")


@pytest.mark.parametrize(("ours", "theirs"), [("{:06}", "{}"), ("{}", "{:08}"), ("{:06}", "{:08}")])
def test_zeros_before_ids_that_were_lost_or_added_are_told_in_one_line(
    ours: str, theirs: str, run: Run, work: Path
) -> None:
    lines = (f"{ours.format(row + 100)},{row % 80}" for row in range(400))
    (work / "own.csv").write_text("\n".join(["id,y", *lines, ""]))
    run(*OWN, "--id", "id")
    rows = [(theirs.format(int(key)), target) for key, target in of_split(work, "test")]
    (work / "p.csv").write_text(as_text(rows))
    what = "have lost the zeros before them" if theirs == "{}" else "have more zeros before them"
    assert run("evaluate", "p.csv", code=2).stderr == (
        f"dir: p.csv: the ids {what}, such as {rows[0][0]} for {ours.format(int(rows[0][0]))}. "
        'Keep ids as texts: with pandas, read them with dtype={"id": str}\n'
    )


@pytest.mark.usefixtures("test_rows")
@pytest.mark.parametrize(
    ("options", "differs"),
    [
        (["--bin-width", 5], "rows or split, bins, binning (10 wide, at its multiples, now 5 wide, at its multiples)"),
        (["--range", "0:80"], "binning (10 wide, at its multiples, now 10 wide, over 0:80)"),
        (["--few", 5], "few (20, now 5)"),
        (["--unit", "m"], "unit (none, now m)"),
    ],
)
def test_what_differs_from_the_manifest_that_is_there_is_named(options: list[object], differs: str, run: Run) -> None:
    done = run(*OWN, "--id", "id", *options, code=2)
    assert f"which differs in {differs}" in done.stderr
    assert done.stderr.count("sha256:") == 2


@pytest.mark.usefixtures("test_rows")
def test_a_manifest_without_columns_says_how_one_gets_some(run: Run, work: Path) -> None:
    (work / "p.csv").write_text(as_text(of_split(work, "test")))
    assert run("evaluate", "p.csv", "--cluster", "identity", code=2).stderr == (
        "dir: --cluster identity: the manifest has no such column; it has none; "
        "one of a table has that which `dir curate custom --group COL` names, called group\n"
    )


@pytest.mark.usefixtures("test_rows")
def test_weights_are_shown_also_where_others_are_there(run: Run, work: Path) -> None:
    run("weights", "own")
    before = (work / "manifests" / "own" / "weights.parquet").read_bytes()
    done = run("weights", "own", "--scheme", "inverse", code=2)
    assert done.stdout == run("weights", "own", "--scheme", "inverse", "--out", "w.csv").stdout
    assert "effective sample size" in done.stdout
    assert done.stderr.endswith("add --force to replace what is there, or write elsewhere with --out FILE\n")
    assert (work / "manifests" / "own" / "weights.parquet").read_bytes() == before
    named = run("weights", "own", "--out", "w.csv", code=2).stderr
    assert named.endswith("or write elsewhere\n")


@pytest.mark.usefixtures("test_rows")
def test_the_export_of_a_table_is_called_as_its_manifest(run: Run, work: Path) -> None:
    done = run("export", "own", "--out", "there")
    (path,) = (work / "there").iterdir()
    assert path.name == "own.csv"
    assert done.stdout.split()[1:] == ["there/own.csv"]
    shown = json.loads(run("export", "own", "--out", "there", "--json").stdout)
    assert shown[0]["published"] is False


LINES = 'with pandas, to_json(…, orient="records", lines=True)\n'


@pytest.mark.usefixtures("test_rows")
def test_a_json_array_is_told_how_pandas_writes_lines(run: Run, work: Path) -> None:
    (work / "p.json").write_text('[{"id": "1", "prediction": 1, "y": 1}]')
    for words in (["evaluate", "p.json"], ["curate", "custom", "--table", "p.json", "--target", "y"]):
        done = run(*words, code=2).stderr
        assert done.startswith("dir: p.json: this is a JSON array. ")
        assert done.endswith(LINES)


@pytest.mark.usefixtures("test_rows")
def test_a_web_page_is_no_table(run: Run, work: Path, server: web.Server) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    page = b"<!DOCTYPE html>\n<a href='p.csv'>p.csv</a>\n"
    server.add("/preds", page)
    (work / "p.csv").write_bytes(page)
    for words in (["evaluate"], ["curate", "custom", "--target", "y", "--table"]):
        done = run(*words, server.url("/preds"), code=2).stderr
        assert done == f"dir: {server.url('/preds')}: this is a web page. The URL of a folder ends in /\n"
        assert "p.csv: this is a web page. Give a CSV" in run(*words, "p.csv", code=2).stderr


@pytest.mark.usefixtures("test_rows")
def test_texts_in_all_rows_are_told_in_one_line(run: Run, work: Path) -> None:
    rows = of_split(work, "test")
    (work / "p.csv").write_text("\n".join(["id,prediction", *(f"{key},old" for key, _ in rows), ""]))
    (line,) = run("evaluate", "p.csv", code=2).stderr.splitlines()
    assert line.startswith(
        f"dir: p.csv: prediction is no number in any of the {len(rows)} rows: lines 2 'old', 3 'old'"
    )
    assert line.endswith(f"'old' and {len(rows) - 10} more. Write a finite number, such as 31.5")
    (work / "p.csv").write_text("\n".join(["id,prediction", f"{rows[0][0]},1", *(f"{key},old" for key, _ in rows[1:])]))
    assert "line 3: prediction is 'old'" in run("evaluate", "p.csv", code=2).stderr


@pytest.fixture
def draws(work: Path) -> None:
    """Twenty folders that are taken for manifests where names are listed."""
    for number in range(20):
        folder = work / "manifests" / f"draw-{number:02}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize(
    "words", ["verify draw-19x", "evaluate p.csv --dataset draw-19x", "info draw-19x", "evaluate p.csv"]
)
def test_of_very_many_names_the_close_ones_and_ten_are_listed(words: str, run: Run) -> None:
    done = run(*words.split(), code=2).stderr
    listed = [
        f"draw-{number:02}" for number in range(20) if f"draw-{number:02}," in done or f"draw-{number:02} " in done
    ]
    assert len(listed) <= 10
    assert " more" in done
    assert ("draw-19" in listed) == ("draw-19x" in words)


def test_an_unknown_dataset_is_answered_with_those_that_are_curated_too(
    test_rows: list[tuple[str, float]], run: Run
) -> None:
    assert test_rows
    assert run("info", "nope", code=2).stderr == (
        "dir: no dataset is called 'nope'; there are agedb, imdb-wiki, nyud2, shhs, sts-b, own\n"
    )
    assert run("info", "owm", code=2).stderr.endswith("own; did you mean own?\n")
    assert "for the metrics, write `dir info --metrics`" in run("info", "metrics", code=2).stderr
    assert "dir curate custom --table FILE" in run("datasets").stderr
    assert "custom" not in run("datasets").stdout


@pytest.mark.usefixtures("test_rows")
@pytest.mark.parametrize("counts", [None, 3, {"val": "many"}, []])
def test_whose_rows_a_file_has_is_not_asked_of_damaged_manifests(counts: object, run: Run, work: Path) -> None:
    rows = of_split(work, "val")
    (work / "p.csv").write_text(as_text(rows))
    shutil.copytree(work / "manifests" / "own", work / "manifests" / "broken")
    path = work / "manifests" / "broken" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": "broken", "counts": counts}))
    done = run("evaluate", "p.csv", "--dataset", "own", code=2).stderr
    assert done.startswith(f"dir: p.csv: all {len(rows)} ids are those of val of own: use --split val\n")


@pytest.mark.usefixtures("test_rows")
def test_whose_rows_a_file_has_is_not_asked_of_a_web_server(run: Run, work: Path, server: web.Server) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    (work / "p.csv").write_text(as_text(of_split(work, "val")))
    for path in (work / "manifests" / "own").iterdir():
        server.add(f"/there/own/{path.name}", path.read_bytes())
    done = run("evaluate", "p.csv", "--dataset", "own", "--manifests", server.url("/there"), code=2).stderr
    assert done.startswith("dir: p.csv: ")
    assert "ids are missing" in done
