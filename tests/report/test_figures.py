"""Pictures show the numbers they should, nothing in them covers anything, and their bytes do not change."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from conftest import PROJECT, REFERENCE, mostly_thorough
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from miniatures import MINIATURES
from PIL import Image
from scipy.ndimage import convolve1d

from dircli import datasets
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.regions import region
from dircli.datasets.open import open_benchmark
from dircli.report.figures import data, figures, letters, style
from dircli.report.figures.panels import region_words
from dircli.scores import breakdown
from dircli.scores.by_region import Reference
from dircli.scores.results import Result, Scored, System
from dircli.store import manifests
from dircli.store.predictions import Predictions
from dircli.weights.schemes import WeightOptions
from dircli.weights.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run
    from numpy.typing import NDArray

SHIPPED = PROJECT / "manifests"
FULL = ("agedb", "imdb-wiki", "nyud2", "shhs", "sts-b")
RESULT = Result(dataset="x", split="test", protocol="released", content="bins:", version="0.1.0", systems=())
NASTY = ("$x_1^2$ & <b>", "an_extremely_long_name_" * 8, "зачем\n日本語 \x00", "W" * 99)


def whole(name: str) -> Benchmark:
    """A benchmark of the published size: its shipped bins, or counts as the paper's Fig. 6 shows them."""
    dataset = datasets.load(name)
    path = manifests.shipped(name)
    if path is not None:
        return Benchmark(name=name, table=manifests.read_bins(path), dataset=dataset)
    bins, middle = dataset.rules.bins, np.arange(len(dataset.rules.bins))
    if isinstance(dataset.reader, PixelReader):
        train, test = dataset.reader.published, dataset.reader.balanced(len(bins))
    elif dataset.rules.grows:
        bins = Bins.regular(0, 187, 1)
        middle = np.arange(187)
        train = (9000 * np.exp(-(((middle - 30) / 12) ** 2))).astype(np.int64)
        train[[100, 118, 125, 186]] = 1
        test = np.minimum(train // 3, 150)
    else:
        train = np.where(middle % 5 == 0, middle * 3, 0).astype(np.int64)
        test = np.minimum(train // 3, 12)
    counts = {"train": train, "val": 0 * test if dataset.counted == "pixels" else test, "test": test}
    regions = {key: region(train, rule.thresholds) for key, rule in dataset.rules.score_rules.items()}
    table = BinTable(bins=bins, counts=counts, regions=regions, facts={"dataset": name})
    return Benchmark(name=name, table=table, dataset=dataset)


def scored(against: Benchmark, names: tuple[str, ...], *, most: int = 40) -> Scored:
    """Made-up predictions on the test rows of ``against``, at most ``most`` per bin."""
    bins, rng = against.table.bins, np.random.default_rng(3)
    index = np.repeat(np.arange(len(bins)), np.minimum(against.table.counts["test"], most))
    target = bins.low[index]
    reference = Reference(
        target=target,
        bin_index=index,
        regions=against.table.regions["released"],
        train=against.table.counts["train"],
        rules=against.rules.score_rules["released"],
    )
    reach = bins.edges[-1] - bins.edges[0]
    values = [target + rng.normal(0, reach * (place + 1) / 25, target.size) for place in range(len(names))]
    systems = [
        System(
            name=name,
            file=Predictions(file=f"{name}.csv", sha256="0", ids=None, values=each, targets=target, problems=[]),
            reference=reference,
            values=each,
        )
        for name, each in zip(names, values, strict=True)
    ]
    return Scored(result=RESULT, systems=systems, against=against)


GROUND = data.ground(whole("agedb"), "released")
PICTURES: dict[str, Callable[[Benchmark], data.Picture]] = {
    "density": lambda against: data.density(against, "released"),
    "lds": lambda against: data.smoothing(against, WeightOptions()),
    "error": lambda against: data.errors(scored(against, ("sharp",)), WeightOptions()),
    "gain": lambda against: data.errors(scored(against, ("vanilla", "LDS + FDS")), WeightOptions()),
}


@cache
def picture_of(name: str, kind: str) -> data.Picture:
    return PICTURES[kind](whole(name))


def _texts(figure: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """All that is written when ``figure`` is drawn, with the box of each text."""
    boxes: dict[int, tuple[str, Any]] = {}
    draw = Text.draw

    def record(self: Any, renderer: Any, *words: Any, **named: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            boxes[id(self)] = (self.get_text(), self.get_window_extent(renderer))
        draw(self, renderer, *words, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.draw_without_rendering()
    return list(boxes.values())


def assert_legible(
    picture: data.Picture | data.Similar,
    monkeypatch: pytest.MonkeyPatch,
    *,
    width: float,
    log: bool,
    shown: tuple[str, ...] = (),
) -> None:
    with style.style():
        figure = figures.drawn(picture, figures.Look(width=width, log=log, panels=shown))
        texts = _texts(figure, monkeypatch)
        page = figure.bbox
    assert len(texts) > 8
    covered = [
        (first, second)
        for (first, box), (second, other) in combinations(texts, 2)
        if min(box.x1, other.x1) - max(box.x0, other.x0) > 0.5 and min(box.y1, other.y1) - max(box.y0, other.y0) > 0.5
    ]
    assert not covered
    assert not [
        text for text, box in texts if box.x0 < 0 or box.y0 < 0 or box.x1 > page.width + 0.5 or box.y1 > page.height
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("name", FULL)
def test_no_text_covers_another_or_is_cut_off(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_legible(picture_of(name, kind), monkeypatch, width=figures.WIDTH, log=kind == "gain")


@pytest.mark.slow
@pytest.mark.parametrize("width", [3, 4.5, 5.5, 20])
@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("name", FULL)
def test_no_text_covers_another_at_any_width(
    name: str, kind: str, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_legible(picture_of(name, kind), monkeypatch, width=width, log=width < figures.WIDTH)


@pytest.mark.thorough
@pytest.mark.parametrize("width", [3, pytest.param(7, marks=pytest.mark.slow)])
def test_two_smoothings_are_drawn_one_above_the_other(width: float, monkeypatch: pytest.MonkeyPatch) -> None:
    against = whole("agedb")
    upper, lower = (data.smoothing(against, WeightOptions(kernel=kernel)) for kernel in ("gaussian", "laplace"))
    picture = replace(lower, beside=upper)
    assert_legible(picture, monkeypatch, width=width, log=False)
    with style.style():
        first, second, weights = figures.drawn(picture, figures.Look(width=width)).axes
    assert [axes.get_title(loc="left").count("laplace, ks 5") for axes in (first, second, weights)] == [0, 1, 1]
    assert [axes.patches[-1].get_data().values.tolist() for axes in (first, second)] == [
        upper.effective.tolist(),
        lower.effective.tolist(),
    ]


@pytest.mark.parametrize("name", mostly_thorough(sorted(MINIATURES)))
def test_every_miniature_can_be_drawn(
    name: str, tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("curate", name, "--raw", MINIATURES[name].build(tmp_path), "--split", "redraw")
    against = open_benchmark(name, work / "manifests", None)
    assert_legible(PICTURES["density"](against), monkeypatch, width=3, log=True)
    assert_legible(PICTURES["gain"](against), monkeypatch, width=figures.WIDTH, log=False)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "width", [pytest.param(3, marks=pytest.mark.slow), 5.5, pytest.param(7, marks=pytest.mark.slow)]
)
def test_no_name_breaks_a_picture(width: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that reads as a formula, is far too long, or has letters that the font lacks."""
    assert_legible(data.errors(scored(whole("agedb"), NASTY), WeightOptions()), monkeypatch, width=width, log=False)
    picture = data.errors(scored(whole("sts-b"), NASTY[:2]), WeightOptions())
    assert_legible(picture, monkeypatch, width=width, log=False)


@pytest.mark.thorough
@pytest.mark.parametrize("width", [3, *(pytest.param(width, marks=pytest.mark.slow) for width in (5.5, 20))])
def test_no_target_and_no_missing_correlation_breaks_a_picture(width: float, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = data.errors(scored(whole("agedb"), ("W" * 99, "lower" * 20)), WeightOptions())
    ground = replace(picture.ground, name="M" * 64, target="a $very$ long target, in words " * 3, unit="square metre")
    undefined = tuple(replace(curve, empirical=None, effective=None) for curve in picture.curves)
    picture = replace(picture, smoothing=replace(picture.smoothing, ground=ground), curves=undefined)
    assert_legible(picture, monkeypatch, width=width, log=False)
    assert_legible(picture.smoothing, monkeypatch, width=width, log=False)


def _axes_of(picture: data.Picture | data.Similar, *shown: str, width: float = figures.WIDTH) -> list[Any]:
    """The axes of a picture that show the target, from the top to the bottom."""
    with style.style():
        figure = figures.drawn(picture, figures.Look(width=width, panels=shown))
    return [axes for axes in figure.axes if axes.get_xlim() != (0, 1)]


@pytest.mark.parametrize("kind", ["lds", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("error", "gain"))])
def test_regions_are_a_thin_strip_under_each_axis(kind: str) -> None:
    drawn = _axes_of(picture_of("agedb", kind))
    with style.style():
        drawn[0].figure.draw_without_rendering()
    for axes in drawn:
        strips = [each for each in axes.collections if not each.get_clip_on()]
        assert len(strips) == 4
        field, dots = axes.get_window_extent(), axes.figure.dpi
        for strip in strips:
            box = strip.get_window_extent()
            assert box.y1 < field.y0
            assert box.height <= 0.07 * dots
        assert not [patch for patch in axes.patches if patch.get_hatch()]
        assert min(tick.label1.get_window_extent().y1 for tick in axes.xaxis.get_major_ticks()) < box.y0


def test_the_rarer_a_region_the_darker_it_is_printed() -> None:
    from matplotlib.colors import to_rgb

    grey = [np.dot(to_rgb(style.REGION_COLOURS[name]), (0.299, 0.587, 0.114)) for name in data.regions(GROUND)]
    assert all(before - after > 0.1 for before, after in pairwise(grey))
    assert len(set(style.SYSTEM_LOOKS)) == figures.MOST


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["sts-b", *(pytest.param(name, marks=pytest.mark.slow) for name in FULL[:-1])])
def test_all_panels_of_a_dataset_have_one_range_of_targets(name: str) -> None:
    ranges = {axes.get_xlim() for kind in PICTURES for axes in _axes_of(picture_of(name, kind))}
    edges, counts = whole(name).table.bins.edges, whole(name).table.counts
    some = np.flatnonzero(sum(counts[split] for split in ("train", "val", "test")))
    assert ranges == {(edges[some[0]], edges[some[-1] + 1])}


def test_a_bin_without_rows_is_a_gap_and_one_without_error_is_none() -> None:
    picture = picture_of("agedb", "error")
    assert isinstance(picture, data.Errors)
    (curve,) = picture.curves
    perfect = curve.mae.copy()
    perfect[30] = 0
    picture = replace(picture, curves=(replace(curve, mae=perfect),))
    for axes in (*_axes_of(picture, "error"), *_axes_of(replace(picture, curves=picture.curves * 2), "error")):
        drawn = axes.patches[-1].get_data().values
        assert np.array_equal(np.isnan(drawn), picture.rows == 0)
        assert drawn[30] == 0
        assert axes.patches[-1].get_data().baseline is None
    text = letters.text(picture, width=200, using=letters.letters("ascii"), panels=["error"])
    low = text.splitlines()[8].partition("|")[2]
    first = int(picture.ground.limits[0])
    assert low[30 - first] == "."
    empty = np.flatnonzero(picture.rows[first:] == 0)[0]
    assert low[empty] == " "


@pytest.mark.thorough
def test_every_axis_names_its_unit() -> None:
    for kind in PICTURES:
        for axes in _axes_of(picture_of("agedb", kind)):
            assert axes.get_ylabel().endswith(("(year)", "per bin", "(mean 1)")), axes.get_ylabel()
            assert axes.get_xlabel() in {"", "age (year)", "true age (year)"}
    (axes,) = _axes_of(picture_of("sts-b", "error"), "error")
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("MAE (point)", "similarity (point of 0..5)")


@pytest.mark.thorough
def test_several_files_can_be_laid_over_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple("abcdefgh")
    picture = data.errors(scored(whole("agedb"), names), WeightOptions())
    (axes,) = _axes_of(picture, "error", width=3.3)
    lines = [patch.get_data().values for patch in axes.patches]
    assert all(
        np.array_equal(line, curve.mae, equal_nan=True) for line, curve in zip(lines, picture.curves, strict=True)
    )
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == [f"{curve.name} {curve.overall:.3f}" for curve in picture.curves]
    assert_legible(picture, monkeypatch, width=3.3, log=False, shown=("error",))
    assert_legible(picture, monkeypatch, width=3.3, log=False)
    assert [len(_axes_of(picture, width=width)) for width in (3.3, 7)] == [2, 17]


SIMILAR = data.Similar(
    ground=GROUND,
    anchor=30,
    values={"mean": np.linspace(0.5, 1, 121), "variance": np.where(np.arange(121) % 9 == 0, np.nan, -0.5)},
    far={"mean": np.arange(121) < 7, "variance": np.zeros(121, dtype=bool)},
)


@pytest.mark.thorough
@pytest.mark.parametrize("width", [3.3, pytest.param(7, marks=pytest.mark.slow)])
def test_the_similarity_of_bins_is_drawn_with_gaps_and_marks(width: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Fig. 4: the mean above, the variance below, the regions under both."""
    assert_legible(SIMILAR, monkeypatch, width=width, log=False)
    mean, variance = _axes_of(SIMILAR, width=width)
    for axes, values in zip((mean, variance), SIMILAR.values.values(), strict=True):
        assert np.array_equal(axes.patches[-1].get_data().values, values, equal_nan=True)
        assert axes.lines[0].get_xdata() == [30.5, 30.5]
    assert mean.lines[1].get_xdata().tolist() == [place + 0.5 for place in range(7)]
    assert "similarity to age 30; dots: nearer to a far region" in mean.get_title(loc="left").replace("\n", " ")
    assert not variance.lines[1].get_xdata().size
    undefined = replace(SIMILAR, values={"mean": np.full(121, np.nan)})
    assert_legible(undefined, monkeypatch, width=width, log=False)


CHANGES = {
    "falling": [[0.5, 0.9], [0.4, 0.7], [0.1, 0.2]],
    "apart": [[0.5, 90], [0.4, 70], [0.1, 20]],
    "zero": [[0, 0], [0, 0]],
    "lag": [[np.nan, np.nan], [0.5, 0.9]],
    "many": np.linspace(3, 1, 400).reshape(200, 2).tolist(),
    "infinite": [[1, np.inf], [2, np.inf]],
}


@pytest.mark.thorough
@pytest.mark.parametrize("width", [3.3, pytest.param(7, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", CHANGES)
def test_the_distance_to_smoothed_statistics_is_drawn_by_epoch(
    kind: str, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Fig. 8(c), below the similarity; means and variances have their lines, their units and their scale."""
    by_epoch = np.array(CHANGES[kind], dtype=np.float64)
    picture = replace(SIMILAR, distances=by_epoch, how="gaussian, ks 5, sigma 2, momentum 0.9, released protocol")
    assert_legible(picture, monkeypatch, width=width, log=False)
    *_, panel = shown = _axes_of(picture, width=width)
    assert len(shown) == 3
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("epoch", "L1 per dimension")
    title = panel.get_title(loc="left").replace("\n", " ")
    assert "mean (solid, in the feature's unit) and variance (dashed, in its square); gaussian, ks 5" in title
    mean, variance = panel.lines
    assert [line.get_linestyle() for line in (mean, variance)] == ["-", "--"]
    for line, values in zip((mean, variance), by_epoch.T, strict=True):
        assert line.get_xdata().tolist() == list(range(1, len(by_epoch) + 1))
        assert np.array_equal(line.get_ydata(), values, equal_nan=True)
    assert panel.get_yscale() == ("log" if kind == "apart" else "linear")
    low, high = panel.get_ylim()
    finite = by_epoch[np.isfinite(by_epoch)]
    assert low <= finite.min() <= finite.max() < high


@pytest.mark.thorough
def test_fds_draws_the_distance_of_several_epochs_with_the_same_bytes_each_time(work: Path, run: Run) -> None:
    ages = np.arange(300.0) % 30 + 3
    with h5py.File(work / "f.h5", "w") as file:
        file["targets"] = ages
        for epoch in range(3):
            noise = np.random.default_rng(epoch).standard_normal((len(ages), 2))
            file[f"{epoch}/features"] = noise + ages[:, None]
    words = ("fds", "f.h5", "--dataset", "agedb", "--similarity", "--anchor", 9, "--dpi", 50)
    for name in ("a.png", "b.png"):
        run(*words, "--plot", name)
    assert (work / "a.png").read_bytes() == (work / "b.png").read_bytes()
    with h5py.File(work / "f.h5", "a") as file:
        del file["0"], file["1"]
    run(*words, "--plot", "one.png")
    assert _size(work / "one.png")[1] < 0.75 * _size(work / "a.png")[1]


@pytest.mark.thorough
def test_fds_draws_the_similarity(work: Path, run: Run) -> None:
    rng = np.random.default_rng(0)
    targets = np.round(rng.uniform(0, 30, 900))
    lines = [f"r{row},{y:g}" for row, y in enumerate(targets)]
    (work / "t.csv").write_text("\n".join(["id,y", *lines]))
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--bin-width", 1, "--id", "id")
    train = manifests.read(work / "manifests" / "t").samples
    values = train.targets[train.split == "train"]
    np.save(
        work / "f.npy",
        np.stack([np.cos(values / 40), np.sin(values / 40)], axis=1) + rng.normal(0, 0.01, (len(values), 2)),
    )
    words = ("fds", "f.npy", "--similarity", "--anchor", 9)
    done = run(*words, "--plot", "a.png", "--width", 3.3, "--dpi", 100)
    assert "written to a.png" in done.stderr
    assert done.stdout == run(*words).stdout
    assert _size(work / "a.png")[0] == 330
    run(*words, "--plot", "b.png", "--width", 3.3, "--dpi", 100)
    assert (work / "a.png").read_bytes() == (work / "b.png").read_bytes()
    assert "add --similarity --anchor TARGET" in run("fds", "f.npy", "--plot", "c.png", "--out", "o.npy", code=2).stderr
    assert "end the name in one of them" in run(*words, "--plot", "c.gif", code=2).stderr
    assert "--dpi is that of --plot FILE" in run(*words, "--dpi", 300, code=2).stderr
    same = run(*words, "--plot", "c.png", "--out", "c.png", code=2).stderr
    assert "--out c.png and --plot c.png are one file" in same
    assert not {"c.png", "c.gif", "o.npy"} & {path.name for path in work.iterdir()}


def _size(path: Path) -> tuple[int, int]:
    """The width and the height of a picture, in dots."""
    with Image.open(path) as picture:
        return picture.size


@pytest.mark.thorough
def test_a_column_of_a_paper_and_its_dots(work: Path, run: Run) -> None:
    _preds(work / "preds.csv")
    run("plot", "agedb", "preds.csv", "--width", 3.3, "--dpi", 300, "--out", "a.png")
    run("plot", "agedb", "preds.csv", "--width", 3.3, "--dpi", 300, "--panel", "error", "--out", "b.png")
    run("plot", "agedb", "preds.csv", "--panel", "gain", "--panel", "density", "--out", "c.png", code=2)
    whole_figure, one = (_size(work / name) for name in ("a.png", "b.png"))
    assert whole_figure[0] == one[0] == 990
    assert one[1] < 0.5 * whole_figure[1] < 1500
    order = _axes_of(picture_of("agedb", "gain"), "gain", "density")
    assert [axes.get_ylabel() for axes in order] == ["gain in MAE (year)", "samples per bin"]


def test_letters_say_how_many_bins_a_column_averages() -> None:
    picture = picture_of("agedb", "density")
    narrow, wide = (letters.text(picture, width=width, using=letters.letters("utf-8")) for width in (60, 150))
    assert narrow.endswith("each column is the mean of 2 bins\n")
    assert "mean" not in wide
    assert letters.text(picture, width=60, using=letters.letters(None), panels=["val"]).count("samples per bin") == 1


def test_density_is_that_of_the_bins_and_zero_a_region_of_its_own() -> None:
    against = whole("agedb")
    density = data.density(against, "paper")
    assert set(density.counts) == {"train", "val", "test"}
    assert all(np.array_equal(counts, against.table.counts[split]) for split, counts in density.counts.items())
    assert np.array_equal(density.ground.regions == "zero", density.ground.train == 0)
    assert density.ground.label == "age (year)"
    assert set(data.density(whole("nyud2"), "released").counts) == {"train", "test"}
    assert data.ground(whole("nyud2"), "released").counted == "pixels"


@pytest.mark.parametrize("kernel", ["gaussian", "triang", "laplace", "none"])
def test_effective_density_is_the_counts_seen_through_a_window_of_sum_one(kernel: Any) -> None:
    against = whole("agedb")
    smoothing = data.smoothing(against, WeightOptions(kernel=kernel, ks=9, sigma=1.5, protocol="paper"))
    offset = np.arange(-4, 5)
    window = {
        "gaussian": np.exp(-((offset / 1.5) ** 2) / 2),
        "triang": 1 - np.abs(offset) / 5,
        "laplace": np.exp(-np.abs(offset) / 1.5),
        "none": (offset == 0).astype(float),
    }[kernel]
    expected = convolve1d(against.table.counts["train"].astype(float), window / window.sum(), mode="constant")
    assert smoothing.effective == pytest.approx(expected)
    assert ("no kernel" if kernel == "none" else f"{kernel}, ks 9") in smoothing.how


@pytest.mark.parametrize("name", ["agedb", "sts-b"])
def test_drawn_weights_are_those_that_dir_weights_writes(name: str) -> None:
    drawn = data.smoothing(whole(name), WeightOptions())
    written = weigh(name, WeightOptions(per="bin"), root=SHIPPED)
    trained = drawn.ground.train > 0
    assert drawn.scheme == datasets.load(name).rules.weights.default
    assert drawn.weight[trained] == pytest.approx(written.by_bin.weight[trained])
    assert np.isnan(drawn.weight[~trained]).all()


def test_the_legend_of_a_table_of_ones_own_has_its_thresholds(work: Path, run: Run) -> None:
    """And bins that do not say what they were made by have none."""
    rows = (f"{place},{place % 40}\n" for place in range(900))
    (work / "t.csv").write_text("id,y\n" + "".join(rows))
    run("curate", "custom", "--table", "t.csv", "--target", "y", "--bin-width", 2, "--many", 37, "--few", 12)
    own = open_benchmark("t", work / "manifests", None)
    words = {"many": "> 37", "medium": "12 to 37", "few": "< 12", "zero": "none"}
    assert region_words(data.ground(own, "released").thresholds) == words
    assert "protocol" not in figures._heading(data.ground(own, "released"), " ")  # noqa: SLF001 - it has one rule for both
    assert "(paper protocol)" in figures._heading(data.ground(whole("agedb"), "paper"), " ")  # noqa: SLF001 - beside
    nameless = Benchmark(name="bins", table=replace(own.table, facts={}))
    assert region_words(data.ground(nameless, "released").thresholds) == {"zero": "none"}


def test_errors_are_those_of_the_result_by_bin() -> None:
    files = scored(whole("sts-b"), ("a", "b"))
    errors = data.errors(files, WeightOptions())
    table = breakdown.by_bin(files)
    for curve in errors.curves:
        rows = np.array([name == curve.name for name in table["system"].to_pylist()])
        assert curve.mae[table["bin"].to_numpy()[rows]] == pytest.approx(table["mae"].to_numpy()[rows])
        with_rows = errors.rows > 0
        assert np.array_equal(np.isnan(curve.mae), ~with_rows)
        assert curve.empirical == pytest.approx(np.corrcoef(curve.mae[with_rows], errors.ground.train[with_rows])[0, 1])
        assert curve.effective == pytest.approx(
            np.corrcoef(curve.mae[with_rows], errors.smoothing.effective[with_rows])[0, 1]
        )


def _reference(column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Targets, and predictions of a made-up predictor on AgeDB-DIR's test rows."""
    header, *lines = (REFERENCE / "agedb_rows.csv").read_text().splitlines()
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    return rows[:, 0], rows[:, header.split(",").index(column)]


def test_an_error_that_follows_the_density_is_seen_in_the_correlation() -> None:
    """As in Fig. 2 and 3: the shrunk predictor errs where labels are rare, the sharp one everywhere alike."""
    against = whole("agedb")
    files = scored(against, ("shrunk", "sharp"))
    systems = []
    for system in files.systems:
        target, values = _reference(system.name)
        index = against.table.bins.index(target)
        reference = Reference(
            target=target,
            bin_index=index,
            regions=system.reference.regions,
            train=system.reference.train,
            rules=system.reference.rules,
        )
        systems.append(System(name=system.name, file=system.file, reference=reference, values=values))
    errors = data.errors(Scored(result=files.result, systems=systems, against=against), WeightOptions())
    shrunk, sharp = errors.curves
    assert (shrunk.effective or 0) < (shrunk.empirical or 0) < -0.7
    assert abs(sharp.effective or 1) < 0.3
    assert errors.gains()["few"] > errors.gains()["medium"] > 0


@pytest.mark.thorough
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=40))
def test_gains_weighted_by_rows_are_the_difference_of_the_overall_errors(
    rows: list[tuple[int, float, float]],
) -> None:
    counts = np.array([0, 1, 5, 20, 50, 101, 500, 30, 0, 2])
    regions = dict.fromkeys(("released", "paper"), region(counts, whole("agedb").rules.score_rules["paper"].thresholds))
    table = BinTable(
        bins=Bins.regular(0, 10, 1), counts=dict.fromkeys(("train", "val", "test"), counts), regions=regions, facts={}
    )
    against = Benchmark(name="made-up", table=table)
    index, first, second = (np.array(column) for column in zip(*rows, strict=True))
    reference = Reference(
        target=index + 0.5,
        bin_index=index,
        regions=regions["paper"],
        train=counts,
        rules=against.rules.score_rules["paper"],
    )
    file = Predictions(file="f", sha256="", ids=None, values=first, targets=None, problems=[])
    systems = [
        System(name=name, file=file, reference=reference, values=values.astype(float))
        for name, values in (("first", first), ("second", second))
    ]
    errors = data.errors(Scored(result=RESULT, systems=systems, against=against), WeightOptions())
    gains = errors.gains()
    assert gains["all"] == pytest.approx(errors.curves[0].overall - errors.curves[1].overall, abs=1e-9)
    sizes = {name: int(errors.rows[mask].sum()) for name, mask in data.regions(errors.ground).items()}
    parts = sum(gains[name] * size for name, size in sizes.items() if size)
    assert parts / sum(sizes.values()) == pytest.approx(gains["all"], abs=1e-9)


@pytest.mark.thorough
def test_errors_near_the_end_of_double_precision_are_drawn(work: Path, run: Run) -> None:
    _, *rows = (REFERENCE / "agedb_rows.csv").read_text().splitlines()
    text = "".join(f"{','.join(row.split(',')[:2])}\n" for row in rows)
    (work / "p.csv").write_text(f"target,prediction\n{text.rstrip().rpartition(',')[0]},1e308\n")
    words = ("plot", "agedb", "p.csv", "--manifests", SHIPPED)
    drawn = " ".join(run(*words, "--terminal").stdout.split())
    assert "MAE (year) by target, 4.673e+304 over all; r with density: empirical undefined" in drawn
    run(*words, "--out", "p.svg")


def test_a_constant_side_has_no_correlation() -> None:
    assert data.correlation(np.array([1.0, 1.0]), np.array([1.0, 2.0])) is None
    assert data.correlation(np.array([1.0]), np.array([2.0])) is None
    assert data.correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)


@pytest.mark.thorough
@pytest.mark.parametrize("ending", ["svg", *(pytest.param(each, marks=pytest.mark.slow) for each in ("png", "pdf"))])
def test_the_same_call_gives_the_same_bytes_without_a_date(ending: str, work: Path, run: Run) -> None:
    import matplotlib as mpl

    words = ["plot", "agedb", "--lds", "--manifests", SHIPPED]
    assert run(*words, "--out", f"a.{ending}").stdout == f"a.{ending}\n"
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):  # the user's own settings change nothing
        run(*words, "--out", f"b.{ending}")
    data = (work / f"a.{ending}").read_bytes()
    assert data == (work / f"b.{ending}").read_bytes()
    assert not [word for word in (b"Date", b"dc:date", b"Matplotlib", b"matplotlib.org") if word in data]


@pytest.mark.slow
def test_another_process_draws_the_same_bytes(work: Path, run: Run) -> None:
    """No order of a set and no random name is in a picture."""
    run("plot", "sts-b", "--lds", "--out", "here.svg")
    words = ["plot", "sts-b", "--lds", "--out", "there.svg"]
    subprocess.run([sys.executable, "-m", "dircli", *words], check=True, capture_output=True)
    assert (work / "here.svg").read_bytes() == (work / "there.svg").read_bytes()


def _preds(path: Path) -> Path:
    target, values = _reference("sharp")
    lines = [f"{place},{y:g},{p:g}" for place, (y, p) in enumerate(zip(target, values, strict=True))]
    path.write_text("\n".join(["id,target,prediction", *lines]))
    return path


@pytest.mark.thorough
def test_pictures_take_their_default_name_from_what_they_show(work: Path, run: Run) -> None:
    one, two = _preds(work / "one.csv"), _preds(work / "two.csv")
    assert run("plot", "agedb").stdout == "agedb-density.png\n"
    assert run("plot", "agedb", "--lds", "--scheme", "inverse").stdout == "agedb-lds.png\n"
    assert run("plot", "agedb", one, two).stdout == "agedb-error.png\n"
    assert {path.name for path in work.glob("*.png")} == {"agedb-density.png", "agedb-lds.png", "agedb-error.png"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "a.gif"], "pictures are written as .png, .svg, .pdf"),
        (["--width", "1"], "a picture can be 3 to 20 inches wide, and 1 is not"),
        (["--width", "nan"], "inches wide, and nan is not"),
        (["preds.csv", "--lds"], "leave out the prediction files, or --lds"),
        (["--lds", "--ks", "4"], "the kernel size must be an odd number of bins"),
        (["--dpi", "30"], "a picture can have 50 to 1200 dots per inch, and 30 is not"),
        (["--dpi", "300", "--out", "a.svg"], "--dpi is of PNG files, and a.svg is drawn with lines"),
        (["--panel", "error"], "--panel error: this picture has train, val, test"),
        (["preds.csv", "--panel", "gain"], "--panel gain: this picture has density, error, agreement"),
        (["--terminal", "--panel", "weight"], "--panel weight: with letters this picture has train, val, test"),
        (["preds.csv"] * 9, "9 files are more than one picture can show; give up to 8"),
        (["missing.csv"], "missing.csv"),
    ],
)
def test_what_cannot_be_drawn_exits_2_and_leaves_nothing(words: list[str], message: str, work: Path, run: Run) -> None:
    _preds(work / "preds.csv")
    assert message in run("plot", "agedb", *words, code=2).stderr
    assert [path.name for path in work.iterdir()] == ["preds.csv"]


def test_without_matplotlib_a_file_exits_2_and_letters_are_drawn(
    work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'dircli[plot]'" in run("plot", "agedb", "--out", "a.png", code=2).stderr
    result = run("plot", "agedb")
    assert "agedb, train: samples per bin" in result.stdout
    assert "pip install 'dircli[plot]'" in result.stderr
    asked = run("plot", "agedb", "--terminal")
    assert asked.stdout == result.stdout
    assert not asked.stderr
    assert "preds: MAE (year) by target" in run("plot", "agedb", _preds(work / "preds.csv"), "--terminal").stdout
    assert "effective density" in run("plot", "agedb", "--lds", "--terminal").stdout


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", None])
@pytest.mark.parametrize("width", [10, 79])
@pytest.mark.parametrize("name", FULL)
def test_letters_keep_to_the_width_and_to_what_the_stream_can_show(name: str, width: int, encoding: str | None) -> None:
    using = letters.letters(encoding)
    for kind in PICTURES:
        shown = letters.text(picture_of(name, kind), width=width, using=using)
        shown.encode(encoding or "ascii")
        assert max(len(line) for line in shown.splitlines()) <= max(width, letters.NARROWEST)


def test_a_chart_of_letters_is_as_high_as_its_values() -> None:
    counts = np.array([0, 1, 8, 4, 2])
    regions = dict.fromkeys(("released", "paper"), np.array(["few", "few", "many", "medium", "few"], dtype=object))
    table = BinTable(bins=Bins.regular(0, 5, 1), counts={"train": counts, "val": counts * 0, "test": counts * 0},
                     regions=regions, facts={})  # fmt: skip
    picture = data.density(Benchmark(name="tiny", table=table), "paper")
    lines = letters.text(picture, width=41, using=letters.letters("ascii")).splitlines()
    bars = [line.partition("|")[2].ljust(32) for line in lines[1:9]]
    assert [sum(row[column] == "#" for row in bars) for column in range(0, 32, 8)] == [1, 8, 4, 2]
    assert lines[9].strip() == "-" * 8 + "#" * 8 + "=" * 8 + "-" * 8
    assert lines[10].split() == ["1", "5"]


def test_the_errors_of_all_files_are_drawn_with_letters_on_one_scale(work: Path, run: Run) -> None:
    targets = [line.split(",")[0] for line in (REFERENCE / "agedb_rows.csv").read_text().splitlines()[1:]]
    for name, off in (("near", 2), ("far", 8)):
        (work / f"{name}.csv").write_text(
            "target,prediction\n" + "".join(f"{target},{float(target) + off}\n" for target in targets)
        )
    words = ("plot", "agedb", "near.csv", "far.csv", "--manifests", SHIPPED, "--terminal", "--panel", "error")
    near, far = run(*words).stdout.split("\n\n")[:2]
    for chart, rows in ((near, 2), (far, 8)):
        lines = [line for line in chart.splitlines() if "┤" in line]
        assert lines[0].split("┤")[0].strip() == "8"
        assert sum("█" in line for line in lines) == rows


def test_a_picture_of_weights_says_what_they_are_one_over(run: Run) -> None:
    for words, said in (
        (["--scheme", "sqrt-inv"], "sqrt-inv: 1 / smoothed roots of counts"),
        (["--scheme", "sqrt-inv", "--protocol", "paper"], "sqrt-inv: 1 / roots of smoothed counts"),
    ):
        shown = run("plot", "agedb", "--lds", "--manifests", SHIPPED, "--terminal", *words).stdout
        assert f"weight of a training sample: {said}" in " ".join(shown.split())


def test_only_the_drawing_modules_import_matplotlib() -> None:
    drawing = {"style.py", "panels.py"}
    for path in (PROJECT / "dircli").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert path.name in drawing or ("import matplotlib" not in text and "from matplotlib" not in text), path
