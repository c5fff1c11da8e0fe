"""Files that go together, put to URLs: whole, complete before the one that tells of them, and never over others."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from conftest import mostly_thorough

from dircli.errors import UsageError
from dircli.store import files, places, uploads

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

pytest.importorskip("fsspec", reason="the extra remote is not installed")
pytest.importorskip("aiohttp", reason="the extra remote is not installed")

SET = {"samples.parquet": b"rows" * 9, "manifest.json": b"facts", "bins.parquet": b"bins"}
OTHER = {**SET, "samples.parquet": b"Rows" * 9, "manifest.json": b"Facts"}
TABLE = ("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "id", "--bin-width", "1", "--per-bin", "2")


class Store:
    """What is asked of a store at az://, in order, and the change at which it ``fails``; what lies there."""

    def __init__(self, system: Any) -> None:
        self._system = system

    @property
    def files(self) -> dict[str, bytes]:
        """What lies there."""
        return {name.removeprefix("/"): file.getvalue() for name, file in self._system.store.items()}

    def names(self) -> list[str]:
        """What the files are called."""
        return sorted(name.rpartition("/")[2] for name in self.files)

    def asked(self) -> list[str]:
        """The changes since the last question."""
        every, self._system.asked[:] = list(self._system.asked), []
        return every

    def fail_at(self, name: str) -> None:
        """Have changes of the file ``name`` fail from now on; of none for the empty name."""
        self._system.failing[:] = [name]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """An object store at az:// that fails on demand."""
    from fsspec.implementations.memory import MemoryFileSystem

    class Frail(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
        protocol = "az"
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]
        asked: ClassVar[list[str]] = []
        failing: ClassVar[list[str]] = []
        cachable = False

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.removeprefix("az://")))

        def _change(self, what: str, path: str) -> None:
            name = path.rpartition("/")[2]
            self.asked.append(f"{what} {name}")
            if name in self.failing:
                raise RuntimeError("the store hung up")

        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **settings: Any) -> None:
            self._change("put", path)
            super().pipe_file(path, value, mode, **settings)

        def put_file(self, lpath: str, rpath: str, *every: Any, **settings: Any) -> None:
            self._change("put", rpath)
            super().put_file(lpath, rpath, *every, **settings)

        def rm_file(self, path: str) -> None:
            raise NotImplementedError

        def rm(self, path: str, *_: Any, **__: Any) -> None:
            self._change("remove", path)
            del self.store[path]

    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "az", Frail)  # noqa: SLF001 - undone
    return Store(Frail)


def test_files_that_tell_of_others_come_last_and_large_ones_from_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places.Remote, "write_bytes", None)  # which holds them in memory
    files.write_all(places.of("az://b/m"), SET)
    assert store.asked() == ["put samples.parquet", "put bins.parquet", "put manifest.json"]
    assert store.files == {f"b/m/{name}": data for name, data in SET.items()}


def test_the_same_content_is_put_once(store: Store) -> None:
    folder = places.of("az://b/m")
    files.write_all(folder, SET)
    store.asked()
    files.write_all(folder, SET)
    assert store.asked() == []
    files.write_all(folder, {"a.csv": b""})
    files.write_all(folder, {"a.csv": b"1"})  # an empty file is none
    assert store.asked() == ["put a.csv", "put a.csv"]


def test_other_content_is_refused_before_anything_changes(store: Store) -> None:
    folder = places.of("az://b/m")
    files.write_all(folder, SET)
    store.asked()
    what = r"az://b/m/manifest.json, az://b/m/samples.parquet are there already with other content; add --force"
    with pytest.raises(UsageError, match=what):
        files.write_all(folder, {**OTHER, "new.csv": b"1"})
    with pytest.raises(UsageError, match=what):
        files.write_each({folder / name: data for name, data in {"new.csv": b"1", **OTHER}.items()})
    assert store.asked() == []
    assert store.files == {f"b/m/{name}": data for name, data in SET.items()}


def test_what_tells_of_others_is_gone_while_they_change(store: Store) -> None:
    folder = places.of("az://b/m")
    files.write_all(folder, {**SET, "weights.json": b"old"})
    store.asked()
    files.write_all(folder, OTHER, force=True, outdated=lambda: ["weights.json"])
    first, second, *rest = store.asked()
    assert [first, second] == ["remove manifest.json", "remove weights.json"]
    assert rest == ["put samples.parquet", "put manifest.json"]
    assert store.files == {f"b/m/{name}": data for name, data in OTHER.items()}
    files.write_all(folder, {**OTHER, "bins.parquet": b"mended"}, force=True)
    assert store.asked() == ["remove manifest.json", "put bins.parquet", "put manifest.json"]
    two = {"w.json": b"facts", "w.parquet": b"weights"}
    files.write_all(folder, two)
    store.asked()
    files.write_all(folder, {**two, "w.parquet": b"others"}, force=True)
    assert store.asked() == ["remove w.json", "put w.parquet", "put w.json"]
    files.write_all(folder, {"manifest.json": b"again"}, force=True)  # by itself it is whole at any moment
    assert store.asked() == ["put manifest.json"]


