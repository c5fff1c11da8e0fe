"""`--per-bin` and `--per-sample`: what a result is made of, in CSV and Parquet alike."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, REFERENCE
from miniatures import MINIATURES

from dircli.errors import UsageError
from dircli.scores import breakdown
from dircli.store import manifests, parquet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Run

BINS = PROJECT / "manifests" / "sts-b" / "bins.parquet"
OF_BINS = {"system": str, "bin": int, "low": float, "high": float, "region": str, "train": int, "n": int}
OF_BINS |= {"mae": float, "mse": float, "rmse": float, "gm": float, "bias": float, "exact": int}
OF_SAMPLES = {"system": str, "id": str, "target": float, "prediction": float, "error": float, "bin": int, "region": str}
Row = dict[str, Any]


@pytest.fixture
def files(work: Path) -> dict[str, list[Row]]:
    """Two systems on the reference rows of STS-B, of which one has ids: their rows by system."""
    rows = np.genfromtxt(REFERENCE / "stsb_rows.csv", delimiter=",", names=True)
    rows_of: dict[str, list[Row]] = {}
    for system in ("shrunk", "sharp"):
        pairs = zip(rows["target"].tolist(), rows[system].tolist(), strict=True)
        rows_of[system] = [{"target": target, "prediction": value} for target, value in pairs]
        lines = [f"{row['target']!r},{row['prediction']!r}" for row in rows_of[system]]
        head = "target,prediction"
        if system == "sharp":
            head, lines = f"id,{head}", [f'"row, {place}",{line}' for place, line in enumerate(lines)]
        (work / f"{system}.csv").write_text("\n".join([head, *lines, ""]))
    return rows_of


def evaluate(run: Run, *words: object) -> Row:
    """The scores of both systems by name, after a run with these words."""
    words = ("shrunk.csv", "sharp.csv", "--bins", BINS, "--format", "json", *words)
    systems = json.loads(run("evaluate", *words).stdout)["systems"]
    return {system["name"]: system["regions"] for system in systems}


def read_csv(path: Path, types: Mapping[str, type]) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as stream:
        head, *lines = csv.reader(stream)
    assert head == list(types)
    return [
        {key: kind(text) if text else None for (key, kind), text in zip(types.items(), line, strict=True)}
        for line in lines
    ]


@pytest.mark.usefixtures("files")
def test_the_scores_of_bins_weighted_by_their_rows_are_those_of_the_regions(run: Run, work: Path) -> None:
    scores = evaluate(run, "--per-bin", "b.csv")
    rows = read_csv(work / "b.csv", OF_BINS)
    assert {row["system"] for row in rows} == {"shrunk", "sharp"}
    for system, regions in scores.items():
        for region, expected in regions.items():
            own = [row for row in rows if row["system"] == system and region in {"all", row["region"]}]
            n = sum(row["n"] for row in own)
            assert (n, len(own), sum(row["exact"] for row in own)) == (*(expected[k] for k in ("n", "bins", "exact")),)
            for name in ("mae", "mse", "bias"):
                assert sum(row["n"] * row[name] for row in own) / n == pytest.approx(expected[name])
            logs = sum(row["n"] * math.log(row["gm"]) for row in own)
            assert math.exp(logs / n) == pytest.approx(expected["gm"])
            assert sum(row["mae"] for row in own) / len(own) == pytest.approx(expected["bmae"])


@pytest.mark.usefixtures("files")
def test_bins_carry_their_facts_and_only_those_with_rows_are_listed(run: Run, work: Path) -> None:
    evaluate(run, "--per-bin", "b.csv")
    table = manifests.read_bins(BINS)
    rows = [row for row in read_csv(work / "b.csv", OF_BINS) if row["system"] == "sharp"]
    assert [row["bin"] for row in rows] == np.flatnonzero(table.counts["test"]).tolist()
    for row in rows:
        place = row["bin"]
        facts = (table.bins.low[place], table.bins.high[place], table.counts["train"][place])
        assert (row["low"], row["high"], row["train"]) == facts
        assert (row["n"], row["region"]) == (table.counts["test"][place], table.regions["released"][place])
        assert row["rmse"] == pytest.approx(math.sqrt(row["mse"]))


def test_the_rows_of_samples_are_those_of_the_file_in_its_order(
    run: Run, work: Path, files: dict[str, list[Row]]
) -> None:
    evaluate(run, "--per-sample", "s.csv", "--protocol", "paper")
    rows = read_csv(work / "s.csv", OF_SAMPLES)
    assert [{key: row[key] for key in ("target", "prediction")} for row in rows] == files["shrunk"] + files["sharp"]
    assert [row["system"] for row in rows] == ["shrunk"] * 1000 + ["sharp"] * 1000
    assert [row["id"] for row in rows] == [None] * 1000 + [f"row, {place}" for place in range(1000)]
    table = manifests.read_bins(BINS)
    for row in rows:
        assert row["error"] == row["prediction"] - row["target"]
        assert table.bins.low[row["bin"]] <= row["target"] <= table.bins.high[row["bin"]]
        assert row["region"] == table.regions["paper"][row["bin"]]


@pytest.mark.usefixtures("files")
def test_the_errors_of_samples_give_the_scores(run: Run, work: Path) -> None:
    scores = evaluate(run, "--per-sample", "s.parquet")
    rows = pq.read_table(work / "s.parquet").to_pylist()
    for system, regions in scores.items():
        for region, expected in regions.items():
            errors = [row["error"] for row in rows if row["system"] == system and region in {"all", row["region"]}]
            assert len(errors) == expected["n"]
            assert sum(map(abs, errors)) / len(errors) == pytest.approx(expected["mae"], rel=1e-12)
            assert errors.count(0) == expected["exact"]


@pytest.mark.usefixtures("files")
def test_csv_and_parquet_hold_the_same(run: Run, work: Path) -> None:
    for option, types in (("--per-bin", OF_BINS), ("--per-sample", OF_SAMPLES)):
        evaluate(run, option, "t.csv", "--force")
        evaluate(run, option, "t.parquet", "--force")
        table = pq.read_table(work / "t.parquet")
        assert table.to_pylist() == read_csv(work / "t.csv", types)
        facts = json.loads(table.schema.metadata[b"dircli"])
        assert facts == {"signature": json.loads(run("evaluate", *ONE, "--format", "json").stdout)["signature"]}
    before = (work / "t.parquet").read_bytes()
    evaluate(run, "--per-sample", "t.parquet")
    assert (work / "t.parquet").read_bytes() == before


ONE = ("shrunk.csv", "--bins", BINS)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--per-bin", "b.txt"], "b.txt"),
        (["--per-bin", "b.csv", "--per-sample", "s.xlsx"], "s.xlsx"),
        (["--per-bin", "b", "--per-sample", "s.CSV"], "b, s.CSV"),
    ],
)
@pytest.mark.usefixtures("files")
def test_an_unknown_ending_is_refused_before_anything_is_written(
    words: list[str], named: str, run: Run, work: Path
) -> None:
    before = sorted(work.iterdir())
    done = run("evaluate", *ONE, "-q", *words, code=2)
    assert done.stderr == f"dir: {named}: tables are written as .parquet or .csv; end the name in one of them\n"
    assert done.stdout == ""
    assert sorted(work.iterdir()) == before


@pytest.mark.usefixtures("files")
def test_nor_is_the_result_written_before_that(run: Run, work: Path) -> None:
    run("evaluate", *ONE, "--output", "r.json", "--per-bin", "b.txt", code=2)
    assert not (work / "r.json").exists()


def test_rows_of_a_manifest_stand_in_its_order_with_its_ids(tmp_path: Path, run: Run, work: Path) -> None:
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    test_rows = samples.split == "test"
    ids, targets = samples.ids[test_rows].tolist(), samples.targets[test_rows].tolist()
    lines = [f"{key},{target + place / 8}" for place, (key, target) in enumerate(zip(ids, targets, strict=True))]
    (work / "p.csv").write_text("\n".join(["id,prediction", *reversed(lines), ""]))
    run("evaluate", "p.csv", "--per-sample", "s.csv")
    rows = read_csv(work / "s.csv", OF_SAMPLES)
    assert [(row["id"], row["target"]) for row in rows] == list(zip(ids, targets, strict=True))
    assert [row["error"] for row in rows] == [place / 8 for place in range(len(ids))]
    assert [row["bin"] for row in rows] == samples.bin_index[test_rows].tolist()


def test_text_in_a_csv_comes_back_whatever_it_holds(work: Path) -> None:
    texts = ['a "quoted" name', "with, comma", "two\nlines", "naïve模型", "'", None]
    numbers = [0.1, 1 / 3, 1e-300, -0.0, 123456789.123456789, None]
    columns = {"id": pa.array(texts), "error": pa.array(numbers)}
    (work / "t.csv").write_bytes(parquet.csv_bytes(columns))
    rows = read_csv(work / "t.csv", {"id": str, "error": float})
    assert rows == [{"id": text, "error": value} for text, value in zip(texts, numbers, strict=True)]


def test_nothing_is_written_where_nothing_is_asked_for() -> None:
    nothing = breakdown.tables(Any, per_bin=None, per_sample=None)  # type: ignore[arg-type]  # the result is not looked at
    assert nothing == {}
    with pytest.raises(UsageError, match=r"x\.txt: tables are written as \.parquet or \.csv"):
        parquet.check_endings([Path("x.txt"), Path("y.csv")])


def test_scores_of_a_bin_that_overflow_are_null(work: Path, run: Run) -> None:
    (work / "p.csv").write_text("prediction,target\n1e308,3\n2,2\n")
    run("evaluate", "p.csv", "--bins", BINS, "--per-bin", "b.parquet", "--per-sample", "s.csv")
    low, high = pq.read_table("b.parquet").to_pylist()
    assert (low["mse"], high["mae"], high["mse"], high["rmse"]) == (0, 1e308, None, None)
    assert "1e+308,1e+308" in Path("s.csv").read_text()
