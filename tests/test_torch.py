"""What dircli brings to PyTorch: the layer with the numbers of `dircli.FDS`, the sampler by weight, and the losses."""

from __future__ import annotations

from io import BytesIO
from itertools import product
from math import exp, log, tanh
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE
from scipy.stats import chisquare

from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import PAPER, RELEASED, FdsRule
from dircli.errors import InputError, UsageError
from dircli.features import fds

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from dircli import torch as ours  # noqa: E402 - only where PyTorch is

if TYPE_CHECKING:
    from collections.abc import Callable

    from dircli.arrays import FloatArray
    from dircli.benchmark.protocol import Protocol

TEN = Bins.regular(0, 10, 1)
LOSSES = (ours.weighted_l1, ours.weighted_mse, ours.weighted_huber, ours.weighted_focal_l1, ours.weighted_focal_mse)


def epoch(seed: int, *, n: int = 200, d: int = 3, bins: int = 10) -> tuple[FloatArray, FloatArray]:
    """Features (n, d) and whole labels (n,), some of them beyond the bins."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((n, d)) @ random.standard_normal((d, d)) + random.standard_normal(d)
    return features, random.integers(-1, bins + 1, n).astype(np.float64)


def layer(
    protocol: Protocol = RELEASED, *, epochs: int = 0, lag: bool = False, rule: FdsRule | None = None
) -> ours.FDS:
    """A layer over ten bins and three dimensions, which has seen so many epochs."""
    made = ours.FDS(fds.FDS(3, TEN, rule or FdsRule(), kernel="triang", ks=3, protocol=protocol), lag=lag)
    for seed in range(epochs):
        made.update_statistics(*map(torch.from_numpy, epoch(seed)))
        made.end_epoch()
    return made


@pytest.mark.thorough
def test_three_epochs_give_the_numbers_of_the_released_code() -> None:
    with np.load(REFERENCE / "fds_gaussian_5_2.npz") as file:
        expected = {key: torch.from_numpy(file[key]) for key in file.files}
    made = ours.FDS.for_dataset("agedb", 8)
    for features, labels in zip(expected["features"], expected["labels"], strict=True):
        for rows in torch.arange(len(labels)).split(700):
            made.update_statistics(features[rows], labels[rows])
        made.end_epoch()
    for name in ("running_mean", "running_var", "smoothed_mean", "smoothed_var"):
        torch.testing.assert_close(made.get_buffer(name), expected[name].float(), rtol=1e-5, atol=1e-6)
    moved = made(expected["query"], expected["query_labels"])
    assert moved.dtype == torch.float32
    torch.testing.assert_close(moved, expected["calibrated"], rtol=1e-5, atol=2e-6)


RULES = [
    (RELEASED, FdsRule(start=2, last=8, exact=True), False),
    (RELEASED, FdsRule(clip=(0.5, 2.0), fill=True, all_vary=True), False),
    (RELEASED, FdsRule(), True),
    (PAPER, FdsRule(), False),
]


@pytest.mark.parametrize(("protocol", "rule", "lag"), RULES)
@pytest.mark.parametrize("precise", [True, False])
def test_the_layer_gives_the_numbers_of_numpys_fds(
    protocol: Protocol,
    rule: FdsRule,
    *,
    lag: bool,
    precise: bool,
) -> None:
    """In every epoch, with constant features and empty bins; to float32 in buffers of that, else to the last digits."""
    numbers, made = (
        fds.FDS(3, TEN, rule, protocol=protocol),
        ours.FDS(fds.FDS(3, TEN, rule, protocol=protocol), lag=lag),
    )
    if precise:
        made.double()
    for seed in range(4):
        features, labels = epoch(seed, n=60 if seed else 12)
        features[labels == 4, 1] = 7
        labels[labels == 5] = 5.5
        moved = made(torch.from_numpy(features), torch.from_numpy(labels)[:, None]).numpy()
        expected = numbers.calibrate(features, labels)
        assert moved == pytest.approx(expected, rel=1e-9 if precise else 1e-5, abs=1e-9 if precise else 1e-5)
        assert np.array_equal(expected, features) == (seed < 1 + lag)
        numbers.update(features, labels)
        numbers.smooth(lag=lag)
        made.update_statistics(torch.from_numpy(features), torch.from_numpy(labels))
        made.end_epoch()
    assert made.counts.tolist() == numbers.counts.tolist()


@pytest.mark.parametrize("protocol", [RELEASED, PAPER])
def test_gradients_flow_through_the_features_and_not_through_the_statistics(protocol: Protocol) -> None:
    made = layer(protocol, epochs=2)
    rows, labels = (torch.from_numpy(values[:15]) for values in epoch(5))
    rows.requires_grad_()
    assert torch.autograd.gradcheck(lambda features: made(features, labels), rows)
    assert not torch.equal(made(rows, labels), rows)
    made.update_statistics(rows * 2, labels)
    made.end_epoch()
    assert not any(buffer.requires_grad for buffer in made.buffers())
    assert not list(made.parameters())


@pytest.mark.parametrize(("protocol", "lag"), [(RELEASED, False), (RELEASED, True), (PAPER, False)])
def test_training_goes_on_from_a_saved_state_as_if_it_had_never_stopped(protocol: Protocol, *, lag: bool) -> None:
    rows, labels = map(torch.from_numpy, epoch(9))
    for epochs in range(3):
        made, again = layer(protocol, epochs=epochs, lag=lag), layer(protocol, lag=lag)
        file = BytesIO()
        torch.save(made.state_dict(), file)
        file.seek(0)
        again.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(again(rows, labels), made(rows, labels))
        for each in (made, again):
            each.update_statistics(rows, labels)
            each.end_epoch()
        assert torch.equal(again(rows, labels), made(rows, labels))


def test_features_pass_as_they_are_after_eval_and_keep_their_type() -> None:
    made = layer(epochs=1)
    rows, labels = map(torch.from_numpy, epoch(1))
    for kind in (torch.float16, torch.bfloat16, torch.float32):
        moved = made(rows.to(kind), labels.to(kind))
        assert moved.dtype == kind
        torch.testing.assert_close(moved.double(), made(rows, labels), rtol=0.02, atol=0.02)
        layer().update_statistics(rows.to(kind), labels.to(kind))
    made.eval()
    assert made(rows) is rows


def test_an_epoch_without_rows_changes_nothing() -> None:
    made = layer(epochs=1)
    before = {name: values.clone() for name, values in made.state_dict().items()}
    made.end_epoch()
    assert all(torch.equal(values, before[name]) for name, values in made.state_dict().items())


def test_what_does_not_fit_the_layer_is_refused() -> None:
    made, rows, labels = layer(), torch.zeros(4, 3), torch.zeros(4)
    for wrong, text in (
        ((rows,), "by their labels"),
        ((rows[:, :2], labels), r"features are torch.float32 of shape \(4, 2\)"),
        ((rows.long(), labels), "features are torch.int64"),
        ((rows, labels[:3]), r"labels have shape \(3,\)"),
    ):
        with pytest.raises(UsageError, match=text):
            made(*wrong)
    with pytest.raises(InputError, match="row 2: the features are not finite"):
        made.update_statistics(rows.index_fill(0, torch.tensor([2]), torch.nan), labels)
    with pytest.raises(UsageError, match="released protocol alone"):
        layer(PAPER, lag=True)
    old = fds.FDS(3, TEN, FdsRule())
    old.update(*epoch(0))
    old.smooth()
    with pytest.raises(UsageError, match=r"a new dircli\.FDS"):
        ours.FDS(old)
    made = layer(PAPER).float()
    made.update_statistics(rows, labels)
    with pytest.raises(UsageError, match="covariances need float64"):
        made.end_epoch()


def test_samples_are_drawn_in_proportion_to_their_weights() -> None:
    weights = np.array([0.0, 1, 2, 0, 3.5, 10, 0.5, 0])
    drawn = np.bincount(list(ours.WeightedSampler(weights, 1_000_000)), minlength=8)
    assert not drawn[weights == 0].any()
    positive = weights > 0
    assert chisquare(drawn[positive], 1_000_000 * weights[positive] / weights.sum()).pvalue > 1e-3


def test_a_point_on_an_edge_belongs_to_the_sample_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a sample of weight 0 is not even drawn where the random number is 0."""
    points = SimpleNamespace(random=lambda _: np.array([0.0, 0.25, 0.5]))
    monkeypatch.setattr(np.random, "default_rng", lambda _: points)
    assert list(ours.WeightedSampler([0.0, 1.0, 1.0], 3)) == [1, 1, 2]


