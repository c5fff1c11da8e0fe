"""Downloads: never a wrong file under the final name, whatever the server, the disk or the user does."""

from __future__ import annotations

import email.utils
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import server as web
from conftest import PROJECT

from dircli.benchmark.dataset import Source
from dircli.errors import SourceError
from dircli.store.digests import digest_of, git_blob
from dircli.store.download.fetch import DownloadPlan, Fetched, fetch, plan
from dircli.store.download.transfer import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROOT = PROJECT
DATA = random.Random(666).randbytes(200_000)
OTHER = random.Random(667).randbytes(200_000)
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
HASTE = RetryPolicy(first_pause=0.001, longest_pause=0.002)
PATH = "/agedb.bin"


class Notes:
    """A `Progress` that remembers."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int | None, int]] = []
        self.bytes = 0
        self.notes: list[str] = []

    def start(self, file: str, total: int | None, done: int) -> None:
        """Keep it."""
        self.starts.append((file, total, done))

    def advance(self, n: int) -> None:
        """Add it up."""
        self.bytes += n

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    web.reached_directly(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; under the final name may stand DATA or nothing, whatever a test does."""
    folder = tmp_path / "data"
    yield folder
    final = folder / "agedb.bin"
    assert not final.exists() or final.read_bytes() == DATA


def source(*urls: str, digest: str | None = SHA256, size: int | None = None) -> Source:
    return Source(file="agedb.bin", holds="labels", urls=urls, digest=digest, size=size)


def get(folder: Path, *urls: str, digest: str | None = SHA256, size: int | None = None, **how: Any) -> Fetched:
    return fetch(plan(source(*urls, digest=digest, size=size), folder), **({"patience": HASTE} | how))


def refusal(call: Callable[[], object]) -> str:
    """The message of the SourceError that ``call`` ends in: one line."""
    with pytest.raises(SourceError) as caught:
        call()
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def names(folder: Path) -> set[str]:
    """The files in ``folder``, but for the lock, which stays."""
    return {path.name for path in folder.iterdir()} - {"agedb.bin.lock"}


# — a good server —


def test_a_file_with_a_known_digest_arrives_verified(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA)
    progress = Notes()
    got = get(folder, server.url(PATH), size=len(DATA), progress=progress)
    digest = SHA256.removeprefix("sha256:")
    assert got == Fetched(path=folder / "agedb.bin", size=len(DATA), sha256=digest, verified=True, fresh=True)
    assert got.path.read_bytes() == DATA
    assert names(folder) == {"agedb.bin"}
    assert progress.starts == [("agedb.bin", len(DATA), 0)]
    assert progress.bytes == len(DATA)
    headers = server.asked[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("dircli/")


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "git"])
@pytest.mark.parametrize("size", [None, len(DATA)])
def test_each_kind_of_digest_is_held(server: web.Server, folder: Path, algorithm: str, size: int | None) -> None:
    digest = digest_of([DATA[:7], DATA[7:]], algorithm)
    server.add("/wrong", OTHER)
    assert digest in refusal(lambda: get(folder, server.url("/wrong"), digest=digest, size=size))
    assert names(folder) == set()
    server.add(PATH, DATA, web.drop(70_000), web.serve)
    assert get(
        folder, server.url(PATH), digest=digest.upper().replace(algorithm.upper(), algorithm), size=size
    ).verified
    assert plan(source(digest=digest, size=size), folder).present


def test_a_present_file_costs_no_request(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA)
    first = get(folder, server.url(PATH))
    again = get(folder, server.url(PATH))
    assert (first.fresh, again.fresh) == (True, False)
    assert (again.sha256, again.verified) == (first.sha256, True)
    assert len(server.asked) == 1


def test_the_plan_tells_the_mirror_first_and_what_is_there(folder: Path) -> None:
    folder.mkdir()
    (folder / "agedb.bin.part").write_bytes(b"half")
    made = plan(source("https://a.org/x?id=1"), folder, mirror="http://m.org/dir/")
    assert made == DownloadPlan(
        source=source("https://a.org/x?id=1"),
        path=folder / "agedb.bin",
        urls=("http://m.org/dir/agedb.bin", "https://a.org/x?id=1"),
        partial=4,
        size=None,
        digest=SHA256,
        recorded=False,
        sha256=None,
    )
    assert names(folder) == {"agedb.bin.part"}


