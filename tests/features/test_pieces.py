"""Features that an engine sums and calibrates in pieces are those of one process, also where they lie elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import server as web
from conftest import mostly_thorough, processes_of
from miniatures import MINIATURES

from dircli.datasets.open import open_benchmark
from dircli.errors import InputError, Problem, UsageError
from dircli.features import calibrate
from dircli.features.calibrate import FdsOptions
from dircli.features.pieces import Item, Work
from dircli.store import engines, manifests
from dircli.store.engines import LOCAL
from dircli.store.features.layout import Piece
from dircli.store.features.open import opened
from dircli.store.places import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from conftest import Run

    from dircli.arrays import AnyArray, FloatArray
    from dircli.benchmark.protocol import ProtocolName

DIM, ROWS = 5, 640
MANY = 130_000
"""Rows of a file of which not all is read at once."""
FORMS = ("h5", "parquet", "npy")
NUMBERS = (1, 2, 7, 64)


def ages(rows: int = ROWS) -> FloatArray:
    """Of ten years; one row alone in its bin, one between two bins and, for the paper, one in none."""
    made = 20.0 + np.arange(rows, dtype=np.float64) % 10
    made[[3, 7, 11]] = 55, 24.5, 130
    return made


def features(seed: int = 0, rows: int = ROWS, kind: str = "float64") -> AnyArray:
    draw = np.random.default_rng(seed).standard_normal((rows, DIM))
    return np.asarray((draw * (1 + seed) + ages(rows)[:, None] / 5 + 100).astype(kind))


def lists_of(values: AnyArray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), DIM)


def table(first: int = 0, last: int = ROWS, seed: int = 0) -> pa.Table:
    lists = lists_of(features(seed)[first:last])
    return pa.table(
        {
            "target": ages()[first:last],
            "note": pa.array([f"n{k}" for k in range(first, last)], pa.string()),
            "features": lists,
        }
    )


def write(path: Path, *, epochs: int = 1) -> None:
    """Features, and targets where the kind of file has a place for them."""
    if path.suffix == ".npy":
        np.save(path, features())
    elif path.suffix == ".parquet":
        pq.write_table(table(), path, row_group_size=9)
    else:
        with h5py.File(path, "w") as file:
            file["targets"] = ages()
            for epoch in range(epochs):
                how = {"chunks": (11, DIM), "compression": "gzip"} if epoch else {}
                file.create_dataset(f"e{epoch}/features", data=features(epoch), **how)


def divided(number: int, engine: engines.Engine = LOCAL, *, rows: int = ROWS, itemsize: int = 8) -> Work:
    """Who does an epoch in about so many pieces."""
    return Work(engine=engine, size=max(rows * DIM * itemsize // number, 1))


@pytest.fixture
def of_ages(monkeypatch: pytest.MonkeyPatch) -> None:
    """All files are read as if a manifest held our rows in their order, which files without targets need."""
    benchmark = open_benchmark("agedb", Path("none"), None)

    class Rows(NamedTuple):
        texts: AnyArray
        targets: FloatArray

    class Curated:
        has_rows, unit, table, rules = True, "samples", benchmark.table, benchmark.rules

        def rows(self, _split: str) -> Rows:
            return Rows(np.array([f"i{k}" for k in range(ROWS)], dtype=object), ages())

    monkeypatch.setattr(calibrate, "open_benchmark", lambda *_: Curated())


class Made(NamedTuple):
    """What a run wrote, and said of it."""

    statistics: Mapping[str, AnyArray]
    features: list[AnyArray]
    smoothed: calibrate.Smoothed


def made(source: Path | str, out: Path, work: Work = calibrate.HERE, **options: Any) -> Made:
    """The features in ``source`` calibrated by whoever it is."""
    smoothed = calibrate.calibrate(source, "agedb", FdsOptions(**options), root=out.parent / "none", out=out, work=work)
    with h5py.File(smoothed.statistics) as file:
        statistics = {name: np.asarray(item) for name, item in file.items() if name != "settings"}
    with opened(out) as calibrated:
        arrays = [np.concatenate([b.features for b in e.blocks(e.whole)]) for e in calibrated.epochs]
    return Made(statistics, arrays, smoothed)


def same(ours: Made, theirs: Made) -> None:
    """Counts exactly, statistics and features within rounding."""
    assert ours.statistics.keys() == theirs.statistics.keys()
    for name, array in ours.statistics.items():
        expected = theirs.statistics[name]
        if array.dtype.kind in "biu" or name == "edges":
            assert np.array_equal(array, expected), name
        else:
            scale = np.nanmax(np.abs(expected), initial=0)
            np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-12 * scale, err_msg=name)
    for array, expected in zip(ours.features, theirs.features, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_allclose(array, expected, rtol=1e-12)
    for field in ("rows", "stayed", "left_alone", "facts"):
        assert getattr(ours.smoothed, field) == getattr(theirs.smoothed, field), field


@pytest.mark.parametrize("protocol", ["released", "paper"])
@pytest.mark.parametrize("form", mostly_thorough(FORMS))
def test_pieces_of_a_file_give_the_features_of_the_whole(
    form: str, protocol: ProtocolName, work: Path, request: pytest.FixtureRequest
) -> None:
    if form == "npy":
        request.getfixturevalue("of_ages")
    write(path := work / f"f.{form}")
    whole = made(path, work / f"whole.{form}", protocol=protocol)
    assert whole.smoothed.stayed == {"released": 3, "paper": 1}[protocol]
    for number in NUMBERS if protocol == "released" or form == "npy" else (2, 7):
        with opened(path) as source:
            pieces = source.epochs[0].pieces(divided(number).size or 0)
        assert number * 0.9 <= len(pieces) <= number * 1.2
        same(made(path, work / f"pieces-{number}.{form}", divided(number), protocol=protocol), whole)
    if form == "parquet":
        rest = [pq.read_table(work / f"{name}.parquet").drop_columns("features") for name in ("whole", "pieces-7", "f")]
        assert rest[0] == rest[1] == rest[2]


@pytest.mark.thorough
@pytest.mark.parametrize("options", [{}, {"lag": True}, {"protocol": "paper"}])
def test_epochs_are_calibrated_in_pieces_as_the_whole_is(options: dict[str, Any], work: Path) -> None:
    write(path := work / "f.h5", epochs=3)
    whole = made(path, work / "whole.h5", **options)
    same(made(path, work / "pieces.h5", divided(7), **options), whole)
    moved = [not np.array_equal(array, features(epoch)) for epoch, array in enumerate(whole.features)]
    assert moved == [not options.get("lag"), not options.get("lag"), True]


def compared(path: Path | str, work: Work = calibrate.HERE, **options: Any) -> calibrate.Similarity:
    against = open_benchmark("agedb", Path("none"), None)
    return calibrate.similarity(path, against, FdsOptions(**options), anchor=24, work=work)


def alike(ours: calibrate.Similarity, theirs: calibrate.Similarity) -> None:
    for name in ("counts", "strange_mean", "strange_variance"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name))
    for name in ("mean", "variance", "distances"):
        if (expected := getattr(theirs, name)) is not None:
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_bins_of_pieces_are_as_alike_and_as_far_moved_as_of_the_whole(protocol: ProtocolName, work: Path) -> None:
    write(work / "one.h5")
    write(work / "three.h5", epochs=3)
    for name, numbers in (("one.h5", (2, 64)), ("three.h5", (1, 7))):
        whole = compared(name, protocol=protocol)
        assert (whole.distances is None) == (name == "one.h5")
        assert whole.counts.sum() == ROWS - 1
        for number in numbers:
            alike(compared(name, divided(number), protocol=protocol), whole)


def test_each_row_counts_twice_for_who_watches_also_in_pieces(work: Path) -> None:
    write(path := work / "f.h5", epochs=2)
    told: list[int] = []

    @contextmanager
    def watch(_what: str, total: int) -> Iterator[Callable[[int], None]]:
        assert total == 4 * ROWS
        yield told.append

    calibrate.calibrate(path, "agedb", FdsOptions(), root=work, out=work / "o.h5", watch=watch, work=divided(7))
    assert sum(told) == 4 * ROWS
    assert len(told) == 28


@pytest.mark.thorough
def test_pieces_are_no_smaller_than_the_sums_that_they_give(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 640 rows of 5 features: 97 bins of 5 numbers, 97 rows a piece; for the paper 121 bins of 25, 605 rows."""
    monkeypatch.setattr("dircli.features.pieces.SIZE", 1)
    numbers: list[int] = []

    class Counting(engines.Local):
        def reduced(self, function: Any, items: Any, *others: Any, **more: Any) -> Any:
            if isinstance(items[0], Item):
                numbers.append(len(items))
            return super().reduced(function, items, *others, **more)

    write(work / "f.h5")
    for protocol in ("released", "paper"):
        made("f.h5", work / f"{protocol}.h5", Work(engine=Counting()), protocol=protocol)
    assert numbers == [7, 1]
    assert Work.of(LOCAL) == Work()
    other = Counting()
    other.name = "dask"
    assert Work.of(other).engine is other


