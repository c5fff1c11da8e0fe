"""Make inputs: ``python tests/bench/make.py NAME FOLDER ROWS``, a process of its own.

The peak memory of a process on Linux is at least what its parent holds, so that the runner itself must stay small.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inputs import faces, features, maps, tables

if TYPE_CHECKING:
    from collections.abc import Callable

MAKERS: dict[str, Callable[[Path, int], None]] = {
    "agedb": tables.agedb,
    "arrays": tables.arrays,
    "carried": tables.carried,
    "divided": tables.divided,
    "drawn": tables.drawn,
    "faces": faces.faces,
    "features": features.features,
    "joined": tables.joined,
    "maps": maps.maps,
    "table": tables.table,
    "trained": tables.trained,
}

if __name__ == "__main__":
    name, folder, rows = sys.argv[1:]
    MAKERS[name](Path(folder), int(rows))
