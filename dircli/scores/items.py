"""The pieces of work into which scoring a file is divided: where their rows come from, and what is known of them.

Whoever does the work has these functions and a `Source`; see `partitioned` for who hands them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.relevance import Relevance
from dircli.scores import joined, streamed
from dircli.scores.metrics import blocks
from dircli.scores.metrics.blocks import BinSums
from dircli.scores.streamed import RANKED, Part, Question, Total
from dircli.scores.uncertainty.reweighted import middles
from dircli.store import partitions, places, spans
from dircli.store.digests import digest_of
from dircli.store.large_manifests import LargeManifest
from dircli.store.matching import hashes, repeat
from dircli.store.spans import Span
from dircli.store.streams import Stream, Unusual, located

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Item:
    """A piece of work: ``span`` of the file, ``group`` of the manifest or, of rows by hash, those that begin so.

    ``number`` tells the items of a kind apart; ``first`` is the number of the span's first row, where that is known.
    The file at ``digested`` is hashed.
    """

    number: int = 0
    span: Span | None = None
    first: int = 0
    group: int | None = None
    hashed: int | None = None
    digested: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where rows come from: the file that is asked about and, where they are joined, the rows of a manifest.

    Where rows stand in its order, ``starts`` are those of its row groups. Else its rows are ``sent``, or lie divided in
    the folder ``scratch``, as those of the file then do, in ``files`` and ``groups`` files by the first ``bits`` of
    hashes. Rows are for metrics of ranks, where they are to be ``kept``; sets of them may be ``drawn`` later.
    """

    question: Question
    manifest: LargeManifest | None = None
    starts: IntArray | None = None
    sent: pa.Table | None = None
    relevance: Relevance | None = None
    scratch: Path | None = None
    bits: int = 1
    files: int = 0
    groups: int = 0
    kept: bool = False
    drawn: bool = False

    def parts(self, item: Item) -> Iterator[Part]:
        """The rows of ``item``, block by block; Unusual where anything is wrong or unusual."""
        if item.hashed is not None:
            yield self._joined(item.hashed)
            return
        assert item.span is not None  # noqa: S101 - the two kinds of items that have rows
        tables = spans.tables(self._stream(item.span), item.span)
        if self.manifest is None:
            for table in tables:
                yield streamed.part_of(table, self.question)
        elif self.starts is not None:
            yield from self._in_order(tables, item.first)
        elif renamed := [joined.renamed(table, self.question) for table in tables]:
            yield self._found(renamed)

    def _stream(self, span: Span) -> Stream:
        """The columns of the file that ``span`` is a part of."""
        layout = self.question.layout
        needed = layout.needed(target=self.manifest is None)
        return Stream(paths=[span.path], texts=layout.texts, numbers=layout.numbers, needed=needed)

    def _in_order(self, tables: Iterator[pa.Table], first: int) -> Iterator[Part]:
        """The rows of the file with those of the manifest from number ``first`` of the split on."""
        assert self.manifest is not None and self.starts is not None  # noqa: S101, PT018 - asked for only where they are
        columns = ("id", "target", "bin")
        following = self.manifest.rows_from(self.question.split, first, *columns, starts=self.starts)
        for table in tables:
            ours = following(len(table))
            part = joined.part_of(ours, joined.renamed(table, self.question), self.question, self.relevance)
            at = np.arange(first, first + len(table))
            yield replace(part, places=at, hashes=hashes(ours["id"]) if self.drawn else None)
            first += len(table)

    def rows_in(self, span: Span) -> int:
        """How many rows ``span`` has, which is known of all but text."""
        if span.kind in {"row groups", "numbers"}:
            return span.rows
        return sum(map(len, spans.tables(self._stream(span), span)))

    def _found(self, tables: Sequence[pa.Table]) -> Part:
        """The rows of the file with those of the manifest that were sent."""
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self.sent is not None  # noqa: S101 - else rows lie divided
        table = pa.concat_tables(tables).combine_chunks()
        places = pc.index_in(table["id"], value_set=self.sent["id"])
        if places.null_count:
            raise Unusual("an id is not in the split")
        part = joined.part_of(self.sent.take(places).combine_chunks(), table, self.question, self.relevance)
        ids = table["id"].combine_chunks()
        return replace(part, places=places.combine_chunks().to_numpy().astype(np.int64), hashes=hashes(ids))

    def _joined(self, number: int) -> Part:
        """The rows of the manifest and of the file whose hashes begin with ``number``."""
        ours = partitions.rows_of(self._paths("group", self.groups), number)
        theirs = partitions.rows_of(self._paths("file", self.files), number)
        if ours is None or theirs is None:
            raise Unusual("there are no rows")
        if any(column.null_count for column in theirs.columns):
            raise Unusual(UNLIKE)
        part = joined.part_of(ours, theirs, self.question, self.relevance)
        return replace(part, hashes=hashes(ours["id"]))

    def divide(self, item: Item) -> int:
        """Write the rows of ``item``, a span of the file or a group of the manifest, to the folder; their number."""
        import pyarrow as pa

        if item.span is not None:
            blocks = spans.tables(self._stream(item.span), item.span)
            tables = [joined.renamed(block, self.question) for block in blocks]
            kind = "file"
        else:
            assert self.manifest is not None and item.group is not None  # noqa: S101, PT018 - the other kind
            columns, kind = ("id", "target", "bin"), "group"
            tables = list(self.manifest.rows(self.question.split, *columns, groups=[item.group]))
        table = pa.concat_tables(tables) if tables else None
        if table is None or not len(table):
            return 0
        partitions.write_rows(self.path(kind, item.number), table, bits=self.bits)
        return len(table)

    def path(self, kind: str, number: int) -> Path:
        """The file in the folder that an item writes."""
        assert self.scratch is not None  # noqa: S101 - asked for only where there is one
        return self.scratch / f"{kind}-{number:06}"

    def _paths(self, kind: str, number: int) -> list[Path]:
        return [path for path in (self.path(kind, each) for each in range(number)) if path.exists()]

    def hash_files(self) -> list[Path]:
        """The files of hashes that are there."""
        return self._paths("hashes", self.files)


