"""Good prediction files of every format, and seeded damage to them: what programs, editors and cut-off copies make."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("CSV", "TSV", "JSON lines", "gzip", "Zstandard", "Parquet", "quotes")
TOKENS = [
    b",",
    b";",
    b"\t",
    b'"',
    b'""',
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b" ",
    b"nan",
    b"NaN",
    b"inf",
    b"Infinity",
    b"1e400",
]
TOKENS += [
    b"-0",
    b"007",
    b"1,5",
    b"1_000",
    b".5",
    b"5.",
    b"null",
    b"true",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\\ud800",
]
TOKENS += [
    b"\\u00e9",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    "\u00e9\u2028".encode(),
    b'"id"',
    b'"id": "x", ',
    b"prediction",
    b"x",
]


def good(seed: int) -> dict[str, bytes]:
    """Files of a few rows by their format, the same rows in all."""
    draw = np.random.default_rng(seed)
    size = int(draw.integers(1, 9))
    ids = [f"row {place}" if seed % 3 else str(place) for place in range(size)]
    targets, values = draw.integers(0, 99, size).tolist(), draw.normal(30, 9, size).round(seed % 17).tolist()
    columns = {"id": ids, "prediction": values, "target": targets}
    rows = list(zip(*columns.values(), strict=True))
    csv = "".join(",".join(map(str, row)) + "\n" for row in [tuple(columns), *rows]).encode()
    quoted = csv.replace(b"row", b'"row').replace(b",", b'",', 1) if seed % 2 else csv
    kinds = [dict(zip(columns, row, strict=True)) for row in rows]
    lines = "".join(
        json.dumps({**row, "id": int(row["id"])} if seed % 6 == 0 else row) + "\n" for row in kinds
    ).encode()
    sink, array = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    np.save(array, np.array(values))
    return {
        "CSV": csv,
        "CSV with quotes": quoted,
        "CSV with CRLF": csv.replace(b"\n", b"\r\n"),
        "TSV": csv.replace(b",", b"\t"),
        "semicolons": csv.replace(b",", b";"),
        "JSON lines": lines,
        "gzip": gzip.compress(csv if seed % 2 else lines, mtime=0),
        "Zstandard": bytes(pa.compress(csv.replace(b",", b"\t"), "zstd", asbytes=True)),
        "Parquet": sink.getvalue(),
        "npy": array.getvalue(),
    }


def damaged(data: bytes, seed: int) -> bytes:
    """``data`` after one or two changes: bytes that are cut, copied, turned over, replaced or come in between."""
    draw = np.random.default_rng(seed)
    for _ in range(int(draw.integers(1, 3))):
        start, end = sorted(draw.integers(0, len(data) + 1, 2).tolist())
        end = min(end, start + int(draw.integers(12)))
        token = TOKENS[int(draw.integers(len(TOKENS)))]
        part = data[start:end]
        changed = [b"", part + part, part[::-1], token, token + part, bytes([byte ^ 1 << start % 8 for byte in part])]
        data = data[:start] + changed[int(draw.integers(len(changed)))] + data[end:]
    return data if draw.random() > 0.1 else data[: int(draw.integers(len(data) + 1))]


def written(columns: dict[str, Any], form: str) -> bytes:
    """The columns as a file of this format."""
    if form == "Parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, row_group_size=50)
        return sink.getvalue()
    rows = list(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))
    if form == "JSON lines":
        return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows).encode()
    texts = [[f'"{value}"' if form == "quotes" else str(value) for value in row] for row in rows]
    csv = "".join(",".join(row) + "\n" for row in [list(columns), *texts]).encode()
    if form == "TSV":
        return csv.replace(b",", b"\t")
    packed = {"gzip": gzip.compress, "Zstandard": lambda data: bytes(pa.compress(data, "zstd", asbytes=True))}
    return packed.get(form, bytes)(csv)
