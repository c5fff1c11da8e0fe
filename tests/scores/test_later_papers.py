"""Later papers on the leaderboard: their numbers add up, and what is of other test rows is never ranked with ours."""

from __future__ import annotations

import csv
import io
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dircli import __version__, datasets
from dircli.datasets.variants import named
from dircli.report import leaderboard as report
from dircli.scores.compare import leaderboard, paper
from dircli.scores.metrics.table import EVERY
from dircli.scores.signature import SCORING, signature
from dircli.store import manifests
from dircli.store.content import rules_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

Json = dict[str, Any]
LATER = list(paper.later())
VARIANTS = paper.variants()


def board(run: Run, *words: object) -> Json:
    """What `dir leaderboard` gives as JSON."""
    printed: Json = json.loads(run("leaderboard", *words, "--format", "json").stdout)
    return printed


def of_set(printed: Json, variant: str) -> Json:
    """The block of ``printed`` whose rows are of that test set."""
    (block,) = (block for block in printed["blocks"] if block["signature"].endswith(f"|{variant}"))
    return dict(block)


# The tables


def test_every_row_says_where_it_was_read_and_what_test_rows_it_is_of() -> None:
    assert not set(VARIANTS) - {row.variant for table in LATER for row in table.rows}
    for table in [*paper.tables(), *LATER]:
        assert table.source.startswith("https://")
        assert all((table.paper, table.backbone, table.seeds, table.verified, table.rows))
        assert 2021 <= table.year <= 2026
        methods = [row.method for row in table.rows]
        assert len(set(methods)) == len(methods)
        assert set(table.unreconciled) <= set(methods)
        for row in table.rows:
            assert row.variant in VARIANTS
            assert row.printed
            assert all(len(values) == len(table.regions) for values in row.printed.values())


def test_each_dataset_but_shhs_has_six_later_systems_or_more() -> None:
    systems: dict[str, set[str]] = {}
    for table in LATER:
        systems.setdefault(table.dataset, set()).update(row.method for row in table.rows)
    assert {name: len(methods) >= 6 for name, methods in systems.items()} == dict.fromkeys(
        ("agedb", "imdb-wiki", "sts-b", "nyud2"), True
    )


def test_the_metrics_point_the_way_that_ours_do() -> None:
    for column in (column for table in LATER for column in table.columns.values()):
        assert (EVERY[column.name].better, EVERY[column.name].title) == (column.better, column.title)


def test_the_sizes_of_the_published_regions_are_those_of_the_shipped_bins() -> None:
    sizes = VARIANTS["released"].sizes
    assert len(sizes) == 3
    for name, rows in sizes.items():
        path = manifests.shipped(name)
        assert path
        bins = manifests.read_bins(path)
        regions = ("many", "medium", "few")
        assert rows == tuple(bins.counts["test"][bins.regions["released"] == region].sum() for region in regions)


MEANS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "mae": (float, float),
    "mse": (float, float),
    "gm": (math.log, math.exp),
    "rmse": (lambda value: value**2, math.sqrt),
}


def follows(printed: tuple[Decimal, ...], sizes: tuple[int, ...], metric: str) -> bool:
    """Whether "all", the first number, is the mean of the regions by ``sizes``, but for the rounding of all of them."""
    turn, back = MEANS[metric]
    half = 0.5 * 10.0 ** int(printed[0].as_tuple().exponent) * (1 + 1e-9)
    overall, *parts = map(float, printed)
    low, high = (
        back(sum(n * turn(part + shift) for n, part in zip(sizes, parts, strict=True)) / sum(sizes)) + shift
        for shift in (-half, half)
    )
    return low <= overall <= high


def test_a_printed_score_of_all_follows_from_the_regions_but_for_the_rows_named() -> None:
    """Where the sizes of the regions are known; a number that stood in another column or row would not add up."""
    held = 0
    for table in LATER:
        off = set()
        for row in table.rows:
            sizes = VARIANTS[row.variant].sizes.get(table.dataset)
            for metric, printed in row.printed.items():
                if any(value.is_nan() for value in printed) or metric == "pearson":
                    continue
                assert min(printed[1:]) <= printed[0] <= max(printed[1:]), (table.paper, row)
                if sizes:
                    held += 1
                    off |= set() if follows(printed, sizes, metric) else {row.method}
        assert off == set(table.unreconciled), (table.paper, table.dataset)
    assert held > 40


def test_a_swapped_number_does_not_follow() -> None:
    srl = next(row for table in LATER if (table.paper, table.number) == ("SRL", 2) for row in table.rows[-1:])
    overall, many, medium, few = srl.printed["mae"]
    assert follows((overall, many, medium, few), (1530, 448, 162), "mae")
    assert not follows((overall, many, few, medium), (1530, 448, 162), "mae")


