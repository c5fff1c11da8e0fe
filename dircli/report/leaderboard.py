"""A leaderboard for people and spreadsheets: each block under its signature, and the paper's rows marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from rich.text import Text

from dircli import errors
from dircli.report import console
from dircli.report.formats.json import as_text
from dircli.report.tables import plain_table
from dircli.report.values import NULL, number
from dircli.scores.compare.leaderboard import Block, Board, Printed, Row
from dircli.store.text import as_csv

if TYPE_CHECKING:
    from rich.table import Table

DECIMALS = 3
ARROWS = {"lower": "↓", "higher": "↑", "nearer zero": "→0"}
WORDS = {"lower": "lower is better", "higher": "higher is better", "nearer zero": "nearer to zero is better"}


def render(board: Board, form: str, *, to_file: bool = False) -> str:
    """The board as text in one of the formats; a table is for the terminal at hand, or of a fixed width ``to_file``."""
    if form == "table":
        return table(board, to_file=to_file)
    return as_text(asdict(board)) if form == "json" else {"csv": csv, "markdown": markdown}[form](board)


def heading(board: Board) -> str:
    """What is ranked, by what, and which way."""
    return f"{board.dataset}: {board.title}, ranked by {board.region}, {WORDS[board.better]}"


def table(board: Board, *, to_file: bool) -> str:
    """A table per block, with every region or, where that is too wide, the one that ranks; the notes under them.

    A last line says which columns were left out for want of room.
    """
    screen = console.of_file() if to_file else console.out()
    left_out = dict[str, None]()
    with screen.capture() as captured:
        screen.print(Text(heading(board)))
        for block in board.blocks:
            screen.print()
            screen.print(Text(block.signature, style="bold"), soft_wrap=True)
            if block.apart:
                screen.print(Text(block.apart, style="dim"), soft_wrap=True)
            shown = _table(board, block, _regions(block))
            if not console.fits(shown, screen):
                shown = _table(board, block, [board.region])
                left_out |= dict.fromkeys(name for name in _regions(block) if name != board.region)
            screen.print(console.fitting(shown, screen))
        if board.notes or left_out:
            screen.print()
        if left_out:
            screen.print(
                Text(f"left out for want of room: {', '.join(left_out)}; --format csv has all"), soft_wrap=True
            )
        for note in board.notes:
            screen.print(Text(f"note: {note}", style="dim"), soft_wrap=True)
    return captured.get()


def _table(board: Board, block: Block, regions: Sequence[str]) -> Table:
    heads = [f"{name} {ARROWS[board.better]}" if name == board.region else name for name in regions]
    rows = plain_table("rank", "system", "from", *heads, left=3)
    rows.columns[1].no_wrap = False  # a long name is folded, and no number is cut
    for row in block.rows:
        cells = [f"{NULL if row.rank is None else row.rank:>4}", errors.clear(row.system), _from(row)]
        for score in _scores(row, regions):  # each point stands under the others, though the paper printed fewer digits
            missing = DECIMALS - len(score.partition(".")[2]) + ("." not in score)
            cells.append(score + " " * missing)
        rows.add_row(*map(Text, cells))
    return rows


def markdown(board: Board) -> str:
    """A table per block under its signature, published rows with a link to their source; the notes as a list."""
    lines = [f"**{heading(board)}**", ""]
    for block in board.blocks:
        regions = _regions(block)
        heads = [f"**{name}**" if name == board.region else name for name in regions]
        lines += [f"`{block.signature}`", ""]
        lines += [block.apart, ""] if block.apart else []
        lines += [f"| rank | system | from | {' | '.join(heads)} |", "| ---: | --- | --- |" + " ---: |" * len(heads)]
        for row in block.rows:
            system = errors.clear(row.system).replace("|", "\\|")
            rank = NULL if row.rank is None else row.rank
            origin = f"[{_from(row)}]({row.printed.url})" if row.printed else _from(row)
            lines.append(f"| {rank} | {system} | {origin} | {' | '.join(_scores(row, regions))} |")
        lines.append("")
    notes = [f"- {note}" for note in board.notes]
    return "\n".join([*lines, *notes, *([""] if notes else [])])


def csv(board: Board) -> str:
    """One row per system, in full precision, with the signature of its block; what is undefined or unsaid is empty."""
    regions = list(dict.fromkeys(name for block in board.blocks for name in _regions(block)))
    of_board, of_row = ("dataset", "metric", "region"), ("rank", "system", "origin", "source", "value")
    of_print = [each.name for each in fields(Printed)]
    rows: list[list[object]] = [[*of_board, "signature", *of_row, *regions, *of_print]]
    for block in board.blocks:
        head = [*(getattr(board, key) for key in of_board), block.signature]
        for row in block.rows:
            scores = [*(getattr(row, key) for key in of_row), *map(row.regions.get, regions)]
            rows.append([*head, *scores, *(getattr(row.printed, key, None) for key in of_print)])
    return as_csv(rows).decode()


def _regions(block: Block) -> list[str]:
    return list(dict.fromkeys(name for row in block.rows for name in row.regions))


def _from(row: Row) -> str:
    """Where a row comes from; a published table is named, a result's file stands in JSON and CSV."""
    return f"{row.origin}, {row.source}" if row.printed else row.origin


def _scores(row: Row, regions: Sequence[str]) -> list[str]:
    return [number(row.regions.get(name), DECIMALS if row.decimals is None else row.decimals) for name in regions]
