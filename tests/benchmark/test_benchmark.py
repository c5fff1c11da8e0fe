"""A benchmark as scores see it: the rows of each split, what they are called, and which of them belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dircli import datasets
from dircli.benchmark import benchmark
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable, Images, Manifest, PixelManifest, Samples
from dircli.benchmark.pixels import Pixels
from dircli.errors import UsageError

BINS = Bins(np.array([0.0, 1, 2]))
FACTS = {"content": "sha256:abc"}


def table() -> BinTable:
    counts = {part: np.ones(2, np.int64) for part in ("train", "val", "test")}
    return BinTable(bins=BINS, counts=counts, regions={}, facts=FACTS)


def of_samples(texts: Any = None) -> Benchmark:
    """Two training rows and two test rows, of two people; nothing in val."""
    samples = Samples(
        texts=np.array(["a", "b", "c", "d"], dtype=object) if texts is None else texts,
        targets=np.array([0.5, 1.5, 1.25, 0.25]),
        bin_index=np.array([0, 1, 1, 0], dtype=np.int32),
        codes=np.array([0, 2, 0, 2], dtype=np.int8),
        columns={"who": np.array(["y", "x", "x", "y"], dtype=object)},
    )
    return Benchmark(name="mine", table=table(), manifest=Manifest(table=table(), facts=FACTS, samples=samples))


def of_pixels() -> Benchmark:
    """Three scored pixels of two test images; one image trains."""
    images = Images(
        ids=np.array(["first", "trained", "second"], dtype=object),
        split=np.array(["test", "train", "test"], dtype=object),
        columns={"depth": np.array(["x/1.png", "x/2.png", "x/y/3.png"], dtype=object)},
    )
    places = {name: np.array(each, dtype=np.int16) for name, each in (("image", [0, 1, 1]), ("row", [4, 5, 6]))}
    pixels = Pixels(
        **places,
        col=np.array([7, 8, 9], dtype=np.int16),
        targets=np.array([0.1, 1.1, 1.2], dtype=np.float32),
        bin_index=np.array([0, 1, 1], dtype=np.int32),
    )
    manifest = PixelManifest(table=table(), facts=FACTS, samples=images, pixels=pixels)
    return Benchmark(name="maps", table=table(), dataset=datasets.load("nyud2"), manifest=manifest)


@pytest.mark.parametrize("few", [0, 1, 2, 3])
@pytest.mark.parametrize("texts", [None, pa.chunked_array([["a", "b"], ["c", "d"]])])
def test_the_rows_of_a_split_are_those_of_the_manifest_in_its_order(
    texts: Any, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "FEW", few)
    held = of_samples(texts)
    rows = held.rows("test")
    assert (rows.ids.tolist(), rows.targets.tolist()) == (["b", "d"], [1.5, 0.25])
    assert rows.bin_index.tolist() == [1, 0]
    assert rows.bin_index.dtype == np.int64
    assert held.rows("test") is rows
    assert held.names("test", np.array([1])) == ["d"]
    with pytest.raises(UsageError, match=r"^mine has no val rows; it has test, train$"):
        held.rows("val")


def test_pixels_are_rows_of_test_called_by_their_image_and_their_place() -> None:
    held = of_pixels()
    rows = held.rows("test")
    assert rows.targets.tolist() == np.array([0.1, 1.1, 1.2], dtype=np.float32).astype(float).tolist()
    assert rows.bin_index.tolist() == [0, 1, 1]
    assert rows.bin_index.dtype == np.int64
    assert rows.ids.tolist() == [None] * 3
    assert held.names("test", np.array([2, 0])) == ["second, row 6, column 9", "first, row 4, column 7"]
    with pytest.raises(UsageError, match="maps has no val pixels; it has test pixels"):
        held.rows("val")
    assert held.frame.names == ["1.png", "3.png"]


def test_rows_are_clustered_by_a_column_of_the_split_or_by_image() -> None:
    held = of_samples()
    assert held.clusters("who", "test").tolist() == [0, 1]
    assert held.clusters("who", "train").tolist() == [1, 0]
    assert held.clusters("id", "test").tolist() == [0, 1]
    assert of_pixels().clusters("image", "test").tolist() == [0, 1, 1]
    with pytest.raises(UsageError, match=r"--cluster id: .* its columns are image$"):
        of_pixels().clusters("id", "test")
    for against, there in ((held, "who"), (of_pixels(), "image")):
        with pytest.raises(UsageError, match=rf"--cluster shoe: .* no such column; its columns are {there}$"):
            against.clusters("shoe", "test")
    with pytest.raises(UsageError, match=r"--cluster shoe: .* no such column; it has none; .* --group COL"):
        replace(held, manifest=None).clusters("shoe", "test")


def test_a_benchmark_of_bins_alone_knows_no_rows_and_marks_its_content_so() -> None:
    held = of_samples()
    alone = replace(held, manifest=None)
    assert (held.has_rows, alone.has_rows) == (True, False)
    assert (held.content, alone.content) == ("sha256:abc", "bins:abc")
    with pytest.raises(TypeError, match="mine: no samples are known"):
        alone.rows("test")
    for without in (held, alone):
        with pytest.raises(TypeError, match="mine: no pixels are known"):
            _ = without.pixels


def test_a_target_lies_in_the_bin_of_the_value_that_a_map_holds() -> None:
    """In float32 the number next below 1 is 1."""
    targets = np.array([0.5, 1 - 1e-12, 1.5])
    assert of_samples().index(targets).tolist() == [0, 0, 1]
    assert of_pixels().index(targets).tolist() == [0, 1, 1]


def test_bins_that_name_no_dataset_of_ours_have_plain_rules() -> None:
    rules = of_samples().rules
    assert rules.bins is BINS
    assert (rules.target, rules.unit, rules.grows, rules.weights.default) == ("target", "", False, "inverse")
    assert {(rule.thresholds.many, rule.thresholds.few) for rule in rules.score_rules.values()} == {(100, 20)}
    assert of_pixels().rules is datasets.load("nyud2").rules
    assert (of_samples().unit, of_pixels().unit) == ("samples", "pixels")
