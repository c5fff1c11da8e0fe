"""What lies behind the scores of one file: both protocols, rows that change region, and signs of a mistake."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.protocol import PROTOCOLS
from dircli.datasets.open import open_benchmark
from dircli.scores.by_region import Reference, Score, scores
from dircli.scores.from_files import ScoreOptions, by_hashes, content_of, paired, result
from dircli.scores.metrics.sums import overflowing
from dircli.scores.results import Result

SWAPPED = 0.3
"""How much better the correlation with the targets in file order must be before the ids are doubted."""
ROUNDED = ("whole numbers", "rounded to one decimal", "rounded to two decimals")
FIRST = 1000
"""Rows that mostly show whether all are rounded, or the same."""


@dataclass(frozen=True, kw_only=True)
class MovedBin:
    """A bin from ``low`` to ``high`` that has rows, and whose region differs between the two protocols."""

    bin: int
    low: float
    high: float
    train: int
    rows: int
    released: str
    paper: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is worth knowing about the scores of one ``file``.

    ``protocols`` holds them under both protocols, as two systems that are called by the protocol's name; ``exact``, by
    the released protocol and region, the exact hits, GM, and GM of the rows that are none, where there are hits.
    """

    file: str
    protocols: Result
    moved: tuple[MovedBin, ...]
    exact: Mapping[str, Mapping[str, Score]]
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """As `dir explain --json` prints it."""
        both = self.protocols
        protocols = {system.name: system.as_json()["regions"] for system in both.systems}
        return {"dataset": both.dataset, "split": both.split, **asdict(self), "protocols": protocols}


def explain(path: str, request: ScoreOptions, *, name: str | None, root: Path, bins_file: Path | None) -> Explanation:
    """The scores of the file at ``path`` under both protocols, and why they are what they are."""
    against, request = open_benchmark(name, root, bins_file), replace(request, root=root)
    # read once, for the file may be a stream
    read = None
    if against.fixed:
        against, read = by_hashes(path, against, request)
    file, reference, values = paired(path, against, replace(request, protocol="released"), read=read)
    references = {name: Reference.of(against, name, reference.target, reference.bin_index) for name in PROTOCOLS}
    systems = [{"name": name, "regions": scores(each, values)} for name, each in references.items()]
    return Explanation(
        file=file.file,
        protocols=result(systems, content_of(against, reference.target), against, request),
        moved=tuple(_moved(references["released"], references["paper"], against)),
        exact=_exact(reference, values),
        warnings=warnings(reference, values, against, in_file_order=file.values),
    )


def _moved(released: Reference, paper: Reference, against: Benchmark) -> Iterator[MovedBin]:
    rows = np.bincount(released.bin_index, minlength=len(released.regions))
    for b in np.flatnonzero((released.regions != paper.regions) & (rows > 0)):
        yield MovedBin(
            bin=int(b),
            low=float(against.table.bins.low[b]),
            high=float(against.table.bins.high[b]),
            train=int(released.train[b]),
            rows=int(rows[b]),
            released=str(released.regions[b]),
            paper=str(paper.regions[b]),
        )


def _exact(reference: Reference, values: FloatArray) -> dict[str, dict[str, Score]]:
    missed = values != reference.scored_target
    with_hits, without = scores(reference, values), scores(reference.at(missed), values[missed])
    return {
        region: {"exact": each["exact"], "gm": each["gm"], "gm_without": without.get(region, {}).get("gm")}
        for region, each in with_hits.items()
        if each["exact"]
    }


@overflowing
def warnings(reference: Reference, values: FloatArray, against: Benchmark, *, in_file_order: FloatArray) -> list[str]:
    """Sentences about perfect, constant, rounded, impossible or useless predictions, and ids in the wrong order."""
    sentences = []
    constant = values.size > 1 and np.ptp(values) == 0
    scored_target = reference.scored_target
    if _are_equal(values, reference.target) or _are_equal(values, scored_target):
        sentences.append("every prediction equals its target")
    elif constant:
        sentences.append(f"every prediction is {values[0]:g}: correlations are undefined")
    elif rounded := next((unit for d, unit in enumerate(ROUNDED) if _is_rounded(values, d)), None):
        sentences.append(f"all predictions are {rounded}: exact hits become likely, and each pulls GM towards 0")
    low, high = against.table.bins.edges[[0, -1]]
    if outside := int(((values < low) | (values > high)).sum()):
        lie = "1 prediction lies" if outside == 1 else f"{outside:,} predictions lie"
        sentences.append(f"{lie} outside the targets' range, {low:.15g} to {high:.15g}")
    if in_file_order is not values:
        by_id, by_order = (_correlation(reference.target, each) for each in (values, in_file_order))
        if by_order > by_id + SWAPPED:
            sentences.append(
                f"in file order the predictions correlate with the targets at {by_order:.2f}, by their ids at "
                f"{by_id:.2f}: the ids may stand in the wrong order; try --by-position"
            )
    if not constant:
        sentences += _worse_than_a_constant(scored_target, values, against)
    return sentences


def _are_equal(one: FloatArray, other: FloatArray) -> bool:
    """Whether two arrays (n,) are the same; where they are not, their first rows mostly show it."""
    return np.array_equal(one[:FIRST], other[:FIRST]) and np.array_equal(one, other)


def _is_rounded(values: FloatArray, decimals: int) -> bool:
    """Whether no value has more than so many ``decimals``; where some have, the first rows mostly show it."""
    return all(np.array_equal(np.round(each, decimals), each) for each in (values[:FIRST], values[FIRST:]))


def _worse_than_a_constant(target: FloatArray, values: FloatArray, against: Benchmark) -> Iterator[str]:
    """A sentence where the MAE is higher than that of the median training target, or of the middle of its bin."""
    train, counts = against.train_targets, np.cumsum(against.table.counts["train"])
    if train.size and np.isfinite(train).all():
        constant, what = float(np.median(train)), "the median of the training targets"
    elif counts[-1]:
        b = int(np.searchsorted(counts, counts[-1] / 2))
        constant = float(against.table.bins.edges[b : b + 2].mean())
        what = "the middle of the bin with the median of the training targets"
    else:
        return
    mae, of_constant = (float(np.abs(each - target).mean()) for each in (values, constant))
    if of_constant < mae < np.inf:
        yield f"MAE {mae:.6g} is worse than that of one constant, {what} ({constant:.15g}): {of_constant:.6g}"


def _correlation(target: FloatArray, values: FloatArray) -> float:
    """Pearson's correlation, or 0 where it is undefined."""
    if target.size != values.size or target.size < 2 or not np.ptp(target) or not np.ptp(values):  # noqa: PLR2004 - two points
        return 0.0
    scaled = (each / np.abs(each).max() for each in (target, values))  # squares of tiny numbers are 0, of huge ones inf
    return float(np.corrcoef(*scaled)[0, 1])
