"""Every option and argument of every command that names a file or folder takes a URL, or says in one line why not."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import mostly_thorough
from miniatures import MINIATURES

from dircli.cli import as_given
from dircli.cli.app import Commands
from dircli.curation.export import exported
from dircli.store import manifests

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("fsspec", reason="the extra remote is not installed")

URL = "memory://there/"
NAMED = {"features", "files", "out", "output", "predictions", "results", "table"}
"""What parameters are called that name files as texts, for "-" is one of them."""

READ = {
    "datasets --manifests": "datasets --manifests {manifests}",
    "datasets --data": "datasets --json --data {data}",
    "info --manifests": "info own --manifests {manifests}",
    "info --data": "info agedb --json --data {data}",
    "curate --raw": "curate agedb --raw {AgeDB.zip} --split redraw --name new --json",
    "curate --released": "curate agedb --raw AgeDB.zip --released {agedb.csv} --name new --json",
    "curate --table": "curate custom --table {t.csv} --target y --id id --name new --json",
    "curate --data": "curate agedb --data {data} --split redraw --name new --json",
    "suggest --manifests": "suggest own --manifests {manifests}",
    "suggest --manifest": "suggest --manifest {manifests/own}",
    "weights --order": "weights own --order {ids.csv} --format csv --out -",
    "weights --raw": "weights nyud2 --raw {nyu} --maps maps.h5",
    "weights --manifests": "weights own --per bin --json --manifests {manifests}",
    "weights --manifest": "weights --per bin --json --manifest {manifests/own}",
    "weights --data": "weights nyud2 --data {data} --maps maps.h5",
    "evaluate PREDS...": "evaluate {p.csv} --dataset own",
    "evaluate --bins": "evaluate p.csv --bins {manifests/own/bins.parquet}",
    "evaluate --manifests": "evaluate p.csv --dataset own --manifests {manifests}",
    "evaluate --manifest": "evaluate p.csv --manifest {manifests/own}",
    "evaluate --against": "evaluate p.csv --dataset own --against {runs/r.json}",
    "evaluate --data": "evaluate a.csv --dataset agedb --report page.html --data {data}",
    "explain PREDS": "explain {p.csv} --dataset own --json",
    "explain --bins": "explain p.csv --bins {manifests/own/bins.parquet}",
    "explain --manifests": "explain p.csv --dataset own --manifests {manifests}",
    "explain --manifest": "explain p.csv --manifest {manifests/own}",
    "leaderboard RESULTS": "leaderboard {runs}",
    "verify --released": "verify agedb --released {agedb.csv}",
    "verify --manifests": "verify own --manifests {manifests}",
    "verify --manifest": "verify --manifest {manifests/own}",
    "verify --data": "verify agedb --data {data}",
    "identify FILE…": "identify {agedb.csv} --json",
    "identify --manifests": "identify ids.csv --json --manifests {manifests}",
    "export --manifests": "export own --format csv --out exported --manifests {manifests}",
    "export --manifest": "export --format csv --out exported --manifest {manifests/own}",
    "fds FEATURES": "fds {f.h5} --dataset own --out calibrated.h5",
    "fds --manifests": "fds f.h5 --dataset own --out calibrated.h5 --manifests {manifests}",
    "resample --features": "resample own --features {x.parquet} --method over --out -",
    "resample --table": "resample --table {t.csv} --target y --id id --method over --out -",
    "resample --manifests": "resample own --features x.parquet --method over --out - --manifests {manifests}",
    "resample --manifest": "resample --features x.parquet --method over --out - --manifest {manifests/own}",
    "plot PREDS": "plot own {p.csv} --terminal",
    "plot --manifests": "plot own --terminal --manifests {manifests}",
    "plot --manifest": "plot --terminal --manifest {manifests/own}",
}
"""A command for each that is read, the path in braces: it prints the same of a URL as of the copy here."""

WRITTEN = {
    "curate --out": "curate custom --table t.csv --target y --id id --name new --out {new}",
    "weights --out": "weights own --out {new.parquet}",
    "weights --maps": "weights nyud2 --raw nyu --maps {new.h5}",
    "evaluate --output": "evaluate p.csv --dataset own --output {new.json}",
    "evaluate --per-bin": "evaluate p.csv --dataset own --per-bin {new.csv}",
    "evaluate --per-sample": "evaluate p.csv --dataset own --per-sample {new.parquet}",
    "evaluate --report": "evaluate p.csv --dataset own --report {new.html}",
    "leaderboard --output": "leaderboard runs --output {new.md}",
    "export --out": "export own --format npy --out {new}",
    "fds --plot": "fds f.h5 --dataset own --similarity --anchor 40 --plot {new.svg}",
    "fds --out": "fds f.h5 --dataset own --out {new.h5}",
    "resample --out": "resample --table t.csv --target y --id id --method over --out {new.csv}",
    "plot --out": "plot own --out {new.pdf}",
    "suggest --plot": "suggest own --plot {new.svg}",
}
"""A command for each that is written: the same files stand at the URL as here."""

REFUSED = {
    "download --data": ("download agedb --accept-license --data {data}", "files are downloaded to a folder of this"),
    "evaluate --scratch": ("evaluate p.csv --dataset own --engine dask --scratch {data}", "only a file or folder of"),
    "curate --scratch": (
        "curate custom --table t.csv --target y --engine dask --scratch {data}",
        "only a file or folder of",
    ),
    "demo --out": ("demo --out {data}", "only a file or folder of this machine can be used here"),
}
"""A command for each that takes no URL, and what it says: downloads are resumed, and workers share a folder."""


def path_options() -> Iterator[str]:
    """Every parameter of every command that names a file or folder, as `COMMAND --option` or `COMMAND ARGUMENT`."""
    for name, command in Commands().items():
        kinds = as_given.kinds_of(command)
        for each in command.params:
            kind = kinds.get(each.name)
            if kind in {Path, list[Path]} or (kind in {str, list[str]} and each.name in NAMED):
                yield f"{name} {each.opts[0] if each.opts[0].startswith('-') else each.metavar}"


def test_each_path_option_has_a_place_in_one_of_these_lists() -> None:
    assert sorted(path_options()) == sorted([*READ, *WRITTEN, *REFUSED])


@dataclass(frozen=True)
class Both:
    """The folder that commands run in, and a copy of it at `URL`."""

    work: Path
    system: Any

    def words(self, template: str, *, there: bool) -> list[str]:
        """The words of a command, with the path in braces here or there."""
        return template.replace("{", URL if there else "").replace("}", "").split()

    def told(self, template: str, *, there: bool) -> tuple[int, str, str]:
        """Exit code, stdout and stderr, in which the URL is the path."""
        from typer.testing import CliRunner

        from dircli.cli.app import app

        done = CliRunner().invoke(app, self.words(template, there=there), prog_name="dir")
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        said = [text.replace(URL, "").replace(str(self.work), "") for text in (done.stdout, done.stderr)]
        return done.exit_code, said[0], said[1]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with whatever the commands read."""
    folder = tmp_path_factory.mktemp("prepared")
    from typer.testing import CliRunner

    from dircli.cli.app import app

    def made(words: str) -> None:
        done = CliRunner().invoke(app, words.split(), prog_name="dir")
        assert done.exit_code == 0, done.output

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DIR_DATA", str(folder / "none"))
        MINIATURES["agedb"].build(folder)
        MINIATURES["nyud2"].build(folder).rename(folder / "nyu")
        draw = np.random.default_rng(0)
        rows: dict[str, Any] = {
            "id": [f"r{k}" for k in range(300)],
            "y": draw.normal(40, 9, 300).round(2),
            "x": draw.random(300),
        }
        _write(folder / "t.csv", rows)
        made("curate custom --table t.csv --target y --id id --bin-width 2 --per-bin 4 --name own -q")
        made("curate agedb --raw AgeDB.zip --split redraw -q")
        made("curate nyud2 --raw nyu --split redraw -q")
        of_split = {split: _rows(folder, "own", split) for split in ("train", "test")}
        kept = [rows["id"].index(key) for key in of_split["test"]["id"]]
        _write(
            folder / "p.csv",
            {"id": of_split["test"]["id"], "prediction": rows["y"][kept] + 1, "target": rows["y"][kept]},
        )
        _write(folder / "ids.csv", {"id": of_split["train"]["id"][::-1]})
        pq.write_table(pa.table({"id": rows["id"], "x": rows["x"]}), folder / "x.parquet")
        with h5py.File(folder / "f.h5", "w") as file:
            file["features"] = draw.random((len(of_split["train"]["id"]), 3))
            file["labels"] = of_split["train"]["target"]
        ages = _rows(folder, "agedb", "test")
        _write(folder / "a.csv", {"id": ages["id"], "prediction": np.array(ages["target"]) + 1})
        for name, data in exported(manifests.read(folder / "manifests" / "agedb")).items():
            (folder / name).write_bytes(data)
        made("evaluate p.csv --dataset own --output runs/r.json -q")
        shutil.copytree(folder / "nyu", folder / "data" / "nyud2")
        (folder / "data" / "agedb").mkdir()
        for name in ("AgeDB.zip", "agedb.csv"):
            shutil.copy(folder / name, folder / "data" / "agedb")
    return folder


