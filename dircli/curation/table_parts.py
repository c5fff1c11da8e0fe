"""What is done to a part of a table of one's own: it is read, sorted, binned, split, and counted.

Each function takes a `Source`, which says where rows are and what is known of all of them, and an `Item`, the part.
What it gives is merged with that of the part's neighbours. Parts lie in files: as they were read, by ascending ids, and
as the manifest has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.binning import Distinct
from dircli.benchmark.bins import Bins, interval
from dircli.benchmark.records import SPLITS
from dircli.benchmark.selection import Ends, Keys, Search, ordered
from dircli.benchmark.splits import TEST, TRAIN, VAL, keys
from dircli.curation import custom
from dircli.curation.custom import CustomOptions
from dircli.curation.derive import Cut, in_gaps
from dircli.datasets.custom import GROUP
from dircli.errors import SHOWN
from dircli.store import partitions, places, user_tables
from dircli.store.spans import Span
from dircli.store.streams import Unusual, located

if TYPE_CHECKING:
    import pyarrow as pa

RUN, SORTED, DONE = "run", "sorted", "done"
"""Parts as they were read, by ascending ids, and with their bins and splits."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A piece of work, and its ``number``: a ``span`` of a file, ids from ``low`` to before ``high``, or a part.

    The first row of a part has the number ``before`` in the table, ``first`` among the rows that have a bin, and
    ``first_left`` among those that train and lie in no gap.
    """

    number: int
    span: Span | None = None
    low: bytes | None = None
    high: bytes | None = None
    before: int = 0
    first: int = 0
    first_left: int = 0


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where rows are, and what is known of them: the folder ``scratch``, in which parts are of this ``kind``.

    ``runs`` are the numbers of spans that have rows; one row of so many is ``sampled``. ``bins``, the ``draw`` of
    splits, and which training rows stay where train is ``thinned``, become known one after the other.
    """

    options: CustomOptions
    scratch: Path
    sampled: int
    kind: str = RUN
    runs: Sequence[int] = ()
    bins: Bins | None = None
    draw: Draw | None = None
    thinned: Ends | None = None

    def path(self, kind: str, number: int) -> Path:
        """The file of a part."""
        return self.scratch / f"{kind}-{number:06}"

    def table(self, item: Item, *columns: str) -> pa.Table:
        """The rows of a part, in one piece; of ``columns`` alone, those that there are."""
        return partitions.part_of(self.path(self.kind, item.number), *columns)

    def targets(self, item: Item, limits: str | None = None) -> FloatArray:
        """The targets (n,) of a part as they were read, within the ``limits``."""
        targets: FloatArray = self.table(item, "target")["target"].to_numpy()
        if limits is None:
            return targets
        low, high = interval(limits, "--range")
        return targets[(targets >= low) & (targets <= high)]

    def inside(self, targets: FloatArray) -> BoolArray:
        """Which of ``targets`` (n,) lie in the bins."""
        edges = self.settled_bins.edges
        return np.asarray((targets >= edges[0]) & (targets <= edges[-1]))

    @property
    def settled_bins(self) -> Bins:
        """The bins, once they are known."""
        assert self.bins is not None  # noqa: S101 - asked for only then
        return self.bins

    def rows(self, item: Item, *columns: str) -> Rows:
        """The rows of a part that have a bin, with target, split and group if there are some, and other ``columns``."""
        table, bins = self.table(item, "target", "split", GROUP, *columns), self.settled_bins
        targets = table["target"].to_numpy()
        outside = ~self.inside(targets)
        places = np.arange(targets.size)
        if outside.any():
            if self.options.outside == "clip":
                targets = np.clip(targets, bins.edges[0], bins.edges[-1])
            else:
                import pyarrow as pa

                places = np.flatnonzero(~outside)
                table, targets = table.take(pa.array(places)), targets[places]
        index = bins.index(targets)
        return Rows(table=table, targets=targets, index=index, item=item, places=places, outside=outside)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The n rows of the part ``item`` that have a bin: their columns, ``targets`` (n,) and bins, ``index`` (n,).

    They are at ``places`` (n,) in the part, of whose rows (m,) some have targets ``outside`` the bins.
    """

    table: pa.Table
    targets: FloatArray
    index: IntArray
    item: Item
    places: IntArray
    outside: BoolArray

    def column(self, name: str) -> Any:
        """The column, an array of Arrow; None where there is none."""
        return user_tables.in_one_piece(self.table[name]) if name in self.table.column_names else None


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How rows get their split: by the lowest keys of each bin, or by group: ``of_group`` (G,) are codes of splits."""

    seed: int
    ends: Ends | None = None
    groups: pa.Array | None = None
    of_group: AnyArray | None = None

    def codes(self, rows: Rows) -> AnyArray:
        """The split of ``rows``, (n,) int8."""
        if self.of_group is not None:
            import pyarrow.compute as pc

            return np.asarray(self.of_group[pc.index_in(rows.column(GROUP), value_set=self.groups).to_numpy()])
        assert self.ends is not None  # noqa: S101 - the other kind
        key, first = keys(rows.index.size, self.seed, first=rows.item.first), rows.item.first
        in_val, in_both = (self.ends.through(row, key, rows.index, first=first) for row in (0, 1))
        return np.where(in_val, VAL, np.where(in_both, TEST, TRAIN)).astype(np.int8)


