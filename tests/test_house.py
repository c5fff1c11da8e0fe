"""The house rules: layers, start-up, and size."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import yaml
from conftest import PROJECT

from dircli import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Run

PACKAGE = PROJECT / "dircli"
LAYERS = (
    {"errors", "arrays"},
    {"benchmark"},
    {"store"},
    {"datasets"},
    {"curation", "weights", "features", "resampling", "scores"},
    {"report", "torch"},
    {"cli"},
)
"""Each package may import those of the rows above it; packages of one row never import each other."""

PURE = (
    *(
        "benchmark",
        "weights/exact.py",
        "weights/lds.py",
        "weights/schemes.py",
        "weights/suggest.py",
        "features/fds.py",
        "scores/metrics",
    ),
    "resampling/samplers",
)
"""Arrays in, arrays out: nothing here opens a file, and of other people's packages only NumPy and SciPy are loaded."""

OPENERS = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "unlink", "ZipFile", "File", "mkdir"}
HEAVY = {"numpy", "pandas", "scipy", "pyarrow", "h5py", "httpx", "PIL", "matplotlib"}
OWN = "--target y --id id --bin-width 1 --name own"
NEEDLESS = {"pandas", "pydantic", "scipy.stats", "matplotlib", "PIL", "h5py", "httpx"}
"""What a command that neither draws nor downloads, on a table of numbers, has no use for."""

UNASKED = {"pyarrow.compute", "numpy.random", "dircli.scores.uncertainty.quantify", "dircli.scores.compare.checks"}
UNASKED |= {"platformdirs", "statistics", "tempfile", "zipfile"}
"""What scoring a small file takes only where an option asks for it: intervals, checks, raw files, what is written."""

UNLOADED = {
    "evaluate predictions.csv --dataset own": {*NEEDLESS, *UNASKED, "scipy", "dircli.curation"},
    "evaluate predictions.csv --dataset own --format json": {*NEEDLESS, *UNASKED, "scipy", "dircli.curation", "rich"},
    "evaluate predictions.csv --dataset own --ci --format json": {*NEEDLESS, "pyarrow.compute", "rich"},
    "evaluate predictions.csv --dataset own --per-sample rows.parquet --per-bin bins.csv": NEEDLESS,
    "evaluate predictions.csv --dataset own --report page.html": {"pandas", "pydantic", "h5py", "httpx"},
    "explain predictions.csv --dataset own": {*NEEDLESS, *UNASKED, "scipy"},
    "verify own": {*NEEDLESS, "rich.progress", "dircli.scores", "dircli.curation.leakage"},
    "identify predictions.csv --format json": {*NEEDLESS, *UNASKED - {"pyarrow.compute"}, "dircli.scores", "rich"},
    "weights own": {*NEEDLESS, "scipy", "pyarrow.compute", "dircli.scores", "dircli.datasets.obtain", "rich.progress"},
    "suggest own": {*NEEDLESS, "scipy", "pyarrow.compute", "dircli.scores", "dircli.datasets.obtain", "rich.progress"},
    "info agedb": {*NEEDLESS, "pyarrow", "scipy", "rich", "dircli.scores"},
    f"curate custom --table own.csv {OWN}": NEEDLESS - {"pydantic"},  # typer checks numbers by it
    "resample --table own.csv --target y --method over --control-points 5:1,20:0": {*NEEDLESS, "scipy"},
    "fds features.h5 --dataset own --out calibrated.h5": NEEDLESS - {"h5py"},
    "plot own --out density.png": {"pandas", "pydantic", "h5py", "httpx"},
}
"""What each command does not load: modules whose import takes longer than most of its work."""

STARTED = """
import os, sys
leave = os._exit
def told(code):
    print(*(name for name, module in sys.modules.items() if module), file=sys.stderr, flush=True)
    leave(code)
os._exit = told
from dircli.cli import main
main()
"""
"""The command line, which at its end prints on stderr what was loaded."""

LONGEST = 50
"""The lines of a function's body."""


