"""Archives as named files: zip, tar and tar.gz, told apart by content, each read one member at a time.

A damaged, cut, encrypted or hostile archive ends in one InputError, whether that shows while it is opened, listed or
read. Nothing is ever unpacked.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

from dircli.errors import InputError, Problem, sample
from dircli.store import sniff
from dircli.store.places import Remote, is_remote

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from typing_extensions import Self

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
MIB = 1 << 20
SLACK = 16 * MIB  # what may follow the end mark of a tar.gz: padding, never content
EXTENDED = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME}
EXTENDED |= {tarfile.GNUTYPE_LONGLINK}
FAULTS = (
    *(OSError, EOFError, RuntimeError, ValueError, struct.error),  # what the readers let through
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)
FETCH = "Check the path, or fetch the raw files first"
Kind: TypeAlias = Literal["file", "encrypted file", "folder", "hard link", "other"]  # other: links, devices, pipes


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
    except FAULTS as error:
        match error:
            case FileNotFoundError():
                what, hint = "does not exist", FETCH
            case NotImplementedError():
                what = f"is packed in a way that cannot be read here ({error})"
                hint = "Unpack it with another program and pass the folder"
            case OSError(strerror=str(reason)) if reason:
                what, hint = f"the system says: {reason.lower()}", "Check its permissions and the disk"
            case _:
                what, hint = f"is damaged or cut short ({error})", "Download or copy it again"
        raise InputError(Problem(where, what, hint)) from error


def is_archive(path: Path) -> bool:
    """Whether the file at ``path`` is an archive that can be read here, by its content."""
    try:
        open_archive(path).close()
    except InputError:
        return False
    return True


def open_archive(path: Path) -> Archive:
    """The archive at ``path``, told by its content."""
    with faults_at(str(path)):
        if is_remote(path) or stat.S_ISREG(path.stat().st_mode):
            with path.open("rb") as file:
                head = file.read(tarfile.BLOCKSIZE)
            if _is_tar(head):
                return _Tar(path, zipped=False)
            if head.startswith(sniff.GZIP) and _is_tar_gz(path):
                return _Tar(path, zipped=True)
            if head.startswith(sniff.ZIP) or _is_zip(path):
                return _Zip(path)
            if sniff.is_page(head) and is_remote(path):
                raise InputError(Problem(str(path), "is a web page, not an archive", sniff.FOLDERS))
            if sniff.is_page(head):
                hint = "A page such as Google Drive's, when a quota is used up, was saved in its place; try again later"
                raise InputError(Problem(str(path), "is a web page, not an archive", hint))
    hint = f"Pass a folder or an archive ({', '.join(ENDINGS)}); if it should be one, download it again"
    raise InputError(Problem(str(path), "is neither a folder nor an archive by its content", hint))


def _is_tar(head: bytes) -> bool:
    """Whether ``head`` is a tar header whose checksum holds."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _is_zip(path: Path) -> bool:
    """Whether a zip stands at the end of the file."""
    with path.open("rb") as file:
        return zipfile.is_zipfile(file)


def _gzip(path: Path) -> IO[bytes]:
    """The decompressed bytes of the file at ``path``."""
    return cast("IO[bytes]", gzip.open(path.open("rb") if is_remote(path) else path))


def _is_tar_gz(path: Path) -> bool:
    """Whether a gzip holds a tar; one too damaged to tell is taken for it, and so reported when it is listed."""
    try:
        with _gzip(path) as file:
            return _is_tar(file.read(tarfile.BLOCKSIZE))
    except (OSError, EOFError, zlib.error):
        return True


class Archive:
    """What a zip and a tar share: their entries as files, judged by name and kind."""

    archives: tuple[str, ...] = ()  # archives within archives are plain members

    def __init__(self, path: Path) -> None:
        self.name, self.path = str(path), path

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The entry of each file, by name; a hard link is a second name of its file, and the last of equals counts."""
        files: dict[str, Entry] = {}
        outside: list[str] = []
        for entry in self.entries():
            name = tidy(entry.name)
            if name is None or (not name and entry.kind != "folder"):
                outside.append(repr(entry.name))
            elif entry.kind in {"file", "encrypted file"} and not is_junk(name):
                files[name] = entry._replace(name=name)
            elif entry.kind == "hard link" and (target := tidy(entry.target)) in files:
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
        return f"{stamp_of(self.path, self.name)} {self.files[name].at} {self.files[name].size}"

    def where(self, name: str) -> str:
        """What messages call the file."""
        return f"{self.name}!/{name}"

    def open(self, name: str) -> IO[bytes]:
        """The file as a readable binary stream."""
        entry = self.files[name]
        where = self.where(entry.name)
        if entry.kind == "encrypted file":
            hint = "Names and sizes need no password; the steps of `dir info` say where the password comes from"
            raise InputError(Problem(where, "is encrypted", hint))
        with faults_at(where):
            return io.BufferedReader(self.stream(entry, where), 256 * 1024)

    def entries(self) -> Iterator[Entry]:
        """All entries in the order of the archive, named as there; raises InputError where it is damaged."""
        raise NotImplementedError

    def stream(self, entry: Entry, where: str) -> io.RawIOBase:
        """The bytes of a file's ``entry``, whose faults are told to be at ``where``."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what is held open."""
        raise NotImplementedError


