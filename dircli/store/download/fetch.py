"""Trustworthy downloads: decide, then act; bytes → part file → digest → final name, and never a wrong file under it.

`plan` looks at the folder and touches neither it nor the network. `fetch` acts: it resumes, retries, tries the next
address, and may be killed at any moment. Where no digest is known, the sha256 of the first download is written to
``<file>.sha256.json`` beside it and held from then on. ``<file>.lock`` lets one process at a time fetch a file; the
lock is the system's, so that a killed process leaves the name and nothing else.
"""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dircli.benchmark.dataset import Source
from dircli.errors import SourceError
from dircli.store.digests import digest_of
from dircli.store.download.http import RefusedError, clean
from dircli.store.download.transfer import Part, Progress, RetryPolicy, Silent, Transfer, room, write_json

SILENT = Silent()
RETRIES = RetryPolicy()


@dataclass(frozen=True)
class DownloadPlan:
    """What is to be done about ``source``, decided without the network.

    ``urls`` in the order of trial, the mirror first. ``sha256`` is the hash of the file at ``path``, None where it is
    still to come. ``partial``: bytes of an earlier, interrupted download. ``size`` and ``digest`` are those expected,
    or None; ``recorded`` if they are known only from a first download.
    """

    source: Source
    path: Path
    urls: tuple[str, ...]
    partial: int
    size: int | None
    digest: str | None
    recorded: bool
    sha256: str | None

    @property
    def present(self) -> bool:
        """Whether the file is at ``path``, and is what it should be."""
        return self.sha256 is not None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file in its place: bytes, sha256 (hex), and how that came about.

    ``verified``: it was held to a digest known beforehand. ``fresh``: it was transferred now.
    """

    path: Path
    size: int
    sha256: str
    verified: bool
    fresh: bool


def plan(source: Source, folder: Path, *, mirror: str | None = None) -> DownloadPlan:
    """What `fetch` would do for ``source`` in ``folder``; ``mirror`` is a base URL to try first.

    Raises SourceError where another file stands under the final name: it may be the user's own, and is left alone.
    """
    first = (f"{mirror.rstrip('/')}/{source.file}",) if mirror else ()
    return _look(source, folder / source.file, first + source.urls)


def fetch(
    plan: DownloadPlan,
    *,
    progress: Progress = SILENT,
    patience: RetryPolicy = RETRIES,
    token: tuple[str, str] | None = None,
) -> Fetched:
    """Carry out ``plan``; raises SourceError, one line, where the file cannot be had.

    ``token``, a name and a value, goes as a query parameter to the source's own addresses: not to the mirror, nor to
    another host by a redirect, nor into a message or a file.
    """
    if plan.present:
        return _standing(plan)
    if not plan.urls:
        raise SourceError(f"{plan.source.file} is not downloadable: no address gives it; put it at {plan.path}")
    with _local(plan.path):
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(plan, progress):
            now = _look(plan.source, plan.path, plan.urls)
            return _standing(now) if now.present else _download(now, progress, patience, token)


def _look(source: Source, path: Path, urls: tuple[str, ...]) -> DownloadPlan:
    with _local(path):
        size, digest = _record(path)
        recorded = source.digest is None and digest is not None
        size = size if recorded and source.size is None else source.size
        digest = digest if source.digest is None else source.digest.lower()
        sha256 = _sha256_of(path, size, digest, recorded=recorded) if os.path.lexists(path) else None
        return DownloadPlan(source, path, urls, Part(path).size, size, digest, recorded, sha256)


def _sha256_of(path: Path, size: int | None, digest: str | None, *, recorded: bool) -> str:
    """The sha256 of the file at ``path``, which must be as expected."""
    hint = "move or delete it and run again"
    if not path.is_file():
        raise SourceError(f"{path} is not a regular file: {hint}")
    if size is not None and (there := path.stat().st_size) != size:
        raise SourceError(f"{path} has {there:,} bytes, expected {size:,}: {hint}")
    sha256 = digest_of(path, "sha256")
    actual = digest_of(path, digest.partition(":")[0]) if digest and not digest.startswith("sha256:") else sha256
    if digest not in (None, actual):
        source = f", as recorded in {_beside(path).name}" if recorded else ""
        raise SourceError(f"{path} has {actual}, expected {digest}{source}: {hint}")
    return sha256.partition(":")[2]


def _standing(plan: DownloadPlan, url: str | None = None) -> Fetched:
    """The file at its place, come from ``url`` or there already; without a digest to hold it to, it is recorded."""
    size, sha256 = plan.path.stat().st_size, plan.sha256 or ""
    with nullcontext() if url else suppress(OSError):  # the folder may be read-only, and the file is good all the same
        Part(plan.path).clear()
        if plan.digest is None:
            write_json(_beside(plan.path), {"sha256": sha256, "size": size, "url": url and clean(url)})
    return Fetched(path=plan.path, size=size, sha256=sha256, verified=plan.digest is not None, fresh=url is not None)


def _download(plan: DownloadPlan, progress: Progress, patience: RetryPolicy, token: tuple[str, str] | None) -> Fetched:
    file, part, reasons = plan.source.file, Part(plan.path), list[str]()
    expected = replace(plan.source, size=plan.size, digest=plan.digest)
    if plan.size is not None:
        room(part, plan.size, file=file)
    for url in plan.urls:
        secret = token if url in plan.source.urls else None
        transfer = Transfer(url=url, source=expected, part=part, progress=progress, patience=patience, token=secret)
        try:
            transfer.run()
        except RefusedError as refusal:
            reasons.append(f"{clean(url)} {refusal}")
            progress.note(f"{file}: {reasons[-1]}")
        else:
            sha256 = part.digest("sha256").partition(":")[2]
            if os.path.lexists(plan.path):  # the user has put it there
                raise SourceError(f"{plan.path} has appeared during the download: move or delete it and run again")
            with part.path.open("rb+") as stream:
                os.fsync(stream.fileno())
            part.path.replace(plan.path)
            return _standing(replace(plan, sha256=sha256), url)
    recorded = f"; {plan.digest} is recorded in {_beside(plan.path)}, delete that to accept a new file" * plan.recorded
    resume = f"run again to go on after {part.size:,} bytes" if part.size else "run again later"
    what = f"{file} cannot be downloaded: {'; '.join(reasons)}{recorded}; {resume}, or put it at {plan.path}"
    raise SourceError(what)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")


def _record(path: Path) -> tuple[int, str] | tuple[None, None]:
    """Size in bytes and digest of the first download of ``path``; None where there was none."""
    beside = _beside(path)
    if not beside.exists():
        return None, None
    try:
        facts = json.loads(beside.read_text(encoding="utf-8"))
        return int(facts["size"]), f"sha256:{facts['sha256'].lower()}"
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SourceError(f"{beside} is not a record of a download: delete it and run again") from None


def _alone(plan: DownloadPlan, progress: Progress) -> AbstractContextManager[object]:
    """Hold the lock of the file; wait for another process that holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(plan.path.with_name(f"{plan.path.name}.lock"))
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        progress.note(f"{plan.source.file}: waiting for another process that downloads it")
        return lock.acquire()


@contextmanager
def _local(path: Path) -> Iterator[None]:
    """Errors of the disk as one line."""
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}; look at the disk and at the rights on it") from error
