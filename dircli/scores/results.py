"""The result of an evaluation as frozen values, and as JSON: written, read back, and collected from a folder.

A score that is undefined is None. Intervals, seeds and comparisons make a new result; nothing writes into one.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import Any, TypeAlias

from dircli.arrays import FloatArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.protocol import ProtocolName
from dircli.errors import InputError, Problem, UsageError, sample
from dircli.scores.by_region import Reference, Score
from dircli.scores.metrics.table import EVERY
from dircli.scores.signature import signature, without
from dircli.store import files, places
from dircli.store.predictions import Predictions

Json: TypeAlias = "dict[str, Any]"

HINT = "Give a file that `dir evaluate --format json` wrote"
AGAIN = "Write it again with `dir evaluate --format json`, or take it out of the folder"
SIGNED = ("dataset", "split", "protocol", "content", "rules", "scoring", "version")
KEYS = {"signature": str, "dataset": str, "split": str, "protocol": str, "content": str, "systems": list}
LATER = {"rules": str, "scoring": int}
UNSIGNED = "it is of dircli 0.1.0, whose signature does not cover the rules: score its predictions again"


@dataclass(frozen=True, kw_only=True)
class RegionScores:
    """The scores of one system in one region of ``n`` rows, which lie in so many ``bins``, by metric.

    Where they were resampled, the ends ``ci`` of intervals and the ``detectable`` difference; over seeds, the ``sd``.
    """

    n: Score = None
    bins: Score = None
    scores: Mapping[str, Score]
    ci: Mapping[str, Sequence[float] | None] | None = None
    detectable: Mapping[str, float | None] | None = None
    sd: Mapping[str, float | None] | None = None

    def score(self, name: str) -> Score:
        """The score of a metric, or ``n`` or ``bins``; None where it is undefined or was not asked for."""
        return {**self.scores, "n": self.n, "bins": self.bins}.get(name)

    def as_json(self) -> Json:
        """Sizes, scores, and their intervals or spreads, in the order in which results are written."""
        intervals = _known(ci=self.ci, detectable=self.detectable)
        return {**_known(n=self.n, bins=self.bins, sd=self.sd), **self.scores, **intervals}


@dataclass(frozen=True, kw_only=True)
class SystemResult:
    """The scores of one file by region, or those of the files ``name@seed`` of one system as their means over seeds."""

    name: str
    file: str | None = None
    sha256: str | None = None
    seeds: tuple[str, ...] | None = None
    regions: Mapping[str, RegionScores]

    def score(self, region: str, name: str) -> Score:
        """One score; None where it is undefined, was not asked for, or the region has no rows."""
        return self.regions[region].score(name) if region in self.regions else None

    def only(self, metrics: Sequence[str]) -> SystemResult:
        """The system with the scores of these ``metrics`` alone, in their order."""
        regions = {
            region: replace(each, scores={name: each.scores[name] for name in metrics if name in each.scores})
            for region, each in self.regions.items()
        }
        return replace(self, regions=regions)

    def as_json(self) -> Json:
        """The name, the file, and the scores by region."""
        regions = {name: scores.as_json() for name, scores in self.regions.items()}
        return _known(name=self.name, file=self.file, sha256=self.sha256, seeds=self.seeds, regions=regions)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> SystemResult:
        """The system that stands in ``written``, which `_is_system` has approved of; the rest is taken as it is."""
        numbers = ("n", "bins", "ci", "detectable", "sd")
        regions = {
            name: RegionScores(
                scores={key: value for key, value in scores.items() if key in EVERY},
                **{key: scores.get(key) for key in numbers},
            )
            for name, scores in written["regions"].items()
        }
        return cls(name=written["name"], file=written.get("file"), sha256=written.get("sha256"), regions=regions)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A score minus the baseline's: paired interval, detectable difference, p, Holm-corrected p, and the verdict."""

    difference: float | None
    ci: list[float] | None
    detectable: float | None
    p: float | None
    p_holm: float | None
    verdict: str | None