def test_a_draw_hangs_on_the_seed_and_the_epoch_alone() -> None:
    weights = torch.arange(1.0, 101)
    sampler = ours.WeightedSampler(weights)
    draws = [list(sampler), list(sampler), list(ours.WeightedSampler(weights.tolist(), seed=666))]
    assert draws[0] == draws[1] == draws[2]
    assert len(sampler) == len(draws[0]) == 100
    sampler.set_epoch(1)
    assert len({tuple(draw) for draw in (draws[0], sampler, ours.WeightedSampler(weights, seed=1))}) == 3
    sampler.set_epoch(0)
    assert list(sampler) == draws[0]


@pytest.mark.parametrize("processes", [2, 3, 7])
def test_processes_share_one_draw(processes: int) -> None:
    """Each takes every so-many-th sample, and all take equally many, so that none waits for another."""
    weights = np.arange(1.0, 51)
    alone = list(ours.WeightedSampler(weights, 100))
    shares = [ours.WeightedSampler(weights, 100, rank=rank, world_size=processes) for rank in range(processes)]
    assert {len(share) for share in shares} == {len(list(share)) for share in shares} == {-(-100 // processes)}
    together = [index for turn in zip(*shares, strict=True) for index in turn]
    assert together[:100] == alone


@pytest.mark.thorough
def test_more_weights_than_pytorch_draws_from_are_drawn_from() -> None:
    weights = np.zeros((1 << 24) + 2, dtype=np.float32)
    weights[-1] = 1e-30
    assert set(ours.WeightedSampler(weights, 10)) == {(1 << 24) + 1}
    assert set(ours.WeightedSampler([5e-324, 0.0], 10)) == {0}


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0, 2.0], [1.0, np.nan], [1.0, np.inf], [[1.0, 2.0]]])
def test_weights_that_nothing_can_be_drawn_by_are_refused(weights: Any) -> None:
    with pytest.raises(UsageError, match="weights must be"):
        ours.WeightedSampler(weights)


