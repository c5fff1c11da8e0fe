"""Tables of one's own: read strictly, binned and split by laws, and a manifest that is complete."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.curation import custom as own
from dircli.errors import InputError, UsageError
from dircli.store import manifests
from dircli.store.user_tables import Names, ascending, read

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

    from dircli.benchmark.manifest import Manifest

QUICK = settings(deadline=None, max_examples=60)
FILES = {"samples.parquet", "bins.parquet", "manifest.json"}
TENTHS = [f"{k / 10:.1f}" for k in range(-20, 161)]


def table(path: Path, rows: dict[str, Any]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def tenths(path: Path, n: int = 4000) -> Path:
    """Targets from -2 to 16 in steps of 0.1, rare at the ends."""
    drawn = np.random.default_rng(1).binomial(180, 0.4, n)
    return table(path, {"id": [f"r{k}" for k in range(n)], "y": [TENTHS[k] for k in drawn]})


def curated(work: Path, name: str = "t") -> Manifest:
    return manifests.read(work / "manifests" / name)


# — from the command line —


def test_the_diabetes_table_goes_from_a_file_to_scores(run: Run, work: Path) -> None:
    data = pytest.importorskip("sklearn.datasets", reason="scikit-learn is in dircli[test]").load_diabetes(
        as_frame=True
    )
    data.frame.to_csv(work / "diabetes.csv", index_label="row")
    words = ["--id", "row", "--bin-width", "10", "--range", "20:350", "--name", "diabetes", "--unit", "point"]
    done = run("curate", "custom", "--table", "diabetes.csv", "--target", "target", *words)
    assert "written to " in done.stderr
    assert "protocol" not in done.stderr  # both have the regions that were asked for
    assert "442 of 442 rows equal" in run("verify").stdout
    assert "sqrt-inv" in run("weights").stdout
    run("plot", "--terminal")
    run("export", "--out", "out")
    samples = curated(work, "diabetes").samples
    assert len((work / "out" / "diabetes.csv").read_text().splitlines()) == 443
    test = samples.split == "test"
    table(work / "preds.csv", {"id": samples.ids[test], "prediction": samples.targets[test] + 3})
    shutil.move(work / "manifests" / "diabetes", work / "handed-on")
    result = json.loads(run("evaluate", "preds.csv", "--manifest", "handed-on", "--format", "json").stdout)
    assert result["signature"].startswith("dir|diabetes|test|released|sha256:")
    assert result["systems"][0]["regions"]["all"]["mae"] == pytest.approx(3)
    assert result["systems"][0]["regions"]["all"]["n"] == test.sum()


def test_every_command_takes_the_folder_of_a_manifest_instead_of_its_name(run: Run, work: Path) -> None:
    tenths(work / "t.csv")
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "0.5", "--name", "mine")
    shutil.move(work / "manifests" / "mine", work / "elsewhere")
    run("weights", "--manifest", "elsewhere")
    assert (work / "elsewhere" / "weights.parquet").is_file()
    assert "ok" in run("verify", "--manifest", "elsewhere").stdout
    run("plot", "--manifest", "elsewhere", "--lds", "--terminal")
    for form, files in (
        ("csv", {"samples.csv", "bins.csv"}),
        ("parquet", {"samples.parquet", "bins.parquet"}),
        ("npy", {"id.npy", "target.npy", "bin.npy", "split.npy", "edges.npy"}),
    ):
        run("export", "--manifest", "elsewhere", "--format", form, "--out", form)
        assert {path.name for path in (work / form).iterdir()} == files
    targets, split, bins = (np.load(work / "npy" / f"{name}.npy") for name in ("target", "split", "bin"))
    assert (targets.dtype, bins.dtype) == (np.float64, np.int64)
    assert np.array_equal(pd.read_csv(work / "csv" / "samples.csv")["target"], targets)
    assert set(split) == {"train", "val", "test"}
    assert "no manifest.json" in run("verify", "--manifest", "csv", code=2).stderr


def test_decimals_fall_into_the_bins_that_they_open(run: Run, work: Path) -> None:
    table(work / "t.csv", {"y": TENTHS * 12})
    words = ["--bin-width", "0.1", "--range", "-2:16"]
    run("curate", "custom", "--table", "t.csv", "--target", "y", *words)
    held = curated(work)
    counts = np.sum([held.table.counts[part] for part in ("train", "val", "test")], axis=0)
    assert counts.tolist() == [12] * 179 + [24]  # the last bin also holds its right end
    assert np.array_equal(held.table.bins.low[held.samples.bin_index][:179], held.samples.targets[:179])
    assert held.samples.ids[:3].tolist() == ["0", "1", "2"]
    assert any("row" in note and "number" in note for note in held.facts["notes"])


def test_the_same_rows_make_the_same_manifest_from_every_kind_of_file(run: Run, work: Path) -> None:
    frame = pd.DataFrame({"key": ["007", "8", "10", "9"], "y": [1.5, -2.25, 1e-3, 4.0], "x": ["a", "b,", '"', ""]})
    frame.to_csv(work / "t.csv", index=False)
    frame.to_csv(work / "t.tsv", index=False, sep="\t")
    frame.to_csv(work / "s.csv", index=False, sep=";")
    frame.to_csv(work / "t.csv.gz", index=False)
    frame.to_parquet(work / "t.parquet")
    frame.to_json(work / "t.jsonl", orient="records", lines=True)
    contents = set()
    for path in ("t.csv", "t.tsv", "s.csv", "t.csv.gz", "t.parquet", "t.jsonl"):
        run(
            "curate",
            "custom",
            "--table",
            path,
            "--target",
            "y",
            "--id",
            "key",
            "--edges=-3,4",
            "--per-bin",
            "1",
            "--name",
            "t",
        )
        contents.add(curated(work).content)
        assert curated(work).samples.ids.tolist() == ["8", "9", "10", "007"]
    assert len(contents) == 1


def test_whole_numbers_may_be_ids_and_float32_targets_are_the_decimals_they_print(run: Run, work: Path) -> None:
    values = np.array([0.7, 0.3, 0.1], dtype=np.float32)
    pd.DataFrame({"id": [3, 1, 20], "y": values}).to_parquet(work / "t.parquet")
    words = ["--target", "y", "--id", "id", "--edges", "0.1,0.7"]
    assert "float32" in run("curate", "custom", "--table", "t.parquet", *words).stderr
    held = curated(work).samples
    assert held.ids.tolist() == ["1", "3", "20"]
    assert held.targets.tolist() == [0.3, 0.7, 0.1]
    table(work / "t.csv", {"id": [1, 2, 3], "y": ["-0.0", "0", "1"]})
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "2", "--force")
    assert not np.signbit(curated(work).samples.targets).any()
    assert (curated(work).facts["own"]["many"], curated(work).facts["own"]["few"]) == (100, 20)


def test_whole_numbers_that_no_float_holds_are_rounded_as_those_of_a_text_are(run: Run, work: Path) -> None:
    values = [2**53 + 1, 2**63 + 1, 5] * 4
    table(work / "t.csv", {"y": values})
    pq.write_table(pa.table({"y": pa.array(values, pa.uint64())}), "t.parquet")
    for file in ("t.csv", "t.parquet"):
        run("curate", "custom", "--table", file, "--target", "y", "--edges", "0,1e20", "--force")
        assert curated(work).samples.targets.tolist() == [2.0**53, 2.0**63, 5.0] * 4


def test_targets_that_are_dates_are_refused_also_where_missing_ones_are_dropped(run: Run) -> None:
    pq.write_table(pa.table({"y": pa.array([1, None, 3], pa.timestamp("s"))}), "t.parquet")
    words = ["curate", "custom", "--table", "t.parquet", "--target", "y", "--missing", "drop"]
    assert "column y holds timestamp" in run(*words, code=2).stderr


def test_bins_may_be_given_by_edges_or_chosen_by_a_rule_that_the_manifest_names(run: Run, work: Path) -> None:
    tenths(work / "t.csv")
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--edges", "-2,0,1.5,16")
    assert curated(work).table.bins.edges.tolist() == [-2, 0, 1.5, 16]
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--bins", "auto", "--force")
    facts = curated(work).facts
    assert "freedman-diaconis" in facts["own"]["binning"]
    assert np.unique(np.diff(curated(work).table.bins.edges).round(9)).tolist() == [0.1]
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--bins", "auto", "--range", "-2.5:16.5", "--force")
    assert curated(work).table.bins.edges[[0, -1]].tolist() == [-2.5, 16.5]


@pytest.mark.parametrize(("choice", "rows", "high"), [("clip", 5, 4.0), ("drop", 3, 3.0)])
def test_targets_outside_the_range_are_refused_unless_a_choice_is_made(
    choice: str, rows: int, high: float, run: Run, work: Path
) -> None:
    table(work / "t.csv", {"y": [-9, 1, 2, 3, 5]})
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--bin-width", "4", "--range", "0:4"]
    message = run(*words, code=2).stderr
    assert "2 targets lie outside 0..4: 0 = -9, 4 = 5" in message
    assert "--outside clip or --outside drop" in message
    run(*words, "--outside", choice)
    assert len(curated(work).samples.ids) == rows
    assert curated(work).samples.targets.max() == high
    assert curated(work).facts["facts"] == {"outside": choice}


def test_a_split_that_the_table_has_is_taken_over(run: Run, work: Path) -> None:
    parts = ["train", "dev", "test", "Train", "training", "val", "valid", "validation", "testing"]
    table(work / "t.csv", {"id": list("abcdefghi"), "y": range(1, 10), "part": parts})
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--split-column", "part")
    held = curated(work)
    assert held.samples.split.tolist() == ["train", "val", "test", "train", "train", "val", "val", "val", "test"]
    assert (held.facts["origin"], held.facts["seed"]) == ("given", None)
    assert "no draw to repeat" in run("verify").stdout
    table(work / "t.csv", {"id": list("ab"), "y": [1, 2], "part": ["train", "holdout"]})
    message = run("curate", "custom", "--table", "t.csv", "--target", "y", "--split-column", "part", code=2).stderr
    assert "column part holds 'holdout'" in message


def test_groups_stay_together_and_verify_shows_it(run: Run, work: Path) -> None:
    generator = np.random.default_rng(3)
    people = generator.integers(0, 300, 3000)
    table(work / "t.csv", {"id": range(3000), "y": generator.integers(0, 30, 3000), "who": people})
    words = ["--target", "y", "--id", "id", "--bin-width", "1", "--group", "who", "--per-bin", "10"]
    run("curate", "custom", "--table", "t.csv", *words)
    held = curated(work)
    parts = pd.Series(held.samples.split).groupby(held.samples.columns["group"]).nunique()
    assert parts.max() == 1
    sizes = held.facts["counts"]
    assert sizes["val"] == pytest.approx(300, rel=0.1)
    assert sizes["test"] == pytest.approx(300, rel=0.1)
    assert "3,000 of 3,000 rows equal" in run("verify").stdout
    leakage = run("verify", "--leakage").stdout
    assert [line.split()[:3] for line in leakage.splitlines() if line.startswith("who")] == [
        ["who", "val", "0"],
        ["who", "test", "0"],
    ]


BAD = {
    "text": ("id,y\na,1\nb,high\nc,2\n", ["row 2: y is high. Write a finite number"]),
    "empty": ("id,y\na,1\nb,\n", ["row 2: y is missing"]),
    "nan": ("id,y\na,nan\nb,inf\n", ["row 1: y is nan", "row 2: y is inf"]),
    "ragged": ("id,y\na,1\nb,2,3\nc\nd,x\n", ["row 2: the header has 2 fields, this row 3", "row 3:", "row 4: y is x"]),
    "twice": ("id,y\na,1\na,2\nb,3\n", ["1 ids occur more than once: a"]),
    "no id": ("id,y\n,1\nb,2\n", ["row 1: id is missing"]),
    "no column": ("id,z\na,1\n", ["there is no one column y; the columns are id, z"]),
    "nothing": ("", ["the file is empty"]),
    "header": ("id,y\n", ["there are no rows"]),
    "json": ('{"id": "a", "y": 1}\n{"id": "b", "y": "2"}\n', ['row 2: y is "2"']),
    "keys": ('{"id": "a", "y": 1}\n{"id": "b"}\n', ["row 2: y is missing"]),
    "pickle": ("\x80\x04", ["no table that can be read"]),
}


@pytest.mark.parametrize("name", BAD)
def test_every_bad_row_is_told_and_nothing_is_written(name: str, run: Run, work: Path) -> None:
    text, expected = BAD[name]
    (work / "t.csv").write_bytes(text.encode("latin-1"))
    message = run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", code=2).stderr
    assert [line for line in expected if line not in message] == [], message
    assert not (work / "manifests").exists()


def test_the_first_ten_bad_rows_are_shown_and_the_others_counted(run: Run, work: Path) -> None:
    table(work / "t.csv", {"y": ["x"] * 25 + ["1"]})
    message = run("curate", "custom", "--table", "t.csv", "--target", "y", code=2).stderr
    assert message.count("y is x") == 10
    assert "15 more rows have no number in y" in message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--table FILE"),
        (["--table", "t.csv"], "--target COL"),
        (["--table", "t.csv", "--target", "y", "--raw", "x"], "--raw: not for `dir curate custom`"),
        (["--table", "t.csv", "--target", "y", "--bin-width", "0"], "no width"),
        (["--table", "t.csv", "--target", "y", "--bin-width", "0.3", "--range", "0:1"], "not a whole number of bins"),
        (["--table", "t.csv", "--target", "y", "--bin-width", "1e-9"], "more than 1,000,000 bins"),
        (["--table", "t.csv", "--target", "y", "--edges", "1,1"], "no edges"),
        (["--table", "t.csv", "--target", "y", "--range", "5:1"], "not LO:HI"),
        (["--table", "t.csv", "--target", "y", "--bins", "auto", "--edges", "0,9"], "--bins auto chooses"),
        (["--table", "t.csv", "--target", "y", "--bins", "quantile:2", "--range", "0:9"], "quantile:2 says it all"),
        (["--table", "t.csv", "--target", "y", "--bins", "quantile:2", "--edges", "0,9"], "quantile:2 says it all"),
        (["--table", "t.csv", "--target", "y", "--bins", "quantile:2", "--bin-width", "1"], "quantile:2 says it all"),
        (["--table", "t.csv", "--target", "y", "--edges", "0,9", "--bin-width", "1"], "--edges say it all"),
        (["--table", "t.csv", "--target", "y", "--edges", "0,9", "--range", "0:9"], "--edges say it all"),
        (["--table", "t.csv", "--target", "y", "--edges", "5,9", "--outside", "drop"], "so that no row is left"),
        (["--table", "t.csv", "--target", "y", "--few=-1"], "--few -1 is no number of training rows"),
        (["--table", "t.csv", "--target", "y", "--split-column", "y", "--group", "y"], "takes a split over"),
        (["--table", "t.csv", "--target", "y", "--bins", "quantile:1"], "neither auto nor quantile:N"),
        (["--table", "t.csv", "--target", "y", "--bins", "quantile:5"], "4 distinct targets"),
        (["--table", "t.csv", "--target", "y", "--many", "20", "--few", "100"], "--few 100 is above --many 20"),
        (["--table", "t.csv", "--target", "y", "--many", "nan"], "--many nan is no number"),
        (["--table", "t.csv", "--target", "y", "--many", "inf", "--few=-inf"], "--many inf is no number"),
        (["--table", "t.csv", "--target", "y", "--name", "agedb"], "the name of a benchmark"),
        (["--table", "t.csv", "--target", "y", "--name", "a b"], "cannot name a manifest"),
        (["--table", "t.csv", "--target", "y", "--id", "y"], "the column of targets"),
        (["--table", "none.csv", "--target", "y"], "there is no such file"),
        (["--table", "t.csv", "--target", "y", "--split-column", "y", "--per-bin", "3"], "takes a split over"),
    ],
)
def test_calls_that_cannot_be_meant_say_what_to_do(words: list[str], said: str, run: Run, work: Path) -> None:
    table(work / "t.csv", {"y": [1, 2, 3, 4]})
    assert said in run("curate", "custom", *words, code=2).stderr


@pytest.mark.parametrize(
    "words",
    [
        *("--bin-width 1_0", "--bin-width 5 --range 0:3_50", "--edges 0,1_00,350", "--drop-train 1_00:120"),
        "--skew 1_00:20:1 --train-size 50",
    ],
)
def test_an_underscore_in_a_number_is_a_slip_as_it_is_in_a_table(words: str, work: Path, run: Run) -> None:
    (work / "t.csv").write_text("y\n" + "".join(f"{row % 350}\n" for row in range(2_000)))
    (work / "u.csv").write_text("y\n" + "".join(f"{row % 350}\n" for row in range(2_000)) + "1_0\n")
    curate = ("curate", "custom", "--target", "y", "--table")
    assert " is no" in (told := run(*curate, "t.csv", *words.split(), code=2).stderr) or " are no" in told
    assert "row 2001: y is 1_0. Write a finite number" in run(*curate, "u.csv", code=2).stderr
    assert not (work / "manifests").exists()
    run(*curate, "t.csv", *words.replace("_", "").split())


def test_thresholds_may_be_the_same_and_may_be_zero(run: Run, work: Path) -> None:
    table(work / "t.csv", {"y": [1, 2, 3, 4]})
    for many, few in ((20, 20), (0, 0)):
        run(
            "curate",
            "custom",
            "--table",
            "t.csv",
            "--target",
            "y",
            "--edges",
            "1,4",
            "--many",
            many,
            "--few",
            few,
            "--force",
        )
        assert (curated(work).facts["own"]["many"], curated(work).facts["own"]["few"]) == (many, few)


def test_options_of_a_table_mean_nothing_for_a_benchmark(run: Run) -> None:
    message = run("curate", "agedb", "--table", "t.csv", "--per-bin", "3", code=2).stderr
    assert "--table, --per-bin: not for `dir curate agedb`" in message


def test_a_manifest_whose_own_rules_are_damaged_is_refused(run: Run, work: Path) -> None:
    table(work / "t.csv", {"y": [1, 2, 3, 4]})
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--edges", "1,4")
    folder = work / "manifests" / "t"
    facts = json.loads((folder / "manifest.json").read_text())
    for many in (math.nan, None, "much"):
        facts["own"]["many"] = many
        (folder / "manifest.json").write_text(json.dumps(facts))
        assert "its own is" in run("verify", code=1).stdout
        bins = pq.read_table(folder / "bins.parquet")
        metadata = json.loads(bins.schema.metadata[b"dircli"]) | {"own": facts["own"]}
        pq.write_table(bins.replace_schema_metadata({"dircli": json.dumps(metadata)}), folder / "bins.parquet")
        if not isinstance(many, float):  # no two NaN are the same
            assert "its own rules is damaged" in run("verify", code=1).stdout
            assert "its own rules is damaged" in run("evaluate", "x.csv", "--dataset", "t", code=2).stderr


def test_a_split_that_leaves_val_or_test_empty_is_refused_with_a_change_that_helps(run: Run, work: Path) -> None:
    generator = np.random.default_rng(0)
    columns = {"y": generator.normal(10, 3, 400).round(2), "sex": generator.choice(["f", "m"], 400)}
    table(work / "t.csv", columns | {"site": generator.choice(list("abcde"), 400)})
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--group"]
    assert "column sex has only 2 groups" in run(*words, "sex", code=2).stderr
    message = run(*words, "site", code=2).stderr
    assert "the smallest of the 5 groups in column site has" in message
    change = message.partition(" Try ")[2].partition(", which gives")[0].split()
    assert change[0] == "--per-bin"
    run(*words, "site", "--per-bin", int(change[1]) - 1, code=2)
    assert not (work / "manifests").exists()
    run(*words, "site", *change)
    assert min(curated(work).facts["counts"].values()) > 0


@pytest.mark.parametrize(
    ("given_", "change"),
    [
        (("--bin-width", "1"), "--bin-width 2"),
        (("--edges", "0,1,2.5,4"), "--bins quantile:2"),
        (("--bins", "quantile:3"), "--bins quantile:2"),
    ],
)
def test_a_change_of_width_is_proposed_only_for_bins_of_one_width(
    given_: tuple[str, str], change: str, run: Run, work: Path
) -> None:
    table(work / "t.csv", {"y": [0, 0, 1, 1, 3, 3]})
    words = ["curate", "custom", "--table", "t.csv", "--target", "y"]
    assert f" Try {change}, which gives val 1 and test 1 rows" in run(*words, *given_, code=2).stderr.replace("\n", " ")
    run(*words, *change.split())
    assert curated(work).facts["counts"] == {"train": 4, "val": 1, "test": 1}


def test_a_given_split_needs_train_and_test_and_says_that_it_has_no_val(run: Run, work: Path) -> None:
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--split-column", "part"]
    for parts, said in ((["train", "val"], "has no test rows"), (["val", "test"], "has no train rows")):
        table(work / "t.csv", {"y": [1, 2], "part": parts})
        assert said in run(*words, code=2).stderr
    table(work / "t.csv", {"y": [1, 2], "part": ["train", "test"]})
    assert "the given split has no val rows" in run(*words).stderr


def test_scores_that_would_say_little_are_told_in_notes_with_the_option_to_try(run: Run, work: Path) -> None:
    targets = np.random.default_rng(0).normal(10, 3, 399).round(2)
    table(work / "t.csv", {"y": np.append(targets, 1e9)})
    message = run("curate", "custom", "--table", "t.csv", "--target", "y").stderr
    assert "of the rows lie in" in message
    assert "have no test rows; try wider bins" in message
    assert any("try --bins quantile:20" in note for note in curated(work).facts["notes"])


def test_targets_farther_apart_than_a_number_can_say_are_refused(run: Run, work: Path) -> None:
    table(work / "t.csv", {"y": [1.7e308, -1.7e308] * 20})
    for more in (["--bins", "auto"], ["--bins", "quantile:2"], ["--bin-width", "1e307"]):
        message = run("curate", "custom", "--table", "t.csv", "--target", "y", *more, code=2).stderr
        assert "too far apart" in message
    table(work / "t.csv", {"y": [0, 1e200, *[0] * 40]})  # of which no deviation is a number
    assert "too far apart" in run("curate", "custom", "--table", "t.csv", "--target", "y", code=2).stderr


# — laws —


TARGETS = st.lists(st.integers(-50, 120).map(lambda k: k / 10), min_size=1, max_size=150)


@QUICK
@given(targets=TARGETS, seed=st.integers(0, 5), per_bin=st.integers(1, 20), data=st.data())
def test_a_table_becomes_a_lawful_manifest_whatever_the_order_of_its_rows(
    targets: list[float], seed: int, per_bin: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Bins partition, splits cover and are disjoint, val and test are alike; permuting rows changes no byte."""
    folder = tmp_path_factory.mktemp("t")
    rows = [(f"k{row}", value) for row, value in enumerate(targets)]
    trees = []
    for turn in (rows, data.draw(st.permutations(rows))):
        path = table(folder / "t.csv", {"id": [key for key, _ in turn], "y": [value for _, value in turn]})
        names = Names(target="y", id="id")
        options = own.CustomOptions(table=path, names=names, width="0.5", per_bin=per_bin, seed=seed)
        if np.unique(np.floor(2 * np.array(targets)), return_counts=True)[1].max() < 3:  # no bin can give a row
            with pytest.raises(UsageError, match="no row would be left for val and test"):
                own.curate(options, root=folder)
            return
        own.curate(options, root=folder)
        trees.append({file: (folder / "custom" / file).read_bytes() for file in FILES})
    assert trees[0] == trees[1]
    held = manifests.read(folder / "custom")
    bins, samples = held.table.bins, held.samples
    assert sorted(samples.ids) == sorted(key for key, _ in rows)
    assert dict(zip(samples.ids, samples.targets, strict=True)) == dict(rows)
    assert ((bins.low[samples.bin_index] <= samples.targets) & (samples.targets < bins.high[samples.bin_index])).all()
    assert set(samples.split) <= {"train", "val", "test"}
    counts = held.table.counts
    assert np.array_equal(counts["val"], counts["test"])
    assert counts["val"].max() <= per_bin
    assert (3 * counts["val"] <= counts["train"] + counts["val"] + counts["test"]).all()


