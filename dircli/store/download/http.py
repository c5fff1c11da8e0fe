"""One request and what its answer means: redirects, a token kept to its origin, and every failure as one of two errors.

`DroppedError` says that another try makes sense, `RefusedError` that only another address does. Both are caught within
`store`. httpx is loaded where it is used: importing this module costs nothing.
"""

from __future__ import annotations

import email.utils
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dircli import __version__
from dircli.errors import causes, one_line
from dircli.store import sniff

if TYPE_CHECKING:
    import httpx

HOPS = 10
OPENING = 64
OK, PARTIAL, TIMED_OUT, UNSATISFIABLE, MANY, FAULT, UNAVAILABLE = 200, 206, 408, 416, 429, 500, 503
REASONS = {
    401: "asks for a login (401)",
    403: "forbids access (403)",
    404: "has no such file (404)",
    410: "has no such file any more (410)",
}
PAGES = (".html", ".htm")
PAGE = "sends a web page instead of the file (quota, login or licence page)"
DECADE = 10 * 365 * 24 * 3600.0


class DroppedError(Exception):
    """The transfer broke off; it may go on after ``wait`` seconds, or after the usual pause where that is None.

    ``whole``: it can only be for the file from its first byte; what has come stays until that answer is there.
    """

    def __init__(self, reason: str, *, wait: float | None = None, whole: bool = False) -> None:
        self.wait, self.whole = wait, whole
        super().__init__(reason)


class RefusedError(Exception):
    """This address will not give the file, however often it is asked."""


def clean(url: str) -> str:
    """``url`` as messages and records may show it: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a malformed address"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def client(*, connect: float, read: float) -> httpx.Client:
    """A client that asks for the file's own bytes; timeouts in seconds."""
    import httpx

    headers = {"User-Agent": f"dircli/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
    return httpx.Client(timeout=httpx.Timeout(read, connect=connect), headers=headers)


@contextmanager
def response_to(
    http: httpx.Client, address: str, *, token: tuple[str, str] | None, headers: Mapping[str, str], known: bool = False
) -> Iterator[httpx.Response]:
    """The open response to a GET of ``address``, redirects followed, and every error of httpx as one of ours.

    An unknown host is worth another try only if it was ``known`` before.
    """
    import httpx

    try:
        first = url = httpx.URL(address)
        for _ in range(HOPS):
            request = http.build_request("GET", _signed(url, first, token=token), headers=headers)
            with closing(http.send(request, stream=True)) as response:
                if response.next_request is None:
                    yield response
                    return
            url = response.next_request.url
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _translated(error, known=known) from None
    raise RefusedError(f"redirects more than {HOPS} times, in a loop")


def judge(response: httpx.Response, *, file: str, longest_wait: float) -> None:
    """Raise DroppedError or RefusedError unless the body of ``response`` may be the bytes of ``file``."""
    status = response.status_code
    if status in (MANY, UNAVAILABLE):
        wait = _retry_after(response.headers.get("retry-after", ""))
        if wait is None or wait <= longest_wait:
            raise DroppedError(f"is busy ({status})", wait=wait)
        when = datetime.now(timezone.utc) + timedelta(seconds=wait)
        raise RefusedError(f"is busy ({status}) and asks to try again after {when:%Y-%m-%d %H:%M} UTC")
    if status >= FAULT or status == TIMED_OUT:
        raise DroppedError(f"has a fault of its own ({status})")
    if status not in (OK, PARTIAL):
        raise RefusedError(REASONS.get(status, f"answers with status {status}"))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not file.endswith(PAGES):
        raise RefusedError(PAGE)


def unproven(response: httpx.Response, *, file: str) -> None:
    """Raise RefusedError where, with neither size nor digest known, nobody could tell that the body is the file."""
    headers = response.headers
    coding = headers.get("content-encoding") or "identity"
    if coding != "identity" and not file.endswith((".gz", ".tgz")):  # many servers call a .gz its own encoding
        raise RefusedError(f"sends the file re-encoded ({coding}), though asked not to")
    if headers.get("content-length") == "0":
        raise RefusedError("sends an empty file")
    if response.status_code == OK and "content-length" not in headers and "transfer-encoding" not in headers:
        raise RefusedError("does not say how long the file is, so that nobody could tell a part from the whole")


def opened(body: Iterator[bytes], *, file: str) -> Iterator[bytes]:
    """``body`` again, once its first bytes have been seen not to be those of a web page."""
    opening = b""
    for chunk in body:
        opening += chunk
        if len(opening) >= OPENING:
            break
    if sniff.is_page(opening) and not file.endswith(PAGES):
        raise RefusedError(PAGE)
    return chain([opening], body)


def validator(response: httpx.Response) -> str | None:
    """What If-Range may hold: a strong ETag, else Last-Modified, else None."""
    etag: str = response.headers.get("etag", "")
    return etag if etag.startswith('"') else response.headers.get("last-modified") or None


def _translated(error: Exception, *, known: bool) -> DroppedError | RefusedError:
    import httpx

    if isinstance(error, httpx.ConnectError) and any(isinstance(cause, ssl.SSLError) for cause in causes(error)):
        return RefusedError(
            f"fails the TLS check ({one_line(error)}; look at this machine's clock, proxy, certificates)"
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes(error)):
        kind = DroppedError if known else RefusedError
        return kind("is an unknown host (look at the address and the network connection)")
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return RefusedError("is no address for a download")
    if isinstance(error, httpx.TimeoutException):
        return DroppedError("is silent for too long")
    return DroppedError(f"drops the connection ({one_line(error)})")


def _signed(url: httpx.URL, first: httpx.URL, *, token: tuple[str, str] | None) -> httpx.URL:
    """``url`` with the token on its own origin, and without it anywhere else, even where a redirect echoes it."""
    if token is None:
        return url
    name, value = token
    if (url.scheme, url.host, url.port) == (first.scheme, first.host, first.port):
        return url.copy_set_param(name, value)
    return url.copy_remove_param(name) if value in url.params.get_list(name) else url


def _retry_after(value: str) -> float | None:
    """Seconds from now, of a header that holds seconds or an HTTP date; None for anything else."""
    if value.strip().isdecimal():
        return min(float(value), DECADE)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    moment = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return min(max(0.0, (moment - datetime.now(timezone.utc)).total_seconds()), DECADE)
