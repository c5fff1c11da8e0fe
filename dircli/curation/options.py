"""What `dir curate` is asked for, of a benchmark; see `custom` for tables of the user's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dircli.curation.derive import Cut
from dircli.store.derived import REFUSE, Replacing


@dataclass(frozen=True, kw_only=True)
class CurateOptions:
    """What `dir curate` is to make of a benchmark: from which files, which split, and under which name.

    ``raw`` and ``released`` None are the dataset's own folder; ``part`` None is the whole dataset; ``variant`` is
    another split of the published rows.
    """

    raw: Path | None = None
    released: Path | None = None
    split: Literal["released", "redraw"] = "released"
    seed: int = 666
    part: str | None = None
    variant: str | None = None
    called: str | None = None
    cut: Cut | None = None
    replacing: Replacing = REFUSE
