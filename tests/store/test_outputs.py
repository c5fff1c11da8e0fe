"""Outputs have a file each, none of which is read, or is part of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from dircli.errors import UsageError
from dircli.store.outputs import check_outputs

if TYPE_CHECKING:
    from conftest import Run


@pytest.mark.parametrize(
    ("outputs", "inputs", "says"),
    [
        (["a.csv", "b.csv", "a.csv"], [], "--x a.csv and --x a.csv are one file; name a file for each"),
        (["a.csv", "./in/../a.csv"], [], "--x a.csv and --x in/../a.csv are one file"),
        (["a.csv", "link.csv"], [], "--x a.csv and --x link.csv are one file"),
        (["link.csv"], ["a.csv"], "--x link.csv would replace what is read as --y a.csv; write elsewhere"),
        (["in/r.html"], ["in"], "--x in/r.html would stand among the files of --y in, which are all read"),
        (["m/bins.parquet"], [], "--x m/bins.parquet would replace a part of the manifest in m; write elsewhere"),
        (["m/pixels.parquet"], [], "would replace a part of the manifest in m"),
        (["a.csv", "b.csv", "m/weights.parquet", "bins.parquet", "m/new/manifest.json"], ["c.csv", "in"], ""),
        (["a.csv/r.html"], ["a.csv"], ""),  # refused when it is written: a file is no folder
        (["/dev/null", "/dev/null", "-", "-"], ["-", "/dev/null"], ""),
    ],
)
def test_outputs_are_told_apart_from_each_other_and_from_what_is_read(
    outputs: list[str], inputs: list[str], says: str, work: Path
) -> None:
    (work / "in").mkdir()
    (work / "m").mkdir()
    for part in ("bins.parquet", "manifest.json"):
        (work / "m" / part).touch()
    (work / "link.csv").symlink_to(work / "a.csv")
    named = [("--x", Path(path)) for path in outputs], [("--y", Path(path)) for path in inputs]
    if not says:
        check_outputs(*named)
        return
    with pytest.raises(UsageError) as caught:
        check_outputs(*named)
    assert says in str(caught.value)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "words",
    [
        "evaluate p.csv --output r.csv --per-bin r.csv",
        "evaluate p.csv --output r.csv --output ./r.csv",
        "evaluate p.csv --per-sample r.csv --per-bin r.csv",
        "evaluate p.csv --output p.csv",
        "evaluate p.csv --per-sample p.csv",
        "evaluate p.csv --against old.json --output old.json",
        "evaluate p.csv --output manifests/cat/manifest.json",
        "evaluate p.csv --bins manifests/cat/bins.parquet --per-bin manifests/cat/bins.parquet",
        "fds f.statistics.h5 --out f.h5",
        "fds f.npy --similarity --anchor 3 --out f.npy",
        "export cat --format parquet --out manifests/cat",
        "leaderboard . --output old.json",
        "curate custom --table manifests/cat/samples.parquet --target target --name cat",
    ],
)
def test_nothing_that_is_read_is_replaced_even_with_force(words: str, work: Path, run: Run) -> None:
    y = np.random.default_rng(0).integers(0, 8, 400)
    pd.DataFrame({"id": range(400), "y": y}).to_csv(work / "cat.csv", index=False)
    run(*["curate", "custom", "--table", "cat.csv", "--target", "y", "--id", "id", "--bin-width", "1"])
    samples = pd.read_parquet(work / "manifests" / "cat" / "samples.parquet")
    test = samples[samples["split"] == "test"]
    pd.DataFrame({"id": test["id"], "prediction": test["target"]}).to_csv(work / "p.csv", index=False)
    run(*["evaluate", "p.csv", "--output", "old.json", "-q"])
    for name in ("f.npy", "f.statistics.h5"):
        (work / name).write_bytes(b"not looked at")
    files = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    told = run(*words.split(), "--force", code=2).stderr
    assert any(phrase in told for phrase in ("are one file", "would replace", "would be replaced")), told
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == files
