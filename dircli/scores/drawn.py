"""Resamples of files whose rows an engine has, and swaps between them, from the sums of their parts.

How often a row is drawn and whether it is swapped hang on its id alone, so that files are paired without a join: each
has its own sums of the same sets of rows, whatever the order of its rows and however it is divided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from dircli.arrays import AnyArray, FloatArray
from dircli.benchmark.protocol import ScoreRule
from dircli.benchmark.regions import masks
from dircli.errors import Problem
from dircli.scores.by_region import Reference
from dircli.scores.items import Item, Source, named
from dircli.scores.metrics.sums import overflowing
from dircli.scores.metrics.table import EVERY, Metric
from dircli.scores.partitioned import Divided, Run, refuse, whole_where_unusual
from dircli.scores.streamed import Part
from dircli.scores.uncertainty.divided import AT_ONCE, Sets, number_of_terms
from dircli.scores.uncertainty.pairing import HINT
from dircli.scores.uncertainty.permutation import Tested, sides, tested
from dircli.scores.uncertainty.poisson import keys_of_places, weights
from dircli.scores.uncertainty.quantify import BootstrapOptions, Drawn
from dircli.store import places
from dircli.store.content import pairs_sum
from dircli.store.engines import Tell

MOST = 1 << 22
"""Sums of sets that are drawn at once, about, for each file and item; more are drawn in several goes."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Of which rows sums are asked: in which ``sets``, which are scored by the metrics of ``names`` in ``regions``."""

    source: Source
    names: Sequence[str]
    regions: Sequence[str]
    sets: Sets

    @property
    def rule(self) -> ScoreRule:
        """The protocol's."""
        return self.source.question.against.rules.score_rules[self.source.question.protocol]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, as the protocol has them."""
        return [EVERY[name].under(self.rule) for name in self.names]

    def scores(self, sums: FloatArray) -> dict[str, FloatArray]:
        """The scores of each set, (metrics, sets) by region, from the sums of all rows, (B, terms, sets)."""
        table, protocol = self.source.question.against.table, self.source.question.protocol
        every = masks(table.regions[protocol], table.counts["train"])
        regions = {name: every[name] for name in self.regions}
        return self.sets.scores(sums, regions, self.metrics, zero_error=self.rule.zero_error)

    def goes(self) -> list[Task]:
        """The same in several goes, of so many sets each that their sums fit the memory of whoever adds them up."""
        of_set = self.sets.target.shift.size * number_of_terms(self.metrics)
        step, number = max(MOST // of_set // AT_ONCE, 1) * AT_ONCE, self.sets.number
        parts = [replace(self.sets, first=at, number=min(step, number - at)) for at in range(0, number, step)]
        return [replace(self, sets=sets) for sets in parts]


@overflowing
def drawn(task: Task, item: Item) -> FloatArray | None:
    """What the rows of ``item`` add to the sums of each set, (B, terms, sets); None where there are none."""
    total, question = None, task.source.question
    for part, keys in _keyed(task.source, item):
        reference = Reference.of(question.against, question.protocol, part.target, part.bin_index)
        rows = (reference.scored_target, part.prediction, part.bin_index, part.given, keys)
        sums = task.sets.sums(*rows, task.metrics)
        total = sums if total is None else total + sums
    return total


@overflowing
def all_drawn(parts: list[FloatArray | None]) -> FloatArray | None:
    """The sum of what is there."""
    some = [part for part in parts if part is not None]
    return np.sum(some, axis=0) if some else None


def paired(source: Source, item: Item) -> int:
    """A sum over the rows of ``item`` that tells which targets their keys have, modulo 2^64."""
    return sum(pairs_sum(keys, part.target) for part, keys in _keyed(source, item)) % (1 << 64)


def all_paired(parts: list[int]) -> int:
    """The sum of those, modulo 2^64."""
    return sum(parts) % (1 << 64)


def _keyed(source: Source, item: Item) -> Iterator[tuple[Part, AnyArray]]:
    """The rows of ``item``, block by block, with their keys (n,): hashes of their ids, or else of their numbers."""
    place = item.first
    with named(source, item):
        for part in source.parts(item):
            n = part.target.size
            yield part, keys_of_places(np.arange(place, place + n)) if part.hashes is None else part.hashes
            place += n


@overflowing
def quantities(files: Sequence[Divided], run: Run, sampling: BootstrapOptions) -> Drawn:
    """The scores of resamples of ``files``, which have the same metrics, and tests of each but the first against it.

    Raises Undivided, or InputError where a file is too large for that, if rows cannot be paired.
    """
    first, *others = files
    if others and first.source.manifest is None:
        _refuse_unpaired(files, run)
    regions, seed = first.found.regions, sampling.seed
    question = first.source.question
    every = masks(question.against.table.regions[question.protocol], question.against.table.counts["train"])
    task = partial(
        Task,
        source=first.source,
        names=[name for name in regions["all"] if name in EVERY and not EVERY[name].count],
        regions=[name for name in regions if name in every],
    )
    located = [file.located for file in files]
    resamples = [Sets.about([each], draw=weights, seed=seed, number=sampling.resamples) for each in located]
    scores = [_resampled(file, task(sets=sets), run) for file, sets in zip(files, resamples, strict=True)]
    swaps = Sets.about(located, draw=sides, seed=seed, number=2 * (1 + sampling.resamples))
    return Drawn(
        metrics=task(sets=swaps).metrics,
        scores={name: np.stack([each[name] for each in scores]) for name in scores[0]},
        tests=_tests(files, task(sets=swaps), run) if others else [],
    )


def _refuse_unpaired(files: Sequence[Divided], run: Run) -> None:
    """Refuse files of which one has other ids than the first, or other targets for the same ids."""
    sums = []
    with run.watch("rows paired", sum(len(file.items) for file in files)) as done:
        for file in files:
            with whole_where_unusual(file.source.question):
                sums.append(run.engine.reduced(paired, file.numbered, all_paired, shared=file.source, done=done))
    whose = ["ids" if "ids" in (file.partial.columns or ()) else "rows" for file in files]
    names = [places.shown(file.source.question.path) for file in files]
    problems = []
    for name, own, found in zip(names, whose, sums, strict=True):
        what = f"it cannot be paired with {names[0]}"
        if own != whose[0]:
            problems.append(Problem(name, f"{what}: one has ids, and one has none", HINT))
        elif found != sums[0]:
            problems.append(Problem(name, f"{what}: other ids are there, or {own} have other targets", HINT))
    if problems:
        refuse(files, problems)


def _resampled(file: Divided, task: Task, run: Run) -> dict[str, FloatArray]:
    """The scores of resamples, (metrics, R) by region."""
    goes = task.goes()
    with run.watch("parts resampled", len(goes) * len(file.items)) as done:
        return _joined([each.scores(_summed(file, each, run, done)) for each in goes])


def _tests(files: Sequence[Divided], task: Task, run: Run) -> list[dict[str, Tested]]:
    """The test of each file but the first against it, by region."""
    goes = task.goes()
    scores: list[list[tuple[dict[str, FloatArray], dict[str, FloatArray]]]] = [[] for _ in files[1:]]
    with run.watch("parts of the paired test", len(goes) * sum(len(file.items) for file in files)) as done:
        for each in goes:
            first, *others = (_summed(file, each, run, done) for file in files)
            for of_file, other in zip(scores, others, strict=True):
                baseline = each.scores(first[..., ::2] + other[..., 1::2])
                of_file.append((baseline, each.scores(other[..., ::2] + first[..., 1::2])))
    found = []
    for of_file in scores:
        baseline, system = (_joined(each) for each in zip(*of_file, strict=True))
        found.append({name: tested(task.metrics, baseline[name], system[name]) for name in baseline})
    return found


def _summed(file: Divided, task: Task, run: Run, done: Tell) -> FloatArray:
    """The sums of the rows of ``file``, which are read again, in the sets of ``task``, (B, terms, sets)."""
    with whole_where_unusual(file.source.question):
        shared = replace(task, source=file.source)
        sums = run.engine.reduced(drawn, file.numbered, all_drawn, shared=shared, done=done)
    assert sums is not None  # noqa: S101 - there are rows
    return sums


def _joined(goes: Sequence[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """The scores of the sets of all ``goes``, by region."""
    return {name: np.concatenate([each[name] for each in goes], axis=1) for name in goes[0]}
