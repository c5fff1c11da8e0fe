"""IMDB-WIKI-DIR: 213,553 faces with ages, kept of 523,051; val and test of up to 150 faces per year of age each.

Rows come in the order of the MATLAB files, imdb before wiki. A face is kept where its detector score is 1 or more, no
second face was found, and the age, from the date of birth and the year of the photo, lies in 0..200.
"""

from functools import partial
from typing import Any, cast

import numpy as np

from dircli.arrays import AnyArray, IntArray, TextArray
from dircli.benchmark.dataset import Dataset, Publication, SampleReader, public_file, split_file
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import Records
from dircli.datasets.formats.ages import LEAKS, age_rules, published, written
from dircli.errors import DirError, InputError, Problem

MATLAB_EPOCH = 366  # MATLAB counts days from year 0, Python from year 1
UNIX_EPOCH = 719_163  # 1970-01-01, in Python's count
OLDEST = 200
PARTS = ("imdb", "wiki")
FIELDS = ("dob", "photo_taken", "full_path", "face_score", "second_face_score")


def ages(birth: AnyArray, taken: AnyArray) -> IntArray:
    """Age in years from MATLAB day numbers of birth (n,) and years of the photo (n,), taken to be in mid-year."""
    days = np.maximum(np.asarray(birth, dtype=np.int64) - MATLAB_EPOCH, 1) - UNIX_EPOCH
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    year, month = months // 12 + 1970, months % 12 + 1
    july = 7
    return np.asarray(np.asarray(taken, dtype=np.int64) - year - (month >= july))


def _load(raw: Raw, member: str, part: str) -> dict[str, AnyArray]:
    """The five fields of a .mat file that the filter needs, each (n,); InputError where it is no such file."""
    from scipy.io import loadmat

    hint = f"{part}.mat is a MATLAB v5 file with {', '.join(FIELDS)}; fetch it again"
    try:
        with raw.open(member) as stream:
            table: Any = loadmat(cast("Any", stream), variable_names=[part])[part][0, 0]
        fields = {name: np.asarray(table[name])[0] for name in FIELDS}
    except DirError:
        raise
    except Exception as error:  # noqa: BLE001 - scipy answers damage with whatever its parser met
        what = f"it cannot be read as a MATLAB file ({type(error).__name__}: {error})"
        raise InputError(Problem(raw.where(member), what, hint)) from None
    lengths = {name: len(field) for name, field in fields.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(Problem(raw.where(member), f"its fields differ in length: {lengths}", hint))
    return fields


def _faces(raw: Raw, part: str) -> tuple[TextArray, IntArray, dict[str, int]]:
    """Paths and ages, (n,) each, of the faces kept of one .mat file; and how many each step drops of those left."""
    names = (f"{part}/{part}.mat", f"{part}_crop/{part}.mat", f"{part}.mat")  # two archives of IMDB hold one each
    member = next(filter(None, map(raw.find, names)), None)
    if member is None:
        what = f"there is no {part}.mat, in no folder and no archive"
        hint = "It stands in imdb_meta.tar (imdb) and wiki_crop.tar (wiki); `--only wiki` curates the WIKI half alone"
        raise InputError(Problem(raw.name, what, hint))
    fields = _load(raw, member, part)
    age = ages(np.nan_to_num(fields["dob"]), fields["photo_taken"])
    steps = {
        "no face with score 1 or more": ~(fields["face_score"] >= 1),
        "a second face": fields["second_face_score"] > 0,
        f"age outside 0..{OLDEST}": (age < 0) | (age > OLDEST),
    }
    kept, facts = np.ones(len(age), dtype=bool), {f"{part}: faces": len(age)}
    for step, dropped in steps.items():
        facts[f"{part}: dropped, {step}"] = int((kept & dropped).sum())
        kept &= ~dropped
    paths = np.array([f"{part}_crop/{cell[0]}" for cell in fields["full_path"][kept]], dtype=object)
    return paths, age[kept], facts | {f"{part}: kept": len(paths)}


def _columns(paths: TextArray) -> dict[str, TextArray]:
    """The person whom each file's name names: nm… of IMDB, a page number of Wikipedia."""
    return {"identity": np.array([path.rpartition("/")[2].partition("_")[0] for path in paths], dtype=object)}


def read(raw: Raw, *, parts: tuple[str, ...] = PARTS) -> Records:
    """The faces that the filter keeps, in the order of the .mat files; the counts of each step are in ``facts``."""
    paths, faces_ages, facts = zip(*(_faces(raw, part) for part in parts), strict=True)
    ids = np.concatenate(paths)
    counts = {name: count for of_part in facts for name, count in of_part.items()}
    targets = np.concatenate(faces_ages).astype(np.float64)
    return Records(ids=ids, targets=targets, columns=_columns(ids), facts=counts)


def read_released(raw: Raw) -> tuple[Records, TextArray]:
    """The rows of the published imdb_wiki.csv in their order, and the split of each."""
    paths, targets, split = published(raw, "imdb_wiki.csv")
    return Records(ids=paths, targets=targets, columns=_columns(paths)), split


_BASE = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/static/"

_PUBLICATION = Publication(
    title="IMDB-WIKI-DIR",
    licence="non-commercial research only: IMDB-WIKI's authors do not own the images",
    homepage="https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/",
    obtain=(
        "All files are public: `dir download imdb-wiki` brings imdb_meta.tar and wiki_crop.tar (about 811 MB).",
        "They hold imdb.mat and wiki.mat, all that curation needs; `--only all` adds the 7.0 GB of imdb_crop.tar.",
        "Or put them, or the .mat files alone, into the folder `dir info imdb-wiki` shows, or give it with --raw.",
        "They are recognised by their md5, and by the 213,553 faces that the filter keeps of 460,723 + 62,328.",
        "The published split is imdb_wiki.csv (about 13 MB) in the authors' repository.",
    ),
    bibtex="""\
@article{rothe2018deep,
  title   = {Deep expectation of real and apparent age from a single image without facial landmarks},
  author  = {Rothe, Rasmus and Timofte, Radu and Van Gool, Luc},
  journal = {International Journal of Computer Vision},
  volume  = {126},
  year    = {2018}
}""",
    expected={"train": 191_509, "val": 11_022, "test": 11_022},
    sources=(
        public_file(_BASE + "imdb_meta.tar", "labels", "md5:469433135f1e961c9f4c0304d0b5db1e", gives=("imdb.mat",)),
        public_file(_BASE + "wiki_crop.tar", "labels", "md5:f536eb7f5eae229ae8f286184364b42b", gives=("wiki.mat",)),
        public_file(_BASE + "imdb_crop.tar", "images", "md5:44b7548f288c14397cb7a7bab35ebe14", size=7_012_157_440),
        split_file("imdb-wiki-dir/data/imdb_wiki.csv", "c1512e3da0de9076a0793b982c9a74cd872c0d8b"),
    ),
    unseen="neither the images nor the .mat files were seen: ids and ages are the published file's",
    collected=(
        "Ages of faces of IMDb and Wikipedia: the year of the photo less the date of birth, of faces with a detector "
        "score of 1 or more and no second face."
    ),
    personal="Ids and the column identity name a person's page, and ids the date of birth; the age is the target.",
)

_READER = SampleReader(
    read=read,
    read_released=read_released,
    export=partial(written, file="imdb_wiki.csv"),
    parts={part: partial(read, parts=(part,)) for part in PARTS},
    leaks=LEAKS,
    images=True,
)

DATASET = Dataset(name="imdb-wiki", rules=age_rules(cap=150, youngest=0), publication=_PUBLICATION, reader=_READER)
