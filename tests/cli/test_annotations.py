"""In a GitHub workflow what is wrong is annotated, in the format that the runner reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from typer import rich_utils

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

ANNOTATION = re.compile(r"::error (?P<properties>[^:\n]*)::(?P<message>.*)")
BINS = "--dataset agedb --bins bins.parquet"


@pytest.fixture(autouse=True)
def _github(monkeypatch: pytest.MonkeyPatch, work: Path) -> None:
    """A runner's variable, and a file with four rows."""
    from dircli.store import manifests

    assert not rich_utils.FORCE_TERMINAL  # settled when it is first imported
    path = manifests.shipped("agedb")
    assert path is not None
    (work / "bins.parquet").write_bytes(path.read_bytes())
    (work / "p.csv").write_text("target,prediction\n30,31\n40,41\n18,19\n90,99\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


def annotated(text: str) -> list[tuple[dict[str, str], str]]:
    """The properties and the message of each annotation, as the runner reads them: unescaped."""
    found = []
    for match in ANNOTATION.finditer(text):
        pairs = (each.split("=", 1) for each in match["properties"].split(","))
        plain = {key: _unescaped(value) for key, value in pairs}
        found.append((plain, _unescaped(match["message"])))
    return found


def _unescaped(text: str) -> str:
    for code, letter in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, letter)
    return text


def test_each_problem_of_an_input_is_annotated_at_its_line(run: Run, work: Path) -> None:
    (work / "100%, odd:name.csv").write_text("target,prediction\n30,nan\n40,x\n")
    done = run("evaluate", "100%, odd:name.csv", *BINS.split(), code=2)
    found = annotated(done.stderr)
    where = {"file": "100%, odd:name.csv", "title": "dir evaluate"}
    assert found == [
        ({**where, "line": "2"}, "prediction is 'nan'. Write a finite number, such as 31.5"),
        ({**where, "line": "3"}, "prediction is 'x'. Write a finite number, such as 31.5"),
    ]
    assert "dir: 100%, odd:name.csv, line 2" in done.stderr  # for people, as ever
    assert "::error" not in done.stdout


def test_a_check_that_fails_is_annotated_with_its_file_and_title(run: Run) -> None:
    done = run("evaluate", "p.csv", *BINS.split(), "--fail-if", "few.mae>2", "--fail-if", "few.mae>20", code=1)
    assert annotated(done.stderr) == [
        ({"file": "p.csv", "title": "few.mae"}, "few.mae = 9, limit 2: FAILED"),
        ({"title": "dir evaluate"}, "1 of 2 checks failed"),
    ]
    assert "few.mae = 9, limit 20: ok\n" in done.stderr
    assert done.stderr.endswith("dir: 1 of 2 checks failed\n") or "dir: 1 of 2 checks failed\n" in done.stderr


def test_a_wrong_call_is_annotated_too(run: Run) -> None:
    found = annotated(run("info", "agebd", code=2).stderr)
    assert found[0][0] == {"title": "dir info"}
    assert "did you mean agedb?" in found[0][1]
    (last,) = annotated(run("evaluate", "p.csv", "--metrcs", "mae", code=2).stderr)
    assert last[0] == {"title": "dir evaluate"}
    assert "No such option" in last[1]


def test_nothing_is_annotated_elsewhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "false"):
        monkeypatch.setenv("GITHUB_ACTIONS", value)
        assert "::" not in run("info", "agebd", code=2).stderr


def test_what_a_file_says_starts_no_annotation_of_its_own(run: Run, work: Path) -> None:
    (work / "p.csv").write_text('target,prediction\n30,"1\n::error title=x::y"\n')
    done = run("evaluate", "p.csv", *BINS.split(), code=2)
    assert not [line for line in done.stderr.splitlines() if line.startswith("::error title=x")]


def test_a_name_starts_no_line_of_its_own(work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a file's name could be a command to the runner."""
    (work / "x\n::error::y.csv").write_bytes((work / "p.csv").read_bytes())
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(work / "summary"))
    words = ["evaluate", work / "p.csv", work / "x\n::error::y.csv", *BINS.split()]
    done = run(*words, "--fail-if", "all.mae > 100", "--fail-if", "all.mae > 0", code=1)
    assert "\n::error::y" not in done.stderr
    bullets = (work / "summary").read_text(encoding="utf-8").splitlines()[-4:]
    assert all(line.startswith("- ") for line in bullets)


def test_a_summary_that_cannot_be_written_costs_a_note(work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(work / "nowhere" / "summary"))
    done = run("evaluate", work / "p.csv", *BINS.split())
    assert "summary cannot be written" in done.stderr
