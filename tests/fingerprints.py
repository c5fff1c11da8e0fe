"""Makes ``manifests/NAME/fingerprints.parquet``: what is known of a benchmark's rows, and their split in each variant.

``python tests/fingerprints.py agedb --raw AgeDB.zip --released agedb.csv --variant vir=their.csv`` writes it anew. A
variant that is not given keeps what the file says of it. After ``NAME?=``, the files hold only some of that variant's
rows. A folder stands for the three files of sts-b.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dircli import datasets
from dircli.benchmark.records import Records, split_codes
from dircli.datasets import sts_b
from dircli.datasets.variants import ABSENT, UNKNOWN, keyed
from dircli.store.parquet import parquet_bytes
from dircli.store.raw.tree import OneFile, open_raw

KEYS = {
    "agedb": (r"^(?:.*[/\\])?(\d+)_.*(_\d{1,3}_[mf]\.jpg)$", r"\1\2"),  # names are not encoded alike everywhere
    "sts-b": (r"^.*/((?:[^/]*/){3}[^/]*)$", r"\1"),
    "nyud2": (r"^.*[/\\]([^/\\]+)[/\\]([^/\\]+)$", r"\1/\2"),
}
FOLDERS = {"agedb": "AgeDB/", "nyud2": "data/"}
HOME = Path(__file__).parents[1] / "manifests"


def rows_of(name: str, path: Path) -> tuple[Records, Any]:
    """The rows that published files list, and the split of each."""
    read = datasets.load(name).samples.read_released
    if read is None:  # lists of images
        lists = [path] if path.is_file() else sorted(path.glob("*.csv"))
        ids = {file: [line.partition(",")[0] for line in file.read_text().splitlines()] for file in lists}
        split = np.array(
            ["test" if "test" in file.name else "train" for file, each in ids.items() for _ in each], object
        )
        texts = np.array([key for each in ids.values() for key in each], object)
        return Records(ids=texts, targets=np.zeros(texts.size)), split
    return read(OneFile(path) if path.is_file() else open_raw(path))


def keys(ids: Any, name: str) -> Any:
    """The key of each id, (n,)."""
    return keyed(pa.array(ids, pa.large_string()), KEYS[name])


def made(name: str, raw: Path | None, released: Path, variants: dict[str, Path]) -> bytes:
    """The bytes of the file."""
    dataset = datasets.load(name)
    records, split = rows_of(name, released)
    known = keys(records.ids, name)
    assert np.unique(known).size == known.size
    place = {key: row for row, key in enumerate(records.ids)}
    if raw and dataset.samples.read:
        with open_raw(raw) as tree:
            place = {key: row for row, key in enumerate(dataset.samples.read(tree).ids)}
    orders = {"raw": np.array([place[key] for key in records.ids]), "sorted": rank(np.argsort(records.ids.astype(str)))}
    splits = {"released": split_codes(split)}
    kept(name, known, orders, splits)
    for called, path in variants.items():
        codes = np.full(known.size, UNKNOWN if called.endswith("?") else ABSENT, np.uint8)
        theirs, split = rows_of(name, path)
        order = np.argsort(known)
        rows = order[np.searchsorted(known[order], keys(theirs.ids, name))]
        assert np.array_equal(known[rows], keys(theirs.ids, name))
        codes[rows] = split_codes(split)
        splits[called.removesuffix("?")] = codes
        if dataset.rules.recipe.published_seed is not None and rows.size == known.size:
            orders[called] = rank(rows)
    columns = {"key": known, "target": records.targets if dataset.counted == "samples" else np.full(known.size, np.nan)}
    columns |= {f"order_{order}": places.astype(np.int16) for order, places in orders.items()}
    columns |= {f"split_{variant}": codes for variant, codes in splits.items()}
    of_ids = {"key": KEYS[name], "folder": FOLDERS.get(name, ""), "columns": [], "header": []}
    if name == "sts-b":
        of_ids |= {"columns": list(sts_b.KEY), "header": list(sts_b.HEADER)}
    few = ["target", *(f"split_{variant}" for variant in splits)]  # values that repeat
    return parquet_bytes({column: pa.array(values) for column, values in columns.items()}, of_ids, dictionary=few)


def rank(rows: Any) -> Any:
    """The place of each row, (n,), in the order ``rows`` (n,)."""
    return np.argsort(rows)


def kept(name: str, known: Any, orders: dict[str, Any], splits: dict[str, Any]) -> None:
    """Into ``orders`` and ``splits``, what the file there holds of variants."""
    path = HOME / name / "fingerprints.parquet"
    if not path.is_file():
        return
    table = pq.read_table(path)
    assert np.array_equal(table["key"].to_numpy(), known)
    for column in table.column_names:
        kind, _, called = column.partition("_")
        for of_kind, of_name in (("order", orders), ("split", splits)):
            if kind == of_kind:
                of_name.setdefault(called, table[column].to_numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(KEYS))
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--released", type=Path, required=True)
    parser.add_argument("--variant", action="append", default=[], metavar="NAME[?]=PATH")
    given = parser.parse_args()
    variants = {called: Path(path) for called, _, path in (each.rpartition("=") for each in given.variant)}
    (HOME / given.name / "fingerprints.parquet").write_bytes(made(given.name, given.raw, given.released, variants))


if __name__ == "__main__":
    main()
