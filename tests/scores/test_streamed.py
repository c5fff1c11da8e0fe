"""Scores by blocks are those of the whole file to the last digit; and bad input is refused in the same words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import mostly_thorough
from odd_files import FORMATS, damaged, good, written

from dircli.datasets.open import open_benchmark
from dircli.errors import DirError, InputError, UsageError
from dircli.scores import streamed
from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.store import compressed, matching, streams
from dircli.store.manifests import shipped
from dircli.store.predictions import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Run

    from dircli.scores.results import Scored

DEPTHS = pytest.mark.filterwarnings("ignore:divide by zero")  # a depth of 0 has no ratio


def drawn(seed: int) -> tuple[str, bytes, str, dict[str, Any]]:
    """A dataset, a file that carries its targets, in one of the FORMATS, and how it is to be scored."""
    draw = np.random.default_rng(seed)
    name = ("agedb", "sts-b", "nyud2")[seed % 3]
    size = int(draw.integers(1, 400))
    low, high = {"agedb": (0, 120), "sts-b": (0, 5), "nyud2": (0.7, 9.9)}[name]
    target = draw.uniform(low, high, size).round(int(draw.integers(4)))
    prediction = np.abs(target + draw.normal(0, 1, size).round(int(draw.integers(9)))) + 0.01
    exact = draw.random(size) < 0.1
    prediction[exact] = target[exact].clip(0.01)
    columns: dict[str, Any] = {"prediction": prediction, "target": target}
    if draw.random() < 0.6:
        columns["id"] = [f"row {row}" for row in draw.permutation(size)]
    if draw.random() < 0.5:
        columns["sigma"] = draw.uniform(0.5, 2, size)
    choice = {"protocol": ("released", "paper")[seed // 3 % 2], "metrics": [[], ["all"], ["mae", "gm"]][seed // 6 % 3]}
    return name, written(columns, FORMATS[seed // 2 % len(FORMATS)]), "", choice


def scored(path: str, name: str, *, keep_rows: bool, **choice: Any) -> Scored:
    """What `evaluate` gives of the file, against the shipped bins as a file of one's own."""
    choice = {"protocol": "released", "metrics": [], "layout": Layout(sigma_column="sigma"), **choice}
    request = ScoreOptions(split="test", keep_rows=keep_rows, **choice)
    with pytest.MonkeyPatch.context() as patch:
        for size in ("LARGE", "LARGE_COMPRESSED"):
            patch.setattr(streams, size, 1 << 60 if keep_rows else 0)
        return evaluate([path], request, name=None, root=Path("manifests"), bins_file=shipped(name))


