"""What holds raw files: a folder or an archive, each listed and read the same way.

A damaged, cut, encrypted or hostile archive ends in one InputError, whether that shows while it is opened, listed or
read. Nothing is ever unpacked.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple

from dircli.errors import InputError, Problem, sample

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
UNFINISHED = (".part", ".part.json", ".lock", ".sha256.json")
FAULTS = (
    *(OSError, EOFError, RuntimeError, ValueError, struct.error),  # what the readers let through
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)
AGAIN = "Download or copy it again"
FETCH = "Check the path, or fetch the raw files first"


class Kind(Enum):
    """What an archive's entry is."""

    FILE = auto()
    LOCKED = auto()  # an encrypted file
    FOLDER = auto()
    HARD_LINK = auto()
    OTHER = auto()  # a symbolic link, a device, a pipe


class Entry(NamedTuple):
    """One entry of an archive: ``at`` is its byte in a tar or its row in a zip, ``target`` what a hard link names."""

    name: str
    kind: Kind
    size: int
    at: int
    target: str = ""


@contextmanager
def faults_at(where: str) -> Iterator[None]:
    """Tell every fault of the libraries and the system as an InputError at ``where``."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(Problem(where, "does not exist", FETCH)) from error
    except NotImplementedError as error:
        hint = "Unpack it with another program and pass the folder"
        raise InputError(Problem(where, f"is packed in a way that cannot be read here ({error})", hint)) from error
    except FAULTS as error:
        if isinstance(error, OSError) and error.strerror:
            hint = "Check its permissions and the disk"
            raise InputError(Problem(where, f"the system says: {error.strerror.lower()}", hint)) from error
        raise InputError(Problem(where, f"is damaged or cut short ({error})", AGAIN)) from error


class Folder:
    """The plain files under a folder, or one file alone; archives among them count as plain files too."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path

    @cached_property
    def files(self) -> dict[str, str]:
        """The path of each file, by name."""
        with faults_at(self.name):
            return {self.name: str(self.path)} if self.path.is_file() else dict(_walk(str(self.path), "", ()))

    @cached_property
    def archives(self) -> list[str]:
        """The files at the top level that have an archive's ending."""
        names = [] if self.path.is_file() else list(self.files)
        return [name for name in names if "/" not in name and name.lower().endswith(ENDINGS)]

    def size(self, name: str) -> int:
        """The uncompressed size in bytes."""
        with faults_at(name):
            return Path(self.files[name]).stat().st_size

    def stamp(self, name: str) -> str:
        """What changes when the file is written anew."""
        return _stamp(Path(self.files[name]), name)

    def open(self, name: str) -> IO[bytes]:
        """The file as a readable binary stream."""
        with faults_at(name):
            return Path(self.files[name]).open("rb")

    def close(self) -> None:
        """Nothing is held open."""


class Archive:
    """What a zip and a tar share: their entries as files, judged by name and kind."""

    archives: tuple[str, ...] = ()  # archives within archives are plain members

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The entry of each file, by name; a hard link is a second name of its file, and the last of equals counts."""
        files: dict[str, Entry] = {}
        outside: list[str] = []
        for entry in self.entries():
            name = tidy(entry.name)
            if name is None or (not name and entry.kind is not Kind.FOLDER):
                outside.append(repr(entry.name))
            elif entry.kind in {Kind.FILE, Kind.LOCKED} and not is_junk(name):
                files[name] = entry._replace(name=name)
            elif entry.kind is Kind.HARD_LINK and (target := tidy(entry.target)) in files:
                files[name] = files[str(target)]
        if outside:
            hint = "Unpack it by hand if you trust it, and pass the folder"
            raise InputError(Problem(self.name, f"holds names that lead out of it: {sample(outside)}", hint))
        return files

    def size(self, name: str) -> int:
        """The uncompressed size in bytes."""
        return self.files[name].size

    def stamp(self, name: str) -> str:
        """What changes when the file is written anew."""
        return f"{_stamp(self.path, self.name)} {self.files[name].at} {self.files[name].size}"

    def open(self, name: str) -> IO[bytes]:
        """The file as a readable binary stream."""
        entry = self.files[name]
        if entry.kind is Kind.LOCKED:
            hint = "Names and sizes need no password; the steps of `dir info` say where the password comes from"
            raise InputError(Problem(f"{self.name}!/{name}", "is encrypted", hint))
        return io.BufferedReader(self.stream(entry), 256 * 1024)

    def entries(self) -> Iterator[Entry]:
        """All entries in the order of the archive, named as there; raises InputError where it is damaged."""
        raise NotImplementedError

    def stream(self, entry: Entry) -> io.RawIOBase:
        """The bytes of a file's ``entry``."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what is held open."""
        raise NotImplementedError


def _stamp(path: Path, name: str) -> str:
    with faults_at(name):
        status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name and path of every file under ``folder``; links are followed, but never into a folder they stand in."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        name = prefix + entry.name
        if is_junk(name) or name.endswith(UNFINISHED):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, f"{name}/", (*above, real))
        elif entry.is_file():
            yield name, entry.path


def is_junk(name: str) -> bool:
    """Whether ``name`` is one of those that macOS leaves beside the user's own."""
    *folders, last = name.split("/")
    return last in {".DS_Store", "__MACOSX"} or last.startswith("._") or "__MACOSX" in folders


def tidy(name: str) -> str | None:
    """``name`` as a relative POSIX path; None where it is absolute, has a drive or goes up."""
    posix = name.replace("\\", "/")
    parts = [part for part in posix.split("/") if part not in {"", "."}]
    if posix.startswith("/") or ".." in parts or "\0" in posix or re.match("[A-Za-z]:", posix):
        return None
    return "/".join(parts)
