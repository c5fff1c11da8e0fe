"""Bad input through the command line: exit 2, everything that is wrong in one go, and nothing written.

Each case is a call in a folder that holds the manifests of two miniatures; `says` are the phrases that must stand on
stderr, which are what a tired researcher has to go by.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import shlex
import shutil
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from miniatures import MINIATURES
from typer.testing import CliRunner

from dircli.cli.app import app
from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from conftest import Run

DATASETS = ("agedb", "sts-b")


@dataclass(frozen=True)
class Rows:
    """The test rows of the AgeDB miniature, and prediction files made of them: right ones, or changed by the caller."""

    ids: list[str]
    targets: list[float]

    def csv(self, change: Callable[[list[str]], object] = lambda _: None, *, targets: bool = False) -> bytes:
        """A CSV file after ``change`` of its lines, the header among them."""
        pairs = zip(self.ids, self.targets, strict=True)
        rows = [f"{key},{target + 1}" + (f",{target}" if targets else "") for key, target in pairs]
        lines = ["id,prediction" + (",target" if targets else ""), *rows]
        change(lines)
        return "".join(f"{line}\n" for line in lines).encode()

    def with_row(self, row: int, text: str) -> bytes:
        """A CSV file whose prediction in ``row`` is ``text``."""
        return self.csv(lambda lines: lines.__setitem__(row, f"{self.ids[row - 1]},{text}"))

    def parquet(self) -> bytes:
        """A right Parquet file."""
        sink = io.BytesIO()
        pq.write_table(pa.table({"id": self.ids, "prediction": self.targets}), sink)
        return sink.getvalue()

    def json(self) -> bytes:
        """A right JSON lines file."""
        return b"".join(json.dumps({"id": key, "prediction": 1}).encode() + b"\n" for key in self.ids)

    def npy(self, array: Any) -> bytes:
        """``array`` as an npy file."""
        sink = io.BytesIO()
        np.save(sink, array, allow_pickle=True)
        return sink.getvalue()


Content: TypeAlias = "bytes | Callable[[Rows], bytes]"


@dataclass(frozen=True)
class Case:
    """A call in a folder with ``files``; an empty folder where the content is None. ``without`` manifests are gone."""

    words: str
    says: tuple[str, ...]
    files: Mapping[str, Content | None] = field(default_factory=dict)
    without: tuple[str, ...] = ("sts-b",)
    stdin: bytes | None = None


def preds(content: Content, *says: str, words: str = "evaluate p.csv", **more: Any) -> Case:
    """A call with one file of predictions; options follow in ``words``."""
    return Case(words, says, {"p.csv": content}, **more)


def zipped(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 100)
    return sink.getvalue()


AGEDB_CSV = b"age,path,split\n30,AgeDB/0_AdaLovelace_30_f.jpg,train\n"
NAMES = zipped("AgeDB/0_AdaLovelace_30_f.jpg", "AgeDB/1_AlanTuring_47_m.jpg")
STS_B = b"index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
NPY = "evaluate p.npy --by-position"

IDS = {
    "an id is missing": preds(
        lambda rows: rows.csv(lambda lines: lines.pop(3)), "p.csv: 1 ids are missing: AgeDB/", "Predict every row"
    ),
    "all ids are missing": preds(b"id,prediction\n", "18 ids are missing: AgeDB/", "and 8 more"),
    "an id is surplus": preds(
        lambda rows: rows.csv(lambda lines: lines.append("AgeDB/x.jpg,3")),
        "1 ids are not in the split: AgeDB/x.jpg",
        "Check --dataset and --split",
    ),
    "an id is repeated": preds(
        lambda rows: rows.csv(lambda lines: lines.append(lines[1])),
        "1 ids occur more than once: AgeDB/",
        "Keep one row of each",
    ),
    "an id is empty": preds(lambda rows: rows.csv(lambda lines: lines.append(",3")), "1 ids are not in the split: ''"),
    "rows of another split": preds(
        lambda rows: rows.csv(),
        "are missing",
        "18 ids are not in the split",
        "--split",
        words="evaluate p.csv --split val",
    ),
    "rows of another dataset": preds(
        lambda rows: rows.csv(),
        "are missing",
        "are not in the split",
        "--dataset",
        words="evaluate p.csv --dataset sts-b",
        without=(),
    ),
}
NUMBERS = {
    "NaN": preds(lambda rows: rows.with_row(2, "nan"), "p.csv, line 3: prediction is 'nan'. Write a finite number"),
    "infinite": preds(lambda rows: rows.with_row(1, "-inf"), "p.csv, line 2: prediction is '-inf'"),
    "too large": preds(lambda rows: rows.with_row(1, "1e400"), "p.csv, line 2: prediction is '1e400'"),
    "text": preds(lambda rows: rows.with_row(4, "forty"), "p.csv, line 5: prediction is 'forty'"),
    "nothing": preds(lambda rows: rows.with_row(4, ""), "p.csv, line 5: prediction is ''"),
    "decimal comma in quotes": preds(
        lambda rows: rows.with_row(4, '"31,5"'),
        "p.csv, line 5: prediction is '31,5', with a decimal comma, and so in 1 rows. Write 31.5",
    ),
    "decimal comma": preds(
        lambda rows: rows.with_row(4, "31,5"),
        "p.csv, line 5: the header has 2 fields, this row 3",
        "1 ids are missing",
        "Some may be in the rows that cannot be read",
    ),
    "targets of others": preds(
        lambda rows: rows.csv(lambda lines: lines.__setitem__(1, f"{rows.ids[0]},1,99"), targets=True),
        "1 targets differ from the manifest's: AgeDB/",
        "has 99, not",
        "belongs to this dataset and split",
    ),
}
TABLES = {
    "empty": preds(b"", "p.csv: the file is empty. Check that whatever wrote it has finished"),
    "white": preds(b" \n\n", "p.csv: the file is empty"),
    "only a mark": preds(b"\xef\xbb\xbf\n", "p.csv: the file is empty"),
    "bars": preds(
        lambda rows: rows.csv().replace(b",", b"|"), "p.csv, line 1:", "separated by bars; commas are expected"
    ),
    "quoted bars": preds(b'"id"|"prediction"\n"a"|"1"\n', "p.csv, line 1:", "separated by bars"),
    "decimal commas between semicolons": preds(
        lambda rows: rows.csv().replace(b",", b";").replace(b".0\n", b",5\n"),
        ", with a decimal comma, and so in 18 rows. Write ",
    ),
    "wrong rows between tabs": preds(
        lambda rows: rows.with_row(2, "x\ty").replace(b",", b"\t"),
        "p.csv, line 3: the header has 2 fields, this row 3",
    ),
    "other columns": preds(
        b"path,age\na,1\n", "line 1: there is no column id or prediction; the columns are path, age", "--id-column"
    ),
    "a column that is not there": preds(
        lambda rows: rows.csv(),
        "there is no column yhat; the columns are id, prediction",
        words="evaluate p.csv --prediction-column yhat",
    ),
    "repeated header": preds(
        b"id,prediction,prediction\na,1,2\n", "line 1: the header has more than one column prediction"
    ),
    "UTF-16": preds(
        lambda rows: rows.csv().decode().encode("utf-16"), "p.csv: the text is UTF-16. Save it as UTF-8 text"
    ),
    "UTF-16 without a mark": preds(
        lambda rows: rows.csv().decode().encode("utf-16-le"), "p.csv, line 1: there is a zero byte", "UTF-16"
    ),
    "Latin-1": preds(
        lambda rows: rows.csv() + b"\xe9,1\n", "p.csv, line 20: byte 0xe9 is not UTF-8 text. Save it as UTF-8"
    ),
    "too few fields": preds(
        lambda rows: rows.csv(lambda lines: lines.__setitem__(2, rows.ids[1])),
        "p.csv, line 3: the header has 2 fields, this row 1. Mend or remove the row",
    ),
    "unclosed quote": preds(
        lambda rows: rows.csv(lambda lines: lines.__setitem__(2, f'"{lines[2]}')),
        "p.csv, line 3: the row that begins here cannot be read",
        "Look for an unclosed quote",
    ),
    "combined": preds(
        lambda rows: rows.csv(
            lambda lines: lines.__setitem__(slice(1, 5), [lines[1], lines[1], "AgeDB/x.jpg,nan", "AgeDB/y.jpg"])
        ),
        "p.csv, line 5: the header has 2 fields, this row 1",
        "p.csv, line 4: prediction is 'nan'",
        "3 ids are missing",
        "1 ids are not in the split: AgeDB/x.jpg",
        "1 ids occur more than once",
    ),
    "two files": Case(
        "evaluate p.csv gone.csv q.csv",
        ("p.csv, line 2: prediction is 'x'", "gone.csv: there is no such file", "q.csv: the file is empty"),
        {"p.csv": lambda rows: rows.with_row(1, "x"), "q.csv": b""},
    ),
    "standard input": Case(
        "evaluate -",
        ("standard input, line 1: there is no column id or prediction; the columns are a, b",),
        stdin=b"a,b\n1,2\n",
    ),
}
FORMATS = {
    "a folder": Case("evaluate p.csv", ("p.csv: there is no file of rows in this folder",), {"p.csv": None}),
    "no such file": Case(
        "evaluate p.csv", ("p.csv: there is no such file. Give a CSV, JSON lines, Parquet or npy file",)
    ),
    "a path through a file": preds(
        b"id,prediction\n", "p.csv/x: the file cannot be read (Not a directory)", words="evaluate p.csv/x"
    ),
    "Parquet cut off": preds(
        lambda rows: rows.parquet()[:-20],
        "p.csv: this is no whole Parquet file (",
        "Check that whatever wrote it has finished",
    ),
    "a broken line of JSON": preds(
        lambda rows: rows.json().replace(b"1}\n", b"1\n", 1),
        "p.csv, line 1: the line is no JSON (",
        "Write one object with id, prediction per line",
        "1 ids are missing",
    ),
    "a JSON array": preds(
        b'[{"id": "a", "prediction": 1}]', "p.csv: this is a JSON array. Give a CSV, JSON lines, Parquet"
    ),
    "gzip cut off": preds(
        lambda rows: gzip.compress(rows.csv())[:-1],
        "p.csv: this is no whole gzip file (Truncated compressed stream). Check that whatever wrote it has finished",
    ),
    "npz": preds(zipped("prediction.npy"), "p.csv: this is a zip archive, such as .npz"),
    "an image": preds(b"\x89PNG\r\n\x1a\n\0\0", "p.csv, line 1: byte 0x89 is not UTF-8 text"),
    "an array of objects": Case(
        NPY,
        ("p.npy: the array holds Python objects. Write numbers",),
        {"p.npy": lambda rows: rows.npy(np.array([None] * 18))},
    ),
    "an array of two dimensions": Case(
        NPY,
        ("p.npy: the array has shape (9, 2). One number per row is expected",),
        {"p.npy": lambda rows: rows.npy(np.zeros((9, 2)))},
    ),
    "an array of another length": Case(
        NPY,
        ("p.npy: there are 17 rows, and the split has 18. Write one for each",),
        {"p.npy": lambda rows: rows.npy(np.zeros(17))},
    ),
    "an array with NaN": Case(
        NPY, ("p.npy, row 18: prediction is nan",), {"p.npy": lambda rows: rows.npy(np.array([0.0] * 17 + [np.nan]))}
    ),
    "an array and no --by-position": Case(
        "evaluate p.npy",
        ("p.npy: an npy file has no ids. Add --by-position",),
        {"p.npy": lambda rows: rows.npy(np.zeros(18))},
    ),
    "half an array": Case(
        NPY, ("p.npy: this is no whole npy file (",), {"p.npy": lambda rows: rows.npy(np.zeros(18))[:100]}
    ),
}
BINS = "evaluate p.csv --bins manifests/agedb/bins.parquet"
CALLS = {
    "unknown metrics": preds(
        lambda rows: rows.csv(),
        "no metric is called 'mea', 'r2'; there are mae,",
        words="evaluate p.csv --metrics mae,mea,r2",
    ),
    "unknown format": preds(lambda rows: rows.csv(), "--format", "'xml'", words="evaluate p.csv --format xml"),
    "unknown split": preds(lambda rows: rows.csv(), "--split", "'rest'", words="evaluate p.csv --split rest"),
    "unknown dataset": preds(
        lambda rows: rows.csv(),
        "'nope' is not curated in manifests; name one of agedb",
        words="evaluate p.csv --dataset nope",
    ),
    "no dataset curated": preds(
        lambda rows: rows.csv(), "none is curated in manifests", "dir curate", without=DATASETS
    ),
    "several datasets curated": preds(
        lambda rows: rows.csv(), "several datasets are curated in manifests: agedb, sts-b", without=()
    ),
    "no targets and no manifest": preds(
        lambda rows: rows.csv(list.pop),
        "there is no column target",
        "sts-b: it is not curated here",
        "dir curate",
        words="evaluate p.csv --dataset sts-b",
    ),
    "rows that are not the benchmark's": preds(
        lambda rows: rows.csv(targets=True),
        "18 targets do not fill the bins as the test split (2,140 rows) does",
        "Give every row of the split once",
        words="evaluate p.csv --dataset agedb",
        without=DATASETS,
    ),
    "targets outside the bins": preds(
        b"prediction,target\nx,30\n1,-3\n2,500\n3,40\n",
        "p.csv, line 2: prediction is 'x'",
        "p.csv: 2 targets lie outside 0..121: -3, 500. Check the target column",
        words=BINS,
    ),
    "bins that are none": Case(
        "evaluate p.csv --bins p.csv",
        ("p.csv: this is no whole Parquet file (Parquet magic bytes not found in footer). Give a bins.parquet",),
        {"p.csv": b"prediction,target\n1,2\n"},
    ),
    "no bins": preds(
        b"prediction,target\n1,2\n",
        "b.parquet: there is no such file. Give a bins.parquet",
        words="evaluate p.csv --bins b.parquet",
    ),
    "bins and no targets": preds(b"prediction\n1\n", "line 1: there is no column target", words=BINS),
    "output is a folder": Case(
        "evaluate p.csv --output out.json",
        ("out.json: cannot be written (this is a folder, and a file is expected)",),
        {"p.csv": lambda rows: rows.csv(), "out.json": None},
    ),
    "output below a file": preds(
        lambda rows: rows.csv(),
        "p.csv: cannot be written (this is a file, and a folder is expected)",
        words="evaluate p.csv --output p.csv/x.json",
    ),
    "even kernel": Case("weights --ks 4", ("the kernel size must be an odd number of bins, and 4 is not; try 5",)),
    "no kernel size": Case("weights --ks 0", ("the kernel size must be an odd number of bins, and 0 is not; try 1",)),
    "no width": Case("weights --sigma 0", ("sigma must be a number of bins from 0.01 to 1000",)),
    "unknown kernel": Case("weights --kernel box", ("--kernel", "'box'", "'triang'")),
    "unknown ending": Case(
        "weights --out w.xlsx",
        (
            "w.xlsx:",
            "written as .parquet or .csv",
        ),
    ),
    "weights below a file": Case(
        "weights --out manifests/agedb/manifest.json/w.csv",
        ("manifest.json: cannot be written (this is a file, and a folder",),
    ),
    "facts in the way": Case("weights --out w.csv", ("w.json: cannot be written (this is a folder",), {"w.json": None}),
    "weights of what is not curated": Case(
        "weights sts-b", ("sts-b is not curated in manifests", "--per bin", "dir curate sts-b")
    ),
    "verify of what is not there": Case("verify sts-b", ("'sts-b' is not curated in manifests", "dir curate")),
}
DAMAGED = "manifests/agedb/manifest.json"
OF_BYTES = "Fetch it from https://"
SOURCES = {
    "edited manifest": Case(
        "evaluate p.csv",
        ("its content is sha256:", "says sha256:00", "dir curate"),
        {"p.csv": lambda rows: rows.csv(), DAMAGED: b"edit"},
    ),
    "manifest that is no JSON": Case("weights", ("manifest.json: this is no JSON (", "dir curate"), {DAMAGED: b"{"}),
    "manifest without samples": Case(
        "weights",
        ("samples.parquet: this is no whole Parquet file", "dir curate"),
        {"manifests/agedb/samples.parquet": b""},
    ),
    "unknown source": Case("curate nope --raw .", ("'nope'", "agedb", "sts-b")),
    "zip cut off": Case(
        "curate agedb --split redraw --raw a.zip", ("a.zip: is damaged or cut short",), {"a.zip": NAMES[:-40]}
    ),
    "text for a zip": Case(
        "curate agedb --split redraw --raw a.zip", ("a.zip: is neither a folder nor an archive",), {"a.zip": b"hello\n"}
    ),
    "no raw file": Case("curate agedb --split redraw --raw a.zip", ("a.zip", "Check the path")),
    "foreign names": Case(
        "curate agedb --split redraw --raw a.zip",
        ("a.zip: 2 names are not <index>_<Name>_<age>_<m|f>.jpg: 2.jpg, 1.jpg",),
        {"a.zip": zipped("AgeDB/1.jpg", "2.jpg")},
    ),
    "an archive of other things": Case(
        "curate agedb --split redraw --raw a.zip", ("a.zip: there are no .jpg files",), {"a.zip": zipped("readme.txt")}
    ),
    "folder without the published file": Case(
        "curate agedb --released f --force",
        ("f: there is no agedb.csv", "Give the file, or the folder that holds it"),
        {"f/readme.txt": b"x"},
    ),
    "folder without the published files": Case(
        "curate sts-b --released f --raw f",
        ("there is no train_new.tsv and no dev_new.tsv and no test_new.tsv",),
        {"f/readme.txt": b"x"},
    ),
    "edited published file": Case(
        "curate agedb --released agedb.csv --force",
        ("this is not the published agedb.csv", OF_BYTES),
        {"agedb.csv": AGEDB_CSV},
    ),
    "published file with many faults": Case(
        "curate agedb --released agedb.csv --force",
        (
            "line 2: age is 'x'",
            "line 3: the header has 3 fields, this row 2",
            "line 4: split is 'dev'",
        ),
        {"agedb.csv": b"age,path,split\nx,AgeDB/0_AdaLovelace_30_f.jpg,train\n1,2\n30,AgeDB/2_X_30_f.jpg,dev\n"},
    ),
    "seed of the published split": Case(
        "curate agedb --released agedb.csv --seed 3",
        ("--seed", "imported, not drawn", "--split redraw"),
        {"agedb.csv": AGEDB_CSV},
    ),
    "name that leads out": Case(
        "curate agedb --split redraw --raw a.zip --name ../x",
        ("'../x' cannot name a manifest; use letters, digits",),
        {"a.zip": NAMES},
    ),
    "name that is a path": Case(
        "curate agedb --split redraw --raw a.zip --name a/b", ("'a/b' cannot name a manifest",), {"a.zip": NAMES}
    ),
    "manifests are a file": Case(
        "curate agedb --split redraw --raw a.zip --out a.zip",
        ("a.zip: cannot be written (this is a file, and a folder",),
        {"a.zip": NAMES},
    ),
    "score that is none": Case(
        "curate sts-b --split redraw --raw f",
        ("train.tsv, line 2: score is '5.5'. Expected 0 to 5", "dev.tsv, line 2: the header has 10 fields, this row 2"),
        {
            "f/train.tsv": STS_B + b"0\t1\t2\t3\t4\t5\t6\t7\t8\t5.5\n",
            "f/dev.tsv": STS_B + b"1\t2\n",
        },
    ),
}
CASES = {
    f"{kind}: {name}": case
    for kind, cases in (
        ("ids", IDS),
        ("numbers", NUMBERS),
        ("tables", TABLES),
        ("formats", FORMATS),
        ("calls", CALLS),
        ("sources", SOURCES),
    )
    for name, case in cases.items()
}


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the manifests of both miniatures."""
    folder = tmp_path_factory.mktemp("curated")
    for name in DATASETS:
        raw = folder / f"raw-{name}"
        raw.mkdir()
        words = ["curate", name, "--split", "redraw", "--raw", str(MINIATURES[name].build(raw))]
        done = CliRunner().invoke(app, [*words, "--out", str(folder / "manifests"), "--data", str(folder / "none")])
        assert done.exit_code == 0, done.output
    return folder / "manifests"


