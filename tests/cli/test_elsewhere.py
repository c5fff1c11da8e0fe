"""Data that lie elsewhere: the same results as from copies on the disk, from stores, servers, folders and globs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import run as started
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import server as web
from conftest import PROJECT

from dircli.scores import from_files
from dircli.store import places, streams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Run

pytest.importorskip("fsspec", reason="the extra remote is not installed")
pytest.importorskip("aiohttp", reason="the extra remote is not installed")

ROWS = 240
OPTIONS = ["--target", "y", "--id", "id", "--bin-width", "2", "--per-bin", "4"]
KINDS = ["memory", "http", pytest.param("s3", marks=pytest.mark.slow)]


@dataclass
class Elsewhere:
    """A place to ``put`` files by name, and the URL of all of them."""

    url: str
    put: Callable[[Mapping[str, bytes]], None]


@pytest.fixture(params=KINDS)
def elsewhere(request: pytest.FixtureRequest) -> Elsewhere:
    """Each kind of place after the other."""
    if request.param == "memory":
        system = request.getfixturevalue("memory")
        return Elsewhere("memory://root", lambda files: _piped(system, "/root", files))
    if request.param == "s3":
        system = request.getfixturevalue("s3")
        return Elsewhere("s3://bucket", lambda files: _piped(system, "bucket", files))
    server: web.Server = request.getfixturevalue("server")
    return Elsewhere(server.url(""), lambda files: web.published(server, files))


def _piped(system: Any, root: str, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        system.pipe(f"{root}/{name}", data)


def as_csv(rows: Mapping[str, list[Any]]) -> bytes:
    lines = [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]
    return "".join(f"{line}\n" for line in lines).encode()


def as_lines(rows: Mapping[str, list[Any]]) -> bytes:
    names = list(rows)
    return "".join(
        json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in zip(*rows.values(), strict=True)
    ).encode()


def as_parquet(rows: Mapping[str, list[Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(rows)), sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[Mapping[str, list[Any]]], bytes]] = {
    "csv": as_csv,
    "jsonl": as_lines,
    "parquet": as_parquet,
    "csv.gz": lambda rows: gzip.compress(as_csv(rows), mtime=0),
}


FORMS = ["csv", "parquet", *(pytest.param(form, marks=pytest.mark.slow) for form in ("jsonl", "csv.gz"))]


@pytest.fixture
def benchmark(run: Run, work: Path) -> dict[str, list[Any]]:
    """A table of one's own, curated here as `own`; and predictions of its test rows, with targets."""
    draw = np.random.default_rng(1)
    (work / "table.csv").write_bytes(
        as_csv({"id": [f"row {k}" for k in range(ROWS)], "y": draw.normal(40, 9, ROWS).round(2).tolist()})
    )
    run("curate", "custom", "--table", "table.csv", *OPTIONS, "--name", "own", "-q")
    rows = pq.read_table(work / "manifests" / "own" / "samples.parquet").to_pydict()
    test = [k for k, split in enumerate(rows["split"]) if split == "test"]
    targets = [rows["target"][k] for k in test]
    errors = draw.normal(0, 2, len(test)).tolist()
    return {
        "id": [rows["id"][k] for k in test],
        "prediction": [y + e for y, e in zip(targets, errors, strict=True)],
        "target": targets,
    }


