"""Files that are whole or absent: killed writers, cut commits, and folders that cannot be written."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import threading
import time
import zipfile
from typing import TYPE_CHECKING

import filelock
import pytest

from dircli.errors import InputError, UsageError
from dircli.store import digests, files

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"part-{letter}.bin" for letter in "abcd"]
SIZE = 40_000

WRITER = f"""
import sys
from itertools import count
from pathlib import Path
from dircli.store import files

for generation in count(int(sys.argv[2])):
    data = f"{{generation:08d}}".encode() * {SIZE // 8}
    files.write_all(Path(sys.argv[1]), {{name: data for name in {NAMES!r}}}, force=True)
    print(generation, flush=True)
"""


def generation(folder: Path) -> int:
    """The generation that all files of the set belong to."""
    found = set()
    for name in NAMES:
        data = (folder / name).read_bytes()
        assert len(data) == SIZE
        found |= {data[at : at + 8] for at in range(0, SIZE, 8)}
    assert len(found) == 1, "files of several generations stand side by side"
    return int(found.pop())


def shown(folder: Path) -> list[str]:
    """What a user sees in ``folder``."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".dircli-"))


@pytest.mark.thorough
def test_a_set_of_files_survives_kills_at_any_moment(tmp_path: Path) -> None:
    """After each kill the set is whole and no older than the last one that its writer had reported."""
    moments = random.Random(0)
    last = 0
    for _ in range(15):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(last + 1)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            reported = int(writer.stdout.readline())
            time.sleep(moments.uniform(0, 0.03))
            writer.kill()
            reported = max([reported, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        files.recover(tmp_path)
        assert shown(tmp_path) == NAMES
        last = generation(tmp_path)
        assert reported <= last <= reported + 1
        assert not list(tmp_path.glob(f"{files.COMMIT}*"))


@pytest.mark.parametrize("moved", range(len(NAMES) + 1))
def test_a_commit_that_was_cut_off_is_finished_by_whoever_comes_next(tmp_path: Path, moved: int) -> None:
    """The writer was killed after the commit, with the first files already in place."""
    files.write_all(tmp_path, dict.fromkeys(NAMES, b"00000001" * (SIZE // 8)))
    commit = tmp_path / f"{files.COMMIT}x"
    commit.mkdir()
    for row, name in enumerate(NAMES):
        (tmp_path / name if row < moved else commit / name).write_bytes(b"00000002" * (SIZE // 8))
    files.recover(tmp_path)
    assert generation(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES


def test_the_next_write_finishes_an_older_commit_first(tmp_path: Path) -> None:
    commit = tmp_path / f"{files.COMMIT}x"
    commit.mkdir()
    (commit / "a").write_bytes(b"old")
    (commit / "b").write_bytes(b"old")
    files.write(tmp_path / "a", b"new", force=True)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"
    assert not commit.exists()


@pytest.mark.thorough
def test_several_may_recover_while_one_writes(tmp_path: Path) -> None:
    """Readers finish commits too, so each file that they move must be no surprise to the writer."""
    errors: list[BaseException] = []
    done = threading.Event()

    def readers() -> None:
        try:
            while not done.is_set():
                files.recover(tmp_path)
        except BaseException as error:  # noqa: BLE001 - whatever a thread raises must fail the test
            errors.append(error)

    threads = [threading.Thread(target=readers) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 40):
            files.write_all(tmp_path, {name: f"{number:08d}".encode() * (SIZE // 8) for name in NAMES}, force=True)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not errors
    assert generation(tmp_path) == 39


def test_recovery_that_cannot_be_had_is_no_traceback(tmp_path: Path) -> None:
    commit = tmp_path / f"{files.COMMIT}x"
    commit.mkdir()
    (commit / "a").write_bytes(b"new")
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match=r"/a: cannot be written \(Is a directory\)$"):
        files.recover(tmp_path)


@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=["one", "several"])
def test_files_are_written_over_older_ones_with_the_usual_permissions(tmp_path: Path, names: list[str]) -> None:
    before = os.umask(0o027)
    try:
        for data in (b"old", b"new"):
            files.write_all(tmp_path / "deep" / "er", dict.fromkeys(names, data), force=True)
    finally:
        os.umask(before)
    for name in names:
        path = tmp_path / "deep" / "er" / name
        assert path.read_bytes() == b"new"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == names


@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=["one", "several"])
def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "taken").write_bytes(b"mine")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "deeper"):
        with pytest.raises(UsageError, match=r"/taken: cannot be written \(this is a file, and a folder is expected"):
            files.write_all(folder, dict.fromkeys(names, b"data"))
    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("names", [["b"], ["a", "b"]], ids=["one", "several"])
def test_a_folder_where_a_file_should_be_is_named_and_nothing_is_written(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match=r"/b: cannot be written \(this is a folder, and a file is expected\)$"):
        files.write_all(tmp_path, dict.fromkeys(names, b"data"))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_name_that_no_file_can_have_is_told_in_the_users_terms(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x: cannot be written \(File name too long\)$") as caught:
        files.write(tmp_path / ("x" * 300), b"data")
    assert "staging" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_failure_halfway_leaves_the_old_files_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_all(tmp_path, {"a": b"old", "b": b"old"})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match=r"cannot be written \(No space left on device\)$"):
        files.write_all(tmp_path, {"a": b"new", "b": b"new"})
    assert [(path.name, path.read_bytes()) for path in sorted(tmp_path.iterdir())] == [("a", b"old"), ("b", b"old")]


def test_folders_that_a_failure_leaves_empty_are_gone(tmp_path: Path) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "old").mkdir()
    for place in ("old/a", "new/b/c"):
        with pytest.raises(UsageError, match=r"cannot be written \(No space left on device\)$"):
            files.write_all(tmp_path / place, {"x": full})
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]
    files.write(tmp_path / "new" / "x", b"1")
    with pytest.raises(UsageError):
        files.write_all(tmp_path / "new" / "b", {"x": full})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "old", "x"]


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    files.write(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"data"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """So is /dev/null, which renaming would replace by a file where the user is root."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    files.write_each({path: b"data", tmp_path / "file": b"more"})
    reader.join()
    assert read == [b"data"]
    assert path.is_fifo()
    assert (tmp_path / "file").read_bytes() == b"more"


def test_what_killed_writers_leave_disturbs_nobody_and_is_removed_after_a_day(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("young", 3600), ("old", 25 * 3600)):
        staging = tmp_path / f"{files.STAGING}{name}"
        staging.mkdir()
        (staging / "a").write_bytes(b"half")
        os.utime(staging, (now - age, now - age))
    mine = tmp_path / ".staging-mine"
    mine.mkdir()
    os.utime(mine, (0, 0))
    files.recover(tmp_path)
    assert shown(tmp_path) == [".staging-mine"]
    files.write(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{files.STAGING}young", ".staging-mine", "a"]


def test_reading_says_what_is_wrong_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    assert files.read(tmp_path / "file") == b"data"
    for path, message in (
        (tmp_path / "none", r"/none: there is no such file\. Look again$"),
        (tmp_path, "this is a folder, and a file is expected"),
        (tmp_path / "file" / "x", r"the file cannot be read \(Not a directory\)"),
    ):
        with pytest.raises(InputError, match=message):
            files.read(path, hint="Look again")


def test_digests_are_written_as_manifests_write_them() -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digests.digest_of([b""], "sha256") == empty


@pytest.mark.parametrize("count", [1, 2])
def test_who_reads_the_old_file_goes_on_reading_the_old_bytes(count: int, tmp_path: Path) -> None:
    """A file is replaced by a new one under its name, and never written over where it lies."""
    names = NAMES[:count]
    files.write_all(tmp_path, dict.fromkeys(names, b"old"))
    for name in names:
        (tmp_path / f"kept-{name}").hardlink_to(tmp_path / name)
    with (tmp_path / names[0]).open("rb") as stream:
        files.write_all(tmp_path, dict.fromkeys(names, b"new"), force=True)
        assert stream.read() == b"old"
    assert {(tmp_path / name).read_bytes() for name in names} == {b"new"}
    assert {(tmp_path / f"kept-{name}").read_bytes() for name in names} == {b"old"}


CONTENDER = """
import sys, time
from pathlib import Path
from dircli.store import files

folder, inside = Path(sys.argv[1]), Path(sys.argv[2])

def alone():
    inside.touch(exist_ok=False)  # fails where another writer is in here
    time.sleep(0.002)
    inside.unlink()
    return ()

for place in range(40):
    files.write_all(folder, {"a": sys.argv[3].encode(), "b": sys.argv[3].encode()}, force=True, outdated=alone)
"""


@pytest.mark.thorough
def test_writers_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    """The lock is a file that its holder removes, and nobody who waited for it may hold the one that is gone."""
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", CONTENDER, str(tmp_path / "out"), str(tmp_path / "inside")]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE) for name in "123"]
    told = [writer.communicate(timeout=60)[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b"]
    assert (tmp_path / "out" / "a").read_bytes() == (tmp_path / "out" / "b").read_bytes()


def test_every_file_of_several_is_on_the_disk_before_any_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    files.write_each({tmp_path / "one" / "a": b"123", tmp_path / "two" / "b": b"12345"})
    assert sorted(synced) == [3, 5]


def test_what_another_committed_before_the_lock_was_had_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_writer_is_killed(_: int) -> None:
        commit = tmp_path / f"{files.COMMIT}other"
        commit.mkdir()
        (commit / "a").write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", other_writer_is_killed)
    with pytest.raises(UsageError, match="there already with other content"):
        files.write(tmp_path / "a", b"ours")
    assert (tmp_path / "a").read_bytes() == b"theirs"


def test_whoever_comes_next_may_finish_a_commit_that_is_not_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "recover", lambda _: None)
    files.write_all(tmp_path, {"a": b"1", "b": b"2"})
    [commit] = tmp_path.glob(f"{files.COMMIT}*")
    assert stat.S_IMODE(commit.stat().st_mode) == 0o755


def test_folders_are_locked_in_one_order_whatever_the_order_they_are_given_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers of the same two folders would otherwise wait for each other for ever."""
    locked: list[str] = []

    def lock(path: Path) -> filelock.BaseFileLock:
        locked.append(path.parent.name)
        return filelock.SoftFileLock(path)

    monkeypatch.setattr(filelock, "FileLock", lock)
    files.write_each({tmp_path / "two" / "b": b"2", tmp_path / "one" / "a": b"1"})
    assert locked == ["one", "two"]


def test_nothing_is_replaced_unless_that_is_asked_for(tmp_path: Path) -> None:
    """However it is written; an empty file, and one of the same bytes, are nothing to lose."""
    (tmp_path / "a").touch()
    files.write(tmp_path / "a", b"old")
    files.write(tmp_path / "a", b"old")
    with pytest.raises(UsageError, match=r"/a is there already with other content; add --force"):
        files.write(tmp_path / "a", b"new")
    with pytest.raises(UsageError, match=r"/a is there already"):
        files.write_each({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    with pytest.raises(UsageError, match=r"/a is there already"):
        files.write_all(tmp_path, {"a": b"new", "b": b"new"})
    with pytest.raises(UsageError, match=r"/a is there already"), files.staged(tmp_path, "a") as staging:
        (staging / "a").write_bytes(b"new")
    files.write(tmp_path / "b", b"old")
    with pytest.raises(UsageError, match=r"/a, .*/b are there already"):
        files.write_all(tmp_path, {"a": b"new", "b": b"new"})
    assert [(path.name, path.read_bytes()) for path in sorted(tmp_path.iterdir())] == [("a", b"old"), ("b", b"old")]
    with files.staged(tmp_path, "a", force=True) as staging:
        (staging / "a").write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_a_cut_commit_was_to_remove_may_be_gone_already(tmp_path: Path) -> None:
    """The killed process had removed one of two files, and moved none."""
    commit = tmp_path / f"{files.COMMIT}x"
    commit.mkdir()
    (commit / "a").write_bytes(b"new")
    (commit / files.JOURNAL).write_text('{"also": [], "gone": ["was", "is"]}')
    (tmp_path / "is").write_bytes(b"old")
    files.recover(tmp_path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"new")]


@pytest.mark.parametrize("place", ["a", ""], ids=["the file", "its folder"])
def test_an_error_names_what_was_to_be_written_and_not_where_it_is_made_ready(place: str, tmp_path: Path) -> None:
    """Another name of that folder is a user's own."""
    full = r"cannot be written \(No space left on device\)$"
    with pytest.raises(UsageError, match=f"{tmp_path / place}: {full}"), files.staged(tmp_path, "a") as staging:
        raise OSError(28, "No space left on device", str(staging / place))
    with pytest.raises(UsageError, match=f"{tmp_path / 'b' / 'c'}: {full}"), files.staged(tmp_path, "a"):
        raise OSError(28, "No space left on device", str(tmp_path / "b" / "c"))


def test_a_zip_holds_its_members_in_order_and_no_time(tmp_path: Path) -> None:
    members = [("b", b"1"), ("a", b"22")]
    for name in ("one.zip", "two.zip"):
        (tmp_path / name).write_bytes(files.zipped(members))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert [(each.filename, archive.read(each)) for each in archive.infolist()] == members


def test_one_file_is_moved_into_place_in_a_single_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.rename", None)  # by which a folder commits
    files.write(tmp_path / "x", b"1")
    files.write_all(tmp_path, {"y": b"2"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"1", "y": b"2"}


def test_what_a_killed_writer_left_is_removed_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, age in (("old", 86_401), ("young", 86_400)):
        (tmp_path / f"{files.STAGING}{name}").mkdir()
        os.utime(tmp_path / f"{files.STAGING}{name}", (2e9 - age,) * 2)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    files.write(tmp_path / "x", b"1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{files.STAGING}young", "x"]
