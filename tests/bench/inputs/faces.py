"""IMDB-WIKI's two .mat files in the real layout, with made-up faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.io import savemat

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

FACES = {"imdb": (460_723, 174_641), "wiki": (62_328, 38_912)}  # found, and kept
ALL = 460_723 + 62_328


def faces(folder: Path, rows: int) -> None:
    """imdb.mat and wiki.mat: ``rows`` faces, shared and kept in the proportions of the real ones."""
    generator = np.random.default_rng(666)
    for part, sizes in FACES.items():
        found, kept = (size * rows // ALL for size in sizes)
        savemat(folder / f"{part}.mat", {part: _faces(part, found, kept, generator)})


def _faces(part: str, found: int, kept: int, generator: Generator) -> dict[str, NDArray[Any]]:
    """The fields of one file, each a row of ``found``; of the others, each fails one step of the filter."""
    fate = generator.permutation(np.r_[np.zeros(kept, int), generator.integers(1, 4, found - kept)])
    person = generator.integers(1, 20_285, found) if part == "imdb" else np.arange(found) + 10_000
    taken = generator.integers(1950, 2016, found)
    age = np.clip(generator.normal(38, 15, found).round().astype(int), 1, 105)
    age[generator.random(found) < 0.0003] += 81  # a few are older than the last bin, as in the real files
    age = np.where(fate == 3, generator.choice([-20, 900], found), age)
    birth = (taken - age - 1970).astype("datetime64[Y]").astype("datetime64[D]") + generator.integers(0, 170, found)
    scores = np.where(fate == 1, generator.choice([-np.inf, 0.5], found), generator.uniform(1, 7, found))
    fields: dict[str, NDArray[Any]] = {
        "dob": (birth.astype(int) + 719_163 + 366).astype(np.int32)[None],
        "photo_taken": taken.astype(np.uint16)[None],
        "full_path": _cells(
            f"{row % 100:02d}/nm{who:07d}_rm{row}_{born}_{year}.jpg"
            for row, (who, born, year) in enumerate(zip(person.tolist(), birth.tolist(), taken.tolist(), strict=True))
        ),
        "gender": generator.choice([0.0, 1.0, np.nan], found, p=[0.4, 0.58, 0.02])[None],
        "name": _cells(f"Somebody No. {who}" for who in person.tolist()),
        "face_location": _cells(np.round(generator.uniform(1, 900, (found, 1, 4)), 3)),
        "face_score": scores[None],
        "second_face_score": np.where(fate == 2, generator.uniform(1, 5, found), np.nan)[None],
    }
    if part == "imdb":
        fields |= {
            "celeb_names": _cells(f"Somebody No. {who}" for who in range(1, 20_285)),
            "celeb_id": person.astype(float)[None],
        }
    return fields


def _cells(values: Any) -> NDArray[Any]:
    """A MATLAB row of cells, each with a text or an array of its own."""
    arrays = [np.array([value]) if isinstance(value, str) else value for value in values]
    row = np.empty((1, len(arrays)), dtype=object)
    row[0] = arrays
    return row