def test_the_mirror_is_tried_before_the_source_and_the_source_after_it(server: web.Server, folder: Path) -> None:
    server.add("/mirror/agedb.bin", DATA, web.status(404), web.serve)
    server.add(PATH, DATA)
    made = plan(source(server.url(PATH)), folder, mirror=server.url("/mirror/"))
    fetch(made, patience=HASTE)
    assert [asked.path for asked in server.asked] == ["/mirror/agedb.bin", PATH]
    (folder / "agedb.bin").unlink()
    fetch(plan(source(server.url(PATH)), folder, mirror=server.url("/mirror")), patience=HASTE)
    assert [asked.path for asked in server.asked][2:] == ["/mirror/agedb.bin"]


def test_a_redirect_is_followed(server: web.Server, folder: Path) -> None:
    server.add("/old", b"", web.status(302, location=PATH))
    server.add(PATH, DATA)
    assert get(folder, server.url("/old")).fresh


def test_a_file_in_a_subfolder_is_put_there(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA)
    nested = Source(file="sub/agedb.bin", holds="labels", urls=(server.url(PATH),), digest=SHA256)
    assert fetch(plan(nested, folder), patience=HASTE).path.read_bytes() == DATA


# — broken transfers —


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("known", [True, False])
def test_drops_at_random_offsets_end_in_the_right_file(
    server: web.Server, folder: Path, seed: int, *, known: bool
) -> None:
    """Known by digest, or only by the server's ETag; no byte is asked for twice."""
    rng = random.Random(seed)
    acts = [web.drop(rng.randrange(200, 60_000), reset=rng.random() < 0.3) for _ in range(rng.randrange(1, 8))]
    server.add(PATH, DATA, *acts, web.serve)
    progress = Notes()
    got = get(folder, server.url(PATH), digest=SHA256 if known else None, progress=progress)
    assert got.path.read_bytes() == DATA
    assert got.verified is known
    assert progress.bytes == len(DATA)


def test_a_second_run_goes_on_where_the_first_ended(server: web.Server, folder: Path) -> None:
    once = RetryPolicy(tries=1, feeble=1)
    server.add(PATH, DATA, web.drop(50_000), web.serve)
    message = refusal(lambda: get(folder, server.url(PATH), digest=None, patience=once))
    assert "run again to go on after 50,000 bytes" in message
    assert plan(source(server.url(PATH)), folder).partial == 50_000
    assert get(folder, server.url(PATH), digest=None).path.read_bytes() == DATA
    assert server.ranges(PATH) == [None, "bytes=50000-"]
    assert server.asked[1].headers["if-range"] == '"one"'


def test_last_modified_guards_a_resume_where_there_is_no_strong_etag(server: web.Server, folder: Path) -> None:
    date = "Mon, 01 Jan 2024 00:00:00 GMT"
    server.add(PATH, DATA, web.drop(50_000), web.serve, etag='W/"weak"', modified=date)
    get(folder, server.url(PATH), digest=None)
    assert server.ranges(PATH) == [None, "bytes=50000-"]
    assert server.asked[1].headers["if-range"] == date


def test_without_validator_and_digest_nothing_is_built_upon(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA, web.drop(50_000), web.serve, etag=None)
    get(folder, server.url(PATH), digest=None)
    assert server.ranges(PATH) == [None, None]


def test_a_file_that_changed_between_two_tries_is_taken_anew(server: web.Server, folder: Path) -> None:
    def change(handler: web.Handler) -> None:
        handler.file.data, handler.file.etag = DATA, '"two"'
        web.serve(handler)

    server.add(PATH, OTHER, web.drop(50_000), change)
    assert get(folder, server.url(PATH), digest=None).path.read_bytes() == DATA
    assert server.ranges(PATH) == [None, "bytes=50000-"]


@pytest.mark.parametrize("size", [None, len(DATA)])
def test_pieces_of_two_files_are_found_out_by_the_digest_and_taken_anew(
    server: web.Server, folder: Path, size: int | None
) -> None:
    """A server that ignores If-Range gives the second half of another file than the first."""

    def change(handler: web.Handler) -> None:
        handler.file.data = DATA
        web.careless(handler)

    server.add(PATH, OTHER, web.drop(50_000), change)
    progress = Notes()
    assert get(folder, server.url(PATH), size=size, progress=progress).path.read_bytes() == DATA
    assert server.ranges(PATH) == [None, "bytes=50000-", None]
    assert "pieces that do not fit" in "".join(progress.notes)


