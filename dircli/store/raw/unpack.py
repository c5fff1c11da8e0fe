"""Archives unpacked: all judged before the first byte is written, and whole under the final name or absent."""

from __future__ import annotations

import shutil
import tarfile
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from dircli.errors import InputError, Problem, UsageError
from dircli.store.raw.containers import AGAIN, MIB, Archive, Entry, Kind, is_junk, offences, told
from dircli.store.raw.formats import open_archive

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far an archive may unpack: entries, bytes in all, and bytes per byte of the archive.

    ``ratio`` counts only beyond ``spare`` bytes, so that small archives of very regular files pass.
    """

    files: int = 2_000_000
    total: int = 1 << 40
    ratio: int = 200
    spare: int = 16 * MIB


LIMITS = Limits()


def unpack(archive: Path, folder: Path, *, limits: Limits = LIMITS) -> int:
    """Unpack ``archive`` as ``folder`` and return the number of files written.

    All headers are judged before the first byte is written, and what is written goes to a sibling folder that takes
    its name at the very end: ``folder`` is whole or absent. No stream gives more than its header declares, so the
    declared total, once allowed, also bounds what is written. Raises InputError with every offence of the archive:
    names that lead out, links, devices, encryption, clashes, sizes beyond ``limits``. Raises UsageError where
    ``folder`` is not free or the disk is too small.
    """
    with told(folder.name):
        folder = folder.resolve()
        _refuse_taken(folder)
    with closing(open_archive(archive)) as source:
        entries = _survey(source, limits)
        _refuse_full(folder, sum(entry.size for entry in entries))
        part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
        try:
            with told(archive.name):
                part.mkdir(parents=True)
                _write(source, entries, part)
                if folder.exists():  # empty, or it would have been refused; Windows renames onto nothing
                    folder.rmdir()
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return len(entries)


def _survey(source: Archive, limits: Limits) -> list[Entry]:
    """The files that ``source`` would unpack to, or an InputError with every reason not to.

    Stops at the first header that goes beyond ``limits``: to look further into a bomb is to set it off.
    """
    allowed = min(limits.total, max(limits.spare, limits.ratio * source.path.stat().st_size))
    entries: list[Entry] = []
    problems: list[Problem] = []
    total = 0
    with closing(source.entries()) as found:
        for entry in found:
            entries.append(entry)
            total += entry.size
            if len(entries) > limits.files or total > allowed:
                much = f"unpacks to over {limits.files:,} entries or {allowed:,} bytes, which is far too much for it"
                problems = [Problem(source.name, much, "Do not trust it; get it from its official source")]
                break
    problems += offences(source.name, entries)
    files = [entry for entry in entries if entry.kind is Kind.FILE and not is_junk(entry.name)]
    if not files and not problems:
        problems = [Problem(source.name, "holds no files", AGAIN)]
    if problems:
        raise InputError(problems)
    return files


def _refuse_taken(folder: Path) -> None:
    """Refuse a ``folder`` that is a file or has anything in it."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder}: exists and is not an empty folder. Choose another, or remove it first")


def _refuse_full(folder: Path, total: int) -> None:
    """Refuse ``total`` bytes where the disk of ``folder`` has no room for them."""
    free = shutil.disk_usage(next(above for above in folder.parents if above.exists())).free
    if total > free:
        raise UsageError(f"{folder}: needs {total:,} bytes and {free:,} are free. Make room, or choose another disk")


def _write(source: Archive, entries: list[Entry], folder: Path) -> None:
    """Write ``entries``, in the order of the archive, as new files under the new ``folder``."""
    guard = getattr(tarfile, "data_filter", None)  # absent before Python 3.10.12 and 3.11.4
    for entry in entries:
        if guard is not None:
            guard(tarfile.TarInfo(entry.name), str(folder))
        target = folder / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.stream(entry) as stream, target.open("xb") as out:
            shutil.copyfileobj(stream, out, MIB)