def test_an_upload_that_fails_says_how_far_it_came_and_is_completed_by_another(store: Store) -> None:
    folder = places.of("az://b/m")
    store.fail_at("samples.parquet")
    with pytest.raises(UsageError, match=r"^az://b/m/samples.parquet: cannot be written \(the store hung up\)$"):
        files.write_all(folder, SET)
    store.fail_at("bins.parquet")
    with pytest.raises(UsageError) as raised:
        files.write_all(folder, SET)
    assert str(raised.value) == (
        "az://b/m/bins.parquet: cannot be written (the store hung up); "
        "az://b/m/samples.parquet is there already: run it again to complete them"
    )
    assert store.names() == ["samples.parquet"]
    store.fail_at("")
    store.asked()
    files.write_all(folder, SET)
    assert store.asked() == ["put bins.parquet", "put manifest.json"]
    store.fail_at("bins.parquet")
    with pytest.raises(UsageError) as raised:
        files.write_all(folder, {**OTHER, "bins.parquet": b"!"}, force=True)
    assert str(raised.value) == (
        "az://b/m/bins.parquet: cannot be written (the store hung up); az://b/m/samples.parquet is there already "
        "and az://b/m/manifest.json is removed: run it again to complete them"
    )
    store.fail_at("")
    files.write_all(folder, SET, force=True)
    for name in ("manifest.json", "samples.parquet", "bins.parquet"):
        before = store.files
        store.fail_at(name)
        with pytest.raises(UsageError, match=f"az://b/m/{name}: cannot be written"):
            files.write_all(folder, {key: data + b"!" for key, data in SET.items()}, force=True)
        assert "manifest.json" not in store.names() or store.files == before  # old or none, never beside new rows
    store.fail_at("two.csv")
    with pytest.raises(
        UsageError, match=r"two.csv: cannot be written .*; az://b/one.csv is there already: run it again"
    ):
        files.write_each({places.of(f"az://b/{name}.csv"): b"1" for name in ("one", "two")})
    store.fail_at("")
    files.write_all(folder, OTHER, force=True)
    assert store.files == {"b/one.csv": b"1"} | {f"b/m/{name}": data for name, data in OTHER.items()}


def test_what_fails_here_leaves_nothing_there_and_nothing_here(store: Store, tmp_path: Path) -> None:
    def failing() -> None:
        with files.staged(places.of("az://b/m"), "a", "b") as folder:
            (folder / "a").write_bytes(b"1")
            staged.append(folder)
            raise OSError(28, "No space left on device")

    staged: list[Path] = []
    with pytest.raises(UsageError, match=r"/.dircli-staging-\w+: cannot be written \(No space left on device\)"):
        failing()
    assert store.files == {}
    assert not staged[0].exists()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_compared_to_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "BLOCK", 4)
    place = places.of("az://b/a")
    assert isinstance(place, places.Remote)
    assert uploads.state(place, b"12345678") == "missing"
    files.write(place, b"12345678")
    for data in (b"12345679", b"1234567", b"123456789", b""):
        assert uploads.state(place, data) == "other"
    assert uploads.state(place, b"12345678") == "same"
    del store


@pytest.fixture
def table(work: Path) -> None:
    """A table of one's own, t.csv."""
    targets = np.random.default_rng(0).integers(0, 20, 400)
    pd.DataFrame({"id": range(400), "y": targets}).to_csv(work / "t.csv", index=False)


