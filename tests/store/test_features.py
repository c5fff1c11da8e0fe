"""`dir fds` on files: three formats, every problem at once, files whole or absent, memory that does not grow."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from miniatures import MINIATURES

from dircli import datasets
from dircli.benchmark.protocol import PROTOCOLS
from dircli.errors import UsageError
from dircli.features import calibrate
from dircli.features.fds import FDS
from dircli.store import manifests
from dircli.store.features import layout as store
from dircli.store.features.open import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Run

    from dircli.arrays import AnyArray, FloatArray, TextArray
    from dircli.benchmark.protocol import ProtocolName

DIM = 4


@pytest.fixture
def split(tmp_path: Path, work: Path, run: Run) -> tuple[TextArray, FloatArray]:
    """The ids and the targets of the training rows of a curated miniature."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    held = samples.split == "train"
    return samples.ids[held], samples.targets[held]


def rows(n: int, seed: int = 0, kind: str = "float32") -> AnyArray:
    return np.random.default_rng(seed).standard_normal((n, DIM)).astype(kind)


def expected(features: AnyArray, targets: FloatArray, protocol: ProtocolName = "released") -> AnyArray:
    """The rows calibrated in memory."""
    agedb = datasets.load("agedb")
    fds = FDS(DIM, agedb.rules.bins, agedb.rules.fds, protocol=PROTOCOLS[protocol])
    fds.update(features, targets)
    fds.smooth()
    return fds.calibrate(features, targets)


def parquet(path: Path, ids: Any, features: AnyArray, **more: Any) -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), features.shape[1])
    pq.write_table(pa.table({"id": pa.array(ids), "features": lists, **more}), path)


def lists(path: Path) -> AnyArray:
    column = pq.read_table(path)["features"].combine_chunks()
    return np.asarray(column.flatten()).reshape(len(column), -1)


@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_hdf5_with_ids_in_another_order(
    split: tuple[TextArray, FloatArray], work: Path, run: Run, protocol: ProtocolName
) -> None:
    ids, targets = split
    order = np.random.default_rng(1).permutation(len(ids))
    features = rows(len(ids))
    with h5py.File(work / "f.h5", "w") as file:
        file.create_dataset("features", data=features[order], chunks=(7, DIM), compression="gzip")
        file["ids"], file["other"] = list(ids[order]), np.arange(3)
        file.attrs["model"] = "made up"
    shown = run("fds", "f.h5", "--dataset", "agedb", "--protocol", protocol, "--out", "out.h5").stdout
    assert f"{len(ids)} rows of 4 features" in shown
    assert f"momentum 0.9, {protocol} protocol" in shown
    with h5py.File(work / "out.h5") as file:
        calibrated = expected(features, targets, protocol)[order]
        assert file["features"][:] == pytest.approx(calibrated, rel=1e-5, abs=1e-6)
        assert file["features"].dtype == np.float32
        assert file["features"].compression == "gzip"
        assert file["ids"].asstr()[:].tolist() == ids[order].tolist()
        assert file["other"][:].tolist() == [0, 1, 2]
        assert file.attrs["model"] == "made up"


