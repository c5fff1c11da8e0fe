"""Intervals, paired tests and seeds at the command line."""

from __future__ import annotations

import json
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE
from miniatures import MINIATURES

from dircli.datasets.open import open_benchmark
from dircli.errors import UsageError
from dircli.scores import from_files
from dircli.scores.compare.seeds import grouped
from dircli.scores.results import RegionScores, Result, SystemResult
from dircli.scores.uncertainty.quantify import BootstrapOptions, quantify
from dircli.store import manifests
from dircli.store.predictions import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conftest import Run

QUICK = ("--ci", "--bootstrap", "200")


@pytest.fixture
def files(work: Path) -> Path:
    """The reference's two predictors of AgeDB's test rows, with targets, as files that need no manifest."""
    lines = [line.split(",") for line in (REFERENCE / "agedb_rows.csv").read_text().splitlines()[1:]]
    for column, name in ((1, "shrunk"), (2, "sharp")):
        rows = (f"{row[0]},{row[column]}\n" for row in lines)
        (work / f"{name}.csv").write_text("target,prediction\n" + "".join(rows))
    return work


def scored(run: Run, *words: object) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run("evaluate", *words, "--dataset", "agedb", "--format", "json").stdout)
    return result


def test_every_score_lies_in_its_interval_and_states_what_it_could_detect(files: Path, run: Run) -> None:
    result = scored(run, files / "sharp.csv", *QUICK)
    for scores in result["systems"][0]["regions"].values():
        assert "exact" not in scores["ci"]
        for name, (low, high) in scores["ci"].items():
            assert low < scores[name] < high
            assert 0 < scores["detectable"][name] < 5 * (high - low)
    assert result["signature"].endswith("|ci:percentile,bin,200,666")


def test_scores_are_the_same_with_and_without_intervals(files: Path, run: Run) -> None:
    plain, sure = scored(run, files / "sharp.csv"), scored(run, files / "sharp.csv", *QUICK)
    for region, scores in plain["systems"][0]["regions"].items():
        assert scores.items() <= sure["systems"][0]["regions"][region].items()


def test_intervals_and_seeds_make_a_new_result_and_leave_the_old_one_as_it_is(files: Path) -> None:
    names = [str(files / f"{name}.csv") for name in ("sharp", "shrunk")]
    request = from_files.ScoreOptions(split="test", protocol="released", metrics=["mae"], layout=Layout())
    plain = from_files.score(names, open_benchmark("agedb", files, None), request)
    written = json.dumps(plain.result.as_json())
    sure = quantify(plain, BootstrapOptions(resamples=100)).result
    assert json.dumps(plain.result.as_json()) == written
    assert sure.comparison
    assert sure.comparison.verdict("shrunk", "few", "mae") == "worse"
    assert list(sure.as_json()) == [*plain.result.as_json(), "comparison"]


def test_the_same_seed_gives_the_same_result_and_another_seed_another(files: Path, run: Run) -> None:
    first, again, other = (scored(run, files / "sharp.csv", *QUICK, "--seed", seed) for seed in (1, 1, 2))
    assert first == again
    assert first["systems"][0]["regions"]["few"]["ci"] != other["systems"][0]["regions"]["few"]["ci"]


@pytest.mark.thorough
def test_bca_intervals_are_others_and_the_signature_says_so(files: Path, run: Run) -> None:
    plain, bca = scored(run, files / "sharp.csv", *QUICK), scored(run, files / "sharp.csv", *QUICK, "--bca")
    assert "|ci:bca," in bca["signature"]
    assert plain["systems"][0]["regions"]["few"]["ci"]["gm"] != bca["systems"][0]["regions"]["few"]["ci"]["gm"]


