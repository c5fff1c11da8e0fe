"""One file per dataset: its facts and how to read it. `NAMES` is the registry; a name is imported on demand."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dircli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.benchmark.bins import Bins
    from dircli.benchmark.dataset import Dataset

NAMES = ("agedb", "imdb-wiki", "nyud2", "shhs", "sts-b")
"""Every dataset; a new one is a file of this folder, and its name here."""

OWN = "custom"
"""What a table of one's own is called where a dataset is named; see `custom`."""


def names() -> list[str]:
    """The names of all datasets, sorted."""
    return list(NAMES)


def load(name: str) -> Dataset:
    """The dataset called ``name``; UsageError, naming all there are, if there is none."""
    if name not in names():
        raise UsageError(f"no dataset is called {name!r}; there are {', '.join(names())}")
    dataset: Dataset = import_module(f"{__name__}.{name.replace('-', '_')}").DATASET
    return dataset


def of(facts: Mapping[str, Any], bins: Bins) -> Dataset:
    """The dataset whose rules hold for a manifest with these ``facts`` and ``bins``.

    A benchmark's rules stand in its file; those of a table of one's own in the facts, so that its manifest is
    complete. Raises UsageError for a benchmark that there is none of, InputError for facts that are damaged.
    """
    if "own" not in facts:
        return load(str(facts["dataset"]))
    from dircli.datasets import custom

    return custom.dataset(facts, bins)
