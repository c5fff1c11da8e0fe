"""The GitHub action: its steps, run by bash as a runner runs them, with inputs substituted as GitHub does."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import PROJECT
from miniatures import MINIATURES

from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

if TYPE_CHECKING:
    Perform = Callable[..., subprocess.CompletedProcess[str]]

ACTION: Any = yaml.safe_load((PROJECT / ".github" / "actions" / "score" / "action.yml").read_text())
INSTALL, SCORE = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
BASH = shutil.which("bash") or "bash"
ODD = ["my preds.csv", "-dash.csv", "a'b\"c.csv", "$HOME `id` $(id);&|*.csv", "naïve模型.csv"]


def environment(step: Any, inputs: dict[str, str]) -> dict[str, str]:
    """The step's variables, each input as given or by its default."""
    values = {name: str(facts.get("default", "")) for name, facts in ACTION["inputs"].items()} | inputs
    return {key: EXPRESSION.sub(lambda match: values[match[1]], text) for key, text in step["env"].items()}


def bash(script: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step as `shell: bash` is run."""
    words = [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(words, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def rows(tmp_path: Path, work: Path, run: Run) -> list[tuple[str, float]]:
    """Ids and targets of the test rows of a curated AgeDB miniature."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    test = samples.split == "test"
    return list(zip(samples.ids[test].tolist(), samples.targets[test].tolist(), strict=True))


@pytest.fixture
def perform(tmp_path: Path, work: Path, rows: list[tuple[str, float]]) -> Perform:
    """Run the Score step on these inputs, with this very program where Install puts one."""
    for name, shift in {"good.csv": 1, "poor.csv": 3, **dict.fromkeys(ODD, 2)}.items():
        lines = [f"{key},{target + shift}" for key, target in rows]
        (work / name).write_text("\n".join(["id,prediction", *lines, ""]))
    program = tmp_path / "dircli" / "bin" / "dircli"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m dircli "$@"\n')
    program.chmod(0o755)

    def perform(**inputs: str) -> subprocess.CompletedProcess[str]:
        given = {"dataset": "agedb", **{key.replace("_", "-"): value for key, value in inputs.items()}}
        runner = {
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_OUTPUT": str(work / "outputs"),
            "GITHUB_STEP_SUMMARY": str(work / "summary"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
        }
        done = bash(SCORE["run"], runner | environment(SCORE, given))
        assert "Traceback" not in done.stderr
        return done

    return perform


def systems(path: Path) -> list[str]:
    return [system["file"] for system in json.loads(path.read_text())["systems"]]


def test_the_steps_hold_no_expression_that_could_run_what_an_input_says() -> None:
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
    used = {
        name for step in ACTION["runs"]["steps"] for text in step["env"].values() for name in EXPRESSION.findall(text)
    }
    assert used == set(ACTION["inputs"])
    assert ACTION["runs"]["using"] == "composite"
    assert ACTION["outputs"]["result"]["value"] == f"${{{{ steps.{SCORE['id']}.outputs.result }}}}"
    assert {name for name, facts in ACTION["inputs"].items() if facts.get("required")} == {"predictions", "dataset"}
    assert all(("default" in facts) != bool(facts.get("required")) for facts in ACTION["inputs"].values())


def test_install_makes_a_venv_of_its_own_with_the_package_that_was_asked_for(tmp_path: Path) -> None:
    tools, temporary = tmp_path / "tools", tmp_path / "runner temp"
    pip = temporary / "dircli" / "bin" / "pip"
    for path in (tools / "python3", pip):
        path.parent.mkdir(parents=True)
        path.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n')
        path.chmod(0o755)
    variables = {"PATH": f"{tools}:/usr/bin:/bin", "RUNNER_TEMP": str(temporary)}
    done = bash(INSTALL["run"], variables | environment(INSTALL, {"package": "dircli @ git+https://x/y"}))
    expected = [f"{tools}/python3", "-m", "venv", f"{temporary}/dircli"]
    assert done.stdout.splitlines() == [*expected, str(pip), "install", "-q", "dircli @ git+https://x/y"]
    assert environment(INSTALL, {}) == {"PACKAGE": "dircli"}


def test_files_and_conditions_are_given_one_per_line(perform: Perform, work: Path) -> None:
    done = perform(
        predictions="good.csv\n\npoor.csv\n  \n",
        fail_if="few.mae > 12\n\nfew.mae > baseline.few.mae + 2.5\n \n",
        output="out dir/r.json",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-3:] == [
        "good: few.mae = 1, limit 12: ok",
        "poor: few.mae = 3, limit 12: ok",
        "poor: few.mae = 3, limit 3.5 (baseline.few.mae + 2.5): ok",
    ]
    assert systems(work / "out dir" / "r.json") == ["good.csv", "poor.csv"]
    assert (work / "outputs").read_text() == "result=out dir/r.json\n"
    summary = (work / "summary").read_text(encoding="utf-8")
    assert summary.startswith("| score | system | all | many | medium | few |")
    assert summary.endswith("- ✅ poor: few.mae = 3, limit 3.5 (baseline.few.mae + 2.5): ok\n")


def test_a_check_that_fails_fails_the_step_and_the_result_is_there_all_the_same(perform: Perform, work: Path) -> None:
    done = perform(predictions="good.csv\npoor.csv", fail_if="few.mae > baseline.few.mae + 0.5")
    assert done.returncode == 1
    assert "poor: few.mae = 3, limit 1.5 (baseline.few.mae + 0.5): FAILED" in done.stderr
    assert "dir: 1 of 1 checks failed" in done.stderr
    assert (work / "outputs").read_text() == "result=dir-result.json\n"
    assert systems(work / "dir-result.json") == ["good.csv", "poor.csv"]
    assert "- ❌ poor: few.mae = 3" in (work / "summary").read_text(encoding="utf-8")


def test_an_earlier_result_is_compared_with_within_the_tolerance(perform: Perform) -> None:
    assert perform(predictions="good.csv", output="then.json").returncode == 0
    worse = perform(predictions="poor.csv", against="then.json", tolerance="2%")
    assert worse.returncode == 1
    assert "poor: few.mae: 1 before, 3 now, worse by 2, 0.02 allowed: FAILED" in worse.stderr


def test_names_and_conditions_reach_the_program_as_they_are(perform: Perform, work: Path) -> None:
    done = perform(predictions="\n".join(ODD), output="odd $(id) 'r'.json")
    assert done.returncode == 0, done.stderr
    assert systems(work / "odd $(id) 'r'.json") == ODD
    done = perform(predictions="good.csv", fail_if='few.mae > 12"; touch hacked; "\nfew.mae > $(touch hacked)')
    assert done.returncode == 2
    assert done.stderr.count("is no condition") == 2
    assert not (work / "hacked").exists()


def test_what_cannot_be_scored_fails_with_its_reason(perform: Perform, work: Path) -> None:
    for inputs, says in (
        ({"predictions": "none.csv"}, "none.csv: there is no such file"),
        ({"predictions": "\n"}, "Missing argument 'PREDS...'"),
    ):
        done = perform(**inputs)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not (work / "dir-result.json").exists()
