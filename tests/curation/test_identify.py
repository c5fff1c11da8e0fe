"""Whose rows a file lists: by its bytes, by its rows whatever their layout, and how an unknown split differs."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import server as web
from fingerprints import HOME, made
from miniatures import RAW, publish

from dircli import datasets
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import region
from dircli.benchmark.splits import draw_codes, seed_of
from dircli.datasets import variants
from dircli.datasets.variants import ABSENT, UNKNOWN, Fingerprints, Variant, keyed
from dircli.store import manifests
from dircli.store.digests import git_blob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Run

NAMES = sorted(
    (f"AgeDB/{name}" for name in (RAW / "agedb" / "names.txt").read_text().split()), key=lambda name: name[::-1]
)
"""The ids of the miniature of agedb, in an order that is neither sorted nor that of their numbers."""
AGES = np.array([float(name.split("_")[-2]) for name in NAMES])
RULES = datasets.load("agedb").rules
ROTATED = np.roll(np.arange(len(NAMES)), 7)


def drawn(order: np.ndarray[Any, Any], seed: int) -> Any:
    """The code of each row, (n,), by a draw over the rows in this order."""
    codes = np.empty(len(NAMES), np.uint8)
    codes[order] = draw_codes(RULES.recipe.index(AGES[order]), RULES.recipe, seed=seed)
    return codes


@pytest.fixture(autouse=True)
def prints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fingerprints | None:
    """The miniature's rows in place of those that are shipped, with two splits: released, and another's, theirs."""
    if {"real", "shipped"} & {*request.fixturenames}:
        return None
    splits = {"released": drawn(np.arange(len(NAMES)), 666), "theirs": drawn(ROTATED, 3)}
    counts = {part: int((splits["theirs"] == code).sum()) for code, part in enumerate(SPLITS)}
    made = Fingerprints(
        dataset=datasets.load("agedb"),
        keys=keyed(pa.array(NAMES, pa.large_string()), (r"^.*/([^/]*)$", r"\1")),
        targets=AGES,
        orders={"published": np.arange(len(NAMES)), "sorted": np.argsort(NAMES)},
        splits=splits,
        key=(r"^.*[/\\]([^/\\]*)$", r"\1"),
        folder="AgeDB/",
    )
    known = (
        Variant(name="released", dataset="agedb", title="the published split", counts=counts),
        Variant(name="theirs", dataset="agedb", title="Somebody 2025", note="a note", counts=counts),
    )
    monkeypatch.setattr(variants, "all_fingerprints", lambda: (made,))
    monkeypatch.setattr(variants, "fingerprints", lambda name: made if name == "agedb" else None)
    monkeypatch.setattr(variants, "variants", lambda: known)
    return made


@pytest.fixture
def shipped() -> None:
    """What comes with the program is not replaced."""


def written(
    path: Path,
    codes: Any,
    *,
    order: Sequence[int] | None = None,
    header: str = "age,path,split",
    end: str = "\n",
    ages: str = "{:.0f}",
    names: Sequence[str] = NAMES,
) -> Path:
    """A split file of the rows whose code is of a split, in this order."""
    rows = [row for row in (range(len(names)) if order is None else order) if codes[row] < len(SPLITS)]
    lines = [f"{ages.format(AGES[row])},{names[row]},{SPLITS[codes[row]]}" for row in rows]
    path.write_text(end.join([header, *lines, ""]), encoding="utf-8", newline="")
    return path


def told(run: Run, *paths: Path, code: int = 0) -> list[Any]:
    found: list[Any] = json.loads(run("identify", *paths, "--format", "json", code=code).stdout)
    return found


def shuffled(n: int = len(NAMES)) -> list[int]:
    order = list(range(n))
    random.Random(0).shuffle(order)
    return order


@pytest.mark.parametrize("variant", ["released", "theirs"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"order": shuffled()},
        {"end": "\r\n"},
        {"end": "\r"},
        {"header": "years,path,split"},
        {"header": "age,image,subset"},
        {"ages": "{:.3f}"},
        {"names": [f"/data/faces/{name}" for name in NAMES]},
        {"names": [name.replace("/", "\\") for name in NAMES]},
    ],
)
def test_a_variant_is_told_by_its_rows_whatever_their_layout(
    tmp_path: Path, run: Run, prints: Fingerprints, variant: str, layout: dict[str, Any]
) -> None:
    [found] = told(run, written(tmp_path / "rows.csv", prints.splits[variant], **layout))
    assert (found["dataset"], found["variant"], found["how"]) == ("agedb", variant, "rows")
    assert found["splits"] == {part: int((prints.splits[variant] == code).sum()) for code, part in enumerate(SPLITS)}
    assert (found["foreign"], found["targets"], found["unlike"], found["repeated"]) == ([], [], [], 0)


def test_a_variant_is_told_in_parquet_json_lines_gzip_and_as_a_list_of_ids(
    tmp_path: Path, run: Run, prints: Fingerprints
) -> None:
    codes = prints.splits["theirs"]
    columns = {"image": NAMES, "age": AGES.tolist(), "part": [SPLITS[code] for code in codes]}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    lines = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(written(tmp_path / "rows.csv", codes).read_bytes()))
    for name in ("rows.parquet", "rows.jsonl", "rows.csv.gz"):
        assert [each["variant"] for each in told(run, tmp_path / name)] == ["theirs"], name
    test = [name for name, code in zip(NAMES, codes, strict=True) if code == 2]
    (tmp_path / "ids.txt").write_text("\n".join(test))
    (tmp_path / "predictions.csv").write_text("id,prediction\n" + "".join(f"{name},1\n" for name in test))
    for name in ("ids.txt", "predictions.csv"):
        [found] = told(run, tmp_path / name)
        assert (found["variant"], found["part"], found["splits"]) == ("theirs", "test", {"test": len(test)})


def test_rows_that_were_moved_are_named(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = prints.splits["released"].copy()
    rows = np.flatnonzero(codes == 2)[:5]
    codes[rows] = 0
    path = written(tmp_path / "rows.csv", codes, order=shuffled())
    [found] = told(run, path, code=1)
    assert (found["variant"], found["nearest"]) == (None, "released")
    [moved] = found["unlike"]
    assert (moved["here"], moved["there"], moved["rows"]) == ("test", "train", 5)
    assert {*moved["ids"]} == {NAMES[row] for row in rows}
    assert found["contaminated"]["train rows in test of released"] == 5
    assert found["overlap"]["train"]["test"] == 5
    shown = run("identify", path, code=1)
    assert "5 rows are test in released, train in the file" in shown.stdout
    assert all(NAMES[row] in "".join(shown.stdout.split()) for row in rows)
    assert f"no known split: {path}" in shown.stderr


def test_rows_that_are_missing_strange_repeated_or_of_another_target_are_told(
    tmp_path: Path, run: Run, prints: Fingerprints
) -> None:
    codes = prints.splits["released"]
    lines = written(tmp_path / "rows.csv", codes).read_text().splitlines()
    age, name, split = lines[3].split(",")
    changed = [
        *lines[:3],
        f"{float(age) + 1:g},{name},{split}",
        *lines[4:-2],
        lines[-3],
        "31,AgeDB/999999_Nobody_31_f.jpg,test",
    ]
    (tmp_path / "rows.csv").write_text("\n".join(changed))
    [found] = told(run, tmp_path / "rows.csv", code=1)
    assert found["targets"] == [name]
    assert found["foreign"] == ["AgeDB/999999_Nobody_31_f.jpg"]
    assert found["repeated"] == 1
    gone = {codes[-1]: 2} if codes[-1] == codes[-2] else {codes[-1]: 1, codes[-2]: 1}
    assert {each["here"]: each["rows"] for each in found["unlike"]} == {SPLITS[c]: 1 for c in {codes[-1]}} or gone


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("published", np.arange(len(NAMES))),
        ("published, reversed", np.arange(len(NAMES))[::-1]),
        ("sorted", np.argsort(NAMES)),
        ("sorted, reversed", np.argsort(NAMES)[::-1]),
        ("the file's", np.roll(np.arange(len(NAMES)), 11)),
    ],
)
@pytest.mark.parametrize("seed", [0, 666, 999])
def test_a_seed_over_an_order_of_the_rows_is_found_again(
    tmp_path: Path, run: Run, name: str, order: np.ndarray[Any, Any], seed: int
) -> None:
    path = written(tmp_path / "rows.csv", drawn(order, seed), order=order.tolist())
    known = (seed, name) == (666, "published")
    [found] = told(run, path, code=0 if known else 1)
    assert found["drawn"] == {"seed": seed, "order": name}


def test_the_test_rows_alone_show_the_seed_too(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = drawn(np.argsort(NAMES), 41)
    path = tmp_path / "test.txt"
    path.write_text("\n".join(name for name, code in zip(NAMES, codes, strict=True) if code == 2))
    [found] = told(run, path, code=1)
    assert found["drawn"] == {"seed": 41, "order": "sorted"}
    assert prints is not None


def test_another_split_than_a_seeds_has_no_seed(run: Run, tmp_path: Path, prints: Fingerprints) -> None:
    codes = prints.splits["theirs"].copy()
    test, train = np.flatnonzero(codes == 2), np.flatnonzero(codes == 0)
    same = next((t, o) for t in test for o in train if AGES[t] == AGES[o])
    codes[[*same]] = codes[[*same[::-1]]]
    [found] = told(run, written(tmp_path / "rows.csv", codes), code=1)
    assert found["drawn"] is None
    assert found["nearest"] == "theirs"


def test_seed_of_is_the_inverse_of_the_draw() -> None:
    rng = np.random.default_rng(5)
    for seed in range(20):
        index = rng.integers(-1, 6, 150)
        index = RULES.recipe.index(np.where(index < 0, 500.0, index.astype(float)))
        codes = draw_codes(index, RULES.recipe, seed=seed)
        assert seed_of(codes, index, RULES.recipe, range(40)) == seed
        assert seed_of(np.where(codes == 1, codes, ABSENT), index, RULES.recipe, range(40)) == seed
        swapped = codes.copy()
        swapped[codes == 1], swapped[codes == 2] = 2, 1
        assert seed_of(swapped, index, RULES.recipe, range(40)) is None
    assert seed_of(np.zeros(150, np.uint8), index, RULES.recipe, range(3)) is None


def test_contamination_fails_where_it_is_asked_for(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    path = written(tmp_path / "rows.csv", prints.splits["theirs"])
    run("identify", path)
    done = run("identify", path, "--fail-if-contaminated", code=1)
    assert f"contaminated: {path}" in done.stderr
    run("identify", written(tmp_path / "ours.csv", prints.splits["released"]), "--fail-if-contaminated")
    lines = path.read_text().splitlines()
    test = next(line for line in lines if line.endswith(",test"))
    path.write_text("\n".join([*lines, test.replace(",test", ",train")]))
    [found] = told(run, path, code=1)
    assert found["contaminated"]["test rows in its own train"] == 1


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path, run: Run) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2,3\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "zip.csv").write_bytes(b"PK\x03\x04 and more")
    (tmp_path / "odd.csv").write_bytes(b"id,x\n\xff\xfe\xfa,1\n")
    (tmp_path / "no.npy").write_bytes(b"\x93NUMPY\x01\x00 cut")
    (tmp_path / "no.parquet").write_bytes(b"PAR1 cut")
    (tmp_path / "folder").mkdir()
    names = ["bad.csv", "empty.csv", "zip.csv", "odd.csv", "no.npy", "no.parquet", "folder", "nothing.csv"]
    done = run("identify", *(tmp_path / name for name in names), code=2)
    assert done.stdout == ""
    assert [line.split(":")[1].partition(",")[0].rpartition("/")[2] for line in done.stderr.splitlines()] == names


def test_ids_of_nobody_and_arrays_are_unknown(tmp_path: Path, run: Run) -> None:
    (tmp_path / "rows.csv").write_text("id,split\na,train\nb,test\n")
    np.save(tmp_path / "mask.npy", np.ones((2, 228, 304), np.uint8))
    np.save(tmp_path / "values.npy", np.ones(3))
    found = told(run, tmp_path / "rows.csv", tmp_path / "mask.npy", tmp_path / "values.npy", code=1)
    assert [each["dataset"] for each in found] == [None, None, None]
    assert "138,624 ones; not the published mask" in found[1]["notes"][0]


def test_ids_that_look_like_those_of_a_benchmark_without_shipped_rows_name_it(tmp_path: Path, run: Run) -> None:
    ids = [f"wiki_crop/{k % 100:02d}/{1000 + k}_1950-01-{k % 28 + 1:02d}_2010.jpg" for k in range(400)]
    ages = np.arange(400) % 5 + 20.0
    recipe = datasets.load("imdb-wiki").rules.recipe
    codes = draw_codes(recipe.index(ages), recipe, seed=12)
    rows = [f"{age:.0f},{key},{SPLITS[code]}" for age, key, code in zip(ages, ids, codes, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["age,path,split", *rows]))
    [found] = told(run, tmp_path / "rows.csv", code=1)
    assert (found["dataset"], found["variant"], found["nearest"]) == ("imdb-wiki", None, None)
    assert found["drawn"] == {"seed": 12, "order": "the file's"}
    assert "dir curate imdb-wiki" in found["notes"][0]
    (tmp_path / "test.csv").write_text("\n".join(["age,path,split", *(f"20,{key},test" for key in ids)]))
    (tmp_path / "bare.csv").write_text("\n".join(["path,split", *(row.partition(",")[2] for row in rows)]))
    (tmp_path / "none.csv").write_text("id\na\n")
    found = told(run, *(tmp_path / f"{name}.csv" for name in ("test", "bare", "none")), code=1)
    assert [(each["regions"], each["repeated"], each["known_rows"]) for each in found] == [({}, 0, 0)] * 3
    assert [each["rows"] for each in found] == [400, 400, 0]


def test_a_manifest_of_ones_own_is_a_known_split(tmp_path: Path, run: Run) -> None:
    rows = [f"r{row},{row % 10}" for row in range(400)]
    (tmp_path / "table.csv").write_text("\n".join(["id,y", *rows]))
    run(
        "curate",
        "custom",
        "--table",
        tmp_path / "table.csv",
        "--target",
        "y",
        "--id",
        "id",
        "--name",
        "mine",
        "--bin-width",
        1,
    )
    Path("manifests/damaged").mkdir()
    for name in ("manifest.json", "samples.parquet"):
        Path("manifests/damaged", name).write_bytes(b"PAR1 cut")
    table = pq.read_table("manifests/mine/samples.parquet")
    lines = [f"{key},{part}" for key, part in zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["key,part", *reversed(lines)]))
    [found] = told(run, tmp_path / "rows.csv")
    assert (found["dataset"], found["variant"], found["title"]) == ("custom", "mine", "curated here")
    assert [each["variant"] for each in told(run, Path("manifests/mine"))] == ["mine"]


def test_manifests_that_hold_the_same_are_all_named_and_rows_without_a_split_contaminate_nothing(
    run: Run, work: Path
) -> None:
    targets = np.random.default_rng(0).normal(50, 10, 300)
    (work / "table.csv").write_text("id,y\n" + "".join(f"row{k},{y:.2f}\n" for k, y in enumerate(targets)))
    for name in ("table", "mine"):
        run("curate", "custom", "--table", "table.csv", "--target", "y", "--id", "id", "--name", name, "-q")
    samples = manifests.read(work / "manifests" / "mine").samples
    test = samples.ids[samples.split == "test"]
    (work / "p.csv").write_text("\n".join(["id,prediction", *(f"{key},1" for key in test)]))
    assert "custom, the test rows of mine and table (curated here)" in run("identify", "p.csv").stdout
    [found] = told(run, work / "table.csv", code=1)
    assert (found["contaminated"], found["splits"], found["part"]) == ({}, {"all": 300}, None)
    assert found["notes"] == ["all rows are listed, and no split is told: that fits every split"]
    shown = run("identify", "table.csv", "--fail-if-contaminated", code=1)
    assert "contaminated" not in shown.stdout + shown.stderr
    assert "mine and table are nearest\n" in shown.stdout
    assert found["overlap"]["all"] == {part: int((samples.split == part).sum()) for part in SPLITS} | {"none": 0}


@pytest.mark.thorough
def test_a_benchmark_that_is_curated_here_is_known_whatever_folders_stand_before_its_ids(
    real: Path, tmp_path: Path, run: Run
) -> None:
    run("curate", "imdb-wiki", "--raw", real / "imdb-wiki", "--only", "wiki", "--split", "redraw", "--name", "half")
    table = pq.read_table("manifests/half/samples.parquet", columns=["id", "split"])
    pairs = zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True)
    (tmp_path / "rows.csv").write_text(
        "\n".join(["path,split", *(f"{key[len('wiki_crop/') :]},{part}" for key, part in pairs)])
    )
    assert [each["variant"] for each in told(run, tmp_path / "rows.csv")] == ["half"]
    [found] = told(run, real / "imdb-wiki" / "wiki_expected.csv", code=1)
    assert (found["dataset"], found["rows"], found["targets"]) == ("imdb-wiki", 38_912, [])


def test_markdown_is_a_table_and_a_list(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    path = written(tmp_path / "rows.csv", prints.splits["theirs"])
    lines = run("identify", path, "--format", "markdown").stdout.splitlines()
    assert lines[0] == f"**{path}: agedb, theirs (Somebody 2025), by all of its rows**"
    assert lines[2] == "| by its split in released | rows | train | val | test | none |"
    assert any(line.startswith("- contaminated: ") for line in lines)


def test_a_file_of_predictions_for_another_variant_is_told_when_it_is_refused(
    tmp_path: Path, run: Run, prints: Fingerprints, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = written(tmp_path / "agedb.csv", prints.splits["released"])
    publish("agedb", {"agedb.csv": released.read_bytes()}, monkeypatch)
    run("curate", "agedb", "--released", released)
    test = {
        part: [name for name, code in zip(NAMES, prints.splits[part], strict=True) if code == 2]
        for part in prints.splits
    }
    val = [name for name, code in zip(NAMES, prints.splits["released"], strict=True) if code == 1]
    for name, ids in {**test, "val": val}.items():
        (tmp_path / f"{name}.csv").write_text("id,prediction\n" + "".join(f"{key},30\n" for key in ids))
    refused = run("evaluate", tmp_path / "theirs.csv", "--dataset", "agedb", code=2).stderr
    assert "its ids are those of the test split of theirs" in refused
    assert "dir curate agedb --variant theirs" in refused
    done = run("curate", "agedb", "--variant", "theirs", "--released", released)
    assert "this is the split of Somebody 2025: a note" in " ".join(done.stderr.split())
    assert json.loads(Path("manifests/agedb-theirs/manifest.json").read_text())["variant"]["repeats"] == 0
    refused = run("evaluate", tmp_path / "theirs.csv", "--dataset", "agedb", code=2).stderr
    assert "ids are those of test of agedb-theirs: use --dataset agedb-theirs\n" in refused
    run("evaluate", tmp_path / "theirs.csv", "--dataset", "agedb-theirs")
    assert "--split val" in run("evaluate", tmp_path / "val.csv", "--dataset", "agedb", code=2).stderr
    assert (
        "ids are those of test of agedb: use --dataset agedb\n"
        in run("evaluate", tmp_path / "released.csv", "--dataset", "agedb-theirs", code=2).stderr
    )
    verified = " ".join(run("verify", "agedb-theirs").stdout.split())
    assert f"ok variant {len(NAMES):,} rows are divided as in theirs, 0 are not, 0 are missing" in verified
    assert "it is not known here" not in verified
    assert "not the published split, but that of Somebody 2025" in verified


def test_variants_that_cannot_be_made_are_refused(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    part = np.where(prints.splits["theirs"] == 2, 2, UNKNOWN).astype(np.uint8)
    prints.splits["part"] = part  # type: ignore[index]  # a dictionary in this test
    released = written(tmp_path / "agedb.csv", prints.splits["released"])
    for words in (["--variant", "theirs", "--name", "agedb"], ["--variant", "part"]):
        run("curate", "agedb", "--released", released, *words, code=2)
    for words in (["--variant", "nobody's"], ["--variant", "released"], ["--variant", "theirs", "--split", "redraw"]):
        run("curate", "agedb", "--released", released, *words, code=2)
    assert not Path("manifests").exists()


@pytest.fixture
def repeating(tmp_path: Path, prints: Fingerprints, monkeypatch: pytest.MonkeyPatch, server: web.Server) -> Path:
    """The file of a variant that lists some rows more than once, of which a few are known; a server has it."""
    rng = np.random.default_rng(3)
    parts = np.array_split(rng.permutation(len(NAMES)), [25, 30])
    rows = {part: np.sort(rng.choice(ids, 2 * ids.size)) for part, ids in zip(SPLITS, parts, strict=True)}
    lines = [f"{AGES[row]:.0f},{NAMES[row]},{part}" for part, ids in rows.items() for row in ids]
    path = tmp_path / "again.csv"
    path.write_text("\n".join(["age,path,split", *lines, ""]))
    known = np.full(len(NAMES), UNKNOWN, np.uint8)
    known[rows["test"][-4:]] = 2
    prints.splits["again"] = known  # type: ignore[index]  # a dictionary in these tests
    server.add("/again.csv", path.read_bytes())
    web.reached_directly(monkeypatch)
    again = Variant(
        name="again",
        dataset="agedb",
        title="Somebody 2026",
        note="drawn with replacement",
        counts={"test": int(np.unique(rows["test"]).size)},
        rows={"test": int(rows["test"].size)},
        url=server.url("/again.csv"),
        size=path.stat().st_size,
    )
    known_before = variants.variants()
    monkeypatch.setattr(variants, "variants", lambda: (*known_before, again))
    return path


def test_a_variant_that_repeats_rows_is_told_by_those_that_are_known(run: Run, repeating: Path) -> None:
    [found] = told(run, repeating)
    assert (found["variant"], found["how"]) == ("again", "some rows")
    assert found["repeated"] > 0
    repeating.write_text("\n".join(repeating.read_text().splitlines()[:-1]))
    assert [each["variant"] for each in told(run, repeating, code=1)] == [None]


@pytest.mark.thorough
def test_a_variant_that_repeats_rows_is_curated_and_scored_as_often(run: Run, repeating: Path, tmp_path: Path) -> None:
    run("curate", "agedb", "--variant", "again", "--accept-license")
    given = run("curate", "agedb", "--variant", "again", "--released", repeating, "--name", "given")
    assert "rows repeat an id; intervals draw ids" in " ".join(given.stderr.split())
    with repeating.open(newline="") as stream:
        test = [row for row in csv.DictReader(stream) if row["split"] == "test"]
    ages = {row["path"]: float(row["age"]) for row in test}
    predicted = {key: round(age * 0.9 + len(key) % 5, 3) for key, age in ages.items()}
    once = tmp_path / "once.csv"
    once.write_text("id,prediction\n" + "".join(f"{key},{value}\n" for key, value in predicted.items()))
    each = tmp_path / "each.csv"
    each.write_text("id,prediction\n" + "".join(f"{row['path']},{predicted[row['path']]}\n" for row in test))
    words = ("--dataset", "agedb-again", "--format", "json", "--ci", "--bootstrap", 200)
    results = [json.loads(run("evaluate", path, *words).stdout) for path in (once, each)]
    scores = results[0]["systems"][0]["regions"]["all"]
    assert scores["n"] == len(test)
    assert scores["mae"] == pytest.approx(np.mean([abs(predicted[row["path"]] - ages[row["path"]]) for row in test]))
    assert "|ci:percentile,id,200," in results[0]["signature"]
    assert results[1]["systems"][0]["regions"] == results[0]["systems"][0]["regions"]
    rows = each.read_text().splitlines()
    twice = next(key for key, n in Counter(row["path"] for row in test).items() if n > 1)
    at = max(place for place, row in enumerate(rows) if row.startswith(twice))
    rows[at] = f"{twice},1"
    each.write_text("\n".join(rows))
    assert f"more than one prediction: {twice}" in run("evaluate", each, *words, code=2).stderr
    verified = " ".join(run("verify", "agedb-again").stdout.split())
    assert "ok variant" in verified


def test_a_file_that_is_not_that_of_the_variant_is_refused(run: Run, repeating: Path, prints: Fingerprints) -> None:
    ours = written(repeating.with_name("ours.csv"), prints.splits["released"])
    refused = run("curate", "agedb", "--variant", "again", "--released", ours, code=2).stderr
    assert "this is not again" in refused
    with ours.open("a") as stream:
        stream.write("31,AgeDB/9_Z_31_f.jpg,test\n31,AgeDB/9_A_31_f.jpg,test\n")
    refused = run("curate", "agedb", "--variant", "again", "--released", ours, code=2).stderr
    assert "it has no" not in refused
    assert "2 rows are not of agedb: AgeDB/9_Z_31_f.jpg, AgeDB/9_A_31_f.jpg" in refused
    no_val = written(repeating.with_name("no-val.csv"), np.where(prints.splits["released"] == 1, ABSENT, 0))
    refused = run("curate", "agedb", "--variant", "again", "--released", no_val, code=2).stderr
    assert "it has no val and no test" in refused
    assert not Path("manifests").exists()


def rows_of(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


Change = Callable[[list[list[str]]], list[list[str]]]
NOT_THE_SPLIT: dict[str, tuple[Change, str]] = {
    "a word that is no split": (lambda rows: [[*r[:2], r[2].replace("test", "holdout")] for r in rows], "says holdout"),
    "numbers for splits": (lambda rows: [rows[0], *([*r[:2], str(len(r[2]))] for r in rows[1:])], "none of train"),
    "one split left out": (lambda rows: [*rows[:-1], [*rows[-1][:2], ""]], "says nothing"),
    "targets of other rows": (
        lambda rows: [rows[0], *([a[0], *b[1:]] for a, b in zip(rows[-1:0:-1], rows[1:], strict=True))],
        "another target",
    ),
    "targets by a hundred": (
        lambda rows: [rows[0], *([f"{float(r[0]) / 100}", *r[1:]] for r in rows[1:])],
        "another target",
    ),
    "a target that is missing": (lambda rows: [*rows[:-1], ["", *rows[-1][1:]]], "1 row with another target"),
    "rows twice": (lambda rows: [*rows, *rows[1:4]], "3 rows repeat an id"),
    "an id in two splits": (
        lambda rows: [*rows, *([*r[:2], "val"] for r in rows[1:9] if r[2] != "val")],
        "repeat an id",
    ),
    "another split beside an original one": (
        lambda rows: [
            ["age", "path", "original_split", "split"],
            *([*r, after[2]] for r, after in zip(rows[1:], [*rows[2:], rows[1]], strict=True)),
        ],
        "read in column split, not in original_split",
    ),
}


@pytest.mark.parametrize("name", NOT_THE_SPLIT)
def test_what_is_nearly_a_known_split_is_not_called_one(
    tmp_path: Path, run: Run, prints: Fingerprints, name: str
) -> None:
    change, words = NOT_THE_SPLIT[name]
    path = written(tmp_path / "rows.csv", prints.splits["released"], order=shuffled())
    run("identify", path)
    path.write_text("\n".join(map(",".join, change(rows_of(path)))))
    assert words in " ".join(run("identify", path, code=1).stdout.split())


THE_SPLIT: dict[str, Change] = {
    "pandas' index": lambda rows: [["", *rows[0]], *([str(k), *r] for k, r in enumerate(rows[1:]))],
    "a unit in a name": lambda rows: [["age (years)", *rows[0][1:]], *rows[1:]],
    "a column twice": lambda rows: [[*r[:2], r[1], r[2]] for r in rows],
    "spaces and quotes": lambda rows: [rows[0], *([r[0], f" '{r[1]}'", r[2]] for r in rows[1:])],
    "a fold of train": lambda rows: [["fold", *rows[0]], *(["train", *r] for r in rows[1:])],
}


@pytest.mark.parametrize("name", THE_SPLIT)
def test_a_known_split_is_told_in_the_columns_that_programs_add(
    tmp_path: Path, run: Run, prints: Fingerprints, name: str
) -> None:
    path = written(tmp_path / "rows.csv", prints.splits["theirs"])
    path.write_text("\n".join(map(",".join, THE_SPLIT[name](rows_of(path)))))
    assert [each["variant"] for each in told(run, path)] == ["theirs"]


def test_texts_are_read_however_a_file_holds_them(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = prints.splits["theirs"]
    columns = {"image": NAMES, "part": [SPLITS[code] for code in codes]}
    encoded = {name: pa.array(texts).dictionary_encode() for name, texts in columns.items()}
    pq.write_table(pa.table(encoded), tmp_path / "coded.parquet")
    assert [each["variant"] for each in told(run, tmp_path / "coded.parquet")] == ["theirs"]
    np.save(tmp_path / "ids.npy", np.array([name for name, code in zip(NAMES, codes, strict=True) if code == 1]))
    assert [each["part"] for each in told(run, tmp_path / "ids.npy")] == ["val"]
    data = written(tmp_path / "rows.csv", codes).read_bytes()
    assert "theirs" in run("identify", "-", stdin=data).stdout


def test_all_rows_without_a_split_are_of_no_split(tmp_path: Path, run: Run) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(NAMES))
    [found] = told(run, tmp_path / "ids.txt", code=1)
    assert found["dataset"] == "agedb"
    assert found["notes"] == ["all rows are listed, and no split is told: that fits every split"]


def test_a_part_of_a_split_is_called_so(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = prints.splits["theirs"].copy()
    codes[codes == 1] = ABSENT
    path = written(tmp_path / "rows.csv", codes)
    assert [each["missing"] for each in told(run, path)] == [["val"]]
    assert "the train and test rows of theirs" in run("identify", path).stdout


def listed(folder: Path, codes: Any, **parts: str) -> Path:
    """A folder with a file for each split, of the rows of the split that stands behind the name."""
    folder.mkdir()
    for file, part in parts.items():
        rows = [f"{AGES[row]:.0f},{NAMES[row]}" for row in np.flatnonzero(codes == SPLITS.index(part))]
        (folder / f"{file}.csv").write_text("\n".join(["age,path", *rows]))
    return folder


@pytest.mark.thorough
def test_files_of_one_split_each_are_one_and_are_what_their_names_say(
    tmp_path: Path, run: Run, prints: Fingerprints
) -> None:
    codes = prints.splits["theirs"]
    [found] = told(run, listed(tmp_path / "right", codes, train="train", dev="val", test="test"))
    assert (found["variant"], found["layout"]) == ("theirs", "3 split files")
    [swapped] = told(run, listed(tmp_path / "swapped", codes, train="train", dev="test", test="val"), code=1)
    assert swapped["nearest"] == "theirs"
    [twice] = told(run, listed(tmp_path / "twice", codes, train="test", dev="val", test="test"), code=1)
    assert twice["contaminated"]["test rows in its own train"] == twice["splits"]["test"]
    mixed = listed(tmp_path / "mixed", codes, train="train", dev="val")
    other = listed(tmp_path / "other", prints.splits["released"], test="test")
    (other / "test.csv").rename(mixed / "test.csv")
    [both] = told(run, mixed, code=1)
    assert both["contaminated"]["test rows in its own train"] > 0
    [alone] = told(run, (tmp_path / "swapped" / "dev.csv"))
    assert (alone["part"], alone["notes"]) == ("test", ["its name says val, and its rows are those of test"])


def test_whole_split_files_in_a_folder_stay_apart_whatever_they_are_called(
    tmp_path: Path, run: Run, prints: Fingerprints
) -> None:
    written(tmp_path / "train.csv", prints.splits["released"])
    written(tmp_path / "test.csv", prints.splits["theirs"])
    (tmp_path / "read.me").write_text("words, and more\nwords\n")
    found = told(run, tmp_path)
    assert [each["variant"] for each in found] == ["theirs", "released"]
    assert all("not looked at: read.me" in each["notes"] for each in found)


def test_a_damaged_manifest_is_not_passed_over(tmp_path: Path, run: Run) -> None:
    for name in ("manifest.json", "samples.parquet"):
        (tmp_path / name).write_bytes(b"PAR1 cut")
    assert "samples.parquet" in run("identify", tmp_path, code=2).stderr


def test_a_file_name_cannot_give_orders(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    path = written(tmp_path / "a|b\n\x1b[31m.csv", prints.splits["theirs"])
    for form in ("table", "markdown"):
        shown = run("identify", path, "--format", form)
        assert "\x1b" not in shown.stdout + shown.stderr
        assert "theirs" in shown.stdout.splitlines()[0]


def test_a_search_that_would_take_minutes_looks_at_the_published_seed_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.arange(len(NAMES))
    monkeypatch.setattr("dircli.curation.identify.MOST", 0)
    for seed, found in ((5, None), (0, None), (666, {"seed": 666, "order": "sorted"})):
        rows = np.argsort(NAMES) if seed == 666 else order
        path = written(tmp_path / "rows.csv", drawn(rows, seed))
        assert [each["drawn"] for each in told(run, path, code=1)] == [found]


def test_ids_without_their_folder_are_told_so_when_they_are_refused(
    tmp_path: Path, run: Run, prints: Fingerprints, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = written(tmp_path / "agedb.csv", prints.splits["released"])
    publish("agedb", {"agedb.csv": released.read_bytes()}, monkeypatch)
    run("curate", "agedb", "--released", released)
    bare = [
        name.removeprefix("AgeDB/") for name, code in zip(NAMES, prints.splits["released"], strict=True) if code == 2
    ]
    (tmp_path / "bare.csv").write_text("id,prediction\n" + "".join(f"{key},30\n" for key in bare))
    refused = run("evaluate", tmp_path / "bare.csv", "--dataset", "agedb", code=2).stderr
    assert "write AgeDB/ before each id" in refused


def test_a_seed_that_is_not_tried_is_not_found(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path / "rows.csv", drawn(np.arange(len(NAMES)), 1000))
    assert [each["drawn"] for each in told(run, path, code=1)] == [None]


def test_as_many_rows_are_shuffled_as_may_be(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "rows.csv", drawn(np.arange(len(NAMES)), 5))
    index = RULES.recipe.index(AGES)
    first = int((index == index[index >= 0].min()).sum())
    orders = ("published", "sorted", "the file's")
    for more, found in ((0, {"seed": 5, "order": "published"}), (-1, None)):
        monkeypatch.setattr("dircli.curation.identify.MOST", first * len(orders) * 1001 + more)
        assert [each["drawn"] for each in told(run, path, code=1)] == [found]


def test_files_are_known_by_their_bytes(
    tmp_path: Path, run: Run, prints: Fingerprints, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = listed(tmp_path / "files", prints.splits["theirs"], train="train", test="test")
    np.save(tmp_path / "mask.npy", np.ones((2, 228, 304), np.uint8))
    paths = [*sorted(folder.iterdir()), tmp_path / "mask.npy"]
    blobs = [f"git:{git_blob(path.read_bytes())}" for path in paths]
    counts = {part: int((prints.splits["theirs"] == code).sum()) for code, part in enumerate(SPLITS)}
    known = (
        Variant(name="theirs", dataset="agedb", title="", files=dict(zip("ab", blobs[:2], strict=True)), counts=counts),
        Variant(name="masks", dataset="nyud2", title="", files={"c": blobs[2]}),
    )
    monkeypatch.setattr(variants, "variants", lambda: known)
    (folder / "strangers.csv").write_text("id\na\nb\n")
    found = told(run, folder, *paths)
    assert found[0]["notes"][-1] == "not looked at: strangers.csv"
    assert [(each["variant"], each["how"]) for each in found] == [*[("theirs", "bytes")] * 3, ("masks", "bytes")]
    assert [each["layout"] for each in found] == ["2 split files", *["table of 2 columns"] * 2, "array (2, 228, 304)"]


def test_a_file_of_ids_of_nobody_is_known_by_its_bytes_in_a_folder(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "known.csv").write_text("id,split\na,train\nb,test\n")
    (tmp_path / "other.csv").write_text("id,split\na,train\nb,val\n")
    blob = f"git:{git_blob((tmp_path / 'known.csv').read_bytes())}"
    known = (Variant(name="masks", dataset="nyud2", title="", files={"c": blob}),)
    monkeypatch.setattr(variants, "variants", lambda: known)
    [found] = told(run, tmp_path)
    assert (found["variant"], found["notes"][-1]) == ("masks", "not looked at: other.csv")


def test_splits_of_different_variants_in_a_folder_stay_apart_if_each_is_what_its_name_says(
    tmp_path: Path, run: Run, prints: Fingerprints
) -> None:
    codes = prints.splits["released"]
    other = np.where(codes == 1, 2, np.where(codes == 2, 0, 1)).astype(np.uint8)
    prints.splits["other"] = other  # type: ignore[index]  # a dictionary in this test
    folder = listed(tmp_path / "files", codes, train="train", test="val")
    assert [(each["variant"], each["splits"].keys()) for each in told(run, folder)] == [
        ("other", {"test"}),
        ("released", {"train"}),
    ]


@pytest.mark.thorough
def test_a_name_is_not_contradicted_where_it_is_right_or_a_column_tells_the_split(
    tmp_path: Path, run: Run, prints: Fingerprints
) -> None:
    codes = prints.splits["theirs"]
    folder = listed(tmp_path / "right", codes, test="test")
    [found] = told(run, folder / "test.csv")
    assert (found["variant"], found["part"], found["notes"]) == ("theirs", None, [])
    path = written(tmp_path / "rows.csv", np.where(codes == 2, 1, ABSENT))
    [found] = told(run, path, code=1)
    assert (found["variant"], found["splits"], found["notes"]) == (None, {"val": int((codes == 2).sum())}, [])
    swapped = listed(tmp_path / "swapped", codes, train="train", dev="test", test="val")
    assert [each["notes"] for each in told(run, swapped, code=1)] == [[]]


def test_the_first_row_is_counted_where_it_is_repeated(tmp_path: Path, run: Run) -> None:
    (tmp_path / "ids.txt").write_text("\n".join([*NAMES, NAMES[0]]))
    assert [each["repeated"] for each in told(run, tmp_path / "ids.txt", code=1)] == [1]


def test_a_split_that_fits_in_all_known_rows_is_nearer_than_one_that_is_all_known(
    tmp_path: Path, run: Run, prints: Fingerprints, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = np.roll(prints.splits["theirs"], 1)
    near = codes.copy()
    near[np.flatnonzero(codes == 2)[0]] = 0
    few = np.full(codes.size, UNKNOWN, np.uint8)
    few[np.flatnonzero(codes == 2)[1:]] = 2
    prints.splits.update({"near": near, "few": few})  # type: ignore[attr-defined]  # a dictionary in this test
    known = Variant(name="few", dataset="agedb", title="", counts={"test": int((codes == 2).sum())})
    before = variants.variants()
    monkeypatch.setattr(variants, "variants", lambda: (*before, known))
    (tmp_path / "ids.txt").write_text("\n".join(name for name, code in zip(NAMES, codes, strict=True) if code == 2))
    [found] = told(run, tmp_path / "ids.txt")
    assert (found["variant"], found["part"], found["how"]) == ("few", "test", "some rows")


def test_rows_that_are_left_out_are_counted(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = prints.splits["released"].copy()
    codes[np.flatnonzero(codes == 2)[:2]] = ABSENT
    codes[np.flatnonzero(codes == 0)[0]] = ABSENT
    [found] = told(run, written(tmp_path / "rows.csv", codes), code=1)
    gone = [{"here": part, "there": "none", "rows": rows, "ids": []} for part, rows in (("train", 1), ("test", 2))]
    assert found["unlike"] == gone


def test_moved_rows_are_the_known_ones(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = prints.splits["released"].copy()
    moved = [0, len(NAMES) - 1]
    codes[moved] = (codes[moved] + 1) % 3
    path = written(tmp_path / "rows.csv", np.where(codes == 1, ABSENT, codes))
    with path.open("a") as stream:
        stream.write("31,AgeDB/999999_Nobody_31_f.jpg,test\n31,AgeDB/999998_Nobody_31_f.jpg,train\n")
    [found] = told(run, path, code=1)
    there = {name for each in found["unlike"] for name in each["ids"]}
    assert there == {NAMES[row] for row in moved if codes[row] != 1}
    assert {each["here"] for each in found["unlike"] if each["there"] == "none"} <= {"train", "test"}


def test_regions_are_those_of_the_rows_of_training(tmp_path: Path, run: Run, prints: Fingerprints) -> None:
    codes = prints.splits["theirs"]
    trained, tested = AGES[codes == 0], AGES[codes == 2]
    counts = np.array([(trained == age).sum() for age in tested])
    expected = {
        protocol: dict(Counter(region(counts, rule.thresholds).tolist()))
        for protocol, rule in RULES.score_rules.items()
    }
    whole = written(tmp_path / "rows.csv", codes)
    (tmp_path / "ids.txt").write_text("\n".join(name for name, code in zip(NAMES, codes, strict=True) if code == 2))
    assert [each["regions"] for each in told(run, whole, tmp_path / "ids.txt")] == [expected] * 2
    (tmp_path / "val.txt").write_text("\n".join(name for name, code in zip(NAMES, codes, strict=True) if code == 1))
    assert [each["regions"] for each in told(run, tmp_path / "val.txt")] == [{}]


def test_targets_that_are_missing_are_not_unlike_where_none_are_known(tmp_path: Path, run: Run) -> None:
    rows = [f"{'' if k == 3 else 20},wiki_crop/{k:02d}/{k}_1950-01-01_2010.jpg,test" for k in range(9)]
    (tmp_path / "rows.csv").write_text("\n".join(["age,path,split", *rows]))
    [found] = told(run, tmp_path / "rows.csv", code=1)
    assert (found["dataset"], found["targets"], found["regions"], found["drawn"]) == ("imdb-wiki", [], {}, None)


@pytest.mark.usefixtures("shipped")
def test_the_shipped_splits_have_the_counts_that_are_stated_of_them() -> None:
    for prints in variants.all_fingerprints():
        assert np.unique(prints.keys).size == prints.keys.size
        assert all(np.array_equal(np.sort(order), np.arange(prints.keys.size)) for order in prints.orders.values())
        for name in prints.splits:
            variant = variants.named(prints.dataset.name, name)
            assert variant is not None, name
            known = {part: int(mask.sum()) for part, mask in prints.sets(name).items()}
            assert not variant.makeable or variant.url or prints.is_whole(name), name
            if prints.is_whole(name) and prints.dataset.counted == "samples":
                assert known == {part: n for part, n in variant.counts.items() if n}, name
            else:
                assert all(n <= variant.counts.get(part, 0) for part, n in known.items()), name


@pytest.mark.usefixtures("shipped")
def test_the_shipped_splits_of_agedb_are_what_seed_666_draws_over_two_orders() -> None:
    prints = variants.fingerprints("agedb")
    assert prints is not None
    index = prints.dataset.rules.recipe.index(prints.targets)
    for variant, order in (("released", "published"), ("vir", "vir")):
        rows = prints.orders[order]
        assert np.array_equal(
            draw_codes(index[rows], prints.dataset.rules.recipe, seed=666), prints.splits[variant][rows]
        )
    both = prints.splits["released"], prints.splits["vir"]
    assert int(((both[0] == 2) & (both[1] == 2)).sum()) == 351
    assert int(((both[0] == 0) & (both[1] == 2)).sum()) == 1450


@pytest.mark.thorough
def test_every_real_split_file_is_told_and_so_it_is_when_it_is_written_anew(
    real: Path, run: Run, tmp_path: Path
) -> None:
    of_bytes = {
        "agedb/agedb.csv": ("agedb", "released"),
        "sts-b/released": ("sts-b", "released"),
        "sts-b/released/test_new.tsv": ("sts-b", "released"),
        "sts-b/released/dev_new.tsv": ("sts-b", "released"),
        "sts-b/STS-B/train.tsv": ("sts-b", "glue"),
        "nyud2/nyu2_test.csv": ("nyud2", "released"),
        "nyud2/nyu2_train_FDS_subset.csv": ("nyud2", "fds-subset"),
    }
    found = told(run, *(real / name for name in of_bytes))
    assert [(each["dataset"], each["variant"]) for each in found] == [*of_bytes.values()]
    assert {each["how"] for each in found} == {"bytes"}
    again = []
    for name in of_bytes:
        for path in sorted((real / name).iterdir()) if (real / name).is_dir() else [real / name]:
            header, *rows = path.read_text(encoding="utf-8").splitlines()
            header, rows = (header, rows) if "nyu2" not in name else (rows.pop(), [header, *rows])
            random.Random(1).shuffle(rows)
            renamed = header.replace("genre", "kind").replace("path", "image")
            copy = tmp_path / name / path.name if (real / name).is_dir() else tmp_path / "alone" / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("\r\n".join([renamed, *rows, ""]), encoding="utf-8", newline="")
        again.append(copy.parent if (real / name).is_dir() else copy)
    found = told(run, *again)
    assert [(each["dataset"], each["variant"], each["how"]) for each in found] == [
        (*known, "rows") for known in of_bytes.values()
    ]


@pytest.mark.thorough
def test_every_variant_that_can_be_made_of_the_real_rows_is_told(real: Path, run: Run, tmp_path: Path) -> None:
    with (real / "agedb" / "agedb.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    prints = variants.fingerprints("agedb")
    assert prints is not None
    random.Random(2).shuffle(rows)
    places = prints.places([row["path"] for row in rows])
    for name in prints.splits:
        variant = variants.named("agedb", name)
        assert variant is not None
        codes = prints.splits[name][places]
        here = [(row["path"], SPLITS[code]) for row, code in zip(rows, codes, strict=True) if code <= 2]
        here += [(row["path"], "test") for row, code in zip(rows, codes, strict=True) if code == UNKNOWN][
            : variant.counts["test"] - sum(part == "test" for _, part in here)
        ]
        here += here[:1] * (variant.rows.get("test", len(here)) - variant.counts["test"] if variant.rows else 0)
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["image,subset", *(f"{key},{part}" for key, part in here)]), encoding="utf-8")
        [found] = told(run, path)
        assert (found["variant"], found["how"]) == (name, "rows" if prints.is_whole(name) else "some rows")


@pytest.mark.thorough
def test_what_is_shipped_of_the_published_rows_is_made_of_the_published_files(real: Path) -> None:
    sources = {
        "agedb": (None, real / "agedb" / "agedb.csv"),
        "sts-b": (real / "sts-b" / "STS-B", real / "sts-b" / "released"),
    }
    for name, (raw, released) in sources.items():
        again = pq.read_table(pa.BufferReader(made(name, raw, released, {})))
        shipped = pq.read_table(HOME / name / "fingerprints.parquet")
        left_out = ["order_raw"] if raw is None else []
        assert again.drop_columns(left_out).equals(shipped.drop_columns(left_out), check_metadata=True), name
