"""A manifest that bears a dataset's name is held to that dataset's rules, and the signature covers the rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import PROTOCOLS, ScoreRule, Thresholds
from dircli.benchmark.regions import region
from dircli.scores.signature import comparable
from dircli.store.content import content, rules_digest, targets_digest

if TYPE_CHECKING:
    from conftest import Run

Json = dict[str, Any]

CURATE = ("curate", "custom", "--table", "t.csv", "--id", "id", "--target", "y", "--name", "mine")


def table(path: Path, *, rows: int = 900) -> None:
    """A table of ``rows`` ages with few old ones."""
    ages = np.random.default_rng(3).exponential(18, rows).clip(0, 99).astype(int)
    path.write_text("id,y\n" + "".join(f"r{place},{age}\n" for place, age in enumerate(ages)))


@pytest.fixture
def curated(run: Run, work: Path) -> Path:
    """A curated agedb, drawn over names of our own, and predictions of its test rows."""
    ages = np.random.default_rng(4).integers(20, 70, 3000)
    (work / "raw").mkdir()
    for place, age in enumerate(ages):
        (work / "raw" / f"{place}_Somebody_{age}_m.jpg").touch()
    run("curate", "agedb", "--raw", "raw", "--split", "redraw")
    samples = pq.read_table(work / "manifests" / "agedb" / "samples.parquet").to_pandas()
    test = samples[samples["split"] == "test"]
    test.assign(prediction=test["target"] + 3)[["id", "prediction"]].to_csv("p.csv", index=False)
    return work / "manifests" / "agedb"


def rewritten(folder: Path, change: Any) -> None:
    """``bins.parquet`` and ``manifest.json`` after ``change``, in agreement with each other."""
    bins = pq.read_table(folder / "bins.parquet")
    facts = json.loads((folder / "manifest.json").read_text())
    bins, facts = change(bins, facts)
    identity = {key: facts[key] for key in ("content", "dataset", "name", "origin")}
    bins = bins.replace_schema_metadata({"dircli": json.dumps(identity)})
    frame = bins.to_pandas()
    facts["regions"] = {
        key: {
            part: {name: int(frame[part][frame[f"region_{key}"] == name].sum()) for name in ("many", "medium", "few")}
            for part in ("train", "val", "test")
        }
        for key in PROTOCOLS
    }
    pq.write_table(bins, folder / "bins.parquet")
    (folder / "manifest.json").write_text(json.dumps(facts))


def column(bins: pa.Table, name: str, values: Any) -> pa.Table:
    """``bins`` with other values in the column ``name``."""
    place = bins.schema.get_field_index(name)
    return bins.set_column(place, name, pa.array(values, bins.schema.field(name).type))


def swapped(bins: pa.Table, facts: Json) -> tuple[pa.Table, Json]:
    """Many and few exchanged, under both protocols."""
    other = {"many": "few", "few": "many", "medium": "medium"}
    for key in PROTOCOLS:
        name = f"region_{key}"
        bins = column(bins, name, [other[value] for value in bins[name].to_pylist()])
    return bins, facts


def shifted(bins: pa.Table, facts: Json) -> tuple[pa.Table, Json]:
    """Edges half a year earlier."""
    for name in ("low", "high"):
        bins = column(bins, name, (np.array(bins[name]) - 0.5).tolist())
    return bins, facts


def fact(**changed: Any) -> Any:
    """Other facts, and the same bins."""
    return lambda bins, facts: (bins, facts | changed)


FOREIGN = {
    "many and few exchanged": (swapped, "its released regions are not those of its training counts (many > 100"),
    "edges shifted": (shifted, "its bins are not those of agedb"),
    "a line break in the name": (fact(name="agedb|test|x\nfake"), "name is"),
    "another benchmark's name": (
        fact(name="sts-b"),
        "it is called sts-b, which is another dataset than its own, agedb",
    ),
    "a dataset that is a path": (fact(dataset="../../etc"), "dataset is"),
    "an unknown dataset": (fact(dataset="mnist"), "no dataset is called 'mnist'"),
    "an unknown origin": (fact(origin="invented"), 'origin is "invented"'),
    "a version to come": (fact(version="99.0"), "dircli 99.0 made it, and this is "),
    "no version": (fact(version="<b>"), "version is"),
    "derived is a number": (fact(derived=5), "derived is 5"),
    "a gap of one number": (fact(derived={"gaps": [[1]]}), "derived is"),
    "rules of another manifest": (fact(rules=f"sha256:{'0' * 64}"), "and manifest.json says sha256:00000000"),
    "other counts": (fact(counts={"train": 1, "val": 1, "test": 1}), "its counts is"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", FOREIGN)
def test_a_manifest_is_held_to_the_rules_of_the_dataset_that_it_names(name: str, run: Run, curated: Path) -> None:
    run("evaluate", "p.csv")
    run("verify")
    change, says = FOREIGN[name]
    rewritten(curated, change)
    refused = run("evaluate", "p.csv", code=2)
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout
    assert says[:30] in " ".join(run("verify", code=1).stdout.split())


@pytest.mark.thorough
def test_a_manifest_of_the_first_version_is_read(run: Run, curated: Path) -> None:
    facts = json.loads((curated / "manifest.json").read_text())
    del facts["rules"]
    (curated / "manifest.json").write_text(json.dumps(facts | {"version": "0.1.0"}))
    assert "rules:" in run("verify").stdout
    run("evaluate", "p.csv")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["many and few exchanged", "edges shifted", "an unknown origin", "an unknown dataset"])
def test_bins_alone_are_held_to_them_too(name: str, run: Run, curated: Path) -> None:
    change, says = FOREIGN[name]
    rewritten(curated, change)
    Path("own.csv").write_text("target,prediction\n30,31\n40,44\n")
    assert says in run("evaluate", "own.csv", "--bins", curated / "bins.parquet", code=2).stderr


def test_a_region_that_is_none_is_refused(run: Run, curated: Path) -> None:
    bins = pq.read_table(curated / "bins.parquet")
    pq.write_table(column(bins, "region_paper", ["<script>"] * len(bins)), curated / "bins.parquet")
    assert 'a region is called "<script>"' in run("evaluate", "p.csv", code=2).stderr


def test_bins_that_grew_with_the_ages_are_the_datasets_own(run: Run, work: Path) -> None:
    """The bins of ages reach to the oldest person, and are agedb's all the same."""
    (work / "raw").mkdir()
    for place in range(400):
        (work / "raw" / f"{place}_Somebody_{30 + place % 20 if place else 140}_m.jpg").touch()
    run("curate", "agedb", "--raw", "raw", "--split", "redraw")
    assert "bins, thresholds and regions are those of agedb" in run("verify").stdout
    rewritten(
        work / "manifests" / "agedb",
        lambda bins, facts: (pa.concat_tables([bins, column(column(bins[-1:], "low", [200]), "high", [201])]), facts),
    )
    run("verify", code=1)


