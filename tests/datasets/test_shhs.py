"""SHHS-DIR: scores and recordings, the split that was never released, downloads with a token, and signal checks."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import zipfile
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import server as web
from edf import SHHS, edf
from miniatures import MINIATURES, alter, records

from dircli import datasets
from dircli.benchmark.splits import nearest_cap
from dircli.curation import recordings
from dircli.datasets import shhs
from dircli.errors import InputError, SourceError
from dircli.report import progress
from dircli.store import engines, manifests
from dircli.store.download import listing
from dircli.store.download.transfer import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Run

    from dircli.benchmark.records import Records
    from dircli.store.engines import Engine

TOKEN = "12345-s3cr3tT0kenOfMine"  # noqa: S105 - nobody's
HASTE = RetryPolicy(tries=3, first_pause=0.001, longest_pause=0.002)
NEWEST = "datasets/shhs2-dataset-0.20.0.csv"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return MINIATURES["shhs"].build(tmp_path)


def read(raw: Path) -> Records:
    return records("shhs", raw)


def write_csv(raw: Path, *rows: str, version: str = "0.20.0", header: str = "nsrrid,gh_s2") -> Path:
    path = raw / "datasets" / f"shhs2-dataset-{version}.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


# — reading —


def test_rows_need_a_score_and_a_recording_and_the_others_are_counted(raw: Path) -> None:
    records = read(raw)
    assert records.ids[:3].tolist() == ["shhs2-200001", "shhs2-200002", "shhs2-200004"]
    assert records.columns["nsrrid"].tolist() == sorted(records.columns["nsrrid"])
    assert dict(zip(records.ids, records.targets, strict=True))["shhs2-200018"] == 99.5
    assert records.facts == {
        "dataset version": "0.20.0",
        "rows in the csv": 36,
        "left out, no gh_s2": 4,
        "left out, no recording": 2,
        "recordings": 35,
        "recordings without a row": 1,
    }


def test_labels_alone_make_a_benchmark_that_says_no_recording_was_seen(raw: Path, work: Path, run: Run) -> None:
    for path in (raw / shhs.FOLDER).iterdir():
        path.unlink()
    assert "recordings: none was seen" in run("curate", "shhs", "--raw", raw).stderr
    facts = json.loads((work / "manifests" / "shhs" / "manifest.json").read_text())
    assert facts["rows"] == 32
    assert facts["facts"]["recordings"].startswith("none was seen")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("0.9.0", "0.13.0"), ("0.13.0", "0.20.0"), ("0.9", "0.9.1"), ("0.20.0.rc1", "0.20.0"), ("0.20.0", "1.0.0.beta2")],
)
def test_the_newest_version_is_found_by_its_numbers(older: str, newer: str) -> None:
    names = [f"datasets/shhs2-dataset-{version}.csv" for version in (newer, older)]
    assert shhs.newest(names) == shhs.newest(names[::-1]) == [names[0]]
    assert shhs.newest(["datasets/shhs1-dataset-9.0.0.csv", "datasets/shhs2-dataset-x.csv"]) == []


def test_the_same_rows_come_from_a_zip_of_the_folder(raw: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shhs.zip", "w") as archive:
        for path in sorted(raw.rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path))
    folder, packed = read(raw), read(tmp_path / "shhs.zip")
    assert list(folder.ids) == list(packed.ids)
    assert folder.facts == packed.facts


def test_a_csv_in_latin_1_is_read_and_the_facts_say_so(raw: Path) -> None:
    before = read(raw)
    path = raw / NEWEST
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    after = read(raw)
    assert np.array_equal(before.targets, after.targets)
    assert after.facts["encoding of the csv"] == "not UTF-8; read as Latin-1"
    assert "encoding of the csv" not in before.facts


def test_every_problem_of_the_csv_is_named_by_its_line_at_once(raw: Path, work: Path, run: Run) -> None:
    write_csv(raw, "200001,very good", "200002,50", "200002,60", "x7,50", "200005,-1", "200006,100.5", "200007,nan")
    message = run("curate", "shhs", "--raw", raw, code=2).stderr
    for line in (
        "line 2: gh_s2 is 'very good'. Expected a number from 0 to 100, or nothing",
        "line 4: nsrrid 200002 stands on line 3 already",
        "line 5: nsrrid is 'x7'",
        "line 6: gh_s2 is '-1'",
        "line 7: gh_s2 is '100.5'",
        "line 8: gh_s2 is 'nan'",
    ):
        assert f"{NEWEST}, {line}" in message
    assert not (work / "manifests").exists()


def test_keys_that_are_the_same_number_printed_otherwise_are_one_person(raw: Path) -> None:
    write_csv(raw, "200001,50", "0200001,60")
    with pytest.raises(InputError, match="nsrrid 0200001 stands on line 2 already"):
        read(raw)


def test_a_missing_column_is_named_with_those_there_are(raw: Path) -> None:
    write_csv(raw, "200001,50", header="subject,gh_s2")
    with pytest.raises(InputError, match="there is no column nsrrid; the columns are subject, gh_s2"):
        read(raw)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "of 0 rows, 0 have a score"),
        (["200001,", "200002,  "], "of 2 rows, 0 have a score"),
        (["999,50"], "of 1 rows, 1 have a score, and none of those has a recording"),
    ],
)
def test_a_csv_that_leaves_no_row_is_refused(raw: Path, rows: list[str], message: str) -> None:
    write_csv(raw, *rows)
    with pytest.raises(InputError, match=message):
        read(raw)


def test_an_empty_csv_no_csv_and_two_of_one_version_are_refused(raw: Path) -> None:
    (raw / NEWEST).write_bytes(b"")
    with pytest.raises(InputError, match="the file is empty"):
        read(raw)
    write_csv(raw, "200001,50")
    (raw / "shhs2-dataset-0.20.0.csv").write_text("nsrrid,gh_s2\n")
    with pytest.raises(InputError, match="2 files are the newest version"):
        read(raw)
    for path in raw.rglob("*.csv"):
        path.unlink()
    with pytest.raises(InputError, match=r"there is no datasets/shhs2-dataset-<version>\.csv"):
        read(raw)


# — the split —


def test_100_lies_in_the_last_of_100_one_point_bins() -> None:
    bins = datasets.load("shhs").rules.bins
    assert len(bins) == 100
    assert bins.index(np.array([0, 0.99, 52.5, 99, 99.5, 100, 100.5])).tolist() == [0, 0, 52, 99, 99, 99, -1]


@pytest.mark.parametrize(
    ("counts", "total", "cap"),
    [
        ([30, 30, 3], 10, 4),
        ([30, 30, 3], 11, 5),
        ([30, 30, 3], 12, 5),
        ([30, 30, 3], 99, 10),
        ([2, 1, 0], 5, 0),
        ([], 5, 0),
    ],
)
def test_the_cap_brings_the_total_nearest_and_is_the_lower_of_two(counts: list[int], total: int, cap: int) -> None:
    assert nearest_cap(np.array(counts, dtype=np.int64), share=3, total=total) == cap


def test_a_draw_of_the_real_size_is_balanced_and_comes_near_the_published_sizes(
    raw: Path, work: Path, run: Run
) -> None:
    """2,630 rows, most of them with scores in multiples of five, as the real ones."""
    generator = np.random.default_rng(666)
    scores = np.clip(np.round(generator.normal(70, 20, 2630) / 5) * 5 + generator.choice([0, 0, 0, 0.5], 2630), 0, 100)
    write_csv(raw, *(f"{300000 + row},{score:g}" for row, score in enumerate(scores)))
    for path in (raw / shhs.FOLDER).iterdir():
        path.unlink()
    run("curate", "shhs", "--raw", raw)
    manifest = manifests.read(work / "manifests" / "shhs")
    held = {
        part: Counter(manifest.samples.bin_index[manifest.samples.split == part]) for part in ("train", "val", "test")
    }
    cap = manifest.facts["recipe"]["cap"]
    assert held["val"] == held["test"]
    assert max(held["val"].values()) == cap
    for index, rows in Counter(manifest.samples.bin_index).items():
        assert held["val"][index] == min(rows // 3, cap)
    sums = [sum(min(rows // 3, each) for rows in Counter(manifest.samples.bin_index).values()) for each in range(900)]
    assert abs(manifest.facts["counts"]["val"] - 369) == min(abs(total - 369) for total in sums)


def test_the_usual_split_is_a_redraw_which_manifest_info_and_verify_say_plainly(
    raw: Path, work: Path, run: Run
) -> None:
    never = "the authors' draw was never released"
    assert never in run("curate", "shhs", "--raw", raw).stderr
    facts = json.loads((work / "manifests" / "shhs" / "manifest.json").read_text())
    assert (facts["origin"], facts["seed"], facts["recipe"]["total"]) == ("redraw", 666, 369)
    assert never in facts["notes"][0]
    assert (
        "and SHHS-DIR has 2,630 (its published sizes, 1,892 + 369 + 369; the paper's text names 2,651"
        in facts["notes"][1]
    )
    assert never in run("info", "shhs").stdout
    verified = run("verify", "shhs").stdout
    assert f"not provable: {never}" in re.sub(r"\s+", " ", verified)
    assert "30 of 30 rows equal" in verified
    assert "identical" not in verified


def test_there_is_no_released_split_to_import_and_no_released_format_to_export(raw: Path, run: Run) -> None:
    for words in (["--split", "released"], ["--released", "somewhere.csv"]):
        message = run("curate", "shhs", "--raw", raw, *words, code=2).stderr
        assert "never released, so there is none to import" in message
    run("curate", "shhs", "--raw", raw)
    assert "no released format to write" in run("export", "shhs", "--out", "x", code=2).stderr


# — the provider —


class Provider:
    """sleepdata.org on 127.0.0.1: lists folders to anybody, and hands files to whoever has the token."""

    def __init__(self, server: web.Server, root: Path, *, token: str = TOKEN) -> None:
        self.server, self.token = server, token
        self.files = {
            path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
        }
        server.add("/api/v1/datasets/shhs/files.json", b"", self.list)
        for name, data in self.files.items():
            server.add(f"/datasets/shhs/files/m/dircli/{name}", data, self.give)

    def query(self, handler: web.Handler, key: str) -> str:
        """The value of ``key`` in the request at hand."""
        asked = self.server.asked[-1]
        assert handler.path.startswith(asked.path)
        return "".join(asked.query.get(key, []))

    def list(self, handler: web.Handler) -> None:
        """As the API's files action: the children of one folder."""
        folder = self.query(handler, "path")
        entries: list[dict[str, Any]] = [{"full_path": f"{folder}/archive", "is_file": False, "file_size": 4096}]
        for name, data in self.files.items():
            if name.rpartition("/")[0] == folder:
                digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
                entries.append(
                    {"full_path": name, "is_file": True, "file_size": len(data), "file_checksum_md5": digest}
                )
        body = json.dumps(entries).encode()
        handler.head(200, content_type="application/json; charset=utf-8", content_length=len(body))
        handler.wfile.write(body)

    def give(self, handler: web.Handler) -> None:
        """The file, or, as the real one, a page about the folder."""
        (web.serve if self.query(handler, "auth_token") == self.token else web.page())(handler)

    def asked(self, ending: str) -> int:
        """How many requests there were for paths with this ending."""
        return sum(asked.path.endswith(ending) for asked in self.server.asked)


