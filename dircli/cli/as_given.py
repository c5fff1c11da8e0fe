"""Values of options that are what they must be, as they were given; all others are for typer to convert or refuse.

Typer may convert every value, defaults too, through a model of pydantic, whose import takes longer than its own, and
the models of one command take as long again.
"""

import inspect
import os
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from typer.core import TyperCommand

from dircli import errors
from dircli.cli import guess
from dircli.errors import close_to
from dircli.store import places

UsageError: Any = typer.BadParameter.__base__
"""What typer raises for words that it has no use for, whose own name for it differs between its versions."""


class Command(TyperCommand):
    """A command that takes values as they were given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words ``args`` as values, which stand in ``ctx`` afterwards."""
        take_as_given(self, ctx)
        words = list(args)
        try:
            if not ctx.resilient_parsing:
                refuse_twice(self, ctx, words)
            return super().parse_args(ctx, args)
        except UsageError as error:
            if "extra argument" in error.message:
                guess.refuse_words(words, {str(each.name): each for each in self.params})
            answer_unknown(error, self, ctx)
            raise


def answer_unknown(error: Any, command: Any, ctx: Any) -> None:
    """UsageError where ``error`` is of an option that the ``command`` lacks, and what is meant is known."""
    if hasattr(error, "possibilities"):
        kinds, there = kinds_of(command), command.get_params(ctx)
        options = {flag: get_args(kinds.get(each.name)) for each in there for flag in each.opts}
        files = any(each.name in guess.FILES for each in there)
        guess.refuse_option(error, ctx.info_name, options, files=files)


def refuse_twice(command: Any, ctx: Any, words: list[str]) -> None:
    """UsageError where ``words`` give an option twice whose second value would be meant as one more: it is not added.

    Of all other options the last value holds, as of most programs.
    """
    _, _, given = command.make_parser(ctx).parse_args(args=list(words))
    for each in given:
        if each.name in guess.ONE_VALUE and given.count(each) > 1:
            raise errors.UsageError(f"{each.opts[0]} takes one value; {guess.ONE_VALUE[each.name]}")


def take_as_given(command: Any, ctx: Any) -> None:
    """Let the parameters of ``command`` take what they are given, as far as that is what their annotations say."""
    kinds = kinds_of(command)
    for parameter in command.get_params(ctx):
        kind = kinds.get(parameter.name, bool)  # --help is typer's own
        parameter.process_value = partial(_processed, parameter, kind)


def kinds_of(command: Any) -> dict[str, Any]:
    """What each parameter of ``command`` takes, by its name."""
    return {name: _bare(each.annotation) for name, each in inspect.signature(command.callback).parameters.items()}


def _bare(kind: Any) -> Any:
    """The annotation ``kind`` without what is said about it, and without None."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return kind


def _processed(parameter: Any, kind: Any, ctx: Any, value: Any) -> Any:
    """The ``value`` of a ``parameter`` of this ``kind``, after its callback; by typer where there is more to do."""
    given = _as_given(kind, value)
    if given is None and (value is not None or parameter.required):
        try:
            return type(parameter).process_value(parameter, ctx, value)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            if get_origin(kind) is Literal and value and (close := close_to([value], get_args(kind))):
                error.message = error.message.rstrip(".") + close
            raise
    return given if parameter.callback is None else parameter.callback(ctx, parameter, given)


def _as_given(kind: Any, value: Any) -> Any:
    """``value`` as ``kind``; None where it is to be converted, checked or refused."""
    if get_origin(kind) is list and isinstance(value, list | tuple) and value:
        values = [_as_given(get_args(kind)[0], each) for each in value]
        return None if None in values else values
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        other = guess.VALUES.get(str(value).casefold())
        return other if other in get_args(kind) else None
    if kind is Path and isinstance(value, str | Path):
        path = places.of(value)
        return path if places.is_remote(path) or os.access(path, os.R_OK) or not path.exists() else None
    return value if type(value) is kind else None