def evaluated(run: Run, *words: object) -> Json:
    """What `dir evaluate p.csv --dataset mine` gives as JSON."""
    printed: Json = json.loads(run("evaluate", *words, "--format", "json").stdout)
    return printed


def predictions() -> None:
    """Predictions of the test rows of the manifest ``mine``, as p.csv."""
    samples = pq.read_table("manifests/mine/samples.parquet").to_pandas()
    test = samples[samples["split"] == "test"]
    test.assign(prediction=test["target"] * 0.7 + 5)[["id", "prediction"]].to_csv("p.csv", index=False)


@pytest.mark.parametrize("split", ["drawn", "given"])
def test_other_thresholds_or_bins_are_another_signature(split: str, run: Run, work: Path) -> None:
    """Two results compare only where the rows and the rules are the same, and no board ranks others together."""
    table(work / "t.csv")
    how: tuple[object, ...] = ("--bin-width", 1)
    if split == "given":
        parts = ["train"] * 6 + ["val", "test"]
        rows = (work / "t.csv").read_text().splitlines()
        given = [f"{row},{parts[place % 8]}" for place, row in enumerate(rows[1:])]
        (work / "t.csv").write_text("\n".join(["id,y,s", *given, ""]))
        how = (*how, "--split-column", "s")
    run(*CURATE, *how)
    predictions()
    first = evaluated(run, "p.csv", "--output", "runs/first.json", "--output", "-")
    others: list[tuple[object, ...]] = [("--bin-width", 1, "--many", 30, "--few", 10)]
    if split == "given":
        others.append(("--bin-width", 5))
    for place, other in enumerate(others):
        shutil.rmtree("manifests/mine")
        run(*CURATE, *how[2:], *other)
        second = evaluated(run, "p.csv", "--output", f"runs/{place}.json", "--output", "-")
        assert first["content"] == second["content"]
        assert first["rules"] != second["rules"]
        assert comparable(first["signature"]) != comparable(second["signature"])
        assert "rules:" in second["signature"]
        assert "the signatures differ" in run("evaluate", "p.csv", "--against", "runs/first.json", code=2).stderr
    board = json.loads(run("leaderboard", "runs", "--metric", "mae", "--format", "json").stdout)
    assert [len(block["rows"]) for block in board["blocks"]] == [1] * (1 + len(others))


