"""Results and the paper's rows in one order, as far as they compare; what does not compare is set apart.

The board is one JSON object::

    {"dataset": "agedb", "region": "few", "metric": "mae", "title": "MAE", "better": "lower",
     "blocks": [{"signature": "dir|agedb|test|released|sha256:cfe40956|rules:…|n:2140|s:1", "apart": null,
                 "rows": [{"rank": 1, "system": "SQINV + FDS", "origin": "paper", "source": "Table 2",
                           "value": 9.98, "decimals": 2, "regions": {"all": 7.69, "many": 7.1, …}},
                          {"rank": 2, "system": "mine", "origin": "scored here", "source": "runs/mine.json",
                           "value": 10.1234, "decimals": null, "regions": {…}}]}],
     "notes": ["…"], "skipped": ["other.json"]}

A block holds the rows of one signature, less what that says about version and intervals, and of one content and one
digest of rules, of which a signature shows only the beginnings. The paper's rows join the blocks of the test split, the
released protocol and the published content; ``apart`` says why they are not in another. Where there is no such block,
and always for models trained on something else, they form blocks of their own, whose signature begins with "paper".
Equal values share a rank, and the next one counts all above it; a system without the score has the rank null and stands
last. ``decimals`` are the digits printed in the paper, null where the value is not rounded.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dircli import datasets
from dircli.benchmark.regions import ALL, REGIONS, ZERO
from dircli.errors import UsageError, sample
from dircli.scores.by_region import Score
from dircli.scores.compare import paper
from dircli.scores.metrics.table import EVERY, Metric
from dircli.scores.results import UNSIGNED, Result, collect
from dircli.scores.signature import comparable
from dircli.store import manifests
from dircli.store.content import rules_digest

UNVERIFIED = "the paper's rows are as printed; that they are of the published test rows cannot be verified"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system: its place, where its scores come from, the score that ranks, and that score in every region."""

    rank: int | None = None
    system: str
    origin: str
    source: str
    value: Score
    decimals: int | None = None
    regions: dict[str, Score]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Rows that compare with each other, under their signature; ``apart`` says why the paper's are not among them."""

    signature: str
    apart: str | None = None
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Board:
    """A leaderboard, as the docstring of this module describes its JSON."""

    dataset: str
    region: str
    metric: str
    title: str
    better: str
    blocks: tuple[Block, ...]
    notes: list[str]
    skipped: list[str]


def leaderboard(folder: Path, *, dataset: str | None, region: str, metric: str) -> Board:
    """The results under ``folder`` and the paper's rows, ranked by ``region`` and ``metric`` as far as they compare.

    ``dataset`` None is that of all the results; UsageError where there are several, or none.
    """
    results, skipped = collect(folder)
    there = sorted({result.dataset for result in results.values()})
    name = dataset or _only(there, folder)
    tables = [table for table in paper.tables() if table.dataset == name]
    measure = _measure(metric)
    regions = list(dict.fromkeys([ALL, *REGIONS, ZERO, *(each for table in tables for each in table.regions)]))
    if region not in regions:
        raise UsageError(f"no region is called {region!r}; there are {', '.join(regions)}")
    ours = {file: result for file, result in results.items() if result.dataset == name}
    if not ours and not tables:
        found = ", ".join(there) or "none at all"
        raise UsageError(f"{folder}: there are no results of {name!r}, and the paper has none; there are of {found}")
    printed, about_tables = _printed(tables, region, metric)
    blocks = _blocks(ours, printed, name=name, region=region, metric=metric)
    others = ", ".join(other for other in there if other != name)
    notes = [f"results of {others} are left out"] if others else []
    if not ours:
        notes = [f"there are no results of {name} here" + (f"; there are of {others}" if others else "")]
    notes += _lacking(ours, region, metric)
    return Board(
        dataset=name,
        region=region,
        metric=metric,
        title=measure.title,
        better=measure.better,
        blocks=tuple(replace(block, rows=_ranked(block.rows, measure)) for block in blocks),
        notes=notes + (about_tables if tables else [f"the paper has no table of {name}"]),
        skipped=skipped,
    )


def _only(datasets: Sequence[str], folder: Path) -> str:
    """The one of ``datasets``."""
    if len(datasets) == 1:
        return datasets[0]
    if datasets:
        raise UsageError(f"{folder}: there are results of {', '.join(datasets)}; name one of them with --dataset")
    raise UsageError(
        f"{folder}: no results are here; `dir evaluate --format json` writes them, "
        "and --dataset NAME shows the paper's rows alone"
    )


def _measure(metric: str) -> Metric:
    """The metric of that name; UsageError where there is none, or where it has no better and worse."""
    known = ", ".join(name for name, each in EVERY.items() if each.better != "neither")
    if metric not in EVERY:
        raise UsageError(f"no metric is called {metric!r}; there are {known}")
    if EVERY[metric].better == "neither":
        raise UsageError(f"{metric} is neither better low nor high, so it ranks nothing; take one of {known}")
    return EVERY[metric]


