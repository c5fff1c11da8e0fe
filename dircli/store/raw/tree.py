"""Raw sources read in place: a tree of named members, and nothing taken on trust.

A tree is a folder, a zip, a tar or a tar.gz, told apart by content; in a folder, each archive at its top level is one
more branch, opened only when a name is not among the plain files. The same files give the same members and the same
bytes through every container, and from a URL: of a folder there what its store or server lists, each file opened when
it is asked for; of an archive no more than is asked for, but a tar.gz from its start.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import IO, Any, cast

from dircli.errors import InputError, Problem, sample
from dircli.store.places import WEB, Remote, is_remote, name_in
from dircli.store.raw.formats import ENDINGS, FETCH, Archive, faults_at, is_junk, open_archive, stamp_of

OPENING = RLock()  # trees that were sent to a process are opened by one of its threads
UNFINISHED = (".part", ".part.json", ".lock", ".sha256.json")
UNLISTED = "Check the URL; a web server may not list what it has: give the URL of an archive, or a bucket"


class _Folder:
    """The plain files under a folder, or one file alone; archives among them count as plain files too."""

    def __init__(self, path: Path) -> None:
        self.name, self.path = str(path).rstrip("/") if is_remote(path) else str(path), path

    @cached_property
    def alone(self) -> bool:
        return self.path.is_file()

    @cached_property
    def files(self) -> dict[str, str]:
        with faults_at(self.name):
            if self.alone:
                return {self.path.name: self.name}
            return dict(_listed(self.path) if isinstance(self.path, Remote) else _walk(self.name, "", ()))

    @cached_property
    def archives(self) -> list[str]:
        names = [] if self.alone else list(self.files)
        return [name for name in names if "/" not in name and name.lower().endswith(ENDINGS)]

    def where(self, name: str) -> str:
        return self.name if self.alone else f"{self.name}/{name}"

    def at(self, name: str) -> Path:
        """The file called ``name``."""
        if self.alone:
            return self.path
        return self.path / self.files[name] if is_remote(self.path) else Path(self.files[name])

    def size(self, name: str) -> int:
        with faults_at(self.where(name)):
            return self.at(name).stat().st_size

    def stamp(self, name: str) -> str:
        return stamp_of(self.at(name), self.where(name))

    def open(self, name: str) -> IO[bytes]:
        with faults_at(self.where(name)):
            return self.at(name).open("rb")

    def close(self) -> None:
        """Nothing is held open."""


def _listed(folder: Remote) -> Iterator[tuple[str, str]]:
    """Name of every file in a ``folder`` elsewhere, and its URL from there on, in the order of the names.

    A server that lists nothing, and one that has no such folder, are not told apart.
    """
    base, _ = folder.divided()
    below: list[Remote] = []
    with suppress(*([FileNotFoundError] if folder.scheme in WEB else [])):
        below += folder.below()
    found = [(name_in(folder, place), place.divided()[0].removeprefix(f"{base}/")) for place in below]
    yield from sorted(each for each in found if not _is_left_out(each[0]))


def _is_left_out(name: str) -> bool:
    return is_junk(name) or name.endswith(UNFINISHED)


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name and path of every file under ``folder``; links are followed, but never into a folder they stand in."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        name = prefix + entry.name
        if _is_left_out(name):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, f"{name}/", (*above, real))
        elif entry.is_file():
            yield name, entry.path


def open_raw(path: Path) -> Tree:
    """Open the tree at ``path``, a folder or an archive; use as a context manager.

    Folders are read recursively and follow links, which are the user's own. Raises InputError where there is nothing
    to read: no such path, no archive, a damaged archive, or no files in it.
    """
    with faults_at(str(path)):
        if not (is_remote(path) and path.is_dir()):
            path.stat()
    return Tree(_Folder(path) if path.is_dir() else open_archive(path))


def named_file(path: Path) -> Tree:
    """The tree that holds the one file at ``path``, under its name."""
    return Tree(_Folder(path))


class Tree(AbstractContextManager["Tree"]):
    """A `Raw` over one folder or archive, and over the archives at the top level of a folder."""

    def __init__(self, plain: _Folder | Archive) -> None:
        self.name = plain.name
        self._plain = plain
        self._nested: dict[str, Archive] = {}
        self._names = _by_last_part(plain.files)
        if not self._names:
            unlisted = is_remote(plain.path) and not isinstance(plain, Archive)
            raise InputError(Problem(self.name, "holds no files", UNLISTED if unlisted else FETCH))

    def __getstate__(self) -> tuple[Path, bool]:
        """Where it is: a process that it is sent to opens it when it first looks into it."""
        if "sent" in self.__dict__:  # and goes on unopened
            return cast("tuple[Path, bool]", self.__dict__["sent"])
        return self._plain.path.absolute(), isinstance(self._plain, _Folder)

    def __setstate__(self, state: tuple[Path, bool]) -> None:
        self.__dict__["sent"] = state

    def __getattr__(self, attribute: str) -> Any:
        """Open a tree that was sent here; AttributeError where there is no such attribute."""
        with OPENING:
            if "sent" in self.__dict__:
                path, plain = self.__dict__["sent"]
                Tree.__init__(self, _Folder(path) if plain else open_archive(path))
                del self.__dict__["sent"]
        if attribute not in self.__dict__:
            raise AttributeError(attribute)
        return self.__dict__[attribute]

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open; the tree may be used again and then opens it anew."""
        for container in (self._plain, *self._nested.values()):
            container.close()

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
        members = _answering(self._names, name) or _answering(self._inner_names, name)
        if len(members) > 1:
            what = f"{len(members):,} files answer to the name {name!r}: {sample(members)}"
            raise InputError(Problem(self.name, what, "Keep one of them, or pass the folder that holds the right one"))
        return members[0] if members else None

    def where(self, member: str) -> str:
        """What messages call ``member``: its path behind that of the tree, as it was given."""
        return self._plain.where(member)

    def inside(self, where: str) -> str:
        """``where`` of a message as files may state it: without the folders that lead to the tree."""
        name = self._plain.path.absolute().name  # "." has none
        if isinstance(self._plain, _Folder) and not self._plain.alone and where != self.name:
            return where.removeprefix(f"{self.name}/")
        return name + where.removeprefix(self.name) if where.startswith(self.name) else where

    def size(self, member: str) -> int:
        """The uncompressed size of ``member`` in bytes."""
        source, name = self._locate(member)
        return source.size(name)

    def stamp(self, member: str) -> str:
        """What changes when ``member`` is written anew: sizes and times, of its archive where it is in one."""
        source, name = self._locate(member)
        return source.stamp(name)

    def open(self, member: str) -> IO[bytes]:
        """``member`` as a seekable binary stream; going back in a tar.gz reads it again from its start."""
        source, name = self._locate(member)
        return source.open(name)

    def _branch(self, file: str) -> Archive:
        """The archive ``file`` of the folder, opened once."""
        if file not in self._nested:
            self._nested[file] = open_archive(cast("_Folder", self._plain).at(file))  # an archive has none
        return self._nested[file]

    def _locate(self, member: str) -> tuple[_Folder | Archive, str]:
        """The container of ``member`` and the name it has there."""
        file, _, inner = member.partition("!/")
        if member in self._plain.files:
            return self._plain, member
        if file in self._plain.archives and inner in self._branch(file).files:
            return self._branch(file), inner
        raise InputError(Problem(self.name, f"holds no member {member!r}"))


def _by_last_part(names: Iterable[str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for name in names:
        index.setdefault(name.rpartition("/")[2], []).append(name)
    return index


def _answering(index: dict[str, list[str]], name: str) -> list[str]:
    """The members of ``index`` that answer to ``name``, sorted."""
    same = index.get(name.rpartition("/")[2], [])
    return sorted(member for member in same if member == name or member.endswith(f"/{name}"))


class OneFile(Tree):
    """A `Raw` of one file, which answers to any name that is asked of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(_Folder(path))

    def find(self, name: str) -> str:  # noqa: ARG002 - whatever it is called
        """The file."""
        return self._plain.path.name
