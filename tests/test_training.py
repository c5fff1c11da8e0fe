"""The page on training: each recipe runs as it stands, where its package is installed, and its weights are right."""

from __future__ import annotations

import ast
import re
import shlex
import sys
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import PROJECT

import dircli

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

FIRST, *RECIPES = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8").split("\n## ")
TITLES = [recipe.partition("\n")[0] for recipe in RECIPES]


def _blocks(text: str) -> list[tuple[str, str]]:
    """The language and the lines of each block of code in ``text``."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _packages(text: str) -> set[str]:
    """What the Python of ``text`` imports, by the name before the first dot."""
    nodes = [node for language, lines in _blocks(text) if language == "python" for node in ast.walk(ast.parse(lines))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def _ran(text: str, values: dict[str, Any], run: Run) -> None:
    for language, lines in _blocks(text):
        if language == "sh":
            for line in lines.splitlines():
                assert run(*shlex.split(line)[1:], "--force").exit_code == 0
        else:
            exec(compile(lines, "training.md", "exec"), values)  # noqa: S102 - the page is ours


@pytest.mark.thorough
@pytest.mark.parametrize("recipe", RECIPES, ids=TITLES)
def test_a_recipe_runs_as_it_stands(recipe: str, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_diabetes

    aside = (str(PROJECT / "tests"), str(PROJECT / "tests" / "bench"))  # a folder called datasets looks like a package
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder not in aside])
    monkeypatch.setenv("KERAS_HOME", str(work))
    if backend := next(filter(find_spec, ("tensorflow", "torch", "jax")), None):
        monkeypatch.setenv("KERAS_BACKEND", backend)
    load_diabetes(as_frame=True).frame.to_csv(work / "diabetes.csv", index_label="patient")
    values: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other packages are theirs
        for package in sorted(_packages(recipe)):
            pytest.importorskip(package, exc_type=ImportError)
        _ran(FIRST, values, run)
        _ran(recipe, values, run)
        if data := values.get("data"):  # of a file or of arrays, LightGBM's or XGBoost's
            read = data.construct().get_weight() if hasattr(data, "construct") else data.get_weight()
            assert read == pytest.approx(values["weights"], rel=1e-6)
    assert values["weights"].tolist() == dircli.weights("diabetes", ids=values["train"].index).tolist()
    assert values["stored"].ids.tolist() == values["train"].index.tolist()
    assert np.mean(values["stored"].weight) == pytest.approx(1)
