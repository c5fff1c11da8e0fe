"""The scores of a file of any size, from sums over parts of it that an engine has done by threads, or by many machines.

Parts are spans of the file or, where its rows are joined by id with those of a manifest too large to be sent to all who
work, the rows whose ids have hashes that begin alike. Each is read, checked and joined as a whole file is, and only
sums come back. A file in which anything is wrong or unusual is not scored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.protocol import ScoreRule
from dircli.benchmark.regions import masks
from dircli.benchmark.relevance import Relevance
from dircli.errors import InputError, Problem, UsageError
from dircli.scores import joined, streamed
from dircli.scores.by_region import Reference
from dircli.scores.metrics import blocks
from dircli.scores.metrics.blocks import BinSums
from dircli.scores.metrics.table import EVERY, Metric
from dircli.scores.streamed import RANKED, Answer, Part, Question, Total, answered
from dircli.scores.uncertainty.poisson import Resamples, keys_of_places
from dircli.store import partitions, parts, places, spans
from dircli.store.content import digest_of_targets
from dircli.store.digests import digest_of
from dircli.store.engines import Engine
from dircli.store.large_manifests import LargeManifest
from dircli.store.matching import hashes, repeat
from dircli.store.parallel import Watch, unwatched
from dircli.store.spans import SIZE, Span
from dircli.store.streams import Stream, Unusual

if TYPE_CHECKING:
    import pyarrow as pa

    from dircli.scores.uncertainty.quantify import BootstrapOptions

SENT = 2_000_000
"""Rows of a split that are sent to all who work; those of a larger one are divided."""
WHOLE = 1 << 30
"""Bytes of a file that is read as a whole if anything in it is unusual; of a larger one it is said where that is."""
PART = 1_000_000
"""Rows that are joined at once, about."""
MOST_BITS = 10
"""Of a hash, by which rows are divided at most."""


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

    These are ``sent``, or lie divided in the folder ``scratch``, as those of the file then do, in ``files`` and
    ``groups`` files by the first ``bits`` of hashes. Rows are for metrics of ranks, where they are to be ``kept``.
    """

    question: Question
    manifest: LargeManifest | None = None
    sent: pa.Table | None = None
    relevance: Relevance | None = None
    scratch: Path | None = None
    bits: int = 1
    files: int = 0
    groups: int = 0
    kept: bool = False

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
        elif renamed := [joined.renamed(table, self.question) for table in tables]:
            yield self._found(renamed)

    def _stream(self, span: Span) -> Stream:
        """The columns of the file that ``span`` is a part of."""
        layout = self.question.layout
        needed = layout.needed(target=self.manifest is None)
        return Stream(paths=[span.path], texts=layout.texts, numbers=layout.numbers, needed=needed)

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
    (m,) bits say which rows of the manifest they are. ``digests`` are those of files that were hashed.
    """

    sums: BinSums | None = None
    columns: tuple[str, ...] | None = None
    sizes: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    targets_sum: int = 0
    rows: Sequence[tuple[AnyArray, ...]] = ()
    seen: AnyArray | None = None
    digests: tuple[str, ...] = ()


def merged(partials: list[Partial]) -> Partial:
    """What is known of the rows of all; Unusual where one has columns that another has not, or two the same id."""
    some = [partial for partial in partials if partial.columns is not None]
    if len({partial.columns for partial in some}) > 1:
        raise Unusual("rows do not all have the same columns")
    sizes = np.concatenate([partial.sizes for partial in partials])
    seen = None
    for partial in some:
        if partial.seen is not None:
            if seen is not None and (seen & partial.seen).any():
                raise Unusual("an id occurs more than once")
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
        digests=tuple(digest for partial in partials for digest in partial.digests),
    )


def summed(source: Source, item: Item) -> Partial:
    """What is known of the rows of ``item``, or of the file as a whole."""
    if item.digested is not None:
        return Partial(digests=(digest_of(item.digested, "sha256"),))
    with _named(source, item):
        return _summed(source, item)


def _summed(source: Source, item: Item) -> Partial:
    total: Total | None = None
    keys: list[AnyArray] = []
    columns: tuple[str, ...] = ()
    seen = None
    for part in source.parts(item):
        if total is None:
            total, columns = source.question.nothing_yet(part.given), tuple(sorted(part.given))
            total.keep = source.kept
        total.add(part, workers=1)
        if part.places is not None and source.sent is not None:
            seen = _marked(part.places, len(source.sent))
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
    )


def _marked(places: IntArray, rows: int) -> AnyArray:
    """One bit for each of so many ``rows``, set at ``places`` (n,)."""
    mask: BoolArray = np.zeros(rows, bool)
    mask[places] = True
    return np.packbits(mask)


@contextmanager
def _named(source: Source, item: Item) -> Iterator[None]:
    """What is wrong or unusual is told of with the place where it is."""
    try:
        yield
    except places.UnreachableError:
        raise
    except (Unusual, InputError) as error:
        what = error.problems[0].found if isinstance(error, InputError) else str(error)
        raise Unusual(str(item.span or places.shown(source.question.path)), what or UNUSUAL) from None


UNUSUAL = "something is wrong, or not as most programs write it"


def divided(source: Source, item: Item) -> int:
    """The number of rows of ``item``, which are divided into the folder of ``source``."""
    with _named(source, item):
        return source.divide(item)


def added(numbers: list[int]) -> int:
    """Their sum."""
    return sum(numbers)


def repeats(source: Source, number: int) -> bool:
    """Whether two of the hashes that begin with ``number`` are the same."""
    return repeat(partitions.hashes_of(source.hash_files(), number, bits=source.bits))


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a file is scored: by which ``engine``, who watches, and where rows are divided if everybody sees that folder.

    A file is divided into spans of about ``size`` bytes.
    """

    engine: Engine
    watch: Watch = unwatched
    scratch: Path | None = None
    size: int = SIZE

    def folder(self, files: ExitStack) -> Path:
        """An empty folder that all who work see, there until ``files`` are closed; UsageError where there is none."""
        if self.scratch is None and not self.engine.shares_files:
            message = "rows are divided by their ids, in files that every worker must see"
            raise UsageError(f"{message}; name a folder that all of them see with --scratch FOLDER")
        try:
            return Path(files.enter_context(TemporaryDirectory(prefix="dir-", dir=self.scratch))).absolute()
        except OSError as error:
            raise UsageError(
                f"--scratch {self.scratch}: {error.strerror}; name a folder that all workers see"
            ) from None


