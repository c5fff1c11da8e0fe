"""Kinds of files by how they begin, and digests of whatever holds bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from dircli.store.digests import chunks_of, digest_of
from dircli.store.sniff import is_page, png_header

if TYPE_CHECKING:
    from pathlib import Path


def test_a_png_says_its_size_its_bits_and_its_colours() -> None:
    for mode, expected in (("L", (5, 3, 8, 0)), ("I;16", (5, 3, 16, 0)), ("RGB", (5, 3, 8, 2))):
        stream = io.BytesIO()
        Image.new(mode, (5, 3)).save(stream, "PNG")
        assert png_header(stream.getvalue()) == expected
    for cut in (0, 8, 16, 25):
        assert png_header(stream.getvalue()[:cut]) is None
    assert png_header(b"GIF89a" + bytes(40)) is None


@pytest.mark.parametrize("head", ["<html>", "\n <!DOCTYPE html>", "\ufeff<!doctype html>", "\ufeff\n<html>"])
def test_a_web_page_is_known_with_and_without_a_byte_order_mark(head: str) -> None:
    assert is_page(head.encode())
    assert not is_page(f"id,prediction\n{head}".encode())


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "git"])
def test_a_file_a_stream_and_chunks_of_the_same_bytes_have_one_digest(algorithm: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(data)
    digest = digest_of(tmp_path / "file", algorithm)
    assert digest == digest_of(chunks_of(io.BytesIO(data)), algorithm) == digest_of([data[:7], data[7:]], algorithm)
    assert digest.startswith(f"{algorithm}:")
