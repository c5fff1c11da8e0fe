"""Scores from parts of a file are those of the whole, however many parts there are and whoever scores them."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import compared
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, mostly_thorough, processes_of
from miniatures import curated_table
from odd_files import FORMATS, written

from dircli.errors import DirError, InputError, UsageError
from dircli.scores import items, partitioned, streamed
from dircli.scores.from_files import ScoreOptions, evaluate
from dircli.scores.partitioned import Run as Parts
from dircli.scores.uncertainty.quantify import BootstrapOptions
from dircli.store import engines, manifests
from dircli.store.engines import LOCAL
from dircli.store.manifests import shipped
from dircli.store.predictions import Layout
from dircli.store.spans import divided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import server as web
    from conftest import Run

    from dircli.scores.results import Scored

ROWS = 3000
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


@pytest.fixture
def own(work: Path, run: Run) -> Path:
    """The folder of manifests with one of a table of one's own."""
    return curated_table(work, run, ROWS)


def carried(size: int = ROWS, seed: int = 0) -> dict[str, Any]:
    """Rows that carry their targets."""
    draw = np.random.default_rng(seed)
    target = draw.uniform(0, 100, size).round(1)
    return {
        "id": [f"row {row}" for row in draw.permutation(size)],
        "prediction": target + draw.normal(0, 5, size).round(2),
        "target": target,
    }


def joined(own: Path, seed: int = 0) -> dict[str, Any]:
    """Predictions of all test rows, in some order."""
    draw = np.random.default_rng(seed)
    samples = manifests.read(own / "own").samples
    rows = draw.permutation(np.flatnonzero(samples.mask("test")))
    return {"id": samples.ids[rows].tolist(), "prediction": samples.targets[rows] + draw.normal(0, 2, len(rows))}


def scored(
    parts: Parts | None,
    path: str = "p",
    *,
    own: Path | None = None,
    metrics: Sequence[str] = (),
    layout: Layout | None = None,
    sampling: BootstrapOptions | None = None,
) -> Scored:
    """What `evaluate` gives of the file, on the manifest or with AgeDB's bins."""
    layout = layout or Layout(sigma_column="sigma")
    request = ScoreOptions(split="test", protocol="released", metrics=metrics, layout=layout, keep_rows=False)
    bins = None if own else shipped("agedb")
    name, root = ("own", own) if own else (None, Path("m"))
    return evaluate([path], request, name=name, root=root, bins_file=bins, sampling=sampling, run=parts)


def same(ours: Scored, theirs: Scored, *, named: bool = True) -> None:
    """Both have the same scores within rounding, and all else; if they are not ``named``, but for their names."""
    ours_json, theirs_json = ours.result.as_json(), theirs.result.as_json()
    for each in (ours_json, theirs_json) if not named else ():
        del each["systems"][0]["name"], each["systems"][0]["file"]
    regions = [each["systems"][0].pop("regions") for each in (ours_json, theirs_json)]
    assert ours_json == theirs_json
    assert list(ours.left_out) == list(theirs.left_out)
    assert regions[0].keys() == regions[1].keys()
    for region, scores in regions[0].items():
        for kind in ("ci", "detectable"):
            of_ours, of_theirs = scores.pop(kind, {}), regions[1][region].pop(kind, {})
            assert of_ours.keys() == of_theirs.keys()
            for name, value in of_ours.items():
                if value is not None and of_theirs[name] is not None:
                    assert value == pytest.approx(of_theirs[name], rel=1e-12, abs=1e-13), (region, kind, name)
                else:
                    assert value == of_theirs[name]
        for name, value in scores.items():
            expected = regions[1][region][name]
            exact = value is None or name in {"n", "bins", "exact"}
            assert value == expected if exact else value == pytest.approx(expected, rel=1e-12, abs=1e-13), name


