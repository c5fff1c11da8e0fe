"""Engines: results are merged in a tree of one shape; workers that die are survived, and lost clusters told of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dircli.errors import InputError, Problem, UsageError
from dircli.store import engines
from dircli.store.engines import LOCAL, Engine, EngineError
from dircli.store.places import UnreachableError, of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import server as web
    from conftest import Run


def nested(parts: list[str]) -> str:
    return f"({' '.join(parts)})"


def added(parts: list[int]) -> int:
    return sum(parts)


def named(shared: str, item: int) -> str:
    return f"{shared}{item}"


def times(factor: int, item: int) -> int:
    return factor * item


def refusing(_: None, item: int) -> int:
    if item == 5:
        raise InputError([Problem("a file", "the first"), Problem("a file", "the second")])
    return item


def failing(_: None, __: int) -> int:
    raise UnreachableError(of("s3://bucket/p"), "it is night")


def opening(_: None, item: int) -> int:
    return len(Path(f"/nowhere/{item}").read_bytes())


def filling(_: None, item: int) -> int:
    with Path("/dev/full").open("wb") as file:
        file.write(bytes(item))
    return item


def dying(_: None, __: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def dying_once(folder: str, item: int) -> int:
    """The item; the worker that has number 7 first dies of it."""
    if item == 7:
        try:
            (Path(folder) / "died").touch(exist_ok=False)
        except FileExistsError:
            return item
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def dying_first(folder: str) -> int:
    """The process; the first one that is asked dies of it."""
    try:
        (Path(folder) / "died").touch(exist_ok=False)
    except FileExistsError:
        return os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def is_left_alone() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def waiting(folder: str, item: int) -> int:
    (Path(folder) / f"begun-{item}").touch()
    time.sleep(60)
    return item


@pytest.fixture
def mortal() -> Iterator[engines.Dask]:
    """A cluster for one test alone, which may kill its workers."""
    pytest.importorskip("distributed", reason="needs the extra dask")
    with engines.opened("dask", workers=2) as engine:
        assert isinstance(engine, engines.Dask)
        yield engine


@pytest.mark.parametrize("items", [1, 7, 8, 9, 64, 65, 200])
def test_a_tree_merges_neighbours_and_every_item_once(items: int) -> None:
    told: list[int] = []
    whole = LOCAL.reduced(named, range(items), nested, shared="i", done=told.append)
    assert whole.replace("(", "").replace(")", "").split() == [f"i{item}" for item in range(items)]
    assert whole.count("(") == whole.count(")") <= items // 7 + 2
    assert sum(told) == items


def test_a_cluster_gives_what_threads_give(cluster: Engine) -> None:
    told: list[int] = []
    for items in (1, 9, 70):
        ours, theirs = (engine.reduced(named, range(items), nested, shared="i") for engine in (LOCAL, cluster))
        assert ours == theirs
    cluster.reduced(named, range(20), nested, shared="i", done=told.append)
    assert sum(told) == 20
    for engine in (LOCAL, cluster):
        assert list(engine.in_order(times, range(50), shared=2)) == list(range(0, 100, 2))
    assert cluster.shares_files


def test_an_error_of_a_worker_is_told_whole(cluster: Engine) -> None:
    with pytest.raises(InputError) as raised:
        cluster.reduced(refusing, range(20), added)
    assert raised.value.problems == [Problem("a file", "the first"), Problem("a file", "the second")]
    with pytest.raises(UnreachableError) as unreachable:
        cluster.reduced(failing, [0], added)
    assert unreachable.value.reason == "it is night"
    assert str(unreachable.value) == "s3://bucket/p: it cannot be read (it is night)"


def test_a_file_that_a_worker_does_not_see_is_named_with_the_worker(cluster: Engine) -> None:
    with pytest.raises(EngineError, match=r"^worker tcp://\S+ cannot use /nowhere/0: No such file .* the same files$"):
        cluster.reduced(opening, [0], added)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux, whose /dev/full is a full disk")
def test_a_full_disk_of_a_worker_is_called_so(cluster: Engine) -> None:
    with pytest.raises(EngineError, match=r"^worker tcp://\S+: no space is left .* another folder with --scratch$"):
        list(cluster.in_order(filling, [1]))


@pytest.mark.thorough
def test_a_worker_that_dies_is_survived(mortal: Engine, tmp_path: Path) -> None:
    assert mortal.reduced(dying_once, range(30), added, shared=str(tmp_path)) == sum(range(30))
    assert (tmp_path / "died").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_while_all_are_asked_is_left_out(workers: int, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    with engines.opened("dask", workers=workers) as engine:
        assert isinstance(engine, engines.Dask)
        [answer] = engine.asked(dying_first, str(tmp_path)).values()
        assert answer != os.getpid()
        with pytest.raises(ValueError, match="bad"):
            engine.asked(int, "bad")


@pytest.mark.thorough
def test_workers_that_died_while_they_started_are_started_anew(
    mortal: engines.Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask gives up a worker that dies before its nanny knows it is up; here the nannies give up every one."""
    import dask
    from distributed import Nanny

    async def nothing(_nanny: object, _code: object) -> None:
        pass

    monkeypatch.setattr(Nanny, "_on_worker_exit", nothing)
    monkeypatch.setattr(engines, "LOOK", 0.5)
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}):
        for process in mortal.client.run(os.getpid).values():
            os.kill(process, signal.SIGKILL)
        assert mortal.reduced(times, range(30), added, shared=2) == 2 * sum(range(30))


