"""The pages that people read cannot lie: what they show is run, and what the program knows is remade."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import reference_pages
from conftest import PROJECT, mostly_thorough
from documents import is_shown, pages, python_of, steps
from typer.testing import CliRunner

import dircli

if TYPE_CHECKING:
    from conftest import Run

README = PROJECT / "README.md"
REAL_FILES = {"STS-B": "sts-b/STS-B", "released": "sts-b/released", "agedb.csv": "agedb/agedb.csv"}
"""What blocks that need real files find beside them, and where it lies among the real inputs."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `dir demo --out` makes."""
    from dircli.cli.app import app

    folder = tmp_path_factory.mktemp("demo") / "walk"
    done = CliRunner().invoke(app, ["-q", "demo", "--out", str(folder)], prog_name="dir")
    assert done.exit_code == 0, done.output
    return folder


def _real() -> Path | None:
    folder = Path(os.environ.get("DIR_REAL_DATA") or PROJECT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


@pytest.mark.parametrize("page", mostly_thorough(pages()), ids=lambda page: page.name)
def test_a_page_shows_what_its_commands_print(
    page: Path, demo: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands run one after another, the README's in an empty folder and those of docs/ in the demo's.

    They take only files that earlier ones made, or the real ones that the page names.
    """
    real = _real()
    if page != README:
        shutil.copytree(demo, work, dirs_exist_ok=True)
    for step in steps(page):
        if step.needs_real and real is not None:
            _lay(real)
        if step.name:
            Path(step.name).write_text(step.text, encoding="utf-8")
        elif not step.needs_real or real is not None:
            _take(step.command, step.shown, run, monkeypatch)


def _lay(real: Path) -> None:
    """Links to the real files in the folder that the next command runs in."""
    for name, place in REAL_FILES.items():
        if not Path(name).exists():
            Path(name).symlink_to(real / place)


def _take(command: str, shown: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one command, and compare what it prints."""
    program, *words = shlex.split(command)
    if program == "cd":
        monkeypatch.chdir(words[0])
    elif program == "python":
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert is_shown(shown, done.stdout), done.stdout
    else:
        assert program == "dir", command
        refused = shown.startswith("dir: ")
        result = run(*words, code=2 if refused else int(": FAILED\n" in shown))
        printed = result.stderr if refused else result.output if ": FAILED\n" in shown else result.stdout
        assert is_shown(shown, printed), f"$ {command}\n{printed}"


def test_the_readmes_python_runs_as_it_stands(demo: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(demo / "table.csv", work)
    snippet = python_of(README)
    assert len(snippet.splitlines()) <= 25
    exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - the README is ours
    printed = capsys.readouterr().out
    assert "are no training rows" in printed
    assert printed.splitlines()[-1].replace(".", "").replace(" ", "").isdigit()


def test_the_public_names_are_few_and_each_stands_in_the_readme() -> None:
    assert len(dircli.__all__) <= 12
    unnamed = {name for name in dircli.__all__ if f"dircli.{name}" not in python_of(README)}
    assert unnamed == {"BenchmarkArrays", "__version__"}
    assert set(dircli.__all__) <= set(dir(dircli))


def test_the_readme_is_short_and_names_every_dataset() -> None:
    from dircli import datasets

    text = README.read_text(encoding="utf-8")
    assert len(text.split()) <= 1400
    assert not [name for name in datasets.NAMES if f"`{name}`" not in text]


@pytest.mark.parametrize("path", sorted(reference_pages.pages()))
def test_a_page_that_repeats_the_program_is_up_to_date(path: str) -> None:
    """`python tests/reference_pages.py` makes them."""
    assert (PROJECT / "docs" / path).read_text(encoding="utf-8") == reference_pages.pages()[path]


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    """No link leads nowhere, and every page can be found from the navigation."""
    tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    pytest.importorskip("zensical")
    shutil.copytree(PROJECT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("site"))
    command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "zensical.toml"]
    done = subprocess.run(command, cwd=tmp_path / "docs", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = str(tomllib.loads((PROJECT / "docs" / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    docs = PROJECT / "docs"
    assert not [page for page in docs.rglob("*.md") if f"'{page.relative_to(docs).as_posix()}'" not in listed]
