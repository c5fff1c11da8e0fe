"""The pages of docs/ that only repeat what the program knows: commands, metrics, the library, and each benchmark.

``python tests/reference_pages.py`` writes them; `tests/test_docs.py` fails where one is out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import dircli
from dircli import datasets
from dircli.cli.app import HOMES, Commands
from dircli.datasets import describe
from dircli.scores.metrics.table import described

DOCS = Path(__file__).parents[1] / "docs"
REMAKE = "<!-- made by `python tests/reference_pages.py`; change the program, not this page -->"
SPECIAL = re.compile(r"(`[^`]*`|https?://\S+)|([|\\<>*_\[\]])")
"""What stands as it is in Markdown, and what is written in another way."""
LONGEST_DEFAULT = 20  # letters


def pages() -> dict[str, str]:
    """The text of each page by its path in docs/."""
    return {
        "commands.md": _page("Commands", _commands()),
        "metrics.md": _page("Metrics", _metrics()),
        "python.md": _page("The library", _library()),
        **{f"benchmarks/{name}.md": _page(*_benchmark(name)) for name in datasets.NAMES},
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([REMAKE, "", f"# {title}", "", *lines, ""])


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield from (f"| {' | '.join(cells)} |" for cells in (heads, ("---",) * len(heads), *rows))
    yield ""


def _plain(text: str) -> str:
    """``text`` as Markdown shows it unchanged."""
    return SPECIAL.sub(lambda found: found[1] or ("&lt;" if found[2] == "<" else f"\\{found[2]}"), text)


def _flags(parameter: Any) -> str:
    return " ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))


def _word(parameter: Any) -> str:
    """What stands for the argument in a command line."""
    return str(parameter.metavar or parameter.name.upper())


def _default(parameter: Any) -> str:
    """What stands where the option is left out, if that says anything."""
    if isinstance(parameter.show_default, str):
        return _plain(parameter.show_default)
    shown = parameter.default
    return "" if callable(shown) or shown in {None, False, ""} or not parameter.show_default else f"`{shown}`"


def _values(kind: Any) -> str:
    """The words that an option annotated with ``kind`` takes, where they are listed; else nothing."""
    literals = [each for each in _within(kind) if get_origin(each) is Literal]
    words = [f"`{word}`" for each in literals for word in get_args(each)]
    return f" One of {', '.join(words)}." if words else ""


def _within(kind: Any) -> Iterator[Any]:
    """``kind`` and all that it is made of."""
    yield kind
    if get_origin(kind) is not Literal:
        for each in get_args(kind):
            yield from _within(each)


def _commands() -> Iterator[str]:
    """Every command with its arguments and options, as ``--help`` has them."""
    yield "Options of `dir` itself stand before the command: `-q`, `--version`, `--help`. What all commands share"
    yield "is told in [For scripts](scripts.md)."
    yield ""
    for name in HOMES:
        command = Commands()[name]
        kinds = {key: each.annotation for key, each in inspect.signature(command.callback).parameters.items()}
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
        yield from (f"## dir {name}", "", _plain(inspect.cleandoc(command.help or "").replace("\n", " ")), "")
        yield "```text"
        yield " ".join(["dir", name, *(_word(each) for each in arguments), "[OPTIONS]"])
        yield from ("```", "")
        for each in arguments:
            yield f"- `{_word(each)}`: {_plain(each.help or '')}"
        if arguments:
            yield ""
        panels: dict[str, list[tuple[str, ...]]] = {}
        for each in options:
            row = (_flags(each), _plain(each.help or "") + _values(kinds[each.name]), _default(each))
            panels.setdefault(each.rich_help_panel or "Options", []).append(row)
        for panel, rows in panels.items():
            yield from _table((panel, "", "default"), rows)


def _metrics() -> Iterator[str]:
    """The table of metrics."""
    yield "e = prediction - target, over the rows of a region. A score of no rows is null, never 0. Without"
    yield "`--metrics` the benchmark's usual ones are shown; `all` are all that can be had of the columns. The unit"
    yield "y is the target's."
    yield ""
    rows = [
        (f"`{each['name']}`", each["title"], _plain(each["what"]), each["better"], each["unit"] or "–", each["source"])
        for each in described()
    ]
    yield from _table(("name", "shown as", "what it is", "better", "unit", "source"), rows)


def _library() -> Iterator[str]:
    """The public names with their signatures and docstrings."""
    yield "All public names of the package `dircli`; each is a thin face of what the commands use. The README's section"
    yield '"From Python" shows all of them at work.'
    yield ""
    for name in sorted(dircli.__all__, key=str.casefold):
        value = getattr(dircli, name)
        if isinstance(value, str):
            continue
        yield f"## dircli.{name}"
        yield ""
        if not (inspect.isclass(value) and issubclass(value, Exception)):
            yield from ("```python", f"{name}{_signature(value)}", "```", "")
        text, *examples = re.split(r"^(?=>>>)", inspect.getdoc(value) or "", flags=re.MULTILINE)
        yield from text.strip().splitlines()
        yield ""
        if examples:
            yield from ("```pycon", *"".join(examples).splitlines(), "```", "")


def _signature(value: Any) -> str:
    """The parameters of a function or class with their defaults, without their types, which an editor shows."""
    empty, parameters = inspect.Parameter.empty, []
    for each in inspect.signature(value).parameters.values():
        is_long = each.default is not empty and len(repr(each.default)) > LONGEST_DEFAULT
        parameters.append(each.replace(annotation=empty, default=... if is_long else each.default))
    return str(inspect.Signature(parameters)).replace("Ellipsis", "...")


def _benchmark(name: str) -> tuple[str, Iterator[str]]:
    """The facts of one benchmark: its title, and its page's lines."""
    facts = describe.dataset(name, root=Path("manifests"), data=Path("DIR_DATA"))
    return f"{facts['title']} (`{name}`)", _facts(facts)


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    seed = facts["published_seed"]
    draw = f"seed {seed} over the published row order" if seed else "unseeded: the published split can only be imported"
    sizes = [f"{facts['rows'][part]:,}" for part in ("train", "val", "test")]
    rows = [
        ("target", f"{facts['target']}, in {facts['unit']}s, {facts['bins']} bins"),
        ("rows", f"{' / '.join(sizes)} (train / val / test)"),
        *(
            (f"regions, {protocol}", _plain(f"many {rule['many']}, few {rule['few']} training samples per bin"))
            for protocol, rule in facts["regions"].items()
        ),
        ("draw of val and test", f"{facts['unreleased']}: every split is a redraw" if facts["unreleased"] else draw),
        ("weights by default", f"`{facts['default_scheme']}`"),
        ("bins shipped", "yes" if facts["bins_shipped"] else "no"),
        ("licence", facts["licence"]),
        ("home", facts["homepage"]),
    ]
    yield from _table(("fact", ""), rows)
    yield from ("## How to obtain it", "")
    yield from (f"{number}. {_plain(step)}" for number, step in enumerate(facts["obtain"], 1))
    yield from ("", "## Files", "")
    files = [
        (
            f"`{source['file']}`",
            source["holds"],
            f"{source['bytes']:,}" if source["bytes"] else "not known",
            f"`{source['digest']}`" if source["digest"] else "not known",
        )
        for source in facts["sources"]
    ]
    files += [
        (f"`{shelf['files']}`", shelf["holds"], "as listed", f"`{shelf['listed']}`") for shelf in facts["catalogue"]
    ]
    yield from _table(("file", "holds", "bytes", "hash"), files)
    if facts["variants"]:
        yield from ("## Other splits in use under this name", "")
        yield "`dir identify` tells them; those with a name in bold are made by `--variant NAME`."
        yield ""
    for each in facts["variants"]:
        label = f"**{each['name']}**" if each["makeable"] else each["name"]
        what = "; ".join(filter(None, [each["title"], _plain(each["note"])]))
        yield f"- {label}: {what}. Source: {each['source']}"
    yield from ("", "## Cite", "", "```bibtex", facts["bibtex"], "```")


def main() -> None:
    """Write all pages."""
    (DOCS / "benchmarks").mkdir(exist_ok=True)
    for path, text in pages().items():
        (DOCS / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
