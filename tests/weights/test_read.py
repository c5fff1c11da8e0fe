"""Weights for training: read once, and refused by name where they are damaged or not of the very training samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from dircli.errors import InputError
from dircli.store import files
from dircli.weights.read import training_weights

if TYPE_CHECKING:
    from conftest import Run

FOLDER = Path("manifests/mine")


@pytest.fixture(autouse=True)
def _weighed(work: Path, run: Run) -> None:
    targets = np.random.default_rng(0).gamma(2, 5, 400).round(1)
    pd.DataFrame({"key": [f"p{row}" for row in range(400)], "y": targets}).to_csv(work / "t.csv", index=False)
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--id", "key", "--bin-width", 1, "--name", "mine")
    run("weights", "mine")
    run("weights", "mine", "--out", "w.csv")


@pytest.mark.parametrize("path", [FOLDER / "weights.parquet", Path("w.csv")])
def test_a_file_of_weights_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    whole = files.read

    def counted(path: Path, **options: Any) -> bytes:
        read.append(path)
        return whole(path, **options)

    monkeypatch.setattr(files, "read", counted)
    found = training_weights(FOLDER, path)
    assert read.count(path) == 1
    table = pd.read_parquet(FOLDER / "weights.parquet")
    assert found.ids.tolist() == table["id"].tolist()
    assert found.weight.tolist() == table["weight"].tolist()


@pytest.mark.parametrize("path", ["manifests/mine/weights.parquet", "w.csv", "w.npy"])
def test_the_weights_are_the_trainers_to_write_to(path: str, run: Run) -> None:
    """PyTorch warns of arrays that are read-only, and its tensors of them would write to what may not be written."""
    run("weights", "mine", "--out", "w.npy")
    assert training_weights(FOLDER, path).weight.flags.writeable


@pytest.mark.parametrize(
    "damage", [lambda text: text.replace("id", "key", 1), lambda text: text + "p,1\n", lambda _: "", lambda _: "\0"]
)
def test_a_csv_that_holds_no_weights_is_refused_by_name(damage: Any) -> None:
    path = Path("w.csv")
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=r"w\.csv: this is no CSV with the columns id and weight .*dir weights mine"):
        training_weights(FOLDER, path)


@pytest.mark.parametrize("change", [lambda table: table[::-1], lambda table: table[1:]])
def test_weights_of_other_rows_are_refused(change: Any) -> None:
    change(pd.read_csv("w.csv")).to_csv("w.csv", index=False)
    with pytest.raises(InputError, match=r"w\.csv: its rows are not the 3\d\d training samples"):
        training_weights(FOLDER, "w.csv")


def test_an_array_of_another_shape_is_refused() -> None:
    length = len(pd.read_csv("w.csv"))
    for shape in ((), (length, 2)):
        np.save("w.npy", np.ones(shape))
        with pytest.raises(InputError, match=r"w\.npy: its rows are not"):
            training_weights(FOLDER, "w.npy")


@pytest.mark.parametrize("in_footer", [False, True], ids=["the last byte", "the first byte of the footer"])
def test_a_damaged_parquet_is_refused_by_name(in_footer: bool) -> None:  # noqa: FBT001
    path = FOLDER / "weights.parquet"
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[-8:-4], "little")
    data[-8 - length if in_footer else -1] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"weights\.parquet: .*dir weights mine"):
        training_weights(FOLDER)