def sized(path: str, number: int) -> int:
    """The bytes of each of so many spans of the file."""
    return max(1, Path(path).stat().st_size // number)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("number", mostly_thorough([7, 1, 2, 64]))
def test_parts_of_a_file_give_the_scores_of_the_whole(form: str, number: int, work: Path) -> None:
    (work / "p").write_bytes(written(carried(), form))
    whole = scored(None)
    parts = scored(Parts(engine=LOCAL, size=sized("p", number)))
    assert whole.systems
    assert not parts.systems
    same(parts, whole)


def test_a_cluster_gives_the_scores_of_the_whole_in_any_number_of_parts(
    cluster: engines.Engine,
    work: Path,
    own: Path,
) -> None:
    pq.write_table(pa.table(carried()), work / "p", row_group_size=47)
    whole = scored(None)
    for number in (1, 7, 64):
        parts = scored(Parts(engine=cluster, size=sized("p", number)))
        assert not parts.systems
        same(parts, whole)
    (work / "p").write_bytes(written(joined(own), "CSV"))
    same(scored(Parts(engine=cluster, size=sized("p", 7)), own=own), scored(None, own=own))
    (work / "p").write_bytes(written(in_order(own), "CSV"))
    layout = Layout(by_position=True)
    parts = scored(Parts(engine=cluster, size=sized("p", 7)), own=own, layout=layout)
    assert not parts.systems
    same(parts, scored(None, own=own, layout=layout))


@pytest.mark.parametrize("sent", [partitioned.SENT, 0])
@pytest.mark.parametrize("number", mostly_thorough([7, 1, 64]))
def test_rows_are_joined_in_parts_as_in_the_whole(
    number: int, sent: int, own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "SENT", sent)
    monkeypatch.setattr(partitioned, "PART", 400)
    for seed, form in enumerate(("CSV", "JSON lines", "Parquet")):
        columns = joined(own, seed)
        if seed:
            columns["sigma"] = np.random.default_rng(seed).uniform(0.5, 2, len(columns["id"]))
        (work / "p").write_bytes(written(columns, form))
        metrics = [[], ["all"], ["mae", "sera"]][seed]
        whole = scored(None, own=own, metrics=metrics)
        parts = scored(Parts(engine=LOCAL, size=sized("p", number)), own=own, metrics=metrics)
        assert not parts.systems
        same(parts, whole)


@pytest.mark.thorough
@pytest.mark.parametrize("sent", [partitioned.SENT, 0])
def test_files_of_one_table_have_their_columns_in_any_order_and_all_have_them(
    sent: int, own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "SENT", sent)
    columns = joined(own)
    columns["sigma"] = np.random.default_rng(1).uniform(0.5, 2, len(columns["id"]))
    (work / "p").mkdir()
    for form in ("CSV", "Parquet", "JSON lines"):
        for number, names in enumerate((["id", "prediction", "sigma"], ["sigma", "prediction", "id"])):
            (work / "p" / f"{number}").write_bytes(written({name: columns[name][number::2] for name in names}, form))
        parts = scored(Parts(engine=LOCAL), own=own, metrics=["all"])
        assert not parts.systems
        same(parts, scored(None, own=own, metrics=["all"]))
    (work / "p" / "1").write_bytes(written({name: columns[name][1::2] for name in ("id", "prediction")}, "JSON lines"))
    for who in (Parts(engine=LOCAL), None):
        with pytest.raises(InputError, match="p/1: there is no sigma, and others of these files have it"):
            scored(who, own=own, metrics=["all"])


def test_where_workers_do_not_share_a_file_a_note_says_so(work: Path) -> None:
    (work / "p").write_bytes(gzip.compress(written(carried(), "CSV")))
    assert not scored(Parts(engine=LOCAL)).notes
    parts = scored(Parts(engine=LOCAL, size=1000))
    same(parts, scored(None))
    assert parts.notes == ["p: each compressed file is read by one worker, for compressed text cannot be divided"]
    (work / "p").write_bytes(written(carried(), "CSV").replace(b"row 7,", b'"row ""7""",'))
    parts = scored(Parts(engine=LOCAL, size=1000))
    same(parts, scored(None))
    (note,) = parts.notes
    assert note.startswith("p: read by this process, not by the workers: p, bytes")


def in_order(own: Path) -> dict[str, Any]:
    """Predictions of all test rows in the order of the manifest, with their targets."""
    samples = manifests.read(own / "own").samples
    rows = np.flatnonzero(samples.mask("test"))
    draw = np.random.default_rng(4)
    return {
        "prediction": samples.targets[rows] + draw.normal(0, 2, rows.size),
        "target": samples.targets[rows],
        "sigma": draw.uniform(1, 2, rows.size),
    }


@pytest.mark.parametrize(
    ("form", "number"),
    [
        ("CSV", 2),
        ("JSON lines", 7),
        ("Parquet", 7),
        ("npy", 7),
        *(pytest.param("CSV", number, marks=pytest.mark.thorough) for number in (1, 64)),
    ],
)
def test_rows_in_the_order_of_the_manifest_are_scored_in_parts(
    form: str, number: int, own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dircli.store.spans.ROWS", 50)  # several blocks in a part
    samples = own / "own" / "samples.parquet"
    pq.write_table(pq.read_table(samples), samples, row_group_size=101)
    columns = in_order(own)
    if form == "npy":
        np.save("p.npy", columns["prediction"].astype(np.float32)[:, None])
        Path("p.npy").rename("p")
    else:
        (work / "p").write_bytes(written(columns, form))
    layout = Layout(by_position=True, sigma_column=None if form == "npy" else "sigma")
    how: dict[str, Any] = {"own": own, "layout": layout, "metrics": ["mae", "sera", *["nll"][: form != "npy"]]}
    sampling = BootstrapOptions(method="poisson", resamples=40) if number in {2, 7} else None
    whole = scored(None, **how, sampling=sampling)
    parts = scored(Parts(engine=LOCAL, size=sized("p", number)), **how, sampling=sampling)
    assert not parts.notes
    assert not parts.systems
    same(parts, whole)


@pytest.mark.parametrize("how", ["not a number", "missing", "other targets", "cut short"])
def test_what_is_wrong_in_rows_in_the_order_of_the_manifest_is_named(how: str, own: Path, work: Path) -> None:
    columns = in_order(own)
    if how == "other targets":
        columns["target"][-1] += 1
    (work / "p").write_bytes(written(changed(columns, how) if how != "cut short" else columns, "CSV"))
    if how == "cut short":
        np.save("p.npy", columns["prediction"])
        (work / "p").write_bytes(Path("p.npy").read_bytes()[:-3])
    layout = Layout(by_position=True)
    with pytest.raises(InputError) as expected:
        scored(None, own=own, layout=layout)
    with pytest.raises(InputError) as found:
        scored(Parts(engine=LOCAL, size=sized("p", 7)), own=own, layout=layout)
    assert str(found.value) == str(expected.value)


@pytest.mark.thorough
def test_the_rows_that_ranks_need_are_kept_where_they_are_fewer_than_guessed(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "p").write_bytes(written(carried(), "CSV"))
    whole = scored(None)
    for module in (partitioned, items, streamed):
        monkeypatch.setattr(module, "RANKED", ROWS)
    monkeypatch.setattr("dircli.store.spans.LOOKED_AT", 8)  # from which too many rows are guessed
    assert sum(span.rows for span in divided([Path("p")])) > 2 * ROWS
    same(scored(Parts(engine=LOCAL, size=1000)), whole)
    for module in (partitioned, items, streamed):
        monkeypatch.setattr(module, "RANKED", ROWS - 1)
    assert scored(Parts(engine=LOCAL, size=1000)).left_out == ["Spearman"]


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [1, 2, 30])
def test_more_parts_than_rows_lose_none(rows: int, work: Path) -> None:
    for form in FORMATS:
        (work / "p").write_bytes(written(carried(rows), form))
        parts = scored(Parts(engine=LOCAL, size=3))
        assert not parts.systems
        same(parts, scored(None))


SUMS = ["mae", "gm", "pearson", "bmae", "bias"]


@pytest.mark.parametrize("number", mostly_thorough([7, 1, 2, 64]))
@pytest.mark.parametrize("case", ["carried", "no ids", "positions", "sent", "divided"])
def test_intervals_are_the_same_in_any_number_of_parts(
    case: str, number: int, own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling = BootstrapOptions(method="poisson", resamples=130, seed=5)
    where = own if case in {"sent", "divided"} else None
    columns = joined(own) if where else carried()
    if case == "no ids":
        del columns["id"]
    if case == "divided":
        monkeypatch.setattr(partitioned, "SENT", 0)
        monkeypatch.setattr(partitioned, "PART", 400)
    (work / "p").write_bytes(written(columns, "CSV"))
    layout = Layout(by_position=case == "positions")
    whole = scored(None, own=where, metrics=SUMS, sampling=sampling, layout=layout)
    parts = scored(
        Parts(engine=LOCAL, size=sized("p", number)), own=where, metrics=SUMS, sampling=sampling, layout=layout
    )
    assert not parts.systems
    assert whole.systems
    assert whole.result.signature.endswith("|ci:poisson,row,130,5")
    same(parts, whole)


def test_a_cluster_gives_the_intervals_of_the_whole(cluster: engines.Engine, work: Path) -> None:
    sampling = BootstrapOptions(method="poisson", resamples=130)
    pq.write_table(pa.table(carried()), work / "p", row_group_size=47)
    for metrics, kept in ((SUMS, False), ([], True)):  # ranks need all rows
        parts = scored(Parts(engine=cluster, size=sized("p", 7)), metrics=metrics, sampling=sampling)
        assert bool(parts.systems) == kept
        same(parts, scored(None, metrics=metrics, sampling=sampling))


def test_a_cluster_compares_files_as_one_process_does(cluster: engines.Engine) -> None:
    sampling = BootstrapOptions(method="poisson", resamples=200)
    result = compared.same(
        compared.write(compared.systems("a", "b", "c")),
        compared.parts_of(7, cluster),
        metrics=["mae"],
        sampling=sampling,
    )
    b, c = (system["regions"]["all"]["mae"] for system in result["comparison"]["systems"])
    assert (b["verdict"], c["verdict"]) == (None, "worse")


def changed(columns: dict[str, Any], how: str) -> dict[str, Any]:
    """The columns with one thing wrong in a late part."""
    new = {name: list(values) for name, values in columns.items()}
    at = len(new["prediction"]) * 5 // 7
    if how == "not a number":
        new["prediction"][at] = "nan"
    elif how == "repeated":
        new["id"][at] = new["id"][3]
    elif how == "once more":  # beside it, and so in the same part
        new = {name: values[: at + 1] + values[at:] for name, values in new.items()}
    elif how == "surplus":
        new["id"][at] = "nobody"
    elif how == "missing":
        new = {name: values[:at] + values[at + 1 :] for name, values in new.items()}
    elif how == "no rows":
        new = {name: [] for name in new}
    elif how == "outside" and "target" in new:
        new["target"][at] = 1e6
    return new


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["not a number", "repeated", "once more", "surplus", "missing", "no rows", "outside"])
@pytest.mark.parametrize("case", ["carried", "sent", "divided"])
def test_what_is_wrong_is_named_as_if_the_file_were_read_as_a_whole(
    case: str, how: str, own: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "divided":
        monkeypatch.setattr(partitioned, "SENT", 0)
    where = None if case == "carried" else own
    (work / "p").write_bytes(written(changed(joined(own) if where else carried(), how), "CSV"))
    outcomes: list[Any] = []
    for parts in (None, Parts(engine=LOCAL, size=sized("p", 7))):
        try:
            outcomes.append(scored(parts, own=where).result.as_json())
        except DirError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1] or isinstance(outcomes[0], dict)
    assert isinstance(outcomes[0], str) or how in {"outside", "surplus", "missing"}


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ("not a number", r"^p, bytes [\d,]+ to [\d,]+: something is wrong, or not as most .* too large to be read"),
        ("repeated", r"^p: an id occurs more than once, or two have the same hash. It is too large"),
    ],
)
def test_of_a_file_that_is_too_large_to_be_read_as_a_whole_it_is_said_where_something_is_wrong(
    how: str, match: str, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "WHOLE", 100)
    (work / "p").write_bytes(written(changed(carried(), how), "CSV"))
    with pytest.raises(InputError, match=match):
        scored(Parts(engine=LOCAL, size=sized("p", 7)))


