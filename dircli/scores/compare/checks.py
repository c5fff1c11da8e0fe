"""Checks that a result must pass in CI: conditions on its scores, and no regression against an earlier result."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dircli.errors import UsageError
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import Result, SystemResult
from dircli.scores.signature import comparable

OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
SCORE = r"[a-z-]+\.[a-z0-9]+"
CONDITION = re.compile(
    rf"\s*(?P<score>{SCORE})\s*(?P<operator><=|>=|<|>)\s*"
    rf"(?:(?P<number>{NUMBER})|baseline\.(?P<baseline>{SCORE})\s*(?:(?P<sign>[+-])\s*(?P<margin>{NUMBER}))?)\s*"
)
EXAMPLE = (
    'write region.metric, one of < <= > >=, and a limit, like "few.mae > 12" or "few.mae > baseline.few.mae + 0.2"'
)
ROUNDING = 1e-9
"""The share of a score by which two machines may differ; nothing worse than that is no regression."""


@dataclass(frozen=True)
class Outcome:
    """One check: whether it held, and the line that says so."""

    held: bool
    line: str


@dataclass(frozen=True, kw_only=True)
class Condition:
    """``region.metric`` compared with a number, or with the baseline's score plus a margin; true means failure."""

    text: str
    region: str
    metric: str
    operator: str
    limit: float
    baseline: tuple[str, str] | None = None

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that ``text`` states; UsageError where it states none."""
        match = CONDITION.fullmatch(text)
        if not match or not all(math.isfinite(float(match[part] or 0)) for part in ("number", "margin")):
            raise UsageError(f"--fail-if {text!r} is no condition; {EXAMPLE}")
        region, metric = match["score"].split(".")
        other = match["baseline"].split(".") if match["baseline"] else None
        margin = float(match["margin"] or 0) * (-1 if match["sign"] == "-" else 1)
        return cls(
            text=text.strip(),
            region=region,
            metric=metric,
            operator=match["operator"],
            limit=margin if other else float(match["number"]),
            baseline=(other[0], other[1]) if other else None,
        )


def conditions(texts: Sequence[str], result: Result) -> list[Outcome]:
    """Each condition on each system of ``result``; with ``baseline.`` on each system but the first.

    A score that is undefined fails its check, for nothing was shown. Raises UsageError, with all of them, for
    conditions that are none, and for scores that the result does not have.
    """
    parsed, wrong = [], []
    for text in texts:
        try:
            condition = Condition.parse(text)
        except UsageError as error:
            wrong.append(str(error))
            continue
        parsed.append(condition)
        wrong += _unknown(condition, result)
    if wrong:
        raise UsageError("\n".join(wrong))
    return [outcome for condition in parsed for outcome in _outcomes(condition, result)]


def _unknown(condition: Condition, result: Result) -> Iterator[str]:
    if condition.baseline and len(result.systems) < 2:  # noqa: PLR2004 - a baseline and a system
        yield f"--fail-if {condition.text!r} needs two files, of which the first is the baseline"
    scores = ["n", "bins", *result.metrics]
    for region, metric in filter(None, ((condition.region, condition.metric), condition.baseline)):
        if region not in result.regions:
            yield f"--fail-if {condition.text!r}: there is no region {region!r}; there are {', '.join(result.regions)}"
        if metric not in scores:
            yield f"--fail-if {condition.text!r}: there is no score {metric!r}; there are {', '.join(scores)}"


def _outcomes(condition: Condition, result: Result) -> Iterator[Outcome]:
    systems = result.systems
    limit: float | None = condition.limit
    if condition.baseline:
        baseline, systems = systems[0].score(*condition.baseline), systems[1:]
        limit = None if baseline is None else baseline + condition.limit
    for system in systems:
        value = system.score(condition.region, condition.metric)
        name = f"{system.name}: {condition.text}"
        if value is None or limit is None:
            yield Outcome(held=False, line=f"{name}: undefined, so nothing was shown")
        else:
            failed = OPERATORS[condition.operator](value, limit)
            shown = f"{condition.region}.{condition.metric} = {value:.6g}"
            versus = f", limit {limit:.6g}" if condition.baseline else ""
            yield Outcome(held=not failed, line=f"{name}: {shown}{versus}")


def tolerance(text: str) -> tuple[float, bool]:
    """A tolerance as a number, and whether it is a share of the earlier score: "0.1" or "2%"."""
    relative = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(f"--tolerance {text!r} is neither a number such as 0.1 nor a share such as 2%")
    return (value / 100 if relative else value), relative


def regressions(result: Result, earlier: Result, *, allowed: tuple[float, bool]) -> list[Outcome]:
    """Whether any score of ``result`` is worse than in ``earlier`` by more than is ``allowed`` (see `tolerance`).

    Systems are matched by name, or one to one where each result has a single one; what is compared are the metrics
    that both have. Raises UsageError where the two do not compare: other signatures, no system or metric in common.
    """
    if comparable(result.signature) != comparable(earlier.signature):
        raise UsageError(
            "--against: the signatures differ, so the scores do not compare: "
            f"{earlier.signature} then, {result.signature} now; score both files alike"
        )
    pairs = _pairs(result.systems, earlier.systems)
    if not pairs:
        now, then = (", ".join(system.name for system in each.systems) for each in (result, earlier))
        raise UsageError(f"--against: no system is in both results: {then or 'none'} then, {now} now")
    outcomes = [outcome for new, old in pairs for outcome in _compared(new, old, allowed)]
    if not outcomes:
        raise UsageError("--against: no metric that has a better and a worse is in both results")
    return outcomes


def _pairs(new: Sequence[SystemResult], old: Sequence[SystemResult]) -> list[tuple[SystemResult, SystemResult]]:
    if len(new) == len(old) == 1:
        return [(new[0], old[0])]
    by_name = {system.name: system for system in old}
    return [(system, by_name[system.name]) for system in new if system.name in by_name]


def _compared(new: SystemResult, old: SystemResult, allowed: tuple[float, bool]) -> Iterator[Outcome]:
    share, relative = allowed
    for region, scores in old.regions.items():
        for name, before in scores.scores.items():
            metric, after = EVERY[name], new.score(region, name)
            if metric.better == "neither" or name not in new.regions["all"].scores or before is after is None:
                continue
            then, now = ("undefined" if value is None else f"{value:.6g}" for value in (before, after))
            line = f"{new.name}: {region}.{name}: {then} before, {now} now"
            if before is None or after is None:
                yield Outcome(held=before is None, line=line)
                continue
            worse = metric.badness(after) - metric.badness(before)
            limit = share * abs(before) if relative else share
            held = worse <= limit + ROUNDING * abs(before)
            allows = f", {limit:.6g} allowed" if limit else ""
            yield Outcome(held=held, line=line if held else f"{line}, worse by {worse:.6g}{allows}")
