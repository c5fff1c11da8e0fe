"""Which benchmark, and which split of it: the rows that files list, held against every known split of the same rows.

A file may be a split file of any known layout, a list of ids, or predictions; files of one split each make one split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dircli import datasets
from dircli.arrays import AnyArray, BoolArray
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import region
from dircli.benchmark.splits import TEST, seed_of
from dircli.curation.listing import (
    CLOSE,
    STRANGE,
    Ids,
    Listing,
    formed,
    ids_of,
    listing,
    split_columns,
    split_in_name,
)
from dircli.datasets import variants
from dircli.datasets.variants import ABSENT, RELEASED, UNKNOWN, Fingerprints
from dircli.errors import SHOWN, InputError, Problem, printable
from dircli.store import split_files
from dircli.store.split_files import SplitTable

SEEDS = (666, *range(1000))
ALL = "all"  # the rows of all splits, where a file lists them and tells none
NONE = "none"  # rows that a split does not have
WITHIN = {
    "test rows in its own train": ("test", "train"),
    "test rows in its own val": ("test", "val"),
    "val rows in its own train": ("val", "train"),
}
"""Contamination of a split by itself."""
MOST = 20_000_000  # rows that are shuffled, at most, for a seed to be found
Own: TypeAlias = Callable[[], Sequence[Fingerprints]]
"""What gives the rows of the manifests that are curated here."""
Pair: TypeAlias = tuple[SplitTable, Ids | None]
"""A table, and the ids in it, if any are known."""


@dataclass(frozen=True, kw_only=True)
class Unlike:
    """Rows that the nearest variant has in split ``here``, and the file in ``there``; the first ten ``ids`` of them."""

    here: str
    there: str
    rows: int
    ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a file, or files together, are; ``variant`` None is a split that is not known, near to ``nearest``.

    ``how`` says by what it is known: "bytes", "rows", or "some rows", where not all of its rows are known here.
    ``part`` is the split whose rows are listed where none is told, ``missing`` are those that are not; ``known_rows``
    of the nearest could be compared, and the manifests ``alike`` hold the same as it. ``splits`` counts distinct rows.
    ``overlap`` counts, of each split, the rows in each split of ``against``; ``contaminated`` the rows of test that
    stand in train, and the reverse, where a split is told or known. ``targets`` names rows with another target than is
    known; ``regions`` counts rows of test.
    """

    file: str
    layout: str
    dataset: str | None = None
    variant: str | None = None
    title: str = ""
    how: str = ""
    nearest: str | None = None
    alike: Sequence[str] = ()
    part: str | None = None
    missing: Sequence[str] = ()
    known_rows: int = 0
    rows: int = 0
    repeated: int = 0
    foreign: Sequence[str] = ()
    splits: Mapping[str, int] = field(default_factory=dict)
    against: str | None = None
    overlap: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    contaminated: Mapping[str, int] = field(default_factory=dict)
    unlike: Sequence[Unlike] = ()
    targets: Sequence[str] = ()
    regions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    drawn: Mapping[str, Any] | None = None
    blobs: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Match:
    """The known split that rows come nearest to: ``unlike`` rows are elsewhere; ``part`` as in `Identity`."""

    variant: str
    part: str | None
    unlike: int
    whole: bool


def identify(paths: Iterable[Path], *, manifests: Path) -> list[Identity]:
    """What each of ``paths``, files, folders and globs of them, is; InputError with every one that cannot be read.

    What belongs to no benchmark whose rows are shipped is held against the manifests in the folder ``manifests``.
    """
    found, problems = list[Identity](), list[Problem]()
    own = cache(lambda: variants.curated(manifests))
    for path in split_files.inputs(paths):
        try:
            found += _of_folder(path, own) if path.is_dir() else [_identity([_read(path, own)])]
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def _of_folder(folder: Path, own: Own) -> list[Identity]:
    """The split files in ``folder``: those together whose names alone tell a split, the others one by one."""
    groups: dict[str, list[Pair]] = {}
    left = []
    for path in split_files.tables(folder):
        try:
            table, ids = _read(path, own)
        except InputError:
            if split_files.is_manifest(folder):
                raise
            left.append(path.name)
            continue
        if ids is None and variants.of_blob(table.blob) is None:
            left.append(path.name)
            continue
        alone = ids is None or split_in_name(table.file) is None or split_columns(table, ids)
        groups.setdefault(table.file if alone or ids is None else ids.prints.dataset.name, []).append((table, ids))
    if not groups:
        what = "no file in it lists rows of a benchmark that is known here"
        raise InputError(Problem(str(folder), what, split_files.HINT))
    identities = [each for pairs in groups.values() for each in _together(pairs)]
    notes = (f"not looked at: {', '.join(map(printable, left))}",) if left else ()
    return [replace(each, notes=(*each.notes, *notes)) for each in identities]


