"""FDS: the released code's numbers, the paper's equations by another way, and what happens where they are undefined."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import PROJECT
from scipy.linalg import sqrtm

from dircli import datasets
from dircli.benchmark.bins import Bins
from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import PAPER, RELEASED, FdsRule
from dircli.errors import InputError, UsageError
from dircli.features import statistics as sums
from dircli.features.fds import FDS
from dircli.features.similarity import cosines, strangers
from dircli.features.statistics import DiagonalStatistics, Moments, root, whitening

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dircli.arrays import FloatArray
    from dircli.benchmark.protocol import Protocol

FOLDER = PROJECT / "tests"
YEARS = Bins.regular(0, 121, 1)
TEN = Bins.regular(0, 10, 1)
AGES = FdsRule(start=3, last=99, exact=True)


def golden() -> dict[str, Any]:
    """Three epochs, the statistics after them, and a query, as the released code printed them."""
    with np.load(FOLDER / "reference" / "fds_gaussian_5_2.npz") as file:
        return {key: file[key] for key in file.files}


def ready(features: Any, labels: Any, *, bins: Bins = TEN, rule: FdsRule | None = None, **choices: Any) -> FDS:
    """FDS after one epoch of these rows."""
    fds = FDS(np.shape(features)[1], bins, rule or FdsRule(), **choices)
    fds.update(np.asarray(features, dtype=np.float64), np.asarray(labels, dtype=np.float64))
    fds.smooth()
    return fds


def rows(n: int, d: int, seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, d)) @ random.standard_normal((d, d)) + random.standard_normal(d)


@pytest.mark.thorough
@pytest.mark.parametrize("block", [3000, 700])
def test_three_epochs_give_the_statistics_of_the_released_code(block: int) -> None:
    """Smoothing and calibration rest on all three epochs; a value near 0 is compared on the scale of its features."""
    expected = golden()
    fds = FDS(8, YEARS, datasets.load("agedb").rules.fds)
    for features, labels in zip(expected["features"], expected["labels"], strict=True):
        for first in range(0, len(labels), block):
            fds.update(features[first : first + block], labels[first : first + block])
        fds.smooth()
    state = fds.state_dict()
    for name in ("running_mean", "running_var", "smoothed_mean", "smoothed_var"):
        assert state[name] == pytest.approx(expected[name], rel=1e-5, abs=0), name
    calibrated = fds.calibrate(expected["query"], expected["query_labels"])
    assert calibrated.dtype == np.float32
    assert calibrated == pytest.approx(expected["calibrated"], rel=1e-5, abs=1e-6)


def test_released_moments_by_hand() -> None:
    """Two rows: the unbiased variance; one: 0; none: mean 0, variance 1; and a second epoch weighs a tenth."""
    fds = ready([[1.0], [3.0], [5.0]], [2, 2, 4])
    state = fds.state_dict()
    assert state["running_mean"][[2, 4, 5], 0].tolist() == [2, 5, 0]
    assert state["running_var"][[2, 4, 5], 0].tolist() == [2, 0, 1]
    fds.update(np.array([[12.0]]), np.array([5.0]))
    fds.smooth()
    assert fds.state_dict()["running_mean"][[2, 5], 0] == pytest.approx([2, 1.2])
    assert fds.state_dict()["running_var"][[2, 5], 0] == pytest.approx([2, 0.9])
    assert fds.counts.tolist() == [0, 0, 2, 0, 1, 1, 0, 0, 0, 0]


def test_the_ends_are_mirrored_without_the_edge() -> None:
    """A triangle ¼ ½ ¼ at bin 0: half of itself, and bin 1 twice."""
    means = np.arange(10.0)[:, None] ** 2
    fds = ready(means, np.arange(10.0), kernel="triang", ks=3)
    smoothed = fds.state_dict()["smoothed_mean"][:, 0]
    assert smoothed[[0, 1, 9]] == pytest.approx([0.5, 1.5, (81 + 64) / 2])


def test_the_end_bins_take_all_labels_beyond_them_and_others_match_exactly() -> None:
    fds = FDS(1, YEARS, AGES)
    assert fds.index(np.array([0, 1, 3, 3.5, 4, 98, 99, 99.5, 150])).tolist() == [0, 0, 0, -1, 1, 95, 96, 96, 96]
    assert fds.index(np.array([2, 3, 120])).tolist() == [0, 0, 96]


def test_labels_of_another_precision_lie_in_the_same_bins() -> None:
    stsb = datasets.load("sts-b").rules
    labels = np.array([round(k / 10, 1) for k in range(51)])
    expected = [*range(50), 49]
    for kind in (np.float64, np.float32):
        assert FDS(1, stsb.bins, stsb.fds).index(labels.astype(kind)).tolist() == expected
        assert FDS(1, stsb.bins, stsb.fds, protocol=PAPER).index(labels.astype(kind)).tolist() == expected


def test_the_ratio_of_variances_is_clipped_as_the_dataset_says() -> None:
    """Bin 4 varies a million times less than its neighbours: each dataset has its own bound."""
    features = np.concatenate([[[-1000.0], [1000.0]] if b != 4 else [[-1.0], [1.0]] for b in range(10)])
    labels = np.repeat(np.arange(10.0), 2)
    for clip in ((0.1, 10.0), (0.5, 2.0), (0.2, 5.0)):
        fds = ready(features, labels, rule=FdsRule(clip=clip))
        moved = fds.calibrate(np.array([[1.0]]), np.array([4.0]))
        assert moved == pytest.approx(np.sqrt(clip[1]))


def test_the_bins_and_clips_of_the_datasets_are_the_stated_ones() -> None:
    rules = {name: datasets.load(name).rules.fds for name in datasets.NAMES}
    facts = {name: (rule.start, rule.last, *rule.clip) for name, rule in rules.items()}
    stated = {"agedb": (3, 99, 0.1, 10), "imdb-wiki": (0, 99, 0.1, 10), "sts-b": (0, None, 0.5, 2)}
    stated |= {"nyud2": (7, None, 0.2, 5), "shhs": (0, None, 0.1, 10)}
    assert {name: facts[name] for name in stated} == stated


def test_a_bin_without_variance_stays_and_so_does_a_dimension_without_variance() -> None:
    features = np.array([[1.0, 7.0], [3.0, 7.0], [5.0, 5.0]])
    fds = ready(features, [2, 2, 3])
    moved = fds.calibrate(features, np.array([2.0, 2.0, 3.0]))
    assert (moved[:2, 0] != features[:2, 0]).all()
    assert moved[:, 1].tolist() == features[:, 1].tolist()
    assert moved[2].tolist() == features[2].tolist()


def test_a_bin_that_is_empty_in_an_epoch_becomes_the_mean_of_its_neighbours_for_sts_b() -> None:
    rule = FdsRule(fill=True)
    state = ready([[2.0], [4.0], [6.0]], [1, 3, 8], rule=rule).state_dict()
    # in ascending order: 0 ← 1; 2 ← (1, 3); 4 ← (3, 5 still empty); 5 ← (4, 6 still empty) …
    assert state["running_mean"][:, 0] == pytest.approx([2, 2, 3, 4, 2, 1, 0.5, 3.25, 6, 6])
    assert datasets.load("sts-b").rules.fds.fill


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_blocks_in_any_order_give_the_moments_of_all_rows_also_far_from_zero(protocol: Protocol) -> None:
    features = rows(600, 5) + 1e7
    labels = np.random.default_rng(1).integers(0, 10, 600)
    whole = Moments(10, 5, covariance=protocol.covariance)
    for part in np.array_split(np.random.default_rng(2).permutation(600), 7):
        block = Moments(10, 5, covariance=protocol.covariance)
        for piece in np.array_split(part, 3):
            block.add(features[piece], labels[piece])
        whole.merge(block)
    for b in range(10):
        held = features[labels == b]
        assert whole.mean[b] == pytest.approx(held.mean(axis=0), rel=1e-14)
        if protocol.covariance:
            assert whole.covariance_of(b) == pytest.approx(np.cov(held.T), rel=1e-6)
        else:
            assert whole.variances()[b] == pytest.approx(held.var(axis=0, ddof=1), rel=1e-7)


def direct(features: FloatArray, labels: FloatArray, b: int) -> FloatArray:
    """Equations 2 to 6 for the rows of bin ``b``, all ten bins full, through scipy's matrix square root."""
    mean = np.array([features[labels == n].mean(axis=0) for n in range(10)])
    covariance = np.array([np.cov(features[labels == n].T) for n in range(10)])
    near = [n for n in range(b - 2, b + 3) if 0 <= n < 10]
    kernel = kernel_window("gaussian", 5, 2, filtered=False)[[n - b + 2 for n in near]]
    kernel /= kernel.sum()
    smoothed_mean = sum(k * mean[n] for k, n in zip(kernel, near, strict=True))
    smoothed = sum(k * covariance[n] for k, n in zip(kernel, near, strict=True))
    recoloured = np.real(sqrtm(smoothed) @ np.linalg.inv(sqrtm(covariance[b])))
    return np.asarray((features[labels == b] - mean[b]) @ recoloured.T + smoothed_mean)


