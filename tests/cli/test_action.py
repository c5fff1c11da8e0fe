"""The GitHub action: its steps, run by bash as a runner runs them, with inputs substituted as GitHub does."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import PROJECT
from miniatures import MINIATURES

from dircli import __version__
from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

if TYPE_CHECKING:
    Perform = Callable[..., subprocess.CompletedProcess[str]]

ACTION: Any = yaml.safe_load((PROJECT / ".github" / "actions" / "score" / "action.yml").read_text())
STEPS: dict[str, Any] = {step["name"]: step for step in ACTION["runs"]["steps"]}
INSTALL, CURATE, SCORE = (STEPS[name] for name in ("Install", "Curate", "Score"))
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

    def perform(step: Any = SCORE, **inputs: str) -> subprocess.CompletedProcess[str]:
        given = {"dataset": "agedb", **{key.replace("_", "-"): value for key, value in inputs.items()}}
        runner = {
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_OUTPUT": str(work / "outputs"),
            "GITHUB_STEP_SUMMARY": str(work / "summary"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
        }
        done = bash(step["run"], runner | environment(step, given))
        assert "Traceback" not in done.stderr
        return done

    return perform


def systems(path: Path) -> list[str]:
    return [system["file"] for system in json.loads(path.read_text())["systems"]]


def test_the_steps_hold_no_expression_that_could_run_what_an_input_says() -> None:
    run = [step for step in ACTION["runs"]["steps"] if "run" in step]
    for step in run:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
    used = {name for step in run for text in step["env"].values() for name in EXPRESSION.findall(text)}
    assert used == set(ACTION["inputs"])
    assert ACTION["runs"]["using"] == "composite"
    assert ACTION["outputs"]["result"]["value"] == f"${{{{ steps.{SCORE['id']}.outputs.result }}}}"
    assert {name for name, facts in ACTION["inputs"].items() if facts.get("required")} == {"predictions", "dataset"}
    assert all(("default" in facts) != bool(facts.get("required")) for facts in ACTION["inputs"].values())


def test_raw_files_and_manifests_are_cached_where_something_is_curated_and_saved_before_a_check_may_fail() -> None:
    assert list(STEPS) == ["Install", "Restore", "Curate", "Save", "Score"]
    restore, save = STEPS["Restore"], STEPS["Save"]
    assert restore["with"] == save["with"]
    assert EXPRESSION.findall(restore["with"]["path"]) == ["data", "manifests"]
    assert restore["with"]["key"] == f"dircli-{__version__}-${{{{ steps.{INSTALL['id']}.outputs.key }}}}"
    assert [restore["uses"], save["uses"]] == ["actions/cache/restore@v4", "actions/cache/save@v4"]
    assert restore["if"] == CURATE["if"] == "inputs.curate != ''"
    assert save["if"] == f"inputs.curate != '' && steps.{restore['id']}.outputs.cache-hit != 'true'"


def installed(tmp_path: Path, action: Path, **inputs: str) -> tuple[list[str], str]:
    """The words that the Install step gives to python3 and pip, and the key of the cache."""
    tools, temporary, outputs = tmp_path / "tools", tmp_path / "runner temp", tmp_path / "outputs"
    pip = temporary / "dircli" / "bin" / "pip"
    for path in (tools / "python3", pip):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n')
        path.chmod(0o755)
    outputs.write_text("")
    places = {"RUNNER_TEMP": str(temporary), "GITHUB_OUTPUT": str(outputs), "GITHUB_ACTION_PATH": str(action)}
    given = {key.replace("_", "-"): value for key, value in inputs.items()}
    done = bash(INSTALL["run"], {"PATH": f"{tools}:/usr/bin:/bin", **places} | environment(INSTALL, given))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:5] == [f"{tools}/python3", "-m", "venv", f"{temporary}/dircli", str(pip)]
    return done.stdout.splitlines()[5:], outputs.read_text()


def test_install_makes_a_venv_of_its_own_with_the_package_that_was_asked_for(tmp_path: Path) -> None:
    words, _ = installed(tmp_path, tmp_path, package="dircli @ git+https://x/y")
    assert words == ["install", "-q", "dircli @ git+https://x/y"]


def test_by_default_it_is_the_program_beside_the_action_or_else_a_pinned_release(tmp_path: Path) -> None:
    assert installed(tmp_path, tmp_path / "a" / "b" / "c")[0] == ["install", "-q", f"dircli=={__version__}"]
    beside = PROJECT / ".github" / "actions" / "score"
    ((*_, package), _) = installed(tmp_path, beside)
    assert (Path(package) / "pyproject.toml").samefile(PROJECT / "pyproject.toml")
    assert f"release {__version__}" in ACTION["inputs"]["package"]["description"]


def test_the_key_of_the_cache_is_that_of_what_is_curated(tmp_path: Path) -> None:
    keys = [
        installed(tmp_path, tmp_path, dataset="d", curate=name, curate_options=words)[1]
        for name, words in (("agedb", ""), ("agedb", ""), ("sts-b", ""), ("agedb", "--seed=1,2"))
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(re.fullmatch(r"key=[0-9-]+\n", key) for key in keys)


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_a_check_that_fails_fails_the_step_and_the_result_is_there_all_the_same(perform: Perform, work: Path) -> None:
    done = perform(predictions="good.csv\npoor.csv", fail_if="few.mae > baseline.few.mae + 0.5")
    assert done.returncode == 1
    assert "poor: few.mae = 3, limit 1.5 (baseline.few.mae + 0.5): FAILED" in done.stderr
    assert "dir: 1 of 1 checks failed" in done.stderr
    assert (work / "outputs").read_text() == "result=dir-result.json\n"
    assert systems(work / "dir-result.json") == ["good.csv", "poor.csv"]
    assert "- ❌ poor: few.mae = 3" in (work / "summary").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_an_earlier_result_is_compared_with_within_the_tolerance(perform: Perform) -> None:
    assert perform(predictions="good.csv", output="then.json").returncode == 0
    worse = perform(predictions="poor.csv", against="then.json", tolerance="2%")
    assert worse.returncode == 1
    assert "poor: few.mae: good had 1, 3 now, worse by 2, 0.02 allowed: FAILED" in worse.stderr


@pytest.mark.thorough
def test_names_and_conditions_reach_the_program_as_they_are(perform: Perform, work: Path) -> None:
    done = perform(predictions="\n".join(ODD), output="odd $(id) 'r'.json")
    assert done.returncode == 0, done.stderr
    assert systems(work / "odd $(id) 'r'.json") == ODD
    done = perform(predictions="good.csv", fail_if='few.mae > 12"; touch hacked; "\nfew.mae > $(touch hacked)')
    assert done.returncode == 2
    assert done.stderr.count("is no condition") == 2
    assert not (work / "hacked").exists()


@pytest.mark.thorough
def test_what_cannot_be_scored_fails_with_its_reason(perform: Perform, work: Path) -> None:
    for inputs, says in (
        ({"predictions": "none.csv"}, "none.csv: there is no such file"),
        ({"predictions": "\n"}, "Missing argument 'PREDS...'"),
    ):
        done = perform(**inputs)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not (work / "dir-result.json").exists()


@pytest.mark.thorough
def test_a_table_of_ones_own_is_curated_first_and_then_scored(perform: Perform, work: Path) -> None:
    (work / "houses.csv").write_text("\n".join(["house,price", *(f"h{row},{row % 80}" for row in range(400)), ""]))
    words = "--table=houses.csv\n\n--target=price\n--id=house\n--name=houses\n--bin-width=10\n"
    given = {"dataset": "houses", "curate": "custom", "curate_options": words, "manifests": "made here"}
    done = perform(CURATE, **given)
    assert done.returncode == 0, done.stderr
    facts = work / "made here" / "houses" / "manifest.json"
    changed = facts.stat().st_mtime_ns
    assert perform(CURATE, **given).stdout == ""  # what the cache brought is not made again
    assert facts.stat().st_mtime_ns == changed
    samples = manifests.read(facts.parent).samples
    rows = samples.split == "test"
    lines = [f"{key},{target + 1}" for key, target in zip(samples.ids[rows], samples.targets[rows], strict=True)]
    (work / "p.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    done = perform(predictions="p.csv", dataset="houses", manifests="made here", fail_if="all.mae > 1.5")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("all.mae = 1, limit 1.5: ok\n")


def test_words_of_curate_reach_the_program_as_they_are(perform: Perform, work: Path) -> None:
    done = perform(CURATE, curate='agedb"; touch hacked', curate_options="$(touch hacked)", dataset="x")
    assert done.returncode == 2
    assert not (work / "hacked").exists()


def test_the_page_about_the_action_shows_calls_of_it_and_no_placeholder() -> None:
    text = (PROJECT / ".github" / "actions" / "score" / "README.md").read_text(encoding="utf-8")
    calls = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    steps = [*calls[0]["jobs"]["score"]["steps"][1:], *calls[1]]
    assert len(steps) == 2
    for step in steps:
        assert step["uses"] == "./.github/actions/score"
        assert step["with"].keys() <= ACTION["inputs"].keys()
    assert not re.search("OWNER|<[a-z]+>|example", text)
