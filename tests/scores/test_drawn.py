"""Several files compared by sums of their parts: what one process finds that holds all their rows."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from compared import ROWS, alike, parts_of, same, scored, systems, write
from miniatures import curated_table
from scipy import stats

from dircli.errors import InputError
from dircli.scores import drawn, partitioned
from dircli.scores.metrics.table import chosen
from dircli.scores.uncertainty.permutation import paired_permutation_test, sides
from dircli.scores.uncertainty.poisson import keys_of_places
from dircli.scores.uncertainty.quantify import BootstrapOptions
from dircli.scores.uncertainty.reweighted import ScoredRows
from dircli.store.manifests import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run


@pytest.fixture
def own(work: Path, run: Run) -> Path:
    """The folder of manifests with one of a table of one's own."""
    return curated_table(work, run, ROWS)


@pytest.mark.parametrize(
    ("case", "number"),
    [
        *((case, 2) for case in ("carried", "no ids", "manifest")),
        *(pytest.param("carried", number, marks=pytest.mark.thorough) for number in (1, 7, 64)),
        *(pytest.param(case, 64, marks=pytest.mark.thorough) for case in ("no ids", "manifest")),
    ],
)
def test_files_are_compared_in_any_number_of_parts_as_one_process_compares_them(
    case: str, number: int, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if number == 7:  # several goes
        monkeypatch.setattr(drawn, "MOST", 1)
    where = own if case == "manifest" else None
    names = "abc" if number < 64 else "ac"
    paths = write(systems(*names, manifest=where, ids=case != "no ids"))
    result = same(paths, parts_of(number), own=where, metrics=["mae", "pearson", "bmae"])
    *others, c = (system["regions"]["all"]["mae"]["p"] for system in result["comparison"]["systems"])
    assert all(p > 2 / 41 for p in others)
    assert c == 1 / 41
    assert result["signature"].endswith("|ci:poisson,row,40,5")


def test_whoever_watches_is_told_of_each_step() -> None:
    paths, told = write(systems("a", "b")), []

    @contextmanager
    def watch(what: str, total: int) -> Iterator[Callable[[int], None]]:
        done: list[int] = []
        yield done.append
        told.append((what, total - sum(done)))

    scored(paths, replace(parts_of(5), watch=watch))
    done = [*["parts scored", "ids compared"] * 2, "rows paired", *["parts resampled"] * 2, "parts of the paired test"]
    assert told == [(what, 0) for what in done]


def test_rows_of_a_large_split_are_compared_by_hash(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitioned, "SENT", 0)
    monkeypatch.setattr(partitioned, "PART", 100)
    same(write(systems("a", "b", manifest=own)), parts_of(7), own=own, metrics=["mae", "sera", "nll"])


@pytest.mark.thorough
def test_metrics_are_those_that_all_files_can_have() -> None:
    files = systems("a", "b")
    del files["b"]["sigma"]
    paths = write(files)
    for sampling in (None, BootstrapOptions(method="poisson", resamples=2)):
        ours, theirs = (scored(paths, who, metrics=["all"], sampling=sampling) for who in (parts_of(3), None))
        assert ours.result.metrics == theirs.result.metrics
        alike(ours.result.as_json(), theirs.result.as_json())


def test_resamples_of_ranks_are_drawn_by_this_process_which_a_note_says() -> None:
    paths = write(systems("a", "b"))
    ours, theirs = (scored(paths, who, metrics=["mae", "spearman"]) for who in (parts_of(3), None))
    assert ours.result == theirs.result
    why = "resamples of spearman need all rows at once; name other metrics with --metrics"
    assert ours.notes == [f"a, b: read by this process, not by the workers: {why}"]
    assert not theirs.notes
    ours = scored(paths, parts_of(3), metrics=["nll", "ause"])  # which are known to be there only when all is read
    assert ours.systems
    assert "resamples of ause need" in ours.notes[0]


@pytest.mark.thorough
@pytest.mark.parametrize("reach", [1.0, 1e6])
def test_scores_that_are_null_in_rare_regions_are_null_in_parts_too(reach: float) -> None:
    """Where equal predictions leave Pearson without a value, and where one lies far from all others of its bin."""
    files = {}
    for name, columns in systems("a", "b").items():
        rows = list(zip(columns["id"], columns["target"], columns["prediction"], strict=True))
        rare = sorted(key for key, target, _ in rows if target >= 90)[3:]
        rows = [(key, 35.0 if 20 < target < 40 else target, value) for key, target, value in rows if key not in rare]
        far = min(key for key, target, _ in rows if target == 35)
        values = [reach if key == far else 7.5 if target >= 90 else value for key, target, value in rows]
        ids, targets, _ = zip(*rows, strict=True)
        files[name] = {"id": list(ids), "prediction": values, "target": list(targets)}
    result = same(write(files), parts_of(5), metrics=["gm", "pearson"], largest=reach)
    of_pearson = [region["ci"]["pearson"] for region in result["systems"][0]["regions"].values()]
    assert None in of_pearson
    assert any(of_pearson)


def test_scores_that_overflow_have_no_interval_and_no_test_in_parts_either() -> None:
    files = systems("a", "b")
    for sign, columns in zip((1, -1), files.values(), strict=True):
        columns["prediction"][columns["id"].index("row 7")] = sign * 1e308
    result = same(write(files), parts_of(5), metrics=["mse", "pearson", "bmse", "bias"], largest=1e300)
    assert result["systems"][0]["regions"]["all"]["ci"]["mse"] is None
    assert result["comparison"]["systems"][0]["regions"]["all"]["mse"]["p"] is None


UNPAIRED = {
    "other ids": "their ids are not the same",
    "other targets": "ids have other targets",
    "no ids": "one has ids, and one has none",
    "fewer rows": f"they have {ROWS}, {ROWS - 1} rows",
    "other values": "their targets are not the same",
}


@pytest.mark.thorough
@pytest.mark.parametrize("how", UNPAIRED)
def test_files_of_other_rows_are_refused_as_one_process_does_and_large_ones_in_one_line(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = systems("a", "b")
    b = files["b"]
    if how == "other ids":
        b["id"] = [f"{key}'" for key in b["id"]]
    elif how == "other targets":
        b["target"] = [*b["target"][1:], b["target"][0]]
    elif how == "no ids":
        del b["id"]
    elif how == "fewer rows":
        files["b"] = {name: values[1:] for name, values in b.items()}
    else:
        b["target"][7] += 0.5
    paths = write(files, ["CSV", "CSV"])
    with pytest.raises(InputError) as expected:
        scored(paths, None)
    with pytest.raises(InputError) as found:
        scored(paths, parts_of(3))
    assert str(found.value) == str(expected.value)
    monkeypatch.setattr(partitioned, "WHOLE", 100)
    others = "other ids are there, or ids have other targets"
    with pytest.raises(InputError, match=others if how in {"other ids", "other targets"} else UNPAIRED[how]) as found:
        scored(paths, parts_of(3))
    assert str(found.value).count("\n") == 0


def test_rows_without_ids_are_paired_by_their_numbers() -> None:
    files = systems("a", "b", ids=False)
    files["b"] = {name: values[::-1] for name, values in files["b"].items()}
    paths = write(files)
    with pytest.raises(InputError, match="rows have other targets there"):
        scored(paths, parts_of(3))


def test_swaps_are_fair_bits_that_hang_on_key_seed_and_number_alone() -> None:
    keys = keys_of_places(np.arange(3000))
    columns = sides(keys, seed=3, first=0, size=260)
    stay, go = columns[:, ::2].astype(int), columns[:, 1::2].astype(int)
    assert (stay + go == 1).all()
    assert not go[:, 0].any()
    order = np.random.default_rng(0).permutation(keys.size)
    for first, size in ((0, 8), (2, 6), (126, 8), (128, 132)):
        part = sides(keys[order], seed=3, first=first, size=size)
        assert np.array_equal(part, columns[order, first : first + size])
    drawn_bits = go[:, 1:]
    assert drawn_bits.mean() == pytest.approx(0.5, abs=2.5 / np.sqrt(drawn_bits.size))
    for axis in (0, 1):  # sums of n fair bits have variance n / 4
        sums = drawn_bits.sum(axis=axis)
        assert 4 * sums.var() / drawn_bits.shape[axis] == pytest.approx(1, abs=5 * np.sqrt(2 / sums.size))
    assert not np.array_equal(columns, sides(keys, seed=4, first=0, size=260))


def test_swaps_do_not_change_from_version_to_version() -> None:
    golden = sides(keys_of_places(np.arange(4)), seed=666, first=0, size=20)[:, 1::2]
    assert ["".join(map(str, row)) for row in golden.tolist()] == GOLDEN


GOLDEN = ["0110111110", "0001111011", "0001101001", "0100110001"]


def pair(n: int, seed: int, shift: float = 0.0) -> tuple[ScoredRows, ScoredRows]:
    """Two systems whose errors are alike but for ``shift``."""
    draw = np.random.default_rng(seed)
    target = draw.uniform(0, 5, n)
    index = target.astype(np.int64)
    one, other = (
        ScoredRows(target=target, prediction=target + by + draw.normal(size=n), bin_index=index, bins=5)
        for by in (0.0, shift)
    )
    return one, other


def test_a_swapped_pair_is_the_pair_the_other_way_round() -> None:
    """The test of one system against another is that of the other against the first, with the sign turned."""
    one, other = pair(80, 0, 0.3)
    keys = keys_of_places(np.arange(80))
    how: dict[str, Any] = {"permutations": 200, "seed": 1, "keys": keys}
    regions, metrics = {"all": np.ones(5, bool)}, chosen(["mae", "gm", "pearson"])
    found = paired_permutation_test(one, other, regions, metrics, **how)["all"]
    turned = paired_permutation_test(other, one, regions, metrics, **how)["all"]
    assert found.p.tolist() == turned.p.tolist()
    assert found.difference == pytest.approx(-turned.difference)
    shuffled = np.random.default_rng(2).permutation(80)
    how["keys"] = keys[shuffled]
    again = paired_permutation_test(one.at(shuffled), other.at(shuffled), regions, metrics, **how)["all"]
    assert again.p.tobytes() == found.p.tobytes()


@pytest.mark.slow
def test_swaps_by_key_hold_their_level_and_have_the_power_of_swaps_drawn_in_order() -> None:
    level: list[float] = []
    power: list[float] = []
    keys = keys_of_places(np.arange(60))
    for seed in range(300):
        for shift, by_key, into in ((0.0, keys, level), (0.7, keys, power), (0.7, None, power)):
            one, other = pair(60, seed, shift)
            where, metrics = {"all": np.ones(5, bool)}, chosen(["mse"])
            test = paired_permutation_test(
                one, other, where, metrics, permutations=99, seed=seed, keys=by_key, workers=1
            )
            into.append(test["all"].p[0])
    assert stats.kstest(level, "uniform").pvalue > 0.01
    by_key, in_order = np.array(power[::2]), np.array(power[1::2])
    shares = (by_key <= 0.05).mean(), (in_order <= 0.05).mean()
    assert 0.3 < shares[1] < 0.9
    assert shares[0] == pytest.approx(shares[1], abs=0.04)
    assert np.abs(by_key - in_order).max() < 0.25


def test_several_large_files_are_compared_in_parts_by_one_process(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(systems("a", "b"), ["CSV", "CSV"])
    words = ["evaluate", "a", "b", "--bins", str(shipped("agedb")), "--metrics", "mae,gm", "--format", "json"]
    words += ["--ci", "--poisson", "--bootstrap", "100"]
    as_a_whole = run(*words)
    monkeypatch.setattr("dircli.store.streams.LARGE", 10)
    by_parts = run(*words)
    assert "read by this process" not in by_parts.stderr
    alike(json.loads(by_parts.stdout), json.loads(as_a_whole.stdout))
