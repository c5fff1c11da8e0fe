"""dircli: the benchmark and the scorer of Deep Imbalanced Regression.

raw source → records → bins → splits → weights → scores: a reader in `datasets` turns a raw source into records;
`bins` and `splits` make the balanced benchmark, which `store` writes as a manifest; `density` and `weights` turn its
training counts into sample weights; `evaluation` scores predictions by shot region. `pipeline` is that flow on one
page, `cli` its words. Every rule that changes a number is a value in `protocols` or in a dataset's own file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dircli.benchmark.bins import Bins
    from dircli.scores.from_arrays import evaluate

__version__ = "0.1.0"
__all__ = ["Bins", "__version__", "evaluate"]

_HOMES = {"Bins": "dircli.benchmark.bins", "evaluate": "dircli.scores.from_arrays"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that `dir --help` loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dircli' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
