"""What `dir fds` costs on 200,000 × 512 float32 features in HDF5, against bare reading and writing of the same file.

``python tests/bench/fds.py [--keep FILE] [--runs N] [--rows N]`` makes the features (in FILE, where they stay for the
next time), then copies them with h5py, block by block, and calibrates them (`released`: statistics, then calibration),
in turns, each run a process of its own that times the work without the start of Python. It exits 1 where the best run
of calibration takes more than 3 times the best bare copy, or holds more than 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SLOWER, GIB = 3.0, 1.0
ROWS, DIM, BLOCK = 200_000, 512, 8192
EDGES = 122


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="What `dir fds` costs on a large file.")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="make the features here, and keep them")
    parser.add_argument("--runs", type=int, default=8, metavar="N")
    parser.add_argument("--rows", type=int, default=ROWS, metavar="N")
    parser.add_argument("--do", choices=["make", "copy", "calibrate"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        if options.do == "make":
            make(options.keep, options.rows)
        else:
            timed(options.do, options.keep, options.out)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        source, out = options.keep or Path(scratch) / "features.h5", Path(scratch) / "out.h5"
        if not source.exists():
            _run("make", source, out, options.rows)
        turns = [[_run(what, source, out, options.rows) for what in ("copy", "calibrate")] for _ in range(options.runs)]
        return report(turns)


def report(turns: list[list[tuple[float, int]]]) -> int:
    """Print both costs; 1 where ours is too high."""
    bare, ours = zip(*turns, strict=True)
    lines = [f"{'':24}{'median':>9}{'best':>9}{'peak':>11}"]
    for name, runs in (("h5py read and write", bare), ("FDS, released", ours)):
        seconds = [run[0] for run in runs]
        peak = max(run[1] for run in runs) / 2**30
        lines.append(f"{name:24}{statistics.median(seconds):7.2f} s{min(seconds):7.2f} s{peak:7.2f} GiB")
    ratio = min(run[0] for run in ours) / min(run[0] for run in bare)
    lines.append(f"{'ratio of the best runs':24}{ratio:9.2f}    (at most {SLOWER:g}; memory at most {GIB:g} GiB)")
    sys.stdout.write("\n".join([*lines, ""]))
    return int(ratio > SLOWER or max(run[1] for run in ours) > GIB * 2**30)


def make(path: Path, rows: int) -> None:
    """Features with targets of 0..120, most of them around 40; contiguous, as h5py writes them."""
    import h5py

    random = np.random.default_rng(0)
    targets = np.clip(random.normal(40, 20, rows).round(), 0, 120)
    with h5py.File(path, "w") as file:
        file["targets"] = targets
        features = file.create_dataset("features", (rows, DIM), np.float32)
        for first in range(0, rows, BLOCK):
            block = random.standard_normal((min(BLOCK, rows - first), DIM), dtype=np.float32)
            features[first : first + BLOCK] = block + np.sin(targets[first : first + BLOCK, None] / 30 + np.arange(DIM))


def timed(what: str, source: Path, out: Path) -> None:
    """Do it, and print the seconds that it took and the highest resident memory in bytes."""
    import h5py
    import scipy.ndimage  # noqa: F401 - what the command loads is not what the work takes

    from dircli.benchmark.benchmark import Benchmark
    from dircli.benchmark.bins import Bins
    from dircli.benchmark.manifest import BinTable
    from dircli.datasets.agedb import DATASET
    from dircli.features.calibrate import FdsOptions, calibrate

    table = BinTable(bins=Bins.regular(0, EDGES - 1, 1), counts={}, regions={}, facts={"dataset": DATASET.name})
    begin = time.perf_counter()
    if what == "copy":
        with h5py.File(source) as file, h5py.File(out, "w") as new:
            features = file["features"]
            copy = new.create_dataset("features", features.shape, features.dtype)
            for first in range(0, len(features), BLOCK):
                copy[first : first + BLOCK] = features[first : first + BLOCK]
    else:
        calibrate(source, Benchmark(name="agedb", table=table, dataset=DATASET), FdsOptions(), out=out)
    seconds = time.perf_counter() - begin
    sys.stdout.write(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


def _run(what: str, source: Path, out: Path, rows: int) -> tuple[float, int]:
    words = ["--do", what, "--keep", str(source), "--out", str(out), "--rows", str(rows)]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    out.unlink(missing_ok=True)
    seconds, peak = json.loads(done.stdout or "[0, 0]")
    return seconds, peak


if __name__ == "__main__":
    sys.exit(main())
