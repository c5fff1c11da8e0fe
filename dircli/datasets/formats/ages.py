"""What the two age datasets share: bins of a year, their rules, whom they show, and the published file."""

import numpy as np

from dircli.arrays import FloatArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Leak, Rules
from dircli.benchmark.protocol import PROTOCOLS, FdsRule, ScoreRule, Thresholds, WeightRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import SPLITS, Records
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import InputError, Problem, first
from dircli.store.text import as_csv, numbers, parse

BINS = Bins.regular(0, 121, 1)
HEADER = ("age", "path", "split")
LEAKS = (Leak(kind="identity", columns=("identity",)),)


def age_rules(*, cap: int, youngest: int) -> Rules:
    """The rules for val and test of up to ``cap`` faces per year of age each, and FDS from the age ``youngest`` up."""
    return Rules(
        target="age",
        unit="year",
        bins=BINS,
        grows=True,
        recipe=SplitRecipe(bins=BINS, open_end=True, cap=cap, published_seed=666),
        score_rules=dict.fromkeys(PROTOCOLS, ScoreRule(thresholds=Thresholds(many=100, few=20))),
        weights=WeightRule(default="sqrt-inv", clip=(5, 1000), last=120),
        fds=FdsRule(start=youngest, last=99, exact=True),
    )


def published(raw: Raw, file: str) -> tuple[TextArray, FloatArray, TextArray]:
    """The paths, ages and splits, each (n,), of the published ``file``; InputError with everything wrong in it."""
    member = raw.find(file)
    if member is None:
        raise InputError(Problem(raw.name, f"there is no {file}", "Give the file, or the folder that holds it"))
    with raw.open(member) as stream:
        table = parse(stream.read(), raw.where(member), columns=HEADER)
    ages, problems = numbers(table, "age")
    splits = table.columns["split"]
    unknown = [(table.lines[row], f"split is {split!r}") for row, split in enumerate(splits) if split not in SPLITS]
    wrong = first(table.name, unknown, hint="Expected train, val or test", rest="more unknown splits")
    if problems := table.problems + problems + wrong:
        raise InputError(problems)
    return np.array(table.columns["path"], dtype=object), ages, np.array(splits, dtype=object)


def written(records: Records, split: TextArray, file: str) -> dict[str, bytes]:
    """The ``file`` that the released training code reads: whole ages, ids as paths, in manifest order."""
    rows = zip(records.targets.astype(np.int64), records.ids, split, strict=True)
    return {file: as_csv([HEADER, *rows])}
