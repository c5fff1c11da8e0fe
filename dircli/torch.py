"""FDS as a layer, sampling by weight, losses and regressor re-training for PyTorch: the extra ``torch``.

Nothing else in dircli imports this module, so that everything else works without PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from dircli.arrays import AnyArray, FloatArray
from dircli.benchmark.protocol import refuse_unknown
from dircli.errors import UsageError
from dircli.features import fds
from dircli.features.statistics import DiagonalStatistics

try:
    import torch
except ModuleNotFoundError as error:
    raise ImportError("dircli.torch needs PyTorch; install it with: pip install 'dircli[torch]'") from error
from torch import Tensor, nn
from torch.utils.data import Sampler


class FDS(nn.Module):  # type: ignore[misc]  # types are checked with and without PyTorch
    """Feature distribution smoothing as a layer between encoder and head (DIR, section 3.2).

    ``rules`` is a new `dircli.FDS`, whose bins, kernel, momentum and protocol hold here. While training, features
    (n, d) of a batch are calibrated by their labels with the statistics of all epochs that have ended, by an affine map
    through which gradients flow; before the first `end_epoch`, and after ``eval()``, they pass as they are. With
    ``lag`` an epoch is taken in after the smoothing, as in the released training loop: the first two pass as they are.

    All statistics are buffers, float32 under ``released`` and float64 under ``paper``, which takes 16·B·d² bytes for B
    bins. Rows of an epoch that has not ended are in no ``state_dict``: save between epochs.

    UsageError: shapes, types or arguments do not fit. InputError: a row for the statistics is not finite.
    """

    def __init__(self, rules: fds.FDS, *, lag: bool = False) -> None:
        super().__init__()
        if lag and rules.covariance:
            raise UsageError("the lag is that of the released training loop; it goes with the released protocol alone")
        if rules.epochs:
            raise UsageError("the layer starts without statistics; give it a new dircli.FDS")
        self.rules, self.lag, self._epoch = rules, lag, rules.moments()
        kind = torch.float64 if rules.covariance else torch.float32
        for name, values in _buffers(rules).items():
            self.register_buffer(name, torch.tensor(values, dtype=kind if values.dtype.kind == "f" else None))

    @classmethod
    def for_dataset(cls, name: str, dim: int, *, lag: bool = False, **options: Any) -> FDS:
        """The layer with the bins and rules of ``name``; ``options`` are those of `dircli.FDS.for_dataset`."""
        return cls(fds.FDS.for_dataset(name, dim, **options), lag=lag)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``features`` (n, d), while training calibrated (eq. 6), in their type; ``labels`` are (n,) or (n, 1).

        As in `dircli.FDS`, labels beyond the ends belong to the end bins (``released``), or to none (``paper``).
        """
        if not self.training:
            return features
        if labels is None:
            raise UsageError("while training, features are calibrated by their labels; give labels, or call eval()")
        index = torch.from_numpy(self.rules.index(self._labels(features, labels))).to(features.device)
        if not self.rules.covariance:
            return (features * self.scale[index] + self.shift[index]).to(features.dtype)  # -1 is the row of no bin
        work = features.to(self.matrix.dtype)
        moved = work.clone()
        for b in index.unique().tolist():
            if b >= 0 and self.known[b]:
                rows = index == b
                moved[rows] = (work[rows] - self.running_mean[b]) @ self.matrix[b].T + self.smoothed_mean[b]
        return moved.to(features.dtype)

    def update_statistics(self, features: Tensor, labels: Tensor) -> None:
        """Add rows ``features`` (n, d) with ``labels`` (n,) or (n, 1) to the open epoch; no gradient flows from here.

        Features are the encoder's, before this layer. Where several processes train, each adds all rows.
        """
        self._epoch.merge(self.rules.gather(labels=self._labels(features, labels), features=_array(features)))

    def end_epoch(self) -> None:
        """Take the open epoch into the statistics and smooth them; without rows nothing changes."""
        if not self._epoch.n.any():
            return
        if self.rules.covariance and self.running_mean.dtype != torch.float64:
            raise UsageError("covariances need float64; call double() on this layer after what changed its type")
        arrays = {name: _array(buffer) for name, buffer in self.named_buffers()}
        state = {name: a.astype(np.float64) if a.dtype.kind == "f" else a for name, a in arrays.items()}
        if self.rules.covariance:
            bins = np.flatnonzero(state["varied"])
            state |= {"covariance_bin": bins, "running_covariance": state["running_covariance"][bins]}
        now = deepcopy(self.rules)
        now.load_state_dict({**state, "settings": np.array(now.settings)})
        now.absorb(self._epoch)
        now.smooth(lag=self.lag)
        for name, values in _buffers(now).items():
            self.get_buffer(name).copy_(torch.as_tensor(values))
        self._epoch = now.moments()

    def _labels(self, features: Tensor, labels: Tensor) -> AnyArray:
        rows, dim = len(features), self.rules.dim
        if tuple(features.shape) != (rows, dim) or not features.is_floating_point():
            kind = f"{features.dtype} of shape {tuple(features.shape)}"
            raise UsageError(f"features are {kind}; floating-point numbers of shape (n, {dim}) are expected")
        if tuple(labels.shape) not in {(rows,), (rows, 1)}:
            raise UsageError(f"labels have shape {tuple(labels.shape)}, and features {(rows, dim)}; one label per row")
        return _array(labels.reshape(-1))