@pytest.mark.thorough
def test_a_cluster_that_cannot_be_closed_in_order_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    close = distributed.LocalCluster.close

    def failing_at_last(cluster: Any) -> None:
        close(cluster)
        raise KeyError("tcp://127.0.0.1:1")

    monkeypatch.setattr(distributed.LocalCluster, "close", failing_at_last)
    with engines.opened("dask", workers=1) as engine:
        assert engine.reduced(times, [1], added, shared=2) == 2


@pytest.mark.slow
def test_the_keyboard_interrupts_the_command_and_no_worker(cluster: Engine) -> None:
    assert isinstance(cluster, engines.Dask)
    assert all(cluster.client.run(is_left_alone).values())
    assert not is_left_alone()


@pytest.mark.thorough
def test_a_batch_system_that_ends_the_command_ends_its_cluster(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    words = ["evaluate", "p.csv", "--dataset", "agedb", "--engine", "dask", "--workers", "1"]
    (tmp_path / "p.csv").write_text("prediction,target\n" + "1,2\n" * 1000)
    environment = {**OURS, "TMPDIR": str(scratch)}
    with subprocess.Popen([sys.executable, "-m", "dircli", *words], cwd=tmp_path, env=environment) as process:
        while process.poll() is None and not list(scratch.glob("dir-dask-*/*")):
            time.sleep(0.01)
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert not list(scratch.iterdir())


@pytest.mark.thorough
def test_work_that_kills_each_worker_ends_in_one_line(mortal: engines.Dask) -> None:
    mortal.client.cluster.scheduler.allowed_failures = 0
    with pytest.raises(EngineError, match="each time the worker died, perhaps for want of memory; give workers more"):
        mortal.reduced(dying, [0], added)


@pytest.mark.thorough
def test_workers_here_that_are_gone_are_told_of(mortal: engines.Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "REVIVAL", 2.0)
    mortal.client.cluster.scale(0)
    with pytest.raises(EngineError, match=r"^the cluster on this machine: .* are gone, .*fewer --workers$"):
        mortal.reduced(times, [1], added, shared=1)


def test_what_does_not_fit_together_is_refused_before_anything_starts() -> None:
    for match, choice in {
        "add --engine dask": {"name": "local", "scheduler": "tcp://a:1"},
        "leave out --scheduler": {"name": "dask", "scheduler": "tcp://a:1", "workers": 2},
        "--scheduler is empty": {"name": "dask", "scheduler": " "},
    }.items():
        options: Any = choice
        with pytest.raises(UsageError, match=match), engines.opened(**options):
            pass


def test_without_dask_the_extra_is_named(run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    (work / "p.csv").write_text("prediction,target\n1,2\n")
    result = run("evaluate", "p.csv", "--dataset", "agedb", "--engine", "dask", code=2)
    assert "pip install 'dircli[dask]'" in result.stderr


OURS = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder) for folder in Path(__file__).parents[:3])}
"""Where other processes find the program, and the functions of this file."""


