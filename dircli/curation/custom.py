"""From a table of one's own to a manifest like any other: read, binned, split, and written down complete.

Millions of rows stay in Arrow's and NumPy's buffers from the file to the manifest; no row is ever a Python object. Rows
with ids are put into an order that depends on nothing but the ids, so that a shuffled table is the same benchmark.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark import binning as widths
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
from dircli.errors import InputError, Problem, UsageError, first_ten, sample
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


def curate(options: CustomOptions, *, root: Path) -> tuple[dict[str, Any], FloatArray]:
    """Make the manifest of a table as ``options`` say, in ``root``: its facts, and the edges of its bins (B + 1,)."""
    if options.names.split and (options.per_bin or options.names.group):
        raise UsageError("--split-column takes a split over as it is; --per-bin and --group are for drawing one")
    origin, seed = ("redraw", options.seed) if options.names.split is None else ("given", None)
    folder = _folder(options, root, origin if options.cut is None else DERIVED)
    thresholds = _thresholds(options)
    read, notes, left_out = _read(options)
    with ThreadPoolExecutor(1) as pool:  # hashed beside the work, for Python's lock is not held
        hashing = pool.submit(begun, read.ids, read.targets)
        bins, binning = _bins(options, read.targets)
        rows, outside = _inside(options, read, bins)
        index = bins.index(rows.targets)
        dataset, own = _dataset(options, index, bins, binning)
        groups = None if rows.group is None else rows.group.dictionary_encode().indices.to_numpy().astype(np.int64)
        if rows.codes is None:
            codes = own_split.drawn(_draw(options, rows.targets, bins, groups), index)
        else:
            codes = rows.codes
            notes += own_split.taken_over(codes, options.names.split)
    hashed, names = hashing.result(), {key: name for key, name in vars(options.names).items() if name is not None}
    file = {"file": options.table.name, "rows": read.targets.size, "sha256": hashed.hexdigest()}
    stated: dict[str, Any] = {
        "facts": left_out | ({"outside": options.outside} if outside else {}),
        "notes": [*notes, f"bins: {binning}", *outside],
        "recipe": dataset.rules.recipe.as_json() | ({"group": options.names.group} if options.names.group else {}),
        "seed": seed,
        "sources": [{"columns": names, **file}],
    }
    rows, same = replace(rows, codes=codes), rows.targets is read.targets
    if options.cut is not None:
        stay, taken = cut(rows.targets, codes == TRAIN, bins, options.cut)
        parent = {"content": content(rows.ids, rows.targets, codes), "name": datasets.OWN, "origin": origin}
        stated["derived"] = {**taken, "from": parent}
        stated["notes"] += [note(taken, "the table as it is")]
        rows, index, codes, origin, same = rows.at(stay), index[stay], codes[stay], DERIVED, False
    digest = finished(hashed, codes) if same else content(rows.ids, rows.targets, codes)
    identity = {"content": digest, "dataset": datasets.OWN, "name": options.called, "origin": origin}
    cells = np.bincount(index * len(SPLITS) + codes, minlength=len(bins) * len(SPLITS))
    counts = {part: cells[place :: len(SPLITS)] for place, part in enumerate(SPLITS)}
    table = described(dataset, bins, counts, facts=identity | {custom_dataset.KEY: own})
    stated["notes"] += doubts(table, thresholds, rows.targets)
    facts = all_facts(dataset, table, stated)
    if rows.group is not None:
        facts[manifests.COLUMNS] = manifests.own_digests({custom_dataset.GROUP: rows.group})
    contents = _contents(rows, index, table) | {manifests.FACTS: text.as_json(facts)}
    derived.write(folder, contents, table, options.replacing)
    return facts, bins.edges


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
    notes = ["targets are float32, and were taken as the decimals that they print"] if table.single else []
    if table.ids is None:
        notes.append(NO_IDS)
    notes += [f"{table.lacking:,} rows without a target were dropped"] if table.lacking else []
    ids = pa.array(table.numbers).cast(pa.string()) if table.ids is None else table.ids
    codes = None if table.split is None else _codes(options, table.split)
    rows = _Rows(ids=ids, targets=table.targets + 0.0, group=table.group, codes=codes)
    if table.ids is not None:
        order = user_tables.ascending(ids)
        rows = rows if order is None else rows.at(order)
        repeated = pc.equal(rows.ids[1:], rows.ids[:-1])
        if pc.any(repeated).as_py():
            keys = rows.ids[1:].filter(repeated).unique().to_pylist()
            what = f"{len(keys):,} ids occur more than once: {sample(keys)}"
            raise InputError(Problem(str(options.table), what, f"Give each row an own {options.names.id}"))
    return rows, notes, {"missing": options.missing} if table.lacking else {}


def _codes(options: CustomOptions, column: pa.Array) -> AnyArray:
    """The split of each row, (n,) int8, from a column that holds it as a word; InputError for other words."""
    coded = column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    if unknown := sorted({word for word in words if word.strip().lower() not in WORDS}):
        what = f"column {options.names.split} holds {sample([repr(word) for word in unknown])}"
        raise InputError(Problem(str(options.table), what, "Expected train, val (or valid, dev) or test"))
    places = np.array([WORDS[word.strip().lower()] for word in words], dtype=np.int8)
    return np.asarray(places[coded.indices.to_numpy()])


def _bins(options: CustomOptions, targets: FloatArray) -> tuple[Bins, str]:
    """The scoring bins, and how they came about."""
    number = widths.quantile_number(options.bins)
    if number is not None:
        if options.edges is not None or options.width is not None or options.limits is not None:
            raise UsageError(f"--bins {options.bins} says it all; leave out --edges, --bin-width and --range")
        return widths.quantiles(targets, number), f"by quantiles: {number} of counts as equal as equal targets allow"
    if options.edges is not None:
        if options.width is not None or options.limits is not None:
            raise UsageError("--edges say it all; leave out --bin-width and --range")
        return widths.given(options.edges), "by the given edges"
    if options.width is not None:
        over = f"over {options.limits}" if options.limits else "at its multiples"
        return widths.regular(options.width, options.limits, targets), f"{options.width} wide, {over}"
    bins = widths.chosen(targets, options.limits)
    return bins, f"{bins.high[0] - bins.low[0]:g} wide, chosen by {widths.RULE}"


def _inside(options: CustomOptions, rows: _Rows, bins: Bins) -> tuple[_Rows, list[str]]:
    """The rows whose targets lie in the bins, the others dropped, or clipped, and a note on it; or InputError."""
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    inside = (rows.targets >= low) & (rows.targets <= high)
    count = int((~inside).sum())
    if not count:
        return rows, []
    if options.outside == "refuse":
        where = np.flatnonzero(~inside)
        named = first_ten(where, lambda row: f"{rows.ids[int(row)]} = {rows.targets[row]:g}", "and {:,} more".format)
        what = f"{count:,} targets lie outside {low:g}..{high:g}: {', '.join(named)}"
        raise InputError(Problem(str(options.table), what, "Choose --outside clip or --outside drop, or other bins"))
    if options.outside == "clip":
        note = f"{count:,} targets beyond {low:g}..{high:g} were clipped to it"
        return replace(rows, targets=np.clip(rows.targets, low, high)), [note]
    if count == rows.targets.size:
        raise UsageError(f"every target lies outside {low:g}..{high:g}, so that no row is left")
    return rows.at(inside), [f"{count:,} rows with targets outside {low:g}..{high:g} were dropped"]


def _thresholds(options: CustomOptions) -> Thresholds:
    """The thresholds of the regions; UsageError where they are no numbers of rows, or few-shot exceeds many-shot."""
    for flag, value in (("--many", options.many), ("--few", options.few)):
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{flag} {value:g} is no number of training rows; write 0 or more, such as 100")
    if options.few > options.many:
        what = f"--few {options.few:g} is above --many {options.many:g}, so that a bin could be both few- and many-shot"
        raise UsageError(f"{what}; give both, --few the lower one (by default 20 and 100)")
    return Thresholds(many=options.many, few=options.few)


def _draw(options: CustomOptions, targets: FloatArray, bins: Bins, groups: IntArray | None) -> own_split.Draw:
    """What the split is drawn from."""
    return own_split.Draw(
        targets=targets,
        bins=bins,
        per_bin=options.per_bin,
        groups=groups,
        group=options.names.group,
        seed=options.seed,
        regular=options.edges is None and options.bins == widths.AUTO,
        limits=options.limits,
    )


def _dataset(options: CustomOptions, index: IntArray, bins: Bins, binning: str) -> tuple[Dataset, dict[str, Any]]:
    """The rules for this table, and the facts that hold them."""
    recipe = own_split.recipe(bins, options.per_bin, index)
    own = {
        "binning": binning,
        "cap": recipe.cap,
        "few": options.few,
        "group": options.names.group,
        "many": options.many,
        "scheme": custom_dataset.DEFAULT,
        "share": recipe.share,
        "target": options.names.target,
        "unit": options.unit,
    }
    return custom_dataset.dataset({"name": options.called, custom_dataset.KEY: own}, bins), own


def _contents(rows: _Rows, index: IntArray, table: BinTable) -> dict[str, bytes]:
    """``samples.parquet`` of rows in the bins ``index`` (n,), and ``bins.parquet``."""
    import pyarrow as pa

    columns = {
        "id": rows.ids,
        "target": pa.array(rows.targets),
        "bin": pa.array(index, pa.int32()),
        "split": pa.array(SPLITS, pa.string()).take(pa.array(rows.codes)),
    } | ({} if rows.group is None else {custom_dataset.GROUP: rows.group})
    repeated = [name for name in columns if name != "id"]
    return {
        manifests.SAMPLES: parquet.parquet_bytes(columns, table.facts, dictionary=repeated),
        manifests.BINS: manifests.bins_bytes(table),
    }
