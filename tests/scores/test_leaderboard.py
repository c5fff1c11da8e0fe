"""The leaderboard: the paper's numbers add up, ranks are fair, and what does not compare is never in one ranking."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import REFERENCE

from dircli import __version__, datasets
from dircli.report import console
from dircli.scores.compare import paper
from dircli.scores.metrics.table import EVERY
from dircli.scores.signature import SCORING, signature
from dircli.store import manifests
from dircli.store.content import rules_digest

if TYPE_CHECKING:
    from conftest import Run

    from dircli.benchmark import manifest

Json = dict[str, Any]
TABLES = {table.number: table for table in paper.tables()}
PUBLISHED = {table["number"]: table for table in paper.published()}
UNKNOWN = "sha256:" + "0" * 64
RULES = "sha256:" + "a" * 64


def shipped(name: str) -> manifest.BinTable:
    """The bins of ``name`` that come with the program."""
    path = manifests.shipped(name)
    assert path
    return manifests.read_bins(path)


def result(name: str = "agedb", *, n: int = 2140, ci: str = "", metric: str = "mae", **given: Any) -> Json:
    """A result of ``name``; what is ``given`` and is no field of the signature is a system and its score in few."""
    given |= given.pop("systems", {})
    fields: Json = {"split": "test", "protocol": "released", "content": UNKNOWN, "rules": RULES, "version": __version__}
    fields |= {"scoring": SCORING}
    if "content" in given:
        fields["rules"] = rules_digest(shipped(name), datasets.load(name).rules.score_rules)
    fields |= {key: given.pop(key) for key in list(given) if key in fields}
    return {
        "signature": signature(name=name, n=n, **fields) + ci,
        "dataset": name,
        **fields,
        "systems": [
            {
                "name": system,
                "regions": {"all": {"n": n, metric: 7.5}, "few": {"n": 162, metric: score, "ci": {metric: [0, 9]}}},
            }
            for system, score in given.items()
        ],
    }


def write(**results: object) -> Path:
    """The results as files of their names, in the folder that is given back."""
    for name, content in results.items():
        path = Path("runs", *name.split("__")).with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    Path("runs").mkdir(exist_ok=True)
    return Path("runs")


def board(run: Run, *words: object) -> Json:
    """What `dir leaderboard runs` gives as JSON."""
    printed: Json = json.loads(run("leaderboard", "runs", "--format", "json", *words).stdout)
    return printed


def ranks(block: Json) -> list[tuple[int | None, str]]:
    """Rank and name of each row that was scored here."""
    return [(row["rank"], row["system"]) for row in block["rows"] if row["origin"] == "scored here"]


@pytest.fixture(autouse=True)
def the_dir_paper_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out later papers, which test_later_papers.py adds."""
    monkeypatch.setattr(paper, "later", lambda: iter(()))


# The paper's tables


def is_ours(row: paper.Row) -> bool:
    """Whether the method uses LDS or FDS: the rows over which OURS (BEST) VS. VANILLA, here ``best``, ranges."""
    return bool({"LDS", "FDS"} & set(row.method.split(" + ")))


@pytest.mark.parametrize("number", TABLES)
def test_the_printed_gains_of_ours_follow_from_the_printed_rows(number: int) -> None:
    table = TABLES[number]
    vanilla, *others = table.rows
    assert vanilla.method == "VANILLA"
    for name, column in table.columns.items():
        gains = []
        for place, base in enumerate(vanilla.printed[name]):
            values = [row.printed[name][place] for row in others if is_ours(row)]
            gains.append(base - min(values) if column.better == "lower" else max(values) - base)
        assert gains == PUBLISHED[number]["best"][name]


def test_the_gains_range_over_the_rows_with_lds_or_fds_alone() -> None:
    """Were VANILLA among them, no gain could be below zero."""
    assert [len([row for row in table.rows if is_ours(row)]) for table in TABLES.values()] == [12, 12, 12, 3, 9, 3]
    assert min(PUBLISHED[2]["best"]["mae"]) < 0
    assert min(PUBLISHED[4]["best"]["rmse"]) < 0


def test_the_tables_are_whole() -> None:
    assert [len(table.rows) for table in TABLES.values()] == [18, 18, 18, 4, 13, 4]
    for table in TABLES.values():
        assert len({row.method for row in table.rows}) == len(table.rows)
        assert set(PUBLISHED[table.number].get("unreconciled", ())) <= {row.method for row in table.rows}
        for row in table.rows:
            for name in table.columns:
                overall, *regions = row.printed[name]
                assert len(regions) == 3
                # a correlation over all rows may be above that of every region, and is
                assert name == "pearson" or min(regions) <= overall <= max(regions), row
    assert TABLES[1].rows[-1].printed["gm"] == tuple(map(Decimal, ("4.37", "4.12", "7.39", "12.61")))


