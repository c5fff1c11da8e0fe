"""Mutation testing: the share of changes to the arithmetic that the tests would notice.

A mutant is a module with one point changed. It is caught where a test of its module fails, or does not end. Exit code 1
if fewer than 92 % of a random sample are caught. mutation.toml says which modules there are and which tests are theirs,
and lists the mutants that change nothing, which are left out. Each worker mutates a copy of the project of its own.
On Linux the tests of a mutant run in a copy of the worker (forked.py), those first that call the changed function.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import forked
import mutants
from cosmic_ray.mutating import use_mutation
from cosmic_ray.testing import TestOutcome, run_tests
from mutants import Mutant

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1]
STAGES = Path(__file__).with_suffix(".toml")
FLOOR = 0.92
PATIENCE = 120.0  # seconds that the tests of a module may take; they take some seconds
SLOWER = 10  # times the seconds that they took is what they may take where that was measured, and SPARE
SPARE = 30.0
MEMORY = 8 * 2**30  # bytes of address space; a mutant must not take the machine with it
STAMPS = itertools.count()


@dataclass(frozen=True)
class Stages:
    """``tests`` of each module, and what is ``equivalent`` to it: a line ``old`` that becomes one of the lines ``new``.

    Without ``new`` it is any change of that line, and with ``function`` any change in there. Constants that are
    ``sizes`` of what is worked on at once may be any.
    """

    tests: Mapping[str, list[str]]
    sizes: Mapping[str, list[str]]
    equivalent: Sequence[Mapping[str, str | list[str]]]

    def counts(self, mutant: Mutant, source: str) -> bool:
        """Whether ``mutant`` makes another program of ``source``."""
        changed = mutant.applied(source)
        if changed is None:
            return False
        old, new = mutants.difference(source, changed)
        if any(old.startswith(f"{name} = ") for name in self.sizes.get(mutant.module, ())):
            return False
        if old.replace("reshape(-1", "reshape(- 2") == new:  # to NumPy it is any length that follows from the others
            return False
        facts = {"module": mutant.module, "function": mutant.function, "old": old, "new": new}
        return not any(
            all(fact == each.get(key, fact) or (key == "new" and fact in each[key]) for key, fact in facts.items())
            for each in self.equivalent
        )


@dataclass(frozen=True)
class Reach:
    """Which tests are the ``callers`` of a function, and how many ``seconds`` each test takes; empty if not known."""

    callers: Mapping[str, Sequence[str]]
    seconds: Mapping[str, float]

    def first(self, mutant: Mutant) -> dict[str, float]:
        """The tests that call the function of ``mutant``, and their seconds."""
        return {test: self.seconds[test] for test in self.callers.get(f"{mutant.module}:{mutant.function}", ())}

    def patience(self, files: Sequence[str]) -> float:
        """How many seconds the tests in ``files`` may take."""
        took = sum(seconds for test, seconds in self.seconds.items() if test.split("::")[0] in files)
        return SLOWER * took + SPARE


@dataclass(frozen=True)
class Trial:
    """What came of a mutant: ``old`` is the line, ``new`` the changed one."""

    mutant: Mutant
    old: str
    new: str
    caught: bool


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="How many changes to the arithmetic would the tests notice?")
    parser.add_argument("--mutants", type=int, default=200, metavar="N", help="mutants of all modules together")
    parser.add_argument("--all", action="store_true", help="every mutant")
    parser.add_argument("--module", action="append", help="of this module alone, such as benchmark/bins.py")
    parser.add_argument("--seed", type=int, default=666, metavar="N", help="which mutants are drawn")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    options = parser.parse_args()
    stages = read_stages()
    modules = options.module or [*stages.tests]
    drawn = sample(stages, modules, options.seed, None if options.all else options.mutants)
    trials = tried(drawn, stages, options.workers)
    sys.stdout.write(table(trials))
    return int(score(trials) < FLOOR)


def read_stages() -> Stages:
    """The modules, their tests and their equivalent mutants, from mutation.toml."""
    content: dict[str, Any] = tomllib.loads(STAGES.read_text(encoding="utf-8"))
    return Stages(content["tests"], content["sizes"], content["equivalent"])


def sample(stages: Stages, modules: Iterable[str], seed: int, number: int | None) -> list[Mutant]:
    """``number`` mutants drawn from all of ``modules``, or all of them for None; none that is equivalent."""
    sources = {module: _source(module) for module in modules}
    ranked = sorted(each for module, source in sources.items() for each in mutants.of_module(module, source, seed))
    return list(islice((each for each in ranked if stages.counts(each, sources[each.module])), number))


def tried(drawn: list[Mutant], stages: Stages, workers: int) -> list[Trial]:
    """What comes of each mutant; survivors are printed. RuntimeError where tests fail without any change."""
    tests = [stages.tests[mutant.module] for mutant in drawn]
    files = sorted({file for each in tests for file in each})
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(workers, None, _settle, (scratch,)) as pool:
        reach = _joined(pool.map(_check, [[file] for file in files]))
        trials = []
        for trial in pool.map(_trial, drawn, tests, itertools.repeat(reach)):
            trials.append(trial)
            if not trial.caught:
                where = f"dircli/{trial.mutant.module}:{trial.mutant.line}"
                sys.stdout.write(f"{where} survived {trial.mutant.operator}\n- {trial.old}\n+ {trial.new}\n")
                sys.stdout.flush()
    return trials


def score(trials: list[Trial]) -> float:
    """The share of mutants that were caught."""
    return sum(trial.caught for trial in trials) / max(1, len(trials))


def table(trials: list[Trial]) -> str:
    """Module by module how many mutants there were, were caught, and survived; in the last line of all."""
    lines = [f"{'module':36}{'mutants':>8}{'caught':>8}{'survived':>10}"]
    by_module: dict[str, list[bool]] = {}
    for trial in sorted(trials, key=lambda trial: trial.mutant.module):
        by_module.setdefault(trial.mutant.module, []).append(trial.caught)
    for name, caught in [*by_module.items(), ("all", [trial.caught for trial in trials])]:
        lines.append(f"{name:36}{len(caught):8}{sum(caught):8}{len(caught) - sum(caught):10}")
    lines.append(f"{score(trials):.1%} are caught; the floor is {FLOOR:.0%}")
    return "\n".join([*lines, ""])


def _source(module: str) -> str:
    return (PROJECT / "dircli" / module).read_text(encoding="utf-8")


def _settle(scratch: str) -> None:
    """A copy of the project in ``scratch`` becomes this process's working folder, and the one that Python imports."""
    tree = Path(tempfile.mkdtemp(dir=scratch)) / "project"
    for name in ("dircli", "tests", "manifests"):
        shutil.copytree(PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, tree)
    os.chdir(tree)
    # real inputs are here or are not; the score is to be the same
    os.environ.update(PYTHONPATH=str(tree), DIR_REAL_DATA=str(tree / "none"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has such a limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if forked.possible():
        forked.load()


def _words(files: list[str]) -> list[str]:
    """What pytest is told, to run the tests in ``files``."""
    place = Path.cwd().parent / "temporary"
    return [
        "-q",
        "-x",
        "-m",
        "not slow and not bench and not network",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=0",
        f"--basetemp={place}",
        *files,
    ]


def _run(files: list[str], patience: float) -> tuple[bool, str]:
    """Whether the tests in ``files`` pass in a process of their own, and what it printed."""
    outcome, output = run_tests(shlex.join([sys.executable, "-m", "pytest", *_words(files)]), patience)
    return outcome == TestOutcome.SURVIVED, output


def _check(files: list[str]) -> Reach:
    """What the tests in ``files`` reach. RuntimeError where they fail without any change."""
    if forked.possible():
        return Reach(*forked.watched(_words(files), 10 * PATIENCE))
    passed, output = _run(files, 10 * PATIENCE)
    if not passed:
        raise RuntimeError(f"tests fail without any change:\n{output}")
    return Reach({}, {})


def _joined(parts: Iterable[Reach]) -> Reach:
    callers: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    for part in parts:
        seconds.update(part.seconds)
        for function, tests in part.callers.items():
            callers.setdefault(function, []).extend(tests)
    return Reach(callers, seconds)


def _trial(mutant: Mutant, files: list[str], reach: Reach) -> Trial:
    """What comes of a mutant, whose tests are ``files``, in the order in which they are run."""
    path, operator = Path("dircli") / mutant.module, mutants.OPERATORS[mutant.operator]
    shutil.rmtree(".hypothesis", ignore_errors=True)  # examples by which other mutants were caught
    with use_mutation(path, operator, mutant.occurrence) as (before, after):
        if forked.possible():
            # a time that no other mutant has, nor any file of today: compiled modules are known by it
            os.utime(path, (stamp := next(STAMPS), stamp))
            passed = forked.passes(_words(files), reach.patience(files), reach.first(mutant))
        else:
            passed, _ = _run(files, PATIENCE)
    return Trial(mutant, *mutants.difference(before, after), caught=not passed)


if __name__ == "__main__":
    sys.exit(main())