def _write(path: Path, columns: dict[str, Any]) -> None:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("".join(f"{line}\n" for line in lines))


def _rows(folder: Path, name: str, split: str) -> dict[str, list[Any]]:
    table = pq.read_table(folder / "manifests" / name / "samples.parquet", filters=[("split", "==", split)])
    rows: dict[str, list[Any]] = table.to_pydict()
    return rows


@pytest.fixture
def both(prepared: Path, work: Path, memory: Any) -> Both:
    """What was prepared, here and there."""
    shutil.copytree(prepared, work, dirs_exist_ok=True)
    for path in work.rglob("*"):
        if path.is_file():
            memory.pipe(f"/there/{path.relative_to(work).as_posix()}", path.read_bytes())
    return Both(work, memory)


def files_of(work: Path) -> dict[str, bytes]:
    return {path.relative_to(work).as_posix(): path.read_bytes() for path in work.rglob("*") if path.is_file()}


@pytest.mark.parametrize("option", mostly_thorough(READ, first=6))
def test_what_is_read_is_the_same_at_a_url(option: str, both: Both) -> None:
    template, before = READ[option], files_of(both.work)
    here = both.told(template, there=False)
    assert here[0] == (2 if option == "curate --released" else 0), here  # it is not the published one
    written = files_of(both.work)
    for name in written.keys() - before:
        (both.work / name).unlink()
    named = template.partition("{")[2].partition("}")[0]
    path = both.work / named  # which is nowhere here, so that nothing can be read from it
    path.rename(both.work.with_name("away"))
    assert both.told(template, there=True) == here
    both.work.with_name("away").rename(path)
    assert files_of(both.work) == written


