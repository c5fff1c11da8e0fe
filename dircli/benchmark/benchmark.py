"""A benchmark as scores, weights and features see it: bins, rules, and the rows of each split where they are known.

Plain samples and pixels of images answer the same questions, so that nobody else asks which of them a row is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.dataset import Dataset, PixelReader, Rules
from dircli.benchmark.manifest import FEW, BinTable, Manifest, PixelManifest, Rows, Samples
from dircli.benchmark.pixels import Frame, Pixels
from dircli.benchmark.protocol import PROTOCOLS, ScoreRule, Thresholds, WeightRule
from dircli.benchmark.records import SPLITS
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import UsageError

GROUPED = "one of a table has that which `dir curate custom --group COL` names, called group"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Bins with the rules of the dataset that they name (None: no known one), and the manifest where there is one.

    Without a ``manifest`` no row is known, and targets come from the file that is scored; ``fixed`` then says whether
    its rows must fill the bins as the split does.
    """

    name: str
    table: BinTable
    dataset: Dataset | None = None
    manifest: Manifest | PixelManifest | None = None
    fixed: bool = False

    @property
    def content(self) -> str:
        """The manifest's content; with bins alone marked as such, for nothing showed that the rows are its own."""
        stated = str(self.table.facts.get("content", "sha256:unknown"))
        return stated if self.has_rows else f"bins:{stated.removeprefix('sha256:')}"

    @property
    def unit(self) -> Literal["samples", "pixels"]:
        """What a row is."""
        return self.dataset.counted if self.dataset else "samples"

    @property
    def rules(self) -> Rules:
        """The rules of the dataset that the bins name, or plain ones where it is none of ours."""
        if self.dataset is not None:
            return self.dataset.rules
        return Rules(
            target="target",
            unit="",
            bins=self.table.bins,
            recipe=SplitRecipe(bins=self.table.bins),
            score_rules=dict.fromkeys(PROTOCOLS, ScoreRule(thresholds=Thresholds(many=100, few=20))),
            weights=WeightRule(default="inverse"),
        )

    def index(self, targets: FloatArray) -> IntArray:
        """The bin of each of ``targets`` (n,); those of pixels are the float32 values that a map holds."""
        if self.unit == "pixels":
            targets = targets.astype(np.float32).astype(np.float64)
        return self.table.bins.index(targets)

    @property
    def has_rows(self) -> bool:
        """Whether the rows are known, and not the bins alone."""
        return self.manifest is not None

    @property
    def repeats(self) -> bool:
        """Whether some rows of the manifest repeat an id."""
        return self.manifest is not None and bool(self.manifest.facts.get("variant", {}).get("repeats"))

    @property
    def pixels(self) -> Pixels:
        """The scored pixels, all of them test; TypeError where rows are samples, or not known."""
        return self._maps.pixels

    @property
    def frame(self) -> Frame:
        """What predicted maps of the test images must be; TypeError where rows are samples, or not known."""
        reader = self.dataset.reader if self.dataset else None
        assert isinstance(reader, PixelReader)  # noqa: S101 - only such a dataset has a manifest of pixels
        paths = self._maps.samples.columns[reader.named_by][self._maps.samples.split == "test"]
        names = [str(path).rpartition("/")[2] for path in paths]
        return Frame(names=names, shape=reader.shape, codes=reader.codes)

    def rows(self, split: str) -> Rows:
        """The rows of ``split``; UsageError where it has none, TypeError where no row is known."""
        if isinstance(self.manifest, PixelManifest):
            if split != "test":
                raise UsageError(f"{self.name} has no {split} pixels; it has test pixels")
            targets, index = self.pixels.targets.astype(np.float64), self.pixels.bin_index.astype(np.int64)
            return Rows(texts=np.full(len(index), None), targets=targets, bin_index=index)
        if split not in self._rows:
            samples = self._samples
            mask = samples.mask(split)
            rows = np.flatnonzero(mask)
            if not rows.size:
                there = sorted(SPLITS[code] for code in np.unique(samples.codes))
                raise UsageError(f"{self.name} has no {split} rows; it has {', '.join(there)}")
            index = samples.bin_index[rows].astype(np.int64)
            self._rows[split] = Rows(texts=_chosen(samples.texts, mask), targets=samples.targets[rows], bin_index=index)
        return self._rows[split]

    @cached_property
    def train_targets(self) -> FloatArray:
        """The training targets, (n,); none where no row is known, or rows are pixels."""
        if not isinstance(self.manifest, Manifest):
            return np.empty(0)
        samples = self.manifest.samples
        return samples.targets[samples.mask("train")]

    def names(self, split: str, rows: IntArray) -> list[str]:
        """What each of ``rows`` (k,) of ``split`` is called: its id, or its image and its place there."""
        if self.unit == "samples":
            texts = self.rows(split).texts
            return [str(texts[int(row)]) for row in rows]
        pixels, images = self.pixels, self._maps.samples.ids[self._maps.samples.split == split]
        return [f"{images[pixels.image[row]]}, row {pixels.row[row]}, column {pixels.col[row]}" for row in rows]

    def clusters(self, column: str, split: str) -> IntArray:
        """The rows of ``split`` by image, or by value in ``column``: (n,) codes from 0; UsageError without that."""
        columns: Mapping[str, AnyArray] = {}
        if self.has_rows:
            columns = self._samples.columns if self.unit == "samples" else {"image": self.pixels.image}
            columns = {**columns, "id": self._samples.ids} if column == "id" and self.unit == "samples" else columns
        if column not in columns:
            there = f"its columns are {', '.join(columns)}" if columns else f"it has none; {GROUPED}"
            raise UsageError(f"--cluster {column}: the manifest has no such column; {there}")
        values = columns[column]
        if self.unit == "samples":
            values = values[self._samples.mask(split)].astype(str)
        return np.unique(values, return_inverse=True)[1]

    @cached_property
    def _rows(self) -> dict[str, Rows]:
        return {}  # those of each split that were asked for

    @property
    def _samples(self) -> Samples:
        if not isinstance(self.manifest, Manifest):
            raise TypeError(f"{self.name}: no samples are known")
        return self.manifest.samples

    @property
    def _maps(self) -> PixelManifest:
        if not isinstance(self.manifest, PixelManifest):
            raise TypeError(f"{self.name}: no pixels are known")
        return self.manifest


def _chosen(texts: Any, mask: BoolArray) -> Any:
    """Those of ``texts`` (n,), objects or in Arrow, that are in ``mask`` (n,)."""
    if not isinstance(texts, np.ndarray):
        if len(texts) > FEW:
            return texts.filter(mask)
        texts = np.array(texts.to_pylist(), dtype=object)
    return texts[mask]