# — reading —


@dataclass(frozen=True, kw_only=True)
class Read:
    """What is known of the rows of some spans, neighbours: how many of each have a target, and how many lack one.

    Some targets are ``single``, float32; they lie from ``low`` to ``high``. ``ids`` are some of them, each with the
    number of rows that it stands for.
    """

    sizes: IntArray
    lacking: IntArray
    single: bool = False
    low: float = math.inf
    high: float = -math.inf
    ids: tuple[tuple[bytes, float], ...] = ()

    @classmethod
    def merged(cls, some: list[Read]) -> Read:
        """What is known of all."""
        return cls(
            sizes=np.concatenate([each.sizes for each in some]),
            lacking=np.concatenate([each.lacking for each in some]),
            single=any(each.single for each in some),
            low=min(each.low for each in some),
            high=max(each.high for each in some),
            ids=tuple(key for each in some for key in each.ids),
        )


def read(source: Source, item: Item) -> Read:
    """Read the span of ``item``, and write its rows, by ascending ids where there are some."""
    import pyarrow as pa

    assert item.span is not None  # noqa: S101 - such an item
    options = source.options
    with located(str(item.span)):
        rows = user_tables.of_span(item.span, options.names, drop=options.missing == "drop")
        columns: dict[str, Any] = {} if rows.ids is None else {"id": rows.ids}
        columns["target"] = pa.array(rows.targets + 0.0)
        if rows.group is not None:
            columns[GROUP] = rows.group
        if rows.split is not None:
            columns["split"] = pa.array(custom.split_codes(options, rows.split))
        if rows.ids is None and rows.places is not None:
            columns["place"] = pa.array(rows.places)
        table = _by_id(pa.table(columns))
    if len(table):
        partitions.write_part(source.path(RUN, item.number), table)
    return Read(
        sizes=np.array([len(table)]),
        lacking=np.array([rows.lacking]),
        single=rows.single,
        low=float(rows.targets.min(initial=math.inf)) + 0.0,
        high=float(rows.targets.max(initial=-math.inf)) + 0.0,
        ids=_sampled(table, source.sampled),
    )