@pytest.mark.usefixtures("table")
def test_a_manifest_and_its_weights_are_put_there_as_they_are_written_here(
    run: Run, work: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "az://b/manifests"
    here, there = run(*TABLE, "-q"), run(*TABLE, "--out", url, "-q")
    assert there.stdout == here.stdout
    shown = run("weights", "t", "--json", "-q").stdout
    assert run("weights", "t", "--manifests", url, "--json", "-q").stdout == shown
    expected = {f"b/manifests/t/{path.name}": path.read_bytes() for path in (work / "manifests" / "t").iterdir()}
    assert store.files == expected
    assert len(expected) == 5
    store.asked()
    run(*TABLE, "--out", url)
    run("weights", "t", "--manifests", url)
    assert store.asked() == []
    told = run(*TABLE, "--out", url, "--seed", "7", code=2).stderr
    assert "az://b/manifests/t: t (custom, redraw, sha256:" in told
    assert store.files == expected
    told = run(*TABLE, "--out", url, "--seed", "7", "--force").stderr
    assert "removed what was derived from the manifest before: weights.json, weights.parquet" in told
    assert store.asked()[:3] == ["remove manifest.json", "remove weights.json", "remove weights.parquet"]
    assert store.names() == ["bins.parquet", "manifest.json", "samples.parquet"]
    monkeypatch.setenv("DIR_MANIFESTS", url)
    run("verify")
    run("weights")
    assert store.names() == sorted(name.rpartition("/")[2] for name in expected)


@pytest.mark.usefixtures("table")
def test_a_manifest_that_is_cut_off_there_is_read_by_nobody_and_made_by_the_same_command(
    run: Run, store: Store
) -> None:
    url = "az://b/manifests"
    run(*TABLE, "--out", url)
    for name in ("samples.parquet", "manifest.json"):
        store.fail_at(name)
        told = run(*TABLE, "--out", url, "--seed", "7", "--force", "-q", code=2).stderr
        assert f"az://b/manifests/t/{name}: cannot be written (the store hung up)" in told
        assert len(told.splitlines()) == 1
        if name == "manifest.json":
            break  # it could not even be removed: the old benchmark is there, whole
        store.fail_at("")
        assert "manifest.json" not in store.names()
        run("verify", "t", "--manifests", url, code=2)
        run(*TABLE, "--out", url, "--seed", "7")  # nothing is there that is replaced
        run("verify", "t", "--manifests", url)
        run(*TABLE, "--out", url, "--force")
    run("verify", "t", "--manifests", url)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "words",
    mostly_thorough(
        [
            "curate custom --table none.csv --target y --out {url}",
            "curate agedb --raw none --out {url}",
            "weights own --out {url}/w.parquet",
            "weights own --maps {url}/w.h5",
            "export t --out {url}",
            "export t --format codabench --out {url}/x.zip",
            "fds none.h5 --dataset t --out {url}/f.h5",
            "fds none.h5 --dataset t --similarity --anchor 3 --plot {url}/f.png",
            "fds none.h5 --dataset t --similarity --anchor 3 --out {url}/f.csv",
            "evaluate none.csv --dataset t --output {url}/r.json",
            "evaluate none.csv --dataset t --per-bin {url}/r.csv",
            "evaluate none.csv --dataset t --per-sample {url}/r.csv",
            "evaluate none.csv --dataset t --report {url}/r.html",
            "leaderboard none --output {url}/r.md",
            "plot none --out {url}/p.png",
            "suggest none --plot {url}/p.png",
            "resample --table none.csv --target y --method over --out {url}/r.csv",
            "verify t --leakage --manifests {url}",
        ],
        first=6,
    ),
)
def test_where_nothing_can_be_written_is_said_before_anything_is_read(run: Run, words: str, server: Any) -> None:
    manifest = {"dataset": "x"}
    server.add("/t/manifest.json", json.dumps(manifest).encode())
    server.add("/", b'<a href="t/">t</a>')
    url = server.url("")
    done = run(*words.format(url=url).split(), "-q", code=2)
    assert f"dir: {url}" in done.stderr
    assert "nothing can be written there; write to a file, or to s3://" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_told_of_before_any_work(s3: Any, run: Run, work: Path) -> None:
    assert s3.exists("bucket")
    (work / "p.csv").write_text("prediction,target\n1,2\n")
    told = run("evaluate", "p.csv", "--dataset", "agedb", "--output", "s3://lakes/r.json", code=2).stderr
    assert told == "dir: s3://lakes/r.json: there is no bucket lakes; make it, or write elsewhere\n"


@pytest.mark.slow
def test_a_store_that_does_not_answer_is_not_one_without_the_bucket(
    s3: Any, run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "p.csv").write_text("prediction,target\n1,2\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.clear_instance_cache()
    told = run("evaluate", "p.csv", "--dataset", "agedb", "--output", "s3://bucket/r.json", code=2).stderr
    assert told.startswith("dir: s3://bucket/r.json: cannot be written (Could not connect to the endpoint URL")


@pytest.mark.slow
def test_files_that_may_be_read_need_not_be_listed(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    s3.pipe("bucket/a.csv", b"x")
    monkeypatch.setattr(s3, "isdir", refused)
    place = places.of("s3://bucket/a.csv")
    assert not place.is_dir()
    assert [path.read_bytes() for path in places.parts(place)] == [b"x"]
    monkeypatch.setattr(s3, "info", refused)
    with pytest.raises(places.UnreachableError, match="Access Denied"):
        place.is_dir()
