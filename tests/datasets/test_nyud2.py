"""NYUD2-DIR: maps in their real formats, from the command line to scores, and the numbers of the released code."""

from __future__ import annotations

import csv
import io
import json
import shutil
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import depth
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import server as web
from conftest import REFERENCE, mostly_thorough
from miniatures import publish
from PIL import Image

from dircli.benchmark.pixels import picked
from dircli.curation.export import exported
from dircli.curation.options import CurateOptions
from dircli.curation.pixels import curate as pixels
from dircli.curation.pixels.count import counted
from dircli.curation.pixels.curate import CHECKPOINT, published_bins
from dircli.datasets import nyud2
from dircli.datasets.obtain import DownloadOptions
from dircli.datasets.open import open_benchmark
from dircli.errors import InputError, UsageError
from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.scores.metrics.table import METRICS
from dircli.scores.partitioned import Run as Parts
from dircli.store import engines, manifests
from dircli.store.checkpoint import Checkpoint
from dircli.store.download.transfer import Silent
from dircli.store.engines import LOCAL
from dircli.store.predictions import Layout
from dircli.store.raw.tree import open_raw
from dircli.weights import pixel_weights
from dircli.weights.pixel_weights import write as write_maps
from dircli.weights.schemes import WeightOptions
from dircli.weights.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Run
    from numpy.typing import NDArray

    from dircli.benchmark import manifest
    from dircli.benchmark.dataset import PixelReader
    from dircli.store.engines import Engine

DATASET = nyud2.DATASET
READER = cast("PixelReader", DATASET.reader)
WEIGHTS: dict[str, list[float]] = json.loads((REFERENCE / "nyud2_weights.json").read_text())
COUNTS = WEIGHTS.pop("train_pixels_per_bin")
SCORES = {"MSE": "mse", "RMSE": "rmse", "ABS_REL": "absrel", "LG10": "log10", "MAE": "mae", "NUM": "n"}
SCORES |= {f"DELTA{k}": f"delta{k}" for k in (1, 2, 3)}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The archive's miniature, unpacked."""
    return depth.archive(tmp_path)


@pytest.fixture
def curated(raw: Path, work: Path, run: Run) -> manifest.PixelManifest:
    """A redraw of the miniature."""
    run("curate", "nyud2", "--raw", raw, "--split", "redraw")
    return manifests.read_pixels(work / "manifests" / "nyud2")


def truth() -> NDArray[np.float32]:
    """The prepared test maps in metres."""
    return np.stack([depth.prepared(depth.test_codes(row)) / np.float32(1000) for row in range(3)]).astype(np.float32)


def predicted() -> NDArray[np.float32]:
    """A made-up predictor of the test maps."""
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 228, 304))
    return (truth() * np.exp(noise)).astype(np.float32)


# bins and weights


def test_bins_are_those_of_the_released_arithmetic_at_every_edge_and_training_value() -> None:
    edges = DATASET.rules.bins.edges.astype(np.float32)
    assert np.array_equal(edges, DATASET.rules.bins.edges)
    near = np.concatenate([edges, np.nextafter(edges, np.float32(-1)), np.nextafter(edges, np.float32(20))])
    values = [*near[(near >= 0) & (near <= 10)], *(np.arange(256, dtype=np.float32) / np.float32(255) * np.float32(10))]
    values += [*(np.arange(10_001, dtype=np.float32) / np.float32(1000))]
    expected = [min(int(value * np.float32(10)), 99) for value in values]
    assert DATASET.rules.bins.index(np.array(values, dtype=np.float32)).tolist() == expected


def test_the_shipped_bins_are_the_published_counts_and_say_so() -> None:
    path = manifests.shipped("nyud2")
    assert path is not None
    assert path.read_bytes() == manifests.bins_bytes(published_bins(DATASET, READER))
    table = manifests.read_bins(path)
    assert table.counts["train"].tolist() == COUNTS
    assert table.counts["train"].sum() == 50_688 * 304 * 228
    assert table.counts["test"].tolist() == [0] * 7 + [9_357] * 93
    assert table.counts["test"].sum() == 870_201
    assert [int((table.regions["released"] == name).sum()) for name in ("many", "medium", "few")] == [39, 15, 46]
    assert "no training map was seen" in table.facts["note"]


@pytest.mark.parametrize("key", WEIGHTS)
def test_weights_from_the_shipped_bins_are_those_of_the_released_code(key: str, run: Run) -> None:
    scheme, kernel, ks, sigma = (*key.split("/"), "5", "2")[:4]
    words = ["--scheme", scheme.replace("_", "-"), "--kernel", kernel, "--ks", ks, "--sigma", sigma]
    table = csv.DictReader(io.StringIO(run("weights", "nyud2", *words, "--per", "bin", "--out", "-").stdout))
    assert [float(row["weight"]) for row in table] == pytest.approx(WEIGHTS[key], rel=1e-6, abs=0)


