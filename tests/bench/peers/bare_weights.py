"""Read the columns that weights are made of, and write as many, with pyarrow."""

from __future__ import annotations

import sys

import pyarrow.compute as pc
import pyarrow.parquet as pq

samples, out = sys.argv[1:]
rows = pq.read_table(samples, columns=["id", "target", "bin", "split"])
train = rows.filter(pc.equal(rows["split"], "train")).drop_columns(["split"])
pq.write_table(train.append_column("weight", train["target"]), out)
