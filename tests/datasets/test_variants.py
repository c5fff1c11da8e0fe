"""Rows that are known by a hash of their ids."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from dircli import datasets
from dircli.datasets import variants
from dircli.datasets.variants import ABSENT, UNKNOWN, Fingerprints, Variant, keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = [f"faces/{row:02d}.jpg" for row in range(30)]
CODES = np.repeat([0, 1, 2], 10).astype(np.uint8)
PRINTS = Fingerprints(
    dataset=datasets.load("agedb"),
    keys=keyed(pa.array(NAMES, pa.large_string()), (r"^.*/([^/]*)$", r"\1")),
    targets=np.arange(30.0),
    orders={},
    splits={"other": np.where(CODES == 1, 2, np.where(CODES == 2, 1, CODES)), "released": np.roll(CODES, 5)},
    key=(r"^.*/([^/]*)$", r"\1"),
    folder="faces/",
)


def texts(*ids: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(ids)])


def test_ids_are_found_where_they_are_and_no_others() -> None:
    assert PRINTS.places(NAMES).tolist() == list(range(30))
    assert PRINTS.places([f"x{row}" for row in range(1000)]).tolist() == [-1] * 1000
    assert PRINTS.known(texts(NAMES[0])) == 1
    assert PRINTS.known(texts(NAMES[0], "x")) == 0.5
    assert PRINTS.known(texts("x")) == 0


def test_ids_are_known_by_256_of_them_from_the_first_to_the_last() -> None:
    looked_at = {*np.linspace(0, 1023, 256).astype(int).tolist()}
    assert PRINTS.known(texts(*(NAMES[0] if row in looked_at else "x" for row in range(1024)))) == 1


def test_a_variant_is_whole_if_every_split_is_known_and_test_is_there() -> None:
    splits = {
        "whole": CODES,
        "no test": np.where(CODES == 2, ABSENT, CODES),
        "partly": np.where(CODES == 1, UNKNOWN, CODES),
    }
    prints = replace(PRINTS, splits=splits)
    assert [prints.is_whole(name) for name in splits] == [True, False, False]
    assert [*prints.sets("no test")] == ["train", "val"]


def test_codes_that_are_shipped_are_of_a_split_or_say_why_not() -> None:
    for prints in variants.all_fingerprints():
        for name, codes in prints.splits.items():
            assert {*codes.tolist()} <= {0, 1, 2, UNKNOWN, ABSENT}, name
    assert (UNKNOWN, ABSENT) == (254, 255)  # as the shipped files were written


@pytest.mark.parametrize(
    ("ids", "given", "said"),
    [
        (NAMES[10:20], ("other", "test"), ""),
        (NAMES[10:20], ("same", "test"), ""),
        (NAMES[10:20], ("other", "val"), "test split of other, another split of agedb (Somebody): `dir curate agedb"),
        (NAMES[:10], ("other", "val"), "then --dataset agedb-other --split train"),
        (NAMES[15:25], ("other", "test"), "published val split of agedb: --dataset agedb --split val"),
        ([name[6:] for name in NAMES[10:20]], ("other", "test"), "but for their folders; write faces/ before each id"),
        ([name[6:] for name in NAMES[15:25]], ("other", "test"), "--split val; and write faces/ before each id"),
        ([NAMES[10][6:], *NAMES[11:20]], ("other", "test"), "write faces/ before each id"),
        ([*NAMES[10:20], "x"], ("other", "val"), ""),
        ([*NAMES[10:20], "z"], ("other", "val"), ""),
        (NAMES[10:19], ("other", "val"), ""),
        ([], ("other", "val"), ""),
    ],
)
def test_ids_are_said_to_fit_a_split_only_if_they_are_all_of_it(
    monkeypatch: pytest.MonkeyPatch, ids: Sequence[str], given: tuple[str, str], said: str
) -> None:
    twice = replace(PRINTS, splits={**PRINTS.splits, "same": PRINTS.splits["other"]})
    strangers = replace(PRINTS, keys=PRINTS.keys + np.uint64(1))
    longer = replace(PRINTS, splits={"longer": np.where(np.arange(30) < 9, 0, 2).astype(np.uint8)})
    other = Variant(name="other", dataset="agedb", title="Somebody", counts={"train": 10, "val": 10, "test": 10})
    monkeypatch.setattr(variants, "variants", lambda: (other,))
    monkeypatch.setattr(variants, "all_fingerprints", lambda: (strangers, longer, twice))
    told = variants.fitting(ids, given=("agedb", *given))
    assert said in told
    assert bool(said) == bool(told)


def test_a_form_is_that_of_most_ids_if_it_is_that_of_more_than_half() -> None:
    ids = [f"wiki_crop/{row:02d}/{row}_1950-01-01_2010.jpg" for row in range(9, -1, -1)]
    assert variants.of_form(texts(*ids, *NAMES[:10]), np.arange(20.0)) is None
    found = variants.of_form(texts(*ids, *NAMES[:9]), np.arange(19.0))
    assert found is not None
    assert found.dataset.name == "imdb-wiki"
    assert found.targets[found.places([*ids, *NAMES[:9]])].tolist() == np.arange(19.0).tolist()
    assert found.places([*NAMES[:9], *ids[::-1]]).tolist() == found.orders["sorted"].tolist()


def test_variants_are_made_of_their_own_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"train": 10, "val": 10, "test": 10}
    known = [Variant(name=name, dataset=name, title="", counts=counts) for name in ("agedb", "sts-b")]
    less = Variant(name="less", dataset="agedb", title="", counts={"test": 10})
    monkeypatch.setattr(variants, "variants", lambda: (*known, less))
    assert variants.makeable("agedb") == ["agedb"]
