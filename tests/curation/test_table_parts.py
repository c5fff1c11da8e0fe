"""A table counted in parts makes the very files that one process makes, however many parts there are and in any order."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from odd_files import written

from dircli.benchmark import selection
from dircli.curation import custom, partitioned
from dircli.curation.custom import CustomOptions
from dircli.curation.derive import Cut
from dircli.curation.partitioned import Run as Parts
from dircli.errors import DirError, InputError, UsageError
from dircli.store import engines, parquet
from dircli.store.engines import LOCAL
from dircli.store.user_tables import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run

ROWS = 1200
WHOLE = custom.curate
IDS = {"id": "id"}


def rows(size: int = ROWS, seed: int = 0) -> dict[str, Any]:
    """Rows with ids of several lengths, in no order, in groups, and with a split."""
    draw = np.random.default_rng(seed)
    return {
        "id": [f"row {number}" for number in draw.permutation(size)],
        "y": draw.normal(50, 15, size).round(1).tolist(),
        "who": [f"p{number}" for number in draw.integers(0, max(1, size // 9), size)],
        "part": draw.choice(["train", "Train ", "val", "dev", "test"], size).tolist(),
    }


def lacking(table: dict[str, Any]) -> dict[str, Any]:
    """The same rows, of which some have no target."""
    gone = np.random.default_rng(1).random(len(table["y"])) < 0.1
    return {**table, "y": [float("nan") if no else value for no, value in zip(gone, table["y"], strict=True)]}


def put(form: str) -> str:
    """The name of a table of that form, which is put here."""
    if form == "folder":
        Path("t").mkdir()
        for number in range(5):
            part = {name: values[number * 240 : (number + 1) * 240] for name, values in rows().items()}
            Path(f"t/{number}.csv").write_bytes(written(part, "CSV"))
        return "t"
    if form == "float32":
        table = pa.table(rows())
        single = table.set_column(1, "y", table["y"].cast(pa.float32()))
        pq.write_table(single, "t.parquet", row_group_size=47)
        return "t.parquet"
    if form == "Parquet":
        pq.write_table(pa.table(lacking(rows())), "t.parquet", row_group_size=47)
        return "t.parquet"
    kind, _, lacks = form.partition(", ")
    Path("t").write_bytes(written(lacking(rows()) if lacks else rows(), kind))
    return "t"


def options(table: str, names: dict[str, str], **how: Any) -> CustomOptions:
    return CustomOptions(table=Path(table), names=Names(target="y", **names), called="own", **{"seed": 5, **how})


def parted(table: str, number: int, **how: Any) -> Parts:
    """So many parts of the table."""
    paths = [Path(table)] if Path(table).is_file() else list(Path(table).iterdir())
    size = sum(path.stat().st_size for path in paths)
    return Parts(**{"engine": LOCAL, "size": max(1, size // number), "rows": max(1, ROWS // number), **how})


def made(root: str, make: Callable[[], Any]) -> dict[str, bytes]:
    """The files that there are in the manifest in ``root`` once it is made."""
    shutil.rmtree(root, ignore_errors=True)
    make()
    return {path.name: path.read_bytes() for path in Path(root, "own").iterdir()}


def by_one(asked: CustomOptions) -> dict[str, bytes]:
    return made("one", lambda: WHOLE(asked, root=Path("one")))


def in_parts(asked: CustomOptions, run: Parts) -> dict[str, bytes]:
    return made("parts", lambda: partitioned.curate(asked, root=Path("parts"), run=run))


def refused(*_: Any, **__: Any) -> Any:
    pytest.fail("it was read as a whole")


CASES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("CSV", IDS, {}),
    ("CSV", {}, {"width": "5", "per_bin": 9}),
    ("CSV, lacking", IDS, {"missing": "drop", "edges": "20,40,60,80", "outside": "clip"}),
    ("CSV, lacking", {}, {"missing": "drop", "limits": "20:80", "outside": "drop"}),
    ("CSV", {}, {"edges": "20,40,80", "outside": "drop"}),
    ("CSV", {"group": "who"}, {"edges": "0,45,80,99", "outside": "drop"}),
    ("Parquet", {**IDS, "group": "who"}, {"missing": "drop", "bins": "quantile:9"}),
    ("float32", IDS, {"limits": "0:100", "outside": "clip"}),
    ("float32", {"split": "part"}, {"width": "0.1", "limits": "20:80", "outside": "clip"}),
    ("JSON lines", {**IDS, "split": "part"}, {"bins": "quantile:20"}),
    ("folder", IDS, {"edges": "0,99", "cut": Cut(gaps=((30, 35), (60, 61)), seed=1)}),
    ("folder", {}, {"cut": Cut(skew="50:10:1", size=300, seed=3), "edges": "30,40,50,90", "outside": "clip"}),
    ("folder", {**IDS, "group": "who"}, {"cut": Cut(gaps=((30, 45),), skew="50:10:1", size=300, seed=3)}),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_parts_make_the_files_that_one_process_makes(case: int, monkeypatch: pytest.MonkeyPatch) -> None:
    form, names, how = CASES[case]
    table = put(form)
    asked = options(table, names, **how)
    expected = by_one(asked)
    monkeypatch.setattr(custom, "curate", refused)
    monkeypatch.setattr(partitioned, "COLLECTED", 40)  # keys are counted before they are collected
    monkeypatch.setattr(selection, "CELLS", 1 << 8)
    for number in (1, 2, 7, 64)[case % 2 :: 2]:
        assert in_parts(asked, parted(table, number)) == expected, number
