"""One file per dataset: its facts and how to read it. `NAMES` is the registry; a name is imported on demand."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset
from dircli.datasets import custom
from dircli.errors import UsageError, close_to

NAMES = ("agedb", "imdb-wiki", "nyud2", "shhs", "sts-b")
"""Every dataset; a new one is a file of this folder, and its name here."""

OWN = custom.NAME  # what a table of one's own is called where a dataset is named


def load(name: str) -> Dataset:
    """The dataset called ``name``; UsageError, naming all there are, if there is none."""
    if name not in NAMES:
        raise UsageError(f"no dataset is called {name!r}; there are {', '.join(NAMES)}{close_to([name], NAMES)}")
    dataset: Dataset = import_module(f"{__name__}.{name.replace('-', '_')}").DATASET
    return dataset


def known(facts: Mapping[str, Any], bins: Bins) -> Dataset | None:
    """The dataset that ``bins`` with these ``facts`` belong to; None where they name none that is known.

    A benchmark's rules stand in its file; those of a table of one's own in the facts, so that its manifest is
    complete. Raises InputError for facts that are damaged.
    """
    if facts.get("dataset") == OWN and custom.KEY in facts:
        return custom.dataset(facts, bins)
    return load(facts["dataset"]) if facts.get("dataset") in NAMES else None


def of(facts: Mapping[str, Any], bins: Bins) -> Dataset:
    """The dataset of a manifest with these ``facts`` and ``bins``, as `known`; UsageError where there is none."""
    return known(facts, bins) or load(str(facts["dataset"]))