def test_one_group_per_epoch_in_natural_order_with_the_ids_of_the_root(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    """Each epoch is calibrated with the statistics up to itself; epoch_10 comes after epoch_2."""
    ids, targets = split
    agedb = datasets.load("agedb")
    with h5py.File(work / "f.h5", "w") as file:
        file["ids"] = list(ids)
        for epoch in (10, 2, 1):
            file[f"epoch_{epoch}/features"] = rows(len(ids), seed=epoch)
    run("fds", "f.h5", "--out", "out.h5")
    fds = FDS(DIM, agedb.rules.bins, agedb.rules.fds)
    with h5py.File(work / "out.h5") as file:
        for epoch in (1, 2, 10):
            fds.update(rows(len(ids), seed=epoch), targets)
            fds.smooth()
            calibrated = fds.calibrate(rows(len(ids), seed=epoch), targets)
            assert file[f"epoch_{epoch}/features"][:] == pytest.approx(calibrated, rel=1e-6)
    with h5py.File(work / "out.statistics.h5") as file:
        for name, array in fds.state_dict().items():
            if name != "settings":
                assert file[name][()] == pytest.approx(array), name
        assert file.attrs["settings"] == fds.settings
        assert file.attrs["dataset"] == "agedb"
        assert file.attrs["momentum"] == 0.9


def test_the_statistics_of_the_paper_hold_covariances_of_the_bins_that_occur(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    np.save("f.npy", rows(len(split[0])))
    said = run("fds", "f.npy", "--protocol", "paper", "--out", "out.npy")
    assert "stay as they are" not in said.stdout + said.stderr
    _, counts = np.unique(split[1], return_counts=True)
    with h5py.File(work / "out.statistics.h5") as file:
        assert file["running_covariance"].shape == file["smoothed_covariance"].shape == ((counts > 1).sum(), DIM, DIM)


def test_parquet_keeps_its_other_columns_and_npy_is_in_manifest_order(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    ids, targets = split
    features = rows(len(ids), kind="float64")
    parquet(work / "f.parquet", ids[::-1], features[::-1], target=targets[::-1], note=["x"] * len(ids))
    np.save(work / "f.npy", features)
    run("fds", "f.parquet", "--out", "out.parquet")
    run("fds", "f.npy", "--out", "out.npy", "--force")
    table = pq.read_table(work / "out.parquet")
    assert table.schema.equals(pq.read_schema(work / "f.parquet"))
    assert table["note"].to_pylist() == ["x"] * len(ids)
    assert lists(work / "out.parquet")[::-1] == pytest.approx(expected(features, targets))
    assert np.load(work / "out.npy") == pytest.approx(expected(features, targets))


def test_plain_lists_and_whole_number_ids_are_read(work: Path, run: Run) -> None:
    """Without a manifest the file's own targets count, and ids are not used."""
    features, targets = rows(50), np.repeat([30.0, 31.0, 32.0, 33.0, 34.0], 10)
    columns = {"id": range(50), "features": features.tolist(), "target": targets}
    kind = pa.schema([("id", pa.int64()), ("features", pa.list_(pa.float32())), ("target", pa.float64())])
    pq.write_table(pa.table(columns, schema=kind), work / "f.parquet", row_group_size=9)
    run("fds", "f.parquet", "--dataset", "agedb", "--out", "out.parquet")
    assert lists(work / "out.parquet") == pytest.approx(expected(features, targets), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("suffix", ["h5", "npy", "parquet"])
def test_blocks_of_any_size_give_the_same_features_and_the_same_call_the_same_bytes(
    split: tuple[TextArray, FloatArray], work: Path, run: Run, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    ids, targets = split
    features = rows(len(ids))
    np.save(work / "f.npy", features)
    parquet(work / "f.parquet", ids, features)
    with h5py.File(work / "f.h5", "w") as file:
        file["features"] = features
    for name in ("a", "b"):
        run("fds", f"f.{suffix}", "--out", f"{name}.{suffix}")
    for name in (f"{{}}.{suffix}", "{}.statistics.h5"):
        assert (work / name.format("a")).read_bytes() == (work / name.format("b")).read_bytes()
    monkeypatch.setattr(store, "BLOCK", 48)
    run("fds", f"f.{suffix}", "--out", f"c.{suffix}")
    with opened(work / f"c.{suffix}") as made:
        found = np.concatenate([block.features for block in made.epochs[0].blocks(made.epochs[0].whole)])
    assert found == pytest.approx(expected(features, targets), rel=1e-5, abs=1e-6)


def test_every_problem_of_the_rows_is_told_at_once_and_nothing_is_written(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    ids = split[0].copy()
    gone, ids[3], ids[5] = ids[3], "who/is/this.jpg", ids[4]
    with h5py.File(work / "f.h5", "w") as file:
        for epoch in ("one", "two"):
            file[f"{epoch}/features"] = rows(len(ids))
            file[f"{epoch}/ids"] = list(ids)
        file["two/targets"] = split[1] + 1
    message = run("fds", "f.h5", "--out", "out.h5", code=2).stderr
    for epoch in ("one", "two"):
        assert f"f.h5, {epoch}: 2 ids are missing: {gone}, {split[0][5]}" in message
        assert f"f.h5, {epoch}: 1 ids are not in the split: who/is/this.jpg" in message
        assert f"f.h5, {epoch}: 1 ids occur more than once: {ids[4]}" in message
    assert "targets differ from the manifest's: row 1 has" in message
    assert sorted(path.name for path in work.iterdir()) == ["f.h5", "manifests"]


def test_rows_that_are_not_finite_are_named_in_every_epoch(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    with h5py.File(work / "f.h5", "w") as file:
        for epoch, bad in (("e1", [2]), ("e2", range(14))):
            features = rows(len(split[0]))
            features[list(bad), 1] = np.nan
            file[f"{epoch}/features"] = features
    message = run("fds", "f.h5", "--out", "out.h5", code=2).stderr
    assert "f.h5, e1, row 3: its features are not 4 finite numbers" in message
    assert "f.h5, e2, row 10: its features are not 4 finite numbers" in message
    assert "f.h5, e2: 4 more rows are not finite" in message
    assert not list(work.glob("out*"))
    assert not list(work.glob(".dircli*"))


def test_lists_that_are_null_or_too_short_are_named(split: tuple[TextArray, FloatArray], work: Path, run: Run) -> None:
    ids = split[0]
    values: list[list[float] | None] = [[0.5, 1.0]] * len(ids)
    values[3], values[6] = None, [1.0]
    pq.write_table(pa.table({"id": ids, "features": values}), work / "f.parquet")
    message = run("fds", "f.parquet", "--out", "out.parquet", code=2).stderr
    assert message.count("its features are not 2 finite numbers") == 2
    assert "row 4:" in message
    assert "row 7:" in message
    fixed = pa.array(values[:6] + values[:1] * (len(ids) - 6), pa.list_(pa.float64(), 2))
    pq.write_table(pa.table({"id": ids, "features": fixed}), work / "f.parquet")
    assert "row 4: its" in run("fds", "f.parquet", "--out", "out.parquet", code=2).stderr


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "there is no dataset features; there is nothing"),
    "other names": ({"embeddings": np.zeros((3, 2))}, "there is no dataset features; there is embeddings"),
    "one dimension": ({"features": np.zeros(3)}, r"the features have shape (3,)"),
    "no rows": ({"features": np.zeros((0, 3))}, r"the features have shape (0, 3)"),
    "whole numbers": ({"features": np.zeros((3, 2), dtype=int)}, "the features are int64"),
    "ids too few": ({"features": np.zeros((3, 2)), "ids": ["a"]}, "ids have shape (1,)"),
    "ids as floats": ({"features": np.zeros((3, 2)), "ids": np.zeros(3)}, "ids are float64"),
    "both": ({"features": np.zeros((3, 2)), "e/features": np.zeros((3, 2))}, "there are features at the root and in e"),
    "unlike": ({"a/features": np.zeros((3, 2)), "b/features": np.zeros((3, 4))}, "a 2, b 4"),
    "rows": ({"features": np.zeros((3, 2))}, "there are 3 rows, and the split has"),
    "targets": ({"features": np.zeros((3, 2)), "targets": np.full(3, np.nan)}, "3 rows have no number as their target"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", BAD)
def test_hdf5_of_another_layout_is_refused(
    split: tuple[TextArray, FloatArray], work: Path, run: Run, case: str
) -> None:
    contents, message = BAD[case]
    with h5py.File(work / "f.h5", "w") as file:
        for name, value in contents.items():
            file[name] = value
    assert message in run("fds", "f.h5", "--out", "out.h5", code=2).stderr
    assert len(split[0])
    assert not list(work.glob("out*"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), "the array has shape (3,)"),
        (np.zeros((3, 2), dtype=int), "the array holds int64"),
        (np.asfortranarray(np.zeros((3, 2))), "stored by column"),
    ],
)
def test_npy_of_another_layout_is_refused(work: Path, run: Run, array: AnyArray, message: str) -> None:
    np.save(work / "f.npy", array)
    assert message in run("fds", "f.npy", "--dataset", "agedb", "--out", "out.npy", code=2).stderr


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"]}, "there is no column features; the columns are id"),
        ({"features": [1.5]}, "column features is double"),
        ({"features": [[1]]}, "column features is list<"),
        ({"features": [[1.5]], "id": [0.5]}, "column id is double"),
        ({"features": [[1.5]], "target": ["x"]}, "column target is string"),
        ({"features": pa.array([], pa.list_(pa.float64()))}, "there are no rows"),
        ({"features": [[]], "id": ["a"]}, "column features is"),
        ({"features": pa.array([[]], pa.list_(pa.float64()))}, "the first row has no features"),
    ],
)
def test_parquet_of_another_layout_is_refused(work: Path, run: Run, columns: dict[str, Any], message: str) -> None:
    pq.write_table(pa.table(columns), work / "f.parquet")
    assert message in run("fds", "f.parquet", "--dataset", "agedb", "--out", "out.parquet", code=2).stderr


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"id,prediction\n", "this is neither HDF5 nor Parquet nor npy"),
        (b"\x89HDF\r\n\x1a\nand no more", "this is no whole HDF5 file"),
        (b"PAR1 and no more", "this is no whole Parquet file"),
        (b"\x93NUMPY and no more", "this is no whole npy file"),
    ],
)
def test_what_is_no_feature_file_is_refused(work: Path, run: Run, data: bytes, message: str) -> None:
    (work / "f").write_bytes(data)
    assert message in run("fds", "f", "--dataset", "agedb", "--out", "out", code=2).stderr
    assert [path.name for path in work.iterdir()] == ["f"]


