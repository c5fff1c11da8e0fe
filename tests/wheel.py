"""Build the wheel, install it alone, and run it far from the checkout: what a stranger gets from a package index."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from documents import python_of

PROJECT = Path(__file__).parents[1]


def main() -> None:
    """Fail unless the installed wheel finds the bins it ships and runs the demo."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "-q"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, PROJECT], check=True)
        (wheel,) = folder.glob("*.whl")
        venv.create(folder / "venv", with_pip=False)
        subprocess.run([*pip, "--python", str(folder / "venv"), "install", str(wheel)], check=True)
        program = folder / "venv" / "bin" / "dir"
        environment = {"PATH": os.environ["PATH"], "HOME": name}
        assert list(folder.glob("venv/lib/python*/site-packages/dircli/py.typed")), "the wheel has no py.typed"
        for words in (["--version"], ["datasets"], ["weights", "sts-b", "--per", "bin"], ["demo"]):
            subprocess.run([program, *words], check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        glue = folder / "glue.csv"  # two ids of sts-b, by which what is shipped of its rows is found
        glue.write_text(
            "id,split\nmain-captions/MSRvid/2012test/0000,train\nmain-captions/MSRvid/2012test/0001,train\n"
        )
        done = subprocess.run(
            [program, "identify", glue], check=False, cwd=folder, env=environment, capture_output=True, text=True
        )
        assert ": sts-b, no known split" in done.stdout, done.stdout + done.stderr
        snippet = folder / "snippet.py"
        snippet.write_text(python_of(PROJECT / "README.md"), encoding="utf-8")
        interpreter = folder / "venv" / "bin" / "python"
        subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--python-executable", interpreter, snippet],
            check=True,
            cwd=folder,
        )
        older = _on_the_oldest_python(wheel, folder, environment)
    sys.stdout.write(f"the wheel alone runs the demo, and its types hold; {older}\n")


def _on_the_oldest_python(wheel: Path, folder: Path, environment: dict[str, str]) -> str:
    """Score the demo on the oldest Python that is promised, also by a worker of Dask, where this machine has it."""
    required = re.search(r'requires-python = ">=([\d.]+)"', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert required is not None
    number, home = required[1], Path.home() / ".pyenv" / "versions"
    places = [shutil.which(f"python{number}"), *map(str, home.glob(f"{number}.*/bin/python"))]
    there = [place for place in places if place and not subprocess.run([place, "-c", ""], check=False).returncode]
    if not there:
        return f"there is no Python {number} here to try it on"
    subprocess.run([there[0], "-m", "venv", "--without-pip", folder / "oldest"], check=True)
    pip = [sys.executable, "-m", "pip", "-q", "--python", str(folder / "oldest")]
    subprocess.run([*pip, "install", f"{wheel}[dask]"], check=True)
    program, scored = folder / "oldest" / "bin" / "dir", ["evaluate", "plain.csv", "--dataset", "agedb-synthetic"]
    for words in (["demo", "--out", "walk"], [*scored, "--ci"], [*scored, "--engine", "dask", "--workers", "1"]):
        where = folder / "walk" if (folder / "walk").exists() else folder
        subprocess.run([program, *words], check=True, cwd=where, env=environment, stdout=subprocess.DEVNULL)
    return f"so it does on Python {number}"


if __name__ == "__main__":
    main()
