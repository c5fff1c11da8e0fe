"""Scores by region: laws that hold for any rows, what is null and what is not, and the targets of each protocol."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli import datasets
from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.benchmark.regions import REGIONS, region
from dircli.scores.by_region import Reference, Score, scores
from dircli.scores.metrics.table import EVERY, METRICS, chosen
from dircli.scores.signature import comparable, short, signature

if TYPE_CHECKING:
    from random import Random

    from dircli.benchmark.protocol import ProtocolName

QUICK = settings(deadline=None, max_examples=60)
RULES = ScoreRule(thresholds=Thresholds(many=100, few=20))
RULES_OF_BOTH_KINDS = st.builds(
    ScoreRule,
    thresholds=st.just(RULES.thresholds),
    zero_error=st.sampled_from([0, 1e-10]),
    single_precision=st.booleans(),
)
BINS = 6
TRAIN = st.lists(st.sampled_from([0, 1, 20, 100, 101]), min_size=BINS, max_size=BINS)
VALUE = st.integers(-5000, 5000).map(lambda k: k / 1000)
ROW = st.tuples(st.integers(0, BINS - 1), VALUE, VALUE)
ROWS = st.lists(ROW | st.integers(0, 9).map(lambda k: (k % BINS, float(k), float(k))), max_size=40)
Row = tuple[int, float, float]
Scores = dict[str, dict[str, Score]]


def evaluate(rows: list[Row], train: list[int], rules: ScoreRule = RULES, metrics: tuple[str, ...] = ()) -> Scores:
    """The scores of rows of bin, target and prediction."""
    index, target, prediction = np.array(rows, dtype=float).reshape(-1, 3).T
    counts = np.array(train)
    reference = Reference(
        target=target,
        bin_index=index.astype(np.int64),
        regions=region(counts, rules.thresholds),
        train=counts,
        rules=rules,
    )
    return scores(reference, prediction, metrics=chosen(metrics))


def number(score: Score) -> float:
    """A score that is not null."""
    assert score is not None
    return score


@QUICK
@given(ROWS, TRAIN)
def test_region_scores_weighted_by_their_rows_give_the_overall_ones(rows: list[Row], train: list[int]) -> None:
    found = evaluate(rows, train)
    parts = [found[name] for name in REGIONS]
    for sum_of in ("n", "bins"):
        assert sum(number(part[sum_of]) for part in parts) == found["all"][sum_of]
    assert found["all"]["n"] == len(rows)
    for mean in ("mae", "mse", "bias") if rows else ():
        total = sum(number(part["n"]) * number(part[mean]) for part in parts if part["n"])
        assert total / len(rows) == pytest.approx(number(found["all"][mean]), rel=1e-9, abs=1e-9)


@pytest.mark.thorough
@QUICK
@given(ROWS, TRAIN)
def test_gm_is_at_most_mae_and_mae_at_most_rmse(rows: list[Row], train: list[int]) -> None:
    for part in evaluate(rows, train).values():
        if part["n"]:
            gm, mae, rmse = (number(part[name]) for name in ("gm", "mae", "rmse"))
            assert gm <= mae * (1 + 1e-12)
            assert mae <= rmse * (1 + 1e-12)


@QUICK
@given(ROWS, TRAIN, RULES_OF_BOTH_KINDS, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_row_order(
    rows: list[Row], train: list[int], rules: ScoreRule, shuffler: Random
) -> None:
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    found, expected = evaluate(shuffled, train, rules), evaluate(rows, train, rules)
    assert list(found) == list(expected)
    for name, part in expected.items():
        held = {key: score for key, score in part.items() if score is not None}
        assert {key: score for key, score in found[name].items() if score is not None} == pytest.approx(
            held, rel=1e-9, abs=1e-9
        )


@QUICK
@given(ROWS, TRAIN, RULES_OF_BOTH_KINDS)
def test_scores_are_valid_json_and_null_wherever_there_are_no_rows(
    rows: list[Row], train: list[int], rules: ScoreRule
) -> None:
    found = evaluate(rows, train, rules)
    json.dumps(found, allow_nan=False)
    for part in found.values():
        assert list(part) == ["n", "bins", *METRICS]
        assert [part[name] is None for name in ("mae", "gm", "bmae", "exact")] == [part["n"] == 0] * 4


def test_an_empty_region_scores_null() -> None:
    found = evaluate([(0, 1.0, 2.0)], [200, 50, 5, 5, 5, 5])
    assert found["medium"] == {"n": 0, "bins": 0, **dict.fromkeys(METRICS)}
    assert found["many"]["mae"] == 1


def test_no_rows_at_all_score_null() -> None:
    found = evaluate([], [200, 50, 5, 0, 0, 0])
    assert found == {name: {"n": 0, "bins": 0, **dict.fromkeys(METRICS)} for name in ("all", *REGIONS)}


@QUICK
@given(ROWS, TRAIN)
def test_a_bin_without_training_samples_is_scored_as_zero_and_within_few(rows: list[Row], train: list[int]) -> None:
    found = evaluate(rows, train)
    unseen = [row for row in rows if train[row[0]] == 0]
    assert ("zero" in found) == bool(unseen)
    if unseen:
        assert found["zero"]["n"] == len(unseen)
        assert number(found["few"]["n"]) >= len(unseen)
        assert found["zero"]["mae"] == pytest.approx(np.mean([abs(p - y) for _, y, p in unseen]), abs=1e-9)


def test_correlations_see_the_rows_of_their_region_alone() -> None:
    rising = [(0, float(k), float(k)) for k in range(5)]
    falling = [(1, float(k), -float(k)) for k in range(5)]
    found = evaluate(rising + falling, [200, 50, 0, 0, 0, 0])
    for name in ("pearson", "spearman"):
        assert [found[part][name] for part in ("many", "medium", "few")] == [pytest.approx(1), pytest.approx(-1), None]


def test_only_the_chosen_metrics_are_scored() -> None:
    found = evaluate([(0, 1.0, 2.0)], [200, 0, 0, 0, 0, 0], metrics=("gm", "mae"))
    assert found["all"] == {"n": 1, "bins": 1, "gm": pytest.approx(1), "mae": 1}


def test_an_exact_hit_of_a_printed_score_is_one_only_under_the_paper_protocol() -> None:
    """STS-B, released: 0.2 was stored as float32, so a prediction of 0.2 misses it by 3e-9; 0.5 is 0.5 in both."""
    rules = datasets.load("sts-b").rules.score_rules
    rows = [(0, 0.2, 0.2), (0, 0.5, 0.5)]
    train = [200, 0, 0, 0, 0, 0]
    released, paper = (evaluate(rows, train, rules[name])["all"] for name in ("released", "paper"))
    assert (released["exact"], paper["exact"]) == (1, 2)
    miss = float(np.float32(0.2)) - 0.2
    assert released["gm"] == pytest.approx((miss * 1e-10) ** 0.5)
    assert released["bias"] == pytest.approx(-miss / 2)
    assert (paper["gm"], paper["mae"]) == (0, 0)


def test_a_signature_states_everything_that_two_scores_must_share() -> None:
    for kind in ("sha256", "bins"):
        content = f"{kind}:0123456789abcdef"
        fields: dict[str, Any] = {
            "name": "agedb",
            "split": "test",
            "protocol": "released",
            "content": content,
            "n": 2140,
        }
        found = signature(**fields, rules="sha256:89abcdef01234567", scoring=1, version="0.2.0")
        assert found == f"dir|agedb|test|released|{kind}:01234567|rules:89abcdef|n:2140|s:1|v:0.2.0"
        assert comparable(found) == found.removesuffix("|v:0.2.0") == comparable(f"{found}|ci:bca,bin,100,1")
        assert short(found) == f"agedb|test|released|{kind}:01234567|rules:89abcdef"
        before = signature(**fields, rules=None, scoring=None, version="0.1.0")
        assert before == f"dir|agedb|test|released|{kind}:01234567|n:2140|v:0.1.0"


@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_delta_compares_ratios_in_single_precision_where_the_protocol_says_so(protocol: ProtocolName) -> None:
    """A map scaled by 0.64 lies at 1.25² but for rounding, and the released code rounds to float32 first."""
    rule = datasets.load("nyud2").rules.score_rules[protocol]
    target = np.random.default_rng(0).uniform(0.7, 9.9, 5000).astype(np.float32)
    prediction = target * np.float32(0.64)
    kind: Any = np.float32 if protocol == "released" else np.float64
    y, p = target.astype(kind), prediction.astype(kind)
    expected = float((np.maximum(p / y, y / p) <= kind(1.25**2)).mean())
    reference = Reference(
        target=target.astype(np.float64),
        bin_index=np.zeros(target.size, np.int64),
        regions=np.array(["few"], dtype=object),
        train=np.array([5]),
        rules=rule,
    )
    found = scores(reference, prediction.astype(np.float64), metrics=[EVERY["delta2"]])["few"]["delta2"]
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0.1 < expected < 0.9


def test_what_double_precision_does_not_hold_is_null_and_finite_scores_stay() -> None:
    """Without a warning, which would be an error here; a moment that overflows makes no correlation of 0."""
    rows = [(0, 1.0, 1e308), (0, 2.0, 3.0), (1, 3.0, 1.0), (2, 4.0, 2.0)]
    found = evaluate(rows, [200, 50, 5, 0, 0, 0], metrics=(*METRICS, "bmse"))
    assert number(found["all"]["mae"]) == pytest.approx(2.5e307)
    assert {name for name, score in found["all"].items() if score is None} == {"mse", "rmse", "pearson", "bmse"}
    assert found["medium"] == evaluate(rows[2:], [200, 50, 5, 0, 0, 0], metrics=(*METRICS, "bmse"))["medium"]
    both = evaluate([(0, 1.0, 1e308), (0, 2.0, 1e308)], [200, 50, 5, 0, 0, 0])["all"]
    assert both["mae"] is both["bias"] is None
    assert number(both["gm"]) == pytest.approx(1e308)
    assert evaluate([(0, 1.0, 3e154), (0, 2.0, 3.0), (1, 3.0, 1.0)], [200] * 6)["all"]["pearson"] is None
