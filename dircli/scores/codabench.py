"""A scorer bundle for Codabench: reference data, scoring program and metadata, and the program's own work.

The platform lays a run out as ``input/ref`` (reference data) and ``input/res`` (the submission), starts the program as
``program input output``, and reads ``output/scores.json``: one flat object of numbers.
"""

import json
import sys
from pathlib import Path

from dircli import __version__, datasets
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
# Before you upload it, add what is yours to say: a logo (image), terms, further pages, and the dates of the phase.
# The container's image needs Python and dircli: FROM python:3.12-slim, then RUN pip install dircli=={version}
docker_image: {image}
tasks:
  - index: 0
    name: {name}
    description: Predict the target of every {split} row
    reference_data: reference_data
    scoring_program: scoring_program
# to try the competition with, by whoever made it: the sample submission in the starting kit
solutions:
  - index: 0
    name: Sample submission
    path: starting_kit
    tasks: [0]
pages:
  - title: Starting kit
    file: starting_kit/README.md
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
KIT = """\
# Starting kit

Predict the target of each of the {rows:,} {split} rows of {name}: {target}{unit}.

A submission is a zip of one file (CSV, Parquet or JSON lines) with the columns `id` and `prediction`, a row for each id
of the {split} split, in any order. `{sample}` is one: it predicts the mean training target of every row.

```sh
zip submission.zip {sample}
```

Scores are by shot region: bins of the target with more than {many:g} training rows are many-shot, those with fewer than
{few:g} few-shot, all others medium-shot ({protocol} protocol). Whoever has the benchmark's manifest gets the same
numbers with `dir evaluate {sample} --dataset {name} --protocol {protocol}`, of dircli {version}.

Content: {content}
"""
SAMPLE = "sample_submission.csv"
COLUMN = "      - {{index: {index}, title: {title}, key: {key}, sorting: {sorting}}}\n"
SHOWN = (("few", "mae"), ("medium", "mae"), ("many", "mae"), ("all", "mae"), ("all", "gm"), ("all", "pearson"))


def bundle(manifest: Manifest, *, split: str, protocol: ProtocolName, image: str) -> dict[str, bytes]:
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
        **_starting_kit(manifest, split=split, protocol=protocol),
        "scoring_program/metadata.yaml": METADATA.encode(),
        "scoring_program/score.py": PROGRAM.format(version=__version__).encode(),
        f"reference_data/{SETTINGS}": text.as_json({"name": name, "protocol": protocol, "split": split}),
        **{f"reference_data/{name}/{file}": data for file, data in manifests.contents(manifest).items()},
    }


def _starting_kit(manifest: Manifest, *, split: str, protocol: ProtocolName) -> dict[str, bytes]:
    """What participants begin with: how to submit, and a submission that predicts one number of every row."""
    samples, rules = manifest.samples, datasets.of(manifest.facts, manifest.table.bins).rules
    rows, thresholds = samples.mask(split), rules.score_rules[protocol].thresholds
    guess = f"{samples.targets[samples.mask('train')].mean():.6g}"
    words = {
        "name": manifest.facts["name"],
        "rows": int(rows.sum()),
        "target": rules.target,
        "unit": f", in {rules.unit}s" if rules.unit else "",
        "many": thresholds.many,
        "few": thresholds.few,
        "content": manifest.content,
    }
    told = KIT.format(**words, split=split, protocol=protocol, sample=SAMPLE, version=__version__)
    table = text.as_csv([("id", "prediction"), *((key, guess) for key in samples.ids[rows])])
    return {"starting_kit/README.md": told.encode(), f"starting_kit/{SAMPLE}": table}


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
    """Write a bundle for Codabench: the manifest as reference data, the scoring program, a starting kit, the metadata.

    Into the folder ``out``, or as one file where that ends in .zip.
    """
    manifest = manifests.read(manifests.named(name, root))
    contents = bundle(manifest, split="test", protocol=protocol, image=image)
    if out.suffix == ".zip":
        files.write(out, files.zipped(sorted(contents.items())), force=force)
        return [out]
    files.write_each({out / path: data for path, data in sorted(contents.items())}, force=force)
    return [out / path for path in contents]
