"""What there is to tell about a benchmark and about the metrics, for `dir datasets` and `dir info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dircli import datasets
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path


def dataset(name: str, *, root: Path, data: Path) -> dict[str, Any]:
    """The facts about a dataset, and its state here: curated in ``root`` or not, raw files in ``data`` or not."""
    of = datasets.load(name)
    folder = data / name
    return {
        "name": name,
        "title": of.title,
        "target": of.target,
        "unit": of.unit,
        "licence": of.licence,
        "homepage": of.homepage,
        "obtain": list(of.obtain),
        "rows": dict(of.expected),
        "bins": len(of.bins),
        "default_scheme": of.weights.default,
        "regions": {
            key: {"many": f"> {rules.thresholds.many:g}", "few": f"< {rules.thresholds.few:g}"}
            for key, rules in of.rules.items()
        },
        "published_seed": of.recipe.published_seed,
        "unreleased": of.unreleased,
        "sources": [
            {
                "file": source.file,
                "holds": source.holds,
                "bytes": source.size,
                "digest": source.digest,
                "urls": list(source.urls),
                "here": (folder / source.file).exists(),
            }
            for source in of.sources
        ],
        "catalogue": of.catalogue.as_json() if of.catalogue else [],
        "raw_folder": str(folder),
        "curated": name in manifests.curated(root),
        "bins_shipped": manifests.shipped(name) is not None,
        "bibtex": of.bibtex,
    }
