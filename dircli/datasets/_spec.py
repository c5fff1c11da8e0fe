"""What a dataset is: facts as frozen values, and the three functions that read and write its own formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dircli.bins import Bins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dircli.arrays import FloatArray, TextArray
    from dircli.leakage import Match
    from dircli.protocols import Rules
    from dircli.records import Records
    from dircli.sources import Raw, Source
    from dircli.splits import SplitRecipe
    from dircli.weights import WeightRule

AUTHORS = "https://raw.githubusercontent.com/YyzHarry/imbalanced-regression/a6fdc45d45c04e6f5c40f43925bc66e580911084/"
"""Where the authors published their split files, at the commit that `released` stands for."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Something that a row of test may share with a row of train.

    A row's keys are the values of ``columns``: each of them a key ("each"), all in their order one key ("row"), or all
    in any order one key ("set").
    """

    kind: str
    columns: tuple[str, ...]
    match: Match = "each"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One benchmark.

    ``bins`` are the scoring bins; where ``grows`` is set, bins of the last one's width are added up to the highest
    target. ``rules`` holds each protocol's. ``expected`` are the published sizes of train, val and test.

    ``read(raw)`` gives the records in the declared order; ``read_released(raw)`` the records as the published split
    files hold them, in their order, with the split of each; ``export(records, split)`` the bytes of those files by
    name. ``released_alone`` says that the published files hold all that a manifest needs, so that a raw source only
    confirms them. ``unseen`` names what then nobody has looked at. ``parts`` are readers of a part of the sources,
    which may be curated on request, under a name of their own. ``leaks`` are what test may share with
    train. ``images`` says that an id is the path of an image.
    """

    name: str
    title: str
    target: str
    unit: str
    licence: str
    homepage: str
    obtain: tuple[str, ...]
    bibtex: str
    sources: tuple[Source, ...]
    bins: Bins
    grows: bool = False
    recipe: SplitRecipe
    rules: Mapping[str, Rules]
    weights: WeightRule
    expected: Mapping[str, int]
    read: Callable[[Raw], Records]
    read_released: Callable[[Raw], tuple[Records, TextArray]]
    export: Callable[[Records, TextArray], dict[str, bytes]]
    parts: Mapping[str, Callable[[Raw], Records]] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    images: bool = False
    released_alone: bool = False
    unseen: str = ""

    def scoring_bins(self, targets: FloatArray) -> Bins:
        """The scoring bins for these targets (n,): `bins`, grown to hold the highest where the dataset says so."""
        edges = self.bins.edges
        if not self.grows or not targets.size or targets.max() < edges[-1]:
            return self.bins
        width = edges[-1] - edges[-2]
        more = int(np.floor((targets.max() - edges[-1]) / width)) + 1
        return Bins(np.concatenate([edges, edges[-1] + width * np.arange(1, more + 1)]))

    @property
    def released(self) -> tuple[Source, ...]:
        """The published split files."""
        return tuple(source for source in self.sources if source.holds == "released")
