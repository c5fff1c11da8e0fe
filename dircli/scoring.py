"""From prediction files to one result: what they are scored against, and the JSON that every format is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import __version__, datasets
from dircli.errors import InputError, Problem, UsageError, sample
from dircli.evaluation import Reference, scores, signature
from dircli.metrics import EVERY, NEEDS, chosen
from dircli.protocols import ProtocolName, Rules, Thresholds
from dircli.relevance import relevance
from dircli.store import arrays, manifests, pixels, predictions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dircli.arrays import FloatArray, IntArray
    from dircli.datasets._spec import Dataset, Dense
    from dircli.store.manifests import BinTable, Samples
    from dircli.store.pixels import DenseManifest
    from dircli.store.predictions import Layout, Predictions

TARGETS_UNVERIFIED = (
    "scored against the targets in the prediction file: no manifest says that they are the benchmark's rows"
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What a file is scored with: bins, the protocol's rules, and the manifest's samples where there is one.

    Without ``samples`` the targets come from the file; ``fixed`` then says whether its rows must fill the bins as the
    split does. ``maps`` is the manifest where labels are maps; its targets are those of the scored pixels.
    """

    name: str
    table: BinTable
    samples: Samples | None
    fixed: bool = False
    maps: DenseManifest | None = None

    @property
    def content(self) -> str:
        """The manifest's content; with bins alone marked as such, for nothing showed that the rows are its own."""
        stated = str(self.table.facts.get("content", "sha256:unknown"))
        proven = self.samples is not None or self.maps is not None
        return stated if proven else f"bins:{stated.removeprefix('sha256:')}"

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that the bins name, or None where it is none of ours."""
        facts = self.table.facts
        known = "own" in facts or facts.get("dataset") in datasets.names()
        return datasets.of(facts, self.table.bins) if known else None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The scores that the dataset asks for; none where it asks for the usual ones."""
        return self.dataset.metrics if self.dataset else ()

    def index(self, targets: FloatArray) -> IntArray:
        """The bin of each of ``targets`` (n,); those of maps are the float32 values that a map holds."""
        if self.dataset and self.dataset.dense:
            targets = targets.astype(np.float32).astype(np.float64)
        return self.table.bins.index(targets)

    def rules(self, protocol: ProtocolName) -> Rules:
        """The protocol's rules for the dataset that the bins name, or the plain ones where it is none of ours."""
        return self.dataset.rules[protocol] if self.dataset else Rules(thresholds=Thresholds(many=100, few=20))


def scale(name: str | None, root: Path, bins_file: Path | None) -> Scale:
    """What to score with: ``bins_file``; else the manifest ``name`` in ``root``; else the bins shipped under it."""
    if bins_file is not None:
        table = manifests.read_bins(bins_file, hint="Give a bins.parquet that `dir curate` wrote")
        return Scale(name=name or str(table.facts.get("name", "bins")), table=table, samples=None)
    name = name or manifests.only(root)
    if name in manifests.curated(root):
        facts = manifests.read_facts(root / name)
        if facts["dataset"] in datasets.names() and datasets.load(facts["dataset"]).dense:
            maps = pixels.read(root / name)
            return Scale(name=name, table=maps.table, samples=None, maps=maps)
        manifest = manifests.read(root / name)
        return Scale(name=str(facts["name"]), table=manifest.table, samples=manifest.samples)
    shipped = manifests.shipped(name)
    if shipped is None:
        advice = "run `dir curate` first"
        if name not in datasets.names():
            known = sorted({*manifests.curated(root), *datasets.names()})
            advice = f"name one of {', '.join(known)}, or {advice}"
        raise UsageError(f"{name!r} is not curated in {root}; {advice}")
    return Scale(name=name, table=manifests.read_bins(shipped), samples=None, fixed=True)


@dataclass(frozen=True, kw_only=True)
class Request:
    """How files are to be scored; ``metrics`` empty are the usual ones."""

    split: str
    protocol: ProtocolName
    metrics: Sequence[str]
    layout: Layout


