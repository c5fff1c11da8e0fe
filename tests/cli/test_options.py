"""A dataclass as a parameter of a command: one option for each of its fields."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import pytest
import typer
from typer.testing import CliRunner

from dircli import __version__
from dircli.cli.options import BenchmarkOptions, ManifestOptions, flattened, option
from dircli.errors import UsageError

if TYPE_CHECKING:
    from conftest import Run

Shape = Annotated[Literal["round", "square"], typer.Option(help="A shape that two groups share.")]


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Options of the tests."""

    panel: ClassVar = "How it looks"
    colour: str = option("red", "A colour.", flags="--colour --color -c", envvar="TEST_COLOUR")
    shape: Shape = "round"
    bold_face: bool = option(default=False, text="More ink.")
    paths: list[Path] | None = option(None, "Files.", flags="--path")  # noqa: RUF009 - a field


@dataclass(frozen=True, kw_only=True)
class MoreColours(Colours):
    """The same and one more."""

    layers: int = option(1, "How many.", min=1)


calls: list[tuple[object, ...]] = []


def paint(
    *,
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What to paint.")],
    colours: MoreColours,
    times: int = option(1, "How often."),
) -> None:
    """Paint it."""
    calls.append((ctx.command.name, name, colours, times))


@pytest.fixture
def app() -> typer.Typer:
    """A command whose options are in a group."""
    calls.clear()
    application = typer.Typer(rich_markup_mode="rich")
    application.command()(flattened(paint))
    return application


def test_options_reach_the_command_as_one_value(app: typer.Typer) -> None:
    words = ["wall", "--color", "blue", "--bold-face", "--path", "a", "--path", "b", "--layers", "3", "--times", "2"]
    assert CliRunner().invoke(app, words).exit_code == 0
    expected = MoreColours(colour="blue", bold_face=True, paths=[Path("a"), Path("b")], layers=3)
    assert calls == [("paint", "wall", expected, 2)]


def test_defaults_and_variables_hold(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["wall"]).exit_code == 0
    assert CliRunner(env={"TEST_COLOUR": "green"}).invoke(app, ["wall"]).exit_code == 0
    assert [call[2] for call in calls] == [MoreColours(), MoreColours(colour="green")]


@pytest.mark.parametrize("words", [["--shape", "oval"], ["--layers", "0"], ["--colours", "x"], ["--no-bold-face"]])
def test_what_typer_refuses_it_refuses_still(app: typer.Typer, words: list[str]) -> None:
    assert CliRunner().invoke(app, ["wall", *words]).exit_code == 2
    assert not calls


def test_the_help_shows_the_group_under_its_heading(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
    before, panel = text.split("How it looks")
    assert "--times" in before
    assert all(flag in panel for flag in ("--colour", "--color", "-c", "--shape", "--bold-face", "--path", "--layers"))
    assert "TEST_COLOUR" in panel
    assert "More ink." in panel
    assert "Paint it." in before


def test_the_flattened_command_keeps_its_name_and_order_and_the_shared_declaration_its_own_heading() -> None:
    command = flattened(paint)
    assert command.__name__ == "paint"
    assert list(inspect.signature(command).parameters) == [
        *("ctx", "name", "colour", "shape", "bold_face", "paths", "layers", "times")
    ]
    assert Shape.__metadata__[0].rich_help_panel is None  # type: ignore[attr-defined]


def test_an_option_that_two_groups_declare_is_refused() -> None:
    def twice(*, one: Colours, two: MoreColours) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name"):
        flattened(twice)


def test_the_users_cache_folder_is_the_one_of_the_moment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIR_DATA")
    for folder in ("one", "two"):
        monkeypatch.setattr("platformdirs.user_cache_path", lambda name, at=folder: Path(at) / name)
        assert run("info", "agedb", "--json").stdout.count(f"{folder}/dircli") == 1
    monkeypatch.setenv("DIR_DATA", "three")
    assert "two/dircli" not in run("info", "agedb", "--json").stdout


def test_a_folder_that_is_a_manifest_stands_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    identity = {"content": f"sha256:{'0' * 64}", "dataset": "agedb", "name": "named", "origin": "redraw"}
    facts = {**identity, "regions": {}, "rows": 1, "seed": 7, "version": __version__}
    (folder / "manifest.json").write_text(json.dumps(facts))
    assert ManifestOptions().located("agedb") == ("agedb", Path("manifests"))
    for name in (None, "agedb", "named", "mine"):
        assert ManifestOptions(manifest=folder).located(name) == ("mine", tmp_path.resolve())
    with pytest.raises(UsageError, match="is not sts-b: leave one of them out, or give the folder of sts-b"):
        ManifestOptions(manifest=folder).located("sts-b")
    monkeypatch.setenv("DIR_DATASET", "sts-b")
    assert ManifestOptions(manifest=folder).located("sts-b") == ("mine", tmp_path.resolve())
    assert BenchmarkOptions().split == "test"
