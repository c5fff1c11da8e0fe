"""STS-B-DIR: sentence pairs of GLUE with similarity 0..5; val and test of 50 pairs from each of 20 bins.

The published draw was unseeded, so it can only be imported. Rows are tab separated and quotes are plain characters.
"""

from collections.abc import Mapping

import numpy as np

from dircli.arrays import TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset, Leak, Publication, Rules, SampleReader, public_file, split_file
from dircli.benchmark.protocol import FdsRule, ScoreRule, Thresholds, WeightRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import Records
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import InputError, Problem, first
from dircli.store.text import Table, numbers, parse

KEY = ("genre", "filename", "year", "old_index")
TEXT = (*KEY, "source1", "source2", "sentence1", "sentence2", "score")
HEADER = ("index", *TEXT)
RELEASED = {"train": "train_new.tsv", "val": "dev_new.tsv", "test": "test_new.tsv"}
LOW, HIGH = 0.0, 5.0


def _tables(raw: Raw, files: Mapping[str, str]) -> dict[str, Table]:
    """The named tables of ``files`` (key → file name); InputError names every file that is missing."""
    members = {key: raw.find(file) for key, file in files.items()}
    if missing := [files[key] for key, member in members.items() if member is None]:
        hint = f"Give the folder or zip that holds {', '.join(files.values())}"
        raise InputError(Problem(raw.name, f"there is no {' and no '.join(missing)}", hint))
    tables = {}
    for key, member in members.items():
        with raw.open(str(member)) as stream:
            tables[key] = parse(stream.read(), raw.where(str(member)), columns=HEADER, delimiter="\t", quoted=False)
    return tables


def _records(tables: Mapping[str, Table]) -> Records:
    """The rows of all tables, one after the other; InputError with every row that has no score in 0..5."""
    problems = [problem for table in tables.values() for problem in table.problems]
    scores = []
    for table in tables.values():
        values, unread = numbers(table, "score")
        outside = np.flatnonzero((values < LOW) | (values > HIGH)).tolist()
        wrong = [(table.lines[row], f"score is {table.columns['score'][row]!r}") for row in outside]
        problems += unread + first(table.name, wrong, hint="Expected 0 to 5", rest="more scores outside 0 to 5")
        scores.append(values)
    if problems:
        raise InputError(problems)
    columns = {
        name: np.array([text for table in tables.values() for text in table.columns[name]], dtype=object)
        for name in TEXT
    }
    ids = np.array(["/".join(key) for key in zip(*(columns[name] for name in KEY), strict=True)], dtype=object)
    return Records(ids=ids, targets=np.concatenate(scores), columns=columns)


def read(raw: Raw) -> Records:
    """The scored pairs of GLUE's train.tsv, then dev.tsv; test.tsv has no scores and is not used."""
    return _records(_tables(raw, {"train": "train.tsv", "dev": "dev.tsv"}))


def read_released(raw: Raw) -> tuple[Records, TextArray]:
    """The pairs of the three published files, train, val, then test, in their order, and the split of each."""
    tables = _tables(raw, RELEASED)
    split = np.repeat(list(tables), [len(table.lines) for table in tables.values()]).astype(object)
    return _records(tables), split


def export(records: Records, split: TextArray) -> dict[str, bytes]:
    """The three files that the released training code reads; rows in manifest order, numbered anew in each."""
    files = {}
    for part, name in RELEASED.items():
        rows = np.flatnonzero(split == part)
        texts = zip(*(records.columns[column][rows] for column in TEXT), strict=True)
        lines = ("\t".join((str(index), *fields)) for index, fields in enumerate(texts))
        files[name] = "".join(f"{line}\n" for line in ("\t".join(HEADER), *lines)).encode()
    return files


_RULES = Rules(
    target="similarity",
    unit="point of 0..5",
    bins=Bins.regular(0, 5, "0.1"),
    recipe=SplitRecipe(bins=Bins.regular(0, 5, "0.25"), cap=50),
    score_rules={
        "released": ScoreRule(thresholds=Thresholds(many=100, few=30), zero_error=1e-10, single_precision=True),
        "paper": ScoreRule(thresholds=Thresholds(many=100, few=20)),
    },
    weights=WeightRule(default="inverse"),
    fds=FdsRule(clip=(0.5, 2.0), fill=True, all_vary=True),
)

_PUBLICATION = Publication(
    title="STS-B-DIR",
    licence="as GLUE hands it out: research use; each text keeps the licence of the source it came from",
    homepage="https://gluebenchmark.com",
    obtain=(
        "STS-B.zip (802,872 bytes) is public; give it, or its folder, with --raw.",
        "It is recognised by its 5,749 train and 1,500 dev rows, and by its sha256.",
        "The published split is train_new.tsv, dev_new.tsv and test_new.tsv; give their folder with --released.",
    ),
    bibtex="""\
@inproceedings{cer2017semeval,
  title     = {{SemEval}-2017 Task 1: Semantic Textual Similarity Multilingual and Crosslingual Focused Evaluation},
  author    = {Cer, Daniel and Diab, Mona and Agirre, Eneko and Lopez-Gazpio, I{\\~n}igo and Specia, Lucia},
  booktitle = {SemEval},
  year      = {2017}
}""",
    expected={"train": 5_249, "val": 1_000, "test": 1_000},
    sources=(
        public_file(
            "https://dl.fbaipublicfiles.com/glue/data/STS-B.zip",
            "labels",
            "sha256:e60a6393de5a8b5b9bac5020a1554b54e3691f9d600b775bd131e613ac179c85",
            size=802_872,
            gives=("train.tsv", "dev.tsv"),
        ),
        split_file("sts-b-dir/glue_data/STS-B/train_new.tsv", "d8a1c71a19ed595ddefa0d7af2edb5d53fb2e54f", size=915_210),
        split_file("sts-b-dir/glue_data/STS-B/dev_new.tsv", "8f1e6c311fbe8529ab6a7d1159e592af2cb4fa8a", size=171_688),
        split_file("sts-b-dir/glue_data/STS-B/test_new.tsv", "ce71c5455c44aec9e518b05672f9d8888b0b035e", size=173_097),
    ),
    collected="Similarities, 0 to 5, of pairs of sentences: the labelled train and dev rows of GLUE's STS-B.",
)

_LEAKS = (
    Leak(kind="pair", columns=("sentence1", "sentence2"), match="row"),
    Leak(kind="pair either way", columns=("sentence1", "sentence2"), match="set"),
    Leak(kind="sentence", columns=("sentence1", "sentence2")),
)
_READER = SampleReader(read=read, read_released=read_released, export=export, leaks=_LEAKS)

DATASET = Dataset(name="sts-b", rules=_RULES, publication=_PUBLICATION, reader=_READER)
