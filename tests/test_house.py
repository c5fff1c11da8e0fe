"""The house rules: layers, start-up, size, and a README that cannot lie."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import PROJECT, REFERENCE

from dircli import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Run

PACKAGE = PROJECT / "dircli"
LAYERS = (
    {"errors", "arrays", "sources"},
    {"records", "bins", "protocols", "tables", "sampling", "canonical"},
    {"splits", "density", "shots", "sums", "leakage", "moments", "similarity", "maps"}
    | {"concordance", "relevance", "gaussian", "ranking", "widths", "thinning", "densities"},
    {"metrics", "calibration"},
    {"counted"},
    {"resampling"},
    {"weights", "evaluation", "fds", "intervals", "permutation"},
    {"datasets", "store", "published", "checks", "seeds"},
    {"curation", "scoring", "synthetic", "obtaining", "images", "signals", "audit", "leaderboard", "counting"},
    {"weighting", "proof", "gated", "smoothing", "scored_pixels", "deriving", "exporting", "describing"},
    {"dense", "weighing_maps", "dense_proof", "own"},
    {"picturing", "explaining", "dumps", "uncertainty", "codabench", "library"},
    {"reporting"},
    {"pipeline"},
    {"report"},
    {"cli"},
)
HEAVY = {"numpy", "pandas", "scipy", "pyarrow", "h5py", "httpx", "PIL", "matplotlib"}


def _layer(module: str) -> int:
    (level,) = [level for level, names in enumerate(LAYERS) if module in names]
    return level


def _modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module of a layer with its syntax tree; the two files at the door belong to no layer."""
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in {"__init__", "__main__"}:
            yield part, ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    """The layers' names that a module imports from dircli."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "dircli":
            yield from (alias.name for alias in node.names if not alias.name.startswith("_"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dircli."):
            yield str(node.module).split(".")[1]


def test_imports_only_point_down() -> None:
    upward = [
        f"{module} imports {name}"
        for module, tree in _modules()
        for name in _imports(tree)
        if module != name and _layer(name) >= _layer(module)
    ]
    assert not upward


def test_stages_touch_no_file_no_network_and_no_terminal() -> None:
    stages = set().union(*LAYERS[:7]) - {"fds"}
    edges = {"pathlib", "httpx", "rich", "typer", "socket", "subprocess", "pyarrow", "shutil", "sys", "os"}
    for module, tree in _modules():
        if module not in stages:
            continue
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name.split(".")[0] for name in names} & edges, module
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "open"]


def test_modules_are_short_and_functions_shorter() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and path.parent.name != "cli":
                body = int(node.end_lineno or 0) - node.body[0].lineno
                assert body <= 50, f"{path}: {node.name}"


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


def test_version_is_stated_once_more_and_alike_in_the_package_metadata() -> None:
    assert f'version = "{__version__}"' in (PROJECT / "pyproject.toml").read_text()


REAL = "<!-- needs the real files -->\n"


def _blocks() -> list[tuple[str, str, bool]]:
    """Every command of the README's console blocks, the output shown under it, and whether it needs real files."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    found = []
    for mark, block in re.findall(rf"^({REAL})?```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output, bool(mark)))
    return found


def _equal(shown: str, printed: str) -> bool:
    """Whether the shown output is the printed one; a line ``...`` stands for any lines."""
    lines = [line.rstrip() for line in shown.rstrip().splitlines()]
    pattern = "\n".join(r"(?:.*\n)*?.*" if line == "..." else re.escape(line) for line in lines)
    cleaned = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, cleaned) is not None


DIABETES = ("curate", "custom", "--table", "diabetes.csv", "--target", "target", "--id", "patient")


def _lay_out(work: Path, real: Path | None, run: Run) -> None:
    """The files that the README's commands take: real ones where they are here, and a made-up predictor's."""
    rows = (REFERENCE / "agedb_rows.csv").read_text().splitlines()[1:]
    for name, column in (("preds", 2), ("sharp", 2), ("shrunk", 1)):
        fields = (line.split(",") for line in rows)
        lines = [f"{row},{each[0]},{each[column]}" for row, each in enumerate(fields)]
        (work / f"{name}.csv").write_text("\n".join(["id,target,prediction", *lines]) + "\n")
    (work / "broken.csv").write_text("id,target,prediction\n0,31,30.5\n1,44,nan\n")
    from sklearn.datasets import load_diabetes

    from dircli.store import manifests

    load_diabetes(as_frame=True).frame.to_csv(work / "diabetes.csv", index_label="patient")
    run(*DIABETES, "--bin-width", 10, "--range", "20:350", "--name", "diabetes", "--out", work.with_name("elsewhere"))
    samples = manifests.read(work.with_name("elsewhere") / "diabetes").samples
    ids = samples.ids[samples.split == "test"]
    (work / "mean.csv").write_text("id,prediction\n" + "".join(f"{key},152.1\n" for key in ids))
    if real is not None:
        (work / "STS-B").symlink_to(real / "sts-b" / "STS-B")
        (work / "released").symlink_to(real / "sts-b" / "released")
        (work / "agedb.csv").symlink_to(real / "agedb" / "agedb.csv")
        published = (line.split(",") for line in (work / "agedb.csv").read_text(encoding="utf-8").splitlines()[1:])
        faces = [f"{path},{round(max(int(age), 20) * 0.8 + 8.3, 3)}" for age, path, part in published if part == "test"]
        (work / "gapped.csv").write_text("\n".join(["id,prediction", *faces]) + "\n", encoding="utf-8")


def test_the_readme_shows_what_its_commands_print(work: Path, run: Run) -> None:
    """Commands that take real inputs run where those are present; all others run everywhere."""
    folder = Path(os.environ.get("DIR_REAL_DATA") or PROJECT.parent / "shared" / "data")
    _lay_out(work, folder if folder.is_dir() else None, run)
    blocks = _blocks()
    assert len(blocks) >= 5
    for command, shown, needs_real in blocks:
        program, *words = shlex.split(command)
        assert program == "dir", command
        if needs_real and not folder.is_dir():
            continue
        code = 2 if shown.startswith("dir: ") else int("--fail-if" in words)
        result = run(*words, code=code)
        printed = result.stderr if code == 2 else result.stdout
        assert _equal(shown, printed), f"$ {command}\n{printed}"


def test_the_readme_names_every_command_and_every_dataset() -> None:
    from dircli import datasets
    from dircli.cli.app import app

    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    commands = [str(command.callback.__name__) for command in app.registered_commands if command.callback]
    assert not [name for name in commands if f"dir {name}" not in text]
    assert not [name for name in datasets.names() if f"`{name}`" not in text]


def test_the_public_names_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import dircli.evaluation, dircli.library\n"
        "from dircli import evaluate\nfrom dircli import evaluate as again\n"
        "assert callable(evaluate) and again is evaluate\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