@dataclass(frozen=True, kw_only=True)
class System:
    """One scored file: its name in the result, what it was scored against, and its predictions (n,) row by row."""

    name: str
    file: Predictions
    reference: Reference
    values: FloatArray
    given: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The result as JSON, and the rows behind it."""

    result: dict[str, Any]
    systems: list[System]
    against: Scale


def score(paths: Sequence[str], against: Scale, request: Request) -> Scored:
    """Score each file in ``paths``; the result holds signature, dataset, systems and their regions.

    Raises InputError with every problem of every file.
    """
    systems = [replace(each, given=_given(each, against, request)) for each in _read_all(paths, against, request)]
    given = set(systems[0].given).intersection(*(system.given for system in systems))
    metrics = chosen(request.metrics, of=against.metrics, given=given)
    fields = {
        "split": request.split,
        "protocol": request.protocol,
        "content": against.content,
        "version": __version__,
    }
    result = {
        "signature": signature(name=against.name, n=systems[0].values.size, **fields),
        "dataset": against.name,
        **fields,
        "systems": [
            {
                "name": system.name,
                "file": system.file.file,
                "sha256": system.file.sha256.removeprefix("sha256:"),
                "regions": scores(system.reference, system.values, metrics=metrics, given=system.given),
            }
            for system in systems
        ],
    }
    return Scored(result=result, systems=systems, against=against)


def _read_all(paths: Sequence[str], against: Scale, request: Request) -> list[System]:
    """Every file with what it is scored against; InputError with every problem of every file."""
    pairs, problems = [], []
    layout = request.layout if "sigma" in _needs(request.metrics) else replace(request.layout, sigma_column=None)
    for path in paths:
        try:
            pairs.append(paired(path, against, split=request.split, protocol=request.protocol, layout=layout))
        except InputError as error:
            problems += error.problems
    sizes = {reference.target.size for _, reference, _ in pairs}
    if not problems and len(sizes) > 1:
        problems.append(Problem(", ".join(paths), f"they have {sample(sorted(sizes))} rows", "Score them one by one"))
    if problems and against.fixed:
        found = "it is not curated here, so the files were held to its shipped bins and to targets of their own"
        problems.append(Problem(against.name, found, "To score by id, run `dir curate` first"))
    if problems:
        raise InputError(problems)
    names = _names([found for found, _, _ in pairs])
    return [
        System(name=name, file=found, reference=reference, values=values)
        for name, (found, reference, values) in zip(names, pairs, strict=True)
    ]


def _needs(names: Sequence[str]) -> set[str]:
    """What the metrics called ``names`` need beside target and prediction."""
    return set(NEEDS) if "all" in names else {EVERY[name].needs for name in names if name in EVERY}


def _given(system: System, against: Scale, request: Request) -> dict[str, FloatArray]:
    """What the metrics asked for need beside target and prediction, (n,) each, as far as it can be had."""
    needs, samples, file = _needs(request.metrics), against.samples, system.file
    given = {}
    if "relevance" in needs and samples is not None:
        given["relevance"] = relevance(samples.targets[samples.split == "train"])(system.reference.scored_target)
    if "sigma" in needs and file.sigma is not None:
        rows = None if samples is None else samples.ids[samples.split == request.split]
        given["sigma"] = file.sigma if rows is None else predictions.sigmas(file, rows)
    return given


def _names(found: Sequence[Predictions]) -> list[str]:
    """What the systems are called: the files' names, or their whole paths where two share a name."""
    names = [each.name for each in found]
    return names if len(set(names)) == len(names) else [each.file for each in found]