# The board


def write(name: str, *, changes: Json | None = None, called: str = "", **scores: float) -> None:
    """A result of ``name`` on the published test rows, with systems and their MAE in all and few; or with changes."""
    path = manifests.shipped(name)
    assert path
    bins = manifests.read_bins(path)
    fields: Json = {"split": "test", "protocol": "released", "content": bins.facts["content"], "version": __version__}
    fields |= {"rules": rules_digest(bins, datasets.load(name).rules.score_rules), "scoring": SCORING}
    fields |= changes or {}
    name = called or name
    n = int(bins.counts["test"].sum())
    systems = [
        {"name": system, "regions": {region: {"n": n, "mae": score} for region in ("all", "few")}}
        for system, score in scores.items()
    ]
    Path("runs").mkdir(exist_ok=True)
    text = json.dumps({"signature": signature(name=name, n=n, **fields), "dataset": name, **fields, "systems": systems})
    Path("runs/mine.json").write_text(text)


def test_rows_on_the_published_test_rows_are_ranked_with_ours(run: Run) -> None:
    write("agedb", mine=9.81, best=1)
    first, *others = board(run, "runs")["blocks"]
    head = {(row["system"], row["origin"], row["source"]): row["rank"] for row in first["rows"]}
    assert first["apart"] is None
    assert head["best", "scored here", "mine.json"] == 1
    assert head["SRL", "SRL 2025", "Table 2"] == head["mine", "scored here", "mine.json"] == 11
    assert head["SQINV + FDS", "paper", "Table 2"] == 16
    assert {row["printed"]["variant"] for row in first["rows"] if row["printed"]} == {"released"}
    assert not [row for block in others for row in block["rows"] if row["origin"] == "scored here"]


def test_rows_on_other_test_rows_stand_apart_and_are_ranked_among_themselves(run: Run) -> None:
    write("agedb", best=1)
    printed = board(run, "runs")
    vir = of_set(printed, "vir")
    assert vir["apart"] == VARIANTS["vir"].text
    assert "351 of its 2,140 test rows" in vir["apart"]
    assert [(row["rank"], row["origin"], row["value"]) for row in vir["rows"]] == [
        (1, "Group-DIR 2025", 9.51),
        (2, "VIR 2023", 9.593),
    ]
    ranksim = of_set(board(run, "--dataset", "sts-b"), "ranksim")
    assert {row["printed"]["variant"] for row in ranksim["rows"]} == {"ranksim"}


def test_results_on_the_test_rows_of_a_variant_are_ranked_with_what_is_printed_of_them(run: Run) -> None:
    vir = named("agedb", "vir")
    assert vir
    seal = {"content": vir.content, "rules": vir.rules}
    write("agedb", changes=seal, called="agedb-vir", mine=9.55)
    first, *others = board(run, "runs", "--dataset", "agedb")["blocks"]
    assert [(row["rank"], row["system"]) for row in first["rows"]] == [(1, "VIR"), (2, "mine"), (3, "VIR")]
    assert first["apart"] == VARIANTS["vir"].text
    assert "|vir" not in "".join(block["signature"] for block in others)
    assert others[0]["apart"] is None
    assert others[0]["rows"][0]["origin"] != "scored here"
    write("agedb", changes={**seal, "protocol": "paper"}, called="agedb-vir", mine=9.55)
    first, *others = board(run, "runs", "--dataset", "agedb")["blocks"]
    assert [row["system"] for row in first["rows"]] == ["mine"]
    assert first["apart"].endswith("without the paper's rows: they are of the released protocol")
    assert [block["signature"] for block in others if block["signature"].endswith("|vir")]


def test_what_is_stated_of_a_variant_is_what_its_manifest_states(real: Path, run: Run) -> None:
    sources = {
        ("agedb", "vir"): ("--released", real / "agedb" / "agedb.csv"),
        ("sts-b", "ranksim"): ("--raw", real / "sts-b" / "STS-B", "--released", real / "sts-b" / "released"),
    }
    for (name, variant), words in sources.items():
        stated = named(name, variant)
        assert stated
        run("curate", name, "--variant", variant, *words)
        facts = manifests.read_facts(Path("manifests") / f"{name}-{variant}")
        assert (facts["content"], facts["rules"]) == (stated.content, stated.rules)


def test_rows_on_unknown_test_rows_have_no_rank(run: Run) -> None:
    unknown = of_set(board(run, "--dataset", "agedb"), "unknown")
    assert "not ranked" in unknown["apart"]
    assert {row["rank"] for row in unknown["rows"]} == {None}
    values = [row["value"] for row in unknown["rows"]]
    assert values == sorted(values)