@pytest.mark.parametrize("b", [0, 4, 9])
def test_the_paper_whitens_and_recolours_as_scipy_computes_it(b: int) -> None:
    features, labels = rows(500, 6), np.arange(500.0) % 10
    features += labels[:, None]
    fds = ready(features, labels, protocol=PAPER)
    held = labels == b
    assert fds.calibrate(features[held], labels[held]) == pytest.approx(direct(features, labels, b), rel=1e-8, abs=1e-8)


def test_calibrated_features_have_the_smoothed_mean_and_covariance() -> None:
    features, labels = rows(400, 4), np.arange(400.0) % 10
    fds = ready(features, labels, protocol=PAPER)
    moved = fds.calibrate(features, labels)[labels == 3]
    assert moved.mean(axis=0) == pytest.approx(fds.state_dict()["smoothed_mean"][3])
    assert np.cov(moved.T) == pytest.approx(fds.statistics.smoothed_covariance(3), rel=1e-8, abs=1e-10)  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [3, 5])
def test_a_singular_covariance_is_whitened_on_its_range(count: int) -> None:
    """Fewer rows than dimensions: white rows have the identity on the range, and what is off it is dropped."""
    held = rows(count, 8)
    covariance = np.cov(held.T)
    white = (held - held.mean(axis=0)) @ whitening(covariance).T
    values = np.linalg.eigvalsh(np.cov(white.T))
    assert values[-count + 1 :] == pytest.approx(np.ones(count - 1))
    assert values[: -count + 1] == pytest.approx(np.zeros(8 - count + 1), abs=1e-10)
    pseudo = np.linalg.pinv(np.real(sqrtm(covariance + 0j)), rcond=1e-6)
    assert whitening(covariance) == pytest.approx(pseudo, rel=1e-5, abs=1e-6)
    assert root(covariance) @ root(covariance) == pytest.approx(covariance, abs=1e-10)


