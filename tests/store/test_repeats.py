"""Hashes that repeat are seen, in memory and in files, wherever the two stand."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from dircli.store import repeats
from dircli.store.repeats import Repeats


@pytest.mark.parametrize("kept", [10**6, 1000, 7], ids=["in memory", "in files once", "in files many times"])
@pytest.mark.parametrize("twice", [0, 1, 2**64 - 1, 2**58, None])
def test_a_hash_that_is_there_twice_is_seen(kept: int, twice: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "KEPT", kept)
    draw = np.random.default_rng(1)
    different = draw.permutation(np.arange(2, 3002, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    with closing(Repeats()) as hashes:
        for piece in np.array_split(different, 11):
            hashes.add(piece)
        if twice is not None:
            hashes.add(np.array([twice], np.uint64))
            hashes.add(np.array([5], np.uint64))
            hashes.add(np.array([twice], np.uint64))
        assert hashes.any() == (twice is not None)


def test_no_hashes_repeat_none() -> None:
    with closing(Repeats()) as hashes:
        assert not hashes.any()
