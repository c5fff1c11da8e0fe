"""Raw sources at URLs: the same trees as from the disk, whatever holds them, and benchmarks made of them."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import server as web
from conftest import mostly_thorough
from miniatures import MINIATURES
from trees import TREE, contents, packed

import dircli
from dircli.errors import InputError, UsageError
from dircli.store import derived, engines, manifests, places
from dircli.store.raw.tree import open_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Run

    from dircli.benchmark.raw import Raw

pytest.importorskip("fsspec", reason="the extra remote is not installed")
pytest.importorskip("aiohttp", reason="the extra remote is not installed")


class Elsewhere:
    """A place for files, and its URL, which ends in a slash."""

    def __init__(self, url: str, put: Callable[[Mapping[str, bytes]], None]) -> None:
        self.url, self.put = url, put

    def of(self, name: str) -> Path:
        """The place called ``name`` there."""
        return places.of(self.url + name)


@pytest.fixture(params=["memory", "http", pytest.param("s3", marks=pytest.mark.slow)])
def elsewhere(request: pytest.FixtureRequest) -> Elsewhere:
    """Each kind of place after the other."""
    if request.param == "http":
        server: web.Server = request.getfixturevalue("server")
        return Elsewhere(server.url("/"), lambda files: web.published(server, files))
    system = request.getfixturevalue(request.param)
    root = "/root" if request.param == "memory" else "bucket"

    def put(files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            system.pipe(f"{root}/{name}", data)

    return Elsewhere(f"{request.param}://{root.strip('/')}/", put)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_a_tree_elsewhere_is_that_of_a_copy_on_the_disk(kind: str, elsewhere: Elsewhere) -> None:
    files = {f"raw/{name}": data for name, data in TREE.items()} if kind == "folder" else {"raw": packed(kind)}
    elsewhere.put({**files, "raw2/none.txt": b""})
    place = elsewhere.of("raw/" if kind == "folder" else "raw")
    with open_raw(place) as raw:
        assert contents(raw) == TREE
        member = raw.find("er/b.bin")
        assert member == "deep/er/b.bin"
        between = "/" if kind == "folder" else "!/"
        assert raw.where(member) == f"{elsewhere.url}raw{between}{member}"
        assert raw.inside(raw.where(member)) == (member if kind == "folder" else f"raw!/{member}")
        with raw.open(member) as one, raw.open(member) as two:
            one.seek(700_000)
            assert two.read(9) == TREE[member][:9]
            assert one.read() == TREE[member][700_000:]
        stamp = raw.stamp(member)
    assert contents(raw) == TREE  # it may be used again
    if "memory" not in elsewhere.url:
        assert contents(pickle.loads(pickle.dumps(raw))) == TREE  # noqa: S301 - our own bytes
    assert open_raw(place).stamp(member) == stamp
    elsewhere.put({"raw/deep/er/b.bin": b"other"} if kind == "folder" else {"raw": packed(kind)[:-1] + b"x"})
    if "http" not in elsewhere.url:  # where the server says so
        with pytest.raises(InputError) if kind == "tar.gz" else io.BytesIO():
            assert open_raw(elsewhere.of("raw/" if kind == "folder" else "raw")).stamp(member) != stamp


def test_archives_and_unfinished_files_in_a_folder_elsewhere(elsewhere: Elsewhere) -> None:
    files = {"raw/x.zip": packed("zip"), "raw/y.tar": packed("tar"), "raw/a.txt": b"plain", "raw/b.part": b"half"}
    elsewhere.put({**files, "raw/__MACOSX/._a": b"", "raw/in/.DS_Store": b""})
    with open_raw(elsewhere.of("raw/")) as raw:
        assert sorted(name for name in raw.members() if "!" not in name) == ["a.txt", "x.zip", "y.tar"]
        assert raw.find("a.txt") == "a.txt"
        with raw.open("y.tar!/deep/er/b.bin") as stream:
            assert stream.read() == TREE["deep/er/b.bin"]
        with pytest.raises(InputError, match=r"raw: 2 files answer to the name 'b.bin'"):
            raw.find("b.bin")


def test_what_is_no_tree_elsewhere_is_told_in_one_line(elsewhere: Elsewhere) -> None:
    elsewhere.put({"page": web.PAGE, "text": b"no archive", "cut.zip": packed("zip")[:-100]})
    for name, message in {
        "none": "none: does not exist",
        "none/": "none: holds no files" if "http" in elsewhere.url else "none/: does not exist",
        "text": "text: is neither a folder nor an archive by its content",
        "page": "page: is a web page, not an archive. The URL of a folder ends in /",
        "cut.zip": "cut.zip: ",
    }.items():
        with pytest.raises(InputError, match=message) as raised:
            contents(open_raw(elsewhere.of(name)))
        assert len(raised.value.problems) == 1


def test_a_server_that_lists_nothing_and_one_that_breaks_off_give_one_line(server: web.Server) -> None:
    server.add("/raw/", b"", web.page(body=b"<html>welcome</html>"))
    with pytest.raises(InputError, match=r"raw: holds no files. Check the URL; a web server may not list what it has"):
        open_raw(places.of(server.url("/raw/")))
    for kind in ("zip", "tar", "tar.gz"):
        server.add("/x", packed(kind))
        server.asked.clear()
        assert contents(open_raw(places.of(server.url("/x")))) == TREE
        needed = len(server.asked)
        assert needed > 1
        for served in range(needed):
            server.add("/x", packed(kind), *[web.serve] * served, web.drop(70))
            with pytest.raises(places.UnreachableError, match="/x: it cannot be read"):
                contents(open_raw(places.of(server.url("/x"))))


def test_no_more_of_a_zip_is_asked_for_than_its_list_and_the_member(server: web.Server) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for number in range(30):
            file.writestr(f"{number}.bin", bytes([number]) * (1 << 20))
    server.add("/x.zip", sink.getvalue())
    with open_raw(places.of(server.url("/x.zip"))) as raw, raw.open("17.bin") as stream:
        assert set(stream.read(1000)) == {17}
    asked = [tuple(map(int, text.removeprefix("bytes=").split("-"))) for text in server.ranges("/x.zip") if text]
    assert sum(last + 1 - first for first, last in asked) < 5 << 20  # a member, and what is read ahead


def tree_of(path: Path) -> dict[str, bytes]:
    """The files at ``path``, a folder or one file, by their names below its parent."""
    paths = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return {each.relative_to(path.parent).as_posix(): each.read_bytes() for each in paths}


@pytest.mark.parametrize("name", mostly_thorough(sorted(MINIATURES)))
@pytest.mark.parametrize("by", ["--raw", "--data"])
def test_a_benchmark_made_of_a_source_elsewhere_is_that_of_a_copy(
    name: str, by: str, elsewhere: Elsewhere, tmp_path: Path, work: Path, run: Run
) -> None:
    path = MINIATURES[name].build(tmp_path)
    words = ["curate", name, "--split", "redraw", "-q"]
    here = run(*words, "--raw", path, "--out", "here").stdout
    files = tree_of(path)
    url = elsewhere.url + path.name + "/" * path.is_dir()
    if by == "--data":
        below = tree_of(path) if path.is_file() else {key.partition("/")[2]: data for key, data in files.items()}
        files, url = {f"data/{name}/{key}": data for key, data in below.items()}, f"{elsewhere.url}data"
    elsewhere.put(files)
    done = run(*words, by, url, "--out", "there")
    assert done.stdout == here
    manifests = [
        {each.name: each.read_bytes() for each in (work / root / name).iterdir()} for root in ("here", "there")
    ]
    assert manifests[0] == manifests[1]
    if by == "--data":
        shown = run("info", name, "--data", url, "--json").stdout
        assert f"{url}/{name}" in shown


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("url", ["memory://data", "http"])
def test_nothing_is_downloaded_to_a_url(run: Run, url: str, work: Path, server: web.Server) -> None:
    url = server.url("/data") if url == "http" else url
    for words in (
        ["download", "sts-b", "--accept-license"],
        ["download", "sts-b", "--dry-run"],
        ["curate", "sts-b", "--accept-license"],
        ["curate", "sts-b", "--split", "redraw", "--accept-license"],
    ):
        done = run(*words, "--data", url, "-q", code=2)
        assert f"dir: {url}/sts-b" in done.stderr
        assert "files are downloaded to a folder of this machine alone; name one with --data" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert list(work.iterdir()) == []
    del server


def test_images_are_looked_at_elsewhere_and_listed_there(
    elsewhere: Elsewhere, tmp_path: Path, work: Path, run: Run
) -> None:
    path = MINIATURES["agedb"].build(tmp_path)
    elsewhere.put(tree_of(path))
    words = ["curate", "agedb", "--split", "redraw", "--check-images", "-q"]
    here = run(*words, "--raw", path, code=1)
    list_of_them = (work / "manifests" / "agedb" / "unreadable.csv").read_bytes()
    shutil.rmtree(work / "manifests")
    there = run(*words, "--raw", f"{elsewhere.url}AgeDB.zip", code=1)
    assert there.stdout == here.stdout
    assert (work / "manifests" / "agedb" / "unreadable.csv").read_bytes() == list_of_them
    if "http" not in elsewhere.url:
        done = run(*words, "--raw", f"{elsewhere.url}AgeDB.zip", "--out", f"{elsewhere.url}manifests", code=1)
        assert done.stdout == here.stdout
        assert places.of(f"{elsewhere.url}manifests/agedb/unreadable.csv").read_bytes() == list_of_them


def _opened(raw: Raw, name: str) -> int:
    with raw.open(name) as stream:
        return len(stream.read())


@pytest.mark.slow
def test_workers_of_a_cluster_open_a_tree_elsewhere(s3: Any) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    for name, data in {**{f"raw/{name}": data for name, data in TREE.items()}, "raw.zip": packed("zip")}.items():
        s3.pipe(f"bucket/{name}", data)
    with engines.opened("dask", workers=1) as engine:
        for name in ("raw", "raw.zip"):
            with open_raw(places.of(f"s3://bucket/{name}")) as raw:
                sizes = list(engine.in_order(_opened, list(TREE), shared=raw))
            assert sizes == [len(data) for data in TREE.values()]


@pytest.mark.usefixtures("memory")
def test_from_python_sources_and_manifests_may_be_urls(tmp_path: Path) -> None:
    path = MINIATURES["agedb"].build(tmp_path)
    for name, data in tree_of(path).items():
        memory_place = places.of(f"memory://raw/{name}")
        memory_place.write_bytes(data)
    here = dircli.curate("agedb", raw=path, split="redraw")
    there = dircli.curate("agedb", raw="memory://raw/AgeDB.zip", split="redraw", manifests="memory://m")
    assert there.content == here.content
    again = dircli.load("agedb", manifests="memory://m")
    assert again.content == here.content
    weights = dircli.weights("agedb", manifests="memory://m")
    assert np.array_equal(weights, dircli.weights("agedb"))
    with pytest.raises(UsageError, match="nothing can be written there"):
        dircli.curate("agedb", raw=path, manifests="https://host/m")


@pytest.mark.slow
def test_marks_that_a_console_leaves_for_folders_are_no_files(s3: Any) -> None:
    for name in ("raw/", "raw/deep/"):
        s3.call_s3("put_object", Bucket="bucket", Key=name, Body=b"")
    for name, data in TREE.items():
        s3.pipe(f"bucket/raw/{name}", data)
    s3.invalidate_cache()
    with open_raw(places.of("s3://bucket/raw")) as raw:
        assert contents(raw) == TREE
    assert [part.name for part in places.parts("s3://bucket/raw/z/*")] == ["a.csv"]
    assert len(places.parts("s3://bucket/raw/")) == len(TREE)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["agedb", "shhs"])
def test_a_source_that_cannot_be_reached_is_no_finding(
    name: str, tmp_path: Path, work: Path, run: Run, server: web.Server
) -> None:
    """An image or recording that is not had is not damaged: nothing is listed, and the command ends with one line."""
    files = {"raw/" + each.partition("/")[2]: data for each, data in tree_of(MINIATURES[name].build(tmp_path)).items()}
    if name == "agedb":
        with zipfile.ZipFile(io.BytesIO(tree_of(tmp_path / "AgeDB.zip")["AgeDB.zip"])) as archive:
            files = {f"raw/{each}": b"no image, and it is read" for each in archive.namelist()}
    web.published(server, files)
    words = ["--raw", server.url("/raw/"), "--split", "redraw", "-q"]
    check = "--check-images" if name == "agedb" else "--check-signals"
    run("curate", name, *words, check, code=1 if name == "agedb" else 0)
    [found] = [path for path in (work / "manifests" / name).iterdir() if path.stem in {"unreadable", "signals"}]
    found.unlink()
    image = next(each for each in files if each.endswith((".jpg", ".edf")))
    server.files[f"/{image}"].acts = [web.status(500)]
    done = run("curate", name, *words, check, code=2)
    assert "the server answers 500 (Internal Server Error)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not found.exists()


def test_a_manifest_that_cannot_be_reached_is_neither_damaged_nor_replaced(run: Run, server: web.Server) -> None:
    folder = places.of(server.url("/agedb"))
    for words in ("verify agedb", "datasets", "info agedb"):
        server.add("/agedb/manifest.json", b"{}", web.serve, web.status(500))  # it is there, and then it is not had
        done = run(*words.split(), "--manifests", server.url(""), code=2)
        assert "agedb/manifest.json: it cannot be read (the server answers 500 (Internal Server Error))" in done.stderr
    bins = manifests.shipped("agedb")
    assert bins is not None
    table = manifests.read_bins(bins)
    server.add("/agedb/bins.parquet", bins.read_bytes())
    server.add("/agedb/manifest.json", b"{}", web.status(500))
    with pytest.raises(places.UnreachableError):
        derived.differing(folder, table)
    server.add("/agedb/manifest.json", b"{}", web.serve, web.status(500))
    with pytest.raises(places.UnreachableError):
        derived.refuse_unlike(folder, derived.REFUSE, dataset="agedb", origin="redraw")
