"""One result in every format: the same values in each, whole in CSV and JSON, and tables that other programs take."""

from __future__ import annotations

import csv
import io
import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PROJECT
from rich.console import Console

from dircli import __version__
from dircli.report import console, formats
from dircli.report.formats import BY_ENDING, FORMATS, NAMED
from dircli.report.formats.table import scores_only
from dircli.report.values import number
from dircli.scores.compare.paper import printed
from dircli.scores.metrics.table import EVERY, METRICS
from dircli.scores.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from conftest import Run

BINS = PROJECT / "manifests" / "agedb" / "bins.parquet"
WORDS = ("evaluate", "--bins", str(BINS), "-q")
REGIONS = ["all", "many", "medium", "few"]
NAMES = (
    "a|b",
    "my_model_v2",
    "__x__",
    "99%&#$",
    'say "hi", you',
    "a\\",
    "~^<b>{*}",
    "`c` [d](e)",
    "naïve模型",
    "two\nlines",
)
Json = dict[str, Any]


def made(scores: Mapping[str, Sequence[float | None]], *, names: Sequence[str] = "abcdef", zero: bool = False) -> Json:
    """A result with these scores: by metric, one per system, alike in every region; null in medium."""
    regions = [*REGIONS, *(["zero"] if zero else [])]
    count = len(next(iter(scores.values())))

    def system(place: int) -> Json:
        by_metric = {name: values[place] for name, values in scores.items()}
        empty = {"n": 0, "bins": 0, **dict.fromkeys(scores)}
        filled = {"n": 1234, "bins": 5, **by_metric}
        return {region: dict(empty if region == "medium" else filled) for region in regions}

    return {
        "signature": "dir|agedb|test|released|sha256:1a2b3c4d|rules:5e6f7a8b|n:1234|s:1|v:0.2.0",
        "dataset": "agedb",
        "split": "test",
        "protocol": "released",
        "content": "sha256:1a2b3c4d",
        "rules": "sha256:5e6f7a8b",
        "scoring": 1,
        "systems": [{"name": names[place], "regions": system(place)} for place in range(count)],
    }


def rendered(form: str, result: Json, decimals: int) -> str:
    """The result in one of the formats."""
    return NAMED[form].render(Result.from_json(result, "made up"), decimals)


MAE = {"mae": (1.5, 0.5, None), "bias": (-0.25, 0.125, 1.0), "exact": (0, 12345, 7)}


def add_intervals(result: Json) -> Json:
    for system in result["systems"]:
        for scores in system["regions"].values():
            bounds = {name: [-0.5, 2.5] for name in ("mae", "bias") if scores[name] is not None}
            scores["ci"] = bounds
    return result


VARIETY = {
    "one system": lambda: made({name: values[:1] for name, values in MAE.items()}),
    "several systems": lambda: made(MAE),
    "with zero": lambda: made(MAE, zero=True),
    "odd names": lambda: made({"mae": [1.0] * len(NAMES)}, names=NAMES),
    "intervals": lambda: add_intervals(made(MAE, zero=True)),
}
several = pytest.mark.parametrize("variety", VARIETY)

# — csv —


@several
def test_a_csv_holds_every_value_of_the_json(variety: str) -> None:
    result = VARIETY[variety]()
    rows = list(csv.DictReader(io.StringIO(rendered("csv", result, 1), newline="")))
    values: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        assert row.pop("signature") == result["signature"]
        key = (row.pop("system"), row.pop("region"))
        values[key] = {name: None if text == "" else json.loads(text) for name, text in row.items()}
    expected = {}
    for system in result["systems"]:
        for region, scores in system["regions"].items():
            bounds = {name: scores["ci"].get(name, (None, None)) for name in MAE} if "ci" in scores else {}
            ends = {f"{name}_{end}": pair[k] for name, pair in bounds.items() for k, end in enumerate(("low", "high"))}
            expected[system["name"], region] = {key: value for key, value in scores.items() if key != "ci"} | ends
    assert values == expected
    assert rendered("csv", result, 1) == rendered("csv", result, 12)


