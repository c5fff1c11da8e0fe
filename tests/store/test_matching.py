"""Ids brought together: the fast order and the slow one are the same, and what does not match is told."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dircli.store import matching
from dircli.store.matching import hashes, matched, reordered, repeated_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.fixture(scope="module", autouse=True)
def _all_are_many() -> Iterator[None]:
    """Files of these tests are short, and what they try is what long ones go through."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "FEW", 0)
        patch.setattr(matching, "BLOCK", 4)
        patch.setattr(matching, "COMPARED", 3)
        yield


def arrow(*texts: str) -> pa.Array:
    return pa.array(texts, pa.large_string())


def hashed(text: str) -> int:
    """The hash of a text, of which the shipped fingerprints are made: eight bytes at a time, by Python's numbers."""
    factor, data = 0x9E3779B97F4A7C15, text.encode()
    number = (len(data) + 1) * factor % 2**64
    for at in range(0, len(data), 8):
        mixed = (number ^ int.from_bytes(data[at : at + 8], "little")) * factor % 2**64
        number = mixed ^ mixed >> 29
    return number


@given(st.lists(st.one_of(TEXTS, st.text("ab", max_size=40)), max_size=12), st.integers(0, 12), st.booleans())
def test_a_hash_is_that_of_the_bytes_alone(texts: list[str], begin: int, wide: bool) -> None:  # noqa: FBT001
    column = pa.array(texts, pa.large_string() if wide else pa.string())
    pieces = pa.chunked_array([column[:begin], column[begin:]], column.type)
    expected = [hashed(text) for text in texts]
    assert hashes(column).tolist() == hashes(pieces).tolist() == expected
    assert hashes(column[begin:]).tolist() == expected[begin:]


@given(st.lists(TEXTS, unique=True, max_size=30), st.randoms())
def test_ids_in_any_order_are_found_where_they_stand(texts: list[str], random: object) -> None:
    mixed = texts.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    rows = reordered(arrow(*mixed), arrow(*texts))
    assert rows is not None
    assert rows.dtype == np.int64
    assert [mixed[row] for row in rows] == texts


@given(st.lists(TEXTS, max_size=8), st.lists(TEXTS, max_size=8, unique=True))
def test_the_fast_way_and_the_slow_one_agree_on_rows_and_on_problems(theirs: list[str], ids: list[str]) -> None:
    objects = np.array([*ids, None], dtype=object)[:-1]
    slow, said = matched(theirs, objects, "p", missing_hint="")
    fast, as_well = matched(arrow(*theirs), arrow(*ids), "p", missing_hint="")
    assert (fast.tolist(), as_well) == (slow.tolist(), said)


def test_few_ids_are_found_in_a_dictionary_without_arrows_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "FEW", 3)
    monkeypatch.setattr(matching, "reordered", lambda *_: pytest.fail("these are few"))
    rows, problems = matched(arrow("b", "c", "a"), np.array(["a", "b", "c"], dtype=object), "p", missing_hint="")
    assert (rows.tolist(), problems) == ([2, 0, 1], [])


@pytest.mark.parametrize(
    ("theirs", "ids"),
    [
        (["a", "b"], ["a"]),
        (["a", "a"], ["a", "a"]),
        (["a", "a"], ["a", "b"]),
        (["a", "b"], ["a", "a"]),
        (["a", "b"], ["a", "c"]),
        (["a"], ["a\0"]),
        ([""], ["\0"]),
    ],
)
def test_other_or_repeated_ids_are_no_order_of_the_same(theirs: list[str], ids: list[str]) -> None:
    assert reordered(arrow(*theirs), arrow(*ids)) is None


def test_an_order_that_hashes_propose_is_taken_only_if_the_texts_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "hashes", lambda texts: np.arange(len(texts), dtype=np.uint64))
    assert reordered(arrow("b", "a"), arrow("a", "b")) is None
    rows, problems = matched(arrow("b", "a"), arrow("a", "b"), "p", missing_hint="")
    assert (rows.tolist(), problems) == ([1, 0], [])


def test_a_part_of_a_longer_array_is_matched_as_what_it_holds() -> None:
    rows = reordered(arrow("x", "b", "a")[1:], arrow("a", "b", "y")[:2])
    assert rows is not None
    assert rows.tolist() == [1, 0]


def test_repeated_ids_are_told_once_each() -> None:
    for keys in (["a", "b", "a", "c", "b", "a"], arrow("a", "b", "a", "c", "b", "a")):
        assert list(map(str, repeated_ids(keys))) == ["a", "b"]
    assert repeated_ids(arrow("a", "b")) == repeated_ids([]) == []


def test_ids_that_a_split_repeats_may_be_repeated_in_a_file() -> None:
    for ids, theirs, said in (("aab", "aabb", ["1 ids occur more than once: b"]), ("aab", "baa", []), ("ab", "ab", [])):
        rows, problems = matched(arrow(*theirs), arrow(*ids), "p", missing_hint="")
        assert rows.tolist() == [theirs.index(key) for key in ids]
        assert [problem.found for problem in problems] == said


@pytest.mark.thorough
def test_very_many_rows_of_an_id_are_told_without_an_object_for_each() -> None:
    theirs = pa.array(["row a", "row b"] * 11_000)
    tracemalloc.start()
    try:
        rows, problems = matched(theirs, arrow("row b", "row c"), "p", missing_hint="")
        assert list(map(str, repeated_ids(theirs))) == ["row a", "row b"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows.tolist() == [1, -1]
    assert [problem.found for problem in problems] == [
        "1 ids are missing: row c",
        "1 ids are not in the split: row a",
        "2 ids occur more than once: row a, row b",
    ]
    assert peak < 32 * len(theirs)


def test_a_text_whose_bytes_are_its_length_has_a_hash_of_its_own() -> None:
    """Hypothesis met it: the empty text and one of the byte 1 had one hash, so that the slow way was taken."""
    texts = ["", "\x01", "\x02\0", "\x02", "\x03\0\0"]
    rows = reordered(arrow(*texts[::-1]), arrow(*texts))
    assert rows is not None
    assert rows.tolist() == [4, 3, 2, 1, 0]


@given(st.lists(TEXTS, unique=True, min_size=1, max_size=12), st.integers(1, 64), st.randoms())
def test_hashes_that_begin_alike_are_told_apart_by_the_rest(texts: list[str], shared: int, random: object) -> None:
    """Rows are sorted by the first bits of hashes; where those are the same, by all of them, and never by chance."""
    known = {text: np.uint64(row >> 1 if shared > 60 else row) for row, text in enumerate(sorted(texts))}
    mixed = texts.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "hashes", lambda of: np.array([known[text] for text in of.to_pylist()], np.uint64))
        rows = reordered(arrow(*mixed), arrow(*texts))
    if rows is not None:
        assert [mixed[row] for row in rows] == texts
    assert (rows is None) == (shared > 60 and len(texts) > 1)


def test_ids_in_chunks_are_matched_as_one_array() -> None:
    ids = pa.chunked_array([pa.array(["a", "b"]), pa.array([], pa.string()), pa.array(["c"])])
    for theirs, expected in ((["c", "a", "b"], [1, 2, 0]), (["a", "b", "c"], [0, 1, 2])):
        rows = reordered(arrow(*theirs), ids)
        assert rows is not None
        assert rows.tolist() == expected
    assert reordered(arrow("a", "b", "d"), ids) is None
