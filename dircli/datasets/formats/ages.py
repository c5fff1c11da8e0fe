"""What the two age datasets share: bins of a year, their rules, and the published file (age, path, split)."""

from __future__ import annotations

import numpy as np

from dircli.arrays import FloatArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import ScoreRule, Thresholds, WeightRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import SPLITS, Records
from dircli.errors import InputError, Problem, first
from dircli.store.text import as_csv, numbers, parse

BINS = Bins.regular(0, 121, 1)
SCORE_RULES = dict.fromkeys(("released", "paper"), ScoreRule(thresholds=Thresholds(many=100, few=20)))
WEIGHTS = WeightRule(default="sqrt-inv", clip=(5, 1000), last=120)
HEADER = ("age", "path", "split")


def published(raw: Raw, file: str) -> tuple[TextArray, FloatArray, TextArray]:
    """The paths, ages and splits, each (n,), of the published ``file``; InputError with everything wrong in it."""
    member = raw.find(file)
    if member is None:
        raise InputError(Problem(raw.name, f"there is no {file}", "Give the file, or the folder that holds it"))
    with raw.open(member) as stream:
        table = parse(stream.read(), member, columns=HEADER)
    ages, problems = numbers(table, "age")
    splits = table.columns["split"]
    unknown = [(table.lines[row], f"split is {split!r}") for row, split in enumerate(splits) if split not in SPLITS]
    problems = table.problems + problems
    problems += first(member, unknown, hint="Expected train, val or test", rest="more unknown splits")
    if problems:
        raise InputError(problems)
    return np.array(table.columns["path"], dtype=object), ages, np.array(splits, dtype=object)


def written(records: Records, split: TextArray, file: str) -> dict[str, bytes]:
    """The ``file`` that the released training code reads: whole ages, ids as paths, in manifest order."""
    rows = zip(records.targets.astype(np.int64), records.ids, split, strict=True)
    return {file: as_csv([HEADER, *rows])}
