"""Files that are whole or absent: written under a temporary name and renamed; several of them in one step.

A set of files commits when its staging folder is renamed to ``.dircli-commit-<key>``; from there its files are moved
into place. Whoever next looks at the folder finishes a commit that was cut off, so a kill at any moment leaves either
the old files or the new ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dircli.errors import InputError, Problem, UsageError, sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

STAGING, COMMIT = ".dircli-staging-", ".dircli-commit-"
ABANDONED = 24 * 3600.0  # seconds


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


def table(data: bytes, name: str, types: Mapping[str, str], *, hint: str) -> pa.Table:
    """The Parquet table in ``data``; InputError where it is none, or lacks a column of ``types`` or has it otherwise.

    ``types`` maps a column to the Arrow type that it must have, as Arrow writes it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.ParquetFile(pa.BufferReader(data)).read()
        found.validate(full=True)  # text that is no UTF-8 shows only here
        names = found.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
        raise InputError(Problem(name, f"this is no whole Parquet file ({reason})", hint)) from None
    repeated = [column for column in dict.fromkeys(names) if names.count(column) > 1]
    wrong = [Problem(name, f"there is more than one column {column}", hint) for column in repeated]
    for column, kind in types.items():
        if column not in names:
            wrong.append(Problem(name, f"there is no column {column}; the columns are {sample(names)}", hint))
        elif column not in repeated and (str(found.field(column).type) != kind or found[column].null_count):
            what = f"column {column} is {found.field(column).type} with {found[column].null_count} nulls"
            wrong.append(Problem(name, what, f"Expected {kind} without nulls"))
    if wrong:
        raise InputError(wrong)
    return found


def write(path: Path, data: bytes) -> None:
    """``data`` under the name ``path``, all of it or nothing; UsageError where it cannot be written.

    A pipe or a device, such as /dev/null, is written to; a symbolic link stays, and the file it leads to is replaced.
    """
    try:
        if path.is_char_device() or path.is_fifo():
            path.write_bytes(data)
            return
        path = path.resolve() if path.is_symlink() else path
    except OSError as error:
        raise _unwritable(path, error) from None
    write_all(path.parent, {path.name: data})


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """``files`` (name → bytes) into ``folder``, all of them or none; UsageError where they cannot be written."""
    try:
        if taken := [name for name in files if (folder / name).is_dir()]:
            raise UsageError(f"{folder / taken[0]}: cannot be written (this is a folder, and a file is expected)")
        folder.mkdir(parents=True, exist_ok=True)
        recover(folder)
        _sweep(folder)
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
        try:
            for name, data in files.items():
                _write_synced(staging / name, data)
            if len(files) == 1:
                (name,) = files
                (staging / name).replace(folder / name)
            else:
                staging.chmod(0o755)
                staging.rename(folder / f"{COMMIT}{staging.name.removeprefix(STAGING)}")
                recover(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def recover(folder: Path) -> None:
    """Finish what a killed `write_all` had committed in ``folder``; nothing where there is nothing to finish.

    Several processes may do so at once: a file that is gone has been moved by another. Raises UsageError where the
    files cannot be moved.
    """
    try:
        for commit in sorted(folder.glob(f"{COMMIT}*")):
            with contextlib.suppress(FileNotFoundError):
                for file in sorted(commit.iterdir()):
                    with contextlib.suppress(FileNotFoundError):
                        file.replace(folder / file.name)
                commit.rmdir()
    except OSError as error:
        raise _unwritable(folder, error) from None


def _sweep(folder: Path) -> None:
    """Remove what writers left in ``folder`` that were killed before they committed, a day ago or longer."""
    for staging in folder.glob(f"{STAGING}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - staging.stat().st_mtime > ABANDONED:
                shutil.rmtree(staging, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> UsageError:
    """``error`` in the user's own terms: without the temporary names, which they never gave."""
    at = Path(error.filename2 or error.filename or path)
    at = path / at.name if at.parent.name.startswith((STAGING, COMMIT)) else at
    at = path if at.name.startswith((STAGING, COMMIT)) else at
    reason = error.strerror
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        at = next((above for above in (at, *at.parents) if above.is_file()), at)
        reason = "this is a file, and a folder is expected"
    return UsageError(f"{at}: cannot be written ({reason})")


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

    def stamp(self, _member: str) -> str:
        """The hash of its bytes."""
        return sha256(self.data)

    def open(self, _member: str) -> IO[bytes]:
        """Its bytes."""
        return io.BytesIO(self.data)
