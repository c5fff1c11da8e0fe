"""What users of other command line tools expect of this one: a case per convention, and the tool it is known from."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from miniatures import MINIATURES

from dircli import __version__
from dircli.cli.app import HOMES
from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

COMMANDS = tuple(HOMES)
BASH = shutil.which("bash") or "bash"


@dataclass(frozen=True, kw_only=True)
class Here:
    """The command line, in a folder ``work`` with a curated AgeDB miniature and `p.csv`, predictions of its rows."""

    run: Run
    work: Path

    def program(self, *words: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
        """`dir` in a process of its own, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "dircli", *words],
            env={**os.environ, **environment},
            input=stdin,
            capture_output=True,
            check=False,
        )


@pytest.fixture
def here(tmp_path: Path, work: Path, run: Run) -> Here:
    """The folder that conventions are tried in."""
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    samples = manifests.read(work / "manifests" / "agedb").samples
    lines = [f"{samples.ids[row]},{samples.targets[row] + 1}" for row in (samples.split == "test").nonzero()[0]]
    (work / "p.csv").write_text("\n".join(["id,prediction", *lines, ""]))
    return Here(run=run, work=work)


CONVENTIONS: dict[str, tuple[str, Callable[[Here], Any]]] = {}


def known_from(tool: str) -> Callable[[Callable[[Here], Any]], Callable[[Here], Any]]:
    """Register a convention, which the docstring states, with the ``tool`` that users know it from."""

    def register(check: Callable[[Here], Any]) -> Callable[[Here], Any]:
        CONVENTIONS[check.__name__.replace("_", " ")] = (tool, check)
        return check

    return register


@known_from("git")
def short_help(here: Here) -> None:
    """`-h` is `--help`, of the program and of every command."""
    assert here.run("-h").stdout == here.run("--help").stdout
    for name in COMMANDS:
        assert here.run(name, "-h").stdout == here.run(name, "--help").stdout


@known_from("gh")
def help_command(here: Here) -> None:
    """`help CMD` is `CMD --help`."""
    assert here.run("help", "evaluate").stdout == here.run("evaluate", "--help").stdout


@known_from("docker")
def no_words(here: Here) -> None:
    """Without words, the help is shown, and nothing is done."""
    assert here.run("--help").stdout.strip() in here.run(code=2).output


@known_from("ruff")
def version(here: Here) -> None:
    """`--version` is the name and the version, on one line of stdout."""
    assert here.run("--version").stdout == f"dircli {__version__}\n"


@known_from("grep")
def exit_codes(here: Here) -> None:
    """0 is yes, 1 is no, and 2 is that it could not run."""
    here.run("evaluate", "p.csv", "--fail-if", "all.mae > 2")
    here.run("evaluate", "p.csv", "--fail-if", "all.mae > 0.5", code=1)
    here.run("evaluate", "nothing.csv", code=2)


@known_from("cat")
def dash_is_stdin(here: Here) -> None:
    """`-` is standard input."""
    text = (here.work / "p.csv").read_text()
    assert here.run("evaluate", "-", stdin=text).stdout == here.run("evaluate", "p.csv").stdout


@known_from("curl")
def dash_is_stdout(here: Here) -> None:
    """`--out -` writes to standard output, and notes go elsewhere."""
    assert here.run("weights", "--out", "-").stdout.startswith('"id","target","bin","weight"')


@known_from("gh")
def json_everywhere(here: Here) -> None:
    """`--json` prints JSON, and nothing else, on stdout."""
    for words in ("datasets", "info agedb", "evaluate p.csv", "explain p.csv", "verify", "weights", "suggest"):
        json.loads(here.run(*words.split(), "--json").stdout)


@known_from("sacreBLEU")
def formats(here: Here) -> None:
    """`--format json` and `-w` for decimals."""
    assert "signature" in json.loads(here.run("evaluate", "p.csv", "--format", "json").stdout)
    assert re.search(r"MAE +1\.0 ", here.run("evaluate", "p.csv", "-w", "1").stdout)


