"""The manifest of a table of any size, from parts of it that an engine reads, sorts, bins and splits.

Parts are spans of the files; where rows have ids, then ranges of these, in the order that one process would give them.
Parts lie in files that all who work see; counts alone come back, until the manifest is written, block by block. Its
files are those of `custom.curate`, byte for byte, which makes it where anything in the table is wrong or unusual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.binning import Distinct, Spread, quartiles
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.records import SPLITS
from dircli.benchmark.selection import WIDTH, Ends, Keys, Search, number_of
from dircli.benchmark.splits import of_groups
from dircli.curation import custom, own_split, table_parts
from dircli.curation.custom import Counted, CustomOptions, Start, Targets
from dircli.curation.derive import thinning
from dircli.curation.table_parts import DONE, RUN, SORTED, Binned, Draw, Item, Read, Source, staying
from dircli.datasets.custom import GROUP
from dircli.errors import InputError, Problem
from dircli.store import derived, files, manifests, parquet, partitions, parts, places, text, user_tables
from dircli.store.content import begun_by_parts, encoded, finished_by_parts, texts_digest
from dircli.store.engines import Engine, added
from dircli.store.parallel import Watch, unwatched
from dircli.store.spans import Span
from dircli.store.streams import Unusual

if TYPE_CHECKING:
    import hashlib

    import pyarrow as pa

WHOLE = 1 << 30
"""Bytes of a table that is read as a whole if anything in it is unusual; of a larger one it is said where that is."""
SPAN = 32 << 20
"""Bytes of a span, whose rows a worker sorts."""
PART = 1_000_000
"""Rows of a part, about."""
SAMPLED = 16
"""Ids of each part, about, by which ids are divided."""
COLLECTED = 1 << 20
"""Keys that come to the command's own process at once."""
LARGE = "It is too large to be read as a whole, which would name it; look there, or cut that part out"
OTHERS = "Try another --per-bin, other bins or groups, or give a split with --split-column"

