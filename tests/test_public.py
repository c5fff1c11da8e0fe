"""The public functions as a user's editor and terminal see them: their types, and the examples in their docstrings."""

from __future__ import annotations

import doctest
import inspect
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import assert_type

import dircli
from dircli.arrays import FloatArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import FdsRule

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

NEEDY = {"BenchmarkArrays", "curate", "load"}
"""Those whose examples need a benchmark or a table in the working folder."""


def failures(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What goes wrong when the examples of the public ``name`` and of its methods are typed in."""
    thing = getattr(dircli, name)
    there = {key: getattr(dircli, key) for key in dircli.__all__} | {"np": np}
    module = inspect.getmodule(thing)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder(recurse=True).find(thing, name, module=module, globs=there):
        runner.run(example)
    assert runner.tries or name == "DirError"
    return capsys.readouterr().out


@pytest.mark.parametrize("name", sorted({*dircli.__all__} - {"__version__"} - NEEDY))
def test_the_examples_print_what_they_show(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not failures(name, capsys)


def test_so_do_those_that_need_files(real: Path, work: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.datasets import load_diabetes

    load_diabetes(as_frame=True).frame.to_csv(work / "diabetes.csv", index_label="patient")
    run("curate", "agedb", "--released", real / "agedb" / "agedb.csv")
    assert not [told for name in sorted(NEEDY) if (told := failures(name, capsys))]


def test_arrays_of_numbers_have_the_type_that_they_hold() -> None:
    """A type checker reads this as well, and must find what `assert_type` states."""
    window = assert_type(dircli.lds_window("triang", 3), FloatArray)
    density = assert_type(dircli.effective_density(np.ones(3), window, edge="zero"), FloatArray)
    assert density.dtype == np.float64
    fds = dircli.FDS(2, Bins.regular(0, 9, 1), FdsRule(), ks=3)
    features = np.ones((4, 2), dtype=np.float32)
    calibrated = assert_type(fds.calibrate(features, np.arange(4)), NDArray[np.float32])
    assert calibrated.dtype == np.float32
    assert_type(dircli.weights([1, 1, 2]), FloatArray)
    assert_type(Bins.regular(0, 9, 1).low, FloatArray)