def test_bca_is_refused_where_leaving_out_each_row_takes_too_long(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = from_files.ScoreOptions(split="test", protocol="released", metrics=["mae"], layout=Layout())
    plain = from_files.score([str(files / "sharp.csv")], open_benchmark("agedb", files, None), request)
    monkeypatch.setattr("dircli.scores.uncertainty.quantify.MOST_LEFT_OUT", 2_140**2 * 4 - 1)
    quantify(plain, BootstrapOptions(resamples=100))
    with pytest.raises(UsageError, match=r"2,140 rows again without each of 2,140 units.* --cluster COLUMN"):
        quantify(plain, BootstrapOptions(resamples=100, method="bca"))


@pytest.mark.thorough
def test_a_worse_file_is_marked_and_one_compared_with_itself_is_not(files: Path, run: Run) -> None:
    (files / "same.csv").write_bytes((files / "sharp.csv").read_bytes())
    names = [files / f"{name}.csv" for name in ("sharp", "shrunk", "same")]
    comparison = scored(run, *names, "--ci", "--bootstrap", "1000")["comparison"]
    assert comparison["baseline"] == "sharp"
    shrunk, same = (system["regions"]["few"]["mae"] for system in comparison["systems"])
    assert shrunk["verdict"] == "worse"
    assert shrunk["difference"] == pytest.approx(11.121162 - 6.872294, rel=1e-5)
    assert shrunk["ci"][0] < shrunk["difference"] < shrunk["ci"][1]
    assert shrunk["p"] == pytest.approx(1 / 1001)
    assert shrunk["p"] < shrunk["p_holm"] < 0.05
    assert (same["difference"], same["p"], same["p_holm"], same["verdict"]) == (0, 1, 1, None)
    table = run("evaluate", *names[:2], "--dataset", "agedb", "--ci", "--bootstrap", "2000", "--metrics", "mae").stdout
    assert "11.121†" in table
    assert "† worse than sharp" in table


def test_an_undefined_score_has_no_interval(work: Path, run: Run) -> None:
    counts = manifests.read_bins(manifests.shipped("sts-b") or work)
    targets = [low for low, n in zip(counts.bins.low, counts.counts["test"], strict=True) for _ in range(n)]
    (work / "flat.csv").write_text("target,prediction\n" + "".join(f"{float(target)!r},2.5\n" for target in targets))
    words = ("evaluate", "flat.csv", "--dataset", "sts-b", "--format", "json", *QUICK)
    for scores in json.loads(run(*words).stdout)["systems"][0]["regions"].values():
        assert scores["pearson"] is None
        assert scores["ci"]["pearson"] is None
        assert scores["detectable"]["pearson"] is None
        assert scores["ci"]["mae"] is not None


def test_clusters_are_columns_of_the_manifest(tmp_path: Path, work: Path, run: Run) -> None:
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    ids = samples.ids[samples.split == "test"]
    (work / "p.csv").write_text("id,prediction\n" + "".join(f"{key},{30 + place}\n" for place, key in enumerate(ids)))
    result = scored(run, "p.csv", *QUICK, "--cluster", "identity")
    assert "|ci:percentile,identity,200,666" in result["signature"]
    message = run("evaluate", "p.csv", "--cluster", "shoe", code=2).stderr
    assert "no such column; its columns are index, identity, gender" in message


def test_seeds_of_a_system_are_shown_as_mean_and_spread(files: Path, run: Run) -> None:
    for name, seed in (("shrunk", "ours@1"), ("sharp", "ours@2")):
        (files / f"{seed}.csv").write_bytes((files / f"{name}.csv").read_bytes())
    names = [files / "ours@1.csv", files / "ours@2.csv"]
    result = scored(run, *names, "--seeds")
    (group,) = result["groups"]
    values = [system["regions"]["few"]["mae"] for system in result["systems"]]
    assert (group["name"], group["seeds"]) == ("ours", ["1", "2"])
    assert group["regions"]["few"]["mae"] == pytest.approx(fmean(values))
    assert group["regions"]["few"]["sd"]["mae"] == pytest.approx(stdev(values))
    for form in ("table", "markdown"):
        assert "± 3.004" in run("evaluate", *names, "--seeds", "--dataset", "agedb", "--format", form).stdout
    csv = run("evaluate", *names, "--seeds", "--dataset", "agedb", "--format", "csv").stdout.splitlines()
    assert csv[0].endswith(",exact_sd")
    assert len(csv) == 1 + 4
    message = run("evaluate", *names, files / "sharp.csv", "--seeds", "--dataset", "agedb", code=2).stderr
    assert "sharp has no @seed in its name" in message


def with_ids(rows: Sequence[str], keys: Sequence[str]) -> str:
    """A file of ``rows``, targets and predictions, with ids."""
    return "\n".join(["id,target,prediction", *map(",".join, zip(keys, rows, strict=True)), ""])


def test_files_with_targets_of_their_own_are_paired_by_id_whatever_their_order(files: Path, run: Run) -> None:
    rows = (files / "sharp.csv").read_text().splitlines()[1:]
    keys = [f"r{row}" for row in range(len(rows))]
    (files / "a.csv").write_text(with_ids(rows, keys))
    (files / "b.csv").write_text(with_ids(rows[::-1], keys[::-1]))
    result = scored(run, files / "a.csv", files / "b.csv", *QUICK)
    mae = result["comparison"]["systems"][0]["regions"]["few"]["mae"]
    assert (mae["difference"], mae["ci"], mae["p"], mae["verdict"]) == (0, [0, 0], 1, None)
    first, second = (system["regions"]["few"]["ci"]["mae"] for system in result["systems"])
    assert first == second


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (lambda rows, keys: with_ids(rows, [f"x{key}" for key in keys]), "their ids are not the same"),
        (lambda rows, keys: with_ids(rows[::-1], keys), "ids have other targets there"),
        (lambda rows, _: "\n".join(["target,prediction", *rows, ""]), "one has ids, and one has none"),
    ],
)
def test_files_whose_rows_cannot_be_paired_are_not_compared(
    files: Path, run: Run, other: Callable[[list[str], list[str]], str], says: str
) -> None:
    rows = (files / "sharp.csv").read_text().splitlines()[1:]
    keys = [f"r{row}" for row in range(len(rows))]
    (files / "a.csv").write_text(with_ids(rows, keys))
    (files / "b.csv").write_text(other(rows, keys))
    words = ("evaluate", files / "a.csv", files / "b.csv", *QUICK, "--dataset", "agedb")
    refused = run(*words, code=2).stderr
    assert "b.csv: it cannot be paired with" in refused
    assert says in refused


