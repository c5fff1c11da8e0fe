"""Places: paths, URLs, and the files of one input, wherever they lie; and servers that answer badly."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import server as web
from conftest import store_at

from dircli.errors import DirError, InputError, UsageError
from dircli.store import files, places, predictions, user_tables
from dircli.store.places import PARTIAL

pytest.importorskip("fsspec", reason="the extra remote is not installed")
pytest.importorskip("aiohttp", reason="the extra remote is not installed")

LARGE = bytes(range(256)) * 40_000  # about ten megabytes, so that several blocks are asked for


@pytest.mark.parametrize("text", ["preds.csv", "./a/b", "/a b/c", "C:\\x\\y", "c:/x", "-", "a:b", "1://x"])
def test_what_is_no_url_is_a_path_of_this_machine(text: str) -> None:
    place = places.of(text)
    assert place == Path(text)
    assert not places.is_remote(place)
    assert places.shown(text) == text


def test_a_file_url_is_a_path_of_this_machine() -> None:
    assert places.of("file:///a%20b/%C3%A9.csv") == Path("/a b/é.csv")
    assert places.of("FILE://localhost/a") == Path("/a")
    with pytest.raises(UsageError, match="names no other machine"):
        places.of("file://host/a")


def test_a_url_is_joined_and_divided_as_a_path_is() -> None:
    place = places.of("s3://bucket/a/b.tar.gz")
    assert (place.name, place.suffix, place.stem) == ("b.tar.gz", ".gz", "b.tar")
    assert str(place.parent / "c" / "d e%.csv") == "s3://bucket/a/c/d e%.csv"
    assert list(map(str, place.parents)) == ["s3://bucket/a", "s3://bucket"]
    assert str(place.with_suffix(".json")) == "s3://bucket/a/b.tar.json"
    assert pickle.loads(pickle.dumps(place)) == place  # noqa: S301 - our own bytes
    assert place.resolve() == place != places.of("s3://bucket/a/b.tar")


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@host/a/b.csv",
        "https://host/a/b.csv?X-Amz-Credential=me&X-Amz-Signature=secret/",
        "https://me:secret@host/a/b.csv?sig=secret#secret",
        "HTTPS://me:se@cret@host/a/b.csv?secret",
        "s3://me:sec/se@cret@bucket/a/b.csv",
    ],
)
def test_secrets_in_a_url_are_kept_and_never_shown(url: str) -> None:
    place = places.of(url)
    assert isinstance(place, places.Remote)
    assert place.url == url
    for text in (str(place), repr(place), place.name, str(place.parent), str(place / "c"), places.shown(f"x {url} y")):
        assert not any(word in text for word in ("secret", "me:", "se@cret"))
    assert place.name == "b.csv"


@pytest.mark.parametrize(
    "url",
    [
        "https://host/b.csv?sig=a'secret",
        "https://host/b.csv?sig=a secret",
        "https://host/my b.csv?sig=secret",
        "https://host/my b.csv#secret",
        "http://me:a'secret@host/b.csv",
    ],
)
def test_a_url_whose_secrets_a_message_could_not_leave_out_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="write %27 for ',") as raised:
        places.of(url)
    assert "secret" not in str(raised.value)
    assert str(places.of("s3://bucket/it's me@home.csv")) == "s3://bucket/it's me@home.csv"


def test_an_address_with_a_port_has_no_password() -> None:
    for text in ("http://host:80/a@b.csv", "http://[::1]:80/a@b.csv", "s3://bucket/a:b@c.csv"):
        assert places.shown(text) == text


def test_what_lies_below_a_signed_folder_is_signed_as_well() -> None:
    place = places.of("https://host/folder?sig=1")
    assert isinstance(place, places.Remote)
    assert (place / "a.csv").url == "https://host/folder/a.csv?sig=1"
    assert (place / "a.csv").parent.url == place.url


def test_where_a_file_of_this_machine_is_needed_one_line_says_so() -> None:
    place = places.of("s3://bucket/secret.npy")
    for use in (place.unlink, place.rmdir, lambda: place.open("wb"), lambda: place.chmod(0)):
        with pytest.raises(UsageError, match="only a file or folder of this machine can be used here"):
            use()


@pytest.mark.parametrize("kind", ["path", "memory", "http"])
def test_the_parts_of_a_folder_or_glob_are_files_in_the_order_of_their_names(
    kind: str, tmp_path: Path, memory: Any, server: web.Server
) -> None:
    names = ["p/a.csv", "p/b.csv", "p/_SUCCESS", "p/.c.csv.crc", "p/k=1/z.csv", "p/_temporary/y.csv", "q/a.csv"]
    if kind == "path":
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"1")
        root = str(tmp_path)
    elif kind == "memory":
        for name in names:
            memory.pipe(f"/root/{name}", b"1")
        root = "memory://root"
    else:
        pages = {"/p/": ["_SUCCESS", "b.csv", "a.csv", "k=1/", "?C=N;O=D", "_temporary/"], "/p/k=1/": ["z.csv"]}
        for page, links in pages.items():
            body = "".join(f'<a href="{link}">{link}</a>' for link in links).encode()
            server.add(page, b"", web.page(body=body))
        server.add("/", b"", web.page(body=b'<a href="p/">p</a>'))
        for name in names:
            server.add(f"/{name}", b"1")
        server.add("/p/k%3D1/", b"", *[web.page(body=b'<a href="z.csv">z</a>')])
        root = server.url("")

    def found(text: str) -> list[str]:
        return [str(part).removeprefix(f"{root}/").replace("%3D", "=") for part in places.parts(f"{root}/{text}")]

    assert found("p/") == ["p/a.csv", "p/b.csv", "p/k=1/z.csv"]
    assert found("p/*.csv") == ["p/a.csv", "p/b.csv"]
    assert found("p/a.csv") == ["p/a.csv"]
    if kind != "http":
        assert found("p") == ["p/a.csv", "p/b.csv", "p/k=1/z.csv"]
        assert found("*/a.csv") == ["p/a.csv", "q/a.csv"]
        assert found("p/**") == ["p/a.csv", "p/b.csv", "p/k=1/z.csv"]
        assert found("**/a.csv") == ["p/a.csv", "q/a.csv"]
        assert found("p/_t*/*") == ["p/_temporary/y.csv"]
        assert found("p/k=*") == ["p/k=1/z.csv"]
        assert found("p/[ab].csv") == ["p/a.csv", "p/b.csv"]
        assert found("p/_S*") == ["p/_SUCCESS"]
        assert found("p/none.csv") == ["p/none.csv"]
    with pytest.raises(InputError, match=r"no\*: no file matches"):
        found("p/no*")


def test_a_file_whose_name_has_wildcards_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_bytes(b"")
    (tmp_path / "a1.csv").write_bytes(b"")
    assert places.parts(f"{tmp_path}/a[1].csv") == [tmp_path / "a[1].csv"]


def test_a_link_to_a_folder_is_no_part_of_one(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "loop").symlink_to(tmp_path)
    with pytest.raises(InputError, match="loop: this is a link to a folder"):
        places.parts(f"{tmp_path}/p")


def test_an_empty_folder_has_no_parts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file of rows in this folder"):
        places.parts(str(tmp_path))


@pytest.mark.parametrize("acts", [[], [web.rangeless()], [web.chunked]], ids=["ranges", "rangeless", "chunked"])
def test_a_file_of_a_server_is_read_from_anywhere_in_it(server: web.Server, acts: list[web.Act]) -> None:
    server.add("/a%20b%25%C3%A9.bin", LARGE, *acts)
    place = places.of(server.url("/a b%25é.bin"))
    assert place.stat().st_size == len(LARGE)
    assert place.is_file()
    with place.open("rb") as file:
        file.seek(-10, io.SEEK_END)
        assert file.read() == LARGE[-10:]
        for start in (0, 9_000_000, 5, 65_530, 4_200_000):
            file.seek(start)
            assert file.read(100_000) == LARGE[start : start + 100_000]
    assert place.read_bytes() == LARGE


def test_a_large_file_is_asked_for_in_blocks(server: web.Server) -> None:
    server.add("/x", LARGE)
    with places.of(server.url("/x")).open("rb") as file:
        assert file.read(4) == LARGE[:4]
    assert server.ranges("/x") == [f"bytes=0-{places.FIRST - 1}"]


def test_parquet_is_read_by_ranges_of_it(server: web.Server) -> None:
    sink = io.BytesIO()
    table = pa.table({"a": list(range(200_000)), "b": [f"{k:0100d}" for k in range(200_000)]})
    pq.write_table(table, sink, use_dictionary=False, compression=None)
    server.add("/x.parquet", sink.getvalue())
    with places.of(server.url("/x.parquet")).open("rb") as file:
        assert pq.ParquetFile(file).read(["a"])["a"].equals(table["a"])
    asked = [tuple(map(int, text.removeprefix("bytes=").split("-"))) for text in server.ranges("/x.parquet") if text]
    assert sum(last - first for first, last in asked) < len(sink.getvalue()) / 2


@pytest.mark.parametrize(
    ("acts", "message"),
    [
        ([web.status(404)], "there is no such file"),
        ([web.status(403)], "the server answers 403 (Forbidden)"),
        ([web.status(500)], "the server answers 500 (Internal Server Error)"),
        ([web.status(204)], "the server answers 204 (No Content)"),
        ([web.status(302)], "the server answers 302 (Found)"),
        ([web.drop(1000)], PARTIAL),
        ([web.serve, web.drop(1000)], PARTIAL),
        ([web.serve, web.drop(1000, reset=True)], "reset|hung up|fewer bytes"),
        ([web.astray(7)], "other parts of it"),
        ([web.serve, web.astray(-7)], "other parts of it"),
        ([web.serve, web.rangeless()], "it changed while it was read"),
        ([web.serve, web.status(416)], "416"),
        ([web.status(302, Location="/x")] * 20, "redirects again and again"),
        ([web.length(None)], "does not say how long it is"),
        ([web.length(len(LARGE) + 5)], PARTIAL),
        ([web.rangeless(2_000_000)], PARTIAL),
        ([web.encoded("gzip")], "compressed"),
    ],
)
def test_a_server_that_answers_badly_gives_one_line_and_no_bytes(
    server: web.Server, acts: list[web.Act], message: str
) -> None:
    server.add("/x", LARGE, *acts)
    url = server.url("/x").replace("://", "://me:secret@") + "?sig=secret"
    with pytest.raises(DirError, match=f"(?i){message.replace('(', '[(]').replace(')', '[)]')}") as raised:
        files.read(places.of(url))
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.thorough
def test_a_store_that_redirects_again_and_again_gives_one_line(
    server: web.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.Handler, "do_HEAD", web.Handler.do_GET)
    for path in ("/bucket", "/bucket/x"):
        server.add(path, b"", *[web.status(301, Location=path)] * 100)
    match = r"again and again; .* of a bucket its endpoint and region"
    with store_at(server.url(""), monkeypatch), pytest.raises(DirError, match=match):
        files.read(places.of("s3://bucket/x"))


def test_a_compressed_file_may_be_called_encoded(server: web.Server) -> None:
    server.add("/x.csv.gz", gzip.compress(b"a\n1\n"), web.encoded("gzip"))
    assert gzip.decompress(places.of(server.url("/x.csv.gz")).read_bytes()) == b"a\n1\n"


def test_a_file_that_another_one_replaces_while_it_is_read_gives_one_line(server: web.Server) -> None:
    file = server.add("/x", LARGE)
    with places.of(server.url("/x")).open("rb") as stream:
        stream.read(10)
        file.etag = '"two"'
        with pytest.raises(places.UnreachableError, match="it changed while it was read"):
            stream.read()


def test_a_file_that_is_opened_again_is_the_same(server: web.Server, memory: Any) -> None:
    for acts in ([], [web.rangeless()]):
        file = server.add("/x", LARGE, *acts)
        place = places.of(server.url("/x"))
        assert place.stat().st_size == len(LARGE)
        file.etag = '"two"'
        with pytest.raises(places.UnreachableError, match="it changed while it was read"):
            place.read_bytes()
    memory.pipe("/x", b"one")
    place = places.of("memory://x")
    assert place.read_bytes() == b"one"
    memory.pipe("/x", b"other")
    with pytest.raises(places.UnreachableError, match="it changed while it was read"):
        place.read_bytes()
    place.write_bytes(b"mine")
    assert place.read_bytes() == b"mine"


def test_the_web_is_asked_as_the_configuration_of_fsspec_says(
    server: web.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    monkeypatch.setitem(fsspec.config.conf, "http", {"headers": {"Authorization": "Bearer secret"}})
    server.add("/x", LARGE)
    assert places.of(server.url("/x")).read_bytes() == LARGE
    assert {asked.headers.get("authorization") for asked in server.asked} == {"Bearer secret"}


def test_nobody_at_the_address_gives_one_line(server: web.Server) -> None:
    with pytest.raises(places.UnreachableError, match="cannot be read"):
        files.read(places.of(server.url("/x").replace(str(server.server_port), "9")))


@pytest.mark.parametrize("url", ["foo://x/y", "memory+x://y", "simplecache::https://me:secret@host/x"])
def test_a_scheme_that_nobody_knows_gives_one_line(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        places.of(url).read_bytes()
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("memory")
def test_memory_is_read_and_written_whole() -> None:
    place = places.of("memory://a/b c.bin")
    assert not place.exists()
    place.write_bytes(LARGE)
    assert place.is_file()
    assert place.parent.is_dir()
    assert place.stat().st_size == len(LARGE)
    assert place.read_bytes() == LARGE
    assert list(place.parent.iterdir()) == [place]
    assert list(place.parent.parent.glob("*.none")) == []
    place.parent.joinpath("d").write_bytes(b"")
    other = places.of("memory://a/d")
    assert isinstance(other, places.Remote)
    for _ in range(2):  # also where it is gone
        other.remove()
        assert not other.exists()
    with pytest.raises(InputError, match="this is a folder"):
        files.read(place.parent)


def test_a_scheme_in_capitals_is_that_scheme(memory: Any) -> None:
    memory.pipe("/a/B.csv", b"x")
    assert places.of("MEMORY://a/B.csv").read_bytes() == b"x"
    assert [path.read_bytes() for path in places.parts("MEMORY://a")] == [b"x"]


def test_a_folder_that_a_server_has_not_is_no_empty_one(server: web.Server) -> None:
    for listed in (places.every, places.within):
        with pytest.raises(InputError, match=r"/none/: it cannot be read \(No such file or directory\)"):
            listed(places.of(server.url("/none/")))


def test_nothing_is_written_to_a_web_server() -> None:
    with pytest.raises(UsageError, match="nothing can be written there"):
        places.of("https://host/x.json").write_bytes(b"")


def test_rows_without_a_target_are_left_out_of_parts_as_of_one_table(work: Path) -> None:
    lines = [f"{'' if row % 3 == 1 else row},x" for row in range(9)]
    for name, some in (("one.csv", lines), ("parts/a.csv", lines[:5]), ("parts/b.csv", lines[5:])):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text("\n".join(["target,other", *some, ""]))
    names = user_tables.Names(target="target")
    one, parts = (user_tables.read(work / name, names, drop=True) for name in ("one.csv", "parts"))
    assert parts.lacking == one.lacking == 3
    assert one.places is not None
    assert parts.places is not None
    assert parts.places.tolist() == one.places.tolist() == parts.targets.tolist()


def test_lines_of_parts_end_as_those_of_one_file_may(work: Path) -> None:
    (work / "parts").mkdir()
    (work / "parts" / "a.csv").write_bytes(b"id,target\ra,1\rb,2\r")
    (work / "parts" / "b.csv").write_bytes(b"target,id\r\n3,c\r\n")
    rows = user_tables.read(work / "parts", user_tables.Names(target="target", id="id"))
    assert rows.targets.tolist() == [1, 2, 3]
    for name in ("a.csv", "b.csv"):
        path = work / "parts" / name
        path.write_bytes(path.read_bytes().replace(b"target", b"prediction"))
    found = predictions.read("parts", predictions.Layout())
    assert list(found.ids or ()) == ["a", "b", "c"]


def test_the_delimiter_of_parts_is_found_by_names_with_spaces_around_them(work: Path) -> None:
    (work / "parts").mkdir()
    (work / "parts" / "a.tsv").write_text("id\t target\tx, y\na\t1\t.\n")
    (work / "parts" / "b.tsv").write_text(" target\tx, y\tid\n2\t.\tb\n")
    rows = user_tables.read(work / "parts", user_tables.Names(target=" target", id="id"))
    assert rows.targets.tolist() == [1, 2]


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(work: Path) -> None:
    (work / "parts").mkdir()
    (work / "parts" / "a.csv").write_text("target\n1\n")
    os.mkfifo(work / "parts" / "z.csv")
    with pytest.raises(InputError, match="this is no regular file"):
        places.parts(work / "parts")
