"""A web server on 127.0.0.1 that misbehaves on demand: each request for a file takes the next of its acts.

The last act of a file stays in force. Every request is kept in `asked`.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    import pytest

Act = Callable[["Handler"], None]
certificates = functools.cache(ssl.create_default_context)
PAGE = b"<!DOCTYPE html>\n<html><body>Quota exceeded. Please log in.</body></html>\n" * 4


def reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between a test and its server; and certificates are read once, not for each client."""
    monkeypatch.setattr(ssl, "create_default_context", certificates)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True)
class Asked:
    """One request: the path, its query, and its headers in lower case."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


@dataclass
class File:
    """What stands under a path: bytes, validators (None: not sent), and the acts of the requests to come."""

    data: bytes
    etag: str | None = '"one"'
    modified: str | None = None
    acts: list[Act] = field(default_factory=list)

    def act(self) -> Act:
        """What to do about the next request."""
        if len(self.acts) > 1:
            return self.acts.pop(0)
        return self.acts[0] if self.acts else serve


class Server(ThreadingHTTPServer):
    """Use as a context manager; ``files`` maps ``/path`` to a `File`."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, File] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.mutex = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def url(self, path: str, *, scheme: str = "http") -> str:
        """The address of ``path`` here."""
        return f"{scheme}://127.0.0.1:{self.server_port}{path}"

    def add(self, path: str, data: bytes, *acts: Act, etag: str | None = '"one"', modified: str | None = None) -> File:
        """Put ``data`` under ``path``, with the acts of the requests to come."""
        self.files[path] = File(data, etag, modified, list(acts))
        return self.files[path]

    def ranges(self, path: str) -> list[str | None]:
        """The Range header of each request for ``path`` so far."""
        return [asked.headers.get("range") for asked in self.asked if asked.path == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what these tests are about."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One request; the acts below speak through `head` and `wfile`."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Remember the request, and do what is next for its file."""
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.mutex:
            self.server.asked.append(Asked(parts.path, parse_qs(parts.query), headers))
            file = self.server.files.get(parts.path)
            act = file.act() if file else status(404)
        self.file = file or File(b"")
        self.close_connection = True
        act(self)

    def do_HEAD(self) -> None:
        """Say nothing of the file, so that who asks has to get it."""
        self.close_connection = True
        self.head(405, content_length=0)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Nothing."""

    def head(self, code: int, **headers: object) -> None:
        """Status line and headers; ``content_length`` becomes Content-Length; None is left out."""
        self.send_response(code)
        for name, value in ({"connection": "close"} | headers).items():
            if value is not None:
                self.send_header(name.replace("_", "-").title(), str(value))
        self.end_headers()

    def answer(self) -> bytes:
        """Send the headers of a server that knows ranges; the body that should follow."""
        file, size = self.file, len(self.file.data)
        facts = {"etag": file.etag, "last_modified": file.modified, "accept_ranges": "bytes"}
        known = self.headers.get("If-Range") in (None, file.etag, file.modified)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if match is None or not known:
            self.head(200, content_length=size, **facts)
            return file.data
        start, stop = int(match[1]), min(int(match[2] or size) + 1, size)
        if start >= size:
            self.head(416, content_range=f"bytes */{size}", content_length=0, **facts)
            return b""
        self.head(206, content_range=f"bytes {start}-{stop - 1}/{size}", content_length=stop - start, **facts)
        return file.data[start:stop]


def serve(handler: Handler) -> None:
    """As a good server does."""
    handler.wfile.write(handler.answer())


def drop(count: int, *, reset: bool = False) -> Act:
    """Promise the whole body, send ``count`` bytes of it, and hang up (``reset``: rudely)."""

    def act(handler: Handler) -> None:
        handler.wfile.write(handler.answer()[:count])
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    return act


def stall(count: int) -> Act:
    """Send ``count`` bytes, then nothing."""

    def act(handler: Handler) -> None:
        handler.wfile.write(handler.answer()[:count])
        handler.server.closing.wait(5)

    return act


def slow(chunk: int, pause: float) -> Act:
    """Send ``chunk`` bytes at a time with a ``pause`` in seconds after each."""

    def act(handler: Handler) -> None:
        body = handler.answer()
        for at in range(0, len(body), chunk):
            handler.wfile.write(body[at : at + chunk])
            if handler.server.closing.wait(pause):
                return

    return act


def rangeless(count: int | None = None) -> Act:
    """Answer every request with the whole file from its start; hang up after ``count`` bytes."""

    def act(handler: Handler) -> None:
        handler.head(200, content_length=len(handler.file.data), etag=handler.file.etag)
        handler.wfile.write(handler.file.data[:count])

    return act


def astray(by: int) -> Act:
    """Answer a range request with a range that begins ``by`` bytes off; serve others well."""

    def act(handler: Handler) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range") or "")
        if match is None:
            return serve(handler)
        start, size = int(match[1]) + by, len(handler.file.data)
        stop = min(int(match[2] or size) + by + 1, size)
        handler.head(206, content_range=f"bytes {start}-{stop - 1}/{size}", content_length=stop - start)
        handler.wfile.write(handler.file.data[start:stop])
        return None

    return act


def careless(handler: Handler) -> None:
    """Give the range that was asked for without a look at If-Range, and without validators."""
    match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
    start, size = int(match[1]) if match else 0, len(handler.file.data)
    if start:
        handler.head(206, content_range=f"bytes {start}-{size - 1}/{size}", content_length=size - start)
    else:
        handler.head(200, content_length=size)
    handler.wfile.write(handler.file.data[start:])


def length(count: int | None) -> Act:
    """Say that the body has ``count`` bytes (None: do not say), and send the file."""

    def act(handler: Handler) -> None:
        handler.head(200, content_length=count, etag=handler.file.etag)
        handler.wfile.write(handler.file.data)

    return act


def chunked(handler: Handler) -> None:
    """Send the file in chunks, its length untold."""
    handler.head(200, transfer_encoding="chunked", etag=handler.file.etag)
    data = handler.file.data
    for at in range(0, len(data), 10_000):
        piece = data[at : at + 10_000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


def page(kind: str = "text/html; charset=utf-8", body: bytes = PAGE) -> Act:
    """A web page with status 200 under the content type ``kind``."""

    def act(handler: Handler) -> None:
        handler.head(200, content_type=kind, content_length=len(body))
        handler.wfile.write(body)

    return act


def status(code: int, **headers: object) -> Act:
    """The bare status ``code`` with ``headers``."""

    def act(handler: Handler) -> None:
        handler.head(code, content_length=0, **headers)

    return act


def encoded(coding: str) -> Act:
    """The file's bytes under a Content-Encoding."""

    def act(handler: Handler) -> None:
        handler.head(200, content_length=len(handler.file.data), content_encoding=coding)
        handler.wfile.write(handler.file.data)

    return act


def published(server: Server, files: Mapping[str, bytes]) -> None:
    """Put ``files`` on the ``server``, and a page of links for each of their folders."""
    links: dict[str, dict[str, None]] = {}
    for name, data in ((quote(name, safe="/%+=?"), data) for name, data in files.items()):
        server.add(f"/{name}", data)
        at = f"/{name}"
        while at != "/":
            folder, _, last = at.rstrip("/").rpartition("/")
            links.setdefault(f"{folder}/", {})[last + ("" if at == f"/{name}" else "/")] = None
            at = f"{folder}/"
    for folder, names in links.items():
        body = "".join(f'<a href="{name}">{name}</a>\n' for name in ["?C=M;O=A", *names]).encode()
        server.add(folder, b"", page(body=body))
