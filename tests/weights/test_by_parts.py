"""Weights of parts of a manifest are those of the whole, however many parts there are and whoever weighs them."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import mostly_thorough, processes_of
from miniatures import curated_table

from dircli.arrays import FloatArray
from dircli.benchmark.protocol import Normalise, WeightRule
from dircli.datasets.open import open_benchmark, open_large
from dircli.errors import InputError, UsageError
from dircli.store import engines, large_manifests, parquet
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import unwatched
from dircli.weights import by_parts, weigh
from dircli.weights.by_parts import Run as Parts
from dircli.weights.by_parts import Source
from dircli.weights.denseweight import Extent, Grid, bandwidth, squares
from dircli.weights.per_sample import sample_weights
from dircli.weights.schemes import WeightOptions, WeightSums
from dircli.weights.weigh import Weighted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import server as web
    from conftest import Run

    from dircli.benchmark.protocol import AnyScheme

ROWS = 1100
NUMBERS = [1, 2, 7, 64]
BINNED: list[AnyScheme] = ["inverse", "sqrt-inv", "effective-number"]
FORMS = ["parquet", "csv", "npy", "lightgbm"]
DENSE = WeightOptions(scheme="dense-weight", kernel="none", alpha=0.9)


@pytest.fixture
def own(work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of manifests with one of a table of one's own, which is large enough to be read by parts."""
    monkeypatch.setattr(weigh, "LARGE", 0)
    return curated_table(work, run, ROWS)


def weighed(root: Path, options: WeightOptions, run: Parts | None) -> Weighted:
    """The weights by parts, or without a ``run`` of all rows at once."""
    return weigh.weigh("own", options, root=root, run=run, whole=run is None)


def written(weighted: Weighted, form: Any = "parquet") -> bytes:
    """The file of weights."""
    stream = io.BytesIO()
    weigh.encode(replace(weighted, form=form), stream)
    return stream.getvalue()


