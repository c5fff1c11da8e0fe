"""What a raw source is: the facts about one file, and the tree of named members that a dataset reads.

`datasets` declares sources and reads trees; `store` fetches sources and opens trees. Neither imports the other, so
what they agree on stands here, below both.
"""

from collections.abc import Sequence
from typing import IO, Protocol


class Raw(Protocol):
    """A tree of named members: a folder, a zip or a tar, or a folder with such archives in it."""

    @property
    def name(self) -> str:
        """Its path as it was given: for messages alone, since no manifest may hold a path of the machine."""

    def where(self, member: str) -> str:
        """What messages call ``member``: its path behind that of the tree."""

    def inside(self, where: str) -> str:
        """``where`` of a message as files may state it: without the folders that lead to the tree."""

    def members(self) -> Sequence[str]:
        """All regular files as sorted relative POSIX paths, ``archive.zip!/path/in/it`` for those in archives."""

    def find(self, name: str) -> str | None:
        """The one member whose path is ``name`` or ends in ``/name``; None if there is none.

        Plain files come before members of archives. Raises InputError where several plain files, or members of
        several archives, answer to the name.
        """

    def size(self, member: str) -> int:
        """The uncompressed size of ``member`` in bytes."""

    def stamp(self, member: str) -> str:
        """What changes when ``member`` is written anew: sizes and times, of its archive where it is in one."""

    def open(self, member: str) -> IO[bytes]:
        """``member`` as a readable binary stream; use as a context manager. Seekable where its container is."""


def image_of(raw: Raw, key: str) -> str | None:
    """The member that is the image of the id ``key``: its path in the source, or one that ends in it; else None.

    The first folder of the id may be the source itself.
    """
    return raw.find(key) or raw.find(key.partition("/")[2])
