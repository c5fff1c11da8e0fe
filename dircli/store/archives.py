"""Raw sources read in place, and archives unpacked: a tree of named members, and nothing taken on trust.

A tree is a folder, a zip, a tar or a tar.gz, told apart by content; in a folder, each archive at its top level is one
more branch, opened only when a name is not among the plain files. The same files give the same members and the same
bytes through every container. A damaged, cut, encrypted or hostile archive ends in one InputError, whether that shows
while it is opened, listed or read.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast
from uuid import uuid4

from dircli.errors import InputError, Problem, UsageError, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from types import TracebackType

    from _typeshed import WriteableBuffer
    from typing_extensions import Self

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
UNFINISHED = (".part", ".part.json", ".lock", ".sha256.json")
MIB = 1 << 20
SLACK = 16 * MIB  # what may follow the end mark of a tar.gz: padding, never content
FAULTS = (
    *(OSError, EOFError, RuntimeError, ValueError, struct.error),  # what the readers let through
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)
AGAIN = "Download or copy it again"
FETCH = "Check the path, or fetch the raw files first"
EXTENDED = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME}
EXTENDED |= {tarfile.GNUTYPE_LONGLINK}


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


class Kind(Enum):
    """What an archive's entry is; the values end the phrase "the archive holds"."""

    FILE = "files"
    FOLDER = "folders"
    LOCKED = "encrypted files"
    OUTSIDE = "names that lead out of it"
    LINK = "symbolic links"
    HARD = "hard links"
    SPECIAL = "devices, pipes or unknown things"


class _Entry(NamedTuple):
    """One entry of an archive: ``at`` is its byte in a tar or its row in a zip, ``target`` what a hard link names."""

    name: str
    kind: Kind
    size: int
    at: int
    target: str = ""


def open_raw(path: Path) -> Tree:
    """Open the tree at ``path``, a folder or an archive; use as a context manager.

    Folders are read recursively and follow links, which are the user's own. Raises InputError where there is nothing
    to read: no such path, no archive, a damaged archive, or no files in it.
    """
    path = path.absolute()  # "." has no name
    with _told(path.name):
        is_folder = path.is_dir()
    return Tree(_Folder(path) if is_folder else _archive(path))


def unpack(archive: Path, folder: Path, *, limits: Limits = LIMITS) -> int:
    """Unpack ``archive`` as ``folder`` and return the number of files written.

    All headers are judged before the first byte is written, and what is written goes to a sibling folder that takes
    its name at the very end: ``folder`` is whole or absent. No stream gives more than its header declares, so the
    declared total, once allowed, also bounds what is written. Raises InputError with every offence of the archive:
    names that lead out, links, devices, encryption, clashes, sizes beyond ``limits``. Raises UsageError where
    ``folder`` is not free or the disk is too small.
    """
    with _told(folder.name):
        folder = folder.resolve()
        _refuse_taken(folder)
    with closing(_archive(archive)) as source:
        entries = _survey(source, limits)
        _refuse_full(folder, sum(entry.size for entry in entries))
        part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
        try:
            with _told(archive.name):
                part.mkdir(parents=True)
                _write(source, entries, part)
                if folder.exists():  # empty, or it would have been refused; Windows renames onto nothing
                    folder.rmdir()
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return len(entries)


