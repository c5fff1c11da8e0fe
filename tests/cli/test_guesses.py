"""What users of other tools type first is understood, or answered with what to type instead."""

from __future__ import annotations

import re
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from miniatures import MINIATURES
from typer.main import get_command

from dircli import DirError, evaluate
from dircli.cli import guess
from dircli.cli.app import HOMES, app
from dircli.store import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run


@pytest.fixture
def curated(tmp_path: Path, work: Path, run: Run) -> Path:
    """An AgeDB miniature that is curated here, and `p.csv` with predictions of its test rows."""
    run("curate", "--dataset", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    lines = [f"{samples.ids[row]},{samples.targets[row] + 1}" for row in (samples.split == "test").nonzero()[0]]
    (work / "p.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    return work / "manifests"


def plain(text: str) -> str:
    """``text`` without the frames and line breaks of usage errors."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)


@pytest.mark.parametrize(
    "words", ["weights {} --per bin", "info {}", "suggest {}", "plot {} --terminal", "info {} --json"]
)
def test_a_dataset_may_be_named_as_an_option_wherever_it_is_an_argument(words: str, run: Run) -> None:
    expected = run(*words.format("agedb").split()).stdout
    assert run(*words.format("--dataset agedb").split()).stdout == expected
    assert run(*words.format("agedb --dataset agedb").split()).stdout == expected
    assert run(*words.format("--dataset AgeDB").split()).stdout == expected


@pytest.mark.usefixtures("curated")
def test_commands_that_read_a_manifest_take_the_option_too(run: Run) -> None:
    assert run("verify", "--dataset", "agedb").stdout == run("verify", "agedb").stdout
    run("export", "--dataset", "agedb", "--format", "csv", "--out", "there")
    shown = run("plot", "--dataset", "agedb", "p.csv", "--terminal").stdout
    assert shown == run("plot", "agedb", "p.csv", "--terminal").stdout
    assert shown != run("plot", "agedb", "--terminal").stdout


def test_the_option_stands_before_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIR_DATASET", "sts-b")
    assert run("suggest", "--dataset", "agedb").stdout == run("suggest", "agedb").stdout


@pytest.mark.parametrize("command", ["weights", "info", "suggest", "verify", "download", "curate", "plot"])
def test_two_names_that_differ_are_answered_with_one_line(command: str, run: Run) -> None:
    done = run(command, "agedb", "--dataset", "sts-b", code=2)
    assert done.stderr == "dir: two datasets are named, agedb and --dataset sts-b; leave one of them out\n"


@pytest.mark.parametrize("command", ["download", "curate"])
def test_a_name_that_must_be_there_is_still_asked_for(command: str, run: Run) -> None:
    assert run(command, code=2).stderr == "dir: name a dataset, as `dir datasets` lists them\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("evaluate agedb p.csv", "agedb is a dataset: --dataset agedb"),
        ("evaluate p.csv sts-b", "sts-b is a dataset: --dataset sts-b"),
        ("evaluate AgeDB p.csv", "AgeDB is a dataset: --dataset agedb"),
        ("explain agedb p.csv", "agedb is a dataset: --dataset agedb"),
        ("explain agedb", "agedb is a dataset: --dataset agedb"),
        ("fds agedb f.h5 --out g.h5", "agedb is a dataset: --dataset agedb"),
        ("identify agedb", "agedb is a dataset; `dir info agedb` lists its splits"),
        ("datasets agedb", "agedb is a dataset; `dir info agedb` tells about it"),
    ],
)
def test_a_dataset_where_files_are_expected_is_told_apart(words: str, says: str, run: Run) -> None:
    done = run(*words.split(), code=2)
    assert done.stderr.startswith(f"dir: {says}"), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_manifest_of_ones_own_is_a_dataset_too_but_a_file_that_is_there_is_a_file(
    curated: Path, work: Path, run: Run
) -> None:
    curated.joinpath("agedb").rename(curated / "mine")
    assert "mine is a dataset: --dataset mine" in run("evaluate", "mine", "p.csv", code=2).stderr
    (work / "agedb").write_bytes((work / "p.csv").read_bytes())
    assert "is a dataset" not in run("evaluate", "agedb", "--dataset", "mine").stderr


def test_a_board_takes_its_dataset_as_an_argument_where_no_folder_is_called_so(work: Path, run: Run) -> None:
    assert run("leaderboard", "AgeDB").stdout == run("leaderboard", "--dataset", "agedb").stdout
    (work / "agedb").mkdir()
    assert "no results are here" in run("leaderboard", "agedb", code=2).stderr


@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "info agebd",
            "there are agedb, imdb-wiki, nyud2, shhs, sts-b; did you mean agedb?",
        ),
        ("weights sts --per bin", "did you mean sts-b?"),
        ("download imdbwiki", "did you mean imdb-wiki?"),
        ("curate agedbb", "did you mean agedb?"),
        ("evaluate p.csv --dataset agebd", "did you mean agedb?"),
        ("leaderboard --dataset agebd", "did you mean agedb?"),
        ("evaluate p.csv --metrics mea,gm", ", or all; did you mean mae?"),
        ("leaderboard --dataset agedb --metric mse1", "did you mean mse?"),
        ("leaderboard --dataset agedb --region meduim", "did you mean medium?"),
        ("evaluate p.csv --fail-if 'fwe.mae>12'", "did you mean few?"),
        ("evaluate p.csv --prediction-column predicton", "did you mean prediction?"),
        ("curate custom --table p.csv --target predicton", "did you mean prediction?"),
        ("weights agedb --format csv --out w.txt --order p.csv --id-column predicion", "did you mean prediction?"),
        ("evaluate p.csv --metrcs mae", "--metrics"),
        ("evalute p.csv", "Did you mean 'evaluate'?"),
        ("evaluate p.csv --protocol relased", "did you mean released?"),
    ],
)
def test_what_is_mistyped_is_answered_with_what_is_close(words: str, says: str, run: Run) -> None:
    assert says in plain(run(*shlex.split(words), code=2).stderr)


def test_what_is_close_is_shown_without_what_a_terminal_would_take_for_a_command(run: Run, work: Path) -> None:
    (work / "p.csv").write_text("i\x1bd,prediction,tar\x0bget\n1,2,3\n")
    told = run("evaluate", "p.csv", "--dataset", "agedb", code=2).stderr
    assert r"did you mean 'tar\x0bget'?" in told
    assert told.replace("\n", "").isprintable()


def test_nothing_is_offered_that_is_not_close(run: Run) -> None:
    assert "did you mean" not in run("info", "nothing-like-it", code=2).stderr


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("info AgeDB", "info agedb"),
        ("info STS_B --json", "info sts-b --json"),
        ("evaluate p.csv --dataset AGEDB", "evaluate p.csv --dataset agedb"),
        ("evaluate p.csv --metrics MAE,Gm", "evaluate p.csv --metrics mae,gm"),
        ("evaluate p.csv --format JSON", "evaluate p.csv --format json"),
        ("evaluate p.csv --protocol Paper --split TEST", "evaluate p.csv --protocol paper --split test"),
        ("leaderboard --dataset AgeDB --region Few --metric MAE", "leaderboard --dataset agedb"),
        ("evaluate p.csv --fail-if Few.MAE>12", "evaluate p.csv --fail-if few.mae>12"),
    ],
)
def test_small_and_large_letters_are_the_same_in_names(typed: str, meant: str, run: Run) -> None:
    assert run(*typed.split()).stdout == run(*meant.split()).stdout


def test_a_manifest_that_is_spelt_exactly_so_comes_first(curated: Path, run: Run) -> None:
    curated.joinpath("agedb").rename(curated / "Mine")
    assert run("weights", "mine", "--per", "bin").stdout == run("weights", "Mine", "--per", "bin").stdout


def test_a_path_in_the_place_of_a_name_is_answered_with_the_option_for_it(
    curated: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("verify", "weights", "export --out there", "suggest"):
        done = run(*command.split(), "manifests/agedb", code=2)
        assert done.stderr == "dir: manifests/agedb is the folder of a manifest: --manifest manifests/agedb\n"
    done = run("evaluate", "p.csv", "--dataset", "manifests/agedb", code=2)
    assert "--manifest manifests/agedb" in done.stderr
    assert "`dir curate custom --table p.csv --target COL`" in run("curate", "p.csv", code=2).stderr
    shown = run("plot", "agedb", "p.csv", "--terminal").stdout
    assert run("plot", "p.csv", "--terminal").stdout == shown
    curated.joinpath("agedb").rename(curated / "other")
    monkeypatch.setenv("DIR_DATASET", "other")
    assert run("plot", "p.csv", "--terminal").stdout == run("plot", "other", "p.csv", "--terminal").stdout


OWN = "for a benchmark of a table, write `dir curate custom --table"


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ("--table t.csv", "t.csv --target COL"),
        ("--table t.csv --target y", "t.csv --target y"),
        ("--table t.csv --id 'an id'", "t.csv --target COL --id 'an id'"),
        ("t.csv", "t.csv --target COL"),
        ("t.csv --target y --id id", "t.csv --target y --id id"),
        ("custom t.csv", "t.csv --target COL"),
        ("parts", "parts --target COL"),
        ("s3://bucket/parts --target y", "s3://bucket/parts --target y"),
    ],
)
def test_a_table_without_the_words_for_it_is_answered_with_the_whole_command(
    words: str, rest: str, run: Run, work: Path
) -> None:
    (work / "t.csv").write_text("id,y\na,1\n")
    (work / "parts").mkdir()
    assert run("curate", *shlex.split(words), code=2).stderr == f"dir: {OWN} {rest}`\n"


def test_a_glob_that_the_shell_took_apart_is_not_answered_with_the_first_of_its_files(run: Run, work: Path) -> None:
    for name in ("p0.csv", "p1.csv"):
        (work / name).write_text("id,y\na,1\n")
    said = run("curate", "custom", "--table", "p0.csv", "p1.csv", "--target", "y", code=2).stderr
    assert said == f"dir: --table takes one value; {guess.FOLDER}\n"


@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("evaluate p.csv --metrics mae --metrics gm", "metrics"),
        ("evaluate p.csv --metrics=mae --metrics=gm", "metrics"),
        ("curate custom --table p0.csv --table p1.csv --target y", "table"),
        ("resample --table p0.csv --table p1.csv --method over --out o.csv", "table"),
        ("resample agedb --features p0.csv --features p1.csv --method over --out o.csv", "features"),
    ],
)
def test_a_second_value_that_would_be_meant_as_one_more_does_not_take_the_place_of_the_first(
    words: str, option: str, run: Run
) -> None:
    assert run(*words.split(), code=2).stderr == f"dir: --{option} takes one value; {guess.ONE_VALUE[option]}\n"


@pytest.mark.usefixtures("curated")
def test_of_other_options_the_last_value_holds(run: Run) -> None:
    last = run("evaluate", "p.csv", "--decimals", "1", "--decimals", "5").stdout
    assert last == run("evaluate", "p.csv", "--decimals", "5").stdout


@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize("words", ["weights {}", "suggest {}", "info {}", "evaluate p.csv --dataset {}"])
def test_a_table_in_the_place_of_a_dataset_leads_to_its_benchmark_or_to_how_to_make_one(
    words: str, run: Run, work: Path
) -> None:
    for name in ("agedb.csv", "t.csv"):
        (work / name).write_text("id,y\na,1\n")
    said = run(*words.format("agedb.csv").split(), code=2).stderr
    assert said == "dir: agedb.csv is a file, not a dataset; did you mean agedb?\n"
    said = run(*words.format("t.csv").split(), code=2).stderr
    assert said == f"dir: t.csv is a file, not a dataset; {OWN} t.csv --target COL`\n"


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("evaluate --file p.csv", "no option is called --file; write `dir evaluate FILE`, without an option"),
        ("evaluate p.csv --out x.json", "no option is called --out; write --output"),
        ("evaluate p.csv -o x.json", "no option is called -o; write --output"),
        ("weights agedb --output x.csv", "no option is called --output; write --out"),
        ("evaluate p.csv --tex", "no option is called --tex; write --format latex"),
        ("evaluate p.csv --id key", "no option is called --id; write --id-column"),
        ("evaluate p.csv --target age", "no option is called --target; write --target-column"),
        ("curate custom --table p.csv --label y", "no option is called --label; write --target"),
        ("weights agedb --lds_ks 9", "no option is called --lds_ks; write --ks"),
        ("fds f.h5 --fds_mmt 0.9 --out g.h5", "no option is called --fds_mmt; write --momentum"),
        ("evaluate p.csv --metrics mae gm", "gm is a metric, and no file: write names with commas between, "),
        ("evaluate p.csv --metrics mae, gm", "gm is a metric, and no file: write names with commas between, "),
        ("evaluate p.csv --ci 0.95", "0.95 is no file, and --ci takes no value: its intervals are of 95 %"),
        ("evaluate p.csv --manifest AgeDB", "--manifest is the folder of a manifest; did you mean --dataset agedb?"),
        ("verify --manifest agedb", "--manifest is the folder of a manifest; did you mean --dataset agedb?"),
    ],
)
def test_what_others_call_an_option_is_answered_with_its_name_here(words: str, says: str, run: Run) -> None:
    said = run(*words.split(), code=2).stderr
    assert said.startswith(f"dir: {says}"), said
    assert len(said.splitlines()) == 1


@pytest.mark.usefixtures("curated")
def test_a_metric_among_the_files_is_put_behind_those_named_already(run: Run, work: Path) -> None:
    said = run("evaluate", "p.csv", "--metrics", "mae", "GM", code=2).stderr
    assert said.endswith("--metrics mae,gm\n")
    assert "there is no such file" in run("evaluate", "p.csv", "90", code=2).stderr  # without --ci it is a name
    (work / "gm").write_bytes((work / "p.csv").read_bytes())
    run("evaluate", "p.csv", "gm", "--metrics", "mae")


@pytest.mark.parametrize("words", ["evaluate p.csv --region few", "evaluate p.csv --csw", "datasets --latex"])
def test_options_are_offered_only_where_they_are_spelt_much_alike(words: str, run: Run) -> None:
    said = plain(run(*words.split(), code=2).stderr)
    assert "No such option" in said
    assert "Possible options" not in said
    assert "(Possible options: --bin-width)" in plain(run("curate", "--binwidth", "2", code=2).stderr)


def test_each_option_that_others_call_otherwise_is_one_of_a_command() -> None:
    commands: Any = get_command(app).commands  # type: ignore[attr-defined]
    flags = [{flag for each in commands[name].params for flag in each.opts} for name in HOMES]
    for typed, answers in guess.OPTIONS.items():
        for answer in answers:
            assert any(answer.split()[0] in each for each in flags), answer
        assert any(typed not in each and {answer.split()[0] for answer in answers} & each for each in flags), typed


@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize("command", ["evaluate"])
def test_a_dataset_as_the_folder_of_raw_files_is_answered_with_the_option_for_it(command: str, run: Run) -> None:
    done = run(command, "--data", "AgeDB", "p.csv", code=2)
    assert done.stderr == "dir: --data is the folder of raw files; did you mean --dataset agedb?\n"


@pytest.mark.usefixtures("curated")
def test_a_folder_of_raw_files_is_not_taken_for_a_dataset(run: Run, work: Path) -> None:
    (work / "agedb").mkdir()
    run("evaluate", "--data", "agedb", "p.csv")
    run("evaluate", "--data", "nothing-like-it", "p.csv")


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("list", "datasets"),
        ("LS", "datasets"),
        ("score", "evaluate"),
        ("metrics", "info --metrics"),
        ("get", "download"),
        ("fetch", "download"),
        ("pull", "download"),
        ("cite", "--cite"),
        ("version", "--version"),
        ("compare", "evaluate --ci"),
        ("diff", "evaluate --against RESULT.json"),
        ("lds", "weights"),
        ("split", "curate"),
        ("create", "curate"),
        ("reweight", "weights"),
        ("train", "weights` for a trainer of your own, then `dir evaluate"),
        ("SMOGN", "resample"),
        ("histogram", "plot"),
        ("stats", "info"),
        ("validate", "verify"),
        ("rank", "leaderboard"),
        ("report", "evaluate --report PAGE.html"),
        ("latex", "evaluate --format latex"),
        ("tune", "suggest"),
    ],
)
def test_what_others_call_a_command_is_answered_with_its_name_here(word: str, here: str, run: Run) -> None:
    assert run(word, "x.csv", code=2).stderr == f"dir: no command is called {word}; write `dir {here}`\n"


def test_no_other_word_hides_a_command_and_each_leads_to_one() -> None:
    assert not guess.COMMANDS.keys() & HOMES.keys()
    assert {here.split()[0].strip("`") for here in guess.COMMANDS.values()} - HOMES.keys() == {"--cite", "--version"}


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("evaluate p.csv --format md", "evaluate p.csv --format markdown"),
        ("evaluate p.csv --format TeX", "evaluate p.csv --format latex"),
        ("datasets --format md", "datasets --format markdown"),
        ("datasets --format text", "datasets"),
        ("weights agedb --per bin --scheme sqrt_inv --kernel gauss", "weights agedb --per bin"),
        (
            "weights agedb --per bin --scheme inv --kernel none",
            "weights agedb --per bin --scheme inverse --kernel none",
        ),
        ("weights agedb --per bin --kernel laplacian", "weights agedb --per bin --kernel laplace"),
        ("weights agedb --per bin --kernel triangular", "weights agedb --per bin --kernel triang"),
    ],
)
def test_other_words_for_values_are_understood(typed: str, meant: str, run: Run) -> None:
    assert run(*typed.split()).stdout == run(*meant.split()).stdout


@pytest.mark.thorough
@pytest.mark.usefixtures("curated")
@pytest.mark.parametrize("word", ["validation", "valid", "dev", "Validation"])
def test_other_words_for_the_validation_split_are_understood(word: str, run: Run, work: Path) -> None:
    samples = manifests.read(work / "manifests" / "agedb").samples
    lines = [f"{key},30" for key in samples.ids[samples.split == "val"]]
    (work / "v.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    assert run("evaluate", "v.csv", "--split", word).stdout == run("evaluate", "v.csv", "--split", "val").stdout


@pytest.mark.usefixtures("curated")
def test_other_words_are_no_values_where_an_option_has_no_such_value(run: Run) -> None:
    assert "'tex' is not one of" in plain(run("datasets", "--format", "tex", code=2).stderr)


@pytest.mark.usefixtures("curated")
def test_a_value_that_is_mistyped_is_answered_in_one_sentence(run: Run) -> None:
    said = plain(run("evaluate", "p.csv", "--format", "markdwn", code=2).stderr)
    assert "Value error" not in said
    assert "'latex'; did you mean markdown?" in said
    assert "Value error" not in plain(run("evaluate", "p.csv", "--format", "nothing-like-it", code=2).stderr)


@pytest.mark.usefixtures("curated")
def test_metrics_in_one_string_are_names_with_commas_between(curated: Path) -> None:
    samples = manifests.read(curated / "agedb").samples
    targets = samples.targets[samples.split == "test"]
    scored = partial(evaluate, targets, targets + 1, dataset="agedb", manifests=curated)
    for text, names in (("mae", ["mae"]), ("MAE, gm", ["mae", "gm"]), ("", [])):
        assert scored(metrics=text) == scored(metrics=names)
    with pytest.raises(DirError, match="no metric is called 'mea'"):
        scored(metrics="mea")
