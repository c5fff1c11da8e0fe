"""One tree of files for the tests of raw sources, in every container."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.benchmark.raw import Raw

TREE = {
    "a.txt": b"one",
    "deep/empty.csv": b"",
    "deep/er/b.bin": bytes(range(256)) * 3000,
    "été/ü 1.txt": "ß".encode(),
    "z/a.csv": b"x,y\n1,2\n" * 40000,
}


def pack(kind: str, path: Path, tree: Mapping[str, bytes]) -> Path:
    """Write ``tree`` as a container of ``kind`` at ``path``, in the order given."""
    if kind == "folder":
        for name, data in tree.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in tree.items():
                file.writestr(name, data)
    else:
        pack_tar(path, *(entry(name, size=len(data)) for name, data in tree.items()), data=b"".join(tree.values()))
    return path


def entry(name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def pack_tar(path: Path, *infos: tarfile.TarInfo, data: bytes = b"") -> Path:
    """Write a tar of ``infos``, whose contents follow each other in ``data``."""
    stream = io.BytesIO(data)
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as file:
        for info in infos:
            file.addfile(info, stream if info.isreg() else None)
    return path


def packed(kind: str) -> bytes:
    """`TREE` as an archive."""
    with TemporaryDirectory() as folder:
        return pack(kind, Path(folder, f"raw.{kind}"), TREE).read_bytes()


def contents(raw: Raw) -> dict[str, bytes]:
    """The bytes of each member."""
    found = {}
    for name in raw.members():
        with raw.open(name) as stream:
            found[name] = stream.read()
        assert raw.size(name) == len(found[name])
    return found
