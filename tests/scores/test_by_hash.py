"""Ids and predictions of a published benchmark that is not curated: its rows are found by hash, and then proven."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from fingerprints import FOLDERS, KEYS, rows_of
from miniatures import MINIATURES

from dircli import datasets
from dircli.benchmark.records import SPLITS, split_codes
from dircli.datasets import variants
from dircli.datasets.variants import Fingerprints, keyed
from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.scores.partitioned import Run as Parts
from dircli.store import manifests
from dircli.store.content import content
from dircli.store.engines import LOCAL
from dircli.store.predictions import Layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

Rows = list[tuple[str, float]]
RELEASED = {"agedb": "agedb/agedb.csv", "sts-b": "sts-b/released"}


@pytest.fixture
def rows(tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The test rows of an AgeDB miniature, which is taken for the published one: its bins and hashes are shipped."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw", "--out", "elsewhere")
    manifest = manifests.read(work / "elsewhere" / "agedb")
    samples, key = manifest.samples, KEYS["agedb"]
    prints = Fingerprints(
        dataset=datasets.load("agedb"),
        keys=keyed(pa.array(samples.ids, pa.large_string()), key),
        targets=samples.targets,
        orders={"published": np.arange(samples.targets.size)},
        splits={"released": samples.codes},
        key=key,
        folder=FOLDERS["agedb"],
    )
    shipped = work / "elsewhere" / "agedb" / "bins.parquet"
    monkeypatch.setattr(manifests, "shipped", lambda *_: shipped)
    monkeypatch.setattr(variants, "fingerprints", lambda _: prints)
    monkeypatch.setattr(variants, "all_fingerprints", lambda: (prints,))
    masks = {part: samples.mask(part) for part in SPLITS}
    digests = {part: content(samples.ids[m], samples.targets[m], samples.codes[m]) for part, m in masks.items()}
    monkeypatch.setattr(variants, "digest", lambda _, split: digests[split])
    test = masks["test"]
    return list(zip(samples.ids[test].tolist(), samples.targets[test].tolist(), strict=True))


def write(path: Path, rows: Rows, shift: float = 1.5) -> None:
    """A prediction file without targets, in another order than the manifest's."""
    lines = (f"{key},{target + shift + place % 3}" for place, (key, target) in enumerate(rows))
    path.write_text("\n".join(["id,prediction", *sorted(lines), ""]), encoding="utf-8")


@pytest.mark.thorough
@pytest.mark.parametrize("words", ["", "--metrics all", "--ci --bootstrap 100", "--protocol paper"])
def test_scores_and_signature_are_those_of_the_curated_benchmark(words: str, rows: Rows, work: Path, run: Run) -> None:
    write(work / "p.csv", rows)
    write(work / "q.csv", rows, shift=2.5)
    call = ["evaluate", "p.csv", "q.csv", "--dataset", "agedb", "--json", *words.split()]
    done = run(*call)
    assert json.loads(done.stdout) == json.loads(run(*call, "--manifests", "elsewhere").stdout)
    assert "agedb: not curated here: each id was looked up by its hash" in done.stderr
    assert "|sha256:" in done.stdout


def test_an_engine_leaves_files_whose_rows_are_looked_up_to_this_process(rows: Rows, work: Path) -> None:
    (work / "p.csv").write_text("".join(["id,prediction,target\n", *(f"{key},{y + 1},{y}\n" for key, y in rows)]))
    request = ScoreOptions(split="test", protocol="released", metrics=["mae"], layout=Layout())
    how: dict[str, Any] = {"name": "agedb", "root": work / "manifests"}
    ours, theirs = (evaluate(["p.csv"], request, **how, run=who) for who in (Parts(engine=LOCAL), None))
    assert ours.result == theirs.result
    assert ours.result.content.startswith("sha256:")
    why = "the rows of a benchmark that is not curated here are looked up by their ids"
    assert ours.notes == [f"p.csv: read by this process, not by the workers: {why}"]


def test_standard_input_is_scored_too_with_or_without_targets(rows: Rows, work: Path, run: Run) -> None:
    write(work / "p.csv", rows)
    text = (work / "p.csv").read_text(encoding="utf-8")
    scored = json.loads(run("evaluate", "-", "--dataset", "agedb", "--json", stdin=text).stdout)
    named = json.loads(run("evaluate", "p.csv", "--dataset", "agedb", "--json").stdout)
    assert scored["signature"] == named["signature"]
    assert scored["systems"][0]["regions"] == named["systems"][0]["regions"]
    own = "\n".join(["prediction,target", *(f"{target + 1},{target}" for _, target in rows), ""])
    assert "|bins:" in run("evaluate", "-", "--dataset", "agedb", stdin=own).stdout
    assert (
        "there is no column target"
        in run("evaluate", "-", "--dataset", "agedb", stdin="id,prediction\nx,1\n", code=2).stderr
    )


def test_targets_in_the_file_change_nothing_where_they_are_right_and_are_refused_where_not(
    rows: Rows, work: Path, run: Run
) -> None:
    write(work / "p.csv", rows)
    for name, targets in (("right", [target for _, target in rows]), ("wrong", [target for _, target in rows[::-1]])):
        lines = (f"{key},{target},{own + 1.5}" for (key, own), target in zip(rows, targets, strict=True))
        (work / f"{name}.csv").write_text("\n".join(["id,target,prediction", *lines, ""]), encoding="utf-8")
    signature = json.loads(run("evaluate", "p.csv", "--dataset", "agedb", "--json").stdout)["signature"]
    assert json.loads(run("evaluate", "right.csv", "--dataset", "agedb", "--json").stdout)["signature"] == signature
    assert "targets differ from the manifest's" in run("evaluate", "wrong.csv", "--dataset", "agedb", code=2).stderr
    pairs = [("p.csv", "right.csv"), ("right.csv", "p.csv")]
    assert {run("evaluate", *pair, "--dataset", "agedb").exit_code for pair in pairs} == {0}