def refused(source: Path | str, work: Work, folder: Path) -> str:
    with pytest.raises(InputError) as raised:
        made(source, folder / f"out{str(source)[str(source).rindex('.') :]}", work)
    return str(raised.value)


@pytest.mark.parametrize("number", [1, 7])
def test_rows_that_are_not_finite_are_named_as_in_the_whole(number: int, work: Path) -> None:
    write(work / "f.h5", epochs=3)
    with h5py.File(work / "f.h5", "a") as file:
        for epoch, rows in (("e0", [7]), ("e2", [*range(100, 110), 639, 630])):
            for row in rows:
                file[f"{epoch}/features"][row, 2] = np.nan
    whole = refused("f.h5", calibrate.HERE, work)
    assert "f.h5, e0, row 8: its features are not 5 finite" in whole
    assert "f.h5, e2, row 110: its" in whole
    assert "f.h5, e2: 2 more rows are not finite" in whole
    assert refused("f.h5", divided(number), work) == whole
    assert [path.name for path in work.iterdir()] == ["f.h5"]


@pytest.mark.parametrize("number", [1, 7])
def test_targets_that_are_no_numbers_and_no_targets_are_named_as_in_the_whole(number: int, work: Path) -> None:
    write(work / "f.h5", epochs=2)
    with h5py.File(work / "f.h5", "a") as file:
        file["targets"][[5, *range(300, 311)]] = np.inf
    whole = refused("f.h5", calibrate.HERE, work)
    assert whole.startswith("f.h5, e0: 12 rows have no number as their target: rows 6, 301, 302,")
    assert "f.h5, e1: 12 rows have no number as their target" in whole
    assert refused("f.h5", divided(number), work) == whole
    np.save(work / "f.npy", features())
    whole = refused("f.npy", calibrate.HERE, work)
    assert whole.startswith("f.npy: there are no targets")
    assert refused("f.npy", divided(number), work) == whole


