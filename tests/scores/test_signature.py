"""The signature as a user meets it: two results have the same one exactly when their scores compare."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from conftest import Run

PARTS = ("train", "val", "test")
Table = tuple[dict[int, tuple[int, str]], tuple[int, ...], tuple[int, int]]  # target and split by id, edges, thresholds


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table of one's own with a given split, and how it is binned."""
    rows = draw(st.dictionaries(st.integers(0, 99), st.tuples(st.integers(0, 9), st.sampled_from(PARTS)), max_size=20))
    rows |= {100: (draw(st.integers(0, 9)), "train"), 101: (draw(st.integers(0, 9)), "test")}
    few = draw(st.integers(0, 3))
    return rows, (0, *sorted(draw(st.sets(st.integers(1, 9), max_size=3))), 10), (few + draw(st.integers(0, 3)), few)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Table, Table]:
    """Two tables that are equal, or differ in one thing, or in all."""
    rows, edges, thresholds = table = draw(tables())
    others = draw(tables())
    key = draw(st.sampled_from(sorted(rows.keys() - {100, 101}) or [100]))
    target, part = rows[key]
    choices: dict[str, Table] = {
        "nothing": (dict(draw(st.permutations(list(rows.items())))), edges, thresholds),
        "an id": ({(200 if k == key else k): row for k, row in rows.items()}, edges, thresholds),
        "a target": (rows | {key: ((target + 1) % 10, part)}, edges, thresholds),
        "a split": (rows if key == 100 else rows | {key: (target, draw(st.sampled_from(PARTS)))}, edges, thresholds),
        "edges": (rows, others[1], thresholds),
        "thresholds": (rows, edges, others[2]),
        "all": others,
    }
    return table, choices[draw(st.sampled_from(sorted(choices)))]


def evaluated(folder: Path, table: Table, run: Run) -> Any:
    """The JSON of `dir evaluate` on the table's test rows, predicted by their ids alone."""
    rows, edges, (many, few) = table
    folder.mkdir()
    lines = (f"{key},{target},{part}\n" for key, (target, part) in rows.items())
    (folder / "t.csv").write_text("id,y,part\n" + "".join(lines))
    predicted = (f"{key},{key % 11 / 2}\n" for key, (_, part) in rows.items() if part == "test")
    (folder / "p.csv").write_text("id,prediction\n" + "".join(predicted))
    words = f"--target y --id id --split-column part --many {many} --few {few} --out {folder} -q".split()
    run("curate", "custom", "--table", folder / "t.csv", "--edges", ",".join(map(str, edges)), *words)
    shown = run("evaluate", folder / "p.csv", "--manifests", folder, "--dataset", "t", "--format", "json", "-q")
    return json.loads(shown.stdout)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=pairs())
def test_signatures_are_equal_exactly_when_rows_bins_and_thresholds_are_and_then_so_are_the_scores(
    pair: tuple[Table, Table], run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    one, two = (evaluated(folder / name, table, run) for name, table in zip("ab", pair, strict=True))
    assert (one["signature"] == two["signature"]) == (pair[0] == pair[1])
    if one["signature"] == two["signature"]:
        assert one["systems"][0]["regions"] == two["systems"][0]["regions"]
