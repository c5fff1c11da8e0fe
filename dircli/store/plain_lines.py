"""JSON lines in which nothing is wrong or unusual, read by Arrow; whatever else there is, is left to `predictions`.

What Arrow reads here, Python's own JSON reader reads as well, and as the same values: one flat object on each line,
each key once, ids of one kind, finite numbers. That the reverse does not hold costs time alone.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dircli.store import sniff

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 20  # bytes that a thread parses at once
MINUS_ZERO = re.compile(rb"-0\s*[,}]")  # a whole number, of which Python makes 0 and Arrow -0.0
HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a surrogate pair


def read(
    data: bytes, *, texts: Collection[str], numbers: Collection[str], needed: Sequence[str], threads: bool = True
) -> pa.Table | None:
    """The values in ``data`` under the keys of ``texts`` and ``numbers``, none null; None where anything is unusual.

    All ``needed`` ones are among them. Numbers are finite; whole numbers under ``texts`` become the texts they print.
    Without ``threads`` one core does it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import json as lines

    begin = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    count = _lines(data, begin)
    first = _object(data[begin:].partition(b"\n")[0] if count == 1 else data[begin : data.find(b"\n")])
    if not count or not set(needed) <= first.keys():
        return None
    types = {name: pa.int64() if type(first[name]) is int else pa.large_string() for name in texts if name in first}
    types |= {name: pa.float64() for name in numbers if name in first}
    try:
        table = lines.read_json(
            pa.BufferReader(pa.py_buffer(data).slice(begin)),
            read_options=lines.ReadOptions(block_size=BLOCK, use_threads=threads),
            parse_options=lines.ParseOptions(explicit_schema=pa.schema(types)),
        )
    except pa.ArrowException:
        return None
    others = [
        table[name] for name in table.column_names if name not in types and pa.types.is_floating(table[name].type)
    ]
    late = (set(texts) | set(numbers)) & set(table.column_names) - types.keys()
    if late or len(table) != count or any(pc.any(pc.is_inf(column)).as_py() for column in others):
        return None
    table = table.select(list(types))
    if any(column.null_count for column in table.columns):
        return None
    for name in types:
        if name in texts:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.large_string()))
        elif not _is_plain_number(np.asarray(table[name]), data):
            return None
    return table


def _lines(data: bytes, begin: int) -> int:
    """How many lines ``data`` has from ``begin`` on, if each is one flat object in UTF-8; else 0.

    No object ends within a line, for each begins with the one brace that the line has, and ends with the other.
    """
    end = len(data) - 2 * data.endswith(b"\r\n") - (data.endswith(b"\n") and not data.endswith(b"\r\n"))
    count = data.count(b"\n", begin, end) + 1
    is_flat = data.count(b"{") == data.count(b"}") == count and b"[" not in data
    if not is_flat or not data.startswith(b"{", begin) or not data.endswith(b"}", begin, end):
        return 0
    between = data.count(b"}\n{") + (data.count(b"}\r\n{") if b"\r" in data else 0)
    if between != count - 1 or (b"\\" in data and HALF.search(data)):
        return 0
    return count if sniff.is_text(data) else 0


def _object(line: bytes) -> dict[str, object]:
    """The object that ``line`` is; an empty one where it is none."""
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return first if isinstance(first, dict) else {}


def _is_plain_number(values: np.ndarray, data: bytes) -> bool:
    zeros = values[values == 0]
    return bool(np.isfinite(values).all()) and not (np.signbit(zeros).any() and MINUS_ZERO.search(data))
