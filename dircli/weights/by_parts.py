"""The weights of the training samples of a manifest that is never held as a whole: an engine weighs parts of its rows.

Weights of bins follow from the counts in ``bins.parquet``, and each row has the one of its bin. Dense-weight needs sums
over all training targets first, which are merged from parts, exactly: weights are the very ones of all rows at once.
Only the means of dense-weight in each bin, which are shown, are rounded otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import FloatArray, IntArray
from dircli.benchmark.protocol import WeightRule
from dircli.errors import InputError, Problem, first_line
from dircli.store import manifests
from dircli.store.engines import LOCAL, Engine, added
from dircli.store.large_manifests import ROWS, LargeManifest, Piece
from dircli.store.parallel import Watch, unwatched
from dircli.weights.denseweight import Curve, Extent, Grid, squares, weights_of
from dircli.weights.per_sample import DENSE, Sizes, of_bins, refuse_unfit, sums_by_bin
from dircli.weights.schemes import BinWeights, WeightOptions, WeightSummary, WeightSums, bin_weights, spread

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 1 << 20
"""Rows of a part, where what comes back is little, or waits in another process."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """By which ``engine`` rows are weighed, and who watches; parts have ``rows``, by default as many as suit it."""

    engine: Engine = LOCAL
    watch: Watch = unwatched
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Weights of bins, what those of samples amount to, and ``blocks``: those of its columns that are asked for.

    Columns of samples are id, target, bin and weight, of bins what a file of these has; none asked for are all.
    """

    by_bin: BinWeights
    spread: WeightSummary
    blocks: Callable[..., Iterator[pa.Table]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The training rows of ``manifest``, which lie in weight bins by ``rule``."""

    manifest: LargeManifest
    rule: WeightRule

    def rows(self, piece: Piece, *columns: str) -> dict[str, Any]:
        """The ``columns`` of those rows that are in ``piece``: NumPy's, ``bin`` those of weights, and Arrow's ids."""
        import pyarrow as pa

        table = pa.concat_tables(self.manifest.piece(piece, "train", *columns))
        rows = {name: table[name] if name == "id" else table[name].to_numpy() for name in columns}
        return rows | ({"bin": self.rule.fold(rows["bin"])} if "bin" in rows else {})


@dataclass(frozen=True, kw_only=True)
class OfBins:
    """Each row has the ``weight`` (B,) of its bin."""

    weight: FloatArray
    needs: str = "bin"

    def of(self, rows: Mapping[str, Any]) -> FloatArray:
        """The weight of each of ``rows``, (n,)."""
        return np.asarray(self.weight[rows["bin"]])


@dataclass(frozen=True, kw_only=True)
class OfTargets:
    """Each row has the weight of its target's density, times ``factor``."""

    curve: Curve
    alpha: float
    factor: float = 1.0
    needs: str = "target"

    def of(self, rows: Mapping[str, Any]) -> FloatArray:
        """The weight of each of ``rows``, (n,)."""
        return weights_of(self.curve.at(rows["target"]), alpha=self.alpha) * self.factor


def weigh(source: Source, counts: IntArray, options: WeightOptions, run: Run) -> Found:
    """The weights of the training samples, ``counts`` (B,) of them in each weight bin; see `sample_weights`."""
    elsewhere = replace(source.manifest, folder=source.manifest.folder.absolute())
    source = replace(source, manifest=elsewhere)
    weigher: OfBins | OfTargets
    if (options.scheme or source.rule.default) == DENSE:
        by_bin, summary, weigher = _dense(source, counts, options, run)
    else:
        by_bin = bin_weights(counts, options, source.rule)
        summary, weigher = spread(by_bin.weight, by_bin.count), OfBins(weight=by_bin.weight)
    return Found(by_bin=by_bin, spread=summary, blocks=partial(_blocks, source, weigher, int(counts.sum()), run))


def _dense(
    source: Source, counts: IntArray, options: WeightOptions, run: Run
) -> tuple[BinWeights, WeightSummary, OfTargets]:
    """Dense-weight from what is known of all rows, which are read five times for it."""
    refuse_unfit(options)
    engine = run.engine
    with _unchanged(source), ExitStack() as stack:
        pieces = source.manifest.pieces(run.rows or AT_ONCE)
        done = stack.enter_context(run.watch("parts of the density", 5 * len(pieces)))
        found = engine.reduced(extent, pieces, Extent.merged, shared=source, done=done)
        squared = engine.reduced(squared_in, pieces, added, shared=(source, found.mean), done=done)
        grid = Grid.of(found, squared)
        curve = grid.curve(engine.reduced(on_grid, pieces, added, shared=(source, grid), done=done))
        weigher = OfTargets(curve=curve, alpha=options.alpha)
        size = engine.reduced(sizes, pieces, Sizes.merged, shared=(source, weigher), done=done)
        weigher = replace(weigher, factor=size.scale(options))
        sums = engine.reduced(dense_sums, pieces, all_sums, shared=(source, weigher, len(counts)), done=done)
    return of_bins(sums.by_bin, counts), sums.weights.summary, weigher


def extent(source: Source, piece: Piece) -> Extent:
    """What is known first of the training targets in ``piece``."""
    return Extent.of(source.rows(piece, "target")["target"])


def squared_in(asked: tuple[Source, float], piece: Piece) -> int:
    """The exact sum of their squared distances from the mean."""
    source, mean = asked
    return squares(source.rows(piece, "target")["target"], mean)


def on_grid(asked: tuple[Source, Grid], piece: Piece) -> IntArray:
    """Where they are on the grid, (3, GRID)."""
    source, grid = asked
    return grid.sums(source.rows(piece, "target")["target"])


def sizes(asked: tuple[Source, OfTargets], piece: Piece) -> Sizes:
    """What the scale of weights hangs on, of the training samples in ``piece``."""
    source, weigher = asked
    return Sizes.of(weigher.of(source.rows(piece, "target")))


@dataclass(frozen=True, kw_only=True)
class DenseSums:
    """What is known of some samples: of their weights, and by bin, `sums_by_bin` (2, B)."""

    weights: WeightSums
    by_bin: FloatArray


def dense_sums(asked: tuple[Source, OfTargets, int], piece: Piece) -> DenseSums:
    """What is known of the training samples in ``piece``."""
    source, weigher, bins = asked
    rows = source.rows(piece, "target", "bin")
    density, weight = weigher.curve.at(rows["target"]), weigher.of(rows)
    return DenseSums(weights=WeightSums.of(weight), by_bin=sums_by_bin(density, weight, rows["bin"], bins))


def all_sums(parts: list[DenseSums]) -> DenseSums:
    """What is known of all of them."""
    weights = WeightSums.merged([part.weights for part in parts])
    return DenseSums(weights=weights, by_bin=added([part.by_bin for part in parts]))


def weighed(asked: tuple[Source, OfBins | OfTargets, Sequence[str]], piece: Piece) -> pa.Table:
    """The columns that are asked for of the training rows in ``piece``."""
    source, weigher, names = asked
    rows = source.rows(piece, *dict.fromkeys([*(name for name in names if name != "weight"), weigher.needs]))
    return table({**rows, "weight": weigher.of(rows)}).select(names)


def _blocks(source: Source, weigher: OfBins | OfTargets, number: int, run: Run, *names: str) -> Iterator[pa.Table]:
    """The columns ``names`` of all ``number`` training rows, in their order; InputError where there are others now."""
    size = run.rows or (ROWS if run.engine.name == "local" else AT_ONCE)
    shared, found = (source, weigher, names or ("id", "target", "bin", "weight")), 0
    with _unchanged(source), run.watch("rows weighed", number) as done:
        for block in run.engine.in_order(weighed, source.manifest.pieces(size), shared=shared):
            found += len(block)
            done(len(block))
            yield block
    if found != number:
        raise _changed(source, f"it has {found:,} training rows, and had {number:,}")


def table(arrays: Mapping[str, Any]) -> pa.Table:
    """A table of ``arrays``, as files of weights have them, in which an undefined weight is null."""
    import pyarrow as pa

    types = {"id": pa.string(), "bin": pa.int32(), "count": pa.int64()}
    columns = {
        name: each.cast(types[name])
        if isinstance(each, pa.ChunkedArray)
        else pa.array(each, types.get(name), from_pandas=name == "weight")
        for name, each in arrays.items()
    }
    return pa.table(columns)


@contextmanager
def _unchanged(source: Source) -> Iterator[None]:
    """InputError where the manifest, which was whole when it was opened, cannot be read."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _changed(source, f"it cannot be read any more ({first_line(error)})") from None


def _changed(source: Source, what: str) -> InputError:
    where = str(source.manifest.folder / manifests.SAMPLES)
    return InputError(Problem(where, what, "It was changed while weights were computed; run it again"))
