"""From feature files to calibrated features, and to the similarity of bins: where FDS meets the store.

A second thread works on blocks while this one reads and writes, or an engine on pieces of the file (see `pieces`). Sums
merge in the file's order: same file, same bytes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dircli import __version__
from dircli.arrays import AnyArray, FloatArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import PROTOCOLS, Kernel, ProtocolName
from dircli.datasets.open import open_benchmark
from dircli.errors import InputError, Problem, UsageError
from dircli.features.fds import FDS, FINITE, refuse_unfinite
from dircli.features.pieces import Done, Gathers, Work
from dircli.features.similarity import cosines, strangers
from dircli.features.statistics import DiagonalStatistics, FullStatistics, Moments
from dircli.store import hdf5, places
from dircli.store.features import layout as store
from dircli.store.features.layout import Epoch, Features, Put
from dircli.store.features.open import check_ending, opened
from dircli.store.files import staged
from dircli.store.outputs import check_outputs
from dircli.store.parallel import Watch, unwatched
from dircli.store.text import as_csv

LAGGING = 3
"""The first epoch that the released training loop calibrates."""
HERE = Work()
"""This process does it."""


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


def calibrate(  # noqa: PLR0913 - what is made of what, where, and by whom
    features: Path | str,
    name: str | None,
    options: FdsOptions,
    *,
    root: Path,
    out: Path,
    force: bool = False,
    watch: Watch = unwatched,
    work: Work = HERE,
) -> Smoothed:
    """Write the ``features``, of the benchmark ``name`` in ``root``, calibrated to ``out``.

    They are in a file, or in a folder or glob of Parquet files that are one table, here or at a URL. The statistics
    stand beside ``out``; both are written, or neither. Each epoch is calibrated with the statistics of all epochs up to
    and including itself, or with ``options.lag`` as the released training loop does. Raises InputError with everything
    that is wrong in the file, UsageError where the lag would leave all of it as it is. Each row counts twice in
    ``watch``: when it is learnt from, and when it is calibrated.
    """
    if options.lag and options.protocol != "released":
        raise UsageError("--lag is the released training loop's; it goes with --protocol released alone")
    beside = out.with_name(f"{out.stem}.statistics.h5")
    _check_outputs(features, out, beside)
    against = open_benchmark(name, root, None)
    with staged(out.parent, out.name, beside.name, force=force) as staging, opened(features) as source:
        check_ending(source, out)
        asked = Asked(name=str(places.of(features)), against=against, options=options, work=work)
        asked.check(source)
        if options.lag and len(source.epochs) < LAGGING:
            what = f"{asked.name} holds {len(source.epochs)} epoch{'s' * (len(source.epochs) > 1)}"
            raise UsageError(f"with --lag the first two epochs stay as they are, and {what}; leave out --lag")
        steps = 2 * sum(epoch.rows for epoch in source.epochs)
        with source.rewritten(staging / out.name) as put, watch("rows summed, then calibrated", steps) as done:
            fds, stayed, left_alone = _calibrated(source, asked, put, done)
        chosen = {key: value for key, value in asdict(options).items() if key != "lag" or value}
        facts = {**chosen, "version": __version__, "epochs": len(source.epochs)}
        facts |= {key: against.table.facts[key] for key in ("content", "dataset", "name") if key in against.table.facts}
        _write_statistics(staging / beside.name, fds, facts)
    rows = source.epochs[-1].rows
    return Smoothed(fds=fds, statistics=beside, rows=rows, stayed=stayed, left_alone=left_alone, facts=facts)


def _check_outputs(features: Path | str, out: Path, beside: Path) -> None:
    """UsageError where the outputs are one file, or would replace what is read; one file may become calibrated."""
    place, paths = places.of(features), places.parts(features)
    named = {"--out": out, "the statistics": beside}
    check_outputs(named.items())
    if paths != [place]:
        check_outputs(named.items(), [("FEATURES", path) for path in (place, *paths)])
    elif not places.is_remote(place) and place.is_file():
        check_outputs([("the statistics", beside)], [("FEATURES", place)])


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of the features that messages call ``name``: of which benchmark, how, and by whom."""

    name: str
    against: Benchmark
    options: FdsOptions
    work: Work

    def fds(self, source: Features) -> FDS:
        """FDS of the features in ``source``, which has seen none of them yet."""
        smoothing = {key: getattr(self.options, key) for key in ("kernel", "ks", "sigma", "momentum")}
        rule, protocol = self.against.rules.fds, PROTOCOLS[self.options.protocol]
        return FDS(source.epochs[0].dim, self.against.table.bins, rule, **smoothing, protocol=protocol)

    def check(self, source: Features) -> None:
        """InputError with everything by which ``source`` does not fit the split, UsageError where that has no rows."""
        problems: list[Problem] = []
        for epoch in source.epochs:
            with noted(problems):
                if self.targets(epoch) is None:
                    problems += store.no_numbers(epoch.called(self.name), self.work.strange(epoch))
        if problems:
            raise InputError(problems)

    def targets(self, epoch: Epoch) -> FloatArray | None:
        """The target of each row of ``epoch`` (n,), in its order; None where an engine reads those of the file."""
        if self.against.has_rows and self.against.unit != "pixels":
            rows = self.against.rows(self.options.split)
            return store.labels(epoch, self.name, rows.texts, rows.targets)
        # a row may be a map: only the file knows its target
        if self.work.engine is None:
            return store.labels(epoch, self.name, None, None)
        if epoch.targets(range(0)) is None:
            raise InputError(store.no_targets(epoch.called(self.name)))
        return None

    def summed(self, gathers: Gathers, epoch: Epoch, targets: FloatArray | None, done: Done) -> Moments:
        """The sums of the rows of ``epoch``; InputError that names those that are not finite."""
        sums = self.work.summed(gathers, epoch, targets, done=done)
        if sums.moments is None:
            what, rest = f"its features are not {epoch.dim} finite numbers", "more rows are not finite"
            raise InputError(sums.bad.problems(epoch, self.name, what, hint=FINITE, rest=rest))
        return sums.moments


