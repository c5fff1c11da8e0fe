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
    """Sentences about rounded, constant or impossible predictions, and ids that may stand in the wrong order."""
    sentences = []
    if values.size > 1 and np.ptp(values) == 0:
        sentences.append(f"every prediction is {values[0]:g}: correlations are undefined")
    else:
        units = ("whole numbers", "rounded to one decimal", "rounded to two decimals")
        if rounded := [unit for d, unit in enumerate(units) if np.array_equal(np.round(values, d), values)]:
            sentences.append(f"all predictions are {rounded[0]}: exact hits become likely, and each pulls GM towards 0")
    low, high = against.table.bins.edges[[0, -1]]
    if outside := int(((values < low) | (values > high)).sum()):
        lie = "1 prediction lies" if outside == 1 else f"{outside:,} predictions lie"
        sentences.append(f"{lie} outside the targets' range, {low:g} to {high:g}")
    by_id, by_order = (_correlation(reference.target, each) for each in (values, in_file_order))
    if by_order > by_id + SWAPPED:
        sentences.append(
            f"in file order the predictions correlate with the targets at {by_order:.2f}, by their ids at {by_id:.2f}: "
            "the ids may stand in the wrong order; try --by-position"
        )
    return sentences


def _correlation(target: FloatArray, values: FloatArray) -> float:
    """Pearson's correlation, or 0 where it is undefined."""
    if target.size != values.size or target.size < 2 or not np.ptp(target) or not np.ptp(values):  # noqa: PLR2004 - two points
        return 0.0
    return float(np.corrcoef(target, values)[0, 1])
