"""A provider's list of its own files, asked for with a token: path, size and md5 of each file in a folder.

As sleepdata.org answers: a JSON array of objects with ``full_path``, ``is_file``, ``file_size`` and
``file_checksum_md5``. The token goes as a query parameter to the provider alone, by way of `http`, and stands in no
message; `unlogged` keeps it out of what httpx would log.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import quote

from dircli.errors import SourceError, sample
from dircli.store.download import http
from dircli.store.download.fetch import RETRIES
from dircli.store.download.http import DroppedError, RefusedError, clean
from dircli.store.download.transfer import RetryPolicy
from dircli.store.raw.formats import tidy


class Entry(NamedTuple):
    """One file as the provider lists it; ``digest`` is ``md5:hex``, or None where none is known."""

    path: str
    size: int
    digest: str | None


def entries(address: str, folder: str, *, token: tuple[str, str], patience: RetryPolicy = RETRIES) -> list[Entry]:
    """The files that stand in ``folder`` itself, in the provider's order; SourceError, one line, where it tells none.

    ``token`` is the query parameter and its value.
    """
    url = f"{address}?path={quote(folder)}"
    try:
        return _understood(_asked(url, token, patience), folder)
    except RefusedError as refusal:
        raise SourceError(f"{clean(url)} {refusal}") from None


def unwelcome(reason: str) -> bool:
    """Whether ``reason``, the message of a failed request, is what a token that is not accepted leads to."""
    return any(login in reason for login in (http.REASONS[401], http.REASONS[403], http.PAGE))


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep httpx from logging addresses, which hold the token, whatever the level of logging is."""
    log = logging.getLogger("httpx")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _asked(url: str, token: tuple[str, str], patience: RetryPolicy) -> bytes:
    """The body of the answer; raises RefusedError once there is no hope of one."""
    with http.client(connect=patience.connect_timeout, read=patience.read_timeout) as client:
        tries = 0
        while True:
            tries += 1
            try:
                with http.response_to(client, url, token=token, headers={}) as response:
                    http.judge(response, file="files.json", longest_wait=patience.longest_wait)
                    return response.read()
            except DroppedError as drop:
                if tries >= patience.tries:
                    raise RefusedError(f"{drop}; gave up after {tries} tries") from None
                patience.sleep(patience.wait(drop, tries))


def _understood(body: bytes, folder: str) -> list[Entry]:
    """The entries in ``body``; RefusedError where it is no list of files in ``folder``."""
    listed = None
    with suppress(ValueError, RecursionError):
        listed = json.loads(body)
    if not isinstance(listed, list):
        raise RefusedError("does not answer with a list of files")
    files = [each for each in listed if not isinstance(each, dict) or each.get("is_file", True)]
    pairs = [(each, _entry(each, folder)) for each in files]
    if wrong := [json.dumps(each)[:80] for each, entry in pairs if entry is None]:
        raise RefusedError(f"lists what is no file of {folder}: {sample(wrong)}")
    return [entry for _, entry in pairs if entry]


def _entry(each: Any, folder: str) -> Entry | None:
    """What ``each`` says of a file right in ``folder``, whose path may thus become one of ours; else None."""
    match each:
        case {"full_path": str(path), "file_size": int(size)} if size >= 0 and tidy(path) == path:
            md5 = each.get("file_checksum_md5") or ""
            if path.rpartition("/")[0] == folder and isinstance(md5, str) and re.fullmatch("([0-9a-fA-F]{32})?", md5):
                return Entry(path=path, size=size, digest=f"md5:{md5.lower()}" if md5 else None)
    return None