def parted(rows: Mapping[str, list[Any]], form: str, *, count: int = 3) -> dict[str, bytes]:
    """The rows in ``count`` files, the last of them in a folder, with what is no part beside them."""
    size = -(-len(rows["id"]) // count)
    parts = [{name: each[k * size : (k + 1) * size] for name, each in rows.items()} for k in range(count)]
    names = [*(f"part-{k}" for k in range(count - 1)), "part=z/part-9"]
    files = {f"{name}.{form}": WRITERS[form](part) for name, part in zip(names, parts, strict=True)}
    return {**files, "_SUCCESS": b"", ".part-0.crc": b"crc"}


def stored(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def everywhere(text: str, *words: str) -> str:
    """A result with each of ``words``, which name the file, replaced by one of them."""
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(json.dumps(word), '"file"')
    return text


def read_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and manifests are large, however small they are."""
    monkeypatch.setattr(streams, "LARGE", 0)
    monkeypatch.setattr(streams, "LARGE_COMPRESSED", 0)
    monkeypatch.setattr(from_files, "LARGE", 0)


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by_blocks", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["whole", "by blocks"])
def test_the_result_is_that_of_a_copy_on_the_disk(
    elsewhere: Elsewhere,
    run: Run,
    work: Path,
    benchmark: dict[str, list[Any]],
    form: str,
    by_blocks: bool,  # noqa: FBT001 - a parameter
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a file, a folder and a glob, by the manifest here and there, and by bins alone."""
    if by_blocks:
        read_by_blocks(monkeypatch)
    files = {f"one.{form}": WRITERS[form](benchmark)}
    files |= {f"many/{name}": data for name, data in parted(benchmark, form).items()}
    stored(work, files)
    manifest = {path.relative_to(work).as_posix(): path.read_bytes() for path in work.glob("manifests/own/*")}
    elsewhere.put({**files, **manifest})
    inputs = [f"one.{form}", "many/", "many/**" if "http" not in elsewhere.url else "many/"]
    bins = "manifests/own/bins.parquet"
    for name in inputs:
        here = run("evaluate", name, "--dataset", "own", "--format", "json").stdout
        url = f"{elsewhere.url}/{name}"
        for where in (["--dataset", "own"], ["--manifest", f"{elsewhere.url}/manifests/own"]):
            there = run("evaluate", url, *where, "--format", "json").stdout
            assert everywhere(there, url) == everywhere(here, name)
        here = run("evaluate", name, "--bins", bins, "--format", "json").stdout
        there = run("evaluate", url, "--bins", f"{elsewhere.url}/{bins}", "--format", "json").stdout
        assert everywhere(there, url) == everywhere(here, name)


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by_blocks", [False, True], ids=["whole", "by blocks"])
def test_parts_give_the_scores_of_one_file(
    run: Run,
    work: Path,
    benchmark: dict[str, list[Any]],
    form: str,
    by_blocks: bool,  # noqa: FBT001 - a parameter
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if by_blocks:
        read_by_blocks(monkeypatch)
    parts = parted(benchmark, form)
    stored(work, {f"one.{form}": WRITERS[form](benchmark), **{f"many/{name}": data for name, data in parts.items()}})
    for options in (["--dataset", "own"], ["--bins", "manifests/own/bins.parquet"]):
        one, many, glob = (
            json.loads(run("evaluate", name, *options, "--format", "json").stdout)
            for name in (f"one.{form}", "many", "many/p*")
        )
        assert one["systems"][0]["regions"] == many["systems"][0]["regions"] == glob["systems"][0]["regions"]
        assert one["signature"] == many["signature"] == glob["signature"]
        assert (many["systems"][0]["name"], glob["systems"][0]["name"]) == ("many", "p*")
        assert many["systems"][0]["sha256"] == glob["systems"][0]["sha256"] != one["systems"][0]["sha256"]


def test_the_digest_of_parts_is_that_of_their_digests(run: Run, work: Path, benchmark: dict[str, list[Any]]) -> None:
    from hashlib import sha256

    parts = parted(benchmark, "csv")
    stored(work / "many", parts)
    result = json.loads(run("evaluate", "many", "--dataset", "own", "--format", "json").stdout)
    names = ["part-0.csv", "part-1.csv", "part=z/part-9.csv"]
    lines = "".join(f"{sha256(parts[name]).hexdigest()}\n" for name in names)
    assert result["systems"][0]["sha256"] == sha256(lines.encode()).hexdigest()
    alone = json.loads(
        run("evaluate", "many/part=*", "--bins", "manifests/own/bins.parquet", "--format", "json").stdout
    )
    assert alone["systems"][0]["sha256"] == sha256(parts[names[2]]).hexdigest()


def test_parts_that_the_shell_took_for_systems_are_told_to_be_quoted(
    run: Run, work: Path, benchmark: dict[str, list[Any]]
) -> None:
    stored(work, {f"a/{number}.csv": as_csv({k: v[number::2] for k, v in benchmark.items()}) for number in range(2)})
    told = run("evaluate", "a/0.csv", "a/1.csv", "--dataset", "own", code=2).stderr.splitlines()
    assert len(told) == 3
    assert told[2] == (
        "dir: a/*.csv: each of the 2 files lacks rows. "
        "If they are parts of one file, quote the glob, 'a/*.csv', or name the folder"
    )
    assert "quote" not in run("evaluate", "a/0.csv", "--dataset", "own", code=2).stderr
    stored(work, {"b/1.csv": as_csv(benchmark)})
    assert "quote" not in run("evaluate", "a/0.csv", "b/1.csv", "--dataset", "own", code=2).stderr
    run("evaluate", "a/*.csv", "--dataset", "own")


@pytest.mark.thorough
def test_several_globs_are_several_systems(run: Run, work: Path, benchmark: dict[str, list[Any]]) -> None:
    stored(work / "a", parted(benchmark, "csv"))
    stored(work / "b", parted(benchmark, "parquet"))
    result = json.loads(run("evaluate", "a", "b/**", "--dataset", "own", "--format", "json", "--ci").stdout)
    assert [system["name"] for system in result["systems"]] == ["a", "b"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"part-1.csv": b""}, "many/part-1.csv: the file is empty"),
        ({"part-1.csv": b"id,prediction,more\nrow 1,2,3\n"},
         "many/part-1.csv: there is no column target and there is a column more, unlike in many/part-0.csv"),
        ({"part-1.csv": b"id,prediction\nrow 1,2\n"}, "many/part-1.csv: there is no column target, unlike in"),
        ({"part-1.csv": as_parquet({"id": ["a"], "prediction": [1.0], "target": [1.0]})},
         "many/part-1.csv: this is Parquet, and many/part-0.csv is text with commas"),
        ({"part-1.csv": as_lines({"id": ["a"], "prediction": [1.0], "target": [1.0]})}, "this is JSON lines, and"),
        ({"README.png": b"\x89PNG\r\n\x1a\n\0\0\0"}, "many/README.png: this is no table of text or Parquet"),
        ({"part-1.csv": b"id,prediction,target\nrow 1,x,z\nrow 2,1,2\n"}, "many/part-1.csv, line 2: prediction is 'x'"),
        ({"part-1.csv": b"PAR1broken"}, "many/part-1.csv: it cannot be read"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("large", [False, True])
def test_a_part_that_is_unlike_the_others_is_named(
    run: Run,
    work: Path,
    benchmark: dict[str, list[Any]],
    files: dict[str, bytes],
    message: str,
    large: bool,  # noqa: FBT001 - a parameter
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if large:
        monkeypatch.setattr(streams, "LARGE", 0)
    stored(work / "many", {**parted(benchmark, "csv"), **files})
    for options in (["--dataset", "own"], ["--bins", "manifests/own/bins.parquet"]):
        assert message in run("evaluate", "many", *options, code=2).stderr
    done = run("curate", "custom", "--table", "many", "--target", "target", "--id", "id", "--name", "x", code=2)
    assert "many/" in done.stderr
    assert not (work / "manifests" / "x").exists()


def test_of_many_bad_parts_ten_are_named(run: Run, work: Path, benchmark: dict[str, list[Any]]) -> None:
    good, bad = as_csv(benchmark), b"id,prediction,target\na,x,1\n"
    for data, what in ((b"", "the file is empty"), (bad, "line 2: prediction is 'x'"), (b"id\n1\n", "unlike in")):
        stored(work / "many", {"part-0.csv": good, **{f"part-{k}.csv": data for k in range(10, 22)}})
        lines = run("evaluate", "many", "--bins", "manifests/own/bins.parquet", code=2).stderr.splitlines()
        assert [what in line for line in lines[:10]] == [True] * 10
        assert "2 more files" in lines[10]


@pytest.mark.thorough
def test_a_table_in_parts_elsewhere_is_curated_as_one_file(elsewhere: Elsewhere, run: Run, work: Path) -> None:
    draw = np.random.default_rng(2)
    rows = {"id": [f"r{k:03d}" for k in range(ROWS)], "y": draw.normal(0, 9, ROWS).round(2).tolist()}
    for form, write in WRITERS.items():
        stored(work, {f"one.{form}": write(rows)})
        elsewhere.put({f"one.{form}": write(rows)})
        elsewhere.put({f"{form}/{name}": data for name, data in parted(rows, form).items()})
        said = [
            run("curate", "custom", "--table", table, *OPTIONS, "--name", "t", "--force", "-q").stdout
            for table in (f"one.{form}", f"{elsewhere.url}/one.{form}", f"{elsewhere.url}/{form}/")
        ]
        assert said[0] == said[1] == said[2]


@pytest.mark.thorough
def test_weights_in_the_order_of_a_list_elsewhere(
    elsewhere: Elsewhere, run: Run, work: Path, benchmark: dict[str, list[Any]]
) -> None:
    del benchmark
    rows = pq.read_table(work / "manifests" / "own" / "samples.parquet").to_pydict()
    ids = [key for key, split in zip(rows["id"], rows["split"], strict=True) if split == "train"]
    lists = {"ids.csv": as_csv({"id": ids}), "ids/a.csv": as_csv({"id": ids[:9]}), "ids/b.csv": as_csv({"id": ids[9:]})}
    manifest = {path.relative_to(work).as_posix(): path.read_bytes() for path in work.glob("manifests/own/*")}
    stored(work, lists)
    elsewhere.put({**lists, **manifest})
    root = f"{elsewhere.url}/manifests/own"
    for k, order in enumerate(["ids.csv", "ids", f"{elsewhere.url}/ids.csv", f"{elsewhere.url}/ids/"]):
        run("weights", "--manifest", root, "--format", "csv", "--order", order, "--out", f"w{k}.csv")
    assert len({(work / f"w{k}.csv").read_bytes() for k in range(4)}) == 1
    if "http" in elsewhere.url:
        assert "nothing can be written there" in run("weights", "--manifest", root, code=2).stderr


def test_a_manifest_elsewhere_is_verified(
    elsewhere: Elsewhere, run: Run, work: Path, benchmark: dict[str, list[Any]]
) -> None:
    del benchmark
    manifest = {path.relative_to(work).as_posix(): path.read_bytes() for path in work.glob("manifests/own/*")}
    elsewhere.put(manifest)
    here = run("verify", "own").stdout
    assert run("verify", "--manifest", f"{elsewhere.url}/manifests/own").stdout == here
    assert run("verify", "own", "--manifests", f"{elsewhere.url}/manifests").stdout == here
    cut = manifest["manifests/own/samples.parquet"][:-9]
    elsewhere.put({"manifests/own/samples.parquet": cut})
    done = run("verify", "own", "--manifests", f"{elsewhere.url}/manifests", code=1)
    assert "this is no whole Parquet file" in done.stdout
    done = run("verify", "--manifest", f"{elsewhere.url}/manifests/none", code=2)
    assert "there is no manifest.json" in done.stderr


def test_results_are_written_whole_and_never_over_others(
    run: Run, work: Path, benchmark: dict[str, list[Any]], memory: Any
) -> None:
    stored(work, {"p.csv": as_csv(benchmark)})
    words = ["evaluate", "p.csv", "--dataset", "own", "--output", "memory://results/r.json"]
    run(*words, "--output", "here.json", "--per-bin", "memory://results/bins.csv")
    assert memory.cat("/results/r.json") == (work / "here.json").read_bytes()
    assert memory.cat("/results/bins.csv").startswith(b'"system","bin"')
    run(*words)
    memory.pipe("/results/r.json", b"other")
    done = run(*words, "--output", "there.json", code=2)
    assert "memory://results/r.json is there already with other content" in done.stderr
    assert not (work / "there.json").exists()
    assert memory.cat("/results/r.json") == b"other"
    run(*words, "--force")
    assert memory.cat("/results/r.json") == (work / "here.json").read_bytes()
    (work / "there.json").write_text("other")
    memory.rm("/results/r.json")
    run(*words, "--output", "there.json", code=2)
    assert not memory.exists("/results/r.json")
    done = run(*words, "--output", "memory://results/r.json", code=2)
    assert "are one file; name a file for each" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "evaluate p.csv --dataset own --output https://host/r.json",
            "https://host/r.json: nothing can be written there",
        ),
        ("curate agedb --raw memory://bucket/AgeDB.zip", "memory://bucket/AgeDB.zip: does not exist"),
        ("evaluate memory://none.csv --dataset own", "memory://none.csv: there is no such file"),
        ("evaluate memory://none/*.csv --dataset own", "memory://none/*.csv: no file matches"),
        ("evaluate none*.csv --dataset own", "none*.csv: no file matches"),
        ("evaluate memory://none/ --dataset own", "memory://none/: there is no such file"),
        ("evaluate foo://x/y.csv --dataset own", "foo://x/y.csv: this is no place that can be read"),
        ("evaluate C:\\x\\y.csv --dataset own", "C:\\x\\y.csv: there is no such file"),
        ("evaluate file:///none/y.csv --dataset own", "there is no such file"),
        ("evaluate file://host/y.csv --dataset own", "names no other machine"),
        ("evaluate s3://a/b::https://me:secret@host/x --dataset own", "s3://a/b::"),
        (
            "evaluate simplecache::https://me:secret@host/x --dataset own",
            "simplecache::https://host/x: a chain of URLs",
        ),
        ("evaluate table.csv --manifest memory://none", "--manifest memory://none: there is no manifest.json"),
        ("evaluate table.csv --manifests memory://none", "none is curated in memory://none"),
        ("evaluate memory:// --dataset own", "memory://"),
        ("evaluate s3://me:s/secret@bucket/x --dataset own", "s3://bucket/x: leave keys out of the URL"),
    ],
)
def test_what_cannot_be_had_gives_one_line(
    run: Run, work: Path, benchmark: dict[str, list[Any]], words: str, message: str, memory: Any
) -> None:
    del memory
    stored(work, {"p.csv": as_csv(benchmark)})
    done = run(*words.split(), "-q", code=2)
    assert message in done.stderr
    assert "secret" not in done.output
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in work.iterdir()) == ["manifests", "p.csv", "table.csv"]


