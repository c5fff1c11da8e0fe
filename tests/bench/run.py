"""Measure ours and what a user would do instead, in turns: ``python tests/bench/run.py``.

Every run is a fresh process; the runs of one work take turns (ours, its peers, ours, its peers, …), so that a busy
moment of the machine meets all of them. The exit code is 1 where a bar is missed, and 2 where a work could not run.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from measure import Failed, Run, process
from pages import Measured, as_json, as_markdown, as_text, machine
from works import WORKS, Peer, Work

SCALABLE = 200_000
"""Works of fewer rows have the size that their bar names."""
BRIEF, TURNS = 2.0, 3
"""A work whose turn takes less than so many seconds takes so many times as many turns."""


def main(words: list[str] | None = None) -> int:
    """The exit code."""
    options = _options(words)
    works = [work for work in WORKS if any(fnmatch.fnmatch(work.name, only) for only in options.only or ["*"])]
    if not works:
        sys.stderr.write(f"no such work; there are {', '.join(work.name for work in WORKS)}\n")
        return 2
    for path in (options.json, options.markdown):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
    about, begin = machine(), time.monotonic()
    for missing in sorted({name for work in works for peer in work.peers for name in _missing(peer)}):
        sys.stderr.write(f"{missing} is not installed: its peers are left out (pip install 'dircli[bench]')\n")
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="dir-bench-") as scratch:
        for work in works:
            if rows := _rows(work, options):
                sys.stderr.write(f"{work.name}: {rows:,} rows\n")
                found.append(measured(work, rows, options.runs or (3 if options.quick else 5), Path(scratch), options))
                sys.stdout.write(as_text(found[-1:]))
                sys.stdout.flush()
                _tidy(Path(scratch), works[works.index(work) + 1 :], options)
    about["minutes"] = (time.monotonic() - begin) / 60
    if options.json:
        options.json.write_text(as_json(found, about), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(as_markdown(found, about), encoding="utf-8")
    return 2 if any(one.failed for one in found) else int(any(one.missed for one in found))


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure ours and what a user would do instead, in turns.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="smaller sizes, and 3 runs")
    size.add_argument("--full", action="store_true", help="full sizes: 100 million rows where they are streamed")
    parser.add_argument("--only", action="append", metavar="NAME", help="a work, or a pattern such as join-*; again")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="X", help="so many times as many rows, where there are many"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each command (5)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the inputs here for the next time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run to this file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page to this file")
    return parser.parse_args(words)


def _rows(work: Work, options: argparse.Namespace) -> int:
    """The size of the work, which a scale moves where it can be moved."""
    rows = work.sizes[1 if options.quick else 2 if options.full else 0]
    return int(rows * options.scale) if rows >= SCALABLE else rows


def _missing(peer: Peer) -> list[str]:
    return [name for name in peer.needs if find_spec(name) is None]


def measured(work: Work, rows: int, runs: int, scratch: Path, options: argparse.Namespace) -> Measured:
    """All runs of ours and of each peer that is installed; or why there are none."""
    peers = [peer for peer in work.peers if not _missing(peer)]
    found = Measured(work=work, rows=rows, ours=[], peers={peer.name: [] for peer in peers})
    try:
        data = inputs(work.inputs, rows, options.keep or scratch)
        found.note = _note(data)
        turn = 0
        while turn < runs:
            found.ours.append(_run(work.ours, data, rows, scratch, scaled=work.scaled))
            for peer in peers:
                found.peers[peer.name].append(_run(peer.words, data, rows, scratch, scaled=peer.scaled))
            if turn == 0 and found.ours[0].wall + sum(each[0].wall for each in found.peers.values()) < BRIEF:
                runs *= TURNS
            turn += 1
    except Failed as error:
        found.failed = str(error)
    return found


def _note(data: Path) -> str:
    """What a maker says of its inputs."""
    path = data / "note.txt"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _run(words: tuple[str, ...], data: Path, rows: int, scratch: Path, *, scaled: bool = False) -> Run:
    """One process, with an empty folder for its results."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="out-") as out:
        told = [word.format(data=data, out=out, rows=rows) if "{" in word else word for word in words]
        return process([sys.executable, *told], out, scaled=scaled)


def inputs(name: str, rows: int, folder: Path) -> Path:
    """The folder of the inputs ``name``, which are made where they are not there yet."""
    if not name:
        return folder
    done = folder.resolve() / f"{name}-{rows}"
    if not done.exists():
        draft = done.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        process([sys.executable, str(Path(__file__).with_name("make.py")), name, str(draft), str(rows)], str(draft))
        draft.rename(done)
    return done


def _tidy(scratch: Path, later: list[Work], options: argparse.Namespace) -> None:
    """Remove the inputs that no later work reads."""
    used = {f"{work.inputs}-{_rows(work, options)}" for work in later}
    for folder in scratch.iterdir():
        if folder.name not in used:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
