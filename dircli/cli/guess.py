"""What a user may have meant: a dataset as an option or an argument, in any letters, or in the place of a file."""

import os
import re
import shlex
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
    **dict.fromkeys(("compare", "test", "bootstrap", "ci"), "evaluate --ci"),
    **dict.fromkeys(("split", "create", "make", "init", "prepare", "bin"), "curate"),
    **dict.fromkeys(("lds", "weigh", "reweight", "smooth"), "weights"),
    **dict.fromkeys(("train", "fit", "predict"), "weights` for a trainer of your own, then `dir evaluate"),
    **dict.fromkeys(("smote", "smoter", "smogn", "oversample", "undersample"), "resample"),
    **dict.fromkeys(("density", "bins", "histogram", "draw", "figure"), "plot"),
    **dict.fromkeys(("show", "describe", "stats"), "info"),
    **dict.fromkeys(("check", "validate"), "verify"),
    **dict.fromkeys(("rank", "board"), "leaderboard"),
    "diff": "evaluate --against RESULT.json",
    "report": "evaluate --report PAGE.html",
    "latex": "evaluate --format latex",
    "calibrate": "fds",
    "tune": "suggest",
    "metrics": "info --metrics",
    "cite": "--cite",
    "version": "--version",
}
"""What other programs call a command, and how it is written here."""

VALUES = {
    "md": "markdown",
    "tex": "latex",
    **dict.fromkeys(("text", "txt"), "table"),
    "gauss": "gaussian",
    "laplacian": "laplace",
    **dict.fromkeys(("triangle", "triangular"), "triang"),
    "inv": "inverse",
    **dict.fromkeys(("sqrt_inv", "sqrt-inverse"), "sqrt-inv"),
    **dict.fromkeys(("validation", "valid", "dev"), "val"),
}
"""Other words for values of options, each understood where an option takes the value and not the word."""

OPTIONS = {
    **dict.fromkeys(("-o", "--out", "--output"), ("--output", "--out")),
    **dict.fromkeys(("--latex", "--tex"), ("--format latex",)),
    **dict.fromkeys(("--markdown", "--md"), ("--format markdown",)),
    **dict.fromkeys(("--name", "--benchmark"), ("--dataset",)),
    **dict.fromkeys(("--id", "--ids"), ("--id-column",)),
    **dict.fromkeys(("--prediction", "--pred"), ("--prediction-column",)),
    **dict.fromkeys(("--label", "--target", "--targets"), ("--target", "--target-column")),
    **dict.fromkeys(("--test", "--paired", "--confidence"), ("--ci",)),
    **dict.fromkeys(("--lds", "--lds-kernel", "--lds_kernel", "--fds_kernel"), ("--kernel",)),
    **dict.fromkeys(("--kernel-size", "--lds-ks", "--lds_ks", "--fds_ks"), ("--ks",)),
    **dict.fromkeys(("--lds-sigma", "--lds_sigma", "--fds_sigma"), ("--sigma",)),
    "--reweight": ("--scheme",),
    "--fds_mmt": ("--momentum",),
    **dict.fromkeys(("--test-size", "--val-size"), ("--per-bin",)),
    "--bin-size": ("--bin-width",),
    "--bin": ("--per bin",),
    "--csv": ("--format csv",),
    "--baseline": ("--against",),
    "--dask": ("--engine dask",),
}
"""What other programs call an option, and what may be meant here: the first that a command has."""

NUMBER = re.compile(r"\d*\.?\d+%?")

FOLDER = "of files that are one table, name the folder, or the glob in quotes"

ONE_VALUE = {"metrics": "write names with commas between, as in mae,gm", "table": FOLDER, "features": FOLDER}
"""Options that are given twice for more of the same, and how more is written."""

ALIKE = 0.7
"""From which ratio of common letters on an option is offered for another one: `--engine` has 0.67 of `--region`."""

FILES = ("predictions", "features", "files")
"""What commands call the files that they are given as arguments."""