def test_a_file_url_is_the_file(run: Run, work: Path, benchmark: dict[str, list[Any]]) -> None:
    stored(work, {"a b.csv": as_csv(benchmark)})
    url = (work / "a b.csv").as_uri()
    assert "%20" in url
    assert run("evaluate", url, "--dataset", "own").stdout == run("evaluate", "a b.csv", "--dataset", "own").stdout


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["a b.csv", "ünï.csv", "100%25.csv", "a+b.csv", "a%20b.csv"])
def test_names_with_spaces_accents_and_signs(
    run: Run, benchmark: dict[str, list[Any]], server: web.Server, name: str, memory: Any
) -> None:
    from urllib.parse import quote

    data = as_csv(benchmark)
    server.add(f"/{quote(name, safe='%+')}", data)
    memory.pipe(f"/{name}", data)
    for url in (server.url(f"/{name}"), f"memory://{name}"):
        assert (
            json.loads(run("evaluate", url, "--dataset", "own", "--format", "json").stdout)["systems"][0]["file"] == url
        )


@pytest.mark.thorough
@pytest.mark.parametrize("page", [[], pytest.param(["--report", "page.html"], marks=pytest.mark.slow)])
def test_secrets_in_urls_stand_in_no_output(
    run: Run, work: Path, benchmark: dict[str, list[Any]], server: web.Server, page: list[str]
) -> None:
    manifest = {path.relative_to(work).as_posix(): path.read_bytes() for path in work.glob("manifests/own/*")}
    bad = dict(benchmark, prediction=[*benchmark["prediction"][1:], "x"])
    web.published(server, {"p.csv": as_csv(benchmark), "bad.csv": as_csv(bad), **manifest})

    def secret(path: str) -> str:
        return server.url(f"{path}?X-Amz-Signature=s3cr3t").replace("://", "://me:s3cr3t@")

    outputs = (
        *("--output", "r.json", "--output", "r.md", "--output", "r.tex"),
        *("--per-sample", "s.csv", "--per-bin", "b.csv", *page),
    )
    root = secret("/manifests/own")
    done = run("evaluate", secret("/p.csv"), "--manifest", root, *outputs, "--output", "-")
    said = [done.output, *(path.read_text() for path in work.iterdir() if path.is_file())]
    said.append(run("evaluate", secret("/p.csv"), secret("/p.csv"), "--manifest", root, "--ci").output)
    for url in (secret("/bad.csv"), secret("/none.csv"), secret("/p.csv/")):
        said += [run("evaluate", url, "--manifest", root, code=2).output]
    said.append(run("evaluate", secret("/p.csv"), "--manifest", secret("/none"), code=2).output)
    said.append(run("evaluate", secret("/p.csv"), "--manifest", root, "--output", secret("/r.json"), code=2).output)
    said.append(run("curate", "custom", "--table", secret("/p.csv"), "--target", "target", "--per-bin", "1").output)
    said += [path.read_text() for path in (work / "manifests").rglob("manifest.json")]
    said.append(run("curate", "custom", "--table", secret("/bad.csv"), "--target", "no", code=2).output)
    assert not [text for text in said if "s3cr3t" in text or "X-Amz" in text]
    assert {"Authorization".lower()} <= server.asked[-1].headers.keys()
    assert server.asked[-1].query == {"X-Amz-Signature": ["s3cr3t"]}
    assert json.loads((work / "r.json").read_text())["systems"][0]["file"] == server.url("/p.csv")


