"""Count the depths of all maps as `dir curate nyud2` does, checkpoints included; of fewer maps than it asks for."""

from __future__ import annotations

import sys
from pathlib import Path

from dircli.curation.pixels.count import counted
from dircli.datasets.formats.nyu_depth import from_list
from dircli.store.checkpoint import Checkpoint
from dircli.store.raw.tree import open_raw

maps = from_list(open_raw(Path(sys.argv[1])), "data/nyu2_train.csv", "train")
counts, problems = counted(maps, Checkpoint(Path(sys.argv[2]) / "checkpoint"), what="train", size=32)
assert not problems
assert counts.sum() == len(maps.ids) * 304 * 228