def test_a_result_of_the_first_version_is_read_and_set_apart(run: Run, work: Path) -> None:
    table(work / "t.csv")
    run(*CURATE)
    predictions()
    now = evaluated(run, "p.csv")
    then = {key: value for key, value in now.items() if key not in {"rules", "scoring"}}
    fields = [each for each in now["signature"].split("|") if not each.startswith(("rules:", "s:", "v:"))]
    then |= {"version": "0.1.0", "signature": "|".join([*fields, "v:0.1.0"])}
    Path("runs").mkdir()
    Path("runs/then.json").write_text(json.dumps(then))
    Path("runs/now.json").write_text(json.dumps(now))
    blocks = json.loads(run("leaderboard", "runs", "--format", "json").stdout)["blocks"]
    apart = {block["rows"][0]["source"]: block["apart"] for block in blocks}
    assert apart["now.json"] is None
    assert "of dircli 0.1.0, whose signature does not cover the rules" in apart["then.json"]
    refused = run("evaluate", "p.csv", "--against", "runs/then.json", code=2).stderr
    assert "of dircli 0.1.0, whose signature does not cover the rules: score its predictions again" in refused
    run("evaluate", "p.csv", "--against", "runs/now.json")


def test_targets_that_come_with_the_predictions_are_in_the_signature(run: Run, work: Path) -> None:
    bins = PROJECT / "manifests" / "agedb" / "bins.parquet"
    (work / "a.csv").write_text("target,prediction\n30,31\n40,44\n")
    (work / "b.csv").write_text("target,prediction\n40,4\n30,1\n")
    (work / "c.csv").write_text("target,prediction\n30,31\n41,44\n")
    signatures = [evaluated(run, f"{name}.csv", "--bins", bins)["signature"] for name in "abc"]
    assert signatures[0] == signatures[1] != signatures[2]
    assert "their targets are not the same" in run("evaluate", "a.csv", "c.csv", "--bins", bins, code=2).stderr
    assert targets_digest(np.array([0.0, 1.0])) == targets_digest(np.array([1.0, -0.0]))
    assert targets_digest(np.array([1.0, 1.0])) != targets_digest(np.array([2.0]))


# — laws —


ROWS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["train", "val", "test"])), min_size=2, max_size=30)
RULES = st.tuples(st.sampled_from([1, 2, 5]), st.integers(0, 4), st.integers(0, 4))


def sealed(rows: list[tuple[int, str]], rules: tuple[int, int, int]) -> tuple[str, BinTable]:
    """What a signature seals of a table: content and rules; and its bins."""
    width, few, more = rules
    targets, split = np.array([target for target, _ in rows], float), np.array([part for _, part in rows], object)
    bins = Bins.regular(0, 40, width)
    counts = {part: bins.counts(targets[split == part]) for part in ("train", "val", "test")}
    rule = ScoreRule(thresholds=Thresholds(many=few + more, few=few))
    regions = {key: region(counts["train"], rule.thresholds) for key in PROTOCOLS}
    table = BinTable(bins=bins, counts=counts, regions={str(key): each for key, each in regions.items()}, facts={})
    ids = np.array([f"r{place}" for place in range(len(rows))], object)
    return f"{content(ids, targets, split)}|{rules_digest(table, dict.fromkeys(PROTOCOLS, rule))}", table


@pytest.mark.thorough
@settings(max_examples=200, deadline=None)
@given(data=st.data(), rows=ROWS, rules=RULES)
def test_seals_are_equal_exactly_when_rows_bins_and_thresholds_are(
    data: st.DataObject, rows: list[tuple[int, str]], rules: tuple[int, int, int]
) -> None:
    other_rows = data.draw(st.one_of(st.just(rows), ROWS))
    other_rules = data.draw(st.one_of(st.just(rules), RULES))
    (first, one), (second, two) = sealed(rows, rules), sealed(other_rows, other_rules)
    assert (first == second) == ((rows, rules) == (other_rows, other_rules))
    if first == second:  # equal seals, equal scores: the same rows lie in the same regions
        assert np.array_equal(one.bins.edges, two.bins.edges)
        assert all(np.array_equal(one.regions[key], two.regions[key]) for key in one.regions)
