"""Training rows taken away, in gaps or down to a skewed density; and the scores where nothing was seen."""

from __future__ import annotations

import json
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
from dircli.curation.derive import Component, Cut, checked_name, components, density, in_gaps, supports, thinned, whole
from dircli.errors import UsageError
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

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
    assert Cut(gaps=((0, 20), (40.5, 50))).named("agedb") == "agedb-without-0-20_40.5-50"
    assert Cut(gaps=((-2, 0),)).named("x") == "x-without--2-0"
    many = Cut(gaps=tuple((float(k), k + 0.5) for k in range(30)))
    assert len(many.named("agedb")) <= 64
    skews = {Cut(skew=text, size=9).named("a") for text in ("1:2:3", "1:2:4")}
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
    with pytest.raises(UsageError, match="MEAN:STD:WEIGHT"):
        components("30")


def test_more_rows_than_any_table_has_are_no_traceback() -> None:
    with pytest.raises(UsageError, match="is more rows than any table has"):
        Cut.of([], "40:8:1", 10**20, 1)


def test_whole_counts_give_what_is_left_to_the_largest_remainders_and_of_equals_to_the_first() -> None:
    assert whole(np.array([0.34, 0.66]), 10).tolist() == [3, 7]
    assert whole(np.full(40, 1 / 40), 60).tolist() == [2] * 20 + [1] * 20