def test_rows_without_ids_are_paired_as_they_stand_and_must_have_the_same_targets(files: Path, run: Run) -> None:
    header, *rows = (files / "sharp.csv").read_text().splitlines()
    (files / "turned.csv").write_text("\n".join([header, *rows[::-1], ""]))
    words = ("evaluate", files / "sharp.csv", files / "turned.csv", *QUICK, "--dataset", "agedb")
    assert "rows have other targets there" in run(*words, code=2).stderr


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["table", "markdown"])
def test_a_table_of_seeds_explains_no_marks_that_it_does_not_have(files: Path, run: Run, form: str) -> None:
    """Tests are of single files, so that a group has no mark, and must not look as if it had been tested in vain."""
    for name, seed in (("shrunk", "flat@1"), ("sharp", "ours@1")):
        (files / f"{seed}.csv").write_bytes((files / f"{name}.csv").read_bytes())
    words = ("evaluate", files / "flat@1.csv", files / "ours@1.csv", *QUICK, "--dataset", "agedb", "--format", form)
    assert "flat@1, the first file" in run(*words).stdout
    seeded = run(*words, "--seeds").stdout
    assert "the first file" not in seeded
    assert "intervals and tests are of single files" in seeded


def test_more_metrics_are_scored_where_their_needs_are_met(files: Path, run: Run) -> None:
    rows = (files / "sharp.csv").read_text().splitlines()
    (files / "sure.csv").write_text("\n".join([f"{rows[0]},sigma", *(f"{row},7.5" for row in rows[1:])]) + "\n")
    few = scored(run, files / "sure.csv", "--metrics", "mae,nll,calibration,bmse,cindex")["systems"][0]["regions"][
        "few"
    ]
    assert list(few) == ["n", "bins", "mae", "nll", "calibration", "bmse", "cindex"]
    words = ("evaluate", files / "sure.csv", "--dataset", "agedb", "--metrics", "ause,nll", "--format", "json")
    done = run(*words, "--ci", "--bootstrap", 100, "--fail-if", "few.ause > 0.1", "--fail-if", "all.ause > 2", code=1)
    assert "FAILED" in done.stderr
    assert "1 of 2 checks failed" in done.stderr
    for scores in json.loads(done.stdout)["systems"][0]["regions"].values():
        low, high = scores["ci"]["ause"]
        assert 0 < low < scores["ause"] < high < 1
    message = run("evaluate", files / "sharp.csv", "--dataset", "agedb", "--metrics", "nll,sera", code=2).stderr
    assert "nll needs a column sigma" in message
    assert "sera needs the training targets" in message
    (files / "odd.csv").write_text("\n".join([f"{rows[0]},sigma", *(f"{row},0" for row in rows[1:])]) + "\n")
    assert "above 0" in run("evaluate", files / "odd.csv", "--dataset", "agedb", "--metrics", "nll", code=2).stderr
    run("evaluate", files / "odd.csv", "--dataset", "agedb")


