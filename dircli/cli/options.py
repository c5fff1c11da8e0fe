"""Options that several commands share, each declared once, and groups of options as dataclasses."""

from __future__ import annotations

import functools
import inspect
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args, get_type_hints

import typer

from dircli.benchmark.protocol import ProtocolName
from dircli.errors import UsageError
from dircli.report import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dircli.store.predictions import Layout

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset; `dir datasets` lists them.")]
OptionalName = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", envvar="DIR_DATASET", help="The dataset; by default the only curated one."),
]
Dataset = Annotated[
    str | None, typer.Option(envvar="DIR_DATASET", help="The dataset.", show_default="the only curated one")
]
Split = Annotated[Literal["test", "val", "train"], typer.Option(help="The rows that were predicted.")]
Manifests = Annotated[Path, typer.Option(envvar="DIR_MANIFESTS", help="The folder that holds the manifests.")]
Data = Annotated[
    Path | None,
    typer.Option(envvar="DIR_DATA", help="The folder of raw files.", show_default="the user's cache folder"),
]
Protocol = Annotated[
    ProtocolName, typer.Option(help="The rules: those of the released code, or those printed in the paper.")
]
KernelSize = Annotated[int, typer.Option(help="Kernel size in bins, odd.")]
KernelSigma = Annotated[float, typer.Option(help="Kernel width in bins (gaussian, laplace).")]


def _be_quiet(value: bool) -> bool:
    console.quiet = console.quiet or value
    return value


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.", callback=_be_quiet)]


@dataclass(frozen=True, kw_only=True)
class ManifestOptions:
    """Where the manifest of a command's dataset lies."""

    panel: ClassVar = "Benchmark"
    manifests: Manifests = Path("manifests")
    manifest: Annotated[
        Path | None, typer.Option(help="The folder of a manifest, wherever it lies, not its name.", show_default=False)
    ] = None

    def located(self, name: str | None) -> tuple[str | None, Path]:
        """The manifest's name and the folder that it lies in: as given, or those of the folder ``manifest``."""
        if self.manifest is None:
            return name, self.manifests
        if not (self.manifest / "manifest.json").is_file():
            raise UsageError(
                f"--manifest {self.manifest}: there is no manifest.json; give a folder that `dir curate` wrote"
            )
        folder = self.manifest.resolve()
        return folder.name, folder.parent


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """What prediction files are scored against."""

    panel: ClassVar = "Benchmark"
    dataset: Dataset = None
    split: Split = "test"
    bins: Annotated[
        Path | None,
        typer.Option(help="Score files that have targets with this bins.parquet, without a manifest."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PredictionLayout:
    """Which column of a prediction file holds what."""

    panel: ClassVar = "Columns of prediction files"
    id_column: Annotated[str, typer.Option(help="The column of ids.")] = "id"
    prediction_column: Annotated[str, typer.Option(help="The column of predictions.")] = "prediction"
    by_position: Annotated[
        bool, typer.Option("--by-position", help="Rows are in manifest order; ids are not used.")
    ] = False

    def layout(self) -> Layout:
        """The same for the reader of prediction files."""
        from dircli.store.predictions import Layout

        return Layout(**vars(self))


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` as typer is to see it: each field of a parameter that is a dataclass is an option of its own.

    Fields are declared as typer's parameters are, ``Annotated`` and with a default. The class attribute ``panel`` is
    the heading in the help that they stand under.
    """
    parameters = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {key: each.annotation for key, each in parameters.items() if is_dataclass(each.annotation)}
    flat: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        flat += _options(groups[name]) if name in groups else [parameter.replace(kind=KEYWORD_ONLY)]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]  # inspect looks for it, mypy does not
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _options(group: Any) -> Iterator[inspect.Parameter]:
    """The fields of the dataclass ``group`` as keyword parameters."""
    annotations = get_type_hints(group, include_extras=True)
    for field in fields(group):
        kind, declared = get_args(annotations[field.name])
        option = copy(declared)
        option.rich_help_panel = group.panel
        annotation = Annotated[kind, option]  # type: ignore[valid-type]  # known at run time alone
        yield inspect.Parameter(field.name, KEYWORD_ONLY, default=field.default, annotation=annotation)


def data_folder(given: Path | None) -> Path:
    """The folder of raw files: as given, or in the user's cache folder."""
    if given is not None:
        return given
    from platformdirs import user_cache_path

    return user_cache_path("dircli")
