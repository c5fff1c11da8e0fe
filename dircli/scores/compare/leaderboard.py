"""Results and published rows in one order, as far as they compare; what does not compare is set apart.

The board is one JSON object::

    {"dataset": "agedb", "region": "few", "metric": "mae", "title": "MAE", "better": "lower",
     "blocks": [{"signature": "dir|agedb|test|released|sha256:cfe40956|rules:…|n:2140|s:1", "apart": null,
                 "rows": [{"rank": 1, "system": "SQINV + FDS", "origin": "paper", "source": "Table 2",
                           "value": 9.98, "decimals": 2, "regions": {"all": 7.69, "many": 7.1, …},
                           "printed": {"variant": "released", "backbone": "ResNet-50", "seeds": "not said",
                                       "url": "https://…", "verified": "…"}},
                          {"rank": 2, "system": "mine", "origin": "scored here", "source": "runs/mine.json",
                           "value": 10.1234, "decimals": null, "regions": {…}, "printed": null}]}],
     "notes": ["…"], "skipped": ["other.json"]}

A block holds the rows of one signature, less what that says about version and intervals, and of one content and one
digest of rules, of which a signature shows only the beginnings. The rows of the DIR paper ("paper"), and of later
papers ("SRL 2025") on the same test rows, join the blocks of the test split, the released protocol and the published
content; ``apart`` says why they are not in another. Where there is no such block, and always for models trained on
something else, they form blocks of their own, whose signature begins with "paper". So do rows on another test set, a
block for each, which results on that very test set join; where the test set is not known, none has a rank. Equal values
share a rank, and the next one counts all above it; a system without the score has the rank null and stands last, and a
published row that does not print the score is left out. ``decimals`` are the printed digits, null where the value is
not rounded.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dircli import datasets
from dircli.benchmark.regions import ALL, REGIONS, ZERO
from dircli.datasets.variants import variants
from dircli.errors import UsageError, close_to, sample
from dircli.scores.by_region import Score
from dircli.scores.compare import paper
from dircli.scores.metrics.table import EVERY, Metric
from dircli.scores.results import UNSIGNED, Result, collect
from dircli.scores.signature import comparable
from dircli.store import manifests
from dircli.store.content import rules_digest

PAPER = "paper"
UNVERIFIED = "the paper's rows are as printed; that they are of the published test rows cannot be verified"
LATER = "later papers' rows are as printed, too, of the test rows that their sources say; model, and how read:"


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What is known of a published row: its test set by its short name, its model, and where it was read, and how."""

    variant: str
    backbone: str
    seeds: str
    url: str
    verified: str


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
    printed: Printed | None = None


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


def leaderboard(inputs: Sequence[Path], *, dataset: str | None, region: str, metric: str | None) -> Board:
    """The results in ``inputs``, if any, and published rows, ranked by ``region`` and ``metric`` if they compare.

    ``dataset`` None is that of all the results; UsageError where there are several, or none. ``metric`` None is mae or,
    where there are no results of the dataset and no table has mae, the first metric of the paper's table.
    """
    results, skipped = collect(inputs)
    folder = sample(inputs)
    there = sorted({result.dataset for result in results.values()})
    name = dataset or _only(there, folder)
    tables = [table for table in [*paper.tables(), *paper.later()] if table.dataset == name]
    references = _references(name)
    contents = {content for content, _ in references.values()}
    ours = {file: each for file, each in results.items() if each.dataset == name or each.content in contents}
    by = metric or _usual(() if ours else tables)
    measure = _measure(by)
    regions = list(dict.fromkeys([ALL, *REGIONS, ZERO, *(each for table in tables for each in table.regions)]))
    if region not in regions:
        close = close_to([region], regions)
        raise UsageError(f"no region is called {region!r}; there are {', '.join(regions)}{close}")
    if not ours and not tables:
        found = ", ".join(there) or "none at all"
        close = close_to([name], [*there, *datasets.NAMES])
        raise UsageError(
            f"{folder}: there are no results of {name!r}, and the paper has none; there are of {found}{close}"
            if folder
            else f"no results of {name!r} are given, and no paper has a table of it; name their folder{close}"
        )
    printed = [(table, _rows(table, region, by)) for table in tables]
    others = ", ".join(sorted({each.dataset for file, each in results.items() if file not in ours}))
    notes = [f"results of {others} are left out"] if others else []
    if folder and not ours:
        notes = [f"there are no results of {name} here" + (f"; there are of {others}" if others else "")]
    notes += _lacking(ours, region, by)
    return Board(
        dataset=name,
        region=region,
        metric=by,
        title=measure.title,
        better=measure.better,
        blocks=tuple(
            replace(block, rows=_ranked(block.rows, measure, ranks=_known(block)))
            for block in _blocks(ours, printed, references, name=name, region=region, metric=by)
        ),
        notes=notes + (_about(printed, region, by) if tables else [f"the paper has no table of {name}"]),
        skipped=skipped,
    )


