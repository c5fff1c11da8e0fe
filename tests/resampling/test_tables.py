"""From a table, or a benchmark with features, to a table of resampled training rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

ENDS = ("--control-points", "60:1,120:0,200:0,280:1")


def rows(n: int = 120) -> dict[str, Any]:
    """Columns of each kind that a table of features may have, and skewed targets."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=n)
    return {
        "key": [f"k{row}" for row in range(n)],
        "size": pa.array(size.astype(np.float32)),
        "count": pa.array(rng.integers(0, 255, n).astype(np.uint8)),
        "colour": rng.choice(["red", "green, or blue"], n).tolist(),
        "new": (rng.random(n) < 0.5).tolist(),
        "y": np.exp(size + 0.2 * rng.normal(size=n)),
    }


def written(path: Path, columns: dict[str, Any]) -> pa.Table:
    table = pa.table(columns)
    csv.write_csv(table, path) if path.suffix == ".csv" else pq.write_table(table, path)
    return table


@pytest.fixture
def diabetes(work: Path) -> pa.Table:
    """scikit-learn's table of 442 patients, as `diabetes.csv`."""
    data = pytest.importorskip("sklearn.datasets", reason="scikit-learn is in dircli[test]").load_diabetes(
        as_frame=True, scaled=False
    )
    data.frame.to_csv(work / "diabetes.csv", index_label="patient")
    return csv.read_csv(work / "diabetes.csv")


# — a table —


@pytest.mark.parametrize("method", ["smoter", "smogn", "gaussian-noise", "over", "under"])
def test_the_diabetes_table_is_resampled(run: Run, work: Path, diabetes: pa.Table, method: str) -> None:
    """Real rows come first as they were; the ids of synthetic rows are those of their parents."""
    words = ["--table", "diabetes.csv", "--target", "target", "--id", "patient", "--method", method, *ENDS]
    shown = json.loads(run("resample", *words, "--json", "--out", "made.parquet").stdout)
    made = pq.read_table(work / "made.parquet")
    assert made.column_names == [*diabetes.column_names, "origin", "parent", "parent_2"]
    count = made["origin"].to_pylist().count("real")
    real, synthetic = made.slice(0, count), made.slice(count)
    places = [int(key) for key in real["patient"].to_pylist()]
    assert real.select(diabetes.column_names[1:]).equals(diabetes.drop_columns(["patient"]).take(places))
    assert places == sorted(places)
    assert real["parent"].null_count == real["parent_2"].null_count == count
    assert set(synthetic["origin"].to_pylist()) <= {"synthetic"}
    assert synthetic["patient"].null_count == len(synthetic)
    assert made.num_rows == sum(bump["after"] for bump in shown["bumps"])
    assert [bump["before"] for bump in shown["bumps"]] == [91, 292, 59]
    targets = diabetes["target"].to_numpy()
    parents = [targets[int(key)] for key in synthetic["parent"].to_pylist()]
    assert all(target < 78 or target > 257 for target in parents)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_each_kind_of_column_keeps_its_type_and_whole_numbers_stay_whole(run: Run, work: Path, ending: str) -> None:
    table = written(work / f"t{ending}", rows())
    words = ["--target", "y", "--id", "key", "--method", "gaussian-noise", "--pert", 3]
    run("resample", "--table", f"t{ending}", *words, "--out", "made.parquet")
    made = pq.read_table(work / "made.parquet")
    if ending == ".parquet":
        assert made.schema.remove(8).remove(7).remove(6).types == table.schema.types
    assert pa.types.is_integer(made.schema.field("count").type)
    assert set(made["colour"].to_pylist()) == {"red", "green, or blue"}
    assert set(made["new"].to_pylist()) == {False, True}
    assert made["size"].null_count == made["y"].null_count == made["count"].null_count == 0
    facts = json.loads(made.schema.metadata[b"dircli"])
    assert (facts["method"], facts["seed"], facts["pert"]) == ("gaussian-noise", 666, 3)
    assert facts["source"] == {"file": f"t{ending}"}