def test_rows_of_a_manifest_go_to_their_pieces_by_id(work: Path, tmp_path: Path, run: Run) -> None:
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    for split in ("train", "val"):
        ids = samples.ids[samples.split == split]
        order = np.random.default_rng(1).permutation(len(ids))
        with h5py.File(work / f"{split}.h5", "w") as file:
            file["features"], file["ids"] = features(rows=len(ids)), list(ids[order])
        outs = []
        for name, who in (("whole", calibrate.HERE), ("pieces", divided(5, rows=len(ids)))):
            out = work / f"{split}-{name}.h5"
            calibrate.calibrate(
                work / f"{split}.h5", None, FdsOptions(split=split), root=work / "manifests", out=out, work=who
            )
            with h5py.File(out) as file:
                outs.append(file["features"][:])
        assert outs[0] == pytest.approx(outs[1], rel=1e-12)
        assert not np.array_equal(outs[0], features(rows=len(ids)))


def test_more_pieces_than_rows_and_row_groups_lose_none(work: Path) -> None:
    pq.write_table(table(), work / "one.parquet", row_group_size=ROWS)
    with pq.ParquetWriter(work / "odd.parquet", table().schema) as writer:
        for first, last in ((0, 0), (0, 1), (1, 300), (300, 300), (300, ROWS)):
            writer.write_table(table(first, last))
    for name, number in (("one", 1), ("odd", 3)):
        with opened(work / f"{name}.parquet") as source:
            assert len(source.epochs[0].pieces(1)) == number
        whole = made(work / f"{name}.parquet", work / "whole.parquet", calibrate.HERE)
        same(made(work / f"{name}.parquet", work / "pieces.parquet", Work(engine=LOCAL, size=1)), whole)
        for path in work.glob("[wp]*.*"):
            path.unlink()


def split_up(folder: Path, cuts: tuple[int, ...] = (0, 250, 251, ROWS)) -> None:
    """The rows in files of a folder."""
    folder.mkdir()
    for number, (first, last) in enumerate(pairwise(cuts)):
        part = table(first, last)
        part = part.select(part.column_names[:: -1 if number == 1 else 1])  # columns in another order
        pq.write_table(part, folder / f"part-{number}.parquet", row_group_size=40)
    (folder / "_SUCCESS").touch()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["parts", "parts/*.parquet"])
