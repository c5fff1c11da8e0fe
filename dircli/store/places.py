"""Where data lie: paths of this machine, and URLs that fsspec knows (memory, http, s3 and what is like it).

A URL becomes a `Remote`, which is a path: it is joined, opened and listed as any other, so whatever reads a path reads
a URL. What needs a file of this machine (a map of memory, a lock, a rename) gets one clear line. Credentials stand in
the configuration of the filesystems alone; those in a URL are never shown.
"""

from __future__ import annotations

import errno
import glob
import io
import os
import re
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dircli.errors import DirError, InputError, Problem, UsageError, causes, one_line

if sys.platform == "win32":
    from pathlib import WindowsPath as SystemPath
else:
    from pathlib import PosixPath as SystemPath

if TYPE_CHECKING:
    from typing import IO, Self

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # a drive such as C: has one letter
USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+://)([^/\s'\"]*@|(?!\[)[^/\s:'\"]*:(?!\d{1,5}/)[^\s'\"]*@)")
"""User and password in a URL; also such as stand there against the rules, with slashes in them."""

QUERY = re.compile(r"(https?://[^\s?#'\"]*)[?#][^\s'\"]*", re.IGNORECASE)
ENDING = re.compile(r"[\s'\"]")
"""What a URL ends at in a message."""
WILD = re.compile(r"[*?[]")
WEB = ("http", "https")
WHOLE = ("abfs", "abfss", "az", "gcs", "gs", "memory", "s3", "s3a")
"""Schemes under which a file is put whole or not at all."""

BUCKETS = ("gcs", "gs", "s3", "s3a")
LEFT_OUT = ("_", ".")  # how the names of files begin that are no part of a table: _SUCCESS, .part-0.csv.crc
BLOCK = 4 << 20  # bytes that are asked for at once, where somebody reads on
FIRST = 1 << 16  # bytes that are asked for when a file is opened
UPLOADED: dict[str, dict[str, object]]
UPLOADED = {scheme: {"max_concurrency": 2} for scheme in ("s3", "s3a")}  # parts in memory, of 50 MiB
UPLOADED |= {scheme: {"overwrite": True} for scheme in ("abfs", "abfss", "az")}  # which was not always its default
"""How the filesystem of each scheme is asked to upload a file."""

EXTRA = "URLs need further packages; install them with: pip install 'dircli[remote]'"
COMPRESSED = (".br", ".bz2", ".gz", ".gzip", ".zst", ".zstd")
PARTIAL = "fewer bytes came than there should be; try again"
CHANGED = "it changed while it was read; try again"
REDIRECTS = "it redirects again and again; give the address that holds the file, or of a bucket its endpoint and region"
BROKEN = {
    "ClientPayloadError": PARTIAL,
    "ServerDisconnectedError": "the server hung up; try again",
    "TooManyRedirects": REDIRECTS,
    "RecursionError": REDIRECTS,
}
"""What the errors of aiohttp, and of a store's client that follows redirects, are told as, by their names."""


class UnreachableError(DirError):
    """What lies at a URL cannot be had, or not whole, for this ``reason``; nobody is to try it in another way."""

    def __init__(self, place: Path, reason: str) -> None:
        super().__init__(f"{place}: it cannot be read ({reason})")
        self.reason = reason


