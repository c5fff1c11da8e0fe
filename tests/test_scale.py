"""A cluster gives what one process gives, from the table to the intervals, in any number of parts and any order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from odd_files import written

from dircli.store import engines, manifests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Run
    from numpy.typing import NDArray

ROWS = 4000
PARTS = (1, 2, 7, 64)


def table() -> dict[str, NDArray[Any]]:
    """Rows of a skewed target, in no order."""
    draw = np.random.default_rng(15)
    target = draw.gamma(3, 8, ROWS).round(1)
    return {
        "id": np.array([f"row {row}" for row in draw.permutation(ROWS)]),
        "y": target,
        "who": np.array([f"person {person}" for person in draw.integers(0, 900, ROWS)]),
    }


def divided(folder: Path, columns: Mapping[str, NDArray[Any]], number: int, form: str) -> Path:
    """The rows in so many files of ``folder``, drawn and named in another order for each number of them."""
    draw = np.random.default_rng(number)
    folder.mkdir(parents=True)
    order, names = draw.permutation(len(columns["id"])), draw.permutation(number)
    for name, rows in zip(names.tolist(), np.array_split(order, number), strict=True):
        part = {key: values[rows].tolist() for key, values in columns.items()}
        if form == "csv":
            (folder / f"{name:03}.csv").write_bytes(written(part, "CSV"))
        else:
            pq.write_table(pa.table(part), folder / f"{name:03}.parquet", row_group_size=100)
    return folder


def near(ours: Any, theirs: Any, *, at: str = "") -> None:
    """Both are the same, but that numbers with a fraction may differ by rounding."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), at
        for key, value in theirs.items():
            near(ours[key], value, at=f"{at}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), at
        for place, value in enumerate(theirs):
            near(ours[place], value, at=f"{at}[{place}]")
    elif isinstance(theirs, float) and isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-13), at
    else:
        assert ours == theirs, at


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_curating_weighting_and_scoring_do_not_depend_on_parts_nor_on_who_does_it(
    form: str, cluster: engines.Engine, run: Run, work: Path
) -> None:
    assert isinstance(cluster, engines.Dask)
    who = ["--engine", "dask", "--scheduler", cluster.client.scheduler.address]
    columns = table()
    curate = ["curate", "custom", "--target", "y", "--id", "id", "--group", "who", "--name", "own", "-q"]

    def made(folder: Path, number: int, *by: str) -> dict[str, Any]:
        """All results of the table in so many parts."""
        run(*curate, "--table", divided(folder / "table", columns, number, form), "--out", folder / "m", *by)
        own = ["own", "--manifests", folder / "m"]
        for end in ("parquet", "csv", "npy"):
            run("weights", *own, "--out", folder / f"weights.{end}", "-q", *by)
        dense = ["--scheme", "dense-weight", "--out", folder / "dense.npy", "-q"]
        run("weights", *own, *dense, *by)
        samples = manifests.read(folder / "m" / "own").samples
        rows, draw = samples.mask("test"), np.random.default_rng(3)
        error = draw.normal(0, 3, (2, rows.sum()))
        for name, each in zip(("a", "b"), error, strict=True):
            predictions = {"id": samples.ids[rows].astype(str), "prediction": samples.targets[rows] + each}
            divided(folder / name, predictions, number, form)
        evaluate = ["evaluate", folder / "a", folder / "b", "--dataset", "own", "--manifests", folder / "m", "--json"]
        sampling = ["--ci", "--bootstrap", 200, "--metrics", "mae,gm,pearson,rmse,bmae"]
        scores = json.loads(run(*evaluate, *sampling, *(by or ["--poisson"])).stdout)
        for system in scores["systems"]:
            del system["sha256"], system["file"]
        return {
            "files": {
                path.name: path.read_bytes()
                for path in [*sorted((folder / "m" / "own").iterdir()), *sorted(folder.glob("weights*"))]
            },
            "dense": np.load(folder / "dense.npy").tolist(),
            "scores": scores,
        }

    one = made(work / "one", 3)
    assert set(one["files"]) >= {"samples.parquet", "bins.parquet", "manifest.json", "weights.parquet", "weights.npy"}
    assert one["scores"]["comparison"]["systems"]
    for number in PARTS:
        near(made(work / f"{number}", number, *who), one)
