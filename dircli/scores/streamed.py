"""The scores of a file that carries its targets, from sums over blocks of its rows, in constant memory.

Blocks are cut by bytes or rows and their sums merged in the order of the file, so that the number of threads moves no
digit. A file in which anything is wrong or unusual is not scored here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from dircli.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.protocol import ProtocolName
from dircli.errors import UsageError
from dircli.scores.by_region import Reference, Score, by_region
from dircli.scores.metrics.sums import RegionSums, Sums, merged, per_bin, pooled
from dircli.scores.metrics.table import FromRanks, Mergeable, Metric, chosen
from dircli.store import compressed, streams
from dircli.store.content import digest_of_targets, targets_sum
from dircli.store.matching import hashes
from dircli.store.predictions import STDIN, Layout
from dircli.store.streams import Block, Stream, Unusual

LARGE = 32 << 20  # bytes of a file that is read by blocks
LARGE_COMPRESSED = 1 << 20  # which may hold any number
RANKED = 10_000_000
"""Of so many rows targets and predictions are kept, for metrics of ranks."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a file: the scores by ``metrics``, the usual ones if empty, against bins."""

    against: Benchmark
    split: str
    protocol: ProtocolName
    metrics: Sequence[str]
    layout: Layout

    def metrics_given(self, given: Mapping[str, FloatArray]) -> list[Metric]:
        """The metrics, where rows have what is ``given``; Unusual where they cannot be had."""
        try:
            return chosen(self.metrics, of=self.against.rules.metrics, given=given)
        except UsageError:  # which is told of after all that is wrong with the file
            raise Unusual from None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The scores by region, the file's ``sha256``, the digest of its targets, and the titles of metrics left out."""

    regions: dict[str, dict[str, Score]]
    sha256: str
    content: str
    left_out: list[str]


@dataclass(frozen=True, kw_only=True)
class Part:
    """The sums of one block of rows, and what of it is kept: rows for metrics of ranks, hashes of its ids.

    ``terms`` are the sums of the terms of each `Mergeable` metric that has some, by bin: (k, B).
    """

    sums: Sums
    terms: dict[str, FloatArray]
    targets: int
    metrics: list[Metric]
    rows: tuple[FloatArray, FloatArray, IntArray]
    hashes: AnyArray | None


@dataclass(kw_only=True)
class Total:
    """The sums over all blocks so far; ``rows`` and ``hashes`` are kept as `Part` has them, the rows up to RANKED."""

    sums: Sums
    metrics: list[Metric]
    terms: dict[str, FloatArray]
    targets: int = 0
    n: int = 0
    rows: list[tuple[FloatArray, FloatArray, IntArray]] = field(default_factory=list)
    hashes: list[AnyArray] = field(default_factory=list)

    def add(self, part: Part, *, first: bool) -> None:
        """Add a block, the ``first`` of which is there already but for what is kept."""
        if not first:
            self.sums = merged(self.sums, part.sums)
            self.terms = {name: self.terms[name] + terms for name, terms in part.terms.items()}
        self.targets += part.targets
        self.n += int(part.sums.n.sum())
        if self.ranks and self.n <= RANKED:
            self.rows.append(part.rows)
        else:
            self.rows.clear()
        if part.hashes is not None:
            self.hashes.append(part.hashes)

    @property
    def ranks(self) -> list[Metric]:
        """The metrics of ranks."""
        return [metric for metric in self.metrics if isinstance(metric, FromRanks)]

    @property
    def ids_repeat(self) -> bool:
        """Whether two ids are, or might be, the same."""
        every = np.concatenate(self.hashes or [np.empty(0, np.uint64)])
        self.hashes.clear()
        every.sort()
        return bool((every[1:] == every[:-1]).any())


@dataclass(frozen=True, kw_only=True)
class StreamedRegion:
    """The sums of a region over all blocks, and its rows where they are kept."""

    bins: Sums
    zero_error: float
    terms: Mapping[str, FloatArray]
    rows: Sequence[tuple[FloatArray, FloatArray, BoolArray]]

    @cached_property
    def total(self) -> Sums:
        """The sums over all rows."""
        return pooled(self.bins)

    def sums_for(self, metric: Mergeable) -> RegionSums:
        """The sums over the rows, with those of the terms of ``metric``."""
        terms = self.terms.get(metric.name, np.empty((0, 0)))
        return RegionSums(self.total, self.bins, terms.sum(axis=1), self.zero_error)

    def from_ranks(self, metric: FromRanks) -> float:
        """The score of the rows."""
        target, prediction = (np.concatenate([part[side][part[2]] for part in self.rows]) for side in range(2))
        return float(metric.score(target, prediction))


