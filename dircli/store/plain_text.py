"""Delimited text in which nothing is wrong or unusual, read by Arrow; whatever else there is, is left to `text.parse`.

What Arrow reads here, `text.parse` and `text.numbers` read as well, and as the same values: rows of equal length,
quotes only around whole fields, finite numbers. That the reverse does not hold costs time alone.
"""

from __future__ import annotations

import codecs
import csv as rows_of
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dircli.store import sniff

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20  # bytes that a thread parses at once
LOOKED_AT = 1 << 20  # bytes whose quotes are looked at, at once


def read(
    data: bytes, *, texts: Collection[str], numbers: Collection[str], needed: Sequence[str], delimiter: str = ","
) -> pa.Table | None:
    """The columns in ``data`` that ``texts`` or ``numbers`` name, without nulls; None where anything is unusual.

    All ``needed`` ones are among them. Numbers are finite.
    """
    begin = data.find(b"\n") + 1
    names = header(data[:begin], delimiter)
    return rows(data, begin, header=names, texts=texts, numbers=numbers, needed=needed, delimiter=delimiter)


def rows(  # noqa: PLR0913 - all but the text and its place are named
    data: bytes,
    begin: int = 0,
    *,
    header: Sequence[str],
    texts: Collection[str],
    numbers: Collection[str],
    needed: Sequence[str],
    delimiter: str,
    threads: bool = True,
) -> pa.Table | None:
    """What `read` gives of the rows that stand in ``data`` from ``begin`` on, under a ``header``.

    By all cores, or without ``threads``.
    """
    import pyarrow as pa
    from pyarrow import csv

    if not set(needed) <= set(header) or not is_plain(data, begin, delimiter):
        return None
    if data.startswith(codecs.BOM_UTF8, begin):  # which Arrow would leave out, wherever rows begin
        return None
    types = dict.fromkeys(texts, pa.large_string()) | dict.fromkeys(numbers, pa.float64())
    wanted = [name for name in header if name in types]
    body = pa.py_buffer(data).slice(begin)
    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(
                column_names=header, block_size=BLOCK if threads else len(body) + 1, use_threads=threads
            ),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=data.find(b'"', begin) >= 0),
            convert_options=csv.ConvertOptions(
                include_columns=wanted, column_types=types, null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowException:
        return None
    values = (np.asarray(chunk) for name in wanted if name in numbers for chunk in table[name].chunks)
    return table if all(np.isfinite(chunk).all() for chunk in values) and len(table) else None


def header(line: bytes, delimiter: str) -> list[str]:
    """The names in the first ``line``; none where it is empty, or does not end there, or a name stands twice."""
    try:
        (fields,) = rows_of.reader([line.decode("utf-8-sig")], delimiter=delimiter, strict=True)
    except (ValueError, rows_of.Error):
        return []
    names = [field.strip() for field in fields]
    return names if any(names) and len(set(names)) == len(names) else []


def is_plain(data: bytes, begin: int, delimiter: str, *, quotes: bool = True) -> bool:
    """Whether ``data`` is UTF-8, its lines end in LF or CRLF, and ``quotes`` from ``begin`` on enclose fields."""
    if (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")) or not sniff.is_text(data):
        return False
    return not quotes or data.find(b'"', begin) < 0 or _quotes_enclose(data, begin, delimiter)


def _quotes_enclose(data: bytes, begin: int, delimiter: str) -> bool:
    """Whether the quotes from ``begin`` on come in pairs with a whole field between; no field holds a quote itself."""
    view = np.frombuffer(data, dtype=np.uint8)
    before, after = np.zeros(256, bool), np.zeros(256, bool)
    before[[ord(delimiter), *b"\n"]] = after[[ord(delimiter), *b"\r\n"]] = True
    is_open = False
    for start in range(begin, view.size, LOOKED_AT):
        quotes = np.flatnonzero(view[start : start + LOOKED_AT] == ord('"')) + start
        opening, closing = quotes[is_open::2], quotes[1 - is_open :: 2]
        if closing.size and closing[-1] == view.size - 1:
            closing = closing[:-1]
        if not (before[view[opening[opening > 0] - 1]].all() and after[view[closing + 1]].all()):
            return False
        is_open ^= bool(quotes.size % 2)
    return not is_open