def test_what_a_source_does_not_print_is_null_and_not_in_the_ranking(run: Run) -> None:
    systems = {
        region: {
            row["system"]: row for row in board(run, "--dataset", "agedb", "--region", region)["blocks"][0]["rows"]
        }
        for region in ("all", "few")
    }
    assert systems["all"]["SQINV + RankSim"]["regions"] == {"all": 6.91, "many": None, "medium": None, "few": None}
    assert "SQINV + RankSim" not in systems["few"]
    assert "FOCAL-R + FDS + RankSim" not in systems["all"]


def test_the_notes_name_rows_that_do_not_add_up_and_how_each_was_read(run: Run) -> None:
    notes = board(run, "--dataset", "agedb")["notes"]
    assert "SRL 2025, Table 2: all does not follow from the regions in LDS + FDS, Balanced MSE" in notes
    assert "Table 2 of the paper: all does not follow from the regions in SMOTER, " in " ".join(notes)
    place = notes.index(leaderboard.LATER)
    assert notes[place - 1] == leaderboard.UNVERIFIED
    assert "VIR 2023, training log: ResNet-50; read there, at its end; the same commit holds the split" in notes[place:]
    alone = board(run, "--dataset", "imdb-wiki", "--metric", "bmae")
    assert alone["blocks"][0]["signature"] == "paper|imdb-wiki|test|released|later papers"
    assert leaderboard.UNVERIFIED not in alone["notes"]
    assert any("Balanced MSE 2022, README: bMAE is called MAE there" in note for note in alone["notes"])


def test_without_a_folder_the_metric_is_one_that_the_paper_prints(run: Run) -> None:
    assert board(run, "--dataset", "imdb-wiki")["metric"] == "mae"
    assert board(run, "--dataset", "sts-b")["metric"] == "mse"
    assert board(run, "--dataset", "nyud2")["metric"] == "rmse"
    write("sts-b", mine=0.5)
    assert board(run, "runs")["metric"] == "mae"
    assert "with --dataset NAME" in run("leaderboard", code=2).stderr
    assert (
        "no results of 'mine' are given, and no paper has a table of it"
        in run("leaderboard", "--dataset", "mine", code=2).stderr
    )


SNAPSHOT = """\
nyud2: RMSE, ranked by all, lower is better

paper|nyud2|test|released|Table 4 and later papers
rank   system                from                        all ↓    many   medium     few
───────────────────────────────────────────────────────────────────────────────────────
   1   Balanced MSE (best)   Balanced MSE 2022, quoted   1.251       –        –       –
   2   GAI                   Balanced MSE 2022, README   1.279   0.819    0.917   1.705
   3   BNI                   Balanced MSE 2022, README   1.281   0.833    0.856   1.714
   4   VANILLA + LDS + FDS   DIR models 2021, README     1.301   0.731    0.832   1.799
   5   VANILLA + LDS + FDS   paper, Table 4              1.338   0.670    0.851   1.880
   6   VANILLA + LDS         paper, Table 4              1.387   0.671    0.913   1.954
   7   VANILLA + FDS         paper, Table 4              1.442   0.615    0.940   2.059
   8   VANILLA               paper, Table 4              1.477   0.591    0.952   2.123

paper|nyud2|test|conr
another test set: ConR's own lists of NYUD2 images, which were not compared with the published mask
rank   system        from                all ↓    many   medium     few
───────────────────────────────────────────────────────────────────────
   1   ConR (best)   ConR 2024, quoted   1.265       –        –       –
"""


def test_a_board_of_published_rows_looks_like_this(run: Run) -> None:
    shown = run("leaderboard", "--dataset", "nyud2", "--region", "all").stdout
    lines = SNAPSHOT.splitlines()
    assert [line.rstrip() for line in shown.splitlines()][: len(lines)] == lines


def test_csv_and_markdown_say_where_a_row_comes_from() -> None:
    shown = leaderboard.leaderboard([], dataset="agedb", region="few", metric=None)
    rows = list(csv.DictReader(io.StringIO(report.render(shown, "csv"))))
    (row,) = (row for row in rows if row["origin"] == "VIR 2023")
    assert (row["variant"], row["rank"], row["few"], row["seeds"]) == ("vir", "2", "9.593", "one run")
    assert row["url"].endswith("/pretrained/training.log")
    assert [row["all"] for row in rows if row["system"] == "FDS + RankSim + ConR"] == [""]
    markdown = report.render(shown, "markdown")
    assert (
        "| 10 | SRL | [SRL 2025, Table 2](https://arxiv.org/abs/2503.00876) | 7.22 | 6.64 | 8.28 | 9.81 |" in markdown
    )
    assert VARIANTS["vir"].text in markdown