NYUD2_BINS = (39, 15, 39)  # of the 93 that hold 9,357 test pixels each


@pytest.mark.parametrize(("number", "name", "error"), [(2, "mae", 0.01), (2, "gm", 0.01), (3, "mse", 0.001)])
def test_a_printed_score_of_all_is_the_mean_of_its_regions_but_for_the_rows_named(
    number: int, name: str, error: float
) -> None:
    """A number that stood in another column or row would not add up; with few < 20, STS-B's do not."""
    table = TABLES[number]
    bins = shipped(table.dataset)
    rows = [int(bins.counts["test"][bins.regions["released"] == region].sum()) for region in table.regions[1:]]
    turn, back = (math.log, math.exp) if name == "gm" else (float, float)
    off = set()
    for row in table.rows:
        overall, *parts = map(float, row.printed[name])
        mean = sum(n * turn(part) for n, part in zip(rows, parts, strict=True)) / sum(rows)
        if abs(back(mean) - overall) > error:
            off.add(row.method)
    assert off == set(PUBLISHED[number].get("unreconciled", ()))


def test_nyud2_adds_up_too() -> None:
    for row in TABLES[4].rows:
        for name, power in (("rmse", 2), ("delta1", 1)):
            overall, *parts = (float(value) for value in row.printed[name])
            mean = sum(n * part**power for n, part in zip(NYUD2_BINS, parts, strict=True)) / sum(NYUD2_BINS)
            assert mean ** (1 / power) == pytest.approx(overall, abs=0.0012)


def test_the_papers_metrics_point_the_way_that_ours_do() -> None:
    for column in (column for table in TABLES.values() for column in table.columns.values()):
        assert (EVERY[column.name].better, EVERY[column.name].title) == (column.better, column.title)


# Ranks


def test_equal_scores_share_a_rank_and_undefined_ones_stand_last(run: Run) -> None:
    write(a=result(worst=3, tied=2.0, none=None), b=result(best=1, also_tied=2))
    (block, _) = board(run)["blocks"]
    assert ranks(block) == [(1, "best"), (2, "also_tied"), (2, "tied"), (4, "worst"), (None, "none")]
    assert block["rows"][-1]["value"] is None


def test_a_metric_ranks_in_its_own_direction(run: Run) -> None:
    write(a=result(metric="spearman", x=0.1, y=0.9, z=-0.95), b=result(metric="bias", u=-0.1, v=0.5, w=-3, t=0))
    (block,) = board(run, "--metric", "spearman")["blocks"]
    assert ranks(block)[:3] == [(1, "y"), (2, "x"), (3, "z")]
    printed = board(run, "--metric", "bias")
    assert ranks(printed["blocks"][0])[:4] == [(1, "t"), (2, "u"), (3, "v"), (4, "w")]
    assert any(
        "few.bias is not in the result of x (a.json), y (a.json), z (a.json)" in note for note in printed["notes"]
    )


def test_the_papers_rows_join_the_results_that_compare_with_them(run: Run) -> None:
    content = shipped("agedb").facts["content"]
    write(a=result(content=content, mine=9.98, yours=9.0, ours=50))
    printed = board(run)
    (block,) = printed["blocks"]
    head = [(row["rank"], row["system"], row["origin"], row["source"]) for row in block["rows"]]
    assert head[:3] == [
        (1, "yours", "scored here", "a.json"),
        (2, "SQINV + FDS", "paper", "Table 2"),
        (2, "mine", "scored here", "a.json"),
    ]
    assert head[-1][:2] == (21, "ours")
    assert len(head) == 18 + 3
    assert block["apart"] is None
    assert any("cannot be verified" in note for note in printed["notes"])


def test_pearson_in_percent_is_ranked_as_the_fraction_that_ours_is(run: Run) -> None:
    content = shipped("sts-b").facts["content"]
    write(a=result("sts-b", n=1000, metric="pearson", content=content, mine=0.77))
    printed = board(run, "--metric", "pearson")
    first, second, *_ = printed["blocks"][0]["rows"]
    assert (first["system"], first["value"], first["decimals"]) == ("FOCAL-R + LDS + FDS", 0.773, 3)
    assert (second["rank"], second["system"]) == (2, "mine")
    assert "Table 3 of the paper: Pearson is printed in %, here a fraction" in printed["notes"]


