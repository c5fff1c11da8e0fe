"""What there is to tell about a benchmark, for `dir datasets` and `dir info`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dircli import datasets
from dircli.benchmark.dataset import Rules
from dircli.datasets import variants
from dircli.errors import DirError
from dircli.store import manifests

DAMAGED = "damaged"
SYNTHETIC_MARK = "SYNTHETIC.txt"
"""The file in a raw source that says that it is made up."""

SYNTHETIC = "SYNTHETIC: the source says of itself that its rows are made up, so that no score on them means anything"


def dataset(name: str, *, root: Path, data: Path) -> dict[str, Any]:
    """The facts about a dataset, and its state here: curated in ``root`` or not, raw files in ``data`` or not."""
    dataset = datasets.load(name)
    rules, about, folder = dataset.rules, dataset.published, data / name
    curated = manifests.is_curated(name, root)
    return {
        "name": name,
        "title": about.title,
        "target": rules.target,
        "unit": rules.unit,
        "licence": about.licence,
        "homepage": about.homepage,
        "obtain": [*about.obtain, *_commands(name)],
        "rows": dict(about.expected),
        "bins": len(rules.bins),
        "default_scheme": rules.weights.default,
        "regions": _regions(rules),
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
        "curated": curated,
        "bins_shipped": manifests.shipped(name) is not None,
        "variants": [
            {key: getattr(each, key) for key in ("name", "title", "source", "note", "makeable")}
            for each in variants.variants()
            if each.dataset == name and each.name != variants.RELEASED
        ],
        "bibtex": about.bibtex,
        "dataset": name,
        **_state(root / name if curated else None),
    }


def _commands(name: str) -> Iterator[str]:
    """The last steps to a benchmark, which are commands."""
    if f"`dir download {name}" not in " ".join(datasets.load(name).published.obtain):
        yield f"`dir download {name}` brings those files that have a public address."
    yield f"`dir curate {name}` makes the benchmark of them, and downloads what is missing."


def _state(folder: Path | None) -> dict[str, Any]:
    """What the manifest in ``folder`` says of itself; nothing where there is none, and "damaged" where it is."""
    facts: Mapping[str, Any] = {}
    try:
        facts = manifests.read_facts(folder) if folder else {}
    except DirError:
        facts = {"origin": DAMAGED}
    stated = {key: facts.get(key) for key in ("origin", "content", "seed")}
    return {**stated, "notes": list(facts.get("notes", ()))}


def here(root: Path) -> list[str]:
    """The names of the manifests in ``root`` that are no benchmark's own: of tables, and other splits."""
    return [name for name in manifests.curated(root) if name not in datasets.NAMES]


def listed(name: str, *, root: Path, data: Path) -> dict[str, Any]:
    """What `manifest` gives; of a manifest that cannot be read nothing but its name, and that it is damaged."""
    try:
        return manifest(name, root=root, data=data)
    except DirError:
        unknown = dict.fromkeys(dataset(datasets.NAMES[0], root=root, data=data))
        return {**unknown, "name": name, "rows": {}, "curated": True, "origin": DAMAGED}


def manifest(name: str, *, root: Path, data: Path) -> dict[str, Any]:
    """The same facts as `dataset` gives, about the manifest ``name`` in ``root``; InputError where it is damaged."""
    folder = root / name
    facts, table = manifests.read_facts(folder), manifests.read_bins(folder / manifests.BINS)
    rows = {part: int(table.counts[part].sum()) for part in ("train", "val", "test")}
    shared = {"name": name, "curated": True, "bins_shipped": False, "variants": [], **_state(folder)}
    shared |= {"rows": rows, "bins": len(table.bins), "dataset": facts["dataset"]}
    if facts["dataset"] in datasets.NAMES:
        is_made_up = SYNTHETIC in shared["notes"]
        terms = {"licence": "not that of a data set, for no row is real", "bibtex": ""} if is_made_up else {}
        return {**dataset(facts["dataset"], root=root, data=data), **terms, **shared}
    rules = datasets.of(facts, table.bins).rules
    sources = [
        {"file": each["file"], "holds": "table", "bytes": None, "digest": f"sha256:{each['sha256']}"}
        | {"urls": [], "here": Path(each["file"]).exists()}
        for each in facts.get("sources", ())
    ]
    return {
        **dict.fromkeys(("licence", "homepage", "published_seed", "raw_folder")),
        "title": "a table of your own",
        "target": rules.target,
        "unit": rules.unit,
        "obtain": [],
        "default_scheme": rules.weights.default,
        "regions": _regions(rules),
        "unreleased": "",
        "sources": sources,
        "catalogue": [],
        "bibtex": "",
        **shared,
    }


def _regions(rules: Rules) -> dict[str, dict[str, str]]:
    """What is many and few by each protocol."""
    return {
        key: {"many": f"> {rule.thresholds.many:g}", "few": f"< {rule.thresholds.few:g}"}
        for key, rule in rules.score_rules.items()
    }