def test_parquet_files_of_a_folder_or_glob_are_one_table(name: str, work: Path) -> None:
    split_up(work / "parts")
    write(work / "f.parquet")
    whole = made("f.parquet", work / "whole.parquet")
    rest = pq.read_table(work / "whole.parquet").drop_columns("features")
    for number, who in enumerate((calibrate.HERE, divided(1), divided(7))):
        out = work / f"pieces-{number}.parquet"
        same(made(name, out, who), whole)
        assert pq.read_table(out).drop_columns("features") == rest
    alike(compared(name, divided(7)), compared("f.parquet"))


def test_a_row_that_is_not_finite_is_named_by_its_file(work: Path) -> None:
    split_up(work / "parts")
    path = work / "parts" / "part-2.parquet"
    rows = pq.read_table(path)
    lists, field = rows["features"].to_pylist(), rows.schema.field("features")
    lists[4][2] = float("nan")
    pq.write_table(rows.set_column(2, field, pa.array(lists, field.type)), path)
    for who in (calibrate.HERE, divided(7)):
        assert refused("parts/*.parquet", who, work).startswith("parts/part-2.parquet, row 5: its features are not 5")


def unlike(folder: Path, how: str) -> None:
    """A folder of two files that are no table."""
    folder.mkdir()
    pq.write_table(table(0, 9), folder / "a.parquet")
    if how == "npy":
        np.save(folder / "b.npy", features())
    elif how == "columns":
        pq.write_table(table(9, 20).drop_columns("note"), folder / "b.parquet")
    elif how == "type":
        pq.write_table(table(9, 20).set_column(0, "target", pa.array([30] * 11)), folder / "b.parquet")
    elif how == "no rows":
        pq.write_table(table(9, 9), folder / "b.parquet")
    elif how == "lengths":
        for name, dim in (("a", 2), ("b", 3)):
            lists = {"features": [[1.5] * dim] * 4, "target": [30.0] * 4}
            pq.write_table(pa.table(lists), folder / f"{name}.parquet")
    else:
        (folder / "a.parquet").rename(folder / "b.parquet")
        np.save(folder / "a.npy", features())


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ("npy", "p/b.npy: this is no table of text or Parquet"),
        ("columns", "p/b.parquet: there is no column note, unlike in p/a.parquet"),
        ("type", "p/b.parquet: column target is int64, unlike in p/a.parquet"),
        ("no rows", "p/b.parquet: there are no rows"),
        ("lengths", "p/b.parquet: rows have 3 features, and not 2, unlike in p/a.parquet"),
        ("npy first", "p: of several files that are one input each is Parquet, and p/a.npy is not"),
    ],
)
def test_files_that_are_no_table_are_refused_by_name(how: str, match: str, work: Path, run: Run) -> None:
    unlike(work / "p", how)
    stderr = run("fds", "p", "--dataset", "agedb", "--out", "o.parquet", code=2).stderr
    assert match in stderr
    assert [path.name for path in work.iterdir()] == ["p"]