def test_a_cut_npy_a_cut_hdf5_and_a_damaged_chunk_are_refused(work: Path, run: Run) -> None:
    np.save(work / "f.npy", rows(50))
    (work / "f.npy").write_bytes((work / "f.npy").read_bytes()[:-8])
    message = run("fds", "f.npy", "--dataset", "agedb", "--out", "out.npy", code=2).stderr
    assert "it holds 792 bytes of numbers, and its header says 800" in message
    with h5py.File(work / "f.h5", "w") as file:
        data = file.create_dataset("features", data=rows(500), chunks=(500, DIM), compression="gzip")
        file["targets"] = np.full(500, 30.0)
        place = data.id.get_chunk_info(0)
    with (work / "f.h5").open("r+b") as stream:
        stream.seek(place.byte_offset + 40)
        stream.write(b"damage" * 20)
    assert "cannot be read" in run("fds", "f.h5", "--dataset", "agedb", "--out", "out.h5", code=2).stderr
    (work / "f.h5").write_bytes((work / "f.h5").read_bytes()[:3000])
    assert "this is no whole HDF5 file" in run("fds", "f.h5", "--dataset", "agedb", "--out", "out.h5", code=2).stderr


def test_a_missing_file_a_folder_and_another_format_are_refused(work: Path, run: Run) -> None:
    assert "there is no such file" in run("fds", "no.h5", "--dataset", "agedb", "--out", "o.h5", code=2).stderr
    message = run("fds", ".", "--dataset", "agedb", "--out", "o.h5", code=2).stderr
    assert "there is no file of rows in this folder" in message
    np.save(work / "f.npy", rows(3))
    message = run("fds", "f.npy", "--dataset", "agedb", "--out", "o.h5", code=2).stderr
    assert "o.h5: features are written in the format they came in; end the name in .npy" in message
    (work / "taken").mkdir()
    assert "taken: cannot be written" in run("fds", "f.npy", "--dataset", "agedb", "--out", "taken", code=2).stderr
    assert "there are no targets" in run("fds", "f.npy", "--dataset", "agedb", "--out", "o.npy", code=2).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a file for the calibrated features with --out FILE"),
        (["--similarity"], "--similarity and --anchor TARGET go together"),
        (["--anchor", "30"], "--similarity and --anchor TARGET go together"),
        (["--out", "o.npy", "--ks", "4"], "must be an odd number"),
        (["--out", "o.npy", "--momentum", "1"], "the momentum must lie in [0, 1)"),
        (["--similarity", "--anchor", "500"], "the anchor 500 lies outside the bins"),
        (["--similarity", "--anchor", "120"], "no row lies in the bin of the anchor 120"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    split: tuple[TextArray, FloatArray], work: Path, run: Run, words: list[str], message: str
) -> None:
    np.save(work / "f.npy", rows(len(split[0])))
    assert message in run("fds", "f.npy", *words, code=2).stderr


