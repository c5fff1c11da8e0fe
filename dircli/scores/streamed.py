"""The scores of a file that carries its targets, from sums over blocks of its rows, in constant memory.

The scores are those of the whole file to the last digit, whatever the blocks, and whatever the number of threads. A
file in which anything is wrong or unusual is not scored here.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.protocol import ProtocolName
from dircli.errors import UsageError
from dircli.scores.by_region import RankedRows, Reference, Score, scores_of_sums
from dircli.scores.metrics.blocks import SummedRows
from dircli.scores.metrics.table import FromRanks, Metric, chosen
from dircli.store import places
from dircli.store.content import digest_of_targets, targets_sum
from dircli.store.matching import hashes
from dircli.store.predictions import Layout
from dircli.store.repeats import Repeats
from dircli.store.streams import Stream, Unusual

if TYPE_CHECKING:
    import pyarrow as pa

RANKED = 10_000_000
"""Of so many rows targets and predictions are kept, for metrics of ranks."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the file at ``path``: the scores by ``metrics``, the usual ones if empty, against bins."""

    path: str
    against: Benchmark
    split: str
    protocol: ProtocolName
    metrics: Sequence[str]
    layout: Layout

    def metrics_given(self, given: Collection[str]) -> list[Metric]:
        """The metrics, where rows have what is ``given``; Unusual where they cannot be had."""
        try:
            return chosen(self.metrics, of=self.against.rules.metrics, given=given)
        except UsageError:  # which is told of after all that is wrong with the file
            raise Unusual from None

    def nothing_yet(self, given: Collection[str]) -> Total:
        """The sums of no rows, to which those with what is ``given`` are to be added."""
        rules, train = self.against.rules.score_rules, self.against.table.counts["train"]
        return Total(summed=SummedRows(len(train), self.metrics_given(given), rules[self.protocol]))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The scores by region, the file's ``sha256``, the digest of its targets, and the titles of metrics left out."""

    regions: dict[str, dict[str, Score]]
    sha256: str
    content: str
    left_out: list[str]

    def of(self, names: Container[str], titles: Container[str]) -> Answer:
        """The answer with the scores of these ``names`` alone, and of what was left out these ``titles``."""
        regions = {
            region: {name: score for name, score in scores.items() if name in names}
            for region, scores in self.regions.items()
        }
        return replace(self, regions=regions, left_out=[title for title in self.left_out if title in titles])


@dataclass(frozen=True, kw_only=True)
class Part:
    """A block of rows, (n,) each, with the sum that its targets add to their digest, and hashes of its ids.

    Where a manifest has been looked at, ``places`` (n,) are those of its rows.
    """

    target: FloatArray
    prediction: FloatArray
    bin_index: IntArray
    given: dict[str, FloatArray]
    targets_sum: int
    hashes: AnyArray | None
    places: IntArray | None = None


@dataclass(kw_only=True)
class Total:
    """What is known of all blocks so far: their sums, n, and what is kept of them.

    Rows are kept only while there are few, and where ``keep`` says so.
    """

    summed: SummedRows
    n: int = 0
    targets_sum: int = 0
    rows: list[tuple[AnyArray, ...]] = field(default_factory=list)
    keep: bool = True

    def add(self, part: Part, *, workers: int | None = None) -> None:
        """Add the next block, summed by so many ``workers``, by default one thread for each core."""
        self.summed.add(part.target, part.prediction, part.bin_index, part.given, workers=workers)
        self.n += part.target.size
        self.targets_sum += part.targets_sum
        if self.keep and self.of_ranks and self.n <= RANKED:
            small = part.bin_index.astype(np.min_scalar_type(int(part.bin_index.max(initial=0))))
            self.rows.append((part.target, part.prediction, small, *(part.given[name] for name in self.needs)))
        else:
            self.rows.clear()

    @property
    def needs(self) -> list[str]:
        """What metrics of ranks need of each row beside target and prediction."""
        return sorted({metric.needs for metric in self.of_ranks} - {""})

    @property
    def of_ranks(self) -> list[Metric]:
        """The metrics of ranks."""
        return [metric for metric in self.summed.metrics if isinstance(metric, FromRanks)]


def answer(question: Question, *, workers: int = 2) -> Answer | None:
    """The scores of the file that is asked about; None where it has to be read as a whole.

    Raises UsageError where metrics of ranks are asked for by name, and there are more than RANKED rows.
    """
    stream = question.layout.stream(question.path, target=True)
    try:
        with closing(Repeats()) as repeats:
            total = _total(stream, question, repeats, workers=workers)
    except (Unusual, OSError):
        return None
    against = question.against
    if against.fixed and not np.array_equal(total.summed.total().sums.n, against.table.counts[question.split]):
        return None
    content = digest_of_targets(total.n, total.targets_sum)
    return answered(total, question, sha256=stream.sha256, content=content)


def answered(total: Total, question: Question, *, sha256: str, content: str) -> Answer:
    """The scores of all rows, of a file with the digest ``sha256``.

    Raises UsageError where metrics of ranks are asked for by name, and there are more than RANKED rows.
    """
    against = question.against
    left_out = [] if total.rows else total.of_ranks
    if named := [metric.name for metric in left_out if metric.name in question.metrics]:
        rows = f"{total.n:,} rows: all of them must be sorted, and {RANKED:,} are at most"
        what = f"{places.shown(question.path)}: {', '.join(named)} of {rows}"
        raise UsageError(f"{what}; name other metrics, or score a part of the rows")
    total.summed.metrics = [metric for metric in total.summed.metrics if metric not in left_out]
    ranked = None
    if total.rows:
        target, prediction, index, *given = map(np.concatenate, zip(*total.rows, strict=True))
        total.rows.clear()
        reference = Reference.of(against, question.protocol, target, index)
        ranked = RankedRows(reference.scored_target, prediction, index, dict(zip(total.needs, given, strict=True)))
    regions, train = against.table.regions[question.protocol], against.table.counts["train"]
    return Answer(
        regions=scores_of_sums(total.summed, regions, train, ranked),
        sha256=sha256,
        content=content,
        left_out=[metric.title for metric in left_out],
    )


def _total(stream: Stream, question: Question, repeats: Repeats, *, workers: int) -> Total:
    """All that is known of the rows of the file; Unusual where it has none, or perhaps one id twice."""
    total = None
    for part in stream.blocks(lambda table: part_of(table, question), workers=workers):
        total = total or question.nothing_yet(part.given)
        total.add(part)
        if part.hashes is not None:
            repeats.add(part.hashes)
    if total is None or not total.n or repeats.any():
        raise Unusual
    return total


def part_of(table: pa.Table, question: Question) -> Part:
    """A block with the bins of its rows; Unusual where a target lies in none, or a value is 0 or less."""
    against, layout = question.against, question.layout
    columns = {name: np.asarray(table[name].combine_chunks()) for name in layout.numbers if name in table.column_names}
    target, prediction = columns[layout.target_column], columns[layout.prediction_column]
    sigma = columns.get(layout.sigma_column or "")
    index = against.index(target)
    low = against.rules.positive and (prediction <= 0).any()
    if low or (index < 0).any() or (sigma is not None and (sigma <= 0).any()):
        raise Unusual
    ids = [table[name].combine_chunks() for name in layout.texts if name in table.column_names]
    return Part(
        target=target,
        prediction=prediction,
        bin_index=index,
        given={} if sigma is None else {"sigma": sigma},
        targets_sum=targets_sum(target),
        hashes=hashes(ids[0]) if ids else None,
    )