def test_columns_of_text_and_booleans_are_told_as_nominal(run: Run, work: Path) -> None:
    written(work / "t.csv", rows())
    result = run("resample", "--table", "t.csv", "--target", "y", "--id", "key", "--method", "smoter")
    assert "taken as nominal: colour, new" in result.stderr
    assert "nothing is written" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "targets",
        "─" * len(result.stdout.splitlines()[1]),
        "normal",
        "rare",
    ]


def test_with_ids_the_order_of_the_rows_does_not_matter(run: Run, work: Path) -> None:
    table = written(work / "t.parquet", rows())
    pq.write_table(table.take(np.random.default_rng(1).permutation(120)), work / "shuffled.parquet")
    words = ["--target", "y", "--id", "key", "--method", "smogn", "--out", "-"]
    one, same = (run("resample", "--table", name, *words) for name in ("t.parquet", "shuffled.parquet"))
    assert one.stdout_bytes == same.stdout_bytes
    assert "rare" in one.stderr
    assert one.stdout.startswith('"key","size"')
    assert run("resample", "--table", "t.parquet", *words, "--seed", 1).stdout != one.stdout


def test_without_ids_parents_are_numbers_of_rows(run: Run, work: Path) -> None:
    columns = rows()
    del columns["key"]
    written(work / "t.csv", columns)
    run("resample", "--table", "t.csv", "--target", "y", "--method", "over", "--out", "made.parquet")
    made = pq.read_table(work / "made.parquet")
    parents = made["parent"].drop_null().to_numpy()
    assert made["y"].to_numpy()[-len(parents) :].tolist() == columns["y"][parents].tolist()
    assert made["parent_2"].null_count == made.num_rows


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [None, *rows()["y"][1:]]}, "column y has no finite value in 1 rows: rows 1"),
        ({"size": [*[1.0] * 118, np.nan, np.inf]}, "column size has no finite value in 2 rows: rows 119, 120"),
        ({"colour": ["a", None] * 60}, "column colour has no finite value in 60 rows"),
        ({"colour": [f"c{row}" for row in range(120)]}, "column colour holds 120 different texts"),
        ({"key": ["k"] * 120}, "1 ids occur more than once: k"),
        ({"key": [0.5] * 120}, "column key is double"),
        ({"y": ["many"] * 120}, "column y holds string"),
        ({"when": pa.array(range(120), pa.date32())}, "column when holds date32"),
        ({"origin": [1] * 120}, "there is a column origin, which is to be written"),
        ({"y": [1.0] * 120}, "no row is rare"),
    ],
)
def test_a_table_that_cannot_be_resampled_is_refused_by_name(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("dircli.resampling.tables.MOST_VALUES", 119)
    written(work / "t.parquet", {**rows(), **change})
    words = ["--target", "y", "--id", "key", "--method", "smoter", "--out", "made.csv"]
    assert message in run("resample", "--table", "t.parquet", *words, code=2).stderr
    assert not (work / "made.csv").exists()


def test_a_column_of_a_thousand_texts_is_resampled_and_one_of_more_is_not(run: Run, work: Path) -> None:
    words = ["--table", "t.parquet", "--target", "y", "--method", "over", "--out", "made.csv"]
    for texts in (1000, 1001):
        names = [f"n{row % texts}" for row in range(1200)]
        written(work / "t.parquet", {"name": names, "y": np.geomspace(1, 1e6, 1200)})
        done = run("resample", *words, "--force", code=2 * (texts > 1000))
    assert "column name holds 1,001 different texts, and 1,000 is the most" in " ".join(done.stderr.split())


def test_missing_values_of_a_csv_are_named_column_by_column(run: Run, work: Path) -> None:
    lines = ["a;b;y", "1;x;2", "NA;;3", ';"NA";4', "4;x;90"]
    (work / "t.csv").write_text("\n".join([*lines, ""]))
    message = run("resample", "--table", "t.csv", "--target", "y", "--method", "over", code=2).stderr
    assert "column a has no finite value in 2 rows: rows 2, 3" in message
    assert "column b has no finite value in 1 rows: rows 2" in message
    assert (
        "there is no column z; the columns are a;b;y"
        in run("resample", "--table", "t.csv", "--target", "z", "--method", "over", code=2).stderr
    )


def test_ids_that_look_like_numbers_stay_as_they_are_written(run: Run, work: Path) -> None:
    lines = [f"{row:03},{row},{row if row < 9 else 50}" for row in range(10)]
    (work / "t.csv").write_text("\n".join(["id,a,y", *lines, ""]))
    made = run("resample", "--table", "t.csv", "--target", "y", "--id", "id", "--method", "over", "--out", "-").stdout
    assert made.splitlines()[1].startswith('"000",0,0')


def test_a_column_of_whole_numbers_may_turn_out_to_be_none_a_million_bytes_later(run: Run, work: Path) -> None:
    (work / "t.csv").write_text("a,y\n" + "1,2\n" * 300_000 + "0.5,90\n")
    run("resample", "--table", "t.csv", "--target", "y", "--method", "under", "--out", "made.parquet")
    assert sorted(pq.read_table(work / "made.parquet")["a"].to_pylist()) == [0.5, 1]


def test_quiet_says_nothing_beside_the_rows(run: Run, work: Path) -> None:
    written(work / "t.csv", rows())
    words = ["resample", "--table", "t.csv", "--target", "y", "--id", "key", "--method", "over"]
    assert run(*words, "--out", "-", "--quiet").stderr == ""
    assert json.loads(run(*words, "--out", "-", "--json", "--quiet").stderr)["method"] == "over"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--table t.csv --features t.csv", "leave out NAME, --manifest and --features"),
        ("own --table t.csv", "leave out NAME, --manifest and --features"),
        ("own", "--features FILE, or a table with --table FILE"),
        ("agedb --features t.csv --id key", "agedb: it is not curated in manifests"),
        ("nyud2 --features t.csv --id key", "nyud2: labels are maps"),
        ("--table t.csv --id y", "y is the column of targets"),
        ("--table t.csv --out made.txt", "tables are written as .parquet or .csv"),
        ("--table t.csv --out t.csv", "would replace what is read"),
        ("--table t.csv --control-points 1:0", "write two or more TARGET:PHI"),
        ("--table t.csv --control-points 1:0,1:1", "write two or more TARGET:PHI"),
        ("--table t.csv --control-points 1:0,2:1.5", "write two or more TARGET:PHI"),
        ("--table t.csv --control-points 1:0,2", "write two or more TARGET:PHI"),
        ("--table t.csv --control-points 1:0,nan:1", "write two or more TARGET:PHI"),
        ("--table only.csv", "there is no column of features"),
        ("--table empty.csv", "there are no rows"),
        ("--table ragged.csv", "its rows cannot be read"),
        ("--table twice.csv", "there is more than one column a"),
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, work: Path, words: str, message: str) -> None:
    written(work / "t.csv", rows())
    (work / "only.csv").write_text("y\n1\n2\n")
    (work / "empty.csv").write_text("a,y\n")
    (work / "ragged.csv").write_text("a,y\n1,2\n1\n")
    (work / "twice.csv").write_text("a,a,y\n1,2,3\n")
    assert message in run("resample", *words.split(), "--target", "y", "--method", "over", code=2).stderr


