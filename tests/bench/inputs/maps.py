"""Depth maps in NYUD2's layout, made up from a seed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image


def maps(folder: Path, count: int) -> None:
    """``count`` 8-bit maps of 640 x 480 with the detail of a real depth map, and the list that names them."""
    scene = folder / "data" / "nyu2_train" / "bench_out"
    scene.mkdir(parents=True)
    y, x = np.mgrid[:480, :640]
    tile = np.random.default_rng(0).normal(0, 1.5, (544, 640))

    def one(row: int) -> None:
        waves = 120 + 80 * np.sin(x / (40 + row % 37) + row) + 30 * np.cos(y / (30 + row % 11))
        codes = np.clip(waves + tile[row % 64 : row % 64 + 480], 18, 255).astype(np.uint8)
        Image.fromarray(codes).save(scene / f"{row}.png")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(count)))
    paths = [f"data/nyu2_train/bench_out/{row}" for row in range(count)]
    (folder / "data" / "nyu2_train.csv").write_text("".join(f"{path}.jpg,{path}.png\n" for path in paths))
