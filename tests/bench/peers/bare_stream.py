"""Read a CSV or Parquet file block by block with pyarrow, and do nothing else."""

from __future__ import annotations

import sys

path = sys.argv[1]
if path.endswith(".csv"):
    from pyarrow import csv

    with csv.open_csv(path) as blocks:
        rows = sum(block.num_rows for block in blocks)
else:
    import pyarrow.parquet as pq

    rows = sum(block.num_rows for block in pq.ParquetFile(path).iter_batches())
sys.stdout.write(f"{rows}\n")