def paired(
    path: str, against: Scale, *, split: str, protocol: ProtocolName, layout: Layout
) -> tuple[Predictions, Reference, FloatArray]:
    """One file's predictions with what they are scored against, row by row."""
    table, samples = against.table, against.samples
    if against.dataset and against.dataset.dense and path != predictions.STDIN and arrays.is_array(Path(path)):
        return _of_maps(Path(path), against, against.dataset.dense, split=split, protocol=protocol, layout=layout)
    if against.maps is not None:
        hint = "Give an npy or HDF5 array or a folder of PNG; --bins bins.parquet scores a table that has targets"
        raise InputError(Problem(path, f"{against.name} is scored on predicted maps, and this is none", hint))
    found = predictions.read(path, layout, need_target=samples is None, need_id=samples is not None)
    if samples is not None:
        rows = samples.split == split
        target, index = samples.targets[rows], samples.bin_index[rows]
        if not target.size:
            raise UsageError(f"{against.name} has no {split} rows; it has {', '.join(sorted(set(samples.split)))}")
        values = predictions.aligned(found, samples.ids[rows], target)
    else:
        target, values = predictions.own_targets(found, also=[*_outside(found, table), *_unpositive(found, against)])
        index = against.index(target)
        if against.fixed:
            _refuse_unlike(found.file, table, index, split=split)
    reference = Reference(
        target=target,
        bin_index=index,
        regions=table.regions[protocol],
        train=table.counts["train"],
        rules=against.rules(protocol),
    )
    return found, reference, values


def _of_maps(  # noqa: PLR0913 - the same as of `paired`
    path: Path, against: Scale, dense: Dense, *, split: str, protocol: ProtocolName, layout: Layout
) -> tuple[Predictions, Reference, FloatArray]:
    """Predicted maps at the pixels that are scored, with the targets there."""
    if against.maps is None:
        hint = "Run `dir curate` first, or give a table with the columns target and prediction"
        raise InputError(Problem(str(path), "which pixels of these maps are scored is not known here", hint))
    held, scored = against.maps.samples, against.maps.pixels
    if split != "test":
        raise UsageError(f"{against.name} has no {split} pixels; it has test pixels")
    frame = arrays.Frame(
        names=[str(name).rpartition("/")[2] for name in held.columns[dense.named_by][held.split == split]],
        shape=dense.shape,
        codes=dense.codes,
    )
    positive = bool(against.dataset and against.dataset.positive)
    found = arrays.read(path, scored, frame, dataset=layout.prediction_column, positive=positive)
    reference = Reference(
        target=scored.targets.astype(np.float64),
        bin_index=scored.bin_index.astype(np.int64),
        regions=against.table.regions[protocol],
        train=against.table.counts["train"],
        rules=against.rules(protocol),
    )
    return found, reference, found.values


def _outside(found: Predictions, table: BinTable) -> list[Problem]:
    """The targets that lie in no bin; those that are no number have been told of."""
    if found.targets is None:
        return []
    targets = found.targets[np.isfinite(found.targets)]
    values = [f"{target:g}" for target in targets[table.bins.index(targets) < 0]]
    low, high = table.bins.edges[[0, -1]]
    what = f"{len(values):,} targets lie outside {low:g}..{high:g}: {sample(values)}"
    return [Problem(found.file, what, "Check the target column")] if values else []


def _unpositive(found: Predictions, against: Scale) -> list[Problem]:
    """The predictions of 0 or less, where the dataset scores ratios."""
    if against.dataset is None or not against.dataset.positive:
        return []
    low = [f"{value:g}" for value in found.values[found.values <= 0]]
    what = f"{len(low):,} predictions are 0 or less: {sample(low)}"
    return [Problem(found.file, what, f"Ratios are scored; predict a positive {against.dataset.target}")] if low else []


def _refuse_unlike(file: str, table: BinTable, index: IntArray, *, split: str) -> None:
    """InputError where the rows, which lie in the bins ``index`` (n,), do not fill them as those of ``split`` do."""
    counts = np.bincount(index, minlength=len(table.bins))
    expected = table.counts[split]
    if (unlike := np.flatnonzero(counts != expected)).size:
        bins = [f"{table.bins.low[b]:g}: {counts[b]} of {expected[b]}" for b in unlike]
        what = f"{index.size:,} targets do not fill the bins as the {split} split ({expected.sum():,} rows) does"
        hint = "Give every row of the split once; score other rows with --bins FILE"
        raise InputError(Problem(file, f"{what}; rows in bins from {sample(bins)}", hint))
