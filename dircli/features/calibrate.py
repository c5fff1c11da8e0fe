"""From feature files to calibrated features, and to the similarity of bins: where FDS meets the store.

A second thread works on blocks while this one reads and writes. Sums merge in the file's order: same file, same bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dircli import __version__
from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import PROTOCOLS, Kernel, ProtocolName
from dircli.datasets.open import open_benchmark
from dircli.errors import InputError, Problem, UsageError, first
from dircli.features.fds import FDS, FINITE, refuse_unfinite, unfinite
from dircli.features.similarity import cosines, strangers
from dircli.features.statistics import DiagonalStatistics, FullStatistics, Moments
from dircli.store import hdf5
from dircli.store.features import layout as store
from dircli.store.features.layout import Block, Epoch, Features, Put
from dircli.store.features.open import check_ending, opened
from dircli.store.files import staged
from dircli.store.outputs import check_outputs
from dircli.store.parallel import Watch, in_order, unwatched
from dircli.store.text import as_csv

WORKERS = 1
LAGGING = 3
"""The first epoch that the released training loop calibrates."""
Part: TypeAlias = Callable[[AnyArray, FloatArray], Moments]


@dataclass(frozen=True, kw_only=True)
class FdsOptions:
    """What `dir fds` is asked for; ``split`` are the rows that the features are of.

    With ``lag`` an epoch is calibrated as in the released training loop: with what `FDS.smooth` with its lag gave at
    the end of the epoch before. The first two epochs stay as they are.
    """

    kernel: Kernel = "gaussian"
    ks: int = 5
    sigma: float = 2.0
    momentum: float = 0.9
    protocol: ProtocolName = "released"
    split: str = "train"
    lag: bool = False


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """The statistics, their file and its facts; ``rows`` of the last epoch, of which some ``stayed`` as they are.

    ``left_alone`` bins occur, and stay because a feature does not vary there (see `DiagonalStatistics`).
    """

    fds: FDS
    statistics: Path
    rows: int
    stayed: int
    left_alone: int
    facts: Mapping[str, Any]


def calibrate(  # noqa: PLR0913 - what is made of what, and where
    features: Path,
    name: str | None,
    options: FdsOptions,
    *,
    root: Path,
    out: Path,
    force: bool = False,
    watch: Watch = unwatched,
) -> Smoothed:
    """Write the ``features`` in a file, of the benchmark ``name`` in ``root``, calibrated to ``out``.

    The statistics stand beside ``out``; both are written, or neither. Each epoch is calibrated with the statistics of
    all epochs up to and including itself, or with ``options.lag`` as the released training loop does. Raises InputError
    with everything that is wrong in the file, UsageError where the lag would leave all of it as it is. Each row counts
    twice in ``watch``: when it is learnt from, and when it is calibrated.
    """
    if options.lag and options.protocol != "released":
        raise UsageError("--lag is the released training loop's; it goes with --protocol released alone")
    beside = out.with_name(f"{out.stem}.statistics.h5")
    check_outputs([("--out", out), ("the statistics", beside)])
    check_outputs([("the statistics", beside)], [("FEATURES", features)] if features.is_file() else [])
    against = open_benchmark(name, root, None)
    with staged(out.parent, out.name, beside.name, force=force) as staging, opened(features) as source:
        check_ending(source, out)
        check(source, features, against, options.split)
        if options.lag and len(source.epochs) < LAGGING:
            what = f"{features} holds {len(source.epochs)} epoch{'s' * (len(source.epochs) > 1)}"
            raise UsageError(f"with --lag the first two epochs stay as they are, and {what}; leave out --lag")
        fds = _fds(source, against, options)
        problems: list[Problem] = []
        steps = 2 * sum(epoch.rows for epoch in source.epochs)
        with source.rewritten(staging / out.name) as put, watch("rows, twice", steps) as done:
            for epoch in source.epochs:
                labels = _labels(epoch, features, against, options.split)
                try:
                    _learn(fds, epoch, labels, features, done)
                except InputError as error:
                    problems += error.problems
                if not problems:  # else only to find the rest of them
                    if not options.lag:
                        fds.smooth()
                    _move(fds, epoch, labels, put, done)
                    stayed, left_alone = _untouched(fds, labels)
                    if options.lag:
                        fds.smooth(lag=True)
        if problems:
            raise InputError(problems)
        chosen = {key: value for key, value in asdict(options).items() if key != "lag" or value}
        facts = {**chosen, "version": __version__, "epochs": len(source.epochs)}
        facts |= {key: against.table.facts[key] for key in ("content", "dataset", "name") if key in against.table.facts}
        _write_statistics(staging / beside.name, fds, facts)
    return Smoothed(fds=fds, statistics=beside, rows=len(labels), stayed=stayed, left_alone=left_alone, facts=facts)


def _fds(source: Features, against: Benchmark, options: FdsOptions) -> FDS:
    """FDS of the features in ``source``, which has seen none of them yet."""
    smoothing = {key: getattr(options, key) for key in ("kernel", "ks", "sigma", "momentum")}
    rule, protocol = against.rules.fds, PROTOCOLS[options.protocol]
    return FDS(source.epochs[0].dim, against.table.bins, rule, **smoothing, protocol=protocol)


def _untouched(fds: FDS, labels: FloatArray) -> tuple[int, int]:
    """How many rows with these ``labels`` (n,) stay as they are; in how many bins because a feature does not vary."""
    index, statistics = fds.index(labels), fds.statistics
    stayed = ~((index >= 0) & statistics.moved[index])
    left_alone = statistics.left_alone.sum() if isinstance(statistics, DiagonalStatistics) else 0
    return int(stayed.sum()), int(left_alone)


def _learn(fds: FDS, epoch: Epoch, labels: FloatArray, path: Path, done: Callable[[int], None]) -> None:
    def in_place(features: AnyArray, labels: FloatArray) -> Moments:
        fds.update(features, labels)
        return fds.moments()

    part = in_place if fds.covariance else fds.gather  # one sum of large matrices is enough

    def watched(features: AnyArray, labels: FloatArray) -> Moments:
        moments = part(features, labels)
        done(len(labels))
        return moments

    for moments in summed(epoch, labels, path, part=watched, serial=fds.covariance):
        fds.absorb(moments)


def _move(fds: FDS, epoch: Epoch, labels: FloatArray, put: Put, done: Callable[[int], None]) -> None:
    def moved(block: Block) -> tuple[Block, AnyArray]:
        targets = labels[block.first : block.first + len(block.features)]
        room = block.features if block.features.flags.writeable else None
        return block, fds.calibrate(block.features, targets, out=room)

    for block, features in in_order(moved, epoch.blocks(), serial=fds.covariance, workers=WORKERS):
        put(epoch, block, features)
        done(len(features))


def check(source: Features, path: Path, against: Benchmark, split: str) -> None:
    """InputError with everything by which ``source`` does not fit the split, UsageError where that has no rows."""
    problems = []
    for epoch in source.epochs:
        try:
            _labels(epoch, path, against, split)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)


def _labels(epoch: Epoch, path: Path, against: Benchmark, split: str) -> FloatArray:
    """The target of each row of ``epoch`` (n,), in the file's order."""
    if not against.has_rows or against.unit == "pixels":  # a row is a map: only the file knows its target
        return store.labels(epoch, str(path), None, None)
    rows = against.rows(split)
    return store.labels(epoch, str(path), rows.texts, rows.targets)


