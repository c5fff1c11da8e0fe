"""The pages that people read, README.md and docs/, as steps that a test can take: what they type, and what they see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
REAL = "<!-- needs the real files -->\n"
FILE = r"<!-- file: (?P<file>\S+) -->\n"
"""Before a block: its text is written to this file."""
SHOWN = re.compile(rf"^(?P<real>{REAL})?(?:{FILE})?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command with the output ``shown`` under it, or a file that is written: ``name`` and its ``text``."""

    command: str = ""
    shown: str = ""
    name: str = ""
    text: str = ""
    needs_real: bool = False


APART = {"remote.md", "scale.md"}
"""Pages whose commands need servers, and run in tests of their own."""


def pages() -> list[Path]:
    """README.md and every other page of docs/ that shows a command."""
    docs = sorted(path for path in (PROJECT / "docs").rglob("*.md") if path.name not in APART)
    return [PROJECT / "README.md", *(path for path in docs if any(steps(path)))]


def steps(path: Path) -> Iterator[Step]:
    """The steps of a page in their order."""
    for block in SHOWN.finditer(path.read_text(encoding="utf-8")):
        if block["file"]:
            yield Step(name=block["file"], text=block["text"])
        if block["kind"] != "console":
            continue
        for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield Step(command=command, shown=shown, needs_real=bool(block["real"]))


def python_of(path: Path) -> str:
    """The page's example of the library, marked as such."""
    return path.read_text(encoding="utf-8").partition("<!-- from python -->\n```python\n")[2].partition("```")[0]


def is_shown(shown: str, printed: str) -> bool:
    """Whether the shown output is the printed one; a line ``...`` stands for any lines."""
    lines = [line.rstrip() for line in shown.rstrip().splitlines()]
    pattern = "\n".join(r"(?:.*\n)*?.*" if line == "..." else re.escape(line) for line in lines)
    cleaned = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, cleaned) is not None
