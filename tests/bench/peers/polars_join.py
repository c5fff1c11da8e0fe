"""The sums of dir's metrics by region, with polars: predictions joined by id to the manifest's test rows."""

from __future__ import annotations

import sys

import polars as pl

path, manifest = sys.argv[1:]
predictions = pl.scan_csv(path) if path.endswith(".csv") else pl.scan_parquet(path)
bins = pl.scan_parquet(f"{manifest}/bins.parquet").select("bin", "region_released")
tested = pl.scan_parquet(f"{manifest}/samples.parquet").filter(pl.col("split") == "test")
error = pl.col("prediction") - pl.col("target")
sums = [
    pl.len().alias("n"),
    error.abs().mean().alias("mae"),
    (error**2).mean().alias("mse"),
    (error**2).mean().sqrt().alias("rmse"),
    error.abs().log().mean().exp().alias("gm"),
    pl.corr("target", "prediction").alias("pearson"),
    error.mean().alias("bias"),
]
scored = tested.join(predictions, on="id").join(bins, on="bin")
whole, by_region = pl.collect_all([scored.select(sums), scored.group_by("region_released").agg(sums)])
few = by_region.filter(pl.col("region_released") == "few")["mae"]
sys.stdout.write(f"{whole['mae'][0]} {few[0] if len(few) else None}\n")