def test_more_dimensions_than_rows_give_finite_features_with_the_smoothed_mean() -> None:
    features, labels = rows(30, 50), np.arange(30.0) % 10
    fds = ready(features, labels, protocol=PAPER)
    moved = fds.calibrate(features, labels)
    assert np.isfinite(moved).all()
    assert moved[labels == 2].mean(axis=0) == pytest.approx(fds.state_dict()["smoothed_mean"][2])


def test_a_bin_of_one_row_lends_its_mean_but_no_covariance_and_becomes_the_smoothed_mean() -> None:
    features = np.concatenate([rows(50, 3), [[9.0, 9.0, 9.0]]])
    labels = np.array([4.0] * 50 + [5.0])
    fds = ready(features, labels, protocol=PAPER, kernel="triang", ks=3)
    state = fds.state_dict()
    assert state["covariance_bin"].tolist() == [4]
    assert fds.statistics.smoothed_covariance(4) == pytest.approx(np.cov(rows(50, 3).T))  # type: ignore[union-attr]
    assert fds.calibrate(features[-1:], labels[-1:])[0] == pytest.approx(state["smoothed_mean"][5])
    assert state["smoothed_mean"][5] == pytest.approx((2 * features[-1] + features[:50].mean(axis=0)) / 3)


def test_the_paper_mixes_epochs_and_a_bin_that_comes_later_counts_whole() -> None:
    first, second = rows(20, 2, seed=1), rows(20, 2, seed=2)
    fds = ready(first, np.full(20, 4.0), protocol=PAPER)
    fds.update(np.concatenate([second, second]), np.repeat([4.0, 6.0], 20))
    fds.smooth()
    state = fds.state_dict()
    assert state["running_covariance"][0] == pytest.approx(0.9 * np.cov(first.T) + 0.1 * np.cov(second.T))
    assert state["running_covariance"][1] == pytest.approx(np.cov(second.T))
    assert state["running_mean"][6] == pytest.approx(second.mean(axis=0))


def test_a_label_outside_the_bins_has_none_in_the_paper_and_its_row_stays() -> None:
    features, labels = rows(40, 2), np.array([*[3.0] * 38, -1.0, 11.0])
    fds = ready(features, labels, protocol=PAPER)
    assert fds.counts.sum() == 38
    assert fds.calibrate(features, labels)[-2:].tolist() == features[-2:].tolist()
    unseen = fds.calibrate(features, np.full(40, 7.0))
    assert unseen.tolist() == features.tolist()


