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
CALLED = ("split", "splits", "subset", "set", "partition", "part", "fold")
"""What a column of splits is called, the surest first."""
TARGETS = {"target", "label", "labels", "y", "score", "age", "ages"}
PREDICTED = {"prediction", "predictions", "pred", "y_pred"}
FEW = 10  # different words of a column of splits
LOOKED_AT = 256  # rows by which the column of targets is known
CLOSE = 1e-3  # two targets are the same, however they were printed
STRANGE = 253
"""The code of a row whose split is told by a word that is not understood."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """n rows of ``prints``: ``ids`` (n,) texts, ``place`` (n,) among the known rows or -1, ``codes`` (n,) of `SPLITS`.

    `ABSENT` as a code says that no split is told, `STRANGE` that it is not understood; ``by_name`` that names of files
    tell them. ``targets`` (n,) are None where no column holds them. ``notes`` say what was taken for what.
    """

    prints: Fingerprints
    ids: pa.ChunkedArray
    place: IntArray
    codes: AnyArray
    targets: FloatArray | None
    by_name: bool
    notes: tuple[str, ...]


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
    """The ids of a table that look as those of a dataset do whose rows are not shipped."""
    for name, column in table.columns.items():
        if _is_text(column):
            named = [_numbers(each) for key, each in table.columns.items() if key.lower() in TARGETS]
            targets = next((each for each in named if each is not None), np.full(len(column), np.nan))
            prints = variants.of_form(column, targets)
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

    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def listing(tables: Sequence[tuple[SplitTable, Ids]]) -> Listing:
    """All rows of the tables, one after the other, which are of one dataset."""
    import pyarrow as pa

    prints = tables[0][1].prints
    places = [prints.places(ids.texts) for _, ids in tables]
    targets = [_targets(table, ids, place) for (table, ids), place in zip(tables, places, strict=True)]
    known = [each for each in targets if each is not None]
    told = [_codes(table, ids) for table, ids in tables]
    return Listing(
        prints=prints,
        ids=pa.chunked_array([chunk.cast(pa.large_string()) for _, ids in tables for chunk in ids.texts.chunks]),
        place=np.concatenate(places),
        codes=np.concatenate([codes for codes, _ in told]),
        targets=np.concatenate(known) if len(known) == len(targets) else None,
        by_name=not any(split_columns(table, ids) for table, ids in tables),
        notes=tuple(note for _, notes in told for note in notes),
    )


def split_columns(table: SplitTable, ids: Ids) -> dict[str, tuple[list[str], AnyArray]]:
    """The columns that tell splits, the surest first: few words, some of which do, or few of anything so called.

    Of each the words, and which of them stands in each row, (n,).
    """
    found = {}
    for name, column in table.columns.items():
        if name in ids.columns or not (_is_text(column) or name.lower() in CALLED):
            continue
        coded = column.combine_chunks().dictionary_encode()
        words = [str(word).strip().lower() for word in coded.dictionary.to_pylist()]
        if 0 < len(words) <= FEW and (name.lower() in CALLED or WORDS.keys() & set(words)):
            found[name] = words, coded.indices.fill_null(len(words)).to_numpy()
    sure = {name: (*CALLED, name.lower()).index(name.lower()) for name in found}
    return dict(sorted(found.items(), key=lambda each: (sure[each[0]], -len(WORDS.keys() & set(each[1][0])))))


def _codes(table: SplitTable, ids: Ids) -> tuple[AnyArray, list[str]]:
    """The split of each row, (n,), as a column says, or the file's name; `ABSENT` where neither does. And notes."""
    columns = split_columns(table, ids)
    if not columns:
        code = split_in_name(table.file)
        return np.full(len(ids.texts), ABSENT if code is None else code, np.uint8), []
    (name, (words, places)), *others = columns.items()
    codes: AnyArray = np.array([*(WORDS.get(word, STRANGE) for word in words), STRANGE], np.uint8)[places]
    notes = (
        [f"the split is read in column {name}, not in {' or '.join(other for other, _ in others)}"] if others else []
    )
    if strange := [word or "nothing" for word in words if word not in WORDS]:
        notes.append(f"column {name} says {', '.join(strange)}, which is none of train, val, dev and test")
    return codes, notes


def split_in_name(file: str) -> int | None:
    """The split that the name of a file tells; None where it tells none."""
    words = re.split(r"[^a-z]+", Path(file).name.lower())
    return next((WORDS[word] for word in words if word in WORDS), None)


def _targets(table: SplitTable, ids: Ids, place: IntArray) -> FloatArray | None:
    """The numbers, (n,), that are most often the known targets, or are called so; None where there are none."""
    rows = np.flatnonzero(place >= 0)
    rows = rows[np.linspace(0, rows.size - 1, min(LOOKED_AT, rows.size)).astype(np.int64)]
    expected, best, share = ids.prints.targets[place[rows]], None, 0.5
    called = TARGETS | {ids.prints.dataset.rules.target}
    for name, column in table.columns.items():
        if name in ids.columns or name.lower() in PREDICTED or (numbers := _numbers(column)) is None:
            continue
        agree = float(np.mean(np.abs(numbers[rows] - expected) <= CLOSE))
        if agree > share or (best is None and name.lower() in called):
            best, share = numbers, max(agree, share)
    return best


def _numbers(column: pa.ChunkedArray) -> FloatArray | None:
    """The column as numbers, (n,), NaN where there is none; None where it holds something else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if _is_text(column):
            blank = pc.equal(pc.utf8_length(column), 0)
            column = pc.if_else(blank, pa.scalar(None, column.type), column)
        numbers: FloatArray = pc.cast(column, pa.float64()).fill_null(np.nan).to_numpy()
    except (pa.ArrowException, TypeError):
        return None
    return numbers
