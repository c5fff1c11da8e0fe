"""What a manifest states of its making: the files that were read, how rows were split, counts and regions."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any

from dircli import __version__
from dircli.arrays import IntArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset, Source
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import SPLITS, Records
from dircli.benchmark.regions import region
from dircli.errors import InputError, one_line
from dircli.store.content import rules_digest
from dircli.store.digests import chunks_of, digest_of, git_blob


class Watched:
    """A `Raw` that remembers which members were opened, and is otherwise the same as ``raw``."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.name, self.where, self.inside = raw.name, raw.where, raw.inside
        self.members, self.find, self.size, self.stamp = raw.members, raw.find, raw.size, raw.stamp
        self.opened: list[str] = []

    def open(self, member: str) -> IO[bytes]:
        """As the tree's, and remembered."""
        self.opened.append(member)
        return self.raw.open(member)

    def sources(self, dataset: Dataset, records: Records) -> list[dict[str, Any]]:
        """What the tree contributed to ``records``: the files that were opened, or names alone where none was."""
        if self.opened:
            return sources(self.raw, self.opened, dataset)
        names = "\n".join(sorted(records.ids)).encode()
        return [{"file": "file names", "names": len(records), "sha256": hashlib.sha256(names).hexdigest()}]


def sources(raw: Raw, members: Iterable[str], dataset: Dataset) -> list[dict[str, Any]]:
    """One entry per member, sorted: file, bytes, sha256, and the URL where that very file is published."""
    urls = {source.file: {"url": source.urls[0]} for source in dataset.published.sources if source.urls}
    entries = []
    for member in sorted(set(members)):
        file = member.rpartition("/")[2]
        with raw.open(member) as stream:
            digest = digest_of(chunks_of(stream), "sha256").removeprefix("sha256:")
        entries.append({"bytes": raw.size(member), "file": file, "sha256": digest, **urls.get(file, {})})
    return entries


def unlike_published(dataset: Dataset, released: Raw) -> Iterator[tuple[str, Source, str]]:
    """Each split file in ``released``, of those there, that is not the published one: member, source, git blob id."""
    for source in dataset.released:
        if (member := released.find(source.file)) is not None:
            with released.open(member) as stream:
                blob = git_blob(stream.read())
            if f"git:{blob}" != source.digest:
                yield member, source, blob


def reason(error: Exception, raw: Raw) -> str:
    """The message of ``error``, met in ``raw``, as one line that a file may state: without folders of the machine."""
    if isinstance(error, InputError):
        error = InputError(replace(problem, where=raw.inside(problem.where)) for problem in error.problems)
    return one_line(error)


@dataclass(frozen=True, kw_only=True)
class Curation:
    """Records with their split, and where both came from.

    ``derived`` says what was then taken away from train, ``variant`` whose split of the published rows it is.
    """

    records: Records
    split: TextArray
    origin: str
    seed: int | None
    sources: list[dict[str, Any]]
    notes: tuple[str, ...] = ()
    derived: Mapping[str, Any] | None = None
    variant: Mapping[str, Any] | None = None


def described(dataset: Dataset, bins: Bins, counts: Mapping[str, IntArray], *, facts: Mapping[str, Any]) -> BinTable:
    """``bins`` with the rows of each split in each, ``counts`` (B,), and their regions by both protocols."""
    regions = {key: region(counts["train"], rule.thresholds) for key, rule in dataset.rules.score_rules.items()}
    return BinTable(bins=bins, counts=counts, regions=regions, facts=facts)


def all_facts(dataset: Dataset, table: BinTable, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a manifest: those of its bins, the counts of all splits, and those ``stated`` about its rows."""
    sizes = {part: int(table.counts[part].sum()) for part in SPLITS}
    return {
        **table.facts,
        "bins": len(table.bins),
        "counts": sizes,
        "regions": table.rows_by_region(),
        "rows": sum(sizes.values()),
        "rules": rules_digest(table, dataset.rules.score_rules),
        "target": dataset.rules.target,
        "unit": dataset.rules.unit,
        "version": __version__,
        **stated,
    }
