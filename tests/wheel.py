"""Build the wheel, install it alone, and run it far from the checkout: what a stranger gets from a package index."""

from __future__ import annotations

import os
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
    sys.stdout.write("the wheel alone runs the demo, and its types hold\n")


if __name__ == "__main__":
    main()