class _Zip(Archive):
    """A zip, held open between uses."""

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path.open("rb") if is_remote(self.path) else self.path)

    def entries(self) -> Iterator[Entry]:
        with faults_at(self.name):
            infos = self._zip.infolist()
        for row, info in enumerate(infos):
            kind: Kind = "encrypted file" if info.flag_bits & 1 else "file"
            if info.filename.endswith(("/", "\\")):
                kind = "folder"
            elif stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
                kind = "other"
            yield Entry(info.filename, kind, info.file_size, row)

    def stream(self, entry: Entry, where: str) -> _Stream:
        info = self._zip.infolist()[entry.at]
        if not entry.size:  # nobody reads an empty member, and only reading looks at the checksum
            with self._zip.open(info) as probe:
                probe.read(1)
        return _Stream(self._zip.open(info), entry._replace(at=0), where=where, done=lambda done: done.close())

    def close(self) -> None:
        if archive := vars(self).pop("_zip", None):
            archive.close()


class _Tar(Archive):
    """A tar or tar.gz, listed by one pass; each stream has a handle of its own, and the last one is kept for the next.

    So members read in the order of the archive cost one pass through a tar.gz.
    """

    def __init__(self, path: Path, *, zipped: bool) -> None:
        super().__init__(path)
        self._zipped = zipped
        self._idle: list[IO[bytes]] = []

    def __del__(self) -> None:
        self.close()

    def entries(self) -> Iterator[Entry]:
        with faults_at(self.name), self._handle() as handle:
            with tarfile.open(fileobj=handle, mode="r:", tarinfo=_Header) as archive:
                while (info := archive.next()) is not None:
                    archive.members.clear()  # type: ignore[attr-defined]  # would keep half a million headers
                    yield self._entry(info)
            if self._zipped and len(handle.read(SLACK + 1)) > SLACK:  # only at its end is the checksum looked at
                raise tarfile.ReadError("it goes on after its end mark")

    def stream(self, entry: Entry, where: str) -> _Stream:
        try:
            handle = self._idle.pop()
        except IndexError:  # asked for, not looked at first: threads may be reading
            handle = self._handle()
        return _Stream(handle, entry, where=where, done=self._keep)

    def close(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _handle(self) -> IO[bytes]:
        return _gzip(self.path) if self._zipped else self.path.open("rb")

    def _keep(self, handle: IO[bytes]) -> None:
        self.close()
        self._idle.append(handle)

    def _entry(self, info: tarfile.TarInfo) -> Entry:
        if info.size < 0:
            raise tarfile.ReadError(f"{info.name!r} has a negative size")
        if info.issparse():
            raise NotImplementedError(f"{info.name!r} is a sparse file")
        kind: Kind = "file" if info.isreg() else "folder" if info.isdir() else "hard link" if info.islnk() else "other"
        return Entry(info.name, kind, info.size, info.offset_data, info.linkname)


class _Header(tarfile.TarInfo):
    """A tar header that must be whole: `tarfile` takes a cut or damaged one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if len(buf) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("no end mark")
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not any(buf):  # a block of zeros is the end mark
                raise
            raise tarfile.ReadError("bad header") from error
        if not 0 <= info.size <= (MIB if info.type in EXTENDED else info.size):
            raise tarfile.ReadError(f"a header of {info.size:,} bytes")
        return info


class _Stream(io.RawIOBase):
    """The bytes of ``entry`` in ``inner``, never more and never fewer; its faults are InputErrors."""

    def __init__(self, inner: IO[bytes], entry: Entry, *, where: str, done: Callable[[IO[bytes]], None]) -> None:
        self._inner, self._start, self._size, self._where, self._done = inner, entry.at, entry.size, where, done
        self._at, self._placed = 0, False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        self._placed &= at == self._at
        self._at = at
        return at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0:
            return 0
        with faults_at(self._where):
            if not self._placed:
                self._inner.seek(self._start + self._at)
                self._placed = True
            data = self._inner.read(wanted)
            if not data:
                raise EOFError(f"it ends {self._size - self._at:,} bytes early")
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._done(self._inner)


def stamp_of(path: Path, name: str) -> str:
    """Size and time of the file at ``path``; InputError, naming it ``name``, where the system does not tell."""
    with faults_at(name):
        if isinstance(path, Remote):
            return path.stamp()
        status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


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