def _by_id(table: pa.Table) -> pa.Table:
    """``table`` by ascending ids, where it has some; Unusual where one occurs twice."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "id" not in table.column_names or not len(table):
        return table
    order = user_tables.ascending(user_tables.in_one_piece(table["id"]))
    table = table if order is None else table.take(pa.array(order))
    ids = user_tables.in_one_piece(table["id"])
    if pc.any(pc.equal(ids[1:], ids[:-1])).as_py():
        raise Unusual("an id occurs more than once")
    return table


def _sampled(table: pa.Table, rows: int) -> tuple[tuple[bytes, float], ...]:
    """One of so many ``rows`` of ``table``, evenly, each with the number of rows that it stands for."""
    if "id" not in table.column_names:
        return ()
    number = math.ceil(len(table) / rows)
    places = (np.arange(number) * len(table) // number).tolist()
    return tuple((table["id"][place].as_buffer().to_pybytes(), len(table) / number) for place in places)


def gather(source: Source, item: Item) -> IntArray:
    """Bring together the rows whose ids lie in the range of ``item``; their number, (1,)."""
    import pyarrow as pa

    runs = (source.path(RUN, number) for number in source.runs)
    some = [each for each in partitions.between(runs, item.low, item.high, key=user_tables.rank) if len(each)]
    if not some:
        return np.zeros(1, np.int64)
    with located(places.shown(str(source.options.table))):
        table = _by_id(pa.concat_tables(some).combine_chunks())
    partitions.write_part(source.path(SORTED, item.number), table)
    return np.array([len(table)])


# — bins —


def within(source: Source, item: Item, limits: str | None) -> tuple[int, float, float]:
    """How many targets lie within the ``limits``, the lowest and the highest."""
    targets = source.targets(item, limits)
    return targets.size, float(targets.min(initial=math.inf)), float(targets.max(initial=-math.inf))


def all_within(some: list[tuple[int, float, float]]) -> tuple[int, float, float]:
    """That of all."""
    sizes, lows, highs = zip(*some, strict=True)
    return sum(sizes), min(lows), max(highs)


def moment(source: Source, item: Item, limits: str | None, mean: float | None) -> float:
    """The sum of the targets within the ``limits``; with their ``mean``, that of their squared distances from it."""
    targets = source.targets(item, limits)
    return float(targets.sum() if mean is None else np.square(targets - mean).sum())


def distinct(source: Source, item: Item) -> Distinct:
    """The distinct targets of a part; of one that is done, of the rows that stay."""
    table = source.table(item, "target", "stay")
    return Distinct.of(staying(table)["target"].to_numpy())


def staying(table: Any) -> Any:
    """The rows of a table, or of a block, that stay."""
    return table.filter(table["stay"]) if "stay" in table.schema.names else table


# — counting —


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The groups of some parts, in the order in which they come first: ``names`` (G,) and the rows of each, ``sizes``.

    ``counts`` (C,) are the rows in each of the ``cells`` (C,), ascending: group × the number of bins + bin.
    """

    names: pa.Array
    sizes: IntArray
    cells: IntArray
    counts: IntArray

    @classmethod
    def of(cls, group: pa.Array, index: IntArray, bins: int) -> Groups:
        """Those of rows in the bins ``index`` (n,)."""
        coded = group.dictionary_encode()
        codes = coded.indices.to_numpy().astype(np.int64)
        cells, counts = np.unique(codes * bins + index, return_counts=True)
        return cls(names=coded.dictionary, sizes=np.bincount(codes), cells=cells, counts=counts)

    @classmethod
    def merged(cls, some: list[Groups], bins: int) -> Groups:
        """Those of all, which are neighbours."""
        import pyarrow as pa

        coded = pa.concat_arrays([each.names for each in some]).dictionary_encode()
        places, first = coded.indices.to_numpy().astype(np.int64), 0
        sizes = np.zeros(len(coded.dictionary), np.int64)
        cells = []
        for each in some:
            place = places[first : first + each.sizes.size]
            first += each.sizes.size
            sizes[place] += each.sizes
            cells.append(place[each.cells // bins] * bins + each.cells % bins)
        every, back = np.unique(np.concatenate(cells), return_inverse=True)
        counts = np.zeros(every.size, np.int64)
        np.add.at(counts, back, np.concatenate([each.counts for each in some]))
        return cls(names=coded.dictionary, sizes=sizes, cells=every, counts=counts)


@dataclass(frozen=True, kw_only=True)
class Binned:
    """How many rows of some parts have a bin, ``sizes``, and how many lie ``outside``, of whom the first are ``named``.

    ``cells`` (B · 3,) are those that are given in each bin and split; of all in train where splits are to be drawn.
    """

    sizes: IntArray
    outside: int
    named: list[str]
    cells: IntArray
    groups: Groups | None

    @property
    def by_split(self) -> IntArray:
        """The rows in each bin and split, (B, 3)."""
        return self.cells.reshape(-1, len(SPLITS))

    @classmethod
    def merged(cls, some: list[Binned]) -> Binned:
        """That of all."""
        groups = [each.groups for each in some if each.groups is not None]
        return cls(
            sizes=np.concatenate([each.sizes for each in some]),
            outside=sum(each.outside for each in some),
            named=[name for each in some for name in each.named][:SHOWN],
            cells=np.sum([each.cells for each in some], axis=0),
            groups=Groups.merged(groups, some[0].cells.size // len(SPLITS)) if groups else None,
        )


def binned(source: Source, item: Item) -> Binned:
    """Count the rows of a part by their bins."""
    rows, bins = source.rows(item), source.settled_bins
    given, group = rows.column("split"), rows.column(GROUP)
    codes = np.zeros(rows.index.size, np.int8) if given is None else given.to_numpy()
    return Binned(
        sizes=np.array([rows.index.size]),
        outside=int(rows.outside.sum()),
        named=_named_outside(source, item, rows.outside),
        cells=custom.cells(rows.index, codes, bins),
        groups=Groups.of(group, rows.index, len(bins)) if group is not None and len(group) else None,
    )


def _named_outside(source: Source, item: Item, outside: BoolArray) -> list[str]:
    """The first ten rows of a part that lie ``outside`` (m,) the bins."""
    where = np.flatnonzero(outside)[:SHOWN]
    if not where.size:
        return []
    import pyarrow as pa

    table = source.table(item, "id", "place", "target").take(pa.array(where))
    ids = ids_of(table, item, where)
    return [
        f"{name} = {target:.15g}" for name, target in zip(ids.to_pylist(), table["target"].to_pylist(), strict=True)
    ]


def ids_of(table: Any, item: Item, numbers: IntArray) -> pa.Array:
    """The ids of rows of a part that are at ``numbers`` (n,) in it: by default their numbers in the whole table."""
    import pyarrow as pa

    names = table.schema.names
    if "id" in names:
        ids = table["id"]
        return user_tables.in_one_piece(ids) if isinstance(ids, pa.ChunkedArray) else ids
    numbers = table["place"].to_numpy() if "place" in names else numbers
    return pa.array(numbers + item.before).cast(pa.string())


# — drawing —


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A ``search`` among the keys that ``keyed`` gives of a part: with their kinds, and the number of the first."""

    source: Source
    search: Search
    keyed: Callable[[Source, Item], tuple[AnyArray, IntArray, int]]


def keys_of_targets(source: Source, item: Item, limits: str | None) -> tuple[AnyArray, IntArray, int]:
    """The targets within the ``limits``, as keys of one kind."""
    key = ordered(source.targets(item, limits))
    return key, np.zeros(key.size, np.int64), 0


def keys_of_draw(source: Source, item: Item) -> tuple[AnyArray, IntArray, int]:
    """The keys of rows by which val and test are drawn; their kinds are bins."""
    assert source.draw is not None  # noqa: S101 - it is being made
    index = source.rows(item).index
    return keys(index.size, source.draw.seed, first=item.first), index, item.first


def keys_of_left(source: Source, item: Item) -> tuple[AnyArray, IntArray, int]:
    """The keys of training rows in no gap, by which they are thinned; their kinds are bins."""
    rows, cut = source.rows(item), _cut(source)
    _, others = _gaps(source, rows, _codes(source, rows))
    index = rows.index[others]
    return keys(index.size, cut.seed, first=item.first_left), index, item.first_left


def counted(asked: Asked, item: Item) -> IntArray:
    """The keys of a part, counted by their next bits."""
    key, kinds, _ = asked.keyed(asked.source, item)
    return asked.search.counted(key, kinds)


def collected(asked: Asked, item: Item) -> Keys:
    """The keys of a part that are left."""
    key, kinds, first = asked.keyed(asked.source, item)
    return asked.search.left(key, kinds, first=first)


def _codes(source: Source, rows: Rows) -> AnyArray:
    """The split of ``rows``, (n,): given, or drawn."""
    return rows.column("split").to_numpy() if source.draw is None else source.draw.codes(rows)


def _cut(source: Source) -> Cut:
    """What is taken away from train."""
    assert source.options.cut is not None  # noqa: S101 - asked for only where something is
    return source.options.cut


def _gaps(source: Source, rows: Rows, codes: AnyArray) -> tuple[BoolArray, BoolArray]:
    """Which rows that train lie in gaps, and which do not, (n,) both, from their splits ``codes`` (n,)."""
    train = codes == TRAIN
    gaps = train & in_gaps(rows.targets, _cut(source).gaps, end=float(source.settled_bins.edges[-1]))
    return gaps, train & ~gaps


@dataclass(frozen=True, kw_only=True)
class Left:
    """Of the training rows of some parts: how many lie in ``gaps``, and the others, of each part and each bin, (B,)."""

    gaps: int
    sizes: IntArray
    counts: IntArray

    @classmethod
    def merged(cls, some: list[Left]) -> Left:
        """Those of all."""
        sizes, counts = np.concatenate([each.sizes for each in some]), np.sum([each.counts for each in some], axis=0)
        return cls(gaps=sum(each.gaps for each in some), sizes=sizes, counts=counts)


def left(source: Source, item: Item) -> Left:
    """The training rows of a part that lie in gaps, and that do not."""
    rows = source.rows(item)
    gaps, others = _gaps(source, rows, _codes(source, rows))
    counts = np.bincount(rows.index[others], minlength=len(source.settled_bins))
    return Left(gaps=int(gaps.sum()), sizes=np.array([others.sum()]), counts=counts)


def done(source: Source, item: Item) -> IntArray:
    """Write the rows of a part as the manifest has them, and which stay; how many do, by bin and split: (B · 3,)."""
    import pyarrow as pa

    rows = source.rows(item, "id", "place")
    codes, group = _codes(source, rows), rows.column(GROUP)
    columns = {
        "id": ids_of(rows.table, item, rows.places),
        "target": pa.array(rows.targets),
        "bin": pa.array(rows.index, pa.int32()),
        "split": pa.array(codes),
    } | ({} if group is None else {GROUP: group})
    stay = np.ones(codes.size, bool)
    if source.options.cut is not None:
        gaps, others = _gaps(source, rows, codes)
        stay = ~gaps
        if source.thinned is not None:
            index, first = rows.index[others], item.first_left
            key = keys(index.size, source.options.cut.seed, first=first)
            stay[others] = source.thinned.through(0, key, index, first=first)
        columns["stay"] = pa.array(stay)
    partitions.write_part(source.path(DONE, item.number), pa.table(columns))
    return custom.cells(rows.index[stay], codes[stay], source.settled_bins)