def test_a_server_that_says_its_file_has_changed_is_believed(server: web.Server, folder: Path) -> None:
    """A 206 under another ETag is not appended, though no digest is known."""

    def change(handler: web.Handler) -> None:
        handler.file.data, handler.file.etag = DATA, '"two"'
        del handler.headers["If-Range"]
        web.serve(handler)

    server.add(PATH, OTHER, web.drop(50_000), change)
    assert get(folder, server.url(PATH), digest=None).path.read_bytes() == DATA
    assert server.ranges(PATH) == [None, "bytes=50000-", None]


def test_a_part_of_unknown_origin_counts_only_under_a_digest(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA)
    folder.mkdir()
    for digest, asked in ((None, [None]), (SHA256, [None, "bytes=1000-"])):
        (folder / "agedb.bin.part").write_bytes(DATA[:1000])
        get(folder, server.url(PATH), digest=digest)
        assert server.ranges(PATH) == asked
        for left in folder.glob("agedb.bin*"):
            left.unlink()


def test_a_part_from_another_address_counts_only_under_a_digest(server: web.Server, folder: Path) -> None:
    for digest, asked in ((None, None), (SHA256, "bytes=50000-")):
        server.add("/a", OTHER if digest is None else DATA, web.drop(50_000), web.status(404))
        server.add(PATH, DATA)
        get(folder, server.url("/a"), server.url(PATH), digest=digest)
        assert server.ranges(PATH)[-1] == asked
        for left in folder.glob("agedb.bin*"):
            left.unlink()


def test_a_whole_part_left_by_a_kill_is_only_renamed(server: web.Server, folder: Path) -> None:
    folder.mkdir()
    (folder / "agedb.bin.part").write_bytes(DATA)
    assert get(folder, server.url(PATH), size=len(DATA)).verified
    assert server.asked == []
    assert names(folder) == {"agedb.bin"}


@pytest.mark.parametrize("digest", [SHA256, None], ids=["known", "unknown"])
@pytest.mark.parametrize("part", [DATA + b"more", OTHER[:9], OTHER], ids=["longer", "shorter", "other"])
@pytest.mark.parametrize("size", [len(DATA), None], ids=["size", "no size"])
def test_a_wrong_part_does_no_harm(
    server: web.Server, folder: Path, digest: str | None, part: bytes, size: int | None
) -> None:
    server.add(PATH, DATA)
    folder.mkdir()
    (folder / "agedb.bin.part").write_bytes(part)
    (folder / "agedb.bin.part.json").write_text('{"neither": "ours"}')
    assert get(folder, server.url(PATH), digest=digest, size=size).path.read_bytes() == DATA
    if size == len(DATA) <= len(part):
        assert server.ranges(PATH) == [None], "there is no range after the end"


@pytest.mark.parametrize("act", [web.rangeless(), web.status(416), web.astray(7), web.astray(-7)])
def test_a_server_without_proper_ranges_is_asked_for_the_whole(server: web.Server, folder: Path, act: web.Act) -> None:
    server.add(PATH, DATA, web.drop(50_000), act, web.serve)
    assert get(folder, server.url(PATH)).path.read_bytes() == DATA
    assert server.ranges(PATH)[:2] == [None, "bytes=50000-"]
    assert server.ranges(PATH)[2:] in ([], [None])


def test_a_read_timeout_is_a_pause_and_not_the_end(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA, web.stall(50_000), web.serve)
    progress = Notes()
    get(folder, server.url(PATH), progress=progress, patience=RetryPolicy(first_pause=0.001, read_timeout=0.3))
    assert server.ranges(PATH) == [None, "bytes=50000-"]
    assert "silent for too long; trying again" in progress.notes[0]


# — how long to go on —


def test_pauses_grow_to_their_limit_and_tries_are_counted(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA, web.drop(0))
    pauses: list[float] = []
    patience = RetryPolicy(tries=6, first_pause=1, longest_pause=5, sleep=pauses.append)
    assert "gave up after 6" in refusal(lambda: get(folder, server.url(PATH), patience=patience))
    assert pauses == [1, 2, 4, 5, 5]


def test_progress_resets_the_count_of_tries(server: web.Server, folder: Path) -> None:
    pauses: list[float] = []
    acts = [web.drop(0), web.drop(0), web.drop(9_000)] * 4
    server.add(PATH, DATA, *acts, web.serve)
    get(folder, server.url(PATH), patience=RetryPolicy(tries=3, sleep=pauses.append))
    assert pauses == [1, 2, 1] * 4


