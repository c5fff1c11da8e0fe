"""Counts of finished work, kept so that what is interrupted goes on where it was."""

import json
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from dircli.arrays import IntArray
from dircli.errors import UsageError
from dircli.store.places import is_remote


class Checkpoint:
    """The counts of finished chunks in a file of JSON lines, one chunk a line; a line that was cut off is no line.

    At a URL nothing is kept, for no line can be added to a file there.
    """

    def __init__(self, path: Path) -> None:
        self._path = None if is_remote(path) else path
        self._stream: IO[bytes] | None = None
        self._known: dict[str, dict[int, int]] = {}
        with suppress(OSError):
            for line in self._path.read_bytes().split(b"\n") if self._path else ():
                with suppress(ValueError, KeyError, TypeError, AttributeError):
                    entry = json.loads(line)
                    counts = {int(code): int(count) for code, count in entry["counts"].items()}
                    if sum(counts.values()) == entry["pixels"]:
                        self._known[str(entry["key"])] = counts

    def get(self, key: str, codes: int) -> IntArray | None:
        """The counts kept under ``key``, (codes,), or None."""
        if (known := self._known.get(key)) is None:
            return None
        counts = np.zeros(codes, dtype=np.int64)
        counts[list(known)] = list(known.values())
        return counts

    def keys(self) -> frozenset[str]:
        """Under which keys there are counts."""
        return frozenset(self._known)

    def keep(self, key: str, counts: IntArray) -> None:
        """Keep the counts of one more chunk; UsageError where the file cannot be written."""
        if self._path is None:
            return
        codes = np.flatnonzero(counts).tolist()
        entry = {"key": key, "pixels": int(counts.sum()), "counts": {code: int(counts[code]) for code in codes}}
        try:
            if self._stream is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("ab")
            self._stream.write(b"\n" + json.dumps(entry).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written ({error.strerror})") from None

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def remove(self) -> None:
        """Remove the file, where there is one, for all is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