class Tree:
    """A `Raw` over one folder or archive, and over the archives at the top level of a folder."""

    def __init__(self, plain: _Folder | _Archive) -> None:
        self.name = plain.name
        self._plain = plain
        self._nested: dict[str, _Archive] = {}
        self._names = _by_last_part(plain.files)
        if not self._names:
            raise InputError(Problem(self.name, "holds no files", FETCH))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close what is held open; the tree may be used again and then opens it anew."""
        for held in (self._plain, *self._nested.values()):
            held.close()

    @cached_property
    def _inner_names(self) -> dict[str, list[str]]:
        """The members of the archives in a folder, by the last part of their names; lists those archives."""
        archives = self._plain.archives
        return _by_last_part(f"{file}!/{name}" for file in archives for name in self._branch(file).files)

    def members(self) -> Sequence[str]:
        """All regular files as relative POSIX paths, sorted; an archive in a folder is itself one of them."""
        return sorted(name for names in (self._names, self._inner_names) for same in names.values() for name in same)

    def find(self, name: str) -> str | None:
        """The one member whose path is ``name`` or ends in ``/name``; None if there is none.

        Plain files come before members of archives. Raises InputError where several of a kind answer to the name.
        """
        found = _answering(self._names, name) or _answering(self._inner_names, name)
        if len(found) > 1:
            what = f"{len(found):,} files answer to the name {name!r}: {sample(found)}"
            raise InputError(Problem(self.name, what, "Keep one of them, or pass the folder that holds the right one"))
        return found[0] if found else None

    def size(self, member: str) -> int:
        """The uncompressed size of ``member`` in bytes."""
        source, name = self._locate(member)
        return source.size(name)

    def open(self, member: str) -> IO[bytes]:
        """``member`` as a seekable binary stream; going back in a tar.gz reads it again from its start."""
        source, name = self._locate(member)
        return source.open(name)

    def _branch(self, file: str) -> _Archive:
        """The archive ``file`` of the folder, opened once."""
        if file not in self._nested:
            self._nested[file] = _archive(self._plain.path / file)
        return self._nested[file]

    def _locate(self, member: str) -> tuple[_Folder | _Archive, str]:
        """The container of ``member`` and the name it has there."""
        file, _, inner = member.partition("!/")
        if member in self._plain.files:
            return self._plain, member
        if file in self._plain.archives and inner in self._branch(file).files:
            return self._branch(file), inner
        raise InputError(Problem(self.name, f"holds no member {member!r}"))


class _Folder:
    """The plain files under a folder; archives among them count as plain files too."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path

    @cached_property
    def files(self) -> dict[str, str]:
        """The path of each file, by name."""
        with _told(self.name):
            return dict(_walk(str(self.path), "", ()))

    @cached_property
    def archives(self) -> list[str]:
        """The files at the top level that have an archive's ending."""
        return [name for name in self.files if "/" not in name and name.lower().endswith(ENDINGS)]

    def size(self, name: str) -> int:
        with _told(name):
            return Path(self.files[name]).stat().st_size

    def open(self, name: str) -> IO[bytes]:
        with _told(name):
            return Path(self.files[name]).open("rb")

    def close(self) -> None:
        """Nothing is held open."""


