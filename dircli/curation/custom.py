"""From a table of one's own to a manifest like any other: read, binned, split, and written down complete.

Millions of rows stay in Arrow's and NumPy's buffers from the file to the manifest; no row is ever a Python object. Rows
with ids are put into an order that depends on nothing but the ids, so that a shuffled table is the same benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark import binning as widths
from dircli.benchmark.binning import Distinct, Spread
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import Thresholds
from dircli.benchmark.records import SPLITS
from dircli.benchmark.splits import TRAIN
from dircli.curation import own_split
from dircli.curation.derive import DERIVED, Cut, checked_name, cut, note
from dircli.curation.doubts import doubts
from dircli.curation.provenance import all_facts, described
from dircli.datasets import custom as custom_dataset
from dircli.errors import SHOWN, InputError, Problem, UsageError, sample
from dircli.store import derived, manifests, parquet, text, user_tables
from dircli.store.content import begun, content, finished
from dircli.store.derived import REFUSE, Replacing
from dircli.store.user_tables import Names

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}
NO_IDS = "no --id column was named, so rows are called by their number from 0, and their order matters"


@dataclass(frozen=True, kw_only=True)
class CustomOptions:
    """What `dir curate custom` is to make.

    Bins are given by ``edges``, or by ``width`` (over ``limits``, LO:HI), or else as ``bins`` says: chosen by a rule
    (auto), or quantile:N; ``outside`` is for targets beyond them, ``missing`` for rows without
    one. ``per_bin`` None is what brings val and test nearest to a tenth of the rows each.
    """

    table: Path
    names: Names
    called: str = datasets.OWN
    unit: str = ""
    width: str | None = None
    limits: str | None = None
    edges: str | None = None
    bins: str = widths.AUTO
    outside: Literal["refuse", "clip", "drop"] = "refuse"
    missing: Literal["refuse", "drop"] = "refuse"
    per_bin: int | None = None
    many: float = 100
    few: float = 20
    seed: int
    cut: Cut | None = None
    replacing: Replacing = REFUSE


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows in their order: ``ids`` and ``group`` Arrow texts, ``targets`` (n,), ``codes`` (n,) their split."""

    ids: pa.Array
    targets: FloatArray
    group: pa.Array | None
    codes: AnyArray | None

    def at(self, rows: AnyArray) -> _Rows:
        """Those at ``rows``: places, in that order, or a mask (n,)."""
        import pyarrow as pa

        def taken(column: Any) -> Any:
            if column is None or isinstance(column, np.ndarray):
                return None if column is None else column[rows]
            return column.filter(pa.array(rows)) if rows.dtype == bool else column.take(pa.array(rows))

        return _Rows(**{name: taken(column) for name, column in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Start:
    """What is known before any row is read: the ``folder`` of the manifest, and where its split is from."""

    folder: Path
    thresholds: Thresholds
    origin: str
    seed: int | None

    @classmethod
    def of(cls, options: CustomOptions, root: Path) -> Start:
        """What ``options`` lead to in ``root``; UsageError where they do not fit together, or what is there stays."""
        if options.names.split and (options.per_bin or options.names.group):
            raise UsageError("--split-column takes a split over as it is; --per-bin and --group are for drawing one")
        origin, seed = ("redraw", options.seed) if options.names.split is None else ("given", None)
        folder = _folder(options, root, origin if options.cut is None else DERIVED)
        return cls(folder=folder, thresholds=_thresholds(options), origin=origin, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What a manifest states of the rows of a table, whoever has counted them.

    So many were ``read``, whose ids and targets have the hash ``sha256``. ``all_counts`` (B,) are those in ``bins``,
    ``counts`` (B,) those of each split that stay; ``content`` is theirs, ``targets`` gives theirs, and ``groups`` is
    the digest of their groups. What was taken from train is ``derived``.
    """

    read: int
    sha256: str
    notes: list[str]
    left_out: dict[str, str]
    bins: Bins
    binning: str
    outside: list[str]
    all_counts: IntArray
    counts: Mapping[str, IntArray]
    content: str
    targets: Callable[[], Distinct]
    groups: dict[str, str]
    derived: dict[str, Any] | None = None

    def described(self, options: CustomOptions, start: Start) -> tuple[dict[str, Any], BinTable]:
        """The facts of the manifest, and its bins."""
        dataset, own = _dataset(options, self)
        origin = start.origin if self.derived is None else DERIVED
        identity = {"content": self.content, "dataset": datasets.OWN, "name": options.called, "origin": origin}
        table = described(dataset, self.bins, self.counts, facts=identity | {custom_dataset.KEY: own})
        names = {key: name for key, name in vars(options.names).items() if name is not None}
        notes = [*self.notes, f"bins: {self.binning}", *self.outside]
        notes += [] if self.derived is None else [note(self.derived, "the table as it is")]
        stated: dict[str, Any] = {
            "facts": self.left_out | ({"outside": options.outside} if self.outside else {}),
            "notes": notes + doubts(table, start.thresholds, self.targets),
            "recipe": dataset.rules.recipe.as_json() | ({"group": options.names.group} if options.names.group else {}),
            "seed": start.seed,
            "sources": [{"columns": names, "file": options.table.name, "rows": self.read, "sha256": self.sha256}],
        }
        stated |= {} if self.derived is None else {"derived": self.derived}
        return all_facts(dataset, table, stated) | ({manifests.COLUMNS: self.groups} if self.groups else {}), table


def curate(options: CustomOptions, *, root: Path) -> tuple[dict[str, Any], FloatArray]:
    """Make the manifest of a table as ``options`` say, in ``root``: its facts, and the edges of its bins (B + 1,)."""
    start = Start.of(options, root)
    read, notes, left_out = _read(options)
    with ThreadPoolExecutor(1) as pool:  # hashed beside the work, for Python's lock is not held
        hashing = pool.submit(begun, read.ids, read.targets)
        bins, binning = bins_of(options, Targets.of(read.targets))
        rows, outside = _inside(options, read, bins)
        index = bins.index(rows.targets)
        if rows.codes is None:
            codes = own_split.drawn(_draw(options, rows, bins), index)
        else:
            codes = rows.codes
            notes += own_split.taken_over(np.bincount(codes, minlength=len(SPLITS)), options.names.split)
    hashed, all_counts, derived_from = hashing.result(), np.bincount(index, minlength=len(bins)), None
    sha256, rows, same = hashed.hexdigest(), replace(rows, codes=codes), rows.targets is read.targets
    if options.cut is not None:
        stay, taken = cut(rows.targets, codes == TRAIN, bins, options.cut)
        parent = {"content": content(rows.ids, rows.targets, codes), "name": datasets.OWN, "origin": start.origin}
        derived_from = {**taken, "from": parent}
        rows, index, codes, same = rows.at(stay), index[stay], codes[stay], False
    counted = Counted(
        read=read.targets.size,
        sha256=sha256,
        notes=notes,
        left_out=left_out,
        bins=bins,
        binning=binning,
        outside=outside,
        all_counts=all_counts,
        counts=by_split(cells(index, codes, bins)),
        content=finished(hashed, codes) if same else content(rows.ids, rows.targets, codes),
        targets=lambda: Distinct.of(rows.targets),
        groups={} if rows.group is None else manifests.own_digests({custom_dataset.GROUP: rows.group}),
        derived=derived_from,
    )
    facts, table = counted.described(options, start)
    columns = sample_columns(rows.ids, rows.targets, index, codes, rows.group)
    contents = {
        manifests.SAMPLES: parquet.parquet_bytes(columns, table.facts, dictionary=[*columns][1:]),
        manifests.BINS: manifests.bins_bytes(table),
        manifests.FACTS: text.as_json(facts),
    }
    derived.write(start.folder, contents, table, options.replacing)
    return facts, bins.edges


def cells(index: IntArray, codes: AnyArray, bins: Bins) -> IntArray:
    """The rows in each of the cells bin × 3 + split, (B · 3,), from the bin and the split of each row, (n,)."""
    return np.bincount(index * len(SPLITS) + codes, minlength=len(bins) * len(SPLITS))


def by_split(cells: IntArray) -> dict[str, IntArray]:
    """The rows of each split in each bin, (B,), from those in each of the cells bin × 3 + split, (B · 3,)."""
    return {part: cells[place :: len(SPLITS)] for place, part in enumerate(SPLITS)}


def _folder(options: CustomOptions, root: Path, origin: str) -> Path:
    """The folder of the manifest in ``root``; UsageError where it can be known already that it may not be written."""
    folder = root / checked_name(options.called, datasets.OWN, root)
    if options.table.name in manifests.PARTS and options.table.resolve().parent == folder.resolve():
        raise UsageError(f"--table {options.table} is part of the manifest that would be replaced; give another --name")
    derived.refuse_unlike(folder, options.replacing, dataset=datasets.OWN, origin=origin)
    return folder


def _read(options: CustomOptions) -> tuple[_Rows, list[str], dict[str, str]]:
    """The rows in the order of their ids, what to tell about them, and the facts; InputError for ids that repeat."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = user_tables.read(options.table, options.names, drop=options.missing == "drop")
    notes, left_out = told_of_reading(options, single=table.single, lacking=table.lacking)
    ids = pa.array(table.numbers).cast(pa.string()) if table.ids is None else table.ids
    codes = None if table.split is None else split_codes(options, table.split)
    rows = _Rows(ids=ids, targets=table.targets + 0.0, group=table.group, codes=codes)
    if table.ids is not None:
        order = user_tables.ascending(ids)
        rows = rows if order is None else rows.at(order)
        repeated = pc.equal(rows.ids[1:], rows.ids[:-1])
        if pc.any(repeated).as_py():
            keys = rows.ids[1:].filter(repeated).unique().to_pylist()
            what = f"{len(keys):,} ids occur more than once: {sample(keys)}"
            raise InputError(Problem(str(options.table), what, f"Give each row an own {options.names.id}"))
    return rows, notes, left_out


def told_of_reading(options: CustomOptions, *, single: bool, lacking: int) -> tuple[list[str], dict[str, str]]:
    """What to tell about rows that were read, and the facts: some targets are float32, and so many rows lack one."""
    notes = ["targets are float32, and were taken as the decimals that they print"] if single else []
    if options.names.id is None:
        notes.append(NO_IDS)
    notes += [f"{lacking:,} rows without a target were dropped"] if lacking else []
    return notes, {"missing": options.missing} if lacking else {}


def split_codes(options: CustomOptions, column: pa.Array) -> AnyArray:
    """The split of each row, (n,) int8, from a column that holds it as a word; InputError for other words."""
    coded = column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    if unknown := sorted({word for word in words if word.strip().lower() not in WORDS}):
        what = f"column {options.names.split} holds {sample([repr(word) for word in unknown])}"
        raise InputError(Problem(str(options.table), what, "Expected train, val (or valid, dev) or test"))
    places = np.array([WORDS[word.strip().lower()] for word in words], dtype=np.int8)
    return np.asarray(places[coded.indices.to_numpy()])


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The targets that bins are made for: the lowest, the highest, and what gives them, or how those in limits lie."""

    low: float
    high: float
    distinct: Callable[[], Distinct]
    spread: Callable[[str | None], Spread | None]

    @classmethod
    def of(cls, targets: FloatArray) -> Targets:
        """These (n,), one or more."""
        return cls(
            low=float(targets.min()),
            high=float(targets.max()),
            distinct=lambda: Distinct.of(targets),
            spread=lambda limits: Spread.of(targets, limits),
        )


def bins_of(options: CustomOptions, targets: Targets) -> tuple[Bins, str]:
    """The scoring bins, and how they came about."""
    number = widths.quantile_number(options.bins)
    if number is not None:
        if options.edges is not None or options.width is not None or options.limits is not None:
            raise UsageError(f"--bins {options.bins} says it all; leave out --edges, --bin-width and --range")
        bins = widths.quantiles_of(targets.distinct(), number)
        return bins, f"by quantiles: {number} of counts as equal as equal targets allow"
    if options.edges is not None:
        if options.width is not None or options.limits is not None:
            raise UsageError("--edges say it all; leave out --bin-width and --range")
        return widths.given(options.edges), "by the given edges"
    if options.width is not None:
        over = f"over {options.limits}" if options.limits else "at its multiples"
        ends = np.array([targets.low, targets.high])
        return widths.regular(options.width, options.limits, ends), f"{options.width} wide, {over}"
    bins = widths.chosen(targets.spread(options.limits), options.limits)
    return bins, f"{bins.high[0] - bins.low[0]:.12g} wide, chosen by {widths.RULE}"


def _inside(options: CustomOptions, rows: _Rows, bins: Bins) -> tuple[_Rows, list[str]]:
    """The rows whose targets lie in the bins, the others dropped, or clipped, and a note on it; or InputError."""
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    inside = (rows.targets >= low) & (rows.targets <= high)
    count = int((~inside).sum())
    if not count:
        return rows, []
    if options.outside == "refuse":
        where = np.flatnonzero(~inside)[:SHOWN]
        named = [f"{rows.ids[int(row)]} = {rows.targets[row]:.15g}" for row in where]
    else:
        named = []
    notes = told_of_outside(options, bins, count, rows.targets.size, named)
    if options.outside == "clip":
        return replace(rows, targets=np.clip(rows.targets, low, high)), notes
    return rows.at(inside), notes


def told_of_outside(options: CustomOptions, bins: Bins, count: int, rows: int, named: list[str]) -> list[str]:
    """What to tell about ``count`` of the ``rows`` with targets outside ``bins``, one or more.

    InputError, with the first ten, ``named``, where that is refused, and UsageError where no others are left.
    """
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    if options.outside == "refuse":
        more = [f"and {count - len(named):,} more"] if count > len(named) else []
        what = f"{count:,} targets lie outside {low:.15g}..{high:.15g}: {', '.join([*named, *more])}"
        raise InputError(Problem(str(options.table), what, "Choose --outside clip or --outside drop, or other bins"))
    if options.outside == "clip":
        return [f"{count:,} targets beyond {low:.15g}..{high:.15g} were clipped to it"]
    if count == rows:
        raise UsageError(f"every target lies outside {low:.15g}..{high:.15g}, so that no row is left")
    return [f"{count:,} rows with targets outside {low:.15g}..{high:.15g} were dropped"]


def _thresholds(options: CustomOptions) -> Thresholds:
    """The thresholds of the regions; UsageError where they are no numbers of rows, or few-shot exceeds many-shot."""
    for flag, value in (("--many", options.many), ("--few", options.few)):
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{flag} {value:g} is no number of training rows; write 0 or more, such as 100")
    if options.few > options.many:
        what = f"--few {options.few:g} is above --many {options.many:g}, so that a bin could be both few- and many-shot"
        raise UsageError(f"{what}; give both, --few the lower one (by default 20 and 100)")
    return Thresholds(many=options.many, few=options.few)


def _draw(options: CustomOptions, rows: _Rows, bins: Bins) -> own_split.Draw:
    """What the split is drawn from."""
    groups = None if rows.group is None else rows.group.dictionary_encode().indices.to_numpy().astype(np.int64)
    return own_split.Draw(
        targets=rows.targets,
        bins=bins,
        per_bin=options.per_bin,
        groups=groups,
        group=options.names.group,
        seed=options.seed,
        regular=options.edges is None and options.bins == widths.AUTO,
        limits=options.limits,
    )


def _dataset(options: CustomOptions, counted: Counted) -> tuple[Dataset, dict[str, Any]]:
    """The rules for this table, and the facts that hold them."""
    recipe = own_split.recipe(counted.bins, options.per_bin, counted.all_counts)
    own = {
        "binning": counted.binning,
        "cap": recipe.cap,
        "few": options.few,
        "group": options.names.group,
        "many": options.many,
        "scheme": custom_dataset.DEFAULT,
        "share": recipe.share,
        "target": options.names.target,
        "unit": options.unit,
    }
    return custom_dataset.dataset({"name": options.called, custom_dataset.KEY: own}, counted.bins), own


def sample_columns(
    ids: pa.Array, targets: FloatArray, index: IntArray, codes: AnyArray, group: pa.Array | None
) -> dict[str, pa.Array]:
    """The columns of ``samples.parquet``: ``ids``, and of each row, (n,), target, bin, code of the split and group."""
    import pyarrow as pa

    return {
        "id": ids,
        "target": pa.array(targets),
        "bin": pa.array(index, pa.int32()),
        "split": pa.array(SPLITS, pa.string()).take(pa.array(codes)),
    } | ({} if group is None else {custom_dataset.GROUP: group})
