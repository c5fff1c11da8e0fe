"""Weights average one over training samples, and take their steps in the order of the protocol."""

from __future__ import annotations

from typing import cast, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.protocol import PROTOCOLS, Edge, Kernel, ProtocolName, Scheme, ScoreRule, Thresholds, WeightRule
from dircli.errors import UsageError
from dircli.weights.schemes import BinWeights, WeightOptions, bin_weights

QUICK = settings(deadline=None, max_examples=120)
COUNTS = st.lists(st.sampled_from([0, 0, 1, 2]) | st.integers(0, 3000), min_size=1, max_size=30).filter(any)
OPTIONS = st.builds(
    WeightOptions,
    scheme=st.sampled_from(get_args(Scheme)),
    kernel=st.sampled_from(get_args(Kernel)),
    ks=st.sampled_from([1, 3, 5, 9]),
    sigma=st.floats(0.3, 2),
    protocol=st.sampled_from(get_args(ProtocolName)),
)
RULES = st.builds(
    WeightRule,
    default=st.just("inverse"),
    clip=st.sampled_from([None, (5, 1000)]),
    edge=st.sampled_from(get_args(Edge)),
)


def weights(
    *counts: int,
    scheme: Scheme = "inverse",
    kernel: Kernel = "none",
    protocol: ProtocolName = "released",
    clip: tuple[int, int] | None = None,
    edge: Edge = "zero",
) -> BinWeights:
    """Weights of these counts; a smoothing window has three bins (triang: ½ 1 ½)."""
    rule = WeightRule(default="inverse", clip=clip, edge=edge)
    options = WeightOptions(scheme=scheme, kernel=kernel, ks=3, sigma=1, protocol=protocol)
    return bin_weights(np.array(counts), options, rule)


@QUICK
@given(COUNTS, OPTIONS, RULES)
def test_weights_average_one_over_training_samples(counts: list[int], options: WeightOptions, rule: WeightRule) -> None:
    found = bin_weights(np.array(counts), options, rule)
    assert np.average(np.repeat(found.weight, counts)) == pytest.approx(1, rel=1e-9)


@pytest.mark.thorough
@QUICK
@given(COUNTS, OPTIONS, RULES)
def test_weight_times_density_is_the_same_for_every_bin(
    counts: list[int], options: WeightOptions, rule: WeightRule
) -> None:
    found = bin_weights(np.array(counts), options, rule)
    product = (found.weight * found.effective)[found.effective > 0]
    assert product == pytest.approx(product[0], rel=1e-9)
    assert found.count.tolist() == counts


@pytest.mark.thorough
@QUICK
@given(COUNTS, OPTIONS, RULES)
def test_only_bins_without_density_have_no_weight_and_none_of_them_has_samples(
    counts: list[int], options: WeightOptions, rule: WeightRule
) -> None:
    found = bin_weights(np.array(counts), options, rule)
    undefined = np.isnan(found.weight)
    assert undefined.tolist() == (found.effective == 0).tolist()
    assert not np.array(counts)[undefined].any()
    assert (found.weight[~undefined] > 0).all()


def test_weights_by_hand() -> None:
    assert weights(1, 4).weight == pytest.approx([2.5, 0.625])
    assert weights(1, 4, scheme="sqrt-inv").weight == pytest.approx([5 / 3, 5 / 6])


def test_an_empty_bin_has_a_weight_where_its_neighbour_lends_it_density() -> None:
    found = weights(0, 0, 8, kernel="triang")
    assert found.effective.tolist() == [0, 4, 8]
    assert found.weight == pytest.approx([np.nan, 2, 1], nan_ok=True)


@pytest.mark.parametrize(
    ("scheme", "protocol", "expected"),
    [
        ("inverse", "released", [5, 10, 1000]),
        ("inverse", "paper", [1, 10, 2000]),
        ("sqrt-inv", "released", np.sqrt([1, 10, 2000])),
        ("sqrt-inv", "paper", np.sqrt([1, 10, 2000])),
    ],
)
def test_counts_are_clipped_only_for_the_released_inverse(
    scheme: Scheme, protocol: ProtocolName, expected: list[float]
) -> None:
    found = weights(1, 10, 2000, scheme=scheme, protocol=protocol, clip=(5, 1000))
    assert found.effective == pytest.approx(expected)