class _Archive:
    """What a zip and a tar share: their entries as files, judged by name and kind."""

    archives: tuple[str, ...] = ()  # archives within archives are plain members

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path

    @cached_property
    def files(self) -> dict[str, _Entry]:
        """The entry of each file, by name; a hard link is a second name of its file, and the last of equals counts."""
        files: dict[str, _Entry] = {}
        outside: list[_Entry] = []
        for entry in self.entries():
            if entry.kind in {Kind.FILE, Kind.LOCKED} and not _is_junk(entry.name):
                files[entry.name] = entry
            elif entry.kind is Kind.HARD and entry.target in files:
                files[entry.name] = files[entry.target]
            elif entry.kind is Kind.OUTSIDE:
                outside.append(entry)
        if outside:
            raise InputError(_offences(self.name, outside))
        return files

    def size(self, name: str) -> int:
        return self.files[name].size

    def open(self, name: str) -> IO[bytes]:
        entry = self.files[name]
        if entry.kind is Kind.LOCKED:
            hint = "Names and sizes need no password; the steps of `dir info` say where the password comes from"
            raise InputError(Problem(f"{self.name}!/{name}", "is encrypted", hint))
        return io.BufferedReader(self.stream(entry), 256 * 1024)

    def entries(self) -> Generator[_Entry, None, None]:
        """All entries in the order of the archive; raises InputError where it is damaged."""
        raise NotImplementedError

    def stream(self, entry: _Entry) -> _Stream:
        """The bytes of a file's ``entry``."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class _Zip(_Archive):
    """A zip, held open between uses."""

    _zip: zipfile.ZipFile | None = None

    def entries(self) -> Generator[_Entry, None, None]:
        with _told(self.name):
            infos = self._open().infolist()
        for row, info in enumerate(infos):
            kind = Kind.LOCKED if info.flag_bits & 1 else Kind.FILE
            mode = stat.S_IFMT(info.external_attr >> 16)
            if info.filename.endswith(("/", "\\")):
                kind = Kind.FOLDER
            elif mode not in {0, stat.S_IFREG}:
                kind = Kind.LINK if mode == stat.S_IFLNK else Kind.SPECIAL
            yield _entry(info.filename, kind, info.file_size, row)

    def stream(self, entry: _Entry) -> _Stream:
        where = f"{self.name}!/{entry.name}"
        with _told(where):
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


class _Tar(_Archive):
    """A tar or tar.gz, listed by one pass; each stream has a handle of its own, and the last one is kept for the next.

    So members read in the order of the archive cost one pass through a tar.gz.
    """

    def __init__(self, path: Path, *, zipped: bool) -> None:
        super().__init__(path)
        self._zipped = zipped
        self._idle: list[IO[bytes]] = []

    def __del__(self) -> None:
        self.close()

    def entries(self) -> Generator[_Entry, None, None]:
        with _told(self.name), self._handle() as handle:
            with tarfile.open(fileobj=handle, mode="r:", tarinfo=_Header) as archive:
                while (info := archive.next()) is not None:
                    archive.members.clear()  # type: ignore[attr-defined]  # would keep half a million headers
                    yield self._entry(info)
            if self._zipped:
                _read_out(handle)

    def stream(self, entry: _Entry) -> _Stream:
        where = f"{self.name}!/{entry.name}"
        with _told(where):
            handle = self._idle.pop() if self._idle else self._handle()
        return _Stream(handle, where=where, start=entry.at, size=entry.size, done=self._keep)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _handle(self) -> IO[bytes]:
        return cast("IO[bytes]", gzip.open(self.path)) if self._zipped else self.path.open("rb")

    def _keep(self, handle: IO[bytes]) -> None:
        self.close()
        self._idle.append(handle)

    def _entry(self, info: tarfile.TarInfo) -> _Entry:
        if info.size < 0:
            raise tarfile.ReadError(f"{info.name!r} has a negative size")
        if info.issparse():
            raise NotImplementedError(f"{info.name!r} is a sparse file")
        tests = {Kind.FILE: info.isreg, Kind.FOLDER: info.isdir, Kind.LINK: info.issym, Kind.HARD: info.islnk}
        kind = next((kind for kind, holds in tests.items() if holds()), Kind.SPECIAL)
        return _entry(info.name, kind, info.size, info.offset_data, _tidy(info.linkname) or "")


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
        with _told(self._where):
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


@contextmanager
def _told(where: str) -> Iterator[None]:
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


def _archive(path: Path) -> _Archive:
    """The archive at ``path``, told by its content."""
    with _told(path.name):
        if stat.S_ISREG(path.stat().st_mode):
            with path.open("rb") as file:
                head = file.read(tarfile.BLOCKSIZE)
            if _is_tar(head):
                return _Tar(path, zipped=False)
            if head.startswith(b"\x1f\x8b") and _is_tar_gz(path):
                return _Tar(path, zipped=True)
            if head.startswith(b"PK\x03\x04") or zipfile.is_zipfile(path):
                return _Zip(path)
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


def _read_out(handle: IO[bytes]) -> None:
    """Read what follows the end mark of a tar.gz, so that its checksum is looked at."""
    left = SLACK
    while chunk := handle.read(MIB):
        left -= len(chunk)
        if left < 0:
            raise tarfile.ReadError("it goes on after its end mark")


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name and path of every file under ``folder``; links are followed, but never into a folder they stand in."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = prefix + entry.name
        if _is_junk(name) or name.endswith(UNFINISHED):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, f"{name}/", (*above, real))
        elif entry.is_file():
            yield name, entry.path


def _is_junk(name: str) -> bool:
    """Whether ``name`` is one of those that macOS leaves beside the user's own."""
    *folders, last = name.split("/")
    return last in {".DS_Store", "__MACOSX"} or last.startswith("._") or "__MACOSX" in folders