@pytest.mark.parametrize("act", [web.drop(100), web.rangeless(300)])
def test_a_server_that_never_gets_on_is_given_up(server: web.Server, folder: Path, act: web.Act) -> None:
    server.add(PATH, DATA, act)
    refusal(lambda: get(folder, server.url(PATH), patience=RetryPolicy(feeble=20, sleep=lambda _: None)))
    assert len(server.asked) <= 20
    assert names(folder) == {"agedb.bin.part", "agedb.bin.part.json"}


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured(server: web.Server, folder: Path, code: int) -> None:
    date = email.utils.formatdate(time.time() + 40, usegmt=True)
    server.add(PATH, DATA, web.status(code, retry_after=17), web.status(code, retry_after=date), web.serve)
    pauses: list[float] = []
    get(folder, server.url(PATH), patience=RetryPolicy(sleep=pauses.append))
    assert pauses[0] == 17
    assert 35 < pauses[1] <= 40


@pytest.mark.parametrize("value", ["61", "9" * 30, email.utils.formatdate(time.time() + 7200, usegmt=True)])
def test_a_long_retry_after_is_told_instead_of_waited_for(server: web.Server, folder: Path, value: str) -> None:
    server.add(PATH, DATA, web.status(429, retry_after=value))
    assert "try again after 20" in refusal(lambda: get(folder, server.url(PATH)))
    assert len(server.asked) == 1


def test_a_passing_fault_of_the_server_is_waited_out(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA, web.status(503), web.status(503, retry_after="soon"), web.status(500), web.serve)
    assert get(folder, server.url(PATH)).fresh
    assert len(server.asked) == 4


# — refusals —


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, "login"), (403, "forbids"), (404, "no such file"), (418, "status 418"), (204, "status 204")],
)
def test_a_refusal_is_not_repeated_and_the_next_address_is_tried(
    server: web.Server, folder: Path, code: int, said: str
) -> None:
    server.add("/a", b"", web.status(code))
    server.add(PATH, DATA)
    assert said in refusal(lambda: get(folder, server.url("/a")))
    assert get(folder, server.url("/a"), server.url(PATH)).fresh
    assert [asked.path for asked in server.asked] == ["/a", "/a", PATH]


def test_when_all_addresses_fail_one_line_has_each_reason(server: web.Server, folder: Path) -> None:
    server.add("/a", b"", web.status(403))
    server.add("/b", b"", web.page())
    message = refusal(lambda: get(folder, server.url("/a?key=secret"), server.url("/b"), server.url("/c")))
    assert f"{server.url('/a')} forbids access (403); {server.url('/b')} sends a web page" in message
    assert f"{server.url('/c')} has no such file (404); run again later, or put it at {folder}" in message


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Text/HTML;charset=utf-8", b"<!-- no doctype --><p>Please log in."),
        ("application/octet-stream", web.PAGE),
        ("application/zip", b"\xef\xbb\xbf\r\n <HTML lang=en>"),
    ],
    ids=["by type", "by doctype", "by tag"],
)
@pytest.mark.parametrize("digest", [SHA256, None], ids=["known", "unknown"])
def test_a_web_page_is_called_one(server: web.Server, folder: Path, kind: str, body: bytes, digest: str | None) -> None:
    server.add(PATH, DATA, web.page(kind, body))
    message = refusal(lambda: get(folder, server.url(PATH), digest=digest))
    assert "web page instead of the file (quota, login or licence page)" in message
    assert names(folder) == set()


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_a_web_page_does_not_cost_the_part(server: web.Server, folder: Path, kind: str) -> None:
    server.add(PATH, DATA, web.drop(50_000), web.page(kind), web.serve)
    refusal(lambda: get(folder, server.url(PATH)))
    get(folder, server.url(PATH))
    assert server.ranges(PATH) == [None, "bytes=50000-", "bytes=50000-"]


def test_a_page_that_is_the_source_is_no_mistake(server: web.Server, folder: Path) -> None:
    server.add("/a.html", web.PAGE, web.page())
    page = Source(file="a.html", holds="labels", urls=(server.url("/a.html"),))
    assert fetch(plan(page, folder), patience=HASTE).size == len(web.PAGE)