def program(*words: str) -> list[str]:
    return [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a scheduler without workers, a process of its own."""
    pytest.importorskip("distributed", reason="needs the extra dask")
    path = tmp_path / "scheduler.json"
    words = program("dask_scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file")
    with subprocess.Popen([*words, str(path)], cwd=tmp_path, stderr=subprocess.DEVNULL, env=OURS) as process:
        try:
            while not path.exists() or not path.read_text():
                time.sleep(0.05)
            import json

            yield json.loads(path.read_text())["address"], process
        finally:
            process.kill()


def worker(address: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """A worker process of one thread."""
    words = program("dask_worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "20")
    return subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL, env={**OURS, **environment})


@pytest.mark.slow
def test_no_scheduler_and_no_workers_are_one_line_each(
    scheduler: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PATIENCE", 2.0)
    with pytest.raises(EngineError, match="it has no workers; start some with `dask worker"):  # noqa: SIM117
        with engines.opened("dask", scheduler=scheduler[0]):
            pass
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(EngineError, match=f"--scheduler {address}: no scheduler answers"):  # noqa: SIM117
            with engines.opened("dask", scheduler=address):
                pass


@pytest.mark.thorough
def test_what_is_no_scheduler_is_not_waited_for(server: web.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr(engines, "PATIENCE", 1.0)
    monkeypatch.setattr(engines, "LOOK", 0.2)
    match = "no scheduler answers [(]what is there does not speak as one[)]"
    with pytest.raises(EngineError, match=match), engines.opened("dask", scheduler=server.url("", scheme="tcp")):
        pass


@pytest.mark.thorough
def test_processes_that_do_not_start_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")

    def full(**_: object) -> None:
        raise RuntimeError("Cluster failed to start:\nno room")

    monkeypatch.setattr(distributed, "LocalCluster", full)
    match = r"^3 worker processes do not start here \(Cluster failed to start: no room\)$"
    with pytest.raises(EngineError, match=match), engines.opened("dask", workers=3):
        pass


def test_another_version_of_dask_is_refused(cluster: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(cluster, engines.Dask)
    distributed = pytest.importorskip("distributed")
    other = {"packages": {"distributed": "2020.1.0"}}
    found = {"client": {"packages": {"distributed": distributed.__version__}}, "scheduler": other, "workers": {}}
    monkeypatch.setattr(distributed.Client, "get_versions", lambda _: found)
    with pytest.raises(EngineError, match=r"the scheduler has distributed 2020.1.0, and here is .*; install the same"):  # noqa: SIM117
        with engines.opened("dask", scheduler=cluster.client.scheduler.address):
            pass


@pytest.mark.slow
def test_a_worker_of_another_version_or_without_the_program_is_refused(
    scheduler: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    address, _ = scheduler
    other = tmp_path / "other" / "dircli" / "store"
    for package in (other.parent, other):
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("__version__ = '0.0.1'\n")
    (other / "engines.py").write_text("def _version(): return '0.0.1'\n")
    for code, match in (
        ("", r"worker tcp://\S+ has dircli 0.0.1, and here is"),
        ("raise ImportError('no version of it fits')", "a worker or the scheduler lacks .*no version of it fits"),
        (
            "raise ModuleNotFoundError(\"No module named 'dircli'\")",
            "a worker or the scheduler lacks .*'dircli'.*; install dircli",
        ),
    ):
        if code:
            (other.parent / "__init__.py").write_text(code)
        process = worker(address, tmp_path, PYTHONPATH=str(tmp_path / "other"))
        try:
            with pytest.raises(EngineError, match=match), engines.opened("dask", scheduler=address):
                pass
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["scheduler", "workers"])
def test_a_cluster_that_is_lost_is_one_line(
    lost: str,
    scheduler: tuple[str, subprocess.Popen[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from threading import Thread

    address, process = scheduler
    works = worker(address, tmp_path)
    victim = process if lost == "scheduler" else works

    def kill() -> None:
        while not list(tmp_path.glob("begun-*")):
            time.sleep(0.05)
        victim.kill()

    monkeypatch.setattr(engines, "PATIENCE", 4.0)
    try:
        with engines.opened("dask", scheduler=address) as engine:
            thread = Thread(target=kill)
            thread.start()
            match = "the scheduler is gone; nothing was written" if lost == "scheduler" else "gone, .*; start it again"
            with pytest.raises(EngineError, match=match):
                engine.reduced(partial(waiting), range(3), added, shared=str(tmp_path))
            thread.join()
    finally:
        works.kill()
        works.wait()
    assert caplog.messages == []