@pytest.mark.usefixtures("files")
def test_scores_of_real_rows_come_back_from_csv_to_the_last_bit(run: Run) -> None:
    words = [*WORDS, "one.csv", "two, with a comma.csv", "--format"]
    systems = json.loads(run(*words, "json").stdout)["systems"]
    rows = csv.DictReader(io.StringIO(run(*words, "csv").stdout))
    values = [[None if row[name] == "" else float(row[name]) for name in METRICS] for row in rows]
    expected = [[scores[name] for name in METRICS] for system in systems for scores in system["regions"].values()]
    assert values == expected
    assert any(None in row for row in values)


# — markdown —


def cells_of(line: str) -> list[str]:
    """The cells of a row of a Markdown table as GitHub splits it: at bars that no backslash stands before."""
    bare = re.sub(r"\\.", "??", line)
    ends = [place for place, character in enumerate(bare) if character == "|"]
    assert ends[0] == 0
    assert ends[-1] == len(line) - 1
    return [line[start + 1 : end].strip() for start, end in pairwise(ends)]


@several
def test_markdown_is_a_table_of_rows_of_one_width_with_the_signature_under_it(variety: str) -> None:
    result = VARIETY[variety]()
    *table, empty, signature, last = rendered("markdown", result, 3).split("\n")
    assert (empty, signature, last) == ("", f"`{result['signature']}`", "")
    head, rule, sizes, *rows = map(cells_of, table)
    regions = list(result["systems"][0]["regions"])
    assert head == ["score", "system", *regions]
    assert rule == ["---", "---", *["---:"] * len(regions)]
    assert sizes[:3] == ["n", "", "1,234"]
    assert {len(row) for row in (sizes, *rows)} == {len(head)}
    scores = [name for name in result["systems"][0]["regions"]["all"] if name in METRICS]
    assert len(rows) == len(scores) * len(result["systems"])


def test_names_in_markdown_are_shown_and_never_read_as_markup() -> None:
    """A backslash before punctuation shows the punctuation; underscores within a word are left readable."""
    lines = rendered("markdown", made({"mae": [1.0] * len(NAMES)}, names=NAMES), 3).splitlines()[3:-2]
    shown = [cells_of(line)[1] for line in lines]
    assert [re.sub(r"\\(.)", r"\1", cell) for cell in shown] == [" ".join(name.split()) for name in NAMES]
    assert shown[1] == "my_model_v2"
    for cell in shown:
        assert not re.search(r"(?<!\\)(?:\\\\)*[*`<\[]", cell)
    assert shown[2] == r"\_\_x\_\_"


def test_markdown_sizes_are_shown_per_system_where_they_differ() -> None:
    result = made({"mae": (1.0, 2.0)}, names=("a|b", "c"))
    result["systems"][1]["regions"]["few"]["n"] = 7
    rows = [cells_of(line) for line in rendered("markdown", result, 3).splitlines()[2:4]]
    assert rows == [["n", r"a\|b", "1,234", "1,234", "0", "1,234"], ["n", "c", "1,234", "1,234", "0", "7"]]


def test_markdown_shows_the_interval_beside_its_score() -> None:
    (line,) = [line for line in rendered("markdown", VARIETY["intervals"](), 2).splitlines() if "| MAE | a " in line]
    assert cells_of(line)[2:5] == ["1.50 (-0.50 – 2.50)", "1.50 (-0.50 – 2.50)", "–"]


# — latex —


LEFT = r"\multicolumn"


def latex_rows(text: str) -> list[list[str]]:
    """The cells of every row of a LaTeX table; a name in several lines is one cell."""
    body = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r" \\")]
    return [re.split(r"(?<!\\) ?& ?", line) for line in body]


def latex_scores(text: str) -> list[list[str]]:
    """The rows of scores of a stacked LaTeX table, without its heads, titles and intervals."""
    return [row for row in latex_rows(text) if row[0] not in {"System", ""} and not row[0].startswith(LEFT)]


