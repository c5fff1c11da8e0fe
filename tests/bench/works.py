"""What is measured: each `Work` is a command of ours, what a user would run instead, and the bars between the two.

Words may hold ``{data}``, the folder of the inputs, ``{out}``, an empty folder for results, and ``{rows}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
BINS = str(HERE.parents[1] / "manifests" / "agedb" / "bins.parquet")
SUMS = "mae,mse,rmse,gm,pearson,bias"
"""The metrics that are sums over rows, which SQL and data frames have, too; Spearman's ranks are not among them."""

Words = tuple[str, ...]

JOIN_LIMIT = (
    "Processor time of 3 million rows of CSV, by a profile: the start of Python, typer, numpy and pyarrow 0.35 s; "
    "the manifest read, and its content hashed and binned again, 0.33 s; its test rows taken 0.08 s; the file "
    "parsed by Arrow, its quotes looked at and its bytes hashed 0.65 s; ids hashed and sorted 0.25 s, and "
    "compared byte by byte in the order that this gives 0.25 s; sums 0.1 s. DuckDB reads both files, joins and "
    "sums in 1.2 s; the proofs (content, digest of the file, comparison of ids) and the start alone take 0.9 s, "
    "which a score under a signature does not do without. Tried: Arrow's index_in for the join (1.2 s alone), "
    "argsort of the hashes (2.5 times the sort of numbers that hold hash and row), the default allocator of Arrow "
    "(a third more), DuckDB as the join itself (its rows would still have to be brought into the manifest's order "
    "and summed here)."
)
STREAM_LIMIT = (
    "Of 100 million rows of Parquet the bare read decodes alone, 3.3 s of processor time; sums take 20 ns a row, "
    "the hash of targets 7.4 and their bins 5.5, 3.3 s in all; the digest of the file 0.6 s; values made float64 "
    "and looked at the rest. One thread decodes, two do the rest. Tried: sums of whole columns (80 ns a row)."
)
CI_LIMIT = (
    "Spearman by region takes half: 2,000 resamples of 100,000 rows in up to eight overlapping regions, some ten "
    "passes over memory for each row; the draws take a quarter. Tried: draws by stratum in the cache, panels of "
    "resamples, one sort of rows for all regions (3.75 to 2.5 ms a resample). Without Spearman (--metrics "
    "mae,gm,pearson) the bar holds."
)
CURATE_LIMIT = "The bare copy neither sorts ids, draws splits nor hashes the content."


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What a user would run instead, and the modules that it needs.

    A ``scaled`` peer does a part of the work, and prints the seconds (wall, processor) that all of it would take.
    """

    name: str
    words: Words
    needs: Words = ()
    scaled: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """One row of the table for each peer; the bars of time are those against the first one.

    ``sizes`` are the rows by default, with --quick (0: left out; as many, where the start of Python would outweigh
    fewer) and with --full. ``inputs`` names the maker of the data, if any. Ours takes at most ``ratio`` times the time
    of the peer (``clock``), ``seconds`` on the wall, and ``mib`` of memory; where it takes more, ``limit`` says what
    was tried and what is in the way. Ours may be ``scaled``, too: it prints its own seconds.
    """

    name: str
    what: str
    inputs: str = ""
    sizes: tuple[int, int, int]
    ours: Words
    peers: tuple[Peer, ...]
    ratio: float | None = None
    seconds: float | None = None
    mib: float | None = None
    clock: Literal["wall", "processor"] = "wall"
    limit: str = ""
    scaled: bool = False


def program(*words: str) -> Words:
    """`dir` with these words."""
    return ("-m", "dircli", *words)


def script(path: str, *words: str) -> Words:
    """A script of this folder with these words."""
    return (str(HERE / path), *words)


def _code(name: str, code: str, *words: str) -> Peer:
    return Peer(name=name, words=("-c", code, *words))


def _join(form: str, size: str, sizes: tuple[int, int, int], *, ratio: float, mib: float, pandas: bool) -> Work:
    paths = (f"{{data}}/predictions.{form}", "{data}/manifests/big")
    peers = [
        Peer(name="DuckDB", words=script("peers/duckdb_join.py", *paths), needs=("duckdb",)),
        Peer(name="polars", words=script("peers/polars_join.py", *paths), needs=("polars",)),
        Peer(name="pandas", words=script("peers/pandas_join.py", *paths), needs=("pandas",)),
    ]
    return Work(
        name=f"join-{size}-{form}",
        what=f"score string ids in random order, {form}: the same join and sums",
        inputs="joined",
        sizes=sizes,
        ours=program("evaluate", paths[0], "--manifest", paths[1], "--metrics", SUMS),
        peers=tuple(peers if pandas else peers[:2]),
        ratio=ratio,
        mib=mib,
        limit=JOIN_LIMIT if size == "3m" and form == "csv" else "As above: the proofs and the start.",
    )


def _stream(form: str) -> Work:
    path = f"{{data}}/carried.{form}"
    return Work(
        name=f"stream-{form}",
        what=f"score rows that carry their target, {form}, {SUMS}",
        inputs="carried",
        sizes=(20_000_000, 10_000_000, 100_000_000),
        ours=program("evaluate", path, "--bins", BINS, "--metrics", SUMS),
        peers=(Peer(name="pyarrow, streaming read", words=script("peers/bare_stream.py", path)),),
        ratio=1.5,
        mib=600,
        limit=STREAM_LIMIT,
    )


def _cluster(form: str) -> Work:
    words = program("evaluate", f"{{data}}/carried.{form}", "--bins", BINS, "--metrics", SUMS)
    return Work(
        name=f"dask-{form}",
        what=f"score rows that carry their target, {form}, {SUMS}, by 2 workers of one thread that have started",
        inputs="carried",
        sizes=(50_000_000, 0, 50_000_000),
        ours=script("ours/on_cluster.py", f"{{data}}/carried.{form}", BINS, SUMS),
        scaled=True,
        peers=(Peer(name="one process", words=words, needs=("distributed",)),),
        ratio=1.3,
        mib=600,
    )


def _intervals(name: str, what: str, rows: int, *options: str, resamples: int) -> Work:
    words = script("peers/scipy_bootstrap.py", "{data}/carried.csv", BINS, "--resamples", str(resamples))
    return Work(
        name=name,
        what=what,
        inputs="carried",
        sizes=(rows, rows, rows),
        ours=program("evaluate", "{data}/carried.csv", "--bins", BINS, "--ci", *options),
        peers=(Peer(name="scipy.stats.bootstrap, a few resamples, scaled", words=words, scaled=True),),
        seconds=2.5,
        mib=500 if rows < 100_000 else None,
        limit=CI_LIMIT,
    )


def _own_table(form: str) -> Work:
    options = ("--target", "y", "--id", "id", "--bin-width", "0.1", "--range", "-2:16", "--name", "big")
    return Work(
        name=f"curate-{form}",
        what=f"curate a table of one's own, {form}",
        inputs="table",
        sizes=(3_000_000, 1_000_000, 5_000_000),
        ours=program("curate", "custom", "--table", f"{{data}}/table.{form}", *options, "--out", "{out}"),
        peers=(
            Peer(
                name="pyarrow, read and write",
                words=script("peers/bare_copy.py", f"{{data}}/table.{form}", f"{{out}}/copy.{form}"),
            ),
        ),
        ratio=2.0,
        mib=2048,
        limit=CURATE_LIMIT,
    )


def _verified(split: str, inputs: str) -> Work:
    return Work(
        name=f"verify-{split}",
        what=f"verify a manifest whose split was {split}",
        inputs=inputs,
        sizes=(3_000_000, 3_000_000, 3_000_000),
        ours=program("verify", "big", "--manifests", "{data}/manifests"),
        peers=(_code("pyarrow, read", READ, SAMPLES),),
        ratio=3.0,
    )


LOADMAT = "import sys; from scipy.io import loadmat; both = [loadmat(path) for path in sys.argv[1:]]"
READ = "import sys; import pyarrow.parquet as pq; pq.read_table(sys.argv[1])"
READ_CSV = "import sys; from pyarrow import csv; csv.read_csv(sys.argv[1])"
SAMPLES = "{data}/manifests/big/samples.parquet"

WORKS = (
    Work(
        name="version",
        what="dir --version",
        sizes=(1, 1, 1),
        ours=program("--version"),
        peers=(_code("import typer", "import typer"),),
        ratio=1.4,
    ),
    Work(
        name="agedb",
        what="score AgeDB-DIR's test split, whole process",
        inputs="agedb",
        sizes=(2_140, 2_140, 2_140),
        ours=program("evaluate", "{data}/predictions.csv", "--manifest", "{data}/manifests/agedb"),
        peers=(_code("import of numpy and pyarrow", "import numpy, pyarrow.csv, pyarrow.parquet"),),
        ratio=1.8,
    ),
    _join("csv", "3m", (3_000_000, 3_000_000, 3_000_000), ratio=1.0, mib=1024, pandas=True),
    _join("parquet", "3m", (3_000_000, 3_000_000, 3_000_000), ratio=1.2, mib=1024, pandas=False),
    _join("csv", "10m", (10_000_000, 0, 10_000_000), ratio=1.0, mib=2048, pandas=False),
    _join("parquet", "10m", (10_000_000, 0, 10_000_000), ratio=1.2, mib=2048, pandas=False),
    _stream("csv"),
    _stream("parquet"),
    _cluster("csv"),
    _cluster("parquet"),
    _intervals("ci", "evaluate --ci, 2,000 resamples, default metrics", 100_000, resamples=2_000),
    _intervals("resamples", "evaluate --ci, 10,000 resamples", 11_022, "--bootstrap", "10000", resamples=10_000),
    Work(
        name="weights",
        what="weights per training sample",
        inputs="trained",
        sizes=(10_000_000, 2_000_000, 10_000_000),
        ours=program("weights", "big", "--manifests", "{data}/manifests", "--out", "{out}/weights.parquet"),
        peers=(
            Peer(
                name="pyarrow, read and write of the same columns",
                words=script("peers/bare_weights.py", SAMPLES, "{out}/weights.parquet"),
            ),
        ),
        ratio=2.0,
    ),
    _verified("given", "joined"),
    _verified("drawn", "drawn"),
    Work(
        name="identify",
        what="tell the split of a file, by its rows",
        inputs="divided",
        sizes=(100_000, 100_000, 100_000),
        ours=program("identify", "{data}/split.csv", "--manifests", "{data}/manifests"),
        peers=(_code("pyarrow, read", READ_CSV, "{data}/split.csv"),),
        ratio=3.0,
    ),
    _own_table("csv"),
    _own_table("parquet"),
    Work(
        name="imdb-wiki",
        what="curate IMDB-WIKI from its .mat files",
        inputs="faces",
        sizes=(523_051, 260_000, 523_051),
        ours=program("curate", "imdb-wiki", "--raw", "{data}", "--split", "redraw", "--out", "{out}"),
        peers=(_code("the two loadmat calls", LOADMAT, "{data}/imdb.mat", "{data}/wiki.mat"),),
        ratio=1.3,
        mib=1536,
    ),
    Work(
        name="nyud2",
        what="count the depths of NYUD2's maps (rows: maps; processor time)",
        inputs="maps",
        sizes=(2_000, 2_000, 2_000),
        ours=script("ours/count_maps.py", "{data}", "{out}"),
        peers=(Peer(name="Pillow, decode", words=script("peers/bare_maps.py", "{data}")),),
        ratio=1.2,
        mib=192,
        clock="processor",
    ),
    Work(
        name="fds",
        what="dir fds, 512 features each, HDF5",
        inputs="features",
        sizes=(400_000, 200_000, 400_000),
        ours=program("fds", "{data}/features.h5", "--dataset", "agedb", "--manifests", "{out}", "--out", "{out}/c.h5"),
        peers=(
            Peer(
                name="h5py, read and write",
                words=script("peers/bare_features.py", "{data}/features.h5", "{out}/c.h5"),
                needs=("h5py",),
            ),
        ),
        ratio=3.0,
        mib=1024,
    ),
    Work(
        name="arrays",
        what="import dircli and evaluate arrays",
        inputs="arrays",
        sizes=(1_000_000, 1_000_000, 1_000_000),
        ours=script("ours/evaluate_arrays.py", "{data}"),
        peers=(
            Peer(name="polars, group-by", words=script("peers/polars_arrays.py", "{data}"), needs=("polars",)),
            Peer(name="pandas, groupby", words=script("peers/pandas_arrays.py", "{data}"), needs=("pandas",)),
            Peer(name="numpy, a loop over labels", words=script("peers/numpy_arrays.py", "{data}")),
        ),
        ratio=1.0,
    ),
)
