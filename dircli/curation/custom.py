"""From a table of one's own to a manifest like any other: read, binned, split, and written down complete.

Millions of rows stay in Arrow's and NumPy's buffers from the file to the manifest; no row is ever a Python object. Rows
with ids are put into an order that depends on nothing but the ids, so that a shuffled table is the same benchmark.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dircli import datasets
from dircli.benchmark import binning as widths
from dircli.benchmark.records import SPLITS
from dircli.benchmark.splits import SplitRecipe, keyed
from dircli.curation.derive import DERIVED, checked_name, cut, note
from dircli.curation.samples import all_facts, described
from dircli.datasets import custom as custom_dataset
from dircli.errors import InputError, Problem, UsageError, first_ten, sample
from dircli.store import files, manifests, parquet, text, user_tables
from dircli.store.content import begun, content, finished

if TYPE_CHECKING:
    import hashlib
    from concurrent.futures import Future
    from pathlib import Path

    import pyarrow as pa

    from dircli.arrays import AnyArray, FloatArray, IntArray
    from dircli.benchmark.bins import Bins
    from dircli.benchmark.dataset import Dataset
    from dircli.curation.derive import Cut
    from dircli.store.user_tables import Names

SHARE = 3
TENTH = 10
WORDS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}
"""What an existing split column may call the parts."""
NO_IDS = "no --id column was named, so rows are called by their number from 0, and their order matters"


@dataclass(frozen=True, kw_only=True)
class CustomOptions:
    """What `dir curate custom` is to make.

    Bins are given by ``edges``, or by ``width`` (over ``limits``, LO:HI), or else chosen. ``per_bin`` None is what
    brings val and test nearest to a tenth of the rows each. ``outside`` is what becomes of targets beyond the bins.
    """

    table: Path
    names: Names
    called: str = datasets.OWN
    unit: str = ""
    width: str | None = None
    limits: str | None = None
    edges: str | None = None
    outside: Literal["refuse", "clip", "drop"] = "refuse"
    per_bin: int | None = None
    many: float = 100
    few: float = 20
    seed: int = 666
    cut: Cut | None = None


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

        return _Rows(ids=taken(self.ids), targets=self.targets[rows], group=taken(self.group), codes=taken(self.codes))


@dataclass(frozen=True, kw_only=True)
class Made:
    """A manifest that was written: its facts, and the edges of its bins (B + 1,)."""

    facts: dict[str, Any]
    edges: FloatArray


def curate(order: CustomOptions, *, root: Path) -> Made:
    """Make the manifest of a table as ``order`` says, in ``root``."""
    folder = root / checked_name(order.called)
    if order.called in datasets.names():
        raise UsageError(f"{order.called} is the name of a benchmark; give your table another --name")
    rows, told = _read(order)
    with ThreadPoolExecutor(1) as pool:  # hashed beside the work, for Python's lock is not held
        return _curate(order, folder, rows, told, hashed=pool.submit(begun, rows.ids, rows.targets))


def _curate(order: CustomOptions, folder: Path, rows: _Rows, told: list[str], *, hashed: Future[hashlib._Hash]) -> Made:
    """The manifest of the ``rows`` that were read, with what was ``told`` of them, into ``folder``."""
    read = rows
    bins, binning = _bins(order, rows.targets)
    rows, outside = _inside(order, rows, bins)
    index = bins.index(rows.targets)
    dataset, own = _dataset(order, index, bins, binning)
    drawn = rows.codes is None
    codes = _split(rows, dataset.recipe, index, order.seed) if rows.codes is None else rows.codes
    if not (codes == 0).any():
        raise UsageError("no row is left for training; ask for fewer --per-bin, or another split")
    rows, notes = replace(rows, codes=codes), [*told, f"bins: {binning}", *outside]
    origin, derived = "redraw" if drawn else "given", {}
    if order.cut is not None:
        stay, taken = cut(rows.targets, codes == 0, bins, order.cut)
        parent = {"content": content(rows.ids, rows.targets, codes), "name": datasets.OWN, "origin": origin}
        derived, origin = {"derived": {**taken, "from": parent}}, DERIVED
        rows, index, codes = rows.at(stay), index[stay], codes[stay]
        notes.append(note(taken, "the table as it is"))
    stated = derived | {
        "facts": {"outside": order.outside} if outside else {},
        "notes": notes,
        "recipe": dataset.recipe.as_json() | ({"group": order.names.group} if order.names.group else {}),
        "seed": order.seed if drawn else None,
        "sources": [_source(order, read, hashed.result())],
    }
    same = rows.targets is read.targets
    digest = finished(hashed.result(), codes) if same else content(rows.ids, rows.targets, codes)
    identity = {
        "content": digest,
        "dataset": datasets.OWN,
        "name": order.called,
        "origin": origin,
        custom_dataset.KEY: own,
    }
    facts = _write(folder, dataset, rows, index, identity=identity, stated=stated)
    return Made(facts=facts, edges=bins.edges)


def _read(order: CustomOptions) -> tuple[_Rows, list[str]]:
    """The rows in the order of their ids, and what to tell about them; InputError for ids that repeat."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = user_tables.read(order.table, order.names)
    told = ["targets are float32, and were taken as the decimals that they print"] if found.single else []
    ids = found.ids
    if ids is None:
        ids = pa.array(np.arange(found.targets.size)).cast(pa.string())
        told.append(NO_IDS)
    codes = None if found.split is None else _codes(order, found.split)
    rows = _Rows(ids=ids, targets=found.targets + 0.0, group=found.group, codes=codes)
    if found.ids is not None:
        places = user_tables.ascending(ids)
        rows = rows if places is None else rows.at(places)
        repeated = pc.equal(rows.ids[1:], rows.ids[:-1])
        if pc.any(repeated).as_py():
            keys = rows.ids[1:].filter(repeated).unique().to_pylist()
            what = f"{len(keys):,} ids occur more than once: {sample(keys)}"
            raise InputError(Problem(str(order.table), what, f"Give each row an own {order.names.id}"))
    return rows, told


