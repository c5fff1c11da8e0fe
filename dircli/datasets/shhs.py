"""SHHS-DIR: 2,651 recordings of one night's sleep, with the sleeper's general health (SF-36, 0 to 100) as the target.

Scores stand in the newest shhs2-dataset-<version>.csv of the provider's download, recordings beside it as EDF. The
authors never released their draw, so every split of SHHS-DIR is a redraw.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.bins import Bins, number
from dircli.benchmark.dataset import Catalogue, Channel, Dataset, Publication, Rules, SampleReader, Shelf
from dircli.benchmark.protocol import PROTOCOLS, ScoreRule, Thresholds, WeightRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import Records
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import InputError, Problem, first, sample
from dircli.store.text import Table, parse

KEY, TARGET = "nsrrid", "gh_s2"
LOW, HIGH = 0.0, 100.0
VERSION = re.compile(r"shhs2-dataset-(\d+(?:\.\d+)*)(?:\.([a-z][a-z0-9]*))?\.csv")
RECORDING = re.compile(r"shhs2-(\d+)\.edf")
CSV = "datasets/shhs2-dataset-<version>.csv"
FOLDER = "polysomnography/edfs/shhs2"
BINS = Bins.regular(0, 100, 1)


def _version(member: str) -> tuple[tuple[int, ...], bool, str] | None:
    """What orders the csv files: their version by its numbers (0.9 < 0.20), a trial version before the final one."""
    match = VERSION.fullmatch(member.rpartition("/")[2])
    return match and (tuple(map(int, match[1].split("."))), match[2] is None, match[2] or "")


def newest(members: Iterable[str]) -> list[str]:
    """Those of ``members`` that are a shhs2-dataset csv of the newest version there is; none where there is no csv."""
    versions = {member: version for member in members if (version := _version(member))}
    return sorted(member for member, version in versions.items() if version == max(versions.values()))


def recordings(members: Sequence[str]) -> list[str]:
    """Those of ``members`` that are a recording of visit 2."""
    return [member for member in members if RECORDING.fullmatch(member.rpartition("/")[2])]


def _table(raw: Raw, members: Sequence[str]) -> tuple[Table, dict[str, str]]:
    """The newest csv, and what to tell about it: its version, and its encoding where that is unusual."""
    tables = newest(members)
    if len(tables) != 1:
        what = f"{len(tables)} files are the newest version: {sample(tables)}" if tables else f"there is no {CSV}"
        hint = "Keep one of them" if tables else "Give the folder of the provider's download; see `dir info shhs`"
        raise InputError(Problem(raw.name, what, hint))
    with raw.open(tables[0]) as stream:
        data = stream.read()
    facts = {"dataset version": tables[0].rpartition("-")[2].removesuffix(".csv")}
    try:
        data.decode()
    except UnicodeDecodeError:
        # Some versions were exported as Latin-1. Only columns of digits are read, and those are ASCII in any case.
        data = data.decode("latin-1").encode()
        facts["encoding of the csv"] = "not UTF-8; read as Latin-1"
    hint = f"Expected the {CSV} of sleepdata.org as it is"
    return parse(data, raw.where(tables[0]), columns=(KEY, TARGET), hint=hint), facts


def _keys(table: Table) -> list[Problem]:
    """What is wrong with the key column: entries that are no whole number, and those that occur again."""
    rows = list(zip(table.lines, table.columns[KEY], strict=True))
    malformed = [(line, f"{KEY} is {text!r}") for line, text in rows if not (text.isascii() and text.isdigit())]
    problems = first(table.name, malformed, hint="Expected digits, such as 200001", rest="more rows have no such key")
    seen: dict[str, int] = {}
    again = [
        (line, f"{KEY} {text} stands on line {seen[text.lstrip('0')]} already")
        for line, text in rows
        if seen.setdefault(text.lstrip("0"), line) != line
    ]
    return problems + first(table.name, again, hint="Keep one row per person", rest="more rows repeat a key")


def _scores(table: Table) -> tuple[FloatArray, list[Problem]]:
    """The score of each row (n,), NaN where the field is empty; and what is neither a number of 0..100 nor empty."""
    texts = table.columns[TARGET]
    values = np.array([number(text) for text in texts], dtype=np.float64)
    rows = zip(table.lines, texts, values, strict=True)
    wrong = [(line, f"{TARGET} is {text!r}") for line, text, x in rows if text.strip() and not LOW <= x <= HIGH]
    hint = f"Expected a number from {LOW:g} to {HIGH:g}, or nothing"
    return values, first(table.name, wrong, hint=hint, rest=f"more rows have no such {TARGET}")


def read(raw: Raw) -> Records:
    """The rows of the newest csv that have a score and a recording, by ascending key; the others are counted.

    Where no recording is there at all, such as after a download of the labels alone, rows need none, and the facts
    say so.
    """
    members = raw.members()
    table, version = _table(raw, members)
    scores, problems = _scores(table)
    if problems := table.problems + _keys(table) + problems:
        raise InputError(problems)
    keys = np.array([int(text) for text in table.columns[KEY]], dtype=np.int64)
    recorded_keys = {int(member.rpartition("-")[2].removesuffix(".edf")) for member in recordings(members)}
    scored = np.isfinite(scores)
    recorded = np.isin(keys, list(recorded_keys)) if recorded_keys else np.ones(len(keys), dtype=bool)
    rows = np.flatnonzero(scored & recorded)
    if not rows.size:
        what = f"of {len(keys):,} rows, {scored.sum():,} have a score, and none of those has a recording"
        raise InputError(Problem(table.name, what, f"Expected {FOLDER}/shhs2-<{KEY}>.edf beside datasets/"))
    facts: dict[str, int | str | bool] = {
        **version,
        "rows in the csv": len(keys),
        f"left out, no {TARGET}": int((~scored).sum()),
        "left out, no recording": int((scored & ~recorded).sum()),
        "recordings": len(recorded_keys) or "none was seen, so that no row was left out for want of one",
        "recordings without a row": len(recorded_keys - set(keys.tolist())),
    }
    rows = rows[np.argsort(keys[rows], kind="stable")]
    ids = np.array([f"shhs2-{key}" for key in keys[rows]], dtype=object)
    return Records(ids=ids, targets=scores[rows], columns={KEY: keys[rows]}, facts=facts)


_BREATHING = (4.0, 256.0)  # SHHS records at 8 to 25 Hz
_CORTEX = (50.0, 1024.0)  # and EEG and ECG at 125 to 512 Hz

_RULES = Rules(
    target="gh_s2",
    unit="point",
    bins=BINS,
    recipe=SplitRecipe(bins=BINS, total=369),
    # there is no released code: it is as paper
    score_rules=dict.fromkeys(PROTOCOLS, ScoreRule(thresholds=Thresholds(many=100, few=20))),
    weights=WeightRule(default="inverse"),
)

_PUBLICATION = Publication(
    title="SHHS-DIR",
    licence="data-use agreement of the National Sleep Research Resource; the data must not be passed on",
    homepage="https://sleepdata.org/datasets/shhs",
    obtain=(
        "Make an account at https://sleepdata.org and request access at https://sleepdata.org/datasets/shhs.",
        "Sign the data-use agreement and wait until it is approved, usually some days.",
        "Copy your download token from https://sleepdata.org/token.",
        "Give it as DIR_SHHS_TOKEN, at the prompt, or with --token; it is never written down.",
        f"`dir download shhs --only labels` brings the newest {CSV}, all that curation needs;",
        f"`--only all` adds the recordings, {FOLDER}/shhs2-<{KEY}>.edf, and goes on where it was cut off.",
        "Or give a folder that you downloaded otherwise, laid out as the provider's, with --raw.",
    ),
    bibtex="""\