@known_from("sacreBLEU")
def score_only(here: Here) -> None:
    """`--score-only` prints numbers alone."""
    assert re.fullmatch(r"[-\d.\tnull]+\n", here.run("evaluate", "p.csv", "--score-only", "--metrics", "mae").stdout)


@known_from("sacreBLEU")
def signature(here: Here) -> None:
    """A score carries a signature that says what it may be compared with."""
    assert re.search(
        rf"^dir\|agedb\|test\|released\|sha256:.*v:{__version__}$", here.run("evaluate", "p.csv").stdout, re.MULTILINE
    )


@known_from("sacreBLEU")
def cite(here: Here) -> None:
    """`--cite` prints BibTeX."""
    assert here.run("--cite").stdout.startswith("@software{dircli,")


@known_from("ir_datasets")
def datasets_are_listed(here: Here) -> None:
    """One command lists the data sets, one tells about one of them, its citation included."""
    assert "agedb" in here.run("datasets").stdout
    assert "cite" in here.run("info", "agedb").stdout


@known_from("huggingface-cli")
def download_by_name(here: Here) -> None:
    """`download NAME --dry-run` lists what would be fetched, and fetches nothing."""
    before = sorted(here.work.parent.rglob("*"))
    assert "sha256:" in here.run("download", "sts-b", "--dry-run").stdout
    assert sorted(here.work.parent.rglob("*")) == before


@known_from("huggingface-cli")
def token_by_environment(here: Here) -> None:
    """A token is taken from the environment, and the help names the variable."""
    assert "DIR_SHHS_TOKEN" in here.run("download", "--help").stdout


@known_from("ruff")
def did_you_mean(here: Here) -> None:
    """A mistyped command, option or name is answered with the one that is close."""
    cases = {
        "evalute": "Did you mean 'evaluate'?",
        "evaluate p.csv --metrcs mae": "(Possible options: --metrics)",
        "info agebd": "did you mean agedb?",
    }
    for words, says in cases.items():
        assert says in here.run(*words.split(), code=2).stderr


@known_from("git")
def letters_case(here: Here) -> None:
    """Names of metrics, regions and data sets are the same in capitals."""
    assert here.run("info", "AgeDB").stdout == here.run("info", "agedb").stdout
    assert (
        here.run("evaluate", "p.csv", "--metrics", "MAE").stdout
        == here.run("evaluate", "p.csv", "--metrics", "mae").stdout
    )


@known_from("gh")
def completion(here: Here) -> None:
    """The shell completes commands, options and names."""
    asked = {"_DIRCLI_COMPLETE": "complete_bash", "COMP_WORDS": "dircli info sts", "COMP_CWORD": "2"}
    code = "import sys; sys.argv = ['dircli']; from dircli.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, check=True)
    assert done.stdout == b"sts-b\n"
    assert here.work


@known_from("git")
def quiet(here: Here) -> None:
    """`-q` leaves stderr empty where all is well."""
    assert here.run("weights", "--force").stderr
    assert here.run("weights", "--force", "-q").stderr == ""


@known_from("curl")
def verbose(here: Here) -> None:
    """`-v` says on stderr what is done."""
    assert "reading p.csv" in here.run("evaluate", "p.csv", "-v").stderr


@known_from("ripgrep")
def no_colours_in_pipes(here: Here) -> None:
    """No escape sequence reaches a pipe, whatever is printed."""
    for words in (["evaluate", "p.csv"], ["verify"], ["info", "agebd"], ["evaluate", "--help"]):
        done = here.program(*words)
        assert b"\x1b" not in done.stdout + done.stderr, words


@known_from("no-color.org")
def no_color(here: Here) -> None:
    """NO_COLOR takes colours away, also where they are forced."""
    assert b"\x1b[3" in here.program("verify", FORCE_COLOR="1").stdout
    assert b"\x1b[3" not in here.program("verify", FORCE_COLOR="1", NO_COLOR="1").stdout