def summed(epoch: Epoch, labels: FloatArray, path: Path, *, part: Part, serial: bool = False) -> Iterator[Moments]:
    """What ``part`` makes of each block of ``epoch``, in order.

    Raises InputError at the end, naming the rows that are not finite; from the first of them on, nothing is given.
    """
    where = f"{path}, {epoch.name}" if epoch.name else str(path)

    def sums(block: Block) -> tuple[Moments | None, list[int]]:
        try:
            return part(block.features, labels[block.first : block.first + len(block.features)]), []
        except InputError:
            return None, (unfinite(block.features) + block.first + 1).tolist()

    bad: list[int] = []
    for moments, rows in in_order(sums, epoch.blocks(), serial=serial, workers=WORKERS):
        bad += rows
        if moments is not None and not bad:
            yield moments
    if bad:
        found = [(row, f"its features are not {epoch.dim} finite numbers") for row in bad]
        raise InputError(first(where, found, hint=FINITE, rest="more rows are not finite", unit="row"))


def _write_statistics(path: Path, fds: FDS, facts: Mapping[str, Any]) -> None:
    """The state of ``fds`` as HDF5: an array per entry, its facts as attributes, smoothed covariances one by one."""
    state, rows = fds.state_dict(), None
    settings = str(state.pop("settings"))
    if isinstance(fds.statistics, FullStatistics):
        bins = state["covariance_bin"].tolist()
        matrices = (fds.statistics.smoothed_covariance(b) for b in bins)
        rows = hdf5.Rows("smoothed_covariance", (len(bins), fds.dim, fds.dim), matrices)
    hdf5.write(path, state, {**facts, "settings": settings}, rows=rows)


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Cosine similarity of the feature statistics of each of B bins with those of the ``anchor`` bin (Fig. 4 and 8).

    ``mean`` and ``variance`` (B,) are NaN where undefined; ``strange_mean`` and ``strange_variance`` (B,) the bin at
    the centre of the far region that a bin resembles more than its neighbours, or -1 (see `similarity.strangers`).
    ``distances`` are those of `distances` (Fig. 8c), and ``options`` what it smooths with.
    """

    options: FdsOptions
    bins: Bins
    counts: IntArray
    anchor: int
    mean: FloatArray
    variance: FloatArray
    strange_mean: IntArray
    strange_variance: IntArray
    distances: FloatArray | None


def similarity(path: Path, against: Benchmark, options: FdsOptions, *, anchor: float) -> Similarity:
    """The similarity of bins in the last epoch of the features in ``path``; every scoring bin for itself.

    Neighbours are the bins that a kernel of ``options.ks`` bins reaches, at least one to each side. Raises UsageError
    where the anchor's bin does not occur, InputError with everything that is wrong in the file.
    """
    bins, reach = against.table.bins, max(1, options.ks // 2)
    where = int(bins.index(np.array([anchor]))[0])
    if where < 0:
        raise UsageError(f"the anchor {anchor:g} lies outside the bins, {bins.edges[0]:g} to {bins.edges[-1]:g}")
    with opened(path) as source:
        check(source, path, against, options.split)
        moved = distances(source, path, against, options)
        epoch = source.epochs[-1]
        total = Moments(len(bins), epoch.dim, covariance=False)

        def part(features: AnyArray, labels: FloatArray) -> Moments:
            refuse_unfinite(features, labels)
            moments = Moments(len(bins), epoch.dim, covariance=False)
            moments.add(features, bins.index(labels))
            return moments

        for moments in summed(epoch, _labels(epoch, path, against, options.split), path, part=part):
            total.merge(moments)
    if not total.n[where]:
        raise UsageError(f"no row lies in the bin of the anchor {anchor:g}; choose another --anchor")
    mean, variance = cosines(total.mean), cosines(total.variances())  # undefined where zero, as of too few rows
    return Similarity(
        options=options,
        bins=bins,
        counts=total.n,
        anchor=where,
        mean=mean[where],
        variance=variance[where],
        strange_mean=strangers(mean, reach=reach),
        strange_variance=strangers(variance, reach=reach),
        distances=moved,
    )


def distances(source: Features, path: Path, against: Benchmark, options: FdsOptions) -> FloatArray | None:
    """`FDS.mean_distances` of mean and variance after each of E epochs, (E, 2) (Fig. 8c); None for an only epoch.

    With ``options.lag`` the smoothed statistics lag one epoch behind, and the first epoch has NaN. Raises InputError
    with every row that is not finite, of any epoch.
    """
    if len(source.epochs) == 1:
        return None
    fds = _fds(source, against, options)
    found: list[tuple[float, float]] = []
    problems: list[Problem] = []
    for epoch in source.epochs:
        try:
            _learn(fds, epoch, _labels(epoch, path, against, options.split), path, lambda _rows: None)
        except InputError as error:
            problems += error.problems
        if not problems:
            fds.smooth(lag=options.lag)
            found.append(fds.mean_distances())
    if problems:
        raise InputError(problems)
    return np.array(found)


def similarity_csv(similar: Similarity) -> bytes:
    """The similarity as CSV; one row per bin that occurs, undefined numbers empty."""
    low = similar.bins.low
    rows: list[tuple[object, ...]] = [("bin", "low", "high", "count", "mean", "variance", "mean_like", "variance_like")]
    for b in np.flatnonzero(similar.counts):
        scores = ("" if np.isnan(values[b]) else float(values[b]) for values in (similar.mean, similar.variance))
        like = ("" if far[b] < 0 else f"{low[far[b]]:g}" for far in (similar.strange_mean, similar.strange_variance))
        rows.append((int(b), f"{low[b]:g}", f"{similar.bins.high[b]:g}", int(similar.counts[b]), *scores, *like))
    return as_csv(rows)
