"""Help: `dir help CMD`, examples that parse, and options under headings."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from dircli.cli.app import HOMES, app
from dircli.cli.as_given import kinds_of
from dircli.cli.options import choices_of

if TYPE_CHECKING:
    from conftest import Run

COMMANDS = tuple(HOMES)
GROUP: Any = get_command(app)


@pytest.mark.thorough
@pytest.mark.parametrize("name", COMMANDS)
def test_help_about_a_command_is_that_of_the_command(name: str, run: Run) -> None:
    assert run("help", name).stdout == run(name, "--help").stdout == run(name, "-h").stdout


def test_help_alone_is_that_of_the_program(run: Run) -> None:
    assert run("help").stdout == run("--help").stdout
    assert "help" in run("--help").stdout


def test_help_about_nothing_there_is_names_what_is_close(run: Run) -> None:
    done = run("help", "evalute", code=2)
    assert "No such command 'evalute'. Did you mean 'evaluate'?" in done.stderr


def examples(name: str) -> list[str]:
    """The command lines under the help of a command."""
    return re.findall(r"^ *\$ (dir .*)$", GROUP.commands[name].epilog or "", re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_ends_in_examples_that_parse(name: str, run: Run) -> None:
    lines = examples(name)
    assert len(lines) >= (1 if name in {"demo", "datasets"} else 2)
    text = re.sub(r"\s+", " ", run(name, "--help").stdout)
    for line in lines:
        program, command, *words = shlex.split(line)
        assert (program, command) == ("dir", name)
        GROUP.commands[name].make_context(name, list(words))  # refuses what does not parse
        assert line in text


@pytest.mark.parametrize("name", COMMANDS)
def test_few_options_stand_without_a_heading(name: str) -> None:
    options = [each for each in GROUP.commands[name].params if each.param_type_name == "option"]
    assert sum(not each.rich_help_panel for each in options) <= 6


def test_an_option_that_many_commands_have_stands_under_one_heading() -> None:
    headings = {
        (each.name, each.rich_help_panel)
        for name in COMMANDS
        for each in GROUP.commands[name].params
        if each.name in {"force", "quiet", "as_json", "dataset", "manifests", "protocol", "split", "out"}
    }
    assert len(headings) == 8 + 1  # the split that `dir curate` makes is another option


@pytest.mark.thorough
@pytest.mark.parametrize("name", COMMANDS)
def test_on_a_narrow_terminal_no_word_of_a_choice_is_cut(name: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = re.sub(r"[│\s]+", " ", run(name, "--help").stdout)
    for choices in map(choices_of, kinds_of(GROUP.commands[name]).values()):
        for word in choices:
            assert re.search(rf"[< ]{re.escape(word)}[> ]", shown), word


def test_a_long_help_has_lines_as_long_as_the_terminals(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("suggest", "--help").stdout.split("Arguments")[0].splitlines()
    long = [len(line.strip()) for line in lines if line.startswith(" Each") or "effective density" in line]
    assert min(long) > 60  # the source's own lines, of 120, would leave a few words on every other one
