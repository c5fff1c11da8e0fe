"""The Codabench bundle: its scoring program, run as the platform runs it, scores as `dir evaluate` does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import PROJECT
from miniatures import MINIATURES

from dircli import __version__
from dircli.scores import codabench
from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run


@dataclass(frozen=True)
class Bundle:
    """An exported bundle of the AgeDB miniature, and the test rows that it asks for."""

    folder: Path
    ids: list[str]
    targets: list[float]

    def submission(self, shift: float = 1.5) -> bytes:
        """A right prediction file, each prediction too high by ``shift`` at its row's place."""
        pairs = enumerate(zip(self.ids, self.targets, strict=True))
        return "".join(["id,prediction\n", *(f"{key},{y + shift + k / 7!r}\n" for k, (key, y) in pairs)]).encode()

    def receive(self, work: Path, files: dict[str, bytes]) -> tuple[Path, Path]:
        """Input and output in the layout of the platform, input/ref and input/res, with these submitted files."""
        source, target = work / "input", work / "output"
        (source / "res").mkdir(parents=True)
        target.mkdir()
        (source / "ref").symlink_to(self.folder / "reference_data")
        for name, data in files.items():
            path = source / "res" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return source, target

    def score(self, work: Path, files: dict[str, bytes]) -> tuple[subprocess.CompletedProcess[str], Path]:
        """Run the bundle's program on these submitted files."""
        source, target = self.receive(work, files)
        words = [sys.executable, "scoring_program/score.py", str(source), str(target)]
        environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return done, target


@pytest.fixture
def exported(tmp_path: Path, work: Path, run: Run) -> Callable[..., Bundle]:
    """Curate the miniature, perhaps under another name, and export its bundle with these words."""

    def exported(*words: str) -> Bundle:
        run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
        done = run("export", "--format", "codabench", "--out", "bundle", *words)
        assert sorted(done.stdout.splitlines()) == sorted(
            str(path.relative_to(work)) for path in (work / "bundle").rglob("*") if path.is_file()
        )
        samples = manifests.read(work / "manifests" / "agedb").samples
        rows = samples.split == "test"
        return Bundle(work / "bundle", [str(key) for key in samples.ids[rows]], samples.targets[rows].tolist())

    return exported


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", ["released", "paper"])
def test_the_program_scores_a_submission_as_evaluate_does(
    protocol: str, exported: Callable[..., Bundle], work: Path, run: Run
) -> None:
    bundle = exported("--protocol", protocol)
    # as macOS zips it, in a folder of its own and with its own shadow files
    files = {
        "mine/p.csv": bundle.submission(),
        "__MACOSX/mine/._p.csv": b"\0",
        ".DS_Store": b"\0",
        "mine/notes.txt": b"",
    }
    done, output = bundle.score(work, files)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    words = ["input/res/mine/p.csv", "--protocol", protocol, "--format", "json"]
    result = json.loads(run("evaluate", *words).stdout)
    assert done.stdout == f"{result['signature']}\n"
    regions = result["systems"][0]["regions"]
    flat = {f"{region}_{name}": value for region, scores in regions.items() for name, value in scores.items()}
    scores = json.loads((output / "scores.json").read_text())
    assert scores == {key: value for key, value in flat.items() if value is not None}
    assert {"all_n", "few_mae", "all_pearson"} <= set(scores)
    assert flat["many_mae"] is None
    assert [path.name for path in output.iterdir()] == ["scores.json"]


def test_a_submission_may_be_json_lines(exported: Callable[..., Bundle], work: Path) -> None:
    bundle = exported()
    rows = zip(bundle.ids, bundle.targets, strict=True)
    lines = "".join(json.dumps({"id": key, "prediction": target + 2}) + "\n" for key, target in rows)
    source, output = bundle.receive(work, {"p.jsonl": lines.encode()})
    codabench.main(str(source), str(output))
    assert json.loads((output / "scores.json").read_text())["all_mae"] == pytest.approx(2)


def drop_and_spoil(data: bytes) -> bytes:
    """The file without its third row, and with no number in its first."""
    head, first, _, *rest = data.decode().splitlines()
    return "\n".join([head, f"{first.rpartition(',')[0]},many", *rest, ""]).encode()


