"""A table counted in parts makes the very files that one process makes, however many parts there are."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import mostly_thorough, processes_of
from odd_files import written

from dircli.benchmark import selection
from dircli.curation import custom, partitioned
from dircli.curation.custom import CustomOptions
from dircli.curation.derive import Cut
from dircli.curation.partitioned import Run as Parts
from dircli.errors import DirError, InputError, UsageError
from dircli.store import engines, parquet, places
from dircli.store.derived import Replacing
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


NUMBERS = (7, 64, 2, 1)


@pytest.mark.parametrize(
    ("case", "number"),
    [
        pytest.param(case, number, marks=() if case == 4 * place else pytest.mark.thorough)
        for case in range(len(CASES))
        for place, number in enumerate(NUMBERS)
    ],
)
def test_parts_make_the_files_that_one_process_makes(case: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    form, names, how = CASES[case]
    table = put(form)
    asked = options(table, names, **how)
    expected = by_one(asked)
    monkeypatch.setattr(custom, "curate", refused)
    monkeypatch.setattr(partitioned, "COLLECTED", 40)  # keys are counted before they are collected
    monkeypatch.setattr(selection, "CELLS", 1 << 8)
    assert in_parts(asked, parted(table, number)) == expected


def test_a_manifest_of_several_row_groups_is_written_in_any_blocks(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 100)
    asked = options(put("CSV"), {**IDS, "group": "who"})
    expected = by_one(asked)
    assert pq.read_metadata(work / "one" / "own" / "samples.parquet").num_row_groups == 12
    monkeypatch.setattr("dircli.store.partitions.ROWS", 37)
    for number in (1, 7):
        assert in_parts(asked, parted("t", number)) == expected


def test_where_rows_have_ids_the_order_of_the_files_makes_no_difference(work: Path) -> None:
    asked = options(put("folder"), {**IDS, "group": "who"})
    expected = in_parts(asked, parted("t", 7))
    for number in range(5):
        (work / "t" / f"{number}.csv").rename(work / "t" / f"{'dacbe'[number]}.csv")
    assert in_parts(asked, parted("t", 2)) == expected == by_one(asked)


@pytest.mark.parametrize("names", mostly_thorough([IDS, {}]))
def test_more_parts_than_rows_lose_none(names: dict[str, str], work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("CSV", "JSON lines", "Parquet"):
        (work / "t").write_bytes(written({name: values[:30] for name, values in rows().items()}, form))
        asked = options("t", names, per_bin=2, width="20")
        expected = by_one(asked)
        monkeypatch.setattr(custom, "curate", refused)
        assert in_parts(asked, parted("t", 1, size=11, rows=1)) == expected


@pytest.mark.thorough
@pytest.mark.parametrize("values", [[5.0] * 1100 + [1e-3 * row for row in range(100)], [7.25] * 1200])
def test_bins_are_chosen_for_targets_that_are_mostly_equal_as_by_one_process(
    values: list[float], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "t").write_bytes(written({**rows(), "y": values}, "CSV"))
    asked = options("t", IDS)
    expected = by_one(asked)
    monkeypatch.setattr(custom, "curate", refused)
    monkeypatch.setattr(partitioned, "COLLECTED", 4)  # fewer than are equal
    assert in_parts(asked, parted("t", 7)) == expected


@pytest.mark.parametrize("name", mostly_thorough(["t.csv", "t.csv.gz", "t.parquet"]))
def test_compressed_text_quotes_and_whole_numbers_as_ids_are_read_in_parts(
    name: str, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {**rows(), "id": list(range(900, 900 + ROWS))}
    if name == "t.csv":
        table |= {"who": [f"a, {who}" for who in table["who"]]}
    kinds = {"t.csv.gz": "gzip", "t.csv": "quotes", "t.parquet": "Parquet"}
    (work / name).write_bytes(written(table, kinds[name]))
    asked = options(name, {**IDS, "group": "who"})
    expected = by_one(asked)
    monkeypatch.setattr(custom, "curate", refused)
    assert in_parts(asked, parted(name, 7)) == expected


def altered(column: str, values: dict[int, Any]) -> dict[str, Any]:
    """The column with other ``values`` in some rows."""
    new = rows()[column]
    for row, value in values.items():
        new[row] = value
    return {column: new}


GROUPS = {**IDS, "group": "who"}
WRONG: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, Any]]] = {
    "no number": (altered("y", {900: ""}), GROUPS, {}),
    "repeated far away": (altered("id", {5: rows()["id"][1000]}), GROUPS, {}),
    "lines in a field": ({"who": [f"{who}\nof them" for who in rows()["who"]]}, GROUPS, {}),
    "nothing drawn": ({"y": list(range(ROWS))}, IDS, {"width": "0.5"}),
    "no id": (altered("id", {900: ""}), GROUPS, {}),
    "no group": (altered("who", {900: ""}), GROUPS, {}),
    "repeated nearby": (altered("id", {5: "row 7", 6: "row 7"}), IDS, {}),
    "no such split": (altered("part", {900: "tset"}), {"split": "part"}, {}),
    "no test": ({"part": ["train"] * ROWS}, {"split": "part"}, {}),
    "outside": ({}, IDS, {"edges": "20,80"}),
    "all outside": ({}, IDS, {"edges": "200,800", "outside": "drop"}),
    "one group": ({"who": ["me"] * ROWS}, GROUPS, {}),
    "no such column": ({}, {"id": "key"}, {}),
    "two in one": ({}, {"id": "y"}, {}),
    "no row": ({name: [] for name in rows()}, IDS, {}),
    "nothing in gaps": ({}, IDS, {"cut": Cut(gaps=((1000, 1001),), seed=1)}),
}
"""What is wrong or unusual: the columns that have it, the names of columns, and options."""


def wrong(how: str) -> CustomOptions:
    """The options for a table, put here, with one thing wrong or unusual."""
    columns, names, asked = WRONG[how]
    Path("t").write_bytes(written({**rows(), **columns}, "quotes" if how == "lines in a field" else "CSV"))
    return options("t", names, **asked)


@pytest.mark.parametrize("how", mostly_thorough(WRONG, first=4))
def test_what_is_wrong_is_named_as_by_one_process_and_nothing_is_left(how: str, work: Path) -> None:
    asked = wrong(how)
    (work / "scratch").mkdir()
    outcomes: list[Any] = []
    for make in (by_one, lambda all_: in_parts(all_, parted("t", 7, scratch=work / "scratch"))):
        try:
            outcomes.append(make(asked))
        except DirError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], str) or how == "lines in a field"
    assert not list((work / "scratch").iterdir())
    assert isinstance(outcomes[0], dict) or not [*work.glob("parts/own/*"), *work.glob("parts/own/.*")]


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ("no number", r"^t, bytes [\d,]+ to [\d,]+: something is wrong, or not as most .* too large to be read"),
        ("no such split", r"^t, bytes [\d,]+ to [\d,]+: column part holds 'tset'. It is too large to be read"),
        ("repeated far away", r"^t: an id occurs more than once. It is too large to be read as a whole"),
        ("nothing drawn", r"^t: no row would be left for val and test. Try another --per-bin"),
        ("outside", r"^t: \d+ targets lie outside 20..80: row \d+ = .*, and \d+ more. Choose --outside clip"),
    ],
)
def test_of_a_table_that_is_too_large_to_be_read_as_a_whole_it_is_said_where_something_is_wrong(
    how: str, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "WHOLE", 100)
    with pytest.raises(InputError, match=match):
        in_parts(wrong(how), parted("t", 7))


def test_another_manifest_is_replaced_by_force_alone_and_what_was_derived_from_it_goes(run: Run, work: Path) -> None:
    table = put("CSV")
    first = in_parts(options(table, IDS), parted(table, 7))
    run("weights", "--manifest", "parts/own")
    there = {path.name for path in (work / "parts" / "own").iterdir()}
    other = options(table, IDS, seed=6)
    with pytest.raises(UsageError, match=r"differs in rows or split, seed|differs in rows or split"):
        partitioned.curate(other, root=Path("parts"), run=parted(table, 7))
    assert {path.name for path in (work / "parts" / "own").iterdir()} == there
    assert (work / "parts" / "own" / "samples.parquet").read_bytes() == first["samples.parquet"]
    told: list[str] = []
    forced = replace(other, replacing=Replacing(force=True, tell=told.append))
    partitioned.curate(forced, root=Path("parts"), run=parted(table, 7))
    assert {path.name for path in (work / "parts" / "own").iterdir()} == first.keys()
    assert "removed what was derived" in told[0]
    run("verify", "--manifest", "parts/own")


def test_files_that_workers_do_not_see_and_folders_that_are_none_are_named(work: Path) -> None:
    table = put("CSV")
    with pytest.raises(UsageError, match="--scratch nowhere: No such file"):
        in_parts(options(table, IDS), parted(table, 2, scratch=Path("nowhere")))

    class Apart(engines.Local):
        shares_files = False

    with pytest.raises(UsageError, match=r"every worker must see; name a folder .* --scratch FOLDER"):
        in_parts(options(table, IDS), parted(table, 2, engine=Apart()))
    (work / "scratch").mkdir()
    assert in_parts(options(table, IDS), parted(table, 2, engine=Apart(), scratch=work / "scratch"))
    assert not list((work / "scratch").iterdir())


def test_a_folder_for_parts_needs_a_cluster_and_a_table(run: Run) -> None:
    words = ["curate", "custom", "--table", put("CSV"), "--target", "y", "--scratch", "."]
    assert "--scratch is where --engine dask divides" in run(*words, code=2).stderr
    stderr = run(*words, "--engine", "dask", "--few", "9", "--many", "2", code=2).stderr
    assert "--few 9 is above --many 2" in stderr  # before a cluster starts
    words = ["curate", "agedb", "--check-images", "--engine", "dask", "--scratch", "."]
    assert "--scratch is where --engine dask divides" in run(*words, code=2).stderr


def test_a_cluster_makes_the_files_that_one_process_makes_in_any_number_of_parts(cluster: engines.Engine) -> None:
    asked = options(put("Parquet"), {**IDS, "group": "who"}, missing="drop", limits="20:80", outside="drop")
    expected = by_one(asked)
    for number in (1, 7, 64):
        assert in_parts(asked, parted("t.parquet", number, engine=cluster)) == expected
    asked = options(asked.table.name, {}, missing="drop", cut=Cut(skew="50:10:1", size=300, seed=3))
    assert in_parts(asked, parted("t.parquet", 7, engine=cluster)) == by_one(asked)


@pytest.mark.slow
def test_the_command_makes_a_manifest_on_a_cluster_and_leaves_nothing_behind(run: Run, work: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    (work / "t.csv").write_bytes(written(rows(), "CSV"))
    (work / "scratch").mkdir()
    words = ["curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--name", "own"]
    ours = run(*words, "--out", "one")
    theirs = run(*words, "--out", "parts", "--engine", "dask", "--workers", "1", "--scratch", "scratch")
    assert theirs.stdout == ours.stdout
    assert theirs.stderr == ours.stderr.replace("one/", "parts/")
    one, parts = (
        {path.name: path.read_bytes() for path in (work / root / "own").iterdir()} for root in ("one", "parts")
    )
    assert one == parts
    assert not list((work / "scratch").iterdir())


@contextmanager
def killing(what: str, _total: int, *, victims: list[int], stage: str) -> Iterator[Callable[[int], None]]:
    """Kill one of the two ``victims`` once a part of this ``stage`` is done."""

    def tell(_number: int) -> None:
        if what == stage and len(victims) > 1:
            os.kill(victims.pop(), signal.SIGKILL)

    yield tell


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(work: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    size = 1_000_000
    draw = np.random.default_rng(0)
    ids = pa.array(draw.permutation(size)).cast(pa.string())
    pq.write_table(pa.table({"id": ids, "y": draw.normal(50, 15, size).round(1)}), "t", row_group_size=20_000)
    asked = options("t", IDS)
    expected = by_one(asked)
    (work / "scratch").mkdir()
    with engines.opened("dask", workers=2) as engine:
        for stage in ("parts read", "parts sorted", "parts written"):
            victims = processes_of(engine, 2)
            watch = partial(killing, victims=victims, stage=stage)
            run = Parts(engine=engine, size=1 << 19, rows=50_000, watch=watch, scratch=work / "scratch")
            assert in_parts(asked, run) == expected
            assert len(victims) == 1
            assert not list((work / "scratch").iterdir())


@pytest.mark.slow
def test_a_cluster_reads_a_table_that_lies_elsewhere(s3: Any, work: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    for path in Path(put("folder")).iterdir():
        s3.pipe(f"bucket/t/{path.name}", path.read_bytes())
    s3.pipe("bucket/t.parquet", Path(put("Parquet")).read_bytes())
    with engines.opened("dask", workers=2) as engine:  # which knows the environment of the store
        for table, how in (("s3://bucket/t/*.csv", {}), ("s3://bucket/t.parquet", {"missing": "drop"})):
            asked = replace(options(".", IDS, **how), table=places.of(table))
            expected = by_one(asked)
            assert in_parts(asked, Parts(engine=engine, size=9000, rows=100)) == expected
    shutil.move(work / "one", work / "elsewhere")
    here = by_one(options("t.parquet", IDS, missing="drop"))
    assert here["samples.parquet"] == (work / "elsewhere" / "own" / "samples.parquet").read_bytes()
