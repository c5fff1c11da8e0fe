"""`dir explain`: what lies behind the scores of one file, and the signs of a mistake in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE
from miniatures import MINIATURES

from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Run

    from dircli.arrays import FloatArray

MOVED = [(1.5, 22, 7), (2.5, 27, 12), (3.3, 22, 2), (4.5, 20, 12), (4.7, 25, 4)]
AGES = ("--bins", PROJECT / "manifests" / "agedb" / "bins.parquet")
TARGETS = (30.0, 40.0, 18.0, 90.0)


def write(path: Path, targets: Sequence[float] | FloatArray, predictions: Sequence[float] | FloatArray) -> None:
    rows = (f"{float(y)!r},{float(p)!r}\n" for y, p in zip(targets, predictions, strict=True))
    path.write_text("target,prediction\n" + "".join(rows))


@pytest.fixture
def sharp(work: Path) -> tuple[FloatArray, FloatArray]:
    """The reference rows of STS-B in sharp.csv: targets and predictions."""
    rows = np.genfromtxt(REFERENCE / "stsb_rows.csv", delimiter=",", names=True)
    write(work / "sharp.csv", rows["target"], rows["sharp"])
    return rows["target"], rows["sharp"]


def explained(run: Run, *words: object, **options: Any) -> dict[str, Any]:
    explanation: dict[str, Any] = json.loads(run("explain", *words, "--json", **options).stdout)
    return explanation


# — both protocols —


@pytest.mark.usefixtures("sharp")
def test_both_protocols_score_as_evaluate_does(run: Run) -> None:
    explanation = explained(run, "sharp.csv", "--dataset", "sts-b")
    assert list(explanation) == ["dataset", "split", "file", "protocols", "moved", "exact", "warnings"]
    assert (explanation["dataset"], explanation["split"], explanation["file"]) == ("sts-b", "test", "sharp.csv")
    assert list(explanation["protocols"]) == ["released", "paper"]
    for protocol, regions in explanation["protocols"].items():
        words = ["sharp.csv", "--dataset", "sts-b", "--protocol", protocol, "--format", "json"]
        (system,) = json.loads(run("evaluate", *words).stdout)["systems"]
        assert regions == system["regions"]


@pytest.mark.usefixtures("sharp")
def test_the_rows_that_change_region_are_those_of_five_bins_of_sts_b(run: Run) -> None:
    """37 of the 74 few-shot rows are medium-shot by the printed rule: the thresholds in the code are 30 and 100."""
    moved = explained(run, "sharp.csv", "--dataset", "sts-b")["moved"]
    assert [(row["low"], row["train"], row["rows"]) for row in moved] == MOVED
    assert {(row["released"], row["paper"]) for row in moved} == {("few", "medium")}
    assert all(list(row) == ["bin", "low", "high", "train", "rows", "released", "paper"] for row in moved)
    shown = run("explain", "sharp.csv", "--dataset", "sts-b").stdout
    assert "37 rows change their region with the protocol:" in shown
    for low, train, rows in MOVED:
        assert f"{low:g}   {low + 0.1:g} {train:>7} {rows:>6}        few   medium" in shown


def test_no_row_of_agedb_changes_region(run: Run, work: Path) -> None:
    write(work / "p.csv", TARGETS, [31.5, 41.25, 19.125, 91.0625])
    assert explained(run, "p.csv", *AGES)["moved"] == []
    shown = run("explain", "p.csv", *AGES).stdout
    assert "no row changes its region between the protocols" in shown
    assert "no prediction hits its target exactly" in shown
    assert "nothing looks wrong" in shown


@pytest.mark.usefixtures("sharp")
def test_a_file_may_come_from_standard_input(run: Run, work: Path) -> None:
    expected = explained(run, "sharp.csv", "--dataset", "sts-b")
    explanation = explained(run, "-", "--dataset", "sts-b", stdin=(work / "sharp.csv").read_bytes())
    assert explanation == expected | {"file": "-"}


# — exact hits —


def test_exact_hits_and_gm_without_them_are_those_of_another_computation(
    run: Run, sharp: tuple[FloatArray, FloatArray]
) -> None:
    """As released, targets are float32, and an exact hit counts as 1e-10."""
    target, prediction = sharp
    exact = explained(run, "sharp.csv", "--dataset", "sts-b")["exact"]
    path = manifests.shipped("sts-b")
    assert path is not None
    table = manifests.read_bins(path)
    region = table.regions["released"][np.searchsorted(table.bins.edges[1:-1], target, side="right")]
    error = np.abs(prediction - target.astype(np.float32))
    hits = {}
    for name in ("all", "many", "medium", "few"):
        own = error[(region == name) | (name == "all")]
        hits[name] = {
            "exact": int((own == 0).sum()),
            "gm": pytest.approx(np.exp(np.log(np.where(own == 0, 1e-10, own)).mean())),
            "gm_without": pytest.approx(np.exp(np.log(own[own != 0]).mean())),
        }
    assert exact == {name: row for name, row in hits.items() if row["exact"]}
    assert exact["all"]["exact"] == 29
    shown = run("explain", "sharp.csv", "--dataset", "sts-b").stdout
    assert "exact hits, and GM with and without them (released protocol):" in shown
    assert f"all         29   {exact['all']['gm']:.3f}     {exact['all']['gm_without']:.3f}" in shown


def test_gm_without_exact_hits_is_null_where_every_prediction_is_one(run: Run, work: Path) -> None:
    write(work / "p.csv", TARGETS, [30.0, 40.0, 19.5, 90.0])
    exact = explained(run, "p.csv", *AGES)["exact"]
    assert exact == {
        "all": {"exact": 3, "gm": 0, "gm_without": pytest.approx(1.5)},
        "many": {"exact": 2, "gm": 0, "gm_without": None},
        "few": {"exact": 1, "gm": 0, "gm_without": None},
    }
    write(work / "p.csv", TARGETS, TARGETS)
    assert {row["gm_without"] for row in explained(run, "p.csv", *AGES)["exact"].values()} == {None}


# — warnings —

MIDDLE = "the middle of the bin with the median of the training targets"
FINE = (31.123, 41.456, 19.789, 91.321)


@pytest.mark.parametrize(
    ("predictions", "says"),
    [
        (FINE, []),
        ((36.5,) * 4, ["every prediction is 36.5: correlations are undefined"]),
        (
            (31, 42, 19, 88),
            ["all predictions are whole numbers: exact hits become likely, and each pulls GM towards 0"],
        ),
        (
            (31.5, 42, 19, 88),
            ["all predictions are rounded to one decimal: exact hits become likely, and each pulls GM towards 0"],
        ),
        (
            (31.12, 42.1, 19, 88),
            ["all predictions are rounded to two decimals: exact hits become likely, and each pulls GM towards 0"],
        ),
        ((*FINE[:3], 121.001), ["1 prediction lies outside the targets' range, 0 to 121"]),
        (
            (-0.001, *FINE[1:3], 1e9),
            [
                "2 predictions lie outside the targets' range, 0 to 121",
                f"MAE 2.5e+08 is worse than that of one constant, {MIDDLE} (43.5): 22.25",
            ],
        ),
        (TARGETS, ["every prediction equals its target"]),
        ((0.123, *FINE[1:3], 121.0), []),
        (
            (200,) * 4,
            [
                "every prediction is 200: correlations are undefined",
                "4 predictions lie outside the targets' range, 0 to 121",
            ],
        ),
    ],
)
def test_constant_rounded_and_impossible_predictions_are_told_of(
    predictions: Sequence[float], says: list[str], run: Run, work: Path
) -> None:
    write(work / "p.csv", TARGETS, predictions)
    assert explained(run, "p.csv", *AGES)["warnings"] == says
    shown = " ".join(run("explain", "p.csv", *AGES).stdout.split())
    for warning in says:
        assert f"warning: {warning}" in shown
    assert ("nothing looks wrong" in shown) == (not says)


@pytest.mark.parametrize(
    "predictions", [FINE, (36.5,) * 4, (31, 42, 19, 88), (-0.001, *FINE[1:3], 1e9), TARGETS, (1e308, -1e308, 18, 90)]
)
def test_evaluate_notes_the_same_signs_on_stderr_and_scores_alike(
    predictions: Sequence[float], run: Run, work: Path
) -> None:
    write(work / "p.csv", TARGETS, predictions)
    write(work / "fine.csv", TARGETS, FINE)
    words = ("evaluate", "fine.csv", "p.csv", *AGES, "--format", "json")
    loud, quiet = run(*words), run(*words, "-q")
    told = [line for line in loud.stderr.splitlines() if line.startswith(("p: ", "fine: "))]
    assert told == [f"p: {sign}" for sign in explained(run, "p.csv", *AGES)["warnings"]]
    assert (quiet.stdout, quiet.stderr) == (loud.stdout, "")


@pytest.fixture
def miniature(tmp_path: Path, work: Path, run: Run) -> tuple[list[str], FloatArray]:
    """The test rows of a curated AgeDB miniature: ids and targets."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    rows = samples.split == "test"
    return [str(key) for key in samples.ids[rows]], samples.targets[rows]


