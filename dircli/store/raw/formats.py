"""The formats of archives: zip, tar and tar.gz, told apart by content, each read one member at a time."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from dircli.errors import InputError, Problem
from dircli.store import sniff
from dircli.store.raw.containers import ENDINGS, Archive, Entry, Kind, faults_at

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from typing_extensions import Self

MIB = 1 << 20
SLACK = 16 * MIB  # what may follow the end mark of a tar.gz: padding, never content
EXTENDED = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME}
EXTENDED |= {tarfile.GNUTYPE_LONGLINK}


def is_archive(path: Path) -> bool:
    """Whether the file at ``path`` is an archive that can be read here, by its content."""
    try:
        open_archive(path).close()
    except InputError:
        return False
    return True


def open_archive(path: Path) -> Archive:
    """The archive at ``path``, told by its content."""
    with faults_at(path.name):
        if stat.S_ISREG(path.stat().st_mode):
            with path.open("rb") as file:
                head = file.read(tarfile.BLOCKSIZE)
            if _is_tar(head):
                return _Tar(path, zipped=False)
            if head.startswith(sniff.GZIP) and _is_tar_gz(path):
                return _Tar(path, zipped=True)
            if head.startswith(sniff.ZIP) or zipfile.is_zipfile(path):
                return _Zip(path)
            if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
                hint = "A page such as Google Drive's, when a quota is used up, was saved in its place; try again later"
                raise InputError(Problem(path.name, "is a web page, not an archive", hint))
    hint = f"Pass a folder or an archive ({', '.join(ENDINGS)}); if it should be one, download it again"
    raise InputError(Problem(path.name, "is neither a folder nor an archive by its content", hint))


def _is_tar(head: bytes) -> bool:
    """Whether ``head`` is a tar header whose checksum holds."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _is_tar_gz(path: Path) -> bool:
    """Whether a gzip holds a tar; one too damaged to tell is taken for it, and so reported when it is listed."""
    try:
        with gzip.open(path) as file:
            return _is_tar(file.read(tarfile.BLOCKSIZE))
    except (OSError, EOFError, zlib.error):
        return True


class _Zip(Archive):
    """A zip, held open between uses."""

    _zip: zipfile.ZipFile | None = None

    def entries(self) -> Iterator[Entry]:
        with faults_at(self.name):
            infos = self._open().infolist()
        for row, info in enumerate(infos):
            kind = Kind.LOCKED if info.flag_bits & 1 else Kind.FILE
            if info.filename.endswith(("/", "\\")):
                kind = Kind.FOLDER
            elif stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
                kind = Kind.OTHER
            yield Entry(info.filename, kind, info.file_size, row)

    def stream(self, entry: Entry) -> _Stream:
        where = f"{self.name}!/{entry.name}"
        with faults_at(where):
            archive = self._open()
            info = archive.infolist()[entry.at]
            if not entry.size:  # nobody reads an empty member, and only reading looks at the checksum
                with archive.open(info) as probe:
                    probe.read(1)
            inner = archive.open(info)
        return _Stream(inner, where=where, start=0, size=entry.size, done=lambda done: done.close())

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()
        self._zip = None

    def _open(self) -> zipfile.ZipFile:
        self._zip = self._zip or zipfile.ZipFile(self.path)
        return self._zip


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
            if self._zipped:
                _read_out(handle)

    def stream(self, entry: Entry) -> _Stream:
        where = f"{self.name}!/{entry.name}"
        with faults_at(where):
            try:
                handle = self._idle.pop()
            except IndexError:  # asked for, not looked at first: threads may be reading
                handle = self._handle()
        return _Stream(handle, where=where, start=entry.at, size=entry.size, done=self._keep)

    def close(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _handle(self) -> IO[bytes]:
        return cast("IO[bytes]", gzip.open(self.path)) if self._zipped else self.path.open("rb")

    def _keep(self, handle: IO[bytes]) -> None:
        self.close()
        self._idle.append(handle)

    def _entry(self, info: tarfile.TarInfo) -> Entry:
        if info.size < 0:
            raise tarfile.ReadError(f"{info.name!r} has a negative size")
        if info.issparse():
            raise NotImplementedError(f"{info.name!r} is a sparse file")
        tests = {Kind.FILE: info.isreg, Kind.FOLDER: info.isdir, Kind.HARD_LINK: info.islnk}
        kind = next((kind for kind, holds in tests.items() if holds()), Kind.OTHER)
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
    """``size`` bytes of ``inner`` from ``start`` on, never more and never fewer; its faults are InputErrors."""

    def __init__(
        self, inner: IO[bytes], *, where: str, start: int, size: int, done: Callable[[IO[bytes]], None]
    ) -> None:
        self._inner, self._where, self._start, self._size, self._done = inner, where, start, size, done
        self._at = 0
        self._placed = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        self._placed = False
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0:
            return 0
        with faults_at(self._where):
            data = self._read(wanted)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._done(self._inner)

    def _read(self, wanted: int) -> bytes:
        if not self._placed:
            self._inner.seek(self._start + self._at)
            self._placed = True
        data = self._inner.read(wanted)
        if not data:
            raise EOFError(f"it ends {self._size - self._at:,} bytes early")
        return data


def _read_out(handle: IO[bytes]) -> None:
    """Read what follows the end mark of a tar.gz, so that its checksum is looked at."""
    left = SLACK
    while chunk := handle.read(MIB):
        left -= len(chunk)
        if left < 0:
            raise tarfile.ReadError("it goes on after its end mark")
