"""The program on one page: one short function per command, from names and paths to values that a report can print.

raw source → `curation` (read, split, manifest) → `weighting` → `scoring`; `proof` shows that a manifest is what it
says. Each does its part with the pure stages below it and the files of `store`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dircli import (
    audit,
    codabench,
    curation,
    datasets,
    dense,
    dense_proof,
    deriving,
    dumps,
    explaining,
    exporting,
    gated,
    images,
    obtaining,
    picturing,
    proof,
    reporting,
    scoring,
    signals,
    smoothing,
    tables,
    uncertainty,
    weighting,
)
from dircli.errors import UsageError
from dircli.leaderboard import board
from dircli.seeds import grouped
from dircli.store import files, manifests, results
from dircli.store.fetch import git_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dircli.counting import Watch
    from dircli.deriving import Cut
    from dircli.obtaining import Terms
    from dircli.protocols import ProtocolName
    from dircli.scoring import Request, Scored
    from dircli.signals import Recording
    from dircli.store.fetch import Fetched, Plan
    from dircli.store.manifests import Manifest
    from dircli.store.pixels import DenseManifest
    from dircli.uncertainty import Sampling
    from dircli.weighting import Weighted


@dataclass(frozen=True, kw_only=True)
class Order:
    """What `dir curate` is to make: from which files, which split, and under which name.

    ``raw`` and ``released`` None are the dataset's own folder; ``part`` is one of the dataset's parts, or None for all;
    ``cut`` is what is then taken away from train.
    """

    raw: Path | None = None
    released: Path | None = None
    split: Literal["released", "redraw"] = "released"
    seed: int = 666
    part: str | None = None
    called: str | None = None
    cut: Cut | None = None


def usual_split(name: str, *, part: str | None, released: Path | None) -> Literal["released", "redraw"]:
    """What `curate` makes where no split is named: the published one, unless there is none, or only a ``part``."""
    return "redraw" if part or (datasets.load(name).unreleased and released is None) else "released"


def curate(
    name: str, order: Order, *, root: Path, terms: Terms, watch: Watch | None = None
) -> Manifest | DenseManifest:
    """Make the manifest of ``name`` as ``order`` says and write it to ``root``; what is missing is downloaded."""
    dataset = datasets.load(name)
    if order.part and order.part not in dataset.parts:
        parts = ", ".join(dataset.parts) or "none"
        raise UsageError(f"{name} has no part called {order.part!r}; it has {parts}")
    called = deriving.checked_name(order.called or deriving.named(name, part=order.part, order=order.cut))
    if order.cut is not None and (called == name or dataset.dense is not None):
        raise UsageError(f"{name} with fewer training samples is another benchmark, of samples; give it another --name")
    if dataset.unreleased and order.split == "released":
        raise UsageError(f"{name}: {dataset.unreleased}, so there is none to import; use --split redraw, the default")
    if dataset.dense is not None:
        return dense.from_sources(dataset, dataset.dense, order, terms, folder=root / called, watch=watch)
    if dataset.catalogue and order.raw is None:
        gated.complete(dataset, dataset.catalogue, terms)
    alone = order.released is not None and dataset.released_alone
    tree = obtaining.raw_source(dataset, order.raw, terms, download=not alone)
    if order.split == "released":
        made = curation.imported(dataset, obtaining.split_files(dataset, order.released, terms), tree)
    elif tree is not None:
        made = curation.redrawn(dataset, tree, seed=order.seed, part=order.part)
    else:
        raise obtaining.absent(dataset, terms, "a redraw needs the raw source; give it with --raw PATH")
    made = made if order.cut is None else deriving.derived(dataset, made, order.cut)
    manifest = curation.build(dataset, made, name=called)
    manifests.write(root / called, manifest)
    return manifest


def check_images(
    manifest: Manifest | DenseManifest, order: Order, *, root: Path, terms: Terms, done: Callable[[int], None]
) -> list[tuple[str, str]]:
    """Open every image of the manifest; those that cannot be read, with the reason, are listed beside it."""
    dataset = datasets.load(str(manifest.facts["dataset"]))
    if not dataset.images:
        raise UsageError(f"{dataset.name} has no images to check")
    tree = obtaining.raw_source(dataset, order.raw, terms, download=False)
    if tree is None:
        raise obtaining.absent(dataset, terms, "the images are not here; give them with --raw PATH")
    found = list(images.unreadable(tree, manifest.samples.ids, done=done))
    files.write(root / str(manifest.facts["name"]) / "unreadable.csv", tables.as_csv([("id", "reason"), *found]))
    return found


def need_signals(name: str) -> None:
    """Raise UsageError where the recordings of ``name`` could not be checked: it has none, or edfio is missing."""
    if not datasets.load(name).channels:
        raise UsageError(f"{name} has no recordings to check")
    signals.reader()


def check_signals(
    manifest: Manifest | DenseManifest, order: Order, *, root: Path, terms: Terms
) -> tuple[list[Recording], Path]:
    """Open the recording of every row of the manifest; what each shows, and the table of it beside the manifest."""
    dataset = datasets.load(str(manifest.facts["dataset"]))
    tree = obtaining.raw_source(dataset, order.raw, terms, download=False)
    if tree is None:
        raise obtaining.absent(dataset, terms, "the recordings are not here; give them with --raw PATH")
    found = list(signals.examined(tree, manifest.samples.ids, dataset))
    columns = signals.columns(found, dataset.channels)
    path = root / str(manifest.facts["name"]) / "signals.parquet"
    files.write(path, manifests.parquet_bytes(columns, manifest.table.facts))
    return found, path


def download(name: str, *, only: str, terms: Terms) -> list[Fetched]:
    """Bring the raw files of ``name``: what curation needs ("labels"), or also images and recordings ("all")."""
    dataset = datasets.load(name)
    if dataset.catalogue:
        return gated.bring(dataset, dataset.catalogue, terms, only=only)
    return obtaining.obtain(dataset, obtaining.wanted(dataset, only), terms)


def download_plans(name: str, *, only: str, terms: Terms) -> list[Plan]:
    """What `download` would do; nothing is transferred."""
    dataset = datasets.load(name)
    if dataset.catalogue:
        return gated.plans(dataset, dataset.catalogue, terms, only=only)
    return obtaining.plans(dataset, obtaining.wanted(dataset, only), data=terms.data, mirror=terms.mirror)


def export(name: str | None, *, root: Path, out: Path) -> dict[str, tuple[str, bool]]:
    """Write the files that the released training code reads; each with its git blob id, and whether it is published."""
    folder = manifests.named(name, root)
    contents, published = dense_proof.released_files(folder)
    files.write_all(out, contents)
    blobs = {file: git_blob(data) for file, data in contents.items()}
    return {file: (blob, f"git:{blob}" == published.get(file)) for file, blob in blobs.items()}


def export_codabench(name: str | None, *, root: Path, out: Path, protocol: ProtocolName, image: str) -> list[Path]:
    """Write a scorer bundle for Codabench: the manifest as reference data, the scoring program, the metadata."""
    manifest = manifests.read(manifests.named(name, root))
    bundle = codabench.bundle(manifest, split="test", protocol=protocol, image=image)
    paths = [out / path for path in bundle]
    for folder in sorted({path.parent for path in paths}):
        inside = {path.name: data for path, data in zip(paths, bundle.values(), strict=True) if path.parent == folder}
        files.write_all(folder, inside)
    return paths


def export_tables(name: str | None, form: exporting.Form, *, root: Path, out: Path) -> list[Path]:
    """Write the samples and bins of a manifest as tables or arrays for other programs."""
    contents = exporting.exported(manifests.read(manifests.named(name, root)), form)
    files.write_all(out, contents)
    return [out / file for file in contents]


def leakage(name: str | None, *, root: Path) -> tuple[list[audit.Leakage], Path]:
    """What val and test share with train; the rows are listed beside the manifest."""
    folder = manifests.named(name, root)
    counts, listed = audit.leakage(manifests.read(folder))
    return counts, audit.write(folder, listed)


def weights(name: str | None, request: weighting.Request, *, root: Path, out: Path | None) -> tuple[Weighted, Path]:
    """Compute the weights that ``request`` asks for and write them to ``out``, by default beside the manifest."""
    if out is not None:
        weighting.check_ending(out)
    weighted = weighting.weigh(name, request, root=root)
    path = out or root / (name or manifests.only(root)) / "weights.parquet"
    weighting.write(path, weighted)
    return weighted, path


def evaluate(  # noqa: PLR0913 - the options of `dir evaluate`
    paths: Sequence[str],
    request: Request,
    *,
    name: str | None,
    root: Path,
    bins_file: Path | None = None,
    sampling: Sampling | None = None,
    seeds: bool = False,
) -> Scored:
    """Score the prediction files ``paths`` ("-" is standard input); with ``sampling``, also intervals and tests."""
    scored = scoring.score(paths, scoring.scale(name, root, bins_file), request)
    if seeds:
        scored.result["groups"] = grouped(scored.result)
    if sampling is not None:
        uncertainty.quantify(scored, sampling)
    return scored


def picture(name: str | None, order: picturing.Order, *, root: Path) -> picturing.Picture:
    """What `dir plot` draws: label density, its smoothing, or the errors of prediction files."""
    return picturing.picture(scoring.scale(name, root, None), order)


def page(scored: Scored, order: reporting.Order) -> reporting.Page:
    """What the report on a result shows."""
    return reporting.page(scored, order)


def read_result(path: Path) -> dict[str, Any]:
    """An earlier result that `dir evaluate` wrote as JSON."""
    return results.read(path)


def leaderboard(folder: Path, *, dataset: str | None, region: str, metric: str) -> dict[str, Any]:
    """The results under ``folder`` and the paper's rows of the dataset, ranked as far as they compare."""
    return board(folder, dataset=dataset, region=region, metric=metric)


