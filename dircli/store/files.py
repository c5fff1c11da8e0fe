"""Files that are whole or absent: written under a temporary name and renamed; several of them in one step.

A set of files commits when its staging folder is renamed to ``.dircli-commit-<key>``; from there its files are moved
into place, after those that go with it are removed. Whoever next looks at the folder finishes a commit that was cut
off, so a kill at any moment leaves either the old files or the new ones. A file that exists is never replaced by other
content without ``force``. Writers of one folder wait for each other: ``.dircli-lock`` is locked by the system, and
removed by whoever holds it.

A folder elsewhere has neither names to be moved nor locks: its files are written here and put there (`uploads`).
"""

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from dircli.errors import InputError, Problem, UsageError
from dircli.store import places, uploads
from dircli.store.places import Remote

STAGING, COMMIT, LOCK = ".dircli-staging-", ".dircli-commit-", ".dircli-lock"
JOURNAL = ".dircli-journal"
"""In a commit: the files that it removes, and the staging folders elsewhere that commit with it."""
ABANDONED = 24 * 3600.0  # seconds
SPOOLED = 1 << 24  # bytes that are held in memory, sooner than in a temporary file
LOG = logging.getLogger("dircli")

Content: TypeAlias = bytes | Callable[[BinaryIO], None]
"""The bytes of a file, or what writes them."""


class OthersAreThereError(UsageError):
    """Files with other content would be replaced without ``force``."""

    def __init__(self, others: list[str]) -> None:
        what = "is" if len(others) == 1 else "are"
        super().__init__(
            f"{', '.join(others)} {what} there already with other content; "
            "add --force to replace what is there, or write elsewhere"
        )