def answer(
    question: Question, run: Run, *, manifest: LargeManifest | None = None, sampling: BootstrapOptions | None = None
) -> Answer | None:
    """The scores of the file that is asked about, perhaps on rows of ``manifest``, and those of Poisson resamples.

    None where it has to be read as a whole, as resamples are by metrics of ranks, and InputError where it is too large
    for that. Raises UsageError where metrics of ranks are asked for by name, and there are too many rows.
    """
    paths, shown = places.parts(question.path), places.shown(question.path)
    if len(paths) > 1:
        parts.refuse_unlike(paths, question.layout.needed(target=manifest is None))
    try:
        with ExitStack() as files:
            source, items = _prepared(question, run, manifest, spans.divided(paths, size=run.size), files)
            partial = _total(source, [*(Item(digested=path.absolute()) for path in paths), *items], run)
            if (
                not source.kept
                and partial.sizes.sum() <= RANKED
                and question.nothing_yet(partial.columns or ()).of_ranks
            ):
                source = replace(source, kept=True)  # there are fewer rows than was guessed
                partial = replace(_total(source, items, run), digests=partial.digests)
            total = _checked(source, partial, run)
            content = str(manifest.facts["content"]) if manifest else digest_of_targets(total.n, total.targets_sum)
            if sampling is not None and total.rows:
                return None
            found = answered(total, question, sha256=parts.digest(partial.digests), content=content)
            return found if sampling is None else _with_resamples(found, source, partial, items, run, sampling)
    except OSError:
        return None
    except Unusual as error:
        if sum(path.stat().st_size for path in paths) <= WHOLE:
            return None
        where, what = error.args if len(error.args) > 1 else (shown, str(error) or UNUSUAL)
        hint = "It is too large to be read as a whole, which would name it; look there, or cut that part out"
        raise InputError(Problem(where, what, hint)) from None


