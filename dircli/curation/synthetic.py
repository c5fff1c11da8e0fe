"""Made-up data for the demo: an AgeDB of names with the real counts per age, two predictors, and a table with features.

Nothing here resembles a face or a model; the shipped bins are the only real thing. Everything is drawn from fixed
seeds, so the demo prints the same numbers everywhere.
"""

from pathlib import Path

import numpy as np

from dircli.benchmark.records import SPLITS
from dircli.datasets.describe import SYNTHETIC_MARK
from dircli.errors import UsageError
from dircli.store import files, manifests

SEED = 2021
TABLE_ROWS = 3000


def write_agedb(path: Path) -> None:
    """A zip of empty files named as AgeDB's are, as many of each age as the shipped bins of agedb count."""
    shipped = manifests.shipped("agedb")
    if shipped is None:
        raise UsageError("the bins of agedb do not come with this installation; install dircli again")
    table = manifests.read_bins(shipped)
    counts = np.sum([table.counts[part] for part in SPLITS], axis=0)
    ages = np.random.default_rng(SEED).permutation(np.repeat(np.arange(len(counts)), counts))
    people = ((index, age, index % 568, "mf"[index % 2]) for index, age in enumerate(ages))
    names = (f"AgeDB/{index}_SyntheticPerson{who:03}_{age}_{gender}.jpg" for index, age, who, gender in people)
    mark = (f"AgeDB/{SYNTHETIC_MARK}", b"Names, persons and ages are made up; only the counts per age are real.\n")
    files.write(path, files.zipped([mark, *((name, b"") for name in names)]), force=True)


def write_predictions(manifest: Path) -> None:
    """``plain.csv``, drawn to the mean age as models of imbalanced data are, and ``reweighted.csv``, less so."""
    samples = manifests.read(manifest).samples
    ids = samples.ids[samples.split == "test"]
    ages = samples.targets[samples.split == "test"]
    centre = float(samples.targets[samples.split == "train"].mean())
    noise = np.random.default_rng(SEED).standard_normal((2, ages.size))
    for name, slope, errors in (("plain.csv", 0.6, 7 * noise[0]), ("reweighted.csv", 0.85, 7.5 * noise[1])):
        values = centre + slope * (ages - centre) + errors
        rows = (f"{key},{value:.3f}\n" for key, value in zip(ids, values, strict=True))
        files.write(Path(name), "".join(["id,prediction\n", *rows]).encode())


def write_table(path: Path) -> None:
    """A table of ``id``, five features and a ``target`` in 0..100, most of which are small, to make a benchmark of.

    Each feature is the target seen through much noise: a model fitted to all rows is drawn to the common targets.
    """
    draws = np.random.default_rng(SEED)
    targets = np.minimum(draws.gamma(2.5, 6, TABLE_ROWS), 99.9)
    features = (targets[:, None] - 15) / 10 + draws.standard_normal((TABLE_ROWS, 5)) * [1.0, 1.5, 2.0, 2.5, 3.0]
    rows = (",".join(f"{value:.3f}" for value in row) for row in features)
    lines = (f"r{key:04},{row},{target:.1f}\n" for key, (row, target) in enumerate(zip(rows, targets, strict=True)))
    files.write(path, "".join(["id,a,b,c,d,e,target\n", *lines]).encode())
