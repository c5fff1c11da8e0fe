"""Read a CSV or Parquet file with pyarrow, and write it again."""

from __future__ import annotations

import sys

source, out = sys.argv[1:]
if source.endswith(".csv"):
    from pyarrow import csv

    csv.write_csv(csv.read_csv(source), out)
else:
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(source), out)
