"""What other programs make of the same rows has the same distribution: resreg and smogn, where they are installed."""

from __future__ import annotations

import random
import warnings
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from dircli.arrays import BoolArray, FloatArray
from dircli.benchmark.relevance import ControlPoints
from dircli.resampling.samplers import Method, Rows, SamplerOptions, resample

pytestmark = pytest.mark.slow
PERT = 0.05
FAR = 0.08
"""How far the distributions of 2,000 values and more may be apart; by chance 0.07 once in a thousand times."""


def _skewed(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    numbers = rng.normal(size=(1000, 3))
    return numbers, np.exp(numbers @ [0.5, 0.3, 0.1] + 0.2 * rng.normal(size=1000))


def _two_groups(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    group = rng.random(1000) < 0.05
    numbers = rng.normal(size=(1000, 2)) + 4 * group[:, None]
    return numbers, 2 + numbers[:, 0] + 3 * group + rng.random(1000)


def _diabetes(_: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    sklearn = pytest.importorskip("sklearn.datasets", reason="scikit-learn is in dircli[test]")
    data = sklearn.load_diabetes()
    return data.data, data.target


TABLES = [_skewed, _two_groups, _diabetes]


def _rare(table: Any) -> tuple[FloatArray, FloatArray, ControlPoints]:
    """Features, and targets, that are from 1 to 2 in rare rows, and relevance that makes the highest tenth rare."""
    columns = np.column_stack(table(np.random.default_rng(0)))
    rare = columns[columns[:, -1] >= np.quantile(columns[:, -1], 0.9)]
    columns = 1 + (columns - rare.min(axis=0)) / np.ptp(rare, axis=0)
    return columns[:, :-1], columns[:, -1], ControlPoints(np.array([0.5, 1]), np.array([0.0, 1]))


def _made(numbers: FloatArray, targets: FloatArray, phi: ControlPoints, method: Method) -> tuple[FloatArray, BoolArray]:
    """Some 4,000 synthetic rows, the targets as their last column, and which rows are rare."""
    rows = Rows(
        numbers=numbers,
        words=np.empty((len(targets), 0), np.int64),
        targets=targets,
        whole=np.zeros(numbers.shape[1], dtype=bool),
    )
    pert = None if method == "smoter" else PERT
    options = SamplerOptions(method=method, sampling="extreme", threshold=1, pert=pert)
    draws = [resample(rows, phi, replace(options, seed=seed))[1] for seed in range(12)]
    return np.concatenate([np.column_stack([made.numbers, made.targets]) for made in draws]), phi(targets) >= 1


def _agree(ours: FloatArray, theirs: FloatArray) -> None:
    for column, (one, other) in enumerate(zip(ours.T, theirs.T, strict=True)):
        assert ks_2samp(one, other).statistic < FAR, column


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("method", ["smoter", "gaussian-noise"])
def test_smoter_and_gaussian_noise_have_the_distribution_of_resreg(table: Any, method: Method) -> None:
    """All columns have a range of 1, for its distances are of the numbers as they stand."""
    resreg = pytest.importorskip("resreg", reason="resreg is an oracle, installed by hand").resreg
    numbers, targets, phi = _rare(table)
    ours, rare = _made(numbers, targets, phi, method)
    if method == "smoter":
        theirs = resreg.smoter_interpolate(numbers[rare], targets[rare], 5, size=4000, random_state=0)
    else:
        theirs = resreg.add_gaussian(numbers[rare], targets[rare], PERT, size=4000, random_state=0)
    _agree(ours, np.column_stack(theirs))


@pytest.mark.parametrize("table", TABLES)
def test_smogn_has_the_distribution_of_smogn(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of features alone, and with the target among them, for it is part of that program's distances.

    Its targets are not those of the paper: it weighs them by what stands in memory that was never set.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = pytest.importorskip("smogn.over_sampling", reason="smogn is an oracle, installed by hand")
        import pandas as pd

        for module in ("over_sampling", "box_plot_stats"):
            monkeypatch.setattr(import_module(f"smogn.{module}"), "np", _older_numpy())
        numbers, targets, phi = _rare(table)
        features = np.column_stack([numbers, targets])
        ours, rare = _made(features, targets, phi, "smogn")
        np.random.seed(0)  # noqa: NPY002 - what that program draws from
        random.seed(0)
        theirs = program.over_sampling(pd.DataFrame(features[rare]), list(range(rare.sum())), perc=41.0, pert=PERT, k=5)
    _agree(ours[:, :-2], theirs.to_numpy()[:, :-1])


def _older_numpy() -> SimpleNamespace:
    """NumPy as that program expects it: quantiles with an interpolation, and arrays of one number that are numbers.

    Its new arrays are of zeros, for it reads some before it writes them, and refuses itself where they hold NaN.
    """

    def drawn(a: Any, size: int, replace: bool = True, p: Any = None) -> Any:  # noqa: FBT001, FBT002 - as NumPy has it
        return np.random.choice(a, None if size == 1 else size, replace, p)  # noqa: NPY002 - as above

    return SimpleNamespace(
        **{
            **vars(np),
            "ndarray": np.zeros,
            "quantile": lambda a, q, interpolation: np.quantile(a, q, method=interpolation),
            "random": SimpleNamespace(choice=drawn, normal=lambda loc, scale, size: np.random.normal(loc, scale)),  # noqa: ARG005, NPY002 - as above
        }
    )