def read(path: Path, *, hint: str = "") -> bytes:
    """The bytes of the file at ``path``; InputError where there is none, or it is a folder, or may not be read."""
    LOG.info("reading %s", path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        message = "there is no such file"
    except IsADirectoryError:
        message = "this is a folder, and a file is expected"
    except OSError as error:
        message = f"the file cannot be read ({error.strerror})"
    raise InputError(Problem(str(path), message, hint))


def write(path: Path, data: bytes, *, force: bool = False) -> None:
    """``data`` under the name ``path``, as `write_each` writes several."""
    write_each({path: data}, force=force)


def write_each(contents: Mapping[Path, bytes], *, force: bool = False) -> None:
    """``contents`` (path → bytes), all of them or none; UsageError where they cannot be written.

    A pipe or a device, such as /dev/null, is written to; a symbolic link stays, and the file it leads to is replaced.
    Within one folder a kill leaves old files or new ones. Files of several folders commit with the first of these: a
    kill after that leaves other folders as they were until somebody next writes to the first, which finishes all. URLs
    come before all folders, each whole or not at all.
    """
    folders: dict[Path, dict[str, bytes]] = {}
    streams = {}
    elsewhere: dict[Remote, uploads.Source] = {}
    for path, data in contents.items():
        if isinstance(path, Remote):
            elsewhere[path] = data
            continue
        try:
            if path.is_char_device() or path.is_fifo():
                streams[path] = data
                continue
            place = path.resolve() if path.is_symlink() else path
        except OSError as error:
            raise _unwritable(path, error) from None
        folders.setdefault(place.parent, {})[place.name] = data
    states = _states(elsewhere, force=force)
    with contextlib.ExitStack() as stack:
        stagings = {folder: stack.enter_context(_staging(folder, files)) for folder, files in folders.items()}
        for folder, files in folders.items():
            for name, data in files.items():
                with _told(folder), (stagings[folder] / name).open("xb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
        _refuse_others(_moves(stagings), force=force)
        uploads.put({path: data for path, data in elsewhere.items() if states[path] != "same"})
        _commit(stagings, force=force)
    for path, data in streams.items():
        with _told(path):
            path.write_bytes(data)


def write_all(
    folder: Path,
    files: Mapping[str, Content],
    *,
    force: bool = False,
    outdated: Callable[[], Iterable[str]] = tuple,
) -> None:
    """``files`` (name → bytes, or what writes them) into ``folder``, all of them or none.

    UsageError where they cannot be written. ``outdated`` is called while no other writer is at work in ``folder``: it
    names the files that go with the commit, and may refuse it.
    """
    with staged(folder, *files, force=force, outdated=outdated) as staging:
        for name, data in files.items():
            with (staging / name).open("xb") as stream:
                data(stream) if callable(data) else stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())


def in_one_piece(write: Callable[[BinaryIO], None], stream: BinaryIO) -> None:
    """What ``write`` writes to ``stream``, once all of it is there: nothing where it raises."""
    import tempfile

    with tempfile.SpooledTemporaryFile(max_size=SPOOLED) as spool:
        write(cast("BinaryIO", spool))
        spool.seek(0)
        shutil.copyfileobj(spool, stream)


@contextlib.contextmanager
def staged(
    folder: Path, *names: str, force: bool = False, outdated: Callable[[], Iterable[str]] = tuple
) -> Iterator[Path]:
    """An empty folder to write the files ``names`` into; at the end they stand in ``folder``, or none does on an error.

    Raises UsageError where they cannot be written; ``outdated`` is as for `write_all`.
    """
    with _staging(folder, names) as staging:
        if isinstance(folder, Remote):
            with _told(staging):
                yield staging
            _upload(folder, staging, names, force=force, outdated=outdated)
            return
        with _told(folder):
            yield staging
            _commit({folder: staging}, force=force, outdated=outdated)


@contextlib.contextmanager
def _staging(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """An empty folder in ``folder`` that is gone afterwards, unless it was committed; UsageError where none can be.

    For a folder elsewhere it lies among the temporary files of this machine.
    """
    import tempfile

    if isinstance(folder, Remote):
        folder.check_writable()
        with tempfile.TemporaryDirectory(prefix=STAGING) as name:
            yield Path(name)
        return
    with contextlib.ExitStack() as stack:
        with _told(folder):
            if taken := [name for name in names if (folder / name).is_dir()]:
                raise UsageError(f"{folder / taken[0]}: cannot be written (this is a folder, and a file is expected)")
            stack.enter_context(_made(folder))
            recover(folder)
            for left in folder.glob(f"{STAGING}*"):  # by writers that were killed before they committed
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - left.stat().st_mtime > ABANDONED:
                        shutil.rmtree(left, ignore_errors=True)
            staging = folder / f"{STAGING}{os.urandom(8).hex()}"
            stack.callback(shutil.rmtree, staging, ignore_errors=True)  # before it is there: a signal may come at once
            staging.mkdir(0o700)
        yield staging


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make ``folder`` and those above it; whichever was made and is left empty is gone afterwards."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with contextlib.suppress(OSError):  # such as that of a folder that is not empty
            for each in missing:
                each.rmdir()


def _commit(stagings: Mapping[Path, Path], *, force: bool, outdated: Callable[[], Iterable[str]] = tuple) -> None:
    """Move the files of each of ``stagings`` (folder → staging folder in it) into place."""
    with contextlib.ExitStack() as stack:
        for folder in sorted(stagings):
            stack.enter_context(_locked(folder))
            recover(folder)
        gone = list(outdated())
        there = _moves(stagings)
        _refuse_others(there, force=force)
        if len(there) == 1 and not gone:
            [(path, file)] = there
            with _told(path.parent):
                file.replace(path)
        elif there:
            _commit_all(stagings, gone)


def _moves(stagings: Mapping[Path, Path]) -> list[tuple[Path, Path]]:
    """Where each file of the ``stagings`` goes, and the file."""
    return [(folder / file.name, file) for folder, staging in stagings.items() for file in staging.iterdir()]


def _refuse_others(moves: Iterable[tuple[Path, Path]], *, force: bool) -> None:
    """UsageError where files with other content would be replaced without ``force``."""
    if not force and (others := sorted(str(path) for path, file in moves if _is_other(path, file))):
        raise OthersAreThereError(others)


def _states(contents: Mapping[Remote, uploads.Source], *, force: bool) -> dict[Remote, uploads.State]:
    """What is at each URL of ``contents``; UsageError where it may not be put there."""
    for place in contents:
        place.check_writable()
    states = {place: uploads.state(place, source) for place, source in contents.items()}
    if not force and (others := sorted(str(place) for place, state in states.items() if state == "other")):
        raise OthersAreThereError(others)
    return states


def _upload(
    folder: Remote, staging: Path, names: Sequence[str], *, force: bool, outdated: Callable[[], Iterable[str]]
) -> None:
    """Put the files of ``staging`` into ``folder``, in the order of their ``names``, those that tell of others last."""
    gone = [folder / name for name in outdated()]
    written = uploads.in_order(name for name in names if (staging / name).is_file())
    contents: dict[Remote, uploads.Source] = {folder / name: staging / name for name in written}
    uploads.put_together(contents, states=_states(contents, force=force), gone=gone)


def _commit_all(stagings: Mapping[Path, Path], gone: list[str]) -> None:
    """Commit ``stagings`` with the first of them, of whose folder the files called ``gone`` are removed."""
    ends = {staging: folder / f"{COMMIT}{staging.name.removeprefix(STAGING)}" for folder, staging in stagings.items()}
    (folder, staging), *_ = stagings.items()
    also = [[str(start.absolute()), str(end.absolute())] for start, end in ends.items() if start != staging]
    with _told(folder):
        if gone or also:
            (staging / JOURNAL).write_text(json.dumps({"also": also, "gone": gone}), encoding="utf-8")
        for start in stagings.values():
            start.chmod(0o755)
        staging.rename(ends[staging])
    recover(folder)


def _is_other(path: Path, file: Path) -> bool:
    """Whether ``path`` is a file that holds something, and something else than ``file``."""
    import filecmp

    return path.is_file() and path.stat().st_size > 0 and not filecmp.cmp(path, file, shallow=False)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other writers out of ``folder``; wait for one that is at work there. The lock leaves no file behind."""
    from filelock import FileLock

    path = folder / LOCK
    with _told(folder), FileLock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # who waits for it locks a new one


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the disk in the user's own terms."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of ``members`` (name, bytes), which holds no time, so that the same members give the same bytes."""
    import io
    import zipfile

    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
    return sink.getvalue()


def recover(folder: Path) -> None:
    """Finish what a killed writer had committed in ``folder``; nothing where there is nothing to finish.

    Several processes may do so at once: a file that is gone has been moved by another. Raises UsageError where the
    files cannot be moved.
    """
    if places.is_remote(folder):
        return
    with _told(folder):
        for commit in sorted(folder.glob(f"{COMMIT}*")):
            with contextlib.suppress(FileNotFoundError):
                if (commit / JOURNAL).is_file():
                    _follow(folder, json.loads((commit / JOURNAL).read_bytes()))
                for file in sorted(commit.iterdir()):
                    if file.name != JOURNAL:
                        with contextlib.suppress(FileNotFoundError):
                            file.replace(folder / file.name)
                (commit / JOURNAL).unlink(missing_ok=True)
                commit.rmdir()


def _follow(folder: Path, journal: Mapping[str, list[Any]]) -> None:
    """Do what goes before the moves of a commit in ``folder``: removals, and the commits elsewhere."""
    for name in journal["gone"]:
        (folder / name).unlink(missing_ok=True)
    for start, end in journal["also"]:
        with contextlib.suppress(FileNotFoundError):
            Path(start).rename(end)
        recover(Path(end).parent)


def _unwritable(path: Path, error: OSError) -> UsageError:
    """``error`` in the user's own terms: without the temporary names, which they never gave."""
    at = Path(error.filename2 or error.filename or path)
    at = path / at.name if at.parent.name.startswith((STAGING, COMMIT)) else at
    at = path if at.name.startswith((STAGING, COMMIT, LOCK)) else at
    reason: object = error.strerror or error
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        at = next((above for above in (at, *at.parents) if above.is_file()), at)
        reason = "this is a file, and a folder is expected"
    return UsageError(f"{at}: cannot be written ({reason})")
