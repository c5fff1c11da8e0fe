"""The worked run, in its quick form, end to end: what it leaves is whole, the same each time, and fit for its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
SYSTEMS = (
    *("VANILLA", "SQINV", "SQINV+LDS", "SQINV+FDS", "SQINV+LDS+FDS", "FOCAL-R"),
    *("HEAD", "RRT", "SMOTER", "SMOGN"),
)
WORKED = PROJECT / "tests" / "worked"


@pytest.fixture(scope="module")
def runs(real: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of two quick runs, each a process of its own, with another hash seed."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    if not (real / "sts-b").is_dir():
        pytest.skip(f"STS-B is not among the real inputs: {real / 'sts-b'}")
    folders = [tmp_path_factory.mktemp("worked") / "runs" for _ in range(2)]
    words = ["--quick", "--raw", real / "sts-b" / "STS-B", "--released", real / "sts-b" / "released"]
    for seed, folder in enumerate(folders):
        command = [sys.executable, str(WORKED / "run.py"), *map(str, words), "--out", str(folder)]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
    return folders


def test_every_system_predicts_every_row_of_test(runs: list[Path]) -> None:
    out = runs[0]
    samples = pd.read_parquet(out / "manifests" / "sts-b" / "samples.parquet")
    ids = samples["id"][samples["split"] == "test"].tolist()
    tables = [pd.read_csv(out / f"{name}@1.csv") for name in SYSTEMS]
    assert all(table["id"].tolist() == ids for table in tables)
    assert len({tuple(table["prediction"]) for table in tables}) == len(SYSTEMS)


def test_the_scores_are_of_all_systems_and_the_model_has_learnt(runs: list[Path]) -> None:
    result = json.loads((runs[0] / "scores.json").read_text(encoding="utf-8"))
    assert [system["name"] for system in result["groups"]] == [*SYSTEMS]
    assert all(system["regions"]["all"]["n"] == 1000 for system in result["groups"])
    assert all(system["regions"]["all"]["pearson"] > 0.5 for system in result["groups"])
    for baseline, others in (("VANILLA", SYSTEMS[1:6]), ("SQINV", SYSTEMS[2:5]), ("HEAD", SYSTEMS[7:])):
        compared = json.loads((runs[0] / f"{baseline}@1.json").read_text(encoding="utf-8"))["comparison"]
        assert compared["baseline"] == f"{baseline}@1"
        assert [system["name"] for system in compared["systems"]] == [f"{name}@1" for name in others]


def test_resampled_rows_have_the_parents_and_the_balance_that_were_asked_for(runs: list[Path]) -> None:
    for method in ("smoter", "smogn"):
        rows = pd.read_parquet(runs[0] / f"{method}@1.parquet")
        ends = [(rows["similarity"] <= 1.3).mean(), (rows["similarity"] >= 4.39).mean()]
        assert ends == pytest.approx([1 / 3, 1 / 3], abs=0.01)
        assert set(rows["parent"].dropna()) <= set(rows["id"].dropna())


def test_the_same_seed_gives_the_same_bytes(runs: list[Path]) -> None:
    one, two = ({path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} for out in runs)
    assert one.keys() == two.keys()
    assert len(one) > 2 * len(SYSTEMS)
    assert not [name for name, data in one.items() if data != two[name]]


def test_the_page_shows_a_full_run_on_the_same_rows(runs: list[Path]) -> None:
    """All ten systems, and a signature that is the quick run's but for its version and its resamples."""
    page = (PROJECT / "docs" / "worked.md").read_text(encoding="utf-8")
    signature = json.loads((runs[0] / "scores.json").read_text(encoding="utf-8"))["signature"]
    assert f"`{signature.partition('|v:')[0]}|v:" in page
    assert not [name for name in SYSTEMS if f"| MSE | {name} | " not in page]
