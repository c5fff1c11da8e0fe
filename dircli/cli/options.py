"""Options that several commands share, each declared once, and groups of options as dataclasses."""

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from dircli.benchmark.protocol import ProtocolName
from dircli.cli.guess import names, settle
from dircli.errors import UsageError
from dircli.report import console
from dircli.store import places

if TYPE_CHECKING:
    from rich.table import Table

    from dircli.store.engines import Engine

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
Value = TypeVar("Value")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The dataset; `dir datasets` lists them.", autocompletion=names)
]
NamedByOption = Annotated[
    str | None, typer.Option("--dataset", help="NAME, given as an option.", show_default=False, autocompletion=names)
]
OptionalName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", envvar="DIR_DATASET", help="The dataset; by default the only curated one.", autocompletion=names
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(envvar="DIR_DATASET", help="The dataset.", show_default="the only curated one", autocompletion=names),
]
Split = Annotated[Literal["test", "val", "train"], typer.Option(help="The rows that were predicted.")]
Manifests = Annotated[Path, typer.Option(envvar="DIR_MANIFESTS", help="The folder that holds the manifests.")]
Protocol = Annotated[
    ProtocolName, typer.Option(help="The rules: those of the released code, or those printed in the paper.")
]
KernelSize = Annotated[int, typer.Option(help="Kernel size in bins, odd.")]
KernelSigma = Annotated[float, typer.Option(help="Kernel width in bins (gaussian, laplace).")]
Dpi = Annotated[int | None, typer.Option(help="Dots per inch of a PNG.", show_default="200")]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there by other content.")]


def _be_quiet(value: bool) -> bool:
    console.quiet = console.quiet or value
    return value


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.", callback=_be_quiet)]


def _be_verbose(value: bool) -> bool:
    if value:
        console.tell_more()
    return value


Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Say on stderr what is read, and in which way.", callback=_be_verbose),
]


def option(default: Value, text: str, shown: str | bool = True, *, flags: str = "", **settings: Any) -> Value:
    """An option of one command or group: its default, its help, and what else `typer.Option` takes.

    ``shown`` is what the help calls the default. Without ``flags``, which spaces part, it is called as the parameter
    or field is, and a flag has no second name with ``--no-``.
    """
    return field(default=default, metadata={"flags": flags, "help": text, "show_default": shown, **settings})


@dataclass(frozen=True, kw_only=True)
class ManifestOptions:
    """Where the manifest of a command's dataset lies."""

    panel: ClassVar[str] = "Benchmark"
    manifests: Manifests = Path("manifests")
    manifest: Path | None = option(None, "The folder of a manifest, wherever it lies, not its name.")

    def located(self, name: str | None) -> tuple[str | None, Path]:
        """The manifest's name and the folder that it lies in: as given, or those of the folder ``manifest``."""
        if self.manifest is None:
            return name, self.manifests
        if not (self.manifest / "manifest.json").is_file():
            message = "there is no manifest.json; give a folder that `dir curate` wrote"
            raise UsageError(f"--manifest {self.manifest}: {message}")
        folder = self.manifest.resolve()
        if name not in {None, os.environ.get("DIR_DATASET")} and not _names(str(name), folder):
            raise UsageError(
                f"--manifest {self.manifest} is not {name}: leave one of them out, or give the folder of {name}"
            )
        return folder.name, folder.parent


def _names(name: str, folder: Path) -> bool:
    """Whether ``name`` is that of the manifest in ``folder``, or of its dataset."""
    from dircli.store.manifests import read_facts

    facts = read_facts(folder)
    return name in {folder.name, facts["name"], facts["dataset"]}


def in_form(form: str | None, *, as_json: bool) -> str | None:
    """The format to print in, json also where ``as_json`` asks for it; UsageError where both are given and differ."""
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} are two formats; leave one of them out")
    return "json" if as_json else form


@dataclass(frozen=True, kw_only=True)
class TableFormat:
    """How a table is printed."""

    panel: ClassVar[str] = "Output"
    format: Literal["table", "json", "csv", "markdown"] | None = option(None, "How to print it.", "table")
    as_json: AsJson = False

    @property
    def form(self) -> str:
        """The format's name."""
        return in_form(self.format, as_json=self.as_json) or "table"

    def show(self, table: "Callable[[], Table]", facts: Callable[[], object]) -> None:
        """The ``table`` on stdout, or as JSON the ``facts`` that it shows."""
        if self.form == "json":
            from dircli.report.formats.json import as_text

            typer.echo(as_text(facts()), nl=False)
        elif self.form == "table":
            console.show(table())
        else:
            console.show_as(self.form, table())

    def say(self, line: str) -> None:
        """A ``line`` under the table, which other formats have on stderr."""
        if self.form == "table":
            typer.echo(line)
        elif self.form != "json":
            console.note(line)


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """What prediction files are scored against."""

    panel: ClassVar[str] = "Benchmark"
    dataset: Dataset = None
    split: Split = "test"
    bins: Path | None = option(None, "Score files that have targets with this bins.parquet, without a manifest.")


