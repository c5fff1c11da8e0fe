"""Checks of a result in CI: `--fail-if`, `--against`, exit codes, and what stands on which stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from conftest import PROJECT

from dircli.errors import UsageError
from dircli.scores.compare.checks import Condition, Outcome, conditions, doubts, regressions, tolerance
from dircli.scores.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Run

BINS = PROJECT / "manifests" / "agedb" / "bins.parquet"
SIGNATURE = "dir|agedb|test|released|sha256:1a2b3c4d|rules:5e6f7a8b|n:5|s:1|v:0.2.0"
Scores = dict[str, Any]


def result(*systems: Mapping[str, Scores], signature: str = SIGNATURE, names: str = "abcdef") -> Result:
    """A result of systems called a, b, … with these scores by region; all has n and whatever few has."""
    written = {
        **dict.fromkeys(("dataset", "split", "protocol", "content"), "made up"),
        "signature": signature,
        "rules": "sha256:5e6f7a8b",
        "scoring": 1,
        "systems": [
            {"name": name, "regions": {"all": {"n": 5, "bins": 3, **regions.get("few", {})}, **regions}}
            for name, regions in zip(names, systems, strict=False)
        ],
    }
    return Result.from_json(written, "made up")


def held(outcomes: list[Outcome]) -> list[bool]:
    return [outcome.held for outcome in outcomes]


def check(text: str, *systems: Mapping[str, Scores]) -> list[bool]:
    """Whether the condition held for each system, True meaning that nothing is wrong."""
    return held(conditions([text], result(*systems)))


# — the grammar of --fail-if —


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("few.mae > 12", 12),
        ("few.mae>12", 12),
        ("  few.mae\t>   12.  ", 12),
        ("few.mae > -.5", -0.5),
        ("few.mae > +1.5e-3", 1.5e-3),
        ("few.mae > 2E2", 200),
    ],
)
def test_a_condition_is_a_score_an_operator_and_a_number(text: str, limit: float) -> None:
    condition = Condition.parse(text)
    assert (condition.region, condition.metric, condition.operator) == ("few", "mae", ">")
    assert condition.limit == pytest.approx(limit)
    assert condition.baseline is None
    assert condition.text == text.strip()


@pytest.mark.parametrize(
    ("text", "baseline", "margin"),
    [
        ("few.mae > baseline.few.mae", ("few", "mae"), 0),
        ("few.mae > baseline.few.mae + 0.2", ("few", "mae"), 0.2),
        ("few.mae>baseline.all.rmse-.2", ("all", "rmse"), -0.2),
        ("few.mae > baseline.many.mae + -1e-2", ("many", "mae"), -0.01),
        ("few.mae > baseline.many.mae - -1", ("many", "mae"), 1),
    ],
)
def test_a_condition_may_be_about_the_baseline_and_a_margin(
    text: str, baseline: tuple[str, str], margin: float
) -> None:
    condition = Condition.parse(text)
    assert condition.baseline == baseline
    assert condition.limit == pytest.approx(margin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "few.mae",
        "few.mae >",
        "> 12",
        "mae > 12",
        "few.mae = 12",
        "few.mae == 12",
        "few.mae != 12",
        "few.mae => 12",
        "few.mae > 12 13",
        "few.mae > 12,5",
        "few.mae > twelve",
        "few.mae > nan",
        "few.mae > inf",
        "few.mae > 1e999",
        "few.mae > -1e999",
        "few.mae > 12%",
        "few.mae > baseline",
        "few.mae > baseline.mae",
        "few.mae > baseline.few.mae * 2",
        "few.mae > baseline.few.mae + 1e999",
        "few.mae > baseline.few.mae + baseline.all.mae",
        "few.mae > many.mae",
        "12 < few.mae",
        "few.mae > 12 and few.gm > 3",
        "few.mae > 12\nfew.gm > 3",
    ],
)
def test_whatever_else_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no condition; write region\.metric, one of < <= > >=, and a limit"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("operator", "fails"),
    [
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        (">", [False, False, True]),
        (">=", [False, True, True]),
    ],
)
def test_a_check_fails_where_its_condition_is_true(operator: str, fails: list[bool]) -> None:
    systems = [{"few": {"mae": value}} for value in (1.0, 2.0, 3.0)]
    assert check(f"few.mae {operator} 2", *systems) == [not fail for fail in fails]


def test_a_baseline_condition_is_asked_of_every_system_but_the_first() -> None:
    systems = [{"few": {"mae": value}, "many": {"mae": 1.0}} for value in (2.0, 2.25, 2.5)]
    assert check("few.mae > baseline.few.mae + 0.25", *systems) == [True, False]
    assert check("few.mae < baseline.few.mae - -0.5", *systems) == [False, True]
    assert check("many.mae >= baseline.few.mae - 1", *systems) == [False, False]


def test_counts_can_be_asked_for_too() -> None:
    assert check("all.n < 6", {"few": {"mae": 1.0}}) == [False]


def test_the_line_of_a_check_says_what_was_asked_and_what_was_found() -> None:
    both = result({"few": {"mae": 2.0}}, {"few": {"mae": 2.5}})
    lines = [each.line for each in conditions(["few.mae > 2.25", "few.mae > baseline.few.mae + 0.2"], both)]
    assert lines == [
        "a: few.mae = 2, limit 2.25",
        "b: few.mae = 2.5, limit 2.25",
        "b: few.mae = 2.5, limit 2.2 (baseline.few.mae + 0.2)",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("few.mae < 2", "few.mae = 2, at least 2: ok"),
        ("few.mae <= 2", "few.mae = 2, more than 2: FAILED"),
        ("few.mae > 2", "few.mae = 2, limit 2: ok"),
        ("few.mae >= 2", "few.mae = 2, limit 2: FAILED"),
    ],
)
def test_the_line_says_whether_the_number_is_a_floor(text: str, line: str) -> None:
    assert [each.verdict for each in conditions([text], result({"few": {"mae": 2.0}}))] == [line]


@pytest.mark.parametrize(
    ("text", "fails", "meant"),
    [
        ("few.mae < 5", "few.mae is below 5", "few.mae > 5"),
        ("few.mae<=5", "few.mae is 5 or below", "few.mae >= 5"),
        ("all.pearson > 0.5", "all.pearson is above 0.5", "all.pearson < 0.5"),
        ("all.pearson >= .5", "all.pearson is .5 or above", "all.pearson <= .5"),
        ("few.mae < baseline.few.mae - 1", "few.mae is below baseline.few.mae - 1", "few.mae > baseline.few.mae - 1"),
        ("few.mae > 5", "", ""),
        ("all.pearson < 0.5", "", ""),
        ("few.bias < -1", "", ""),
        ("few.n < 9", "", ""),
    ],
)
def test_a_condition_that_fails_where_the_score_is_good_is_doubted(text: str, fails: str, meant: str) -> None:
    doubt = f"--fail-if names what must NOT hold: this fails where {fails}; did you mean {meant}?"
    assert doubts([text]) == ([doubt] if fails else [])


def test_a_doubt_is_a_note_on_stderr(run: Run) -> None:
    words = ("evaluate", "--bins", BINS, "good.csv", "--format", "json", "--fail-if", "few.mae < 1")
    loud, quiet = run(*words), run(*words, "-q")
    assert "fails where few.mae is below 1; did you mean few.mae > 1?" in loud.stderr
    assert quiet.stderr == "few.mae = 2, at least 1: ok\n"
    assert loud.stdout == quiet.stdout


@pytest.mark.parametrize("text", ["few.mae > 12", "few.mae < 12", "all.mae > baseline.few.mae"])
def test_an_undefined_score_fails_its_check(text: str) -> None:
    empty: dict[str, Scores] = {"few": {"mae": None}}
    (*_, last) = conditions([text], result(empty, empty))
    assert not last.held
    assert last.verdict == f"b: {text[:7]} is undefined, so nothing was shown: FAILED"


def test_a_region_that_only_one_file_has_is_undefined_for_the_other() -> None:
    """Rows that come with their own targets need not reach the same regions."""
    with_zero, without = {"few": {"mae": 1.0}, "zero": {"mae": 2.0}}, {"few": {"mae": 1.0}}
    for systems, expected in (((with_zero, without), [True, False]), ((without, with_zero), [False, True])):
        assert check("zero.mae > 3", *systems) == expected
        assert check("all.mae > baseline.zero.mae", *systems) == [systems[0] is with_zero]


def test_bad_conditions_are_all_reported_together() -> None:
    texts = ["few.mae", "rare.mae > 1", "few.mea > 1", "odd.eam > 1", "few.mae > baseline.few.mae", "few.mae > 1"]
    with pytest.raises(UsageError) as caught:
        conditions(texts, result({"few": {"mae": 1.0, "gm": 1.0}}))
    malformed, *others = str(caught.value).splitlines()
    assert malformed.startswith("--fail-if 'few.mae' is no condition; ")
    assert others == [
        "--fail-if 'rare.mae > 1': there is no region 'rare'; there are all, few",
        "--fail-if 'few.mea > 1': there is no score 'mea'; there are n, bins, mae, gm; did you mean mae?",
        "--fail-if 'odd.eam > 1': there is no region 'odd'; there are all, few",
        "--fail-if 'odd.eam > 1': there is no score 'eam'; there are n, bins, mae, gm",
        "--fail-if 'few.mae > baseline.few.mae' needs two files, of which the first is the baseline",
    ]


def test_an_interval_is_no_score() -> None:
    system = {"few": {"mae": 1.0, "ci": {"mae": [0.5, 1.5]}}}
    with pytest.raises(UsageError, match=r"there is no score 'ci'; there are n, bins, mae$"):
        check("few.ci > 1", system)


# — --against —


def compare(before: Scores, after: Scores, allowed: str = "0") -> list[bool]:
    """Whether the region few held against an earlier result."""
    then, now = ({"all": dict.fromkeys(scores), "few": scores} for scores in (before, after))
    return held(regressions(result(now), result(then), allowed=tolerance(allowed)))


@pytest.mark.parametrize(
    ("metric", "before", "better", "worse"),
    [
        ("mae", 2.0, 1.0, 2.1),
        ("gm", 2.0, 0.0, 2.1),
        ("pearson", 0.5, 0.9, 0.4),
        ("pearson", -0.5, 0.1, -0.6),
        ("spearman", 0.0, 0.1, -0.1),
        ("bias", 1.0, -0.9, -1.1),
        ("bias", -1.0, 0.5, 1.1),
    ],
)
def test_only_what_is_worse_fails_whichever_way_is_better(
    metric: str, before: float, better: float, worse: float
) -> None:
    assert [compare({metric: before}, {metric: after}) for after in (better, before, worse)] == [
        [True],
        [True],
        [False],
    ]


@pytest.mark.parametrize(
    ("metric", "before", "after", "allowed", "expected"),
    [
        ("mae", 2.0, 2.5, "0.5", True),
        ("mae", 2.0, 2.5, "0.49", False),
        ("mae", 1.0, 1.1, "0.1", True),
        ("mae", 2.0, 2.5, "25%", True),
        ("mae", 2.0, 2.5, "24%", False),
        ("pearson", 0.5, 0.4, "20 %", True),
        ("pearson", -0.5, -0.6, "19%", False),
        ("bias", -2.0, 2.5, "25%", True),
        ("bias", -2.0, -2.5, "0.4", False),
        ("mae", 0.0, 0.1, "50%", False),
    ],
)
def test_a_tolerance_is_a_number_or_a_share_of_the_earlier_score(
    metric: str, before: float, after: float, allowed: str, *, expected: bool
) -> None:
    assert compare({metric: before}, {metric: after}, allowed) == [expected]


def test_the_rounding_of_another_machine_is_no_regression() -> None:
    assert compare({"gm": 0.1 + 0.2}, {"gm": 0.3}) == compare({"gm": 0.3}, {"gm": 0.1 + 0.2}) == [True]
    assert compare({"gm": 0.3}, {"gm": 0.3 + 1e-8}) == [False]


def test_a_score_that_became_undefined_fails_and_one_that_became_defined_does_not() -> None:
    then, now = {"mae": 1.0, "gm": None, "bias": None}, {"mae": None, "gm": 3.0, "bias": None}
    earlier, later = ({"all": dict.fromkeys(then), "few": scores} for scores in (then, now))
    outcomes = regressions(result(later), result(earlier), allowed=(0, False))
    assert [(each.held, each.line) for each in outcomes] == [
        (False, "a: few.mae: 1 before, undefined now"),
        (True, "a: few.gm: undefined before, 3 now"),
    ]


def test_counts_intervals_and_exact_hits_are_not_compared() -> None:
    then = {"n": 9, "bins": 9, "mae": 1.0, "exact": 0, "ci": {"mae": [0.0, 0.0]}}
    assert compare(then, {"n": 1, "bins": 1, "mae": 1.0, "exact": 9, "ci": {"mae": [5.0, 9.0]}}) == [True]


def test_metrics_that_are_not_asked_for_now_are_not_compared() -> None:
    assert compare({"mae": 1.0, "gm": 1.0}, {"mae": 0.9}) == [True]
    with pytest.raises(UsageError, match="no metric that has a better and a worse is in both results"):
        compare({"gm": 1.0}, {"mae": 0.9})


def test_the_line_of_a_regression_says_by_how_much_and_what_was_allowed() -> None:
    then, now = ({"few": {"mae": value}} for value in (2.0, 2.5))
    for allowed, tail in (((0.0, False), ""), ((0.1, True), ", 0.2 allowed")):
        *_, last = regressions(result(now), result(then), allowed=allowed)
        assert last.line == f"a: few.mae: 2 before, 2.5 now, worse by 0.5{tail}"


def test_systems_are_matched_by_name_or_one_to_one() -> None:
    good, bad = {"few": {"mae": 1.0}}, {"few": {"mae": 2.0}}
    alone = regressions(result(bad, names="x"), result(good, names="y"), allowed=(0, False))
    assert held(alone) == [False, False]
    assert alone[-1].line == "x: few.mae: y had 1, 2 now, worse by 1"
    by_name = regressions(result(good, bad, names="xy"), result(bad, good, names="yz"), allowed=(0, False))
    assert {each.line.partition(":")[0] for each in by_name} == {"y"}
    with pytest.raises(UsageError, match="no system is in both results: a, b then, x, y now"):
        regressions(result(good, bad, names="xy"), result(good, bad), allowed=(0, False))
    with pytest.raises(UsageError, match="no system is in both results: none then"):
        regressions(result(good), result(), allowed=(0, False))


def test_results_with_other_signatures_do_not_compare_but_for_version_and_intervals() -> None:
    good = {"few": {"mae": 1.0}}
    ours = result(good)
    drawn = result(good, signature=SIGNATURE.replace("|v:", "|ci:95,bin,2000,seed:1|v:"))
    assert all(held(regressions(drawn, ours, allowed=(0, False)) + regressions(ours, drawn, allowed=(0, False))))
    newer = result(good, signature=SIGNATURE.replace("v:0.2.0", "v:0.3.0"))
    assert all(held(regressions(newer, ours, allowed=(0, False)) + regressions(ours, newer, allowed=(0, False))))
    others = (("released", "paper"), ("1a2b3c4d", "99999999"), ("5e6f7a8b", "99999999"), ("n:5", "n:6"), ("s:1", "s:2"))
    for field, other in others:
        theirs = SIGNATURE.replace(field, other)
        with pytest.raises(UsageError, match="the signatures differ") as caught:
            regressions(ours, result(good, signature=theirs), allowed=(0, False))
        assert f"{theirs} then, {SIGNATURE} now" in str(caught.value)


@pytest.mark.parametrize("text", ["", "%", "much", "-0.1", "-2%", "nan", "inf", "inf%", "2%%", "1e999"])
def test_a_tolerance_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is neither a number such as 0\.1 nor a share such as 2%"):
        tolerance(text)


# — the command —

ROWS = {"good": (31, 41, 19, 92), "poor": (33, 44, 23, 99)}
WORDS = ("evaluate", "--bins", BINS, "-q")


@pytest.fixture(autouse=True)
def _files(work: Path) -> None:
    """Two files about the same rows: many, many, medium, few; none of them zero."""
    for name, values in ROWS.items():
        rows = "".join(f"{y},{p}\n" for y, p in zip((30, 40, 18, 90), values, strict=True))
        (work / f"{name}.csv").write_text(f"target,prediction\n{rows}")


def test_checks_that_hold_exit_0_and_leave_stdout_to_the_result(run: Run) -> None:
    plain = run(*WORDS, "good.csv", "--format", "json")
    checked = run(*WORDS, "good.csv", "--format", "json", "--fail-if", "few.mae > 2", "--fail-if", "few.bias < -9e9")
    assert checked.stdout == plain.stdout
    assert checked.stderr.splitlines() == [
        "few.mae = 2, limit 2: ok",
        "few.bias = 2, at least -9e+09: ok",
    ]


def test_a_check_that_fails_exits_1_with_a_line_per_check_on_stderr(run: Run) -> None:
    words = [
        "--fail-if",
        "few.mae > baseline.few.mae + 6.5",
        "--fail-if",
        "many.mae>=3",
        "--fail-if",
        "few.pearson > 2",
    ]
    done = run(*WORDS, "good.csv", "poor.csv", "--format", "json", *words, code=1)
    assert [system["name"] for system in json.loads(done.stdout)["systems"]] == ["good", "poor"]
    assert done.stderr.splitlines() == [
        "poor: few.mae = 9, limit 8.5 (baseline.few.mae + 6.5): FAILED",
        "good: many.mae = 1, limit 3: ok",
        "poor: many.mae = 3.5, limit 3: FAILED",
        "good: few.pearson is undefined, so nothing was shown: FAILED",
        "poor: few.pearson is undefined, so nothing was shown: FAILED",
        "dir: 4 of 5 checks failed",
    ]


def test_bad_conditions_exit_2_all_at_once_and_nothing_is_written(run: Run, work: Path) -> None:
    words = ["--fail-if", "few.mae > twelve", "--fail-if", "zero.mae > 1", "--fail-if", "few.x > 1"]
    done = run(*WORDS, "good.csv", *words, "--output", "r.json", code=2)
    assert done.stdout == ""
    assert "--fail-if 'few.mae > twelve' is no condition" in done.stderr
    assert "there is no region 'zero'; there are all, many, medium, few" in done.stderr
    assert "there is no score 'x'; there are n, bins, mae" in done.stderr
    assert not (work / "r.json").exists()


def test_a_result_is_checked_against_an_earlier_one(run: Run, work: Path) -> None:
    run(*WORDS, "good.csv", "--output", "then.json")
    same = run(*WORDS, "good.csv", "--against", "then.json")
    assert "FAILED" not in same.stderr
    worse = run(*WORDS, "poor.csv", "--metrics", "mae", "--against", "then.json", "--tolerance", "4", code=1)
    assert worse.stderr.splitlines() == [
        "poor: all.mae: good had 1.25, 5.25 now: ok",
        "poor: many.mae: good had 1, 3.5 now: ok",
        "poor: medium.mae: good had 1, 5 now: ok",
        "poor: few.mae: good had 2, 9 now, worse by 7, 4 allowed: FAILED",
        "dir: 1 of 4 checks failed",
    ]
    run(*WORDS, "poor.csv", "--metrics", "mae", "--against", "then.json", "--tolerance", "400%", code=0)
    run(*WORDS, "poor.csv", "--output", "poor.json")
    run(*WORDS, "good.csv", "--metrics", "mae,pearson", "--against", "poor.json")
    other = run(*WORDS, "good.csv", "--protocol", "paper", "--against", "then.json", code=2)
    assert "--against: the signatures differ, so the scores do not compare: dir|agedb|test|released|" in other.stderr
    assert other.stdout == ""
    words = ("--against", "then.json", "--tolerance", "some")
    assert "--tolerance 'some' is neither" in run(*WORDS, "good.csv", *words, code=2).stderr
    (work / "broken.json").write_text("{")
    broken = run(*WORDS, "good.csv", "--against", "broken.json", code=2)
    assert "broken.json: this is no JSON (" in broken.stderr
    assert "Give a file that `dir evaluate --format json` wrote" in broken.stderr


def test_a_system_that_the_earlier_result_does_not_have_is_named(run: Run) -> None:
    run(*WORDS, "good.csv", "--output", "then.json")
    both = run(*WORDS, "good.csv", "poor.csv", "--metrics", "mae", "--against", "then.json").stderr.splitlines()
    assert both[0] == "poor: not compared, for the earlier result does not have it"
    assert {line.partition(":")[0] for line in both[1:]} == {"good"}
    alone = run(*WORDS, "good.csv", "--metrics", "mae", "--against", "then.json").stderr
    assert "not compared" not in alone


def test_the_summary_page_of_a_workflow_gets_the_table_and_the_checks(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = work / "summary.md"
    page.write_text("an earlier step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    table = run(*WORDS, "good.csv", "--format", "markdown", "-w", "2").stdout
    run(*WORDS, "good.csv", "-w", "2")
    assert page.read_text(encoding="utf-8") == f"an earlier step\n{table}\n{table}\n"
    page.write_text("")
    run(*WORDS, "good.csv", "-w", "2", "--fail-if", "few.mae > 1", "--fail-if", "few.mae > 9", code=1)
    checks = "- ❌ few.mae = 2, limit 1: FAILED\n- ✅ few.mae = 2, limit 9: ok\n"
    assert page.read_text(encoding="utf-8") == f"{table}\n{checks}"


def test_a_region_that_one_result_lacks_is_undefined_there_and_no_crash() -> None:
    both = {"many": {"n": 4, "mae": 1.0}, "few": {"n": 1, "mae": 2.0}}
    many = {"many": both["many"], "all": {"n": 5, "bins": 3, "mae": 1.0}}
    full, lacking = result({**both, "all": many["all"]}), result(many)
    lost = regressions(lacking, full, allowed=(0, False))
    assert [outcome.line for outcome in lost if not outcome.held] == ["a: few.mae: 2 before, undefined now"]
    assert all(held(regressions(full, lacking, allowed=(0, False))))
    with pytest.raises(UsageError, match="there is no region 'few'; there are all, many"):
        conditions(["few.mae > 12"], lacking)


def test_a_table_without_medium_shots_is_scored_with_intervals_and_checks(work: Path, run: Run) -> None:
    rows = [f"{row},{row % 4 if row < 1000 else 6}" for row in range(1_040)]
    (work / "t.csv").write_text("\n".join(["id,y", *rows]) + "\n")
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", 1, "--few", 100)
    samples = pd.read_parquet(work / "manifests" / "t" / "samples.parquet")
    test = samples[samples["split"] == "test"]
    for name, shift in (("p", 0.25), ("q", 0.5)):
        pd.DataFrame({"id": test["id"], "prediction": test["target"] + shift}).to_csv(f"{name}.csv", index=False)
    words = ("evaluate", "p.csv", "q.csv", "--ci", "--bootstrap", 100)
    run(*words, "--output", "old.json", "--fail-if", "few.mae > 1", "--fail-if", "few.mae > baseline.many.mae + 1")
    told = run(*words, "--against", "old.json", "--fail-if", "medium.mae > 1", code=1).stderr
    assert "p: medium.mae is undefined, so nothing was shown: FAILED" in told
    assert "2 of 46 checks failed" in told
