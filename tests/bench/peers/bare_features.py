"""Copy features with h5py, block by block."""

from __future__ import annotations

import sys

import h5py

BLOCK = 8192
with h5py.File(sys.argv[1]) as file, h5py.File(sys.argv[2], "w") as new:
    features = file["features"]
    copy = new.create_dataset("features", features.shape, features.dtype)
    for first in range(0, len(features), BLOCK):
        copy[first : first + BLOCK] = features[first : first + BLOCK]
