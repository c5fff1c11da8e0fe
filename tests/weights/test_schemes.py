"""DenseWeight as its package has it, the effective number as its formula; bounds, edges, scales and spreads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import WeightRule
from dircli.errors import UsageError
from dircli.weights.denseweight import Extent, bandwidth, dense_weights, squares
from dircli.weights.lds import effective_density
from dircli.weights.schemes import WeightOptions, bin_weights, effective_number, in_words, spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

    from dircli.arrays import FloatArray

QUICK = settings(deadline=None, max_examples=80)
RULE = WeightRule(default="inverse")
COUNTS = st.lists(st.integers(0, 400), min_size=1, max_size=30).filter(any)
WORDS = ["curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "1", "--name", "mine"]


def _draws() -> dict[str, FloatArray]:
    generator = np.random.default_rng(0)
    return {
        "normal": generator.normal(0, 1, 1500),
        "skewed": generator.gamma(2.0, 300.0, 2500),
        "ages": np.round(np.concatenate([generator.normal(25, 4, 2000), generator.normal(70, 9, 150)])),
    }


@pytest.mark.parametrize("name", ["normal", "skewed", "ages"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.5])
def test_dense_weight_is_the_published_packages(name: str, alpha: float) -> None:
    package = pytest.importorskip("denseweight", reason="the published package is in dircli[test]")
    targets = _draws()[name]
    expected = package.DenseWeight(alpha=alpha).fit(targets)
    _, weight = dense_weights(targets, alpha=alpha)
    assert weight / weight.mean() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e5])
def test_dense_weight_works_where_the_package_gives_up(scale: float) -> None:
    """Its kernel ends at an absolute density, which targets of this scale have nowhere."""
    targets = _draws()["normal"]
    _, weight = dense_weights(targets * scale, alpha=1)
    _, plain = dense_weights(targets, alpha=1)
    assert weight / weight.mean() == pytest.approx(plain / plain.mean(), abs=0.01)


@pytest.mark.parametrize(("n", "reached", "within"), [(6, True, 1e-4), (8, False, 5e-5)])
def test_dense_weight_reaches_four_bandwidths_where_the_package_gives_up(n: int, reached: bool, within: float) -> None:  # noqa: FBT001
    """One sample is 3.6 bandwidths from all others if they are five, and 4.3 if they are seven."""
    targets = np.append(np.zeros(n - 1), 1e6)
    share = np.exp(-((1e6 / bandwidth(n, squares(targets, Extent.of(targets).mean))) ** 2) / 2) if reached else 0
    at, _ = dense_weights(targets, alpha=1)
    assert at[-1] == pytest.approx((1 + (n - 1) * share) / (n - 1 + share), abs=within)


@pytest.mark.parametrize("name", ["normal", "skewed", "ages"])
def test_dense_weight_asks_for_distances_alone(name: str) -> None:
    targets = _draws()[name]
    (at, weight), (moved, same) = (dense_weights(each, alpha=1) for each in (targets, targets + 5000))
    assert moved == pytest.approx(at, abs=1e-6)
    assert same == pytest.approx(weight, abs=1e-6)


def test_dense_weight_refuses_what_it_cannot_weigh() -> None:
    with pytest.raises(UsageError, match="targets that differ"):
        dense_weights(np.ones(5), alpha=1)
    for close in (np.empty(0), np.array([0, 1e-200])):
        with pytest.raises(UsageError, match="targets that differ"):
            dense_weights(close, alpha=1)
    with pytest.raises(UsageError, match=r"targets within 1e\+150 of each other"):
        dense_weights(np.array([0, 1e151]), alpha=1)
    with pytest.raises(UsageError, match="alpha must be 0 or more"):
        dense_weights(np.arange(5.0), alpha=-1)


@QUICK
@given(st.floats(0, 0.9999), st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_the_effective_number_is_its_formula(beta: float, counts: list[int]) -> None:
    expected = [(1 - beta**n) / (1 - beta) for n in counts]
    assert effective_number(np.array(counts, dtype=float), beta) == pytest.approx(expected, rel=1e-9)


def bin_weights_of(counts: list[int], **choices: Any) -> Any:
    usual: dict[str, Any] = {"scheme": "inverse", "kernel": "none", "ks": 3, "sigma": 1}
    return bin_weights(np.array(counts), WeightOptions(**(usual | choices)), RULE)


def test_effective_number_weights_by_hand() -> None:
    found = bin_weights_of([1, 3, 0], scheme="effective-number", beta=0.5, normalise="none")
    assert found.effective.tolist() == [1, 1.75, 0]
    assert found.weight == pytest.approx([1, 1 / 1.75, np.nan], nan_ok=True)
    scaled = bin_weights_of([1, 3, 0], scheme="effective-number", beta=0.5)
    assert (scaled.weight[:2] * [1, 3]).sum() == pytest.approx(4)


def test_the_effective_number_ends_in_uniform_and_in_inverse_weights() -> None:
    assert bin_weights_of([1, 9], scheme="effective-number", beta=0.0).weight == pytest.approx([1, 1])
    assert effective_number(np.array([0.0, 2]), 0).tolist() == [0, 1]
    near = bin_weights_of([1, 9], scheme="effective-number", beta=1 - 1e-9)
    assert near.weight == pytest.approx(bin_weights_of([1, 9]).weight, rel=1e-6)
    with pytest.raises(UsageError, match="beta must be at least 0 and below 1"):
        bin_weights_of([1], scheme="effective-number", beta=1)


@QUICK
@given(COUNTS, st.sampled_from(["inverse", "sqrt-inv", "effective-number"]), st.sampled_from(["released", "paper"]))
def test_scales_differ_by_a_factor(counts: list[int], scheme: str, protocol: Any) -> None:
    found = {
        name: bin_weights_of(counts, scheme=scheme, protocol=protocol, normalise=name).weight
        for name in ("mean-one", "max-one", "none")
    }
    held = np.array(counts) > 0
    assert np.average(found["mean-one"][held], weights=np.array(counts)[held]) == pytest.approx(1)
    assert found["max-one"][held].max() == pytest.approx(1)
    for name in ("mean-one", "max-one"):
        ratio = found[name][held] / found["none"][held]
        assert ratio == pytest.approx(ratio[0])


def test_roots_are_taken_before_smoothing_as_released_and_after_it_as_printed() -> None:
    counts = np.array([1.0, 9, 0, 100])
    window = kernel_window("triang", 3, 1, filtered=False)
    printed = np.sqrt(effective_density(counts, window, edge=RULE.edge))
    found = {
        protocol: bin_weights_of([1, 9, 0, 100], scheme="sqrt-inv", kernel="triang", protocol=protocol).effective
        for protocol in ("released", "paper")
    }
    assert found["paper"] == pytest.approx(printed)
    assert found["released"] == pytest.approx(effective_density(np.sqrt(counts), window, edge=RULE.edge))


@pytest.mark.parametrize("scheme", ["inverse", "sqrt-inv", "effective-number"])
@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_bounds_that_are_asked_for_hold_for_every_scheme_and_protocol(scheme: str, protocol: Any) -> None:
    clipped = bin_weights_of([1, 10, 4000], scheme=scheme, protocol=protocol, clip=(5, 100), normalise="none")
    plain = bin_weights_of([5, 10, 100], scheme=scheme, protocol=protocol, normalise="none")
    assert clipped.effective == pytest.approx(plain.effective)


@QUICK
@given(COUNTS, st.sampled_from(["gaussian", "triang", "laplace"]), st.sampled_from([3, 5, 9]))
def test_renormalised_edges_keep_a_flat_density_flat(counts: list[int], kernel: Any, ks: int) -> None:
    seen = kernel_window(kernel, ks, 1.5, filtered=False)
    flat = effective_density(np.full(len(counts), 7), seen, edge="renormalise")
    assert flat == pytest.approx(np.full(len(counts), 7 * seen.sum()))
    found = effective_density(np.array(counts), seen, edge="renormalise")
    reach = ks // 2
    inner = slice(reach, len(counts) - reach)
    zero = effective_density(np.array(counts, dtype=float), seen, edge="zero")
    assert found[inner] == pytest.approx(zero[inner])
    assert (found >= zero * (1 - 1e-12)).all()


@QUICK
@given(st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 2000)), min_size=1, max_size=12))
def test_the_spread_is_that_of_the_samples_themselves(bins: list[tuple[float, int]]) -> None:
    weight, counts = (np.array(column) for column in zip(*bins, strict=True))
    if not counts.any():
        return
    samples = np.sort(np.repeat(weight, counts))
    found = spread(weight, counts)
    assert (found.low, found.high, found.n) == (samples[0], samples[-1], samples.size)
    assert found.effective_size == pytest.approx(samples.sum() ** 2 / (samples**2).sum())
    assert found.lopsided == (samples.size > 1000 and samples[-1] > samples[:1000].sum() * (1 + 1e-12))


@QUICK
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=12), st.integers(1, 200))
def test_the_spread_of_samples_is_that_of_bins_of_one_sample(weight: list[float], times: int) -> None:
    samples = np.tile(weight, times)
    ones = spread(samples, np.ones(samples.size, dtype=np.int64))
    assert vars(spread(samples)) == pytest.approx(vars(ones), rel=1e-12)


@pytest.fixture
def mine(work: Path, run: Run) -> Callable[..., Any]:
    """`dir weights` on a table in which one sample is alone among thousands."""
    targets = np.concatenate([np.repeat(np.arange(10), 3000), [30.5]])
    pd.DataFrame({"id": range(targets.size), "y": targets}).to_csv(work / "t.csv", index=False)
    run(*WORDS)

    def weights(*words: str, code: int = 0) -> Any:
        return run("weights", "mine", *words, code=code)

    return weights


def test_the_output_says_what_weights_amount_to_and_warns_of_one_that_outweighs_a_thousand(
    mine: Callable[..., Any], work: Path
) -> None:
    said = mine("--scheme", "inverse", "--kernel", "none")
    facts = json.loads((work / "manifests" / "mine" / "weights.json").read_text())
    assert f"weights {facts['min']:.4g} to {facts['max']:.4g}" in said.stdout
    assert f"effective sample size {facts['effective_size']:,.0f} of {facts['samples']:,}" in said.stdout
    assert "outweighs the thousand lightest" in said.stderr
    assert "outweighs" not in mine("--scheme", "inverse", "--kernel", "none", "--clip", "100:100000", "--force").stderr


def test_weights_come_as_parquet_csv_and_npy_that_agree(mine: Callable[..., Any], work: Path) -> None:
    for name in ("w.parquet", "w.csv", "w.npy"):
        mine("--out", name)
    arrow = pd.read_parquet(work / "w.parquet")["weight"].to_numpy()
    assert np.array_equal(np.load(work / "w.npy"), arrow)
    assert pd.read_csv(work / "w.csv")["weight"].to_numpy() == pytest.approx(arrow, rel=1e-12)
    assert arrow.mean() == pytest.approx(1)
    mine("--per", "bin", "--out", "b.npy")
    assert np.isnan(np.load(work / "b.npy")).any()
    assert "alone as .npy" in mine("--out", "w.xlsx", code=2).stderr


def test_dense_weight_weighs_samples_and_has_no_bins(mine: Callable[..., Any], work: Path) -> None:
    said = mine("--scheme", "dense-weight", "--alpha", "0.9", "--out", "d.npy").stdout
    assert "mine: dense-weight, alpha 0.9" in said
    found = np.load(work / "d.npy")
    assert found.mean() == pytest.approx(1)
    assert found.argmax() == found.size - 1
    assert "has no weights of bins" in mine("--scheme", "dense-weight", "--per", "bin", code=2).stderr
    assert "density of its own" in mine("--scheme", "dense-weight", "--edge", "mirror", code=2).stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--alpha 0.5", "--alpha goes with --scheme dense-weight; it would change nothing here"),
        ("--scheme effective-number --alpha 0.5", "--alpha goes with --scheme dense-weight"),
        ("--scheme dense-weight --beta 0.9", "--beta goes with --scheme effective-number"),
        ("--scheme inverse --beta 0.999", "--beta goes with --scheme effective-number"),
        (
            "--scheme effective-number --sigma 3",
            "--sigma goes with a --kernel, and effective-number has none",
        ),
        ("--scheme dense-weight --ks 9", "--ks goes with a --kernel, and dense-weight has none by default"),
        ("--scheme effective-number --edge zero", "--edge goes with a --kernel; it would change nothing here"),
        ("--raw folder", "--raw holds the training maps for --maps OUT.h5; give both"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(words: str, says: str, mine: Callable[..., Any]) -> None:
    assert says in mine(*words.split(), code=2).stderr


def test_dense_weight_needs_samples(run: Run) -> None:
    known = "so only its bins are known: "
    for words, instead in (
        (("--scheme", "dense-weight"), "run `dir curate"),
        (("--per", "sample"), "add --per bin, or run"),
    ):
        assert known + instead in " ".join(run("weights", "agedb", *words, code=2).stderr.split())


def test_what_took_effect_stands_in_the_facts(mine: Callable[..., Any], work: Path) -> None:
    mine(
        "--scheme",
        "effective-number",
        "--beta",
        "0.99",
        "--clip",
        "2:50",
        "--normalise",
        "max-one",
        "--out",
        "w.csv",
        "--force",
    )
    facts = json.loads((work / "w.json").read_text())
    stated = {"scheme": "effective-number", "kernel": "none", "beta": 0.99, "clip": [2, 50], "normalise": "max-one"}
    assert {name: facts[name] for name in stated} == stated
    assert facts["alpha"] is None
    mine("--kernel", "gaussian", "--edge", "renormalise", "--out", "w.csv", "--force")
    assert json.loads((work / "w.json").read_text())["edge"] == "renormalise"


def test_weights_are_lopsided_where_one_sample_outweighs_the_thousand_lightest() -> None:
    for heaviest, lopsided in ((1000.0, False), (1000.5, True)):
        assert spread(np.array([1.0, heaviest]), np.array([1000, 1])).lopsided is lopsided
    assert not spread(np.array([1.0, 5000.0]), np.array([999, 1])).lopsided


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"scheme": "sqrt-inv", "protocol": "released"}, "smoothed roots of counts"),
        ({"scheme": "sqrt-inv", "protocol": "paper"}, "roots of smoothed counts"),
        ({"scheme": "sqrt-inv", "protocol": "released", "kernel": "none"}, "roots of counts"),
        ({"scheme": "inverse", "protocol": "released"}, "smoothed clipped counts"),
        ({"scheme": "inverse", "protocol": "paper"}, "smoothed counts"),
        ({"scheme": "inverse", "protocol": "paper", "kernel": "none"}, "counts"),
        ({"scheme": "effective-number", "protocol": "released"}, "effective numbers of smoothed counts"),
        ({"scheme": "sqrt-inv", "protocol": "paper", "clip": (5.0, 9.0)}, "roots of smoothed clipped counts"),
    ],
)
def test_words_name_the_steps_in_the_order_in_which_they_are_taken(asked: dict[str, Any], words: str) -> None:
    rule = WeightRule(default="inverse", clip=(2, 1000))
    options = WeightOptions(**({"kernel": "gaussian"} | asked))
    assert in_words(options, rule) == words
    whole = asked["scheme"] == "inverse" and asked["protocol"] == "released"
    counts = np.array([4, 100, 9, 1, 2500, 0, 36]).astype(np.int64 if whole else np.float64)
    window = kernel_window(options.kernel, options.ks, options.sigma, filtered=options.protocol == "released")
    bounds = options.clip or rule.clip or (0, np.inf)
    steps: dict[str, Callable[[Any], Any]] = {
        "counts": lambda _: counts,
        "clipped": lambda values: np.clip(values, bounds[0], bounds[1]),
        "roots of": np.sqrt,
        "effective numbers of": lambda values: effective_number(values, options.beta),
        "smoothed": lambda values: effective_density(values, window, edge=rule.edge),
    }
    density: Any = None
    for step in reversed(re.findall("|".join(steps), words)):
        density = steps[step](density)
    weights = bin_weights(counts.astype(np.int64), options, rule).weight
    filled = counts > 0
    assert np.ptp((weights * density)[filled]) == pytest.approx(0, abs=1e-9 * (weights * density)[filled].max())