def test_weights_are_per_bin_for_a_sample_is_a_pixel(run: Run, work: Path) -> None:
    run("weights", "nyud2")
    assert not (work / "manifests").exists()
    run("weights", "nyud2", "--out", "w.parquet")
    assert pq.read_table(work / "w.parquet").num_rows == 100
    assert json.loads((work / "w.json").read_text())["per"] == "bin"
    assert (
        "its samples are pixels; use --per bin, or --maps" in run("weights", "nyud2", "--per", "sample", code=2).stderr
    )
    assert "its labels are no maps" in run("weights", "agedb", "--per", "bin", "--maps", "x.h5", code=2).stderr


@pytest.mark.thorough
def test_maps_of_weights_hold_the_weight_of_every_prepared_pixel(
    raw: Path, work: Path, run: Run, curated: manifest.PixelManifest
) -> None:
    run("weights", "--maps", "maps.h5", "--raw", raw, "--out", "w.parquet")
    first = (work / "maps.h5").read_bytes()
    weight = pq.read_table(work / "w.parquet")["weight"].to_numpy().astype(np.float32)
    with h5py.File(work / "maps.h5") as file:
        found = file["weights"]
        assert (found.shape, found.dtype, found.chunks, found.compression) == (
            (3, 228, 304),
            "<f4",
            (1, 228, 304),
            "gzip",
        )
        for row in range(3):
            metres = depth.train_metres(row)
            assert np.array_equal(found[row], weight[depth.released_bin(metres)])
        assert found[:].astype(float).mean() == pytest.approx(1, rel=1e-5)
        assert file.attrs["content"] == curated.content
        assert [key.decode() for key in file["ids"][:]] == curated.samples.ids[:3].tolist()
    run("weights", "--maps", "maps.h5", "--raw", raw)
    assert (work / "maps.h5").read_bytes() == first
    assert "end the name in .h5 or .hdf5" in run("weights", "--maps", "maps.npy", "--raw", raw, code=2).stderr


def test_maps_of_weights_at_the_shape_of_the_released_loader(raw: Path, work: Path, run: Run) -> None:
    """Written out as its loader does it: nearest to 240 rows, the centre, then Pillow's default to 152 × 114."""
    run("weights", "nyud2", "--maps", "maps.h5", "--raw", raw, "--out", "w.parquet", "--shape", "114x152")
    weight = pq.read_table(work / "w.parquet")["weight"].to_numpy().astype(np.float32)
    with h5py.File(work / "maps.h5") as file:
        assert file["weights"].shape == (3, 114, 152)
        assert file.attrs["resized"] == "bicubic, as the released loader"
        for row in range(3):
            image = Image.fromarray(depth.train_codes(row)).resize((320, 240), Image.Resampling.NEAREST)
            small = np.asarray(image.crop((8, 6, 312, 234)).resize((152, 114)))
            metres = small.astype(np.float32) / np.float32(255) * np.float32(10)
            assert np.array_equal(file["weights"][row], weight[depth.released_bin(metres)])
    for words, message in (
        (("--shape", "10x10", "--maps", "x.h5"), "weights are known for maps of 228x304 or 114x152"),
        (("--shape", "114x152"), "--shape is that of --maps OUT.h5"),
    ):
        assert message in run("weights", "nyud2", "--raw", raw, *words, code=2).stderr
        assert not (work / "x.h5").exists()


def test_a_cluster_makes_the_maps_of_weights_of_one_process(
    raw: Path, work: Path, run: Run, cluster: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "opened", lambda name, **_: nullcontext(LOCAL if name == "local" else cluster))
    words = ("weights", "nyud2", "--maps", "maps.h5", "--raw", raw.absolute(), "--engine")
    for shape in ((), ("--shape", "114x152")):
        made = set()
        for engine, batch in (("local", 8), ("local", 2), ("dask", 1), ("dask", 8)):
            monkeypatch.setattr(pixel_weights, "BATCH", batch)
            assert "3 maps of weights written" in run(*words, engine, *shape).stderr
            made.add((work / "maps.h5").read_bytes())
            (work / "maps.h5").unlink()
        assert len(made) == 1
    depth.damage(raw)
    said = {run(*words, engine, code=2).stderr.replace(str(raw.absolute()), "raw") for engine in ("local", "dask")}
    assert len(said) == 1
    assert not (work / "maps.h5").exists()


# curation


