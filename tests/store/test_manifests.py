"""Manifests: what was written is read back, by others too, and whatever was changed afterwards is named."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dircli import __version__
from dircli.benchmark.bins import Bins
from dircli.benchmark.manifest import BinTable, Manifest, Samples
from dircli.benchmark.records import SPLITS, split_codes
from dircli.benchmark.regions import REGIONS
from dircli.errors import InputError, UsageError
from dircli.store import files, large_manifests, manifests, parquet, text
from dircli.store.content import column_digest, content
from dircli.store.manifests import BINS, FACTS, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dircli.arrays import FloatArray, TextArray

IDS = ["a", "b/2", "é", "日本", "with, comma", "6"]
TARGETS = [0.5, 1.0, 2.5, 0.0, 1.5, 3.0]
SPLIT = ["train", "val", "test", "train", "train", "test"]


def texts(values: list[str]) -> TextArray:
    return np.array(values, dtype=object)


def manifest(*, name: str = "mine", targets: list[float] | None = None) -> Manifest:
    """Six rows in three bins; few-shot is a single training row or none."""
    ids, values, split = texts(IDS), np.array(targets or TARGETS), texts(SPLIT)
    bins = Bins.regular(0, 3, 1)
    index = bins.index(values)
    counts = {part: bins.counts(values[split == part]) for part in SPLITS}
    regions = {key: texts(["many", "few", "few"]) for key in ("released", "paper")}
    identity = {"content": content(ids, values, split), "dataset": "agedb", "name": name, "origin": "redraw"}
    rows = {part: {key: int(counts[part][regions["paper"] == key].sum()) for key in REGIONS} for part in SPLITS}
    facts = {**identity, "regions": dict.fromkeys(regions, rows), "rows": len(ids), "seed": 7, "version": __version__}
    columns = {"note": texts(list("uvwxyz")), "number": np.arange(6)}
    return Manifest(
        samples=Samples(texts=ids, targets=values, bin_index=index, codes=split_codes(split), columns=columns),
        table=BinTable(bins=bins, counts=counts, regions=regions, facts=identity),
        facts=facts,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an intact manifest."""
    manifests.write(tmp_path / "mine", manifest())
    return tmp_path / "mine"


def refusal(folder: Path) -> list[str]:
    """The lines with which reading ``folder`` is refused; each names a file in it, and says what to do."""
    with pytest.raises(InputError) as caught:
        manifests.read(folder)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder}/") for line in lines)
    assert all("dir curate" in line or "Expected" in line for line in lines)
    return [line.removeprefix(f"{folder}/") for line in lines]


def independent(ids: list[str], targets: list[float], split: list[str]) -> str:
    """The content as its docstring and manifests/README.md describe it, with nothing of ours."""
    raw = [key.encode("utf-8") for key in ids]
    parts = [struct.pack("<q", len(raw)), *(struct.pack("<q", len(key)) for key in raw), *raw]
    parts += [struct.pack("<d", target) for target in targets]
    parts += [bytes([("train", "val", "test").index(part)]) for part in split]
    return "sha256:" + hashlib.sha256(b"".join(parts)).hexdigest()


def test_content_is_what_its_description_says() -> None:
    assert content(texts(IDS), np.array(TARGETS), texts(SPLIT)) == independent(IDS, TARGETS, SPLIT)
    assert content(texts([]), np.array([]), texts([])) == independent([], [], [])


def test_content_knows_the_rows_their_order_and_nothing_else() -> None:
    def of(ids: list[str], targets: list[float], split: list[str]) -> str:
        return content(texts(ids), np.array(targets), texts(split))

    plain = of(["ab", "c"], [0.0, 1.0], ["train", "test"])
    assert of(["ab", "c"], [-0.0, 1.0], ["train", "test"]) == plain
    others = {
        of(["a", "bc"], [0.0, 1.0], ["train", "test"]),
        of(["c", "ab"], [1.0, 0.0], ["test", "train"]),
        of(["ab", "c"], [1e-300, 1.0], ["train", "test"]),
        of(["ab", "c"], [0.0, 1.0], ["train", "val"]),
        of(["ab", "c"], [0.0, 1.0], ["val", "test"]),
        of(["ab", "c", ""], [0.0, 1.0, 0.0], ["train", "test", "train"]),
    }
    assert len(others | {plain}) == 7


