"""What one process costs: wall time, processor time and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SAID = 2_000
"""The last characters of stderr that are shown of a process that failed."""


class Failed(Exception):  # noqa: N818 - what happened, as a name
    """A process ended with another exit code than 0."""


@dataclass(frozen=True)
class Run:
    """Seconds on the wall, of all processors together, and the highest resident memory in bytes."""

    wall: float
    processor: float
    peak: int


def process(command: list[str], folder: str, *, scaled: bool = False) -> Run:
    """Run the command in ``folder``, in surroundings without settings; a ``scaled`` one prints its own seconds."""
    told = Path(folder, ".stdout")
    with told.open("wb") as stdout, Path(folder, ".stderr").open("w+b") as stderr:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=folder, env=_surroundings(folder))
        _, state, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(state)
        stderr.seek(0)
        said = stderr.read().decode(errors="replace")[-SAID:]
    if child.returncode:
        raise Failed(f"{' '.join(command[1:])} ended with {child.returncode}: {said.strip()}")
    processor, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if scaled:
        wall, processor = map(float, told.read_text().split())
    return Run(wall=wall, processor=processor, peak=peak)


def _surroundings(folder: str) -> dict[str, str]:
    """The environment: this tree's package, no setting of dir's but where real inputs are, no raw files of anyone's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIR_") or key == "DIR_REAL_DATA"}
    return kept | {"PYTHONPATH": str(PROJECT), "DIR_DATA": str(Path(folder, "no-raw-files"))}