@QUICK
@given(st.lists(st.text("ab0\x00é", max_size=20), max_size=40), st.sampled_from(["", "p-", "a longer prefix/"]))
def test_rows_are_ordered_by_length_and_then_by_bytes(texts: list[str], prefix: str) -> None:
    ids = [prefix + text for text in texts]
    order = ascending(pa.array(ids, pa.string()))
    found = ids if order is None else [ids[row] for row in order]
    assert found == sorted(ids, key=lambda key: (len(key.encode()), key.encode()))


def test_rows_that_stand_in_order_are_not_moved() -> None:
    for count in (0, 1, 3):
        assert ascending(pa.array(["b", "10", "a row"][:count], pa.string())) is None
    assert ascending(pa.array([f"row-{k:020}" for k in range(99)])) is None


def test_reading_gives_columns_in_the_tables_order(work: Path) -> None:
    path = table(work / "t.csv", {"b": [2, 1], "y": [0.5, -0.5], "a": ["x", "z"]})
    rows = read(path, Names(target="y", id="a", group="b"))
    assert rows.targets.tolist() == [0.5, -0.5]
    assert [None if each is None else each.to_pylist() for each in (rows.ids, rows.group)] == [["x", "z"], ["2", "1"]]
    with pytest.raises(InputError, match="no one column c"):
        read(path, Names(target="c"))


def test_a_table_becomes_a_manifest_of_the_usual_rules_and_is_no_part_of_it(run: Run, work: Path) -> None:
    tenths(work / "t.csv")
    words = ["curate", "custom", "--target", "y", "--id", "id", "--bin-width", "0.5", "--name", "t"]
    run(*words, "--table", "t.csv")
    stated = curated(work).facts["own"]
    assert (stated["many"], stated["few"], stated["scheme"]) == (100, 20, "sqrt-inv")
    folder = work / "manifests" / "t"
    shutil.copy(work / "t.csv", folder / "mine.csv")
    run(*words, "--table", folder / "mine.csv", "--force")
    options = ["--target", "target", *words[4:]]
    refused = run(*words[:2], *options, "--table", folder / "samples.parquet", code=2)
    assert "samples.parquet is part of the manifest that would be replaced; give another --name" in refused.stderr
    shutil.copy(folder / "samples.parquet", work)
    run(*words[:2], *options, "--table", "samples.parquet", "--force")
