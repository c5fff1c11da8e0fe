"""The scores of a file whose rows are joined with those of a manifest by id, both being larger than memory should hold.

Both are divided by a hash of the ids, part by part is joined as a whole file is, and sums are merged. What is wrong or
unusual in the file is left to whoever reads it as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from dircli.arrays import FloatArray
from dircli.benchmark.relevance import Relevance, relevance
from dircli.errors import InputError
from dircli.scores.by_region import Reference
from dircli.scores.metrics.table import needs
from dircli.scores.streamed import Answer, Part, Question, Total, answered
from dircli.store import partitions, places
from dircli.store.large_manifests import LargeManifest
from dircli.store.predictions import Predictions, aligned, sigmas
from dircli.store.streams import Unusual

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("id", "prediction", "target", "sigma")
BITS = 6
"""Of a hash, by which rows are divided."""


def answer(question: Question, manifest: LargeManifest) -> Answer | None:
    """The scores of the file that is asked about, on rows of ``manifest``; None where it has to be read as a whole.

    Raises UsageError where metrics of ranks are asked for by name, and there are too many rows.
    """
    stream, total = question.layout.stream(question.path, target=False), None
    try:
        with ExitStack() as files:  # which a full disk may refuse to close
            blocks = stream.blocks(lambda block: renamed(block, question))
            if of_file := partitions.divided(blocks, files, bits=BITS):
                rows = manifest.rows(question.split, "id", "target", "bin")
                of_manifest = partitions.divided(rows, files, bits=BITS)
                total = _total(partitions.pairs(of_manifest, of_file), question, relevance_of(question, manifest))
    except (Unusual, InputError, OSError):
        return None
    if total is None:
        return None
    return answered(total, question, sha256=stream.sha256, content=str(manifest.facts["content"]))


def renamed(block: pa.Table, question: Question) -> pa.Table:
    """The columns of ``block`` by the names that they have here; Unusual where one is 0 or less and should not be."""
    layout = question.layout
    columns = (layout.id_column, layout.prediction_column, layout.target_column, layout.sigma_column)
    names = {name: each for name, each in zip(columns, COLUMNS, strict=True) if name is not None}
    if len(names) < len(columns) - columns.count(None):  # one column for two purposes
        raise Unusual
    table = block.rename_columns([names[name] for name in block.column_names])
    positive = ["prediction"] * question.against.rules.positive + ["sigma"] * ("sigma" in table.column_names)
    if any((table[name].to_numpy() <= 0).any() for name in positive):
        raise Unusual
    return table


def relevance_of(question: Question, manifest: LargeManifest) -> Relevance | None:
    """The relevance of targets, from those of the training rows, if a metric needs it; Unusual where there are none."""
    if "relevance" not in needs(question.metrics):
        return None
    targets = [block["target"].to_numpy() for block in manifest.rows("train", "target")]
    if not sum(block.size for block in targets):
        raise Unusual
    return relevance(np.concatenate(targets))


def _total(pairs: Iterator[tuple[pa.Table, pa.Table]], question: Question, phi: Relevance | None) -> Total | None:
    """The sums of all rows; InputError where those of the manifest and of the file are not the same."""
    total = None
    for ours, theirs in pairs:
        part = part_of(ours, theirs, question, phi)
        total = total or question.nothing_yet(part.given)
        total.add(part)
    return total


def part_of(ours: pa.Table, theirs: pa.Table, question: Question, phi: Relevance | None) -> Part:
    """The rows of the manifest, ``ours``, with those of the file, in the same order where these have no ids.

    InputError where their ids are not the same, or their targets.
    """
    columns: Mapping[str, FloatArray] = {name: theirs[name].to_numpy() for name in theirs.column_names if name != "id"}
    found = Predictions(
        file=places.shown(question.path),
        ids=theirs["id"].combine_chunks() if "id" in theirs.column_names else None,
        values=columns["prediction"],
        targets=columns.get("target"),
        sigma=columns.get("sigma"),
    )
    targets, index = ours["target"].to_numpy(), ours["bin"].to_numpy().astype(np.int64)
    prediction, given = aligned(found, ours["id"], targets), {}
    if found.sigma is not None:
        given["sigma"] = sigmas(found, ours["id"])
    if phi is not None:
        given["relevance"] = phi(Reference.of(question.against, question.protocol, targets, index).scored_target)
    return Part(
        target=targets,
        prediction=prediction,
        bin_index=index,
        given=given,
        targets_sum=0,
        hashes=None,
    )
