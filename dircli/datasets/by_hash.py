"""The rows of a published split without its manifest: who has their ids has their targets, by the hash of each id.

What is shipped of a row is a hash of its id, its target and its split, and of each split one sha256 over ids, targets
and splits in their order (`content`, of these rows alone). Ids in a file find their rows by hash, each of them once.
That alone proves nothing: the hashes are short, and leave out what folders change. So the file's ids are put into the
published order, and their sha256 with the shipped targets must be that of the split: then these are its rows, letter
for letter, and a score on them is that of the curated benchmark. It bears the benchmark's `content`, which also covers
train and val; these decide a score by their counts alone, which are shipped with the bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import BoolArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.manifest import Manifest, Samples
from dircli.benchmark.records import SPLITS
from dircli.datasets import variants
from dircli.datasets.open import BY_HASH
from dircli.datasets.variants import RELEASED, Fingerprints
from dircli.errors import InputError, Problem
from dircli.store.content import content
from dircli.store.matching import listed, named

if TYPE_CHECKING:
    import pyarrow as pa


def with_rows(against: Benchmark, ids: pa.Array | list[str], *, split: str, file: str) -> Benchmark | None:
    """``against``, of which only shipped bins are known, with the rows of ``split`` that ``ids`` (m,) in ``file`` are.

    None where nothing is shipped of its rows, or none of ``ids`` is one of them. Of the rows of other splits targets
    are known, and no ids. Raises InputError where the ids are not those of ``split``, each of them once.
    """
    digest = variants.digest(against.name, split)
    prints = variants.fingerprints(against.name) if digest else None
    if prints is None:
        return None
    texts = np.array(listed(ids), dtype=object)
    places, codes = prints.places(texts), prints.splits[RELEASED]
    wanted = codes == SPLITS.index(split)
    if not (places >= 0).any():
        return None
    if problems := list(_unlike(texts, places, wanted, against=against, split=split, file=file)):
        raise InputError(problems)
    of_all = np.full(prints.keys.size, "", dtype=object)
    of_all[places] = texts
    if content(of_all[wanted], prints.targets[wanted], codes[wanted]) != digest:
        raise InputError(Problem(file, *_spelt(texts, against, split)))
    return replace(against, manifest=_manifest(against, prints, of_all), fixed=False)


def _unlike(  # noqa: PLR0913 - what was found, and what is told about
    texts: Any, places: IntArray, wanted: BoolArray, *, against: Benchmark, split: str, file: str
) -> Iterator[Problem]:
    """In what ``texts``, at ``places`` (m,) among the known rows, are not those ``wanted`` (N,), each once."""
    inside = (places >= 0) & wanted[places]
    counts = np.bincount(places[inside], minlength=wanted.size)
    missing, surplus = int((wanted & (counts == 0)).sum()), texts[~inside].tolist()
    if (missing or surplus) and (fits := variants.fitting(texts, given=(against.name, RELEASED, split))):
        yield Problem(file, fits)
    if missing:
        hint = (
            f"Predict every row of the {split} split; once it is curated (`dir curate {against.name}`), they are named"
        )
        yield Problem(file, f"{missing:,} of the {int(wanted.sum()):,} {split} ids are missing", hint)
    if surplus:
        yield Problem(
            file, f"{len(surplus):,} ids are not in the split: {named(surplus)}", "Check --dataset and --split"
        )
    if repeated := list(dict.fromkeys(texts[inside][counts[places[inside]] > 1].tolist())):
        yield Problem(file, f"{len(repeated):,} ids occur more than once: {named(repeated)}", "Keep one row of each")


def _spelt(texts: Any, against: Benchmark, split: str) -> tuple[str, str]:
    """What to say of ids that have the hashes of the split's, and are not spelt as they are."""
    if fits := variants.fitting(texts, given=(against.name, RELEASED, split)):
        return fits, ""
    return (
        "its ids are not spelt as the published ones",
        f"Take them from the manifest that `dir curate {against.name}` makes",
    )


def _manifest(against: Benchmark, prints: Fingerprints, texts: Any) -> Manifest:
    """All rows, of which ``texts`` (N,) are the ids, empty where they are not known."""
    table = against.table
    index = table.bins.index(prints.targets)
    samples = Samples(texts=texts, targets=prints.targets, bin_index=index, codes=prints.splits[RELEASED], columns={})
    return Manifest(samples=samples, table=table, facts={**table.facts, BY_HASH: True})