def test_counts_and_pixels_are_those_that_pillow_and_the_released_arithmetic_give(
    curated: manifest.PixelManifest,
) -> None:
    train = np.zeros(100, dtype=np.int64)
    for row in range(3):
        metres = depth.train_metres(row)
        train += np.bincount(depth.released_bin(metres).ravel(), minlength=100)
    assert curated.table.counts["train"].tolist() == train.tolist()
    maps, scored = truth(), curated.pixels
    index = depth.released_bin(maps)
    smallest = np.bincount(index.ravel(), minlength=100)[7:].min()
    assert smallest > 0
    assert np.bincount(scored.bin_index, minlength=100).tolist() == [0] * 7 + [smallest] * 93
    at = (scored.image, scored.row, scored.col)
    assert np.array_equal(scored.targets, maps[at])
    assert np.array_equal(scored.bin_index, index[at])
    recipe = {"bins": 93, "high": 10.0, "low": pytest.approx(0.7), "per_bin": smallest}
    assert curated.facts["recipe"] == recipe
    assert curated.facts["rows"] == len(curated.samples.ids)
    for found in ("3 training images were found, and NYUD2-DIR has 50,688; counts", "3 test images were found, and"):
        assert any(note.startswith(found) for note in curated.facts["notes"])
    places = np.ravel_multi_index(at, maps.shape)
    assert (np.diff(places) > 0).all()
    assert [scored.image.dtype, scored.targets.dtype, scored.bin_index.dtype] == ["int16", "float32", "int32"]