def test_content_does_not_depend_on_how_arrays_are_laid_out() -> None:
    plain = content(texts(IDS), np.array(TARGETS), texts(SPLIT))
    swapped: FloatArray = np.array(TARGETS, dtype=">f8")
    spread = np.repeat(np.array(TARGETS), 2)[::2]
    assert content(texts(IDS), swapped, texts(SPLIT)) == plain
    assert content(texts(IDS), spread, texts(SPLIT)) == plain


def test_what_was_written_is_read_back(folder: Path) -> None:
    made, found = manifest(), manifests.read(folder)
    assert sorted(found.facts["columns"]) == ["note", "number"]
    assert {key: value for key, value in found.facts.items() if key != "columns"} == made.facts
    assert found.content == made.content == independent(IDS, TARGETS, SPLIT)
    assert found.samples.ids.tolist() == IDS
    assert found.samples.targets.tolist() == TARGETS
    assert found.samples.split.tolist() == SPLIT
    assert found.samples.bin_index.tolist() == made.samples.bin_index.tolist() == [0, 1, 2, 0, 1, 2]
    assert {key: column.tolist() for key, column in found.samples.columns.items()} == {
        "note": list("uvwxyz"),
        "number": list(range(6)),
    }
    assert found.table.bins.edges.tolist() == [0, 1, 2, 3]
    assert {key: counts.tolist() for key, counts in found.table.counts.items()} == {
        "train": [2, 1, 0],
        "val": [0, 1, 0],
        "test": [0, 0, 2],
    }
    assert found.table.regions["paper"].tolist() == ["many", "few", "few"]
    assert found.table.facts == made.table.facts
    assert manifests.curated(folder.parent) == ["mine"]


def test_the_same_rows_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    manifests.write(tmp_path / "again", manifest())
    for name in (SAMPLES, BINS, FACTS):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    written = json.loads((folder / FACTS).read_bytes())
    assert (folder / FACTS).read_bytes() == text.as_json(written)
    assert {key: value for key, value in written.items() if key != "columns"} == manifest().facts
    assert sorted(path.name for path in folder.iterdir()) == sorted([SAMPLES, BINS, FACTS])