@pytest.mark.parametrize("draw", [(), ("--bca",), ("--poisson",)])
def test_one_row_has_no_interval_and_shows_no_difference(work: Path, run: Run, draw: tuple[str, ...]) -> None:
    """All its resamples are alike, which is not to say that its score is certain."""
    targets = [*range(30, 50), 2]  # of which only the last is few-shot
    for name, errors in (("base", np.arange(21.0)), ("other", np.arange(21.0)[::-1] + 1)):
        rows = (f"{target},{target + error}\n" for target, error in zip(targets, errors, strict=True))
        (work / f"{name}.csv").write_text("target,prediction\n" + "".join(rows))
    words = ["evaluate", "base.csv", "other.csv", "--bins", PROJECT / "manifests" / "agedb" / "bins.parquet"]
    result = json.loads(run(*words, "--metrics", "mae", *QUICK, *draw, "--format", "json").stdout)
    base = result["systems"][0]["regions"]
    assert (base["few"]["n"], base["few"]["mae"]) == (1, 20)
    assert (base["few"]["ci"], base["few"]["detectable"]) == ({"mae": None}, {"mae": None})
    assert all((base["many"]["ci"]["mae"], base["many"]["detectable"]["mae"]))
    compared = result["comparison"]["systems"][0]["regions"]["few"]["mae"]
    assert (compared["difference"], compared["ci"], compared["detectable"]) == (-19, None, None)


def test_the_verdict_follows_what_is_better_in_a_metric(work: Path, run: Run) -> None:
    """A bias of +1 is better than one of -5, and a Pearson of 1 better than one of less."""
    generator = np.random.default_rng(2)
    targets = generator.integers(20, 60, 400)
    noise = generator.normal(0, 6, 400)
    for name, predictions in (("low", targets - 5 + noise), ("high", targets + 1)):
        rows = (f"{target},{value}\n" for target, value in zip(targets, predictions, strict=True))
        (work / f"{name}.csv").write_text("target,prediction\n" + "".join(rows))
    words = ["evaluate", "low.csv", "high.csv", "--bins", PROJECT / "manifests" / "agedb" / "bins.parquet"]
    result = json.loads(run(*words, "--metrics", "bias,pearson", *QUICK, "--format", "json").stdout)
    (compared,) = result["comparison"]["systems"]
    assert {name: each["verdict"] for name, each in compared["regions"]["all"].items()} == {
        "bias": "better",
        "pearson": "better",
    }


@pytest.mark.parametrize("draw", [(), ("--poisson",)])
def test_biases_of_one_size_and_other_signs_are_neither_better_nor_worse(
    work: Path, run: Run, draw: tuple[str, ...]
) -> None:
    """A bias of about +1 is far from one of -1, which says nothing of which is nearer to zero; +0.3 is nearer."""
    generator = np.random.default_rng(3)
    targets = generator.integers(20, 60, 400)
    noise = generator.normal(-1, 1, 400)
    further = {"near": 1.02 + generator.normal(0, 1, 400), "good": 0.3 + generator.normal(0, 1, 400)}
    for name, errors in ({"base": noise, "mirror": -noise} | further).items():
        rows = (f"{target},{target + error}\n" for target, error in zip(targets, errors, strict=True))
        (work / f"{name}.csv").write_text("target,prediction\n" + "".join(rows))
    bins = PROJECT / "manifests" / "agedb" / "bins.parquet"
    words = ["evaluate", "base.csv", "mirror.csv", "near.csv", "good.csv", "--bins", bins, "--metrics", "bias"]
    result = json.loads(run(*words, *QUICK, *draw, "--format", "json").stdout)
    mirror, near, good = (each["regions"]["all"]["bias"] for each in result["comparison"]["systems"])
    assert min(mirror["difference"], near["difference"]) > 1.8
    assert mirror["p"] == 1
    assert (mirror["verdict"], near["verdict"], good["verdict"]) == (None, None, "better")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "mae", "spearman"),
    [
        ("percentile", [5.986429567901235, 7.699356481481483], [0.7956328692238404, 0.8679172775974918]),
        ("bca", [6.039459363678455, 7.840797962497795], [0.7942718950528808, 0.8660564922861367]),
    ],
)
def test_a_seed_draws_these_numbers_on_every_machine(
    method: Literal["percentile", "bca"], mae: list[float], spearman: list[float], files: Path
) -> None:
    """What is published under a signature can be had again: resamples, swaps, and their correction over all tests."""
    names = [str(files / f"{name}.csv") for name in ("sharp", "shrunk")]
    metrics = ["mae", "gm", "pearson", "spearman"]
    request = from_files.ScoreOptions(split="test", protocol="released", metrics=metrics, layout=Layout())
    plain = from_files.score(names, open_benchmark("agedb", files, None), request)
    result = quantify(plain, BootstrapOptions(resamples=200, method=method)).result
    few = result.systems[0].regions["few"]
    assert few.ci is not None
    assert few.detectable is not None
    assert few.ci["mae"] == pytest.approx(mae, rel=1e-6)
    assert few.ci["spearman"] == pytest.approx(spearman, rel=1e-6)
    assert [few.detectable[name] for name in metrics] == pytest.approx(
        [1.24032386882257, 1.1577713851323546, 0.009126758079205943, 0.05239576269284108], rel=1e-6
    )
    assert result.comparison is not None
    assert result.comparison.baseline == "sharp"
    assert result.comparison.permutations == 200
    (shrunk,) = result.comparison.systems
    gm = shrunk.regions["few"]["gm"]
    assert gm.difference == pytest.approx(4.044191525443913)
    assert gm.ci == pytest.approx([2.3749196438848967, 5.59189135671148], rel=1e-6)
    assert gm.detectable == pytest.approx(2.271973538544486, rel=1e-6)
    assert (gm.p, gm.p_holm) == pytest.approx((1 / 201, 16 / 201))
    medium = [shrunk.regions["medium"][name] for name in metrics]
    assert [each.p for each in medium] == pytest.approx([1 / 201, 1 / 201, 8 / 201, 38 / 201])
    assert [each.p_holm for each in medium] == pytest.approx([16 / 201, 16 / 201, 48 / 201, 190 / 201])


