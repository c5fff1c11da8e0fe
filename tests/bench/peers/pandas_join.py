"""The sums of dir's metrics by region, with pandas: predictions joined by id to the manifest's test rows."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

path, manifest = sys.argv[1:]
predictions = pd.read_csv(path) if path.endswith(".csv") else pd.read_parquet(path)
samples = pd.read_parquet(f"{manifest}/samples.parquet")
regions = pd.read_parquet(f"{manifest}/bins.parquet").set_index("bin")["region_released"]
scored = samples[samples["split"] == "test"].merge(predictions, on="id", validate="one_to_one")
scored["region"] = scored["bin"].map(regions)


def sums(rows: pd.DataFrame) -> dict[str, float]:
    error = rows["prediction"] - rows["target"]
    mse = float((error**2).mean())
    return {
        "mae": float(error.abs().mean()),
        "mse": mse,
        "rmse": mse**0.5,
        "gm": float(np.exp(np.log(error.abs()).mean())),
        "pearson": float(rows["target"].corr(rows["prediction"])),
        "bias": float(error.mean()),
    }


found = {"all": sums(scored)} | {str(region): sums(rows) for region, rows in scored.groupby("region")}
sys.stdout.write(f"{found['all']['mae']} {found['few']['mae'] if 'few' in found else None}\n")