def test_a_wrong_digest_is_told_with_both_and_the_part_is_dropped(server: web.Server, folder: Path) -> None:
    server.add(PATH, OTHER)
    message = refusal(lambda: get(folder, server.url(PATH)))
    assert SHA256 in message
    assert hashlib.sha256(OTHER).hexdigest() in message
    assert names(folder) == set()
    assert len(server.asked) == 1


def test_a_wrong_file_on_the_mirror_gives_way_to_the_source(server: web.Server, folder: Path) -> None:
    server.add("/m/agedb.bin", OTHER)
    server.add(PATH, DATA)
    made = plan(source(server.url(PATH)), folder, mirror=server.url("/m"))
    assert fetch(made, patience=HASTE).path.read_bytes() == DATA


@pytest.mark.parametrize("said", [len(DATA) - 5, len(DATA) + 5])
def test_a_length_other_than_the_known_size_is_refused_at_once(server: web.Server, folder: Path, said: int) -> None:
    server.add(PATH, DATA, web.length(said))
    message = refusal(lambda: get(folder, server.url(PATH), digest=None, size=len(DATA)))
    assert f"offers a file of {said:,} bytes, expected {len(DATA):,}" in message
    assert names(folder) == set()


@pytest.mark.parametrize(("said", "digest"), [(len(DATA) - 5, SHA256), (len(DATA) + 5, SHA256), (len(DATA) + 5, None)])
def test_a_lie_about_the_length_does_not_pass(server: web.Server, folder: Path, said: int, digest: str | None) -> None:
    server.add(PATH, DATA, web.length(said))
    refusal(lambda: get(folder, server.url(PATH), digest=digest))
    assert "agedb.bin" not in names(folder)


@pytest.mark.parametrize("act", [web.length(None), web.chunked])
def test_more_bytes_than_the_size_are_an_error(server: web.Server, folder: Path, act: web.Act) -> None:
    server.add(PATH, DATA, act)
    message = refusal(lambda: get(folder, server.url(PATH), digest=None, size=len(DATA) - 5))
    assert "sends more than the 199,995 bytes expected" in message
    assert names(folder) == set()


@pytest.mark.parametrize("act", [web.length(None), web.chunked])
def test_fewer_bytes_than_the_size_are_an_error(server: web.Server, folder: Path, act: web.Act) -> None:
    server.add(PATH, DATA, act)
    message = refusal(lambda: get(folder, server.url(PATH), digest=None, size=len(DATA) + 5))
    assert "stops after 200,000 of 200,005 bytes" in message
    assert "agedb.bin" not in names(folder)


def test_an_untold_length_passes_only_where_an_end_can_be_told(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA, web.length(None))
    assert "does not say how long" in refusal(lambda: get(folder, server.url(PATH), digest=None))
    server.add(PATH, DATA, web.chunked)
    assert get(folder, server.url(PATH), digest=None).path.read_bytes() == DATA


def test_neither_an_empty_nor_a_re_encoded_body_is_taken_on_trust(server: web.Server, folder: Path) -> None:
    server.add("/empty", b"")
    assert "empty" in refusal(lambda: get(folder, server.url("/empty"), digest=None))
    server.add(PATH, DATA, web.encoded("gzip"))
    assert "re-encoded (gzip)" in refusal(lambda: get(folder, server.url(PATH), digest=None))
    assert get(folder, server.url(PATH)).path.read_bytes() == DATA, "a digest settles it: the bytes are taken raw"


def test_a_redirect_loop_ends_in_one_line(server: web.Server, folder: Path) -> None:
    server.add("/a", b"", web.status(302, location="/b"))
    server.add("/b", b"", web.status(302, location="/a"))
    assert "redirects more than 10 times" in refusal(lambda: get(folder, server.url("/a")))
    assert len(server.asked) == 10


def test_a_tls_failure_ends_in_one_line(server: web.Server, folder: Path) -> None:
    message = refusal(lambda: get(folder, server.url(PATH, scheme="https")))
    assert "fails the TLS check" in message
    assert "clock, proxy, certificates" in message


def test_an_unknown_host_ends_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "a malformed address is an unknown host" in refusal(lambda: get(folder, "http://[broken/x"))
    assert "http://no.invalid/x is an unknown host" in refusal(lambda: get(folder, "http://no.invalid/x"))