@pytest.mark.parametrize("option", mostly_thorough(WRITTEN, first=3))
def test_what_is_written_is_the_same_at_a_url(option: str, both: Both) -> None:
    template, before = WRITTEN[option], files_of(both.work)
    here = both.told(template, there=False)
    assert here[0] == 0, here
    written = {name: data for name, data in files_of(both.work).items() if name not in before}
    assert written
    for name in written:
        (both.work / name).unlink()
    assert both.told(template, there=True) == here
    there = {name.removeprefix("/there/"): file.getvalue() for name, file in both.system.store.items()}
    assert {name: data for name, data in there.items() if name not in before} == written
    assert files_of(both.work) == before


def test_a_quoted_glob_is_what_the_shell_would_make_of_it(both: Both) -> None:
    shutil.copy("agedb.csv", "agedb-2.csv")
    both.system.pipe("/there/agedb-2.csv", Path("agedb.csv").read_bytes())
    here = both.told("identify agedb-2.csv agedb.csv --json", there=False)
    assert here[0] == 0
    assert both.told("identify {agedb*.csv} --json", there=False) == here
    assert both.told("identify {agedb*.csv} --json", there=True) == here
    assert "none*: no file matches" in both.told("identify {none*}", there=True)[2]


def test_a_url_in_the_place_of_a_name_is_a_file_or_told_how_to_be_given(both: Both) -> None:
    template = "plot {p.csv} --manifest manifests/own --terminal"
    here = both.told(template, there=False)
    assert here[0] == 0
    assert both.told(template, there=True) == here
    told = both.told("weights {manifests/own}", there=True)
    assert told == both.told("weights {manifests/own}", there=False)
    assert told[2] == "dir: manifests/own is the folder of a manifest: --manifest manifests/own\n"


@pytest.mark.thorough
@pytest.mark.parametrize(("template", "message"), REFUSED.values(), ids=REFUSED)
def test_what_takes_no_url_says_so_in_one_line(template: str, message: str, both: Both) -> None:
    before = files_of(both.work)
    code, said, told = both.told(f"{template} -q", there=True)
    assert (code, said) == (2, "")
    assert message in told
    assert len(told.splitlines()) == 1
    assert files_of(both.work) == before