def test_nothing_is_written_among_the_files_that_are_read(work: Path) -> None:
    split_up(work / "parts")
    for name, out in (("parts", "parts/o.parquet"), ("parts/*", "parts/part-1.parquet")):
        with pytest.raises(UsageError, match="write elsewhere"):
            made(name, work / out)


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_features_on_the_web_are_calibrated_as_a_copy_here_is(
    form: str, work: Path, server: web.Server, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    if form == "npy":
        request.getfixturevalue("of_ages")
    write(path := work / f"f.{form}", epochs=2)
    whole = made(path, work / f"whole.{form}")
    server.add(f"/f.{form}", path.read_bytes())
    for number, who in enumerate((calibrate.HERE, divided(3))):
        same(made(server.url(f"/f.{form}"), work / f"out{number}.{form}", who), whole)
    assert (work / f"out0.{form}").read_bytes() == (work / f"whole.{form}").read_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_what_comes_no_more_from_the_web_ends_in_one_line_that_says_so(
    form: str, work: Path, server: web.Server
) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    values, path = np.random.default_rng(0).standard_normal((MANY, DIM)), work / f"f.{form}"
    if form == "npy":
        np.save(path, values)
    elif form == "parquet":
        pq.write_table(pa.table({"features": lists_of(values)}), path)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("features", data=values)
    with pytest.raises(InputError, match="no such file"):
        opened(server.url("/none"))
    url = server.url("/f")
    server.add("/f", path.read_bytes())
    with opened(url) as source:
        looked = len(server.ranges("/f"))
        read = np.concatenate([block.features for block in source.epochs[0].blocks(range(MANY))])
    assert np.array_equal(read, values)
    for act in (web.status(503), web.drop(1000)):
        server.add("/f", path.read_bytes(), *[web.serve] * looked, act)
        with opened(url) as source, pytest.raises(UnreachableError, match="cannot be read") as raised:
            list(source.epochs[0].blocks(range(MANY)))
        assert str(raised.value).startswith(url)
        assert "\n" not in str(raised.value)


def test_what_cannot_be_reached_ends_the_work_and_is_said_once() -> None:
    problems: list[Problem] = []
    for _ in range(2):
        with calibrate.noted(problems):
            raise InputError(Problem("f.h5", "it is damaged"))
    assert problems == [Problem("f.h5", "it is damaged")] * 2
    with pytest.raises(UnreachableError, match="it is night"), calibrate.noted(problems):
        raise UnreachableError(Path("f.h5"), "it is night")


def test_a_file_that_a_worker_does_not_see_or_has_otherwise_is_no_input_of_the_user(work: Path) -> None:
    piece = Piece(path=work / "f.npy", number=0, begin=0, end=ROWS + 1, first=0)
    with pytest.raises(FileNotFoundError), Item(piece=piece).read():
        pass
    write(work / "f.npy")
    with pytest.raises(InputError, match="it has fewer rows than it had"), Item(piece=piece).read():
        pass
    piece = Piece(path=work / "f.npy", number=0, begin=0, end=ROWS, first=0)
    with pytest.raises(InputError, match="it has no targets, which it had"), Item(piece=piece).read():
        pass


@pytest.mark.thorough
def test_the_command_reads_urls_and_shows_no_secret_of_theirs(work: Path, server: web.Server, run: Run) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    write(work / "f.h5")
    server.add("/f.h5", (work / "f.h5").read_bytes())
    url = server.url("/f.h5").replace("://", "://me:secret@")
    run("fds", f"{url}?key=secret", "--dataset", "agedb", "--out", "o.h5")
    run("fds", "f.h5", "--dataset", "agedb", "--out", "here.h5")
    assert (work / "o.h5").read_bytes() == (work / "here.h5").read_bytes()
    assert run("fds", url, "--dataset", "agedb", "--similarity", "--anchor", "24").stdout
    for words in (["--out", "o.npy"], ["--out", "s3://bucket/o.h5"], ["--out", "o.h5", "--dataset", "nobody"]):
        stderr = run("fds", url, "--dataset", "agedb", *words, code=2).stderr
        assert "secret" not in stderr
        assert stderr.count("\n") == 1


def test_a_folder_in_a_store_is_one_table(work: Path, memory: Any) -> None:
    split_up(work / "parts")
    write(work / "f.parquet")
    for path in (work / "parts").iterdir():
        memory.pipe(f"/parts/{path.name}", path.read_bytes())
    whole = made("f.parquet", work / "whole.parquet")
    for number, name in enumerate(("memory://parts", "memory://parts/*.parquet")):
        same(made(name, work / f"out{number}.parquet", divided(3)), whole)


@pytest.mark.parametrize("form", ["h5", *(pytest.param(form, marks=pytest.mark.slow) for form in ("parquet", "npy"))])
def test_a_cluster_gives_the_features_of_the_whole_in_any_number_of_pieces(
    form: str, cluster: engines.Engine, work: Path, request: pytest.FixtureRequest
) -> None:
    if form == "npy":
        request.getfixturevalue("of_ages")
    write(work / f"f.{form}", epochs=2)
    for protocol in ("released", "paper"):
        whole = made(f"f.{form}", work / f"{protocol}.{form}", protocol=protocol)
        for number in (1, 7):
            out = work / f"{protocol}-{number}.{form}"
            same(made(f"f.{form}", out, divided(number, cluster), protocol=protocol), whole)
            again = made(f"f.{form}", work / f"again-{out.name}", divided(number), protocol=protocol)
            assert (work / f"again-{out.name}").read_bytes() == out.read_bytes()
            assert again.smoothed.statistics.read_bytes() == out.with_name(f"{out.stem}.statistics.h5").read_bytes()


def test_a_cluster_compares_bins_and_names_bad_rows(cluster: engines.Engine, work: Path) -> None:
    write(work / "f.h5", epochs=2)
    alike(compared("f.h5", divided(7, cluster)), compared("f.h5"))
    with h5py.File(work / "f.h5", "a") as file:
        file["e1/features"][[3, 500], 1] = np.inf
    whole = refused("f.h5", calibrate.HERE, work)
    assert refused("f.h5", divided(7, cluster), work) == whole
    assert whole.count("row") == 2


@pytest.mark.slow
def test_the_command_calibrates_on_a_cluster(work: Path, run: Run) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    write(work / "f.h5", epochs=2)
    words = ["fds", "f.h5", "--dataset", "agedb"]
    for more in (["--engine", "dask", "--workers", "1"], []):
        run(*words, "--out", f"o{len(more)}.h5", *more)
        run(*words, "--similarity", "--anchor", "24", "--out", f"s{len(more)}.csv", *more)
    with h5py.File("o0.h5") as ours, h5py.File("o4.h5") as theirs:
        assert ours["e1/features"][:] == pytest.approx(theirs["e1/features"][:], rel=1e-12)
    assert (work / "s0.csv").read_text().count("\n") == (work / "s4.csv").read_text().count("\n") > 10
    assert "add --engine dask" in run(*words, "--out", "o.h5", "--workers", "2", code=2).stderr


@pytest.mark.slow
def test_the_commands_own_process_holds_no_more_of_more_rows(work: Path) -> None:
    """Four times the rows, 60 MB more of features, take hardly more memory: a few pieces are held."""
    pytest.importorskip("distributed", reason="needs the extra dask")
    code = (
        "import resource, sys\nfrom dircli.features import pieces\npieces.SIZE = 1 << 20\n"
        "from dircli.cli.app import app\nwords = '--dataset agedb -q --engine dask --workers 1'.split()\n"
        "app(['fds', sys.argv[1], '--out', sys.argv[2], *words], standalone_mode=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for rows in (20_000, 80_000):
        with h5py.File(work / "f.h5", "w") as file:
            file.create_dataset("features", (rows, 256), np.float32, fillvalue=1.5)[:5000] = 2.5
            file["targets"] = np.arange(rows) % 100.0
        command = [sys.executable, "-c", code, "f.h5", f"out-{rows}.h5"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 20


@pytest.mark.slow
def test_a_cluster_reads_features_in_a_bucket(s3: Any, work: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    split_up(work / "parts")
    write(work / "f.parquet")
    write(work / "f.h5", epochs=2)
    for path in (work / "parts").iterdir():
        s3.pipe(f"bucket/parts/{path.name}", path.read_bytes())
    s3.pipe("bucket/f.h5", (work / "f.h5").read_bytes())
    with engines.opened("dask", workers=2) as engine:  # which knows the environment of the store
        for there, here in (("s3://bucket/parts/", "f.parquet"), ("s3://bucket/f.h5", "f.h5")):
            kind = here.rpartition(".")[2]
            whole = made(here, work / f"whole-{kind}.{kind}")
            same(made(there, work / f"cluster-{kind}.{kind}", divided(7, engine)), whole)
            same(made(there, work / f"here-{kind}.{kind}"), whole)


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(work: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    rows = 200_000
    with h5py.File(work / "f.h5", "w") as file:
        file["features"], file["targets"] = features(rows=rows, kind="float32"), ages(rows)
    whole = made("f.h5", work / "whole.h5")
    with engines.opened("dask", workers=3) as engine:
        victims, done = processes_of(engine, 3), []
        moments = [1.4 * rows, 0.2 * rows]  # while rows are calibrated, and before that while they are summed

        @contextmanager
        def killing(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
            def tell(number: int) -> None:
                done.append(number)
                if moments and sum(done) >= moments[-1]:
                    moments.pop()
                    os.kill(victims.pop(), signal.SIGKILL)

            yield tell

        given: dict[str, Any] = {"root": work / "none", "out": work / "pieces.h5", "watch": killing}
        calibrate.calibrate("f.h5", "agedb", FdsOptions(), work=divided(40, engine, rows=rows, itemsize=4), **given)
        assert len(victims) == 1
    assert sum(done) == 2 * rows
    with h5py.File("whole.h5") as ours, h5py.File("pieces.h5") as theirs:
        assert theirs["features"][:] == pytest.approx(ours["features"][:], rel=2e-7)
    assert whole.smoothed.rows == rows
