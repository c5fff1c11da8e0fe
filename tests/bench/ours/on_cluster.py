"""Score a file on a cluster of 2 worker processes of one thread, and print the seconds without their start.

On stdout the wall and the processor seconds; on stderr the peak memory of this process, which is not that of workers.
"""

import resource
import sys
import time
from pathlib import Path

from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.scores.partitioned import Run
from dircli.store import engines
from dircli.store.predictions import Layout


def begun(_: None, __: int) -> None:
    """Load what a worker needs, and say nothing."""
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    import dircli.scores.partitioned  # noqa: F401


def nothing(_: list[None]) -> None:
    """Nothing."""


if __name__ == "__main__":
    path, bins, metrics = sys.argv[1:]
    layout = Layout(sigma_column="sigma")
    request = ScoreOptions(
        split="test", protocol="released", metrics=metrics.split(","), layout=layout, keep_rows=False
    )
    with engines.opened("dask", workers=2) as engine:
        engine.reduced(begun, range(16), nothing)
        begin = time.perf_counter()
        scored = evaluate([path], request, name=None, root=Path("none"), bins_file=Path(bins), run=Run(engine=engine))
        wall = time.perf_counter() - begin
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    sys.stdout.write(f"{wall} {own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime}\n")
    sys.stderr.write(f"{own.ru_maxrss / 1024:.0f} MiB at most, and a worker {workers.ru_maxrss / 1024:.0f} MiB\n")
