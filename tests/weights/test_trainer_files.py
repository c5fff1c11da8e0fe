"""Weights in a trainer's own form: those of `dircli.weights`, in the order of a file, and of training rows alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import dircli
from dircli.errors import InputError
from dircli.weights.read import training_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from dircli.arrays import TextArray


@pytest.fixture(autouse=True)
def _curated(work: Path, run: Run) -> None:
    targets = np.random.default_rng(0).gamma(2, 5, 400).round(1)
    pd.DataFrame({"key": range(400), "y": targets}).to_csv(work / "t.csv", index=False)
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "key", "--bin-width", 1, "--name", "mine")


def _wanted() -> TextArray:
    """Ids of training rows: the last one first, not all, and one twice."""
    ids = dircli.load("mine").only("train").ids
    return np.append(ids[::-3], ids[5])


WRITTEN: dict[str, Callable[[TextArray], object]] = {
    "list": lambda ids: Path("order").write_text("\n".join(ids)),
    "named list": lambda ids: Path("order").write_text("\n".join(["id", *ids, ""])),
    "csv": lambda ids: pd.DataFrame({"x": 1.5, "id": ids}).to_csv("order", index=False),
    "tsv": lambda ids: pd.DataFrame({"id": ids, "x": "a"}).to_csv("order", index=False, sep="\t"),
    "compressed": lambda ids: pd.DataFrame({"id": ids, "x": 1}).to_csv("order", index=False, compression="gzip"),
    "lines": lambda ids: pd.DataFrame({"id": ids, "x": 1}).to_json("order", orient="records", lines=True),
    "texts": lambda ids: pd.DataFrame({"id": ids, "x": 1}).to_parquet("order"),
    "numbers": lambda ids: pd.DataFrame({"id": ids.astype(int), "x": 1}).to_parquet("order"),
    "categories": lambda ids: pd.DataFrame({"only": pd.Categorical(ids)}).to_parquet("order"),
}


def test_the_order_is_that_of_any_list_or_table_of_ids(run: Run) -> None:
    ids = _wanted()
    expected = dircli.weights("mine", ids=ids).tolist()
    for kind, write in WRITTEN.items():
        write(ids)
        run("weights", "mine", "--format", "npy", "--order", "order", "--out", f"{kind}.npy")
        assert np.load(f"{kind}.npy").tolist() == expected, kind


def test_a_line_is_a_weight_and_nothing_else(run: Run) -> None:
    ids = _wanted()
    WRITTEN["list"](ids)
    for form in ("lightgbm", "xgboost"):
        words = ("weights", "mine", "--scheme", "inverse", "--format", form, "--order", "order", "--out")
        run(*words, f"t.{form}.weight")
        lines = Path(f"t.{form}.weight").read_text().splitlines()
        assert [float(line) for line in lines] == dircli.weights("mine", scheme="inverse", ids=ids).tolist()
        assert run(*words, "-").stdout.splitlines() == lines


def test_csv_has_the_ids_in_their_order(run: Run) -> None:
    ids = _wanted()
    pd.DataFrame({"name": ids, "id": "x"}).to_csv("order", index=False)
    words = ("weights", "mine", "--format", "csv", "--order", "order", "--id-column", "name", "--out", "w.csv")
    assert "weights per listed row written to w.csv" in run(*words).stderr
    table = pd.read_csv("w.csv", dtype={"id": str})
    assert table["id"].tolist() == ids.tolist()
    assert table["weight"].tolist() == pytest.approx(dircli.weights("mine", ids=ids).tolist(), rel=1e-15)


def test_without_an_order_it_is_that_of_the_manifest_and_the_file_the_one_of_its_ending(run: Run) -> None:
    for form in ("csv", "npy"):
        run("weights", "mine", "--format", form, "--out", f"one/w.{form}")
        run("weights", "mine", "--out", f"two/w.{form}")
        assert Path(f"one/w.{form}").read_bytes() == Path(f"two/w.{form}").read_bytes()
    assert Path("one/w.json").read_bytes() == Path("two/w.json").read_bytes()
    run("weights", "mine", "--format", "lightgbm", "--out", "w.weight")
    assert np.loadtxt("w.weight").tolist() == training_weights("manifests/mine", "one/w.npy").weight.tolist()


def test_weights_in_another_order_are_not_taken_for_those_of_the_manifest(run: Run) -> None:
    ids = dircli.load("mine").only("train").ids
    for order in (ids[::-1], ids):
        WRITTEN["list"](order)
        words = ("weights", "mine", "--format", "npy", "--order", "order", "--out", "w.npy")
        run(*words, *(["--force"] if order is ids else []))
        with pytest.raises(InputError, match="these are weights per listed row"):
            training_weights("manifests/mine", "w.npy")
    run(*words)  # the same weights are written again
    WRITTEN["list"](ids[1:])
    assert "is there already with other content" in run(*words, code=2).stderr.replace("are", "is")
    assert np.load("w.npy").size == ids.size
    assert json.loads(Path("w.json").read_text())["order"].startswith("sha256:")


def test_ids_that_are_missing_or_train_nowhere_are_named_and_counted(run: Run) -> None:
    mine = dircli.load("mine")
    strangers = [f"s{place}" for place in range(12)]
    WRITTEN["list"](np.array([*mine.only("train").ids[:3], *strangers]))
    words = ("weights", "mine", "--format", "npy", "--order", "order", "--out", "w.npy")
    said = f"dir: order: 12 are no training rows: {', '.join(strangers[:10])} and 2 more. Check the ids\n"
    assert run(*words, code=2).stderr == said
    WRITTEN["list"](mine.only("test").ids[:2])
    assert "2 of them are val or test rows, which have no weight" in run(*words, code=2).stderr
    pd.DataFrame({"id": [None, mine.only("train").ids[0]], "x": 1}).to_parquet("order")
    assert "order: 1 are no training rows: ''" in run(*words, code=2).stderr
    assert not Path("w.npy").exists()


def test_a_file_without_ids_is_refused(run: Run) -> None:
    np.save("array.npy", np.arange(3))
    for order, said in (
        (b"a,b\n1,2\n", "there is no column id; the columns are a, b. Give a list of ids"),
        (b"id\n", "it lists no ids"),
        (b"", "the file is empty"),
        (b"\x93NUMPY", "this npy file cannot be read"),
        (Path("array.npy").read_bytes(), "there is no column id; the columns are none"),
    ):
        Path("order").write_bytes(order)
        done = run("weights", "mine", "--format", "csv", "--order", "order", "--out", "w.csv", code=2)
        assert f"dir: order: {said}" in done.stderr


def test_what_cannot_be_written_is_refused(run: Run) -> None:
    for file in ("order", "w.json"):
        Path(file).write_text("1\n")
    for words, said in {
        "mine --order order --out w.npy": "--order is that of a trainer's file; add --format",
        "mine --format npy": "add --out FILE, and leave out --per bin",
        "mine --format npy --out w.npy --per bin": "add --out FILE, and leave out --per bin",
        "mine --format lightgbm --out w.npy": "w.npy: it would hold lightgbm, and not what its name says",
        "mine --format npy --out w.csv": "w.csv: it would hold npy, and not what its name says",
        "mine --format npy --order order --out order": "would replace what is read as --order order",
        "mine --format npy --order w.json --out w.npy": "the facts beside --out w.json would replace",
        "nyud2 --format npy --out w.npy": "nyud2: its samples are pixels",
        "sts-b --format npy --out w.npy": "sts-b is not curated in manifests, so only its bins are known",
    }.items():
        assert said in run("weights", *words.split(), "--force", code=2).stderr, words
    assert not list(Path().glob("w.*y"))


def test_lines_beside_a_manifest_go_with_it(run: Run) -> None:
    run("weights", "mine", "--format", "lightgbm", "--out", "manifests/mine/t.csv.weight")
    words: list[Any] = ["--table", "t.csv", "--target", "y", "--id", "key", "--bin-width", 2, "--name", "mine"]
    done = run("curate", "custom", *words, "--force")
    assert "t.csv.json, t.csv.weight" in done.stderr
    assert not list(Path("manifests/mine").glob("t.csv*"))