def test_another_program_reads_the_documented_columns(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB, an independent reader, is not here; it is in dircli[test]")
    with duckdb.connect() as base:

        def columns(name: str) -> list[tuple[str, str]]:
            query = "select column_name, column_type from (describe select * from read_parquet(?))"
            found: list[tuple[str, str]] = base.execute(query, [str(folder / name)]).fetchall()
            return found

        assert columns(SAMPLES)[:4] == [
            ("id", "VARCHAR"),
            ("target", "DOUBLE"),
            ("bin", "INTEGER"),
            ("split", "VARCHAR"),
        ]
        assert columns(BINS) == [
            *[("bin", "INTEGER"), ("low", "DOUBLE"), ("high", "DOUBLE")],
            *[(part, "BIGINT") for part in ("train", "val", "test")],
            *[(f"region_{key}", "VARCHAR") for key in ("released", "paper")],
        ]
        rows = base.execute("select id, target, split from read_parquet(?)", [str(folder / SAMPLES)]).fetchall()
        assert rows == list(zip(IDS, TARGETS, SPLIT, strict=True))
        sums = base.execute("select sum(train), sum(val), sum(test) from read_parquet(?)", [str(folder / BINS)])
        assert sums.fetchone() == (3, 1, 2)


def test_the_metadata_says_which_manifest_a_file_belongs_to(folder: Path) -> None:
    for name in (SAMPLES, BINS):
        facts = json.loads(pq.read_schema(folder / name).metadata[b"dircli"])
        assert facts == {"content": manifest().content, "dataset": "agedb", "name": "mine", "origin": "redraw"}


def reset(folder: Path, file: str, column: str, row: int, value: object) -> None:
    """Change one field of a Parquet file, and nothing else in it."""
    table = pq.read_table(folder / file)
    values = table[column].to_pylist()
    values[row] = value
    place = table.column_names.index(column)
    pq.write_table(
        table.set_column(place, table.field(column), pa.array(values, table.field(column).type)), folder / file
    )


def rewrite(folder: Path, **facts: object) -> None:
    """Change ``manifest.json``; None takes a key out."""
    kept = {**json.loads((folder / FACTS).read_bytes()), **facts}
    (folder / FACTS).write_text(json.dumps({key: value for key, value in kept.items() if value != "remove"}))


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def displace(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty(path: Path) -> None:
    """The same columns without a row, in no group of rows."""
    pq.ParquetWriter(path, pq.read_schema(path)).close()


def swap(folder: Path) -> None:
    (folder / SAMPLES).write_bytes((folder / BINS).read_bytes())


CHANGES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "a target": (f"{SAMPLES}: its content is sha256:", lambda at: reset(at, SAMPLES, "target", 0, 0.25)),
    "a target in another bin": (f"{SAMPLES}: its bins are not", lambda at: reset(at, SAMPLES, "target", 0, 1.25)),
    "a target outside the bins": (f"{SAMPLES}: its bins are not", lambda at: reset(at, SAMPLES, "target", 0, 99.0)),
    "a target that is none": (
        f"{SAMPLES}: column target is double with 1 nulls",
        lambda at: reset(at, SAMPLES, "target", 0, None),
    ),
    "a bin": (f"{SAMPLES}: its bins are not those of bins.parquet", lambda at: reset(at, SAMPLES, "bin", 0, 2)),
    "a bin that is none": (
        f"{SAMPLES}: its bins are not those of bins.parquet",
        lambda at: reset(at, SAMPLES, "bin", 0, -1),
    ),
    "a split": (f"{SAMPLES}: its content is sha256:", lambda at: reset(at, SAMPLES, "split", 0, "test")),
    "a split, and its counts": (f"{BINS}: its train counts are not", lambda at: reset(at, SAMPLES, "split", 0, "test")),
    "a split that is none": (f"{SAMPLES}: its content is sha256:", lambda at: reset(at, SAMPLES, "split", 0, "dev")),
    "the name of a split": (
        f"{SAMPLES}: its splits are not all train, val, test",
        lambda at: reset(at, SAMPLES, "split", 0, "dev"),
    ),
    "an id": (f"{SAMPLES}: its content is sha256:", lambda at: reset(at, SAMPLES, "id", 0, "b/2")),
    "a count": (f"{BINS}: its test counts are not those of samples.parquet", lambda at: reset(at, BINS, "test", 0, 5)),
    "a region": (f"{BINS}: its paper regions do not hold", lambda at: reset(at, BINS, "region_paper", 0, "few")),
    "a region's name": (
        f'{BINS}: a region is called "low"',
        lambda at: reset(at, BINS, "region_released", 1, "low"),
    ),
    "an edge": (
        f"{BINS}: a bin does not begin where the one before it ends",
        lambda at: reset(at, BINS, "low", 1, 0.75),
    ),
    "the order of edges": (
        f"{BINS}: these are no bins: edges must be finite and ascend",
        lambda at: reset(at, BINS, "low", 1, 5.0),
    ),
    "an edge that is none": (f"{BINS}: these are no bins", lambda at: reset(at, BINS, "low", 1, float("nan"))),
    "the stated content": ("says sha256:0", lambda at: rewrite(at, content=f"sha256:{'0' * 64}")),
    "a content that is none": ('content is "sha256:0"', lambda at: rewrite(at, content="sha256:0")),
    "the stated rows": (
        f"{SAMPLES}: its number of rows is 6, and manifest.json says 7",
        lambda at: rewrite(at, rows=7),
    ),
    "the stated dataset": (
        f"{BINS}: its dataset is agedb, and manifest.json says sts-b",
        lambda at: rewrite(at, dataset="sts-b"),
    ),
    "the stated origin": (f"{BINS}: its origin is redraw, and", lambda at: rewrite(at, origin="released")),
    "a seed that is none": (f'{FACTS}: seed is "six"', lambda at: rewrite(at, seed="six")),
    "facts of other types": (
        f"{FACTS}: content is [1] and rows is null",
        lambda at: rewrite(at, content=[1], rows=None),
    ),
    "facts left out": (
        f"{FACTS}: there is no content and there is no rows",
        lambda at: rewrite(at, content="remove", rows="remove"),
    ),
    "no JSON": (f"{FACTS}: this is no JSON (", lambda at: (at / FACTS).write_text("{")),
    "JSON too deep": (f"{FACTS}: this is no JSON (", lambda at: (at / FACTS).write_text("[" * 100_000)),
    "no UTF-8": (f"{FACTS}: this is no JSON (", lambda at: (at / FACTS).write_bytes(b'{"a": "\xe9"}')),
    "a JSON list": (
        f"{FACTS}: this is no JSON object",
        lambda at: (at / FACTS).write_text(json.dumps(sorted(manifest().facts))),
    ),
    "a JSON number": (f"{FACTS}: this is no JSON object", lambda at: (at / FACTS).write_text("3")),
    "no facts": (f"{FACTS}: there is no such file. Run `dir curate` first", lambda at: (at / FACTS).unlink()),
    "no samples": (f"{SAMPLES}: there is no such file. Run `dir curate` again", lambda at: (at / SAMPLES).unlink()),
    "no bins": (f"{BINS}: there is no such file. {manifests.AGAIN}", lambda at: (at / BINS).unlink()),
    "half the samples": (f"{SAMPLES}: this is no whole Parquet file", lambda at: halve(at / SAMPLES)),
    "half the bins": (f"{BINS}: this is no whole Parquet file", lambda at: halve(at / BINS)),
    "empty samples": (f"{SAMPLES}: this is no whole Parquet file", lambda at: (at / SAMPLES).write_bytes(b"")),
    "samples without a group": (
        f"{SAMPLES}: its number of rows is 0, and manifest.json says 6",
        lambda at: empty(at / SAMPLES),
    ),
    "bins without a group": (f"{BINS}: these are no bins", lambda at: empty(at / BINS)),
    "bins for samples": (f"{SAMPLES}: there is no column id; the columns are bin, low", swap),
    "a folder for samples": (f"{SAMPLES}: this is a folder", lambda at: displace(at / SAMPLES)),
}


@pytest.mark.parametrize(("message", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_every_change_is_refused_with_the_file_named(folder: Path, message: str, change: Callable[[Path], Any]) -> None:
    change(folder)
    assert any(message in line for line in refusal(folder))


def test_bins_of_another_manifest_are_refused(folder: Path, tmp_path: Path) -> None:
    """Even those of the same bins and counts, under the same name."""
    other = manifest(targets=[0.25, *TARGETS[1:]])
    manifests.write(tmp_path / "other", other)
    (folder / BINS).write_bytes((tmp_path / "other" / BINS).read_bytes())
    (line,) = refusal(folder)
    assert line.startswith(
        f"{BINS}: its content is {other.content[:24]}, and {FACTS} says {manifest().content[:24]}. A file"
    )


def test_a_renamed_folder_is_still_a_manifest(folder: Path) -> None:
    folder.rename(folder.with_name("renamed"))
    assert manifests.read(folder.with_name("renamed")).facts["name"] == "mine"


def test_all_three_files_are_looked_at_before_any_is_refused(folder: Path) -> None:
    (folder / FACTS).write_text("[]")
    (folder / BINS).unlink()
    halve(folder / SAMPLES)
    assert [line.partition(":")[0] for line in refusal(folder)] == [FACTS, BINS, SAMPLES]


@pytest.mark.thorough
def test_no_damaged_byte_of_a_file_is_a_traceback(folder: Path) -> None:
    """Every seventh byte; what stays readable has its samples, bins and counts: other columns carry no hash."""
    intact = manifests.read(folder)
    for name in (BINS, SAMPLES):
        data = (folder / name).read_bytes()
        for place in range(0, len(data), 7):
            (folder / name).write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
            with contextlib.suppress(InputError):
                found = manifests.read(folder)
                assert found.content == intact.content
                assert found.samples.bin_index.tolist() == intact.samples.bin_index.tolist()
                assert found.table.counts["train"].tolist() == intact.table.counts["train"].tolist()
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("text", ["[1, 2]", "3", "{", "[" * 100_000], ids=["list", "number", "cut", "deep"])
def test_facts_in_the_metadata_that_are_none_are_refused(folder: Path, text: str) -> None:
    table = pq.read_table(folder / BINS)
    pq.write_table(table.replace_schema_metadata({"dircli": text}), folder / BINS)
    with pytest.raises(InputError, match=r"bins\.parquet: its facts are no JSON object"):
        manifests.read_bins(folder / BINS)


def test_bins_without_facts_are_bins_all_the_same(folder: Path) -> None:
    pq.write_table(pq.read_table(folder / BINS).replace_schema_metadata(None), folder / BINS)
    assert manifests.read_bins(folder / BINS).facts == {}
    assert any(line.startswith(f"{BINS}: its content is None") for line in refusal(folder))


def test_every_column_that_is_wrong_is_named_at_once(folder: Path) -> None:
    table = pq.read_table(folder / SAMPLES)
    table = table.drop_columns(["split"]).set_column(1, "target", table["target"].cast(pa.float32()))
    pq.write_table(table, folder / SAMPLES)
    assert refusal(folder) == [
        f"{SAMPLES}: column target is float with 0 nulls. Expected double without nulls",
        f"{SAMPLES}: there is no column split; the columns are id, target, bin, note, number. {manifests.AGAIN}",
    ]


def test_a_column_that_occurs_twice_is_named() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["id", "id"])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    with pytest.raises(InputError, match=r"^p: there is more than one column id"):
        parquet.table(sink.getvalue().to_pybytes(), "p", {"id": "string"}, hint="")


def test_a_write_that_was_cut_off_is_finished_by_reading(folder: Path) -> None:
    """The new manifest was committed when its writer was killed, and only its samples had been moved."""
    new = manifest(targets=[0.25, *TARGETS[1:]])
    commit = folder / f"{files.COMMIT}x"
    commit.mkdir()
    contents = manifests.contents(new)
    (folder / SAMPLES).write_bytes(contents[SAMPLES])
    for name in (BINS, FACTS):
        (commit / name).write_bytes(contents[name])
    assert manifests.read(folder).content == new.content


def test_the_only_manifest_needs_no_name(tmp_path: Path) -> None:
    root = tmp_path / "manifests"
    with pytest.raises(UsageError, match=r"none is curated in .*manifests; name one, or run `dir curate` first"):
        manifests.only(root)
    manifests.write(root / "b", manifest(name="b"))
    (root / "bins-alone").mkdir()
    (root / "bins-alone" / BINS).write_bytes(b"")
    assert manifests.only(root) == "b"
    manifests.write(root / "a", manifest(name="a"))
    with pytest.raises(UsageError, match=r"several datasets are curated in .*manifests: a, b; name one of them"):
        manifests.only(root)


def test_a_root_that_is_a_file_holds_no_manifests(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert manifests.curated(tmp_path / "file") == []


def test_bins_come_with_the_program_for_known_names_only() -> None:
    assert manifests.shipped("nothing") is None
    shipped = manifests.shipped("agedb")
    assert shipped is not None
    assert manifests.read_bins(shipped).counts["train"].sum() == 12_208


def test_the_digest_of_a_column_depends_on_its_values_alone() -> None:
    texts = pa.array(["a", None, "bc"])
    assert column_digest(texts) == column_digest(pa.array(["x", "a", None, "bc"])[1:])
    assert column_digest(texts) == column_digest(texts.cast(pa.large_string()))
    others = [
        pa.array(values) for values in (["a", "", "bc"], ["ab", None, "c"], ["a", None], [1, 2], [1.0, 2.0], [1, 3])
    ]
    assert len({column_digest(column) for column in (texts, *others)}) == 7


def test_a_changed_column_of_the_dataset_itself_is_refused(folder: Path) -> None:
    """Groups of intervals and the files of the released code come from them."""
    table = pq.read_table(folder / SAMPLES)
    place = table.schema.get_field_index("note")
    pq.write_table(table.set_column(place, "note", pa.array(list("uvwxyy"))), folder / SAMPLES)
    assert refusal(folder) == [
        f"{SAMPLES}: its column note is not what manifest.json has a digest of. {manifests.AGAIN}"
    ]
    pq.write_table(table.drop_columns(["note"]), folder / SAMPLES)
    assert "column note is not" in refusal(folder)[0]


def test_a_manifest_of_the_version_that_had_no_digests_of_columns_is_read(folder: Path) -> None:
    assert sorted(json.loads((folder / FACTS).read_text())["columns"]) == ["note", "number"]
    rewrite(folder, columns="remove", version="0.1.0")
    manifests.read(folder)


def test_a_column_that_was_added_where_there_was_none_is_refused(tmp_path: Path) -> None:
    made, bare = manifest(), tmp_path / "bare"
    manifests.write(bare, replace(made, samples=replace(made.samples, columns={})))
    assert "columns" not in json.loads((bare / FACTS).read_text())
    manifests.read(bare)
    table = pq.read_table(bare / SAMPLES)
    pq.write_table(table.append_column("cluster", table["id"]), bare / SAMPLES)
    assert refusal(bare) == [
        f"{SAMPLES}: its column cluster is not what manifest.json has a digest of. {manifests.AGAIN}"
    ]
    assert large_manifests.read(bare) is None