BROKEN: dict[str, tuple[Callable[[bytes], dict[str, bytes]], tuple[str, ...]]] = {
    "damaged": (
        lambda data: {"p.csv": drop_and_spoil(data)},
        ("p.csv, line 2: prediction is 'many'", "1 ids are missing: AgeDB/", "Predict every row of the split"),
    ),
    "empty file": (lambda _: {"p.csv": b""}, ("p.csv: the file is empty",)),
    "two files": (
        lambda data: {"b.csv": data, "a/p.jsonl": data},
        ("submission: there must be one prediction file, and there are: p.jsonl, b.csv. Submit a zip with one file",),
    ),
    "nothing": (
        lambda _: {},
        ("there must be one prediction file, and there are: none", "ends in .csv or .parquet or .jsonl or .ndjson"),
    ),
    "other files alone": (lambda _: {"p.txt": b"", "._p.csv": b""}, ("and there are: none",)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_unfit_submission_exits_2_with_every_problem_and_no_scores(
    case: str, exported: Callable[..., Bundle], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, says = BROKEN[case]
    bundle = exported()
    source, output = bundle.receive(work, files(bundle.submission()))
    with pytest.raises(SystemExit) as caught:
        codabench.main(str(source), str(output))
    assert caught.value.code == 2
    printed = capsys.readouterr()
    for phrase in says:
        assert phrase in printed.err
    assert printed.out == ""
    assert list(output.iterdir()) == []


@pytest.mark.thorough
def test_the_program_itself_fails_on_an_unfit_submission(exported: Callable[..., Bundle], work: Path) -> None:
    bundle = exported()
    done, output = bundle.score(work, {"p.csv": drop_and_spoil(bundle.submission())})
    assert (done.returncode, done.stdout) == (2, "")
    assert "p.csv, line 2: prediction is 'many'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(output.iterdir()) == []


def test_the_bundle_is_what_the_platform_reads(exported: Callable[..., Bundle]) -> None:
    folder = exported("--image", "docker.io/me/dircli:0.1").folder
    competition: Any = yaml.safe_load((folder / "competition.yaml").read_text())
    facts = json.loads((folder / "reference_data" / "agedb" / "manifest.json").read_text())
    assert (competition["version"], competition["title"], competition["docker_image"]) == (
        2,
        "agedb",
        "docker.io/me/dircli:0.1",
    )
    for what in ("test split", "released protocol", facts["content"]):
        assert what in competition["description"]
    (task,) = competition["tasks"]
    for part in ("reference_data", "scoring_program"):
        assert (folder / task[part]).is_dir()
    assert [phase["tasks"] for phase in competition["phases"]] == [[task["index"]]]
    (board,) = competition["leaderboards"]
    columns = {column["key"]: column["sorting"] for column in board["columns"]}
    assert columns["few_mae"] == "asc"
    assert columns["all_pearson"] == "desc"
    assert [column["index"] for column in board["columns"]] == list(range(len(columns)))
    assert f"pip install dircli=={__version__}" in (folder / "competition.yaml").read_text()
    metadata: Any = yaml.safe_load((folder / "scoring_program" / "metadata.yaml").read_text())
    assert metadata == {"command": "python3 /app/program/score.py /app/input /app/output"}


def test_every_column_of_the_leaderboard_is_a_score_where_its_region_has_rows(
    exported: Callable[..., Bundle], work: Path
) -> None:
    bundle = exported()
    competition: Any = yaml.safe_load((bundle.folder / "competition.yaml").read_text())
    source, output = bundle.receive(work, {"p.csv": bundle.submission()})
    codabench.main(str(source), str(output))
    scores = json.loads((output / "scores.json").read_text())
    keys = {column["key"] for column in competition["leaderboards"][0]["columns"]}
    assert {key for key in keys if scores.get(f"{key.partition('_')[0]}_n")} <= set(scores)
    assert all(re.fullmatch("(all|many|medium|few)_[a-z]+", key) for key in keys)


@pytest.mark.parametrize("name", ["123", "no", "1e5", "null"])
def test_a_name_that_is_no_text_in_yaml_stays_text(name: str, tmp_path: Path, work: Path, run: Run) -> None:
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw", "--out", "m")
    manifest = manifests.read(work / "m" / "agedb")
    renamed = replace(manifest, facts={**manifest.facts, "name": name})
    files = codabench.bundle(renamed, split="test", protocol="paper", image=name)
    competition: Any = yaml.safe_load(files["competition.yaml"])
    assert (competition["title"], competition["tasks"][0]["name"], competition["docker_image"]) == (name,) * 3
    assert f"reference_data/{name}/samples.parquet" in files


def test_the_same_export_gives_the_same_bytes(exported: Callable[..., Bundle], work: Path, run: Run) -> None:
    folder = exported().folder
    run("export", "--format", "codabench", "--out", "again")
    for path in folder.rglob("*"):
        if path.is_file():
            assert (work / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


@pytest.mark.thorough
def test_the_starting_kit_holds_a_submission_that_is_scored_and_says_how_to_make_one(
    exported: Callable[..., Bundle], work: Path
) -> None:
    bundle = exported("--protocol", "paper")
    kit = bundle.folder / "starting_kit"
    competition: Any = yaml.safe_load((bundle.folder / "competition.yaml").read_text())
    assert competition["solutions"] == [{"index": 0, "name": "Sample submission", "path": "starting_kit", "tasks": [0]}]
    assert [bundle.folder / page["file"] for page in competition["pages"]] == [kit / "README.md"]
    told = (kit / "README.md").read_text()
    for what in ("18 test rows of agedb: age, in years", "more than 100 training rows", "paper protocol", "sha256:"):
        assert what in told
    files = {path.name: path.read_bytes() for path in kit.iterdir()}
    done, output = bundle.score(work, files)  # the whole kit, as the platform submits a solution
    assert done.returncode == 0, done.stderr
    scores = json.loads((output / "scores.json").read_text())
    train = manifests.read(work / "manifests" / "agedb").samples
    mean = train.targets[train.split == "train"].mean()
    expected = sum(abs(target - mean) for target in bundle.targets) / len(bundle.targets)
    assert scores["all_mae"] == pytest.approx(expected, rel=1e-4)


def test_a_zip_holds_the_same_files_and_is_the_same_each_time(
    exported: Callable[..., Bundle], work: Path, run: Run
) -> None:
    folder = exported().folder
    assert run("export", "--format", "codabench", "--out", "bundle.zip").stdout == "bundle.zip\n"
    first = (work / "bundle.zip").read_bytes()
    with zipfile.ZipFile(work / "bundle.zip") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run("export", "--format", "codabench", "--out", "bundle.zip")  # equal content is no other content
    run("export", "--format", "codabench", "--out", "again.zip")
    assert (work / "again.zip").read_bytes() == first
    assert "name a folder" in run("export", "--format", "csv", "--out", "x.zip", code=2).stderr