# — a benchmark with features —


@pytest.fixture
def benchmark(run: Run, work: Path, diabetes: pa.Table) -> pa.Table:
    """The diabetes table as a benchmark, and its features alone in `features.parquet`, in another order."""
    words = ["--target", "target", "--id", "patient", "--bin-width", 10, "--range", "20:350", "--name", "own"]
    run("curate", "custom", "--table", "diabetes.csv", *words)
    table = diabetes.take(np.random.default_rng(0).permutation(442))
    pq.write_table(table.drop_columns(["target"]), work / "features.parquet")
    return table


def test_only_training_rows_of_a_benchmark_are_resampled(run: Run, work: Path, benchmark: pa.Table) -> None:
    """The targets are the manifest's, also where the features have a column of them."""
    words = ["resample", "own", "--id", "patient", "--method", "smoter", *ENDS]
    run(*words, "--features", "features.parquet", "--out", "made.parquet")
    made = pq.read_table(work / "made.parquet")
    samples = manifests.read(work / "manifests" / "own").samples
    train = dict(zip(samples.ids[samples.split == "train"], samples.targets[samples.split == "train"], strict=True))
    ids, targets = made["patient"].to_pylist(), made["target"].to_pylist()
    assert {
        str(key): target for key, target in zip(ids, targets, strict=True) if key is not None
    }.items() <= train.items()
    parents = {str(key) for key in made["parent"].drop_null().to_pylist()}
    assert parents <= train.keys()
    facts = json.loads(made.schema.metadata[b"dircli"])
    assert facts["source"]["name"] == "own"
    assert facts["source"]["content"].startswith("sha256:")
    assert sum(bump["before"] for bump in facts["bumps"]) == len(train)
    pq.write_table(benchmark, work / "with.parquet")
    run(*words, "--features", "with.parquet", "--out", "same.parquet")
    same = pq.read_table(work / "same.parquet")
    assert same.select(made.column_names).drop_columns(["target"]).equals(made.drop_columns(["target"]))
    assert same["target"].to_pylist() == targets


