"""Digests of bytes and files, as manifests, sources and git write them."""

from __future__ import annotations

import hashlib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from hashlib import _Hash


CHUNK = 1 << 20


def git_blob(data: bytes) -> str:
    """The git blob id of ``data``, 40 hex digits: the sha1 of ``blob <size>``, a zero byte and the data."""
    return _git([data], len(data))


def digest_of(content: Path | Iterable[bytes], algorithm: str) -> str:
    """The digest of a file or of chunks of bytes as ``algorithm:hex``; algorithm is sha256, md5 or git."""
    if algorithm == "git":
        if isinstance(content, Path):
            return f"git:{_git(chunks_of(content), content.stat().st_size)}"
        return f"git:{git_blob(b''.join(content))}"
    hashing = hasher(algorithm)
    for chunk in chunks_of(content) if isinstance(content, Path) else content:
        hashing.update(chunk)
    return f"{algorithm}:{hashing.hexdigest()}"


def _git(chunks: Iterable[bytes], size: int) -> str:
    hashing = hashlib.sha1(usedforsecurity=False)
    for chunk in chain([f"blob {size}\0".encode()], chunks):
        hashing.update(chunk)
    return hashing.hexdigest()


def hasher(algorithm: str) -> _Hash:
    """A new hash by ``algorithm``, sha256 or md5."""
    if algorithm not in ("sha256", "md5"):
        raise ValueError(f"no such digest algorithm: {algorithm}")
    return hashlib.new(algorithm, usedforsecurity=algorithm == "sha256")


def chunks_of(path: Path) -> Iterator[bytes]:
    """The bytes of the file at ``path``, a mebibyte at a time."""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def sha256(data: bytes) -> str:
    """The digest of ``data`` as manifests write it: ``sha256:<hex>``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
