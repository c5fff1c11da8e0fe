"""AgeDB-DIR: 16,488 faces with ages, named in their files; val and test of up to 30 faces per year of age each.

The archive's password comes from its authors, but its file names alone make the benchmark. Seed 666 gives the
published split only over the row order of the published agedb.csv, which came from a directory listing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from dircli.arrays import TextArray
from dircli.benchmark.dataset import AUTHORS, Dataset, Leak, Publication, Rules, SampleReader, Source
from dircli.benchmark.protocol import FdsRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import Records
from dircli.benchmark.splits import SplitRecipe
from dircli.datasets.formats.ages import BINS, SCORE_RULES, WEIGHTS, published, written
from dircli.errors import InputError, Problem, sample

NAME = re.compile(r"(?P<index>\d+)_(?P<identity>.+)_(?P<age>\d{1,3})_(?P<gender>[mf])\.jpg")
FOLDER = "AgeDB/"


def _records(files: Sequence[str]) -> tuple[Records, list[str]]:
    """Records of the file names that are well formed, as they stand, and the names that are not."""
    matches = [(file, NAME.fullmatch(file)) for file in files]
    parts = [match.groupdict() for _, match in matches if match]
    records = Records(
        ids=np.array([FOLDER + file for file, match in matches if match], dtype=object),
        targets=np.array([float(part["age"]) for part in parts]),
        columns={
            "index": np.array([int(part["index"]) for part in parts], dtype=np.int64),
            "identity": np.array([part["identity"] for part in parts], dtype=object),
            "gender": np.array([part["gender"] for part in parts], dtype=object),
        },
    )
    return records, [file for file, match in matches if not match]


def read(raw: Raw) -> Records:
    """All images of the folder or zip, by ascending index; only names are read. InputError names what is no image."""
    files = [member.rpartition("/")[2] for member in raw.members() if member.lower().endswith(".jpg")]
    if not files:
        hint = "AgeDB holds <index>_<Name>_<age>_<m|f>.jpg; give its folder or AgeDB.zip"
        raise InputError(Problem(raw.name, "there are no .jpg files", hint))
    records, malformed = _records(files)
    if malformed:
        what = f"{len(malformed):,} names are not <index>_<Name>_<age>_<m|f>.jpg: {sample(malformed)}"
        raise InputError(Problem(raw.name, what, "Remove what does not belong to AgeDB"))
    return records.take(np.lexsort((records.ids.astype(str), records.columns["index"])))


def read_released(raw: Raw) -> tuple[Records, TextArray]:
    """The rows of the published agedb.csv in their order, and the split of each."""
    paths, ages, split = published(raw, "agedb.csv")
    records, malformed = _records([path.removeprefix(FOLDER) for path in paths])
    if malformed:
        what = f"{len(malformed):,} paths are not AgeDB/<index>_<Name>_<age>_<m|f>.jpg: {sample(malformed)}"
        raise InputError(Problem("agedb.csv", what))
    if unlike := list(paths[records.targets != ages]):
        what = f"{len(unlike):,} ages differ from their file's name: {sample(unlike)}"
        raise InputError(Problem("agedb.csv", what))
    return records, split


def export(records: Records, split: TextArray) -> dict[str, bytes]:
    """The agedb.csv that the released training code reads."""
    return written(records, split, "agedb.csv")


_RULES = Rules(
    target="age",
    unit="year",
    bins=BINS,
    grows=True,
    recipe=SplitRecipe(bins=BINS, open_end=True, cap=30, published_seed=666),
    score_rules=SCORE_RULES,
    weights=WEIGHTS,
    fds=FdsRule(start=3, last=99, exact=True),
)

_PUBLICATION = Publication(
    title="AgeDB-DIR",
    licence="non-commercial research only; the archive's password comes from the authors of AgeDB by e-mail",
    homepage="https://ibug.doc.ic.ac.uk/resources/agedb/",
    obtain=(
        "The split alone needs no images: the published agedb.csv names every file and age.",
        "For the images, ask for the password as https://ibug.doc.ic.ac.uk/resources/agedb/ says, and fetch AgeDB.zip.",
        "Put AgeDB.zip, or the unpacked folder, into the folder `dir info agedb` shows, or give it with --raw.",
        "It is recognised by its 16,488 names, <index>_<Name>_<age>_<m|f>.jpg, which are read without the password.",
    ),
    bibtex="""\
@inproceedings{moschoglou2017agedb,
  title     = {{AgeDB}: the first manually collected, in-the-wild age database},
  author    = {Moschoglou, Stylianos and Papaioannou, Athanasios and Sagonas, Christos and Deng, Jiankang
               and Kotsia, Irene and Zafeiriou, Stefanos},
  booktitle = {CVPR Workshops},
  year      = {2017}
}""",
    expected={"train": 12_208, "val": 2_140, "test": 2_140},
    sources=(
        Source(file="AgeDB.zip", holds="images"),
        Source(
            file="agedb.csv",
            holds="released",
            urls=(AUTHORS + "agedb-dir/data/agedb.csv",),
            size=687_669,
            digest="git:78abfdb939ff5cf68672cf11ee9b84a0eb9e990a",
        ),
    ),
    released_alone=True,
    unseen="the images were not seen: ids and ages are the published file's",
)

DATASET = Dataset(
    name="agedb",
    rules=_RULES,
    publication=_PUBLICATION,
    reader=SampleReader(
        read=read,
        read_released=read_released,
        export=export,
        leaks=(Leak(kind="identity", columns=("identity",)),),
        images=True,
    ),
)
