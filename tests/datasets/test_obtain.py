"""`dir download`, and `dir curate` with nothing given, against a server on 127.0.0.1; no test leaves this machine."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import sys
import zipfile
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import server as web
from miniatures import MINIATURES, alter, half, mat_bytes

from dircli import datasets
from dircli.curation.export import exported
from dircli.datasets import obtain
from dircli.report.progress import watching
from dircli.store import manifests
from dircli.store.digests import git_blob
from dircli.store.download.fetch import fetch
from dircli.store.download.transfer import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

OPTION = "--accept-license"
ACCEPTED = "LICENCE-ACCEPTED.txt"
STS_B = ["STS-B.zip", "train_new.tsv", "dev_new.tsv", "test_new.tsv"]
HASTE = RetryPolicy(first_pause=0.001, longest_pause=0.002)


@dataclass(frozen=True)
class Site:
    """One dataset's miniature on the server: the bytes of each file, and the folder that a download fills."""

    name: str
    server: web.Server
    files: dict[str, bytes]
    folder: Path

    def address(self, file: str) -> str:
        """Where ``file`` is officially had."""
        return self.server.url(f"/official/{file}")

    def asked(self) -> list[str]:
        """The paths asked for so far, in order."""
        return [asked.path for asked in self.server.asked]

    def here(self) -> set[str]:
        """The files in the folder, but for locks and the accepted licence."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return {path.name for path in found if path.suffix != ".lock"} - {ACCEPTED}

    def act(self, file: str, *acts: web.Act) -> None:
        """What the official address does about the next requests for ``file``."""
        self.server.files[f"/official/{file}"].acts[:] = acts


class Put(Protocol):
    """Puts a dataset's miniature on the server and declares that its official place."""

    def __call__(self, name: str, *, known: bool = True) -> Site:
        """With ``known`` False, size and digest of the raw files are not known beforehand."""