@pytest.fixture
def provider(raw: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Provider]:
    web.reached_directly(monkeypatch)
    monkeypatch.setenv("DIR_DATA", str(tmp_path / "data"))
    with web.Server() as server:
        catalogue = shhs.DATASET.published.catalogue
        assert catalogue is not None
        here = {
            key: getattr(catalogue, key).replace("https://sleepdata.org", server.url(""))
            for key in ("listing", "files")
        }
        there = replace(shhs.DATASET.published, catalogue=replace(catalogue, **here))
        alter("shhs", monkeypatch, publication=there)
        yield Provider(server, raw)


@pytest.fixture
def _secretive(tmp_path: Path, work: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever the test does, the token is in no file and no log afterwards."""
    caplog.set_level(logging.DEBUG)
    yield
    held = [path for root in (tmp_path, work) for path in root.rglob("*") if path.is_file()]
    assert held
    assert not [path for path in held if TOKEN.encode() in path.read_bytes() or TOKEN in str(path)]
    assert TOKEN not in caplog.text


@pytest.mark.usefixtures("_secretive")
def test_the_newest_labels_come_with_a_token_in_the_provider_s_layout(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("DIR_SHHS_TOKEN", f" {TOKEN}\n")
    done = run("download", "shhs", "--accept-license")
    assert (tmp_path / "data" / "shhs" / NEWEST).read_bytes() == provider.files[NEWEST]
    assert not (tmp_path / "data" / "shhs" / "datasets" / "shhs2-dataset-0.9.0.csv").exists()
    assert provider.asked(".edf") == 0
    assert NEWEST in done.stdout
    assert TOKEN not in done.output
    assert "was here" in run("download", "shhs").stdout
    assert provider.asked(".csv") == 1
    assert TOKEN not in run("download", "shhs", "--dry-run").output
    assert "recordings: none was seen" in run("curate", "shhs").stderr


@pytest.mark.usefixtures("_secretive")
def test_recordings_are_brought_file_by_file_and_resumed(
    provider: Provider, raw: Path, tmp_path: Path, run: Run
) -> None:
    folder = tmp_path / "data" / "shhs" / shhs.FOLDER
    folder.mkdir(parents=True)
    for name in ("shhs2-200001.edf", "shhs2-200002.edf.part"):
        data = (raw / shhs.FOLDER / name.removesuffix(".part")).read_bytes()
        (folder / name).write_bytes(data[: 1500 if name.endswith(".part") else None])
    words = ["download", "shhs", "--only", "all", "--token", TOKEN, "--accept-license"]
    assert TOKEN not in run(*words).output
    assert provider.asked("shhs2-200001.edf") == 0
    assert provider.server.ranges(f"/datasets/shhs/files/m/dircli/{shhs.FOLDER}/shhs2-200002.edf") == ["bytes=1500-"]
    there = {path.name: path.read_bytes() for path in folder.glob("*.edf")}
    assert there == {path.name: path.read_bytes() for path in (raw / shhs.FOLDER).iterdir()}
    before = provider.asked(".edf")
    run(*words)
    assert provider.asked(".edf") == before
    run("curate", "shhs", "--name", "mine")


@pytest.mark.usefixtures("_secretive")
def test_curate_brings_the_labels_it_lacks(provider: Provider, work: Path, run: Run) -> None:
    run("curate", "shhs", "--token", TOKEN, "--accept-license")
    assert provider.asked(NEWEST) == 1
    assert (work / "manifests" / "shhs" / "manifest.json").exists()


@pytest.mark.parametrize("words", [["download", "shhs"], ["download", "shhs", "--dry-run"], ["curate", "shhs"]])
def test_without_a_token_the_steps_are_told_and_nobody_waits(provider: Provider, words: list[str], run: Run) -> None:
    message = run(*words, "--accept-license", code=2).stderr
    assert "DIR_SHHS_TOKEN" in message
    steps = re.findall(r"^  (\d)\. ", message, re.MULTILINE)
    assert steps == ["1", "2", "3", "4", "5", "6", "7"]
    assert "https://sleepdata.org/token" in message
    assert not provider.server.asked


def test_on_a_terminal_the_token_is_asked_for_and_not_shown(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import typer

    from dircli.cli import download_options

    seen: dict[str, Any] = {}

    def prompt(text: str, default: str, **how: Any) -> str:
        seen.update(how, text=text, default=default)
        return TOKEN

    monkeypatch.setattr(typer, "prompt", prompt)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    choices = download_options.DownloadChoices(data=tmp_path / "data", accept_license=True)
    with download_options.terms(choices) as how:
        assert how.token is not None
        assert how.token(datasets.load("shhs")) == TOKEN
    assert seen["hide_input"]
    assert seen["err"]
    assert "SHHS-DIR" in seen["text"]
    assert not provider.server.asked


@pytest.mark.usefixtures("_secretive")
@pytest.mark.parametrize("act", [web.status(401), web.status(403), web.page()])
@pytest.mark.parametrize("where", ["/api/v1/datasets/shhs/files.json", f"/datasets/shhs/files/m/dircli/{NEWEST}"])
def test_a_refused_token_is_called_that_and_ends_the_download_at_once(
    act: web.Act, where: str, provider: Provider, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "kept").write_bytes(b"so that there is a file to look at")
    provider.server.files[where].acts = [act]
    message = run("download", "shhs", "--only", "all", "--token", TOKEN, "--accept-license", code=2).output
    assert "the token was refused, or your agreement is not approved" in message
    assert "  1. " in message
    assert TOKEN not in message
    assert provider.asked(".edf") == 0


@pytest.mark.usefixtures("_secretive")
def test_damaged_files_are_told_and_three_in_a_row_end_the_download(
    provider: Provider, tmp_path: Path, run: Run
) -> None:
    keys = ["200005", "200010", "200011", "200012"]
    for key in keys:
        name = f"/datasets/shhs/files/m/dircli/{shhs.FOLDER}/shhs2-{key}.edf"
        data = provider.server.files[name].data
        provider.server.add(name, b"9" + data[1:])
    message = run("download", "shhs", "--only", "all", "--token", TOKEN, "--accept-license", code=2).output
    assert "shhs2-200005.edf" in message
    assert "expected md5:" in message
    assert TOKEN not in message
    there = {path.name for path in (tmp_path / "data" / "shhs" / shhs.FOLDER).glob("*.edf")}
    assert "shhs2-200001.edf" in there
    assert not {f"shhs2-{key}.edf" for key in keys} & there
    assert provider.asked("shhs2-200013.edf") == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "does not answer with a list of files"),
        (b"not json", "does not answer with a list of files"),
        (b"[1]", "lists what is no file of datasets: 1"),
        (b'[{"full_path": "datasets/../../x", "file_size": 1}]', "lists what is no file"),
        (b'[{"full_path": "/etc/x", "file_size": 1}]', "lists what is no file"),
        (b'[{"full_path": "other/x", "file_size": 1}]', "lists what is no file"),
        (b'[{"full_path": "datasets/x", "file_size": -1}]', "lists what is no file"),
        (b'[{"full_path": "datasets/x", "file_size": 1, "file_checksum_md5": "xyz"}]', "lists what is no file"),
        (b"[]", "lists no datasets/shhs2-dataset-<version>.csv"),
    ],
)
def test_a_listing_that_is_none_is_refused_and_writes_nothing(
    body: bytes, message: str, provider: Provider, tmp_path: Path, run: Run
) -> None:
    provider.server.add("/api/v1/datasets/shhs/files.json", body)
    assert message in run("download", "shhs", "--token", TOKEN, "--accept-license", code=2).stderr
    assert not list((tmp_path / "data").rglob("*.csv"))


def test_a_listing_is_asked_for_again_after_a_passing_fault(provider: Provider) -> None:
    address = "/api/v1/datasets/shhs/files.json"
    provider.server.files[address].acts = [web.status(500), web.length(100), provider.list]
    how = {"token": ("auth_token", TOKEN), "patience": HASTE}
    found = listing.entries(provider.server.url(address), "datasets", **how)  # type: ignore[arg-type]
    assert {entry.path for entry in found} == {NEWEST, "datasets/shhs2-dataset-0.9.0.csv"}
    provider.server.files[address].acts = [web.status(503)]
    with pytest.raises(SourceError, match="gave up after 3 tries") as caught:
        listing.entries(provider.server.url(address), "datasets", **how)  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)


# — signals —


def findings(work: Path) -> dict[str, dict[str, Any]]:
    """The rows of the table of findings by id."""
    rows = pq.read_table(work / "manifests" / "shhs" / "signals.parquet").to_pylist()
    return {row["id"]: row for row in rows}


def check(raw: Path, run: Run, work: Path, data: bytes, *, code: int = 1) -> dict[str, Any]:
    """What the table says about a recording of these bytes."""
    (raw / shhs.FOLDER / "shhs2-200001.edf").write_bytes(data)
    run("curate", "shhs", "--raw", raw, "--check-signals", code=code)
    return findings(work)["shhs2-200001"]


def test_sound_recordings_have_all_channels_at_their_rates(
    raw: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []
    counted: list[int] = []

    @contextmanager
    def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
        told.append((what, total))
        yield counted.append

    monkeypatch.setattr(progress, "counting", counting)
    done = run("curate", "shhs", "--raw", raw, "--check-signals")
    assert told == [("recordings", sum(counted))]
    assert sum(counted) > 20
    assert "30 recordings, 0 of them with findings" in done.stdout
    table = findings(work)
    assert list(table) == manifests.read(work / "manifests" / "shhs").samples.ids.tolist()
    row = table["shhs2-200001"]
    assert row["file"] == f"{shhs.FOLDER}/shhs2-200001.edf"
    assert (row["status"], row["finding"], row["duration_s"]) == ("ok", "", 3.0)
    assert (row["eeg"], row["eeg_hz"], row["ecg"], row["ecg_hz"]) == ("EEG", 125, "ECG", 250)
    assert (row["airflow"], row["airflow_hz"], row["thorax_hz"], row["abdomen_hz"]) == ("NEW AIR", 10, 10, 10)
    assert row["inverted"] == "THOR RES; ABDO RES"
    assert row["signals"].startswith("SaO2 1 Hz; EEG(sec) 125 Hz")


@pytest.mark.parametrize("label", ["EEG(sec)", "EEG sec", "EEG2", "EEG 2", "eeg  2", "EEG"])
def test_an_eeg_channel_is_known_under_each_of_its_names(label: str, raw: Path, work: Path, run: Run) -> None:
    signals = [(label, 128, -1, 1), *(signal for signal in SHHS if not signal[0].startswith("EEG"))]
    row = check(raw, run, work, edf(signals), code=0)
    assert (row["eeg"], row["eeg_hz"]) == (label, 128)


def test_annotations_of_edf_plus_are_no_signal_and_count_as_data(raw: Path, work: Path, run: Run) -> None:
    row = check(raw, run, work, edf([*SHHS, ("EDF Annotations", 30, -1, 1)]), code=0)
    assert row["duration_s"] == 3
    assert "Annotations" not in row["signals"]


OTHERS = tuple(signal for signal in SHHS if signal[0] != "ECG")
DAMAGED = {
    "nothing": (b"", "the header is damaged (the file has 0 bytes, and a header at least 256)"),
    "text": (b"this is no recording " * 40, "the header is damaged (invalid literal for int()"),
    "cut header": (edf()[:700], "the header is damaged (it ends after 700 of 2,048 bytes)"),
    "no signals": (edf(count="0"), "the header is damaged (it states 0 signals)"),
    "no records": (edf(records=0), "no data records (0 stated)"),
    "no data": (edf(records=0, stated="5"), "no data records (5 stated)"),
    "unknown": (edf(stated="-1"), "unknown duration: the number of data records is not stated; there are 3"),
    "cut data": (edf()[:-10], "3 data records are stated, and 2 are there; the last data record is cut off"),
    "date": (edf(date="00.00.00"), "the start date '00.00.00' is none"),
    "time": (edf(time="25.61.00"), "start time '25.61.00' is none"),
    "no seconds": (edf(lasts="0"), "the header is damaged"),
    "words": (edf(lasts="long"), "the header is damaged (could not convert string to float"),
    "no ECG": (edf(OTHERS), "no ecg channel (ECG)"),
    "slow ECG": (edf([*OTHERS, ("ECG", 1, -1, 1)]), "ECG has 1 Hz, expected 50 to 1024"),
    "two ECG": (edf([*SHHS, ("ECG", 250, -1, 1)]), "2 channels are called ECG"),
    "inverted ECG": (edf([*OTHERS, ("ECG", 250, 1, -1)]), "ECG: its physical minimum 1 is above its maximum -1"),
    "flat ECG": (edf([*OTHERS, ("ECG", 250, 1, 1)]), "ECG: its physical minimum and maximum are both 1"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", sorted(DAMAGED))
def test_damage_is_a_finding_with_its_reason(case: str, raw: Path, work: Path, run: Run) -> None:
    data, finding = DAMAGED[case]
    row = check(raw, run, work, data)
    assert row["status"] == "finding"
    assert finding in row["finding"]
    assert [key for key, other in findings(work).items() if other["finding"]] == ["shhs2-200001"]


def test_findings_are_listed_after_all_is_written_with_exit_1(raw: Path, work: Path, run: Run) -> None:
    (raw / shhs.FOLDER / "shhs2-200004.edf").write_bytes(b"")
    (raw / shhs.FOLDER / "shhs2-200001.edf").write_bytes(edf(records=0))
    done = run("curate", "shhs", "--raw", raw, "--check-signals", code=1)
    assert "30 recordings, 2 of them with findings" in done.stdout
    assert "shhs2-200001: no data records" in done.stderr
    assert sum(row["status"] == "finding" for row in findings(work).values()) == 2
    first = (work / "manifests" / "shhs" / "signals.parquet").read_bytes()
    run("curate", "shhs", "--raw", raw, "--check-signals", code=1)
    assert (work / "manifests" / "shhs" / "signals.parquet").read_bytes() == first


def test_a_cluster_finds_what_one_process_finds(
    raw: Path, work: Path, run: Run, cluster: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (raw / shhs.FOLDER / "shhs2-200004.edf").write_bytes(b"")
    run("curate", "shhs", "--raw", raw, "--check-signals", code=1)
    path = work / "manifests" / "shhs" / "signals.parquet"
    first = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(engines, "opened", lambda *_, **__: nullcontext(cluster))
    monkeypatch.setattr(recordings, "BATCH", 7)
    run("curate", "shhs", "--raw", raw, "--check-signals", code=1)
    assert path.read_bytes() == first


def test_the_table_of_findings_holds_no_folder_of_the_machine(raw: Path, tmp_path: Path, work: Path, run: Run) -> None:
    packed = tmp_path / "packed" / "shhs.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(raw.rglob("*.*")):
            archive.write(path, path.relative_to(raw))
    data = bytearray(packed.read_bytes())
    data[data.index(b"shhs2-200001.edf") + 40] ^= 1
    packed.write_bytes(data)
    run("curate", "shhs", "--raw", packed, "--check-signals", code=1)
    finding = findings(work)["shhs2-200001"]["finding"]
    assert f"shhs.zip!/{shhs.FOLDER}/shhs2-200001.edf: is damaged or cut short" in finding
    assert str(tmp_path) not in finding


def test_a_recording_that_is_not_there_is_a_finding(raw: Path, work: Path, run: Run) -> None:
    for path in (raw / shhs.FOLDER).iterdir():
        path.unlink()
    run("curate", "shhs", "--raw", raw, "--check-signals", code=1)
    assert {row["finding"] for row in findings(work).values()} == {"there is no recording"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zero-data-records", ["no data records (0 stated)"]),
        ("invalid-date", ["start date '00.00.00' is none", "no data records (0 stated)"]),
        ("simulated-01", ["no ecg channel", "no airflow channel", "no thorax channel", "EEG(sec) has 2 Hz"]),
    ],
)
def test_the_real_odd_recordings_are_findings(
    name: str, expected: list[str], real: Path, raw: Path, work: Path, run: Run
) -> None:
    row = check(raw, run, work, (real / "shhs" / "edf" / f"{name}.edf").read_bytes())
    assert all(each in row["finding"] for each in expected)
    assert "damaged" not in row["finding"]
    assert row["eeg"] in {"EEG", "EEG(sec)"}


def test_without_edfio_the_check_says_how_to_install_it_before_any_work(
    raw: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "edfio", None)
    message = run("curate", "shhs", "--raw", raw, "--check-signals", code=2).stderr
    assert "pip install 'dircli[psg]'" in message
    assert not (work / "manifests").exists()
    assert "no recordings to check" in run("curate", "agedb", "--check-signals", code=2).stderr