def test_a_large_file_of_a_server_is_scored_as_its_copy_is(
    run: Run, work: Path, benchmark: dict[str, list[Any]], server: web.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LARGE", 0)
    for form in ("csv", "parquet"):
        data = WRITERS[form](benchmark)
        stored(work, {f"p.{form}": data})
        server.add(f"/p.{form}", data)
        words = ["--bins", "manifests/own/bins.parquet", "--format", "json"]
        url = server.url(f"/p.{form}")
        here, there = run("evaluate", f"p.{form}", *words), run("evaluate", url, *words)
        assert everywhere(there.stdout, url) == everywhere(here.stdout, f"p.{form}")


@pytest.mark.thorough
@pytest.mark.parametrize("act", [web.drop(50_000), web.drop(50_000, reset=True), web.astray(3), web.length(None)])
@pytest.mark.parametrize("served", [0, 1, 2])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_server_that_fails_at_any_request_never_gives_a_score(
    run: Run,
    benchmark: dict[str, list[Any]],
    server: web.Server,
    monkeypatch: pytest.MonkeyPatch,
    act: web.Act,
    served: int,
    form: str,
) -> None:
    """Lines of one length, so that nothing but what the server says tells that some are missing."""
    del benchmark
    count = 40_000
    rows: dict[str, list[Any]] = {"prediction": [31.5] * count, "target": [32.5] * count}
    monkeypatch.setattr(streams, "LARGE", 0)
    if form == "parquet":  # which holds what repeats once
        rows["noise"] = np.random.default_rng(0).random(count).tolist()
    server.add("/p", WRITERS[form](rows), *[web.serve] * served, act)
    words = ["evaluate", server.url("/p"), "--bins", "manifests/own/bins.parquet", "--format", "json"]
    done = run(*words, code=2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"{server.url('/p')}: " in done.stderr
    assert form == "parquet" or len(server.asked) == served + 1  # nothing is tried in another way


@pytest.mark.thorough
def test_a_server_that_fails_while_large_tables_are_joined_never_gives_a_score(
    run: Run, work: Path, benchmark: dict[str, list[Any]], server: web.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of the requests that it takes to read the predictions and the rows of the manifest."""
    monkeypatch.setattr(streams, "LARGE", 0)
    monkeypatch.setattr(from_files, "LARGE", 0)
    monkeypatch.setattr(places, "FIRST", 500)
    manifest = {path.relative_to(work).as_posix(): path.read_bytes() for path in work.glob("manifests/own/*")}
    web.published(server, {"p": as_csv(benchmark), **manifest})
    words = ["evaluate", server.url("/p"), "--manifest", server.url("/manifests/own"), "--score-only"]
    run(*words)
    for name in ("/p", "/manifests/own/samples.parquet"):
        needed = sum(asked.path == name for asked in server.asked)
        assert needed > 1
        for served in range(needed):
            server.files[name].acts = [web.serve] * served + [web.drop(7)]
            assert f"{server.url(name)}: it cannot be read" in run(*words, code=2).stderr
        server.files[name].acts = []
        server.asked.clear()
        run(*words)


def test_without_the_extra_a_url_names_it(
    run: Run, benchmark: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    del benchmark
    for name in [name for name in sys.modules if name.split(".")[0] == "fsspec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for url in ("s3://bucket/p.csv", "https://host/p.csv", "memory://p.csv"):
        done = run("evaluate", url, "--dataset", "own", code=2)
        assert done.stderr == (
            f"dir: {url}: URLs need further packages; install them with: pip install 'dircli[remote]'\n"
        )


@pytest.mark.thorough
@pytest.mark.parametrize(("package", "url"), [("s3fs", "s3://bucket/p.csv"), ("aiohttp", "https://host/p.csv")])
def test_without_a_package_of_the_extra_a_url_names_it(package: str, url: str, benchmark: dict[str, list[Any]]) -> None:
    del benchmark
    code = f"import sys; sys.modules[{package!r}] = None; from dircli.cli import main; main()"
    words = [sys.executable, "-c", code, "evaluate", url, "--dataset", "own"]
    done = started(words, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(PROJECT)})
    assert done.returncode == 2
    assert done.stderr.endswith("install them with: pip install 'dircli[remote]'\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.thorough
def test_the_commands_of_the_page_on_it_work(
    run: Run, work: Path, benchmark: dict[str, list[Any]], server: web.Server, memory: Any
) -> None:
    """The web is a server here, and the bucket lies in memory, which lasts as long as this process."""
    page = (PROJECT / "docs" / "remote.md").read_text(encoding="utf-8")
    rows: dict[str, list[Any]] = {"id": [f"r{k}" for k in range(ROWS)], "y": np.linspace(0, 90, ROWS).tolist()}
    files = {"preds.csv": as_csv(benchmark), "preds.parquet": as_parquet(benchmark)}
    files |= {f"parts/{name}": data for name, data in parted(benchmark, "csv", count=1).items()}
    files["parts/a.csv"] = files.pop("parts/part=z/part-9.csv")
    files |= {f"table/{name}": data for name, data in parted(rows, "parquet").items()}
    files |= {path.relative_to(work).as_posix(): path.read_bytes() for path in work.glob("manifests/own/*")}
    split = pq.read_table(work / "manifests" / "own" / "samples.parquet").filter(pc.field("split") == "train")
    files["ids.csv"] = as_csv({"id": split["id"].to_pylist()[::2]})
    with h5py.File("features.h5", "w") as file:
        file["features"] = np.random.default_rng(0).random((len(split), 3))
        file["labels"] = split["target"].to_numpy()
    files["features.h5"] = (work / "features.h5").read_bytes()
    web.published(server, files)
    _piped(memory, "/bucket", files)
    commands = [line.removeprefix("$ dir ") for line in page.splitlines() if line.startswith("$ dir ")]
    assert len(commands) > 5
    for command in commands:
        here = command.replace("https://example.org", server.url("")).replace("s3://", "memory://")
        run(*shlex.split(here), "-q")
    written = json.loads(memory.cat("/bucket/results/own.json"))
    assert written["systems"][0]["file"] == server.url("/parts/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://none/p.csv", "there is no such file"),
        ("s3://bucket/none.csv", "there is no such file"),
        ("s3://none/*.csv", "no file matches"),
        ("s3://bucket/", "there is no file of rows in this folder"),
    ],
)
def test_what_a_bucket_has_not(run: Run, benchmark: dict[str, list[Any]], s3: Any, url: str, message: str) -> None:
    del benchmark, s3
    done = run("evaluate", url, "--dataset", "own", code=2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_results_are_put_into_a_bucket(run: Run, work: Path, benchmark: dict[str, list[Any]], s3: Any) -> None:
    stored(work, {"p.csv": as_csv(benchmark)})
    run("evaluate", "p.csv", "--dataset", "own", "--output", "s3://bucket/a/r.json", "--output", "r.json")
    assert s3.cat("bucket/a/r.json") == (work / "r.json").read_bytes()
    done = run("evaluate", "p.csv", "--dataset", "own", "--output", "s3://none/a/r.json", code=2)
    assert "s3://none/a/r.json: there is no bucket none" in done.stderr
    words = ["curate", "custom", "--table", "table.csv", "--target", "y", "--name", "new", "--bin-width", "2", "-q"]
    run(*words, "--out", "s3://bucket/m")
    run("weights", "new", "--manifests", "s3://bucket/m", "-q")
    run(*words, "--out", "s3://bucket/m", "--seed", "7", "--force")
    assert len(s3.find("bucket/m")) == 3  # the weights went with the benchmark that they were of
    run("verify", "new", "--manifests", "s3://bucket/m")
    done = run(*words, "--out", "s3://none/m", code=2)
    assert done.stderr == "dir: s3://none/m: there is no bucket none; make it, or write elsewhere\n"


REAL = {
    "agedb": "--raw {}/agedb/AgeDB.zip --released {}/agedb/agedb.csv",
    "sts-b": "--raw {}/sts-b/STS-B --released {}/sts-b/released",
    "imdb-wiki": "--raw {}/imdb-wiki --only wiki --split redraw",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_sources_in_a_bucket_give_the_bytes_that_copies_of_them_give(
    name: str, real: Path, run: Run, work: Path, s3: Any
) -> None:
    """From a bucket to a bucket: manifest, weights, proof and scores."""
    shutil.copytree(real / name, work / "raw" / name, copy_function=shutil.copyfile)
    if name == "agedb":  # whose archive is read for its names
        with (
            (work / "raw" / "agedb" / "agedb.csv").open() as stream,
            ZipFile(work / "raw/agedb/AgeDB.zip", "w") as file,
        ):
            for row in csv.DictReader(stream):
                file.writestr(row["path"], b"")
    s3.put(str(work / "raw"), "bucket/raw", recursive=True)

    there, here = (
        run("curate", name, *REAL[name].replace("{}", f"{root}raw").split(), "--out", f"{root}m", "-q").stdout
        for root in ("s3://bucket/", "")
    )
    assert there == here
    called = "imdb-wiki-wiki-only" if name == "imdb-wiki" else name
    run("weights", called, "--manifests", "m", "-q")
    run("weights", called, "--manifests", "s3://bucket/m", "-q")
    rows = pq.read_table(work / "m" / called / "samples.parquet", filters=[("split", "==", "test")]).to_pydict()
    noise = np.random.default_rng(0).normal(0, 0.1, len(rows["id"]))
    predicted = [target + error for target, error in zip(rows["target"], noise, strict=True)]
    (work / "p.parquet").write_bytes(as_parquet({"id": rows["id"], "prediction": predicted}))
    s3.put(str(work / "p.parquet"), "bucket/p.parquet")
    run("evaluate", "p.parquet", "--manifest", f"m/{called}", "--output", "r.json", "--ci", "-q")
    url = "s3://bucket/p.parquet"
    run("evaluate", url, "--manifest", f"s3://bucket/m/{called}", "--output", "s3://bucket/r.json", "--ci", "-q")
    assert everywhere(s3.cat("bucket/r.json").decode(), url) == everywhere((work / "r.json").read_text(), "p.parquet")
    files = {path.name: path.read_bytes() for path in (work / "m" / called).iterdir()}
    assert {path.rpartition("/")[2]: s3.cat(path) for path in s3.find(f"bucket/m/{called}")} == files
    assert len(files) == 5
    proof = run("verify", called, "--manifests", "m").stdout
    assert run("verify", called, "--manifests", "s3://bucket/m").stdout == proof


@pytest.mark.parametrize("words", ["verify {url}", "weights own b {url}", "evaluate p.csv --dataset {url}"])
@pytest.mark.parametrize("annotated", ["", "true"])
def test_a_url_in_the_wrong_place_keeps_its_secrets(
    run: Run, words: str, annotated: str, benchmark: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    del benchmark
    monkeypatch.setenv("GITHUB_ACTIONS", annotated)
    said = run(*words.format(url="https://me:secret@host/x?sig=secret").split(), code=2).output
    assert "https://host/x" in said
    assert "secret" not in said


@pytest.mark.parametrize("command", ["leaderboard", "identify", "evaluate"])
def test_a_folder_that_a_server_has_not_gives_one_line(
    run: Run, command: str, benchmark: dict[str, list[Any]], server: web.Server
) -> None:
    del benchmark
    url = server.url("/none/")
    assert run(command, url, code=2).stderr == f"dir: {url}: it cannot be read (No such file or directory)\n"
