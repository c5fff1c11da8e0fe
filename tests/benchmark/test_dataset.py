"""What a dataset is: bins that grow as far as the targets go, and what it states where it says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from dircli import datasets
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Channel, Dataset, PixelReader, Rules, SampleReader
from dircli.benchmark.protocol import ScoreRule, Thresholds, WeightRule
from dircli.benchmark.splits import SplitRecipe

BINS = Bins(np.array([0.0, 1, 3]))


def rules(*, grows: bool) -> Rules:
    """Two bins, the last of which is two wide."""
    scored = {"released": ScoreRule(thresholds=Thresholds(many=100, few=20))}
    weights = WeightRule(default="inverse")
    return Rules(
        target="y", unit="", bins=BINS, recipe=SplitRecipe(bins=BINS), score_rules=scored, weights=weights, grows=grows
    )


@pytest.mark.parametrize(
    ("targets", "edges"),
    [
        ([], [0, 1, 3]),
        ([0.5, 2.9], [0, 1, 3]),
        ([3.0], [0, 1, 3, 5]),  # bins are open to the right, and the last one closes what is above
        ([4.9, 0.5], [0, 1, 3, 5]),
        ([9.5], [0, 1, 3, 5, 7, 9, 11]),
    ],
)
def test_bins_grow_by_the_width_of_the_last_one_until_they_hold_the_highest_target(
    targets: list[float], edges: list[float]
) -> None:
    given = np.array(targets, dtype=float)
    assert rules(grows=True).scoring_bins(given).edges.tolist() == edges
    assert rules(grows=False).scoring_bins(given) is BINS


def test_a_dataset_that_states_nothing_of_it_has_fixed_bins_plain_metrics_and_no_images() -> None:
    plain = datasets.load("agedb").rules
    stated = Rules(
        target="y",
        unit="",
        bins=BINS,
        recipe=plain.recipe,
        score_rules=plain.score_rules,
        weights=plain.weights,
    )
    assert (stated.grows, stated.positive, stated.metrics) == (False, False, ())
    assert not SampleReader().images
    assert not Channel(role="eeg", labels=("EEG",), rates=(1, 2)).inverts


def test_a_table_of_ones_own_was_published_nowhere() -> None:
    own = Dataset(name="mine", rules=rules(grows=False), publication=None, reader=SampleReader())
    with pytest.raises(TypeError, match="mine: a table of one's own was published nowhere"):
        _ = own.published
    assert own.released == ()
    assert own.unreleased == "no split of a table of one's own was published"
    assert (own.digests, own.counted, own.samples) == ({}, "samples", own.reader)


def test_the_published_files_of_a_benchmark_are_named_with_their_digests() -> None:
    maps, faces = datasets.load("nyud2"), datasets.load("agedb")
    assert isinstance(maps.reader, PixelReader)
    assert {file for file, _ in maps.reader.lists.values()} < set(maps.digests)
    assert all(digest.startswith("git:") for digest in faces.digests.values())
    assert [source.holds for source in faces.released] == ["released"] * len(faces.digests)
    assert (maps.counted, faces.counted) == ("pixels", "samples")
    assert maps.samples == SampleReader()
    assert faces.samples is faces.reader
    assert faces.unreleased == ""


def test_the_published_mask_holds_the_same_number_of_pixels_in_each_bin_from_the_first_scored_one() -> None:
    reader = datasets.load("nyud2").reader
    assert isinstance(reader, PixelReader)
    held = reader.balanced(reader.first + 2)
    assert held.tolist() == [0] * reader.first + [reader.per_bin] * 2
    assert held.dtype == np.int64
