"""Tables, manifests and predictions, made up from a seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

SEED = 666
PROJECT = Path(__file__).parents[3]
BLOCK = 1_000_000


def table(folder: Path, rows: int) -> None:
    """table.csv and table.parquet: shuffled ids, targets from -2 to 16 in steps of 0.1, and three features."""
    generator = np.random.default_rng(SEED)
    targets = np.clip(np.round(generator.gamma(2, 2, rows) - 2, 1), -2, 16) + 0.0
    features = generator.standard_normal((rows, 3)).round(4)
    columns = {"id": _ids(generator, rows), "y": targets} | {f"x{k}": features[:, k] for k in range(3)}
    _write(folder / "table", pa.table(columns))


def joined(folder: Path, rows: int) -> None:
    """The manifest `big`, whose test split is all but a thirtieth, and predictions of it in random order."""
    generator = np.random.default_rng(SEED)
    splits = np.full(rows, "test", dtype=object)
    splits[: rows // 30], splits[rows // 30 : rows // 30 + rows // 1000] = "train", "val"
    ids, targets = _ids(generator, rows), _targets(generator, rows)
    _curated(folder, pa.table({"id": ids, "y": targets, "split": pa.array(splits)}), "--split-column", "split")
    manifest = pq.read_table(folder / "manifests" / "big" / "samples.parquet")
    tested = manifest.filter(pc.equal(manifest["split"], "test"))
    tested = tested.take(pa.array(generator.permutation(tested.num_rows)))
    predictions = np.asarray(tested["target"].combine_chunks()) + generator.normal(0, 5, tested.num_rows)
    _write(folder / "predictions", pa.table({"id": tested["id"], "prediction": predictions}))


def drawn(folder: Path, rows: int) -> None:
    """The manifest `big`, whose split is drawn."""
    generator = np.random.default_rng(SEED)
    _curated(folder, pa.table({"id": _ids(generator, rows), "y": _targets(generator, rows)}))


def divided(folder: Path, rows: int) -> None:
    """The manifest `big`, and split.csv, its rows in random order with the split of each."""
    drawn(folder, rows)
    samples = pq.read_table(folder / "manifests" / "big" / "samples.parquet", columns=["target", "id", "split"])
    csv.write_csv(samples.take(pa.array(np.random.default_rng(SEED).permutation(rows))), folder / "split.csv")


def trained(folder: Path, rows: int) -> None:
    """The manifest `big`, in which ``rows`` rows train, and 1,000 more are tested."""
    generator = np.random.default_rng(SEED)
    splits = np.r_[np.full(rows, "train", dtype=object), np.full(1_000, "test", dtype=object)]
    ids, targets = _ids(generator, rows + 1_000), _targets(generator, rows + 1_000)
    _curated(folder, pa.table({"id": ids, "y": targets, "split": pa.array(splits)}), "--split-column", "split")


def carried(folder: Path, rows: int) -> None:
    """carried.csv and carried.parquet: targets within AgeDB's bins, and predictions, written block by block."""
    generator = np.random.default_rng(SEED)
    schema = pa.schema({"target": pa.float64(), "prediction": pa.float64()})
    path = str(folder / "carried")
    with csv.CSVWriter(path + ".csv", schema) as text, pq.ParquetWriter(path + ".parquet", schema) as columns:
        for first in range(0, rows, BLOCK):
            targets = np.round(generator.gamma(8, 5, min(BLOCK, rows - first)).clip(1, 100))
            predictions = np.round(targets + generator.normal(0, 5, targets.size), 4)
            block = pa.table({"target": targets, "prediction": predictions}, schema=schema)
            text.write_table(block)
            columns.write_table(block)


def arrays(folder: Path, rows: int) -> None:
    """train.npy, target.npy and prediction.npy, as a training loop has them."""
    generator = np.random.default_rng(SEED)
    targets = _targets(generator, rows)
    np.save(folder / "train.npy", _targets(generator, rows // 10))
    np.save(folder / "target.npy", targets)
    np.save(folder / "prediction.npy", targets + generator.normal(0, 5, rows))


def agedb(folder: Path, rows: int) -> None:
    """AgeDB-DIR's manifest, from agedb.csv in DIR_REAL_DATA or else as many rows of each bin, and predictions of it."""
    source = Path(os.environ.get("DIR_REAL_DATA", "")) / "agedb" / "agedb.csv"
    if source.is_file():
        _dir("curate", "agedb", "--released", str(source), "--out", str(folder / "manifests"))
    else:
        _made_up_agedb(folder)
    manifest = pq.read_table(folder / "manifests" / "agedb" / "samples.parquet")
    tested = manifest.filter(pc.equal(manifest["split"], "test"))
    assert tested.num_rows == rows
    noise = np.random.default_rng(SEED).normal(0, 5, rows)
    predictions = np.round(np.asarray(tested["target"].combine_chunks()) + noise, 4)
    shuffled = pa.array(np.random.default_rng(SEED).permutation(rows))
    csv.write_csv(pa.table({"id": tested["id"], "prediction": predictions}).take(shuffled), folder / "predictions.csv")


def _made_up_agedb(folder: Path) -> None:
    """A table of one's own with AgeDB-DIR's counts, curated in its bins."""
    bins = pq.read_table(PROJECT / "manifests" / "agedb" / "bins.parquet").to_pydict()
    lines = ["id,age,split"]
    for split in ("train", "val", "test"):
        ages = np.repeat(bins["low"], bins[split])
        lines += [f"AgeDB/{split}_{row}_{age:.0f}.jpg,{age:.0f},{split}" for row, age in enumerate(ages)]
    (folder / "agedb.csv").write_text("\n".join([*lines, ""]))
    given = ("--target", "age", "--id", "id", "--split-column", "split", "--bin-width", "1", "--name", "agedb-like")
    _dir("curate", "custom", "--table", str(folder / "agedb.csv"), *given, "--out", str(folder / "manifests"))
    (folder / "manifests" / "agedb-like").rename(folder / "manifests" / "agedb")
    (folder / "note.txt").write_text("made-up rows, as many of each age")


def _curated(folder: Path, rows: pa.Table, *options: str) -> None:
    """The manifest `big` of these rows, in bins of width 1."""
    path = folder / "whole.parquet"
    pq.write_table(rows, path)
    given = ("--target", "y", "--id", "id", "--name", "big", "--bin-width", "1", *options)
    _dir("curate", "custom", "--table", str(path), *given, "--out", str(folder / "manifests"))
    path.unlink()


def _dir(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "dircli", *words], check=True, stdout=subprocess.DEVNULL)


def _ids(generator: Generator, rows: int) -> pa.Array:
    """Names of files, in random order."""
    numbers = pc.utf8_lpad(pa.array(generator.permutation(rows)).cast(pa.string()), 8, "0")
    return pc.binary_join_element_wise("sample/", numbers, ".jpg", "")


def _targets(generator: Generator, rows: int) -> NDArray[np.float64]:
    """From 0 to 119.9, most of them around 35."""
    years: NDArray[np.float64] = np.clip(generator.gamma(4, 10, rows), 0, 119.9)
    return years.round(2)


def _write(path: Path, rows: pa.Table) -> None:
    csv.write_csv(rows, path.with_suffix(".csv"))
    pq.write_table(rows, path.with_suffix(".parquet"))