@pytest.fixture(autouse=True)
def _nobody_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other hosts cannot be looked up, no proxy stands between, and a broken transfer is repeated at once."""
    look_up = socket.getaddrinfo

    def local(host: Any, *how: Any, **more: Any) -> Any:
        assert host in ("127.0.0.1", b"127.0.0.1"), f"a test asks for {host}"
        return look_up(host, *how, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    web.reached_directly(monkeypatch)
    monkeypatch.setattr(obtain, "fetch", partial(fetch, patience=HASTE))


@pytest.fixture
def put(server: web.Server, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Put:
    def put(name: str, *, known: bool = True) -> Site:
        files = contents(name, tmp_path, run)
        for file, data in files.items():
            server.add(f"/official/{file}", data)
        dataset = datasets.load(name)
        sources = []
        for source in dataset.published.sources:
            urls = (server.url(f"/official/{source.file}"),) if source.urls else ()
            digest, size = source.digest, source.size
            if source.file in files and source.holds == "released":
                digest, size = f"git:{git_blob(files[source.file])}", len(files[source.file])
            elif source.file in files:
                sha256 = hashlib.sha256(files[source.file]).hexdigest()
                digest, size = (f"sha256:{sha256}", len(files[source.file])) if known else (None, None)
            sources.append(replace(source, urls=urls, digest=digest, size=size))
        alter(name, monkeypatch, publication=replace(dataset.published, sources=tuple(sources)))
        return Site(name, server, files, tmp_path / "data" / name)

    monkeypatch.setenv("DIR_DATA", str(tmp_path / "data"))
    return put


def contents(name: str, folder: Path, run: Run) -> dict[str, bytes]:
    """The public files of the miniature by name: its raw files, and the split files that a redraw of it exports."""
    path = MINIATURES[name].build(folder)
    run("curate", name, "--raw", path, "--split", "redraw", "--out", folder / "m", "-q")
    files = exported(manifests.read(folder / "m" / name))
    if path.is_dir() and any(path.glob("*.tar")):
        return {each.name: each.read_bytes() for each in path.iterdir()} | files
    return {f"{path.name}.zip": zipped(path)} | files if path.is_dir() else files


def zipped(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{folder.name}/{path.name}")
    return stream.getvalue()


# — what comes —


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("sts-b", STS_B),
        ("imdb-wiki", ["imdb_meta.tar", "wiki_crop.tar", "imdb_wiki.csv"]),
        ("agedb", ["agedb.csv"]),
    ],
)
def test_all_that_curation_needs_is_brought_and_no_image(name: str, files: list[str], put: Put, run: Run) -> None:
    site = put(name)
    done = run("download", name, OPTION)
    assert site.asked() == [f"/official/{file}" for file in files]
    assert site.here() == set(files)
    lines = done.stdout.splitlines()
    for file, line in zip(files, lines, strict=True):
        data = site.files[file]
        assert (site.folder / file).read_bytes() == data
        assert line == f"{hashlib.sha256(data).hexdigest()}  {site.folder / file}  {len(data):,} bytes, downloaded"


def test_only_all_brings_the_images_as_well(put: Put, run: Run) -> None:
    site = put("imdb-wiki")
    run("download", "imdb-wiki", "--only", "all", OPTION)
    assert site.here() == {"imdb_meta.tar", "wiki_crop.tar", "imdb_crop.tar", "imdb_wiki.csv"}


def test_what_is_here_is_not_asked_for_again(put: Put, run: Run) -> None:
    site = put("sts-b")
    run("download", "sts-b", OPTION)
    before = len(site.asked())
    again = run("download", "sts-b")
    assert len(site.asked()) == before
    assert [line.rpartition(", ")[2] for line in again.stdout.splitlines()] == ["was here"] * 4
    (site.folder / "dev_new.tsv").unlink()
    states = [line.rpartition(", ")[2] for line in run("download", "sts-b").stdout.splitlines()]
    assert states == ["was here", "was here", "downloaded", "was here"]
    assert site.asked()[before:] == ["/official/dev_new.tsv"]


# — the licence —


def test_without_a_terminal_nothing_is_brought_until_the_terms_are_accepted(put: Put, run: Run) -> None:
    site = put("sts-b")
    refused = run("download", "sts-b", code=2)
    assert datasets.load("sts-b").published.licence in refused.stderr
    assert "https://gluebenchmark.com" in refused.stderr
    assert "add --accept-license to accept these terms; files that you have are for `dir curate" in refused.stderr
    assert not refused.stdout
    assert not site.asked()
    assert not site.folder.parent.exists()


def test_an_accepted_licence_is_remembered_with_the_files_and_asked_for_again_when_it_changes(
    put: Put, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = put("sts-b")
    assert "as GLUE hands it out" in run("download", "sts-b", OPTION).stderr
    assert "as GLUE hands it out" in (site.folder / ACCEPTED).read_text()
    (site.folder / "dev_new.tsv").unlink()
    assert "as GLUE hands it out" not in run("download", "sts-b").stderr
    (site.folder / "dev_new.tsv").unlink()
    publication = replace(datasets.load("sts-b").published, licence="no use on Sundays")
    alter("sts-b", monkeypatch, publication=publication)
    assert "no use on Sundays" in run("download", "sts-b", code=2).stderr
    assert "dev_new.tsv" not in site.here()


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2)])
def test_on_a_terminal_the_user_is_asked(
    answer: str, code: int, put: Put, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = put("sts-b")
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("dircli.cli.download_options.sys", SimpleNamespace(stdin=terminal, stderr=terminal))
    asked = run("download", "sts-b", code=code, stdin=answer)
    assert "Do you accept these terms? [y/N]" in asked.stderr
    assert len(site.here()) == (4 if code == 0 else 0)
    assert site.folder.exists() == (code == 0)


# — looking before acting —


def test_a_dry_run_lists_every_file_and_touches_nothing(put: Put, run: Run, server: web.Server) -> None:
    site = put("sts-b")
    shown = run("download", "sts-b", "--dry-run", "--mirror", server.url("/mirror")).stdout
    assert not site.asked()
    assert not site.folder.parent.exists()
    for block, file in zip(shown.strip().split("\n\n"), STS_B, strict=True):
        first, *facts = block.splitlines()
        source = next(source for source in datasets.load("sts-b").published.sources if source.file == file)
        assert first == file
        assert [fact.split(maxsplit=1) for fact in facts] == [
            ["holds", source.holds],
            ["from", f"{server.url('/mirror')}/{file}, then {site.address(file)}"],
            ["bytes", f"{len(site.files[file]):,}"],
            ["hash", source.digest],
            ["to", str(site.folder / file)],
            ["state", "not here"],
        ]


def test_a_dry_run_tells_what_is_here_what_was_cut_off_and_what_nobody_knows(put: Put, run: Run) -> None:
    site = put("agedb")
    site.folder.mkdir(parents=True)
    (site.folder / "agedb.csv").write_bytes(site.files["agedb.csv"])
    (site.folder / "AgeDB.zip.part").write_bytes(b"1234567")
    before = site.here()
    shown = run("download", "agedb", "--only", "all", "--dry-run").stdout
    assert "nowhere: only its owners hand it out" in shown
    assert "no hash is known" in shown
    assert "7 bytes here of an interrupted download" in shown
    assert "here, and as it must be" in shown
    assert site.here() == before
    assert not site.asked()


# — mirrors —


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_mirror_is_asked_first_and_the_official_address_only_where_it_fails(
    how: str, put: Put, run: Run, server: web.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = put("sts-b")
    for file in STS_B[:2]:
        server.add(f"/mirror/{file}", site.files[file])
    server.add("/mirror/dev_new.tsv", site.files["train_new.tsv"])
    words = ["--mirror", server.url("/mirror/")] if how == "option" else []
    if how == "variable":
        monkeypatch.setenv("DIR_MIRROR", server.url("/mirror"))
    done = run("download", "sts-b", OPTION, *words)
    expected = ["/mirror/STS-B.zip", "/mirror/train_new.tsv"]
    expected += ["/mirror/dev_new.tsv", "/official/dev_new.tsv", "/mirror/test_new.tsv", "/official/test_new.tsv"]
    assert site.asked() == expected
    assert "test_new.tsv: " + server.url("/mirror/test_new.tsv") + " has no such file (404)" in done.stderr
    assert {file: (site.folder / file).read_bytes() for file in STS_B} == site.files


# — what cannot be had —


def test_a_gated_source_is_explained_in_steps_and_the_others_are_brought(put: Put, run: Run) -> None:
    site = put("agedb")
    told = run("download", "agedb", "--only", "all", OPTION, "-q", code=2).stderr.splitlines()
    assert told[0].startswith("dir: AgeDB.zip is not downloadable: no address gives it; put it at ")
    assert str(site.folder / "AgeDB.zip") in told[0]
    assert told[1] == f"dir: How to obtain AgeDB-DIR (the folder is {site.folder}):"
    steps = datasets.load("agedb").published.obtain
    assert told[2:] == [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    assert site.here() == {"agedb.csv"}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (web.page(), "sends a web page instead of the file"),
        (web.status(404), "has no such file (404)"),
        (web.page("text/tab-separated-values", b"index\tgenre\n"), "offers a file of 12 bytes, expected "),
        (None, "gives a file with git:"),
    ],
)
def test_a_wrong_answer_is_one_line_and_never_a_file(act: web.Act | None, reason: str, put: Put, run: Run) -> None:
    site = put("sts-b")
    if act:
        site.act("train_new.tsv", act)
    else:  # as long as it must be
        site.server.files["/official/train_new.tsv"].data = bytes(len(site.files["train_new.tsv"]))
    told = run("download", "sts-b", OPTION, "-q", code=2).stderr.splitlines()
    head = f"dir: train_new.tsv cannot be downloaded: {site.address('train_new.tsv')} {reason}"
    assert told[0].startswith(head)
    assert told[1].startswith("dir: How to obtain STS-B-DIR")
    assert [line[:4] for line in told[2:]] == ["  1.", "  2.", "  3."]
    assert site.here() == set(STS_B) - {"train_new.tsv"}


def test_every_file_that_cannot_be_had_is_named_in_one_go(put: Put, run: Run) -> None:
    site = put("sts-b")
    for file in STS_B[1:]:
        site.act(file, web.status(403))
    told = run("download", "sts-b", OPTION, "-q", code=2).stderr.splitlines()
    assert [line.split()[1] for line in told[:4]] == ["train_new.tsv", "dev_new.tsv", "test_new.tsv", "How"]
    assert site.here() == {"STS-B.zip"}


def test_another_file_of_the_users_is_left_alone_and_the_others_are_brought(put: Put, run: Run) -> None:
    site = put("sts-b")
    site.folder.mkdir(parents=True)
    (site.folder / "dev_new.tsv").write_bytes(b"my own")
    told = run("download", "sts-b", OPTION, "-q", code=2).stderr.splitlines()
    wanted = len(site.files["dev_new.tsv"])
    where = site.folder / "dev_new.tsv"
    assert told[0] == f"dir: {where} has 6 bytes, expected {wanted:,}: move or delete it and run again"
    assert told[1].startswith("dir: How to obtain")
    assert where.read_bytes() == b"my own"
    assert site.here() == set(STS_B)
    assert "/official/dev_new.tsv" not in site.asked()


def test_the_first_download_of_an_unknown_file_is_recorded_and_another_one_refused_later(put: Put, run: Run) -> None:
    site = put("sts-b", known=False)
    data = site.files["STS-B.zip"]
    first = run("download", "sts-b", OPTION)
    sha256 = hashlib.sha256(data).hexdigest()
    assert f"STS-B.zip: no hash was known; sha256 {sha256} is recorded and held from now on" in first.stderr
    assert first.stdout.splitlines()[0].endswith(f"{len(data):,} bytes, downloaded, hash recorded")
    assert "recorded" not in "".join(first.stdout.splitlines()[1:])
    assert json.loads((site.folder / "STS-B.zip.sha256.json").read_text())["sha256"] == sha256
    assert run("download", "sts-b").stdout.splitlines()[0].endswith("bytes, was here")
    (site.folder / "STS-B.zip").unlink()
    site.server.files["/official/STS-B.zip"].data = data[:-1] + b"!"
    told = run("download", "sts-b", "-q", code=2).stderr
    assert f"sha256:{sha256} is recorded in {site.folder / 'STS-B.zip.sha256.json'}" in told
    assert "STS-B.zip" not in site.here()


def test_an_interrupted_download_goes_on_where_it_was_cut_off(put: Put, run: Run) -> None:
    site = put("imdb-wiki")
    size = len(site.files["wiki_crop.tar"])
    site.act("wiki_crop.tar", web.drop(4_000), web.status(403))
    told = run("download", "imdb-wiki", OPTION, code=2).stderr
    assert "run again to go on after 4,000 bytes" in told
    assert site.here() == {"imdb_meta.tar", "imdb_wiki.csv", "wiki_crop.tar.part", "wiki_crop.tar.part.json"}
    assert "4,000 bytes here of an interrupted download" in run("download", "imdb-wiki", "--dry-run").stdout
    site.act("wiki_crop.tar")
    run("download", "imdb-wiki")
    assert site.server.ranges("/official/wiki_crop.tar") == [None, "bytes=4000-", "bytes=4000-"]
    assert (site.folder / "wiki_crop.tar").stat().st_size == size
    assert site.here() == {"imdb_meta.tar", "imdb_wiki.csv", "wiki_crop.tar"}


# — curation that brings what it lacks —


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("sts-b", STS_B),
        ("imdb-wiki", ["imdb_meta.tar", "wiki_crop.tar", "imdb_wiki.csv"]),
        ("agedb", ["agedb.csv"]),
    ],
)
def test_with_nothing_given_curation_brings_what_it_needs_and_the_benchmark_holds(
    name: str, files: list[str], put: Put, run: Run, work: Path
) -> None:
    site = put(name)
    done = run("curate", name, OPTION)
    assert site.asked() == [f"/official/{file}" for file in files]
    assert done.stdout.splitlines()[-1].startswith(f"{name} (released) sha256:")
    released = [source.file for source in datasets.load(name).released]
    checks = run("verify", name).stdout
    assert all(f"{file} is byte for byte the published one" in checks for file in released)
    facts = json.loads((work / "manifests" / name / "manifest.json").read_text())
    urls = {source["file"]: source.get("url") for source in facts["sources"]}
    assert all(urls[file] == site.address(file) for file in released)
    before = (work / "manifests" / name / "manifest.json").read_bytes()
    run("curate", name)
    assert len(site.asked()) == len(files)
    assert (work / "manifests" / name / "manifest.json").read_bytes() == before


def test_curation_without_accepted_terms_brings_and_writes_nothing(put: Put, run: Run, work: Path) -> None:
    site = put("sts-b")
    assert "--accept-license" in run("curate", "sts-b", code=2).stderr
    assert not site.asked()
    assert not site.folder.parent.exists()
    assert not list(work.iterdir())


def test_curation_says_what_cannot_be_had_and_writes_no_manifest(put: Put, run: Run, work: Path) -> None:
    site = put("sts-b")
    site.act("STS-B.zip", web.page())
    told = run("curate", "sts-b", OPTION, code=2).stderr
    assert "dir: STS-B.zip cannot be downloaded" in told
    assert "  1. STS-B.zip (802,872 bytes) is public" in told
    assert not list(work.iterdir())


def test_plain_mat_files_in_the_folder_spare_the_archives(put: Put, run: Run) -> None:
    site = put("imdb-wiki")
    site.folder.mkdir(parents=True)
    for part in ("imdb", "wiki"):
        (site.folder / f"{part}.mat").write_bytes(mat_bytes(part, half(part)))
    run("curate", "imdb-wiki", OPTION)
    assert site.asked() == ["/official/imdb_wiki.csv"]
    run("verify", "imdb-wiki")


def test_what_a_file_manager_leaves_in_the_folder_is_no_raw_source(put: Put, run: Run) -> None:
    site = put("agedb")
    site.folder.mkdir(parents=True)
    for name in (".DS_Store", "._agedb.csv"):
        (site.folder / name).write_bytes(b"\0\0\0\1Bud1")
    run("curate", "agedb", OPTION)
    run("curate", "agedb")
    assert site.asked() == ["/official/agedb.csv"]


def test_the_archives_that_are_here_already_are_enough_for_a_redraw(put: Put, run: Run) -> None:
    site = put("imdb-wiki")
    run("download", "imdb-wiki", OPTION)
    before = len(site.asked())
    run("curate", "imdb-wiki", "--split", "redraw")
    run("verify", "imdb-wiki")
    assert len(site.asked()) == before


def test_a_redraw_of_agedb_says_how_to_get_the_names_that_nobody_hands_out(put: Put, run: Run, work: Path) -> None:
    site = put("agedb")
    told = run("curate", "agedb", "--split", "redraw", OPTION, code=2).stderr
    assert "a redraw needs the raw source; give it with --raw PATH" in told
    assert "  2. For the images, ask for the password" in told
    assert not site.asked()
    assert not list(work.iterdir())


# — what stderr shows —


@pytest.mark.parametrize("words", [("download", "sts-b"), ("curate", "sts-b")])
def test_quiet_means_no_word_on_stderr(words: tuple[str, ...], put: Put, run: Run) -> None:
    put("sts-b")
    done = run(*words, OPTION, "-q")
    assert not done.stderr
    assert done.stdout


def test_into_a_pipe_each_file_is_one_plain_line_and_no_bar(put: Put, run: Run) -> None:
    site = put("sts-b")
    site.act("STS-B.zip", web.drop(500), web.serve)
    told = run("download", "sts-b", OPTION).stderr
    assert all(character.isprintable() or character == "\n" for character in told)
    lines = [line for line in told.splitlines() if line.startswith("downloading ")]
    assert lines == [f"downloading {file}, {len(site.files[file]):,} bytes" for file in STS_B]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_on_a_terminal_the_bar_begins_with_the_first_download_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live bar redraws its line ten times a second, and would wipe out the question about the licence."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with watching() as watch:
        assert not screen.getvalue()
        watch.start("wiki_crop.tar", 1_000, 0)
        watch.advance(1_000)
        watch.start("wiki_crop.tar", 1_000, 500)
        watch.advance(500)
    shown = screen.getvalue()
    assert "wiki_crop.tar" in shown
    assert "1.0/1.0 kB" in shown
    assert shown.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is back, and the line is clean


@pytest.mark.parametrize(
    ("dataset", "here", "lacking", "archive"),
    [
        ("imdb-wiki", "wiki.mat", "imdb.mat", "imdb_meta.tar"),
        ("nyud2", "nyu2_train.csv", "nyu2_test.csv", "data.zip"),
        ("sts-b", "train.tsv", "dev.tsv", "STS-B.zip"),
    ],
)
@pytest.mark.parametrize("alone", [False, True])
def test_a_given_source_that_lacks_a_file_is_told_before_anything_is_fetched(
    dataset: str, here: str, lacking: str, archive: str, run: Run, work: Path, *, alone: bool
) -> None:
    (work / "some" / "raw").mkdir(parents=True)
    (work / "some" / "raw" / here).write_bytes(b"x")
    given = f"some/raw/{here}" if alone else "some/raw"
    said = run("curate", dataset, "--split", "released", "--raw", given, code=2).stderr
    assert f"{given}: there is no {lacking}, in no folder and no archive. {archive} holds it" in said
    assert "nothing was downloaded" not in said


def test_the_published_split_in_the_place_of_a_raw_source_is_answered_with_the_option_for_it(
    run: Run, work: Path
) -> None:
    (work / "agedb.csv").write_text("age,path,split\n")
    said = run("curate", "agedb", "--raw", "agedb.csv", code=2).stderr
    assert said == "dir: agedb.csv is a file of the published split, and no raw source; give it with --released\n"


def test_a_path_that_does_not_exist_is_named_as_typed(run: Run, work: Path) -> None:
    assert work.is_dir()
    assert "some/where/a.zip: does not exist" in run("curate", "agedb", "--raw", "some/where/a.zip", code=2).stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("agedb --raw some/empty", "some/empty: holds no files"),
        ("agedb --raw some/text.zip", "some/text.zip: is neither a folder nor an archive"),
        ("agedb --raw some/cut.zip", "some/cut.zip: is damaged or cut short"),
        ("agedb --raw some/text", "some/text: there are no .jpg files"),
        ("agedb --raw some/agedb", "some/agedb: 1 names are not <index>_"),
        ("agedb --released some/agedb.csv", "some/agedb.csv: 1 paths are not AgeDB/<index>_"),
        ("agedb --released some/empty", "some/empty: holds no files"),
        ("agedb --released some/text", "some/text: there is no agedb.csv"),
        ("sts-b --raw some/sts-b", "some/sts-b/train.tsv, line 2: the header has"),
        ("imdb-wiki --only wiki --raw some/text/wiki.mat", "some/text/wiki.mat: it cannot be read as a MATLAB file"),
        ("imdb-wiki --only wiki --raw some/packed", "some/packed/w.zip!/wiki.mat: it cannot be read as a MATLAB file"),
        ("imdb-wiki --only wiki --raw some/empty.zip", "some/empty.zip: holds no files"),
        ("shhs --raw some/text", "some/text: there is no datasets/shhs2-dataset-<version>.csv, in no folder"),
        ("shhs --raw some/shhs", "some/shhs/shhs2-dataset-0.20.0.csv, line 1: there is no column nsrrid or gh_s2"),
        ("nyud2 --raw some/text", "some/text: there is no nyu2_test.csv"),
        ("nyud2 --raw some/nyu", "some/nyu/nyu2_test.csv, line 1: the row has 1 fields"),
    ],
)
def test_whatever_is_wrong_with_a_source_it_is_named_as_typed(words: str, says: str, run: Run, work: Path) -> None:
    for folder in ("empty", "text", "agedb", "sts-b", "packed", "shhs", "nyu"):
        (work / "some" / folder).mkdir(parents=True)
    place = work / "some"
    for name in ("text.zip", "text/a.txt", "text/wiki.mat", "agedb/1.jpg"):
        (place / name).write_text("text")
    for name, member in (("packed/w.zip", "wiki.mat"), ("cut.zip", "0_A_30_m.jpg")):
        with zipfile.ZipFile(place / name, "w") as archive:
            archive.writestr(member, b"x" * 500)
    (place / "cut.zip").write_bytes((place / "cut.zip").read_bytes()[:-30])
    zipfile.ZipFile(place / "empty.zip", "w").close()
    (place / "agedb.csv").write_text("age,path,split\n30,AgeDB/me.jpg,train\n")
    header = "index genre filename year old_index source1 source2 sentence1 sentence2 score".replace(" ", "\t")
    for name in ("train.tsv", "dev.tsv"):
        (place / "sts-b" / name).write_text(f"{header}\n1\t2\n")
    (place / "shhs" / "shhs2-dataset-0.20.0.csv").write_text("a,b\n1,2\n")
    (place / "nyu" / "nyu2_test.csv").write_text("one\n")
    split = () if "--released" in words else ("--split", "redraw")
    told = run("curate", *words.split(), *split, code=2).stderr
    assert f"dir: {says}" in told
    assert not (work / "manifests").exists()
