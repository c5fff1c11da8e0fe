"""Mutation testing: the share of changes to the arithmetic that the tests would notice.

A mutant is a module with one point changed. It is caught where a test of its module fails, or does not end. Exit code 1
if fewer than 92 % of a random sample are caught. mutation.toml says which modules there are and which tests are theirs,
and lists the mutants that change nothing, which are left out. Each worker mutates a copy of the project of its own.
"""

from __future__ import annotations

import argparse
import contextlib
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
MEMORY = 8 * 2**30  # bytes of address space; a mutant must not take the machine with it


@dataclass(frozen=True)
class Stages:
    """``tests`` of each module, and what is ``equivalent`` to it: a line ``old`` that becomes one of the lines ``new``.

    Without ``new`` it is any change of that line, and with ``function`` any change in there.
    """

    tests: Mapping[str, list[str]]
    equivalent: Sequence[Mapping[str, str | list[str]]]

    def counts(self, mutant: Mutant, source: str) -> bool:
        """Whether ``mutant`` makes another program of ``source``."""
        changed = mutant.applied(source)
        if changed is None:
            return False
        old, new = mutants.difference(source, changed)
        facts = {"module": mutant.module, "function": mutant.function, "old": old, "new": new}
        return not any(
            all(fact == each.get(key, fact) or (key == "new" and fact in each[key]) for key, fact in facts.items())
            for each in self.equivalent
        )


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
    return Stages(content["tests"], content["equivalent"])


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
        list(pool.map(_check, [files[first::workers] for first in range(workers)]))
        trials = []
        for trial in pool.map(_trial, drawn, tests):
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
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has such a limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _command(files: list[str]) -> str:
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return shlex.join([*words, f"--basetemp={Path.cwd().parent / 'temporary'}", *files])


def _check(files: list[str]) -> None:
    """RuntimeError where the tests in ``files`` fail without any change."""
    outcome, output = run_tests(_command(files), 10 * PATIENCE) if files else (TestOutcome.SURVIVED, "")
    if outcome != TestOutcome.SURVIVED:
        raise RuntimeError(f"tests fail without any change:\n{output}")


def _trial(mutant: Mutant, files: list[str]) -> Trial:
    """What comes of a mutant, whose tests are ``files``, in the order in which they are run."""
    path, operator = Path("dircli") / mutant.module, mutants.OPERATORS[mutant.operator]
    with use_mutation(path, operator, mutant.occurrence) as (before, after):
        outcome, _ = run_tests(_command(files), PATIENCE)
    return Trial(mutant, *mutants.difference(before, after), caught=outcome != TestOutcome.SURVIVED)


if __name__ == "__main__":
    sys.exit(main())