def _together(pairs: Sequence[Pair]) -> list[Identity]:
    """What the tables are as one split; or each of them, where they are known alone as their names say, apart."""
    whole = _identity(pairs)
    if len(pairs) == 1 or whole.variant or any(whole.contaminated.get(kind) for kind in WITHIN):
        return [whole]
    alone = [_identity([pair]) for pair in pairs]
    return alone if all(each.variant and not each.part for each in alone) else [whole]


def _identity(pairs: Sequence[Pair]) -> Identity:
    """What the tables, which are one split, are."""
    tables = [table for table, _ in pairs]
    listed = [(table, ids) for table, ids in pairs if ids is not None]
    blobs = {Path(table.file).name: table.blob for table in tables}
    name = tables[0].file if len(tables) == 1 else str(Path(tables[0].file).parent)
    of_bytes = [variants.of_blob(table.blob) for table in tables]
    same = of_bytes[0] if len({each and each.name for each in of_bytes}) == 1 else None
    identity = Identity(file=name, layout=_layout(tables), blobs=blobs)
    if same is not None:
        identity = replace(identity, dataset=same.dataset, variant=same.name, title=same.title, how="bytes")
    if not listed:
        return identity if same else replace(identity, notes=_unlisted(tables))
    return _compared(identity, listing(listed))


def _read(path: Path, own: Own) -> Pair:
    """The table at ``path``, and its ids: of rows that are shipped, or of the user's ``own``, or of a known form."""
    table = split_files.read(path)
    return table, ids_of(table, variants.all_fingerprints()) or ids_of(table, own()) or formed(table)


def _layout(tables: Sequence[SplitTable]) -> str:
    if len(tables) > 1:
        return f"{len(tables)} split files"
    shape = tables[0].shape
    return f"array {shape}" if shape else f"table of {len(tables[0].columns)} columns"


def _unlisted(tables: Sequence[SplitTable]) -> tuple[str, ...]:
    """What can be said of files without ids that are known."""
    for each in map(datasets.load, datasets.NAMES):
        if isinstance(each.reader, PixelReader) and tables[0].shape[1:] == each.reader.shape:
            return (
                f"an array of the shape of {each.name}'s maps, with {tables[0].ones:,} ones; not the published mask",
            )
    shipped = ", ".join(prints.dataset.name for prints in variants.all_fingerprints())
    return (f"no column holds ids of {shipped}, or of a benchmark that is curated here; see --manifests",)


def _compared(identity: Identity, rows: Listing) -> Identity:
    """``identity`` with all that its rows tell, and comparing them with those of known splits."""
    prints, notes = rows.prints, list(rows.notes)
    rows, sets, match = _matched(rows, notes)
    told = {match.part: next(iter(sets.values()))} if match and match.part else sets
    far = _far(rows)
    identity = replace(
        identity,
        dataset=prints.dataset.name,
        rows=rows.place.size,
        repeated=_repeated(rows),
        foreign=_texts(rows, rows.place < 0),
        splits={part: int(mask.sum()) for part, mask in told.items()},
        targets=_texts(rows, far),
        regions=_regions(told, prints, match.variant if match else None),
        notes=tuple(notes),
    )
    if match is None:
        note = f"known by the form of its ids; to compare its rows, run `dir curate {prints.dataset.name}` first"
        return replace(identity, drawn=_drawn(rows, told, SEEDS), notes=(*notes, note))
    if ALL in sets and sets[ALL].all():
        notes.append("all rows are listed, and no split is told: that fits every split")
    against = RELEASED if RELEASED in prints.splits else match.variant
    ours, theirs = prints.sets(against), prints.sets(match.variant)
    contaminated = {} if ALL in sets and match.unlike else _contaminated(told, ours, against)
    amiss = match.unlike or far.any() or (rows.codes == STRANGE).any() or any(map(contaminated.get, WITHIN))
    known = None if amiss else variants.named(prints.dataset.name, match.variant)
    how = identity.how or ("rows" if match.whole else "some rows")
    return replace(
        identity,
        variant=None if amiss else match.variant,
        title="" if amiss else known.title if known else "curated here",
        how="" if amiss else how,
        known_rows=sum(int(mask.sum()) for part, mask in theirs.items() if part in told),
        nearest=match.variant,
        alike=prints.alike,
        part=match.part,
        missing=[part for part in theirs if part not in told],
        against=against,
        overlap={part: _overlap(mask, ours) for part, mask in told.items()},
        contaminated=contaminated,
        unlike=_unlike(rows, told, prints.splits[match.variant]) if match.unlike else (),
        drawn=_drawn(rows, told, SEEDS if amiss else SEEDS[:1]),
        notes=tuple(notes),
    )


