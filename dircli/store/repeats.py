"""Whether any of more ids than memory should hold is there twice, by their hashes."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np

from dircli.arrays import AnyArray
from dircli.store.matching import repeat

KEPT = 1 << 23
"""So many hashes are kept in memory; more are written to files, divided by how they begin."""
FILES = 64


class Repeats:
    """Hashes of 64 bits that are added in pieces, and then asked whether one is there twice; to be closed.

    Two ids may have the same hash without being the same: among a hundred million, in 1 of 4,000 cases.
    """

    def __init__(self) -> None:
        self._pieces: list[AnyArray] = []
        self._size = 0
        self._files: list[IO[bytes]] = []

    def close(self) -> None:
        """Remove what is in memory and in files."""
        self._pieces.clear()
        for file in self._files:
            file.close()

    def add(self, hashes: AnyArray) -> None:
        """Add a piece, (n,) uint64."""
        self._pieces.append(hashes)
        self._size += hashes.size
        if self._size > KEPT:
            self._write()

    def any(self) -> bool:
        """Whether two of all hashes are the same."""
        if not self._files:
            return repeat(np.concatenate([np.empty(0, np.uint64), *self._pieces]))
        self._write()
        for file in self._files:
            file.seek(0)
            if repeat(np.fromfile(file, np.uint64)):
                return True
        return False

    def _write(self) -> None:
        """Move what is in memory to the files, one for each beginning of hashes."""
        if not self._files:
            self._files = [tempfile.TemporaryFile() for _ in range(FILES)]  # noqa: SIM115 - `close` closes them
        hashes = np.sort(np.concatenate([np.empty(0, np.uint64), *self._pieces]))
        self._pieces, self._size = [], 0
        bounds = np.searchsorted(hashes >> np.uint64(64 - FILES.bit_length() + 1), np.arange(FILES + 1))
        for file, start, end in zip(self._files, bounds, bounds[1:], strict=False):
            hashes[start:end].tofile(file)