def test_a_process_that_cannot_be_is_refused() -> None:
    for wrong in ({"rank": 2, "world_size": 2}, {"rank": -1}, {"num_samples": 0}):
        with pytest.raises(UsageError, match="cannot be drawn"):
            ours.WeightedSampler([1.0], **wrong)


def test_losses_have_their_closed_forms() -> None:
    """The sigmoid of the released code is written out here; its defaults are those for ages."""
    errors, weights = (-3.0, 0.25, 0.0, 8.0), (1.0, 2.0, 5.0, 0.5)
    targets = torch.tensor([10.0, 20.0, 30.0, 40.0], dtype=torch.float64)
    inputs = targets + torch.tensor(errors, dtype=torch.float64)

    def sigmoid(x: float) -> float:
        return 2 / (1 + exp(-x)) - 1

    forms: list[tuple[Any, dict[str, Any], Callable[[float], float]]] = [
        (ours.weighted_l1, {}, lambda e: e),
        (ours.weighted_mse, {}, lambda e: e * e),
        (ours.weighted_huber, {}, lambda e: e * e / 2 if e < 1 else e - 0.5),
        (ours.weighted_huber, {"beta": 4.0}, lambda e: e * e / 8 if e < 4 else e - 2),
        (ours.weighted_focal_l1, {}, lambda e: sigmoid(0.2 * e) * e),
        (ours.weighted_focal_mse, {}, lambda e: sigmoid(0.2 * e) * e * e),
        (ours.weighted_focal_l1, {"beta": 20.0, "gamma": 2.0}, lambda e: sigmoid(20 * e) ** 2 * e),
        (ours.weighted_focal_mse, {"activate": "tanh", "gamma": 0.5}, lambda e: tanh(0.2 * e) ** 0.5 * e * e),
    ]
    for loss, choices, form in forms:
        terms = [form(abs(e)) for e in errors]
        assert loss(inputs, targets, **choices).item() == pytest.approx(np.mean(terms), rel=1e-12)
        weighed = np.mean([w * term for w, term in zip(weights, terms, strict=True)])
        w = torch.tensor(weights, dtype=torch.float64)
        assert loss(inputs, targets, w, **choices).item() == pytest.approx(weighed, rel=1e-12)
        wide = loss(inputs.reshape(2, 2), targets.reshape(2, 2), w.reshape(2, 2), **choices)
        assert wide.item() == pytest.approx(weighed, rel=1e-12)
    by_row = ours.weighted_l1(inputs.reshape(2, 2), targets.reshape(2, 2), torch.tensor([1.0, 3.0]))
    assert by_row.item() == pytest.approx((3 + 0.25 + 3 * 8) / 4)


