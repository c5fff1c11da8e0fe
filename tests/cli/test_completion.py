"""Completion by the shell: its script, names of datasets, metrics and regions, and nothing heavy for it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dircli import datasets
from dircli.benchmark.regions import REGIONS

if TYPE_CHECKING:
    from pathlib import Path

LOADED = """
import os, sys
leave = os._exit
def told(code):
    print(*sorted(name for name, module in sys.modules.items() if module), file=sys.stderr, flush=True)
    leave(code)
os._exit = told
sys.argv = ['dir']
from dircli.cli import main
main()
"""


def completed(typed: str, **environment: str) -> tuple[list[str], set[str]]:
    """What bash would offer after these words, and the modules that were loaded for it."""
    asked = {"_DIR_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={**os.environ, **asked, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.split(), set(done.stderr.splitlines()[-1].split())


@pytest.mark.thorough
@pytest.mark.parametrize(
    "typed", ["dir info ", "dir weights ", "dir evaluate p.csv --dataset ", "dir curate --dataset "]
)
def test_names_of_datasets_are_completed(typed: str) -> None:
    offered, loaded = completed(typed)
    assert {*datasets.NAMES} <= {*offered}
    assert not loaded & {"pandas", "scipy", "pyarrow", "h5py", "rich.progress"}


@pytest.mark.thorough
def test_manifests_here_are_completed_wherever_they_lie(work: Path) -> None:
    for root, name in (("manifests", "mine"), ("elsewhere", "theirs")):
        (work / root / name).mkdir(parents=True)
        (work / root / name / "manifest.json").touch()
    assert completed("dir info m")[0] == ["mine"]
    assert completed("dir verify --manifests elsewhere t")[0] == ["theirs"]
    assert completed("dir plot t", DIR_MANIFESTS="elsewhere")[0] == ["theirs"]


def test_a_benchmark_that_is_curated_is_offered_once(work: Path) -> None:
    (work / "manifests" / "agedb").mkdir(parents=True)
    (work / "manifests" / "agedb" / "manifest.json").touch()
    assert completed("dir info a")[0] == ["agedb"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dir evaluate p.csv --metrics m", ["mae", "mse"]),
        ("dir evaluate p.csv --metrics mae,gm,rm", ["mae,gm,rmse"]),
        ("dir leaderboard --metric pea", ["pearson"]),
        ("dir leaderboard --region m", ["many", "medium"]),
        ("dir evaluate p.csv --protocol p", ["paper"]),
    ],
)
def test_metrics_regions_and_choices_are_completed(typed: str, offered: list[str]) -> None:
    assert completed(typed)[0] == offered
    assert {*REGIONS} <= {*completed("dir leaderboard --region ")[0]}


def test_commands_and_options_are_completed_without_anything_heavy() -> None:
    for typed in ("dir ev", "dir evaluate --forc"):
        offered, loaded = completed(typed)
        assert len(offered) == 1
        assert not loaded & {"numpy", "pandas", "scipy", "pyarrow", "h5py", "httpx", "PIL", "matplotlib"}


def _started(*words: str, shell: str, home: Path) -> subprocess.CompletedProcess[str]:
    """`dir` with these words, in a shell that typer finds to be ``shell``."""
    code = (
        f"import sys, shellingham; shellingham.detect_shell = lambda *_: ({shell!r}, {shell!r})\n"
        f"sys.argv = ['dir', *{list(words)!r}]\nfrom dircli.cli import main; main()"
    )
    environment = {**os.environ, "HOME": str(home)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("shell", "holds"),
    [("bash", "complete -o default -F"), ("zsh", "#compdef dir"), ("fish", "complete --command dir")],
)
def test_the_script_of_a_shell_is_shown_and_installed(shell: str, holds: str, work: Path) -> None:
    shown = _started("--show-completion", shell=shell, home=work)
    assert shown.returncode == 0, shown.stderr
    assert holds in shown.stdout
    assert "_DIR_COMPLETE=complete_" in shown.stdout
    done = _started("--install-completion", shell=shell, home=work)
    assert done.returncode == 0, done.stderr
    assert any(holds in path.read_text() for path in work.rglob("*") if path.is_file())


def test_start_up_loads_nothing_for_completion() -> None:
    code = LOADED.replace("['dir']", "['dir', '--version']")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert not loaded & {"rich", "dircli.datasets", "dircli.scores", "numpy"}
