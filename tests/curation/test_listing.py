"""Which columns of a table are ids, splits and targets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dircli import datasets
from dircli.benchmark.records import SPLITS
from dircli.curation.listing import STRANGE, Ids, formed, ids_of, listing, split_columns, split_in_name
from dircli.datasets.variants import ABSENT, KEEP, Fingerprints, keyed
from dircli.store.split_files import SplitTable

NAMES = [f"genre/file{row:02d}" for row in range(20)]
TARGETS = np.arange(10.0, 30.0)
PRINTS = Fingerprints(
    dataset=datasets.load("agedb"),
    keys=keyed(pa.array(NAMES, pa.large_string()), KEEP),
    targets=TARGETS,
    orders={},
    splits={},
    columns=("genre", "file"),
    header=("genre", "file", "score"),
)


def table(file: str = "rows.csv", **columns: Any) -> SplitTable:
    """A table of these columns; the ids are in ``id`` where nothing else is said."""
    held = {"id": NAMES, **columns}
    return SplitTable(
        file=file, blob="", columns={name: pa.chunked_array([pa.array(each)]) for name, each in held.items()}
    )


def targets(**columns: Any) -> list[float] | None:
    """What is read as the targets of the rows."""
    held = table(**columns)
    found = listing([(held, Ids(PRINTS, held.columns["id"], ["id"]))]).targets
    return None if found is None else found.tolist()


def codes(file: str = "rows.csv", **columns: Any) -> list[int]:
    """The codes of the rows' splits."""
    held = table(file, **columns)
    found: list[int] = listing([(held, Ids(PRINTS, held.columns["id"], ["id"]))]).codes.tolist()
    return found


def test_each_word_for_a_split_is_understood_in_names_and_columns() -> None:
    words = {"train": "train training trn", "val": "val valid validation dev", "test": "test testing"}
    for part, called in words.items():
        for word in called.split():
            assert split_in_name(f"2026_{word}-new.csv") == SPLITS.index(part), word
            assert codes(split=[word.upper()] * 20) == [SPLITS.index(part)] * 20, word
    assert split_in_name("contest.csv") is None
    assert codes() == [ABSENT] * 20
    assert codes("dev.csv") == [1] * 20
    assert codes("dev.csv", split=["train"] * 19 + [None]) == [0] * 19 + [STRANGE]
    assert codes("dev.csv", split=pa.nulls(20, pa.int64())) == [1] * 20


def test_a_column_of_splits_has_few_words() -> None:
    words = ["test", *(f"w{k}" for k in range(9))]
    held = table(note=[words[row % 10] for row in range(20)])
    assert [*split_columns(held, Ids(PRINTS, held.columns["id"], ["id"]))] == ["note"]
    many = [*words, "one more"]
    held = table(note=[many[row % len(many)] for row in range(20)])
    assert split_columns(held, Ids(PRINTS, held.columns["id"], ["id"])) == {}
    held = table(set=[NAMES[row % 2] for row in range(20)])
    assert split_columns(held, Ids(PRINTS, held.columns["set"], ["id", "set"])) == {}


def test_the_surest_column_of_splits_comes_first() -> None:
    held = table(
        other=["test"] * 20, more=["train", "test"] * 10, fold=["x", "test"] * 10, subset=[1, 2] * 10, sex=["m"] * 20
    )
    assert [*split_columns(held, Ids(PRINTS, held.columns["id"], ["id"]))] == ["subset", "fold", "more", "other"]


@pytest.mark.parametrize(("ours", "found"), [(10, None), (11, "b"), (20, "b")])
def test_the_column_of_most_ids_is_taken_if_they_are_more_than_half(ours: int, found: str | None) -> None:
    held = table(
        id=[*NAMES[:9], *(f"x{k}" for k in range(11))], b=[*NAMES[:ours], *(f"y{k}" for k in range(20 - ours))]
    )
    ids = ids_of(held, [PRINTS])
    assert (ids and ids.columns) == (found and [found])
    assert ids_of(table(id=pa.array([], pa.string())), [PRINTS]) is None


