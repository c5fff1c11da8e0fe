"""A signal at any step of a command leaves its old files or its new ones, never a mixture."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from dircli.store import files

if TYPE_CHECKING:
    from conftest import Run

CURATE = "curate custom --table cat.csv --target y --id id --bin-width 1"
COMMANDS = {
    "curate": (f"{CURATE} --seed 7 --force", "manifests/cat"),
    "weights": ("weights cat --scheme inverse --force", "manifests/cat"),
    "evaluate": ("evaluate p.csv --dataset cat --force --output out/a.json --output out/b.csv", "out"),
    "export": ("export cat --format csv --out out --force", "out"),
    "fds": ("fds f.npy --dataset cat --out out/c.npy --force", "out"),
}
KILLER = """
import os, signal, sys
from dircli.cli.app import app

step, words, number = int(sys.argv[1]), sys.argv[2].split(), int(sys.argv[3])

def at(event, arguments):
    global step
    if event in {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"} and ".dircli-" in str(arguments):
        step -= 1
        if step == -1:
            os.kill(os.getpid(), number)

sys.addaudithook(at)
app(words, prog_name="dir")
"""
KILLS = 20  # of each command, and of each kind
"""With five commands and two kinds of moments: 200."""


def shown(folder: Path) -> dict[str, bytes]:
    """What a user sees in ``folder`` once a commit that was cut off is finished."""
    files.recover(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".dircli-")}


@pytest.fixture(params=COMMANDS)
def trial(request: pytest.FixtureRequest, work: Path, run: Run) -> Trial:
    """A command, with old files where it writes, and both states of these."""
    rows = np.random.default_rng(0).integers(0, 20, 600)
    pd.DataFrame({"id": range(600), "y": rows}).to_csv(work / "cat.csv", index=False)
    run(*CURATE.split())
    run("weights", "cat")
    samples = pd.read_parquet(work / "manifests" / "cat" / "samples.parquet")
    test = samples[samples["split"] == "test"]
    pd.DataFrame({"id": test["id"], "prediction": test["target"]}).to_csv(work / "p.csv", index=False)
    np.save(work / "f.npy", np.random.default_rng(1).normal(size=((samples["split"] == "train").sum(), 4)))
    words, folder = COMMANDS[request.param][0], work / COMMANDS[request.param][1]
    folder.mkdir(exist_ok=True)
    if folder.name == "out":
        (folder / "a.json").write_text("old")
        (folder / "samples.csv").write_text("old")
    old = shown(folder)
    shutil.copytree(folder, work / "old")
    run(*words.split())
    new = shown(folder)
    assert new != old
    return Trial(words, folder, work / "old", old, new)


@dataclass(frozen=True)
class Trial:
    """The ``words`` of a command that turns the ``old`` files of ``folder``, copied to ``kept``, into ``new`` ones."""

    words: str
    folder: Path
    kept: Path
    old: dict[str, bytes]
    new: dict[str, bytes]

    def again(self) -> None:
        """Put the old files back."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)

    def check(self) -> bool:
        """Whether the files are the new ones; else they must be the old ones."""
        files_now = shown(self.folder)
        assert files_now in (self.old, self.new)
        if {"weights.json", "manifest.json"} <= files_now.keys():  # never a manifest with another's weights
            weights, manifest = (json.loads(files_now[name]) for name in ("weights.json", "manifest.json"))
            assert weights["content"] == manifest["content"]
        return files_now == self.new


@pytest.mark.slow
def test_a_kill_while_it_writes_leaves_old_files_or_new_ones(trial: Trial) -> None:
    """Kills of each command, step by step while it writes, and again from the first step on."""
    step, killed = 0, 0
    while killed < KILLS:
        trial.again()
        code = ended(trial.words, step, signal.SIGKILL)
        assert code in {0, -9}
        killed += code < 0
        step = step + 1 if code else 0
        trial.check()


@pytest.mark.slow
def test_a_batch_system_that_ends_the_command_leaves_time_to_remove_what_is_temporary(trial: Trial) -> None:
    """SIGTERM at every third of the steps in which files are written; who looks next finishes what had committed."""
    for step in range(0, 1000, 3):
        trial.again()
        code = ended(trial.words, step, signal.SIGTERM)
        assert not list(trial.folder.glob(f"{files.STAGING}*"))
        trial.check()
        if code == 0:
            break
        assert code == 128 + signal.SIGTERM
    assert step


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_old_files_or_new_ones(trial: Trial) -> None:
    """Kills of each command, spread over its run, most of them over the part in which its files appear."""
    moments = random.Random(11)
    start = time.monotonic()
    trial.again()
    with started(trial.words) as command:
        while command.poll() is None and not list(trial.folder.glob(".dircli-*")):
            time.sleep(0.001)
        writes = time.monotonic() - start
        assert command.wait() == 0
    whole, killed, ends = time.monotonic() - start, 0, set[bool]()
    for turn in count():
        trial.again()
        with started(trial.words) as command:
            time.sleep(moments.uniform(*((0.9 * writes, whole) if turn % 4 else (0.0, writes))))
            command.kill()
            killed += command.wait() < 0
        ends.add(trial.check())
        if killed == KILLS:
            break
    assert False in ends


def ended(words: str, step: int, number: int) -> int:
    """The exit code of the command, which sends itself the signal ``number`` at its ``step`` of writing."""
    command = [sys.executable, "-c", KILLER, str(step), words, str(number)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode


def started(words: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "dircli", *words.split(), "-q"], stdout=subprocess.DEVNULL)