@dataclass(frozen=True, kw_only=True)
class ComparedSystem:
    """A system's differences from the baseline by region and metric."""

    name: str
    regions: dict[str, dict[str, Difference]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Each system but the first, the ``baseline``, compared with it by a paired test of so many ``permutations``."""

    baseline: str
    correction: str = "Holm, over regions and metrics of each system"
    permutations: int
    systems: tuple[ComparedSystem, ...]

    def verdict(self, system: str, region: str, metric: str) -> str | None:
        """Whether ``system`` is significantly "better" or "worse" than the baseline in one score; else None."""
        regions = next((each.regions for each in self.systems if each.name == system), {})
        difference = regions.get(region, {}).get(metric)
        return difference.verdict if difference else None


@dataclass(frozen=True, kw_only=True)
class Result:
    """The scores of one or more systems on the same rows.

    ``rules`` is the digest of what turns rows into scores, ``scoring`` the number of the arithmetic: None where version
    0.1.0 wrote the result. ``groups`` are the systems whose seeds were asked to be shown as one. ``drawn`` is the field
    of the signature about the resamples of intervals. ``stated`` is the signature that stands in a file, or a short
    one, in the place of the one that follows from the other fields; ``other`` is what else stands there.
    """

    dataset: str
    split: str
    protocol: ProtocolName
    content: str
    rules: str | None = None
    scoring: int | None = None
    version: str | None
    systems: tuple[SystemResult, ...]
    groups: tuple[SystemResult, ...] | None = None
    comparison: Comparison | None = None
    drawn: str = ""
    stated: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """What the scores may be compared with."""
        if self.stated is not None:
            return self.stated
        fields: dict[str, Any] = {key: getattr(self, key) for key in SIGNED[1:]}
        signed = signature(name=self.dataset, n=int(self.systems[0].regions["all"].n or 0), **fields)
        return f"{signed}|{self.drawn}" if self.drawn else signed

    @property
    def signs_rules(self) -> bool:
        """Whether the signature covers the rules, which it did not in version 0.1.0."""
        return self.rules is not None and self.scoring is not None

    @property
    def regions(self) -> list[str]:
        """The regions of all systems, in their order."""
        return list(dict.fromkeys(region for system in self.systems for region in system.regions))

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics that were computed, in their order."""
        return list(self.systems[0].regions["all"].scores)

    def only(self, metrics: Sequence[str]) -> Result:
        """The result with the scores of these ``metrics`` alone, in their order; verdicts stay corrected over all."""
        groups = None if self.groups is None else tuple(group.only(metrics) for group in self.groups)
        return replace(self, systems=tuple(system.only(metrics) for system in self.systems), groups=groups)

    def as_json(self) -> Json:
        """The result as `dir evaluate --format json` prints it."""
        known = _known(
            signature=self.signature,
            **{key: getattr(self, key) for key in SIGNED},
            systems=[system.as_json() for system in self.systems],
            groups=[group.as_json() for group in self.groups or ()] or None,
            comparison=self.comparison and asdict(self.comparison),
        )
        return {**known, **self.other}

    @classmethod
    def from_json(cls, written: object, where: str) -> Result:
        """The result in ``written``, the JSON of the file ``where``; InputError where it is none.

        Groups of seeds and comparisons stay in ``other``.
        """
        if not isinstance(written, dict):
            raise InputError(Problem(where, "this is no JSON object", HINT))
        if wrong := [key for key, kind in KEYS.items() if not isinstance(written.get(key), kind)]:
            raise InputError(Problem(where, f"there is no {' and no '.join(wrong)}", HINT))
        if wrong := [key for key, kind in LATER.items() if type(written.get(key)) not in {kind, NoneType}]:
            raise InputError(Problem(where, f"{' and '.join(wrong)} is not what it should be", HINT))
        if wrong := [str(place) for place, system in enumerate(written["systems"], 1) if not _is_system(system)]:
            what = f"system {', '.join(wrong)} has no name, or no numbers as scores by region"
            raise InputError(Problem(where, what, HINT))
        rest = dict(written)
        stated, systems = rest.pop("signature"), tuple(map(SystemResult.from_json, rest.pop("systems")))
        fields = {key: rest.pop(key, None) for key in SIGNED}
        return cls(stated=stated, systems=systems, other=rest, **fields)


def _known(**fields: object) -> Json:
    """The fields that are there."""
    return {key: value for key, value in fields.items() if value is not None}


def _is_system(system: object) -> bool:
    """Whether it has a name, and by region scores that are finite numbers or null; other keys may hold anything."""
    match system:
        case {"name": str(), "regions": {"all": _} as regions}:
            values = (scores.get(name) for scores in regions.values() for name in ("n", "bins", *EVERY))
            return all(isinstance(scores, dict) for scores in regions.values()) and all(
                value is None or (type(value) in {int, float} and abs(value) <= sys.float_info.max) for value in values
            )
    return False


@dataclass(frozen=True, kw_only=True)
class System:
    """One scored file: its name, what it was scored against, and its predictions (n,) row by row.

    ``given`` holds (n,) values for each row under every name that a metric needs.
    """

    name: str
    file: Predictions
    reference: Reference
    values: FloatArray
    given: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A result, and the rows behind it; none where those of the file were not kept.

    ``left_out`` are the titles of the metrics that only a smaller file has, ``notes`` what is to be said of how it was
    done.
    """

    result: Result
    systems: list[System]
    against: Benchmark
    left_out: Sequence[str] = ()
    notes: Sequence[str] = ()


def _parsed(path: Path) -> Any:
    """The JSON in ``path``; InputError where it is none."""
    try:
        return json.loads(files.read(path, hint=HINT))
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), f"this is no JSON ({error})", HINT)) from None


def read(path: Path) -> Result:
    """The result in ``path``, which `dir evaluate` wrote as JSON; InputError where it is none."""
    return Result.from_json(_parsed(path), str(path))


def listed(inputs: Sequence[Path]) -> dict[str, Path]:
    """The files that ``inputs`` name, by what they are called: files, and the JSON in folders or matched by globs.

    In the only folder that is given they are called by their path in it, else as they were given. UsageError where an
    input names no file.
    """
    found: dict[str, Path] = {}
    for place in inputs:
        if place.is_dir():
            above = "" if len(inputs) == 1 else f"{str(place).rstrip('/')}/"
            below = [(places.name_in(place, path), path) for path in places.every(place) if path.suffix == ".json"]
            found |= {above + name: path for name, path in sorted(below, key=lambda each: each[0].split("/"))}
        elif places.is_glob(place) and not place.is_file():
            matched = {str(path): path for path in places.parts(place) if path.suffix == ".json"}
            if not matched:
                raise UsageError(f"{place}: no JSON file matches")
            found |= matched
        elif place.is_file():
            found[str(place)] = place
        else:
            raise UsageError(f"{place}: there is no such file or folder")
    return found


def collect(inputs: Sequence[Path]) -> tuple[dict[str, Result], list[str]]:
    """The results in ``inputs`` by what `listed` calls them, and what other JSON files are called.

    InputError with every problem of every file that is no JSON, perhaps as it was cut off, or no whole result.
    """
    results: dict[str, Result] = {}
    others: list[str] = []
    problems: list[Problem] = []
    for name, path in listed(inputs).items():
        try:
            written = _parsed(path)
            json.dumps(written, ensure_ascii=False).encode()  # half a surrogate pair is no text that could be printed
            if isinstance(written, dict) and {"signature", "systems"} & written.keys():
                results[name] = Result.from_json(written, str(path))
                problems += [Problem(str(path), what, AGAIN) for what in _contradictions(results[name])]
            else:
                others.append(name)
        except InputError as error:
            problems += [Problem(problem.where, problem.found, AGAIN) for problem in error.problems]
        except (UnicodeEncodeError, RecursionError) as error:
            problems.append(Problem(str(path), f"this is no JSON ({error})", AGAIN))
    if problems:
        raise InputError(problems)
    return results, others


def _contradictions(result: Result) -> Iterator[str]:
    """What is wrong with the rows, the names and the signature of a result."""
    if not result.systems:
        yield "it holds no systems"
    names = Counter(system.name for system in result.systems)
    if repeated := [repr(name) for name, count in names.items() if count > 1]:
        yield f"more than one system is called {sample(repeated)}"
    sizes = {json.dumps(system.regions["all"].n) for system in result.systems}
    if strange := sorted(size for size in sizes if not size.isdecimal()):
        yield f"the number of rows of a system is {sample(strange)}"
    elif len(sizes) > 1:
        yield f"its systems have {sample(sorted(map(int, sizes)))} rows"
    elif not isinstance(result.version, str):
        yield "there is no version"
    elif sizes and without(result.signature, "ci:") != (derived := replace(result, stated=None).signature):
        yield f"its signature is {result.signature}, and what it holds makes {derived}"
