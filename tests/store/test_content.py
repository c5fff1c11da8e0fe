"""Hashes are those that their docstrings define, taken here by plain Python, and pinned: they stand in signatures."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable, Images
from dircli.benchmark.pixels import Pixels
from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.store import content as hashing
from dircli.store.content import column_digest, content, encoded, pixel_content, rules_digest, targets_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = settings(deadline=None, max_examples=50)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WRAP = 2**64


def sha(*parts: bytes) -> str:
    return f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def mixed(value: float) -> int:
    """The finaliser of SplitMix64 over the bits of ``value``, with Python's own numbers."""
    bits = (int.from_bytes(struct.pack("<d", value + 0.0), "little") + 0x9E3779B97F4A7C15) % WRAP
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % WRAP
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % WRAP
    return bits ^ (bits >> 31)


def table() -> BinTable:
    counts = {"train": np.array([5, 0, 2**40]), "val": np.zeros(3, np.int64), "test": np.ones(3, np.int64)}
    regions = {key: np.array(["many", "few", "many"], dtype=object) for key in ("released", "paper")}
    return BinTable(bins=Bins(np.array([-0.0, 1, 2.5, 4])), counts=counts, regions=regions, facts={})


@QUICK
@given(st.lists(FINITE, max_size=20), st.randoms())
def test_targets_are_mixed_and_summed_whatever_their_order(values: list[float], random: np.random.Generator) -> None:
    total = struct.pack("<QQ", len(values), sum(map(mixed, values)) % WRAP)
    expected = f"bins:{hashlib.sha256(total).hexdigest()}"
    assert targets_digest(np.array(values, dtype=float)) == expected
    random.shuffle(values)
    assert targets_digest(np.array(values, dtype=float)) == expected


def test_a_hash_of_targets_stays_what_it_is() -> None:
    assert targets_digest(np.array([0.0, 1.5, -3, 1e300])).startswith("bins:8173c60b394d8a49")
    assert targets_digest(np.array([-0.0])) == targets_digest(np.array([0.0]))


@pytest.fixture(scope="module", autouse=True)
def _blocks_are_short() -> Iterator[None]:
    """A hash takes numbers in block by block, and rows of these tests are few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "BLOCK", 4)
        yield


@pytest.mark.thorough
@QUICK
@given(st.lists(st.tuples(st.text(max_size=5), FINITE, st.integers(0, 2)), max_size=12))
def test_content_is_a_hash_of_ids_targets_and_splits(rows: list[tuple[str, float, int]]) -> None:
    ids, targets, codes = [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    data = [key.encode() for key in ids]
    floats = struct.pack(f"<{len(rows)}d", *(value + 0.0 for value in targets))
    expected = sha(words(len(rows), *map(len, data)), b"".join(data), floats, bytes(codes))
    names = np.array([("train", "val", "test")[code] for code in codes], dtype=object)
    for split in (names, np.array(codes, dtype=np.int8)):
        assert content(np.array(ids, dtype=object), np.array(targets, dtype=float), split) == expected
    assert content(pa.array(ids, pa.string()), np.array(targets, dtype=float), np.array(codes, np.int8)) == expected


def test_rules_are_a_hash_of_edges_counts_regions_and_rules() -> None:
    rules = {key: ScoreRule(thresholds=Thresholds(many=100, few=20)) for key in ("released", "paper")}
    fields = {"few": 20, "many": 100}
    stated = {key: {"regions": ["many", "few", "many"], "thresholds": fields} for key in rules}
    by_protocol = {key: {**vars(rule), **stated[key]} for key, rule in rules.items()}
    text = json.dumps(by_protocol, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    numbers = struct.pack("<4d", 0, 1, 2.5, 4) + words(5, 0, 2**40)
    assert rules_digest(table(), rules) == sha(words(3), numbers, text.encode())


def test_the_content_of_maps_is_a_hash_of_their_test_images_and_scored_pixels() -> None:
    ids = np.array(["é/1", "trained", "b"], dtype=object)
    images = Images(ids=ids, split=np.array(["test", "train", "test"], dtype=object), columns={})
    places = [np.array(values, dtype=np.int16) for values in ((0, 1), (7, 300), (2, 500))]
    image, row, col = places
    targets = np.array([1.5, 0.1], dtype=np.float32)
    pixels = Pixels(image=image, row=row, col=col, targets=targets, bin_index=np.zeros(2, np.int64))
    shorts = b"".join(struct.pack("<2h", *values.tolist()) for values in places)
    expected = sha(words(2, 4, 1), "é/1b".encode(), words(5, 0, 2**40), shorts, struct.pack("<2f", 1.5, 0.1))
    assert pixel_content(images, pixels, table()) == expected


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_column_of_texts_is_hashed_with_its_nulls(kind: pa.DataType) -> None:
    column = pa.array(["x", "ab", None, "é", ""], kind)
    expected = sha(b"text", words(5, 1), words(2), words(1, 2, 0, 2, 0), "xabé".encode())
    assert column_digest(column) == expected
    assert column_digest(pa.concat_arrays([pa.array(["z"], kind), column]).slice(1)) == expected
    assert column_digest(pa.array([], kind)) == sha(b"text", words(0, 0))


def test_a_column_of_numbers_is_hashed_with_its_kind() -> None:
    assert column_digest(pa.array([1, -2], pa.int16())) == sha(b"int16", words(2, 0), struct.pack("<2h", 1, -2))
    assert column_digest(pa.array([0.5])) == sha(b"float64", words(1, 0), struct.pack("<d", 0.5))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_are_encoded_from_where_a_slice_begins(kind: pa.DataType) -> None:
    offsets, data = encoded(pa.array(["abc", "é", "", "xy"], kind).slice(1))
    assert offsets.tolist() == [0, 2, 2, 4]
    assert data.tobytes() == "éxy".encode()
    assert [part.tolist() for part in encoded(pa.array([], kind))] == [[0], []]
    assert [part.tolist() for part in encoded(pa.array(["", ""], kind))] == [[0, 0, 0], []]
