"""The tests in copies of one process, which has loaded the libraries: pytest need not load them for each mutant.

Only on Linux: elsewhere a copy of a process that has loaded libraries may not go on.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

LIBRARIES = (
    "hypothesis.strategies",
    "hypothesis.extra.numpy",
    "anyio.pytest_plugin",
    "asyncio",
    "concurrent.futures.thread",
    "numpy.testing",
    "scipy.stats",
    "scipy.io",
    "scipy.ndimage",
    "scipy.signal",
    "pandas",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "h5py",
    "PIL.Image",
    "httpx",
    "rich.console",
    "rich.progress",
    "typer.testing",
)
"""What the tests load, besides themselves and the package, which are loaded in each copy: they are what is changed."""


@dataclass
class Watch:
    """A plugin of pytest: which functions of ``package``, a folder, each test calls, and how many seconds it takes.

    Tests and functions are told by their names: a test's is its node id, a function's ``module:name``.
    """

    package: Path
    calls: dict[str, set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Every call from here to the end of ``item`` is its own."""
        seen, folder = self.calls.setdefault(item.nodeid, set()), f"{self.package}{os.sep}"

        def called(frame: Any, *_: object) -> None:
            if frame.f_code.co_filename.startswith(folder):
                seen.add(f"{frame.f_code.co_filename[len(folder) :]}:{frame.f_code.co_name}")

        start = time.monotonic()
        sys.settrace(called)
        threading.settrace(called)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seconds[item.nodeid] = time.monotonic() - start


@dataclass
class First:
    """A plugin of pytest that runs the tests that are named in ``seconds`` before all others, the quickest first.

    An example that fails is enough: hypothesis is not to look for a simpler one.
    """

    seconds: Mapping[str, float]

    def pytest_collection(self) -> None:
        """Before any test is collected."""
        settings.register_profile("one failure", phases=(Phase.explicit, Phase.generate), deadline=None)
        settings.load_profile("one failure")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Order ``items``."""
        items.sort(key=lambda item: self.seconds.get(item.nodeid, float("inf")))


def possible() -> bool:
    """Whether a copy of this process may go on."""
    return sys.platform == "linux"


def load() -> None:
    """Load the libraries; what is loaded from now on comes from the working folder."""
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.path[0] = str(Path.cwd())
    sys.dont_write_bytecode = False


def watched(words: Sequence[str], patience: float) -> tuple[dict[str, list[str]], dict[str, float]]:
    """The tests that call each function, and how many seconds each test takes. RuntimeError where tests fail."""
    watch, notes = Watch(Path.cwd() / "dircli"), Path("watched.json")
    if not _passes(words, patience, watch, lambda: notes.write_text(json.dumps(_by_function(watch)), encoding="utf-8")):
        raise RuntimeError(Path("output").read_text(encoding="utf-8"))
    callers, seconds = json.loads(notes.read_text(encoding="utf-8"))
    return callers, seconds


def passes(words: Sequence[str], patience: float, first: Mapping[str, float]) -> bool:
    """Whether the tests pass within ``patience`` seconds; those named in ``first`` come first."""
    return _passes(words, patience, First(first))


def _by_function(watch: Watch) -> tuple[dict[str, list[str]], dict[str, float]]:
    callers: dict[str, list[str]] = {}
    for test, functions in watch.calls.items():
        for function in functions:
            callers.setdefault(function, []).append(test)
    return callers, watch.seconds


def _passes(words: Sequence[str], patience: float, plugin: object, at_the_end: Any = lambda: None) -> bool:
    """Whether pytest passes in a copy of this process, whose output goes to the file `output`."""
    child, deadline, ended, status = os.fork(), time.monotonic() + patience, 0, 1
    if child == 0:
        try:
            os.setsid()
            output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            status = int(pytest.main([*words, "-Wignore::pytest.PytestAssertRewriteWarning"], [plugin]))
            at_the_end()
            sys.stdout.flush()
        finally:
            os._exit(status)
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)
        ended, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):  # also what the tests left running
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
    return bool(ended) and status == 0
