"""The scores of a file whose rows are joined with those of a manifest by id, both being larger than memory should hold.

Both are divided by a hash of the ids, part by part is joined as a whole file is, and sums are merged. What is wrong or
unusual in the file is left to whoever reads it as a whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dircli.arrays import FloatArray
from dircli.errors import InputError
from dircli.scores.streamed import Answer, Part, Question, Total, answered
from dircli.store import partitions
from dircli.store.large_manifests import LargeManifest
from dircli.store.predictions import Predictions, aligned, sigmas
from dircli.store.streams import Block, Stream, Unusual

if TYPE_CHECKING:
    import pyarrow as pa

BITS = 6
"""Of a hash, by which rows are divided."""


def answer(question: Question, manifest: LargeManifest) -> Answer | None:
    """The scores of the file that is asked about, on rows of ``manifest``; None where it has to be read as a whole.

    Raises UsageError where metrics of ranks are asked for by name, and there are too many rows.
    """
    stream = Stream(path=Path(question.path), layout=question.layout, by_id=True)
    with tempfile.TemporaryDirectory(prefix="dir-") as folder:
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        for each in (ours, theirs):
            each.mkdir()
        try:
            blocks = stream.blocks(lambda block: _table(block, question))
            of_file = partitions.divided(blocks, theirs, bits=BITS)
            of_manifest = partitions.divided(manifest.rows(question.split), ours, bits=BITS) if of_file else []
            total = _total(partitions.pairs(of_manifest, of_file), question) if of_manifest else None
        except (Unusual, InputError, OSError):
            return None
    if total is None:
        return None
    return answered(total, question, sha256=stream.sha256, content=str(manifest.facts["content"]))


def _table(block: Block, question: Question) -> pa.Table:
    """The rows of ``block`` as they are divided; Unusual where a prediction is 0 or less and should not be."""
    import pyarrow as pa

    low = question.against.rules.positive and (block.prediction <= 0).any()
    if low or block.ids is None or (block.sigma is not None and (block.sigma <= 0).any()):
        raise Unusual
    columns = {"prediction": block.prediction, "target": block.target, "sigma": block.sigma}
    return pa.table({"id": block.ids} | {name: each for name, each in columns.items() if each is not None})


def _total(pairs: Iterator[tuple[pa.Table, pa.Table]], question: Question) -> Total | None:
    """The sums of all rows; InputError where those of the manifest and of the file are not the same."""
    total = None
    for ours, theirs in pairs:
        columns: Mapping[str, FloatArray] = {
            name: theirs[name].to_numpy() for name in theirs.column_names if name != "id"
        }
        found = Predictions(
            file=question.path,
            ids=theirs["id"].combine_chunks(),
            values=columns["prediction"],
            targets=columns.get("target"),
            sigma=columns.get("sigma"),
        )
        targets = ours["target"].to_numpy()
        part = Part(
            target=targets,
            prediction=aligned(found, ours["id"], targets),
            bin_index=ours["bin"].to_numpy().astype(np.int64),
            given={} if found.sigma is None else {"sigma": sigmas(found, ours["id"])},
            targets_sum=0,
            hashes=None,
        )
        total = total or question.nothing_yet(part.given)
        total.add(part)
    return total