@pytest.mark.parametrize(
    "seeds",
    mostly_thorough([range(start, start + 20) for start in range(0, 200, 20)]),
    ids=lambda part: part.start,
)
def test_blocks_give_the_scores_of_the_whole_file(
    seeds: Sequence[int], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in seeds:
        name, data, _, choice = drawn(seed)
        (work / "p").write_bytes(data)
        whole = scored("p", name, keep_rows=True, **choice)
        monkeypatch.setattr(streams, "BLOCK", (97, 500, 10**6)[seed % 3] + seed)
        monkeypatch.setattr(streams, "ROWS", 7 + seed % 60)
        monkeypatch.setattr(streams, "LONGEST", 100)
        by_blocks = scored("p", name, keep_rows=False, **choice)
        assert by_blocks.systems == []
        assert by_blocks.result.as_json() == whole.result.as_json(), seed


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMATS)
def test_the_number_of_threads_moves_no_digit(form: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(5)
    target = draw.uniform(0, 120, 3000).round(1)
    columns = {"prediction": target + draw.normal(0, 9, 3000), "target": target, "id": list(map(str, range(3000)))}
    (work / "p").write_bytes(written(columns, form))
    monkeypatch.setattr(streams, "BLOCK", 5000)
    monkeypatch.setattr(streams, "ROWS", 100)
    against = open_benchmark(None, work, shipped("agedb"))
    asked: dict[str, Any] = {"split": "test", "protocol": "released", "metrics": [], "layout": Layout()}
    question = streamed.Question(path="p", against=against, **asked)
    answers = [streamed.answer(question, workers=workers) for workers in (1, 2, 3)]
    assert answers[0] is not None
    assert answers[0] == answers[1] == answers[2]


def outcome(name: str, *, keep_rows: bool) -> object:
    """The result of the file "p" as JSON, or its error."""
    try:
        return scored("p", name, keep_rows=keep_rows).result.as_json()
    except DirError as error:
        return str(error)


def differing(seeds: range, work: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[object], int]:
    """The damaged files that blocks answer otherwise than the whole file; and how many are scored."""
    unlike: list[object] = []
    whole = 0
    monkeypatch.setattr(streams, "ROWS", 3)
    for seed in seeds:
        kind, data = list(good(seed).items())[seed // 2 % len(good(0))]
        data = damaged(data, seed) if seed % 3 else data
        (work / "p").write_bytes(data)
        monkeypatch.setattr(streams, "BLOCK", 40 + seed % 90)
        both = [outcome(("agedb", "nyud2")[seed % 2], keep_rows=keep_rows) for keep_rows in (False, True)]
        if both[0] != both[1]:
            unlike.append((seed, kind, data, *both))
        whole += isinstance(both[1], dict)
    return unlike, whole


@DEPTHS
@pytest.mark.parametrize(("column", "value"), [("prediction", 0.0), ("sigma", 0.0), ("target", -1.0)])
def test_one_value_that_cannot_be_is_refused_as_in_a_whole_file(column: str, value: float, work: Path) -> None:
    columns = {name: np.linspace(1, 9, 7) for name in ("prediction", "target", "sigma")}
    columns[column][3] = value
    (work / "p").write_bytes(written(columns, "CSV"))
    said = []
    for keep_rows in (False, True):
        with pytest.raises(DirError) as refused:
            scored("p", "nyud2", keep_rows=keep_rows, metrics=["all"])
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.thorough
@DEPTHS
def test_blocks_and_whole_files_agree_on_damaged_files(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlike, whole = differing(range(150), work, monkeypatch)
    assert unlike == []
    assert 20 < whole < 120


@DEPTHS
@pytest.mark.slow
def test_blocks_and_whole_files_agree_on_two_thousand_damaged_files(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert differing(range(10_000, 12_000), work, monkeypatch)[0] == []


@pytest.mark.parametrize("start", ["PK\x03\x04", "[{"])
def test_text_that_begins_as_another_kind_of_file_is_refused(start: str, work: Path) -> None:
    (work / "p").write_text(f"{start},prediction,target\n1,1,2\n")
    for keep_rows in (False, True):
        with pytest.raises(DirError, match="p: this is a"):
            scored("p", "agedb", keep_rows=keep_rows)


def test_ids_that_repeat_in_another_block_are_refused(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK", 30)
    (work / "p").write_bytes(b"id,prediction,target\n" + b"".join(b"%d,1,2\n" % row for row in range(50)) + b"7,1,2\n")
    with pytest.raises(DirError, match="p: 1 ids occur more than once: 7"):
        scored("p", "agedb", keep_rows=False)


def test_metrics_of_ranks_are_left_out_of_too_many_rows_and_refused_by_name(
    work: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    rows = b"prediction,target\n" + b"".join(b"%d,%d\n" % (row % 7, row) for row in range(60))
    (work / "p.csv").write_bytes(rows)
    monkeypatch.setattr(streams, "BLOCK", 50)
    monkeypatch.setattr(streams, "LARGE", 0)
    monkeypatch.setattr(streams, "LARGE_COMPRESSED", 0)
    monkeypatch.setattr(streamed, "RANKED", 60)
    words = ("evaluate", "p.csv", "--bins", shipped("agedb"), "--format", "json")
    usual = json.loads(run(*words).stdout)["systems"][0]["regions"]["all"]
    assert "spearman" in usual
    monkeypatch.setattr(streamed, "RANKED", 59)
    done = run(*words)
    kept = json.loads(done.stdout)["systems"][0]["regions"]["all"]
    assert kept == {name: value for name, value in usual.items() if name != "spearman"}
    assert "Spearman: left out, as the file has too many rows to sort them" in done.stderr
    refused = run(*words, "--metrics", "mae,spearman", code=2)
    assert (
        "p.csv: spearman of 60 rows: all of them must be sorted, and 59 are at most; name other metrics"
        in refused.stderr
    )
    assert "Spearman" in run(*words[:4], "--per-sample", "rows.csv").stdout
    (work / "p.csv").write_bytes(b"sigma," + rows.replace(b"\n", b"\n2,").removesuffix(b"2,"))
    done = run(*words, "--metrics", "all")
    assert {"spearman", "cindex", "ause"}.isdisjoint(json.loads(done.stdout)["systems"][0]["regions"]["all"])
    assert "Spearman, C-index, AUSE: left out" in done.stderr
    assert "p.csv: ause of 60 rows" in run(*words, "--metrics", "nll,ause", code=2).stderr


def test_ten_million_rows_are_ranked_at_most(work: Path) -> None:
    asked: dict[str, Any] = {"split": "test", "protocol": "released", "metrics": ["spearman"], "layout": Layout()}
    question = streamed.Question(path="p.csv", against=open_benchmark(None, work, shipped("agedb")), **asked)
    total = question.nothing_yet({})
    total.n = 10_000_001
    with pytest.raises(UsageError, match=r"spearman of 10,000,001 rows: all .* sorted, and 10,000,000 are at most"):
        streamed.answered(total, question, sha256="", content="")


def test_a_file_that_is_read_by_blocks_is_not_read_as_a_whole(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "p").write_bytes(gzip.compress(b"prediction,target\n1,2\n2,3\n"))
    for module, name in ((compressed, "expanded"), (matching, "repeated_ids")):
        monkeypatch.setattr(module, name, None)
    assert scored("p", "agedb", keep_rows=False).result.systems[0].regions["all"].n == 2


def test_small_files_and_folders_are_read_as_a_whole(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "p").write_bytes(b"prediction,target\n1,2\n")
    monkeypatch.setattr(streams, "LARGE", 22)
    assert streams.is_large(Path("p"))
    assert not any(map(streams.is_large, map(Path, (".", "none", "x" * 300))))
    monkeypatch.setattr(streams, "LARGE", 23)
    assert not streams.is_large(Path("p"))


def test_small_compressed_files_that_hold_much_are_large(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"prediction,target\n" + b"1,2\n" * 9999)
    (work / "p").write_bytes(packed)
    monkeypatch.setattr(streams, "LARGE", 18 + 4 * 9999)
    assert streams.is_large(Path("p"))
    (work / "cut").write_bytes(packed[:-40])
    assert not streams.is_large(Path("cut"))
    monkeypatch.setattr(streams, "LARGE", 19 + 4 * 9999)
    assert not streams.is_large(Path("p"))


def test_a_line_that_fills_many_blocks_is_left_to_the_exact_reader(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK", 10)
    (work / "p").write_bytes(b'prediction,target,note\n1,2,"' + b"\n" * 100 + b'"\n')
    columns = ["prediction", "target"]
    stream = streams.Stream(paths=[work / "p"], texts=["id"], numbers=columns, needed=columns)
    with pytest.raises(streams.Unusual):
        list(stream.blocks(len))
    with pytest.raises(UsageError, match="spearmen"):
        scored("p", "agedb", keep_rows=False, metrics=["spearmen"])


def test_a_byte_order_mark_where_a_block_begins_is_part_of_the_text(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BLOCK", 32)
    line = b'{"prediction": 1, "target": 20}\n'
    assert len(line) == 32
    (work / "p").write_bytes(line + b"\xef\xbb\xbf" + line)
    with pytest.raises(DirError, match="p, line 2"):
        scored("p", "agedb", keep_rows=False)


def test_a_column_of_ids_that_is_named_must_be_there_also_beside_targets(work: Path) -> None:
    (work / "p.csv").write_text("key,prediction,target\na,1,2\nb,2,3\n")
    request = ScoreOptions(split="test", protocol="released", metrics=["mae"], layout=Layout(id_column="ids"))
    how: dict[str, Any] = {"name": None, "root": Path("m"), "bins_file": shipped("sts-b")}
    with pytest.raises(InputError, match="there is no column ids; the columns are key, prediction, target"):
        evaluate(["p.csv"], request, **how)
