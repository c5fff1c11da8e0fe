"""Scores of files that are joined part by part are those of the whole; bad input is refused in the same words."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from miniatures import curated_table
from odd_files import FORMATS, written

from dircli.errors import DirError
from dircli.scores import from_files, joined
from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.store import files, large_manifests, manifests, streams
from dircli.store.content import content
from dircli.store.predictions import Layout, aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Run

ROWS = 900


@pytest.fixture
def own(work: Path, run: Run) -> Path:
    """The folder of manifests with one of a table of one's own."""
    return curated_table(work, run, ROWS)


def columns(own: Path, seed: int) -> dict[str, Any]:
    """Predictions of all test rows, in some order, some with targets and standard deviations."""
    draw = np.random.default_rng(seed)
    samples = manifests.read(own / "own").samples
    rows = np.flatnonzero(samples.mask("test"))
    rows = rows if seed % 4 == 0 else draw.permutation(rows)
    held: dict[str, Any] = {
        "id": samples.ids[rows].tolist(),
        "prediction": samples.targets[rows] + draw.normal(0, 2, len(rows)),
    }
    if seed % 3 == 0:
        held["target"] = samples.targets[rows]
    if seed % 5 == 0:
        held["sigma"] = draw.uniform(0.5, 2, len(rows))
    return held


