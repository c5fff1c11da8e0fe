"""The part file of a download, and one address → that file: ask, resume, wait and try again, until there is no hope.

What survives a kill is ``<file>.part`` and, beside it, ``<file>.part.json``. The bytes always belong to the response
that the JSON describes: a fresh start removes the old bytes, then describes the new response, then writes.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dircli.benchmark.dataset import Source
from dircli.errors import SourceError
from dircli.store.digests import chunks_of, digest_of, hasher
from dircli.store.download import http
from dircli.store.download.http import DroppedError, RefusedError, clean

if TYPE_CHECKING:
    import httpx

FEEBLE = 1 << 20  # bytes; a try that brings fewer may be repeated only so often


class Progress(Protocol):
    """What a download tells while it runs."""

    def start(self, file: str, total: int | None, done: int) -> None:
        """``done`` of ``total`` bytes of ``file`` are there; told anew after each interruption or restart."""

    def advance(self, n: int) -> None:
        """``n`` more bytes have come."""

    def note(self, text: str) -> None:
        """One line on what else happens: a pause, another address, a wait for another process."""


class Silent:
    """The `Progress` that tells nothing."""

    def start(self, *_: object) -> None:
        """Nothing."""

    advance = note = start


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long to go on; times in seconds.

    ``tries`` in a row without a new byte end it, and so do ``feeble`` tries of less than a mebibyte in all. Pauses
    double from ``first_pause`` to ``longest_pause``; a server that asks for more than ``longest_wait`` is not waited
    for.
    """

    tries: int = 5
    feeble: int = 50
    first_pause: float = 1.0
    longest_pause: float = 30.0
    longest_wait: float = 60.0
    connect_timeout: float = 15.0
    read_timeout: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, drop: DroppedError, barren: int) -> float:
        """Seconds before the next try, after ``barren`` tries in a row that brought nothing."""
        pause = min(self.first_pause * 2 ** max(0, barren - 1), self.longest_pause)
        return pause if drop.wait is None else drop.wait


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write ``facts`` under ``path`` at once or not at all, keys sorted, so that a kill leaves no half of it."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)


class Origin(NamedTuple):
    """The response that a part came from: which address, its ETag or Last-Modified, its whole length in bytes.

    ``address`` is a hash, because a mirror's URL may hold a secret.
    """

    address: str
    validator: str | None
    total: int | None


UNKNOWN = Origin("", None, None)