@pytest.mark.thorough
def test_the_draw_is_a_uniform_sample_of_each_bin_and_depends_on_the_seed_alone(
    raw: Path, work: Path, run: Run
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("curate", "nyud2", "--raw", raw, "--split", "redraw", "--seed", seed, "--name", name)
    a, b, c = (manifests.read_pixels(work / "manifests" / name) for name in "abc")
    assert a.content == b.content != c.content
    assert a.facts["seed"] == 1
    assert any("not the published ones" in note for note in a.facts["notes"])
    index = depth.released_bin(truth())
    pool = np.bincount(np.repeat(np.arange(3), 228 * 304), weights=(index == 20).ravel(), minlength=3)
    drawn = np.bincount(a.pixels.image[a.pixels.bin_index == 20], minlength=3)
    assert drawn / drawn.sum() == pytest.approx(pool / pool.sum(), abs=0.1)


@pytest.mark.thorough
def test_folder_zip_and_matlab_give_the_same_test_pixels(raw: Path, tmp_path: Path, work: Path, run: Run) -> None:
    sources = {"folder": raw, "inner": raw / "data", "zip": depth.zipped(raw), "mat": depth.matlab(tmp_path)}
    found = {}
    for name, path in sources.items():
        run("curate", "nyud2", "--raw", path, "--split", "redraw", "--name", name)
        found[name] = manifests.read_pixels(work / "manifests" / name)
    assert len({found[name].content for name in ("folder", "inner", "zip")}) == 1
    assert np.array_equal(found["mat"].pixels.targets, found["folder"].pixels.targets)
    assert found["mat"].samples.ids.tolist() == found["folder"].samples.ids[3:].tolist()
    assert found["mat"].table.counts["train"].tolist() == COUNTS
    assert any("no training map was seen" in note for note in found["mat"].facts["notes"])
    assert any("is not proven" in note for note in found["mat"].facts["notes"])


def _publish(curated: manifest.PixelManifest, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, bytes]:
    """Make the miniature's mask, counts and lists the published ones for the length of a test."""
    files = exported(curated)
    from dircli.store.digests import git_blob

    reader = replace(
        READER,
        per_bin=int(curated.table.counts["test"].max()),
        published=curated.table.counts["train"],
        lists={split: (file, f"git:{git_blob(files[file])}") for split, (file, _) in READER.lists.items()},
        **changes,
    )
    expected = {"train": 3, "val": 0, "test": 3}
    publish("nyud2", files, monkeypatch, publication={"expected": expected}, reader=reader)
    return files


@pytest.mark.thorough
def test_the_published_mask_is_imported_proven_and_written_again(
    curated: manifest.PixelManifest, raw: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _publish(curated, monkeypatch)
    (work / "mask.npy").write_bytes(files["test_balanced_mask.npy"])
    out = run("curate", "nyud2", "--raw", raw, "--released", "mask.npy", "--name", "again")
    assert f"again (released) {curated.content}" in out.stdout
    assert "equal the published counts" in out.stderr
    again = manifests.read_pixels(work / "manifests" / "again")
    assert again.facts["seed"] is None
    checks = run("verify", "again").stdout
    assert all(f"{file} is byte for byte the published one" in checks for file in files)
    assert "identical to the published test pixels" in checks
    told = run("export", "again", "--out", "exported").stdout
    assert told.count("byte for byte the published file") == 3
    assert {path.name: path.read_bytes() for path in (work / "exported").iterdir()} == files
    mask = np.load(work / "exported" / "test_balanced_mask.npy")
    assert (mask.dtype, mask.shape, set(np.unique(mask))) == ("uint8", (3, 228, 304), {0, 1})
    assert files["nyu2_train.csv"] == depth.lists()["data/nyu2_train.csv"]


def test_a_mask_that_is_not_the_published_one_is_refused_with_everything_wrong_in_it(
    curated: manifest.PixelManifest, raw: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _publish(curated, monkeypatch)
    mask = np.load(io.BytesIO(files["test_balanced_mask.npy"]))
    place = tuple(int(axis[0]) for axis in np.nonzero(mask))
    for wrong, message in (
        (mask[:2], r"the array is uint8 of shape (2, 228, 304), and uint8 of (3, 228, 304) is expected"),
        (mask.astype(bool), "the array is bool of shape"),
        (mask * np.uint8(3), "it holds values up to 3"),
    ):
        np.save("mask.npy", wrong)
        told = run("curate", "nyud2", "--raw", raw, "--released", "mask.npy", "--name", "again", code=2).stderr
        assert message in told
        assert "this is not the published test_balanced_mask.npy: git:" in told
    mask[place] = 0
    np.save("mask.npy", mask)
    publish("nyud2", files | {"test_balanced_mask.npy": (work / "mask.npy").read_bytes()}, monkeypatch)
    told = run("curate", "nyud2", "--raw", raw, "--released", "mask.npy", "--name", "again", code=2).stderr
    assert "1 bins do not have 660 pixels each" in told
    (work / "mask.npy").write_bytes(b"\x93NUMPY no more")
    told = run("curate", "nyud2", "--raw", raw, "--released", "mask.npy", "--name", "again", code=2).stderr
    assert "this is no whole npy file" in told
    assert not (work / "manifests" / "again").exists()


def test_all_training_images_must_give_the_published_counts(
    curated: manifest.PixelManifest, raw: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _publish(curated, monkeypatch)
    (work / "mask.npy").write_bytes(files["test_balanced_mask.npy"])
    file = raw / "data" / "nyu2_train" / depth.TRAIN[0][0] / "1.png"
    file.write_bytes(depth.png(depth.train_codes(5)))
    told = run("curate", "nyud2", "--raw", raw, "--released", "mask.npy", "--force", code=2).stderr
    assert "differ from the published counts; bin " in told
    assert (
        "differ from the published counts"
        in run("curate", "nyud2", "--raw", raw, "--split", "redraw", "--force").stderr
    )


def test_the_archive_is_described_where_it_is_not_here(run: Run) -> None:
    told = run("curate", "nyud2", code=2).stderr
    assert "the label maps are not here" in told
    assert "1WoOZOBpOWfmwe7bknWS5PMUCLBPFKTOw" in told


def test_a_changed_manifest_is_noticed(curated: manifest.PixelManifest, work: Path, run: Run) -> None:
    folder = work / "manifests" / "nyud2"
    targets = curated.pixels.targets.copy()
    targets[0] += np.float32(0.001)
    manifests.write(folder, replace(curated, pixels=replace(curated.pixels, targets=targets)))
    told = run("verify", "nyud2", code=1).stdout
    assert "FAILED" in told
    assert "its content is" in told


@pytest.mark.usefixtures("curated")
def test_what_works_on_samples_alone_says_so(run: Run) -> None:
    told = run("verify", "nyud2", "--leakage", code=2).stderr
    assert "nyud2: its labels are maps of pixels; this works on samples alone" in told


# bad input


def test_everything_wrong_in_the_archive_is_told_at_once(raw: Path, work: Path, run: Run) -> None:
    train = raw / "data" / "nyu2_train"
    kitchen, office = train / "kitchen_0001a_out", train / "office_0002_out"
    depth.damage(raw)
    (kitchen / "1.png").write_bytes(depth.png(depth.train_codes(0)[:240, :320]))
    (office / "1.png").write_bytes(depth.png(depth.test_codes(0)))
    holed = depth.test_codes(1)
    holed[200:210, 300:310] = 0
    (raw / "data" / "nyu2_test" / "00008_depth.png").write_bytes(depth.png(holed))
    far = depth.test_codes(2)
    far[201, 301] = 12_345
    (raw / "data" / "nyu2_test" / "01448_depth.png").write_bytes(depth.png(far))
    (raw / "data" / "nyu2_test" / "00000_depth.png").unlink()
    with (raw / "data" / "nyu2_train.csv").open("a") as stream:
        stream.write("data/nyu2_train/kitchen_0001a_out/3.jpg\n")
    told = run("curate", "nyud2", "--raw", raw, "--split", "redraw", code=2).stderr
    assert "nyu2_train.csv, line 4: the row has 1 fields" in told
    assert "kitchen_0001a_out/2.png: the PNG is damaged or cut short" in told
    assert (
        "kitchen_0001a_out/1.png: the PNG is 320 x 240 pixels, 8 bits, grey, and a depth map here is 640 x 480" in told
    )
    assert "office_0002_out/1.png: the PNG is 640 x 480 pixels, 16 bits, grey, and a depth map here" in told
    assert f"nyu2_test.csv, line 1: data/nyu2_test/00000_depth.png is not in {raw}. Unpack" in told
    assert "00008_depth.png: 25 of 69,312 pixels have depth 0" in told
    assert "01448_depth.png: 1 pixels are deeper than 10 m, up to 12.345 m" in told
    assert not (work / "manifests").exists()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "this is no PNG file"),
        (b"GIF89a" + bytes(40), "this is no PNG file"),
        (depth.png(np.zeros((480, 640, 3), np.uint8)), "8 bits, colour"),
    ],
)
def test_what_is_no_depth_map_is_named(data: bytes, message: str, raw: Path, run: Run) -> None:
    (raw / "data" / "nyu2_test" / "00008_depth.png").write_bytes(data)
    told = run("curate", "nyud2", "--raw", raw, "--split", "redraw", code=2).stderr
    assert f"00008_depth.png: {message}" in told or message in told


@pytest.mark.thorough
def test_the_training_set_of_another_mirror_is_refused_by_its_count(raw: Path, run: Run) -> None:
    line = (raw / "data" / "nyu2_train.csv").read_bytes().splitlines(keepends=True)[0]
    rows = [line.replace(b"/1.", b"/%d." % number) for number in range(47_584)]
    (raw / "data" / "nyu2_train.csv").write_bytes(b"".join(rows))
    told = run("curate", "nyud2", "--raw", raw, "--split", "redraw", code=2).stderr
    assert "nyu2_train.csv: it lists 47,584 images: the training set of TFDS and the Hugging Face mirrors" in told
    assert "NYUD2-DIR has 50,688" in told


def test_a_saved_quota_page_is_recognised(tmp_path: Path, run: Run) -> None:
    (tmp_path / "data.zip").write_text("<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>")
    told = run("curate", "nyud2", "--raw", tmp_path / "data.zip", "--split", "redraw", code=2).stderr
    assert "is a web page, not an archive" in told


def test_a_damaged_matlab_file_is_named(tmp_path: Path, run: Run) -> None:
    path = depth.matlab(tmp_path)
    words = ["curate", "nyud2", "--raw", path, "--split", "redraw"]
    whole = (path / "splits.mat").read_bytes()
    (path / "splits.mat").write_bytes(b"no matlab file" * 20)
    assert "splits.mat: it cannot be read" in run(*words, code=2).stderr
    (path / "splits.mat").write_bytes(whole)
    data = (path / "nyu_depth_v2_labeled.mat").read_bytes()
    (path / "nyu_depth_v2_labeled.mat").write_bytes(data[: len(data) // 2])
    assert "nyu_depth_v2_labeled.mat: its depths cannot be opened" in run(*words, code=2).stderr
    (path / "nyu_depth_v2_labeled.mat").unlink()
    assert "there is no nyu_depth_v2_labeled.mat" in run(*words, code=2).stderr
    (path / "splits.mat").unlink()
    (path / "other.txt").write_text("nothing")
    assert "there is no nyu2_test.csv" in run(*words, code=2).stderr


# going on where it was


def test_interrupted_counting_goes_on_where_it_was_and_never_counts_a_changed_file_as_the_old_one(
    raw: Path, work: Path
) -> None:
    maps = nyud2.maps(open_raw(raw))["train"]
    whole, problems = counted(maps, Checkpoint(work / "none"), what="train", size=1)
    assert not problems
    read: list[int] = []

    def stopping(row: int) -> Any:
        if len(read) == 2:
            raise KeyboardInterrupt
        read.append(row)
        return maps.load(row)

    with pytest.raises(KeyboardInterrupt):
        counted(replace(maps, load=stopping, serial=True), Checkpoint(work / CHECKPOINT), what="train", size=1)
    with (work / CHECKPOINT).open("ab") as stream:
        stream.write(b'\n{"key": "cut off he')

    def noting(row: int) -> Any:
        read.append(row)
        return maps.load(row)

    again, _ = counted(replace(maps, load=noting, serial=True), Checkpoint(work / CHECKPOINT), what="train", size=1)
    assert again.tolist() == whole.tolist()
    assert read == [0, 1, 2]
    file = raw / "data" / "nyu2_train" / depth.TRAIN[1][0] / "2.png"
    file.write_bytes(depth.png(depth.train_codes(6)))
    changed = nyud2.maps(open_raw(raw))["train"]
    found, _ = counted(changed, Checkpoint(work / CHECKPOINT), what="train", size=1)
    fresh, _ = counted(changed, Checkpoint(work / "none"), what="train", size=1)
    assert found.tolist() == fresh.tolist() != whole.tolist()


@pytest.mark.thorough
def test_a_finished_manifest_leaves_no_checkpoint_behind_and_a_failed_one_keeps_it(raw: Path, work: Path) -> None:
    folder = work / "manifests" / "nyud2"
    terms = DownloadOptions(data=work, mirror=None, consent=lambda _: None, progress=Silent())
    curate = partial(pixels.curated, DATASET, READER, CurateOptions(raw=raw, split="redraw"), terms, folder=folder)
    good = (raw / "data" / "nyu2_train" / "kitchen_0001a_out" / "2.png").read_bytes()
    depth.damage(raw)
    with pytest.raises(InputError, match="the PNG is damaged"):
        curate(chunk=1)
    assert (folder / CHECKPOINT).exists()
    (raw / "data" / "nyu2_train" / "kitchen_0001a_out" / "2.png").write_bytes(good)
    curate(chunk=1)
    names = {path.name for path in folder.iterdir()}
    assert names == {"samples.parquet", "pixels.parquet", "bins.parquet", "manifest.json"}


@pytest.mark.thorough
def test_whoever_watches_is_told_of_every_map(raw: Path, work: Path) -> None:
    seen: dict[str, list[int]] = {}

    @contextmanager
    def watch(what: str, total: int) -> Iterator[Callable[[int], None]]:
        seen[what] = [total]
        yield seen[what].append

    terms = DownloadOptions(data=work, mirror=None, consent=lambda _: None, progress=Silent())
    options = CurateOptions(raw=raw, split="redraw")
    pixels.curated(DATASET, READER, options, terms, folder=work / "m" / "nyud2", watch=watch, chunk=2)
    weighted = weigh("nyud2", WeightOptions(), root=work / "m", out=work / "w.parquet")
    write_maps(work / "maps.h5", weighted, reader=READER, bins=DATASET.rules.bins, raw=open_raw(raw), watch=watch)
    assert list(seen) == ["train maps", "test maps", "test pixels", "weight maps"]
    assert seen["train maps"] == [3, 2, 1]
    for total, *steps in seen.values():
        assert sum(steps) == total


@pytest.mark.thorough
def test_a_cluster_counts_what_one_process_counts_and_says_the_same_of_damage(
    raw: Path, work: Path, cluster: Engine
) -> None:
    terms = DownloadOptions(data=work, mirror=None, consent=lambda _: None, progress=Silent())
    curate = partial(pixels.curated, DATASET, READER, CurateOptions(raw=raw, split="redraw"), terms)
    here = curate(folder=work / "here" / "nyud2")
    for chunk in (1, 2):
        there = curate(folder=work / str(chunk) / "nyud2", chunk=chunk, engine=cluster)
        assert there.facts == here.facts
        assert there.table.counts["train"].tolist() == here.table.counts["train"].tolist()
    depth.damage(raw)
    told = []
    for engine in (LOCAL, cluster, cluster):  # the last one goes on where the one before it was
        with pytest.raises(InputError) as raised:
            curate(folder=work / f"{engine.name}" / "nyud2", chunk=1, engine=engine)
        told.append(str(raised.value).replace(str(raw.absolute()), str(raw)))
    assert told[0] == told[1] == told[2]


# scores


def test_scores_of_the_reference_pixels_are_those_of_the_released_code(work: Path, run: Run) -> None:
    pairs = np.load(REFERENCE / "nyud2_pixels.npz")
    rows = zip(pairs["target"], pairs["prediction"], strict=True)
    (work / "p.csv").write_text("".join(["target,prediction\n", *(f"{y},{p}\n" for y, p in rows)]))
    bins = manifests.shipped("nyud2")
    result = json.loads(run("evaluate", "p.csv", "--bins", bins, "--format", "json").stdout)
    regions = result["systems"][0]["regions"]
    for part, expected in json.loads((REFERENCE / "nyud2_scores.json").read_text()).items():
        ours = {key: regions[part][SCORES[key]] for key in expected}
        assert ours == pytest.approx(expected, rel=1e-5, abs=0), part
    table = run("evaluate", "p.csv", "--bins", bins).stdout.splitlines()
    heads = [line.split()[0] for line in table[2:10]]
    assert heads == ["n", "bins", "RMSE", "AbsRel", "log10", "δ1", "δ2", "δ3"]


def test_scores_for_depth_are_for_depth_alone(run: Run, work: Path) -> None:
    assert not {"absrel", "log10", "delta1"} & set(METRICS)
    (work / "p.csv").write_text("target,prediction\n30,31\n")
    bins = manifests.shipped("agedb")
    found = json.loads(run("evaluate", "p.csv", "--bins", bins, "--format", "json").stdout)
    assert "absrel" not in found["systems"][0]["regions"]["all"]
    assert (
        "no metric is called 'absrel'" in run("evaluate", "p.csv", "--bins", bins, "--metrics", "absrel", code=2).stderr
    )


def _brute(curated: manifest.PixelManifest, values: NDArray[Any]) -> dict[str, float]:
    """The scores over all scored pixels, one by one."""
    scored = curated.pixels
    p = values[scored.image, scored.row, scored.col].astype(np.float64)
    y = scored.targets.astype(np.float64)
    ratio = np.maximum(p / y, y / p)
    return {
        "n": y.size,
        "mae": np.abs(p - y).mean(),
        "rmse": np.sqrt(((p - y) ** 2).mean()),
        "absrel": (np.abs(p - y) / y).mean(),
        "log10": np.abs(np.log10(p) - np.log10(y)).mean(),
        **{f"delta{k}": (ratio <= 1.25**k).mean() for k in (1, 2, 3)},
    }


@pytest.mark.thorough
def test_an_array_scores_alike_as_npy_as_hdf5_and_nearly_as_png(
    curated: manifest.PixelManifest, work: Path, run: Run
) -> None:
    values = predicted()
    np.save("preds.npy", values)
    np.save("fortran.npy", np.asfortranarray(values))
    with h5py.File("preds.h5", "w") as file:
        file.create_dataset("depth/here", data=values, chunks=(2, 100, 100), compression="gzip")
    with h5py.File("several.h5", "w") as file:
        file["other"] = values[:1]
        file["prediction"] = values
    (work / "folder").mkdir()
    for row, number in enumerate(depth.TEST):
        millimetres = (values[row] * 1000).round().astype(np.uint16)
        name = f"{number:05d}.png" if row else f"{number:05d}_depth.png"
        (work / "folder" / name).write_bytes(depth.png(millimetres))
    names = ["preds.npy", "fortran.npy", "preds.h5", "several.h5", "folder"]
    result = json.loads(run("evaluate", *names, "--format", "json").stdout)
    assert result["signature"].startswith(
        f"dir|nyud2|test|released|sha256:{curated.content[7:15]}|rules:{curated.facts['rules'][7:15]}"
        f"|n:{len(curated.pixels)}|s:1|v:"
    )
    expected = _brute(curated, values)
    for system, tolerance in zip(result["systems"], [1e-9] * 4 + [1e-2], strict=True):
        found = system["regions"]["all"]
        assert {key: found[key] for key in expected} == pytest.approx(expected, rel=tolerance), system["name"]
    assert len({system["sha256"] for system in result["systems"]}) == 5
    run("evaluate", "preds.npy", "--per-sample", "errors.csv", "--per-bin", "bins.csv")
    assert (work / "errors.csv").read_text().count("\n") == len(curated.pixels) + 1


@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize("kind", mostly_thorough(["http", "memory"]))
def test_maps_elsewhere_score_as_copies_of_them_do(
    kind: str, work: Path, run: Run, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    values = predicted()
    names = ["p.npy", "fortran.npy", "p.h5", "folder/"]
    np.save("p.npy", values)
    np.save("fortran.npy", np.asfortranarray(values))
    with h5py.File("p.h5", "w") as file:
        file.create_dataset("prediction", data=values, chunks=(2, 100, 100), compression="gzip")
    (work / "folder").mkdir()
    for row, number in enumerate(depth.TEST):
        (work / "folder" / f"{number:05d}.png").write_bytes(depth.png((values[row] * 1000).round().astype(np.uint16)))
    here = json.loads(run("evaluate", *names, "--format", "json").stdout)
    every = {str(path.relative_to(work)): path.read_bytes() for path in work.rglob("*.*") if path.is_file()}
    if kind == "memory":
        system, url = request.getfixturevalue("memory"), "memory://maps"
        for name, data in every.items():
            system.pipe(f"/maps/{name}", data)
    else:
        server = request.getfixturevalue("server")
        url = server.url("")
        for name, data in every.items():
            server.add(f"/{name}", data)
        links = "".join(f'<a href="{path.name}">x</a>' for path in (work / "folder").iterdir())
        server.add("/folder/", links.encode())
    there = json.loads(run("evaluate", *(f"{url}/{name}" for name in names), "--format", "json").stdout)
    for system in there["systems"]:
        system["file"], system["name"] = (system[key].removeprefix(f"{url}/").rstrip("/") for key in ("file", "name"))
    assert there == here
    if kind == "http":
        for name in ("p.npy", "fortran.npy", "p.h5", f"folder/{depth.TEST[0]:05d}.png"):
            whole = server.files[f"/{name}"].data
            server.add(f"/{name}", whole, web.drop(500))
            done = run("evaluate", f"{url}/{name.partition('/0')[0]}{'/' * ('/' in name)}", "--format", "json", code=2)
            assert done.stdout == ""
            assert f"{url}/{name}: it cannot be read" in done.stderr
            server.add(f"/{name}", whole)
        for name in ("p.npy", "fortran.npy"):
            server.add(f"/{name}", every[name][:-1000])
            assert f"{url}/{name}: this is no whole npy file" in run("evaluate", f"{url}/{name}", code=2).stderr


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
def test_maps_are_not_divided_which_a_note_says(work: Path) -> None:
    np.save("preds.npy", predicted())
    request = ScoreOptions(split="test", protocol="released", metrics=["mae"], layout=Layout())
    how: dict[str, Any] = {"name": "nyud2", "root": work / "manifests"}
    ours, theirs = (evaluate(["preds.npy"], request, **how, run=who) for who in (Parts(engine=LOCAL), None))
    assert ours.result == theirs.result
    assert ours.notes == ["preds.npy: read by this process, not by the workers: predicted maps are not divided"]


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
def test_whatever_is_wrong_with_an_array_is_told_and_nothing_is_resized(work: Path, run: Run) -> None:
    values = predicted()
    np.save("small.npy", values[:, ::2, ::2])
    np.save("flat.npy", values[:, None])
    np.save("whole.npy", (values * 1000).astype(np.uint16))
    bad = values.copy()
    bad[0, :2] = -1
    bad[1, 5, :7] = 0
    bad[2, 100, 100] = np.nan
    np.save("bad.npy", bad)
    (work / "cut.npy").write_bytes((work / "bad.npy").read_bytes()[:-1000])
    (work / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with h5py.File("several.h5", "w") as file:
        file["a"], file["b"] = values, values
    (work / "table.csv").write_text("id,prediction\na,1\n")
    np.save("good.npy", values)
    names = ["small", "flat", "whole", "bad", "cut"]
    told = run("evaluate", *(f"{name}.npy" for name in names), "cut.h5", "several.h5", "table.csv", code=2).stderr
    assert "small.npy: the array has shape (3, 114, 152), and (3, 228, 304) is expected. Nothing is resized" in told
    assert "flat.npy: the array has shape (3, 1, 228, 304)" in told
    assert "whole.npy: the array holds uint16" in told
    assert "bad.npy: 1 values are no finite number" in told
    assert "bad.npy: 615 values are 0 or less" in told
    assert "cut.npy: this is no whole npy file" in told
    assert "cut.h5: this is no whole HDF5 file" in told
    assert "several.h5: it holds datasets a, b" in told
    assert "table.csv: nyud2 is scored on predicted maps" in told
    assert "it has test pixels" in run("evaluate", "good.npy", "--split", "val", code=2).stderr


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
def test_whatever_is_wrong_with_a_folder_is_told(work: Path, run: Run) -> None:
    folder = work / "folder"
    folder.mkdir()
    (folder / "00000.png").write_bytes(depth.png(depth.test_codes(0)))
    (folder / "00001.png").write_bytes(depth.png(depth.test_codes(0)))
    (folder / "00008.png").write_bytes(depth.png(predicted()[1].astype(np.uint8)))
    told = run("evaluate", "folder", code=2).stderr
    assert "1 maps are missing: 01448_depth.png" in told
    assert "1 files belong to no image: 00001.png" in told
    assert "00000.png: the PNG has 640 x 480 pixels of 16 bits, grey; expected 304 x 228 of 16 bits, grey" in told
    assert "00008.png: the PNG has 304 x 228 pixels of 8 bits" in told


def test_a_table_of_targets_needs_positive_predictions_and_an_array_needs_pixels(work: Path, run: Run) -> None:
    (work / "p.csv").write_text("target,prediction\n1.5,0\n2.5,-1\n3.5,2\n")
    told = run("evaluate", "p.csv", "--bins", manifests.shipped("nyud2"), code=2).stderr
    assert "2 predictions are 0 or less: 0, -1" in told
    np.save("p.npy", predicted())
    told = run("evaluate", "p.npy", "--dataset", "nyud2", code=2).stderr
    assert "which pixels of these maps are scored is not known here" in told


# the real lists


def test_the_real_test_list_is_written_again_byte_for_byte(real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(real / "nyud2" / "nyu2_test.csv", folder)
    maps = nyud2.maps(open_raw(tmp_path))["test"]
    assert len(maps) == 654
    from dircli.store.digests import git_blob

    assert f"git:{git_blob(nyud2.listed(maps.ids, maps.columns))}" == READER.lists["test"][1]
    numbers = [int(str(key)[-16:-11]) for key in maps.ids]
    assert numbers == sorted(numbers)


@pytest.mark.thorough
def test_a_pixel_is_called_by_its_test_image_and_its_place(curated: manifest.PixelManifest, work: Path) -> None:
    against = open_benchmark("nyud2", work / "manifests", None)
    scored = curated.pixels
    images = curated.samples.ids[curated.samples.split == "test"]
    rows = np.array([0, len(scored) - 1])
    assert against.names("test", rows) == [
        f"{images[scored.image[row]]}, row {scored.row[row]}, column {scored.col[row]}" for row in rows
    ]
    assert scored.image[rows].tolist() == [0, len(images) - 1]
    with pytest.raises(UsageError, match="nyud2 has no train pixels; it has test pixels"):
        against.rows("train")


def test_pixels_of_a_map_are_picked_by_their_rank_in_their_bin() -> None:
    """Bins 0 and 2 hold two pixels each before this map; it has bin 2 at 0, 3 and 4, and bin 0 at 1, 2 and 5."""
    index = np.array([[2, 0, 0], [2, 2, 0]])
    before = np.array([2, 0, 2])
    ranks = [np.array([0, 3, 9]), np.array([], dtype=np.int64), np.array([1, 2, 4])]
    assert picked(index, before, ranks).tolist() == [0, 2, 4]
    assert picked(index[:0], before, ranks).tolist() == []
    assert picked(index, before + 20, ranks).tolist() == []
    assert picked(index, before * 0, [np.arange(3)] * 3).tolist() == [0, 1, 2, 3, 4, 5]


def test_pillows_nearest_is_what_prepared_takes() -> None:
    from dircli.benchmark.pixels import prepared

    codes = np.random.default_rng(1).integers(0, 256, (480, 640)).astype(np.uint8)
    assert np.array_equal(prepared(codes, shorter=240, shape=(228, 304)), depth.prepared(codes))
    assert Image.fromarray(codes).size == (640, 480)
    with pytest.raises(ValueError, match="does not shrink"):
        prepared(codes[:479], shorter=240, shape=(228, 304))