@article{quan1997sleep,
  title   = {The {Sleep Heart Health Study}: design, rationale, and methods},
  author  = {Quan, Stuart F. and Howard, Barbara V. and Iber, Conrad and Kiley, James P. and Nieto, F. Javier
             and O'Connor, George T. and Rapoport, David M. and Redline, Susan and Robbins, John and Samet, Jonathan M.
             and Wahl, Patricia W.},
  journal = {Sleep},
  volume  = {20},
  number  = {12},
  pages   = {1077--1085},
  year    = {1997}
}""",
    expected={"train": 1_892, "val": 369, "test": 369},
    catalogue=Catalogue(
        listing="https://sleepdata.org/api/v1/datasets/shhs/files.json",
        files="https://sleepdata.org/datasets/shhs/files/m/dircli/",
        variable="DIR_SHHS_TOKEN",
        shelves=(
            Shelf(holds="labels", folder="datasets", what="shhs2-dataset-<version>.csv", choose=newest),
            Shelf(holds="recordings", folder=FOLDER, what=f"shhs2-<{KEY}>.edf", choose=recordings),
        ),
    ),
    sizes="its published sizes, 1,892 + 369 + 369; the paper's text names 2,651 subjects, as many as have a recording",
    unreleased="the authors' draw was never released",
    collected=(
        "General health (SF-36, 0 to 100) of the subjects of the Sleep Heart Health Study who have a recording of one "
        "night's sleep, from the csv of the National Sleep Research Resource."
    ),
    personal="Health of persons: ids and nsrrid are the provider's numbers of them, the target their general health.",
)

_CHANNELS = (
    Channel(role="eeg", labels=("EEG", "EEG(sec)", "EEG sec", "EEG2", "EEG 2"), rates=_CORTEX),
    Channel(role="ecg", labels=("ECG",), rates=_CORTEX),
    Channel(role="airflow", labels=("AIRFLOW", "NEW AIR"), rates=_BREATHING),
    Channel(role="thorax", labels=("THOR RES",), rates=_BREATHING, inverts=True),
    Channel(role="abdomen", labels=("ABDO RES",), rates=_BREATHING, inverts=True),
)
_READER = SampleReader(read=read, recording="{id}.edf", channels=_CHANNELS)

DATASET = Dataset(name="shhs", rules=_RULES, publication=_PUBLICATION, reader=_READER)
