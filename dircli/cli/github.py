"""What is wrong as GitHub annotates it: at its file and line, on the page of a workflow's run."""

import os
import re

from dircli.errors import DirError, InputError

PLACE = re.compile(r"(?P<file>.*?)(?:, (?:line (?P<line>\d+)|row \d+))?")
SHOWN = 10
"""So many annotations of a step are shown."""


def asked_for() -> bool:
    """Whether this runs in a workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotation(message: str, *, title: str, file: str = "", line: str = "") -> str:
    """One annotation, in GitHub's format."""
    given = {"file": file, "line": line, "title": title}
    properties = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in given.items() if value)
    return f"::error {properties}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    return "".join(f"%{ord(letter):02X}" if letter in f"%\r\n{also}" else letter for letter in text)


def annotations(error: DirError, title: str) -> list[str]:
    """An annotation for each problem of an input, at its file and line; one for any other error."""
    if not isinstance(error, InputError):
        return [annotation(str(error), title=title)]
    found = []
    for problem in error.problems[:SHOWN]:
        place = PLACE.fullmatch(problem.where)
        message = str(problem).removeprefix(f"{problem.where}: ")
        parts = {key: value or "" for key, value in place.groupdict().items()} if place else {}
        found.append(annotation(message, title=title, **parts))
    return found