def _matched(rows: Listing, notes: list[str]) -> tuple[Listing, dict[str, BoolArray], Match | None]:
    """The rows with the sets that they are in, and the known split that is nearest; what a name got wrong is noted."""
    sets = _sets(rows)
    match = _nearest(rows, sets)
    if match and match.unlike and rows.by_name:  # names may tell something else than the rows are
        untold = replace(rows, codes=np.full_like(rows.codes, ABSENT))
        other = _nearest(untold, _sets(untold))
        if other and not other.unlike:
            notes.append(f"its name says {' and '.join(sets)}, and its rows are those of {other.part}")
            rows, sets, match = untold, _sets(untold), other
    if match and match.unlike and ALL in sets and sets[ALL].all():  # of every split alike
        match = replace(match, part=None)
    return rows, sets, match


def _repeated(rows: Listing) -> int:
    """How many rows repeat an id that is known, in the same split or another."""
    places = rows.place[rows.place >= 0]
    return int(places.size - np.count_nonzero(np.bincount(places)))


def _sets(rows: Listing) -> dict[str, BoolArray]:
    """The known rows that are listed in each split, (N,) each; all under one name where no split is told."""
    sets = {}
    for code, part in [*enumerate(SPLITS), (ABSENT, ALL)]:
        here = rows.place[(rows.codes == code) & (rows.place >= 0)]
        if here.size:
            sets[part] = np.zeros(rows.prints.keys.size, bool)
            sets[part][here] = True
    return sets


def _nearest(rows: Listing, sets: Mapping[str, BoolArray]) -> Match | None:
    """The variant that puts the fewest rows elsewhere; one of which only some rows are known must fit in all of them.

    None where no variant of the dataset is known by its rows.
    """
    prints, told = rows.prints, ALL not in sets
    sizes = {part: int((rows.codes == code).sum()) for code, part in enumerate(SPLITS)} if told else {}
    others, repeated = int((rows.place < 0).sum()), _repeated(rows)
    matches = []
    for name, codes in prints.splits.items():
        theirs = {part: codes == code for code, part in enumerate(SPLITS)}
        variant = variants.named(prints.dataset.name, name)
        stated = variant.counts if variant else {}
        all_known = (codes != UNKNOWN).all()
        counts = {part: stated.get(part, int(theirs[part].sum())) for part in SPLITS if all_known or part in stated}
        for parts in [tuple(sets)] if told else [(part,) for part in counts]:
            pairs = [(sets[part if told else ALL], theirs[part], counts[part]) for part in parts if part in counts]
            whole = all(known.sum() == n for _, known, n in pairs)
            unlike = others + sum(int((mask ^ known)[codes != UNKNOWN].sum()) for mask, known, _ in pairs)
            unlike += 0 if whole else sum(abs(n - int(mask.sum())) for mask, _, n in pairs)
            if variant and variant.rows:
                unlike += sum(abs(n - sizes.get(part, n)) for part, n in variant.rows.items())
            else:
                unlike += repeated
            if pairs:
                part = None if told else parts[0]
                matches.append(Match(variant=name, part=part, unlike=unlike, whole=whole))
    return min(matches, key=lambda match: (match.unlike > 0, not match.whole, match.unlike), default=None)


def _overlap(mask: BoolArray, ours: Mapping[str, BoolArray]) -> dict[str, int]:
    counts = {part: int((mask & theirs).sum()) for part, theirs in ours.items()}
    return {**counts, NONE: int(mask.sum()) - sum(counts.values())}


