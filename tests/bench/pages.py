"""What was measured, as text, as JSON and as the page docs/speed.md."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from measure import PROJECT

if TYPE_CHECKING:
    from measure import Run
    from works import Work

PACKAGES = ("dircli", "numpy", "pyarrow", "scipy", "h5py", "pillow", "typer", "duckdb", "polars", "pandas")
MIB, GIB = 2**20, 2**30
BUSY = 0.3
"""Processes that wait for each core, above which others used the machine."""
ABOUT = """\
# Speed

What `dir` takes, and what a user would run instead: the same work with DuckDB, polars or pandas, or the bare reading of
the same files, which is the physical limit. Every run is a fresh process on inputs from a seed; runs take turns (ours,
the peer, ours, …); times are medians, memory is the highest of any run. The bar of a ratio is that of wall
times, or of processor times where the work says so.

This page is written by one command:

```sh
pip install -e '.[test,bench]' && python tests/bench/run.py --markdown docs/speed.md
```

`--quick` measures small sizes, `--full` full ones (100 million rows where they are streamed), `--only NAME` one work.
"""


@dataclass(kw_only=True)
class Measured:
    """All runs of one work, or why it could not run; ``note`` says what of its inputs is not as usual."""

    work: Work
    rows: int
    ours: list[Run]
    peers: dict[str, list[Run]]
    failed: str = ""
    note: str = ""

    @property
    def what(self) -> str:
        """The work in words."""
        return self.work.what + (f" ({self.note})" if self.note else "")

    def median(self, runs: list[Run], clock: str) -> float:
        """Seconds; NaN without runs."""
        return statistics.median([run.wall if clock == "wall" else run.processor for run in runs] or [math.nan])

    def ratio(self, peer: str, clock: str) -> float:
        """Our time by the peer's."""
        return self.median(self.ours, clock) / self.median(self.peers[peer], clock)

    @property
    def peak(self) -> float:
        """The highest memory of ours in MiB."""
        return max((run.peak for run in self.ours), default=0) / MIB

    @property
    def missed(self) -> list[str]:
        """Each bar that was missed, with what was found."""
        if self.failed:
            return []
        work, (first, *_) = self.work, (*self.peers, "")
        found = []
        if work.ratio is not None and first == work.peers[0].name and self.ratio(first, work.clock) > work.ratio:
            found.append(f"ratio {self.ratio(first, work.clock):.2f}, at most {work.ratio:g}")
        if work.seconds is not None and self.median(self.ours, "wall") > work.seconds:
            found.append(f"{self.median(self.ours, 'wall'):.2f} s, at most {work.seconds:g}")
        if work.mib is not None and self.peak > work.mib:
            found.append(f"{self.peak:,.0f} MiB, at most {work.mib:,.0f}")
        return found


