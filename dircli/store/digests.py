"""Digests of bytes and files, as manifests, sources and git write them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO

CHUNK = 1 << 20


def git_blob(data: bytes) -> str:
    """The git blob id of ``data``, 40 hex digits: the sha1 of ``blob <size>``, a zero byte and the data."""
    return digest_of([data], "git").removeprefix("git:")


def digest_of(content: Path | Iterable[bytes], algorithm: str) -> str:
    """The digest of a file or of chunks of bytes as ``algorithm:hex``; algorithm is sha256, md5 or git."""
    if algorithm == "git":
        content = content if isinstance(content, Path) else [b"".join(content)]
        size = content.stat().st_size if isinstance(content, Path) else len(content[0])
        hashing = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    else:
        hashing = hasher(algorithm)
    for chunk in chunks_of(content) if isinstance(content, Path) else content:
        hashing.update(chunk)
    return f"{algorithm}:{hashing.hexdigest()}"


def hasher(algorithm: str) -> hashlib._Hash:
    """A new hash by ``algorithm``, sha256 or md5."""
    if algorithm not in ("sha256", "md5"):
        raise ValueError(f"no such digest algorithm: {algorithm}")
    return hashlib.new(algorithm, usedforsecurity=algorithm == "sha256")


def chunks_of(source: Path | IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file or of an open stream, a mebibyte at a time."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
