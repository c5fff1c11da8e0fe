"""What there is to tell about a benchmark, for `dir datasets` and `dir info`."""

from pathlib import Path
from typing import Any

from dircli import datasets
from dircli.datasets import variants
from dircli.store import manifests


def dataset(name: str, *, root: Path, data: Path) -> dict[str, Any]:
    """The facts about a dataset, and its state here: curated in ``root`` or not, raw files in ``data`` or not."""
    dataset = datasets.load(name)
    rules, about, folder = dataset.rules, dataset.published, data / name
    return {
        "name": name,
        "title": about.title,
        "target": rules.target,
        "unit": rules.unit,
        "licence": about.licence,
        "homepage": about.homepage,
        "obtain": list(about.obtain),
        "rows": dict(about.expected),
        "bins": len(rules.bins),
        "default_scheme": rules.weights.default,
        "regions": {
            key: {"many": f"> {rule.thresholds.many:g}", "few": f"< {rule.thresholds.few:g}"}
            for key, rule in rules.score_rules.items()
        },
        "published_seed": rules.recipe.published_seed,
        "unreleased": about.unreleased,
        "sources": [
            {
                "file": source.file,
                "holds": source.holds,
                "bytes": source.size,
                "digest": source.digest,
                "urls": list(source.urls),
                "here": (folder / source.file).exists(),
            }
            for source in about.sources
        ],
        "catalogue": [
            {"files": f"{shelf.folder}/{shelf.what}", "holds": shelf.holds, "listed": catalogue.listing}
            for catalogue in filter(None, [about.catalogue])
            for shelf in catalogue.shelves
        ],
        "raw_folder": str(folder),
        "curated": manifests.is_curated(name, root),
        "bins_shipped": manifests.shipped(name) is not None,
        "variants": [
            {key: getattr(each, key) for key in ("name", "title", "source", "note", "makeable")}
            for each in variants.variants()
            if each.dataset == name and each.name != variants.RELEASED
        ],
        "bibtex": about.bibtex,
    }
