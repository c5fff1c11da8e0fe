"""A manifest told in Croissant 1.0, MLCommons' JSON-LD of datasets: its files, tables and splits, and their origin.

Everything stated is a fact of the manifest or of its dataset's publication. What only the owner of a table knows (its
licence, how to cite it, when it was published) is left out, and `missing` names it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from dircli import datasets
from dircli.benchmark.dataset import Dataset
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.benchmark.records import SPLITS
from dircli.benchmark.regions import REGIONS
from dircli.datasets.citation import PAPER
from dircli.store import manifests, parquet

FILE = "croissant.json"
CONFORMS = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
RECOMMENDED = ("license", "citeAs", "datePublished")
PUBLISHED = "2021-02-18"  # the first version of arXiv:2102.09554
AUTHORS = ("Yuzhe Yang", "Kaiwen Zha", "Ying-Cong Chen", "Hao Wang", "Dina Katabi")
_OWN_WORDS = (
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
CONTEXT: dict[str, Any] = {
    **{word: f"cr:{word}" for word in _OWN_WORDS.split()},
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}
"""The words of Croissant 1.0, each in its namespace."""

TYPES = {"text": "sc:Text", "integer": "sc:Integer", "float": "sc:Float", "boolean": "sc:Boolean"}
PURPOSES = dict(zip(SPLITS, ("cr:TrainingSplit", "cr:ValidationSplit", "cr:TestSplit"), strict=True))
TABLES = {manifests.SAMPLES: ("samples", "id"), manifests.PIXELS: ("pixels", ""), manifests.BINS: ("bins", "bin")}
"""The record set of each table, and its key where one column is."""

REFERENCES = {"samples/split": "splits/name", "samples/bin": "bins/bin", "pixels/bin": "bins/bin"}
COLUMNS = {
    "id": "What prediction files refer to; unique",
    "target": "The target, in the unit that the description names",
    "bin": "The scoring bin",
    "split": "What the row is for",
    "low": "The lower end of the bin, which is part of it",
    "high": "The upper end of the bin, which is part of the last bin alone",
    **{split: f"How many targets of {split} lie in the bin" for split in SPLITS},
    "region_released": "The shot region of the bin by the released code: many, medium or few",
    "region_paper": "The shot region of the bin by the paper's formulas: many, medium or few",
    "image": "The test image, counted from 0",
    "row": "The row of the map, from the top",
    "col": "The column of the map, from the left",
}
ORIGINS = {
    "released": "The split is the published one.",
    "redraw": "The split was drawn by dircli, and is no published one.",
    "given": "The split was taken over from a column of the table.",
    "derived": "It is derived from that benchmark: training rows were left out.",
}


def metadata(manifest: Manifest | PixelManifest, contents: Mapping[str, bytes]) -> dict[str, Any]:
    """The JSON-LD of ``manifest``, whose files are ``contents`` by name, in the folder of the JSON-LD itself."""
    facts, dataset = manifest.facts, datasets.of(manifest.facts, manifest.table.bins)
    about = dataset.publication
    stated: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": facts["name"],
        "description": _description(manifest, dataset),
        "identifier": manifest.content,
        "version": facts["version"],
        "keywords": ["imbalanced regression", "benchmark"],
        "distribution": [_file(name, data) for name, data in contents.items()],
        "recordSet": [_splits(manifest), *_tables(contents)],
        **{f"rai:{name}": told for name, told in _responsible(manifest, dataset).items() if told},
    }
    if about:
        stated |= {
            "url": about.homepage,
            "license": about.licence,
            "citeAs": f"{PAPER}\n\n{about.bibtex}",
            "creator": [{"@type": "sc:Person", "name": name} for name in AUTHORS],
            "datePublished": PUBLISHED,
        }
    return stated


def missing(stated: Mapping[str, Any]) -> list[str]:
    """What Croissant recommends and the JSON-LD has not, for nobody but the owner knows it."""
    return [name for name in RECOMMENDED if name not in stated]


def _description(manifest: Manifest | PixelManifest, dataset: Dataset) -> str:
    """What the benchmark is, how large, and whether it is the published one."""
    facts, rules = manifest.facts, dataset.rules
    title = dataset.publication.title if dataset.publication else ""
    whose = f"{title}, a benchmark of Deep Imbalanced Regression" if title else "a custom benchmark, of one's own table"
    target = f"{rules.target} ({rules.unit})" if rules.unit else rules.target
    sizes = ", ".join(f"{counts.sum():,} {split}" for split, counts in manifest.table.counts.items())
    bins = f"{sizes} {dataset.counted} in {len(manifest.table.bins):,} bins"
    return f"{facts['name']}: {whose}. The target is {target}, of {bins}. {ORIGINS[facts['origin']]}"


def _file(name: str, data: bytes) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{len(data)} B",
        "encodingFormat": "application/x-parquet" if name.endswith(".parquet") else "application/json",
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _splits(manifest: Manifest | PixelManifest) -> dict[str, Any]:
    """The splits that have rows, and what each is for."""
    names = set(manifest.samples.split.tolist())
    fields = {"splits/name": "sc:Text", "splits/url": ["sc:URL", "cr:Split"]}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [{"@type": "cr:Field", "@id": key, "name": key, "dataType": kind} for key, kind in fields.items()],
        "data": [{"splits/name": name, "splits/url": purpose} for name, purpose in PURPOSES.items() if name in names],
    }


def _tables(contents: Mapping[str, bytes]) -> Iterator[dict[str, Any]]:
    """A record set for each Parquet file, with a field for each of its columns."""
    for file, (table, key) in TABLES.items():
        if file in contents:
            yield {
                "@type": "cr:RecordSet",
                "@id": table,
                "name": table,
                **({"key": {"@id": f"{table}/{key}"}} if key else {}),
                "field": [_field(file, table, name, kind) for name, kind in parquet.kinds(contents[file]).items()],
            }


def _field(file: str, table: str, column: str, kind: str) -> dict[str, Any]:
    key = f"{table}/{column}"
    references = REFERENCES.get(key)
    return {
        "@type": "cr:Field",
        "@id": key,
        "name": key,
        "description": COLUMNS.get(column, "A column of the source"),
        "dataType": TYPES[kind],
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
        **({"references": {"field": {"@id": references}}} if references else {}),
    }


def _responsible(manifest: Manifest | PixelManifest, dataset: Dataset) -> dict[str, str | list[str]]:
    """What is known of the collection, the biases and the limits of the data, by the names of Croissant RAI."""
    facts, about = manifest.facts, dataset.publication
    in_region = manifest.table.rows_by_region()["released"]["train"]
    sizes = ", ".join(f"{in_region[name]:,} in {name}-shot bins" for name in REGIONS)
    shared = dict.fromkeys(" and ".join(leak.columns) for leak in dataset.samples.leaks)
    files = [f"{source['file']} (sha256 {source['sha256']})" for source in facts.get("sources", ())]
    return {
        "dataCollection": about.collected if about else "",
        "dataCollectionRawData": "; ".join(files),
        "dataPreprocessingProtocol": [f"{step}: {count}" for step, count in facts.get("facts", {}).items()],
        "dataBiases": [f"The {dataset.counted} of train are imbalanced: {sizes}."],
        "dataLimitations": [
            *(f"{note[:1].upper()}{note[1:]}." for note in facts.get("notes", ())),
            *(f"Rows of val and test may share {columns} with rows of train." for columns in shared),
        ],
        "dataUseCases": ["Regression with imbalanced targets, scored by shot region: many, medium, few."],
        "personalSensitiveInformation": [about.personal] if about and about.personal else [],
    }