def test_what_lies_behind_is_shown_too(rows: Rows, work: Path, run: Run) -> None:
    write(work / "p.csv", rows)
    call = ["explain", "p.csv", "--dataset", "agedb", "--json"]
    assert run(*call).stdout == run(*call, "--manifests", "elsewhere").stdout
    call = ["plot", "agedb", "p.csv", "--terminal"]
    assert run(*call).stdout == run(*call, "--manifests", "elsewhere").stdout


def _without_one(rows: Rows) -> Rows:
    return rows[1:]


def _one_twice(rows: Rows) -> Rows:
    return [rows[0], *rows]


def _one_foreign(rows: Rows) -> Rows:
    return [("AgeDB/99_Nobody_30_f.jpg", 30.0), *rows]


def _no_folders(rows: Rows) -> Rows:
    return [(key.removeprefix("AgeDB/"), target) for key, target in rows]


def _other_letters(rows: Rows) -> Rows:
    return [(key.replace("_", "_x", 1), target) for key, target in rows]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_without_one, "1 of the 18 test ids are missing. Predict every row of the test split"),
        (_one_twice, "1 ids occur more than once: AgeDB/"),
        (_one_foreign, "1 ids are not in the split: AgeDB/99_Nobody_30_f.jpg. Check --dataset and --split"),
        (_no_folders, "its ids are those of this split but for their folders; write AgeDB/ before each id"),
        (_other_letters, "its ids are not spelt as the published ones"),
    ],
)
def test_ids_that_are_not_those_of_the_split_are_refused(
    change: Callable[[Rows], Rows], says: str, rows: Rows, work: Path, run: Run
) -> None:
    write(work / "p.csv", change(rows))
    done = run("evaluate", "p.csv", "--dataset", "agedb", code=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_rows_of_another_split_are_told(rows: Rows, work: Path, run: Run) -> None:
    write(work / "p.csv", rows)
    done = run("evaluate", "p.csv", "--dataset", "agedb", "--split", "val", code=2)
    assert "--split test" in done.stderr


def test_ids_that_are_of_no_published_row_are_scored_by_targets_of_their_own(rows: Rows, work: Path, run: Run) -> None:
    lines = [f"{place},{target + 1},{target}" for place, (_, target) in enumerate(rows)]
    (work / "t.csv").write_text("\n".join(["id,prediction,target", *lines, ""]), encoding="utf-8")
    assert "|bins:" in run("evaluate", "t.csv", "--dataset", "agedb").stdout


def test_what_is_wrong_in_the_file_is_told_with_it(rows: Rows, work: Path, run: Run) -> None:
    write(work / "p.csv", rows[1:])
    path = work / "p.csv"
    path.write_text(path.read_text(encoding="utf-8") + f"{rows[0][0]},nan\n", encoding="utf-8")
    done = run("evaluate", "p.csv", "--dataset", "agedb", code=2)
    assert (
        done.stderr.splitlines(keepends=True)[0]
        == "dir: p.csv, line 19: prediction is 'nan'. Write a finite number, such as 31.5\n"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("name", RELEASED)
def test_the_shipped_digests_hashes_and_content_are_those_of_the_published_files(name: str, real: Path) -> None:
    records, split = rows_of(name, real / RELEASED[name])
    codes: Any = split_codes(split)
    prints, path = variants.fingerprints(name), manifests.shipped(name)
    assert prints is not None
    assert path is not None
    assert np.array_equal(prints.keys, keyed(pa.array(records.ids, pa.large_string()), prints.key))
    assert np.array_equal(prints.targets, records.targets)
    assert np.array_equal(prints.splits["released"], codes)
    assert manifests.read_bins(path).facts["content"] == content(records.ids, records.targets, codes)
    for code, part in enumerate(SPLITS):
        mask = codes == code
        assert variants.digest(name, part) == content(records.ids[mask], records.targets[mask], codes[mask])


@pytest.mark.parametrize(("name", "content_of"), [("agedb", "cfe40956"), ("sts-b", "d626ccb7")])
def test_predictions_of_the_published_rows_are_scored_on_a_clean_machine(
    name: str, content_of: str, real: Path, work: Path, run: Run
) -> None:
    records, split = rows_of(name, real / RELEASED[name])
    test = split == "test"
    write(work / "p.csv", list(zip(records.ids[test].tolist(), records.targets[test].tolist(), strict=True)))
    assert f"|sha256:{content_of}|rules:" in run("evaluate", "p.csv", "--dataset", name).stdout


def test_where_no_dataset_is_named_the_one_that_the_ids_are_of_is_told(rows: Rows, work: Path, run: Run) -> None:
    write(work / "p.csv", rows)
    done = run("evaluate", "p.csv", code=2)
    assert done.stderr.splitlines()[0].startswith("dir: no dataset is named, and none is curated in manifests")
    assert done.stderr.splitlines()[1] == (
        "dir: p.csv: its ids are those of the published test split of agedb: --dataset agedb --split test"
    )
    write(work / "p.csv", rows[1:])
    assert len(run("evaluate", "p.csv", code=2).stderr.splitlines()) == 1
