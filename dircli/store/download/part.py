"""The part file of a download: its bytes, the response that they came from, and their running hashes.

What survives a kill is ``<file>.part`` and, beside it, ``<file>.part.json``. The bytes always belong to the response
that the JSON describes: a fresh start removes the old bytes, then describes the new response, then writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dircli.store.digests import chunks_of, digest_of, hasher


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


UNKNOWN = Origin(address="", validator=None, total=None)


class Part:
    """The part file of ``final``; its sha256 and md5 grow with it and are caught up from the file where needed."""

    def __init__(self, final: Path) -> None:
        self.path = final.with_name(f"{final.name}.part")
        self._facts = final.with_name(f"{final.name}.part.json")
        self.origin = UNKNOWN
        with suppress(FileNotFoundError, ValueError, TypeError):  # no description, or not one of ours
            self.origin = Origin(**json.loads(self._facts.read_text(encoding="utf-8")))
        self.pieced = self.size > 0
        """Whether the bytes may stem from more than one response."""
        self._hashed = -1

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
        self.origin, self.pieced = UNKNOWN, False

    @contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        """A function that appends one chunk; what it was given is in the file afterwards, also after an error."""
        with self.path.open("ab") as stream:
            self._catch_up()

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

    def _hash(self, chunk: bytes) -> None:
        for hashing in self._hashes.values():
            hashing.update(chunk)
        self._hashed += len(chunk)

    def _catch_up(self) -> None:
        if self._hashed != self.size:
            self._hashes, self._hashed = {name: hasher(name) for name in ("sha256", "md5")}, 0
            for chunk in chunks_of(self.path):
                self._hash(chunk)
