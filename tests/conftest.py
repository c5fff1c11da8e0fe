"""What tests share: the command line as a function, clean surroundings, and the real inputs where they are present."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest
import server as web
from hypothesis import settings
from typer.testing import CliRunner

from dircli.store import engines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dircli.store.engines import Engine

for key in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):  # there typer prints in colours, and errors are annotated
    os.environ.pop(key, None)
settings.register_profile("any machine", deadline=None)  # how long an example takes says nothing of the code
settings.load_profile("any machine")

PROJECT = Path(__file__).parents[1]
REFERENCE = Path(__file__).parent / "reference"


def mostly_thorough(cases: Iterable[Any], *, first: int = 1) -> list[Any]:
    """The ``cases`` of a test, of which the default suite tries the ``first`` ones alone."""
    every = list(cases)
    return every[:first] + [pytest.param(case, marks=pytest.mark.thorough) for case in every[first:]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts a cluster takes long."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.thorough)


class Run(Protocol):
    """The command line in this process; exit code, stdout and stderr stand in the result."""

    def __call__(self, *words: object, code: int = 0, stdin: str | bytes | None = None) -> Any:
        """Run `dir` with these words."""


@pytest.fixture
def run() -> Run:
    """Run `dir` with these words and expect this exit code; a traceback fails the test."""

    def run(*words: object, code: int = 0, stdin: str | bytes | None = None) -> Any:
        from dircli.cli.app import app

        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin, prog_name="dir")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture(autouse=True)
def _clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No DIR_ variable of the user's, an empty working folder, and raw files of nobody."""
    for key in [key for key in os.environ if key.startswith("DIR_") and key != "DIR_REAL_DATA"]:
        monkeypatch.delenv(key)
    work = tmp_path_factory.mktemp("home") / "work"
    work.mkdir()
    monkeypatch.setenv("DIR_DATA", str(work.with_name("no-raw-files")))
    monkeypatch.chdir(work)


@pytest.fixture
def program() -> list[str]:
    """How to start `dir` in a process of its own."""
    return [sys.executable, "-m", "dircli"]


@pytest.fixture
def work() -> Path:
    """The empty folder that the test runs in."""
    return Path.cwd()


@pytest.fixture
def server() -> Iterator[web.Server]:
    """A web server on 127.0.0.1 that misbehaves on demand."""
    with web.Server() as running:
        yield running


@pytest.fixture
def memory() -> Iterator[Any]:
    """The filesystem under memory://, empty before and after."""
    fsspec = pytest.importorskip("fsspec", reason="the extra remote is not installed")
    system = fsspec.filesystem("memory")

    def empty() -> None:
        system.store.clear()
        system.pseudo_dirs[:] = [""]

    empty()
    yield system
    empty()


@contextmanager
def store_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The filesystem of a store that speaks as S3 does, to which the environment leads."""
    s3fs = pytest.importorskip("s3fs", reason="the extra remote is not installed")
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3fs.S3FileSystem()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store that speaks as S3 does, with an empty bucket called bucket, which the environment leads to."""
    moto = pytest.importorskip("moto.server", reason="the extra objects is not installed")
    pytest.importorskip("s3fs", reason="the extra remote is not installed")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    httpx.post(f"http://{host}:{port}/moto-api/reset", trust_env=False).raise_for_status()
    with store_at(f"http://{host}:{port}", monkeypatch) as system:
        system.mkdir("bucket")
        yield system
    running.stop()


def processes_of(engine: Engine, workers: int) -> list[int]:
    """The processes of the so many ``workers`` of a cluster, once all are there."""
    assert isinstance(engine, engines.Dask)
    engine.client.wait_for_workers(workers)
    return list(engine.asked(os.getpid).values())


@pytest.fixture(scope="session")
def cluster() -> Iterator[Engine]:
    """An engine of two worker processes of one thread."""
    pytest.importorskip("distributed", reason="needs the extra dask")
    with engines.opened("dask", workers=2) as engine:
        yield engine


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real inputs, `../shared/data` or DIR_REAL_DATA; the test is skipped where there is none."""
    folder = Path(os.environ.get("DIR_REAL_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real inputs are not here: {folder} (set DIR_REAL_DATA)")
    return folder
