"""Decode every map with Pillow, with as many threads as there are cores, and do nothing else."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image


def decode(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


with ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(decode, sorted(Path(sys.argv[1]).glob("data/nyu2_train/bench_out/*.png"))))
