"""Files that are whole or absent: written under a temporary name and renamed; several of them in one step.

A set of files commits when its staging folder is renamed to ``.commit-<key>``; from there its files are moved into
place. Whoever next looks at the folder finishes a commit that was cut off, so a kill at any moment leaves either the
old files or the new ones.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dircli.errors import InputError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMIT = ".commit-"


def read(path: Path, *, hint: str = "") -> bytes:
    """The bytes of the file at ``path``; InputError where there is none, or it is a folder, or may not be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        found = "there is no such file"
    except IsADirectoryError:
        found = "this is a folder, and a file is expected"
    except OSError as error:
        found = f"the file cannot be read ({error.strerror})"
    raise InputError(Problem(str(path), found, hint))


def write(path: Path, data: bytes) -> None:
    """``data`` under the name ``path``, all of it or nothing; UsageError where it cannot be written."""
    write_all(path.parent, {path.name: data})


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """``files`` (name → bytes) into ``folder``, all of them or none; UsageError where they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        recover(folder)
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=folder))
        try:
            for name, data in files.items():
                _write_synced(staging / name, data)
            if len(files) == 1:
                (name,) = files
                (staging / name).replace(folder / name)
            else:
                staging.chmod(0o755)
                staging.rename(folder / f"{COMMIT}{staging.name.removeprefix('.staging-')}")
                recover(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: cannot be written ({error.strerror})") from None


def recover(folder: Path) -> None:
    """Finish what a killed `write_all` had committed in ``folder``; nothing where there is nothing to finish."""
    for commit in sorted(folder.glob(f"{COMMIT}*")):
        for file in sorted(commit.iterdir()):
            file.replace(folder / file.name)
        commit.rmdir()


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sha256(data: bytes) -> str:
    """The digest of ``data`` as manifests write it: ``sha256:<hex>``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class OneFile:
    """A `Raw` of one file, which answers to any name that is asked of it."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.data = read(path)

    def members(self) -> list[str]:
        """The file's own name."""
        return [self.name]

    def find(self, _name: str) -> str:
        """The file, whatever it is called."""
        return self.name

    def size(self, _member: str) -> int:
        """Its size in bytes."""
        return len(self.data)

    def open(self, _member: str) -> IO[bytes]:
        """Its bytes."""
        return io.BytesIO(self.data)
