"""`dir curate --check-images`: what cannot be read is listed with its reason, and nothing else is."""

from __future__ import annotations

import csv
import io
import os
import re
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from miniatures import RAW
from PIL import Image

from dircli.curation import images
from dircli.errors import InputError
from dircli.store import manifests
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import AHEAD
from dircli.store.raw.tree import open_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from conftest import Run

if TYPE_CHECKING:
    Pack: TypeAlias = Callable[[Path, dict[str, bytes]], Path]

NAMES = (RAW / "agedb" / "names.txt").read_text().split()


def picture(kind: str = "JPEG", **how: bool) -> bytes:
    """A small image whose pixels take up most of its file."""
    pixels = np.random.default_rng(666).integers(0, 255, (48, 40, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **how)
    return stream.getvalue()


GOOD = picture()


def of_size(width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    at = GOOD.index(b"\xff\xc0") + 5
    return GOOD[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + GOOD[at + 4 :]


def album(data: bytes) -> bytes:
    """A JPEG that says it holds several pictures, in a way that nobody understands."""
    return data[:2] + b"\xff\xe2\x00\x0aMPF\x00abcd" + data[2:]


def torn() -> bytes:
    """A PNG with one byte changed in its pixels."""
    data = picture("PNG")
    at = data.index(b"IDAT") + 100
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


UNREADABLE = {
    "no bytes": (b"", "no image"),
    "a text": (b"404 not found\n" * 20, "no image"),
    "a cut header": (GOOD[:100], "Truncated File Read"),
    "cut in the middle": (GOOD[: len(GOOD) // 2], "image file is truncated"),
    "cut in the middle, progressive": (picture(progressive=True)[:-900], "image file is truncated"),
    "cut before the end mark": (GOOD[:-2], "image file is truncated"),
    "a changed byte in a PNG": (torn(), "broken PNG file"),
    "a hundred million pixels": (of_size(10_000, 10_000), "decompression bomb"),
    "four thousand million pixels": (of_size(65_000, 65_000), "decompression bomb"),
}
READABLE = {
    "a JPEG": GOOD,
    "a progressive JPEG": picture(progressive=True),
    "a JPEG with something after its end": GOOD + bytes(1_000),
    "a PNG under another name": picture("PNG"),
    "a JPEG with odd metadata": album(GOOD),
}


def in_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def in_zip(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir()
    with zipfile.ZipFile(path / "AgeDB.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path / "AgeDB.zip"


def in_tar(path: Path, files: dict[str, bytes], *, mode: str = "w") -> Path:
    path.mkdir()
    name = path / f"AgeDB.tar{mode[1:].replace(':', '.')}"
    with tarfile.open(name, mode) as archive:  # type: ignore[call-overload]  # the mode is one of two
        for file, data in files.items():
            info = tarfile.TarInfo(file)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return name


def in_tar_gz(path: Path, files: dict[str, bytes]) -> Path:
    return in_tar(path, files, mode="w:gz")


def inside_a_folder(path: Path, files: dict[str, bytes]) -> Path:
    """The folder that the zip stands in."""
    return in_zip(path, files).parent


PACKS = [in_folder, in_zip, in_tar, in_tar_gz, inside_a_folder]


@pytest.mark.parametrize("pack", PACKS)
def test_images_that_can_be_read_pass(pack: Pack, tmp_path: Path, work: Path, run: Run) -> None:
    raw = pack(tmp_path / "raw", {f"AgeDB/{name}": GOOD for name in NAMES})
    done = run("curate", "agedb", "--raw", raw, "--split", "redraw", "--check-images")
    assert done.stdout.splitlines()[-1] == "60 images, 0 of them unreadable"
    assert (work / "manifests" / "agedb" / "unreadable.csv").read_text() == "id,reason\n"


@pytest.mark.thorough
@pytest.mark.parametrize("pack", PACKS)
def test_images_that_cannot_be_read_are_listed_in_the_order_of_the_manifest_which_stands(
    pack: Pack, tmp_path: Path, work: Path, run: Run
) -> None:
    files = dict.fromkeys(NAMES, GOOD)
    bad = dict(zip(NAMES[::6], UNREADABLE.values(), strict=False))
    files |= {name: data for name, (data, _) in bad.items()}
    raw = pack(tmp_path / "raw", {f"AgeDB/{name}": data for name, data in files.items()})
    words = ["curate", "agedb", "--raw", raw, "--split", "redraw"]
    done = run(*words, "--check-images", code=1)
    path = work / "manifests" / "agedb" / "unreadable.csv"
    assert done.stdout.splitlines()[-1] == "60 images, 9 of them unreadable"
    where = path.relative_to(work)
    assert done.stderr.splitlines()[-1] == f"dir: agedb: 9 images cannot be read; they are listed in {where}"
    header, *rows = csv.reader(path.read_text().splitlines())
    assert header == ["id", "reason"]
    assert [key for key, _ in rows] == [
        key for key in manifests.read(path.parent).samples.ids if key.removeprefix("AgeDB/") in bad
    ]
    assert all(bad[key.removeprefix("AgeDB/")][1] in reason for key, reason in rows)
    run("verify", "agedb")
    before = path.read_bytes()
    run(*words, "--check-images", code=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("what", UNREADABLE)
def test_every_kind_of_damage_is_seen(what: str, tmp_path: Path) -> None:
    data, expected = UNREADABLE[what]
    raw = open_raw(in_folder(tmp_path, {"a.jpg": GOOD, "b.jpg": data}))
    ((key, reason),) = images.unreadable(raw, ["a.jpg", "b.jpg"])
    assert key == "b.jpg"
    assert expected in reason
    assert "\n" not in reason


@pytest.mark.parametrize("what", READABLE)
def test_what_pillow_decodes_is_not_listed(what: str, tmp_path: Path) -> None:
    raw = open_raw(in_folder(tmp_path, {"a.jpg": READABLE[what]}))
    assert list(images.unreadable(raw, ["a.jpg"])) == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.open(io.BytesIO(READABLE[what])).load()


@pytest.mark.thorough
@pytest.mark.parametrize("pack", PACKS)
def test_neither_batches_nor_the_engine_change_anything(pack: Pack, cluster: Engine, tmp_path: Path) -> None:
    kinds = [(GOOD, ""), *UNREADABLE.values(), (album(GOOD), "")]
    files = {f"AgeDB/{name}": kinds[row % len(kinds)][0] for row, name in enumerate(NAMES)}
    files |= {f"AgeDB/more-{name}": data for name, data in zip(NAMES, files.values(), strict=True)}
    path = pack(tmp_path / "raw", files)
    ids = [*files, "AgeDB/nobody.jpg"][::-1]
    filters = list(warnings.filters)
    found = []
    for engine, batch in ((LOCAL, 1), (LOCAL, 50), (cluster, 50)):
        with open_raw(path) as raw:
            found.append(list(images.unreadable(raw, ids, engine=engine, batch=batch)))
    assert found[0] == found[1] == found[2]
    assert [key for key, _ in found[0]] == [key for key in ids if files.get(key) not in (GOOD, album(GOOD))]
    assert found[0][0] == ("AgeDB/nobody.jpg", "missing")
    assert warnings.filters == filters


def test_memory_does_not_grow_with_the_ids(tmp_path: Path) -> None:
    """Ids are taken a batch at a time, as the findings are asked for."""
    raw = open_raw(in_folder(tmp_path, {"a.jpg": GOOD}))
    taken: list[int] = []

    def ids() -> Iterator[str]:
        for row in range(100_000):
            taken.append(row)
            yield f"{row}.jpg"

    found = images.unreadable(raw, ids(), batch=10)
    assert next(found) == ("0.jpg", "missing")
    assert len(taken) <= 10 * AHEAD * (os.cpu_count() or 1)


@pytest.mark.parametrize("name", ["AgeDB", "renamed"])
def test_the_folder_of_the_images_itself_will_do(name: str, tmp_path: Path, run: Run) -> None:
    raw = in_folder(tmp_path / name, dict.fromkeys(NAMES, GOOD))
    done = run("curate", "agedb", "--raw", raw, "--split", "redraw", "--check-images")
    assert "60 images, 0 of them unreadable" in done.stdout


def test_an_image_that_answers_twice_to_its_name_is_listed(tmp_path: Path) -> None:
    raw = open_raw(in_folder(tmp_path, {"old/AgeDB/a.jpg": GOOD, "new/AgeDB/a.jpg": GOOD}))
    ((key, reason),) = images.unreadable(raw, ["AgeDB/a.jpg"])
    assert key == "AgeDB/a.jpg"
    assert re.search("2 files answer to the name", reason)


def test_an_encrypted_image_is_listed_with_what_to_do(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "raw", {"AgeDB/a.jpg": GOOD})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(bytes(data))
    with open_raw(path) as raw:
        assert [reason.split(". ")[0] for _, reason in images.unreadable(raw, ["AgeDB/a.jpg"])] == [
            "AgeDB.zip!/AgeDB/a.jpg: is encrypted"
        ]


def test_a_list_of_images_holds_no_folder_of_the_machine(tmp_path: Path) -> None:
    damaged = in_zip(tmp_path / "raw", {"AgeDB/a.jpg": GOOD})
    data = bytearray(damaged.read_bytes())
    data[400] ^= 1
    damaged.write_bytes(data)
    twice = in_folder(tmp_path / "twice", {"AgeDB/a.jpg": GOOD, "more/AgeDB/a.jpg": GOOD})
    for path, begins in ((damaged, "AgeDB.zip!/AgeDB/a.jpg: is damaged"), (twice, "twice: 2 files answer")):
        with open_raw(path) as raw:
            ((_, reason),) = images.unreadable(raw, ["AgeDB/a.jpg"])
        assert reason.startswith(begins)
        assert str(tmp_path) not in reason


def test_a_file_that_may_not_be_opened_is_listed(tmp_path: Path) -> None:
    raw = open_raw(in_folder(tmp_path, {"a.jpg": GOOD, "b.jpg": GOOD}))
    raw.members()
    (tmp_path / "b.jpg").unlink()
    ((key, reason),) = images.unreadable(raw, ["a.jpg", "b.jpg"])
    assert key == "b.jpg"
    assert "does not exist" in reason


def test_a_dataset_without_images_has_none_to_check(tmp_path: Path, run: Run) -> None:
    from miniatures import MINIATURES

    raw = MINIATURES["sts-b"].build(tmp_path)
    words = ["curate", "sts-b", "--raw", raw, "--split", "redraw", "--check-images"]
    assert "sts-b has no images to check" in run(*words, code=2).stderr


def test_a_source_that_workers_do_not_see_is_named(cluster: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    raw = open_raw(in_folder(folder, {"a.jpg": GOOD}))
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"^{folder}"):
        list(images.unreadable(raw, ["a.jpg"], engine=cluster))


@pytest.mark.slow
def test_the_command_checks_images_on_a_cluster(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    raw = in_folder(tmp_path / "raw", dict.fromkeys([f"AgeDB/{name}" for name in NAMES[:-1]], GOOD))
    (tmp_path / "raw" / "AgeDB" / NAMES[-1]).write_bytes(b"no image")
    words = ["curate", "agedb", "--raw", raw, "--split", "redraw"]
    assert "it goes with --check-images" in run(*words, "--engine", "dask", code=2).stderr
    listed = []
    for more in ([], ["--engine", "dask", "--workers", "1"]):
        done = run(*words, "--check-images", *more, code=1)
        assert "60 images, 1 of them unreadable" in done.stdout
        listed.append(Path("manifests/agedb/unreadable.csv").read_bytes())
    assert listed[0] == listed[1]
