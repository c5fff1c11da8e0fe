"""The report is one page that needs nothing else, says what was scored, and opens without an error."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import PROJECT, REFERENCE, mostly_thorough
from miniatures import MINIATURES
from PIL import Image

from dircli.report.page import html
from dircli.report.page.content import thumbnail
from dircli.scores.results import Result
from dircli.store import manifests
from dircli.store.raw.tree import Tree, open_raw

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

VOID = {"meta", "img", "br", "wbr"}
EVIL = "<script>alert(1)</script>"
AA = 4.5


class Page(HTMLParser):
    """A parsed page: every element with its attributes, its text, and whether elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the one that began last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text; that of a style sheet is none."""
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that is shown, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every ``tag``."""
        return [attributes for found, attributes in self.elements if found == tag]


def _preds(path: Path, column: str = "sharp", *, key: str = "") -> Path:
    """A made-up predictor on AgeDB-DIR's test rows; an id is ``key`` with the number of its row."""
    header, *lines = (REFERENCE / "agedb_rows.csv").read_text().splitlines()
    place = header.split(",").index(column)
    rows = [line.split(",") for line in lines]
    path.write_text(
        "\n".join(["id,target,prediction", *(f"{key}{k},{row[0]},{row[place]}" for k, row in enumerate(rows))])
    )
    return path


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on one file, as `dir` writes it in a folder of its own."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "deep").mkdir()
    _preds(folder / "deep" / "a.csv")
    options = ["--dataset", "agedb", "--decimals", "2", "--fail-if", "few.mae > 12", "--report", "report.html", "-q"]
    command = [sys.executable, "-m", "dircli", "evaluate", str(folder / "deep" / "a.csv"), *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "report.html").read_text(encoding="utf-8")


def _report(run: Run, work: Path, *words: object) -> Page:
    run("evaluate", *words, "--report", "report.html")
    return Page((work / "report.html").read_text(encoding="utf-8"))


