"""The part file of a download: its bytes, the response that they came from, and their running hashes.

What survives a kill is ``<file>.part`` and, beside it, ``<file>.part.json``. The bytes always belong to the response
that the JSON describes: a fresh start removes the old bytes, then describes the new response, then writes.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from hashlib import _Hash

CHUNK = 1 << 20


def git_blob(data: bytes) -> str:
    """The git blob id of ``data``, 40 hex digits: the sha1 of ``blob <size>``, a zero byte and the data."""
    return _git([data], len(data))


def digest_of(content: Path | Iterable[bytes], algorithm: str) -> str:
    """The digest of a file or of chunks of bytes as ``algorithm:hex``; algorithm is sha256, md5 or git."""
    if algorithm == "git":
        if isinstance(content, Path):
            return f"git:{_git(_chunks(content), content.stat().st_size)}"
        return f"git:{git_blob(b''.join(content))}"
    hashing = _hashing(algorithm)
    for chunk in _chunks(content) if isinstance(content, Path) else content:
        hashing.update(chunk)
    return f"{algorithm}:{hashing.hexdigest()}"


def _git(chunks: Iterable[bytes], size: int) -> str:
    hashing = hashlib.sha1(usedforsecurity=False)
    for chunk in chain([f"blob {size}\0".encode()], chunks):
        hashing.update(chunk)
    return hashing.hexdigest()


def _hashing(algorithm: str) -> _Hash:
    if algorithm not in ("sha256", "md5"):
        raise ValueError(f"no such digest algorithm: {algorithm}")
    return hashlib.new(algorithm, usedforsecurity=algorithm == "sha256")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write ``facts`` under ``path`` at once or not at all, keys sorted, so that a kill leaves no half of it."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The response that a part came from: which address, its ETag or Last-Modified, its whole length in bytes.

    ``address`` is a hash, because a mirror's URL may hold a secret.
    """

    address: str
    validator: str | None
    total: int | None


class Part:
    """The part file of ``final``; its sha256 and md5 grow with it and are caught up from the file where needed."""

    def __init__(self, final: Path) -> None:
        self.path = final.with_name(f"{final.name}.part")
        self._facts = final.with_name(f"{final.name}.part.json")
        self.origin = self._described()
        self.pieced = self.size > 0
        """Whether the bytes may stem from more than one response."""
        self._reset()

    @property
    def size(self) -> int:
        """The bytes that are there; 0 where there is no part."""
        return self.path.stat().st_size if self.path.exists() else 0

    def start(self, origin: Origin) -> None:
        """Drop the old bytes and begin anew with the response ``origin``."""
        self.clear()
        write_json(self._facts, asdict(origin))
        self.origin = origin

    def clear(self) -> None:
        """Drop the bytes and what is known about them."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)
        self.origin, self.pieced = None, False
        self._reset()

    @contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        """A function that appends one chunk; what it was given is in the file afterwards, also after an error."""
        self._catch_up()
        with self.path.open("ab") as stream:

            def write(chunk: bytes) -> None:
                stream.write(chunk)
                self._hash(chunk)

            yield write

    def digest(self, algorithm: str) -> str:
        """The digest of the bytes as ``algorithm:hex``."""
        if algorithm == "git":  # it begins with the size, which a stream does not always know
            return digest_of(self.path, algorithm)
        self._catch_up()
        return f"{algorithm}:{self._hashes[algorithm].hexdigest()}"

    def settle(self, final: Path) -> None:
        """Put the bytes under their final name, once they are safely on the disk."""
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.path.replace(final)
        self._facts.unlink(missing_ok=True)

    def _described(self) -> Origin | None:
        try:
            return Origin(**json.loads(self._facts.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None  # no description, or not one of ours: the part is then of unknown origin

    def _reset(self) -> None:
        self._hashes = {name: _hashing(name) for name in ("sha256", "md5")}
        self._hashed = 0

    def _hash(self, chunk: bytes) -> None:
        for hashing in self._hashes.values():
            hashing.update(chunk)
        self._hashed += len(chunk)

    def _catch_up(self) -> None:
        if self._hashed != self.size:
            self._reset()
            for chunk in _chunks(self.path):
                self._hash(chunk)