def with_ids(path: Path, ids: Sequence[str], predictions: FloatArray) -> None:
    rows = zip(ids, predictions.tolist(), strict=True)
    path.write_text("id,prediction\n" + "".join(f"{key},{value!r}\n" for key, value in rows))


def test_ids_in_another_order_than_the_predictions_are_suspected(
    run: Run, work: Path, miniature: tuple[list[str], FloatArray]
) -> None:
    """Predictions in the order of the manifest beside ids that were sorted: a good model looks like a bad one."""
    ids, targets = miniature
    predictions = targets + np.random.default_rng(0).normal(0, 2, targets.size)
    with_ids(work / "swapped.csv", sorted(ids), predictions)
    warning, useless = explained(run, "swapped.csv")["warnings"]
    assert useless.startswith("MAE 1")
    by_order = np.corrcoef(targets, predictions)[0, 1]
    assert warning.startswith(
        f"in file order the predictions correlate with the targets at {by_order:.2f}, by their id"
    )
    assert warning.endswith("the ids may stand in the wrong order; try --by-position")
    assert explained(run, "swapped.csv", "--by-position")["warnings"] == []


@pytest.mark.parametrize("size", [1.0, 1e-305, 1e300])
def test_ids_in_another_order_are_suspected_whatever_the_size_of_the_targets(size: float, run: Run, work: Path) -> None:
    draw = np.random.default_rng(0)
    targets = draw.gamma(2, 5, 300)
    lines = "".join(f"{key:03},{value!r}\n" for key, value in enumerate((targets * size).tolist()))
    (work / "t.csv").write_text(f"id,target\n{lines}")
    run("curate", "custom", "--table", "t.csv", "--target", "target", "--id", "id", "--name", "own")
    samples = manifests.read(work / "manifests" / "own").samples
    rows = samples.mask("test")
    unscaled = targets[samples.ids[rows].astype(int)]
    order = draw.permutation(unscaled.size)
    with_ids(work / "p.csv", [str(key) for key in samples.ids[rows][order]], unscaled * size)
    by_id = np.corrcoef(unscaled[order], unscaled)[0, 1]
    told = [sign for sign in explained(run, "p.csv")["warnings"] if "file order" in sign]
    assert [sign.split(":")[0] for sign in told] == [
        f"in file order the predictions correlate with the targets at 1.00, by their ids at {by_id:.2f}"
    ]


