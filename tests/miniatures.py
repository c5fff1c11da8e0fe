"""A miniature of each dataset in its own raw format, small enough to read: what the battery of tests runs on."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dircli import datasets
from dircli.store.fetch import git_blob

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

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


MINIATURES = {
    "agedb": Miniature(rows=60, build=_agedb, damage=_agedb_damage),
    "sts-b": Miniature(rows=48, build=_sts_b, damage=_sts_b_damage),
}


def publish(name: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``files`` the published split files of ``name`` for the length of a test."""
    module = __import__(f"dircli.datasets.{name.replace('-', '_')}", fromlist=["DATASET"])
    dataset = datasets.load(name)
    sources = tuple(
        replace(source, digest=f"git:{git_blob(files[source.file])}", size=len(files[source.file]))
        if source.file in files
        else source
        for source in dataset.sources
    )
    monkeypatch.setattr(module, "DATASET", replace(dataset, sources=sources))