@contextmanager
def noted(problems: list[Problem]) -> Iterator[None]:
    """What is wrong in an epoch is added to ``problems``, and the next one is looked at; if it can be reached."""
    try:
        yield
    except InputError as error:
        problems += error.problems


def _calibrated(source: Features, asked: Asked, put: Put, done: Done) -> tuple[FDS, int, int]:
    """What was learnt of the features in ``source``, all of which are calibrated and ``put``.

    And how many rows of the last epoch stay as they are; in how many bins because a feature does not vary. Raises
    InputError that names all rows that are not finite.
    """
    fds, empty, lag = asked.fds(source), asked.fds(source), asked.options.lag
    problems: list[Problem] = []
    for epoch in source.epochs:
        targets = asked.targets(epoch)
        with noted(problems):
            fds.absorb(asked.summed(empty, epoch, targets, done), take=True)
        if problems:  # and only to find the rest of them
            continue
        if not lag:
            fds.smooth()
        stayed = 0
        for moved in asked.work.moved(fds, epoch, targets):
            put(epoch, moved.block)
            stayed += moved.stay
            done(len(moved.block.features))
        left_alone = fds.statistics.left_alone.sum() if isinstance(fds.statistics, DiagonalStatistics) else 0
        if lag:
            fds.smooth(lag=True)
    if problems:
        raise InputError(problems)
    return fds, stayed, int(left_alone)


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


@dataclass(frozen=True)
class ScoringBins:
    """Sums of rows with ``dim`` features by scoring bin; rows outside the ``bins`` are left out."""

    bins: Bins
    dim: int
    covariance = False

    def moments(self) -> Moments:
        """Empty sums."""
        return Moments(len(self.bins), self.dim, covariance=False)

    def gather(self, features: AnyArray, labels: AnyArray, *, into: Moments | None = None) -> Moments:
        """The sums of ``features`` (n, d) with ``labels`` (n,), or ``into`` with them; InputError if not finite."""
        refuse_unfinite(features, labels)
        moments = self.moments() if into is None else into
        moments.add(features, self.bins.index(labels))
        return moments


def similarity(
    features: Path | str, against: Benchmark, options: FdsOptions, *, anchor: float, work: Work = HERE
) -> Similarity:
    """The similarity of bins in the last epoch of the ``features``, as `calibrate` has them; every bin for itself.

    Neighbours are the bins that a kernel of ``options.ks`` bins reaches, at least one to each side. Raises UsageError
    where the anchor's bin does not occur, InputError with everything that is wrong in the file.
    """
    bins, reach = against.table.bins, max(1, options.ks // 2)
    where = int(bins.index(np.array([anchor]))[0])
    if where < 0:
        raise UsageError(
            f"the anchor {anchor:.15g} lies outside the bins, {bins.edges[0]:.15g} to {bins.edges[-1]:.15g}"
        )
    with opened(features) as source:
        asked = Asked(name=str(places.of(features)), against=against, options=options, work=work)
        asked.check(source)
        moved = distances(source, asked)
        epoch = source.epochs[-1]
        total = asked.summed(ScoringBins(bins, epoch.dim), epoch, asked.targets(epoch), _untold)
    if not total.n[where]:
        raise UsageError(f"no row lies in the bin of the anchor {anchor:.15g}; choose another --anchor")
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


def _untold(_rows: int) -> None:
    """Nobody watches."""


def distances(source: Features, asked: Asked) -> FloatArray | None:
    """`FDS.mean_distances` of mean and variance after each of E epochs, (E, 2) (Fig. 8c); None for an only epoch.

    With the lag the smoothed statistics lag one epoch behind, and the first epoch has NaN. Raises InputError
    with every row that is not finite, of any epoch.
    """
    if len(source.epochs) == 1:
        return None
    fds, empty = asked.fds(source), asked.fds(source)
    found: list[tuple[float, float]] = []
    problems: list[Problem] = []
    for epoch in source.epochs:
        with noted(problems):
            fds.absorb(asked.summed(empty, epoch, asked.targets(epoch), _untold), take=True)
        if not problems:
            fds.smooth(lag=asked.options.lag)
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
        like = ("" if far[b] < 0 else f"{low[far[b]]:.15g}" for far in (similar.strange_mean, similar.strange_variance))
        rows.append((int(b), f"{low[b]:.15g}", f"{similar.bins.high[b]:.15g}", int(similar.counts[b]), *scores, *like))
    return as_csv(rows)