@known_from("ripgrep")
def no_pager(here: Here) -> None:
    """Long output is printed at once, whatever PAGER says."""
    assert here.program("leaderboard", "agedb", PAGER="false").returncode == 0


@known_from("head")
def a_pipe_may_close(here: Here) -> None:
    """A reader that has seen enough ends the program without a traceback."""
    code = f"{sys.executable} -m dircli leaderboard agedb --format csv 2>err | head -n 1"
    subprocess.run([BASH, "-c", code], check=True, capture_output=True)
    assert "Traceback" not in (here.work / "err").read_text()


@known_from("POSIX")
def errors_on_stderr(here: Here) -> None:
    """Errors are on stderr, begin with the program's name, and leave stdout empty."""
    done = here.run("evaluate", "nothing.csv", code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("dir: nothing.csv: there is no such file")


@known_from("POSIX")
def double_dash(here: Here) -> None:
    """After `--` a file may be called as an option is."""
    (here.work / "-p.csv").write_text((here.work / "p.csv").read_text())
    assert here.run("evaluate", "--", "-p.csv").stdout == here.run("evaluate", "p.csv").stdout


@known_from("GNU")
def options_after_files(here: Here) -> None:
    """Options may stand before or after files, and take `=`."""
    plain = here.run("evaluate", "p.csv", "--dataset", "agedb").stdout
    assert here.run("evaluate", "--dataset=agedb", "p.csv").stdout == plain


@known_from("curl")
def output(here: Here) -> None:
    """`--output FILE` writes the result there, in the format of its ending."""
    here.run("evaluate", "p.csv", "--output", "r.json", "--output", "r.md")
    assert json.loads((here.work / "r.json").read_text())["systems"]
    assert (here.work / "r.md").read_text().startswith("| score |")


@known_from("cp")
def force(here: Here) -> None:
    """Nothing that exists is replaced by other content without `--force`."""
    (here.work / "r.json").write_text("mine")
    here.run("evaluate", "p.csv", "--output", "r.json", code=2)
    assert (here.work / "r.json").read_text() == "mine"
    here.run("evaluate", "p.csv", "--output", "r.json", "--force")


@known_from("docker")
def settings_by_environment(here: Here) -> None:
    """What is the same in each call may be set in the environment, and an option stands before it."""
    done = here.program("suggest", "--json", DIR_DATASET="sts-b")
    assert json.loads(done.stdout)["name"] == "sts-b"
    done = here.program("suggest", "--json", "--dataset", "agedb", DIR_DATASET="sts-b")
    assert json.loads(done.stdout)["name"] == "agedb"


@known_from("gh")
def examples_in_help(here: Here) -> None:
    """The help of every command ends in examples."""
    for name in COMMANDS:
        assert f"$ dir {name}" in here.run(name, "--help").stdout


@known_from("make")
def the_same_call_twice(here: Here) -> None:
    """The same call gives the same bytes, and finds what it wrote as it should be."""
    here.run("weights", "--out", "w.csv")
    first = (here.work / "w.csv").read_bytes()
    here.run("weights", "--out", "w.csv")
    assert (here.work / "w.csv").read_bytes() == first


@known_from("pytest")
def annotations_in_ci(here: Here) -> None:
    """In a GitHub workflow errors are annotated."""
    done = here.program("evaluate", "nothing.csv", GITHUB_ACTIONS="true")
    assert b"::error file=nothing.csv,title=dir evaluate::" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("convention", CONVENTIONS, ids=[f"{name}: {tool}" for name, (tool, _) in CONVENTIONS.items()])
def test_what_users_of_other_tools_expect_holds(convention: str, here: Here) -> None:
    _, check = CONVENTIONS[convention]
    check(here)


def test_thirty_conventions_are_listed_with_the_tools_that_they_are_known_from() -> None:
    assert len(CONVENTIONS) >= 30
    assert {"sacreBLEU", "ir_datasets", "ruff", "huggingface-cli", "gh", "git"} <= {
        tool for tool, _ in CONVENTIONS.values()
    }
    assert all(check.__doc__ for _, check in CONVENTIONS.values())