class Part:
    """The part file of ``final``; its sha256 and md5 grow with it and are caught up from the file where needed."""

    def __init__(self, final: Path) -> None:
        self.path = final.with_name(f"{final.name}.part")
        self._facts = final.with_name(f"{final.name}.part.json")
        self.origin = UNKNOWN
        with suppress(FileNotFoundError, ValueError, TypeError):  # no description, or not one of ours
            self.origin = Origin(**json.loads(self._facts.read_text(encoding="utf-8")))
        self.pieced = self.size > 0  # the bytes may stem from more than one response
        self._hashed = -1

    @property
    def size(self) -> int:
        """The bytes that are there; 0 where there is no part."""
        return self.path.stat().st_size if self.path.exists() else 0

    def start(self, origin: Origin) -> None:
        """Drop the old bytes and begin anew with the response ``origin``."""
        self.clear()
        write_json(self._facts, origin._asdict())
        self.origin = origin

    def clear(self) -> None:
        """Drop the bytes and what is known about them."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)
        self.origin, self.pieced = UNKNOWN, False

    @contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        """A function that appends one chunk; what it was given is in the file afterwards, also after an error."""
        with self.path.open("ab") as stream:
            self._catch_up()

            def write(chunk: bytes) -> None:
                stream.write(chunk)
                self._hash(chunk)

            yield write

    def digest(self, algorithm: str) -> str:
        """The digest of the bytes as ``algorithm:hex``."""
        if algorithm == "git":  # it begins with the size, which a stream does not always know
            return digest_of(self.path, algorithm)
        self._catch_up()
        return f"{algorithm}:{self._hashes[algorithm].hexdigest()}"

    def _hash(self, chunk: bytes) -> None:
        for hashing in self._hashes.values():
            hashing.update(chunk)
        self._hashed += len(chunk)

    def _catch_up(self) -> None:
        if self._hashed != self.size:
            self._hashes, self._hashed = {name: hasher(name) for name in ("sha256", "md5")}, 0
            for chunk in chunks_of(self.path):
                self._hash(chunk)


def room(part: Part, total: int, *, file: str) -> None:
    """Raise SourceError unless the disk has room for what is missing of ``total`` bytes."""
    folder = part.path.parent
    needed, free = total - part.size, shutil.disk_usage(folder).free
    if needed > free:
        missing = f"{file} needs {needed:,} more bytes and {folder} has {free:,} free"
        raise SourceError(f"{missing}; make room or choose another DIR_DATA")


@dataclass(kw_only=True)
class Transfer:
    """The work of filling ``part`` from ``url`` with the bytes of ``source``, held to its size and digest if known.

    ``token`` is a query parameter that only the origin of ``url`` gets to see: same scheme, host and port.
    """

    url: str
    source: Source
    part: Part
    progress: Progress
    patience: RetryPolicy
    token: tuple[str, str] | None
    _moved: bool = field(default=False, init=False)  # something has come in this run
    _whole: bool = field(default=False, init=False)  # the next request is for the file from its first byte
    _again: bool = field(default=False, init=False)  # the pieces did not fit once

    def run(self) -> None:
        """Fill the part and hold it to the digest; raises RefusedError when this address will not do.

        A try counts as barren unless the part grew beyond its furthest size so far: a restart is no progress.
        """
        furthest, barren, feeble = self._usable(), 0, 0
        patience = self.patience
        with http.client(connect=patience.connect_timeout, read=patience.read_timeout) as client:
            while True:
                try:
                    total = self._origin().total if self.source.size is None else self.source.size
                    if not total or total != self._usable():  # all is there after a kill before the final name
                        self._pull(client)
                    return self._check()
                except DroppedError as drop:
                    gained = max(0, self.part.size - furthest)
                    furthest += gained
                    barren, feeble = 0 if gained else barren + 1, feeble + (gained < FEEBLE)
                    if barren >= patience.tries or feeble >= patience.feeble:
                        raise RefusedError(f"{drop}; gave up after {feeble} such tries") from None
                    wait = patience.wait(drop, barren)
                    self.progress.note(f"{self.source.file}: {clean(self.url)} {drop}; trying again in {wait:.3g} s")
                    self._whole |= drop.whole
                patience.sleep(wait)

    def _check(self) -> None:
        """A mismatch of a pieced part earns one transfer from the first byte: the pieces may stem from two files."""
        expected = self.source.digest
        if expected is None or (digest := self.part.digest(expected.partition(":")[0])) == expected:
            return
        pieced = self.part.pieced
        self.part.clear()
        if pieced and not self._again:
            self._again = True
            raise DroppedError("gave pieces that do not fit together")
        raise RefusedError(f"gives a file with {digest}, expected {expected}")

    def _address(self) -> str:
        return digest_of([self.url.encode()], "sha256")

    def _origin(self) -> Origin:
        """Where the part came from, if that was this very address."""
        return self.part.origin if self.part.origin.address == self._address() else UNKNOWN

    def _usable(self) -> int:
        """How many bytes of the part may be built upon: those of the same unchanged file, or that a digest guards."""
        size = self.part.size
        if self._whole or (self.source.size is not None and size > self.source.size):
            return 0
        return size if self.source.digest or self._origin().validator else 0

    def _pull(self, client: httpx.Client) -> None:
        """Ask for the bytes that are missing, or for all if the file has changed, and take them."""
        start, file = self._usable(), self.source.file
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and (validator := self._origin().validator):
            headers["If-Range"] = validator
        with http.response_to(client, self.url, token=self.token, headers=headers, known=self._moved) as response:
            if start and response.status_code == http.UNSATISFIABLE:
                raise DroppedError("has no such range (416)", whole=True)
            http.judge(response, file=file, longest_wait=self.patience.longest_wait)
            total = self._total(response, start)
            if total is not None:
                room(self.part, total, file=file)
            body = response.iter_raw()
            if start and response.status_code == http.PARTIAL:
                self.part.pieced = True
            else:
                start, body = 0, http.opened(body, file=file)
                self.part.start(Origin(address=self._address(), validator=http.validator(response), total=total))
                self._whole = False
            self._take(body, total, start)

    def _take(self, body: Iterator[bytes], total: int | None, size: int) -> None:
        self.progress.start(self.source.file, total, size)
        with self.part.writing() as write:
            for chunk in body:
                size += len(chunk)
                if total is not None and size > total:
                    break
                write(chunk)
                self._moved = True
                self.progress.advance(len(chunk))
        if total is not None and size > total:
            self.part.clear()
            raise RefusedError(f"sends more than the {total:,} bytes expected")
        if size < (1 if total is None else total):
            raise DroppedError(f"stops after {size:,}" + (f" of {total:,} bytes" if total else " bytes"))

    def _total(self, response: httpx.Response, start: int) -> int | None:
        """The length of the whole file in bytes, None where neither we nor the server know it."""
        if response.status_code == http.PARTIAL:
            announced = self._continued(response, start)
        else:
            length = response.headers.get("content-length", "")
            announced = int(length) if length.isdecimal() else None
        expected = self.source.size
        if expected is None and self.source.digest is None:
            http.unproven(response, file=self.source.file)
        if expected is not None and announced not in (None, expected):
            raise RefusedError(f"offers a file of {announced:,} bytes, expected {expected:,}")
        return expected if announced is None else announced

    def _continued(self, response: httpx.Response, start: int) -> int | None:
        """The total that a Content-Range gives, if it goes on where, and with what, we asked for."""
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
        if match is None or int(match[1]) != start:
            raise DroppedError("gives another range than asked for", whole=True)
        total = int(match[2]) if match[2] != "*" else None
        origin = self._origin()
        pairs = ((http.validator(response), origin.validator), (total, origin.total))
        if start and any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise DroppedError("has changed the file meanwhile", whole=True)
        return total
