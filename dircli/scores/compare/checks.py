"""Checks that a result must pass in CI: conditions on its scores, and no regression against an earlier result."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dircli.benchmark.bins import number
from dircli.errors import UsageError, close_to
from dircli.scores.metrics.table import EVERY
from dircli.scores.results import UNSIGNED, Result, SystemResult
from dircli.scores.signature import comparable

OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
PASSES = {"<": "at least", "<=": "more than", ">": "limit", ">=": "limit"}
"""What a score must be to pass, in the line of a check."""
FAILS = {"<": "below {}", "<=": "{} or below", ">": "above {}", ">=": "{} or above"}
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
GOOD = {"<": "lower", "<=": "lower", ">": "higher", ">=": "higher"}
"""Which way a metric gets better where failing on that side is odd."""
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
    """One check: whether it held, the line that says what was found, the ``score`` and ``file`` that it is of."""

    held: bool
    line: str
    score: str
    file: str

    @property
    def verdict(self) -> str:
        """The line, and how the check ended."""
        return f"{self.line}: {'ok' if self.held else 'FAILED'}"


@dataclass(frozen=True)
class Condition:
    """``region.metric`` compared with a number, or with the baseline's score plus a margin; true means failure."""

    text: str
    region: str
    metric: str
    operator: str
    limit: float
    baseline: tuple[str, str] | None = None

    @property
    def versus(self) -> str:
        """What stands on the right of the operator."""
        return self.text.partition(self.operator)[2].strip()

    @property
    def doubt(self) -> str | None:
        """That it fails where the score is good, and the condition that may have been meant; None where it does not."""
        metric = EVERY.get(self.metric)
        if metric is None or metric.better != GOOD[self.operator]:
            return None
        score, fails = f"{self.region}.{self.metric}", FAILS[self.operator].format(self.versus)
        what = f"--fail-if names what must NOT hold: this fails where {score} is {fails}"
        return f"{what}; did you mean {score} {TURNED[self.operator]} {self.versus}?"

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that ``text`` states; UsageError where it states none."""
        match = CONDITION.fullmatch(text.lower())
        if not match or not all(math.isfinite(float(match[part] or 0)) for part in ("number", "margin")):
            raise UsageError(f"--fail-if {text!r} is no condition; {EXAMPLE}")
        region, metric = match["score"].split(".")
        other = match["baseline"].split(".") if match["baseline"] else None
        margin = float(match["margin"] or 0) * (-1 if match["sign"] == "-" else 1)
        limit, baseline = (margin, (other[0], other[1])) if other else (float(match["number"]), None)
        return cls(text.strip(), region, metric, match["operator"], limit, baseline)


def conditions(texts: Sequence[str], result: Result) -> list[Outcome]:
    """Each condition on each system of ``result``; with ``baseline.`` on each system but the first.

    An undefined score fails its check. UsageError with all conditions that are none, or on scores that are not there.
    """
    parsed: list[Condition] = []
    wrong: list[str] = []
    for text in texts:
        try:
            parsed.append(Condition.parse(text))
            wrong += _unknown(parsed[-1], result)
        except UsageError as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError("\n".join(wrong))
    return [outcome for condition in parsed for outcome in _outcomes(condition, result)]


def doubts(texts: Sequence[str]) -> list[str]:
    """A sentence on each condition that fails where the score is good."""
    return [doubt for text in texts if (doubt := Condition.parse(text).doubt)]


def _unknown(condition: Condition, result: Result) -> Iterator[str]:
    where = f"--fail-if {condition.text!r}"
    if condition.baseline and len(result.systems) < 2:  # noqa: PLR2004 - a baseline and a system
        yield f"{where} needs two files, of which the first is the baseline"
    there = {"region": result.regions, "score": ["n", "bins", *result.metrics]}
    for names in filter(None, ((condition.region, condition.metric), condition.baseline)):
        for (kind, known), name in zip(there.items(), names, strict=True):
            if name not in known:
                yield f"{where}: there is no {kind} {name!r}; there are {', '.join(known)}{close_to([name], known)}"


def _outcomes(condition: Condition, result: Result) -> Iterator[Outcome]:
    systems = result.systems
    limit: float | None = condition.limit
    if condition.baseline:
        baseline, systems = systems[0].score(*condition.baseline), systems[1:]
        limit = None if baseline is None else baseline + condition.limit
    for system in systems:
        value = system.score(condition.region, condition.metric)
        score = f"{condition.region}.{condition.metric}"
        name = f"{system.name}: {score}" if len(result.systems) > 1 else score
        about = {"score": score, "file": system.file or ""}
        if value is None or limit is None:
            yield Outcome(held=False, line=f"{name} is undefined, so nothing was shown", **about)
        else:
            versus = f" ({condition.versus})" if condition.baseline else ""
            held = not OPERATORS[condition.operator](value, limit)
            line = f"{name} = {value:.6g}, {PASSES[condition.operator]} {limit:.6g}{versus}"
            yield Outcome(held=held, line=line, **about)


def tolerance(text: str) -> tuple[float, bool]:
    """A tolerance as a number, and whether it is a share of the earlier score: "0.1" or "2%"."""
    relative = text.strip().endswith("%")
    value = number(text.strip().removesuffix("%"))
    if not value >= 0:
        raise UsageError(f"--tolerance {text!r} is neither a number such as 0.1 nor a share such as 2%")
    return (value / 100 if relative else value), relative


def regressions(result: Result, earlier: Result, *, allowed: tuple[float, bool]) -> list[Outcome]:
    """Whether any score of ``result`` is worse than in ``earlier`` by more than is ``allowed`` (see `tolerance`).

    Systems are matched by name, or one to one where each result has a single one, and metrics by name. UsageError where
    the two do not compare: other signatures, no system or metric in common.
    """
    if not earlier.signs_rules:
        raise UsageError(f"--against: the earlier result does not compare: {UNSIGNED}")
    unlike = comparable(result.signature) != comparable(earlier.signature)
    if unlike or (result.content, result.rules) != (earlier.content, earlier.rules):
        raise UsageError(
            "--against: the signatures differ, so the scores do not compare: "
            f"{earlier.signature} then, {result.signature} now; score both files alike"
        )
    pairs = _pairs(result, earlier)
    if not pairs:
        now, then = (", ".join(system.name for system in each.systems) for each in (result, earlier))
        raise UsageError(f"--against: no system is in both results: {then or 'none'} then, {now} now")
    outcomes = [outcome for new, old in pairs for outcome in _compared(new, old, allowed)]
    if not outcomes:
        raise UsageError("--against: no metric that has a better and a worse is in both results")
    return outcomes


def not_compared(result: Result, earlier: Result) -> list[str]:
    """The names of the systems of ``result`` that `regressions` passes over, as ``earlier`` does not have them."""
    compared = {new.name for new, _ in _pairs(result, earlier)}
    return [system.name for system in result.systems if system.name not in compared]


def _pairs(result: Result, earlier: Result) -> list[tuple[SystemResult, SystemResult]]:
    """Each system with itself in the earlier result, or the only one with the only one."""
    if len(result.systems) == len(earlier.systems) == 1:
        return [(result.systems[0], earlier.systems[0])]
    by_name = {system.name: system for system in earlier.systems}
    return [(system, by_name[system.name]) for system in result.systems if system.name in by_name]


def _compared(new: SystemResult, old: SystemResult, allowed: tuple[float, bool]) -> Iterator[Outcome]:
    share, relative = allowed
    for region, scores in old.regions.items():
        for name, before in scores.scores.items():
            metric, after = EVERY[name], new.score(region, name)
            if metric.better == "neither" or name not in new.regions["all"].scores or before is after is None:
                continue
            then, now = ("undefined" if value is None else f"{value:.6g}" for value in (before, after))
            had = f"{then} before" if old.name == new.name else f"{old.name} had {then}"
            line = f"{new.name}: {region}.{name}: {had}, {now} now"
            about = {"score": f"{region}.{name}", "file": new.file or ""}
            if before is None or after is None:
                yield Outcome(held=before is None, line=line, **about)
                continue
            worse = metric.badness(after) - metric.badness(before)
            limit = share * abs(before) if relative else share
            held = worse <= limit + ROUNDING * abs(before)
            allows = f", {limit:.6g} allowed" if limit else ""
            yield Outcome(held=held, line=line if held else f"{line}, worse by {worse:.6g}{allows}", **about)