def test_covariances_exist_only_for_bins_that_occur_and_only_in_the_paper() -> None:
    features, labels = rows(30, 4), np.repeat([2.0, 7.0], 15)
    assert ready(features, labels, protocol=PAPER).state_dict()["running_covariance"].shape == (2, 4, 4)
    assert all(value.ndim <= 2 for value in ready(features, labels).state_dict().values())


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_numbers_that_are_not_finite_are_refused_with_their_rows_and_nothing_is_added(protocol: Protocol) -> None:
    features = rows(30, 3)
    fds = FDS(3, TEN, FdsRule(), protocol=protocol)
    features[[4, 9], 1] = [np.nan, np.inf]
    labels = np.full(30, 5.0)
    labels[2] = np.nan
    for add in (fds.update, fds.gather):
        with pytest.raises(InputError) as caught:
            add(features, labels)
        found = (
            "row 4: the features are not finite",
            "row 9: the features are not finite",
            "row 2: the label is not finite",
        )
        assert all(text in str(caught.value) for text in found)
    fds.smooth()
    assert not fds.epochs


def test_many_bad_rows_are_counted() -> None:
    with pytest.raises(InputError, match="the features are not finite in 15 more"):
        FDS(3, TEN, FdsRule()).update(np.full((25, 3), np.nan), np.zeros(25))


def test_features_are_as_they_are_before_the_first_epoch_is_closed_and_with_the_kernel_none() -> None:
    features, labels = rows(40, 3), np.arange(40.0) % 10
    fds = FDS(3, TEN, FdsRule())
    fds.update(features, labels)
    assert fds.calibrate(features, labels).tolist() == features.tolist()
    same = ready(features, labels, kernel="none")
    assert same.calibrate(features, labels) == pytest.approx(features)


def test_calibration_leaves_its_input_alone_unless_it_is_the_output() -> None:
    features, labels = rows(40, 3).astype(np.float32), np.arange(40.0) % 10
    before = features.copy()
    fds = ready(features, labels)
    moved = fds.calibrate(features, labels)
    assert np.array_equal(features, before)
    assert fds.calibrate(features, labels, out=features) is features
    assert np.array_equal(features, moved)
    half = fds.calibrate(before.astype(np.float16), labels)
    assert half.dtype == np.float16
    assert half == pytest.approx(moved, abs=2e-2)


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_a_loaded_state_goes_on_as_if_it_had_never_stopped(protocol: Protocol, tmp_path: Path) -> None:
    features, labels = rows(90, 3), np.arange(90.0) % 9
    first = ready(features, labels, protocol=protocol)
    np.savez(tmp_path / "state.npz", **first.state_dict())  # type: ignore[arg-type]
    second = FDS(3, TEN, FdsRule(), protocol=protocol)
    with np.load(tmp_path / "state.npz") as state:
        second.load_state_dict(state)
    for fds in (first, second):
        fds.update(features[::2], labels[::2])
        fds.smooth()
    one, other = first.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)
    assert np.array_equal(first.calibrate(features, labels), second.calibrate(features, labels))