def _lacking(ours: Mapping[str, Result], region: str, metric: str) -> list[str]:
    """A note on the systems whose file does not have the score; one that is null is there, and undefined."""
    systems = [
        f"{system.name} ({file})"
        for file, result in ours.items()
        for system in result.systems
        if region not in system.regions or metric not in system.regions[region].scores
    ]
    return [f"{region}.{metric} is not in the result of {sample(systems)}"] if systems else []


def _printed(
    tables: Iterable[paper.Table], region: str, metric: str
) -> tuple[list[tuple[paper.Table, tuple[Row, ...]]], list[str]]:
    """The paper's rows for each table that has the score, and what there is to say about the tables."""
    printed, notes = [], []
    for table in tables:
        source = f"Table {table.number}"
        if metric not in table.columns:
            notes.append(f"{source} of the paper has no {metric}; it has {' and '.join(table.columns)}")
        elif region not in table.regions:
            notes.append(f"{source} of the paper has no region {region}; it has {', '.join(table.regions)}")
        else:
            of_table = ((row.method, table.scores(row, metric)) for row in table.rows)
            rows = tuple(
                Row(
                    system=method,
                    origin="paper",
                    source=source,
                    value=float(scores[region]),
                    decimals=-int(scores[region].as_tuple().exponent),
                    regions={name: float(value) for name, value in scores.items()},
                )
                for method, scores in of_table
            )
            printed.append((table, rows))
            column = table.columns[metric]
            notes += [f"{source} of the paper: {column.title} is {column.note}"] if column.note else []
    return printed, notes + ([UNVERIFIED] if printed else [])


def _blocks(
    ours: Mapping[str, Result],
    printed: list[tuple[paper.Table, tuple[Row, ...]]],
    *,
    name: str,
    region: str,
    metric: str,
) -> list[Block]:
    """The rows, not yet ranked, by what they compare with: blocks with the paper's rows first, then by signature."""
    groups: dict[tuple[str, str, str], dict[str, Result]] = {}
    for file, result in ours.items():
        key = (comparable(result.signature), result.content, str(result.rules))
        groups.setdefault(key, {})[file] = result
    joining = [row for table, rows in printed if not table.subset for row in rows]
    released = _released(name)
    blocks = []
    for (signature, *_), group in sorted(groups.items()):
        first = next(iter(group.values()))
        apart = _unlike_the_paper(first, released) if joining and first.signs_rules else None
        apart = apart if first.signs_rules else f"set apart: {UNSIGNED}"
        rows = (*_scored(group, region, metric), *(joining if apart is None else ()))
        blocks.append(Block(signature=signature, apart=apart, rows=rows))
    blocks.sort(key=lambda block: block.apart is not None)
    joined = any(block.apart is None for block in blocks)
    for table, printed_rows in printed:
        if table.subset or not joined:
            signature = f"paper|{name}|{paper.SPLIT}|{paper.PROTOCOL}|Table {table.number}"
            blocks.append(Block(signature=signature, apart=table.subset or None, rows=printed_rows))
    return blocks


def _released(name: str) -> tuple[str, str] | None:
    """The content and the digest of rules of the published split of ``name``, as shipped; None where unknown."""
    shipped = manifests.shipped(name)
    if shipped is None:
        return None
    table = manifests.read_bins(shipped)
    dataset = datasets.known(table.facts, table.bins)
    if dataset is None or table.facts.get("origin") != "released":
        return None
    return str(table.facts["content"]), rules_digest(table, dataset.rules.score_rules)


def _scored(group: Mapping[str, Result], region: str, metric: str) -> list[Row]:
    """The rows of results that compare with each other; a name that stands in several files gets its file's."""
    names = Counter(system.name for result in group.values() for system in result.systems)
    return [
        Row(
            system=system.name if names[system.name] == 1 else f"{system.name} ({file})",
            origin="scored here",
            source=file,
            value=system.score(region, metric),
            regions={name: each.scores[metric] for name, each in system.regions.items() if metric in each.scores},
        )
        for file, result in group.items()
        for system in result.systems
    ]


def _unlike_the_paper(result: Result, released: tuple[str, str] | None) -> str | None:
    """Why ``result`` does not compare with the paper's rows, of content and rules ``released``; None where it may."""
    reasons = [f"they are of the {paper.SPLIT} split"] if result.split != paper.SPLIT else []
    if result.protocol != paper.PROTOCOL:
        reasons.append(f"they are of the {paper.PROTOCOL} protocol")
    if result.content.startswith("bins:"):
        reasons.append("these targets came with the predictions, unverified")
    elif released is None:
        reasons.append("the content of the published split is not known here")
    elif result.content != released[0]:
        reasons.append("this content is not that of the published split")
    elif result.rules != released[1]:
        reasons.append("these rules are not those of the published split")
    return f"without the paper's rows: {'; '.join(reasons)}" if reasons else None


def _ranked(rows: Iterable[Row], metric: Metric) -> tuple[Row, ...]:
    """``rows`` from best to worst, each with its rank; those of equal value, or without one, by name."""
    keyed = [(math.inf if row.value is None else metric.badness(float(row.value)), row) for row in rows]
    keyed.sort(key=lambda pair: (pair[0], pair[1].system))
    keys = [key for key, _ in keyed]
    return tuple(replace(row, rank=None if row.value is None else 1 + keys.index(key)) for key, row in keyed)
