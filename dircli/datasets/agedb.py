"""AgeDB-DIR: 16,488 faces with ages, named in their files; val and test of up to 30 faces per year of age each.

The archive's password comes from its authors, but its file names alone make the benchmark. Seed 666 gives the
published split only over the row order of the published agedb.csv, which came from a directory listing.
"""

import re
from collections.abc import Sequence
from functools import partial

import numpy as np

from dircli.arrays import TextArray
from dircli.benchmark.dataset import Dataset, Publication, SampleReader, Source, split_file
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import Records
from dircli.datasets.formats.ages import LEAKS, age_rules, published, written
from dircli.errors import InputError, Problem, sample

NAME = re.compile(r"(?P<index>\d+)_(?P<identity>.+)_(?P<age>\d{1,3})_(?P<gender>[mf])\.jpg")
FOLDER = "AgeDB/"


def _records(files: Sequence[str], where: str, expected: str, hint: str = "", *, repeat: bool = False) -> Records:
    """Records of the file names, as they stand; InputError says which of those in ``where`` are not as ``expected``."""
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
        repeat=repeat,
    )
    if malformed := [file for file, match in matches if not match]:
        what = f"{len(malformed):,} {expected}<index>_<Name>_<age>_<m|f>.jpg: {sample(malformed)}"
        raise InputError(Problem(where, what, hint))
    return records


def read(raw: Raw) -> Records:
    """All images of the folder or zip, by ascending index; only names are read. InputError names what is no image."""
    files = [member.rpartition("/")[2] for member in raw.members() if member.lower().endswith(".jpg")]
    if not files:
        hint = "AgeDB holds <index>_<Name>_<age>_<m|f>.jpg; give its folder or AgeDB.zip"
        raise InputError(Problem(raw.name, "there are no .jpg files", hint))
    records = _records(files, raw.name, "names are not ", "Remove what does not belong to AgeDB")
    return records.take(np.lexsort((records.ids.astype(str), records.columns["index"])))


def read_released(raw: Raw) -> tuple[Records, TextArray]:
    """The rows of the published agedb.csv, or of a file like it, in their order, and the split of each.

    Rows may repeat: the published file is known by its bytes, and in some that are like it they do.
    """
    paths, ages, split = published(raw, "agedb.csv")
    where = raw.where(str(raw.find("agedb.csv")))
    records = _records([path.removeprefix(FOLDER) for path in paths], where, f"paths are not {FOLDER}", repeat=True)
    if unlike := list(paths[records.targets != ages]):
        what = f"{len(unlike):,} ages differ from their file's name: {sample(unlike)}"
        raise InputError(Problem(where, what))
    return records, split


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
        split_file("agedb-dir/data/agedb.csv", "78abfdb939ff5cf68672cf11ee9b84a0eb9e990a", size=687_669),
    ),
    unseen="the images were not seen: ids and ages are the published file's",
    collected="Ages of the faces in AgeDB, a collection of photographs, as the names of the image files state them.",
    personal="Ids and the column identity name the persons shown; their age is the target, their gender a column.",
)

_EXPORT = partial(written, file="agedb.csv")
_READER = SampleReader(read=read, read_released=read_released, export=_EXPORT, leaks=LEAKS, images=True)

DATASET = Dataset(name="agedb", rules=age_rules(cap=30, youngest=3), publication=_PUBLICATION, reader=_READER)