AS_OPTIONS = ("--file", "--files", "--input", "--predictions", "--preds")
"""What other programs call the option for such files."""


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
    _refuse_name_as_folder(values, root)
    _refuse_values_as_files(values)
    if "name" in values and "dataset" in values:
        values["name"] = _one(values, values.pop("dataset"), root)
        if needed and values["name"] is None:
            raise UsageError(own_table(values["table"], values) if values.get("table") else UNNAMED)
    for key in ("name", "dataset"):
        if values.get(key):
            values[key] = meant(values[key], root) or _path(values, key)
    refuse_datasets([value for key in FILES for value in _several(values.get(key))], root, option="dataset" in values)


def _refuse_name_as_folder(values: Mapping[str, Any], root: Path) -> None:
    """UsageError where --data or --manifest names no folder but a dataset, which another option is for."""
    for key, what in (("data", "the folder of raw files"), ("manifest", "the folder of a manifest")):
        folder = values.get(key)
        lacks = folder is not None and not is_remote(folder) and not Path(folder).exists()
        if "dataset" in values and lacks and (name := meant(str(folder), root)):
            raise UsageError(f"--{key} is {what}; did you mean --dataset {name}?")


def _refuse_values_as_files(values: Mapping[str, Any]) -> None:
    """UsageError where a word that is no file among the predictions belongs to an option that takes no more words."""
    for word in values.get("predictions") or () if "metrics" in values else ():
        if Path(word).exists():
            continue
        if word.casefold() in metrics(""):
            names = ",".join(filter(None, (values["metrics"].rstrip(","), word.casefold())))
            raise UsageError(f"{word} is a metric, and no file: write names with commas between, --metrics {names}")
        if values.get("ci") and NUMBER.fullmatch(word):
            raise UsageError(f"{word} is no file, and --ci takes no value: its intervals are of 95 %")


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
    if "table" in values and "raw" in values and (is_remote(of(name)) or Path(name).exists()):
        raise UsageError(own_table(name, values))
    if not is_remote(of(name)) and Path(name).is_file():
        table = meant(Path(name).stem, values.get("manifests") or Path("manifests"))
        raise UsageError(f"{name} is a file, not a dataset; {f'did you mean {table}?' if table else own_table(name)}")
    return name


def refuse_option(error: Any, command: str, options: Mapping[str, Iterable[Any]], *, files: bool) -> None:
    """UsageError that says what to write instead of the option that ``error`` calls unknown.

    The ``command`` has these ``options``, each with its values if it is a choice, and may take ``files``. Where nothing
    is known to be meant, the ``error`` keeps of the options that it offers those that are spelt much alike.
    """
    from difflib import get_close_matches

    typed = error.option_name
    if files and typed in AS_OPTIONS:
        raise UsageError(f"no option is called {typed}; write `dir {command} FILE`, without an option")
    for answer in OPTIONS.get(typed, ()):
        option, _, value = answer.partition(" ")
        if value in {"", *options.get(option, ())} and option in options:
            raise UsageError(f"no option is called {typed}; write {answer}")
    bare = typed.strip("-").replace("_", "-")
    offered = error.possibilities or ()
    error.possibilities = [each for each in offered if get_close_matches(bare, [each.strip("-")], cutoff=ALIKE)]


def own_table(path: Any, given: Mapping[str, Any] | None = None) -> str:
    """How to make a benchmark of the table at ``path``, with what is ``given`` of its columns."""
    columns = {"target": "COL", **{key: value for key in ("target", "id") if (value := (given or {}).get(key))}}
    words = " ".join(f"--{key} {shlex.quote(value)}" for key, value in columns.items())
    return f"for a benchmark of a table, write `dir curate custom --table {path} {words}`"


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
    if "table" in names and "raw" in names and (files := {word for word in words if Path(word).is_file()}):
        raise UsageError(own_table(files.pop()) if len(files) == 1 else f"--table takes one value; {FOLDER}")
    if "dataset" in names and "name" not in names:
        refuse_datasets(there, Path("manifests"), option=True)
    for word in there if not names.keys() & {"name", "dataset", *FILES} else ():
        if name := meant(word, Path("manifests")):
            raise UsageError(f"{word} is a dataset; `dir info {name}` tells about it")
