"""A dataset that is none of ours: prices of flats, as test_sixth.py adds it. A whole dataset is one file like this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset, Leak, Publication, Rules, SampleReader, Source
from dircli.benchmark.protocol import ScoreRule, Thresholds, WeightRule
from dircli.benchmark.records import Records
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import InputError, Problem
from dircli.store.text import as_csv, numbers, parse

if TYPE_CHECKING:
    from dircli.arrays import TextArray
    from dircli.benchmark.raw import Raw

HEADER = ("flat", "street", "price")
BINS = Bins.regular(0, 10, 1)


def _rows(raw: Raw, file: str, columns: tuple[str, ...]) -> tuple[Records, dict[str, TextArray]]:
    member = raw.find(file)
    if member is None:
        raise InputError(Problem(raw.name, f"there is no {file}", "Give its folder"))
    with raw.open(member) as stream:
        table = parse(stream.read(), raw.where(member), columns=columns)
    prices, problems = numbers(table, "price")
    if problems := table.problems + problems:
        raise InputError(problems)
    texts = {name: np.array(table.columns[name], dtype=object) for name in columns}
    return Records(ids=texts["flat"], targets=prices, columns={"street": texts["street"]}), texts


def read(raw: Raw) -> Records:
    """The flats of flats.csv, in its order."""
    return _rows(raw, "flats.csv", HEADER)[0]


def read_released(raw: Raw) -> tuple[Records, TextArray]:
    """The flats of flats_split.csv, in its order, and the split of each."""
    records, texts = _rows(raw, "flats_split.csv", (*HEADER, "split"))
    return records, texts["split"]


def export(records: Records, split: TextArray) -> dict[str, bytes]:
    """The published flats_split.csv."""
    rows = zip(records.ids, records.columns["street"], records.targets.tolist(), split, strict=True)
    return {"flats_split.csv": as_csv([(*HEADER, "split"), *rows])}


DATASET = Dataset(
    name="sixth",
    rules=Rules(
        target="price",
        unit="1,000 per month",
        bins=BINS,
        recipe=SplitRecipe(bins=BINS, cap=3),
        score_rules=dict.fromkeys(("released", "paper"), ScoreRule(thresholds=Thresholds(many=4, few=2))),
        weights=WeightRule(default="inverse"),
    ),
    publication=Publication(
        title="SIXTH-DIR",
        licence="made up",
        homepage="https://example.org/flats",
        obtain=("Nobody can obtain it.",),
        bibtex="@misc{flats}",
        expected={"train": 30, "val": 5, "test": 5},
        sources=(
            Source(file="flats.csv", holds="labels", urls=("https://example.org/flats.csv",)),
            Source(
                file="flats_split.csv",
                holds="released",
                urls=("https://example.org/flats_split.csv",),
                digest="git:0000000000000000000000000000000000000000",
            ),
        ),
    ),
    reader=SampleReader(
        read=read,
        read_released=read_released,
        export=export,
        leaks=(Leak(kind="street", columns=("street",)),),
    ),
)