def test_the_column_that_a_benchmark_was_made_of_is_its_target_and_no_feature(
    run: Run, work: Path, diabetes: pa.Table
) -> None:
    pq.write_table(diabetes.rename_columns([*diabetes.column_names[:-1], "progress"]), work / "t.parquet")
    run("curate", "custom", "--table", "t.parquet", "--target", "progress", "--id", "patient", "--bin-width", 10)
    words = ["--features", "t.parquet", "--id", "patient", "--method", "smoter", *ENDS, "--out", "made.parquet"]
    run("resample", "t", *words)
    made = pq.read_table(work / "made.parquet")
    assert made.column_names[-5:] == ["s6", "progress", "origin", "parent", "parent_2"]
    progress = dict(zip(made["patient"].to_pylist(), made["progress"].to_pylist(), strict=True))
    between = [
        min(ends) <= target <= max(ends)
        for target, *parents in zip(
            *(made[name].to_pylist() for name in ("progress", "parent", "parent_2")), strict=True
        )
        if parents[0] is not None and set(parents) <= progress.keys()
        for ends in [[progress[key] for key in parents]]
    ]
    assert all(between)
    assert len(between) > 50


def test_features_that_do_not_fit_the_benchmark_are_refused(run: Run, work: Path, benchmark: pa.Table) -> None:
    words = ["resample", "own", "--id", "patient", "--method", "smoter", *ENDS, "--features"]
    pq.write_table(benchmark.slice(0, 300), work / "short.parquet")
    message = run(*words, "short.parquet", code=2).stderr
    assert "training rows of own have no features: " in message
    assert "Write one row for each, with its id in patient" in message
    shifted = pa.array(benchmark["target"].to_numpy() + 1)
    pq.write_table(benchmark.set_column(11, "target", shifted), work / "shifted.parquet")
    assert "column target differs from the targets of own" in run(*words, "shifted.parquet", code=2).stderr
    pq.write_table(benchmark.set_column(11, "target", pa.array(["a"] * 442)), work / "words.parquet")
    assert "column target differs from the targets of own" in run(*words, "words.parquet", code=2).stderr
    pq.write_table(pa.concat_tables([benchmark, benchmark.slice(0, 1)]), work / "twice.parquet")
    assert "1 ids occur more than once" in run(*words, "twice.parquet", code=2).stderr
