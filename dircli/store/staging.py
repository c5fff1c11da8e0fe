"""Large files, written as a stream and whole or absent: made in a staging folder and renamed, several in one step.

The folder commits as those of `files.write_all` do, and `files.recover` finishes a commit that was cut off. The data
is not forced to the disk before the rename: a killed program leaves the old files or the new ones; after a power
failure, what was written in the last seconds is made again by the same command.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dircli.errors import UsageError
from dircli.store import files

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def staged(folder: Path, *names: str) -> Iterator[Path]:
    """An empty folder to write the files ``names`` into; at the end they stand in ``folder``, or none does on an error.

    Raises UsageError where they cannot be written.
    """
    try:
        if taken := [name for name in names if (folder / name).is_dir()]:
            raise UsageError(f"{folder / taken[0]}: cannot be written (this is a folder, and a file is expected)")
        folder.mkdir(parents=True, exist_ok=True)
        files.recover(folder)
        staging = Path(tempfile.mkdtemp(prefix=files.STAGING, dir=folder))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror or error})") from None
    try:
        yield staging
        staging.chmod(0o755)
        staging.rename(folder / f"{files.COMMIT}{staging.name.removeprefix(files.STAGING)}")
        files.recover(folder)
    except OSError as error:
        raise UsageError(f"{folder / names[0]}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