@dataclass(frozen=True, kw_only=True)
class PredictionLayout:
    """Which column of a prediction file holds what."""

    panel: ClassVar[str] = "Columns of prediction files"
    id_column: str = option("id", "The column of ids.")
    prediction_column: str = option("prediction", "The column of predictions.")
    by_position: bool = option(False, "Rows are in manifest order; ids are not used.")


HEADINGS = {
    **dict.fromkeys(("dataset", "manifests", "data", "protocol", "split"), "Benchmark"),
    **dict.fromkeys(("out", "output", "format_", "as_json", "force", "quiet", "verbose"), "Output"),
}
"""The heading in the help of options that many commands have, where no group has them."""


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Who does the work."""

    panel: ClassVar[str] = "More than one machine"
    engine: Literal["local", "dask"] = option("local", "Who does the work: this process, or the workers of Dask.")
    scheduler: str | None = option(
        None,
        "With --engine dask: the address of a running scheduler, such as tcp://HOST:8786.",
        "a cluster on this machine",
    )
    workers: int | None = option(
        None, "With --engine dask and no --scheduler: how many processes on this machine.", "one per core", min=1
    )

    def opened(self) -> "AbstractContextManager[Engine]":
        """The engine, for as long as the ``with`` lasts."""
        from dircli.store import engines

        return engines.opened(self.engine, scheduler=self.scheduler, workers=self.workers)


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` as typer is to see it: each field of a parameter that is a dataclass is an option of its own.

    Fields have defaults, and are declared with `option` or, where commands share them, with ``Annotated``. The class
    attribute ``panel`` is the heading in the help that they stand under.
    """
    parameters = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {key: each.annotation for key, each in parameters.items() if is_dataclass(each.annotation)}
    flat: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        flat += _of_group(groups[name]) if name in groups else [_for_typer(parameter)]
    if "quiet" in parameters:
        flat.append(_for_typer(inspect.Parameter("verbose", KEYWORD_ONLY, default=False, annotation=Verbose)))
    needed = False
    if (place := next((place for place, each in enumerate(flat) if _is_dataset(each)), None)) is not None:
        needed = flat[place].default is inspect.Parameter.empty
        flat[place] = flat[place].replace(default=None)  # it may be named by the option, too
        named = inspect.Parameter("dataset", KEYWORD_ONLY, default=None, annotation=NamedByOption)
        flat.append(_for_typer(named))

    @functools.wraps(command)
    def run(**values: Any) -> None:
        settings = [name for name in sorted(os.environ) if name.startswith("DIR_") and "TOKEN" not in name]
        for name in settings if values.pop("verbose", False) else ():
            console.note(f"{name} is {places.shown(os.environ[name])}")
        settle(values, needed=needed)
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]  # inspect looks for it, mypy does not
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _is_dataset(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is the argument that names a dataset."""
    about = getattr(parameter.annotation, "__metadata__", (None,))[0]
    return getattr(about, "metavar", None) == "NAME"


def _of_group(group: Any) -> Iterator[inspect.Parameter]:
    """The fields of the dataclass ``group`` as keyword parameters."""
    kinds = get_type_hints(group, include_extras=True)
    for each in fields(group):
        default = each if each.metadata else each.default
        parameter = inspect.Parameter(each.name, KEYWORD_ONLY, default=default, annotation=kinds[each.name])
        yield _for_typer(parameter, panel=group.panel)


def _for_typer(parameter: inspect.Parameter, *, panel: str | None = None) -> inspect.Parameter:
    """A keyword parameter as typer reads it, whichever way it was declared."""
    kind, default, declared = parameter.annotation, parameter.default, None
    if isinstance(parameter.default, Field):
        default, settings = parameter.default.default, dict(parameter.default.metadata)
        flags = settings.pop("flags").split() or [f"--{parameter.name.replace('_', '-')}"]
        declared = typer.Option(*flags, **settings)
    elif get_origin(kind) is Annotated and isinstance(get_args(kind)[1], OptionInfo):
        kind, shared = get_args(kind)
        declared = copy(shared)
    if declared is not None:
        if isinstance(declared, OptionInfo):
            declared.rich_help_panel = panel or HEADINGS.get(parameter.name)
            if declared.metavar is None and (choices := choices_of(kind)):
                declared.metavar = f"<{' | '.join(choices)}>"  # with spaces, where a narrow terminal breaks the line
        declared.case_sensitive = False
        kind = Annotated[kind, declared]
    return parameter.replace(kind=KEYWORD_ONLY, default=default, annotation=kind)


def choices_of(kind: Any) -> tuple[str, ...]:
    """The values of ``kind`` where it is a choice, which may also be left out; else none."""
    literals = [each for each in (kind, *get_args(kind)) if get_origin(each) is Literal]
    return get_args(literals[0]) if literals else ()