@pytest.fixture(scope="module")
def rows(curated: Path) -> Rows:
    """The test rows of the AgeDB miniature."""
    samples = manifests.read(curated / "agedb").samples
    test = samples.split == "test"
    return Rows(samples.ids[test].tolist(), samples.targets[test].tolist())


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that asks the internet first would be no refusal."""

    def connect(*_: object) -> None:
        raise AssertionError("a test of bad input went to the network")

    monkeypatch.setattr("socket.socket.connect", connect)


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Every path below ``folder``, with its time of change and its bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
    }


def plain(text: str) -> str:
    """``text`` without the frames and line breaks of usage errors."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused_in_one_go_and_nothing_is_written(
    case: Case, curated: Path, rows: Rows, run: Run, work: Path
) -> None:
    shutil.copytree(curated, work / "manifests")
    for name in case.without:
        shutil.rmtree(work / "manifests" / name)
    for name, content in case.files.items():
        path = work / name
        path.parent.mkdir(exist_ok=True)
        if content is None:
            path.mkdir()
        elif content == b"edit":
            path.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", path.read_text()))
        else:
            path.write_bytes(content(rows) if callable(content) else content)
    before = tree(work.parent)
    done = run(*shlex.split(case.words), code=2, stdin=case.stdin)
    assert [phrase for phrase in case.says if phrase not in plain(done.stderr)] == [], done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert tree(work.parent) == before
    lines = done.stderr.splitlines()
    assert len(set(lines)) == len(lines)
    assert all(len(line) < 900 for line in lines)