def _only(datasets: Sequence[str], folder: str) -> str:
    """The one of ``datasets``, which are those of the results in ``folder``."""
    if not folder:
        raise UsageError("name a folder of results, or with --dataset NAME a dataset, to see its published rows alone")
    if len(datasets) == 1:
        return datasets[0]
    if datasets:
        raise UsageError(f"{folder}: there are results of {', '.join(datasets)}; name one of them with --dataset")
    raise UsageError(
        f"{folder}: no results are here; `dir evaluate --format json` writes them, "
        "and --dataset NAME shows the paper's rows alone"
    )


def _usual(tables: Sequence[paper.Table]) -> str:
    """The metric that ranks unless one is named: mae or, where none of ``tables`` has it, the first of the first."""
    return "mae" if not tables or any("mae" in table.columns for table in tables) else next(iter(tables[0].columns))


def _measure(metric: str) -> Metric:
    """The metric of that name; UsageError where there is none, or where it has no better and worse."""
    ranking = [name for name, each in EVERY.items() if each.better != "neither"]
    known = ", ".join(ranking)
    if metric not in EVERY:
        raise UsageError(f"no metric is called {metric!r}; there are {known}{close_to([metric], ranking)}")
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


def _rows(table: paper.Table, region: str, metric: str) -> tuple[Row, ...]:
    """The rows of ``table`` that print the score."""
    if metric not in table.columns or region not in table.regions:
        return ()
    scored = [(row, table.scores(row, metric)) for row in table.rows]
    return tuple(
        Row(
            system=row.method,
            origin=_origin(table),
            source=table.label,
            value=float(value),
            decimals=-int(value.as_tuple().exponent),
            regions={name: None if each is None else float(each) for name, each in scores.items()},
            printed=Printed(
                variant=row.variant,
                backbone=table.backbone,
                seeds=table.seeds,
                url=table.source,
                verified=table.verified,
            ),
        )
        for row, scores in scored
        if (value := scores[region]) is not None
    )


def _origin(table: paper.Table) -> str:
    """What the rows of ``table`` are marked with."""
    return PAPER if table.paper == "DIR" else f"{table.paper} {table.year}"


def _about(printed: Sequence[tuple[paper.Table, tuple[Row, ...]]], region: str, metric: str) -> list[str]:
    """What there is to say about the tables that have the score, and about the paper's where they do not."""
    notes, sources = [], []
    for table, rows in printed:
        of = f"{table.label} of the paper" if _origin(table) == PAPER else f"{_origin(table)}, {table.label}"
        if rows:
            column = table.columns[metric]
            notes += [f"{of}: {column.title} is {column.note}"] if column.note else []
            off = [row.system for row in rows if row.system in table.unreconciled]
            notes += [f"{of}: all does not follow from the regions in {', '.join(off)}"] if off else []
            sources += [] if _origin(table) == PAPER else [f"{of}: {table.backbone}; {table.verified}"]
        elif _origin(table) == PAPER and metric not in table.columns:
            notes.append(f"{of} has no {metric}; it has {' and '.join(table.columns)}")
        elif _origin(table) == PAPER:
            notes.append(f"{of} has no region {region}; it has {', '.join(table.regions)}")
    if any(rows for table, rows in printed if _origin(table) == PAPER):
        notes.append(UNVERIFIED)
    return notes + ([LATER, *sources] if sources else [])