def test_a_state_of_another_fds_and_one_within_an_epoch_are_refused() -> None:
    fds = ready(rows(10, 3), np.zeros(10))
    with pytest.raises(UsageError, match=r"the state is of another FDS: .*ks=5.*this one is .*ks=3"):
        FDS(3, TEN, FdsRule(), ks=3).load_state_dict(fds.state_dict())
    fds.update(rows(10, 3), np.zeros(10))
    with pytest.raises(UsageError, match="an epoch is open; call smooth before state_dict"):
        fds.state_dict()


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"ks": 4}, "must be an odd number"),
        ({"ks": 21}, "too wide for 10 bins"),
        ({"momentum": 1.0}, r"must lie in \[0, 1\)"),
        ({"sigma": 0.0}, "must be a number of bins from"),
        ({"dim": 0}, "one dimension or more"),
    ],
)
def test_arguments_that_cannot_be_are_refused(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FDS(**{"dim": 3, "bins": TEN, "rule": FdsRule(), **choices})


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros((4, 2)), np.zeros(4), r"float64 of shape \(4, 2\); .* shape \(n, 3\)"),
        (np.zeros((4, 3), dtype=int), np.zeros(4), "int64"),
        (np.zeros((4, 3)), np.zeros(3), "one label per row"),
        (np.zeros((4, 3)), np.array(list("abcd")), "numbers are expected"),
    ],
)
def test_arrays_of_another_shape_are_refused(features: NDArray[Any], labels: NDArray[Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FDS(3, TEN, FdsRule()).gather(features, labels)


def test_an_empty_block_is_no_epoch() -> None:
    fds = FDS(3, TEN, FdsRule())
    fds.update(np.zeros((0, 3)), np.zeros(0))
    fds.smooth()
    assert fds.epochs == 0
    assert fds.calibrate(np.zeros((0, 3)), np.zeros(0)).shape == (0, 3)


def model(*, collapsed: bool) -> FloatArray:
    """The mean features of ages 0..80 under a model: a path that bends steadily away from where it began.

    A ``collapsed`` model has seen too few of ages 0 to 6, which inherit the features of age 30, each a little off.
    """
    age = np.arange(81)[:, None]
    random = np.random.default_rng(3)
    path = np.exp(-(((age - np.arange(0, 81, 4)) / 25) ** 2))
    if collapsed:
        path[:7] = path[30] * (1 + 0.25 * random.standard_normal((7, path.shape[1])))
    return np.asarray(path)


def test_a_model_of_imbalanced_data_shows_what_figure_4_shows() -> None:
    """Close ages are alike; yet age 30 is more alike to age 1 than to age 17, and ages 0 to 6 are marked for it."""
    cosine = cosines(model(collapsed=True))
    assert (cosine[30, 25:36] > 0.97).all()
    assert (np.diff(cosine[30, 25:31]) > 0).all()
    assert (np.diff(cosine[30, 30:36]) < 0).all()
    assert cosine[30, 1] > cosine[30, 17]
    marked = strangers(cosine, reach=2)
    assert set(range(7)) <= set(np.flatnonzero(marked >= 0).tolist()) <= set(range(9))
    assert (np.abs(marked[:7] - 30) <= 10).all()


def test_a_model_of_balanced_data_has_similarity_that_falls_with_distance_and_nothing_marked() -> None:
    cosine = cosines(model(collapsed=False))
    assert (np.diff(cosine[30, :31]) > 0).all()
    assert (np.diff(cosine[30, 30:]) < 0).all()
    assert (strangers(cosine, reach=2) < 0).all()


def test_bins_that_differ_only_by_chance_are_not_marked() -> None:
    """Variances of one model, each from 200 rows: of 97 far regions one is always a little nearer."""
    random = np.random.default_rng(5)
    variances = np.array([random.standard_normal((200, 64)).var(axis=0) for _ in range(100)])
    assert (strangers(cosines(variances), reach=2) < 0).all()


def test_bins_without_a_direction_or_a_neighbour_are_undefined_and_not_marked() -> None:
    vectors = np.array([[1.0, 0], [0, 0], [np.nan, 0], [0, 0], [0, 0], [1.0, 0.5], [1.0, 0]])
    cosine = cosines(vectors)
    assert np.isnan(cosine[1]).all()
    assert np.isnan(cosine[2]).all()
    assert cosine[0, 6] == pytest.approx(1)
    assert strangers(cosine, reach=1).tolist() == [-1] * 6 + [0]


@pytest.mark.parametrize("name", ["sts-b", "nyud2"])
def test_a_still_feature_leaves_the_whole_bin_alone_where_the_released_code_does(name: str) -> None:
    """Its condition for the live features adds two truth values and compares the sum with 2, which it never equals."""
    rule, bins = datasets.load(name).rules.fds, TEN
    features = np.abs(rows(400, 3))
    labels = np.repeat(np.arange(10.0), 40)
    features[labels == 8, 1] = 0.0  # as after a ReLU that never fires there
    released = ready(features, labels, bins=bins, rule=replace(rule, start=0), ks=3)
    moved = (released.calibrate(features, labels) != features).any(axis=1)
    assert not moved[labels == 8].any()
    assert moved[labels == 7].all()
    assert np.flatnonzero(released.statistics.left_alone).tolist() == [8]  # type: ignore[union-attr]
    ages = ready(features, labels, bins=bins, rule=replace(AGES, start=0), ks=3)
    assert (ages.calibrate(features, labels) != features)[labels == 8].any(axis=0).tolist() == [True, False, True]
    paper = ready(features, labels, bins=bins, rule=rule, ks=3, protocol=PAPER)
    assert (paper.calibrate(features, labels) != features)[labels == 8].any()


def test_a_bin_is_still_below_a_variance_of_1e_10_in_all_and_not_at_it() -> None:
    """As released: the sum over dimensions is compared with 1e-10, and at it the bin is calibrated."""
    statistics = DiagonalStatistics(3, 2, clip=(0.1, 10.0), fill=False)
    statistics.variance[:] = [[1e-10, 0.0], [5e-11, 0.0], [1.0, 1.0]]
    statistics.smooth(np.array([1.0]))
    assert statistics.moved.tolist() == [True, False, True]


def released_loop(
    epochs: list[tuple[FloatArray, FloatArray]], clip: tuple[float, float] = (0.1, 10)
) -> list[FloatArray]:
    """What the released training loop makes of the features of ten whole labels, epoch by epoch, written out.

    It keeps no copy of the running statistics it smooths, so that those an epoch is moved from hold the last epoch.
    """
    window = kernel_window("triang", 3, 1, filtered=False)
    window = window / window.sum()
    mean, variance = np.zeros((10, 3)), np.ones((10, 3))
    smoothed: list[Any] = []
    seen: list[FloatArray] = []
    for number, (features, labels) in enumerate(epochs):
        out = features.copy()
        for b in range(10) if smoothed else ():
            factor = np.sqrt(np.clip(smoothed[1][b] / variance[b], *clip))
            out[labels == b] = (features[labels == b] - mean[b]) * factor + smoothed[0][b]
        seen.append(out)
        if number:
            padded = [np.pad(a, ((1, 1), (0, 0)), mode="reflect") for a in (mean, variance)]
            smoothed = [sum(window[k] * a[k : k + 10] for k in range(3)) for a in padded]
        old = 0.9 if number else 0.0
        for b in range(10):
            part = features[labels == b]
            mean[b] = old * mean[b] + (1 - old) * part.mean(axis=0)
            variance[b] = old * variance[b] + (1 - old) * part.var(axis=0, ddof=1)
    return seen


def test_with_the_lag_each_epoch_is_moved_as_in_the_released_training_loop() -> None:
    epochs = [(rows(200, 3, seed=k), np.arange(200.0) % 10) for k in range(5)]
    fds = FDS(3, TEN, FdsRule(), kernel="triang", ks=3)
    for number, ((features, labels), expected) in enumerate(zip(epochs, released_loop(epochs), strict=True)):
        moved = fds.calibrate(features, labels)
        assert moved == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert np.array_equal(moved, features) == (number < 2)
        fds.update(features, labels)
        fds.smooth(lag=True)
        again = FDS(3, TEN, FdsRule(), kernel="triang", ks=3)
        again.load_state_dict(fds.state_dict())
        assert np.array_equal(again.calibrate(features, labels), fds.calibrate(features, labels))


def test_the_lag_is_not_the_papers() -> None:
    fds = FDS(3, TEN, FdsRule(), protocol=PAPER)
    fds.update(rows(30, 3), np.arange(30.0) % 10)
    with pytest.raises(UsageError, match="released protocol alone"):
        fds.smooth(lag=True)


def test_the_defaults_are_the_papers_and_the_settings_state_them_all() -> None:
    fds = FDS(3, TEN, FdsRule())
    assert fds.settings == (
        "released gaussian ks=5 sigma=2 momentum=0.9 dim=3 bins=10 from 0 to 10 clip=0.1..10 fill=False"
    )
    assert FDS(3, TEN, AGES, protocol=PAPER).settings == (
        "paper gaussian ks=5 sigma=2 momentum=0.9 dim=3 bins=10 from 0 to 10"
    )
    assert FDS.for_dataset("sts-b", 4).settings == (
        "released gaussian ks=5 sigma=2 momentum=0.9 dim=4 bins=50 from 0 to 5 clip=0.5..2 fill=True"
    )
    assert fds.window == pytest.approx(kernel_window("gaussian", 5, 2, filtered=True) / 5, rel=0.2)
    assert fds.window.sum() == pytest.approx(1)


def test_labels_lie_in_the_bin_that_holds_them_unless_the_rule_asks_for_its_left_end() -> None:
    labels = np.array([-1, 0, 0.5, 3, 3.5, 8.5, 9, 9.5, 10, 11, np.nan])
    assert FDS(1, TEN, FdsRule()).index(labels).tolist() == [0, 0, 0, 3, 3, 8, 9, 9, 9, 9, -1]
    exact = FDS(1, TEN, FdsRule(exact=True))
    assert exact.index(labels).tolist() == [0, 0, -1, 3, -1, -1, 9, 9, 9, 9, -1]
    part = FDS(1, TEN, FdsRule(start=2, last=7))
    assert part.index(labels).tolist() == [0, 0, 0, 1, 1, 5, 5, 5, 5, 5, -1]
    assert part.edges.tolist() == [2, 3, 4, 5, 6, 7, 8]
    paper = FDS(1, TEN, FdsRule(start=2, last=7, exact=True), protocol=PAPER)
    assert paper.index(labels).tolist() == [-1, 0, 0, 3, 3, 8, 9, 9, 9, -1, -1]
    assert FDS(1, TEN, FdsRule(start=20, last=99), ks=1).edges.tolist() == [9, 10]


def test_half_a_window_may_be_as_wide_as_all_bins_but_one() -> None:
    """So far a mirror image without its edge reaches."""
    features = np.arange(10.0)[:, None]
    fds = ready(features, np.arange(10.0), ks=19, kernel="triang")
    mirrored = np.abs(np.arange(-9, 10))
    assert fds.state_dict()["smoothed_mean"][0, 0] == pytest.approx(fds.window @ mirrored)
    assert FDS(1, Bins.regular(0, 1, 1), FdsRule(), ks=1).window.tolist() == [1]


def test_the_momentum_is_what_the_past_weighs_from_the_second_epoch_on() -> None:
    for momentum in (0.0, 0.25):
        fds = ready([[2.0], [4.0]], [3, 3], momentum=momentum)
        assert fds.epochs == 1
        fds.update(np.array([[11.0], [15.0]]), np.array([3.0, 3.0]))
        fds.smooth()
        assert fds.epochs == 2
        assert int(fds.state_dict()["epochs"]) == 2
        assert fds.state_dict()["running_mean"][3, 0] == pytest.approx(momentum * 3 + (1 - momentum) * 13)
        assert fds.state_dict()["running_var"][3, 0] == pytest.approx(momentum * 2 + (1 - momentum) * 8)
        assert fds.counts.tolist() == [0, 0, 0, 4, 0, 0, 0, 0, 0, 0]
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\)"):
        FDS(1, TEN, FdsRule(), momentum=-0.1)


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_chunks_of_any_size_give_the_same_statistics_and_features(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = rows(200, 3), np.random.default_rng(1).integers(-1, 11, 200).astype(float)
    expected = ready(features, labels, protocol=protocol)
    moved = expected.calibrate(features, labels)
    for chunk in (1, 7, 30, 599, 600, 601):
        monkeypatch.setattr(sums, "CHUNK", chunk)
        fds = ready(features, labels, protocol=protocol)
        assert fds.counts.tolist() == expected.counts.tolist()
        assert fds.calibrate(features, labels) == pytest.approx(moved, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_distances_are_the_mean_absolute_differences_of_running_and_smoothed_statistics(protocol: Protocol) -> None:
    features, labels = rows(60, 3), np.arange(60.0) % 4
    with pytest.raises(UsageError, match="no statistics yet"):
        FDS(3, TEN, FdsRule(), protocol=protocol).distances()
    fds = ready(features, labels, protocol=protocol, kernel="triang", ks=3)
    held = [features[labels == b] for b in range(4)]
    mean = np.array([part.mean(axis=0) for part in held])
    variance = np.array([part.var(axis=0, ddof=1) for part in held])
    found = fds.distances()
    assert np.isnan(found[0][4:]).all()
    assert np.isnan(found[1][4:]).all()
    for values, distance in ((mean, found[0]), (variance, found[1])):
        smoothed = (values[0] + 2 * values[1] + values[2]) / 4
        assert distance[1] == pytest.approx(np.abs(values[1] - smoothed).mean())
        end = (values[2] + 2 * values[3]) / 3 if protocol is PAPER else (values[2] + 2 * values[3]) / 4
        assert protocol is RELEASED or distance[3] == pytest.approx(np.abs(values[3] - end).mean())


def test_a_matrix_of_any_scale_is_whitened_and_zero_stays_zero() -> None:
    for scale in (1e-40, 1e-20, 1.0, 1e30):
        assert whitening(scale * np.eye(3)) * np.sqrt(scale) == pytest.approx(np.eye(3))
        assert root(scale * np.eye(3)) / np.sqrt(scale) == pytest.approx(np.eye(3))
    assert not whitening(np.zeros((2, 2))).any()
    for small, kept in (
        (1e-17, 0.0),
        (5e-16, 1 / np.sqrt(5e-16)),
        (4e-16, 0.0),
    ):  # 2 dimensions: 4.4e-16 of the largest
        assert whitening(np.diag([1.0, small]))[1, 1] == pytest.approx(kept)


def test_empty_bins_are_filled_only_by_neighbours_that_there_are() -> None:
    """In ascending order, so that what was filled fills the next; the last bin has but one neighbour."""
    fds = FDS(1, Bins.regular(0, 3, 1), FdsRule(fill=True), ks=1, momentum=0.5)
    for number in (8.0, 16.0):
        fds.update(np.array([[number], [number + 2]]), np.array([1.0, 1.0]))
        fds.smooth()
    assert fds.state_dict()["running_mean"][:, 0].tolist() == [13, 13, 13]
    assert fds.state_dict()["running_var"][:, 0].tolist() == [2, 2, 2]
    alone = FDS(1, Bins.regular(0, 1, 1), FdsRule(fill=True), ks=1)
    alone.update(np.array([[1.0]]), np.array([0.0]))
    alone.smooth()
    assert alone.state_dict()["running_mean"].tolist() == [[1]]


def slow_strangers(cosine: FloatArray, reach: int) -> list[set[int]]:
    """What the docstring of `strangers` says, bin by bin: the centres of the nearest region, or -1."""
    size = len(cosine)
    defined = [b for b in range(size) if not np.isnan(cosine[b, b])]
    found = []
    for b in range(size):
        neighbours = [n for n in defined if n != b and abs(n - b) <= reach]
        regions = {c: [n for n in defined if abs(n - c) <= reach] for c in defined if abs(b - c) > 2 * reach}
        if b not in defined or not neighbours or not regions:
            found.append({-1})
            continue
        near = 1 - np.mean(cosine[b, neighbours])
        far = {c: 1 - np.mean(cosine[b, held]) for c, held in regions.items()}
        least = min(far.values())
        marked = least < 0.75 * near and near > 0.02
        found.append({c for c, distance in far.items() if distance < least + 1e-9} if marked else {-1})
    return found


def test_strangers_are_those_that_a_look_at_each_bin_finds() -> None:
    marked = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        vectors = random.standard_normal((random.integers(3, 25), 3)) + random.choice([0, 5, 20])
        vectors[random.random(len(vectors)) < 0.15] = 0
        cosine, reach = cosines(vectors), int(random.integers(1, 4))
        expected = slow_strangers(cosine, reach)
        found = strangers(cosine, reach=reach).tolist()
        assert all(b in centres for b, centres in zip(found, expected, strict=True))
        marked += sum(b >= 0 for b in found)
    assert marked > 50


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_without_a_bin_stay_as_they_are(kind: type) -> None:
    features: NDArray[Any] = rows(50, 3).astype(kind)
    labels = np.arange(50.0) % 10
    fds = ready(features, labels, rule=FdsRule(exact=True))
    moved = fds.calibrate(features[:4], np.array([2.5, np.nan, 3, 8.5]))
    assert np.array_equal(moved[[0, 1, 3]], features[[0, 1, 3]])
    assert not np.array_equal(moved[2], features[2])
    assert fds.calibrate(features[:0], labels[:0]).shape == (0, 3)


def test_a_region_is_clearly_nearer_below_three_quarters_and_not_at_them() -> None:
    """Neighbours at a distance of 1/2; a far bin at exactly 3/8 of it, and a little nearer."""
    for far, marked in ((0.625, -1), (0.6251, 3)):
        cosine = np.eye(4)
        cosine[0, 1] = cosine[1, 0] = 0.5
        cosine[0, 3] = cosine[3, 0] = far
        cosine[2] = cosine[:, 2] = np.nan
        assert strangers(cosine, reach=1)[0] == marked


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_a_part_with_numbers_that_are_not_finite_is_not_gathered(protocol: Protocol) -> None:
    features = rows(9, 2)
    features[3, 1] = np.inf
    with pytest.raises(InputError, match="row 3: the features are not finite"):
        FDS(2, TEN, FdsRule(), protocol=protocol).gather(features, np.arange(9.0))


def test_a_protocol_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="no protocol is called 'other'; there are released, paper"):
        FDS.for_dataset("sts-b", 4, protocol="other")  # type: ignore[arg-type]  # it is a slip


def test_no_rounding_takes_a_cosine_beyond_1() -> None:
    vectors = rows(200, 5)
    cosine = cosines(np.concatenate([vectors, -vectors]))
    assert (cosine.min(), cosine.max()) == (-1, 1)


def test_what_is_not_finite_in_a_row_without_a_bin_is_refused_as_well() -> None:
    """It is in no sum, so that the sums alone would not show it."""
    features, labels = rows(20, 3), np.full(20, 3.0)
    labels[4] = 3.5
    fds = FDS(3, TEN, FdsRule(exact=True))
    assert fds.gather(features, labels).n.sum() == 19
    features[4, 1] = np.inf
    with pytest.raises(InputError, match="row 4: the features are not finite"):
        fds.gather(features, labels)
    with pytest.raises(InputError, match="row 7: the label is not finite"):
        fds.gather(rows(20, 3), np.where(np.arange(20) == 7, np.nan, 3.0))


@pytest.mark.parametrize("epochs", [0, 1])
def test_calibrated_features_go_where_they_are_asked_to(epochs: int) -> None:
    features, labels = rows(40, 3), np.arange(40.0) % 10
    fds = ready(features, labels) if epochs else FDS(3, TEN, FdsRule())
    before, out = features.copy(), np.full((40, 3), np.nan)
    assert fds.calibrate(features, labels, out=out) is out
    assert np.array_equal(out, fds.calibrate(features, labels))
    assert np.array_equal(features, before)