@pytest.mark.parametrize("order", ["manifest", "reversed", "sorted"])
def test_a_good_file_is_not_suspected_whatever_its_order(
    order: str, run: Run, work: Path, miniature: tuple[list[str], FloatArray]
) -> None:
    ids, targets = miniature
    predictions = targets + np.random.default_rng(0).normal(0, 2, targets.size)
    places = {"manifest": range(len(ids)), "reversed": range(len(ids))[::-1]}
    rows = list(places.get(order, np.argsort(ids).tolist()))
    with_ids(work / "p.csv", [ids[row] for row in rows], predictions[rows])
    explanation = explained(run, "p.csv")
    assert explanation["warnings"] == []
    assert explanation["protocols"]["released"]["all"]["mae"] == pytest.approx(np.abs(predictions - targets).mean())


def test_a_bad_model_with_right_ids_is_not_suspected(
    run: Run, work: Path, miniature: tuple[list[str], FloatArray]
) -> None:
    ids, targets = miniature
    predictions = np.random.default_rng(1).uniform(1, 100, targets.size)
    with_ids(work / "p.csv", ids, predictions)
    samples = manifests.read(work / "manifests" / "agedb").samples
    median = np.median(samples.targets[samples.split == "train"])
    mae, of_median = (np.abs(each - targets).mean() for each in (predictions, median))
    constant = f"that of one constant, the median of the training targets ({median:g}): {of_median:.6g}"
    assert explained(run, "p.csv")["warnings"] == [f"MAE {mae:.6g} is worse than {constant}"]


@pytest.mark.thorough
def test_a_broken_file_is_refused_once_and_not_once_per_protocol(
    run: Run, work: Path, miniature: tuple[list[str], FloatArray]
) -> None:
    ids, targets = miniature
    with_ids(work / "p.csv", ids[1:], targets[1:])
    done = run("explain", "p.csv", code=2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "p.csv: 1 ids are missing: AgeDB/" in done.stderr


def test_a_prediction_near_the_end_of_double_precision_is_explained(work: Path, run: Run) -> None:
    write(work / "p.csv", TARGETS, [1e308, -1e308, 18, 90])
    found = explained(run, "p.csv", *AGES)
    assert any("2 predictions lie outside" in warning for warning in found["warnings"])
    assert found["protocols"]["paper"]["all"]["mse"] is None
