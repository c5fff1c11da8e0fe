"""On a narrow terminal no number is cut: a table that does not fit is stacked, and what is left out is named."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE
from miniatures import MINIATURES
from rich.console import Console

from dircli.report import console
from dircli.report.tables import plain_table

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

WIDE = 500
NUMBER = re.compile(r"(?<![\w.,-])-?\d[\d,]*(?:\.\d+)?%?")


@pytest.fixture
def here(work: Path, tmp_path: Path, run: Run) -> Path:
    """A curated miniature, tables of large numbers, features, and two made-up predictors of AgeDB-DIR."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    rng = np.random.default_rng(0)
    targets = np.sort(rng.gamma(2, 90_000, 3000))
    lines = [f"{row},{y:.2f},{x:.3f}" for row, (y, x) in enumerate(zip(targets, rng.normal(size=3000), strict=True))]
    (work / "prices.csv").write_text("\n".join(["row,price,size", *lines]))
    words = ("curate", "custom", "--table", "prices.csv", "--target", "price", "--id", "row", "--bin-width", "25000")
    run(*words, "--name", "prices")
    np.save(work / "f.npy", rng.normal(size=(2394, 3)))
    rows = [line.split(",") for line in (REFERENCE / "agedb_rows.csv").read_text().splitlines()[1:]]
    for name, column in (("a_system_with_a_rather_long_name", 1), ("sharp", 2)):
        table = [f"{place},{row[0]},{row[column]}" for place, row in enumerate(rows)]
        (work / f"{name}.csv").write_text("\n".join(["id,target,prediction", *table]))
    shutil.copytree(PROJECT / "manifests" / "agedb", work / "shipped" / "agedb")
    return work


FILES = ("a_system_with_a_rather_long_name.csv", "sharp.csv")
SHIPPED = ("--dataset", "agedb", "--manifests", "shipped")
CURATE = ("curate", "custom", "--table", "prices.csv", "--target", "price", "--id", "row", "--bin-width", "25000")
SKEW = "100000:30000:0.7, 300000:30000:0.3"
COMMANDS = {
    "datasets": ("datasets",),
    "info": ("info", "agedb"),
    "metrics": ("info", "--metrics"),
    "curate": (*CURATE, "--name", "prices"),
    "skew": (
        *CURATE,
        "--name",
        "few",
        "--skew",
        "100000:30000:0.7, 300000:30000:0.3",
        "--train-size",
        "900",
        "--force",
    ),
    "weights": ("weights", "prices", "--per", "bin"),
    "suggest": ("suggest", "prices"),
    "resample": ("resample", "--table", "prices.csv", "--target", "price", "--id", "row", "--method", "over"),
    "verify": ("verify", "prices"),
    "leakage": ("verify", "agedb", "--leakage"),
    "identify": ("identify", "manifests/agedb"),
    "evaluate": ("evaluate", *FILES, *SHIPPED, "--ci", "--bootstrap", "100"),
    "explain": ("explain", FILES[0], *SHIPPED),
    "fds": ("fds", "f.npy", "--dataset", "prices", "--out", "out.npy", "--force"),
    "similarity": ("fds", "f.npy", "--dataset", "prices", "--similarity", "--anchor", "100000"),
    "leaderboard": ("leaderboard", "--dataset", "agedb"),
}


@pytest.mark.parametrize("width", [60, *(pytest.param(each, marks=pytest.mark.slow) for each in (40, 80))])
def test_every_number_of_every_command_is_whole(
    width: int, here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(command: str, width: int) -> set[str]:
        monkeypatch.setattr(console, "PIPED_WIDTH", width)
        return set(NUMBER.findall(run(*COMMANDS[command], "-q").stdout))

    assert here.is_dir()
    for command in COMMANDS:
        wide, narrow = shown(command, WIDE), shown(command, width)
        assert len(wide) > 1
        assert narrow <= wide, command
        if command != "leaderboard":  # which says what it leaves out
            assert narrow == wide, command


@pytest.mark.parametrize("width", [40, 60, 70])
def test_the_leaderboard_says_which_columns_it_leaves_out(
    width: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("leaderboard", "--dataset", "agedb", "-q")
    whole = run(*words).stdout
    assert "left out" not in whole
    monkeypatch.setattr(console, "PIPED_WIDTH", width)
    narrow = run(*words).stdout
    assert "left out for want of room: all, many, medium; --format csv has all" in narrow
    few = {line.split()[-1] for line in whole.splitlines() if re.match(" +[0-9] ", line)}
    assert few <= set(narrow.split())
    assert run(*words, "--format", "markdown").stdout.count("| medium |") > 0


def test_a_table_that_does_not_fit_is_stacked() -> None:
    table = plain_table("name", "rows", "share", "")
    table.add_row("a", "1,234,567", "12.5%", "x y")
    table.add_row("b", "8", "", "")
    screen = Console(width=20)
    with screen.capture() as captured:
        screen.print(console.fitting(table, screen))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert lines == ["name   a", "rows   1,234,567", "share  12.5%", "       x y", "", "name   b", "rows   8"]
    assert console.fitting(table, Console(width=40)) is table


def test_a_table_of_sentences_folds_between_words() -> None:
    table = plain_table("name", "what")
    table.columns[1].no_wrap = False
    table.add_row("a", "of 12,345 rows one in 1,000 is shown")
    screen = Console(width=24)
    assert console.fitting(table, screen) is table
    with screen.capture() as captured:
        screen.print(table)
    assert {"12,345", "1,000"} <= set(captured.get().split())
