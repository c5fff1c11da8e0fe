"""NYUD2-DIR: depth maps of indoor scenes; every pixel is a sample, and 9,357 test pixels of each 0.1 m are scored.

The published mask of test pixels was drawn unseeded, so it can only be imported. Bins are float32 comparisons that find
what the released code's ``min(int(x * float32(10)), 99)`` finds.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dircli.arrays import AnyArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset, PixelReader, Publication, Rules, Source, public_file, split_file
from dircli.benchmark.pixels import Maps, single_bins
from dircli.benchmark.protocol import FdsRule, ScoreRule, Thresholds, WeightRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.splits import SplitRecipe
from dircli.datasets.formats.nyu_depth import MAT, SHAPE, SPLITS, from_list, from_matlab
from dircli.errors import InputError, Problem

BINS = single_bins(100, 10)
FIRST = 7
PER_BIN = 9_357
# fmt: off
PUBLISHED = (
    0, 0, 0, 0, 0, 0, 0, 25848691, 24732940, 53324326, 69112955, 54455432, 95637682, 71403954, 117244217, 84813007,
    126524456, 84486706, 133130272, 95464874, 146051415, 146133612, 96561379, 138366677, 89680276, 127689043, 81608990,
    119121178, 74360607, 106839384, 97595765, 66718296, 90661239, 53103021, 83340912, 51365604, 71262770, 42243737,
    65860580, 38415940, 53647559, 54038467, 28335524, 41485143, 32106001, 35936734, 23966211, 32018765, 19297203,
    31503743, 21681574, 16363187, 25743420, 12769509, 17675327, 13147819, 15798560, 9547180, 14933200, 9663019,
    12887283, 11803562, 7656609, 11515700, 7756306, 9046228, 5114894, 8653419, 6859433, 8001904, 6430700, 3305839,
    6318461, 3486268, 5621065, 4030498, 3839488, 3220208, 4483027, 2555777, 4685983, 3145082, 2951048, 2762369,
    2367581, 2546089, 2343867, 2481579, 1722140, 3018892, 2325197, 1952354, 2047038, 1858707, 2052729, 1348558,
    2487278, 1314198, 3338550, 1132666,
)
# fmt: on
LISTS = {
    "train": ("nyu2_train.csv", "git:d17aa3fdedee4ea3576cd063a6cf86505c1277fd"),
    "test": ("nyu2_test.csv", "git:c747dd3e812e885282b3fb6edf782d48313b926c"),
}
MASK = "test_balanced_mask.npy"


def maps(raw: Raw) -> dict[str, Maps]:
    """The depth maps of train and test as the csv lists name them, or those of test in the official MATLAB file."""
    members = {split: raw.find(file) for split, (file, _) in LISTS.items()}
    listed_maps = {split: from_list(raw, member, split) for split, member in members.items() if member}
    if "test" in listed_maps:
        return listed_maps
    mat, splits = raw.find(MAT), raw.find(SPLITS)
    if mat is None or splits is None:
        missing = "nyu2_test.csv" if mat is None and splits is None else MAT if mat is None else SPLITS
        hint = f"Give the archive of Hu et al. as a folder or zip, or a folder with {MAT} and {SPLITS}"
        raise InputError(Problem(raw.name, f"there is no {missing}", hint))
    return {**listed_maps, "test": from_matlab(raw, mat, splits)}


def listed(ids: TextArray, columns: Mapping[str, AnyArray]) -> bytes:
    """A list of images as the archive has it: colour path, depth path, no header."""
    return "".join(f"{colors},{depth}\n" for colors, depth in zip(ids, columns["depth"], strict=True)).encode()


_NYU = "http://horatio.cs.nyu.edu/mit/silberman/"
_PAPER = ScoreRule(thresholds=Thresholds(many=2.6e7, few=1.0e7), single_precision=True)  # it prints no thresholds

_RULES = Rules(
    target="depth",
    unit="metre",
    bins=BINS,
    recipe=SplitRecipe(bins=Bins(BINS.edges[FIRST:]), cap=PER_BIN, share=1),
    score_rules={"released": replace(_PAPER, single_ratios=True), "paper": _PAPER},
    weights=WeightRule(default="inverse", edge="mirror", first=FIRST),
    fds=FdsRule(start=FIRST, clip=(0.2, 5.0), all_vary=True),
    metrics=(
        *("rmse", "absrel", "log10", "delta1", "delta2", "delta3"),
        *("mae", "mse", "gm", "pearson", "spearman", "bias", "bmae", "exact"),
    ),
    positive=True,
)

_PUBLICATION = Publication(
    title="NYUD2-DIR",
    licence="NYU Depth V2 is handed out for research by its authors, and states no licence; cite it",
    homepage="https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
    obtain=(
        "Weights per bin and scores of files with targets need nothing: the published training counts are shipped.",
        "Fetch the archive that Hu et al. prepared (about 4 GB, no hash is known) with a browser:",
        "https://drive.google.com/uc?id=1WoOZOBpOWfmwe7bknWS5PMUCLBPFKTOw (a page instead of a zip: quota; try later).",
        "Put it as data.zip, or unpacked, into the folder `dir info nyud2` shows, or give it with --raw.",
        "It is recognised by nyu2_train.csv (50,688 rows) and nyu2_test.csv (654 rows), which name its images.",
        "TFDS and the Hugging Face mirrors hold another training set (47,584 images), which is refused.",
        f"For the test half alone, {MAT} (2,972,037,809 bytes) with {SPLITS} will do; `--only all` fetches both.",
        f"The published test pixels are {MASK} (about 45 MB) in the authors' repository.",
    ),
    bibtex="""\
@inproceedings{silberman2012indoor,
  title     = {Indoor segmentation and support inference from {RGBD} images},
  author    = {Silberman, Nathan and Hoiem, Derek and Kohli, Pushmeet and Fergus, Rob},
  booktitle = {ECCV},
  year      = {2012}
}""",
    expected={"train": 50_688, "val": 0, "test": 654},
    sources=(
        Source(file="data.zip", holds="labels", gives=("nyu2_train.csv", "nyu2_test.csv")),
        public_file(f"{_NYU}nyu_depth_v2/{MAT}", "images", "md5:520609c519fba3ba5ac58c8fefcc3530", size=2_972_037_809),
        public_file(f"{_NYU}indoor_seg_sup/{SPLITS}", "images"),
        split_file(f"nyud2-dir/data/{MASK}", "156c67de7a6901c50f15b011e07c42c67e6203c3"),
    ),
    collected="Depth maps of indoor scenes, NYU Depth V2, as Hu et al. prepared them; every pixel has a target.",
)

_READER = PixelReader(
    shape=SHAPE,
    maps=maps,
    lists=LISTS,
    listed=listed,
    mask=MASK,
    first=FIRST,
    per_bin=PER_BIN,
    published=np.array(PUBLISHED, dtype=np.int64),
    foreign={47_584: "the training set of TFDS and the Hugging Face mirrors"},
    named_by="depth",
    codes=1000,
)

DATASET = Dataset(name="nyud2", rules=_RULES, publication=_PUBLICATION, reader=_READER)