def test_there_are_no_problems_in_good_input(curated: Path, rows: Rows, run: Run, work: Path) -> None:
    """The cases above break files that are right before."""
    shutil.copytree(curated / "agedb", work / "manifests" / "agedb")
    files = {
        "p.csv": rows.csv(),
        "t.csv": rows.csv(targets=True),
        "p.parquet": rows.parquet(),
        "p.jsonl": rows.json(),
    }
    for name, data in files.items():
        (work / name).write_bytes(data)
        signs = run("evaluate", name).stderr.splitlines()  # of what is predicted, and not of the file
        assert all(sign.startswith((f"{name[0]}: every prediction ", f"{name[0]}: all predictions ")) for sign in signs)
    (work / "p.npy").write_bytes(rows.npy(np.array(rows.targets) + 1))
    assert run("evaluate", "p.npy", "--by-position").stdout == run("evaluate", "p.csv").stdout
    assert run("evaluate", "-", stdin=rows.csv()).stdout == run("evaluate", "p.csv").stdout


DAMAGES = st.lists(
    st.tuples(
        st.sampled_from(["change", "remove", "insert"]),
        st.integers(0, 10_000),
        st.binary(min_size=1, max_size=4)
        | st.sampled_from([b",", b'"', b"\n", b"\r", b"\t", b";", b"\0", b"{", b"nan"]),
    ),
    min_size=1,
    max_size=6,
)

