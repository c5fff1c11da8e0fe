"""The program on one page: one short function per command, from names and paths to values that a report can print.

raw source → `curation` (read, split, manifest) → `weighting` → `scoring`; `proof` shows that a manifest is what it
says. Each does its part with the pure stages below it and the files of `store`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dircli import curation, datasets, proof, scoring, weighting
from dircli.errors import SourceError, UsageError
from dircli.metrics import chosen
from dircli.store import manifests
from dircli.store.archives import UNFINISHED, is_archive, open_raw
from dircli.store.files import OneFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dircli.datasets._spec import Dataset
    from dircli.protocols import ProtocolName
    from dircli.sources import Raw
    from dircli.store.manifests import Manifest
    from dircli.store.predictions import Layout
    from dircli.weighting import Request, Weighted

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)


def describe(name: str, *, root: Path, data: Path) -> dict[str, Any]:
    """The facts about a dataset, and its state here: curated in ``root`` or not, raw files in ``data`` or not."""
    dataset = datasets.load(name)
    folder = data / name
    return {
        "name": name,
        "title": dataset.title,
        "target": dataset.target,
        "unit": dataset.unit,
        "licence": dataset.licence,
        "homepage": dataset.homepage,
        "obtain": list(dataset.obtain),
        "rows": dict(dataset.expected),
        "bins": len(dataset.bins),
        "default_scheme": dataset.weights.default,
        "regions": {
            key: {"many": f"> {rules.thresholds.many:g}", "few": f"< {rules.thresholds.few:g}"}
            for key, rules in dataset.rules.items()
        },
        "published_seed": dataset.recipe.published_seed,
        "sources": [
            {
                "file": source.file,
                "holds": source.holds,
                "bytes": source.size,
                "digest": source.digest,
                "urls": list(source.urls),
                "here": (folder / source.file).exists(),
            }
            for source in dataset.sources
        ],
        "raw_folder": str(folder),
        "curated": name in manifests.curated(root),
        "bins_shipped": manifests.shipped(name) is not None,
        "bibtex": dataset.bibtex,
    }


def curate(  # noqa: PLR0913 - the options of `dir curate`
    name: str,
    *,
    root: Path,
    data: Path,
    raw: Path | None = None,
    split: str = "released",
    released: Path | None = None,
    seed: int = 666,
    called: str | None = None,
) -> Manifest:
    """Make the manifest of ``name`` and write it to ``root``, under ``called`` if that is given."""
    dataset = datasets.load(name)
    called = called or name
    if not NAME.fullmatch(called):
        raise UsageError(f"{called!r} cannot name a manifest; use letters, digits, dots, dashes and underscores")
    tree = _raw(dataset, raw, data)
    if split == "redraw":
        if tree is None:
            raise _absent(dataset, data, "a redraw needs the raw source")
        made = curation.redrawn(dataset, tree, seed=seed)
    else:
        made = curation.imported(dataset, _released(dataset, released, data), tree)
    manifest = curation.build(dataset, made, name=called)
    manifests.write(root / called, manifest)
    return manifest


def _raw(dataset: Dataset, raw: Path | None, data: Path) -> Raw | None:
    """The raw source at ``raw``, or the dataset's own folder where that holds a source that is not a split file."""
    if raw is not None:
        return open_raw(raw)
    folder = data / dataset.name
    ours = {source.file for source in dataset.released}
    found = folder.iterdir() if folder.is_dir() else ()
    held = any(path.name not in ours and not path.name.endswith(UNFINISHED) for path in found)
    return open_raw(folder) if held else None


def _released(dataset: Dataset, released: Path | None, data: Path) -> Raw:
    """The published split files: a folder or archive that holds them, or the file itself where there is only one."""
    path = released or data / dataset.name
    if released is not None and len(dataset.released) == 1 and released.is_file() and not is_archive(released):
        return OneFile(released)
    if released is None and not all((path / source.file).is_file() for source in dataset.released):
        raise _absent(dataset, data, "the published split files are not here; give them with --released PATH")
    return open_raw(path)


def _absent(dataset: Dataset, data: Path, what: str) -> SourceError:
    steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(dataset.obtain, 1))
    return SourceError(f"{dataset.name}: {what}, or put the files into {data / dataset.name}\n{steps}")


def weights(name: str | None, request: Request, *, root: Path, out: Path | None) -> tuple[Weighted, Path]:
    """Compute the weights that ``request`` asks for and write them to ``out``, by default beside the manifest."""
    weighted = weighting.weigh(name, request, root=root)
    path = out or root / weighted.name / "weights.parquet"
    weighting.write(path, weighted)
    return weighted, path


def evaluate(  # noqa: PLR0913 - the options of `dir evaluate`
    paths: Sequence[str],
    *,
    name: str | None,
    root: Path,
    split: str,
    protocol: ProtocolName,
    metrics: Sequence[str],
    layout: Layout,
    bins_file: Path | None = None,
) -> dict[str, Any]:
    """Score the prediction files ``paths`` ("-" is standard input)."""
    wanted = chosen(metrics)
    against = scoring.scale(name, root, bins_file)
    return scoring.result(paths, against, split=split, protocol=protocol, metrics=wanted, layout=layout)


def verify(name: str | None, *, root: Path) -> tuple[str, list[proof.Check]]:
    """Check the manifest ``name`` in ``root``: intact, the draw it claims, the published files; and its name."""
    name = name or manifests.only(root)
    return name, proof.checks(root / name)
