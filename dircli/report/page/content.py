"""What a report on a result holds besides the scores: pictures, the worst bins and samples, and signs of a mistake."""

import base64
import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dircli.arrays import IntArray
from dircli.benchmark.raw import Raw, image_of
from dircli.datasets.open import TARGETS_UNVERIFIED
from dircli.errors import DirError
from dircli.report.figures.data import Density, Errors, Ground, density, errors
from dircli.scores.explain import warnings
from dircli.scores.metrics.sums import overflowing
from dircli.scores.results import Result, Scored, System
from dircli.store import places
from dircli.store.raw.tree import Tree, open_raw
from dircli.weights.schemes import WeightOptions

WORST_BINS = 10
WORST_SAMPLES = 20
SIDE = 96
QUALITY = 70


@dataclass(frozen=True)
class WorstBin:
    """A bin with one of the highest MAE."""

    low: float
    high: float
    region: str
    train: int
    rows: int
    mae: float
    bias: float


@dataclass(frozen=True, kw_only=True)
class WorstSample:
    """A row with one of the largest errors; ``image`` is a small JPEG as a data URI, where there is one."""

    key: str
    target: float
    prediction: float
    region: str
    image: str | None = None

    @property
    def error(self) -> float:
        """Prediction minus target."""
        return self.prediction - self.target


@dataclass(frozen=True, kw_only=True)
class Review:
    """What is to be said of one file."""

    name: str
    warnings: tuple[str, ...]
    bins: tuple[WorstBin, ...]
    samples: tuple[WorstSample, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report: the result, the command that made it, pictures to draw, notes, and a review of each file."""

    result: Result
    command: str
    notes: tuple[str, ...]
    density: Density
    errors: Errors
    reviews: tuple[Review, ...]


@overflowing
def page(scored: Scored, *, command: str, data: Path) -> Page:
    """The report on ``scored``, which ``command`` made; in the folder ``data`` may lie raw files, and images."""
    against, result = scored.against, scored.result
    by_target = errors(scored, WeightOptions(protocol=result.protocol))
    images = (
        _tree(places.folder(data / against.dataset.name)) if against.dataset and against.dataset.reader.images else None
    )
    with images or nullcontext() as tree:
        reviews = tuple(
            Review(
                name=system.name,
                warnings=tuple(warnings(system.reference, system.values, against, in_file_order=system.file.values)),
                bins=_worst_bins(system, by_target.ground),
                samples=_worst_samples(system, scored, by_target.ground, tree),
            )
            for system in scored.systems
        )
    return Page(
        result=result,
        command=command,
        notes=(TARGETS_UNVERIFIED,) if result.content.startswith("bins:") else (),
        density=density(against, result.protocol),
        errors=by_target,
        reviews=reviews,
    )


def _worst_bins(system: System, ground: Ground) -> tuple[WorstBin, ...]:
    """The bins of the highest MAE, the highest first."""
    reference, bins = system.reference, len(ground.train)
    error = system.values - reference.scored_target
    rows = np.bincount(reference.bin_index, minlength=bins)
    some = np.maximum(rows, 1)
    mae, bias = (np.bincount(reference.bin_index, values, bins) / some for values in (np.abs(error), error))
    order = np.argsort(np.where(rows > 0, -mae, np.inf), kind="stable")[: min(WORST_BINS, int((rows > 0).sum()))]
    columns = (ground.edges[:-1], ground.edges[1:], ground.regions, ground.train, rows, mae, bias)
    return tuple(WorstBin(*values) for values in zip(*(column[order].tolist() for column in columns), strict=True))


def _worst_samples(system: System, scored: Scored, ground: Ground, tree: Raw | None) -> tuple[WorstSample, ...]:
    """The rows of the largest errors, the largest first."""
    reference = system.reference
    rows = np.argsort(-np.abs(system.values - reference.scored_target), kind="stable")[:WORST_SAMPLES]
    return tuple(
        WorstSample(
            key=key,
            target=float(reference.target[row]),
            prediction=float(system.values[row]),
            region=str(ground.regions[reference.bin_index[row]]),
            image=thumbnail(tree, key) if tree else None,
        )
        for row, key in zip(rows, _keys(system, scored, rows), strict=True)
    )


def _keys(system: System, scored: Scored, rows: IntArray) -> Sequence[str]:
    """What each of ``rows`` is called: its id, its pixel, or its place where it has no id."""
    if scored.against.has_rows:
        return scored.against.names(scored.result.split, rows)
    ids = system.file.ids
    return [f"row {row + 1}" if ids is None else str(ids[row]) for row in rows]


def _tree(folder: Path) -> Tree | None:
    """The raw files in ``folder``, where there are any that can be opened."""
    try:
        return open_raw(folder) if folder.is_dir() and any(folder.iterdir()) else None
    except places.UnreachableError:
        raise
    except (OSError, DirError):
        return None


def thumbnail(tree: Raw, key: str) -> str | None:
    """The image of the id ``key`` as a small JPEG in a data URI; None where it is not at hand or cannot be read."""
    from PIL import Image

    try:
        member = image_of(tree, key)
        if member is None:
            return None
        with tree.open(member) as stream:
            small = Image.open(stream).convert("RGB")
        small.thumbnail((SIDE, SIDE))
        sink = io.BytesIO()
        small.save(sink, format="JPEG", quality=QUALITY)
    except places.UnreachableError:
        raise
    except Exception:  # noqa: BLE001 - Pillow answers damage with whatever its parser met, and a locked archive likewise
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(sink.getvalue()).decode()}"