def parts(engine: Engine, number: int, **more: Any) -> Parts:
    """So many parts."""
    return Parts(engine=engine, rows=-(-ROWS // number), **more)


def dense_column(weighted: Weighted) -> FloatArray:
    """The weights of the samples."""
    return np.concatenate([block["weight"].to_numpy() for block in weighted.blocks("weight")])


def same_dense_weights(ours: Weighted, theirs: Weighted) -> None:
    """Both have the same weights and facts to the last digit, and the same means of bins within rounding."""
    assert written(ours) == written(theirs)
    assert ours.facts == theirs.facts
    assert ours.spread == theirs.spread
    for name, values in vars(ours.by_bin).items():
        assert values == pytest.approx(getattr(theirs.by_bin, name), rel=1e-12, nan_ok=True), name


@pytest.mark.thorough
@pytest.mark.parametrize("number", NUMBERS)
def test_weights_of_bins_are_byte_for_byte_those_of_all_rows_at_once(
    number: int, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP", 100)
    assert len(by_parts_of(own).manifest.pieces(-(-ROWS // number))) >= number - 2
    for scheme in BINNED:
        options = WeightOptions(scheme=scheme)
        whole, ours = weighed(own, options, None), weighed(own, options, parts(LOCAL, number))
        assert len(list(ours.blocks())) >= number - 2
        assert ours.facts == whole.facts
        assert ours.rows == whole.rows == len(dense_column(ours))
        for form in FORMS if scheme == "inverse" else FORMS[:1]:
            assert written(ours, form) == written(whole, form), form


def by_parts_of(root: Path) -> Source:
    """The rows that are weighed by parts."""
    large = open_large("own", root)
    assert large is not None
    return Source(manifest=large.manifest, rule=large.benchmark.rules.weights)


@pytest.mark.parametrize("number", mostly_thorough(NUMBERS))
def test_dense_weight_is_that_of_all_targets_at_once(number: int, own: Path) -> None:
    for normalise in get_args(Normalise):
        options = replace(DENSE, normalise=normalise)
        ours = weighed(own, options, parts(LOCAL, number))
        same_dense_weights(ours, weighed(own, options, None))


def test_a_cluster_gives_the_weights_of_one_process(own: Path, cluster: Engine) -> None:
    options = WeightOptions(scheme="inverse")
    whole = weighed(own, options, None)
    for number in (1, 7, 64):
        ours = weighed(own, options, parts(cluster, number))
        for form in FORMS if number == 1 else FORMS[:1]:
            assert written(ours, form) == written(whole, form), form


@pytest.mark.parametrize(
    "number", [pytest.param(1, marks=pytest.mark.slow), 7, pytest.param(64, marks=pytest.mark.slow)]
)
def test_a_cluster_gives_the_dense_weight_of_one_process(number: int, own: Path, cluster: Engine) -> None:
    ours = weighed(own, DENSE, parts(cluster, number))
    same_dense_weights(ours, weighed(own, DENSE, None))


def test_parts_of_a_row_group_and_several_groups_are_all_rows_in_their_order(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own / "own" / "samples.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows, path, row_group_size=400)
    monkeypatch.setattr(large_manifests, "ROWS", 90)
    manifest = by_parts_of(own).manifest
    for size in (1, 89, 90, 91, 170, 400, 5000):
        pieces = manifest.pieces(size)
        assert sum(piece.stop - piece.start for piece in pieces) == ROWS
        found = [block["id"].to_pylist() for piece in pieces[:40] for block in manifest.piece(piece, "train", "id")]
        until = sum(piece.stop - piece.start for piece in pieces[:40])
        first = rows.slice(0, until)
        expected = first.filter(pc.equal(first["split"], "train"))["id"].to_pylist()
        assert [key for keys in found for key in keys] == expected
        assert max(map(len, found)) <= min(size, 90)


def test_higher_bins_are_folded_as_at_once(own: Path) -> None:
    large = open_large("own", own)
    assert large is not None
    source = Source(manifest=large.manifest, rule=WeightRule(default="inverse", last=9))
    counts = source.rule.folded(large.benchmark.table.counts["train"])
    rows = open_benchmark("own", own, None).rows("train")
    for options in (WeightOptions(), DENSE):
        by_bin, weight = sample_weights(rows.targets, source.rule.fold(rows.bin_index), counts, options, source.rule)
        found = by_parts.weigh(source, counts, options, parts(LOCAL, 7))
        (table,) = [np.concatenate([block["weight"] for block in found.blocks("weight")])]
        assert table == pytest.approx(weight, rel=1e-12)
        assert found.by_bin.weight == pytest.approx(by_bin.weight, rel=1e-12, nan_ok=True)
        assert max(block["bin"].to_numpy().max() for block in found.blocks("bin")) == 9


def test_what_is_known_of_parts_of_the_targets_is_what_is_known_of_all() -> None:
    targets = np.random.default_rng(0).gamma(2, 3, 5000) + 1e6
    whole = Extent.of(targets)
    of_parts = [targets[:0], targets[:1], targets[1:3000], targets[3000:]]
    assert Extent.merged([Extent.of(part) for part in of_parts]) == whole
    assert whole.mean == float(sum(map(Fraction, targets.tolist())) / 5000)
    squared = squares(targets, whole.mean)
    assert sum(squares(part, whole.mean) for part in of_parts) == squared
    assert bandwidth(5000, squared) == pytest.approx(1.06 * np.std(targets) * 5000 ** (-1 / 5), rel=1e-14)
    grid = Grid.of(whole, squared)
    sums = grid.sums(targets)
    assert np.array_equal(np.sum([grid.sums(part) for part in of_parts], axis=0), sums)
    places = (targets - grid.points[0]) / grid.step
    assert sums[0].sum() == 5000
    assert (sums[1].sum() + sums[2].sum() / 2**26) / 2**26 == pytest.approx((places % 1).sum(), rel=1e-14)
    weight = np.random.default_rng(1).gamma(2, 3, 5000)
    merged = WeightSums.merged([WeightSums.of(part) for part in (weight[:0], weight[:900], weight[900:])])
    assert merged.summary == WeightSums.of(weight).summary
    assert merged.lightest.tolist() == np.sort(weight)[:1000].tolist()


def test_what_suits_an_engine_is_divided_so(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share the memory of this process, in which a row group for each would be too much."""
    monkeypatch.setattr(by_parts, "ROWS", 100)
    monkeypatch.setattr(by_parts, "AT_ONCE", 400)
    assert len(list(weighed(own, WeightOptions(), Parts()).blocks())) == 11
    assert len(list(weighed(own, WeightOptions(), Parts(engine=Elsewhere())).blocks())) == 3


class Elsewhere(engines.Local):
    """An engine whose workers are no threads of this process, as far as anybody asks."""

    name: engines.Name = "dask"


def test_what_dense_weight_has_no_use_for_is_refused_by_parts_too(own: Path) -> None:
    for options in (replace(DENSE, clip=(1, 2)), replace(DENSE, edge="zero"), replace(DENSE, kernel="triang")):
        with pytest.raises(UsageError, match="has a density of its own"):
            weighed(own, options, Parts())
    with pytest.raises(UsageError, match="alpha must be 0 or more"):
        weighed(own, replace(DENSE, alpha=np.inf), Parts())


def test_only_weights_that_are_undefined_are_null() -> None:
    made = by_parts.table({"effective": np.array([np.nan, 1]), "weight": np.array([np.nan, 1])})
    assert [made[name].null_count for name in made.column_names] == [0, 1]


def test_a_small_manifest_is_weighed_at_once_and_what_is_wrong_is_named_as_usual(own: Path, monkeypatch: Any) -> None:
    assert weighed(own, WeightOptions(), Parts()).against.manifest is None
    monkeypatch.setattr(weigh, "LARGE", ROWS + 1)
    assert weighed(own, WeightOptions(), Parts()).against.manifest is not None
    monkeypatch.setattr(weigh, "LARGE", ROWS)
    path = own / "own" / "samples.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(InputError, match=r"its content is sha256"):
        weighed(own, WeightOptions(), Parts())


def test_a_manifest_that_changes_meanwhile_is_refused_and_nothing_is_written(own: Path) -> None:
    path, out = own / "own" / "samples.parquet", own / "own" / "weights.parquet"
    rows, data = pq.read_table(path), path.read_bytes()
    ours = weighed(own, WeightOptions(), parts(LOCAL, 2))
    pq.write_table(rows.slice(500), path)
    with pytest.raises(InputError, match=r"training rows, and had .* It was changed while weights were computed"):
        weigh.write(ours)
    path.write_bytes(data[:-9])
    with pytest.raises(InputError, match=r"cannot be read any more .* run it again"):
        weigh.write(ours)
    path.write_bytes(data)
    source = by_parts_of(own)
    path.write_bytes(data[:-9])
    with pytest.raises(InputError, match=r"cannot be read any more"):
        by_parts.weigh(source, np.array([ROWS]), DENSE, Parts())
    assert not out.exists()
    assert sorted(path.name for path in (own / "own").iterdir()) == ["bins.parquet", "manifest.json", "samples.parquet"]
    path.write_bytes(data)
    weigh.write(ours)
    assert out.read_bytes() == written(weighed(own, WeightOptions(), None))


def test_who_watches_is_told_of_every_part_and_row(own: Path) -> None:
    told: dict[str, tuple[int, int]] = {}

    @contextmanager
    def watch(what: str, total: int) -> Iterator[Callable[[int], None]]:
        seen: list[int] = []
        yield seen.append
        told[what] = total, sum(seen)

    ours = weighed(own, DENSE, parts(LOCAL, 7, watch=watch))
    assert told == {"parts of the density": (35, 35)}
    written(ours)
    assert told["rows weighed"] == (ours.rows, ours.rows)
    assert isinstance(Parts().watch, type(unwatched))


def test_the_command_writes_the_same_with_another_engine(
    own: Path, work: Path, run: Run, cluster: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weigh, "LARGE", ROWS + 1)
    for words in ((), ("--out", "w.csv"), ("--out", "w.txt", "--format", "xgboost")):
        path = work / words[1] if words else own / "own" / "weights.parquet"
        both = path, path.with_suffix(".json")
        first = run("weights", "own", *words)
        kept = [each.read_bytes() for each in both]
        for each in both:
            each.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(engines, "opened", lambda *_, **__: nullcontext(cluster))
            again = run("weights", "own", *words, "--engine", "dask")
        assert [each.read_bytes() for each in both] == kept
        assert (first.stdout, first.stderr) == (again.stdout, again.stderr)
    first = run("weights", "own", "--out", "-")
    monkeypatch.setattr(engines, "opened", lambda *_, **__: nullcontext(cluster))
    assert run("weights", "own", "--out", "-", "--engine", "dask").stdout == first.stdout


def test_what_no_worker_has_to_do_is_refused(own: Path, run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "order").write_text("1\n")
    for words, said in {
        "own --order order --format npy --out w.npy": "--order looks ids up among the weights of all samples; leave",
        "own --per bin": "nothing of weights per bin is divided; it goes with those per sample, and --maps",
        "own --workers 2": "add --engine dask",
    }.items():
        more = [] if "--workers" in words else ["--engine", "dask"]
        assert said in run("weights", *words.split(), *more, code=2).stderr
    monkeypatch.setattr(engines, "opened", lambda *_, **__: nullcontext(LOCAL))
    assert "weights per bin is divided" in run("weights", "nyud2", "--engine", "dask", code=2).stderr
    assert not list(work.glob("w.*"))
    assert own.exists()


def test_an_order_of_a_large_manifest_is_looked_up_in_all_of_it(own: Path, run: Run, work: Path) -> None:
    ids = [key for block in weighed(own, WeightOptions(), None).blocks("id") for key in block["id"].to_pylist()]
    (work / "order").write_text("\n".join(ids[::-2]))
    run("weights", "own", "--order", "order", "--format", "npy", "--out", "w.npy")
    whole = dense_column(weighed(own, WeightOptions(), None))
    assert np.load("w.npy").tolist() == whole[::-2].tolist()
    assert json.loads((work / "w.json").read_text())["per"] == "listed row"


def test_without_dask_the_extra_is_named(own: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'dircli[dask]'" in run("weights", "own", "--engine", "dask", code=2).stderr
    assert not (own / "own" / "weights.parquet").exists()


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(own: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    with engines.opened("dask", workers=2) as engine:
        for options, what in ((WeightOptions(), "rows weighed"), (DENSE, "parts of the density")):
            victims = processes_of(engine, 2)

            @contextmanager
            def killing(
                now: str, _: int, *, what: str = what, victims: list[int] = victims
            ) -> Iterator[Callable[[int], None]]:
                def tell(_: int) -> None:
                    if now == what and len(victims) > 1:
                        os.kill(victims.pop(), signal.SIGKILL)

                yield tell

            ours = weighed(own, options, parts(engine, 64, watch=killing))
            assert written(ours) == written(weighed(own, options, parts(LOCAL, 64)))
            assert len(victims) == 1


@pytest.mark.slow
def test_a_cluster_weighs_what_lies_elsewhere(s3: Any, server: web.Server, own: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    for path in (own / "own").iterdir():
        s3.pipe(f"bucket/manifests/own/{path.name}", path.read_bytes())
        server.add(f"/manifests/own/{path.name}", path.read_bytes())
    from dircli.store.places import of

    with engines.opened("dask", workers=2) as engine:  # which knows the environment of the store
        for root in ("s3://bucket/manifests", server.url("/manifests")):
            for options in (WeightOptions(), DENSE):
                whole = weighed(own, options, parts(LOCAL, 3))
                there = weigh.weigh("own", options, root=of(root), out=Path("w.csv"), run=parts(engine, 3))
                assert there.against.manifest is None
                assert written(there, "csv") == written(whole, "csv")
