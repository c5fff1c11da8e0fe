"""A sixth dataset is one file, one name in `NAMES` and one miniature: here all three are added for each test."""

# ruff: noqa: D102 - a test method's name states its behaviour

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from battery import OfAll, OfPublishedSplits, OfSamples
from miniatures import MINIATURES, Miniature

from dircli import datasets

if TYPE_CHECKING:
    from conftest import Run

FOLDER = str(Path(__file__).parents[1] / "sixth")
START = f"""
from dircli import datasets
datasets.__path__.append({FOLDER!r})
datasets.NAMES += ("sixth",)
from dircli.cli.app import app
app(prog_name="dir")
"""


def _build(folder: Path) -> Path:
    path = folder / "flats"
    path.mkdir()
    rows = [f"flat {number},street {number % 7},{number * number % 97 / 10}" for number in range(40)]
    (path / "flats.csv").write_text("\n".join(["flat,street,price", *rows, ""]))
    return path


def _damage(path: Path) -> None:
    with (path / "flats.csv").open("a") as stream:
        stream.write("flat 40,street 1,dear\n")


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """Add the sixth dataset for the length of a test."""
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, FOLDER])
    monkeypatch.setattr(datasets, "NAMES", (*datasets.NAMES, "sixth"))
    monkeypatch.setitem(MINIATURES, "sixth", Miniature(rows=40, build=_build, damage=_damage))
    return "sixth"


@pytest.fixture
def program() -> list[str]:
    """How to start a command that knows the sixth dataset in a process of its own."""
    return [sys.executable, "-c", START]


class TestTheSixthDataset(OfAll, OfSamples, OfPublishedSplits):
    """The whole battery."""

    def test_commands_know_it(self, name: str, tmp_path: Path, run: Run) -> None:
        assert "price (1,000 per month)" in run("datasets").stdout
        assert "example.org/flats" in run("info", name).stdout
        raw = MINIATURES[name].build(tmp_path)
        run("curate", name, "--raw", raw, "--split", "redraw")
        assert "street" in run("verify", "--leakage").stdout