def _contaminated(told: Mapping[str, BoolArray], ours: Mapping[str, BoolArray], against: str) -> dict[str, int]:
    """Rows of test in train: of the file in ``against``, the reverse, and within the file."""
    pairs = {
        f"test rows in train of {against}": (told.get("test"), ours.get("train")),
        f"train rows in test of {against}": (told.get("train"), ours.get("test")),
        **{kind: (told.get(one), told.get(other)) for kind, (one, other) in WITHIN.items()},
    }
    return {
        what: int((one & other).sum()) for what, (one, other) in pairs.items() if one is not None and other is not None
    }


def _texts(rows: Listing, chosen: BoolArray) -> list[str]:
    """The distinct ids of the ``chosen`` rows (n,), in their order."""
    return list(dict.fromkeys(rows.ids.filter(chosen).to_pylist())) if chosen.any() else []


def _far(rows: Listing) -> BoolArray:
    """The known rows, (n,), that have another target than is known, or none where others have one."""
    if rows.targets is None or np.isnan(rows.prints.targets).any():
        return np.zeros(rows.place.size, bool)
    return np.asarray((rows.place >= 0) & ~(np.abs(rows.targets - rows.prints.targets[rows.place]) <= CLOSE))


def _unlike(rows: Listing, told: Mapping[str, BoolArray], codes: AnyArray) -> list[Unlike]:
    """What is elsewhere than in a variant with these ``codes`` (N,): rows by both splits."""
    unlike = []
    for part, mask in told.items():
        for code, other in [*enumerate(SPLITS), (ABSENT, NONE)]:
            moved = mask & (codes == code)
            if part not in {other, ALL} and moved.any():
                listed = (rows.place >= 0) & moved[rows.place]
                ids = _texts(rows, listed)
                unlike.append(Unlike(here=other, there=part, rows=int(moved.sum()), ids=ids[:SHOWN]))
    anywhere = np.any([*told.values()], axis=0)
    for code, part in enumerate(SPLITS):
        gone = (codes == code) & ~anywhere
        if part in told and gone.any():
            unlike.append(Unlike(here=part, there=NONE, rows=int(gone.sum()), ids=[]))
    return unlike


def _regions(told: Mapping[str, BoolArray], prints: Fingerprints, nearest: str | None) -> dict[str, dict[str, int]]:
    """The rows of test in each region under each protocol, by the training rows of the file, else of ``nearest``."""
    rules, targets = prints.dataset.rules, prints.targets
    train = told.get("train", prints.sets(nearest).get("train") if nearest else None)
    if "test" not in told or train is None or np.isnan(targets).any():
        return {}
    bins = rules.scoring_bins(targets)
    counts, index = bins.counts(targets[train]), bins.index(targets[told["test"]])
    regions = {}
    for protocol, rule in rules.score_rules.items():
        names, sizes = np.unique(region(counts, rule.thresholds)[index].astype(str), return_counts=True)
        regions[protocol] = dict(zip(names.tolist(), sizes.tolist(), strict=True))
    return regions


def _drawn(rows: Listing, told: Mapping[str, BoolArray], seeds: Iterable[int]) -> dict[str, Any] | None:
    """Which of ``seeds``, over which order of rows, draws the listed val and test by the dataset's rule; None if none.

    Without training rows all known rows are taken to be drawn over.
    """
    prints = rows.prints
    split = np.full(prints.keys.size, ABSENT, np.uint8)
    for code, part in enumerate(SPLITS):
        split[told.get(part, [])] = code
    over = np.ones(split.size, bool) if "train" not in told else split <= TEST
    recipe = prints.dataset.rules.recipe
    if recipe.generator != "mt19937" or np.isnan(prints.targets).any():
        return None
    orders = dict(prints.orders)
    if rows.place.size == over.sum() == np.any([*told.values()], axis=0).sum():
        orders["the file's"] = rows.place
    index = recipe.index(prints.targets)
    sizes = np.bincount(index[over & (index >= 0)])
    first = int(sizes[sizes > 0][:1].sum())  # rows of the first bin, by which most seeds are ruled out
    if first * len(orders) * len(SEEDS) > MOST:
        seeds = SEEDS[:1]
    for name, order in orders.items():
        among = order[over[order]]
        for called, each in ((name, among), (f"{name}, reversed", among[::-1])):
            seed = seed_of(split[each], index[each], recipe, seeds)
            if seed is not None:
                return {"seed": seed, "order": called}
    return None
