"""What a manifest rests on: the files that were opened, and records with their split and origin."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from dircli.store.digests import chunks_of, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dircli.arrays import TextArray
    from dircli.benchmark.dataset import Dataset
    from dircli.benchmark.raw import Raw
    from dircli.benchmark.records import Records


@dataclass
class Watched:
    """A `Raw` that remembers which members were opened, and whether it was listed: what a manifest rests on."""

    raw: Raw
    opened: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the tree's."""
        return self.raw.name

    def members(self) -> Sequence[str]:
        """As the tree's."""
        return self.raw.members()

    def find(self, name: str) -> str | None:
        """As the tree's."""
        return self.raw.find(name)

    def size(self, member: str) -> int:
        """As the tree's."""
        return self.raw.size(member)

    def stamp(self, member: str) -> str:
        """As the tree's."""
        return self.raw.stamp(member)

    def open(self, member: str) -> IO[bytes]:
        """As the tree's, and remembered."""
        self.opened.append(member)
        return self.raw.open(member)

    def sources(self, dataset: Dataset) -> list[dict[str, Any]]:
        """One entry per opened member: file, bytes, sha256, and the URL where that very file is published."""
        urls = {source.file: source.urls for source in dataset.sources}
        entries = []
        for member in sorted(set(self.opened)):
            file = member.rpartition("/")[2]
            with self.raw.open(member) as stream:
                digest = digest_of(chunks_of(stream), "sha256").removeprefix("sha256:")
            entry = {"bytes": self.raw.size(member), "file": file, "sha256": digest}
            entries.append(entry | ({"url": urls[file][0]} if urls.get(file) else {}))
        return entries


@dataclass(frozen=True, kw_only=True)
class Curation:
    """Records with their split, and where both came from; ``derived`` says what was then taken away from train."""

    records: Records
    split: TextArray
    origin: str
    seed: int | None
    sources: list[dict[str, Any]]
    notes: tuple[str, ...] = ()
    derived: Mapping[str, Any] | None = None


def seen_of(watched: Watched, dataset: Dataset, records: Records) -> list[dict[str, Any]]:
    """What a raw source contributed: the files that were opened, or the names alone where none was."""
    if watched.opened:
        return watched.sources(dataset)
    names = "\n".join(sorted(records.ids)).encode()
    return [{"file": "file names", "names": len(records), "sha256": hashlib.sha256(names).hexdigest()}]