CUT = st.none() | st.integers(0, 10_000)
SHARED = [HealthCheck.function_scoped_fixture]


@pytest.mark.thorough
@given(damages=DAMAGES, cut=CUT)
@settings(max_examples=150, deadline=None, suppress_health_check=SHARED)
def test_random_damage_ends_in_scores_or_in_a_refusal(
    damages: list[tuple[str, int, bytes]], cut: int | None, curated: Path, rows: Rows, work: Path
) -> None:
    _damaged_once(damages, cut, curated, rows, work)


@pytest.mark.slow
@given(damages=DAMAGES, cut=CUT)
@settings(max_examples=2000, deadline=None, suppress_health_check=SHARED)
def test_two_thousand_random_damages_end_in_scores_or_in_a_refusal(
    damages: list[tuple[str, int, bytes]], cut: int | None, curated: Path, rows: Rows, work: Path
) -> None:
    _damaged_once(damages, cut, curated, rows, work)


def _damaged_once(
    damages: list[tuple[str, int, bytes]], cut: int | None, curated: Path, rows: Rows, work: Path
) -> None:
    data = bytearray(rows.csv(targets=True))
    for how, place, bytes_ in damages:
        at = place % (len(data) + 1)
        data[at : at + (0 if how == "insert" else len(bytes_))] = b"" if how == "remove" else bytes_
    (work / "p.csv").write_bytes(data if cut is None else data[: cut % (len(data) + 1)])
    words = ["evaluate", "p.csv", "--dataset", "agedb", "--manifests", str(curated), "--metrics", "mae", "-q"]
    done = CliRunner().invoke(app, words, prog_name="dir")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code in {0, 2}
    assert bool(done.stdout) == (done.exit_code == 0)
    assert bool(done.stderr) == (done.exit_code == 2)
    assert all(line.startswith("dir: p.csv") for line in done.stderr.splitlines())
    assert [path.name for path in work.iterdir()] == ["p.csv"]


@pytest.mark.parametrize(
    "words", ["evaluate {}", "evaluate {} --dataset agedb", "weights {}", "curate custom --table {} --target y"]
)
def test_a_word_that_is_too_long_for_a_file_is_one_line(words: str, run: Run) -> None:
    said = run(*words.format("a" * 300).split(), code=2).stderr
    assert said.endswith("…: this is too long for the name of a file\n"), said
    assert len(said) < 120