def _name(path: Path) -> str:
    return ".".join(("dircli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _imported(node: ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The module that each name comes from, and the name; of a module that is imported itself, its own name twice."""
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        yield (whole if whole in MODULES else str(node.module)), alias.name


def _imports(module: str) -> Iterator[tuple[str, str]]:
    """The modules of dircli that ``module`` imports, also within functions and for types alone, and the names."""
    for node in ast.walk(_tree(module)):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{module}: a relative import"
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "dircli":
            yield from _imported(node)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in MODULES)


def _package(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _row(package: str) -> int:
    (row,) = [row for row, packages in enumerate(LAYERS) if package in packages]
    return row


INNER = [module for module in MODULES if _package(module) not in {"", "__main__"}]


def test_packages_import_only_those_below_them() -> None:
    upward = [
        f"{module} imports {other}"
        for module in INNER
        for other, _ in _imports(module)
        if _package(other) not in {"", _package(module)} and _row(_package(other)) >= _row(_package(module))
    ]
    assert not upward


@pytest.mark.thorough
def test_no_import_runs_in_a_circle() -> None:
    edges = {module: {other for other, _ in _imports(module)} - {module, "dircli"} for module in MODULES}
    left = dict(edges)
    while ready := [module for module, others in left.items() if not others & left.keys()]:
        for module in ready:
            del left[module]
    assert not left, "these import each other"


@pytest.mark.thorough
def test_pytorch_is_imported_by_its_own_module_alone_which_no_other_imports() -> None:
    named = {
        module
        for module in MODULES
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if "torch" in str(name).split(".")
    }
    assert named == {"dircli.torch"}


def test_without_pytorch_its_module_says_in_one_line_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "dircli.torch", raising=False)
    with pytest.raises(ImportError) as raised:
        import_module("dircli.torch")
    assert str(raised.value) == "dircli.torch needs PyTorch; install it with: pip install 'dircli[torch]'"


@pytest.mark.thorough
def test_what_is_private_stays_in_its_file() -> None:
    private = [
        f"{module} imports {name} of {other}"
        for module in MODULES
        for other, name in _imports(module)
        if any(part.startswith("_") and not part.startswith("__") for part in (*other.split("."), name))
    ]
    assert not private


def _is_pure(module: str) -> bool:
    path = MODULES[module].relative_to(PACKAGE).as_posix()
    return path.startswith(PURE)


def test_pure_stages_load_numpy_and_scipy_alone_and_open_nothing() -> None:
    for module in filter(_is_pure, MODULES):
        nodes = list(ast.walk(_tree(module)))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        own = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"dircli", "numpy", "scipy"}
        assert not own, module
        calls = {ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)}
        assert not calls & OPENERS, module


def test_functions_are_short() -> None:
    for module in MODULES:
        for node in ast.walk(_tree(module)):
            if isinstance(node, ast.FunctionDef) and _package(module) != "cli":
                body = int(node.end_lineno or 0) - node.body[0].lineno
                assert body <= LONGEST, f"{module}: {node.name}"


def test_the_house_has_nine_packages_and_five_files_at_the_door() -> None:
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert {path.name for path in entries if path.is_dir()} <= set().union(*LAYERS)
    assert {path.name for path in entries if path.suffix == ".py"} == {
        "__init__.py",
        "__main__.py",
        "arrays.py",
        "errors.py",
        "torch.py",
    }


def test_no_dataset_is_named_outside_its_file() -> None:
    names = re.compile(r"""==\s*["'](agedb|sts-b|imdb-wiki|nyud2|shhs)["']""")
    for path in sorted(PACKAGE.rglob("*.py")):
        assert not names.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["curate", "--help"], ["evaluate", "--help"]])
def test_help_and_version_load_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom dircli.cli.app import app\n"
        f"try:\n    app({words!r}, prog_name='dir')\n"
        f"finally:\n    print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


@pytest.mark.slow
def test_no_command_loads_what_it_has_no_use_for(work: Path, run: Run) -> None:
    """Also pandas, which Arrow would import with its first array, and also where it could be drawn with."""
    lines = [f"{row},{row % 40}" for row in range(4000)]
    (work / "own.csv").write_text("\n".join(["id,y", *lines, ""]))
    run(*f"curate custom --table own.csv {OWN}".split())
    from dircli.store import manifests

    samples = manifests.read(work / "manifests" / "own").samples
    test, train = (np.flatnonzero(samples.split == part) for part in ("test", "train"))
    lines = [f"{samples.ids[row]},{samples.targets[row] + 0.5}" for row in test]
    (work / "predictions.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    with h5py.File(work / "features.h5", "w") as file:
        file["ids"] = samples.ids[train].tolist()
        file["epoch_1/features"] = np.repeat(samples.targets[train][:, None], 4, axis=1)
    for words, needless in UNLOADED.items():
        command = [sys.executable, "-c", STARTED, *words.split()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"dir {words}\n{done.stderr}"
        assert not needless.intersection(done.stderr.splitlines()[-1].split()), f"dir {words}"


def test_the_version_is_the_same_wherever_it_is_stated() -> None:
    assert f'version = "{__version__}"' in (PROJECT / "pyproject.toml").read_text()
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert f"## {__version__}" in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_public_names_are_listed_before_they_are_loaded() -> None:
    code = "import dircli, sys; print({*dircli.__all__} <= {*dir(dircli)}, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""


@pytest.mark.thorough
def test_the_public_names_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import dircli.scores.by_region, dircli.scores.from_arrays, dircli.weights.lds\n"
        "from dircli import evaluate, weights\nfrom dircli import evaluate as again\n"
        "assert callable(evaluate) and again is evaluate and weights.__name__ == 'weights' and callable(weights)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
