"""On a narrow terminal no number is cut: a table that does not fit is stacked, and what is left out is named."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE
from miniatures import MINIATURES
from rich.console import Console

from dircli.report import console
from dircli.report.tables import plain_table
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

BINS = str(PROJECT / "manifests" / "agedb" / "bins.parquet")
WIDE = 500
NUMBER = re.compile(r"(?<![\w.,-])-?\d[\d,]*(?:\.\d+)?%?")


@pytest.fixture
def here(work: Path, tmp_path: Path, run: Run) -> Path:
    """A curated miniature, tables of large numbers, features, and two made-up predictors of AgeDB-DIR."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    moved = np.where(np.arange(len(samples.ids)) < 9, "test", samples.split)
    split = zip(samples.ids, samples.targets, moved, strict=True)
    (work / "moved.csv").write_text("path,age,split\n" + "".join(f"{key},{age:g},{part}\n" for key, age, part in split))
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
    "identify": ("identify", "moved.csv"),
    "evaluate": ("evaluate", *FILES, *SHIPPED, "--ci", "--bootstrap", "100"),
    "explain": ("explain", FILES[0], *SHIPPED),
    "fds": ("fds", "f.npy", "--dataset", "prices", "--out", "out.npy", "--force"),
    "similarity": ("fds", "f.npy", "--dataset", "prices", "--similarity", "--anchor", "100000"),
    "leaderboard": ("leaderboard", "--dataset", "agedb"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("width", [60, *(pytest.param(each, marks=pytest.mark.slow) for each in (40, 80))])
def test_every_number_of_every_command_is_whole(
    width: int, here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(command: str, width: int) -> set[str]:
        monkeypatch.setattr(console, "PIPED_WIDTH", width)
        return set(NUMBER.findall(run(*COMMANDS[command], "-q", code=int(command == "identify")).stdout))

    assert here.is_dir()
    assert "by its split in" in run(*COMMANDS["identify"], code=1).stdout
    for command in COMMANDS:
        wide, narrow = shown(command, WIDE), shown(command, width)
        assert len(wide) > 1
        assert narrow <= wide, command
        if command != "leaderboard":  # which says what it leaves out
            assert narrow == wide, command


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_a_file_does_not_depend_on_the_terminal(work: Path, program: list[str]) -> None:
    """Neither on its width nor on its colours."""
    fcntl = pytest.importorskip("fcntl", reason="Windows has no pseudo-terminals")
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")
    (work / "p.csv").write_text("id,target,prediction\n" + "".join(f"{y},{y},{y + y % 7}.5\n" for y in range(20, 90)))
    words = ["evaluate", "p.csv", "--bins", BINS, "--metrics", "mae,gm", "--ci", "--bootstrap", "100", "-q"]
    for columns, name in ((50, "a.txt"), (200, "b.txt")):
        seen, ours = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        colours = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
        environment = {**colours, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([*program, *words, "--output", name], check=True, stdout=ours, env=environment)
        os.close(ours)
        os.close(seen)
    text = (work / "a.txt").read_text(encoding="utf-8")
    assert text == (work / "b.txt").read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
