"""dir's usual metrics of two arrays by shot region, with polars."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl

train, target, prediction = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("train", "target", "prediction"))
counts = pl.DataFrame({"bin": np.floor(train)}).group_by("bin").agg(pl.len().alias("train"))
seen = pl.col("train").fill_null(0)
shot = pl.when(seen < 20).then(pl.lit("few")).when(seen > 100).then(pl.lit("many")).otherwise(pl.lit("medium"))
rows = pl.LazyFrame({"target": target, "prediction": prediction, "bin": np.floor(target)})
scored = rows.join(counts.lazy(), on="bin", how="left").with_columns(shot.alias("region"))
error = pl.col("prediction") - pl.col("target")
sums = [
    pl.len().alias("n"),
    error.abs().mean().alias("mae"),
    (error**2).mean().alias("mse"),
    (error**2).mean().sqrt().alias("rmse"),
    error.abs().log().mean().exp().alias("gm"),
    pl.corr("target", "prediction").alias("pearson"),
    pl.corr("target", "prediction", method="spearman").alias("spearman"),
    error.mean().alias("bias"),
    (error == 0).sum().alias("exact"),
]
by_bin = scored.group_by("region", "bin").agg(error.abs().mean().alias("mae"))
tables = [
    scored.select(sums),
    scored.group_by("region").agg(sums),
    by_bin.select(pl.col("mae").mean()),
    by_bin.group_by("region").agg(pl.col("mae").mean()),
]
whole, regions, *balanced = pl.collect_all(tables)
shown = regions.filter(pl.col("region") == "few")["mae"]
sys.stdout.write(f"{whole['mae'][0]} {shown[0] if len(shown) else None}\n")
