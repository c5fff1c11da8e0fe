"""What `dir curate custom` costs on a table of five million rows, beside reading and writing that table with pyarrow.

For the table as CSV and as Parquet, in turns: a process that reads it and writes it, and one that curates it. Exit code
1 if the best curation takes more than twice the best of the other, or more than 2 GiB. Run alone on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = 5_000_000
SLOWER = 2.0
GIB = 2.0
BARE = {
    "csv": "import sys, pyarrow.csv as f; f.write_csv(f.read_csv(sys.argv[1]), sys.argv[2])",
    "parquet": "import sys, pyarrow.parquet as f; f.write_table(f.read_table(sys.argv[1]), sys.argv[2])",
}
CURATE = ("--target", "y", "--id", "id", "--bin-width", "0.1", "--range", "-2:16", "--name", "big")


@dataclass(frozen=True)
class Cost:
    """The best wall time in seconds, and the highest resident memory in bytes, of some runs."""

    seconds: float
    peak: int


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="What `dir curate custom` costs on five million rows.")
    parser.add_argument("--rows", type=int, default=ROWS, metavar="N")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.rows)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        # another process, for the peak of a child on Linux is at least what its parent holds
        command = [sys.executable, __file__, "--make", scratch, "--rows", str(options.rows)]
        subprocess.run(command, check=True)
        return max([report(form, *measured(Path(scratch), form, options.runs)) for form in BARE])


def measured(folder: Path, form: str, runs: int) -> tuple[Cost, Cost]:
    """The costs of reading and writing, and of curation, in turns, so that a busy moment meets both."""
    path = folder / f"table.{form}"
    curate = ["-m", "dircli", "curate", "custom", "--table", str(path), *CURATE, "--out", str(folder / "m")]
    commands = (["-c", BARE[form], str(path), str(folder / f"copy.{form}")], curate)
    turns = [[_run([sys.executable, *command]) for command in commands] for _ in range(runs)]
    bare, ours = (Cost(min(run[0] for run in each), max(run[1] for run in each)) for each in zip(*turns, strict=True))
    return bare, ours


def report(form: str, bare: Cost, ours: Cost) -> int:
    """Print both costs; 1 where ours is too high."""
    ratio = ours.seconds / bare.seconds
    lines = [
        f"{form:8} read and written  {bare.seconds:6.2f} s {bare.peak / 2**30:6.2f} GiB",
        f"{form:8} curated           {ours.seconds:6.2f} s {ours.peak / 2**30:6.2f} GiB",
        f"{form:8} ratio             {ratio:6.2f}     (at most {SLOWER:g}; memory at most {GIB:g} GiB)",
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
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


def make(folder: Path, rows: int) -> None:
    """Write table.csv and table.parquet: shuffled ids, targets from -2 to 16 in steps of 0.1, and three features."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import csv

    generator = np.random.default_rng(666)
    targets = np.clip(np.round(generator.gamma(2, 2, rows) - 2, 1), -2, 16) + 0.0
    numbers = pa.array(generator.permutation(rows)).cast(pa.string())
    features = generator.standard_normal((rows, 3)).round(4)
    columns = {"id": pc.binary_join_element_wise("p", numbers, ""), "y": targets}
    table = pa.table(columns | {f"x{k}": features[:, k] for k in range(3)})
    csv.write_csv(table, folder / "table.csv")
    pq.write_table(table, folder / "table.parquet")


if __name__ == "__main__":
    sys.exit(main())
