"""One file per dataset: its facts and how to read it. The folder is the registry; a name is imported on demand."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dircli.errors import UsageError

if TYPE_CHECKING:
    from dircli.datasets._spec import Dataset


def names() -> list[str]:
    """The names of all datasets, sorted."""
    files = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(stem.replace("_", "-") for stem in files if not stem.startswith("_"))


def load(name: str) -> Dataset:
    """The dataset called ``name``; UsageError, naming all there are, if there is none."""
    if name not in names():
        raise UsageError(f"no dataset is called {name!r}; there are {', '.join(names())}")
    dataset: Dataset = import_module(f"{__name__}.{name.replace('-', '_')}").DATASET
    return dataset