def test_the_options_of_a_draw_are_the_stated_ones() -> None:
    assert BootstrapOptions().field == "ci:percentile,bin,2000,666"
    assert BootstrapOptions(resamples=5, seed=1, method="bca", cluster="who").field == "ci:bca,who,5,1"


def seeded(*names: str, scores: list[float | None]) -> Result:
    """A result of these systems, with one score each."""
    regions = [{"all": RegionScores(n=7, bins=2, scores={"mae": score})} for score in scores]
    systems = [SystemResult(name=name, regions=region) for name, region in zip(names, regions, strict=True)]
    return Result(
        dataset="x", split="test", protocol="released", content="sha256:0", version=None, systems=tuple(systems)
    )


def test_seeds_are_grouped_by_the_part_before_the_last_at() -> None:
    groups = grouped(seeded("a@b@1", "c@1", "a@b@2", "a@b@x", scores=[1, 9, 2, 6]))
    assert [(each.name, each.seeds) for each in groups] == [("a@b", ("1", "2", "x")), ("c", ("1",))]
    several, one = (each.regions["all"] for each in groups)
    assert (several.n, several.bins, one.n, one.bins) == (7, 2, 7, 2)
    assert several.scores == {"mae": 3}
    assert several.sd == pytest.approx({"mae": 7**0.5})
    assert one.scores == {"mae": 9}
    assert one.sd == {"mae": None}
    (lacking,) = grouped(seeded("a@1", "a@2", "a@3", scores=[1, None, 2]))
    assert lacking.regions["all"].scores == {"mae": None}
    assert lacking.regions["all"].sd == {"mae": None}


def test_every_name_without_a_seed_is_told() -> None:
    with pytest.raises(UsageError, match=r"name@seed\.csv, and a, b@, @3 has no @seed in its name"):
        grouped(seeded("a", "b@", "c@1", "@3", scores=[1, 1, 1, 1]))


@pytest.mark.thorough
def test_scores_that_overflow_have_no_interval_and_no_test_and_say_no_more(files: Path, run: Run) -> None:
    for name, value in (("sharp", "1e308"), ("shrunk", "-1e308")):
        path = files / f"{name}.csv"
        path.write_text(f"{path.read_text().rpartition(',')[0]},{value}\n")
    names = [files / "sharp.csv", files / "shrunk.csv"]
    result = scored(run, *names, *QUICK, "--metrics", "mse,rmse,pearson,bmse,bias,spearman")
    for system in result["systems"]:
        scores = system["regions"]["all"]
        for name in ("mse", "rmse", "pearson", "bmse"):
            assert scores[name] is scores["ci"][name] is scores["detectable"][name] is None
        assert abs(scores["bias"]) > 1e303
        assert scores["ci"]["spearman"][0] < scores["spearman"] < scores["ci"]["spearman"][1]
    assert result["comparison"]["systems"][0]["regions"]["all"]["mse"]["p"] is None
    assert "e+304" in run("evaluate", *names, "--dataset", "agedb", *QUICK, "--bca", "--metrics", "mae").stdout


def test_seeds_whose_mean_overflows_have_none() -> None:
    (group,) = grouped(seeded("a@1", "a@2", scores=[1.7e308, 1.6e308]))
    assert group.regions["all"].scores == {"mae": None}
