"""dir's usual metrics of two arrays by shot region, with pandas."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

train, target, prediction = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("train", "target", "prediction"))
counts = pd.Series(np.floor(train)).value_counts()
rows = pd.DataFrame({"target": target, "prediction": prediction, "bin": np.floor(target)})
seen = rows["bin"].map(counts).fillna(0)
rows["region"] = np.select([seen < 20, seen > 100], ["few", "many"], "medium")
rows["error"] = rows["prediction"] - rows["target"]


def sums(group: pd.DataFrame) -> dict[str, float]:
    error = group["error"]
    mse = float((error**2).mean())
    return {
        "n": len(group),
        "mae": float(error.abs().mean()),
        "mse": mse,
        "rmse": mse**0.5,
        "gm": float(np.exp(np.log(error.abs()).mean())),
        "pearson": float(group["target"].corr(group["prediction"])),
        "spearman": float(group["target"].corr(group["prediction"], method="spearman")),
        "bias": float(error.mean()),
        "bmae": float(error.abs().groupby(group["bin"]).mean().mean()),
        "exact": int((error == 0).sum()),
    }


found = {"all": sums(rows)} | {str(region): sums(group) for region, group in rows.groupby("region")}
sys.stdout.write(f"{found['all']['mae']} {found['few']['mae'] if 'few' in found else None}\n")
