"""What is done with the rows of an epoch of features: they are summed by bin, and they are calibrated.

By this process, block by block of the file that it has open; or by an engine, piece by piece, each of which whoever
does it opens, reads and closes. The functions of blocks are the same, and this process does an epoch as one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeAlias

from dircli.arrays import AnyArray, FloatArray
from dircli.errors import InputError, Problem
from dircli.features.fds import FDS, unfinite
from dircli.features.statistics import Moments
from dircli.store.engines import Engine
from dircli.store.features.layout import AGAIN, Bad, Block, Epoch, Piece, strange
from dircli.store.features.open import opened_file
from dircli.store.parallel import in_order

SIZE = 32 << 20
"""Bytes of features of a piece."""
Done: TypeAlias = Callable[[int], None]


class Gathers(Protocol):
    """Which sums are made of rows: those of `FDS`, or of bins. It is sent to all who work, and not changed."""

    covariance: bool

    def moments(self) -> Moments:
        """Empty sums."""

    def gather(self, features: AnyArray, labels: AnyArray, *, into: Moments | None = None) -> Moments:
        """The sums of rows, as `FDS.gather` has them."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows ``first``, … of an epoch: the ``targets`` (n,) of all of them, and their features in ``blocks``."""

    first: int
    targets: FloatArray
    blocks: Iterator[Block]

    def targets_of(self, block: Block) -> FloatArray:
        """The targets of the rows in ``block``, one of ours."""
        start = block.first - self.first
        return self.targets[start : start + len(block.features)]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A ``piece`` of a file, and the ``targets`` (n,) of its rows; None where they are read from the file."""

    piece: Piece
    targets: FloatArray | None = None

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.piece.end - self.piece.begin

    @contextmanager
    def read(self) -> Iterator[Rows]:
        """The rows, as long as the ``with`` lasts."""
        piece = self.piece
        with _opened(piece) as epoch:
            rows, moved = range(piece.begin, piece.end), piece.first - piece.begin
            targets = _targets(piece, epoch) if self.targets is None else self.targets
            blocks = (block._replace(first=block.first + moved) for block in epoch.blocks(rows))
            yield Rows(first=piece.first, targets=targets, blocks=blocks)


@contextmanager
def _opened(piece: Piece) -> Iterator[Epoch]:
    """The epoch of the file that ``piece`` is of."""
    with opened_file(piece.path) as source:
        if piece.number >= len(source.epochs) or piece.end > source.epochs[piece.number].rows:
            raise InputError(Problem(str(piece.path), "it has fewer rows than it had", AGAIN))
        yield source.epochs[piece.number]


def _targets(piece: Piece, epoch: Epoch) -> FloatArray:
    """The targets of the rows of ``piece`` (n,), of an epoch that has some."""
    targets = epoch.targets(range(piece.begin, piece.end))
    if targets is None:
        raise InputError(Problem(str(piece.path), "it has no targets, which it had", AGAIN))
    return targets


@dataclass(frozen=True, kw_only=True)
class Summed:
    """The sums of some rows; None where some are ``bad``, for their features are not finite."""

    moments: Moments | None
    bad: Bad


def summed(asked: Gathers, rows: Rows, *, done: Done = lambda _rows: None, ahead: bool = False) -> Summed:
    """The sums of all ``rows``: of large matrices one alone, else block by block, merged in their order.

    ``done`` is told of the rows of each block. ``ahead``: while this thread reads, another one sums.
    """
    total, bad = asked.moments(), Bad()
    into = total if asked.covariance else None

    def sums(block: Block) -> tuple[int, Moments | None, Bad]:
        try:
            return len(block.features), asked.gather(block.features, rows.targets_of(block), into=into), Bad()
        except InputError:
            return len(block.features), None, Bad.of(unfinite(block.features), first=block.first)

    for number, moments, unlike in in_order(sums, rows.blocks, serial=asked.covariance or not ahead, workers=1):
        bad += unlike
        if moments is not None and moments is not total and not bad.count:
            total.merge(moments)
        done(number)
    return Summed(moments=None if bad.count else total, bad=bad)


def merged(parts: list[Summed]) -> Summed:
    """The sums of the rows of all ``parts``."""
    bad, total = Bad(), None
    for part in parts:
        bad += part.bad
        if part.moments is not None:
            total = part.moments.empty() if total is None else total
            total.merge(part.moments)
    return Summed(moments=None if bad.count else total, bad=bad)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A ``block`` of calibrated features; how many of its rows ``stay`` as they are."""

    block: Block
    stay: int