def test_ids_of_several_columns_are_told_if_one_bears_another_name() -> None:
    halves = {"genre": ["genre"] * 20, "file": [name.partition("/")[2] for name in NAMES], "score": ["1"] * 20}
    columns = {name: pa.chunked_array([each]) for name, each in halves.items()}
    held = SplitTable(file="", blob="", columns=columns)
    ids = ids_of(held, [PRINTS])
    assert ids is not None
    assert ids.columns == ["genre", "file"]
    bare = ids_of(replace(held, columns={name: columns[name] for name in ids.columns}), [PRINTS])
    assert bare is not None
    assert bare.columns == ["genre", "file"]
    assert listing([(held, ids)]).place.tolist() == list(range(20))
    renamed = {"kind" if name == "genre" else name: each for name, each in columns.items()}
    one = ids_of(replace(held, columns=renamed), [PRINTS])
    assert one is not None
    assert one.columns == ["kind", "file"]
    two = {"a file" if name == "file" else name: each for name, each in renamed.items()}
    assert ids_of(replace(held, columns=two), [PRINTS]) is None
    assert ids_of(replace(held, columns={"more": columns["score"], **renamed}), [PRINTS]) is None


def test_targets_are_the_numbers_that_agree_most_or_are_called_so() -> None:
    half = [*TARGETS[:10], *np.full(10, 99.0)]
    more = [*TARGETS[:11], *np.full(9, 99.0)]
    assert targets(x=half) is None
    assert targets(x=more) == more
    assert targets(x=more, z=TARGETS + 1e-4) == (TARGETS + 1e-4).tolist()
    assert targets(z=TARGETS, x=more) == TARGETS.tolist()
    assert targets(label=half) == half
    assert targets(label=half, y=TARGETS) == TARGETS.tolist()
    assert targets(label=half, score=half[::-1]) == half
    assert targets(x=TARGETS, label=half) == TARGETS.tolist()
    assert targets(pred=TARGETS) is None
    assert targets(x=TARGETS + 0.01) is None
    assert targets(sex=["m", "f"] * 10) is None
    blank = targets(age=["", *(f"{age:g}" for age in TARGETS[1:])])
    assert blank is not None
    assert np.isnan(blank[0])
    assert blank[1:] == TARGETS[1:].tolist()


def test_targets_are_told_by_known_rows() -> None:
    strange = [f"x{k}" for k in range(10)]
    assert targets(id=[*strange, *NAMES[:10]], x=[*np.zeros(10), *TARGETS[:10]]) == [*np.zeros(10), *TARGETS[:10]]
    assert targets(id=[NAMES[0], *strange, *strange[:9]], x=[10.0, *np.zeros(19)]) == [10.0, *np.zeros(19)]


def test_targets_are_told_by_256_rows_from_the_first_to_the_last() -> None:
    rows = np.arange(1024)
    looked_at = np.isin(rows, np.linspace(0, 1023, 256).astype(np.int64))
    ids = [NAMES[row % 20] for row in rows]
    known = np.where(looked_at, TARGETS[rows % 20], 99.0)
    assert targets(id=ids, x=known) == known.tolist()
    assert targets(id=ids, x=np.where(looked_at, 99.0, TARGETS[rows % 20])) is None


def test_rows_of_several_tables_have_targets_where_each_of_them_has() -> None:
    pairs = [
        (held, Ids(PRINTS, held.columns["id"], ["id"])) for held in (table("train.csv", age=TARGETS), table("test.csv"))
    ]
    both = listing(pairs)
    assert both.targets is None
    assert both.by_name
    assert both.codes.tolist() == [0] * 20 + [2] * 20
    told = table(split=["dev"] * 20)
    assert not listing([(told, pairs[0][1]), pairs[1]]).by_name
    again = listing([pairs[0], pairs[0]]).targets
    assert again is not None
    assert again.tolist() == [*TARGETS, *TARGETS]


def test_ids_of_a_known_form_are_taken_with_the_targets_that_are_called_so() -> None:
    ids = [f"wiki_crop/{k:02d}/{k}_1950-01-01_2010.jpg" for k in range(20)]
    assert formed(table(id=[*ids[:10], *NAMES[:10]])) is None
    found = formed(table(id=[*ids[:11], *NAMES[:9]], other=["a"] * 20, label=["x"] * 20, age=TARGETS))
    assert found is not None
    assert found.columns == ["id"]
    assert sorted(found.prints.targets) == TARGETS.tolist()
    assert np.isnan(formed(table(id=ids)).prints.targets).all()  # type: ignore[union-attr]  # they are of that form
    assert formed(table(id=pa.array([], pa.string()))) is None