def _prepared(
    question: Question, run: Run, manifest: LargeManifest | None, every: Sequence[Span], files: ExitStack
) -> tuple[Source, list[Item]]:
    """Where the rows of the file come from, and the items that have them; rows to be joined are divided here."""
    rows = sum(span.rows for span in every)
    items = [Item(number=number, span=span) for number, span in enumerate(every)]
    bits = min(max((rows // PART).bit_length(), 1), MOST_BITS)
    slim = replace(question, against=replace(question.against, manifest=None))
    source = Source(question=slim, bits=bits, files=len(items), kept=rows <= RANKED * 1.2)
    if manifest is None:
        needs_folder = bool(question.layout.texts)
        return replace(source, scratch=run.folder(files) if needs_folder else None), items
    elsewhere = replace(manifest, folder=manifest.folder.absolute())
    source = replace(source, manifest=elsewhere, relevance=joined.relevance_of(question, manifest))
    number = int(manifest.table.counts[question.split].sum())
    if number <= SENT:
        import pyarrow as pa

        sent = list(manifest.rows(question.split, "id", "target", "bin"))
        table = pa.concat_tables(sent).combine_chunks()
        if repeat(hashes(table["id"])):
            raise Unusual("the split repeats ids")
        return replace(source, sent=table), items
    source = replace(source, groups=manifest.groups, scratch=run.folder(files))
    both = [*items, *(Item(number=group, group=group) for group in range(source.groups))]
    with run.watch("rows divided by id", len(both)) as done:
        found = run.engine.reduced(divided, both, added, shared=source, done=done)
    if found != 2 * number:
        raise Unusual(f"there are {found - number:,} rows, and the split has {number:,}")
    return source, [Item(hashed=part) for part in range(1 << bits)]


def _total(source: Source, items: Sequence[Item], run: Run) -> Partial:
    """What is known of all rows, and the digest of the file."""
    with run.watch("parts scored", len(items)) as done:
        return run.engine.reduced(summed, items, merged, shared=source, done=done)


def _checked(source: Source, partial: Partial, run: Run) -> Total:
    """The sums of all rows; Unusual where there are none, or not those that there must be, or an id twice."""
    question, against = source.question, source.question.against
    if partial.sums is None or partial.columns is None:
        raise Unusual("there are no rows")
    if source.sent is not None and (partial.seen is None or np.bitwise_count(partial.seen).sum() < len(source.sent)):
        raise Unusual("rows of the split are missing")
    if "ids" in partial.columns:
        with run.watch("ids compared", 1 << source.bits) as done:
            if run.engine.reduced(repeats, range(1 << source.bits), any, shared=source, done=done):
                raise Unusual("an id occurs more than once, or two have the same hash")
    if against.fixed and not np.array_equal(partial.sums.sums.n, against.table.counts[question.split]):
        raise Unusual("the rows do not fill the bins as the split does")
    total = question.nothing_yet(partial.columns)
    total.summed.add_sums(partial.sums)
    total.n, total.targets_sum, total.rows = int(partial.sizes.sum()), partial.targets_sum, list(partial.rows)
    return total


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Which rows are drawn, how, and by which metrics of ``names`` resamples are scored."""

    source: Source
    resamples: Resamples
    names: Sequence[str]

    @property
    def rule(self) -> ScoreRule:
        """The protocol's."""
        return self.source.question.against.rules.score_rules[self.source.question.protocol]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, as the protocol has them."""
        return [EVERY[name].under(self.rule) for name in self.names]


def drawn(asked: Drawn, item: Item) -> FloatArray | None:
    """What the rows of ``item`` add to the sums of each resample, (B, terms, R); None where there are none."""
    total, place, metrics, question = None, item.first, asked.metrics, asked.source.question
    with _named(asked.source, item):
        for part in asked.source.parts(item):
            n = part.target.size
            keys = part.hashes if part.hashes is not None else keys_of_places(np.arange(place, place + n))
            reference = Reference.of(question.against, question.protocol, part.target, part.bin_index)
            rows = (reference.scored_target, part.prediction, part.bin_index, part.given, keys)
            sums = asked.resamples.sums(*rows, metrics)
            total = sums if total is None else total + sums
            place += n
    return total


def all_drawn(parts: list[FloatArray | None]) -> FloatArray | None:
    """The sum of what is there."""
    some = [part for part in parts if part is not None]
    return np.sum(some, axis=0) if some else None


def _with_resamples(  # noqa: PLR0913, PLR0917 - what is known of the rows, and how they are drawn
    found: Answer, source: Source, partial: Partial, items: Sequence[Item], run: Run, sampling: BootstrapOptions
) -> Answer:
    """The answer ``found`` with the scores of resamples, for which the rows of ``items`` are read again."""
    assert partial.sums is not None  # noqa: S101 - `_checked` has seen rows
    firsts = np.append(0, np.cumsum(partial.sizes)).tolist()
    numbered = [replace(item, first=first) for item, first in zip(items, firsts, strict=False)]
    resamples = Resamples.of(partial.sums.sums, resamples=sampling.resamples, seed=sampling.seed)
    names = [name for name in found.regions["all"] if name in EVERY and not EVERY[name].count]
    asked = Drawn(source=source, resamples=resamples, names=names)
    with run.watch("parts drawn from", len(items)) as done:
        sums = run.engine.reduced(drawn, numbered, all_drawn, shared=asked, done=done)
    assert sums is not None  # noqa: S101 - as above
    question = source.question
    table = question.against.table
    regions = masks(table.regions[question.protocol], table.counts["train"])
    regions = {name: regions[name] for name in found.regions if name in regions}
    scores = resamples.scores(sums, regions, asked.metrics, zero_error=asked.rule.zero_error)
    return replace(found, resampled=scores)
