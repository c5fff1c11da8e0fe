"""dircli: the benchmark and the scorer of Deep Imbalanced Regression.

::

    raw source ► curation ► manifest ─┬► weights (LDS) ► any trainer
                                      ├► features (FDS), resampling (SMOTER, SMOGN)
                      predictions ────┴► scores ► report

One package per stage, and below them what they stand on; each imports only from the rows above it:

- `benchmark`: what a benchmark is: bins, regions, splits, the rules of both protocols; arrays in, arrays out.
- `store`: bytes to values and back: manifests, predictions, archives, downloads. Only here are files opened.
- `datasets`: one file per benchmark, and how to open one.
- `curation`, `weights`, `features`, `resampling`, `scores`: the stages. Each command calls one function of theirs:
  `curation.curate.curate`, `curation.custom.curate`, `curation.verify.verify`, `weights.weigh.weigh`,
  `weights.suggest.suggest`, `features.calibrate.calibrate`, `resampling.tables.resampled`,
  `scores.from_files.evaluate`.
- `report`: values to tables, pictures and pages.
- `cli`: one file per command.
- `torch`: for training loops in PyTorch; the one module that needs it, and that no other imports.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dircli.benchmark.bins import Bins
    from dircli.curation.from_python import curate
    from dircli.datasets.benchmark_arrays import BenchmarkArrays, load
    from dircli.errors import DirError
    from dircli.features.fds import FDS
    from dircli.scores.from_arrays import evaluate
    from dircli.weights.for_trainers import weights
    from dircli.weights.lds import effective_density, lds_window

__version__ = "0.2.0"
__all__ = [
    "FDS",
    "BenchmarkArrays",
    "Bins",
    "DirError",
    "__version__",
    "curate",
    "effective_density",
    "evaluate",
    "lds_window",
    "load",
    "weights",
]

_HOMES = {
    "FDS": "dircli.features.fds",
    "BenchmarkArrays": "dircli.datasets.benchmark_arrays",
    "Bins": "dircli.benchmark.bins",
    "DirError": "dircli.errors",
    "curate": "dircli.curation.from_python",
    "effective_density": "dircli.weights.lds",
    "evaluate": "dircli.scores.from_arrays",
    "lds_window": "dircli.weights.lds",
    "load": "dircli.datasets.benchmark_arrays",
    "weights": "dircli.weights.for_trainers",
}


class _Door(ModuleType):
    """This package: a public name stays what it is when a package of that name (`weights`) is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that `dir --help` loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dircli' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, also those that have not been loaded yet."""
    return sorted({*globals(), *__all__})