def test_losses_have_the_gradients_of_their_differences() -> None:
    targets = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    inputs = torch.tensor([1.3, -2.0, 3.9], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 0.5, 4.0], dtype=torch.float64)
    for loss in LOSSES:
        assert torch.autograd.gradcheck(loss, (inputs, targets, weights))
    hit = targets.clone().requires_grad_()
    for loss, gamma in product(LOSSES[3:], (0.5, 1.0)):
        (slope,) = torch.autograd.grad(loss(hit, targets, gamma=gamma), hit)
        assert slope.tolist() == [0, 0, 0]


def test_losses_refuse_shapes_that_would_be_compared_each_with_each() -> None:
    column, row = torch.zeros(4, 1), torch.zeros(4)
    unknown: Any = "relu"
    for loss in (*LOSSES, ours.BalancedMSE()):
        with pytest.raises(UsageError, match=r"inputs have shape \(4, 1\), and targets \(4,\)"):
            loss(column, row)
    with pytest.raises(UsageError, match=r"weights have shape \(4, 1\), and errors \(4,\)"):
        ours.weighted_l1(row, row, column)
    with pytest.raises(UsageError, match="no activate is called 'relu'"):
        ours.weighted_focal_l1(row, row, activate=unknown)


def plain(inputs: FloatArray, targets: FloatArray, variance: float) -> float:
    """Balanced MSE without its scale: the mean of -log of each own share among exp(-‖input - target‖²/(2·variance))."""
    total = 0.0
    for i, mine in enumerate(inputs):
        shares = [exp(-float(np.sum((mine - target) ** 2)) / (2 * variance)) for target in targets]
        total -= log(shares[i] / sum(shares))
    return total / len(inputs)


@pytest.mark.parametrize("columns", [1, 2])
def test_balanced_mse_is_that_of_a_plain_loop_and_learns_its_noise(columns: int) -> None:
    random = np.random.default_rng(0)
    inputs, targets = random.standard_normal((2, 6, columns))
    loss = ours.BalancedMSE(1.5).double()
    a, b = torch.from_numpy(inputs).requires_grad_(), torch.from_numpy(targets)
    value = loss(a, b)
    assert value.item() == pytest.approx(2 * 1.5**2 * plain(inputs, targets, 1.5**2), rel=1e-12)
    assert torch.autograd.gradcheck(lambda rows: loss(rows, b), a)
    value.backward()
    step = 1e-6
    slope = (plain(inputs, targets, (1.5 + step) ** 2) - plain(inputs, targets, (1.5 - step) ** 2)) / (2 * step)
    assert loss.noise_sigma.grad.item() == pytest.approx(2 * 1.5**2 * slope, rel=1e-6)
    if columns == 1:
        assert loss(a[:, 0], b[:, 0]).item() == pytest.approx(value.item(), rel=1e-12)


def test_the_head_begins_anew_and_is_all_that_is_trained() -> None:
    head = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), head)
    before = {name: values.detach().clone() for name, values in model.named_parameters()}
    trained = ours.retrain_head(model, head)
    assert [*map(id, trained)] == [*map(id, head.parameters())]
    for name, values in model.named_parameters():
        of_head = name.startswith("2.")
        assert values.requires_grad == of_head
        assert torch.equal(values, before[name]) != of_head, name


def test_a_head_that_cannot_begin_anew_is_refused_before_anything_changes() -> None:
    scale, relu, elsewhere = torch.nn.Module(), torch.nn.ReLU(), torch.nn.Linear(2, 1)
    scale.register_parameter("scale", torch.nn.Parameter(torch.ones(1)))
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), scale, relu)
    for head, text in ((scale, "Module"), (relu, "no layer has parameters"), (elsewhere, "no part of the model")):
        with pytest.raises(UsageError, match=text):
            ours.retrain_head(model, head)
    assert all(values.requires_grad for values in model.parameters())


@pytest.mark.thorough
def test_the_loop_of_the_page_runs_as_it_stands() -> None:
    loop = (PROJECT / "docs" / "torch.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(compile(loop, "torch.md", "exec"), names)  # noqa: S102 - the page is ours
    assert names["fds"].epochs == 3
    assert names["fds"].counts.sum() == 3 * 512
