"""Rows that come block by block, from arrays or from a file that is read piece by piece, and their sums per bin.

Blocks hold `BLOCK` rows, whatever the pieces in which rows are added, and are merged in the order of the rows: neither
the pieces nor the number of cores changes a digit. A block fits the cache of a core.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.protocol import ScoreRule
from dircli.scores.metrics import sums
from dircli.scores.metrics.sums import Sums, overflowing, per_bin
from dircli.scores.metrics.table import Mergeable, Metric

BLOCK = 1 << 15
AT_ONCE = 64
"""Blocks whose sums are kept before they are merged into one."""


@dataclass(frozen=True)
class BinSums:
    """The ``sums`` of B bins, (B,) each, and by a metric's name those of its own ``terms``, (k, B)."""

    sums: Sums
    terms: Mapping[str, FloatArray]


@overflowing
def merged(parts: Sequence[BinSums]) -> BinSums:
    """The sums of blocks of rows, one or more, over the same bins."""
    first, *others = parts
    if not others:
        return first
    terms = {name: np.sum([part.terms[name] for part in parts], axis=0) for name in first.terms}
    return BinSums(sums.merged(*(part.sums for part in parts)), terms)


class SummedRows:
    """The sums of all rows that have been added, in ``bins`` bins, as ``metrics`` need them under ``rule``."""

    def __init__(self, bins: int, metrics: Iterable[Metric], rule: ScoreRule, *, block: int = BLOCK) -> None:
        self.metrics = [metric.under(rule) for metric in metrics]
        self.rule = rule
        self._bins, self._block = bins, block
        self._needs: list[str] = sorted({metric.needs for metric in self.metrics} - {""})
        self._parts: list[BinSums] = []
        self._waiting: list[list[AnyArray]] = []

    def add(
        self,
        target: FloatArray,
        prediction: FloatArray,
        bin_index: IntArray,
        given: Mapping[str, FloatArray] | None = None,
        *,
        workers: int | None = None,
    ) -> None:
        """Add rows, (n,) each: the target as printed, the bin in 0..B-1, and what a metric `needs` under its name.

        ``workers`` threads, by default one for each core, share the blocks.
        """
        columns = [target, prediction, bin_index, *((given or {})[name] for name in self._needs)]
        room = -sum(held[0].size for held in self._waiting) % self._block
        blocks = []
        if self._waiting and target.size >= room:
            first = [*self._waiting, [column[:room] for column in columns]]
            blocks.append([np.concatenate(pieces) for pieces in zip(*first, strict=True)])
            columns, self._waiting = [column[room:] for column in columns], []
        whole = 0 if self._waiting else columns[0].size // self._block * self._block
        blocks += [[column[at : at + self._block] for column in columns] for at in range(0, whole, self._block)]
        if columns[0].size > whole:
            self._waiting.append([column[whole:].copy() for column in columns])
        self._sum(blocks, workers)

    def add_sums(self, part: BinSums) -> None:
        """Add rows that somebody else has summed, over the same bins."""
        self._keep([part])

    def total(self) -> BinSums:
        """The sums of all rows so far."""
        parts = list(self._parts)
        none: list[AnyArray] = [np.empty(0), np.empty(0), np.empty(0, np.int64), *[np.empty(0)] * len(self._needs)]
        if self._waiting:
            parts.append(self._of_block([np.concatenate(pieces) for pieces in zip(*self._waiting, strict=True)]))
        return merged(parts or [self._of_block(none)])

    def _sum(self, blocks: list[list[AnyArray]], workers: int | None) -> None:
        """Sum each of ``blocks``, and merge the sums in order, always the same ones with each other."""
        workers = min(workers or os.cpu_count() or 1, len(blocks))
        if workers > 1:
            from concurrent.futures import ThreadPoolExecutor  # not for a few rows, which come at once

            with ThreadPoolExecutor(workers) as pool:
                self._keep(pool.map(self._of_block, blocks))
        else:
            self._keep(map(self._of_block, blocks))

    def _keep(self, parts: Iterable[BinSums]) -> None:
        for part in parts:
            self._parts.append(part)
            if len(self._parts) == AT_ONCE:
                self._parts = [merged(self._parts)]

    @overflowing
    def _of_block(self, columns: list[AnyArray]) -> BinSums:
        """The sums of one block of rows."""
        target, prediction, bin_index, *rest = columns
        if self.rule.single_precision:
            target = target.astype(np.float32).astype(np.float64)
        given = dict(zip(self._needs, rest, strict=True))
        terms = {}
        for metric in self.metrics:
            if isinstance(metric, Mergeable):
                of_rows = metric.row_terms(target, prediction, given)
                of_bins = [np.bincount(bin_index, weights=term, minlength=self._bins) for term in of_rows]
                terms[metric.name] = np.reshape(of_bins, (len(of_bins), self._bins)).astype(np.float64)
        return BinSums(per_bin(target, prediction, bin_index, bins=self._bins), terms)
