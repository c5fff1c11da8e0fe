"""A scorer bundle for Codabench: reference data, scoring program and metadata, and the program's own work.

The platform lays a run out as ``input/ref`` (reference data) and ``input/res`` (the submission), starts the program as
``program input output``, and reads ``output/scores.json``: one flat object of numbers.
"""

import json
import sys
from pathlib import Path

from dircli import __version__
from dircli.benchmark.manifest import Manifest
from dircli.benchmark.protocol import ProtocolName
from dircli.datasets.open import open_benchmark
from dircli.errors import DirError, InputError, Problem
from dircli.scores import from_files
from dircli.scores.metrics.table import EVERY
from dircli.store import files, manifests, text
from dircli.store.predictions import Layout

ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
SETTINGS = "settings.json"

PROGRAM = """\
'''Score one submission: python3 score.py INPUT OUTPUT (the container's image must have dircli {version}).'''

import sys

from dircli.scores.codabench import main

main(sys.argv[1], sys.argv[2])
"""
METADATA = "command: python3 /app/program/score.py /app/input /app/output\n"
COMPETITION = """\
version: 2
title: {name}
description: {described}
# Before you upload it, add what is yours to say: a logo (image), terms, pages, and the dates of the phase.
# The container's image needs Python and dircli: FROM python:3.12-slim, then RUN pip install dircli=={version}
docker_image: {image}
tasks:
  - index: 0
    name: {name}
    description: Predict the target of every {split} row
    reference_data: reference_data
    scoring_program: scoring_program
phases:
  - index: 0
    name: Development
    description: Submit a zip of one prediction file with the columns id and prediction
    tasks: [0]
leaderboards:
  - index: 0
    title: Results
    key: main
    columns:
{columns}"""
COLUMN = "      - {{index: {index}, title: {title}, key: {key}, sorting: {sorting}}}\n"
SHOWN = (("few", "mae"), ("medium", "mae"), ("many", "mae"), ("all", "mae"), ("all", "gm"), ("all", "pearson"))


def bundle(manifest: Manifest, *, split: str, protocol: str, image: str) -> dict[str, bytes]:
    """The files of the bundle by their paths in it."""
    name = str(manifest.facts["name"])
    columns = ""
    for place, (region, key) in enumerate(SHOWN):
        sorting = "desc" if EVERY[key].better == "higher" else "asc"
        columns += COLUMN.format(
            index=place, title=f"{region} {EVERY[key].title}", key=f"{region}_{key}", sorting=sorting
        )
    sign = f"{split} split, {protocol} protocol, content {manifest.content}"
    words = {"name": name, "described": f"Deep Imbalanced Regression on {name} ({sign})", "image": image}
    # text in quotes, for a name such as 123 or no is no text in YAML
    quoted = {key: json.dumps(value) for key, value in words.items()}
    competition = COMPETITION.format(**quoted, version=__version__, split=split, columns=columns)
    return {
        "competition.yaml": competition.encode(),
        "scoring_program/metadata.yaml": METADATA.encode(),
        "scoring_program/score.py": PROGRAM.format(version=__version__).encode(),
        f"reference_data/{SETTINGS}": text.as_json({"name": name, "protocol": protocol, "split": split}),
        **{f"reference_data/{name}/{file}": data for file, data in manifests.contents(manifest).items()},
    }


def main(source: str, target: str) -> None:
    """Score the submission in ``source``/res against ``source``/ref; exit code 2 with every problem if it is unfit."""
    try:
        files.write(Path(target) / "scores.json", text.as_json(score(Path(source))), force=True)
    except DirError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def score(source: Path) -> dict[str, float]:
    """Every defined score as ``region_metric``, and n of each region."""
    settings = json.loads(files.read(source / "ref" / SETTINGS))
    against, choice = open_benchmark(settings["name"], source / "ref", None), ("split", "protocol")
    request = from_files.ScoreOptions(**{key: settings[key] for key in choice}, metrics=[], layout=Layout())
    result = from_files.score([str(_submission(source / "res"))], against, request).result
    sys.stdout.write(f"{result.signature}\n")
    regions = result.systems[0].regions
    by_key = {f"{name}_{key}": value for name, scores in regions.items() for key, value in scores.as_json().items()}
    return {key: value for key, value in by_key.items() if value is not None}


def _submission(folder: Path) -> Path:
    """The one prediction file in ``folder``."""
    candidates = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS and not path.name.startswith("."))
    if len(candidates) != 1:
        named = ", ".join(path.name for path in candidates) or "none"
        hint = f"Submit a zip with one file that ends in {' or '.join(ENDINGS)}"
        raise InputError(Problem("submission", f"there must be one prediction file, and there are: {named}", hint))
    return candidates[0]


def export_codabench(  # noqa: PLR0913 - each is an option of the command
    name: str | None, *, root: Path, out: Path, protocol: ProtocolName, image: str, force: bool = False
) -> list[Path]:
    """Write a scorer bundle for Codabench: the manifest as reference data, the scoring program, the metadata."""
    manifest = manifests.read(manifests.named(name, root))
    contents = bundle(manifest, split="test", protocol=protocol, image=image)
    files.write_each({out / path: data for path, data in sorted(contents.items())}, force=force)
    return [out / path for path in contents]
