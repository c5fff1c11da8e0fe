"""Over damaged and odd files, fast readers, and those of blocks, give with the exact one what that gives alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_files import damaged, good

from dircli.errors import InputError
from dircli.store import plain_lines, plain_text, sniff, streams
from dircli.store.predictions import Layout, read

Outcome = tuple[Any, ...]


def outcome(path: str, *, seed: int) -> Outcome:
    """What is read from the file: every value, to the last bit, and every problem; or the error."""
    draw = np.random.default_rng(seed)
    by_position = draw.random() < 0.2 and not Path(path).read_bytes().startswith(sniff.PARQUET)
    # of Parquet all three columns are asked for: blocks hold no others, and do not show what is damaged in those
    layout = Layout(by_position=by_position, sigma_column="target" if draw.random() < 0.1 else None)
    try:
        found = read(path, layout, need_target=draw.random() < 0.5)
    except InputError as error:
        return tuple(map(str, error.problems))
    ids = None if found.ids is None else [str(key) for key in found.ids]
    values = [None if part is None else part.tobytes() for part in (found.values, found.targets, found.sigma)]
    return ids, values, list(map(str, found.problems)), found.cut, found.sha256


def differing(seeds: range, work: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[object], int]:
    """The files that are read otherwise fast, or by blocks, than exactly; and how many are read without a problem."""
    unlike: list[object] = []
    whole = 0
    for seed in seeds:
        kind, data = list(good(seed).items())[seed % len(good(0))]
        data = damaged(data, seed) if seed % 3 else data
        (work / "p").write_bytes(data)
        both = outcome("p", seed=seed)
        with monkeypatch.context() as without:
            for reader in (plain_text, plain_lines):
                without.setattr(reader, "read", lambda *_, **__: None)
            exact = outcome("p", seed=seed)
        with monkeypatch.context() as small:
            sizes = {"LARGE": 0, "LARGE_COMPRESSED": 0, "BLOCK": 30 + seed % 90, "ROWS": 1 + seed % 5}
            for name, size in sizes.items():
                small.setattr(streams, name, size)
            blocks = outcome("p", seed=seed)
        if not both == exact == blocks:
            unlike.append((seed, kind, data, both, exact, blocks))
        whole += len(exact) == 5 and not exact[2]
    return unlike, whole


@pytest.mark.thorough
def test_fast_and_exact_readers_agree_on_damaged_files(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlike, whole = differing(range(300), work, monkeypatch)
    assert unlike == []
    assert 80 < whole < 200


@pytest.mark.slow
def test_fast_and_exact_readers_agree_on_two_thousand_damaged_files(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert differing(range(10_000, 12_000), work, monkeypatch)[0] == []