def moved(fds: FDS, block: Block, targets: FloatArray) -> Moved:
    """The ``block`` calibrated, in place where it can be written to."""
    room = block.features if block.features.flags.writeable else None
    features = fds.calibrate(block.features, targets, out=room)
    return Moved(block=block._replace(features=features), stay=int(fds.stays(targets).sum()))


def _summed_item(asked: Gathers, item: Item) -> Summed:
    with item.read() as rows:
        return summed(asked, rows)


def _moved_item(fds: FDS, item: Item) -> list[Moved]:
    with item.read() as rows:
        return [moved(fds, block, rows.targets_of(block)) for block in rows.blocks]


def _strange_item(_: None, piece: Piece) -> Bad:
    with _opened(piece) as epoch:
        return strange(_targets(piece, epoch), first=piece.first)


def _all_bad(parts: list[Bad]) -> Bad:
    return sum(parts, start=Bad())


@dataclass(frozen=True, kw_only=True)
class Work:
    """Who does it: this process, or an ``engine`` on pieces of about ``size`` bytes, which the sums decide if None."""

    engine: Engine | None = None
    size: int | None = None

    @classmethod
    def of(cls, engine: Engine) -> Work:
        """That of ``engine``; of the local one, this process does it."""
        return cls(engine=None if engine.name == "local" else engine)

    def strange(self, epoch: Epoch) -> Bad:
        """The rows whose targets in the file, which an engine reads, are no finite numbers."""
        assert self.engine is not None  # noqa: S101 - else they are read here, and checked
        return self.engine.reduced(_strange_item, epoch.pieces(self.size or SIZE), _all_bad)

    def summed(self, asked: Gathers, epoch: Epoch, targets: FloatArray | None, *, done: Done) -> Summed:
        """The sums of all rows, whose ``targets`` (n,) are given; None where an engine reads those of the file.

        Pieces are no smaller than the sums, so that no more travels between processes than is read.
        """
        if self.engine is None:
            return summed(asked, _whole(epoch, targets), done=done, ahead=True)
        empty = asked.moments()
        sums = empty.n.size * (epoch.dim**2 if asked.covariance else epoch.dim) * 8
        items = _items(epoch, targets, self.size or max(SIZE, sums))
        return self.engine.reduced(_summed_item, items, merged, shared=asked, done=_by_rows(items, done))

    def moved(self, fds: FDS, epoch: Epoch, targets: FloatArray | None) -> Iterator[Moved]:
        """All rows calibrated, block by block in their order; ``targets`` are as for `summed`."""
        if self.engine is None:
            rows = _whole(epoch, targets)

            def of_block(block: Block) -> Moved:
                return moved(fds, block, rows.targets_of(block))

            yield from in_order(of_block, rows.blocks, serial=fds.covariance, workers=1)
            return
        for blocks in self.engine.in_order(_moved_item, _items(epoch, targets, self.size or SIZE), shared=fds):
            yield from blocks


def _whole(epoch: Epoch, targets: FloatArray | None) -> Rows:
    """All rows, with their targets."""
    assert targets is not None  # noqa: S101 - nobody else reads them from the file
    return Rows(first=0, targets=targets, blocks=epoch.blocks(epoch.whole))


def _items(epoch: Epoch, targets: FloatArray | None, size: int) -> list[Item]:
    """The pieces of an epoch, each with the targets of its rows alone."""
    pieces = epoch.pieces(size)
    if targets is None:
        return [Item(piece=piece) for piece in pieces]
    stops = [piece.first + piece.end - piece.begin for piece in pieces]
    return [Item(piece=piece, targets=targets[piece.first : stop]) for piece, stop in zip(pieces, stops, strict=True)]


def _by_rows(items: Sequence[Item], done: Done) -> Done:
    """Who is told of items, and tells ``done`` of as many rows as the next of them have."""
    left = iter(items)
    return lambda number: done(sum(item.size for item in islice(left, number)))