def is_large(path: str) -> bool:
    """Whether ``path`` is a file that is better read by blocks."""
    file = Path(path)
    if path == STDIN or not file.is_file():
        return False
    with file.open("rb") as stream:
        codec = compressed.codec_of(stream.read(streams.LONGEST_MAGIC))
    return file.stat().st_size >= (LARGE_COMPRESSED if codec else LARGE)


def answer(path: str, question: Question, *, workers: int | None = None) -> Answer | None:
    """The scores of the file at ``path``; None where it has to be read as a whole.

    Raises UsageError where metrics of ranks are asked for by name, and there are more than RANKED rows.
    """
    stream = Stream(path=Path(path), layout=question.layout)
    try:
        total = _total(stream, question, workers=workers)
        if total is None or total.ids_repeat or not _fills(total.sums.n, question):
            return None
    except (Unusual, OSError):
        return None
    left_out = [metric for metric in total.ranks if not total.rows]
    if named := [metric.name for metric in left_out if metric.name in question.metrics]:
        what = f"{path}: {', '.join(named)} of {total.n:,} rows: all of them must be sorted, and {RANKED:,} are at most"
        raise UsageError(f"{what}; name other metrics, or score a part of the rows")
    rules = question.against.rules.score_rules[question.protocol]

    def region(mask: BoolArray) -> StreamedRegion:
        return StreamedRegion(
            bins=total.sums.at(mask),
            zero_error=rules.zero_error,
            terms={name: terms[:, mask] for name, terms in total.terms.items()},
            rows=[(target, prediction, mask[index]) for target, prediction, index in total.rows],
        )

    table = question.against.table
    metrics = [metric for metric in total.metrics if metric not in left_out]
    return Answer(
        regions=by_region(table.regions[question.protocol], table.counts["train"], region, metrics),
        sha256=stream.sha256,
        content=digest_of_targets(total.n, total.targets),
        left_out=[metric.title for metric in left_out],
    )


def _total(stream: Stream, question: Question, *, workers: int | None) -> Total | None:
    """The sums over all rows of the file; None where it has none."""
    total = None
    for part in stream.blocks(lambda block: _part(block, question), workers=workers):
        first = total is None
        if total is None:
            total = Total(sums=part.sums, metrics=part.metrics, terms=part.terms)
        total.add(part, first=first)
    return total if total and total.n else None


def _part(block: Block, question: Question) -> Part:
    """The sums of ``block``; Unusual where a target lies in no bin, or a value is not above 0 that must be."""
    against = question.against
    index = against.index(block.target)
    low = against.rules.positive and (block.prediction <= 0).any()
    if low or (index < 0).any() or (block.sigma is not None and (block.sigma <= 0).any()):
        raise Unusual
    reference = Reference.of(against, question.protocol, block.target, index)
    target, bins = reference.scored_target, len(reference.train)
    given = {} if block.sigma is None else {"sigma": block.sigma}
    metrics = [metric.under(reference.rules) for metric in question.metrics_given(given)]
    terms = {}
    for metric in metrics:
        if isinstance(metric, Mergeable) and metric.terms:
            of_rows = metric.row_terms(target, block.prediction, given)
            terms[metric.name] = np.array([np.bincount(index, weights=term, minlength=bins) for term in of_rows])
    return Part(
        sums=per_bin(target, block.prediction, index, bins=bins),
        terms=terms,
        targets=targets_sum(block.target),
        metrics=metrics,
        rows=(target, block.prediction, index.astype(np.min_scalar_type(bins))),
        hashes=None if block.ids is None else hashes(block.ids),
    )


def _fills(counts: IntArray, question: Question) -> bool:
    """Whether the rows fill the bins, ``counts`` (B,), as those of the split do, where they must."""
    against = question.against
    return not against.fixed or np.array_equal(counts, against.table.counts[question.split])