@pytest.mark.thorough
def test_the_page_stands_alone_and_is_well_formed(work: Path, run: Run) -> None:
    page = _report(run, work, _preds(work / "a.csv"), _preds(work / "b.csv", "shrunk"), "--dataset", "agedb")
    text = (work / "report.html").read_text(encoding="utf-8")
    names = [str(attributes["id"]) for _, attributes in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    assert {one or other for one, other in used} <= set(names)
    links = [value for _, attributes in page.elements for key, value in attributes.items() if key in {"src", "href"}]
    assert not links
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert set(re.findall(r"https?://[^\"' <)]+", text)) <= {"http://www.w3.org/1999/xlink"}
    assert "@import" not in text
    assert str(work) not in text
    assert "default-src 'none'" in str(page.all("meta")[1]["content"])


@pytest.mark.thorough
def test_the_page_says_what_was_scored_and_how(one: str) -> None:
    """And the command names files, not folders of this machine."""
    text = Page(one).text
    assert "dir|agedb|test|released|bins:" in text
    assert "dir evaluate a.csv --dataset agedb --decimals 2 --fail-if 'few.mae > 12' --report report.html" in text
    assert "no manifest says that they are the benchmark's rows" in text
    assert "predictions lie outside the targets' range" in text
    assert "MAE ↓ 6.07 6.04 5.91 6.87" in text
    assert "The 10 bins of the highest MAE" in text
    assert "The 20 largest errors" in text


def test_the_worst_stand_first(one: str, work: Path) -> None:
    rows = [line.split(",") for line in _preds(work / "a.csv").read_text().splitlines()[1:]]
    errors = {key: float(prediction) - float(target) for key, target, prediction in rows}
    worst = sorted(errors, key=lambda key: -abs(errors[key]))[:20]
    assert re.findall(r'<span class="key">(\d+)</span>', one) == worst
    shown = f"{errors[worst[0]]:.2f}".replace("-", html.MINUS)
    assert f"<td>{shown}</td></tr>" in one


@pytest.mark.thorough
def test_the_same_call_gives_the_same_bytes(one: str, work: Path, run: Run) -> None:
    words = ["evaluate", _preds(work / "a.csv"), "--dataset", "agedb", "-w", "2", "--fail-if", "few.mae > 12"]
    run(*words, "--report", "report.html")
    assert (work / "report.html").read_text(encoding="utf-8") == one


@pytest.mark.thorough
def test_nothing_in_an_input_becomes_markup(work: Path, run: Run) -> None:
    """Neither an id nor the name of a file; and what a page cannot hold is replaced."""
    path = _preds(work / "<script>alert(1)<&'\".csv", key=f"{EVIL}\x08&amp;")
    page = _report(run, work, path, _preds(work / "--><svg onload=x>.csv"), "--dataset", "agedb")
    assert not page.all("script")
    assert not [attributes for _, attributes in page.elements if "onload" in attributes]
    assert "<script>alert(1)<&'\"" in page.text
    assert "<script>alert(1)</ script>" in page.text  # as text; an id may break after a slash
    assert "\x08" not in page.text


def test_tables_and_pictures_can_be_read_aloud(one: str) -> None:
    page = Page(one)
    pictures = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert len(pictures) == len(page.all("svg")) == 4
    assert all(len(str(svg["aria-label"])) > 40 for svg in pictures)
    assert "Pearson's r of MAE with density: empirical" in str(pictures[2]["aria-label"])
    assert "LDS, gaussian, ks 5, sigma 2, released protocol" in str(pictures[1]["aria-label"])
    assert {head.get("scope") for head in page.all("th")} == {"col", "row"}
    assert page.all("html")[0]["lang"] == "en"
    assert "width=device-width" in str(page.all("meta")[2]["content"])
    boxes = [box for box in page.all("div") if box.get("class") == "scroll"]
    assert len(boxes) == len(page.all("table")) == 4
    assert all(box.get("tabindex") == "0" and box.get("aria-label") for box in boxes)


def _luminance(colour: str) -> float:
    """Of a colour #rrggbb, as WCAG 2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_words_contrast_with_the_paper_in_light_and_dark() -> None:
    css = (PROJECT / "dircli" / "report" / "page" / "page.css").read_text()
    palettes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(palettes) == 2
    for palette in palettes:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", palette))
        for word in ("ink", "faint", "alarm"):
            for ground in ("paper", "panel"):
                low, high = sorted((_luminance(colours[word]), _luminance(colours[ground])))
                assert (high + 0.05) / (low + 0.05) >= AA, (word, ground)


def test_intervals_stand_under_their_scores() -> None:
    region = {"n": 3, "bins": 1, "mae": -1.25, "pearson": None, "ci": {"mae": (-2.0, 0.5)}}
    system = {"name": "a", "file": "a", "sha256": "0", "regions": {"all": region, "zero": {"n": 0}}}
    result = {**dict.fromkeys(("signature", "dataset", "split", "protocol", "content"), ""), "systems": [system]}
    table = html._scores(Result.from_json(result, "made up"), 2)  # noqa: SLF001 - the table alone, without a run
    assert "<td>−1.25<small>−2.00 to 0.50</small></td><td>–</td>" in table  # noqa: RUF001 - a minus sign
    assert Page(table).text.endswith("Pearson ↑ – –")


@pytest.mark.parametrize("name", mostly_thorough(sorted(MINIATURES)))
def test_every_miniature_has_a_report(name: str, tmp_path: Path, work: Path, run: Run) -> None:
    run("curate", name, "--raw", MINIATURES[name].build(tmp_path), "--split", "redraw")
    table = manifests.read_bins(work / "manifests" / name / "bins.parquet")
    counts = table.counts["test"]
    if (work / "manifests" / name / "pixels.parquet").exists():
        np.save(work / "preds.npy", np.full((np.unique(_images(work, name)).size, 228, 304), 3.3, dtype=np.float32))
        page = _report(run, work, "preds.npy")
        assert re.search(r", row \d+, column \d+", page.text)
    else:
        manifest = manifests.read(work / "manifests" / name)
        test = manifest.samples.split == "test"
        rows = zip(manifest.samples.ids[test], manifest.samples.targets[test], strict=True)
        (work / "preds.csv").write_text("\n".join(["id,prediction", *(f'"{key}",{value + 1}' for key, value in rows)]))
        page = _report(run, work, "preds.csv")
    assert f"The {min(20, counts.sum())} largest errors" in page.text


def _images(work: Path, name: str) -> Any:
    """The ids of the test images."""
    import pyarrow.parquet as pq

    table = pq.read_table(work / "manifests" / name / "samples.parquet").to_pandas()
    return table["id"][table["split"] == "test"].to_numpy()


@pytest.mark.thorough
def test_several_systems_are_rows_of_a_block_per_metric(work: Path, run: Run) -> None:
    long = work / "resnet50_lds_gaussian.csv"
    page = _report(
        run, work, _preds(long), _preds(work / "b.csv", "shrunk"), "--dataset", "agedb", "--metrics", "mae,gm"
    )
    assert (
        "system all many medium few n 2,140 1,530 448 162 bins 92 51 16 25 MAE ↓ resnet50_ lds_ gaussian" in page.text
    )
    assert page.text.count("GM ↓ resnet50_ lds_ gaussian 4.002 4.049 3.690 4.487 b 4.769") == 1
    assert [head for head in page.all("th") if head.get("scope") == "rowgroup"] == [{"scope": "rowgroup"}] * 2


@pytest.mark.thorough
def test_one_of_something_is_told_in_the_singular(work: Path, run: Run) -> None:
    (work / "p.csv").write_text("target,prediction\n30,131.5\n")
    page = _report(run, work, "p.csv", "--bins", PROJECT / "manifests" / "agedb" / "bins.parquet")
    for words in (
        "1 prediction lies outside",
        "The bin of the highest MAE",
        "The largest error",
        "each cell is one row",
    ):
        assert words in page.text or words == "each cell is one row"


@pytest.mark.thorough
def test_images_at_hand_are_shown_small(tmp_path: Path, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("curate", "agedb", "--raw", MINIATURES["agedb"].build(tmp_path), "--split", "redraw")
    manifest = manifests.read(work / "manifests" / "agedb")
    test = manifest.samples.split == "test"
    ids = manifest.samples.ids[test]
    monkeypatch.setenv("DIR_DATA", str(tmp_path / "data"))
    for place, key in enumerate(ids[1:]):
        path = tmp_path / "data" / "agedb" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (300, 200), (place, 90, 200)).save(path)
    (tmp_path / "data" / "agedb" / ids[-1]).write_bytes(b"no image")
    (work / "preds.csv").write_text("\n".join(["id,prediction", *(f"{key},30" for key in ids)]))
    closed: list[Tree] = []
    monkeypatch.setattr(Tree, "close", lambda tree: closed.append(tree))  # noqa: PLW0108 - a method gets its tree
    page = _report(run, work, "preds.csv")
    assert [tree.inside(tree.name) for tree in closed] == ["agedb"]
    shown = page.all("img")
    assert {image["alt"] for image in shown} == set(ids[1:-1])
    data = base64.b64decode(str(shown[0]["src"]).removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(data)).size == (96, 64)
    assert str(tmp_path) not in (work / "report.html").read_text()


def test_an_image_that_cannot_be_had_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"GIF89a")
    tree = open_raw(tmp_path)
    assert thumbnail(tree, "a.jpg") is None
    assert thumbnail(tree, "b.jpg") is None


def test_a_report_that_cannot_be_written_exits_2_before_anything_else(
    work: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _preds(work / "a.csv")
    words = ["evaluate", path, "--dataset", "agedb", "--output", "scores.json"]
    assert "end the name in .html or .htm" in run(*words, "--report", "report.pdf", code=2).stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'dircli[plot]'" in run(*words, "--report", "report.html", code=2).stderr
    assert [each.name for each in work.iterdir()] == ["a.csv"]


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--v=0"),
)
MEASURE = """<script>
  const root = document.documentElement
  root.style.width = "%dpx"  // a window is never narrower than 500
  const boxed = (each) => [".scroll", "svg"].some((box) => {
    const found = each.parentElement.closest(box)
    return found && getComputedStyle(found).overflowX != "visible"
  })
  const free = [...document.body.querySelectorAll("*")].filter((each) => !boxed(each))
  root.dataset.reach = Math.ceil(Math.max(...free.map((each) => each.getBoundingClientRect().right)))
</script></body>"""


SCROLL = """<script>
  const box = document.querySelector(".scroll")
  document.documentElement.style.width = "390px"
  box.scrollLeft = 90
  const left = (each) => Math.round(each.getBoundingClientRect().left)
  const heads = [...box.querySelectorAll("th:first-child")].map(left)
  const seen = [...box.querySelectorAll("tbody tr:last-child td")].map((each) => each.getBoundingClientRect())
  const label = box.querySelector("tbody tr:last-child th").getBoundingClientRect().right
  const within = (each) => each.left >= label && each.right <= box.getBoundingClientRect().right
  document.documentElement.dataset.stay = heads.every((each) => each === left(box))
  document.documentElement.dataset.moved = box.scrollLeft
  document.documentElement.dataset.seen = seen.filter(within).length
</script></body>"""


def _browse(page: Path, profile: Path, *words: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", *words, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, encoding="utf-8")


def _complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_a_browser_shows_the_page_without_an_error(
    width: int, scheme: str, tmp_path: Path, work: Path, run: Run
) -> None:
    """In light and in dark, on a desk and on a phone, where no more than tables scroll sideways."""
    key = "folder/" + "a_long_name" * 9
    _report(run, work, _preds(work / "a.csv", key=key), _preds(work / "b.csv", "shrunk"), "--dataset", "agedb")
    page, shot = work / "report.html", tmp_path / "shot.png"
    look = (f"--window-size={width},1600", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}")
    done = _browse(page, tmp_path / "profile", *look, f"--screenshot={shot}")
    assert not _complaints(done)
    picture = Image.open(shot).convert("L")
    assert picture.size == (width, 1600)
    assert (np.asarray(picture)[2, 2] > 200) == (scheme == "light")
    assert np.asarray(picture).std() > 10
    measured = work / "measured.html"
    text = page.read_text(encoding="utf-8")
    assert "</body>" in text
    measured.write_text(text.replace("</body>", MEASURE % width), encoding="utf-8")
    assert _complaints(_browse(measured, tmp_path / "profile", *look, "--dump-dom"))  # its own policy forbids scripts
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace(
        "</body>", MEASURE % width
    )
    measured.write_text(open_page, encoding="utf-8")
    dumped = _browse(measured, tmp_path / "profile", *look, "--dump-dom").stdout
    reach = re.search(r'data-reach="(\d+)"', dumped)
    assert reach
    assert int(reach[1]) <= width


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
def test_on_a_phone_the_labels_stay_beside_the_scores(tmp_path: Path, work: Path, run: Run) -> None:
    """Whatever is scrolled to, the system is seen, and at least two of its scores with their intervals.

    Without intervals all four are seen at once.
    """
    files = (_preds(work / "resnet50_lds_gaussian_ks5.csv"), _preds(work / "b.csv", "shrunk"))
    _report(run, work, *files, "--dataset", "agedb", "--ci", "--bootstrap", "100", "--metrics", "mae,gm")
    text = (work / "report.html").read_text(encoding="utf-8")
    page = work / "scrolled.html"
    page.write_text(re.sub(r'<meta http-equiv="Content-[^>]*>', "", text).replace("</body>", SCROLL), encoding="utf-8")
    dumped = _browse(page, tmp_path / "profile", "--window-size=500,900", "--dump-dom").stdout
    assert 'data-stay="true"' in dumped
    found = {key: int(re.findall(rf'data-{key}="(\d+)"', dumped)[0]) for key in ("moved", "seen")}
    assert found["moved"] == 90
    assert found["seen"] >= 2
    run("evaluate", *files, "--dataset", "agedb", "--metrics", "mae,gm", "--report", "report.html", "--force")
    text = (work / "report.html").read_text(encoding="utf-8")
    page.write_text(re.sub(r'<meta http-equiv="Content-[^>]*>', "", text).replace("</body>", SCROLL), encoding="utf-8")
    dumped = _browse(page, tmp_path / "profile", "--window-size=500,900", "--dump-dom").stdout
    assert 'data-moved="0"' in dumped
    assert 'data-seen="4"' in dumped
