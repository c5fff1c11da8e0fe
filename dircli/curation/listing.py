"""The rows that a file lists, whatever its layout: which column is the id, which the split, and which the target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.datasets import variants
from dircli.datasets.variants import ABSENT, Fingerprints
from dircli.store.split_files import SplitTable

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = {"train": 0, "training": 0, "trn": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}
"""What a split is called, in a column or in the name of a file."""
PREDICTED = {"prediction", "predictions", "pred", "y_pred"}
LOOKED_AT = 256  # rows by which the column of targets is known
CLOSE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Listing:
    """n rows of ``prints``: ``ids`` (n,) texts, ``place`` (n,) among the known rows or -1, ``codes`` (n,) of `SPLITS`.

    `ABSENT` as a code says that no split is told; ``targets`` (n,) are None where no column holds them.
    """

    prints: Fingerprints
    ids: pa.ChunkedArray
    place: IntArray
    codes: AnyArray
    targets: FloatArray | None
    predicted: bool = False


@dataclass(frozen=True)
class Ids:
    """The ids in a table, (n,), the columns that they are made of, and whose they are."""

    prints: Fingerprints
    texts: pa.ChunkedArray
    columns: Sequence[str]


def ids_of(table: SplitTable, known: Sequence[Fingerprints]) -> Ids | None:
    """The column, or the columns together, whose texts are most often ids of ``known``; None where none are in half."""
    best, share = None, 0.5
    for prints in known:
        for texts, columns in _candidates(table, prints):
            of_these = prints.known(texts) if len(texts) else 0.0
            if of_these > share:
                best, share = Ids(prints, texts, columns), of_these
    return best


def formed(table: SplitTable) -> Ids | None:
    """The ids of a table that look as those of a dataset whose rows are not shipped; its first numbers are targets."""
    import pyarrow as pa
    import pyarrow.compute as pc

    targets = None
    for column in table.columns.values():
        try:
            targets = pc.cast(column, pa.float64()).to_numpy() if targets is None else targets
        except pa.ArrowException:
            continue
    for name, column in table.columns.items():
        if _is_text(column):
            numbers = np.full(len(column), np.nan) if targets is None else targets
            prints = variants.of_form(column, numbers)
            if prints is not None:
                return Ids(prints, column, [name])
    return None


def _candidates(table: SplitTable, prints: Fingerprints) -> Iterator[tuple[Any, list[str]]]:
    """Each column of texts, and those together that make an id where the dataset's own layout has several.

    One of its columns may bear another name, if no other one does.
    """
    import pyarrow.compute as pc

    texts = {name: column for name, column in table.columns.items() if _is_text(column)}
    yield from ((column, [name]) for name, column in texts.items())
    missing = [name for name in prints.header if name not in table.columns]
    strange = [name for name in texts if name not in prints.header]
    other = {missing[0]: strange[0]} if len(missing) == len(strange) == 1 else {}
    together = [other.get(name, name) for name in prints.columns]
    if together and set(together) <= texts.keys():
        yield pc.binary_join_element_wise(*(texts[name] for name in together), "/"), together


def _is_text(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) and not column.null_count


def listing(tables: Sequence[tuple[SplitTable, Ids]]) -> Listing:
    """All rows of the tables, one after the other, which are of one dataset."""
    import pyarrow as pa

    prints = tables[0][1].prints
    places = [prints.places(ids.texts) for _, ids in tables]
    targets = [_targets(table, ids, place) for (table, ids), place in zip(tables, places, strict=True)]
    known = [each for each in targets if each is not None]
    return Listing(
        prints=prints,
        ids=pa.chunked_array([chunk.cast(pa.large_string()) for _, ids in tables for chunk in ids.texts.chunks]),
        place=np.concatenate(places),
        codes=np.concatenate([_codes(table, ids) for table, ids in tables]),
        targets=np.concatenate(known) if len(known) == len(targets) else None,
        predicted=any(PREDICTED & {name.lower() for name in table.columns} for table, _ in tables),
    )


def _codes(table: SplitTable, ids: Ids) -> AnyArray:
    """The split of each row, (n,), as a column says, or the file's name; `ABSENT` where neither does."""
    for name, column in table.columns.items():
        if name in ids.columns or not _is_text(column):
            continue
        coded = column.combine_chunks().dictionary_encode()
        words = [str(word).strip().lower() for word in coded.dictionary.to_pylist()]
        if words and set(words) <= WORDS.keys():
            codes: AnyArray = np.array([WORDS[word] for word in words], np.uint8)[coded.indices.to_numpy()]
            return codes
    code = split_in_name(table.file)
    return np.full(len(ids.texts), ABSENT if code is None else code, np.uint8)


def split_in_name(file: str) -> int | None:
    """The split that the name of a file tells; None where it tells none."""
    words = re.split(r"[^a-z]+", Path(file).name.lower())
    return next((WORDS[word] for word in words if word in WORDS), None)


def _targets(table: SplitTable, ids: Ids, place: IntArray) -> FloatArray | None:
    """The numbers, (n,), that are most often the known targets; None where no column's are in half of the rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = np.flatnonzero(place >= 0)
    rows = rows[np.linspace(0, rows.size - 1, min(LOOKED_AT, rows.size)).astype(np.int64)]
    expected, best, share = ids.prints.targets[place[rows]], None, 0.5
    for name, column in table.columns.items():
        try:
            some = pc.cast(column.take(pa.array(rows)), pa.float64()).to_numpy()
            agree = float(np.mean(np.abs(some - expected) <= CLOSE))
            if name not in ids.columns and agree > share:
                best, share = pc.cast(column, pa.float64()).to_numpy(), agree
        except pa.ArrowException:  # a column of something else
            continue
    return best