def machine() -> dict[str, Any]:
    """The day, the machine's size, how busy it is, and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "began": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / GIB),
        "system": platform.system(),
        "load_before": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def _version(name: str) -> str | None:
    if name == "dircli":  # that of this tree, whichever is installed
        return (PROJECT / "dircli" / "__init__.py").read_text().split('__version__ = "')[1].split('"')[0]
    try:
        return version(name)
    except PackageNotFoundError:
        return None


MEASURED = ("work", "rows", "runs", "ours", "processor", "peer", "peer takes", "processor", "ratio", "of processor")
COLUMNS = (*MEASURED, "bar", "peak of ours", "bar")


def rows(found: list[Measured]) -> list[tuple[str, ...]]:
    """A row for each work and peer, as texts; what belongs to the work alone stands in its first row."""
    table: list[tuple[str, ...]] = []
    for one in found:
        work = one.work
        if one.failed:
            table.append((one.what, f"{one.rows:,}", "could not run", *[""] * (len(COLUMNS) - 3)))
            continue
        own = [one.what, f"{one.rows:,}", str(len(one.ours))]
        own += [_seconds(one.median(one.ours, clock)) for clock in ("wall", "processor")]
        bar = "" if work.ratio is None else f"≤ {work.ratio:.1f}"
        bar = bar if work.seconds is None else f"≤ {work.seconds:g} s"
        peaks = [f"{one.peak:,.0f} MiB", "" if work.mib is None else f"≤ {work.mib:,.0f}"]
        for peer, runs in (one.peers or {"not installed": []}).items():
            times = [_seconds(one.median(runs, clock)) if runs else "" for clock in ("wall", "processor")]
            ratios = [f"{one.ratio(peer, clock):.2f}" if runs else "" for clock in ("wall", "processor")]
            judged = bar if work.seconds is not None or peer == work.peers[0].name else ""
            table.append((*own, peer, *times, *ratios, judged, *peaks))
            own, peaks, bar = [""] * len(own), ["", ""], ""
    return table


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:.2f} s"


def as_text(found: list[Measured]) -> str:
    """One line for each work and peer, and the bars that were missed."""
    lines = []
    for one in found:
        if one.failed:
            lines.append(f"{one.work.name}: could not run: {one.failed}")
            continue
        ours = f"{one.median(one.ours, 'wall'):.3f} s (processor {one.median(one.ours, 'processor'):.3f} s)"
        lines.append(f"{one.work.name:16} ours {ours}, peak {one.peak:,.0f} MiB, {len(one.ours)} runs")
        for peer, runs in one.peers.items():
            times = f"{one.median(runs, 'wall'):.3f} s (processor {one.median(runs, 'processor'):.3f} s)"
            peak = max(run.peak for run in runs) / MIB
            ratios = f"ratio {one.ratio(peer, 'wall'):.2f} (processor {one.ratio(peer, 'processor'):.2f})"
            lines.append(f"{'':16} {ratios} of {peer}: {times}, peak {peak:,.0f} MiB")
        lines += [f"{'':16} MISSED: {missed}" for missed in one.missed]
    return "\n".join([*lines, ""])


def as_json(found: list[Measured], about: dict[str, Any]) -> str:
    """Every run."""
    works = [
        {
            "work": one.work.name,
            "rows": one.rows,
            "note": one.note or None,
            "failed": one.failed or None,
            "ours": [asdict(run) for run in one.ours],
            "peers": {peer: [asdict(run) for run in runs] for peer, runs in one.peers.items()},
            "ratio": {peer: one.ratio(peer, one.work.clock) for peer, runs in one.peers.items() if runs and one.ours},
            "bars": {"ratio": one.work.ratio, "seconds": one.work.seconds, "mib": one.work.mib},
            "missed": one.missed,
        }
        for one in found
    ]
    return json.dumps({**about, "works": works}, indent=1) + "\n"


def as_markdown(found: list[Measured], about: dict[str, Any]) -> str:
    """The page."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items() if number)
    absent = [name for name, number in about["versions"].items() if not number]
    busy = about["load_before"] > BUSY * about["cores"]
    left_out = f"; left out, not installed: {', '.join(absent)}" if absent else ""
    size = f"{about['cores']} cores, {about['memory_gib']} GiB of memory, {about['system']}"
    minutes = f"It took {about['minutes']:.0f} minutes."
    lines = [ABOUT, f"{about['began'][:10]}, {size}; {versions}{left_out}. {minutes}"]
    if busy:
        load = f"load {about['load_before']:.1f}"
        lines.append(f"\nOther work ran on the machine at the same time ({load}): ratios say more than seconds.")
    lines += ["", _line(COLUMNS), _line(["---"] * len(COLUMNS)), *map(_line, rows(found))]
    missed = [
        f"- {one.what}, {one.rows:,} rows: {', '.join(one.missed)}. {one.work.limit}".rstrip()
        for one in found
        if one.missed
    ]
    failed = [f"- {one.what}: could not run" for one in found if one.failed]
    lines += ["", "Bars that were missed:" if missed else "Every bar holds.", "", *missed, *failed]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