# What does not compare


def test_other_signatures_are_other_rankings(run: Run) -> None:
    known = shipped("agedb").facts["content"]
    write(
        a=result(a=1, content=known),
        b=result(b=1, content=known, protocol="paper"),
        c=result(c=1, content=known, version="9.9.9"),
        d=result(d=1, content=known, split="val"),
        e=result(e=1, content=known.replace("sha256:", "bins:")),
        f=result(f=1, content=known[:20] + "0" * 51),
        g=result(g=1, content=known, ci="|ci:2000:666"),
        h=result(h=1, content=known, rules=UNKNOWN),
        i=result(i=1, content=known, scoring=SCORING + 1),
        j=result(j=1, content=known, rules=None, scoring=None, version="0.1.0"),
    )
    printed = board(run)
    blocks = {tuple(name for _, name in ranks(block)): block for block in printed["blocks"]}
    assert set(blocks) == {("a", "c", "g"), *((name,) for name in "bdefhij")}
    assert [len(blocks[key]["rows"]) for key in (("a", "c", "g"), ("i",), ("h",))] == [21, 19, 1]
    reasons = {key: block["apart"] for key, block in blocks.items()}
    assert "released protocol" in reasons["b",]
    assert "test split" in reasons["d",]
    assert "came with the predictions" in reasons["e",]
    assert "not that of the published split" in reasons["f",]
    assert "these rules are not those of the published split" in reasons["h",]
    assert "set apart: it is of dircli 0.1.0, whose signature does not cover the rules" in reasons["j",]
    assert blocks["f",]["signature"] == blocks["a", "c", "g"]["signature"]
    text = run("leaderboard", "runs").stdout
    assert all(block["signature"] in text for block in printed["blocks"])


def test_the_papers_rows_stand_alone_where_no_result_compares(run: Run) -> None:
    write(a=result(a=1))
    ours, papers = board(run)["blocks"]
    assert ranks(ours) == [(1, "a")]
    assert (papers["signature"], len(papers["rows"])) == ("paper|agedb|test|released|Table 2", 18)
    write(a=result("imdb-wiki", a=1))
    ours, *_ = board(run)["blocks"]
    assert "not known here" in ours["apart"]


def test_models_of_a_subset_are_never_ranked_with_the_others(run: Run) -> None:
    write()
    first, second = board(run, "--dataset", "imdb-wiki", "--region", "all")["blocks"]
    assert (len(first["rows"]), len(second["rows"])) == (18, 4)
    assert "subset" in second["apart"]
    (alone,) = board(run, "--dataset", "imdb-wiki", "--region", "extrapolation")["blocks"]
    assert [row["value"] for row in alone["rows"]] == [17.02, 17.38, 18.01, 18.19]


def test_what_the_paper_does_not_print_is_said(run: Run) -> None:
    write(a=result(a=1, metric="mae"), b=result("mine", b=2))
    printed = board(run, "--dataset", "agedb", "--metric", "rmse")
    assert "Table 2 of the paper has no rmse; it has mae and gm" in printed["notes"]
    assert "results of mine are left out" in printed["notes"]
    assert "Table 2 of the paper has no region zero" in " ".join(
        board(run, "--dataset", "agedb", "--region", "zero")["notes"]
    )
    assert "the paper has no table of mine" in board(run, "--dataset", "mine")["notes"]


def test_systems_of_one_name_get_their_files(run: Run) -> None:
    write(a=result(preds=1), sub__a=result(preds=2, other=3))
    (block, _) = board(run)["blocks"]
    assert [name for _, name in ranks(block)] == ["preds (a.json)", "preds (sub/a.json)", "other"]


# Files


MALFORMED = {
    "empty": ("", "this is no JSON"),
    "cut": ('{"signature": "dir|agedb', "this is no JSON"),
    "surrogate": ('{"name": "\\ud800"}', "this is no JSON"),
    "bare": ({"signature": "dir|agedb"}, "there is no dataset and no split"),
    "nobody": ({**result(), "systems": []}, "it holds no systems"),
    "text": (result(a="12"), "system 1 has no name, or no numbers as scores"),
    "infinite": (json.dumps(result(a=5)).replace("5,", "Infinity,"), "system 1 has no name, or no numbers as scores"),
    "huge": (json.dumps(result(a=5)).replace("5,", f"{'9' * 400},"), ""),
    "truth": (result(a=True), "system 1 has no name, or no numbers as scores"),
    "object": (result(a={}), "system 1 has no name, or no numbers as scores"),
    "fewer": (result(a=1, n=-1), "the number of rows of a system is -1"),
    "unequal": ({**result(a=1), "protocol": "paper"}, "and what it holds makes dir|agedb|test|paper|"),
    "versionless": ({**result(a=1), "version": None}, "there is no version"),
    "twice": ({**result(a=1), "systems": result(a=1)["systems"] * 2}, "more than one system is called 'a'"),
    "mixed": ({**result(a=1), "systems": result(a=1)["systems"] + result(b=1, n=7)["systems"]}, "have 7, 2140 rows"),
}  # fmt: skip


