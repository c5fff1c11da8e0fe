"""What a raw source is: the facts about one file, and the tree of named members that a dataset reads.

`datasets` declares sources and reads trees; `store` fetches sources and opens trees. Neither imports the other, so
what they agree on stands here, below both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Holds = Literal["labels", "images", "recordings", "released"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One raw file: its name under ``DIR_DATA/<dataset>/``, where it is had, and how it is recognised.

    ``digest`` is ``algorithm:hex`` with algorithm sha256, md5 or git (a git blob id), or None where no hash is known;
    ``size`` is in bytes, or None. ``urls`` are tried in order; none means that only its owners hand it out (see the
    dataset's ``obtain`` steps). ``gives`` are the files in it that a reader needs: where those are at hand, the source
    itself is not missed.
    """

    file: str
    holds: Holds
    urls: tuple[str, ...] = ()
    size: int | None = None
    digest: str | None = None
    gives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A folder of a provider: ``choose`` picks, of the paths in it, those that a dataset uses; ``what`` names them."""

    holds: Holds
    folder: str
    what: str
    choose: Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A provider that lists its files, with size and md5, and hands them out to whoever holds a token.

    ``listing`` is the address that lists a folder, given as the query parameter ``path``; ``files`` is what a file's
    path is appended to. The token is the query parameter ``parameter``, and may stand in the environment's
    ``variable``. Files keep the provider's paths under ``DIR_DATA/<dataset>/``.
    """

    listing: str
    files: str
    variable: str
    parameter: str = "auth_token"
    shelves: tuple[Shelf, ...]

    def as_json(self) -> list[dict[str, str]]:
        """What there is, for those who list the facts of a dataset."""
        return [
            {"files": f"{shelf.folder}/{shelf.what}", "holds": shelf.holds, "listed": self.listing}
            for shelf in self.shelves
        ]


class Raw(Protocol):
    """A tree of named members: a folder, a zip or a tar, or a folder with such archives in it."""

    @property
    def name(self) -> str:
        """What messages and manifests call it: the last part of its path, never the whole."""
        ...

    def members(self) -> Sequence[str]:
        """All regular files as relative POSIX paths, sorted.

        A member of an archive in a folder is ``archive.zip!/path/in/it``.
        """
        ...

    def find(self, name: str) -> str | None:
        """The one member whose path is ``name`` or ends in ``/name``; None if there is none.

        Plain files come before members of archives. Raises InputError where several plain files, or members of
        several archives, answer to the name.
        """
        ...

    def size(self, member: str) -> int:
        """The uncompressed size of ``member`` in bytes."""
        ...

    def stamp(self, member: str) -> str:
        """What changes when ``member`` is written anew: sizes and times, of its archive where it is in one."""
        ...

    def open(self, member: str) -> IO[bytes]:
        """``member`` as a readable binary stream; use as a context manager. Seekable where its container is."""
        ...
