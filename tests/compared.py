"""Files with predictions of the same rows, compared by parts and by one process that holds all their rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from odd_files import written

from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.scores.partitioned import Run as Parts
from dircli.scores.uncertainty.quantify import BootstrapOptions
from dircli.store import manifests
from dircli.store.engines import LOCAL
from dircli.store.manifests import shipped
from dircli.store.predictions import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.scores.results import Scored
    from dircli.store.engines import Engine

ROWS = 240
SUMS = ["mae", "gm", "pearson", "bmae", "bias"]
SAMPLING = BootstrapOptions(method="poisson", resamples=40, seed=5)
BADNESS = {"a": 4.0, "b": 4.0, "c": 9.0}


def systems(*names: str, manifest: Path | None = None, ids: bool = True) -> dict[str, dict[str, Any]]:
    """The columns of files with the same rows, which stand in another order in each where they have ids."""
    draw = np.random.default_rng(1)
    if manifest is None:
        target = draw.uniform(0, 100, ROWS).round(1)
        key = np.array([f"row {row}" for row in draw.permutation(ROWS)])
    else:
        samples = manifests.read(manifest / "own").samples
        rows = np.flatnonzero(samples.mask("test"))
        target, key = samples.targets[rows], np.array(samples.ids[rows].tolist())
    files = {}
    for name in names:
        order = draw.permutation(target.size) if ids else np.arange(target.size)
        columns = {"prediction": target + draw.normal(0, BADNESS[name], target.size).round(2)}
        columns |= {} if manifest else {"target": target}
        columns["sigma"] = draw.uniform(0.5, 3, target.size)
        files[name] = {"id": key[order].tolist()} if ids else {}
        files[name] |= {column: values[order].tolist() for column, values in columns.items()}
    return files


def write(files: dict[str, dict[str, Any]], forms: Sequence[str] = ("CSV", "Parquet", "JSON lines")) -> list[str]:
    """The files, each in another form."""
    for (name, columns), form in zip(files.items(), forms, strict=False):
        Path(name).write_bytes(written(columns, form))
    return list(files)


def scored(
    paths: Sequence[str],
    parts: Parts | None,
    *,
    own: Path | None = None,
    metrics: Sequence[str] = SUMS,
    sampling: BootstrapOptions | None = SAMPLING,
    layout: Layout | None = None,
) -> Scored:
    """What `evaluate` gives of the files, on the manifest or with AgeDB's bins."""
    layout = layout or Layout(sigma_column="sigma")
    request = ScoreOptions(split="test", protocol="released", metrics=metrics, layout=layout, keep_rows=False)
    name, root = ("own", own) if own else (None, Path("m"))
    bins = None if own else shipped("agedb")
    return evaluate(paths, request, name=name, root=root, bins_file=bins, sampling=sampling, run=parts)


def alike(ours: Any, theirs: Any, at: tuple[object, ...] = (), *, largest: float = 1.0) -> None:
    """Both are the same JSON, numbers within the rounding of the ``largest`` score."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert list(ours) == list(theirs), at
        for key, value in ours.items():
            alike(value, theirs[key], (*at, key), largest=largest)
    elif isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), at
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            alike(one, other, (*at, place), largest=largest)
    elif isinstance(ours, float) and isinstance(theirs, float) and at[-1] not in {"p", "p_holm"}:
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12 * (1 if "pearson" in at else largest)), at
    else:
        assert ours == theirs, at


def parts_of(number: int, engine: Engine = LOCAL) -> Parts:
    """Files in about so many parts, those of each of another size."""
    return Parts(engine=engine, size=max(1, Path("a").stat().st_size // number))


def same(paths: Sequence[str], parts: Parts, *, largest: float = 1.0, **how: Any) -> dict[str, Any]:
    """The result of parts, which is that of one process."""
    ours, theirs = scored(paths, parts, **how), scored(paths, None, **how)
    assert not ours.notes
    assert not ours.systems
    assert theirs.systems
    alike(ours.result.as_json(), theirs.result.as_json(), largest=largest)
    return ours.result.as_json()
