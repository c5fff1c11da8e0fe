"""The sums of dir's metrics by region, in SQL: predictions joined by id to the manifest's test rows."""

from __future__ import annotations

import sys

import duckdb

path, manifest = sys.argv[1:]
typed = "{'id': 'VARCHAR', 'prediction': 'DOUBLE'}"
predictions = f"read_csv('{path}', header = true, columns = {typed})" if path.endswith(".csv") else f"'{path}'"
rows = duckdb.sql(f"""
with scored as (
    select s.target as y, p.prediction as p, p.prediction - s.target as e, b.region_released as region
    from '{manifest}/samples.parquet' s join {predictions} p using (id) join '{manifest}/bins.parquet' b using (bin)
    where s.split = 'test'
)
select coalesce(region, 'all') as region, count(*), avg(abs(e)), avg(e * e), sqrt(avg(e * e)),
       exp(avg(ln(greatest(abs(e), 1e-300)))), corr(y, p), avg(e)
from scored group by grouping sets ((region), ())
""").fetchall()  # noqa: S608 - the paths are the runner's own
maes = {region: mae for region, _, mae, *_ in rows}
sys.stdout.write(f"{maes['all']} {maes.get('few')}\n")