def test_malformed_results_are_refused_all_at_once(run: Run) -> None:
    write(good=result(a=1), **{name: content for name, (content, _) in MALFORMED.items()})
    done = run("leaderboard", "runs", code=2)
    assert not done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == len(MALFORMED)
    for name, (_, message) in MALFORMED.items():
        (line,) = [line for line in lines if line.startswith(f"dir: runs/{name}.json: ")]
        assert message in line
        assert "Write it again with `dir evaluate --format json`" in line


def test_other_json_files_are_left_out_and_named(run: Run) -> None:
    write(a=result(a=1), manifest={"content": UNKNOWN}, deep__list=[1, 2])
    assert board(run)["skipped"] == ["deep/list.json", "manifest.json"]
    assert "no results, left out: deep/list.json, manifest.json" in run("leaderboard", "runs").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs"], "no results are here"),
        (["runs", "--dataset", "nobody's"], 'there are no results of "nobody\'s", and the paper has none'),
        (["nowhere"], "nowhere: there is no such file or folder"),
        (["a.file"], "a.file: this is no JSON"),
        (["runs/*.json"], "runs/*.json: no file matches"),
        (["runs", "*.file"], "*.file: no JSON file matches"),
        (["runs", "--dataset", "agedb", "--metric", "mea"], "no metric is called 'mea'; there are mae"),
        (["runs", "--dataset", "agedb", "--metric", "exact"], "ranks nothing"),
        (["runs", "--dataset", "agedb", "--region", "low"], "no region is called 'low'; there are all, many"),
    ],
)
def test_what_cannot_be_ranked_is_refused(run: Run, words: list[str], message: str) -> None:
    write()
    Path("a.file").touch()
    assert message in run("leaderboard", *words, code=2).stderr


def test_results_are_given_as_files_folders_and_globs(run: Run) -> None:
    write(a=result(a=3), b=result(b=1), deep__c=result(c=2))
    Path("runs", "deep", "c.json").rename("runs/deep/c.result")
    every = board(run, "runs/deep/c.result")
    sources = {row["system"]: row["source"] for row in every["blocks"][0]["rows"] if row["origin"] == "scored here"}
    assert sources == {"b": "runs/b.json", "c": "runs/deep/c.result", "a": "runs/a.json"}
    for words in (["runs/*.json"], ["runs/*"], ["runs/a.json", "runs/b.json"]):
        shown = json.loads(run("leaderboard", *words, "--format", "json").stdout)
        assert ranks(shown["blocks"][0]) == [(1, "b"), (2, "a")]
    refused = run("leaderboard", "runs/*.json", "--output", "runs/a.json", code=2).stderr
    assert "--output runs/a.json would replace what is read as RESULTS runs/a.json" in refused