def test_counts_are_clipped_before_they_are_smoothed() -> None:
    assert weights(0, 10, 4000, kernel="triang", clip=(5, 1000)).effective.tolist() == [10, 512, 1005]


def test_weights_average_one_over_the_counts_before_clipping() -> None:
    assert weights(1, 5, clip=(5, 1000)).weight == pytest.approx([1, 1])


def test_roots_are_taken_before_smoothing_when_released_and_after_it_in_the_paper() -> None:
    assert weights(0, 16, 0, scheme="sqrt-inv", kernel="triang").effective == pytest.approx([2, 4, 2])
    printed = weights(0, 16, 0, scheme="sqrt-inv", kernel="triang", protocol="paper")
    assert printed.effective == pytest.approx(np.sqrt([8, 16, 8]))


def test_only_the_released_inverse_cuts_smoothed_counts_to_whole_numbers() -> None:
    assert weights(0, 5, 0, kernel="triang").effective.tolist() == [2, 5, 2]
    assert weights(0, 5, 0, kernel="triang", protocol="paper").effective.tolist() == [2.5, 5, 2.5]
    assert weights(0, 9, 0, scheme="sqrt-inv", kernel="triang").effective == pytest.approx([1.5, 3, 1.5])


def test_the_edge_of_the_rule_holds() -> None:
    assert weights(8, 2, kernel="triang", edge="zero").effective.tolist() == [9, 6]
    assert weights(8, 2, kernel="triang", edge="mirror").effective.tolist() == [13, 7]


def test_the_last_weight_bin_takes_every_higher_one() -> None:
    rule = WeightRule(default="inverse", last=2)
    assert rule.fold(np.arange(5)).tolist() == [0, 1, 2, 2, 2]
    assert WeightRule(default="inverse").fold(np.arange(5)).tolist() == [0, 1, 2, 3, 4]


def test_no_training_samples_cannot_be_weighted() -> None:
    with pytest.raises(UsageError, match="there are no training samples to weight"):
        weights(0, 0, clip=(5, 1000))


def test_a_window_that_cuts_the_density_of_a_sample_to_nothing_is_refused() -> None:
    """Released: 1 sample times a centre of 0.9999 is cut to 0, and one infinite weight would undo all others."""
    released, paper = (WeightOptions(ks=3, sigma=2.75, protocol=name) for name in PROTOCOLS)
    rule = WeightRule(default="inverse")
    with pytest.raises(UsageError, match=r"sigma 2\.75 is too wide for ks 3: .* try a larger ks"):
        bin_weights(np.array([0, 1]), released, rule)
    assert bin_weights(np.array([0, 1]), paper, rule).weight[1] == pytest.approx(1)


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no scheme is called 'cubic'; there are inverse, sqrt-inv"):
        weights(1, scheme=cast("Scheme", "cubic"))


def test_the_defaults_are_the_stated_ones() -> None:
    assert WeightOptions() == WeightOptions(
        scheme=None,
        kernel="gaussian",
        ks=5,
        sigma=2,
        protocol="released",
        per=None,
        clip=None,
        edge=None,
        normalise="mean-one",
        beta=0.999,
        alpha=1,
    )
    assert Thresholds(many=100, few=20) == ScoreRule(thresholds=Thresholds(many=100, few=20)).thresholds
    plain = ScoreRule(thresholds=Thresholds(many=100, few=20))
    assert (plain.zero_error, plain.single_precision, plain.single_ratios) == (0, False, False)
    for wrong in ({"protocol": "papers"}, {"edge": "flat"}, {"normalise": "sum"}):
        with pytest.raises(UsageError, match=r"is called '\w+'; there are \w+"):
            WeightOptions(**wrong)  # type: ignore[arg-type]