def _by_last_part(names: Iterable[str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for name in names:
        index.setdefault(name.rpartition("/")[2], []).append(name)
    return index


def _answering(index: dict[str, list[str]], name: str) -> list[str]:
    """The members of ``index`` that answer to ``name``, sorted."""
    same = index.get(name.rpartition("/")[2], [])
    return sorted(member for member in same if member == name or member.endswith(f"/{name}"))


def _tidy(name: str) -> str | None:
    """``name`` as a relative POSIX path; None where it is absolute, has a drive or goes up."""
    posix = name.replace("\\", "/")
    parts = [part for part in posix.split("/") if part not in {"", "."}]
    if posix.startswith("/") or ".." in parts or "\0" in posix or re.match("[A-Za-z]:", posix):
        return None
    return "/".join(parts)


def _entry(name: str, kind: Kind, size: int, at: int, target: str = "") -> _Entry:
    """The entry with a tidy name, or marked as leading outside."""
    tidy = _tidy(name)
    if tidy is None or (not tidy and kind is not Kind.FOLDER):
        return _Entry(name, Kind.OUTSIDE, size, at)
    return _Entry(tidy, kind, size, at, target)


def _survey(source: _Archive, limits: Limits) -> list[_Entry]:
    """The files that ``source`` would unpack to, or an InputError with every reason not to.

    Stops at the first header that goes beyond ``limits``: to look further into a bomb is to set it off.
    """
    allowed = min(limits.total, max(limits.spare, limits.ratio * source.path.stat().st_size))
    entries: list[_Entry] = []
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
    problems += _offences(source.name, entries)
    files = [entry for entry in entries if entry.kind is Kind.FILE and not _is_junk(entry.name)]
    if not files and not problems:
        problems = [Problem(source.name, "holds no files", AGAIN)]
    if problems:
        raise InputError(problems)
    return files


def _offences(where: str, entries: list[_Entry]) -> list[Problem]:
    """One problem for each kind of entry that must not be unpacked, and one for names that exclude each other."""
    bad: dict[str, list[str]] = {}
    for entry in entries:
        if entry.kind not in {Kind.FILE, Kind.FOLDER}:
            bad.setdefault(entry.kind.value, []).append(repr(entry.name))
    if clashes := _clashes(entries):
        bad["names that exclude each other"] = clashes
    hint = "Unpack it by hand if you trust it, and pass the folder"
    return [Problem(where, f"holds {what}: {sample(names)}", hint) for what, names in bad.items()]


def _clashes(entries: list[_Entry]) -> list[str]:
    """Names that some file system cannot hold side by side: equal, equal but for case, or both file and folder."""
    files: dict[str, str] = {}
    clashes: list[str] = []
    folders: set[str] = set()
    for entry in entries:
        key = unicodedata.normalize("NFC", entry.name).casefold()
        if entry.kind is Kind.FOLDER:
            folders.add(key)
        elif key in files:
            clashes.append(f"{files[key]!r} and {entry.name!r}")
        else:
            files[key] = entry.name
        while (key := key.rpartition("/")[0]) and key not in folders:
            folders.add(key)
    return clashes + [f"{name!r}, a file and a folder" for key, name in files.items() if key in folders]


def _refuse_taken(folder: Path) -> None:
    """Refuse a ``folder`` that is a file or has anything in it."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder}: exists and is not an empty folder. Choose another, or remove it first")


def _refuse_full(folder: Path, total: int) -> None:
    """Refuse ``total`` bytes where the disk of ``folder`` has no room for them."""
    free = shutil.disk_usage(next(above for above in folder.parents if above.exists())).free
    if total > free:
        raise UsageError(f"{folder}: needs {total:,} bytes and {free:,} are free. Make room, or choose another disk")


def _write(source: _Archive, entries: list[_Entry], folder: Path) -> None:
    """Write ``entries``, in the order of the archive, as new files under the new ``folder``."""
    guard = getattr(tarfile, "data_filter", None)  # absent before Python 3.10.12 and 3.11.4
    for entry in entries:
        if guard is not None:
            guard(tarfile.TarInfo(entry.name), str(folder))
        target = folder / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.stream(entry) as stream, target.open("xb") as out:
            shutil.copyfileobj(stream, out, MIB)
