"""What `dir curate imdb-wiki` costs on a source of full size, against the bare reading of its two .mat files.

``python tests/bench/imdb_wiki.py [--keep DIR] [--runs N]`` makes 460,723 + 62,328 synthetic faces in the real layout
(in DIR, where they stay for the next time), then measures both in turns, each run a process of its own. It exits 1
where the best run of curation takes more than 1.5 times the best run of reading, or any of them holds more than
1.5 GiB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

FACES = {"imdb": (460_723, 174_641), "wiki": (62_328, 38_912)}  # found, and kept
SLOWER, GIB = 1.5, 1.5
BARE = "import sys; from scipy.io import loadmat; both = [loadmat(path) for path in sys.argv[1:]]"


@dataclass(frozen=True)
class Cost:
    """Wall time of each run in seconds, and the highest resident memory of any in bytes."""

    seconds: list[float]
    peak: int


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="What `dir curate imdb-wiki` costs on a source of full size.")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the two .mat files here, and keep them")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        return report(*measured(options.keep or Path(scratch) / "raw", Path(scratch) / "manifests", options.runs))


def measured(raw: Path, out: Path, runs: int) -> tuple[Cost, Cost]:
    """The costs of reading and of curation, in turns, so that a busy moment of the machine meets both."""
    paths = [str(raw / f"{part}.mat") for part in FACES]
    if not all(Path(path).exists() for path in paths):
        # another process, for the peak of a child on Linux is at least what its parent holds
        subprocess.run([sys.executable, __file__, "--make", str(raw)], check=True)
    curate = ["curate", "imdb-wiki", "--raw", str(raw), "--split", "redraw", "--out", str(out)]
    commands = ([sys.executable, "-c", BARE, *paths], [sys.executable, "-m", "dircli", *curate])
    turns = [[_run(command) for command in commands] for _ in range(runs)]
    bare, ours = (Cost([run[0] for run in each], max(run[1] for run in each)) for each in zip(*turns, strict=True))
    return bare, ours


def report(bare: Cost, ours: Cost) -> int:
    """Print both costs; 1 where ours is too high."""
    lines = [f"{'':24}{'median':>9}{'best':>9}{'peak':>11}"]
    for name, cost in (("two loadmat calls", bare), ("dir curate imdb-wiki", ours)):
        seconds = f"{statistics.median(cost.seconds):7.2f} s{min(cost.seconds):7.2f} s"
        lines.append(f"{name:24}{seconds}{cost.peak / 2**30:7.2f} GiB")
    ratio = min(ours.seconds) / min(bare.seconds)
    lines.append(f"{'ratio of the best runs':24}{ratio:9.2f}    (at most {SLOWER:g}; memory at most {GIB:g} GiB)")
    sys.stdout.write("\n".join([*lines, ""]))
    return int(ratio > SLOWER or ours.peak > GIB * 2**30)


def _run(command: Sequence[str]) -> tuple[float, int]:
    """Seconds and peak bytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, state, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(state)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode()}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def make(folder: Path) -> None:
    """Write imdb.mat and wiki.mat into ``folder``: made-up faces, as many as the real ones, as many of them kept."""
    import numpy as np
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(666)
    for part, (found, kept) in FACES.items():
        draft = folder / f"{part}.draft"
        savemat(str(draft), {part: _faces(part, found, kept, generator)}, appendmat=False)
        draft.replace(folder / f"{part}.mat")


def _faces(part: str, found: int, kept: int, generator: Generator) -> dict[str, NDArray[Any]]:
    """The fields of one file, each a row of ``found``; of the others, each fails one step of the filter."""
    import numpy as np

    fate = generator.permutation(np.r_[np.zeros(kept, int), generator.integers(1, 4, found - kept)])
    person = generator.integers(1, 20_285, found) if part == "imdb" else np.arange(found) + 10_000
    taken = generator.integers(1950, 2016, found)
    age = np.clip(generator.normal(38, 15, found).round().astype(int), 1, 105)
    age[generator.random(found) < 0.0003] += 81  # a few are older than the last bin, as in the real files
    age = np.where(fate == 3, generator.choice([-20, 900], found), age)
    birth = (taken - age - 1970).astype("datetime64[Y]").astype("datetime64[D]") + generator.integers(0, 170, found)
    scores = np.where(fate == 1, generator.choice([-np.inf, 0.5], found), generator.uniform(1, 7, found))
    fields: dict[str, NDArray[Any]] = {
        "dob": (birth.astype(int) + 719_163 + 366).astype(np.int32)[None],
        "photo_taken": taken.astype(np.uint16)[None],
        "full_path": _cells(
            f"{row % 100:02d}/nm{who:07d}_rm{row}_{born}_{year}.jpg"
            for row, (who, born, year) in enumerate(zip(person.tolist(), birth.tolist(), taken.tolist(), strict=True))
        ),
        "gender": generator.choice([0.0, 1.0, np.nan], found, p=[0.4, 0.58, 0.02])[None],
        "name": _cells(f"Somebody No. {who}" for who in person.tolist()),
        "face_location": _cells(np.round(generator.uniform(1, 900, (found, 1, 4)), 3)),
        "face_score": scores[None],
        "second_face_score": np.where(fate == 2, generator.uniform(1, 5, found), np.nan)[None],
    }
    if part == "imdb":
        fields |= {
            "celeb_names": _cells(f"Somebody No. {who}" for who in range(1, 20_285)),
            "celeb_id": person.astype(float)[None],
        }
    return fields


def _cells(values: Any) -> NDArray[Any]:
    """A MATLAB row of cells, each with a text or an array of its own."""
    import numpy as np

    arrays = [np.array([value]) if isinstance(value, str) else value for value in values]
    row = np.empty((1, len(arrays)), dtype=object)
    row[0] = arrays
    return row


if __name__ == "__main__":
    sys.exit(main())
