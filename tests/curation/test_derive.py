"""Training rows taken away, in gaps or down to a skewed density; and the scores where nothing was seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniatures import MINIATURES

from dircli.benchmark.bins import Bins, interval
from dircli.benchmark.protocol import Thresholds
from dircli.benchmark.regions import masks, region
from dircli.curation.derive import (
    Component,
    Cut,
    checked_name,
    components,
    cut,
    density,
    in_gaps,
    named_after,
    note,
    supports,
    thinned,
    whole,
)
from dircli.errors import UsageError
from dircli.store import manifests

if TYPE_CHECKING:
    from conftest import Run

QUICK = settings(deadline=None, max_examples=80)
GAPS = ["--drop-train", "0:20", "--drop-train", "40:50"]
NAME = "agedb-without-0-20_40-50"


def predict(folder: Path, manifest: Path, split: str = "test") -> dict[str, Any]:
    """Predictions that miss by an error of their own in every row."""
    samples = manifests.read(manifest).samples
    rows = samples.split == split
    errors = np.random.default_rng(2).normal(size=rows.sum()) * 5
    pd.DataFrame({"id": samples.ids[rows], "prediction": samples.targets[rows] + errors}).to_csv(folder, index=False)
    return {"targets": samples.targets[rows], "errors": errors}


def check_regions(regions: dict[str, Any]) -> None:
    """Each way to divide all rows gives the MAE of all back."""
    for whole_, parts in (
        ("all", ("many", "medium", "few")),
        ("all", ("zero", "with-data")),
        ("zero", ("interpolation", "extrapolation")),
    ):
        held = [regions[part] for part in parts if part in regions and regions[part]["n"]]
        assert sum(part["n"] for part in held) == regions[whole_]["n"]
        mean = sum(part["n"] * part["mae"] for part in held) / regions[whole_]["n"]
        assert mean == pytest.approx(regions[whole_]["mae"], rel=1e-12)


def test_gaps_of_a_miniature_are_recorded_named_and_scored(tmp_path: Path, work: Path, run: Run) -> None:
    raw = MINIATURES["agedb"].build(tmp_path)
    run("curate", "agedb", "--raw", raw, "--split", "redraw")
    whole_ = manifests.read(work / "manifests" / "agedb")
    low, high = np.quantile(whole_.samples.targets[whole_.samples.split == "test"], [0.3, 0.6])
    gaps = ["--drop-train", f"{low:g}:{high:g}"]
    said = run("curate", "agedb", "--raw", raw, "--split", "redraw", *gaps)
    assert "this is not agedb" in said.stderr
    (name,) = set(manifests.curated(work / "manifests")) - {"agedb"}
    left = manifests.read(work / "manifests" / name)
    assert left.facts["origin"] == "derived"
    assert left.facts["derived"]["from"]["content"] == whole_.content
    train = left.samples.targets[left.samples.split == "train"]
    assert not ((train >= low) & (train < high)).any()
    for split in ("val", "test"):
        rows = [each.samples.ids[each.samples.split == split].tolist() for each in (whole_, left)]
        assert rows[0] == rows[1]
    assert "0 training rows" in run("verify", name).stdout
    predict(work / "p.csv", work / "manifests" / name)
    (system,) = json.loads(run("evaluate", "p.csv", "--dataset", name, "--format", "json").stdout)["systems"]
    assert system["regions"]["zero"]["n"] > 0
    check_regions(system["regions"])
    run("weights", name)


@pytest.mark.thorough
def test_the_real_agedb_with_gaps_scores_as_the_papers_table_6_divides_it(real: Path, work: Path, run: Run) -> None:
    run("curate", "agedb", "--released", real / "agedb" / "agedb.csv", *GAPS)
    held = manifests.read(work / "manifests" / NAME)
    assert held.facts["derived"]["from"]["name"] == "agedb"
    assert held.facts["derived"]["from"]["content"].startswith("sha256:cfe40956")
    assert held.facts["counts"]["test"] == 2140
    truth = predict(work / "p.csv", work / "manifests" / NAME)
    (system,) = json.loads(run("evaluate", "p.csv", "--format", "json").stdout)["systems"]
    regions = system["regions"]
    check_regions(regions)
    targets, errors = truth["targets"], np.abs(truth["errors"])
    between = (targets >= 40) & (targets < 50)
    assert regions["interpolation"]["n"] == between.sum()
    assert regions["interpolation"]["mae"] == pytest.approx(errors[between].mean())
    assert regions["extrapolation"]["n"] == (targets < 20).sum()
    table = run("evaluate", "p.csv").stdout.splitlines()[0].split()
    assert table == ["all", "many", "medium", "few", "zero", "interpolation", "extrapolation", "with-data"]
    run("evaluate", "p.csv", "--ci", "--bootstrap", "100", "--format", "json")


def test_gaps_and_skew_work_on_a_table_of_ones_own(work: Path, run: Run) -> None:
    values = np.round(np.random.default_rng(0).uniform(0, 10, 6000), 2)
    pd.DataFrame({"id": range(6000), "y": values}).to_csv(work / "t.csv", index=False)
    words = ["--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "0.5", "--range", "0:10"]
    cut = ["--drop-train", "9:10", "--skew", "2:0.5:0.8, 6:0.3/1:0.2", "--train-size", "900"]
    shown = run("curate", "custom", *words, *cut, "--name", "cut").stdout
    assert "asked" in shown
    assert "reached" in shown
    held = manifests.read(work / "manifests" / "cut")
    skew = held.facts["derived"]["skew"]
    assert sum(skew["asked"]) == 900
    assert held.table.counts["train"].tolist() == skew["reached"]
    assert skew["distance"] < 0.2
    assert held.table.counts["train"][-2:].tolist() == [0, 0]
    assert held.table.counts["test"][-2:].min() > 0
    again = run("curate", "custom", *words, *cut, "--name", "cut").stdout
    assert again == shown
    other = run("curate", "custom", *words, *cut, "--name", "cut", "--seed", "1", "--force").stdout
    assert other.splitlines()[-1] != shown.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--drop-train", "20"], "--drop-train '20' is not LO:HI"),
        (["--drop-train", "20:10"], "ascending"),
        (["--train-size", "3"], "--train-size goes with --skew"),
        (["--skew", "30:8:1"], "--train-size N"),
        (["--skew", "30:8", "--train-size", "9"], "'30:8' is no component"),
        (["--skew", "30:-8:1", "--train-size", "9"], "must be positive"),
        (["--skew", "30:8:1,30:2:1", "--train-size", "9"], "the same mean"),
        (["--skew", "900:8:1", "--train-size", "9"], "no component reaches the bins"),
        (["--drop-train", "150:160"], "no training row lies in these ranges"),
        (["--drop-train", "0:121"], "no training row is left"),
        (["--drop-train", "0:20", "--name", "agedb"], "another --name"),
    ],
)
def test_cuts_that_cannot_be_made_say_so(words: list[str], said: str, tmp_path: Path, run: Run) -> None:
    raw = MINIATURES["agedb"].build(tmp_path)
    assert said in run("curate", "agedb", "--raw", raw, "--split", "redraw", *words, code=2).stderr


def test_a_cut_takes_a_name_of_its_own_that_fits() -> None:
    assert Cut(seed=1, gaps=((0, 20), (40.5, 50))).named("agedb") == "agedb-without-0-20_40.5-50"
    assert Cut(seed=1, gaps=((-2, 0),)).named("x") == "x-without--2-0"
    many = Cut(seed=1, gaps=tuple((float(k), k + 0.5) for k in range(30)))
    assert len(many.named("agedb")) <= 64
    skews = {Cut(seed=1, skew=text, size=9).named("a") for text in ("1:2:3", "1:2:4")}
    assert len(skews) == 2


@pytest.mark.parametrize(
    ("name", "dataset", "said"),
    [
        ("AgeDB", "custom", "AgeDB is the name of a benchmark"),
        ("STS-B", "agedb", "STS-B is the name of a benchmark"),
        *((name, "custom", "names a device") for name in ("CON", "prn", "Aux", "nul", "COM1", "lpt9", "con.txt")),
        ("mine.", "custom", "ends in a dot"),
        ("MINE", "custom", "differs from the manifest mine in"),
    ],
)
def test_a_name_that_collides_on_some_system_is_refused(name: str, dataset: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / manifests.FACTS).touch()
    with pytest.raises(UsageError, match=said):
        checked_name(name, dataset, tmp_path)
    for kept, of in (("agedb", "agedb"), ("mine", "custom"), ("console", "custom"), ("com10", "custom")):
        assert checked_name(kept, of, tmp_path) == kept


def test_a_gap_holds_its_lower_end_and_the_upper_end_only_where_the_range_ends() -> None:
    targets = np.array([0, 1, 2, 4.5, 5])
    assert in_gaps(targets, [(1, 2)], end=5).tolist() == [False, True, False, False, False]
    assert in_gaps(targets, [(4, 5)], end=5).tolist() == [False, False, False, True, True]
    assert interval("-2:0.5", "x") == (-2, 0.5)


@QUICK
@given(st.lists(st.sampled_from([0, 0, 3]), min_size=1, max_size=40))
def test_zero_is_divided_by_where_training_data_lie(counts: list[int]) -> None:
    held = masks(region(np.array(counts), Thresholds(100, 20)), np.array(counts))
    assert np.array_equal(held["interpolation"] | held["extrapolation"], held["zero"])
    assert not (held["interpolation"] & held["extrapolation"]).any()
    assert np.array_equal(held["with-data"], ~held["zero"])
    for b in np.flatnonzero(held["interpolation"]):
        assert any(counts[:b])
        assert any(counts[b:])
    for b in np.flatnonzero(held["extrapolation"]):
        assert not (any(counts[:b]) and any(counts[b:]))


def test_a_component_is_a_gaussian_or_one_with_two_deviations() -> None:
    from scipy.stats import norm

    x = np.linspace(-9, 9, 50)
    plain = Component(mean=1, left=2, right=2, weight=1)
    assert plain.below(x) == pytest.approx(norm.cdf(x, 1, 2))
    skewed = Component(mean=1, left=1, right=3, weight=1)
    fine = np.linspace(-20, 30, 200_001)
    pdf = np.exp(-(((fine - 1) / np.where(fine < 1, 1, 3)) ** 2) / 2)
    assert skewed.below(x) == pytest.approx(np.interp(x, fine, np.cumsum(pdf) / pdf.sum()), abs=1e-4)


def test_components_are_disjoint_and_leave_regions_without_data() -> None:
    mixture = components("30:4:0.5, 80:3/6:0.3, 40:2:0.2")
    assert [each.mean for each in mixture] == [30, 40, 80]
    ends = supports(mixture)
    meet = 30 + 10 * 4 / 6
    assert np.array(ends) == pytest.approx(np.array([[18, meet], [meet, 46], [71, 98]]))
    shares = density(Bins.regular(0, 121, 1), mixture)
    assert shares.sum() == pytest.approx(1)
    assert not shares[:18].any()
    assert not shares[46:71].any()
    assert shares[71:98].sum() == pytest.approx(0.3)


@QUICK
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).filter(any), st.integers(1, 500))
def test_whole_rows_have_the_shares_to_within_one_row(weights: list[float], total: int) -> None:
    shares = np.array(weights) / sum(weights)
    counts = whole(shares, total)
    assert counts.sum() == total
    assert np.abs(counts - shares * total).max() <= 1


@QUICK
@given(st.lists(st.integers(0, 5), max_size=100), st.lists(st.integers(0, 12), min_size=6, max_size=6))
def test_thinning_keeps_what_is_asked_for_or_all_there_is(rows: list[int], asked: list[int]) -> None:
    index = np.array(rows, dtype=np.int64)
    kept = thinned(index, np.array(asked), seed=3)
    expected = [min(rows.count(b), asked[b]) for b in range(6)]
    assert np.bincount(index[kept], minlength=6).tolist() == expected
    assert kept.tolist() == sorted(set(kept.tolist()))


def test_a_mixture_that_nobody_can_read_is_refused() -> None:
    for text in ("30", "inf:8:1", "30:nan:1", "30:8:inf"):
        with pytest.raises(UsageError, match="MEAN:STD:WEIGHT"):
            components(text)
    for text in ("30:0:1", "30:8:0", "30:8/0:1", "30:-8:1"):
        with pytest.raises(UsageError, match="deviations and weight must be positive"):
            components(text)


def test_a_component_may_lie_at_0_or_below() -> None:
    assert [each.mean for each in components("0:1:1, -3:0.5:1")] == [-3, 0]


def test_more_rows_than_any_table_has_are_no_traceback() -> None:
    with pytest.raises(UsageError, match="is more rows than any table has"):
        Cut.of([], "40:8:1", 10**20, 1)


def test_whole_counts_give_what_is_left_to_the_largest_remainders_and_of_equals_to_the_first() -> None:
    assert whole(np.array([0.34, 0.66]), 10).tolist() == [3, 7]
    assert whole(np.full(40, 1 / 40), 60).tolist() == [2] * 20 + [1] * 20


def test_a_cut_takes_gaps_first_and_then_thins_what_is_left() -> None:
    bins = Bins.regular(0, 4, 1)
    targets = np.repeat([0.5, 1.5, 2.5, 3.5, 4.0], [40, 40, 40, 20, 20])
    train = np.arange(160) % 4 != 0
    stay, facts = cut(targets, train, bins, Cut(seed=1, gaps=((1, 2),)))
    inside = train & (targets == 1.5)
    assert stay.tolist() == (~inside).tolist()
    assert facts == {"gaps": [[1, 2]], "in_gaps": 30, "removed": 30}
    assert (
        cut(targets, train, bins, Cut(seed=1, gaps=((3, 4),)))[1]["removed"] == 30
    )  # the range ends there, and holds its end
    stay, facts = cut(targets, train, bins, Cut(gaps=((1, 2),), skew="0.5:0.4:0.5, 3:0.4:0.5", size=60, seed=1))
    skew, index = facts["skew"], bins.index(targets)
    assert stay[~train].all()
    assert np.bincount(index[stay & train], minlength=4).tolist() == skew["reached"]
    assert sum(skew["asked"]) == 60
    assert skew["reached"] == np.minimum(skew["asked"], [30, 0, 30, 30]).tolist()
    asked, reached = (np.array(skew[key]) / sum(skew[key]) for key in ("asked", "reached"))
    assert skew["distance"] == pytest.approx(np.maximum(asked - reached, 0).sum())
    assert (skew["seed"], skew["train_size"], skew["mixture"]) == (1, 60, "0.5:0.4:0.5, 3:0.4:0.5")
    assert skew["supports"] == supports(components(skew["mixture"]))
    assert facts["removed"] == (~stay).sum()
    with pytest.raises(UsageError, match="no training row is left"):
        cut(targets, train, bins, Cut(seed=1, gaps=((0, 3),), skew="1:0.3:1", size=9))


@pytest.mark.parametrize("size", [1, 2])
def test_a_density_of_one_bin_that_has_the_rows_is_reached(size: int) -> None:
    bins, targets = Bins.regular(0, 3, 1), np.full(9, 1.5)
    stay, facts = cut(targets, np.ones(9, bool), bins, Cut(skew="1.5:0.1:1", size=size, seed=1))
    assert (stay.sum(), facts["skew"]["reached"], facts["skew"]["distance"]) == (size, [0, size, 0], 0)


def test_what_was_cut_is_told_in_a_sentence() -> None:
    skew = {"reached": [1000, 200], "train_size": 1500, "distance": 0.1234}
    ending = "this is not agedb, and scores on it do not compare with those there"
    gaps = {"gaps": [[0, 20], [40.5, 50]], "in_gaps": 1234}
    left_out = "1,234 training rows in [0, 20) and [40.5, 50) were left out"
    thinner = "train was cut to 1,200 rows of the 1,500 that the density asks for, 12.3% of it elsewhere than asked"
    assert note(gaps, "agedb") == f"{left_out}; {ending}"
    assert note({"skew": skew}, "agedb") == f"{thinner}; {ending}"
    assert note(gaps | {"skew": skew}, "agedb") == f"{left_out}; {thinner}; {ending}"


def test_a_train_size_is_from_one_row_to_a_million_billion() -> None:
    assert Cut.of([], "40:8:1", 10**15, 1) == Cut(skew="40:8:1", size=10**15, seed=1)
    assert Cut.of(["3:4", "0:1"], "40:8:1", 1, 7) == Cut(gaps=((0, 1), (3, 4)), skew="40:8:1", size=1, seed=7)
    for size in (10**15 + 1, 0, -3):
        with pytest.raises(UsageError, match="--train-size"):
            Cut.of([], "40:8:1", size, 1)


def test_a_long_name_is_cut_to_what_a_name_may_hold() -> None:
    gaps = tuple((float(k), k + 0.5) for k in range(30))
    name = Cut(seed=1, gaps=gaps).named("a" * 60)
    assert len(name) == 64
    assert name.startswith("a" * 51 + "-cut-")
    assert Cut(seed=1, gaps=((0, 1e20),)).named("a") == "a-without-0-1e20"
    assert len(Cut(seed=1, gaps=((0, 1),)).named("a" * 52)) == 64
    assert Cut(seed=1, gaps=((0, 1),)).named("a" * 52).endswith("-without-0-1")
    assert "-cut-" in Cut(seed=1, gaps=((0, 1),)).named("a" * 53)
    skewed = Cut(seed=1, skew="1:2:3", size=9)
    assert skewed.named("a").startswith("a-skewed-")
    assert len({Cut(skew="1:2:3", size=9, seed=seed).named("a") for seed in (1, 2)}) == 2
    assert len({Cut(seed=1, skew="1:2:3", size=size).named("a") for size in (8, 9)}) == 2


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("cat.csv", "cat"),
        ("my table (1).CSV.gz", "my-table-1"),
        ("a.b.parquet", "a.b"),
        ("_x_.tsv", "x"),
        ("名前.csv", "custom"),
        ("a" * 70 + ".csv", "a" * 64),
    ],
)
def test_a_manifest_is_named_after_its_table_as_far_as_a_name_may_hold_it(file: str, name: str) -> None:
    assert named_after(Path("folder") / file) == name