@several
def test_latex_is_a_balanced_table_of_every_score(variety: str) -> None:
    result = VARIETY[variety]()
    text = rendered("latex", result, 3)
    assert text.startswith(f"% {result['signature']}\n% \\usepackage{{booktabs}}\n")
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert begun == ended == ["tabular"]
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    (columns,) = re.findall(r"\\begin\{tabular\}\{@\{\}(l+r+)@\{\}\}", text)
    heads = [row for row in latex_rows(text) if row[0] == "System"]
    shown = {"medium": "Med."}
    regions = [shown.get(region, region.capitalize()) for region in result["systems"][0]["regions"]]
    assert [cell for row in heads for cell in row[1:]] == regions
    assert max(map(len, heads)) == len(columns)
    metrics = [name for name in result["systems"][0]["regions"]["all"] if name in METRICS]
    assert len(latex_scores(text)) == len(heads) * len(metrics) * len(result["systems"])
    assert text.count(LEFT) == len(heads) * len(metrics)
    bare = re.sub(r"\\[&%$#_{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0


def test_metrics_stand_side_by_side_where_a_column_holds_them() -> None:
    result = made({"mae": (1.0, 2.0), "gm": (3.0, 4.0)}, names=("a", "b"))
    for system in result["systems"]:
        del system["regions"]["many"], system["regions"]["medium"]
    spans, heads, *rows = latex_rows(rendered("latex", result, 2))
    assert spans == ["", r"\multicolumn{2}{c}{MAE $\downarrow$}", r"\multicolumn{2}{c}{GM $\downarrow$}"]
    assert heads == ["System", "All", "Few", "All", "Few"]
    assert rows == [
        ["a", *[r"\textbf{1.00}"] * 2, *[r"\textbf{3.00}"] * 2],
        ["b", "2.00", "2.00", "4.00", "4.00"],
    ]
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in rendered("latex", result, 2)
    assert latex_rows(rendered("latex", result, 9))[0] == ["System", "All", "Few"]


def test_latex_has_intervals_and_marks_with_their_meaning(work: Path, run: Run) -> None:
    rows = [f"{y},{{}}" for y in range(20, 60)]
    for name, off in {"first": 3, "near": 1, "far": 9}.items():
        lines = [row.format(y + off) for row, y in zip(rows, range(20, 60), strict=True)]
        (work / f"{name}.csv").write_text("\n".join(["target,prediction", *lines]))
    words = [*WORDS, "first.csv", "near.csv", "far.csv", "--ci", "--bootstrap", 100, "--metrics", "mae,bias"]
    text = run(*words, "--format", "latex").stdout
    rows_of = {row[0]: row for row in reversed(latex_scores(text))}
    assert rows_of["near"][1] == r"\textbf{1.000}\rlap{$^{*}$}"
    assert rows_of["far"][1] == r"9.000\rlap{$^{\dagger}$}"
    assert rows_of["first"][1] == r"\underline{3.000}"
    assert text.count(r"& \scriptsize 3.000--3.000") == 4  # all and many, of both metrics
    assert r"{\footnotesize $^{*}$ better than first, the first file (paired" in text
    assert r"{\footnotesize $^{\dagger}$ worse than first\par}" in text
    assert run(*words, "--format", "latex", "-w", 2).stdout.count(r"\scriptsize") == text.count(r"\scriptsize")


def test_all_intervals_of_a_latex_table_are_written_in_one_way(work: Path, run: Run) -> None:
    lines = [f"{y},{y + (4 if y % 3 else -5)}" for y in range(20, 60)]
    (work / "p.csv").write_text("\n".join(["target,prediction", *lines]))
    words = [*WORDS, "p.csv", "--ci", "--bootstrap", 100, "--format", "latex", "--metrics"]
    both, alone = (run(*words, metrics).stdout for metrics in ("mae,bias", "mae"))
    details = re.findall(r"\\scriptsize ([^&]+?) [&\\]", both)
    assert any(detail.startswith("$-$") for detail in details)
    assert not any(detail.startswith("$-$") for detail in details[: len(details) // 2])
    assert all(re.fullmatch(r"(\$-\$)?[\d.]+ to (\$-\$)?[\d.]+", detail) for detail in details)
    assert re.search(r"\\scriptsize \d\.\d{3}--\d\.\d{3} ", alone)
    assert not re.search(r"\\scriptsize [^&]+ to ", alone)


@pytest.mark.usefixtures("files")
def test_a_note_says_that_latex_leaves_metrics_out(run: Run) -> None:
    note = "latex has the metrics of the paper's table; --metrics names others\n"
    words = ("evaluate", "one.csv", "--bins", BINS, "--force")
    for more in (["--format", "latex"], ["--output", "r.tex", "--output", "s.tex"]):
        assert run(*words, *more).stderr.count(note) == 1
    for more in (["--format", "latex", "-q"], ["--format", "latex", "--metrics", "rmse"], [], ["--output", "r.csv"]):
        assert note not in run(*words, *more).stderr


@pytest.mark.usefixtures("files")
def test_latex_has_the_metrics_of_the_papers_table_unless_others_are_asked_for(run: Run, work: Path) -> None:
    def titles(text: str) -> list[str]:
        return re.findall(r"\\multicolumn\{\d\}\{.*?\}\{([^ ]+) ", text)

    run(*WORDS, "one.csv", "--output", "r.tex", "--output", "r.json")
    assert titles((work / "r.tex").read_text()) == ["MAE", "GM"]
    (system,) = json.loads((work / "r.json").read_text())["systems"]
    assert set(METRICS) < set(system["regions"]["all"])
    assert titles(run(*WORDS, "one.csv", "--format", "latex", "--metrics", "rmse,mae").stdout) == ["RMSE", "MAE"]
    (work / "p.csv").write_text("target,prediction\n3.0,2.5\n")
    shipped = PROJECT / "manifests" / "sts-b" / "bins.parquet"
    done = run("evaluate", "p.csv", "--bins", shipped, "-q", "--format", "latex")
    assert titles(done.stdout) == ["MSE", "Pearson"]
    assert printed("no such benchmark") == ("mae", "gm")
    assert printed("nyud2") == ("rmse", "delta1")


def test_names_in_latex_have_no_character_that_means_something_there() -> None:
    rows = latex_scores(rendered("latex", made({"mae": [1.0] * len(NAMES)}, names=NAMES), 3))
    assert [row[0] for row in rows] == [
        r"a\textbar{}b",
        r"my\_model\_v2",
        r"\_\_x\_\_",
        r"99\%\&\#\$",
        'say "hi", you',
        r"a\textbackslash{}",
        r"\textasciitilde{}\textasciicircum{}\textless{}b\textgreater{}\{*\}",
        r"`c` [d](e)",
        "naïve模型",
        "two lines",
    ]


def test_a_name_that_begins_a_row_is_no_argument_of_the_row_before() -> None:
    names = ["[x]y", "*star", "a [b]"]
    rows = latex_scores(rendered("latex", made({"mae": [1.0, 2.0, 3.0]}, names=names), 3))
    assert [row[0] for row in rows] == ["{[}x]y", "{*}star", "a [b]"]


def test_a_long_name_stands_in_several_lines() -> None:
    result = made({"mae": [1.0, 2.0]}, names=("resnet50_lds_gaussian_ks5_sigma2_fds", "W" * 10))
    names = [row[0] for row in latex_scores(rendered("latex", result, 3))]
    assert names == [
        r"\shortstack[l]{resnet50\_lds\_ \\ gaussian\_ks5\_ \\ sigma2\_fds}",
        r"\shortstack[l]{WWWWWWWW \\ WW}",
    ]


PDFLATEX = shutil.which("pdflatex")
OVERFULL = 5.0
"""Points that a box may be too wide, which nobody sees."""


@pytest.mark.slow
@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed (Debian: texlive-latex-recommended)")
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_latex_compiles_and_keeps_to_the_column(columns: str, tmp_path: Path) -> None:
    long = ("W" * 50, "resnet50_lds_gaussian_ks5_sigma2_fds_2026", "SQINV + LDS + FDS, a system in words")
    names = [*(name for name in NAMES if name.isascii()), *long]
    wide = {"mae": [1234.5678, 9.0, 88.25], "gm": [0.0, -1.0, 2.0], "bias": [-10.125, -0.5, 99.0]}
    results = [
        *(made(made_of, names=long, zero=zero) for made_of in (wide, {"rmse": wide["mae"]}) for zero in (False, True)),
        *(made({name: [1.0, 2.0]}, names=("a", "b")) for name in EVERY),
        add_intervals(made({"mae": [1.0] * 3, "bias": [-1.0] * 3}, names=long)),
        made({"mae": [1.0] * len(names)}, names=names),
    ]
    document = [rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs}}\begin{{document}}"]
    for place, result in enumerate(results):
        (tmp_path / f"{place}.tex").write_text(rendered("latex", result, place % 4))
        document.append(rf"\begin{{table}}\centering\caption{{c}}\input{{{place}}}\end{{table}}\clearpage")
    (tmp_path / "t.tex").write_text("\n".join([*document, r"\end{document}"]))
    words = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(words, cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    log = (tmp_path / "t.log").read_text(encoding="latin-1")
    assert not [box for box in re.findall(r"Overfull .*?\(([\d.]+)pt", log) if float(box) > OVERFULL]


# — best and second —


@pytest.mark.parametrize(
    ("metric", "values", "marks"),
    [
        ("mae", (3.0, 1.0, 2.0), ("", "best", "second")),
        ("mae", (1.0, 1.0, 2.0, 3.0), ("best", "best", "second", "")),
        ("mae", (1.0, 2.0, 2.0), ("best", "second", "second")),
        ("mae", (None, 2.0, 1.0), ("", "", "best")),
        ("mae", (2.0, 1.0), ("", "best")),
        ("mae", (None, 2.0), ("", "best")),
        ("mae", (None, None), ("", "")),
        ("pearson", (0.5, 0.9, -1.0), ("second", "best", "")),
        ("bias", (-0.5, 0.25, 1.0), ("second", "best", "")),
        ("bias", (-0.5, 0.5, 1.0), ("best", "best", "second")),
        ("exact", (1, 2, 3), ("", "", "")),
        ("mae", (1.0,), ("",)),
    ],
)
def test_the_best_is_bold_and_of_three_the_second_underlined(
    metric: str, values: tuple[float | None, ...], marks: tuple[str, ...]
) -> None:
    result = made({metric: values})
    kinds = {r"\textbf{": "best", r"\underline{": "second"}
    rows = latex_scores(rendered("latex", result, 3))
    few = [row[4] for row in rows]
    assert tuple(next((kind for start, kind in kinds.items() if cell.startswith(start)), "") for cell in few) == marks
    assert {row[3] for row in rows} == {"--"}
    bold = [cells_of(line)[-1].startswith("**") for line in rendered("markdown", result, 3).splitlines()[3:-2]]
    assert bold == [mark == "best" for mark in marks]


# — score-only, decimals, table —


def test_scores_alone_are_numbers_with_tabs_between() -> None:
    text = scores_only(Result.from_json(made(MAE), "made up"), 2)
    assert [line.split("\t") for line in text.splitlines()] == [
        ["1.50", "1.50", "null", "1.50", "-0.25", "-0.25", "null", "-0.25", "0", "0", "null", "0"],
        ["0.50", "0.50", "null", "0.50", *["0.12", "0.12", "null", "0.12"], *["12345", "12345", "null", "12345"]],
        ["null", "null", "null", "null", "1.00", "1.00", "null", "1.00", "7", "7", "null", "7"],
    ]


@pytest.mark.usefixtures("files")
def test_decimals_are_those_asked_for_in_every_shown_format(run: Run) -> None:
    for form in ("table", "markdown", "latex"):
        for decimals in (0, 1, 6):
            shown = run(*WORDS, "one.csv", "--metrics", "mae", "--format", form, "-w", decimals).stdout
            assert f"{5 / 3:.{decimals}f}" in shown
            assert not re.search(rf"\d\.\d{{{decimals + 1}}}", shown.replace(f"v:{__version__}", ""))
    assert (
        run(*WORDS, "one.csv", "--format", "json", "-w", 0).stdout == run(*WORDS, "one.csv", "--format", "json").stdout
    )
    assert run(*WORDS, "one.csv", "-w", 13, code=2).stdout == ""


@pytest.mark.usefixtures("files")
def test_score_only_prints_a_line_per_file(run: Run) -> None:
    done = run(*WORDS, "one.csv", "two, with a comma.csv", "--metrics", "mae", "--score-only", "-w", 1)
    assert done.stdout == "1.7\t1.5\tnull\t2.0\n2.0\t2.0\tnull\t2.0\n"


def shown_at(width: int, result: Json, monkeypatch: pytest.MonkeyPatch) -> str:
    """The table as a terminal of this width shows it."""
    monkeypatch.setattr(console, "out", lambda: Console(width=width, highlight=False))
    return rendered("table", result, 3)


@pytest.mark.thorough
@several
@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_number_is_cut_on_a_narrow_terminal(variety: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a number is a wrong number: whatever must give way, it is never a digit."""
    result = VARIETY[variety]()
    numbers = set(re.findall(r"-?[\d,]+\.?\d*", shown_at(width, result, monkeypatch)))
    for system in result["systems"]:
        for scores in system["regions"].values():
            shown_numbers = [number(value) for name, value in scores.items() if name != "ci" and value is not None]
            assert set(shown_numbers) <= numbers
    # nor is there a fragment of one
    assert numbers <= set(re.findall(r"-?[\d,]+\.?\d*", shown_at(500, result, monkeypatch)))


def test_names_in_the_table_are_never_read_as_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a[d]b", "[red]c[/red]", "[/]")
    text = shown_at(100, made({"mae": [1.0] * 3}, names=names), monkeypatch)
    assert [line.removeprefix("MAE").split()[0] for line in text.splitlines()[5:8]] == list(names)


def test_sizes_in_the_table_name_their_system_where_any_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    result = made({"mae": (1.0, 2.0, 3.0)})
    result["systems"][1]["regions"]["few"]["n"] = 7
    lines = [line.split() for line in shown_at(100, result, monkeypatch).splitlines()[2:5]]
    assert [[words[-5], words[-1]] for words in lines] == [["a", "1,234"], ["b", "7"], ["c", "1,234"]]


# — where it goes —


def test_every_format_is_a_module_and_a_row() -> None:
    assert {module.name for module in pkgutil.iter_modules(formats.__path__)} == set(NAMED)
    assert len(BY_ENDING) == len(FORMATS)


@pytest.fixture
def files(work: Path) -> None:
    """Two files about the same three rows: many, many, few; none medium."""
    for name, rows in {"one": (31, 42, 92), "two, with a comma": (32, 38, 88)}.items():
        lines = "".join(f"{y},{p}\n" for y, p in zip((30, 40, 90), rows, strict=True))
        (work / f"{name}.csv").write_text(f"target,prediction\n{lines}")


@pytest.mark.usefixtures("files")
def test_several_files_are_written_at_once_each_by_its_ending(run: Run, work: Path) -> None:
    kinds = {"r.json": "json", "r.csv": "csv", "r.md": "markdown", "r.tex": "latex", "r.txt": "table"}
    words = [word for name in kinds for word in ("--output", f"out/{name}")]
    silent = run(*WORDS, "one.csv", "two, with a comma.csv", "-w", 2, *words)
    assert silent.stdout == ""
    for name, form in kinds.items():
        printed = run(*WORDS, "one.csv", "two, with a comma.csv", "-w", 2, "--format", form).stdout
        assert (work / "out" / name).read_text(encoding="utf-8") == printed
    assert sorted(path.name for path in (work / "out").iterdir()) == sorted(kinds)


@pytest.mark.usefixtures("files")
def test_a_dash_is_json_on_stdout(run: Run, work: Path) -> None:
    done = run("evaluate", "--bins", BINS, "one.csv", "--output", "-", "--output", "r.json")
    assert done.stdout == (work / "r.json").read_text()
    assert "written to r.json" in done.stderr
    json.loads(done.stdout)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("words", ["--format csv", "--format latex", "--json", "--format table", "--score-only"])
def test_what_output_sends_to_stdout_is_in_the_format_that_is_asked_for(words: str, run: Run) -> None:
    expected = run("evaluate", "--bins", BINS, "one.csv", *words.split()).stdout
    assert run("evaluate", "--bins", BINS, "one.csv", *words.split(), "--output", "-").stdout == expected
    done = run("evaluate", "--bins", BINS, "one.csv", *words.split(), "--output", "-", "--output", "r.md")
    assert done.stdout == expected


@pytest.mark.usefixtures("files")
def test_an_unknown_ending_exits_2_before_anything_is_written(run: Run, work: Path) -> None:
    words = ["--output", "r.json", "--output", "r.xlsx", "--output", "r"]
    done = run(*WORDS, "one.csv", *words, code=2)
    assert done.stderr == "dir: --output r.xlsx, r: end the name in one of .json, .csv, .md, .tex, .txt\n"
    assert done.stdout == ""
    assert not (work / "r.json").exists()


@pytest.mark.usefixtures("files")
def test_json_has_the_promised_keys_and_no_others(run: Run) -> None:
    printed = json.loads(run(*WORDS, "one.csv", "--format", "json").stdout)
    signed = ["dataset", "split", "protocol", "content", "rules", "scoring", "version"]
    assert list(printed) == ["signature", *signed, "systems"]
    assert (printed["dataset"], printed["split"], printed["protocol"]) == ("agedb", "test", "released")
    assert printed["version"] == __version__
    (system,) = printed["systems"]
    assert list(system) == ["name", "file", "sha256", "regions"]
    assert (system["name"], system["file"]) == ("one", "one.csv")
    assert re.fullmatch("[0-9a-f]{64}", system["sha256"])
    assert list(system["regions"]) == REGIONS
    for scores in system["regions"].values():
        assert list(scores) == ["n", "bins", *METRICS]
    assert system["regions"]["medium"] == {"n": 0, "bins": 0, **dict.fromkeys(METRICS)}


def test_zero_is_a_region_of_the_json_only_where_it_has_rows(run: Run, work: Path) -> None:
    (work / "p.csv").write_text("target,prediction\n30,31\n110,90\n")
    (system,) = json.loads(run(*WORDS, "p.csv", "--format", "json").stdout)["systems"]
    assert list(system["regions"]) == [*REGIONS, "zero", "extrapolation", "with-data"]
    assert system["regions"]["zero"]["mae"] == 20


# — the real program —


def dir_(*words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "dircli", *words], check=False, capture_output=True, **options)


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
def test_stdout_holds_nothing_but_the_result(work: Path) -> None:
    """The documented pipeline, with notes on, as another program would see it."""
    words = ["evaluate", "-", "--bins", str(BINS), "--format", "json", "--fail-if", "few.mae > 12"]
    done = dir_(*words, input=(work / "one.csv").read_bytes())
    assert done.returncode == 0, done.stderr
    assert b"targets in the prediction file" in done.stderr
    assert done.stderr.endswith(b"few.mae = 2, limit 12: ok\n")
    tool = subprocess.run([sys.executable, "-m", "json.tool"], input=done.stdout, check=True, capture_output=True)
    (system,) = json.loads(tool.stdout)["systems"]
    assert (system["name"], system["file"]) == ("stdin", "-")


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
def test_a_closed_pipe_is_no_traceback() -> None:
    call = shlex.join([sys.executable, "-m", "dircli", *WORDS, "one.csv", "--format", "json"])
    done = subprocess.run(["/bin/sh", "-c", f"{call} | head -c 1"], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"{", b"")


@pytest.mark.thorough
@pytest.mark.usefixtures("files")
def test_a_pipe_that_nobody_reads_any_more_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        words = [sys.executable, "-m", "dircli", *WORDS, "one.csv"]
        done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert done.stderr == b""


def test_scores_that_leave_a_double_no_decimals_are_powers_of_ten() -> None:
    values = (9.9e15, 1e16, -1.25e308, 12_345_678_901_234_567_890)
    assert [number(value, 2) for value in values] == [
        "9900000000000000.00",
        "1.00e+16",
        "-1.25e+308",
        "12,345,678,901,234,567,890",
    ]
    result = made({"mae": [1e308, 2e307]})
    result["systems"][0]["regions"]["all"]["ci"] = {"mae": [0.5, 1.5e308]}
    assert "0.500..1.500e+308" in NAMED["table"].render(Result.from_json(result, "here"), 3)
