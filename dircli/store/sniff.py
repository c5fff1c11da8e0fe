"""How files begin, by which their kind is known, whatever they are called."""

import codecs
import struct
from typing import cast

NPY = b"\x93NUMPY"
HDF5 = b"\x89HDF\r\n\x1a\n"
PARQUET = b"PAR1"
PNG = b"\x89PNG\r\n\x1a\n"
ZIP = b"PK\x03\x04"
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
PICKLE = b"\x80"
FOREIGN = {
    ZIP: "a zip archive, such as .npz, .xlsx and .pt files are",
    PICKLE: "a pickle",
    b"[{": "a JSON array",
    b"[\n": "a JSON array",
}
"""Of no file of predictions, and what a file is that begins so."""
LINES = 'with pandas, to_json(…, orient="records", lines=True)'
"""How JSON lines are written, and not a JSON array."""
PAGE, FOLDERS = "this is a web page", "The URL of a folder ends in /"
"""What to say of a page that was taken for a table."""
PNG_HEADER = 26  # bytes


def is_text(data: bytes) -> bool:
    """Whether ``data`` is UTF-8 without a zero byte."""
    try:
        return b"\0" not in data and (data.isascii() or data.decode() is not None)
    except UnicodeDecodeError:
        return False


def is_page(data: bytes) -> bool:
    """Whether ``data`` begins as a web page does, with or without a byte order mark."""
    return data.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def png_header(data: bytes) -> tuple[int, int, int, int] | None:
    """Width, height, bits and colour type (0 is grey) of the PNG that ``data`` begins; None where it is no PNG."""
    if not data.startswith(PNG) or data[12:16] != b"IHDR" or len(data) < PNG_HEADER:
        return None
    return cast("tuple[int, int, int, int]", struct.unpack(">IIBB", data[16:PNG_HEADER]))
