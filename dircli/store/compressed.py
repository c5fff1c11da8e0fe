"""Files compressed with gzip or Zstandard, known by how they begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dircli.errors import InputError, Problem, first_line
from dircli.store import sniff

CODECS = {sniff.GZIP: "gzip", sniff.ZSTD: "zstd"}
ENDINGS = (".gz", ".gzip", ".zst", ".zstd")
CHUNK = 1 << 20  # bytes that are decompressed at once
HINT = "Check that whatever wrote it has finished"


def codec_of(start: bytes) -> str | None:
    """With what a file that has this ``start`` is compressed; None where it is not."""
    return next((codec for magic, codec in CODECS.items() if start.startswith(magic)), None)


def expanded(data: bytes, name: str, codec: str) -> bytes:
    """The bytes that ``data`` holds, compressed by ``codec``; InputError where it is damaged or cut off.

    Of what turns out to be no text, as it has a zero byte or is blank, only the beginning: it need not all be had to be
    refused.
    """
    import pyarrow as pa

    chunks: list[bytes] = []
    blank: dict[bytes, bytes] = {}  # each kept once, for a small file may hold very many
    has_text = False
    with errors_of(name, codec), pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
        while chunk := stream.read(CHUNK):
            is_blank = chunk.isspace()
            has_text |= not is_blank
            chunks.append(blank.setdefault(chunk, chunk) if is_blank else chunk)
            if b"\0" in chunk and not chunks[0].startswith((sniff.NPY, sniff.PARQUET)):
                break
    return b"".join(chunks if has_text else chunks[:1])


def size(path: Path, codec: str, most: int) -> int:
    """How many bytes the file at ``path``, compressed by ``codec``, holds, counted to ``most``; 0 if it is damaged."""
    import pyarrow as pa

    count = 0
    try:
        with path.open("rb") as file, pa.CompressedInputStream(pa.PythonFile(file, "r"), codec) as stream:
            while count < most and (chunk := stream.read(CHUNK)):
                count += len(chunk)
    except pa.ArrowException:
        return 0
    return count


@contextmanager
def errors_of(name: str, codec: str) -> Iterator[None]:
    """InputError where what is compressed by ``codec`` in the file ``name`` is damaged or cut off."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        message = f"this is no whole {codec} file ({first_line(error)})"
        raise InputError(Problem(name, message, HINT)) from None
