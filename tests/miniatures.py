"""A miniature of each dataset in its own raw format, small enough to read: what the battery of tests runs on."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import depth
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from edf import edf

from dircli import datasets
from dircli.store.digests import git_blob
from dircli.store.raw.tree import open_raw
from dircli.store.text import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest
    from conftest import Run
    from numpy.typing import NDArray

    from dircli.benchmark.records import Records

RAW = Path(__file__).parent / "raw"


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """One dataset's miniature: ``build(folder)`` makes its raw source and returns its path.

    ``rows`` are the records that must come out; ``damage(path)`` breaks the source so that reading must refuse it.
    """

    rows: int
    build: Callable[[Path], Path]
    damage: Callable[[Path], None]


def _agedb(folder: Path) -> Path:
    path = folder / "AgeDB.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (RAW / "agedb" / "names.txt").read_text().split():
            archive.writestr(f"AgeDB/{name}", b"")
    return path


def _agedb_damage(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("AgeDB/no_such_pattern.jpg", b"")


def _sts_b(folder: Path) -> Path:
    path = folder / "STS-B"
    path.mkdir()
    for file in (RAW / "sts-b").iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    return path


def _sts_b_damage(path: Path) -> None:
    with (path / "train.tsv").open("a", encoding="utf-8") as stream:
        stream.write("99\tmini\ttoo\tfew\tfields\n")


def mat_bytes(part: str, rows: Mapping[str, list[str]]) -> bytes:
    """A MATLAB v5 file in the layout of IMDB-WIKI: one struct whose fields are rows of n; paths are cells."""
    from scipy.io import savemat

    def cells(texts: list[str]) -> NDArray[np.object_]:
        field = np.empty((1, len(texts)), dtype=object)
        field[0] = [np.array([text]) for text in texts]
        return field

    struct = {
        "dob": np.array([[int(text) for text in rows["dob"]]], dtype=np.int32),
        "photo_taken": np.array([[int(text) for text in rows["photo_taken"]]], dtype=np.uint16),
        "full_path": cells(rows["full_path"]),
        "gender": np.full((1, len(rows["dob"])), np.nan),
        "name": cells(["Name Withheld"] * len(rows["dob"])),
        "face_score": np.array([[float(text) for text in rows["face_score"]]]),
        "second_face_score": np.array([[float(text) for text in rows["second_face_score"]]]),
    }
    stream = io.BytesIO()
    savemat(cast("Any", stream), {part: struct}, do_compression=True)
    return stream.getvalue()


def half(part: str) -> dict[str, list[str]]:
    """The columns of the miniature's half, as text."""
    table = parse((RAW / "imdb-wiki" / f"{part}.csv").read_bytes(), part, columns=("dob", "full_path"))
    return table.columns


def _imdb_wiki(folder: Path) -> Path:
    path = folder / "IMDB-WIKI"
    path.mkdir()
    for part, name, member in (
        ("imdb", "imdb_meta.tar", "imdb/imdb.mat"),
        ("imdb", "imdb_crop.tar", "imdb_crop/imdb.mat"),
        ("wiki", "wiki_crop.tar", "wiki_crop/wiki.mat"),
    ):
        data = mat_bytes(part, half(part))
        info = tarfile.TarInfo(member)
        info.size = len(data)
        with tarfile.open(path / name, "w") as archive:
            archive.addfile(info, io.BytesIO(data))
    return path


def _imdb_wiki_damage(path: Path) -> None:
    (path / "imdb" / "imdb.mat").parent.mkdir()
    (path / "imdb" / "imdb.mat").write_bytes(mat_bytes("imdb", half("imdb"))[:-100])


def _shhs(folder: Path) -> Path:
    """Two versions of the csv, and recordings; 200003 and 200014 have none, and 200099 is in no csv."""
    path = folder / "shhs"
    shutil.copytree(RAW / "shhs", path / "datasets")
    recordings = path / "polysomnography" / "edfs" / "shhs2"
    recordings.mkdir(parents=True)
    for key in (*range(200001, 200037), 200099):
        if key not in {200003, 200014}:
            (recordings / f"shhs2-{key}.edf").write_bytes(edf())
    return path


def _shhs_damage(path: Path) -> None:
    with (path / "datasets" / "shhs2-dataset-0.20.0.csv").open("a", encoding="utf-8") as stream:
        stream.write("200037,2,61,very good,\n")


MINIATURES = {
    "agedb": Miniature(rows=60, build=_agedb, damage=_agedb_damage),
    "imdb-wiki": Miniature(rows=76, build=_imdb_wiki, damage=_imdb_wiki_damage),
    "nyud2": Miniature(rows=6, build=depth.archive, damage=depth.damage),
    "shhs": Miniature(rows=30, build=_shhs, damage=_shhs_damage),
    "sts-b": Miniature(rows=48, build=_sts_b, damage=_sts_b_damage),
}


def records(name: str, path: Path) -> Records:
    """What the reader of ``name`` gives of the raw source at ``path``."""
    read = datasets.load(name).samples.read
    assert read is not None
    with open_raw(path) as raw:
        return read(raw)


def publish(name: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Make ``files`` the published split files of ``name`` for the length of a test, with ``changes`` of its parts."""
    dataset = datasets.load(name)
    sources = tuple(
        replace(source, digest=f"git:{git_blob(files[source.file])}", size=len(files[source.file]))
        if source.file in files
        else source
        for source in dataset.published.sources
    )
    publication = replace(dataset.published, sources=sources, **changes.pop("publication", {}))
    alter(name, monkeypatch, publication=publication, **changes)


def alter(name: str, monkeypatch: pytest.MonkeyPatch, **parts: Any) -> None:
    """Give the dataset ``name`` other ``parts``, such as ``publication``, for the length of a test."""
    module = f"dircli.datasets.{name.replace('-', '_')}"
    monkeypatch.setattr(f"{module}.DATASET", replace(datasets.load(name), **parts))


def curated_table(work: Path, run: Run, rows: int) -> Path:
    """The folder of manifests with "own", made of a table of so many ``rows`` with texts of all lengths as ids."""
    draw = np.random.default_rng(3)
    table = {
        "id": [f"row {'x' * (row % 12)}{row}" for row in draw.permutation(rows)],
        "y": draw.gamma(3, 4, rows).round(2),
        "part": draw.choice(["train", "val", "test"], rows, p=[0.3, 0.1, 0.6]),
    }
    pq.write_table(pa.table(table), work / "own.parquet")
    options = ["--target", "y", "--id", "id", "--split-column", "part", "--bin-width", "1"]
    run("curate", "custom", "--table", "own.parquet", *options)
    return work / "manifests"