def test_files_that_workers_do_not_see_and_folders_that_are_none_are_named(work: Path) -> None:
    (work / "p").write_bytes(written(carried(20), "CSV"))
    with pytest.raises(UsageError, match="--scratch nowhere: No such file"):
        scored(Parts(engine=LOCAL, scratch=Path("nowhere")))

    class Apart(engines.Local):
        shares_files = False

    with pytest.raises(UsageError, match=r"every worker must see; name a folder .* --scratch FOLDER"):
        scored(Parts(engine=Apart()))
    assert scored(Parts(engine=Apart(), scratch=work)).result
    assert [path.name for path in work.iterdir()] == ["p"]


@pytest.mark.slow
def test_the_command_scores_on_a_cluster_and_leaves_nothing_behind(
    run: Run, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (work / "p.csv").write_bytes(written(carried(), "CSV"))
    words = ["evaluate", "p.csv", "--bins", str(shipped("agedb")), "--format", "json"]
    ours, theirs = (json.loads(run(*words, *more).stdout) for more in (["--engine", "dask", "--workers", "1"], []))
    assert ours["signature"] == theirs["signature"]
    assert ours["systems"][0]["sha256"] == theirs["systems"][0]["sha256"]
    assert [path.name for path in (*work.iterdir(), *tmp_path.iterdir())] == ["p.csv"]
    for words_of_rows in (["--per-bin", "b.csv"], ["--per-sample", "s.csv"]):
        assert "leave out --engine" in run(*words, *words_of_rows, "--engine", "dask", code=2).stderr
    assert "standard input" in run("evaluate", "-", "--dataset", "agedb", "--engine", "dask", code=2).stderr
    for option in ("--bca", "--cluster=identity"):
        for which in (["--engine", "dask"], ["--poisson"]):
            stderr = run(*words, option, *which, code=2).stderr
            assert f"{option[:5]}" in stderr
            assert "draws each by itself; leave one of them out" in stderr
    two = ["evaluate", "p.csv", *words[1:], "--ci", "--bootstrap", "100"]
    divided_among = ["--engine", "dask", "--workers", "1"]
    sure = run(*two, *divided_among)
    assert sure.stderr.count("p.csv, p.csv: read by this process, not by the workers: resamples of spearman") == 1
    assert json.loads(sure.stdout)["comparison"]["systems"][0]["regions"]["all"]["mae"]["p"] == 1
    assert "read by this process" not in run(*two, *divided_among, "--metrics", "mae").stderr


@pytest.mark.thorough
def test_the_page_on_scale_names_options_that_there_are_and_commands_that_run(run: Run, work: Path) -> None:
    page = (PROJECT / "docs" / "scale.md").read_text(encoding="utf-8")
    known = "".join(run(*command, "--help").stdout for command in (["evaluate"], ["curate"], ["weights"], ["fds"]))
    named = {option for line in re.findall("`[^`]*`|^dir .*", page, re.MULTILINE) for option in OPTION.findall(line)}
    assert {"--engine", "--scheduler", "--workers", "--scratch", "--poisson"} <= named
    assert [option for option in named if option not in known and option != "--only"] == []
    (work / "predictions.csv").write_bytes(written(carried(), "CSV"))
    (work / "bins.parquet").write_bytes(Path(str(shipped("agedb"))).read_bytes())
    command = next(line for line in page.splitlines() if line.endswith("--poisson"))
    assert "ci:poisson,row,2000,666" in run(*command.split()[1:]).stdout


@pytest.mark.slow
def test_a_cluster_reads_what_lies_elsewhere(s3: Any, server: web.Server, work: Path, own: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    files = {
        f"{number}.{form}": written({name: values[number::2] for name, values in carried().items()}, kind)
        for form, kind in (("csv", "CSV"), ("parquet", "Parquet"))
        for number in range(2)
    }
    for name, data in files.items():
        (work / name).write_bytes(data)
        s3.pipe(f"bucket/{name}", data)
        server.add(f"/{name}", data)
    s3.pipe("bucket/other/joined.csv", written(joined(own), "CSV"))
    (work / "p").write_bytes(written(joined(own), "CSV"))
    with engines.opened("dask", workers=2) as engine:  # which knows the environment of the store
        for form in ("csv", "parquet"):
            same(
                scored(Parts(engine=engine, size=9000), f"s3://bucket/[01].{form}"),
                scored(None, f"[01].{form}"),
                named=False,
            )
            there = scored(Parts(engine=engine, size=9000), server.url(f"/0.{form}"))
            assert not there.systems
            same(there, scored(None, f"0.{form}"), named=False)
        there = scored(Parts(engine=engine), "s3://bucket/other/joined.csv", own=own)
        assert not there.systems
        same(there, scored(None, own=own), named=False)


@pytest.mark.parametrize(
    "rows", [pytest.param(2_000_000, marks=pytest.mark.slow), pytest.param(50_000_000, marks=pytest.mark.bench)]
)
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(rows: int) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    draw = np.random.default_rng(rows)
    with pq.ParquetWriter(
        "p", pa.schema({"id": pa.string(), "target": pa.float64(), "prediction": pa.float64()})
    ) as to:
        for start in range(0, rows, 1_000_000):
            target = draw.uniform(0, 100, 1_000_000).round(1)
            ids = pa.array(np.arange(start, start + 1_000_000)).cast(pa.string())
            table = {"id": ids, "target": target, "prediction": target + draw.normal(0, 5, target.size)}
            to.write_table(pa.table(table), row_group_size=rows // 40)
    whole = scored(None, metrics=SUMS)
    with engines.opened("dask", workers=2) as engine:
        victims, done = processes_of(engine, 2), []

        @contextmanager
        def killing(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
            def tell(number: int) -> None:
                done.append(number)
                if sum(done) >= 5 and len(victims) == 2:
                    os.kill(victims.pop(), signal.SIGKILL)

            yield tell

        parts = scored(Parts(engine=engine, size=2 << 20, watch=killing), metrics=SUMS)
        assert len(victims) == 1
    same(parts, whole)
