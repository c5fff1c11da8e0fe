"""What a manifest holds: samples or images with pixels, bins with counts and regions, and facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray, TextArray, Texts
from dircli.benchmark.bins import Bins
from dircli.benchmark.pixels import Pixels
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import REGIONS

FEW = 20_000
"""So many ids are handled as Python's own texts, sooner than Arrow's functions are loaded."""


@dataclass(frozen=True, kw_only=True)
class BinTable:
    """``bins.parquet``: B bins with their train, val and test counts (B,) and their region under each protocol (B,).

    ``facts`` says which manifest it belongs to: dataset, name, origin and content.
    """

    bins: Bins
    counts: Mapping[str, IntArray]
    regions: Mapping[str, TextArray]
    facts: Mapping[str, Any]

    def rows_by_region(self) -> dict[str, dict[str, dict[str, int]]]:
        """How many rows of each split lie in each region, by protocol, split and region."""
        return {
            key: {
                part: {name: int(counts[regions == name].sum()) for name in REGIONS}
                for part, counts in self.counts.items()
            }
            for key, regions in self.regions.items()
        }


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The n rows of a benchmark, or of one split of it, in their declared order.

    ``texts`` (n,) are their ids, in chunks of Arrow where a file held them, None of pixels, which have none;
    ``targets`` (n,) are in the dataset's unit, ``bin_index`` (n,) their scoring bins.
    """

    texts: Texts
    targets: FloatArray
    bin_index: IntArray

    @cached_property
    def ids(self) -> TextArray:
        """The ids, (n,), as Python's own texts; where rows may be millions, ``texts`` takes less time and memory."""
        if isinstance(self.texts, np.ndarray):
            return self.texts
        return np.array(self.texts.to_pylist(), dtype=object)


@dataclass(frozen=True, kw_only=True)
class Samples(Rows):
    """``samples.parquet``: the rows of all splits, whose places in `SPLITS` are ``codes`` (n,), one byte each.

    ``columns`` are the dataset's own.
    """

    codes: AnyArray
    columns: Mapping[str, AnyArray]

    @cached_property
    def split(self) -> TextArray:
        """The name of the split of each row, (n,)."""
        return np.array(SPLITS, dtype=object)[self.codes]

    def mask(self, part: str) -> BoolArray:
        """Which rows are of the split ``part``, (n,)."""
        return np.asarray(self.codes == SPLITS.index(part))


@dataclass(frozen=True, kw_only=True)
class _Described:
    """What both kinds of manifest have: their bins, and the facts in ``manifest.json``."""

    table: BinTable
    facts: Mapping[str, Any]

    @property
    def content(self) -> str:
        """What the benchmark *is*, whatever file holds it: ``sha256:<hex>``; see `content`."""
        return str(self.facts["content"])


@dataclass(frozen=True, kw_only=True)
class Manifest(_Described):
    """A curated benchmark of samples."""

    samples: Samples


@dataclass(frozen=True, kw_only=True)
class Images:
    """``samples.parquet``: n images in the declared order; ``columns`` are the dataset's own."""

    ids: TextArray
    split: TextArray
    columns: Mapping[str, AnyArray]


@dataclass(frozen=True, kw_only=True)
class PixelManifest(_Described):
    """A curated benchmark of maps: its images, and its scored pixels."""

    samples: Images
    pixels: Pixels