@dataclass(frozen=True, kw_only=True)
class Partial:
    """What is known of the rows of some items, neighbours: their sums, and ``sizes``, the number of rows of each span.

    ``columns`` are what rows have; None where there are none. ``rows`` are there only while there are few. ``seen``
    (m,) bits say which rows of the manifest they are. ``middles`` (B,) are predictions about the middle of each bin,
    NaN where it has none. ``digests`` are those of files that were hashed.
    """

    sums: BinSums | None = None
    columns: tuple[str, ...] | None = None
    sizes: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    targets_sum: int = 0
    rows: Sequence[tuple[AnyArray, ...]] = ()
    seen: AnyArray | None = None
    middles: FloatArray | None = None
    digests: tuple[str, ...] = ()


def merged(partials: list[Partial]) -> Partial:
    """What is known of the rows of all; Unusual where one has columns that another has not, or two the same id."""
    some = [partial for partial in partials if partial.columns is not None]
    if len({partial.columns for partial in some}) > 1:
        raise Unusual(UNLIKE)
    sizes = np.concatenate([partial.sizes for partial in partials])
    seen = None
    for partial in some:
        if partial.seen is not None:
            if seen is not None and (seen & partial.seen).any():
                raise Unusual(REPEATED)
            seen = partial.seen if seen is None else seen | partial.seen
    sums = [partial.sums for partial in some if partial.sums is not None]
    few = all(partial.rows for partial in some) and sizes.sum() <= RANKED
    return Partial(
        sums=blocks.merged(sums) if sums else None,
        columns=some[0].columns if some else None,
        sizes=sizes,
        targets_sum=sum(partial.targets_sum for partial in partials) % (1 << 64),
        rows=[rows for partial in some for rows in partial.rows] if few else (),
        seen=seen,
        middles=_middle([partial.middles for partial in some if partial.middles is not None]),
        digests=tuple(digest for partial in partials for digest in partial.digests),
    )


def _middle(middles: Sequence[FloatArray]) -> FloatArray | None:
    """The middle one of some values in each bin, (B,), of those that are not NaN."""
    if not middles:
        return None
    ordered = np.sort(middles, axis=0)  # NaN last
    middle = (np.isfinite(ordered).sum(axis=0) - 1).clip(0) // 2
    return np.asarray(np.take_along_axis(ordered, middle[None], axis=0)[0])


def summed(source: Source, item: Item) -> Partial:
    """What is known of the rows of ``item``, or of the file as a whole."""
    if item.digested is not None:
        return Partial(digests=(digest_of(item.digested, "sha256"),))
    with named(source, item):
        return _summed(source, item)


def _summed(source: Source, item: Item) -> Partial:
    total: Total | None = None
    keys: list[AnyArray] = []
    columns: tuple[str, ...] = ()
    seen, of_parts = None, []
    for part in source.parts(item):
        if total is None:
            total, columns = source.question.nothing_yet(part.given), tuple(sorted(part.given))
            total.keep = source.kept
        total.add(part, workers=1)
        if source.drawn:
            counts = np.bincount(part.bin_index, minlength=len(source.question.against.table.bins))
            found = middles(part.prediction, part.bin_index, np.append(0, np.cumsum(counts)))
            of_parts.append(np.where(counts > 0, found, np.nan))
        if part.places is not None:
            seen = None if source.sent is None else _marked(part.places, len(source.sent))
        elif part.hashes is not None and item.span is not None:
            keys.append(part.hashes)
    if total is None:
        return Partial(sizes=np.zeros(1, np.int64))
    if keys and source.scratch is not None:
        partitions.write_hashes(source.path("hashes", item.number), np.concatenate(keys), bits=source.bits)
    return Partial(
        sums=total.summed.total(),
        columns=(*columns, "ids") if keys else columns,
        sizes=np.array([total.n]),
        targets_sum=total.targets_sum,
        rows=total.rows,
        seen=seen,
        middles=_middle(of_parts),
    )


def _marked(places: IntArray, rows: int) -> AnyArray:
    """One bit for each of so many ``rows``, set at ``places`` (n,); Unusual where two of these are the same."""
    mask: BoolArray = np.zeros(rows, bool)
    mask[places] = True
    if mask.sum() < places.size:
        raise Unusual(REPEATED)
    return np.packbits(mask)


def named(source: Source, item: Item) -> AbstractContextManager[None]:
    """What is wrong or unusual is told of with the place where it is."""
    return located(str(item.span or places.shown(source.question.path)))


REPEATED = "an id occurs more than once"
UNLIKE = "rows do not all have the same columns"


def divided(source: Source, item: Item) -> int:
    """The number of rows of ``item``, which are divided into the folder of ``source``."""
    with named(source, item):
        return source.divide(item)


def counted(source: Source, item: Item) -> IntArray:
    """The number of rows of ``item``, (1,)."""
    assert item.span is not None  # noqa: S101 - items of a file have one
    with named(source, item):
        return np.array([source.rows_in(item.span)])


def repeats(source: Source, number: int) -> bool:
    """Whether two of the hashes that begin with ``number`` are the same."""
    return repeat(partitions.hashes_of(source.hash_files(), number, bits=source.bits))