def _codes(order: CustomOptions, column: pa.Array) -> AnyArray:
    """The split of each row, (n,) int8, from a column that holds it as a word; InputError for other words."""
    found = column.dictionary_encode()
    words = found.dictionary.to_pylist()
    if unknown := sorted({word for word in words if word.strip().lower() not in WORDS}):
        what = f"column {order.names.split} holds {sample([repr(word) for word in unknown])}"
        raise InputError(Problem(str(order.table), what, "Expected train, val (or valid, dev) or test"))
    places = np.array([WORDS[word.strip().lower()] for word in words], dtype=np.int8)
    return np.asarray(places[found.indices.to_numpy()])


def _source(order: CustomOptions, rows: _Rows, hashed: hashlib._Hash) -> dict[str, Any]:
    """What the manifest rests on: the table's name, its columns, and the hash of ids and targets as they were read."""
    names = {key: name for key, name in vars(order.names).items() if name is not None}
    return {"columns": names, "file": order.table.name, "rows": rows.targets.size, "sha256": hashed.hexdigest()}


def _bins(order: CustomOptions, targets: FloatArray) -> tuple[Bins, str]:
    """The scoring bins, and how they came about."""
    if order.edges is not None:
        if order.width is not None or order.limits is not None:
            raise UsageError("--edges say it all; leave out --bin-width and --range")
        return widths.given(order.edges), "by the given edges"
    if order.width is not None:
        over = f"over {order.limits}" if order.limits else "at its multiples"
        return widths.regular(order.width, order.limits, targets), f"{order.width} wide, {over}"
    bins = widths.chosen(targets, order.limits)
    return bins, f"{bins.high[0] - bins.low[0]:g} wide, chosen by {widths.RULE}"


def _inside(order: CustomOptions, rows: _Rows, bins: Bins) -> tuple[_Rows, list[str]]:
    """The rows whose targets lie in the bins, the others dropped, or clipped, and a word on it; or InputError."""
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    inside = (rows.targets >= low) & (rows.targets <= high)
    count = int((~inside).sum())
    if not count:
        return rows, []
    if order.outside == "refuse":
        where = np.flatnonzero(~inside)
        named = first_ten(where, lambda row: f"{rows.ids[int(row)]} = {rows.targets[row]:g}", "and {:,} more".format)
        what = f"{count:,} targets lie outside {low:g}..{high:g}: {', '.join(named)}"
        raise InputError(Problem(str(order.table), what, "Choose --outside clip or --outside drop, or other bins"))
    if order.outside == "clip":
        told = f"{count:,} targets beyond {low:g}..{high:g} were clipped to it"
        return replace(rows, targets=np.clip(rows.targets, low, high)), [told]
    if count == rows.targets.size:
        raise UsageError(f"every target lies outside {low:g}..{high:g}, so that no row is left")
    return rows.at(inside), [f"{count:,} rows with targets outside {low:g}..{high:g} were dropped"]


def _dataset(order: CustomOptions, index: IntArray, bins: Bins, binning: str) -> tuple[Dataset, dict[str, Any]]:
    """The rules for this table, and the facts that hold them."""
    total = None if order.per_bin is not None else max(1, index.size // TENTH)
    recipe = SplitRecipe(bins=bins, cap=order.per_bin or 0, share=SHARE, total=total, generator="pcg64").settled(index)
    own = custom_dataset.facts(
        target=order.names.target,
        unit=order.unit,
        many=order.many,
        few=order.few,
        recipe=recipe,
        group=order.names.group,
        binning=binning,
    )
    return custom_dataset.dataset({"name": order.called, custom_dataset.KEY: own}, bins), own


def _split(rows: _Rows, recipe: SplitRecipe, index: IntArray, seed: int) -> AnyArray:
    """The drawn split of each row, (n,) int8."""
    groups = None
    if rows.group is not None:
        groups = rows.group.dictionary_encode().indices.to_numpy().astype(np.int64)  # by first appearance
    return keyed(index, recipe, seed=seed, groups=groups)


def _write(  # noqa: PLR0913 - everything that a manifest holds
    folder: Path, dataset: Dataset, rows: _Rows, index: IntArray, *, identity: dict[str, Any], stated: dict[str, Any]
) -> dict[str, Any]:
    """The three files of the manifest into ``folder``; its facts."""
    import pyarrow as pa

    assert rows.codes is not None  # noqa: S101 - rows have been split by now
    cells = np.bincount(index * len(SPLITS) + rows.codes, minlength=len(dataset.bins) * len(SPLITS))
    counts = {part: cells[place :: len(SPLITS)] for place, part in enumerate(SPLITS)}
    table = described(dataset, dataset.bins, counts, facts=identity)
    facts = all_facts(dataset, table, stated)
    columns = {
        "id": rows.ids,
        "target": pa.array(rows.targets),
        "bin": pa.array(index, pa.int32()),
        "split": pa.array(SPLITS, pa.string()).take(pa.array(rows.codes)),
    } | ({} if rows.group is None else {custom_dataset.GROUP: rows.group})
    repeated = [name for name in columns if name != "id"]
    made = {
        manifests.SAMPLES: parquet.parquet_bytes(columns, identity, dictionary=repeated),
        manifests.BINS: manifests.bins_bytes(table),
        manifests.FACTS: text.as_json(facts),
    }
    files.write_all(folder, made)
    return facts
