"""Count 2,000 synthetic depth maps, beside a bare Pillow loop over the same files; exit 1 where it costs too much.

Both decode with as many threads as there are cores. The cost is processor time, the least of several runs that take
turns, for a busy machine stretches the wall clock of one of them; wall clocks are shown. Memory is that of fresh
processes that count 500 and 2,000 maps.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT, FEW = 2_000, 500
ROUNDS = 5
MOST = 1.2  # of the bare loop's time
SPARE = 16  # MiB that 1,500 more maps may cost


def make(folder: Path, count: int) -> None:
    """``count`` 8-bit maps of 640 x 480 with the detail of a real depth map, and the list that names them."""
    scene = folder / "data" / "nyu2_train" / "bench_out"
    scene.mkdir(parents=True)
    y, x = np.mgrid[:480, :640]
    noise = np.random.default_rng(0)

    def one(row: int) -> None:
        waves = 120 + 80 * np.sin(x / (40 + row % 37) + row) + 30 * np.cos(y / (30 + row % 11))
        codes = np.clip(waves + tile[row % 64 : row % 64 + 480], 18, 255).astype(np.uint8)
        Image.fromarray(codes).save(scene / f"{row}.png")

    tile = noise.normal(0, 1.5, (544, 640))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(count)))
    paths = [f"data/nyu2_train/bench_out/{row}" for row in range(count)]
    (folder / "data" / "nyu2_train.csv").write_text("".join(f"{path}.jpg,{path}.png\n" for path in paths))


def ours(folder: Path, count: int) -> None:
    """Count the first ``count`` maps as `dir curate` does, checkpoints included."""
    from dataclasses import replace

    from dircli.curation.pixels.count import counted
    from dircli.datasets.formats.nyu_depth import from_list
    from dircli.store.checkpoint import Checkpoint
    from dircli.store.raw.tree import open_raw

    maps = from_list(open_raw(folder), "data/nyu2_train.csv", "train")
    maps = replace(maps, ids=maps.ids[:count])
    checkpoint = folder / "checkpoint"
    found, problems = counted(maps, Checkpoint(checkpoint), what="train")
    checkpoint.unlink()
    assert not problems
    assert found.sum() == count * 304 * 228


def bare(folder: Path, count: int) -> None:
    """Decode the same files with Pillow and do nothing else."""
    scene = folder / "data" / "nyu2_train" / "bench_out"

    def decode(row: int) -> None:
        with Image.open(scene / f"{row}.png") as image:
            image.load()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode, range(count)))


def cost(work: Callable[[Path, int], None], folder: Path) -> tuple[float, float]:
    """Processor seconds and seconds on the wall clock."""
    wall, own = time.perf_counter(), time.process_time()
    work(folder, COUNT)
    return time.process_time() - own, time.perf_counter() - wall


def peak(folder: Path, count: int) -> float:
    """The peak memory, in MiB, of a new process that counts ``count`` maps."""
    words = [sys.executable, __file__, str(folder), str(count)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, COUNT)
        costs: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
        for _ in range(ROUNDS):
            costs["bare"].append(cost(bare, folder))
            costs["ours"].append(cost(ours, folder))
        least = {key: tuple(min(column) for column in zip(*found, strict=True)) for key, found in costs.items()}
        ratio, wall = (least["ours"][k] / least["bare"][k] for k in (0, 1))
        few, many = peak(folder, FEW), peak(folder, COUNT)
    lines = [
        f"{COUNT:,} maps, {os.cpu_count()} cores, the least of {ROUNDS} runs (processor / wall clock)",
        *(f"{key}  {own:.2f} s / {seconds:.2f} s" for key, (own, seconds) in least.items()),
        f"ratio {ratio:.2f} / {wall:.2f}, at most {MOST} of processor time",
        f"peak memory {few:.0f} MiB for {FEW:,} maps, {many:.0f} MiB for {COUNT:,}; at most {SPARE} MiB more",
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    return int(ratio > MOST or many - few > SPARE)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ours(Path(sys.argv[1]), int(sys.argv[2]))
        sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    else:
        sys.exit(main())