def result(
    own: Path, *, least: int, seed: int = 0, by_position: bool = False, metrics: Sequence[str] = ()
) -> dict[str, Any]:
    """The result of the file "p", joined part by part if the manifest has ``least`` rows or more."""
    choice: dict[str, Any] = {
        "protocol": ("released", "paper")[seed // 2 % 2],
        "metrics": metrics or [[], ["all"], ["mae", "gm", *["ause"] * (seed % 5 == 0)]][seed % 3],
    }
    request = ScoreOptions(
        split="test", layout=Layout(sigma_column="sigma", by_position=by_position), keep_rows=False, **choice
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_files, "LARGE", least)
        scored = evaluate(["p"], request, name="own", root=own)
    assert (scored.systems == []) == (least <= ROWS)
    return scored.result.as_json()


def assert_refused_alike(own: Path, metrics: Sequence[str] = ()) -> None:
    """The file "p" is refused in the same words, joined at once or part by part."""
    said = []
    for least in (ROWS + 1, 1):
        with pytest.raises(DirError) as caught:
            result(own, least=least, metrics=metrics)
        said.append(str(caught.value))
    assert said[0] == said[1]


def small_blocks(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(streams, "BLOCK", 300 + seed)
    monkeypatch.setattr(streams, "ROWS", 20 + seed)
    monkeypatch.setattr(large_manifests, "ROWS", 50 + seed)
    monkeypatch.setattr(joined, "BITS", 1 + seed % 6)


def flat(result: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """The scores of the one system, taken out of ``result``; what is undefined is NaN."""
    regions = result["systems"][0].pop("regions")
    pairs = {(region, name): value for region, scores in regions.items() for name, value in scores.items()}
    return {key: np.nan if value is None else value for key, value in pairs.items()}


def positional(own: Path, held: dict[str, Any], seed: int) -> dict[str, Any]:
    """The result of the same predictions, in the order of the manifest and without ids."""
    samples = manifests.read(own / "own").samples
    order = np.argsort(held["id"])[np.argsort(np.argsort(samples.ids[samples.mask("test")]))]
    columns = {name: np.asarray(values)[order] for name, values in held.items() if name != "id"}
    (own.parent / "p").write_bytes(written(columns, "CSV"))
    return result(own, least=ROWS + 1, seed=seed, by_position=True)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "seeds", [range(18), pytest.param(range(18, 318), marks=pytest.mark.slow)], ids=["a few", "two hundred"]
)
def test_parts_and_rows_in_order_give_the_scores_of_the_whole(
    own: Path, work: Path, monkeypatch: pytest.MonkeyPatch, seeds: range
) -> None:
    for seed in seeds:
        held = columns(own, seed)
        (work / "p").write_bytes(written(held, FORMATS[seed // 2 % len(FORMATS)]))
        small_blocks(monkeypatch, seed)
        whole, parts = result(own, least=ROWS + 1, seed=seed), result(own, least=ROWS, seed=seed)
        found, expected = flat(parts), flat(whole)
        assert parts == whole
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)
        assert flat(positional(own, held, seed)) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_a_metric_that_needs_training_targets_is_had_by_its_name(own: Path, work: Path) -> None:
    (work / "p").write_bytes(written(columns(own, 1), "CSV"))
    whole, parts = (result(own, least=least, metrics=["sera"]) for least in (ROWS + 1, 1))
    assert flat(parts) == pytest.approx(flat(whole), rel=1e-12, nan_ok=True)
    assert parts == whole


def test_a_pipe_which_can_be_read_only_once_is_scored(
    own: Path, work: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    data = written(columns(own, 1), "CSV")
    (work / "p").write_bytes(data)
    monkeypatch.setattr(from_files, "LARGE", 1)
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    scores = [run("evaluate", path, "--score-only").stdout for path in (f"/dev/fd/{reader}", "p")]
    os.close(reader)
    assert scores[0] == scores[1]


def _changed(name: str, at: int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(held: dict[str, Any]) -> None:
        held[name] = list(held[name])
        held[name][at] = value

    return change


def _short(held: dict[str, Any]) -> None:
    for name in held:
        held[name] = held[name][:-1]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "change",
    [
        _changed("id", 3, "of nobody"),
        lambda held: _changed("id", 5, held["id"][6])(held),
        _changed("prediction", 2, float("nan")),
        _changed("target", 1, 99.0),
        _short,
    ],
    ids=["surplus", "repeated", "not finite", "another target", "missing"],
)
def test_what_is_wrong_is_named_as_in_whole_files(
    own: Path, work: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]
) -> None:
    held = columns(own, 3)
    change(held)
    (work / "p").write_bytes(written(held, "CSV"))
    small_blocks(monkeypatch, 3)
    assert_refused_alike(own)


def test_a_standard_deviation_of_0_is_refused_as_in_a_whole_file(own: Path, work: Path) -> None:
    held = columns(own, 0)
    held["sigma"][3] = 0
    (work / "p").write_bytes(written(held, "CSV"))
    assert_refused_alike(own, metrics=["all"])


def test_a_manifest_that_was_changed_is_refused_as_always(own: Path, work: Path) -> None:
    (work / "p").write_bytes(written(columns(own, 1), "CSV"))
    path = own / "own" / "samples.parquet"
    intact = path.read_bytes()
    table = pq.read_table(path)
    for name, value in (("id", "other"), ("target", 0.125), ("bin", 1), ("split", "test"), ("split", "dev")):
        values = table[name].to_pylist()
        values[values.index("train") if name == "split" else 2] = value
        changed = table.set_column(
            table.schema.get_field_index(name),
            table.schema.field(name),
            pa.array(values, table.schema.field(name).type),
        )
        pq.write_table(changed, path)
        assert large_manifests.read(own / "own") is None, name
        assert_refused_alike(own)
    pq.write_table(table.append_column("id", table["id"]), path)
    assert_refused_alike(own)
    pq.ParquetWriter(path, table.schema).close()  # no row group at all
    assert_refused_alike(own)
    path.write_bytes(intact)
    assert large_manifests.read(own / "own") is not None
    facts = json.loads((own / "own" / "manifest.json").read_text())
    wrong: dict[str, Any] = {"rows": ROWS - 1, "content": f"sha256:{'0' * 64}", "columns": {"part": "sha256:0"}}
    for key, stated in wrong.items():
        (own / "own" / "manifest.json").write_text(json.dumps(facts | {key: stated}))
        assert large_manifests.read(own / "own") is None, key


def test_an_id_that_is_no_text_is_noticed_in_a_manifest_that_states_its_content(own: Path) -> None:
    folder = own / "own"
    manifest, rows = manifests.read(folder), pq.read_table(folder / "samples.parquet")
    for begin, sound in ((b"x", True), (b"\xff", False)):
        keys = pa.array([begin + key.as_py().encode()[1:] for key in rows["id"]], pa.binary()).view(pa.string())
        digest = content(keys, manifest.samples.targets, manifest.samples.split)
        facts = {
            name: {**held, "content": digest} for name, held in (("t", manifest.table.facts), ("f", manifest.facts))
        }
        pq.write_table(rows.set_column(0, "id", keys), folder / "samples.parquet")
        (folder / "bins.parquet").write_bytes(manifests.bins_bytes(replace(manifest.table, facts=facts["t"])))
        (folder / "manifest.json").write_text(json.dumps(facts["f"]))
        assert (large_manifests.read(folder) is not None) == sound


def test_a_commit_that_was_cut_off_is_finished_before_a_large_manifest_is_read(own: Path) -> None:
    folder = own / "own"
    names = sorted(path.name for path in folder.iterdir())
    (folder / f"{files.COMMIT}x").mkdir()
    for name in names:
        (folder / name).rename(folder / f"{files.COMMIT}x" / name)
    assert large_manifests.read(folder) is not None
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_join_has_no_file_with_a_name_that_a_kill_could_leave(
    own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "p").write_bytes(written(columns(own, 2), "CSV"))
    (work / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(work / "temporary"))
    left = []

    def watched(*given: Any) -> Any:
        left.append(list((work / "temporary").iterdir()))
        return aligned(*given)

    monkeypatch.setattr(joined, "aligned", watched)
    result(own, least=1)
    assert left[0] == left[-1] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a disk that is always full")
def test_where_the_disk_is_full_the_file_is_scored_as_a_whole(
    own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "p").write_bytes(written(columns(own, 2), "CSV"))
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(Path("/dev/full").open, "w+b"))
    monkeypatch.setattr(from_files, "LARGE", 1)
    request = ScoreOptions(split="test", protocol="released", metrics=[], layout=Layout(), keep_rows=False)
    assert len(evaluate(["p"], request, name="own", root=own).systems) == 1


def test_a_large_manifest_is_never_read_as_a_whole(own: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = columns(own, 2)
    (work / "p").write_bytes(written(held, "Parquet"))
    monkeypatch.setattr(from_files, "open_benchmark", None)
    monkeypatch.setattr(manifests, "read", None)
    assert result(own, least=1)["systems"][0]["regions"]["all"]["n"] == len(held["id"])