def of(text: str | Path) -> Path:
    """The place that ``text`` names: a path of this machine, also for ``file://``, or a `Remote`."""
    if isinstance(text, Path):
        return text
    if not URL.match(text):
        if "://" in text and "::" in text:
            raise UsageError(f"{shown(text)}: a chain of URLs is not read; give the last one alone")
        return Path(text)
    if text.lower().startswith("file://"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        parts = urlsplit(text)
        if parts.netloc not in {"", "localhost"}:
            raise UsageError(f"{shown(text)}: a file:// URL names no other machine; write file:///folder/name")
        return Path(url2pathname(parts.path))
    place = Remote(text)
    user = text.partition("://")[2].partition("/")[0].rpartition("@")[0]
    is_signed = place.scheme in WEB and ("?" in text or "#" in text)
    if ENDING.search(text if is_signed else user):  # `shown` would leave what is behind it
        what = "a quote or a space stands in a URL's password, or in a URL with ? or #"
        raise UsageError(f"{what}; write %27 for ', %22 for \" and %20 for a space")
    return place


def is_remote(place: Path) -> bool:
    """Whether ``place`` lies elsewhere."""
    return isinstance(place, Remote)


def here(place: Path | None) -> Path | None:
    """``place``, which is to be a file or folder of this machine; UsageError for a URL."""
    if place is not None and is_remote(place):
        os.fspath(place)
    return place


def folder(place: Path) -> Path:
    """``place``, which is to be a folder: on the web its URL ends in a slash."""
    return place / "" if isinstance(place, Remote) and place.scheme in WEB else place


def check_writable(*places: Path | None) -> None:
    """UsageError where one of ``places`` is a URL to which nothing can be written; for use before any work."""
    for place in places:
        if isinstance(place, Remote):
            place.check_writable()
            place.check_bucket()


def shown(text: str) -> str:
    """``text`` as anybody may see it: URLs in it without user, password, and what follows "?" on the web."""
    return QUERY.sub(r"\1", USER.sub(r"\1", text)) if "://" in text else text


def hidden(text: str, typed: Iterable[str]) -> str:
    """``text`` with the URLs in what was ``typed`` as anybody may see them; those of this program stay as they are."""
    urls = {url for word in typed for url in re.findall(rf"{URL.pattern}\S*", word)}
    for url in sorted(urls, key=len, reverse=True):
        text = text.replace(url, shown(url))
    return text


def parts(name: str | Path) -> list[Path]:
    """The files of the one input that ``name`` names: those of a folder and its folders, those that a glob matches.

    They are in the order of their names. A file that exists is never taken for a glob. Names that begin with _ or . are
    left out, of folders too. InputError where there are none, or nobody can look. Whatever is neither folder nor glob
    is itself, also where there is no such file.
    """
    place = of(name)
    try:
        if place.is_dir():
            found, what = _below(place), "there is no file of rows in this folder"
        elif is_glob(name) and not place.is_file():
            found, what = _matched(place), "no file matches"
        else:
            return [place]
    except OSError as error:
        raise _unlisted(name, error) from None
    if not found:
        raise InputError(Problem(shown(str(name)), what, "Names that begin with _ or . are left out"))
    return sorted(found, key=_in_order)


def _in_order(place: Path) -> str:
    """What files of one input are ordered by, wherever they lie."""
    from urllib.parse import unquote

    return unquote(str(place)) if isinstance(place, Remote) and place.scheme in WEB else place.as_posix()


def is_glob(name: str | Path) -> bool:
    """Whether ``name`` has wildcards; on the web a "?" and brackets have another meaning."""
    place = of(name)
    if isinstance(place, Remote):
        base, _ = place.divided()
        return "*" in base if place.scheme in WEB else WILD.search(base) is not None
    return WILD.search(str(name)) is not None


def _matched(place: Path) -> list[Path]:
    """The files that the glob ``place`` matches, and those in the folders that it matches."""
    fixed = next(number for number, part in enumerate(place.parts) if WILD.search(part))
    left_out = tuple(start for start in LEFT_OUT if not any(part.startswith(start) for part in place.parts[fixed:]))
    matches: Iterable[tuple[Path, bool]]
    if isinstance(place, Remote):
        matches = place.matches()
    else:
        local = map(Path, glob.glob(str(place), recursive=True))  # noqa: PTH207 - of any folder, absolute or not
        matches = ((match, match.is_dir()) for match in local)
    found: dict[Path, None] = {}
    for match, is_folder in matches:
        if not _is_hidden(match, fixed, left_out):
            found |= dict.fromkeys(_below(match) if is_folder else [match])
    return list(found)


def every(folder: Path) -> list[Path]:
    """All files in ``folder`` and in its folders, in any order; InputError where nobody can look."""
    try:
        if isinstance(folder, Remote):
            return list(folder.below())
        return [path for path in folder.rglob("*") if path.is_file()]
    except OSError as error:
        raise _unlisted(folder, error) from None


def within(folder: Path) -> list[Path]:
    """What lies in ``folder``, in any order; InputError where nobody can look."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise _unlisted(folder, error) from None


def _unlisted(folder: str | Path, error: OSError) -> InputError:
    return InputError(Problem(shown(str(folder)), f"it cannot be read ({error.strerror})"))


def name_in(folder: Path, place: Path) -> str:
    """What ``place`` is called in ``folder``, in or below which it lies: its path from there, with slashes."""
    if not isinstance(folder, Remote):
        return place.relative_to(folder).as_posix()
    from urllib.parse import unquote

    name = str(place).removeprefix(shown(folder.divided()[0])).lstrip("/")
    return unquote(name) if folder.scheme in WEB else name


def _is_hidden(path: Path, fixed: int, left_out: tuple[str, ...] = LEFT_OUT) -> bool:
    """Whether one of the names in ``path``, but for the first ``fixed`` of them, says that it is no part of a table."""
    return any(part.startswith(left_out) for part in path.parts[fixed:])


def _below(folder: Path) -> list[Path]:
    """The files in ``folder`` and in its folders, without those whose names say that they are no part of a table."""
    if isinstance(folder, Remote) and folder.scheme not in WEB:  # one question is enough
        return [path for path in folder.below() if not _is_hidden(path, len(folder.parts))]
    found: list[Path] = []
    for path in folder.iterdir():
        if path.name.startswith(LEFT_OUT):
            continue
        if not path.is_dir():
            if not isinstance(path, Remote) and not path.is_file():
                raise InputError(Problem(str(path), "this is no regular file", "Take it out of the folder"))
            found.append(path)
        elif path.is_symlink():
            raise InputError(Problem(str(path), "this is a link to a folder", "Put the folder itself there"))
        else:
            found += _below(path)
    return found


class Remote(SystemPath):
    """A URL as a path. What is asked of the disk itself raises UsageError, as `__fspath__` does.

    A file that is opened more than once, as Parquet is for its columns and its digest, has to be the same each time.
    """

    url: str
    seen: list[Any]

    def __new__(cls, url: str) -> Self:
        """A path whose name and suffix are those of the URL as it is `shown`."""
        self = super().__new__(cls, shown(url))
        self.url, self.seen = url, []
        return self

    def __init__(self, url: str) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(shown(url))

    def __reduce__(self) -> tuple[type[Remote], tuple[str]]:
        return Remote, (self.url,)

    def __str__(self) -> str:
        return shown(self.url)

    def __repr__(self) -> str:
        return f"Remote({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __fspath__(self) -> str:
        raise UsageError(f"{self}: only a file or folder of this machine can be used here; copy it here first")

    @property
    def scheme(self) -> str:
        """The scheme, in lower case."""
        return self.url.partition("://")[0].lower()

    def divided(self) -> tuple[str, str]:
        """The URL without its query and last slash, and the query, which goes with whatever lies below."""
        base, mark, query = self.url.partition("?") if self.scheme in WEB else (self.url, "", "")
        return base.rstrip("/"), mark + query

    @property
    def parent(self) -> Self:
        """The folder; of a host or a bucket, itself."""
        base, query = self.divided()
        above = base.rpartition("/")[0]
        return self if above.endswith("/") else type(self)(above + query)

    @property
    def parents(self) -> Any:
        """All folders above, the nearest first."""
        found, place = [], self
        while place.parent != place:
            place = place.parent
            found.append(place)
        return tuple(found)

    def __truediv__(self, key: Any) -> Self:
        base, query = self.divided()
        return type(self)(f"{base}/{key}{query}")

    def joinpath(self, *others: Any) -> Self:
        """What lies below."""
        return self / "/".join(map(str, others))

    def with_name(self, name: str) -> Self:
        """Another file of the same folder."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> Self:
        """The same name with another ending."""
        return self.with_name(self.stem + suffix)

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002, FBT001, FBT002 - as a path has it
        """Itself, for nothing is known of links."""
        return self

    def absolute(self) -> Self:
        """Itself."""
        return self

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def is_fifo(self) -> bool:
        """Never."""
        return False

    def is_char_device(self) -> bool:
        """Never."""
        return False

    def is_file(self, **_: Any) -> bool:
        """Whether there is such a file; UnreachableError where that cannot be known, here and below."""
        try:
            return not self._is_page() and self._size() is not None
        except (FileNotFoundError, IsADirectoryError):
            return False

    def is_dir(self, **_: Any) -> bool:
        """Whether there is such a folder; on the web, whether the URL ends in a slash."""
        if self.scheme in WEB:
            return self._is_page()
        with suppress(FileNotFoundError), self.reached() as (system, path):
            system.invalidate_cache()
            try:
                return bool(system.isdir(path))
            except PermissionError:
                with suppress(Exception):  # who may read a file may not list what is there
                    return bool(system.info(path)["type"] == "directory")
                raise
        return False

    def exists(self, **_: Any) -> bool:
        """Whether there is a file or folder."""
        return self.is_dir() or self.is_file()

    def _told(self, question: str, **how: Any) -> Any:
        """What the filesystem answers."""
        try:
            with self.reached() as (system, path):
                system.invalidate_cache()
                return getattr(system, question)(path, **how)
        except OSError as error:
            if question == "ls" and isinstance(error, FileNotFoundError):
                raise
            raise UnreachableError(self, str(error.strerror)) from None

    def _is_page(self) -> bool:
        return self.scheme in WEB and self.url.partition("?")[0].endswith("/")

    def _size(self) -> int | None:
        """The bytes of the file; None where it is a folder."""
        if self.scheme in WEB:
            with self.open() as file:
                return file.seek(0, os.SEEK_END)
        with self.reached() as (system, path):
            facts = system.info(path)
            return None if facts["type"] == "directory" else int(facts["size"])

    def stat(self, **_: Any) -> os.stat_result:
        """Nothing but ``st_size``; FileNotFoundError where there is no such file."""
        return os.stat_result((0, 0, 0, 0, 0, 0, self._size() or 0, 0, 0, 0))

    def stamp(self) -> str:
        """What changes when the file is written anew, as far as the store or the server tells."""
        with self.open():
            return " ".join(map(str, self.seen))

    def iterdir(self) -> Generator[Self, None, None]:
        """What lies in this folder; FileNotFoundError where there is none."""
        yield from self.among(self._told("ls", detail=False))

    def below(self) -> Iterator[Self]:
        """All files in this folder and in its folders; on the web, those that the server lists."""
        if self.scheme not in WEB:
            names = self._told("find")  # a store's console marks folders by empty files
            yield from self.among([name for name in names if not name.endswith("/")])
            return
        for place in self.iterdir():
            if place.is_dir():
                yield from place.below()
            else:
                yield place

    def matches(self) -> Iterator[tuple[Self, bool]]:
        """The files and folders that this URL matches, as a glob, and whether each is a folder."""
        facts, root = self._told("glob", detail=True), self.parent
        while WILD.search(root.divided()[0]) and root.parent != root:
            root = root.parent
        for name, fact in facts.items():
            is_folder = fact["type"] == "directory"
            for place in root.among([f"{name.rstrip('/')}/" if is_folder else name]):
                yield place, is_folder

    def glob(self, pattern: str) -> Generator[Self, None, None]:
        """The files and folders below this one that ``pattern`` matches."""
        yield from (place for place, _ in (self / pattern).matches())

    def among(self, names: list[str]) -> Iterator[Self]:
        """The places below this one that a filesystem calls by these ``names``.

        Pages of the web link to other orders of themselves, and some stores list a folder in itself.
        """
        _, own = self.system()
        base = own.partition("?")[0] if self.scheme in WEB else own
        for name in names:
            key = name.removeprefix(base.rstrip("/")).lstrip("/")
            if key and not (self.scheme in WEB and "?" in key):
                yield self / key

    def open(self, mode: str = "rb", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]  # bytes alone
        """The file, to be read from anywhere in it; FileNotFoundError where there is none.

        Raises UnreachableError, then and in reading, where what comes is not whole.
        """
        if mode != "rb":
            self.__fspath__()
        with self.reached() as (system, path):
            opened = _WebFile(self, system) if self.scheme in WEB else _StoredFile(self, system, path)
        return io.BufferedReader(opened, FIRST)

    def read_bytes(self) -> bytes:
        """All bytes of the file."""
        with self.open() as file:
            return bytes(file.read())

    def refuse_other(self, state: list[Any]) -> None:
        """OSError where what is known of the file's ``state`` is not what was known at first."""
        if self.seen and state != self.seen:
            raise OSError(errno.EIO, CHANGED)
        self.seen = state

    def write_bytes(self, data: Any) -> int:
        """Put ``data`` there, whole or not at all; UsageError where that cannot be had, OSError where it fails."""
        with self._changed() as (system, path):
            system.pipe_file(path, bytes(data))
        return len(data)

    def upload(self, file: Path) -> None:
        """Put the ``file`` of this machine there, a large one in parts, as `write_bytes` puts bytes."""
        with self._changed() as (system, path):
            system.put_file(str(file), path, **UPLOADED.get(self.scheme, {}))

    def remove(self) -> None:
        """Remove the file, where there is one; UsageError and OSError as in `write_bytes`."""
        with suppress(FileNotFoundError), self._changed() as (system, path):
            try:
                system.rm_file(path)
            except NotImplementedError:  # as Azure's has it
                system.rm(path)

    @contextmanager
    def _changed(self) -> Iterator[tuple[Any, str]]:
        """The filesystem, and the path in it, which afterwards is another file than any that was seen."""
        self.check_writable()
        self.seen = []
        try:
            with self.reached() as reached:
                yield reached
        except UnreachableError as error:
            raise OSError(errno.EIO, error.reason) from None

    def check_writable(self) -> None:
        """UsageError where files cannot be put under this scheme whole or not at all, or what writes them lacks."""
        if self.scheme not in WHOLE:
            raise UsageError(f"{self}: nothing can be written there; write to a file, or to s3://")
        self.system()

    def check_bucket(self) -> None:
        """UsageError where the store has no such bucket, or does not answer, which takes a request."""
        if self.scheme not in BUCKETS:
            return
        bucket = self.url.partition("://")[2].partition("/")[0]
        try:
            with self.reached() as (system, _):
                _ask(system, bucket)
        except FileNotFoundError:
            raise UsageError(f"{self}: there is no bucket {bucket}; make it, or write elsewhere") from None
        except UnreachableError as error:
            raise UsageError(f"{self}: cannot be written ({error.reason})") from None

    @contextmanager
    def reached(self) -> Iterator[tuple[Any, str]]:
        """The filesystem, and the path in it; errors of any library as ours, and never with a secret in them.

        FileNotFoundError and IsADirectoryError say that there is no file; all else is UnreachableError.
        """
        system, path = self.system()
        try:
            yield system, path
        except DirError:
            raise
        except Exception as error:  # noqa: BLE001 - each store has its own
            known = _os_error(error, self.cleared(re.sub(r"^\[Errno -?\d+\] ", "", one_line(error))))
            if isinstance(known, FileNotFoundError | IsADirectoryError):
                raise known from None
            raise UnreachableError(self, str(known.strerror)) from None

    def cleared(self, message: str) -> str:
        """``message`` without what of this URL is not to be shown."""
        user = USER.match(self.url)
        secrets = [user[2], user[2].rstrip("@"), user[2].rstrip("@").partition(":")[2]] if user else []
        for secret in filter(None, [*secrets, self.divided()[1]]):
            message = message.replace(secret, "")
        return shown(message)

    def system(self) -> tuple[Any, str]:
        """The filesystem, and the path in it; UsageError where a package lacks, or nobody knows the scheme."""
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise UsageError(f"{self}: {EXTRA}") from None
        if self.scheme in BUCKETS and USER.match(self.url):
            raise UsageError(
                f"{self}: leave keys out of the URL; they are looked for where the filesystem keeps its own"
            )
        try:
            system, path = url_to_fs(f"{self.scheme}{self.url[len(self.scheme) :]}")
        except ImportError as error:
            ours = self.scheme in {*WEB, "s3", "s3a"}
            raise UsageError(f"{self}: {EXTRA if ours else self.cleared(one_line(error))}") from None
        except Exception as error:  # noqa: BLE001 - each filesystem reads its part of a URL in its own way
            raise UsageError(f"{self}: this is no place that can be read ({self.cleared(one_line(error))})") from None
        return system, path


def _os_error(error: Exception, message: str) -> OSError:
    """The ``error`` of a store or of a server, as one of the disk's, with its ``message`` where there is no better."""
    from http import HTTPStatus

    for each in causes(error):  # a store's client wraps them, and s3fs again
        if broken := BROKEN.get(type(each).__name__):
            return OSError(errno.EIO, broken)
    status = getattr(error, "status", None) or getattr(error.__cause__, "status", None)
    if isinstance(status, int):
        names = {each.value: f" ({each.phrase})" for each in HTTPStatus}
        what = f"the server answers {status}{names.get(status, '')}"
        missing = status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
        return FileNotFoundError(errno.ENOENT, what) if missing else OSError(errno.EIO, what)
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if isinstance(error, IsADirectoryError):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    ours = error.strerror if isinstance(error, OSError) and error.errno == errno.EIO else None
    return OSError(errno.EIO, ours or message)


class _Blocks(io.RawIOBase):
    """A file of ``size`` bytes at a place elsewhere, read in blocks; UnreachableError where one is not whole."""

    size: int
    _place: Remote

    def __init__(self, start: bytes = b"") -> None:
        self._at, self._begin, self._block = 0, 0, start

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to before ``stop``."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        pieces = []
        while piece := self._read(4 * BLOCK):
            pieces.append(piece)
        return b"".join(pieces)

    def _read(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer only at the end; what is asked for goes beyond them where one reads on."""
        stop = min(self._at + count, self.size)
        if self._at >= stop:
            return b""
        end = self._begin + len(self._block)
        if not self._begin <= self._at <= end:  # somewhere else in the file
            self._begin, self._block, end = self._at, b"", self._at
        if stop > end:
            ahead = end + (BLOCK if self._block else FIRST)
            data = self._whole(end, min(max(stop, ahead), self.size))
            self._begin, self._block = self._at, self._block[self._at - self._begin :] + data
        data = self._block[self._at - self._begin : stop - self._begin]
        self._at = stop
        return data

    def _whole(self, start: int, stop: int) -> bytes:
        data = self.fetch(start, stop)
        if len(data) != stop - start:
            raise UnreachableError(self._place, PARTIAL)
        return data


class _StoredFile(_Blocks):
    """A file of a store or filesystem that fsspec opens."""

    def __init__(self, place: Remote, system: Any, path: str) -> None:
        super().__init__()
        self._place, facts = place, system.info(path)
        if facts["type"] == "directory":
            raise IsADirectoryError(path)
        place.refuse_other(_state(facts))
        self.size = int(facts["size"])
        file = system.open(path, "rb", cache_type="none")
        self._file = io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else file  # of memory there is but one

    def fetch(self, start: int, stop: int) -> bytes:
        with self._place.reached() as (system, path):
            self._file.seek(start)
            data = bytes(self._file.read(stop - start))
            if stop == self.size and start:
                self._place.refuse_other(_state(system.info(path)))
        return data

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()


def _state(facts: dict[str, Any]) -> list[Any]:
    """What tells one state of a file from the next."""
    return [facts.get(key) for key in ("size", "ETag", "etag", "LastModified", "mtime", "created", "generation")]


class _WebFile(_Blocks):
    """A file of a web server, which is trusted with nothing: each answer is held to what was asked.

    Of a server that gives no ranges the whole file is kept in a temporary one.
    """

    def __init__(self, place: Remote, system: Any) -> None:
        self._place, self._system = place, system
        self._copy: IO[bytes] | None = None
        super().__init__(self._answer(0, FIRST))

    def fetch(self, start: int, stop: int) -> bytes:
        if self._copy is not None:
            self._copy.seek(start)
            return self._copy.read(stop - start)
        with self._place.reached():
            return self._answer(start, stop)

    def close(self) -> None:
        if self._copy is not None:
            self._copy.close()
        super().close()

    def _answer(self, start: int, stop: int) -> bytes:
        from fsspec.asyn import sync

        return bytes(sync(self._system.loop, self._asked, start, stop))

    async def _asked(self, start: int, stop: int) -> bytes:
        import aiohttp

        own = dict(self._system.kwargs)
        ranges = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        own["headers"] = {**own.get("headers", {}), **ranges}
        own.setdefault("timeout", aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60))
        own["auto_decompress"] = False
        session = await self._system.set_session()
        async with session.get(self._system.encode_url(self._place.url), **own) as answer:
            state = [answer.headers.get(key) for key in ("ETag", "Last-Modified")]
            if answer.status == 416 and start == 0 and _range_of(answer) == (None, None, 0):  # noqa: PLR2004
                self.size = 0
                return b""
            if answer.status not in {200, 206}:  # 204 and the like bring no file
                raise aiohttp.ClientResponseError(answer.request_info, (), status=answer.status)
            encoding = answer.headers.get("Content-Encoding", "identity")
            if encoding != "identity" and self._place.suffix not in COMPRESSED:  # a .gz may be called encoded
                raise OSError(errno.EIO, "the server sends it compressed, although that was not asked for")
            if answer.status != 206:  # noqa: PLR2004
                return await self._kept(answer, start, stop, state)
            begin, end, size = _range_of(answer)
            if size is None or begin != start or end != min(stop, size):
                raise OSError(errno.EIO, "the server gives other parts of it than those that were asked for")
            self._place.refuse_other([*state, size])
            self.size = size
            data = bytes(await answer.read())
            if len(data) != end - start:
                raise OSError(errno.EIO, PARTIAL)
            return data

    async def _kept(self, answer: Any, start: int, stop: int, state: list[Any]) -> bytes:
        """The first bytes of an ``answer`` that is the whole file, all of which is kept."""
        import tempfile

        if start:
            raise OSError(errno.EIO, CHANGED)
        if answer.content_length is None and "chunked" not in answer.headers.get("Transfer-Encoding", ""):
            raise OSError(errno.EIO, "the server does not say how long it is, so nobody can tell whether it is whole")
        self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this one
        async for chunk in answer.content.iter_chunked(1 << 20):
            self._copy.write(chunk)
        self.size = self._copy.tell()
        self._place.refuse_other([*state, self.size])
        self._copy.seek(0)
        return self._copy.read(stop)


def _ask(system: Any, bucket: str) -> None:
    """Ask for the ``bucket``; FileNotFoundError where there is none. Who may not ask might still write."""
    try:
        system.info(bucket)
    except FileNotFoundError:
        raise
    except OSError:
        return


def _range_of(answer: Any) -> tuple[int | None, int | None, int | None]:
    """First byte, byte after the last, and size of the file, as the ``answer`` states them."""
    match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", answer.headers.get("Content-Range", ""))
    if match is None:
        return None, None, None
    first, last, size = (None if text is None else int(text) for text in match.groups())
    return first, None if last is None else last + 1, size