@pytest.mark.parametrize("kind", ["memory", "http"])
def test_results_elsewhere_are_ranked_as_those_here(run: Run, kind: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("aiohttp", reason="the extra remote is not installed")
    write(a=result(a=3), deep__b=result(b=1), deep__manifest={"content": UNKNOWN})
    here = board(run)
    names = ["a.json", "deep/b.json", "deep/manifest.json"]
    if kind == "memory":
        system = request.getfixturevalue("memory")
        for name in names:
            system.pipe(f"/runs/{name}", Path("runs", name).read_bytes())
        url, glob = "memory://runs", "memory://runs/*.json"
    else:
        server = request.getfixturevalue("server")
        for name in names:
            server.add(f"/runs/{name}", Path("runs", name).read_bytes())
        server.add("/runs/", b'<a href="a.json">a</a><a href="deep/">deep</a>')
        server.add("/runs/deep/", b'<a href="b.json">b</a><a href="manifest.json">m</a>')
        url, glob = server.url("/runs/"), server.url("/runs/a.json")
    assert json.loads(run("leaderboard", url, "--format", "json").stdout) == here
    one = json.loads(run("leaderboard", glob, "--format", "json").stdout)
    assert [row["source"] for row in one["blocks"][0]["rows"] if row["system"] == "a"] == [f"{url.rstrip('/')}/a.json"]
    (work := Path("runs.md")).unlink(missing_ok=True)
    run("leaderboard", url, "--output", work)
    assert "b" in work.read_text()


def test_results_of_several_datasets_need_a_name(run: Run) -> None:
    write(a=result(a=1), b=result("sts-b", n=1000, b=1))
    assert "there are results of agedb, sts-b; name one" in run("leaderboard", "runs", code=2).stderr


def test_the_output_of_evaluate_is_taken_as_it_is(run: Run, work: Path) -> None:
    """Both predictors of the reference, scored against the shipped bins, by MAE of all rows."""
    rows = list(csv.reader((REFERENCE / "agedb_rows.csv").read_text().splitlines()[1:]))
    for place, name in ((1, "shrunk"), (2, "sharp")):
        lines = [f"{row},{values[0]},{values[place]}" for row, values in enumerate(rows)]
        (work / f"{name}.csv").write_text("\n".join(["id,target,prediction", *lines]) + "\n")
    done = run("evaluate", "shrunk.csv", "sharp.csv", "--dataset", "agedb", "--format", "json")
    write(a=done.stdout)
    printed = board(run, "--region", "all")
    assert ranks(printed["blocks"][0]) == [(1, "sharp"), (2, "shrunk")]
    scored = {system["name"]: system["regions"]["all"]["mae"] for system in json.loads(done.stdout)["systems"]}
    assert {row["system"]: row["value"] for row in printed["blocks"][0]["rows"]} == scored


# Formats


SNAPSHOT = """\
nyud2: RMSE, ranked by few, lower is better

dir|nyud2|test|released|sha256:00000000|rules:aaaaaaaa|n:870201|s:1
without the paper's rows: the content of the published split is not known here
rank   system   from            all   few ↓
───────────────────────────────────────────
   1   mine     scored here   7.500   1.900

paper|nyud2|test|released|Table 4
rank   system                from               all    many   medium   few ↓
────────────────────────────────────────────────────────────────────────────
   1   VANILLA + LDS + FDS   paper, Table 4   1.338   0.670    0.851   1.880
   2   VANILLA + LDS         paper, Table 4   1.387   0.671    0.913   1.954
   3   VANILLA + FDS         paper, Table 4   1.442   0.615    0.940   2.059
   4   VANILLA               paper, Table 4   1.477   0.591    0.952   2.123

note: the paper's rows are as printed; that they are of the published test rows cannot be verified
"""


def test_a_board_looks_like_this(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "shipped", lambda _: None)
    write(a=result("nyud2", n=870201, metric="rmse", mine=1.9))
    shown = run("leaderboard", "runs", "--metric", "rmse").stdout
    assert [line.rstrip() for line in shown.splitlines()] == SNAPSHOT.splitlines()


def test_a_narrow_screen_drops_columns_and_cuts_no_number(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "PIPED_WIDTH", 52)
    write(a=result(mine=1.25, a_name_that_is_much_too_long_for_such_a_narrow_screen=0.125))
    shown = run("leaderboard", "runs").stdout
    assert re.findall(".*many.*", shown) == ["left out for want of room: all, many, medium; --format csv has all"]
    assert [line.split()[-1] for line in shown.splitlines() if "scored here" in line] == ["0.125", "1.250"]
    assert max(len(line) for line in shown.splitlines() if line.startswith("─")) <= 52


def test_csv_and_markdown_hold_the_board(run: Run, work: Path) -> None:
    write(a=result(systems={"a|b": 1.25, "[red]c": None}))
    printed = board(run)
    done = run("leaderboard", "runs", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == sum(len(block["rows"]) for block in printed["blocks"]) == 20
    assert (rows[0]["system"], rows[0]["value"], rows[0]["few"], rows[0]["many"]) == ("a|b", "1.25", "1.25", "")
    assert (rows[1]["system"], rows[1]["rank"], rows[1]["value"]) == ("[red]c", "", "")
    assert "cannot be verified" in done.stderr
    run("leaderboard", "runs", "--output", "board.md")
    text = (work / "board.md").read_text()
    assert "| 1 | a\\|b | scored here | 7.500 | 1.250 |" in text
    assert "| – | [red]c | scored here | 7.500 | – |" in text
    assert f"`{printed['blocks'][0]['signature']}`" in text
    run("leaderboard", "runs", "--output", "runs/board.json")
    assert json.loads((work / "runs" / "board.json").read_text()) == printed
    assert board(run) == {**copy.deepcopy(printed), "skipped": ["board.json"]}
    assert "[red]c" in run("leaderboard", "runs").stdout