def test_a_closed_port_ends_in_one_line(folder: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, but not listening
        url = f"http://127.0.0.1:{held.getsockname()[1]}/x"
        assert "drops the connection" in refusal(lambda: get(folder, url))


@pytest.mark.parametrize("url", ["ftp://a.org/x", "a.org/x", "http://a.org:port/x"])
def test_a_malformed_address_ends_in_one_line(folder: Path, url: str) -> None:
    assert "is no address for a download" in refusal(lambda: get(folder, url))


def test_a_source_without_address_is_not_downloadable(folder: Path) -> None:
    message = refusal(lambda: get(folder))
    assert "agedb.bin is not downloadable" in message
    assert not folder.exists()


# — the token —


def test_the_token_goes_to_its_own_origin_only(server: web.Server, folder: Path) -> None:
    with web.Server() as foreign:
        server.add("/go", b"", web.status(302, location="/on?x=1"))
        server.add("/on", b"", web.status(302, location=foreign.url(f"{PATH}?y=2&auth_token=s3cret")))
        foreign.add(PATH, DATA)
        foreign.add("/m/agedb.bin", b"", web.status(404))
        made = plan(source(server.url("/go"), digest=None), folder, mirror=foreign.url("/m"))
        progress = Notes()
        fetch(made, patience=HASTE, progress=progress, token=("auth_token", "s3cret"))
        assert [asked.query for asked in server.asked] == [
            {"auth_token": ["s3cret"]},
            {"x": ["1"], "auth_token": ["s3cret"]},
        ]
        assert [asked.query for asked in foreign.asked] == [{}, {"y": ["2"]}]
    assert "s3cret" not in str(progress.notes)
    assert all(b"s3cret" not in path.read_bytes() for path in folder.iterdir())


def test_no_secret_is_in_messages_or_files(server: web.Server, folder: Path) -> None:
    url = server.url(f"{PATH}?key=hidden").replace("//", "//user:hidden@")
    server.add(PATH, DATA, web.drop(50_000))
    progress = Notes()
    once = RetryPolicy(tries=1, feeble=2, sleep=lambda _: None)
    message = refusal(
        lambda: get(folder, url, digest=None, patience=once, progress=progress, token=("auth_token", "hidden"))
    )
    assert server.asked[0].query == {"key": ["hidden"], "auth_token": ["hidden"]}
    assert progress.notes
    assert "hidden" not in message + str(progress.notes)
    server.files[PATH].acts = []
    assert get(folder, url, digest=None).fresh
    assert "agedb.bin.sha256.json" in names(folder)
    assert all(b"hidden" not in path.read_bytes() for path in folder.iterdir())


# — the record of a first download —


def test_a_first_download_without_digest_is_recorded_and_held(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA)
    first = get(folder, server.url(f"{PATH}?id=7"), digest=None)
    record = folder / "agedb.bin.sha256.json"
    assert json.loads(record.read_text()) == {"sha256": first.sha256, "size": len(DATA), "url": server.url(PATH)}
    assert list(json.loads(record.read_text())) == ["sha256", "size", "url"]
    assert not first.verified
    again = plan(source(server.url(PATH), digest=None), folder)
    assert (again.present, again.recorded, again.digest) == (True, True, SHA256)
    assert fetch(again).verified

    (folder / "agedb.bin").unlink()
    server.add(PATH, OTHER)
    message = refusal(lambda: get(folder, server.url(PATH), digest=None))
    assert SHA256 in message
    assert f"recorded in {record}, delete that to accept a new file" in message
    server.add(PATH, DATA)
    assert get(folder, server.url(PATH), digest=None).verified


def test_a_changed_file_is_refused_by_the_record(server: web.Server, folder: Path) -> None:
    server.add(PATH, DATA)
    final = get(folder, server.url(PATH), digest=None).path
    final.write_bytes(OTHER)
    message = refusal(lambda: plan(source(digest=None), folder))
    assert "as recorded in agedb.bin.sha256.json: move or delete it" in message
    assert final.read_bytes() == OTHER
    final.unlink()


def test_a_file_put_there_by_hand_is_recorded_too(folder: Path) -> None:
    folder.mkdir()
    (folder / "agedb.bin").write_bytes(DATA)
    got = get(folder, digest=None)
    assert (got.fresh, got.verified) == (False, False)
    assert plan(source(digest=None), folder).digest == SHA256


@pytest.mark.parametrize("text", ["", "[]", '{"size": 1}', '{"size": 1, "sha256": 5}', "{"])
def test_a_broken_record_is_named(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "agedb.bin.sha256.json").write_text(text)
    assert "is not a record of a download" in refusal(lambda: plan(source(digest=None), folder))


# — the disk, and the files of the user —


@pytest.mark.parametrize(("digest", "size"), [(SHA256, len(DATA)), (SHA256, None), (None, len(DATA)), (None, 200_001)])
def test_another_file_under_the_final_name_is_refused_and_left_alone(
    server: web.Server, tmp_path: Path, digest: str | None, size: int | None
) -> None:
    wrong = OTHER if digest else OTHER[:-2]
    (tmp_path / "agedb.bin").write_bytes(wrong)
    message = refusal(lambda: get(tmp_path, server.url(PATH), digest=digest, size=size))
    assert "move or delete it and run again" in message
    assert "expected" in message
    assert (tmp_path / "agedb.bin").read_bytes() == wrong
    assert server.asked == []


def test_neither_a_folder_nor_a_dangling_link_is_replaced(server: web.Server, tmp_path: Path) -> None:
    server.add(PATH, DATA)
    (tmp_path / "agedb.bin").mkdir()
    assert "is not a regular file" in refusal(lambda: get(tmp_path, server.url(PATH)))
    (tmp_path / "agedb.bin").rmdir()
    (tmp_path / "agedb.bin").symlink_to(tmp_path / "elsewhere")
    assert "is not a regular file" in refusal(lambda: get(tmp_path, server.url(PATH)))
    assert (tmp_path / "agedb.bin").is_symlink()


def test_a_file_that_appears_meanwhile_is_not_overwritten(server: web.Server, tmp_path: Path) -> None:
    def meddle(handler: web.Handler) -> None:
        (tmp_path / "agedb.bin").write_bytes(b"mine")
        web.serve(handler)

    server.add(PATH, DATA, meddle)
    assert "has appeared during the download" in refusal(lambda: get(tmp_path, server.url(PATH)))
    assert (tmp_path / "agedb.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_full_disk_is_told_before_the_first_byte(
    server: web.Server, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """With a known size not even a request is made; else the server's length decides."""
    usage = shutil.disk_usage(folder.parent)._replace(free=199_999)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    server.add(PATH, DATA)
    message = refusal(lambda: get(folder, server.url(PATH), size=size))
    assert "needs 200,000 more bytes" in message
    assert "199,999 free" in message
    assert len(server.asked) == (size is None)
    assert names(folder) == set()


def test_room_is_needed_only_for_what_is_missing(
    server: web.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    (folder / "agedb.bin.part").write_bytes(DATA[:150_000])
    usage = shutil.disk_usage(folder)._replace(free=50_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    server.add(PATH, DATA)
    assert get(folder, server.url(PATH), size=len(DATA)).fresh


def test_a_folder_that_cannot_be_written_ends_in_one_line(server: web.Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    server.add(PATH, DATA)
    assert "look at the disk" in refusal(lambda: get(tmp_path / "file" / "data", server.url(PATH)))


# — kills and company —

DRIVER = """
import os, random, signal, sys, time
from pathlib import Path
import httpx, filelock
from dircli.benchmark.dataset import Source
from dircli.store.download.fetch import fetch, plan
from dircli.store.download.transfer import RetryPolicy

class Told:
    def start(self, file, total, done): pass
    def advance(self, n): pass
    def note(self, text): print(text, flush=True)

folder, url, digest, kills = Path(sys.argv[1]), sys.argv[2], sys.argv[3] or None, int(sys.argv[4])
source = Source(file="agedb.bin", holds="labels", urls=(url,), digest=digest)
rng = random.Random(7)
part = folder / "agedb.bin.part"

def size():
    return part.stat().st_size if part.exists() else 0

def grown():
    before, end = size(), time.monotonic() + 2
    while size() <= before and time.monotonic() < end:
        time.sleep(0.001)

killed = 0
for kill in range(kills):
    child = os.fork()
    if not child:
        fetch(plan(source, folder))
        os._exit(0)
    if kill % 2:
        grown()
    else:
        time.sleep(rng.uniform(0.0, 0.08))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print("killed", killed)
print("fresh" if fetch(plan(source, folder), progress=Told()).fresh else "found")
"""


def driver(folder: Path, url: str, *, digest: str | None, kills: int = 0) -> subprocess.Popen[str]:
    """Another process that downloads, after ``kills`` forks of it have been killed while they tried the same.

    Every second fork is killed as soon as it has brought something, the others at a random moment.
    """
    command = [sys.executable, "-W", "error", "-c", DRIVER, str(folder), url, digest or "", str(kills)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are POSIX")
@pytest.mark.parametrize("digest", [SHA256, pytest.param(None, marks=pytest.mark.slow)], ids=["known", "unknown"])
def test_twenty_kills_during_one_download_end_in_the_right_file(
    server: web.Server, folder: Path, digest: str | None
) -> None:
    server.add(PATH, DATA, web.slow(1_000, 0.005))
    with driver(folder, server.url(PATH), digest=digest, kills=20) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.split() == ["killed", "20", "fresh"]
    assert (folder / "agedb.bin").read_bytes() == DATA
    assert names(folder) == {"agedb.bin"} | ({"agedb.bin.sha256.json"} if digest is None else set())
    assert sum(asked is not None for asked in server.ranges(PATH)) >= 10, "runs went on where the last one fell"


STEPS = """
import os, signal, sys
from pathlib import Path
import httpx, filelock
from dircli.benchmark.dataset import Source
from dircli.store.download.fetch import fetch, plan
from dircli.store.download.transfer import RetryPolicy

top, url, digest = Path(sys.argv[1]), sys.argv[2], sys.argv[3] or None
source = Source(file="agedb.bin", holds="labels", urls=(url,), digest=digest)

def fall(step):
    left = step

    def hook(event, arguments):
        nonlocal left
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(top) in str(arguments[0]):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    fetch(plan(source, top / str(step)), patience=RetryPolicy(first_pause=0.001))
    os._exit(0)

step = 0
while True:
    child = os.fork()
    if not child:
        fall(step)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        break
    step += 1
print(step)
"""


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are POSIX")
@pytest.mark.parametrize("digest", [SHA256, None], ids=["known", "unknown"])
def test_a_kill_before_any_operation_on_a_file_does_no_harm(
    server: web.Server, tmp_path: Path, digest: str | None
) -> None:
    """One process after the other falls one step further on, up to one that finishes; then each is picked up."""

    def lame(handler: web.Handler) -> None:
        (web.serve if handler.headers.get("Range") else web.drop(50_000))(handler)

    server.add(PATH, DATA, lame)
    command = [sys.executable, "-c", STEPS, str(tmp_path), server.url(PATH), digest or ""]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    steps = int(done.stdout)
    assert steps > 10
    for step in range(steps):
        final = tmp_path / str(step) / "agedb.bin"
        assert not final.exists() or final.read_bytes() == DATA
        assert get(final.parent, server.url(PATH), digest=digest).path.read_bytes() == DATA
        extra = {"agedb.bin.sha256.json"} if digest is None else set()
        assert names(final.parent) == {"agedb.bin"} | extra


@pytest.mark.thorough
@pytest.mark.parametrize("digest", [SHA256, None], ids=["known", "unknown"])
def test_two_processes_at_once_share_one_download(server: web.Server, folder: Path, digest: str | None) -> None:
    server.add(PATH, DATA, web.slow(10_000, 0.05))
    with (
        driver(folder, server.url(PATH), digest=digest) as one,
        driver(folder, server.url(PATH), digest=digest) as two,
    ):
        said = [process.communicate(timeout=30) for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), said
    first, second = sorted((out.splitlines() for out, _ in said), key=len)
    assert first == ["killed 0", "fresh"]
    assert second == ["killed 0", "agedb.bin: waiting for another process that downloads it", "found"]
    assert (folder / "agedb.bin").read_bytes() == DATA
    assert len(server.asked) == 1


# — digests, and what importing costs —


def test_git_blob_is_what_git_calls_it() -> None:
    assert git_blob(b"what is up, doc?") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    assert git_blob(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "git"])
def test_a_digest_does_not_depend_on_the_chunks(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "file").write_bytes(DATA)
    whole = digest_of([DATA], algorithm)
    assert whole.startswith(f"{algorithm}:")
    assert whole == digest_of(tmp_path / "file", algorithm)
    assert whole == digest_of((DATA[at : at + 999] for at in range(0, len(DATA), 999)), algorithm)


def test_an_unknown_algorithm_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no such digest algorithm: crc32"):
        digest_of([b""], "crc32")


def test_importing_loads_no_httpx() -> None:
    code = "import sys, dircli.store.download.fetch; sys.exit('httpx' in sys.modules or 'filelock' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0  # noqa: PLW1510 - the code is what is looked at