Result = TypeVar("Result")
Keyed = Callable[[Source, Item], tuple[AnyArray, IntArray, int]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a table is curated: by which ``engine``, who watches, and the folder for parts, which everybody sees.

    A file is divided into spans of about ``size`` bytes, rows with ids into parts of about so many ``rows``.
    """

    engine: Engine
    watch: Watch = unwatched
    scratch: Path | None = None
    size: int = SPAN
    rows: int = PART


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work on all parts, ``items``, of which so many rows were ``read``."""

    run: Run
    source: Source
    items: Sequence[Item] = ()
    read: int = 0

    def knowing(self, **known: Any) -> Work:
        """The same, with more known of the source."""
        return replace(self, source=replace(self.source, **known))

    def reduced(
        self,
        what: str,
        function: Callable[[Any, Item], Result],
        merge: Callable[[list[Result]], Result],
        *,
        shared: Any = None,
    ) -> Result:
        """``function`` of all items, merged."""
        with self.run.watch(what, len(self.items)) as tell:
            shared = self.source if shared is None else shared
            return self.run.engine.reduced(function, self.items, merge, shared=shared, done=tell)

    def narrowed(self, search: Search, keyed: Keyed, what: str) -> Search:
        """``search`` among the keys of all parts, until few of them are left, or all that are left are equal."""
        while search.inside.sum() > COLLECTED and search.bits < WIDTH:
            asked = table_parts.Asked(source=self.source, search=search, keyed=keyed)
            search = search.narrowed(self.reduced(what, table_parts.counted, added, shared=asked))
        return search

    def ends(self, search: Search, keyed: Keyed, what: str) -> Ends:
        """What ``search`` finds among the keys of all parts."""
        asked = table_parts.Asked(source=self.source, search=self.narrowed(search, keyed, what), keyed=keyed)
        return asked.search.ended(self.reduced(what, table_parts.collected, Keys.joined, shared=asked))

    def blocks(self, *columns: str) -> Iterator[tuple[Item, int, pa.RecordBatch]]:
        """The rows of all parts in blocks, of ``columns`` alone, with the part, and where in it the block begins."""
        for item in self.items:
            start = 0
            for block in partitions.blocks_of(self.source.path(self.source.kind, item.number), *columns):
                yield item, start, block
                start += block.num_rows


def curate(options: CustomOptions, *, root: Path, run: Run) -> tuple[dict[str, Any], FloatArray]:
    """What `custom.curate` does, by an engine, as ``run`` says.

    Raises InputError where something is wrong or unusual in a table that is too large to be read as a whole, which
    would name it, and UsageError where there is no folder that all who work see.
    """
    start = Start.of(options, root)
    user_tables.refuse_ambiguous(options.names)
    paths = places.parts(options.table)
    try:
        if len(paths) > 1:
            parts.refuse_unlike(paths, options.names.all)
        spans = user_tables.divided(paths, size=run.size)
        size = sum(path.stat().st_size for path in paths)
    except (OSError, Unusual):
        return custom.curate(options, root=root)
    if len({span.path for span in spans}) < len(paths):
        return custom.curate(options, root=root)
    try:
        with ExitStack() as stack:
            return _curated(options, start, run, spans, stack)
    except Unusual as error:
        if size <= WHOLE:
            return custom.curate(options, root=root)
        where, what, hint, *_ = (*error.args, LARGE)
        raise InputError(Problem(where, what, hint)) from None


def _curated(
    options: CustomOptions, start: Start, run: Run, spans: Sequence[Span], stack: ExitStack
) -> tuple[dict[str, Any], FloatArray]:
    """What `curate` gives of a table in ``spans``; Unusual where it has to be read as a whole."""
    folder = partitions.shared_folder(run.engine, run.scratch, stack)
    slim = replace(options, replacing=derived.REFUSE)
    source = Source(options=slim, scratch=folder, sampled=max(1, run.rows // SAMPLED))
    items = [Item(number=number, span=span) for number, span in enumerate(spans)]
    work, found = _read(Work(run=run, source=source, items=items))
    notes, left_out = custom.told_of_reading(options, single=found.single, lacking=int(found.lacking.sum()))
    bins, binning = custom.bins_of(options, _targets(work, found))
    work, counts, outside = _binned(work.knowing(bins=bins))
    if options.names.split is None:
        work = _drawn(work, counts)
    else:
        notes += own_split.taken_over(counts.by_split.sum(axis=0), options.names.split)
    with ThreadPoolExecutor(1) as pool:  # hashed while others work
        hashing = pool.submit(_begun, work, work.read)
        work, taken = _cut(work)
        cells = work.reduced("parts written", table_parts.done, added)
    work, hashed = work.knowing(kind=DONE), hashing.result()
    sha256 = hashed.hexdigest()
    content, parent = _contents(work, None if outside else hashed, int(counts.sizes.sum()), int(cells.sum()))
    told = Counted(
        read=work.read,
        sha256=sha256,
        notes=notes,
        left_out=left_out,
        bins=bins,
        binning=binning,
        outside=outside,
        all_counts=counts.by_split.sum(axis=1),
        counts=custom.by_split(cells),
        content=content,
        targets=lambda: work.reduced("targets counted", table_parts.distinct, Distinct.merged),
        groups={} if options.names.group is None else {GROUP: _digest_of_groups(work, int(cells.sum()))},
        derived=taken and {**taken, "from": {"content": parent, "name": datasets.OWN, "origin": start.origin}},
    )
    facts, table = told.described(options, start)
    _write(work, options, start, table, facts)
    return facts, bins.edges


def _read(work: Work) -> tuple[Work, Read]:
    """All rows in parts, in their order, and what is known of them; Unusual where a file has none, or an id repeats."""
    options, shown = work.source.options, places.shown(str(work.source.options.table))
    found = work.reduced("parts read", table_parts.read, Read.merged)
    rows: dict[Path, int] = {}
    for item, size in zip(work.items, found.sizes.tolist(), strict=True):
        assert item.span is not None  # noqa: S101 - such items
        rows[item.span.path] = rows.get(item.span.path, 0) + size
    if not all(rows.values()):
        raise Unusual(shown, "a file has no rows, or none with a target")
    filled = np.flatnonzero(found.sizes).tolist()
    total = int(found.sizes.sum())
    if options.names.id is None:
        before = np.cumsum([0, *(found.sizes + found.lacking)[:-1]]).tolist()
        return replace(work, items=[Item(number=number, before=before[number]) for number in filled], read=total), found
    cuts = partitions.splitters(found.ids, ceil(total / work.run.rows), key=user_tables.rank)
    ends = zip([None, *cuts], [*cuts, None], strict=True)
    items = [Item(number=number, low=low, high=high) for number, (low, high) in enumerate(ends)]
    work = replace(work.knowing(runs=filled), items=items)
    sizes = work.reduced("parts sorted", table_parts.gather, np.concatenate)
    partitions.remove(work.source.path(RUN, number) for number in filled)
    items = [item for item, size in zip(items, sizes.tolist(), strict=True) if size]
    return replace(work.knowing(kind=SORTED), items=items, read=total), found


def _targets(work: Work, found: Read) -> Targets:
    """The targets of all rows."""

    def spread(limits: str | None) -> Spread | None:
        if limits is None:
            return _spread(work, work.read, found.low, found.high, limits)
        within = partial(table_parts.within, limits=limits)
        return _spread(work, *work.reduced("targets counted", within, table_parts.all_within), limits)

    def distinct() -> Distinct:
        return work.reduced("targets counted", table_parts.distinct, Distinct.merged)

    return Targets(low=found.low, high=found.high, distinct=distinct, spread=spread)


def _spread(work: Work, n: int, low: float, high: float, limits: str | None) -> Spread | None:
    """How the ``n`` targets within the ``limits`` lie."""

    def between() -> tuple[float, float]:
        around = quartiles(n)
        ranks = np.array([place for lower, upper, _ in around for place in (lower, upper)])[:, None]
        keyed = partial(table_parts.keys_of_targets, limits=limits)
        search = work.narrowed(Search.of(ranks, np.array([n])), keyed, "targets counted")
        found = search.prefix if search.bits == WIDTH else work.ends(search, keyed, "targets counted").keys
        values = [number_of(key) for key in found[:, 0].tolist()]
        first, third = (
            float(np.quantile(values[place : place + 2], share))
            for place, (*_, share) in zip((0, 2), around, strict=True)
        )
        return first, third

    def deviation() -> float:
        moment = partial(table_parts.moment, limits=limits)
        mean = work.reduced("targets counted", partial(moment, mean=None), added) / n
        return float(np.sqrt(work.reduced("targets counted", partial(moment, mean=mean), added) / n))

    return Spread(n=n, low=low, high=high, quartiles=between, deviation=deviation) if n else None


def _binned(work: Work) -> tuple[Work, Binned, list[str]]:
    """The parts with the numbers of their first rows, the rows in bins, and what to tell about those outside."""
    found = work.reduced("rows counted", table_parts.binned, Binned.merged)
    bins, outside = work.source.settled_bins, []
    if found.outside:
        outside = custom.told_of_outside(work.source.options, bins, found.outside, work.read, found.named)
    firsts = np.cumsum([0, *found.sizes[:-1]]).tolist()
    items = [replace(item, first=first) for item, first in zip(work.items, firsts, strict=True)]
    return replace(work, items=items), found, outside


def _drawn(work: Work, found: Binned) -> Work:
    """The work that knows how splits are drawn; Unusual where one of them would have no row."""
    options, counts = work.source.options, found.by_split.sum(axis=1)
    recipe = own_split.recipe(work.source.settled_bins, options.per_bin, counts)
    if found.groups is not None:
        groups = found.groups
        codes = of_groups(groups.cells, groups.counts, groups.sizes, recipe, seed=options.seed)
        sizes = np.bincount(codes, weights=groups.sizes, minlength=len(SPLITS)).astype(np.int64)
        draw = Draw(seed=options.seed, groups=groups.names, of_group=codes)
    else:
        quotas = np.minimum(counts // recipe.share, recipe.cap)
        drawn = int(quotas.sum())
        sizes = np.array([int(counts.sum()) - 2 * drawn, drawn, drawn])
        draw = Draw(seed=options.seed)
    if empty := own_split.empty_splits(sizes):
        what = f"no row would be left for {' and '.join(empty)}"
        raise Unusual(places.shown(str(options.table)), what, OTHERS)
    work = work.knowing(draw=draw)
    if found.groups is None:
        search = Search.of(np.stack([quotas - 1, 2 * quotas - 1]), counts)
        ends = work.ends(search, table_parts.keys_of_draw, "rows drawn")
        work = work.knowing(draw=replace(draw, ends=ends))
    return work


def _cut(work: Work) -> tuple[Work, dict[str, Any] | None]:
    """The work that knows which training rows stay, and what is told of those that do not; None where all do."""
    options, bins = work.source.options, work.source.settled_bins
    if options.cut is None:
        return work, None
    found = work.reduced("training rows counted", table_parts.left, table_parts.Left.merged)
    kept, facts = thinning(bins, found.gaps, found.counts, options.cut)
    firsts = np.cumsum([0, *found.sizes[:-1]]).tolist()
    items = [replace(item, first_left=first) for item, first in zip(work.items, firsts, strict=True)]
    work = replace(work, items=items)
    if options.cut.skew is not None:
        search = Search.of(kept[None] - 1, found.counts)
        work = work.knowing(thinned=work.ends(search, table_parts.keys_of_left, "training rows thinned"))
    return work, facts


def _begun(work: Work, rows: int, *, stay: bool = False) -> hashlib._Hash:
    """The hash over the ids and targets of so many ``rows``, all or those that ``stay``."""

    def blocks(*columns: str) -> Iterator[tuple[Item, int, pa.RecordBatch]]:
        for item, start, block in work.blocks(*columns, *(["stay"] if stay else [])):
            yield item, start, staying(block)

    def ids() -> Iterator[tuple[AnyArray, AnyArray]]:
        named = work.source.kind != RUN
        for item, start, block in blocks(*(["id"] if named else ["place", "target"])):
            yield encoded(table_parts.ids_of(block, item, np.arange(start, start + block.num_rows)))

    return begun_by_parts(rows, ids, (block["target"].to_numpy() for *_, block in blocks("target")))


def _contents(work: Work, begun: hashlib._Hash | None, rows: int, left: int) -> tuple[str, str]:
    """The content of the ``left`` rows that stay, and that of all ``rows``, whose hash may have ``begun``."""

    def codes(*columns: str) -> Iterator[AnyArray]:
        return (staying(block)["split"].to_numpy() for *_, block in work.blocks("split", *columns))

    whole = finished_by_parts(_begun(work, rows) if begun is None else begun, codes())
    if work.source.options.cut is None:
        return whole, whole
    return finished_by_parts(_begun(work, left, stay=True), codes("stay")), whole


def _digest_of_groups(work: Work, rows: int) -> str:
    """The digest of the column of groups, of the ``rows`` that stay."""

    def texts() -> Iterator[tuple[AnyArray, AnyArray]]:
        return (encoded(staying(block)[GROUP]) for *_, block in work.blocks(GROUP, "stay"))

    return texts_digest(rows, texts)


def _write(work: Work, options: CustomOptions, start: Start, table: BinTable, facts: dict[str, Any]) -> None:
    """The files of the manifest, all of them or none; see `derived.write`."""
    import pyarrow as pa

    def columns(tell: Callable[[int], None]) -> Iterator[pa.Table]:
        for *_, each in work.blocks():
            block = staying(each)
            tell(each.num_rows)
            targets, index, codes = (block[name].to_numpy() for name in ("target", "bin", "split"))
            group = None if options.names.group is None else block[GROUP]
            yield pa.table(custom.sample_columns(block["id"], targets, index, codes, group))

    def samples(stream: BinaryIO) -> None:
        repeated = ["target", "bin", "split", *([] if options.names.group is None else [GROUP])]
        with work.run.watch("rows written", work.read) as tell:
            parquet.write_blocks(columns(tell), partial(parquet.Writer, stream, facts=table.facts, dictionary=repeated))

    contents: dict[str, files.Content] = {manifests.SAMPLES: samples, manifests.BINS: manifests.bins_bytes(table)}
    derived.write(start.folder, contents | {manifests.FACTS: text.as_json(facts)}, table, options.replacing)
