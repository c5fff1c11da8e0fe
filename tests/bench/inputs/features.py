"""Features as a trainer saves them, made up from a seed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

DIM, BLOCK = 512, 8192


def features(folder: Path, rows: int) -> None:
    """features.h5: targets of 0..120, most of them around 40, and float32 features; contiguous, as h5py writes them."""
    random = np.random.default_rng(0)
    targets = np.clip(random.normal(40, 20, rows).round(), 0, 120)
    with h5py.File(folder / "features.h5", "w") as file:
        file["targets"] = targets
        written = file.create_dataset("features", (rows, DIM), np.float32)
        for first in range(0, rows, BLOCK):
            block = random.standard_normal((min(BLOCK, rows - first), DIM), dtype=np.float32)
            written[first : first + BLOCK] = block + np.sin(targets[first : first + BLOCK, None] / 30 + np.arange(DIM))
