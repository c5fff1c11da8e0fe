"""Command lines that stand under the help of each command, as they would be typed."""

EXAMPLES = {
    "datasets": ("dir datasets", "dir datasets --json"),
    "info": ("dir info agedb", "dir info sts-b --cite", "dir info --metrics"),
    "download": (
        "dir download sts-b --dry-run",
        "dir download agedb --accept-license",
        "dir download imdb-wiki --only all",
    ),
    "curate": (
        "dir curate agedb",
        "dir curate sts-b --split redraw --seed 7 --name sts-b-7",
        "dir curate custom --table houses.csv --target price --id house",
        "dir curate custom --table s3://bucket/houses --target price --id house --engine dask",
    ),
    "suggest": ("dir suggest agedb", "dir suggest agedb --plot kernels.png"),
    "weights": (
        "dir weights agedb --kernel gaussian --ks 5 --sigma 2",
        "dir weights agedb --scheme inverse --out weights.csv",
        "dir weights houses --format lightgbm --order train.csv --out train.weight",
    ),
    "evaluate": (
        "dir evaluate preds.csv --dataset agedb",
        "dir evaluate base.csv ours.csv --dataset agedb --ci --metrics mae,gm",
        'dir evaluate preds.csv --dataset agedb --fail-if "few.mae > 12"',
        "dir evaluate 'preds/*.parquet' --dataset houses --engine dask --scheduler tcp://HOST:8786",
    ),
    "explain": ("dir explain preds.csv --dataset agedb", "dir explain preds.csv --dataset agedb --json"),
    "leaderboard": ("dir leaderboard --dataset agedb", "dir leaderboard runs --region few --metric mae"),
    "verify": ("dir verify agedb", "dir verify sts-b --leakage"),
    "identify": ("dir identify agedb.csv", "dir identify splits --fail-if-contaminated --json"),
    "export": (
        "dir export agedb --format released --out data",
        "dir export agedb --format croissant --out published",
        "dir export houses --format codabench --out bundle.zip",
    ),
    "fds": (
        "dir fds features.h5 --dataset agedb --out calibrated.h5",
        "dir fds features.h5 --dataset agedb --similarity --anchor 30",
    ),
    "resample": (
        "dir resample --table train.csv --target y --method smogn --out rows.csv",
        "dir resample agedb --features faces.parquet --method smoter --out rows.parquet",
    ),
    "plot": ("dir plot agedb", "dir plot agedb --lds --out lds.svg", "dir plot agedb base.csv ours.csv"),
    "demo": ("dir demo", "dir demo --out demo"),
}
"""By command; each parses."""


def epilog(name: str) -> str:
    """The examples of the command called ``name``, as they stand under its help."""
    return "\n".join(["Examples:", *(f"  $ {line}" for line in EXAMPLES[name])])
