"""Files that are whole or absent: written under a temporary name and renamed; several of them in one step.

A set of files commits when its staging folder is renamed to ``.dircli-commit-<key>``; from there its files are moved
into place. Whoever next looks at the folder finishes a commit that was cut off, so a kill at any moment leaves either
the old files or the new ones.
"""

import contextlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dircli.errors import InputError, Problem, UsageError

STAGING, COMMIT = ".dircli-staging-", ".dircli-commit-"
ABANDONED = 24 * 3600.0  # seconds


def read(path: Path, *, hint: str = "") -> bytes:
    """The bytes of the file at ``path``; InputError where there is none, or it is a folder, or may not be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        message = "there is no such file"
    except IsADirectoryError:
        message = "this is a folder, and a file is expected"
    except OSError as error:
        message = f"the file cannot be read ({error.strerror})"
    raise InputError(Problem(str(path), message, hint))


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
    with staged(folder, *files) as staging:
        for name, data in files.items():
            with (staging / name).open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())


@contextlib.contextmanager
def staged(folder: Path, *names: str) -> Iterator[Path]:
    """An empty folder to write the files ``names`` into; at the end they stand in ``folder``, or none does on an error.

    Raises UsageError where they cannot be written.
    """
    try:
        if taken := [name for name in names if (folder / name).is_dir()]:
            raise UsageError(f"{folder / taken[0]}: cannot be written (this is a folder, and a file is expected)")
        folder.mkdir(parents=True, exist_ok=True)
        recover(folder)
        for left in folder.glob(f"{STAGING}*"):  # by writers that were killed before they committed
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
        try:
            yield staging
            if len(names) == 1:
                (staging / names[0]).replace(folder / names[0])
            else:
                staging.chmod(0o755)
                staging.rename(folder / f"{COMMIT}{staging.name.removeprefix(STAGING)}")
                recover(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """A zip of ``members`` (name, bytes) at ``path``, which holds no time, so that the same members give one file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)


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


def _unwritable(path: Path, error: OSError) -> UsageError:
    """``error`` in the user's own terms: without the temporary names, which they never gave."""
    at = Path(error.filename2 or error.filename or path)
    at = path / at.name if at.parent.name.startswith((STAGING, COMMIT)) else at
    at = path if at.name.startswith((STAGING, COMMIT)) else at
    reason: object = error.strerror or error
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        at = next((above for above in (at, *at.parents) if above.is_file()), at)
        reason = "this is a file, and a folder is expected"
    return UsageError(f"{at}: cannot be written ({reason})")
