"""Values that are taken as given are those that typer would make of them, and so are its refusals."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.main import get_command

from dircli.cli.app import HOMES, app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = ("x", "", "-", ".", "no such/file", "1", "0.5", "-3", "nan", "true", "released", "csv", "test")


def _outcome(process: Callable[[], Any]) -> object:
    """The value and its type; no file at all is None, as the command sees it. Of an error, what it says."""
    try:
        value = process()
    except typer.BadParameter as error:
        return error.format_message().replace("Value error, ", "")  # which is no word of ours
    except typer.Exit:
        return typer.Exit
    value = None if value in ((), []) else value
    return repr(value)  # NaN is not equal to itself


def _both(command: Any) -> Any:
    """Each parameter of ``command`` with what we and what typer make of a value."""
    with command.make_context(command.name, [], resilient_parsing=True) as ctx:
        for parameter in command.get_params(ctx):
            yield parameter, parameter.process_value, partial(type(parameter).process_value, parameter), ctx


@pytest.mark.thorough
@pytest.mark.parametrize("name", HOMES)
def test_a_value_is_what_typer_makes_of_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = get_command(app).commands[name]  # type: ignore[attr-defined]  # of a group
    seen = 0
    for parameter, ours, typers, ctx in _both(command):
        several = parameter.nargs == -1 or getattr(parameter, "multiple", False)
        words: list[object] = [[word, "y"] if several else word for word in WORDS]
        flags = [True, False] if getattr(parameter, "is_flag", False) else []
        for value in [None, parameter.default, *words, *flags]:
            assert _outcome(partial(ours, ctx, value)) == _outcome(partial(typers, ctx, value)), parameter.name
            capsys.readouterr()
            seen += 1
    assert seen > len(WORDS)


def test_a_file_that_may_not_be_read_is_refused_as_by_typer(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "bins.parquet").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    command = get_command(app).commands["evaluate"]  # type: ignore[attr-defined]  # of a group
    (ours,) = (partial(ours, ctx) for parameter, ours, _, ctx in _both(command) if parameter.name == "bins")
    assert "not readable" in str(_outcome(partial(ours, "bins.parquet")))
    assert "PosixPath" in str(_outcome(partial(ours, "nothing.parquet")))