def _blocks(  # noqa: PLR0913 - what is ranked, and by what
    ours: Mapping[str, Result],
    printed: Sequence[tuple[paper.Table, tuple[Row, ...]]],
    references: Mapping[str, tuple[str, str]],
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
    of_set: dict[str, list[Row]] = {}
    for row in (row for table, rows in printed if not table.subset for row in rows):
        of_set.setdefault(row.printed.variant if row.printed else "", []).append(row)
    blocks, joined = [], set[str]()
    for (signature, *_), group in sorted(groups.items()):
        first = next(iter(group.values()))
        contents = {content: variant for variant, (content, _) in references.items()}
        variant = contents.get(first.content, paper.PUBLISHED)
        joining = of_set.get(variant, [])
        unlike = _unlike_the_paper(first, references.get(variant)) if joining and first.signs_rules else None
        apart = unlike if first.signs_rules else f"set apart: {UNSIGNED}"
        rows = (*_scored(group, region, metric), *(joining if apart is None else ()))
        joined |= {variant} if apart is None else set()
        if variant != paper.PUBLISHED:
            apart = "; ".join(filter(None, (_text(variant), apart)))
        blocks.append(Block(signature=signature, apart=apart, rows=rows))
    blocks.sort(key=lambda block: block.apart is not None)
    return [*blocks, *_printed_blocks(printed, {key: rows for key, rows in of_set.items() if key not in joined}, name)]


def _printed_blocks(
    printed: Sequence[tuple[paper.Table, tuple[Row, ...]]], of_set: Mapping[str, Sequence[Row]], name: str
) -> Iterator[Block]:
    """Published rows that no result joins, ``of_set`` by their test set."""
    head = f"paper|{name}|{paper.SPLIT}"
    if published := of_set.get(paper.PUBLISHED):
        tables = [row.source if row.origin == PAPER else "later papers" for row in published]
        signature = f"{head}|{paper.PROTOCOL}|{' and '.join(dict.fromkeys(tables))}"
        yield Block(signature=signature, rows=tuple(published))
    for table, rows in printed:
        if table.subset and rows:
            yield Block(signature=f"{head}|{paper.PROTOCOL}|{table.label}", apart=table.subset, rows=rows)
    for variant, other_rows in of_set.items():
        if variant != paper.PUBLISHED:
            yield Block(signature=f"{head}|{variant}", apart=_text(variant), rows=tuple(other_rows))


def _text(variant: str) -> str:
    """What is said above the rows of a test set."""
    return paper.variants()[variant].text


def _known(block: Block) -> bool:
    """Whether it is known what the rows of ``block`` are of, so that they have an order."""
    return all(row.printed is None or row.printed.variant != paper.UNKNOWN for row in block.rows)


def _references(name: str) -> dict[str, tuple[str, str]]:
    """The content and the digest of rules of each test set of ``name`` of which both are known, by its short name."""
    known = {each.name: (each.content, each.rules) for each in variants() if each.dataset == name and each.content}
    shipped = manifests.shipped(name)
    if shipped is None:
        return known
    table = manifests.read_bins(shipped)
    dataset = datasets.known(table.facts, table.bins)
    if dataset is None or table.facts.get("origin") != "released":
        return known
    return {paper.PUBLISHED: (str(table.facts["content"]), rules_digest(table, dataset.rules.score_rules)), **known}


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


def _unlike_the_paper(result: Result, reference: tuple[str, str] | None) -> str | None:
    """Why ``result`` does not compare with printed rows, of the content and rules ``reference``; None where it may."""
    reasons = [f"they are of the {paper.SPLIT} split"] if result.split != paper.SPLIT else []
    if result.protocol != paper.PROTOCOL:
        reasons.append(f"they are of the {paper.PROTOCOL} protocol")
    if result.content.startswith("bins:"):
        reasons.append("these targets came with the predictions, unverified")
    elif reference is None:
        reasons.append("the content of the published split is not known here")
    elif result.content != reference[0]:
        reasons.append("this content is not that of the published split")
    elif result.rules != reference[1]:
        reasons.append("these rules are not those of the published split")
    return f"without the paper's rows: {'; '.join(reasons)}" if reasons else None


def _ranked(rows: Iterable[Row], metric: Metric, *, ranks: bool) -> tuple[Row, ...]:
    """``rows`` from best to worst, each with its rank if ``ranks``; those of equal value, or without one, by name."""
    keyed = [(math.inf if row.value is None else metric.badness(float(row.value)), row) for row in rows]
    keyed.sort(key=lambda pair: (pair[0], pair[1].system))
    keys = [key for key, _ in keyed]
    return tuple(
        replace(row, rank=1 + keys.index(key) if ranks and row.value is not None else None) for key, row in keyed
    )