def test_the_input_may_be_the_output_and_stays_whole_when_the_run_fails(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    ids, targets = split
    features = rows(len(ids))
    np.save(work / "f.npy", features)
    run("fds", "f.npy", "--out", "f.npy", "--force")
    assert np.load(work / "f.npy") == pytest.approx(expected(features, targets), rel=1e-5, abs=1e-6)
    bad = features.copy()
    bad[-1] = np.inf
    np.save(work / "f.npy", bad)
    run("fds", "f.npy", "--out", "f.npy", "--force", code=2)
    assert np.array_equal(np.load(work / "f.npy"), bad)


def test_other_splits_are_chosen_by_name(split: tuple[TextArray, FloatArray], work: Path, run: Run) -> None:
    samples = manifests.read(work / "manifests" / "agedb").samples
    np.save(work / "f.npy", rows(int((samples.split == "val").sum())))
    run("fds", "f.npy", "--split", "val", "--out", "o.npy")
    assert "and the split has" in run("fds", "f.npy", "--out", "o.npy", code=2).stderr
    assert len(split[0])


@pytest.mark.parametrize(("ks", "reach"), [(1, 1), (3, 1), (5, 2), (9, 4)])
def test_neighbours_are_what_a_kernel_reaches(
    ks: int, reach: int, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[int] = []

    def noted(cosine: FloatArray, *, reach: int) -> Any:
        reached.append(reach)
        return np.full(len(cosine), -1)

    monkeypatch.setattr(calibrate, "strangers", noted)
    with h5py.File(work / "f.h5", "w") as file:
        file["features"], file["targets"] = rows(9, seed=2), np.arange(9) / 2
    run("fds", "f.h5", "--dataset", "sts-b", "--similarity", "--anchor", 1, "--ks", ks)
    assert reached == [reach, reach]


def test_similarity_as_a_table_and_as_csv(work: Path, run: Run) -> None:
    """Ages 0 to 6 look like age 30: the table shows it, and names those that do so clearly, 7 and 8 beside them."""
    random = np.random.default_rng(0)
    age = np.repeat(np.arange(81.0), 200)
    path = np.exp(-(((np.arange(81)[:, None] - np.arange(0, 81, 4)) / 25) ** 2))
    path[:7] = path[30] * (1 + 0.25 * random.standard_normal((7, path.shape[1])))
    features = path[age.astype(int)] + 0.02 * random.standard_normal((len(age), path.shape[1]))
    with h5py.File(work / "f.h5", "w") as file:
        file["features"], file["targets"] = features, age
    words = ["fds", "f.h5", "--dataset", "agedb", "--similarity", "--anchor", "30"]
    shown = run(*words, "--out", "s.csv").stdout
    assert "mean like" in shown
    assert "8 of 81 bins are nearer to a far region than to their neighbours: 1, 2, 3, 4, 5, 6, 7, 8\n" in shown
    printed = run(*words, "--out", "-").stdout
    assert printed == (work / "s.csv").read_text()
    table = list(csv.DictReader(io.StringIO(printed)))
    assert len(table) == 81
    mean = {int(float(row["low"])): float(row["mean"]) for row in table}
    assert mean[30] == pytest.approx(1)
    assert mean[1] > mean[17]
    assert min(mean[b] for b in range(25, 36)) > 0.95
    assert 25 <= float(table[1]["mean_like"]) <= 35
    assert table[30]["mean_like"] == ""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Four times the rows, 30 MB more of features, take hardly more memory: a few blocks are held."""
    code = (
        "import resource, sys\nfrom dircli.store.features import layout\nlayout.BLOCK = 1 << 20\n"
        "from dircli.cli.app import app\n"
        "app(['fds', sys.argv[1], '--dataset', 'agedb', '--out', sys.argv[2], '-q'], standalone_mode=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for n in (10_000, 40_000):
        with h5py.File(tmp_path / "f.h5", "w") as file:
            file.create_dataset("features", (n, 256), np.float32, fillvalue=1.5)[:5000] = 2.5
            file["targets"] = np.arange(n) % 100.0
        command = [sys.executable, "-c", code, str(tmp_path / "f.h5"), str(tmp_path / "out.h5")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 10


def test_calibrating_from_python_is_what_the_command_does_and_replaces_nothing(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    ids, _ = split
    parquet(work / "f.parquet", ids, rows(len(ids)))
    run("fds", "f.parquet", "--out", "said.parquet")
    given: dict[str, Any] = {"root": work / "manifests", "out": work / "called.parquet"}
    calibrate.calibrate(work / "f.parquet", "agedb", calibrate.FdsOptions(), **given)
    for ending in ("parquet", "statistics.h5"):
        assert (work / f"said.{ending}").read_bytes() == (work / f"called.{ending}").read_bytes()
    with pytest.raises(UsageError, match="there already with other content"):
        calibrate.calibrate(work / "f.parquet", "agedb", calibrate.FdsOptions(ks=9), **given)


def test_statistics_never_replace_the_features_that_they_are_of(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    with h5py.File(work / "out.statistics.h5", "w") as file:
        file["ids"], file["features"] = list(split[0]), rows(len(split[0]))
    before = (work / "out.statistics.h5").read_bytes()
    run("fds", "out.statistics.h5", "--out", "out.h5", "--force", code=2)
    assert (work / "out.statistics.h5").read_bytes() == before
    run("fds", "out.statistics.h5", "--out", "other.h5")


def test_who_watches_is_told_of_every_row_twice(split: tuple[TextArray, FloatArray], work: Path) -> None:
    ids, _ = split
    parquet(work / "f.parquet", ids, rows(len(ids)))
    told: list[tuple[str, int]] = []
    steps: list[int] = []

    @contextmanager
    def watch(what: str, total: int) -> Iterator[Callable[[int], None]]:
        told.append((what, total))
        yield steps.append

    options = calibrate.FdsOptions()
    out = work / "c.parquet"
    calibrate.calibrate(work / "f.parquet", "agedb", options, root=work / "manifests", out=out, watch=watch)
    assert told == [("rows summed, then calibrated", 2 * len(ids))]
    assert sum(steps) == 2 * len(ids)


def test_with_lag_epochs_are_calibrated_as_the_released_loop_does_and_the_facts_say_so(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    ids, targets = split
    agedb = datasets.load("agedb")
    with h5py.File(work / "f.h5", "w") as file:
        file["ids"] = list(ids)
        for epoch in range(1, 5):
            file[f"epoch_{epoch}/features"] = rows(len(ids), seed=epoch)
    assert "released protocol, lag" in run("fds", "f.h5", "--lag", "--out", "out.h5").stdout
    fds = FDS(DIM, agedb.rules.bins, agedb.rules.fds)
    with h5py.File(work / "out.h5") as file:
        for epoch in range(1, 5):
            features = rows(len(ids), seed=epoch)
            calibrated = fds.calibrate(features, targets)
            assert file[f"epoch_{epoch}/features"][:] == pytest.approx(calibrated, rel=1e-6)
            fds.update(features, targets)
            fds.smooth(lag=True)
    with h5py.File(work / "out.statistics.h5") as file:
        assert file.attrs["lag"]


def test_lag_is_refused_where_it_would_change_nothing(
    split: tuple[TextArray, FloatArray], work: Path, run: Run
) -> None:
    np.save(work / "f.npy", rows(len(split[0])))
    for more, message in (((), "holds 1 epoch"), (("--protocol", "paper"), "--protocol released alone")):
        assert message in run("fds", "f.npy", "--lag", *more, "--out", "out.npy", code=2).stderr
        assert not (work / "out.npy").exists()


@pytest.mark.parametrize("epochs", [2, 3])
def test_lag_needs_a_third_epoch(split: tuple[TextArray, FloatArray], work: Path, run: Run, epochs: int) -> None:
    with h5py.File(work / "f.h5", "w") as file:
        file["ids"] = list(split[0])
        for epoch in range(epochs):
            file[f"epoch_{epoch}/features"] = rows(len(split[0]), seed=epoch)
    said = run("fds", "f.h5", "--lag", "--out", "out.h5", code=0 if epochs > 2 else 2).stderr
    assert ("f.h5 holds 2 epochs; leave out --lag" in said) == (epochs == 2)


def test_a_bin_of_one_row_has_no_variance_to_be_similar_by_and_one_of_two_rows_has(work: Path, run: Run) -> None:
    with h5py.File(work / "f.h5", "w") as file:
        file["features"], file["targets"] = rows(6), np.array([1, 1, 2, 3, 3, 3], dtype=float)
    printed = run("fds", "f.h5", "--dataset", "sts-b", "--similarity", "--anchor", 1, "--out", "-").stdout
    held = [
        (row["low"], row["count"], bool(row["mean"]), bool(row["variance"]))
        for row in csv.DictReader(io.StringIO(printed))
    ]
    assert held == [("1", "2", True, True), ("2", "1", True, False), ("3", "3", True, True)]


EPOCHS = ("1", "2", "10")
"""The names of three epochs in their order, which is not that of letters."""


def epochs(path: Path, names: tuple[str, ...] = EPOCHS) -> list[tuple[AnyArray, FloatArray]]:
    """Made-up features and ages of epochs, which are also written; age 12 comes with the second."""
    made = []
    with h5py.File(path, "w") as file:
        for seed, name in enumerate(names):
            ages = np.arange(200.0) % 17 + 3
            ages[ages == 12] = 12 if seed else 11
            features = rows(len(ages), seed, "float64") * (seed + 1) + ages[:, None] / 5
            file[f"{name}/features"], file[f"{name}/targets"] = features, ages
            made.append((features, ages))
    return made


def distances_of(made: list[tuple[AnyArray, FloatArray]], protocol: ProtocolName) -> list[tuple[float, float]]:
    """|running - smoothed| by epoch, of means and variances of ages 3 to 99, by the window 1, 2, 1 of each three."""
    mean, variance, known = np.zeros((97, DIM)), np.ones((97, DIM)), np.zeros(97, dtype=bool)
    found = []
    for number, (features, ages) in enumerate(made):
        for age in np.unique(ages).astype(int):
            whole = number == 0 or (protocol == "paper" and not known[age - 3])
            old, held = 0.0 if whole else 0.9, features[ages == age]
            mean[age - 3] = old * mean[age - 3] + (1 - old) * held.mean(axis=0)
            variance[age - 3] = old * variance[age - 3] + (1 - old) * held.var(axis=0, ddof=1)
            known[age - 3] = True
        sums = [0.0, 0.0]
        for b in np.flatnonzero(known):
            near = [(abs(b - 1), 1), (b, 2), (b + 1, 1)]
            if protocol == "paper":
                near = [(n, weight) for n, weight in ((b - 1, 1), (b, 2), (b + 1, 1)) if n >= 0 and known[n]]
            total = sum(weight for _, weight in near)
            for which, running in enumerate((mean, variance)):
                smoothed = sum(weight * running[n] for n, weight in near) / total
                sums[which] += np.abs(running[b] - smoothed).mean() / known.sum()
        found.append((sums[0], sums[1]))
    return found


@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_distances_of_running_to_smoothed_statistics_by_epoch_are_those_that_numpy_computes(
    work: Path, run: Run, protocol: ProtocolName
) -> None:
    made = epochs(work / "f.h5")
    words = ["fds", "f.h5", "--dataset", "agedb", "--similarity", "--anchor", 9, "--kernel", "triang", "--ks", 3]
    printed = json.loads(run(*words, "--protocol", protocol, "--json").stdout)
    assert [each["epoch"] for each in printed["by_epoch"]] == [1, 2, 3]
    assert (printed["kernel"], printed["ks"], printed["momentum"], printed["protocol"]) == ("triang", 3, 0.9, protocol)
    found = np.array([(each["mean_moved"], each["variance_moved"]) for each in printed["by_epoch"]])
    wanted = np.array(distances_of(made, protocol))
    assert found == pytest.approx(wanted, rel=1e-9)
    assert (wanted > 0.01).all()
    (first, _, last), line = wanted, run(*words, "--protocol", protocol).stdout.splitlines()[-1]
    ends = f"mean {first[0]:.4g} to {last[0]:.4g}, variance {first[1]:.4g} to {last[1]:.4g}"
    how = f"triang, ks 3, sigma 2, momentum 0.9, {protocol} protocol"
    assert line == f"L1 distance of running to smoothed statistics, epoch 1 to 3 ({how}): {ends}"


@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_without_a_kernel_the_distance_is_0_and_of_one_epoch_there_is_none(
    work: Path, run: Run, protocol: ProtocolName
) -> None:
    epochs(work / "f.h5")
    words = ["--dataset", "agedb", "--similarity", "--anchor", 9, "--kernel", "none", "--protocol", protocol]
    printed = json.loads(run("fds", "f.h5", *words, "--json").stdout)
    assert {(each["mean_moved"], each["variance_moved"]) for each in printed["by_epoch"]} == {(0.0, 0.0)}
    epochs(work / "one.h5", ("1",))
    assert list(json.loads(run("fds", "one.h5", *words, "--json").stdout)) == ["anchor", "bins"]
    assert "L1 distance" not in run("fds", "one.h5", *words).stdout


def test_with_the_lag_the_first_epoch_has_no_distance(work: Path, run: Run) -> None:
    epochs(work / "f.h5")
    words = ["fds", "f.h5", "--dataset", "agedb", "--similarity", "--anchor", 9, "--lag"]
    first, second, _ = json.loads(run(*words, "--json").stdout)["by_epoch"]
    assert (first["mean_moved"], first["variance_moved"]) == (None, None)
    assert second["mean_moved"] > 0
    assert "released protocol, lag): mean – to " in run(*words).stdout


def test_rows_of_any_epoch_that_are_not_finite_are_all_named_before_bins_are_compared(work: Path, run: Run) -> None:
    epochs(work / "f.h5")
    with h5py.File(work / "f.h5", "a") as file:
        file["1/features"][4, 0], file["10/features"][7, 0] = np.nan, np.inf
    done = run("fds", "f.h5", "--dataset", "agedb", "--similarity", "--anchor", 9, "--plot", "a.png", code=2)
    assert "f.h5, 1, row 5" in done.stderr
    assert "f.h5, 10, row 8" in done.stderr
    assert not (work / "a.png").exists()


def test_the_first_bin_may_be_the_anchor(work: Path, run: Run) -> None:
    with h5py.File(work / "f.h5", "w") as file:
        file["features"], file["targets"] = rows(300, kind="float64"), np.arange(300) % 60 / 10
    words = ["fds", "f.h5", "--dataset", "sts-b", "--similarity", "--anchor"]
    for anchor, low in ((0, 0.0), (5, 4.9)):
        run(*words, anchor, "--out", "s.csv", "--force")
        found = {float(row["low"]): row for row in csv.DictReader(io.StringIO((work / "s.csv").read_text()))}
        assert float(found[low]["mean"]) == pytest.approx(1)
        assert float(found[low]["variance"]) == pytest.approx(1)
