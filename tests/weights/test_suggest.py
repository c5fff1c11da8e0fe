"""The suggested window is the one by which the other training samples best foretell each one that is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import Edge, Kernel, ProtocolName, WeightRule
from dircli.datasets.open import open_benchmark
from dircli.errors import UsageError
from dircli.report.figures import figures
from dircli.weights.lds import effective_density
from dircli.weights.schemes import WeightOptions, bin_weights
from dircli.weights.suggest import SIGMAS, SIZES, Suggestion, log_shares, suggest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

    from dircli.arrays import FloatArray

QUICK = settings(deadline=None, max_examples=40)
FEW = settings(deadline=None, max_examples=8)
COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=25).filter(any)
ZERO, MIRROR = (WeightRule(default="inverse", edge=edge) for edge in ("zero", "mirror"))
BELL = np.random.default_rng(4).poisson(6 * np.exp(-(((np.arange(60) - 30) / 10) ** 2)))


def left_out(counts: FloatArray, window: FloatArray, edge: Edge) -> list[float]:
    """For each filled bin the log of its share of the density of all samples but one of its own, and of a flat one."""
    logs = []
    for row in np.flatnonzero(counts):
        others = counts.copy()
        others[row] -= 1
        density = effective_density(others, window / window.sum(), edge=edge) + 1 / counts.size
        logs.append(float(np.log(density[row] / density.sum())))
    return logs


@QUICK
@given(
    counts=COUNTS,
    kernel=st.sampled_from(get_args(Kernel)),
    ks=st.sampled_from([1, 3, 5, 9, 31]),
    sigma=st.floats(0.3, 10),
    edge=st.sampled_from(["zero", "mirror"]),
)
def test_shares_are_those_of_a_loop_that_leaves_one_sample_out(
    counts: list[int], kernel: Kernel, ks: int, sigma: float, edge: str
) -> None:
    """Also where a window reaches beyond all bins, and mirror images of mirror images are seen."""
    window, values = kernel_window(kernel, ks, sigma, filtered=False), np.array(counts, dtype=np.float64)
    found, alone = log_shares(values, [window, np.ones(1)], edge=cast("Edge", edge))
    assert found == pytest.approx(left_out(values, window, cast("Edge", edge)), rel=1e-9, abs=1e-9)
    assert alone == pytest.approx(left_out(values, np.ones(1), cast("Edge", edge)), rel=1e-9, abs=1e-9)


def likelihoods(counts: FloatArray, *, protocol: ProtocolName, edge: Edge) -> dict[tuple[Any, ...], FloatArray]:
    """The log-likelihood of each sample by each window that is tried, (n,), from the loop, smallest first."""
    kernels: dict[Kernel, tuple[float | None, ...]] = {"triang": (None,), "gaussian": SIGMAS, "laplace": SIGMAS}
    windows: list[tuple[Any, ...]] = [(1, 0, 0, "none", None)]
    windows += [
        (ks, sigma or 0, place, kernel, sigma)
        for ks in SIZES
        for place, (kernel, sigmas) in enumerate(kernels.items())
        for sigma in sigmas
    ]
    found: dict[tuple[Any, ...], FloatArray] = {}
    for ks, _, _, kernel, sigma in sorted(windows, key=lambda each: each[:3]):
        window = kernel_window(kernel, ks, sigma or 1, filtered=protocol == "released")
        if window.argmax() == window.size // 2 or kernel != "gaussian":
            logs = left_out(counts, window, edge)
            found[kernel, ks, sigma] = np.repeat(logs, counts[counts > 0].astype(int))
    return found


@pytest.mark.thorough
@pytest.mark.parametrize(("protocol", "edge"), [("released", "mirror"), ("paper", "zero")])
def test_candidates_and_choice_are_those_of_a_loop_over_all_windows(protocol: ProtocolName, edge: Edge) -> None:
    counts = BELL[20:25]
    made = suggest(counts, WeightRule(default="inverse", edge=edge), protocol)
    logs = likelihoods(counts.astype(np.float64), protocol=protocol, edge=edge)

    def smallest(keys: list[Any], best: FloatArray) -> Any:
        """The first of ``keys`` that is behind ``best`` by no more than the standard error."""
        return next(
            key for key in keys if (best - logs[key]).mean() <= (best - logs[key]).std() / np.sqrt(best.size) + 1e-12
        )

    def best_of(keys: list[Any]) -> FloatArray:
        return logs[max(keys, key=lambda key: float(logs[key].mean()))]

    best = best_of([*logs])
    assert list(made.candidates) == ["default", "none", "gaussian", "triang", "laplace"]
    rows = []
    for name, each in made.candidates.items():
        key = (each.kernel, each.ks, each.sigma)
        same = [key for key in logs if key[0] == name]
        assert key == (("gaussian", 5, 2.0) if name == "default" else smallest(same, best_of(same)))
        assert each.log_likelihood == pytest.approx(logs[key].mean())
        assert each.behind == pytest.approx((best - logs[key]).mean(), abs=1e-12)
        assert each.error == pytest.approx((best - logs[key]).std() / np.sqrt(best.size), abs=1e-9)
        rows.append(key)
    chosen = smallest([key for key in logs if key in rows], best)
    assert (made.chosen.kernel, made.chosen.ks, made.chosen.sigma) == chosen


def widths(made: Suggestion) -> list[int]:
    """How many bins the best windows of the three kernels have."""
    return [made.candidates[kernel].ks for kernel in ("gaussian", "triang", "laplace")]


def test_a_flat_density_asks_for_wide_windows_and_isolated_spikes_for_none() -> None:
    flat = suggest(np.full(200, 3), MIRROR)
    assert min(widths(flat)) > 25
    assert flat.choice != "none"
    assert suggest(np.where(np.arange(200) % 20 == 7, 30, 0), ZERO).choice == "none"


def test_a_bell_of_few_samples_is_smoothed_and_the_same_bell_of_very_many_is_not() -> None:
    assert suggest(BELL, ZERO).choice != "none"
    assert widths(suggest(BELL, ZERO)) >= widths(suggest(BELL * 20, ZERO))
    assert suggest(BELL * 100_000, ZERO).choice == "none"


@FEW
@given(COUNTS)
def test_a_suggestion_is_one_that_dir_weights_takes_and_the_same_from_the_other_end(counts: list[int]) -> None:
    made = suggest(np.array(counts), MIRROR)
    chosen = made.chosen
    options = WeightOptions(kernel=chosen.kernel, ks=chosen.ks, sigma=chosen.sigma or 1)
    assert np.isfinite(bin_weights(np.array(counts), options, MIRROR).weight[np.array(counts) > 0]).all()
    assert all(np.isfinite(each.log_likelihood) for each in made.candidates.values())
    back = suggest(np.array(counts[::-1]), MIRROR)
    assert [each.log_likelihood for each in back.candidates.values()] == pytest.approx(
        [each.log_likelihood for each in made.candidates.values()]
    )


def test_windows_that_are_equally_good_are_decided_for_the_smallest() -> None:
    """Whatever the window, one bin alone has all the density, and one sample alone is foretold by nothing."""
    for counts in ([7], [0, 1, 0]):
        made = suggest(np.array(counts), MIRROR)
        assert made.choice == "none"
        assert made.chosen.words == "--kernel none"
        assert [each.behind for each in made.candidates.values()] == pytest.approx([0] * 5, abs=1e-12)
        assert [each.words for each in made.candidates.values()][2:] == [
            "--kernel gaussian --ks 3 --sigma 0.5",
            "--kernel triang --ks 3",
            "--kernel laplace --ks 3 --sigma 0.5",
        ]


def test_bins_are_those_of_the_weights() -> None:
    """Higher bins are folded into the last, and lower ones than the first lie beyond the range."""
    rule = WeightRule(default="inverse", edge="mirror", first=2, last=30)
    folded = np.append(BELL[2:30], BELL[30:].sum())
    found = suggest(BELL, rule, "paper")
    assert found == suggest(folded, MIRROR, "paper")


def test_nothing_is_suggested_without_samples_or_for_a_misspelt_protocol() -> None:
    with pytest.raises(UsageError, match="there are no training samples"):
        suggest(np.zeros(4, dtype=np.int64), ZERO)
    with pytest.raises(UsageError, match="no protocol is called 'papers'"):
        suggest(BELL, ZERO, cast("ProtocolName", "papers"))


@pytest.mark.parametrize(("name", "protocol"), [("agedb", "paper"), ("sts-b", "released"), ("nyud2", "released")])
def test_the_command_says_what_it_found_and_what_it_cannot_know(name: str, protocol: Any, work: Path, run: Run) -> None:
    against = open_benchmark(name, work, None)
    made = suggest(against.table.counts["train"], against.rules.weights, protocol)
    done = run("suggest", name, "--protocol", protocol)
    lines = done.stdout.splitlines()
    assert [line.split()[-7] for line in lines[2:-1]] == ["gaussian", "none", "gaussian", "triang", "laplace"]
    assert lines[-1].startswith(f"{name}: {made.chosen.words}, by {against.table.counts['train'].sum():,} training ")
    assert [line.split()[0] for line in lines[2:-1] if "suggested" in line] != []
    assert "labels cannot tell whether a network errs less" in done.stderr
    assert ("pixels of one image are much alike" in done.stderr) == (name == "nyud2")
    assert ("no smoothing foretells the labels best" in done.stderr) == (made.choice == "none")
    facts = json.loads(run("suggest", name, "--protocol", protocol, "--json").stdout)
    assert facts["choice"] == made.choice
    assert facts["candidates"]["laplace"]["log_likelihood"] == made.candidates["laplace"].log_likelihood


def test_a_table_of_ones_own_is_looked_at_and_drawn(work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "t.csv").write_text("y\n" + "".join(f"{value}\n" for value in np.repeat(np.arange(60), BELL)))
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--bin-width", 1, "--name", "mine")
    drawn: list[Any] = []
    monkeypatch.setattr(figures, "write", lambda path, picture, *, force: drawn.append((path.name, picture, force)))
    done = run("suggest", "--plot", "s.svg", "--force")
    assert "mine: --kernel " in done.stdout
    assert "written to s.svg" in done.stderr
    [(name, picture, force)] = drawn
    assert (name, force) == ("s.svg", True)
    assert f"--kernel {picture.how.split(',')[0]} --" in done.stdout
    assert picture.beside.how == "gaussian, ks 5, sigma 2, released protocol"
    assert picture.effective.tolist() != picture.beside.effective.tolist()
    assert "end the name in one of them" in run("suggest", "mine", "--plot", "s.gif", code=2).stderr


def test_the_windows_that_the_command_says_are_tried_are_tried(run: Run) -> None:
    said = " ".join(run("suggest", "--help").stdout.replace("│", " ").split())
    assert f"Tried are all sizes to {max(SIZES)}, sigma {SIGMAS[0]:g} to {SIGMAS[-1]:g}, and none" in said
    assert {*np.diff(SIZES), *np.diff(SIGMAS)} == {2, 0.5}
    assert min(SIZES) == 3
