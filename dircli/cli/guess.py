"""What a user may have meant: a dataset as an option or an argument, in any letters, or in the place of a file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from dircli.errors import UsageError
from dircli.store.places import is_remote, of

UNNAMED = "name a dataset, as `dir datasets` lists them"
COMMANDS = {
    **dict.fromkeys(("list", "ls"), "datasets"),
    **dict.fromkeys(("score", "eval"), "evaluate"),
    **dict.fromkeys(("get", "fetch", "pull"), "download"),
    "compare": "evaluate --ci",
    "diff": "evaluate --against RESULT.json",
    "metrics": "info --metrics",
    "cite": "--cite",
    "version": "--version",
    "lds": "weights",
    "split": "curate",
}
"""What other programs call a command, and how it is written here."""

VALUES = {
    "md": "markdown",
    "tex": "latex",
    **dict.fromkeys(("validation", "valid", "dev"), "val"),
}
"""Other words for values of options, each understood where an option takes the value and not the word."""

FILES = ("predictions", "features", "files")
"""What commands call the files that they are given as arguments."""


def names(ctx: typer.Context) -> list[str]:
    """The datasets that the shell may complete: those known, and those curated where the words so far say."""
    from dircli import datasets

    return list(dict.fromkeys([*datasets.NAMES, *_curated(Path(ctx.params.get("manifests") or "manifests"))]))


def metrics(incomplete: str) -> list[str]:
    """The metrics that the shell may complete, after others with commas between."""
    from dircli.scores.metrics.table import EVERY

    before = incomplete[: incomplete.rfind(",") + 1]
    return [before + name for name in EVERY]


def regions() -> list[str]:
    """The regions that the shell may complete."""
    from dircli.benchmark.regions import ALL, REGIONS, ZERO

    return [ALL, *REGIONS, ZERO]


def meant(name: str, root: Path) -> str | None:
    """The dataset, known or curated in ``root``, that is called ``name``, if need be in other letters; or None."""
    from dircli import datasets

    if name in datasets.NAMES or (root / name / "manifest.json").is_file():
        return name
    known = {each.casefold(): each for each in (*_curated(root), *datasets.NAMES, datasets.OWN)}
    return known.get(name.casefold()) or known.get(name.casefold().replace("_", "-"))


def _curated(root: Path) -> Iterable[str]:
    return sorted(path.parent.name for path in root.glob("*/manifest.json"))


def settle(values: dict[str, Any], *, needed: bool = False) -> None:
    """Let ``name`` or ``dataset`` among the ``values`` of a command be the dataset that is meant, whichever named it.

    UsageError where the two differ, where none is named and it is ``needed``, and for a dataset in the place of a file.
    """
    root = values.get("manifests") or Path("manifests")
    _refuse_name_as_data(values, root)
    if "name" in values and "dataset" in values:
        values["name"] = _one(values, values.pop("dataset"), root)
        if needed and values["name"] is None:
            raise UsageError(own_table(values["table"]) if values.get("table") else UNNAMED)
    for key in ("name", "dataset"):
        if values.get(key):
            values[key] = meant(values[key], root) or _path(values, key)
    refuse_datasets([value for key in FILES for value in _several(values.get(key))], root, option="dataset" in values)


def _refuse_name_as_data(values: Mapping[str, Any], root: Path) -> None:
    """UsageError where --data names no folder but a dataset, which another option is for."""
    data = values.get("data")
    lacks = data is not None and not is_remote(data) and not Path(data).exists()
    if "dataset" in values and lacks and (name := meant(str(data), root)):
        raise UsageError(f"--data is the folder of raw files; did you mean --dataset {name}?")


def _path(values: dict[str, Any], key: str) -> str | None:
    """The name under ``key``, which is no dataset's; UsageError that says how to give it where it is a path.

    A prediction file in its place is put among the others, for the name may be left out.
    """
    name: str = values[key]
    if key == "name" and "predictions" in values and ("://" in name or Path(name).is_file()):
        values["predictions"] = [name, *(values["predictions"] or [])]
        return os.environ.get("DIR_DATASET")
    if "manifest" in values and (of(name) / "manifest.json").is_file():
        raise UsageError(f"{name} is the folder of a manifest: --manifest {name}")
    if "table" in values and "raw" in values and Path(name).is_file():
        raise UsageError(own_table(name))
    return name


def own_table(path: Any) -> str:
    """How to make a benchmark of the table at ``path``."""
    return f"for a benchmark of a table, write `dir curate custom --table {path} --target COL`"


def _one(values: dict[str, Any], dataset: str | None, root: Path) -> str | None:
    """The dataset that is named as an argument, or as an option, which stands before the environment."""
    name: str | None = values["name"]
    if dataset is None or name is None or name == os.environ.get("DIR_DATASET"):
        return dataset or name
    if "predictions" in values and meant(name, root) is None:
        values["predictions"] = [name, *(values["predictions"] or [])]  # the option takes the place of NAME
        return dataset
    if (meant(name, root) or name) != (meant(dataset, root) or dataset):
        raise UsageError(f"two datasets are named, {name} and --dataset {dataset}; leave one of them out")
    return name


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def refuse_datasets(words: Iterable[Any], root: Path, *, option: bool) -> None:
    """UsageError where one of ``words`` is a dataset and no file; with ``option`` it can be named with --dataset."""
    unknown = [str(word) for word in words if "://" not in str(word) and not Path(word).exists()]
    there = {word: meant(word, root) for word in unknown}
    named = [(word, name) for word, name in there.items() if name]
    if named and option:
        raise UsageError("\n".join(f"{word} is a dataset: --dataset {name}" for word, name in named))
    if named:
        raise UsageError("\n".join(f"{word} is a dataset; `dir info {name}` lists its splits" for word, name in named))


def refuse_words(words: Iterable[str], names: Mapping[str, Any]) -> None:
    """UsageError where a command with parameters of these ``names`` was given a dataset among ``words`` it cannot take.

    ``words`` are those of the command line, of which there are too many.
    """
    there = [word for word in words if not word.startswith("-") and not Path(word).exists()]
    if "table" in names and "raw" in names and (files := [word for word in words if Path(word).is_file()]):
        raise UsageError(own_table(files[0]))
    if "dataset" in names and "name" not in names:
        refuse_datasets(there, Path("manifests"), option=True)
    for word in there if not names.keys() & {"name", "dataset", *FILES} else ():
        if name := meant(word, Path("manifests")):
            raise UsageError(f"{word} is a dataset; `dir info {name}` tells about it")