def _array(tensor: Tensor) -> AnyArray:
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())


def _buffers(rules: fds.FDS) -> dict[str, AnyArray]:
    """What ``rules`` knows, in arrays whose shapes never change: its state, and the map that calibrates."""
    state, statistics = rules.state_dict(), rules.statistics
    blank = np.full_like(statistics.mean, np.nan)
    buffers = {name: state[name] for name in ("epochs", "counts", "known", "running_mean")}
    buffers["smoothed_mean"] = state.get("smoothed_mean", blank)
    if isinstance(statistics, DiagonalStatistics):
        buffers |= {"running_var": state["running_var"], "smoothed_var": state.get("smoothed_var", blank)}
        return buffers | {"scale": statistics.scale, "shift": statistics.shift}
    bins, dim = statistics.mean.shape
    covariance, matrix = np.zeros((2, bins, dim, dim))
    for b in np.flatnonzero(statistics.known).tolist():
        matrix[b] = statistics.matrix(b)
    varied = np.isin(np.arange(bins), state["covariance_bin"])
    covariance[varied] = state["running_covariance"]
    return buffers | {"varied": varied, "running_covariance": covariance, "matrix": matrix}


class WeightedSampler(Sampler[int]):  # type: ignore[misc]  # as above
    """Indices 0..n-1 drawn with replacement in proportion to ``weights`` (n,), for any n.

    An epoch is one draw of ``num_samples`` (n), or a few more so that ``world_size`` divides it; process ``rank`` takes
    every ``world_size``-th of it. The draw hangs on ``seed`` and the number given to `set_epoch` (0) alone.
    """

    def __init__(
        self,
        weights: ArrayLike | Tensor,
        num_samples: int | None = None,
        seed: int = 666,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        values = _array(weights) if isinstance(weights, Tensor) else np.asarray(weights)
        total = np.cumsum(values, dtype=np.float64)
        if values.ndim != 1 or not values.size or not (values >= 0).all() or not 0 < total[-1] < np.inf:
            raise UsageError("weights must be (n,) finite numbers of 0 or more, and not all 0")
        draws = len(values) if num_samples is None else num_samples
        if draws < 1 or not 0 <= rank < world_size:
            raise UsageError(f"{draws} samples for process {rank} of {world_size} cannot be drawn; ranks begin at 0")
        self._below: FloatArray = total / total[-1]
        self._seed, self._rank, self._processes, self._epoch = seed, rank, world_size, 0
        self._share = -(-draws // world_size)

    def set_epoch(self, epoch: int) -> None:
        """The number of the epoch, from 0; the same number gives the same draw."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        points = np.random.default_rng([self._seed, self._epoch]).random(self._share * self._processes)
        drawn = np.searchsorted(self._below, points[self._rank :: self._processes], side="right")
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self._share


def weighted_l1(inputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean of w·|e|, where e is ``inputs`` - ``targets``, of one shape (n, …); ``weights`` are (n,) or that shape.

    This and the next four are the losses of the released code. UsageError: shapes do not fit.
    """
    return _mean(_error(inputs, targets).abs(), weights)


def weighted_mse(inputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean of w·e²; shapes as in `weighted_l1`."""
    return _mean(_error(inputs, targets).square(), weights)


def weighted_huber(inputs: Tensor, targets: Tensor, weights: Tensor | None = None, *, beta: float = 1.0) -> Tensor:
    """The mean of w·e²/(2·beta) where |e| < beta, else of w·(|e| - beta/2); shapes as in `weighted_l1`.

    ``beta`` is in the targets' unit; the released code takes 1 for ages and 0.5 for STS-B, whose targets it divides by
    5: 2.5 points of 0..5.
    """
    error = _error(inputs, targets).abs()
    return _mean(torch.where(error < beta, error.square() / (2 * beta), error - beta / 2), weights)


Activation: TypeAlias = Literal["sigmoid", "tanh"]


def weighted_focal_l1(  # noqa: PLR0913 - the parameters of a published loss
    inputs: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    *,
    activate: Activation = "sigmoid",
    beta: float = 0.2,
    gamma: float = 1.0,
) -> Tensor:
    """Focal-R (DIR, section 4) of the L1 error: the mean of w·f(beta·|e|)^gamma·|e|; shapes as in `weighted_l1`.

    f(x) is 2·sigmoid(x) - 1, in [0, 1) as in the released code (the paper prints sigmoid), or tanh(x). The released
    ``beta``, per unit of the targets, is 0.2 for ages and 20 for STS-B, whose targets it divides by 5: 4 per point of
    0..5.
    """
    error = _error(inputs, targets).abs()
    return _mean(_focus(error, activate, beta, gamma) * error, weights)


def weighted_focal_mse(  # noqa: PLR0913 - the parameters of a published loss
    inputs: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    *,
    activate: Activation = "sigmoid",
    beta: float = 0.2,
    gamma: float = 1.0,
) -> Tensor:
    """The mean of w·f(beta·|e|)^gamma·e²; the rest is as in `weighted_focal_l1`."""
    error = _error(inputs, targets).abs()
    return _mean(_focus(error, activate, beta, gamma) * error.square(), weights)


def _focus(error: Tensor, activate: Activation, beta: float, gamma: float) -> Tensor:
    refuse_unknown(Activation, activate=activate)
    focus = torch.tanh(beta * error / (2 if activate == "sigmoid" else 1))  # 2·sigmoid(x) - 1 is tanh(x/2)
    return focus.clamp_min(torch.finfo(focus.dtype).tiny) ** gamma  # the slope of a root at 0 is infinite


def _error(inputs: Tensor, targets: Tensor) -> Tensor:
    if inputs.shape != targets.shape:  # (n, 1) and (n,) would be compared each with each
        raise UsageError(f"inputs have shape {tuple(inputs.shape)}, and targets {tuple(targets.shape)}; make them one")
    return inputs - targets


def _mean(loss: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return loss.mean()
    if weights.shape not in {loss.shape, loss.shape[:1]}:
        raise UsageError(f"weights have shape {tuple(weights.shape)}, and errors {tuple(loss.shape)}; one per sample")
    return (loss * weights.reshape(*weights.shape, *(1,) * (loss.ndim - weights.ndim))).mean()


class BalancedMSE(nn.Module):  # type: ignore[misc]  # as above
    """Balanced MSE by batch-based Monte Carlo (BMC; Ren et al. 2022), with the noise's width as a parameter to learn.

    ``inputs`` and ``targets`` are (n,) or (n, k). With v = 2·noise_sigma² and logits -‖input i - target j‖²/v over the
    targets j of the batch, it is the mean cross-entropy of j = i, times v, through which no gradient flows. Give the
    optimiser this module's parameters, too. UsageError: shapes do not fit.
    """

    def __init__(self, noise_sigma: float = 1.0) -> None:
        super().__init__()
        self.noise_sigma = nn.Parameter(torch.tensor(float(noise_sigma)))

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch, a scalar."""
        rows = len(_error(inputs, targets))
        away = inputs.reshape(rows, 1, -1) - targets.reshape(1, rows, -1)
        scale = 2 * self.noise_sigma.square()
        own = torch.arange(rows, device=inputs.device)
        return nn.functional.cross_entropy(-away.square().sum(dim=2) / scale, own) * scale.detach()


def freeze(module: nn.Module) -> None:
    """Train no parameter of ``module`` any more; running statistics, as of batch norm, still move in train mode."""
    module.requires_grad_(requires_grad=False)


def reinitialise(module: nn.Module) -> None:
    """Draw all parameters of ``module`` anew, each layer by its ``reset_parameters``; UsageError if one has none."""
    layers = [layer for layer in module.modules() if next(layer.parameters(recurse=False), None) is not None]
    fixed = [type(layer).__name__ for layer in layers if not hasattr(layer, "reset_parameters")]
    if fixed or not layers:
        raise UsageError(f"these cannot be initialised again: {', '.join(fixed) or 'no layer has parameters'}")
    for layer in layers:
        layer.reset_parameters()


def retrain_head(model: nn.Module, head: nn.Module) -> list[nn.Parameter]:
    """The second stage of regressor re-training (RRT): ``model`` is frozen, but for ``head``, which begins anew.

    What comes back are the parameters to optimise, those of the head. UsageError where it is no part of the model.
    """
    if not any(part is head for part in model.modules()):
        raise UsageError("the head is no part of the model; give one of its modules, such as model.fc")
    reinitialise(head)
    freeze(model)
    head.requires_grad_()
    return list(head.parameters())
