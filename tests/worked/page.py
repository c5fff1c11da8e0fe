"""The numbers of docs/worked.md, from the folder that run.py wrote: ``python tests/worked/page.py runs``.

What stands between the page's two marks is replaced, and the pictures that it shows; the words around it are ours.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

PROJECT = Path(__file__).parents[2]
PAGE, PICTURES = PROJECT / "docs" / "worked.md", PROJECT / "docs" / "pictures"
BEGIN, END = "<!-- measured -->\n", "<!-- end of what is measured -->\n"
TITLES = {"mse": "MSE", "mae": "MAE", "gm": "GM", "pearson": "Pearson"}


def cell(tested: list[dict[str, Any]]) -> str:
    """The mean of the differences from the baseline, with the number of those that are significant, by verdict."""
    counts = {verdict: sum(each["verdict"] == verdict for each in tested) for verdict in ("better", "worse")}
    words = "".join(f", **{verdict} {count}**" for verdict, count in counts.items() if count)
    return f"{fmean(each['difference'] for each in tested):+.3f}{words}".replace("-", "\N{MINUS SIGN}")


def table(systems: dict[str, list[dict[str, Any]]]) -> str:
    """A row per score and system: its ``regions`` as tested against the baseline, once for each seed."""
    regions = list(next(iter(systems.values()))[0])
    lines = [f"| score | system | {' | '.join(regions)} |", "| --- | --- |" + " ---: |" * len(regions)]
    for metric, title in TITLES.items():
        for name, seeds in systems.items():
            cells = [cell([tested[region][metric] for tested in seeds]) for region in regions]
            lines.append(f"| {title} | {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def compared(results: Iterable[Path]) -> dict[str, list[dict[str, Any]]]:
    """The tested regions of each system, in the order of its seeds, in the JSON of `dir evaluate --ci`."""
    systems: dict[str, list[dict[str, Any]]] = {}
    for path in results:
        for system in json.loads(path.read_text(encoding="utf-8"))["comparison"]["systems"]:
            systems.setdefault(system["name"].partition("@")[0], []).append(system["regions"])
    return systems


def measured(runs: Path) -> str:
    """All tables of the page."""
    parts = ["## Scores of test", (runs / "scores.md").read_text(encoding="utf-8")]
    for baseline in ("VANILLA", "SQINV", "HEAD"):
        parts += [f"## Against {baseline}, seed by seed", table(compared(sorted(runs.glob(f"{baseline}@*.json"))))]
    chance = {name: seeds for name, seeds in compared([runs / "scores.json"]).items() if name == "VANILLA"}
    parts += ["## VANILLA against itself: other seeds against the first", table(chance)]
    return "\n".join(parts)


def main() -> None:
    """Rewrite the page and its pictures."""
    if len(sys.argv) != 2:
        sys.exit(str(__doc__))
    runs = Path(sys.argv[1])
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}{measured(runs)}{END}{tail}", encoding="utf-8")
    for picture in runs.glob("*.png"):
        shutil.copy(picture, PICTURES / f"worked-{picture.stem.lower().replace('+', '-')}.png")


if __name__ == "__main__":
    main()
