"""A SIGKILL at any step of a command leaves its old files or its new ones, never a mixture."""

from __future__ import annotations

import shutil
import subprocess
import sys
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

step, words = int(sys.argv[1]), sys.argv[2].split()

def at(event, arguments):
    global step
    if event in {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"} and ".dircli-" in str(arguments):
        step -= 1
        if step < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(at)
app(words, prog_name="dir")
"""
KILLS = 40


def shown(folder: Path) -> dict[str, bytes]:
    """What a user sees in ``folder`` once a commit that was cut off is finished."""
    files.recover(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".dircli-")}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_leaves_old_files_or_new_ones(command: str, work: Path, run: Run) -> None:
    """40 kills of each command, step by step while it writes, and again from the first step on."""
    rows = np.random.default_rng(0).integers(0, 20, 600)
    pd.DataFrame({"id": range(600), "y": rows}).to_csv(work / "cat.csv", index=False)
    run(*CURATE.split())
    run("weights", "cat")
    samples = pd.read_parquet(work / "manifests" / "cat" / "samples.parquet")
    test = samples[samples["split"] == "test"]
    pd.DataFrame({"id": test["id"], "prediction": test["target"]}).to_csv(work / "p.csv", index=False)
    np.save(work / "f.npy", np.random.default_rng(1).normal(size=((samples["split"] == "train").sum(), 4)))
    words, folder = COMMANDS[command][0], work / COMMANDS[command][1]
    folder.mkdir(exist_ok=True)
    if folder.name == "out":
        (folder / "a.json").write_text("old")
        (folder / "samples.csv").write_text("old")
    old = shown(folder)
    shutil.copytree(folder, work / "old")
    run(*words.split())
    new = shown(folder)
    assert new != old
    step, killed = 0, 0
    while killed < KILLS:
        shutil.rmtree(folder)
        shutil.copytree(work / "old", folder)
        done = subprocess.run([sys.executable, "-c", KILLER, str(step), words], capture_output=True, check=False)
        assert done.returncode in {0, -9}, done.stderr
        killed += done.returncode < 0
        step = step + 1 if done.returncode else 0
        assert shown(folder) in (old, new)
