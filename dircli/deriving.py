"""A benchmark with less to learn from: training rows in gaps of the target, or beyond a skewed density, are left out.

What is left is another benchmark with a name of its own; its manifest says what it came from, by content.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.bins import interval
from dircli.errors import UsageError
from dircli.store.content import content
from dircli.store.manifests import as_json
from dircli.thinning import components, density, in_gaps, supports, thinned, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dircli.arrays import BoolArray, FloatArray
    from dircli.bins import Bins
    from dircli.curation import Curation
    from dircli.datasets._spec import Dataset

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)
LONGEST = 64  # characters of a manifest's name
DERIVED = "derived"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is taken away from train: rows in the ``gaps`` (LO:HI); then all but ``size`` rows of the mixture ``skew``.

    Rows are chosen by ``seed``.
    """

    gaps: tuple[tuple[float, float], ...] = ()
    skew: str | None = None
    size: int | None = None
    seed: int = 666

    @classmethod
    def of(cls, gaps: Sequence[str], skew: str | None, size: int | None, seed: int) -> Cut | None:
        """The cut that the options ask for, or None where they ask for none; UsageError where it cannot be."""
        if not gaps and skew is None:
            if size is not None:
                raise UsageError("--train-size goes with --skew")
            return None
        if skew is not None and (size is None or size < 1):
            raise UsageError("--skew needs --train-size N, the number of training rows to keep")
        if skew is not None:
            components(skew)
        return cls(gaps=tuple(sorted(interval(gap, "--drop-train") for gap in gaps)), skew=skew, size=size, seed=seed)

    def named(self, name: str) -> str:
        """What the benchmark ``name`` is called after this cut."""
        gaps = "_".join(f"{low:g}-{high:g}" for low, high in self.gaps)
        called = f"{name}-without-{gaps}" if gaps else name
        if self.skew is not None:
            stated = as_json([self.skew, self.size, self.seed])
            called += f"-skewed-{hashlib.sha256(stated).hexdigest()[:8]}"
        if len(called) > LONGEST:
            stated = as_json([self.gaps, self.skew, self.size, self.seed])
            called = f"{name[: LONGEST - 13]}-cut-{hashlib.sha256(stated).hexdigest()[:8]}"
        return called.replace("+", "")


def checked_name(name: str) -> str:
    """``name``, which is to name a manifest; UsageError where it cannot."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a manifest; use letters, digits, dots, dashes and underscores")
    return name


def named(name: str, *, part: str | None, order: Cut | None) -> str:
    """What the manifest of dataset ``name`` is called, or of a ``part`` of it, or of what ``order`` leaves of it."""
    name = f"{name}-{part}-only" if part else name
    return name if order is None else order.named(name)


def cut(targets: FloatArray, train: BoolArray, bins: Bins, order: Cut) -> tuple[BoolArray, dict[str, Any]]:
    """Which of n rows stay, (n,), of ``targets`` (n,) of which ``train`` (n,) are for training; and what was done.

    Raises UsageError where nothing is left to train on, or nothing was taken away.
    """
    gone = train & in_gaps(targets, order.gaps, end=float(bins.edges[-1]))
    told: dict[str, Any] = {}
    if order.gaps:
        told |= {"gaps": [list(gap) for gap in order.gaps], "in_gaps": int(gone.sum())}
        if not gone.any():
            raise UsageError("--drop-train: no training row lies in these ranges, so that nothing would change")
    if order.skew is not None and order.size is not None:
        rows = np.flatnonzero(train & ~gone)
        mixture = components(order.skew)
        asked = whole(density(bins, mixture), order.size)
        index = bins.index(targets[rows])
        stay = thinned(index, asked, seed=order.seed)
        gone[np.delete(rows, stay)] = True
        reached = np.bincount(index[stay], minlength=len(bins))
        told["skew"] = {
            "asked": asked.tolist(),
            "distance": _distance(asked, reached),
            "mixture": order.skew,
            "reached": reached.tolist(),
            "seed": order.seed,
            "supports": [list(support) for support in supports(mixture)],
            "train_size": order.size,
        }
    if not (train & ~gone).any():
        raise UsageError("no training row is left; ask for smaller gaps, or another density")
    return ~gone, told | {"removed": int(gone.sum())}


def _distance(asked: Any, reached: Any) -> float:
    """The total variation between two densities over bins: 0 where they are alike, 1 where they share no bin."""
    return float(np.abs(asked / asked.sum() - reached / max(reached.sum(), 1)).sum() / 2)


def note(told: Mapping[str, Any], name: str) -> str:
    """One sentence about what was taken away from the benchmark ``name``."""
    gaps = " and ".join(f"[{low:g}, {high:g})" for low, high in told.get("gaps", ()))
    parts = [f"{told['in_gaps']:,} training rows in {gaps} were left out"] if gaps else []
    if "skew" in told:
        skew = told["skew"]
        reached = sum(skew["reached"])
        parts.append(
            f"train was cut to {reached:,} rows of the {skew['train_size']:,} that the density asks for, "
            f"{skew['distance']:.1%} of it elsewhere than asked"
        )
    return f"{'; '.join(parts)}; this is not {name}, and scores on it do not compare with those there"


def derived(dataset: Dataset, curation: Curation, order: Cut) -> Curation:
    """``curation`` without the rows that ``order`` takes away."""
    records, split = curation.records, curation.split
    stay, told = cut(records.targets, split == "train", dataset.scoring_bins(records.targets), order)
    recipe = dataset.recipe.settled(dataset.recipe.bins.index(records.targets)).as_json()
    parent = {
        "content": content(records.ids, records.targets, split),
        "name": dataset.name,
        "origin": curation.origin,
        "recipe": recipe,
        "seed": curation.seed,
    }
    rows = np.flatnonzero(stay)
    return replace(
        curation,
        records=records.take(rows),
        split=split[rows],
        origin=DERIVED,
        notes=(*curation.notes, note(told, dataset.name)),
        derived={**told, "from": parent},
    )