def dump(scored: Scored, *, per_bin: Path | None, per_sample: Path | None) -> None:
    """Write the scores of each bin, and the error of each sample, where they are asked for."""
    dumps.write({per_bin: dumps.by_bin, per_sample: dumps.by_sample}, scored)


def explain(path: str, request: Request, *, name: str | None, root: Path, bins_file: Path | None) -> dict[str, Any]:
    """What lies behind the scores of one file."""
    against = scoring.scale(name, root, bins_file)
    return explaining.explain(path, against, split=request.split, layout=request.layout)


def verify(name: str | None, *, root: Path, released: Path | None, terms: Terms) -> tuple[str, list[proof.Check]]:
    """Check the manifest ``name`` in ``root``: intact, the draw it claims, the published files; and its name."""
    folder = manifests.named(name, root)
    facts = manifests.read_facts(folder)
    if facts["dataset"] not in datasets.names():
        return folder.name, proof.checks(folder, None)
    dataset = datasets.load(facts["dataset"])
    if dataset.dense is not None:
        return folder.name, dense_proof.checks(folder)
    return folder.name, proof.checks(folder, obtaining.split_files_here(dataset, released, terms))


def fds(features: Path, name: str | None, request: smoothing.Smoothing, *, root: Path, out: Path) -> smoothing.Smoothed:
    """Calibrate the features in a file, as ``request`` says, into ``out``, with their statistics beside."""
    return smoothing.calibrate(features, scoring.scale(name, root, None), request, out=out)
