"""The results in a folder: a JSON file that claims to be one is one, or is refused; other JSON files are left out."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from dircli.errors import InputError, Problem, UsageError, sample
from dircli.scores import results
from dircli.scores.signature import comparable, signature
from dircli.store import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

AGAIN = "Write it again with `dir evaluate --format json`, or take it out of the folder"
FIELDS = ("split", "protocol", "content", "version")


def collect(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The results under ``folder`` by their path in it, and the paths of other JSON files; both sorted.

    Raises InputError with every problem of every file that is no JSON, or claims to be a result and is none.
    """
    if not folder.is_dir():
        found = "this is a file, and a folder of results is expected" if folder.exists() else "there is no such folder"
        raise UsageError(f"{folder}: {found}")
    kept: dict[str, dict[str, Any]] = {}
    skipped: list[str] = []
    problems: list[Problem] = []
    for path in sorted(path for path in folder.rglob("*.json") if path.is_file()):
        try:
            if not _claims(path):
                skipped.append(path.relative_to(folder).as_posix())
                continue
            result = results.read(path)
        except InputError as error:
            problems += [Problem(problem.where, problem.found, AGAIN) for problem in error.problems]
            continue
        except OverflowError:  # JSON has whole numbers beyond any float
            problems.append(Problem(str(path), "a number in it is too large for a score", AGAIN))
            continue
        problems += [Problem(str(path), found, AGAIN) for found in _wrong(result)]
        kept[path.relative_to(folder).as_posix()] = result
    if problems:
        raise InputError(problems)
    return kept, skipped


def _claims(path: Path) -> bool:
    """Whether the JSON in ``path`` says that it is a result; InputError where it is no JSON, for it may be cut off."""
    try:
        found = json.loads(files.read(path))
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text that could be printed
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), f"this is no JSON ({error})")) from None
    return isinstance(found, dict) and bool({"signature", "systems"} & found.keys())


def _wrong(result: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a result beyond what `results.read` looks at: its rows, its names and its signature."""
    systems = result["systems"]
    if not systems:
        yield "it holds no systems"
    names = Counter(system["name"] for system in systems)
    if twice := [repr(name) for name, count in names.items() if count > 1]:
        yield f"more than one system is called {sample(twice)}"
    sizes = {json.dumps(system["regions"]["all"].get("n")) for system in systems}
    if strange := sorted(size for size in sizes if not size.isdecimal()):
        yield f"the number of rows of a system is {sample(strange)}"
    elif len(sizes) > 1:
        yield f"its systems have {sample(sorted(map(int, sizes)))} rows"
    elif not isinstance(result.get("version"), str):
        yield "there is no version"
    elif sizes:
        fields = {key: result[key] for key in FIELDS}
        made = signature(name=result["dataset"], n=int(sizes.pop()), **fields)
        if comparable(result["signature"]) != made:
            yield f"its signature is {result['signature']}, and what it holds makes {made}"
